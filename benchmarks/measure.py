"""What is measured on one model: compile times, errors, and seconds at each tolerance."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .case import FLOOR
from .curves import worst_error
from .peers import NotMeasured
from .process import Engine, started

OURS = "ketasim"
#: Relative tolerance of the reference, ours, and of the peers that it is held against.
REFERENCE_RTOL, CHECK_RTOL = 1e-12, 1e-11
CHECKERS = ("libroadrunner", "numbalsoda")
_PROBING_RTOL = 1e-4
_PROBED = 4  # patients by which an engine's speed is guessed before it gets more

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes
    ----------
    engines, cases : sequence of str
        Which.
    patients : int
        Patients that are timed together, all different.
    compared : int
        The first of them, whose values are compared with the reference.
    levels : sequence of float
        Achieved errors at which engines are compared.
    rtols : sequence of float
        Tolerances tried, from loose to tight, as far as the levels need them.
    repeats : int
        Rounds; in each every engine has its turn at every tolerance.
    point_seconds : float
        An engine that needs more for a point gets fewer patients.
    limit_seconds : float
        An engine that takes longer for a single answer is not measured.
    compile_limit_seconds : float
        Nor is one that compiles longer.
    """

    engines: Sequence[str]
    cases: Sequence[str]
    patients: int = 1024
    compared: int = 64
    levels: Sequence[float] = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    rtols: Sequence[float] = tuple(10.0**-power for power in range(1, 13))
    repeats: int = 3
    point_seconds: float = 3.0
    limit_seconds: float = 600.0
    compile_limit_seconds: float = 600.0


@dataclass
class Runner:
    """An engine that runs, and what is known of it so far."""

    engine: Engine
    compared: int
    patients: int
    compile: dict[str, float]
    version: str
    points: list[dict[str, Any]] = field(default_factory=list)


def last_processor() -> int:
    """Return the processor on which everything of one core runs."""
    return max(os.sched_getaffinity(0))


def compile_seconds(
    name: str, case: str, cache: Path, limit: float, cpu: int | None
) -> tuple[Engine, dict[str, float], str]:
    """Return a running engine, and how long it took without and with its caches.

    Each time it is a fresh process; imports are left out. Compiling ends when one patient is
    solved, since some engines compile no earlier than that.
    """
    seconds: dict[str, float] = {}
    for kind in ("cold", "warm"):
        engine = Engine(name, case, cache, cpu=cpu)
        try:
            told = started(engine, limit)
        except NotMeasured:
            engine.close()
            raise
        seconds[f"{kind}_seconds"] = told["seconds"]
        if kind == "cold":
            engine.close()
    return engine, seconds, str(told["version"])


@dataclass
class CaseRun:
    """The measurement of one model: engines that run, and what is known of the others."""

    case: str
    plan: Plan
    folder: Path
    say: Say
    truth: np.ndarray | None = None
    runners: dict[str, Runner] = field(default_factory=dict)
    engines: dict[str, Any] = field(default_factory=dict)
    agreement: dict[str, float | None] = field(default_factory=dict)

    def measure(self) -> dict[str, Any]:
        """Return everything that is measured on one core; our engine is the first."""
        try:
            for name in (OURS, *(name for name in self.plan.engines if name != OURS)):
                self._calibrate(name)
            self._take_turns()
        finally:
            for runner in self.runners.values():
                runner.engine.close()
        for name, runner in self.runners.items():
            self.engines[name] = _summary(runner)
        assert self.truth is not None
        shape = dict(zip(("compared", "times", "outputs"), self.truth.shape, strict=True))
        order = {name: self.engines[name] for name in self.plan.engines}
        return {"shape": shape, "engines": order, "agreement": self.agreement}

    def _calibrate(self, name: str) -> None:
        """Start an engine, measure its errors, and choose its tolerances and number of patients."""
        try:
            engine, seconds, version = compile_seconds(
                name,
                self.case,
                cache_folder(self.folder, name),
                self.plan.compile_limit_seconds,
                last_processor(),
            )
        except NotMeasured as error:
            self._give_up(name, error, {})
            return
        runner = Runner(engine, self.plan.compared, self.plan.patients, seconds, version)
        self.runners[name] = runner
        try:
            if self.truth is None:
                self.truth = self._reference(engine)
            self._size(runner)
            self._climb(name, runner)
        except NotMeasured as error:
            self._give_up(name, error, {"version": version, "compile": seconds})
            if name == OURS:
                raise RuntimeError(f"{self.case} has no reference: {error}") from error
            return
        told = ", ".join("failed" if p["failed"] else f"{p['error']:.0e}" for p in runner.points)
        self.say(f"{self.case:>16} {name:>18}: {runner.patients} patients, errors {told}")

    def _give_up(self, name: str, reason: NotMeasured, known: dict[str, Any]) -> None:
        if name in self.runners:
            self.runners.pop(name).engine.close()
        self.engines[name] = {**known, "not_measured": str(reason)}
        self.say(f"{self.case:>16} {name:>18}: not measured, {reason}")

    def _values(self, engine: Engine, rtol: float, limit: float) -> tuple[np.ndarray, Any]:
        path = self.folder / "values.npy"
        told = engine.ask("solve", limit, rtol=rtol, save=str(path))
        return np.load(path), told

    def _reference(self, engine: Engine) -> np.ndarray:
        """Return the true values, from our engine at its tightest."""
        engine.ask("load", self.plan.limit_seconds, begin=0, end=self.plan.compared)
        truth, _ = self._values(engine, REFERENCE_RTOL, self.plan.limit_seconds)
        if not np.isfinite(truth).all():
            raise RuntimeError(f"{self.case} has no reference: a patient failed at 1e-12")
        return np.asarray(truth)

    def _size(self, runner: Runner) -> None:
        """Choose how many patients an engine gets, by what a few of them cost."""
        plan, engine = self.plan, runner.engine
        few = min(_PROBED, plan.compared)
        engine.ask("load", plan.limit_seconds, begin=0, end=few)
        engine.ask("solve", plan.limit_seconds, rtol=_PROBING_RTOL)
        told = engine.ask("solve", plan.limit_seconds, rtol=_PROBING_RTOL)
        affordable = max(few, int(plan.point_seconds * few / max(told["seconds"], 1e-9)))
        runner.compared = min(plan.compared, affordable)
        runner.patients = min(plan.patients, max(runner.compared, affordable))

    def _climb(self, name: str, runner: Runner) -> None:
        """Measure errors from loose to tight tolerance until the levels are covered."""
        plan, engine, truth = self.plan, runner.engine, self.truth
        assert truth is not None
        engine.ask("load", plan.limit_seconds, begin=0, end=runner.compared)
        loosest, tightest = max(plan.levels), min(plan.levels)
        for rtol in plan.rtols:
            values, told = self._values(engine, rtol, plan.limit_seconds)
            error = worst_error(values, truth[: runner.compared], FLOOR)
            known = error if math.isfinite(error) else None
            before = runner.points[-1]["error"] if runner.points else None
            if known is not None and before is not None and min(known, before) > loosest:
                runner.points.pop()  # one point beyond the loosest level is enough
            runner.points.append(
                {"rtol": rtol, "error": known, "failed": told["failed"],
                 "compared": runner.compared, "repeats": []}
            )  # fmt: skip
            # An engine that fails at a loose tolerance may do well at the next.
            slow = known is not None and told["seconds"] > 10.0 * plan.point_seconds
            if error < tightest or slow:
                break
        if name in CHECKERS:
            self._check(name, engine, truth[: runner.compared])
        if runner.patients > runner.compared:
            engine.ask("load", plan.limit_seconds, begin=0, end=runner.patients)

    def _check(self, name: str, engine: Engine, truth: np.ndarray) -> None:
        """Hold the reference against an independent engine at tight tolerance."""
        values, _ = self._values(engine, CHECK_RTOL, self.plan.limit_seconds)
        error = worst_error(values, truth, FLOOR)
        self.agreement[name] = error if math.isfinite(error) else None

    def _take_turns(self) -> None:
        """Time everybody in turn, tolerance by tolerance, so that nobody has the quiet hour."""
        for turn in range(self.plan.repeats):
            for place in range(max(len(one.points) for one in self.runners.values())):
                names = [name for name, one in self.runners.items() if place < len(one.points)]
                first = turn % max(1, len(names))
                for name in names[first:] + names[:first]:
                    self._time(name, self.runners[name], place)

    def _time(self, name: str, runner: Runner, place: int) -> None:
        point = runner.points[place]
        if point["failed"]:
            return
        try:
            told = runner.engine.ask("solve", self.plan.limit_seconds, rtol=point["rtol"])
        except NotMeasured as error:
            self._give_up(name, error, _summary(runner))
            return
        point["failed"] = told["failed"]
        if not told["failed"]:
            point["repeats"].append(told["seconds"] / runner.patients)


def cache_folder(folder: Path, engine: str) -> Path:
    """Return where an engine keeps what it compiled of a case."""
    return folder / f"cache-{engine.replace(' ', '-')}"


def _summary(runner: Runner) -> dict[str, Any]:
    """Return what is known of an engine; of repeats the least disturbed counts."""
    points = []
    for point in runner.points:
        best = None if point["failed"] else min(point["repeats"], default=None)
        points.append({**point, "patients": runner.patients, "seconds_per_patient": best})
    return {"version": runner.version, "compile": runner.compile, "points": points}
