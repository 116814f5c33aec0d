"""A failure is a status with a sentence that names patient, time and state; never a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ketasim.engine import CompiledModel, DoseSchedule, Solution, Status

if TYPE_CHECKING:
    from collections.abc import Callable

TIMES = np.linspace(0.0, 3.0, 13)


def check(run: Solution, status: Status, time: float, name: str) -> None:
    """The second patient fails at about `time` over `name`; the first does not."""
    assert run.statuses() == (Status.OK, status)
    assert np.isfinite(run.values[0]).all()
    assert run.failure_time[1] == pytest.approx(time, abs=2e-3)
    assert np.isnan(run.values[1, run.times > run.failure_time[1]]).all()
    assert np.isfinite(run.values[1, run.times < run.failure_time[1] - 1e-6]).all()
    (sentence,) = run.failures()
    assert sentence.startswith(f"patient 1 at time {run.failure_time[1]:.6g}, in {name!r}: ")
    assert sentence.endswith(status.value)


def test_a_value_that_runs_away(solver: Callable[[str], CompiledModel]) -> None:
    model = solver("model m; a = 1; x = 1; k = 1; a' = -a; x' = k*x^2; end")
    run = model.solve(TIMES, parameters={"k": np.array([0.01, 1.0])})
    assert run.statuses()[1] in (Status.STEP_TOO_SMALL, Status.NON_FINITE)
    check(run, run.statuses()[1], 1.0, "x")


def test_a_value_that_is_no_number(solver: Callable[[str], CompiledModel]) -> None:
    model = solver("model m; a = 1; y = 0; x = 1; k = 1; a' = -a; x' = -k; y' = ln(x); end")
    run = model.solve(TIMES, parameters={"k": np.array([0.01, 1.0])})
    check(run, Status.NON_FINITE, 1.0, "y")


def test_an_output_that_is_no_number(solver: Callable[[str], CompiledModel]) -> None:
    model = solver("model m; x = 1; k = 1; x' = -k; y := ln(x); end")
    run = model.solve(TIMES, parameters={"k": np.array([0.01, 0.9])}, outputs=["x", "y"])
    assert run.statuses() == (Status.OK, Status.NON_FINITE)
    assert run.failure_time[1] == 1.25
    assert np.isnan(run.values[1, 5:]).all()
    assert np.isfinite(run.values[1, :5]).all()
    assert "at time 1.25, in 'y'" in run.failures()[0]


def test_too_many_steps(solver: Callable[[str], CompiledModel]) -> None:
    model = solver("model m; a = 1; x = 1; v = 0; k = 1; a' = -a; x' = v; v' = -k*x; end")
    run = model.solve(TIMES, parameters={"k": np.array([0.1, 1e8])}, max_steps=500)
    assert run.statuses() == (Status.OK, Status.STEP_LIMIT)
    assert run.steps[1] == 500
    assert 0.0 < run.failure_time[1] < 3.0
    assert any(f"in {name!r}" in run.failures()[0] for name in ("x", "v"))
    assert np.isnan(run.values[1, -1]).all()


def test_a_singular_matrix(solver: Callable[[str], CompiledModel]) -> None:
    model = solver("model m; a = 1; x = 1; k = 1; a' = -a; x' = -k*1e308*1e308*x; end")
    run = model.solve(TIMES, parameters={"k": np.array([0.0, 1.0])}, patients=2)
    assert run.status[1] in (Status.NON_FINITE.code, Status.SINGULAR.code)
    assert np.isnan(run.values[1, 1:]).all()
    assert run.failure_time[1] == 0.0


def test_events_without_end(solver: Callable[[str], CompiledModel]) -> None:
    model = solver("""model m; x = 0; n = 0; p = 0; k = 1; x' = k
      E1: at (n <= p && x > 2), t0 = true: n = p + 1
      E2: at (n > p), t0 = false: p = n; end""")
    run = model.solve(TIMES, parameters={"k": np.array([0.1, 1.0])})
    assert run.statuses() == (Status.OK, Status.EVENT_LIMIT)
    assert run.failure_time[1] == pytest.approx(2.0, abs=1e-6)
    assert np.isnan(run.values[1, -1]).all()
    assert "fire one another" in run.failures()[0]


def test_a_delay_below_zero(solver: Callable[[str], CompiledModel]) -> None:
    model = solver("model m; x = 0; k = 1; x' = k; at (x - 1) after (x > 0.5): x = 0; end")
    run = model.solve(TIMES, parameters={"k": np.array([0.1, 1.0])})
    assert run.statuses() == (Status.OK, Status.EVENT_LIMIT)


def test_one_patients_failure_is_no_others(solver: Callable[[str], CompiledModel]) -> None:
    """The lanes beside a patient that fails compute what they compute alone."""
    model = solver("model m; x = 1; k = 1; x' = k*x^2 - x; end")
    rates = np.where(np.arange(40) % 3 == 0, 5.0, 0.5)
    doses = DoseSchedule(("x",), np.array([0.5]), np.array([0.1]), np.array([0.1]))
    run = model.solve(TIMES, parameters={"k": rates}, doses=doses)
    assert (run.status != 0).tolist() == (rates == 5.0).tolist()
    alone = model.solve(TIMES, parameters={"k": 0.5}, doses=doses)
    for patient in np.flatnonzero(rates == 0.5):
        assert np.array_equal(run.values[patient], alone.values[0])
    assert len(run.failures()) == int((rates == 5.0).sum())


def test_a_sound_run_tells_no_failure(solver: Callable[[str], CompiledModel]) -> None:
    run = solver("model m; x = 1; x' = -x; end").solve(TIMES)
    assert run.failures() == ()
    assert run.failed == 0
    assert run.culprit.tolist() == [-1]
