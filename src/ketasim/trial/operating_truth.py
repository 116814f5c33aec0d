"""What a trial of everybody would find: the value against which bias and coverage are measured.

It belongs to the pool, the context and the rating of the runs. Each person is rated under both
treatments with the same random numbers and nobody leaves, so that the error is that of a paired
difference. Where leaving is part of what is estimated, large trials with dropout take their place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ketasim.trial.analysis import cox_batch
from ketasim.trial.analysis.binary import fit_logistic
from ketasim.trial.conduct import run_trial
from ketasim.trial.design_parts import TrialAllocation, TrialDropout
from ketasim.trial.operating_analysis import unit_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ketasim.trial.design import TrialDesign
    from ketasim.trial.operating_analysis import Conditions, Contrast
    from ketasim.trial.pool import TrialPool
    from ketasim.trial.replicates import TrialReplicates

__all__ = ["TRUTH_PATIENTS", "Truth", "truths_of"]

TRUTH_PATIENTS = 40_000
"""Patients in each arm from whom the truth is computed."""

_TRIALS = 400
_FIRST = 2**32
_FEW = 2
_RARE = 1e-9


@dataclass(frozen=True)
class Truth:
    """The true value of a contrast.

    Parameters
    ----------
    value, se : float
        In the unit of the end point, and the Monte-Carlo error; NaN where the design does not
        define it.
    """

    value: float
    se: float


@dataclass(frozen=True, eq=False)
class _Rows:
    """Complete follow-up of many patients of one arm."""

    baseline: NDArray[np.float64]
    score: NDArray[np.float64]
    failed: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    trial: NDArray[np.int64]


def truths_of(
    design: TrialDesign,
    pool: TrialPool,
    contrasts: Sequence[Contrast],
    conditions: Conditions,
    patients: int = TRUTH_PATIENTS,
) -> dict[Contrast, Truth]:
    """Return the true value of every contrast.

    Parameters
    ----------
    design : TrialDesign
        The trial. Points: the difference of the mean changes. Response and remission: the log odds
        ratio given the baseline, or the difference of the shares. Relapse: the log hazard ratio.
    pool : TrialPool
        Its people.
    contrasts : sequence of pairs of str
        Names of active and control arms.
    conditions : Conditions
        Assumptions and seed; the replicates are others than those of the trials.
    patients : int, optional
        In each arm.

    Returns
    -------
    dict of (str, str) to Truth
        Under the treatment policy those who left count as if they had gone on; the hypothetical
        strategy also takes the rescue medication away; a composite counts who left as failed;
        while on treatment, the last value before leaving counts.
    """
    if design.endpoint.measure == "relapse":
        return _hazards(design, pool, contrasts, conditions, patients)
    names = sorted({name for pair in contrasts for name in pair}, key=design.arm_index)
    paired = design.endpoint.estimand in ("treatment_policy", "hypothetical")
    if paired:
        rows = {name: _everyone(design, pool, name, conditions, patients) for name in names}
    else:
        rows = _with_dropout(design, pool, names, conditions, patients)
    return {pair: _contrast(design, rows[pair[0]], rows[pair[1]], paired) for pair in contrasts}


def _run(
    design: TrialDesign, pool: TrialPool, conditions: Conditions, trials: int
) -> TrialReplicates:
    return run_trial(
        design, trials, conditions.seed, pool=pool, rating=conditions.rating,
        context=conditions.context, settings=conditions.settings, first=_FIRST,
        threads=conditions.threads,
    )  # fmt: skip


def _staying(design: TrialDesign) -> TrialDesign:
    """Return the design without anybody who leaves; by the hypothetical strategy without rescue."""
    arms = tuple(replace(arm, dropout=None) for arm in design.arms)
    rescue = None if design.endpoint.estimand == "hypothetical" else design.rescue
    return replace(design, arms=arms, dropout=TrialDropout(), rescue=rescue)


def _everyone(
    design: TrialDesign, pool: TrialPool, name: str, conditions: Conditions, patients: int
) -> _Rows | None:
    """Rate (nearly) everyone under one treatment; who got another is marked as not kept."""
    count = max(patients // _TRIALS, 2 * _FEW)
    simple = TrialAllocation("simple")
    if design.periods is not None:
        starts = [sequence[0] for sequence in design.periods.sequences]
        if name not in starts:
            return None
        share = np.full(len(starts), _RARE)
        share[starts.index(name)] = 1.0 - _RARE * (len(starts) - 1)
        simple = TrialAllocation("simple", tuple(share.tolist()) if len(starts) > 1 else ())
    # All arms stay in the design, since expectancy depends on the control that might have been.
    arms = tuple(
        replace(arm, n=count if design.periods or arm.name == name else _FEW) for arm in design.arms
    )
    runs = _run(_staying(replace(design, arms=arms, allocation=simple)), pool, conditions, _TRIALS)
    rows = _rows_of(runs, runs.complete)
    return replace(rows, kept=rows.kept & (runs.arm[_period(runs)] == design.arm_index(name)))


def _period(runs: TrialReplicates) -> NDArray[np.bool_]:
    """Return the rows of first periods: later ones carry over what came before."""
    return np.asarray(runs.period == 0)


def _rows_of(runs: TrialReplicates, values: NDArray[np.float64]) -> _Rows:
    design, first = runs.design, _period(runs)
    place = runs.visit_names.index(design.visits[design.visit_index(design.endpoint.visit)].name)
    score = values[:, :, place][first]
    failed = (runs.stopped_h <= runs.visits_h[place])[first]
    trial = np.broadcast_to((runs.replicate - _FIRST)[:, None], runs.arm.shape)[first]
    return _Rows(runs.baseline[first], score, failed, ~np.isnan(score), trial)


def _with_dropout(
    design: TrialDesign,
    pool: TrialPool,
    names: Sequence[str],
    conditions: Conditions,
    patients: int,
) -> dict[str, _Rows | None]:
    trials = -(-patients // min(arm.n for arm in design.arms))
    runs = _run(design, pool, conditions, trials)
    values = runs.complete
    if design.endpoint.estimand == "while_on_treatment":
        values = values.copy()
        for visit in range(1, runs.visits_h.size):
            gone = runs.stopped_h < runs.visits_h[visit]
            values[:, :, visit] = np.where(gone, values[:, :, visit - 1], values[:, :, visit])
        values[runs.stopped_h < runs.visits_h[0]] = np.nan
    rows = _rows_of(runs, values)
    arm = runs.arm[_period(runs)]
    found: dict[str, _Rows | None] = {}
    for name in names:
        here = arm == design.arm_index(name)
        found[name] = _Rows(*(getattr(rows, one)[here] for one in _Rows.__dataclass_fields__))
    return found


def _contrast(
    design: TrialDesign, active: _Rows | None, control: _Rows | None, paired: bool
) -> Truth:
    if active is None or control is None:
        return Truth(float("nan"), float("nan"))
    if paired:
        both = active.kept & control.kept
        active, control = (
            _Rows(*(getattr(one, name)[both] for name in _Rows.__dataclass_fields__))
            for one in (active, control)
        )
    values = [_outcome(design, one) for one in (active, control)]
    if unit_of(design.endpoint) == "log odds ratio":
        return _odds(values, [active.baseline, control.baseline])
    if paired:
        return _mean_of_trials(values[0] - values[1], active.trial)
    first, second = (one[~np.isnan(one)] for one in values)
    variance = first.var(ddof=1) / first.size + second.var(ddof=1) / second.size
    return Truth(float(first.mean() - second.mean()), float(np.sqrt(variance)))


def _mean_of_trials(gap: NDArray[np.float64], trial: NDArray[np.int64]) -> Truth:
    """Return the mean over patients, whose error also holds that trials differ."""
    count = np.bincount(trial)
    seen = count > 0
    # The patients of a trial share its level, and the floor of the scale makes effects depend on it.
    means = np.bincount(trial, weights=gap)[seen] / count[seen]
    return Truth(float(gap.mean()), float(means.std(ddof=1) / np.sqrt(means.size)))


def _outcome(design: TrialDesign, rows: _Rows) -> NDArray[np.float64]:
    from ketasim.instruments import load_scale, remission, response

    end = design.endpoint
    if end.measure == "change":
        return np.asarray(rows.score - rows.baseline)
    if end.measure == "response":
        met = response(rows.score, rows.baseline)
    else:
        limit = load_scale(design.scale).remission_cutoff if end.cutoff is None else end.cutoff
        met = remission(rows.score, limit)
    return np.where(rows.failed, 0.0, met) if end.estimand == "composite" else np.asarray(met)


def _odds(values: list[NDArray[np.float64]], baseline: list[NDArray[np.float64]]) -> Truth:
    met, before = np.concatenate(values), np.concatenate(baseline)
    active = np.arange(met.size) < values[0].size
    seen = ~np.isnan(met)
    centred = (before[seen] - before[seen].mean())[:, None]
    value, se, _ = fit_logistic(met[seen], active[seen], centred)
    return Truth(value, se)


def _hazards(
    design: TrialDesign,
    pool: TrialPool,
    contrasts: Sequence[Contrast],
    conditions: Conditions,
    patients: int,
) -> dict[Contrast, Truth]:
    end = design.endpoint
    leaving = end.estimand in ("composite", "while_on_treatment")
    trials = -(-patients // min(arm.n for arm in design.arms))
    runs = _run(design if leaving else _staying(design), pool, conditions, trials)
    assert runs.event is not None
    assert runs.event_h is not None
    hours, event = runs.event_h, runs.event
    if leaving:
        first = runs.stopped_h <= hours
        hours = np.where(first, runs.stopped_h, hours)
        event = np.where(first, end.estimand == "composite", event)
    found = {}
    for pair in contrasts:
        places = [design.arm_index(name) for name in pair]
        ours = np.where(np.isin(runs.arm, places), hours, np.nan)
        one = cox_batch(
            ours.reshape(1, -1), event.reshape(1, -1), (runs.arm == places[0]).reshape(1, -1)
        )
        found[pair] = Truth(float(one.estimate[0]), float(one.se[0]))
    return found
