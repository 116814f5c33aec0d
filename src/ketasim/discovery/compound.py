"""A compound: a point in the space of properties, and the known ones that lie on the same map."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ketasim.discovery.properties import ROUTES, Space, known_table, space
from ketasim.errors import InputError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

__all__ = ["Compound", "columns", "compounds_at", "known_compound", "known_compounds", "parse"]

_SHARES = ("trapping", "mor_efficacy", "kor_efficacy")
_FROM_KETAMINE = ("ketamine", "esketamine", "arketamine", "norketamine")


@dataclass(frozen=True)
class Compound:
    """A compound and how it is given.

    Parameters
    ----------
    name : str
    nmda_ic50 : float
        Unbound concentration that blocks half of the NMDA receptors in vivo, umol/L.
    off_rate : float
        1/s; the on rate follows from it and the IC50.
    trapping : float
        Share of blocked channels that keep the blocker between activations, 0 to 1.
    glun2b_preference : float
        IC50 at GluN2A over that at GluN2B.
    interneuron_preference : float
        IC50 on pyramidal cells over that on interneurons.
    mor_ki, kor_ki : float
        umol/L.
    mor_efficacy, kor_efficacy : float
        0 an antagonist, 1 a full agonist.
    ht1b_ec50 : float
        umol/L for half of the largest 5-HT1B agonism.
    ampa_potentiation : float
        By how much less glutamate does the same: 1 halves it.
    hnk_ec50 : float
        umol/L for half of the largest action on glutamate release beside NMDA receptors.
    brain_penetration : float
        Unbound brain over unbound plasma.
    half_life : float
        Of the last phase, h.
    route : str
        One of `ROUTES`.
    dose : float
        What reaches the blood, umol/kg.
    follows_ketamine : bool
        Whether what a hypothesis claims of ketamine's own opioid action holds for it too.

    Raises
    ------
    InputError
        If a value is not finite, negative, or a share outside 0 to 1.
    UnknownNameError
        If there is no such route.
    """

    name: str
    nmda_ic50: float
    off_rate: float
    trapping: float
    glun2b_preference: float
    interneuron_preference: float
    mor_ki: float
    mor_efficacy: float
    kor_ki: float
    kor_efficacy: float
    ht1b_ec50: float
    ampa_potentiation: float
    hnk_ec50: float
    brain_penetration: float
    half_life: float
    route: str
    dose: float
    follows_ketamine: bool = False

    def __post_init__(self) -> None:
        if self.route not in ROUTES:
            raise unknown_name("route", self.route, ROUTES, where=f"compound {self.name!r}")
        for one in space().properties:
            if one.name != "route":
                self._check(one.name, float(getattr(self, one.name)), one.unit)

    def _check(self, name: str, value: float, unit: str) -> None:
        where = f"compound {self.name!r}"
        shown = f"{name} = {value:g}" + (f" {unit}" if unit not in ("", "dimensionless") else "")
        if name in _SHARES and not 0.0 <= value <= 1.0:
            raise InputError(shown + " is not possible", where=where, expected="a share, 0 to 1")
        if name == "ampa_potentiation":
            if not (math.isfinite(value) and value >= 0.0):
                raise InputError(shown + " is not possible", where=where, expected="0 or more")
        elif name not in _SHARES and not (math.isfinite(value) and value > 0.0):
            raise InputError(shown + " is not possible", where=where, expected="a number above 0")

    @property
    def on_rate(self) -> float:
        """On rate, L/umol/s: off rate over IC50."""
        return self.off_rate / self.nmda_ic50

    def with_values(self, values: Mapping[str, float | str], name: str | None = None) -> Compound:
        """Return the compound with other properties.

        Parameters
        ----------
        values : mapping of str to float or str
            By property; the route is text.
        name : str, optional
            Another name.

        Raises
        ------
        UnknownNameError
            If there is no such property.
        InputError
            If a value is not possible.
        """
        known = space().names
        for one in values:
            if one not in known:
                raise unknown_name("property", one, known, where=f"compound {self.name!r}")
        return replace(self, **dict(values), name=name or self.name)  # type: ignore[arg-type]

    def check_bounds(self, within: Space | None = None) -> None:
        """Raise InputError where a property is outside the bounds of known compounds."""
        table = (within or space()).properties
        for one, value in zip(table, columns([self], within).values(), strict=True):
            if not one.lower * (1 - 1e-9) <= value[0] <= one.upper * (1 + 1e-9):
                raise InputError(
                    f"{one.name} = {value[0]:g} {one.unit}".rstrip() + " is outside its bounds",
                    where=f"compound {self.name!r}",
                    expected=f"{one.lower:g} ({one.lower_from}) to {one.upper:g} ({one.upper_from})",
                )

    def record(self) -> dict[str, float | str]:
        """Return the properties by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)
                if one.name not in ("name", "follows_ketamine")}  # fmt: skip


def columns(
    compounds: Sequence[Compound], within: Space | None = None
) -> dict[str, npt.NDArray[np.float64]]:
    """Return compounds as columns of numbers; a route is its place in `ROUTES`.

    Returns
    -------
    dict of str to ndarray, shape (n_compounds,)
    """
    return {
        name: np.array([
            ROUTES.index(one.route) if name == "route" else getattr(one, name) for one in compounds
        ], dtype=np.float64)
        for name in (within or space()).names
    }  # fmt: skip


def compounds_at(
    points: npt.NDArray[np.float64], within: Space | None = None, prefix: str = "candidate"
) -> tuple[Compound, ...]:
    """Return the compounds at points of the unit cube, shape (n, n_free)."""
    table = (within or space()).values(points)
    made = []
    for k in range(len(points)):
        numbers = {name: float(values[k]) for name, values in table.items() if name != "route"}
        route = ROUTES[int(table["route"][k])]
        made.append(Compound(f"{prefix} {k + 1}", route=route, **numbers))  # type: ignore[arg-type]
    return tuple(made)


@cache
def known_compounds() -> tuple[Compound, ...]:
    """Return the known compounds, ketamine first: those with a value for every property.

    Returns
    -------
    tuple of Compound
    """
    table = known_table().pivot(index="substance", columns="property", values="value").dropna()
    order = [name for name in dict.fromkeys(known_table()["substance"]) if name in table.index]
    made = []
    for name in order:
        row = {str(key): float(value) for key, value in table.loc[name].items()}
        route = ROUTES[int(row.pop("route"))]
        made.append(Compound(name, route=route, follows_ketamine=name in _FROM_KETAMINE, **row))
    return tuple(made)


def known_compound(name: str) -> Compound:
    """Return a known compound by name.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    """
    found = {one.name: one for one in known_compounds()}
    if name not in found:
        raise unknown_name("compound", name, found)
    return found[name]


def parse(text: str, name: str = "yours") -> Compound:
    """Read a compound such as ``"ketamine, trapping=0.8, half_life=6"``.

    Parameters
    ----------
    text : str
        Properties as ``name=value`` with commas between; a known compound may come first, else
        ketamine is what the others are read from.
    name : str, optional
        Name of the compound.

    Raises
    ------
    UnknownNameError
        If a compound, a property or a route does not exist.
    InputError
        If a value is no number, or not possible.
    """
    parts = [one.strip() for one in text.split(",") if one.strip()]
    base = known_compound(parts.pop(0)) if parts and "=" not in parts[0] else None
    values: dict[str, float | str] = {}
    for part in parts:
        key, mark, value = (one.strip() for one in part.partition("="))
        if not mark:
            raise InputError(f"{part!r} is no property", where=f"compound {text!r}",
                             expected="name=value, for instance trapping=0.8")  # fmt: skip
        values[key] = value if key == "route" else _number(key, value, text)
    return (base or known_compound("ketamine")).with_values(values, name)


def _number(key: str, value: str, text: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise InputError(f"{key} = {value!r} is no number", where=f"compound {text!r}",
                         expected="a number") from error  # fmt: skip
