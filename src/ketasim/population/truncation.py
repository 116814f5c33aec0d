"""The normal distribution that has a given mean and SD after its tails are cut off."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, cast

import numpy as np

from ketasim.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["truncated_normal"]

_CLOSE = 1e-6
_FAR = 6.0
_TAIL = 20.0
_NODES = 200


@cache
def _quadrature() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return np.asarray(nodes), np.asarray(weights)


def _moments(
    centre: float, scale: float, points: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Return mean and SD of a bell on the points of a quadrature, however far away its centre is."""
    score = -0.5 * ((points - centre) / scale) ** 2
    mass = weights * np.exp(score - score.max())
    mass = mass / mass.sum()
    mean = float(mass @ points)
    return mean, float(np.sqrt(mass @ (points - mean) ** 2))


def truncated_normal(
    mean: float, sd: float, lower: float, upper: float, *, where: str
) -> tuple[float, float]:
    """Find the normal distribution that has this mean and SD after the cut.

    Parameters
    ----------
    mean, sd : float
        After the cut.
    lower, upper : float
        Bounds; may be infinite.
    where : str
        For the error.

    Returns
    -------
    tuple of two float
        Mean and SD before the cut.

    Raises
    ------
    InputError
        If there is none: the mean lies outside the bounds, or the SD is too large for them.
    """
    from scipy.optimize import least_squares

    if not (sd > 0 and lower < mean < upper):
        raise InputError(
            f"a mean of {mean:g} with an SD of {sd:g} is not possible",
            where=where,
            expected=f"a mean between {lower:g} and {upper:g}, and an SD above 0",
        )
    if mean - lower > _FAR * sd and upper - mean > _FAR * sd:
        return mean, sd

    ends = max(lower, mean - _TAIL * sd), min(upper, mean + _TAIL * sd)
    nodes, weights = _quadrature()
    points = 0.5 * (ends[1] - ends[0]) * nodes + 0.5 * (ends[0] + ends[1])

    def miss(point: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        centre, scale = mean + sd * float(point[0]), sd * math.exp(float(point[1]))
        got, spread = _moments(centre, scale, points, weights)
        return np.array([(got - mean) / sd, spread / sd - 1.0])

    # Wider than this and the bounds alone decide: the distribution is uniform or exponential.
    found = least_squares(miss, np.zeros(2), bounds=([-100.0, -1.0], [100.0, 3.0]), xtol=1e-14)
    if not np.all(np.abs(found.fun) < _CLOSE):
        raise InputError(
            f"no normal distribution cut at {lower:g} and {upper:g} has a mean of {mean:g} and an "
            f"SD of {sd:g}",
            where=where,
            expected="a smaller SD, or a mean further from the bounds",
        )
    point = cast("npt.NDArray[np.float64]", found.x)
    return mean + sd * float(point[0]), sd * math.exp(float(point[1]))
