"""The map between the rating scales: Leucht's equipercentile points, read from the evidence.

Percent change from baseline is about equal between the scales (Leucht 2018), because the published
points lie almost on a line through zero (HAM-D-17 10, 20, 30, 40 = MADRS 13, 26, 39, 52.5).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import EvidenceError, unknown_name

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["convert_scale", "leucht_points"]

_STUDY = "Leucht 2018"
_PREFIX = "MADRS_equiv_of_HAMD17_"
_HAMD17_MAXIMUM = 52.0
_MADRS_MAXIMUM = 60.0

HAMD21_PER_HAMD17 = 1.0
"""Points of HAM-D-21 for one of HAM-D-17, assumed.

No published map was found. The four extra items describe the kind of depression, not its depth;
with 1.0 the percent change is equal on both, which is what the analyses here use.
"""


@cache
def leucht_points() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the equipercentile points of HAM-D-17 and MADRS.

    Returns
    -------
    tuple of two tuples of float
        HAM-D-17 points, rising, and the MADRS points that stand for the same severity. The ends
        (0 = 0 and 52 = 60, the floors and ceilings) are no published points: an equipercentile map
        sends floor to floor and ceiling to ceiling.

    Raises
    ------
    EvidenceError
        If the evidence holds no rows of the map.
    """
    from ketasim.evidence import load

    table = load("clinical_aux")
    rows = table[(table["study"] == _STUDY) & table["scale"].str.startswith(_PREFIX, na=False)]
    if rows.empty:
        raise EvidenceError(
            "the scale map has no rows", where="clinical_aux", expected=f"rows of {_STUDY}"
        )
    hamd = rows["scale"].str.removeprefix(_PREFIX).astype(float)
    pairs = sorted(zip(hamd, rows["value"].astype(float), strict=True))
    full = [(0.0, 0.0), *pairs, (_HAMD17_MAXIMUM, _MADRS_MAXIMUM)]
    return tuple(float(a) for a, _ in full), tuple(float(b) for _, b in full)


def convert_scale(points: ArrayLike, source: str, target: str) -> NDArray[np.float64]:
    """Convert points of one scale to the points of equal severity on another.

    Parameters
    ----------
    points : array_like
        Points of the source scale; values beyond its ends follow the first or the last segment.
    source, target : {"madrs", "hamd17", "hamd21"}
        The scales.

    Returns
    -------
    ndarray
        Same shape, not rounded.

    Raises
    ------
    EvidenceError
        If a scale is known and no map to it is in the evidence.
    UnknownNameError
        If a scale is not known.
    """
    return _from_hamd17(_to_hamd17(np.asarray(points, dtype=np.float64), source), target)


def _to_hamd17(points: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "madrs":
        hamd, madrs = leucht_points()
        return _piecewise(points, madrs, hamd)
    return np.asarray(points / _hamd_factor(scale))


def _from_hamd17(points: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "madrs":
        hamd, madrs = leucht_points()
        return _piecewise(points, hamd, madrs)
    return np.asarray(points * _hamd_factor(scale))


def _hamd_factor(scale: str) -> float:
    factors = {"hamd17": 1.0, "hamd21": HAMD21_PER_HAMD17}
    if scale not in factors:
        from ketasim.instruments.scales import unmapped_scales

        for one in unmapped_scales():
            if one.name == scale:
                raise one.refusal()
        raise unknown_name("rating scale", scale, ["madrs", *factors])
    return factors[scale]


def _piecewise(
    points: NDArray[np.float64], knots: tuple[float, ...], values: tuple[float, ...]
) -> NDArray[np.float64]:
    x, y = np.asarray(knots), np.asarray(values)
    slopes = np.diff(y) / np.diff(x)
    inside = np.interp(points, x, y)
    below = np.where(points < x[0], (points - x[0]) * slopes[0], 0.0)
    above = np.where(points > x[-1], (points - x[-1]) * slopes[-1], 0.0)
    return np.asarray(inside + below + above, dtype=np.float64)
