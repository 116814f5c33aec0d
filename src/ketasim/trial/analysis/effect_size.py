"""Standardised mean differences, positive for a benefit.

Severity falls when a patient improves, so the effect is the control mean minus the active mean over
the pooled standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ketasim.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["EffectSize", "cohen_d", "hedges_correction", "hedges_g", "pooled_sd"]


@dataclass(frozen=True)
class EffectSize:
    """A standardised mean difference.

    Parameters
    ----------
    estimate : float
        Positive for a benefit of the active arm; NaN where it cannot be computed.
    ci_low, ci_high : float
        Limits of the confidence interval.
    note : str
        The reason where the estimate is NaN.
    """

    estimate: float
    ci_low: float
    ci_high: float
    note: str = ""


def hedges_correction(df: float) -> float:
    """Return the exact factor that removes the small-sample bias of Cohen's d.

    Parameters
    ----------
    df : float
        Degrees of freedom of the pooled standard deviation; above 1.

    Returns
    -------
    float
        Gamma(df/2) / (sqrt(df/2) Gamma((df-1)/2)), equation 6e of Hedges (1981).
    """
    from scipy.special import gammaln

    return float(np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / np.sqrt(df / 2))


def pooled_sd(active: ArrayLike, control: ArrayLike) -> float:
    """Return the pooled standard deviation of two samples, NaN where it does not exist.

    Parameters
    ----------
    active, control : array_like
        Values; NaN is left out.

    Returns
    -------
    float
        In the unit of the values.
    """
    first, second = _seen(active), _seen(control)
    df = first.size + second.size - 2
    if first.size == 0 or second.size == 0 or df < 1:
        return float("nan")
    squares = np.sum((first - first.mean()) ** 2) + np.sum((second - second.mean()) ** 2)
    return float(np.sqrt(squares / df))


def cohen_d(
    active: ArrayLike,
    control: ArrayLike,
    *,
    level: float = 0.95,
    interval: Literal["noncentral", "normal"] = "noncentral",
) -> EffectSize:
    """Return Cohen's d of two samples of severity or of change in severity.

    Parameters
    ----------
    active, control : array_like
        Values of the arms, lower is better; NaN is left out.
    level : float, optional
        Level of the interval.
    interval : {"noncentral", "normal"}, optional
        Exact limits from the noncentral t distribution (Steiger and Fouladi 1997), or the usual
        large-sample variance (Hedges and Olkin 1985).

    Returns
    -------
    EffectSize
        Positive where the active arm has the lower mean.
    """
    return _standardised(active, control, level, interval, corrected=False)


def hedges_g(
    active: ArrayLike,
    control: ArrayLike,
    *,
    level: float = 0.95,
    interval: Literal["noncentral", "normal"] = "noncentral",
) -> EffectSize:
    """Return Hedges' g of two samples: Cohen's d without its small-sample bias.

    Parameters
    ----------
    active, control, level, interval
        As for `cohen_d`; the limits are multiplied by the same factor as the estimate.

    Returns
    -------
    EffectSize
        Positive where the active arm has the lower mean.
    """
    return _standardised(active, control, level, interval, corrected=True)


def _standardised(
    active: ArrayLike, control: ArrayLike, level: float, interval: str, *, corrected: bool
) -> EffectSize:
    if not 0 < level < 1:
        raise InputError(f"the level {level!r} is no probability", where="effect size")
    first, second = _seen(active), _seen(control)
    nan = float("nan")
    if min(first.size, second.size) < 2:
        return EffectSize(nan, nan, nan, "an arm has fewer than two observed patients")
    sd = pooled_sd(first, second)
    if sd == 0:
        return EffectSize(nan, nan, nan, "the values do not vary within the arms")
    n1, n2 = first.size, second.size
    df = n1 + n2 - 2
    factor = hedges_correction(df) if corrected else 1.0
    d = float(second.mean() - first.mean()) / sd
    if interval == "normal":
        low, high = _normal_limits(d * factor, n1, n2, level)
        return EffectSize(d * factor, low, high)
    low, high = _noncentral_limits(d, n1, n2, level)
    return EffectSize(d * factor, low * factor, high * factor)


def _normal_limits(effect: float, n1: int, n2: int, level: float) -> tuple[float, float]:
    from scipy.special import ndtri

    se = np.sqrt((n1 + n2) / (n1 * n2) + effect**2 / (2 * (n1 + n2)))
    half = float(ndtri(0.5 + level / 2) * se)
    return effect - half, effect + half


def _noncentral_limits(d: float, n1: int, n2: int, level: float) -> tuple[float, float]:
    from scipy.optimize import brentq
    from scipy.stats import nct

    df, scale = n1 + n2 - 2, np.sqrt(n1 * n2 / (n1 + n2))
    t = d * scale
    tail = (1 - level) / 2
    # The limits lie within some normal standard errors; the bracket is wide enough for any level.
    span = 12 * np.sqrt(1 + t**2 / (2 * df)) + 12

    def limit(probability: float) -> float:
        def gap(delta: float) -> float:
            return float(nct.cdf(t, df, delta)) - probability

        return float(brentq(gap, t - span, t + span, xtol=1e-10)) / float(scale)

    return limit(1 - tail), limit(tail)


def _seen(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64).ravel()
    return array[~np.isnan(array)]
