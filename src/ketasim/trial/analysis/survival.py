"""Time to relapse: the hazard ratio and the log-rank test."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.trial.analysis.contrast import contrast_of, failure, t_estimate, too_few

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.trial.analysis.contrast import Contrast
    from ketasim.trial.data import Estimate, TrialData

__all__ = ["cox", "log_rank"]

_UNIT = "log hazard ratio"


def cox(data: TrialData, active: str, control: str, *, strata: bool = True) -> Estimate:
    """Compare the hazard of relapse of two arms by Cox's regression.

    Parameters
    ----------
    data : TrialData
        The trial, with `event_h` and `event`; patients without a time are left out.
    active, control : str
        Names of the arms.
    strata : bool, optional
        Whether each stratum of the randomisation has a baseline hazard of its own.

    Returns
    -------
    Estimate
        Log hazard ratio, negative where the active arm relapses less; ties by Efron's method.
        NaN and a reason where an arm has no relapse. No effect size.

    Raises
    ------
    InputError
        If the trial has no times to relapse.
    """
    pair, hours, relapsed, seen = _course(data, active, control)
    n = int(seen.sum())
    if why := too_few(pair, seen) or _no_event(pair, relapsed & seen):
        return failure("cox", pair.label, _UNIT, n, why)
    groups = data.strata[pair.patients][seen] if strata else None
    value, se = _hazard(hours[seen], relapsed[seen], pair.active[seen], groups)
    if not (np.isfinite(value) and np.isfinite(se)) or abs(value) > 15:
        return failure("cox", pair.label, _UNIT, n, "the partial likelihood has no maximum")
    return t_estimate("cox", pair.label, _UNIT, (value, se, np.inf), np.nan, n, "Efron ties")


def log_rank(data: TrialData, active: str, control: str, *, strata: bool = True) -> Estimate:
    """Compare the times to relapse of two arms by the log-rank test.

    Parameters
    ----------
    data, active, control, strata
        As for `cox`.

    Returns
    -------
    Estimate
        The p value is that of the log-rank test. The test has no estimate of its own, so the log
        hazard ratio and its limits are those of `cox`, as trials report them.

    Raises
    ------
    InputError
        If the trial has no times to relapse.
    """
    from statsmodels.duration.survfunc import survdiff

    pair, hours, relapsed, seen = _course(data, active, control)
    companion = replace(cox(data, active, control, strata=strata), analysis="log_rank")
    if too_few(pair, seen) or not relapsed[seen].any():
        return companion
    groups = data.strata[pair.patients][seen]
    several = groups if strata and np.unique(groups).size > 1 else None
    _, p = survdiff(hours[seen], relapsed[seen], pair.active[seen].astype(int), strata=several)
    return replace(companion, p=float(p))


def _course(
    data: TrialData, active: str, control: str
) -> tuple[Contrast, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    if data.event_h is None or data.event is None:
        raise InputError(
            "the trial has no times to relapse", where="analysis", expected="'event_h' and 'event'"
        )
    pair = contrast_of(data, active, control)
    hours = data.event_h[pair.patients]
    return pair, hours, data.event[pair.patients].astype(bool), ~np.isnan(hours)


def _no_event(pair: Contrast, relapsed: NDArray[np.bool_]) -> str:
    for name, members in zip(pair.names, (pair.active, ~pair.active), strict=True):
        if not relapsed[members].any():
            return f"nobody in arm {name!r} relapsed, so the hazard ratio is infinite or nil"
    return ""


def _hazard(
    hours: NDArray[np.float64],
    relapsed: NDArray[np.bool_],
    active: NDArray[np.bool_],
    groups: NDArray[np.int64] | None,
) -> tuple[float, float]:
    from statsmodels.duration.hazard_regression import PHReg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = PHReg(
                hours,
                active.astype(np.float64)[:, None],
                status=relapsed.astype(np.float64),
                strata=groups,
                ties="efron",
            ).fit(disp=False)
            return float(fit.params[0]), float(fit.bse[0])
        except np.linalg.LinAlgError:
            return float("nan"), float("nan")
