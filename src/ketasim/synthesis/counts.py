"""Pooling without estimates of single studies: Mantel-Haenszel and Peto, nothing added to a cell.

Neither statsmodels' ``StratifiedTable`` (odds ratio and its risk ratio, without the variance of the
latter, and no risk difference) nor PyMARE has all of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.synthesis.measures import effects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["double_zero", "mantel_haenszel", "peto"]


def double_zero(data: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Return which studies have no event, or nothing but events, in both arms."""
    a, c = data["events_treatment"], data["events_control"]
    b, d = data["n_treatment"] - a, data["n_control"] - c
    return np.asarray(((a == 0) & (c == 0)) | ((b == 0) & (d == 0)))


def _divided(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0.0 else float("nan")


def mantel_haenszel(
    measure: str, data: Mapping[str, NDArray[np.float64]]
) -> tuple[float, float, float, int]:
    """Pool by Mantel and Haenszel.

    Parameters
    ----------
    measure : {'rr', 'or', 'rd'}
        The measure.
    data : mapping of str to array of float
        The four columns of counts.

    Returns
    -------
    tuple of float
        Estimate, standard error, Q and its degrees of freedom. The variance is that of Robins, Breslow
        and Greenland (1986) for the odds ratio, of Greenland and Robins (1985) for the risk ratio, of
        Sato, Greenland and Robins (1989) for the risk difference. Q compares the estimates of the
        single studies, a half added where a cell is empty, with the pooled one; a study without an
        event in either arm has none. NaN where an arm has no event in any study.
    """
    pooled = {"rr": _mh_rr, "or": _mh_or, "rd": _mh_rd}[measure]
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, variance = pooled(data)
    y, v = effects(measure, data)
    told = ~double_zero(data)
    q = float(np.sum((y[told] - estimate) ** 2 / v[told]))
    return estimate, float(np.sqrt(variance)), q, max(int(told.sum()) - 1, 0)


def _four(data: Mapping[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], ...]:
    a, first = data["events_treatment"], data["n_treatment"]
    c, second = data["events_control"], data["n_control"]
    return a, c, first, second, first + second


def _logarithm(ratio: float) -> float:
    return float(np.log(ratio)) if ratio > 0.0 else float("nan")


def _mh_or(data: Mapping[str, NDArray[np.float64]]) -> tuple[float, float]:
    a, c, first, second, total = _four(data)
    b, d = first - a, second - c
    p, q = (a + d) / total, (b + c) / total
    r, s = a * d / total, b * c / total
    top, bottom = float(r.sum()), float(s.sum())
    variance = 0.5 * (
        _divided(float((p * r).sum()), top**2)
        + _divided(float((p * s + q * r).sum()), top * bottom)
        + _divided(float((q * s).sum()), bottom**2)
    )
    return _logarithm(_divided(top, bottom)), variance


def _mh_rr(data: Mapping[str, NDArray[np.float64]]) -> tuple[float, float]:
    a, c, first, second, total = _four(data)
    top, bottom = float((a * second / total).sum()), float((c * first / total).sum())
    within = (first * second * (a + c) - a * c * total) / total**2
    return _logarithm(_divided(top, bottom)), _divided(float(within.sum()), top * bottom)


def _mh_rd(data: Mapping[str, NDArray[np.float64]]) -> tuple[float, float]:
    a, c, first, second, total = _four(data)
    weight = float((first * second / total).sum())
    difference = float((a * second / total - c * first / total).sum()) / weight
    one, two = first / total, second / total
    slope = float((c * one**2 - a * two**2 + one * two * (second - first) / 2.0).sum())
    rest = float(((a * (second - c) + c * (first - a)) / (2.0 * total)).sum())
    return difference, (difference * slope + rest) / weight**2


def peto(data: Mapping[str, NDArray[np.float64]]) -> tuple[float, float, float, int]:
    """Pool log odds ratios by Peto's one-step method (Yusuf 1985).

    Parameters
    ----------
    data : mapping of str to array of float
        The four columns of counts.

    Returns
    -------
    tuple of float
        Estimate, standard error, Q and its degrees of freedom, one less than the studies that have
        events and others; NaN without any.
    """
    a, c, first, second, total = _four(data)
    events = a + c
    others = total - events
    excess = a - first * events / total
    variance = events * others * first * second / (total**2 * np.maximum(total - 1.0, 1.0))
    told = variance > 0.0
    weight = float(variance.sum())
    estimate = _divided(float(excess.sum()), weight)
    q = float(np.sum(excess[told] ** 2 / variance[told])) - weight * estimate**2
    return estimate, float(np.sqrt(_divided(1.0, weight))), max(q, 0.0), max(int(told.sum()) - 1, 0)
