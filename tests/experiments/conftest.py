"""Small experiments that tests share, and solved arms and observations put in by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ketasim.evidence import load
from ketasim.experiments import ArmCache, ArmCourse, ExperimentResult, Observation, experiment
from ketasim.experiments.comparison import Setting
from ketasim.experiments.design import Arm, Claim, Experiment
from ketasim.experiments.readouts import readout, solved_outputs
from ketasim.instruments import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

TIMES = np.array([-1.0, 0.0, 1.0, 24.0, 48.0, 336.0])
RESTS = {name: readout(name).rest for name in solved_outputs()}


@pytest.fixture(scope="session")
def cache() -> ArmCache:
    return ArmCache()


@pytest.fixture(scope="session")
def run(cache: ArmCache) -> Callable[..., ExperimentResult]:
    """A shipped experiment with few patients and, unless asked for, without its sweeps.

    A brief one tabulates its first readout only and compares all: for questions about verdicts.
    """
    known: dict[tuple[object, ...], ExperimentResult] = {}

    def made(
        name: str,
        hypotheses: tuple[str, ...] = ("article",),
        *,
        patients: int = 8,
        sweeps: bool = False,
        brief: bool = False,
        **options: Any,
    ) -> ExperimentResult:
        asked = experiment(name) if sweeps else replace(experiment(name), sweeps=())
        key = (name, hypotheses, patients, sweeps, brief)
        if brief or options:
            asked = replace(asked, readouts=asked.readouts[:1])
        if options:
            return asked.run(hypotheses=hypotheses, patients=patients, cache=cache, **options)
        if key not in known:
            known[key] = asked.run(hypotheses=hypotheses, patients=patients, cache=cache)
        return known[key]

    return made


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    """The shipped observations; a test that alters them takes a copy."""
    return load("observations")


def course(baseline: object = 40.0, **levels: object) -> ArmCourse:
    """An arm of which each readout stays at one level, or one for each patient, from time 0 on."""
    size = max(np.size(level) for level in [1, *levels.values()])
    size = 4 if size == 1 else size
    values = {}
    for name, rest in RESTS.items():
        level = np.broadcast_to(np.asarray(levels.get(name, rest), dtype=float), (size,))
        values[name] = np.where(TIMES[None, :] >= 0.0, level[:, None], rest)
    before = np.array(np.broadcast_to(np.asarray(baseline, dtype=float), (size,)))
    return ArmCourse(TIMES, values, before, np.arange(size, dtype=np.int64))


def silent(**options: Any) -> Context:
    """A context that neither helps nor blurs, unless told to."""
    parts: dict[str, Any] = {
        "change": {"active": 0.0, "midazolam": 0.0},
        "rise_h": 0.5,
        "decay_h": 12.0,
        "persisting_share": 0.5,
        "between_patient_sd": 0.0,
        "visit_sd": 0.0,
    }
    return Context(**{**parts, **options})


def seen(**parts: Any) -> Observation:
    """An observation of the arm ``blocked`` beside the arm ``ketamine``."""
    words = dict.fromkeys(
        ("direction", "unit", "dose", "assumed", "note", "experiment", "source"), ""
    )
    numbers = dict.fromkeys(
        ("time_h", "time_to_h", "value", "sd", "lower", "upper", "n"), float("nan")
    )
    rest = {
        "id": "row", "contrast": "none", "readout": "relief", "arm": "blocked", "kind": "sign",
        "species": "human", "use": "judge",
    }  # fmt: skip
    return Observation(**{**words, **numbers, **rest, "experiment": "by hand", **parts})


def setting(
    blocked: ArmCourse,
    ketamine: ArmCourse | None = None,
    *,
    context: Context | None = None,
    others: Mapping[str, ArmCourse] | None = None,
    fitted: tuple[str, ...] = (),
    **parts: Any,
) -> Setting:
    """The solved arms of an experiment by hand, with any parts of `Experiment` besides."""
    more = {} if others is None else dict(others)
    made = Experiment(
        name="by hand",
        title="By hand",
        claim=Claim("It blocks.", "It does.", "It does not."),
        arms=tuple(Arm(name, name) for name in ("ketamine", "blocked", *more)),
        readouts=("relief",),
        evidence=("by hand",),
    )
    courses = {"blocked": blocked, "ketamine": ketamine or course(relief=0.5), **more}
    made = replace(made, **parts)
    return Setting(made, "mine", courses, context or silent(), 1, frozenset(fitted))


@pytest.fixture(scope="session")
def by_hand() -> SimpleNamespace:
    return SimpleNamespace(course=course, context=silent, seen=seen, setting=setting)
