"""The mixed model for repeated measures: every visit together, whatever is missing.

The change at each visit has a mean by arm and visit, a slope on baseline at each visit, and one
effect of each stratum; a patient's changes have any covariance (Mallinckrodt et al. 2008, Drug Inf J
42:303-319). What is missing at random given the values that were seen does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.trial.analysis.contrast import contrast_of, failure, t_estimate, too_few
from ketasim.trial.analysis.linear import BatchEstimate, standardised
from ketasim.trial.analysis.reml import Degrees, RemlError, contrast_test, fit_reml

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ketasim.trial.analysis.contrast import Contrast
    from ketasim.trial.analysis.reml import RemlFit
    from ketasim.trial.data import Estimate, TrialData

__all__ = ["MmrmFit", "fit_mmrm", "mmrm", "mmrm_batch", "never_seen"]


@dataclass(frozen=True, eq=False)
class MmrmFit:
    """A fitted mixed model for repeated measures.

    Parameters
    ----------
    reml : RemlFit
        Coefficients, covariances, deviance.
    arms : ndarray of int
        The arms that have patients, as indices; the first is the reference of the indicators.
    n_patients, n_visits : int
        Patients with a baseline and at least one value, and visits.
    """

    reml: RemlFit
    arms: NDArray[np.int64]
    n_patients: int
    n_visits: int

    def weights(self, arm: int, visit: int) -> NDArray[np.float64]:
        """Return the coefficients' weights for an arm against the reference arm.

        Parameters
        ----------
        arm : int
            Index of the arm.
        visit : int
            Index of the visit.

        Returns
        -------
        ndarray, shape (q,)
            One at the arm's coefficient at the visit; all zero for the reference arm.
        """
        found = np.zeros(self.reml.beta.size)
        place = int(np.flatnonzero(self.arms == arm)[0])
        if place > 0:
            found[visit * (self.arms.size + 1) + place] = 1.0
        return found


def fit_mmrm(
    data: TrialData, *, strata: bool = True, start: NDArray[np.float64] | None = None
) -> MmrmFit:
    """Fit the model to all arms of a trial.

    Parameters
    ----------
    data : TrialData
        The trial; patients without a baseline or any later value are left out.
    strata : bool, optional
        Whether the strata of the randomisation are covariates.
    start : ndarray, shape (n_visits, n_visits), optional
        Covariance to begin the search from.

    Returns
    -------
    MmrmFit
        The fit. The coefficients come visit by visit: constant, arms but the first, baseline minus
        its mean; then the strata but the first.

    Raises
    ------
    RemlError
        If the model has no solution.
    """
    groups = data.strata if strata else np.zeros(data.n_patients, np.int64)
    return _fit(data.change, data.baseline, data.arm, groups, start)


def mmrm(
    data: TrialData,
    visit: str | float,
    active: str,
    control: str,
    *,
    strata: bool = True,
    degrees: Degrees = "satterthwaite",
    start: NDArray[np.float64] | None = None,
) -> Estimate:
    """Compare two arms at a visit by the mixed model for repeated measures.

    Parameters
    ----------
    data : TrialData
        The trial. All its arms inform the covariance.
    visit : str or float
        Name or hour of the visit.
    active, control : str
        Names of the arms.
    strata : bool, optional
        Whether the strata of the randomisation are covariates.
    degrees : {"satterthwaite", "kenward-roger"}, optional
        How the degrees of freedom are found, see `contrast_test`.
    start : ndarray, shape (n_visits, n_visits), optional
        Covariance to begin the search from.

    Returns
    -------
    Estimate
        Active minus control in points; NaN and a reason where the model has no solution.
    """
    name = "mmrm"
    pair = contrast_of(data, active, control)
    place = data.visit_index(visit)
    used = np.asarray((~np.isnan(data.change[pair.patients])).any(axis=1))
    n = int(used.sum())
    if why := too_few(pair, used) or never_seen(data, pair):
        return failure(name, pair.label, "points", n, why)
    try:
        fit = fit_mmrm(data, strata=strata, start=start)
    except RemlError as error:
        return failure(name, pair.label, "points", n, str(error))
    weights = fit.weights(data.arm_index(active), place)
    weights = weights - fit.weights(data.arm_index(control), place)
    numbers = contrast_test(fit.reml, weights, degrees=degrees)
    effect = standardised(numbers[0], data.change[pair.patients, place], pair.active)
    return t_estimate(name, pair.label, "points", numbers, effect, n, degrees)


def mmrm_batch(
    change: ArrayLike,
    baseline: ArrayLike,
    active: ArrayLike,
    visit: int = -1,
    *,
    stratum: ArrayLike | None = None,
    degrees: Degrees = "satterthwaite",
    start: NDArray[np.float64] | None = None,
) -> BatchEstimate:
    """Compare two arms by the mixed model in every replicate.

    Parameters
    ----------
    change : array_like, shape (n_replicates, n_patients, n_visits)
        Change from baseline in points; NaN for missing.
    baseline, active, stratum : array_like, shape (n_patients,) or (n_replicates, n_patients)
        As for `ancova_batch`.
    visit : int, optional
        Index of the visit; the last if left out.
    degrees : {"satterthwaite", "kenward-roger"}, optional
        How the degrees of freedom are found.
    start : ndarray, shape (n_visits, n_visits), optional
        One covariance from which the search of every replicate begins, so that no replicate depends
        on another.

    Returns
    -------
    BatchEstimate
        Active minus control; NaN where a replicate's model has no solution.
    """
    y = np.asarray(change, np.float64)
    if y.ndim != 3:
        raise InputError(
            f"changes have {y.ndim} axes", where="batch analysis",
            expected="(replicates, patients, visits)",
        )  # fmt: skip
    flat = y.shape[:2]
    before = np.broadcast_to(np.asarray(baseline, np.float64), flat)
    members = np.broadcast_to(np.asarray(active).astype(np.int64), flat)
    groups = np.broadcast_to(np.zeros(1, np.int64) if stratum is None else stratum, flat)
    place = range(y.shape[2])[visit]
    found = np.full((3, y.shape[0]), np.nan)
    for replicate in range(y.shape[0]):
        try:
            fit = _fit(
                y[replicate], before[replicate], members[replicate], groups[replicate], start
            )
        except RemlError:
            continue
        if fit.arms.size == 2:
            found[:, replicate] = contrast_test(fit.reml, fit.weights(1, place), degrees=degrees)
    return _intervals(*found)


def _intervals(
    value: NDArray[np.float64], se: NDArray[np.float64], df: NDArray[np.float64]
) -> BatchEstimate:
    from scipy.special import stdtr, stdtrit

    half = stdtrit(df, 0.975) * se
    p = 2 * stdtr(df, -np.abs(value) / se)
    return BatchEstimate(value, se, df, value - half, value + half, p)


def _fit(
    change: NDArray[np.float64],
    baseline: NDArray[np.float64],
    arm: NDArray[np.int64],
    groups: NDArray[np.int64],
    start: NDArray[np.float64] | None,
) -> MmrmFit:
    kept = ~np.isnan(change).all(axis=1) & ~np.isnan(baseline)
    if not kept.any():
        raise RemlError("no patient has a value")
    y, before, arm, groups = change[kept], baseline[kept], arm[kept], groups[kept]
    arms, levels = np.unique(arm), np.unique(groups)
    spread = float(before.std())
    if spread == 0:
        raise RemlError("every patient has the same baseline")
    columns = [np.ones(y.shape[0]), *(arm == one for one in arms[1:])]
    # The unit of the baseline does not touch the contrast; standardised, it keeps the sums in scale.
    columns.append((before - before.mean()) / spread)
    varying = len(columns)
    columns += [groups == one for one in levels[1:]]
    x = np.column_stack(columns).astype(np.float64)
    constraint = None
    if levels.size > 1:
        constraint = _common_effects(varying, x.shape[1], y.shape[1])
    return MmrmFit(fit_reml(y, x, constraint=constraint, start=start), arms, y.shape[0], y.shape[1])


def _common_effects(varying: int, p: int, visits: int) -> NDArray[np.float64]:
    """Return the constraint that gives all covariates from `varying` on one effect at all visits."""
    fixed = p - varying
    matrix = np.zeros((visits, p, visits * varying + fixed))
    for visit in range(visits):
        matrix[visit, :varying, visit * varying : (visit + 1) * varying] = np.eye(varying)
        matrix[visit, varying:, visits * varying :] = np.eye(fixed)
    return matrix.reshape(visits * p, -1)


def never_seen(data: TrialData, pair: Contrast) -> str:
    """Say which arm has no value at all at some visit.

    Parameters
    ----------
    data : TrialData
        The trial.
    pair : Contrast
        The two arms.

    Returns
    -------
    str
        The reason why there is no model of every visit, or empty.
    """
    seen = ~np.isnan(data.change[pair.patients])
    for name, members in zip(pair.names, (pair.active, ~pair.active), strict=True):
        empty = np.flatnonzero(~seen[members].any(axis=0))
        if empty.size:
            return f"arm {name!r} has no value at {data.visits_h[empty[0]]:g} h"
    return ""
