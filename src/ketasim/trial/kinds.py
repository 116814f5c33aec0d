"""One chunk of replicates, by kind of design: parallel, crossover, withdrawal, re-randomised."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.instruments import load_scale, normal_draws
from ketasim.trial.allocation import allocate
from ketasim.trial.decisions import raise_doses, randomise_again, rescue
from ketasim.trial.dropout import Departure, Missing, visit_times
from ketasim.trial.patients import (
    Patients,
    Setting,
    added_by_context,
    enter,
    felt_of,
    left_by_treatment,
    observed,
    planned,
    recorded_scores,
    result_of,
    strata_of,
)
from ketasim.trial.rating import patient_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.trial.replicates import TrialReplicates

__all__ = ["run_chunk"]

_MOST_CANDIDATES = 2**20


def run_chunk(setting: Setting, replicates: NDArray[np.int64]) -> TrialReplicates:
    """Run some replicates.

    Parameters
    ----------
    setting : Setting
        What they share.
    replicates : ndarray of int, shape (n_replicates,)
        Their numbers.

    Returns
    -------
    TrialReplicates
        Without the error of the pool.
    """
    if setting.design.periods is not None:
        return _crossover(setting, replicates)
    if setting.design.induction is not None:
        return _withdrawal(setting, replicates)
    return _parallel(setting, replicates)


def _parallel(setting: Setting, replicates: NDArray[np.int64]) -> TrialReplicates:
    design, n = setting.design, setting.design.patients
    who = enter(setting, patient_numbers(replicates, n).ravel())
    stratum = strata_of(setting, who)
    arm = allocate(design, setting.seed, replicates, stratum.reshape(-1, n)).ravel()
    times = visit_times(design.visits, setting.seed, who.numbers)
    felt = felt_of(setting, who, arm, 0)
    severity = left_by_treatment(setting, who, arm, times) + added_by_context(
        setting, arm, times, felt
    )
    scores = recorded_scores(setting, who, severity)
    severity, raised = raise_doses(setting, who, arm, times, severity, scores)
    severity, rescued = rescue(setting, who, severity, scores)
    severity, second = randomise_again(setting, who, arm, times, severity, scores)
    if raised.any() or rescued.any() or (second >= 0).any():
        scores = recorded_scores(setting, who, severity)
    values, why, gone = observed(setting, who, arm, felt, scores, planned(setting))
    return result_of(
        setting, replicates, who, arm, scores, values, why,
        baseline=who.recorded, stopped_h=gone.stopped_h, stratum=stratum, dissociation=felt,
        raised=raised, rescued=rescued, second_arm=second,
    )  # fmt: skip


def _crossover(setting: Setting, replicates: NDArray[np.int64]) -> TrialReplicates:
    design, n = setting.design, setting.design.patients
    assert design.periods is not None
    who = enter(setting, patient_numbers(replicates, n).ravel())
    stratum = strata_of(setting, who)
    path = allocate(design, setting.seed, replicates, stratum.reshape(-1, n)).ravel()
    order = np.array([[design.arm_index(k) for k in one] for one in design.periods.sequences])
    arms = order[path]
    starts = np.array(design.periods.starts_h)
    visits = planned(setting)
    parts = [_period(setting, who, path, arms[:, k], k, float(s)) for k, s in enumerate(starts)]
    scores = np.stack([one[0] for one in parts], axis=1)
    baseline = np.stack([one[1] for one in parts], axis=1)
    felt = np.stack([one[2] for one in parts], axis=1)
    flat = scores.reshape(path.size, -1)
    times = (starts[:, None] + visits[None, :]).ravel()
    values, why, gone = observed(setting, who, arms[:, 0], felt[:, 0], flat, times)
    came = ~(gone.stopped_h[:, None] <= starts[None, :])
    shape = (-1, visits.size)
    count = starts.size
    rows = np.repeat(np.arange(path.size), count)
    return result_of(
        setting, replicates, who.kept(rows), arms.ravel(), scores.reshape(shape),
        values.reshape(shape), why.reshape(shape),
        baseline=np.where(came, baseline, np.nan).ravel(),
        stopped_h=np.maximum(gone.stopped_h[:, None] - starts[None, :], 0.0).ravel(),
        stratum=stratum[rows], dissociation=felt.ravel(),
        period=np.tile(np.arange(count), path.size),
    )  # fmt: skip


def _period(
    setting: Setting,
    who: Patients,
    path: NDArray[np.int64],
    arm: NDArray[np.int64],
    period: int,
    start: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rate one period; the pharmacology carries over, expectancy and departure begin anew."""
    times = visit_times(setting.design.visits, setting.seed, who.numbers)
    felt = felt_of(setting, who, path, period)
    severity = left_by_treatment(setting, who, path, times + start) + added_by_context(
        setting, arm, times, felt
    )
    scores = recorded_scores(setting, who, severity, period=period)
    if period == 0:
        return scores, who.recorded, felt
    before = left_by_treatment(setting, who, path, np.array([[start]]))[:, 0]
    mistake = normal_draws(setting.seed, f"error of the baseline {period}", who.numbers)[:, 0]
    scale = load_scale(setting.design.scale)
    latent = before + setting.rating.baseline_error_sd * mistake
    return scores, scale.record(scale.from_madrs(latent)), felt


def _withdrawal(setting: Setting, replicates: NDArray[np.int64]) -> TrialReplicates:
    design, n = setting.design, setting.design.patients
    assert design.induction is not None
    at = design.visit_index(design.induction.time_h)
    who, start, screened = _randomised(setting, replicates, at)
    stratum = strata_of(setting, who)
    arm = allocate(design, setting.seed, replicates, stratum.reshape(-1, n)).ravel()
    moments = visit_times(design.visits, setting.seed, who.numbers)
    felt = felt_of(setting, who, arm, 1)
    path = arm
    if setting.rating.world != "model" and design.reference is not None:
        # The induction worked; without a drug effect, going on is as good as stopping.
        path = np.full(arm.size, design.reference)
    left = left_by_treatment(_with_drug(setting), who, path, moments)
    scores = recorded_scores(setting, who, left + added_by_context(setting, arm, moments, felt))[
        :, at + 1 :
    ]
    times = planned(setting)[at + 1 :] - design.induction.time_h
    values, why, gone = observed(setting, replace(who, recorded=start), arm, felt, scores, times)
    event, event_h = _relapses(setting, values, gone, times)
    after = times[None, :] > np.where(event, event_h, np.inf)[:, None]
    why = np.where(after & ~np.isnan(values), Missing.AFTER_RELAPSE, why).astype(np.int8)
    stopped = np.where(event, np.nan, gone.stopped_h)
    return result_of(
        setting, replicates, who, arm, scores, np.where(after, np.nan, values), why,
        visits_h=times, visit_names=tuple(one.name for one in design.visits[at + 1 :]),
        baseline=start, stopped_h=stopped, stratum=stratum, dissociation=felt,
        event=event, event_h=event_h, screened=screened,
    )  # fmt: skip


def _with_drug(setting: Setting) -> Setting:
    return replace(setting, rating=replace(setting.rating, world="model"))


def _randomised(
    setting: Setting, replicates: NDArray[np.int64], at: int
) -> tuple[Patients, NDArray[np.float64], NDArray[np.float64]]:
    """Treat candidates until each replicate has enough who are well; return those."""
    n, candidates = setting.design.patients, 2 * setting.design.patients
    while candidates <= _MOST_CANDIDATES:
        who = enter(setting, patient_numbers(replicates, candidates).ravel())
        score = _induced(setting, who, at)
        assert setting.design.induction is not None
        well = (score <= setting.design.induction.at_most).reshape(replicates.size, candidates)
        if well.sum(axis=1).min() >= n:
            chosen = well & (well.cumsum(axis=1) <= n)
            rows = np.flatnonzero(chosen.ravel())
            last = candidates - chosen[:, ::-1].argmax(axis=1)
            return who.kept(rows), score[rows], last.astype(np.float64)
        candidates *= 2
    raise InputError(
        "too few patients are well after the induction",
        where="field 'induction.at_most'",
        expected="a higher score, or a longer induction",
    )


def _induced(setting: Setting, who: Patients, at: int) -> NDArray[np.float64]:
    induction = setting.design.induction
    assert induction is not None
    # The induction is an arm of its own for those who rate it: no mask, its own context.
    change = setting.care.change(induction.control, "the induction")
    if setting.design.setting == "inpatient":
        change = change + setting.care.settings.inpatient_change
    time = np.array([induction.time_h])
    path = np.zeros(who.person.size, dtype=np.int64)
    left = left_by_treatment(_with_drug(setting), who, path, time[None])
    severity = left + change * setting.care.context.course(time)[None, :]
    return recorded_scores(setting, who, severity, times=time)[:, 0]


def _relapses(
    setting: Setting,
    values: NDArray[np.float64],
    gone: Departure,
    times: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return who relapsed, and when, or when the follow-up ended."""
    rule = setting.design.induction
    assert rule is not None
    ill = values >= rule.relapse_score
    run = np.zeros(values.shape[0], dtype=np.int64)
    event = np.zeros(values.shape[0], dtype=bool)
    when = np.where(np.isnan(gone.stopped_h), times[-1], gone.stopped_h)
    for visit in range(times.size):
        # A missed visit neither counts as ill nor ends a row of visits that do.
        run = np.where(np.isnan(values[:, visit]), run, np.where(ill[:, visit], run + 1, 0))
        new = ~event & (run >= rule.relapse_visits)
        event |= new
        when = np.where(new, times[visit], when)
    return event, when
