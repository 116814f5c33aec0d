"""The properties of a compound: unit, scale, bounds, and the edge of the model that carries each.

A bound is the value of a substance in ``known.csv``, where it has a status, a source and a note; none
is typed in anywhere else. ``assumed`` stands where nothing was read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from ketasim.errors import InputError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pandas as pd

__all__ = ["ROUTES", "Property", "Space", "costs", "known_table", "space"]

HERE = Path(__file__).parent
ROUTES = ("iv", "im", "nasal", "oral")
"""Routes of a compound, from the fastest to the slowest; ``iv`` is an infusion over 40 min."""


@dataclass(frozen=True)
class Property:
    """One property of a compound.

    Parameters
    ----------
    name, title, unit : str
        Name in code, name in print, and unit ("" for the route).
    scale : {"linear", "log", "route"}
        How the range is walked through.
    part : {"molecule", "use"}
        Whether it belongs to the molecule or to how it is given.
    lower, upper : float
        Bounds; for the route, places in `ROUTES`.
    lower_from, upper_from : str
        The substances of ``known.csv`` that have these values.
    edge : {"model", "assumed", "none"}
        Whether the model has an edge for it, an assumed transformation carries it, or nothing does.
    carrier : str
        The parameters that carry it.
    told_by : str
        Which hypotheses can tell.
    """

    name: str
    title: str
    unit: str
    scale: Literal["linear", "log", "route"]
    part: Literal["molecule", "use"]
    lower: float
    upper: float
    lower_from: str
    upper_from: str
    edge: Literal["model", "assumed", "none"]
    carrier: str
    told_by: str

    def at(self, share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the values at shares of the range.

        Parameters
        ----------
        share : ndarray
            0 the lower bound, 1 the upper; for the route, equal parts of the range are routes.

        Returns
        -------
        ndarray, the same shape
        """
        if self.scale == "route":
            count = round(self.upper - self.lower) + 1
            return self.lower + np.minimum(np.floor(share * count), count - 1)
        if self.scale == "log":
            return np.asarray(self.lower * (self.upper / self.lower) ** share)
        return self.lower + (self.upper - self.lower) * share

    def share(self, value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return where values lie in the range: the inverse of `at`."""
        if self.scale == "route":
            return (value - self.lower + 0.5) / (self.upper - self.lower + 1.0)
        if self.scale == "log":
            return np.asarray(np.log(value / self.lower) / np.log(self.upper / self.lower))
        return (value - self.lower) / (self.upper - self.lower)

    def narrowed(self, lower: float, upper: float) -> Property:
        """Return the property with other bounds, inside its own.

        Raises
        ------
        InputError
            For bounds that are crossed, not finite, or wider than those of known compounds.
        """
        where = f"bounds of {self.name}"
        if not (np.isfinite(lower) and np.isfinite(upper)) or lower > upper:
            raise InputError(
                f"{lower:g} to {upper:g} is no range", where=where,
                expected="the lower bound first, both finite",
            )  # fmt: skip
        if lower < self.lower or upper > self.upper:
            unit = f" {self.unit}" if self.unit else ""
            raise InputError(
                f"{lower:g} to {upper:g} goes beyond known compounds", where=where,
                expected=f"within {self.lower:g} to {self.upper:g}{unit}",
            )  # fmt: skip
        return replace(self, lower=float(lower), upper=float(upper))


@dataclass(frozen=True)
class Space:
    """All compounds that can be: the properties with their bounds.

    Parameters
    ----------
    properties : tuple of Property
        In the order of a point's coordinates.
    """

    properties: tuple[Property, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the properties."""
        return tuple(one.name for one in self.properties)

    @property
    def free(self) -> tuple[Property, ...]:
        """The properties that are not fixed by equal bounds: the coordinates of a point."""
        return tuple(one for one in self.properties if one.lower < one.upper)

    def __getitem__(self, name: str) -> Property:
        """Return a property by name.

        Raises
        ------
        UnknownNameError
            If there is none of that name.
        """
        if name not in self.names:
            raise unknown_name("property", name, self.names)
        return self.properties[self.names.index(name)]

    def values(self, points: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
        """Turn points of the unit cube into properties.

        Parameters
        ----------
        points : ndarray, shape (n, n_free)
            Shares of each range that is not fixed.

        Returns
        -------
        dict of str to ndarray, shape (n,)
        """
        clipped = np.clip(points, 0.0, 1.0)
        found = {one.name: one.at(clipped[:, k]) for k, one in enumerate(self.free)}
        fixed = {one.name: np.full(len(points), one.lower) for one in self.properties}
        return {**fixed, **found}

    def points(self, values: Mapping[str, npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
        """Turn properties into points of the unit cube: the inverse of `values`."""
        return np.column_stack([one.share(np.asarray(values[one.name])) for one in self.free])

    def narrowed(self, bounds: Mapping[str, tuple[float, float]]) -> Space:
        """Return the space with some ranges narrowed.

        Parameters
        ----------
        bounds : mapping of str to (float, float)
            Lower and upper bound by property; equal ones fix it.

        Raises
        ------
        UnknownNameError
            If there is no such property.
        InputError
            If bounds are crossed, or wider than those of known compounds.
        """
        new = {name: self[name].narrowed(*both) for name, both in bounds.items()}
        return Space(tuple(new.get(one.name, one) for one in self.properties))

    def to_frame(self) -> pd.DataFrame:
        """Return one row a property: unit, scale, bounds with their sources, carrier."""
        import pandas as pd

        told = {
            (row["substance"], row["property"]): ": ".join(
                filter(None, (str(row["status"]), str(row["source"])))
            )
            for row in known_table().to_dict("records")
        }
        rows = []
        for one in self.properties:
            ends = {
                "lower_status": told[one.lower_from, one.name],
                "upper_status": told[one.upper_from, one.name],
            }
            rows.append({
                "property": one.name, "unit": one.unit, "scale": one.scale, "lower": one.lower,
                "lower_from": one.lower_from, "upper": one.upper, "upper_from": one.upper_from,
                **ends, "edge": one.edge, "carrier": one.carrier, "told_by": one.told_by,
            })  # fmt: skip
        return pd.DataFrame(rows)


@cache
def known_table() -> pd.DataFrame:
    """Return every value of a substance: substance, property, value, status, source, note."""
    return _read("known.csv")


@cache
def space() -> Space:
    """Return the space of compounds, bounded by known ones.

    Returns
    -------
    Space
    """
    known = known_table().set_index(["substance", "property"])["value"]
    rows = _read("properties.csv").to_dict("records")
    return Space(tuple(
        Property(
            **{str(key): value for key, value in row.items()},
            lower=float(known[row["lower_from"], row["name"]]),
            upper=float(known[row["upper_from"], row["name"]]),
        )
        for row in rows
    ))  # fmt: skip


@cache
def costs() -> Mapping[str, float]:
    """Return the declared costs and limits by name, from ``costs.csv``; all are assumed."""
    table = _read("costs.csv")
    return MappingProxyType(dict(zip(table["name"], table["value"].astype(float), strict=True)))


@cache
def unknowns_table() -> pd.DataFrame:
    """Return what no hypothesis says and is drawn: name, lower, upper, kind, title, note."""
    return _read("unknowns.csv")


def _read(name: str) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(HERE / name, keep_default_na=False)
