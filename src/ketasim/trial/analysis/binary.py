"""Response and remission: the odds ratio and the difference of the rates."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import unknown_name
from ketasim.instruments.scales import load_scale, remission, response
from ketasim.trial.analysis.contrast import contrast_of, failure, t_estimate, too_few
from ketasim.trial.data import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.trial.data import TrialData

__all__ = ["OUTCOMES", "fit_logistic", "logistic", "outcome_of", "risk_difference"]

OUTCOMES = ("response", "remission")
"""The binary outcomes."""

_UNIT = "log odds ratio"
_D_PER_LOG_ODDS = np.sqrt(3) / np.pi


def outcome_of(
    data: TrialData,
    visit: str | float,
    outcome: str,
    *,
    cutoff: float | None = None,
    missing_is_failure: bool = False,
) -> NDArray[np.float64]:
    """Say who responded or is in remission at a visit.

    Parameters
    ----------
    data : TrialData
        The trial.
    visit : str or float
        Name or hour of the visit.
    outcome : {"response", "remission"}
        Response is a fall by at least half of the baseline.
    cutoff : float, optional
        Highest score that counts as remission; the scale's own if left out.
    missing_is_failure : bool, optional
        Whether a patient without a value counts as a failure, else NaN.

    Returns
    -------
    ndarray, shape (n_patients,)
        1, 0 or NaN.

    Raises
    ------
    UnknownNameError
        If there is no such outcome or scale.
    """
    if outcome not in OUTCOMES:
        raise unknown_name("outcome", outcome, OUTCOMES)
    score = data.values[:, data.visit_index(visit)]
    if outcome == "response":
        met = response(score, data.baseline)
    else:
        limit = load_scale(data.scale).remission_cutoff if cutoff is None else cutoff
        met = remission(score, limit)
    return np.where(np.isnan(met), 0.0, met) if missing_is_failure else met


def logistic(
    data: TrialData,
    visit: str | float,
    active: str,
    control: str,
    *,
    outcome: str = "response",
    cutoff: float | None = None,
    adjusted: bool = True,
    missing_is_failure: bool = False,
) -> Estimate:
    """Compare response or remission of two arms by logistic regression.

    Parameters
    ----------
    data : TrialData
        The trial.
    visit : str or float
        Name or hour of the visit.
    active, control : str
        Names of the arms.
    outcome : {"response", "remission"}, optional
        What is counted.
    cutoff : float, optional
        Highest score that counts as remission.
    adjusted : bool, optional
        Whether baseline and strata are covariates.
    missing_is_failure : bool, optional
        Whether a patient without a value counts as a failure, else is left out.

    Returns
    -------
    Estimate
        Log odds ratio, positive where the active arm does better, with Wald limits; NaN and a
        reason where the outcome separates the patients. The effect size is the log odds ratio times
        sqrt(3)/pi (Hasselblad and Hedges 1995, Psychol Bull 117:167-178).
    """
    pair = contrast_of(data, active, control)
    met = outcome_of(data, visit, outcome, cutoff=cutoff, missing_is_failure=missing_is_failure)[
        pair.patients
    ]
    before = data.baseline[pair.patients]
    seen = ~np.isnan(met) & (~np.isnan(before) | (not adjusted))
    n = int(seen.sum())
    if why := too_few(pair, seen):
        return failure("logistic", pair.label, _UNIT, n, why)
    covariates = np.empty((n, 0))
    if adjusted:
        covariates = _covariates(before[seen], data.strata[pair.patients][seen])
    value, se, why = fit_logistic(met[seen], pair.active[seen], covariates)
    if why:
        return failure("logistic", pair.label, _UNIT, n, why)
    return t_estimate(
        "logistic", pair.label, _UNIT, (value, se, np.inf), value * _D_PER_LOG_ODDS, n, outcome
    )


def fit_logistic(
    met: NDArray[np.float64], active: NDArray[np.bool_], covariates: NDArray[np.float64]
) -> tuple[float, float, str]:
    """Fit a logistic regression on the arm and covariates.

    Parameters
    ----------
    met : ndarray, shape (n,)
        1 or 0.
    active : ndarray of bool, shape (n,)
        True for the active arm.
    covariates : ndarray, shape (n, k)
        Further columns, without the constant.

    Returns
    -------
    tuple of float, float, str
        Log odds ratio, standard error, and the reason where both are NaN.
    """
    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    nan = float("nan")
    for word, members in (("active", active), ("control", ~active)):
        count = met[members].sum()
        if count in (0, members.sum()):
            who = "nobody" if count == 0 else "everybody"
            return (
                nan,
                nan,
                f"{who} in the {word} arm met the outcome, so the odds ratio is infinite",
            )
    design = np.column_stack([np.ones(met.size), active, covariates])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return nan, nan, "the covariates determine the arm or each other"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = sm.GLM(met, design, family=sm.families.Binomial()).fit()
        except (PerfectSeparationError, np.linalg.LinAlgError):
            return nan, nan, _SEPARATED
    # A maximum at infinity shows as a linear predictor that keeps growing until the search stops.
    extreme = np.abs(design @ fit.params).max() > 15
    if (extreme or not fit.converged) and _separated(met, design):
        return nan, nan, _SEPARATED
    return float(fit.params[1]), float(fit.bse[1]), ""


_SEPARATED = "the covariates separate who met the outcome from who did not, so no estimate exists"


def _separated(met: NDArray[np.float64], design: NDArray[np.float64]) -> bool:
    """Say whether a plane separates the outcomes, by the linear programme of Konis (2007)."""
    from scipy.optimize import linprog

    signed = (2 * met - 1)[:, None] * design / np.abs(design).max(axis=0)
    found = linprog(
        -signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(met.size), bounds=(-1, 1), method="highs"
    )
    return bool(found.status == 0 and -found.fun > 1e-7)


def risk_difference(
    data: TrialData,
    visit: str | float,
    active: str,
    control: str,
    *,
    outcome: str = "response",
    cutoff: float | None = None,
    missing_is_failure: bool = False,
) -> Estimate:
    """Compare the rates of response or remission of two arms.

    Parameters
    ----------
    data, visit, active, control, outcome, cutoff, missing_is_failure
        As for `logistic`.

    Returns
    -------
    Estimate
        Active minus control as a fraction, positive where the active arm does better. The interval
        is the hybrid score interval (method 10 of Newcombe 1998, Stat Med 17:873-890), the p value
        that of the pooled score test, the standard error Wald's. The effect size is Cohen's h.
    """
    from statsmodels.stats.proportion import (
        confint_proportions_2indep,
        proportion_effectsize,
        proportions_ztest,
    )

    name, unit = "risk_difference", "fraction"
    pair = contrast_of(data, active, control)
    met = outcome_of(data, visit, outcome, cutoff=cutoff, missing_is_failure=missing_is_failure)[
        pair.patients
    ]
    seen = ~np.isnan(met)
    n = int(seen.sum())
    if why := too_few(pair, seen, 1):
        return failure(name, pair.label, unit, n, why)
    n1, n2 = int(np.sum(seen & pair.active)), int(np.sum(seen & ~pair.active))
    k1, k2 = int(met[seen & pair.active].sum()), int(met[seen & ~pair.active].sum())
    r1, r2 = k1 / n1, k2 / n2
    low, high = confint_proportions_2indep(k1, n1, k2, n2, method="newcomb", compare="diff")
    p = 1.0
    if 0 < k1 + k2 < n1 + n2:
        p = float(proportions_ztest([k1, k2], [n1, n2])[1])
    se = float(np.sqrt(r1 * (1 - r1) / n1 + r2 * (1 - r2) / n2))
    effect = float(proportion_effectsize(r1, r2))
    return Estimate(
        "", name, pair.label, r1 - r2, se, np.inf, float(low), float(high), p, unit, effect, n,
        f"{outcome}, Newcombe interval",
    )  # fmt: skip


def _covariates(baseline: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    dummies = [(groups == one).astype(np.float64) for one in np.unique(groups)[1:]]
    return np.column_stack([baseline - baseline.mean(), *dummies])
