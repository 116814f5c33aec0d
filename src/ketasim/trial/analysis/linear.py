"""The t test and the analysis of covariance of the change at one visit, one trial or thousands.

One trial goes through statsmodels. The batch functions solve the same equations in closed
form over a leading axis of replicates, which is what makes a thousand replicates cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.trial.analysis.contrast import contrast_of, failure, t_estimate, too_few
from ketasim.trial.analysis.effect_size import hedges_correction, hedges_g, pooled_sd

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ketasim.trial.data import Estimate, TrialData

__all__ = ["BatchEstimate", "ancova", "ancova_batch", "t_test", "t_test_batch"]

_SINGULAR = "the covariates determine the arm or each other, so the model has no solution"
_CONSTANT = "the values do not vary within the arms"


@dataclass(frozen=True, eq=False)
class BatchEstimate:
    """Estimates of many replicates; every array has the shape (n_replicates,).

    Parameters
    ----------
    estimate, se, df : ndarray
        Estimate in points, its standard error, degrees of freedom; NaN where a replicate has none.
    ci_low, ci_high : ndarray
        Limits of the 95 % interval, in points.
    p : ndarray
        Two-sided p value.
    """

    estimate: NDArray[np.float64]
    se: NDArray[np.float64]
    df: NDArray[np.float64]
    ci_low: NDArray[np.float64]
    ci_high: NDArray[np.float64]
    p: NDArray[np.float64]


def t_test(
    data: TrialData, visit: str | float, active: str, control: str, *, equal_variance: bool = False
) -> Estimate:
    """Compare the mean change of two arms at a visit with a t test.

    Parameters
    ----------
    data : TrialData
        The trial; patients without a value at the visit or at baseline are left out.
    visit : str or float
        Name or hour of the visit.
    active, control : str
        Names of the arms.
    equal_variance : bool, optional
        True for Student's test with the pooled variance, false for Welch's.

    Returns
    -------
    Estimate
        Active minus control in points; NaN and a reason where an arm has fewer than two values or
        the values do not vary. The effect size is Hedges' g of the change.
    """
    from statsmodels.stats.weightstats import CompareMeans

    name = "t_test"
    pair = contrast_of(data, active, control)
    change = data.change[pair.patients, data.visit_index(visit)]
    seen = ~np.isnan(change)
    n = int(seen.sum())
    if why := too_few(pair, seen):
        return failure(name, pair.label, "points", n, why)
    first, second = change[seen & pair.active], change[seen & ~pair.active]
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return failure(name, pair.label, "points", n, _CONSTANT)
    means = CompareMeans.from_data(first, second)
    difference = float(first.mean() - second.mean())
    se = means.std_meandiff_pooledvar if equal_variance else means.std_meandiff_separatevar
    df = float(n - 2) if equal_variance else float(means.dof_satt())
    effect = hedges_g(first, second, interval="normal").estimate
    note = "pooled variance" if equal_variance else "Welch"
    return t_estimate(name, pair.label, "points", (difference, float(se), df), effect, n, note)


def ancova(
    data: TrialData,
    visit: str | float,
    active: str,
    control: str,
    *,
    strata: bool = True,
    robust: bool = False,
) -> Estimate:
    """Compare the change of two arms at a visit, adjusted for baseline and strata.

    Parameters
    ----------
    data : TrialData
        The trial; patients without a value at the visit or at baseline are left out.
    visit : str or float
        Name or hour of the visit.
    active, control : str
        Names of the arms.
    strata : bool, optional
        Whether the strata of the randomisation are covariates.
    robust : bool, optional
        Whether the standard error is the HC3 estimate of MacKinnon and White (1985), which holds
        when the arms differ in variance.

    Returns
    -------
    Estimate
        Active minus control in points; NaN and a reason where the model has no solution. The effect
        size is the adjusted difference over the pooled standard deviation of the change, with
        Hedges' correction.
    """
    import statsmodels.api as sm

    name = "ancova"
    pair = contrast_of(data, active, control)
    change = data.change[pair.patients, data.visit_index(visit)]
    seen = ~np.isnan(change)
    n = int(seen.sum())
    if why := too_few(pair, seen):
        return failure(name, pair.label, "points", n, why)
    y, members = change[seen], pair.active[seen]
    groups = data.strata[pair.patients][seen] if strata else np.zeros(n, np.int64)
    design = _design(members, data.baseline[pair.patients][seen], groups)
    if n <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        return failure(name, pair.label, "points", n, _SINGULAR)
    fit = sm.OLS(y, design).fit()
    if fit.ssr <= 1e-20 * float(np.sum(y**2)):
        return failure(name, pair.label, "points", n, _CONSTANT)
    chosen = fit.get_robustcov_results("HC3", use_t=True) if robust else fit
    numbers = (float(chosen.params[1]), float(chosen.bse[1]), float(fit.df_resid))
    effect = standardised(numbers[0], y, members)
    return t_estimate(name, pair.label, "points", numbers, effect, n, "HC3" if robust else "")


def standardised(
    difference: float, change: NDArray[np.float64], active: NDArray[np.bool_]
) -> float:
    """Return an adjusted difference as an effect size.

    Parameters
    ----------
    difference : float
        Active minus control, in points.
    change : ndarray
        Observed changes of both arms, in points; NaN is left out.
    active : ndarray of bool
        True for the active arm.

    Returns
    -------
    float
        The difference over the pooled standard deviation of the change, with Hedges' correction
        and the sign turned so that a benefit is positive.
    """
    sd = pooled_sd(change[active], change[~active])
    df = int(np.sum(~np.isnan(change))) - 2
    return -difference / sd * hedges_correction(df) if sd > 0 and df > 1 else float("nan")


def _design(
    active: NDArray[np.bool_], baseline: NDArray[np.float64], groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    dummies = [(groups == one).astype(np.float64) for one in np.unique(groups)[1:]]
    columns = [np.ones(active.size), active.astype(np.float64), baseline - baseline.mean()]
    return np.column_stack([*columns, *dummies])


def t_test_batch(
    change: ArrayLike, active: ArrayLike, *, equal_variance: bool = False
) -> BatchEstimate:
    """Compare two arms by a t test in every replicate.

    Parameters
    ----------
    change : array_like, shape (n_replicates, n_patients)
        Change from baseline in points; NaN for missing.
    active : array_like of bool, shape (n_patients,) or (n_replicates, n_patients)
        True for the active arm.
    equal_variance : bool, optional
        True for Student's test, false for Welch's (Welch 1947, Satterthwaite 1946).

    Returns
    -------
    BatchEstimate
        Active minus control; NaN where an arm has fewer than two values or nothing varies.
    """
    y, members = _batch(change, active)
    n1, m1, v1 = _moments(y, members)
    n2, m2, v2 = _moments(y, ~members)
    with np.errstate(divide="ignore", invalid="ignore"):
        if equal_variance:
            df = n1 + n2 - 2
            pooled = ((n1 - 1) * v1 + (n2 - 1) * v2) / df
            variance = pooled * (1 / n1 + 1 / n2)
        else:
            variance = v1 / n1 + v2 / n2
            df = variance**2 / ((v1 / n1) ** 2 / (n1 - 1) + (v2 / n2) ** 2 / (n2 - 1))
    usable = (n1 >= 2) & (n2 >= 2)
    return _finish(m1 - m2, np.where(usable, variance, np.nan), df)


def ancova_batch(
    change: ArrayLike,
    baseline: ArrayLike,
    active: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    robust: bool = False,
) -> BatchEstimate:
    """Compare two arms by an analysis of covariance in every replicate.

    Parameters
    ----------
    change : array_like, shape (n_replicates, n_patients)
        Change from baseline in points; NaN for missing.
    baseline : array_like, shape (n_patients,) or (n_replicates, n_patients)
        Baseline in points; a patient with NaN is left out.
    active : array_like of bool, shape (n_patients,) or (n_replicates, n_patients)
        True for the active arm.
    stratum : array_like of int, shape (n_patients,) or (n_replicates, n_patients), optional
        Stratum; the covariates are one indicator for each stratum but the first.
    robust : bool, optional
        Whether the standard error is HC3.

    Returns
    -------
    BatchEstimate
        Active minus control; NaN where the model has no solution. A stratum without any patient in
        a replicate is left out of that replicate's model.
    """
    y, members = _batch(change, active)
    before = np.broadcast_to(np.asarray(baseline, np.float64), y.shape)
    y = np.where(np.isnan(before), np.nan, y)
    seen = ~np.isnan(y)
    x = _batch_design(before, members, seen, stratum)
    y0 = np.where(seen, y, 0.0)
    gram = np.matmul(x.transpose(0, 2, 1), x)
    # An empty stratum has a column of zeros: a unit diagonal takes it out of the model.
    idle = np.einsum("rpp->rp", gram) == 0
    gram += np.einsum("rp,pq->rpq", idle.astype(np.float64), np.eye(x.shape[2]))
    n1, n2 = np.sum(seen & members, axis=1), np.sum(seen & ~members, axis=1)
    df = (n1 + n2 - (~idle).sum(axis=1)).astype(np.float64)
    scale = np.sqrt(np.einsum("rpp->rp", gram))
    scaled = gram / scale[:, :, None] / scale[:, None, :]
    bad = (np.minimum(n1, n2) < 2) | (df < 1) | (np.linalg.eigvalsh(scaled)[:, 0] < 1e-12)
    scaled[bad] = np.eye(x.shape[2])
    inverse = np.linalg.inv(scaled) / scale[:, :, None] / scale[:, None, :]
    beta = np.einsum("rpq,rnq,rn->rp", inverse, x, y0, optimize=True)
    residual = np.where(seen, y0 - np.einsum("rnp,rp->rn", x, beta), 0.0)
    if robust:
        spread = np.einsum("rnp,rp->rn", x, inverse[:, 1])
        leverage = np.einsum("rnp,rnp->rn", np.matmul(x, inverse), x)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = (spread * residual / (1 - leverage)) ** 2
        variance = np.sum(np.where(seen, terms, 0.0), axis=1)
    else:
        variance = np.sum(residual**2, axis=1) / np.maximum(df, 1) * inverse[:, 1, 1]
    nothing = np.sum(residual**2, axis=1) <= 1e-20 * np.sum(y0**2, axis=1)
    return _finish(beta[:, 1], np.where(bad | nothing, np.nan, variance), df)


def _batch(change: ArrayLike, active: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    y = np.asarray(change, np.float64)
    members = np.asarray(active, bool)
    if y.ndim != 2 or members.shape not in (y.shape, y.shape[1:]):
        raise InputError(
            f"changes of shape {y.shape} and arms of shape {members.shape} do not fit",
            where="batch analysis",
            expected="(replicates, patients), and (patients,) or the same",
        )
    return y, np.broadcast_to(members, y.shape)


def _batch_design(
    baseline: NDArray[np.float64],
    members: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    stratum: ArrayLike | None,
) -> NDArray[np.float64]:
    weight = seen.astype(np.float64)
    before = np.where(seen, baseline, 0.0)
    mean = before.sum(axis=1) / np.maximum(weight.sum(axis=1), 1)
    columns = [weight, weight * members, weight * (before - mean[:, None])]
    if stratum is not None:
        groups = np.broadcast_to(np.asarray(stratum), seen.shape)
        occupied = [one for one in np.unique(groups) if np.any((groups == one) & seen)]
        indicators = np.stack([(groups == one) & seen for one in occupied])
        # The reference is the first stratum that the replicate has, so that no column is aliased.
        first = np.argmax(indicators.any(axis=2), axis=0)
        for place, indicator in enumerate(indicators):
            columns.append(np.where((first == place)[:, None], 0.0, indicator))
    return np.stack(columns, axis=2)


def _moments(
    y: NDArray[np.float64], members: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    seen = members & ~np.isnan(y)
    n = seen.sum(axis=1).astype(np.float64)
    values = np.where(seen, y, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = values.sum(axis=1) / n
        squares = np.sum(np.where(seen, y - mean[:, None], 0.0) ** 2, axis=1)
        return n, mean, squares / (n - 1)


def _finish(
    estimate: NDArray[np.float64], variance: NDArray[np.float64], df: NDArray[np.float64]
) -> BatchEstimate:
    from scipy.special import stdtr, stdtrit

    good = (variance > 0) & (df > 0)
    se = np.sqrt(np.where(good, variance, np.nan))
    value, freedom = np.where(good, estimate, np.nan), np.where(good, df, np.nan)
    half = stdtrit(freedom, 0.975) * se
    p = 2 * stdtr(freedom, -np.abs(value) / se)
    return BatchEstimate(value, se, freedom, value - half, value + half, p)
