"""Find the sign of every influence, and which switches decide it, from numbers.

Each edge of the network is a partial derivative. It is taken numerically at several perturbed
states, since at rest many influences vanish, under the values of each hypothesis. A contested
parameter that makes a derivative vanish, appear or turn round disputes that edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ketasim.report.mechanism.network import Network, Variable

__all__ = ["Influence", "influences"]

POINTS = 8
"""How many perturbed states a sign is taken from."""

SEED = 20190401
"""Of the perturbed states; the map is the same every time it is drawn."""

STRENGTH_RATIO = 3.0
"""A contested share or scale that changes an influence by more than this factor disputes it."""


@dataclass(frozen=True)
class Influence:
    """One edge of the network.

    Parameters
    ----------
    source, target : str
        Identifiers of the two variables.
    signs : mapping of str to str
        By hypothesis: ``"+"``, ``"-"``, ``"±"`` (depends on the state) or ``"0"`` (switched off).
    switches : tuple of str
        The contested parameters that decide about this edge, sorted.
    """

    source: str
    target: str
    signs: Mapping[str, str]
    switches: tuple[str, ...] = ()


def influences(
    network: Network,
    settings: Mapping[str, Mapping[str, float]],
) -> list[Influence]:
    """Compute the sign of every direct influence under every hypothesis.

    Parameters
    ----------
    network : Network
        The variables of the model.
    settings : mapping of str to mapping of str to float
        For each hypothesis the parameters it sets: its switches and overrides.

    Returns
    -------
    list of Influence
        Those that exist under at least one hypothesis.
    """
    contested = _contested(settings, network.constants)
    points = [network.values(states, {}) for states in _perturbed(network)]
    found = []
    for target in network.variables.values():
        for source in sorted(target.inputs - {target.id}):
            edge = _Edge(source, target, points)
            signs = {name: _sign(edge.slopes(setting)) for name, setting in settings.items()}
            if any(sign != "0" for sign in signs.values()):
                switches = _deciding(edge, settings, contested)
                found.append(Influence(source, target.id, signs, switches))
    return found


@dataclass(frozen=True)
class _Edge:
    """A partial derivative, to be taken at several states under several parameters."""

    source: str
    target: Variable
    points: Sequence[Mapping[str, float]]

    def slopes(self, setting: Mapping[str, float]) -> list[float]:
        """Return the derivative at each state, the other variables held where they are."""
        return [_slope(self.target, self.source, {**one, **setting}) for one in self.points]

    def strength(self, setting: Mapping[str, float]) -> float:
        """Return the typical size, for a rule relative to its value.

        A mere scale of a whole rule is then no dispute about one of its inputs.
        """
        slopes = np.abs(self.slopes(setting))
        if not self.target.is_state:
            values = [abs(self.target.formula({**one, **setting})) for one in self.points]
            slopes = slopes / np.maximum(values, 1e-12)
        return float(np.median(slopes))


def _slope(target: Variable, source: str, values: Mapping[str, float]) -> float:
    step = 1e-4 * max(abs(values[source]), 1e-3)
    high = target.formula({**values, source: values[source] + step})
    low = target.formula({**values, source: values[source] - step})
    scale = max(abs(high), abs(low), 1e-12)
    # A difference that is only rounding is no influence.
    return 0.0 if abs(high - low) < 1e-11 * scale else (high - low) / (2 * step)


def _sign(slopes: Sequence[float]) -> str:
    signs = {math.copysign(1, slope) for slope in slopes if slope != 0 and slope == slope}
    if not signs:
        return "0"
    if len(signs) == 2:
        return "±"
    return "+" if signs == {1.0} else "-"


def _perturbed(network: Network) -> list[dict[str, float]]:
    random = np.random.default_rng(SEED)
    states = [one for one in network.variables.values() if one.is_state]
    return [{one.id: _moved(one, random) for one in states} for _ in range(POINTS)]


def _moved(state: Variable, random: np.random.Generator) -> float:
    # Activities rise by 2 to 20 %, what starts empty is filled: so the one-sided influences
    # (a surge above rest) are all awake and nothing is beyond its capacity.
    if state.start:
        return state.start * float(random.uniform(1.02, 1.2))
    return float(np.exp(random.uniform(np.log(0.05), np.log(1.0))))


def _contested(
    settings: Mapping[str, Mapping[str, float]], constants: Mapping[str, float]
) -> dict[str, tuple[float, ...]]:
    """Return every parameter that the hypotheses set differently, with all its values."""
    names = {name for setting in settings.values() for name in setting if name in constants}
    values = {
        name: {setting.get(name, constants[name]) for setting in settings.values()}
        | {constants[name]}
        for name in names
    }
    return {name: tuple(sorted(those)) for name, those in values.items() if len(those) > 1}


def _deciding(
    edge: _Edge,
    settings: Mapping[str, Mapping[str, float]],
    contested: Mapping[str, Sequence[float]],
) -> tuple[str, ...]:
    own = [name for name in contested if name in edge.target.parameters]
    return tuple(
        sorted(
            name
            for name in own
            if any(_decides(edge, setting, name, contested[name]) for setting in settings.values())
        )
    )


def _decides(edge: _Edge, setting: Mapping[str, float], name: str, values: Sequence[float]) -> bool:
    variants = [{**setting, name: value} for value in values]
    if len({_sign(edge.slopes(one)) for one in variants}) > 1:
        return True
    if set(values) <= {0.0, 1.0}:
        return False
    strengths = [edge.strength(one) for one in variants]
    return min(strengths) > 0 and max(strengths) / min(strengths) > STRENGTH_RATIO
