"""Between-study variance: its estimators, its interval, and how much of the spread it is.

statsmodels' ``combine_effects`` has two of the estimators (Paule-Mandel and DerSimonian-Laird), does not
keep the second from going below zero, and answers zero where its iteration does not end; PyMARE has
DerSimonian-Laird, Hedges and the likelihoods. Neither has Sidik-Jonkman, Hartung-Knapp with and without
its correction, or moderators and an interval of the variance with all of them. One short implementation
for any design matrix serves all eight; both libraries check it in the tests where they do answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["TAU2_ESTIMATORS", "Weighted", "estimate_tau2", "share", "tau2_interval", "weighted"]


@dataclass(frozen=True)
class Weighted:
    """A weighted least-squares fit.

    Attributes
    ----------
    beta : array, shape (p,)
        Coefficients.
    covariance : array, shape (p, p)
        Inverse of X'WX.
    projection : array, shape (k, k)
        W - WX (X'WX)^-1 X'W.
    q : float
        Weighted residual sum of squares.
    """

    beta: NDArray[np.float64]
    covariance: NDArray[np.float64]
    projection: NDArray[np.float64]
    q: float


def weighted(
    y: NDArray[np.float64], v: NDArray[np.float64], x: NDArray[np.float64], tau2: float = 0.0
) -> Weighted:
    """Fit by weights 1 / (v + tau2).

    Parameters
    ----------
    y, v : array, shape (k,)
        Estimates and their variances.
    x : array, shape (k, p)
        Design matrix.
    tau2 : float, optional
        Between-study variance.

    Returns
    -------
    Weighted
        The fit.
    """
    w = 1.0 / (v + tau2)
    wx = w[:, None] * x
    covariance: NDArray[np.float64] = np.asarray(np.linalg.inv(x.T @ wx), dtype=float)
    projection = np.diag(w) - wx @ covariance @ wx.T
    beta = covariance @ (wx.T @ y)
    # The residuals, and not y'Py, lose no digits where an effect is large against its spread.
    residual = y - x @ beta
    return Weighted(beta, covariance, projection, float(np.sum(w * residual**2)))


def _dersimonian_laird(
    y: NDArray[np.float64], v: NDArray[np.float64], x: NDArray[np.float64]
) -> float:
    fit = weighted(y, v, x)
    return (fit.q - _degrees(x)) / float(np.trace(fit.projection))


def _hedges(y: NDArray[np.float64], v: NDArray[np.float64], x: NDArray[np.float64]) -> float:
    fit = weighted(y, np.ones_like(v), x)
    return (fit.q - float(np.sum(np.diag(fit.projection) * v))) / _degrees(x)


def _sidik_jonkman(y: NDArray[np.float64], v: NDArray[np.float64], x: NDArray[np.float64]) -> float:
    start = float(np.var(y))
    if start <= 0.0:
        return 0.0
    return start * weighted(y, v, x, start).q / _degrees(x)


def _paule_mandel(y: NDArray[np.float64], v: NDArray[np.float64], x: NDArray[np.float64]) -> float:
    return _root_of_q(y, v, x, float(_degrees(x)))


def _root_of_q(
    y: NDArray[np.float64], v: NDArray[np.float64], x: NDArray[np.float64], target: float
) -> float:
    """Return the variance at which the weighted sum of squares is the target, at least zero."""

    def above(tau2: float) -> float:
        return weighted(y, v, x, tau2).q - target

    if above(0.0) <= 0.0:
        return 0.0
    high = max(float(np.var(y)), float(np.mean(v)), 1e-12)
    while above(high) > 0.0:
        high *= 4.0
        if high > 1e12 * max(1.0, float(np.var(y))):
            return float("inf")
    return float(brentq(above, 0.0, high, xtol=1e-14, rtol=1e-13))


def _likelihood(
    restricted: bool,
) -> Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], float]:
    def estimate(y: NDArray[np.float64], v: NDArray[np.float64], x: NDArray[np.float64]) -> float:
        def score(tau2: float) -> float:
            fit = weighted(y, v, x, tau2)
            trace = np.trace(fit.projection) if restricted else np.sum(1.0 / (v + tau2))
            residual = (y - x @ fit.beta) / (v + tau2)
            return float(residual @ residual - trace)

        def value(tau2: float) -> float:
            fit = weighted(y, v, x, tau2)
            half = np.sum(np.log(v + tau2)) + fit.q
            if restricted:
                half -= np.linalg.slogdet(fit.covariance)[1]
            return float(-0.5 * half)

        return _highest(score, value, y, v)

    return estimate


def _highest(
    score: Callable[[float], float],
    value: Callable[[float], float],
    y: NDArray[np.float64],
    v: NDArray[np.float64],
) -> float:
    """Return the highest of all maxima: the likelihood of few studies may have two."""
    top = 100.0 * max(float(np.var(y)), float(np.max(v)))
    grid = np.concatenate([[0.0], np.geomspace(1e-8 * top, top, 120)])
    slopes = [score(one) for one in grid]
    maxima = [0.0] if slopes[0] <= 0.0 else []
    for low, high, left, right in zip(grid, grid[1:], slopes, slopes[1:], strict=False):
        if left > 0.0 >= right:
            maxima.append(float(brentq(score, low, high, xtol=1e-14, rtol=1e-13)))
    return max(maxima, key=value) if maxima else top


TAU2_ESTIMATORS: Mapping[
    str, Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], float]
] = {
    "dl": _dersimonian_laird,
    "pm": _paule_mandel,
    "reml": _likelihood(restricted=True),
    "ml": _likelihood(restricted=False),
    # Morris' empirical Bayes estimator solves the equation of Paule and Mandel (Viechtbauer 2005).
    "eb": _paule_mandel,
    "he": _hedges,
    "sj": _sidik_jonkman,
}
"""From estimates, variances and design matrix to the between-study variance, by method."""


def estimate_tau2(
    method: str, y: NDArray[np.float64], v: NDArray[np.float64], x: NDArray[np.float64]
) -> float:
    """Estimate the between-study variance.

    Parameters
    ----------
    method : str
        One of `TAU2_ESTIMATORS`, or ``fixed``.
    y, v : array, shape (k,)
        Estimates and their variances.
    x : array, shape (k, p)
        Design matrix, a column of ones without moderators.

    Returns
    -------
    float
        At least zero; NaN where no degree of freedom is left.
    """
    if method == "fixed":
        return 0.0
    if _degrees(x) < 1:
        return float("nan")
    return max(0.0, TAU2_ESTIMATORS[method](y, v, x))


def _degrees(x: NDArray[np.float64]) -> int:
    return int(x.shape[0] - x.shape[1])


def tau2_interval(
    y: NDArray[np.float64],
    v: NDArray[np.float64],
    x: NDArray[np.float64],
    level: float = 0.95,
) -> tuple[float, float]:
    """Return the Q-profile interval of the between-study variance (Viechtbauer 2007).

    Parameters
    ----------
    y, v : array, shape (k,)
        Estimates and their variances.
    x : array, shape (k, p)
        Design matrix.
    level : float, optional
        Coverage.

    Returns
    -------
    tuple of float
        Lower and upper end, both zero where even the upper end is not above; NaN without a degree of
        freedom.
    """
    degrees = _degrees(x)
    if degrees < 1:
        return float("nan"), float("nan")
    tail = (1.0 - level) / 2.0
    return (
        _root_of_q(y, v, x, float(chi2.ppf(1.0 - tail, degrees))),
        _root_of_q(y, v, x, float(chi2.ppf(tail, degrees))),
    )


def share(tau2: float, v: NDArray[np.float64], x: NDArray[np.float64]) -> tuple[float, float]:
    """Return I2 and H2 of a between-study variance.

    Parameters
    ----------
    tau2 : float
        The variance.
    v : array, shape (k,)
        Variances of the estimates.
    x : array, shape (k, p)
        Design matrix.

    Returns
    -------
    tuple of float
        I2 in per cent, tau2 / (tau2 + s2) with the typical variance s2 of Higgins and Thompson (2002),
        and H2 = 1 + tau2 / s2. With the DerSimonian-Laird variance I2 is (Q - df) / Q.
    """
    degrees = _degrees(x)
    if degrees < 1 or np.isnan(tau2):
        return float("nan"), float("nan")
    typical = degrees / float(np.trace(weighted(v, v, x).projection))
    if np.isinf(tau2):
        return 100.0, float("inf")
    return 100.0 * tau2 / (tau2 + typical), 1.0 + tau2 / typical
