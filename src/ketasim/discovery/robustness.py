"""From outcomes in many scenarios to a few robust numbers, and from these to a front."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ketasim.discovery.compound import columns, known_compound, known_compounds
from ketasim.discovery.outcomes import OUTCOMES, outcomes_of
from ketasim.discovery.properties import costs
from ketasim.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from ketasim.discovery.outcomes import Outcomes
    from ketasim.discovery.properties import Space
    from ketasim.discovery.scenarios import Scenarios

__all__ = [
    "Judged",
    "RobustObjective",
    "hypervolume",
    "nondominated",
    "robust",
    "scaled",
    "spread_out",
]

LIMITS = ("excitation", "impaired_h", "benefit_24h")
"""What a compound must keep: `ketasim.discovery.properties.costs` has the limits."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Objectives and limits of candidates.

    Parameters
    ----------
    objectives : ndarray, shape (n, n_objectives)
        Each 0 (perfect) to 1 (worst); less is better.
    violations : ndarray, shape (n, n_limits)
        Above 0 where a limit is exceeded.
    """

    objectives: npt.NDArray[np.float64]
    violations: npt.NDArray[np.float64]


def robust(found: Outcomes, quantile: float) -> npt.NDArray[np.float64]:
    """Return what a compound does at least, in most cells.

    Parameters
    ----------
    found : Outcomes
    quantile : float
        Benefit is at least, and harm at most, the value returned in all but this share of the cells.

    Returns
    -------
    ndarray, shape (n_compounds, n_outcomes)
        In the units of `OUTCOMES`; NaN for a compound that failed in a cell.
    """
    return np.stack([
        np.quantile(found.of(one.name), quantile if one.better > 0 else 1.0 - quantile, axis=1)
        for one in OUTCOMES
    ], axis=-1)  # fmt: skip


def scaled(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return outcomes as objectives: 0 perfect, 1 worst.

    Parameters
    ----------
    values : ndarray, shape (..., n_outcomes)
        In the units of `OUTCOMES`.

    Returns
    -------
    ndarray, the same shape
    """
    columns = [
        1.0 - values[..., k] / one.worst if one.better > 0 else values[..., k] / one.worst
        for k, one in enumerate(OUTCOMES)
    ]
    return np.clip(np.stack(columns, axis=-1), 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class RobustObjective:
    """The objectives of a search for a compound that is good under most of what may be true.

    Parameters
    ----------
    space : Space
    scenarios : Scenarios
    quantile : float
        See `robust`.

    Raises
    ------
    InputError
        If the quantile is not between 0 and a half.
    """

    space: Space
    scenarios: Scenarios
    quantile: float = 0.25

    def __post_init__(self) -> None:
        if not 0.0 <= self.quantile <= 0.5:
            raise InputError(
                f"the quantile is {self.quantile:g}", expected="a number from 0 to 0.5"
            )

    @property
    def dimensions(self) -> int:
        """Number of coordinates of a point."""
        return len(self.space.free)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the objectives."""
        return tuple(one.name for one in OUTCOMES)

    @property
    def limits(self) -> int:
        """Number of limits."""
        return len(LIMITS)

    @property
    def fingerprint(self) -> str:
        """Hash of everything the objectives depend on."""
        from ketasim.provenance import hash_mapping

        bounds = {one.name: [one.lower, one.upper] for one in self.space.properties}
        return hash_mapping(
            {"scenarios": self.scenarios.fingerprint, "bounds": bounds, "q": self.quantile}
        )

    @property
    def starts(self) -> npt.NDArray[np.float64]:
        """The known compounds, moved into the bounds where these are narrower."""
        points = self.space.points(columns(known_compounds(), self.space))
        return np.clip(points, 0.0, 1.0)

    def __call__(self, points: npt.NDArray[np.float64]) -> Judged:
        """Judge points of the unit cube, shape (n, n_free), all in one cohort."""
        return self.judge(outcomes_of(self.space.values(points), self.scenarios))

    def judge(self, found: Outcomes) -> Judged:
        """Judge outcomes; whatever failed in a cell is worst in everything and breaks the limits."""
        values = scaled(robust(found, self.quantile))
        limits = self._broken(found)
        bad = ~np.isfinite(values).all(axis=1) | ~np.isfinite(limits).all(axis=1)
        values[bad], limits[bad] = 1.0, 1.0
        return Judged(values, limits)

    def _broken(self, found: Outcomes) -> npt.NDArray[np.float64]:
        limits = costs()
        benefit = robust(found, self.quantile)[:, 0]
        worst = {name: np.quantile(found.side[name], 1.0 - self.quantile, axis=1)
                 for name in ("excitation", "impaired_h")}  # fmt: skip
        return np.column_stack([
            worst["excitation"] / limits["largest_excitation"] - 1.0,
            worst["impaired_h"] / limits["longest_impairment"] - 1.0,
            limits["least_benefit"] - benefit / self.benefit_of_ketamine,
        ])  # fmt: skip

    @cached_property
    def benefit_of_ketamine(self) -> float:
        """Robust benefit of ketamine 0.5 mg/kg at 24 h, share of severity."""
        found = outcomes_of([known_compound("ketamine")], self.scenarios)
        return float(robust(found, self.quantile)[0, 0])


def nondominated(objectives: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Say which points no other point beats: one at least as good in all, better in one.

    Parameters
    ----------
    objectives : ndarray, shape (n, n_objectives)
        Less is better. Of equal points the first stays.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    count = len(objectives)
    kept = np.ones(count, dtype=bool)
    order = np.lexsort((np.arange(count), objectives.sum(axis=1)))
    front: list[int] = []
    for place in order:
        if front:
            others = objectives[front]
            better = (others <= objectives[place]).all(axis=1)
            if better.any():
                kept[place] = False
                continue
        front.append(int(place))
    return kept


def hypervolume(
    objectives: npt.NDArray[np.float64], reference: npt.NDArray[np.float64] | None = None,
    points: int = 2**16,
) -> float:  # fmt: skip
    """Return the share of the box from 0 to a reference that the points dominate.

    By counting a Sobol sequence that is the same for every front, so that two fronts differ by their
    points and not by chance; exact ways take minutes for hundreds of points in six dimensions.

    Parameters
    ----------
    objectives : ndarray, shape (n, n_objectives)
        At least 0; less is better.
    reference : ndarray, shape (n_objectives,), optional
        The corner of the box; 1 in every objective by default.
    points : int, optional
        Of the sequence; a power of two.

    Returns
    -------
    float
        0 to 1.
    """
    from scipy.stats import qmc

    if not len(objectives):
        return 0.0
    size = objectives.shape[1]
    corner = np.ones(size) if reference is None else np.asarray(reference, dtype=np.float64)
    scaled = objectives[(objectives < corner).all(axis=1)] / corner
    sequence = qmc.Sobol(size, scramble=True, rng=np.random.default_rng(7)).random(points)
    hit = np.zeros(points, dtype=bool)
    for one in scaled[np.argsort(scaled.sum(axis=1))]:
        open_ = np.flatnonzero(~hit)
        hit[open_] = (sequence[open_] >= one).all(axis=1)
    return float(hit.mean())


def spread_out(objectives: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.int64]:
    """Choose points that lie far from each other: the best on the whole first, then the farthest.

    Parameters
    ----------
    objectives : ndarray, shape (n, n_objectives)
    count : int
        How many at most.

    Returns
    -------
    ndarray of int, shape (min(n, count),)
        Places, in the order they were chosen.
    """
    if len(objectives) <= count:
        return np.arange(len(objectives))
    chosen = [int(np.argmin(objectives.sum(axis=1)))]
    distance = np.full(len(objectives), np.inf)
    while len(chosen) < count:
        step = np.linalg.norm(objectives - objectives[chosen[-1]], axis=1)
        distance = np.minimum(distance, step)
        chosen.append(int(np.argmax(distance)))
    return np.array(chosen)
