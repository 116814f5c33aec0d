"""Third stage: the stable-remission state and the drift, from the withdrawal trial alone.

Consolidation is zero without a background antidepressant, and no acute target has one, so this stage
leaves the fits of the acute model as they are. Run as
``python -m ketasim.inference.longterm`` to print the values anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ketasim.inference.longterm.parameters import load_parameters
from ketasim.inference.longterm.programmes import ATOL, RTOL, Courses, follow, programme
from ketasim.inference.longterm.relapse import hazard_ratio

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.inference.longterm.programmes import Programme

__all__ = [
    "FITTED",
    "LongTermFit",
    "WithdrawalTrial",
    "consolidated_relief",
    "fit_long_term",
    "withdrawal_trial",
]

FITTED = {
    "consolidation_rate": (0.0005, 1.5, "1/h"),
    "tau_consolidation": (2000.0, 0.5, "h"),
    "drift_tau": (4383.0, 0.7, "h"),
}
"""Median, SD of the logarithm and unit of the prior (assumed): weeks to a year for the time constants,
and a rate of which little was known."""

_STUDY = "SUSTAIN-1 (Daly 2019)"
_MEDIAN_TEXT = "median time to relapse 273 d (97-NE)"
_MEDIAN_D, _MEDIAN_LOW_D = 273.0, 97.0
_GRID_H = 12.0


@dataclass(frozen=True)
class WithdrawalTrial:
    """What the randomised withdrawal of the evidence printed.

    Parameters
    ----------
    relapsed, n : tuple of int
        Relapses and patients, going on and stopping.
    hazard_ratio, low, high : float
        With its 95 % interval.
    median_d, median_low_d : float
        Median days to relapse on stopping, and the lower end of its interval; it has no upper end.
    """

    relapsed: tuple[int, int]
    n: tuple[int, int]
    hazard_ratio: float
    low: float
    high: float
    median_d: float = _MEDIAN_D
    median_low_d: float = _MEDIAN_LOW_D

    @property
    def shares(self) -> tuple[float, float]:
        """Share that relapsed, going on and stopping."""
        return self.relapsed[0] / self.n[0], self.relapsed[1] / self.n[1]

    @property
    def log_hazard_sd(self) -> float:
        """SD of the log hazard ratio, from its interval."""
        return float(np.log(self.high / self.low) / (2 * 1.959964))

    @property
    def log_median_sd(self) -> float:
        """SD of the log median, from the lower end of its interval."""
        return float(np.log(self.median_d / self.median_low_d) / 1.959964)


def withdrawal_trial() -> WithdrawalTrial:
    """Read the randomised withdrawal from the rows that may be fitted.

    Returns
    -------
    WithdrawalTrial
        SUSTAIN-1's stable remitters.
    """
    from ketasim.evidence import calibration_rows

    rows = calibration_rows("clinical_aux", where={"kind": "relapse"}).to_frame()
    rows = rows[rows["study"] == _STUDY]
    going, stopping = (rows[rows["arm"] == f"stable remitters {arm}"].iloc[0] for arm in _ARMS)
    assert _MEDIAN_TEXT in str(stopping["notes"])
    arms = calibration_rows("clinical_arms", where={"kind": "effect_size"}).to_frame()
    ratio = arms[(arms["study"] == _STUDY) & (arms["scale"] == "relapse_HR")].iloc[0]
    sizes = (int(going["n"]), int(stopping["n"]))
    relapsed = (_count(going), _count(stopping))
    return WithdrawalTrial(
        relapsed, sizes, float(ratio["value"]), float(ratio["ci_low"]), float(ratio["ci_high"])
    )


_ARMS = ("esketamine", "placebo")


def _count(row: pd.Series) -> int:
    return round(float(row["value"]) * float(row["n"]) / 100.0)


def consolidated_relief(
    times_h: NDArray[np.float64],
    benefit: NDArray[np.float64],
    spines: NDArray[np.float64],
    rate: float,
    tau_h: float,
) -> NDArray[np.float64]:
    """Add consolidation to a course that was simulated without it.

    Consolidation is a leaky integral of the spines above rest, and the benefit follows within
    minutes, so the two add. The leak is exact; between times the spines are a straight line.

    Parameters
    ----------
    times_h : ndarray, shape (n_times,)
        Rising, from 0.
    benefit : ndarray, shape (n_people, n_times)
        ``mood_benefit`` without consolidation.
    spines : ndarray, shape (n_people, n_times)
        Fold over rest.
    rate, tau_h : float
        Parameters of consolidation, 1/h and h.

    Returns
    -------
    ndarray, shape (n_people, n_times)
        Relief.
    """
    above = np.maximum(spines - 1.0, 0.0)
    held = np.zeros_like(above)
    for at, step in enumerate(np.diff(times_h), start=1):
        kept = np.exp(-step / tau_h)
        mean = 0.5 * (above[:, at - 1] + above[:, at])
        held[:, at] = kept * held[:, at - 1] + rate * tau_h * (1.0 - kept) * mean
    return np.asarray(-np.expm1(-(benefit + held)))


@dataclass(frozen=True, eq=False)
class LongTermFit:
    """What `fit_long_term` found.

    Parameters
    ----------
    values : dict of str to float
        By parameter, in the units of `FITTED`.
    log_sd : dict of str to float
        SD of the logarithm by Laplace's approximation.
    targets : DataFrame
        Published value, SD on the scale of the fit, prediction.
    """

    values: dict[str, float]
    log_sd: dict[str, float]
    targets: pd.DataFrame


@dataclass(frozen=True, eq=False)
class _Bare:
    """Both arms without consolidation, on a fine grid."""

    times: NDArray[np.float64]
    benefit: NDArray[np.float64]
    spines: NDArray[np.float64]
    courses: Courses

    def with_consolidation(self, rate: float, tau_h: float) -> Courses:
        relief = consolidated_relief(self.times, self.benefit, self.spines, rate, tau_h)
        at = np.searchsorted(self.times, self.courses.programme.times_h)
        return replace(self.courses, relief=relief[:, at])


def _bare(hypothesis: str, people: int, seed: int, what: Programme) -> _Bare:
    from ketasim.model import load_model
    from ketasim.population import virtual_patients
    from ketasim.simulate import simulate

    model = load_model(hypothesis)
    cohort = virtual_patients(model, people, seed)
    visits = what.times_h
    times = np.unique(np.concatenate([np.arange(0.0, visits[-1] + 1.0, _GRID_H), visits]))
    run = simulate(
        model, what.regimen, cohort=cohort, times=times, outputs=("mood_benefit", "spines"),
        overrides={"background_antidepressant": 0.0}, rtol=RTOL, atol=ATOL, progress=False,
    )  # fmt: skip
    benefit, spines = (
        run.dataset[name].transpose("patient", "time").to_numpy()
        for name in ("mood_benefit", "spines")
    )
    baseline = cohort.table["madrs_baseline"].to_numpy(np.float64)
    empty = np.zeros((baseline.size, visits.size))
    return _Bare(times, benefit, spines, Courses(what, empty, baseline, hypothesis))


def fit_long_term(
    hypothesis: str = "article", *, people: int = 256, repeats: int = 24, seed: int = 1
) -> LongTermFit:
    """Fit consolidation and drift to the relapses of the withdrawal trial.

    Parameters
    ----------
    hypothesis : str, optional
        All hypotheses share the values.
    people, repeats : int, optional
        Simulated people, and patients for each of them.
    seed : int, optional
        Of both; the same numbers are drawn for every value that is tried.

    Returns
    -------
    LongTermFit
        Maximum a posteriori. Fitted are the share that relapsed on stopping, the median time to
        it, and the hazard ratio of going on. The doses after randomisation, one every second week,
        the rules and 40 weeks of follow-up are assumed.
    """
    from scipy.optimize import minimize

    trial, limits = withdrawal_trial(), load_parameters()
    arms = [_bare(hypothesis, people, seed, programme(n)) for n in ("continued", "stopped")]
    centre = np.log([prior[0] for prior in FITTED.values()])
    width = np.array([prior[1] for prior in FITTED.values()])
    seen, error = _published(trial)

    def predicted(log_values: NDArray[np.float64]) -> NDArray[np.float64]:
        rate, tau, drift = np.exp(log_values)
        now = replace(limits, drift_tau_h=float(drift))
        going, stopping = (
            follow(one.with_consolidation(rate, tau), parameters=now, repeats=repeats, seed=seed)
            for one in arms
        )
        end = limits.follow_up_h / 24.0
        # A median beyond the year that is simulated counts as its end.
        median = min(stopping.smooth_median_d, stopping.end_d)
        ratio = hazard_ratio(going, stopping, end)
        return np.array([stopping.share(end), np.log(median), np.log(ratio)])

    def misfit(log_values: NDArray[np.float64]) -> float:
        parts = np.append((predicted(log_values) - seen) / error, (log_values - centre) / width)
        return float(0.5 * parts @ parts)

    start = centre + np.array([[0, 0, 0], [0.8, 0, 0], [0, 0.4, 0], [0, 0, 0.5]])
    found = minimize(
        misfit, start[0], method="Nelder-Mead",
        options={"initial_simplex": start, "xatol": 0.01, "fatol": 1e-3, "maxfev": 160},
    )  # fmt: skip
    return _fit(found.x, predicted, seen, error, width)


def _published(trial: WithdrawalTrial) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    share = trial.shares[1]
    seen = np.array([share, np.log(trial.median_d), np.log(trial.hazard_ratio)])
    share_sd = np.sqrt(share * (1.0 - share) / trial.n[1])
    return seen, np.array([share_sd, trial.log_median_sd, trial.log_hazard_sd])


def _fit(
    at: NDArray[np.float64],
    predicted: object,
    seen: NDArray[np.float64],
    error: NDArray[np.float64],
    width: NDArray[np.float64],
) -> LongTermFit:
    import pandas as pd

    assert callable(predicted)
    # Steps wide enough to see past the jumps that whole scores and visits make.
    step = 0.25
    slopes = [(predicted(at + s) - predicted(at - s)) / (2 * step) for s in step * np.eye(at.size)]
    jacobian = np.stack(slopes, axis=1) / error[:, None]
    spread = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian + np.diag(width**-2.0))))
    table = pd.DataFrame(
        {"published": seen, "sd": error, "predicted": predicted(at)},
        index=pd.Index(["share stopped", "log median d", "log hazard ratio"], name="target"),
    )
    names = list(FITTED)
    values = dict(zip(names, np.exp(at).tolist(), strict=True))
    return LongTermFit(values, dict(zip(names, spread.tolist(), strict=True)), table)
