"""Hazard ratio and log-rank test of many replicates, for two arms and no further covariate.

With one indicator as covariate a risk set is two counts, so Cox's partial likelihood is a sum over
the events and its maximum a search along one line. One trial goes through `cox` and `log_rank`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.trial.analysis.linear import BatchEstimate

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["cox_batch", "log_rank_batch"]


def cox_batch(
    event_h: ArrayLike, event: ArrayLike, active: ArrayLike, *, stratum: ArrayLike | None = None
) -> BatchEstimate:
    """Compare the hazard of relapse of two arms in every replicate.

    Parameters
    ----------
    event_h : array_like, shape (n_replicates, n_patients)
        Hours to the relapse or to the end of the follow-up; NaN leaves a patient out.
    event : array_like of bool, shape (n_replicates, n_patients)
        True for a relapse.
    active : array_like of bool, shape (n_patients,) or (n_replicates, n_patients)
        True for the active arm.
    stratum : array_like of int, shape (n_patients,) or (n_replicates, n_patients), optional
        Strata with baseline hazards of their own.

    Returns
    -------
    BatchEstimate
        Log hazard ratio with ties by Efron's method (1977, JASA 72:557-565), Wald limits and
        infinite degrees of freedom; NaN where an arm has no relapse.
    """
    return _batch(event_h, event, active, stratum)[0]


def log_rank_batch(
    event_h: ArrayLike, event: ArrayLike, active: ArrayLike, *, stratum: ArrayLike | None = None
) -> BatchEstimate:
    """Compare the times to relapse of two arms by the log-rank test in every replicate.

    Parameters
    ----------
    event_h, event, active, stratum
        As for `cox_batch`.

    Returns
    -------
    BatchEstimate
        The p value is that of the log-rank test, the rest is that of `cox_batch`.
    """
    found, p = _batch(event_h, event, active, stratum)
    return BatchEstimate(found.estimate, found.se, found.df, found.ci_low, found.ci_high, p)


def _batch(
    event_h: ArrayLike, event: ArrayLike, active: ArrayLike, stratum: ArrayLike | None
) -> tuple[BatchEstimate, NDArray[np.float64]]:
    from scipy.special import ndtr, ndtri

    hours, relapsed = np.asarray(event_h, np.float64), np.asarray(event, bool)
    if hours.ndim != 2 or relapsed.shape != hours.shape:
        raise InputError(
            f"times of shape {hours.shape} and events of shape {relapsed.shape} do not fit",
            where="batch analysis",
            expected="(replicates, patients) for both",
        )
    members = np.broadcast_to(np.asarray(active, bool), hours.shape)
    groups = np.broadcast_to(np.zeros(1, np.int64) if stratum is None else stratum, hours.shape)
    value, se, p = (np.full(hours.shape[0], np.nan) for _ in range(3))
    for one in range(hours.shape[0]):
        seen = ~np.isnan(hours[one])
        parts = [
            _risk_sets(hours[one, here], relapsed[one, here], members[one, here])
            for group in np.unique(groups[one, seen])
            if (here := seen & (groups[one] == group)).any()
        ]
        table = np.concatenate(parts, axis=1) if parts else np.zeros((6, 0))
        value[one], se[one] = _maximum(table)
        p[one] = _log_rank(table)
    half = ndtri(0.975) * se
    wald = 2 * ndtr(-np.abs(value) / se)
    df = np.where(np.isnan(value), np.nan, np.inf)
    return BatchEstimate(value, se, df, value - half, value + half, wald), p


def _risk_sets(
    hours: NDArray[np.float64], relapsed: NDArray[np.bool_], members: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return a column for each relapse.

    The rows are the active and the control relapses tied with it, its place in the tie, the active
    and the control patients at risk, and one over the size of the tie.
    """
    times, first, size = np.unique(hours[relapsed], return_inverse=True, return_counts=True)
    tied = np.bincount(first, weights=members[relapsed], minlength=times.size)
    risk = [
        side.size - np.searchsorted(side, times, side="left")
        for side in (np.sort(hours[members]), np.sort(hours[~members]))
    ]
    each = np.repeat(np.arange(times.size), size)
    place = np.arange(each.size) - np.repeat(np.cumsum(size) - size, size)
    return np.array(
        [tied[each], (size - tied)[each], place, risk[0][each], risk[1][each], 1 / size[each]]
    )


def _maximum(table: NDArray[np.float64]) -> tuple[float, float]:
    tied, others, place, at_risk, rest, share = table
    relapses = float(np.sum(tied * share))
    if relapses == 0 or float(np.sum(others * share)) == 0:
        return float("nan"), float("nan")
    # Efron: the patients of a tie leave the risk set in equal parts.
    active = at_risk - place * share * tied
    control = rest - place * share * others
    beta = 0.0
    for _ in range(50):
        chance = active / (active + control * np.exp(-beta))
        information = float(np.sum(chance * (1 - chance)))
        if information < 1e-10:
            break
        step = (relapses - float(np.sum(chance))) / information
        beta += float(np.clip(step, -2, 2))
        if abs(step) < 1e-12:
            return beta, float(information**-0.5)
    # Every active patient relapses before or after all others, so the likelihood has no maximum.
    return float("nan"), float("nan")


def _log_rank(table: NDArray[np.float64]) -> float:
    from scipy.special import chdtrc

    tied, others, _, at_risk, rest, share = table
    total, size = at_risk + rest, tied + others
    expected = float(np.sum(size * share * at_risk / total))
    spread = size * at_risk * rest * (total - size) / (total**2 * np.maximum(total - 1, 1))
    variance = float(np.sum(share * spread))
    if variance == 0:
        return float("nan")
    return float(chdtrc(1, (float(np.sum(tied * share)) - expected) ** 2 / variance))
