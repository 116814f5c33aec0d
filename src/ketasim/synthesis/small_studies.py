"""Do small studies find more? Tests of funnel asymmetry, and what filling it would change.

None of statsmodels and PyMARE has these.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import kendalltau, norm, rankdata, t

from ketasim.errors import InputError
from ketasim.synthesis.heterogeneity import estimate_tau2, weighted
from ketasim.synthesis.pooling import INVERSE_VARIANCE, pool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.synthesis.pooled import Pooled
    from ketasim.synthesis.studies import Studies

__all__ = ["AsymmetryTest", "TrimAndFill", "rank_test", "regression_test", "trim_and_fill"]


@dataclass(frozen=True)
class AsymmetryTest:
    """A test of whether the estimate depends on its precision.

    Attributes
    ----------
    statistic : float
        z, t, or Kendall's tau.
    p_value : float
        Two-sided.
    degrees : float
        Of t; NaN for the others.
    limit : float
        Estimate that the regression gives at infinite precision, on the analysis scale; NaN for ranks.
    limit_low, limit_high : float
        Its interval.
    kind : str
        ``rma``, ``lm`` or ``rank``.
    """

    statistic: float
    p_value: float
    kind: str
    degrees: float = float("nan")
    limit: float = float("nan")
    limit_low: float = float("nan")
    limit_high: float = float("nan")


def _at_least_three(studies: Studies) -> None:
    if len(studies) < 3:
        raise InputError(
            f"there are {len(studies)} studies", where=studies.where,
            expected="at least 3 for a test of asymmetry",
        )  # fmt: skip


def regression_test(
    studies: Studies,
    model: Literal["rma", "lm"] = "rma",
    method: str = "reml",
    hartung_knapp: bool = False,
) -> AsymmetryTest:
    """Regress the estimates on their standard errors (Egger 1997; Sterne and Egger 2005).

    Parameters
    ----------
    studies : Studies
        At least 3.
    model : {'rma', 'lm'}, optional
        A meta-regression, or Egger's own weighted regression with a multiplicative dispersion.
    method : str, optional
        Of the heterogeneity, for ``rma``.
    hartung_knapp : bool, optional
        Whether the test of ``rma`` is that of Knapp and Hartung, with t.

    Returns
    -------
    AsymmetryTest
        z for ``rma``, t with k - 2 degrees of freedom for ``lm`` and Knapp-Hartung. The first digits
        are those of metafor's ``regtest``.

    Raises
    ------
    InputError
        If there are too few studies, or all are equally precise.
    """
    _at_least_three(studies)
    y, v = studies.estimate, studies.variance
    error, k = np.sqrt(v), len(studies)
    if np.ptp(error) < 1e-12 * error.max():
        raise InputError("all studies are equally precise", where=studies.where)
    x = np.column_stack([np.ones(k), error])
    fit = weighted(y, v, x, estimate_tau2(method, y, v, x) if model == "rma" else 0.0)
    dispersed = model == "lm" or hartung_knapp
    covariance = fit.covariance * (fit.q / (k - 2) if dispersed else 1.0)
    spread = np.sqrt(np.diag(covariance))
    statistic = float(fit.beta[1] / spread[1])
    if dispersed:
        p, quantile = float(2.0 * t.sf(abs(statistic), k - 2)), float(t.ppf(0.975, k - 2))
    else:
        p, quantile = float(2.0 * norm.sf(abs(statistic))), float(norm.ppf(0.975))
    half = quantile * float(spread[0])
    limit = float(fit.beta[0])
    degrees = float(k - 2) if dispersed else float("nan")
    return AsymmetryTest(statistic, p, model, degrees, limit, limit - half, limit + half)


def rank_test(studies: Studies) -> AsymmetryTest:
    """Correlate standardised deviations with variances by ranks (Begg and Mazumdar 1994).

    Parameters
    ----------
    studies : Studies
        At least 3.

    Returns
    -------
    AsymmetryTest
        Kendall's tau; its p is exact where no ranks are tied.

    Raises
    ------
    InputError
        If there are too few studies.
    """
    _at_least_three(studies)
    y, v = studies.estimate, studies.variance
    fit = weighted(y, v, np.ones((len(y), 1)))
    deviation = (y - fit.beta[0]) / np.sqrt(v - fit.covariance[0, 0])
    # Numbers that differ in the last bit only are tied.
    first, second = np.round(deviation, 12), np.round(v, 12)
    tied = len(np.unique(first)) < len(y) or len(np.unique(second)) < len(y)
    found = kendalltau(first, second, method="asymptotic" if tied else "exact")
    return AsymmetryTest(float(found.statistic), float(found.pvalue), "rank")


@dataclass(frozen=True)
class TrimAndFill:
    """What the pooled estimate would be if the funnel were symmetric.

    Attributes
    ----------
    pooled : Pooled
        With the mirrored studies among the others.
    missing : int
        How many were mirrored.
    side : {'left', 'right'}
        Where they seem to be missing.
    """

    pooled: Pooled
    missing: int
    side: str


def trim_and_fill(
    pooled: Pooled,
    estimator: Literal["L0", "R0"] = "L0",
    side: Literal["left", "right"] | None = None,
) -> TrimAndFill:
    """Trim what makes the funnel asymmetric, then mirror it (Duval and Tweedie 2000).

    It shows how sensitive a result is to studies that may be missing, and is no correction.

    Parameters
    ----------
    pooled : Pooled
        Of an inverse-variance method.
    estimator : {'L0', 'R0'}, optional
        Of the number of missing studies.
    side : {'left', 'right'}, optional
        By default from the sign of the regression on the standard error.

    Returns
    -------
    TrimAndFill
        With the method of `pooled`.

    Raises
    ------
    InputError
        If the method does not weigh studies by inverse variance, or there are too few.
    """
    if pooled.options.method not in INVERSE_VARIANCE:
        raise InputError(f"the method '{pooled.options.method}' has no funnel to fill")
    studies = pooled.studies
    if side is None:
        slope = regression_test(studies, method=pooled.options.method).statistic
        side = "right" if slope < 0.0 else "left"
    sign = -1.0 if side == "right" else 1.0
    y, v = sign * studies.estimate, studies.variance
    # A funnel that lacks its left is searched from its right: the largest are trimmed.
    order = np.argsort(y, kind="stable")
    y, v = y[order], v[order]
    missing, centre = _trim(y, v, pooled, estimator)
    kept = np.arange(len(y), dtype=int)
    mirrored = kept[len(y) - missing :]
    filled = replace(
        studies,
        names=(*studies.names, *(f"mirror of {studies.names[order[one]]}" for one in mirrored)),
        estimate=np.concatenate([studies.estimate, sign * (2.0 * centre - y[mirrored])]),
        variance=np.concatenate([studies.variance, v[mirrored]]),
        data={}, warnings=(*studies.warnings, f"{missing} studies are mirrored, not observed"),
    )  # fmt: skip
    options = pooled.options
    again = pool(
        filled, options.method, hartung_knapp=options.hartung_knapp, adhoc=options.adhoc,
        level=options.level,
    )  # fmt: skip
    return TrimAndFill(again, missing, side)


def _trim(
    y: NDArray[np.float64], v: NDArray[np.float64], pooled: Pooled, estimator: str
) -> tuple[int, float]:
    """Return how many of the largest are trimmed, and the centre of the rest."""
    k, missing, before = len(y), 0, -1
    for _ in range(100):
        rest_y, rest_v = y[: k - missing], v[: k - missing]
        ones = np.ones((len(rest_y), 1))
        tau2 = estimate_tau2(pooled.options.method, rest_y, rest_v, ones)
        centre = float(weighted(rest_y, rest_v, ones, 0.0 if np.isnan(tau2) else tau2).beta[0])
        if missing == before:
            break
        before, signed = missing, _signed_ranks(y - centre)
        if estimator == "R0":
            rank = int(k - np.max(-signed[signed < 0.0], initial=0.0)) - 1
            missing = max(0, rank)
        else:
            total = float(signed[signed > 0.0].sum())
            missing = max(0, round((4.0 * total - k * (k + 1)) / (2.0 * k - 1.0)))
        missing = min(missing, k - 2)
    return missing, centre


def _signed_ranks(deviation: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sign(deviation) * rankdata(np.abs(deviation)), dtype=float)
