"""Running an experiment: every arm, every hypothesis, the same patients."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.experiments.arms import ArmCache, ArmCourse, shared_cache, solve_arm
from ketasim.experiments.comparison import Comparison, Setting, compare
from ketasim.experiments.published import Observation, observations
from ketasim.experiments.result import ExperimentResult
from ketasim.experiments.tables import arm_rows, share_rows, sweep_rows
from ketasim.experiments.verdict import Verdict, verdict
from ketasim.instruments import Context, load_context
from ketasim.model.calibration import read_targets
from ketasim.provenance import hash_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from ketasim.experiments.design import Arm, Experiment, Size, Sweep
    from ketasim.model import Hypothesis, Model
    from ketasim.population import Cohort
    from ketasim.provenance import Manifest

__all__ = ["PATIENTS", "SWEEP_PATIENTS", "hypothesis_models", "run_experiment"]

PATIENTS: Mapping[str, int] = {"quick": 64, "full": 1000}
"""Size of the cohort."""

SWEEP_PATIENTS: Mapping[str, int] = {"quick": 24, "full": 200}
"""Size of the cohort along a sweep: the first patients of the same cohort."""


@dataclass(frozen=True)
class _Outcome:
    """Everything that one hypothesis gave."""

    predictions: list[dict[str, object]]
    shares: list[dict[str, object]]
    sweeps: list[dict[str, object]]
    comparisons: tuple[Comparison, ...]
    verdict: Verdict
    failed: int


@dataclass(frozen=True)
class _Plan:
    """What is the same for every hypothesis."""

    experiment: Experiment
    patients: int
    sweep_patients: int
    seed: int
    context: Context
    published: tuple[Observation, ...]
    cache: ArmCache
    own_evidence: str


def run_experiment(
    experiment: Experiment,
    size: Size = "quick",
    hypotheses: Sequence[str | Path | Hypothesis] | None = None,
    seed: int = 1,
    *,
    patients: int | None = None,
    overrides: Mapping[str, float] | None = None,
    evidence: pd.DataFrame | None = None,
    cache: ArmCache | None = None,
) -> ExperimentResult:
    """Run an experiment; see `Experiment.run` for the parameters.

    Returns
    -------
    ExperimentResult
        Predictions, comparisons, verdicts.

    Raises
    ------
    InputError
        If the size is unknown or the cohort too small for an interval.
    """
    began = time.perf_counter()
    if size not in PATIENTS:
        raise InputError(f"there is no size {size!r}", expected="quick or full")
    count = PATIENTS[size] if patients is None else patients
    if count < 4:
        raise InputError(f"{count} patients are too few for an interval", expected="at least 4")
    plan = _Plan(
        experiment=experiment,
        patients=count,
        sweep_patients=min(count, SWEEP_PATIENTS[size]),
        seed=seed,
        context=load_context(),
        published=observations((*experiment.evidence, *experiment.shown), evidence),
        cache=shared_cache() if cache is None else cache,
        own_evidence="" if evidence is None else hash_text(evidence.to_csv(index=False)),
    )
    models = hypothesis_models(hypotheses, overrides or {})
    outcomes = {name: _one_hypothesis(plan, model) for name, model in models.items()}
    return _gathered(plan, size, models, outcomes, dict(overrides or {}), began)


def hypothesis_models(
    hypotheses: Iterable[str | Path | Hypothesis] | None, overrides: Mapping[str, float]
) -> dict[str, Model]:
    """Load the model of every hypothesis that is asked for.

    Parameters
    ----------
    hypotheses : iterable of str, path or Hypothesis, optional
        None for every hypothesis there is.
    overrides : mapping of str to float
        Parameters changed in each.

    Returns
    -------
    dict of str to Model
        By name of the hypothesis.

    Raises
    ------
    UnknownNameError
        If a hypothesis does not exist.
    InputError
        If none is given, or one twice.
    """
    from ketasim.model import list_hypotheses, load_model

    chosen = list_hypotheses() if hypotheses is None else hypotheses
    loaded = [load_model(one) for one in chosen]
    if not loaded:
        raise InputError("no hypothesis is given", expected="at least one, or None for all")
    changed = [one.with_values(overrides) if overrides else one for one in loaded]
    names = [one.hypothesis.name for one in changed]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"the hypothesis {twice[0]!r} is given twice", expected="different names")
    return {one.hypothesis.name: one for one in changed}


def _cohort(model: Model, patients: int, seed: int) -> Cohort:
    from ketasim.population import virtual_patients

    return virtual_patients(model, patients, seed=seed, uncertainty=True)


def _one_hypothesis(plan: _Plan, model: Model) -> _Outcome:
    experiment = plan.experiment
    cohort = _cohort(model, plan.patients, plan.seed)
    own = [arm for arm in experiment.arms if not arm.sweep]
    courses, failed = _solved_in_all(own, model, cohort, plan.cache)
    name = model.hypothesis.name
    fitted = frozenset(str(row) for row in read_targets(model.calibration.of).get("row_id", ()))
    setting = Setting(experiment, name, courses, plan.context, plan.seed, fitted)
    swept = [_swept(plan, model, sweep) for sweep in experiment.sweeps]
    made = tuple(compare(seen, setting) for seen in plan.published)
    return _Outcome(
        predictions=arm_rows(setting),
        shares=share_rows(setting),
        sweeps=[row for rows, _ in swept for row in rows],
        comparisons=made,
        verdict=verdict(name, made, calibrated=model.is_calibrated, missing=experiment.missing),
        failed=max([failed, *(lost for _, lost in swept)]),
    )


def _swept(plan: _Plan, model: Model, sweep: Sweep) -> tuple[list[dict[str, object]], int]:
    setting, failed = _sweep_setting(plan, model, sweep)
    return sweep_rows(sweep, setting, plan.experiment), failed


def _sweep_setting(plan: _Plan, model: Model, sweep: Sweep) -> tuple[Setting, int]:
    cohort = _cohort(model, plan.sweep_patients, plan.seed)
    inside = [arm for arm in plan.experiment.arms if arm.sweep == sweep.name]
    names = {arm.name for arm in inside}
    needed = {arm.reference for arm in inside if sweep.quantity == "share"} - names
    others = [arm for arm in plan.experiment.arms if arm.name in needed]
    courses, failed = _solved_in_all([*inside, *others], model, cohort, plan.cache)
    name = model.hypothesis.name
    return Setting(plan.experiment, name, courses, plan.context, plan.seed), failed


def _solved_in_all(
    arms: Iterable[Arm], model: Model, cohort: Cohort, cache: ArmCache
) -> tuple[dict[str, ArmCourse], int]:
    """Solve arms; a patient who failed in one of them is left out of all, so that arms compare."""
    courses = {arm.name: solve_arm(model, arm, cohort, cache) for arm in arms}
    solved = np.ones(len(cohort.table), dtype=bool)
    for course in courses.values():
        solved &= ~np.isnan(course.values["relief"]).any(axis=1)
    if solved.all():
        return courses, 0
    kept = {name: _only(course, solved) for name, course in courses.items()}
    return kept, int((~solved).sum())


def _only(course: ArmCourse, rows: np.ndarray) -> ArmCourse:
    return replace(
        course,
        values={name: values[rows] for name, values in course.values.items()},
        baseline=course.baseline[rows],
        patients=course.patients[rows],
    )


def _gathered(
    plan: _Plan,
    size: str,
    models: Mapping[str, Model],
    outcomes: Mapping[str, _Outcome],
    overrides: Mapping[str, float],
    began: float,
) -> ExperimentResult:
    import pandas as pd

    every = list(outcomes.values())
    return ExperimentResult(
        experiment=plan.experiment,
        size=size,
        patients=plan.patients,
        seed=plan.seed,
        predictions=pd.DataFrame([row for one in every for row in one.predictions]),
        shares=pd.DataFrame([row for one in every for row in one.shares]),
        sweeps=pd.DataFrame([row for one in every for row in one.sweeps]),
        comparisons=tuple(made for one in every for made in one.comparisons),
        verdicts={name: one.verdict for name, one in outcomes.items()},
        published=plan.published,
        warnings=_warnings(plan, models, outcomes, overrides),
        manifest=_manifest(plan, size, models, overrides, time.perf_counter() - began),
        readings={name: model.hypothesis for name, model in models.items()},
    )


def _warnings(
    plan: _Plan,
    models: Mapping[str, Model],
    outcomes: Mapping[str, _Outcome],
    overrides: Mapping[str, float],
) -> tuple[str, ...]:
    said = [
        f"{name} has no calibration of its own and uses that of article: uncalibrated"
        for name, model in models.items()
        if not model.is_calibrated
    ]
    said += [
        f"{name}: {one.failed} of {plan.patients} patients could not be solved and are left out"
        for name, one in outcomes.items()
        if one.failed
    ]
    if plan.own_evidence:
        said.append("the observations are not the shipped ones")
    if overrides:
        changes = ", ".join(f"{name} = {value:g}" for name, value in overrides.items())
        said.append(f"parameters were changed for this run: {changes}")
    if plan.context.assumed:
        said.append("context parameters that are assumed: " + ", ".join(plan.context.assumed))
    return tuple(said)


def _manifest(
    plan: _Plan,
    size: str,
    models: Mapping[str, Model],
    overrides: Mapping[str, float],
    seconds: float,
) -> Manifest:
    from ketasim.evidence import evidence_hash
    from ketasim.provenance import hash_mapping, manifest_for

    first = next(iter(models.values()))
    return manifest_for(
        hypothesis=", ".join(models),
        seed=plan.seed,
        parameter_hash=hash_mapping({name: model.values() for name, model in models.items()}),
        evidence_hash=plan.own_evidence or evidence_hash(),
        model_hash=hash_text(first.sbml),
        options={
            "experiment": plan.experiment.name,
            "size": size,
            "patients": plan.patients,
            "overrides": dict(overrides),
        },
        seconds=seconds,
    )
