"""Derivatives are those of the numbers computed, not only near those of the solution.

A replay in plain NumPy takes the steps that a run accepted, whatever is varied; its differences
are the derivative of the discrete solution. At a loose tolerance that is visibly another one than
the solution's, so only an exact derivative meets it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ketasim.engine import DoseSchedule
from ketasim.engine.population import PopulationSolver
from ketasim.engine.rodas import METHODS
from ketasim.engine.sensitivity import run as running

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MODEL = """
model m
  x = 1; y = 0.2; k = 0.7; n = 1.5
  x' = -k*x*(1 + 0.5*sin(3*time)); y' = k*x^n - 0.4*y/(0.3 + y)
end"""
TIMES = np.array([0.4, 1.3, 1.9, 2.05, 2.6, 3.7, 5.0, 6.0])


@dataclass(frozen=True)
class Case:
    """A bolus into x and an infusion into y."""

    k: float = 0.7
    n: float = 1.5
    x: float = 1.0
    bolus: float = 2.0
    given: float = 1.2
    start: float = 1.0
    span: float = 2.5
    amount: float = 0.8

    def doses(self) -> DoseSchedule:
        return DoseSchedule(
            ("x", "y"), np.array([self.bolus, self.start]), np.array([0.0, self.span]),
            np.array([self.given, self.amount]),
        )  # fmt: skip

    def parameters(self) -> dict[str, float]:
        return {"k": self.k, "n": self.n, "x": self.x}

    def marks(self) -> NDArray[np.float64]:
        """Return the ends of the segments."""
        return np.array([0.0, self.start, self.bolus, self.start + self.span, TIMES[-1]])


def replay(
    model: PopulationSolver, method: str, steps: NDArray[np.float64], case: Case
) -> NDArray[np.float64]:
    """Return the states at the output times, computed with the steps of the case as it stands."""
    old, new = Case().marks(), case.marks()
    y, values = model.initial_state(case.parameters()), []
    for time, h in steps:
        segment = int(np.searchsorted(old, time + 1e-9)) - 1
        if abs(time - old[segment]) < 1e-9:
            time = old[segment]
            y = y + np.array([case.given, 0.0]) * (time == old[2])
        at = time + new[segment] - old[segment]
        if abs(time + h - old[segment + 1]) < 1e-9:
            h = new[segment + 1] - at
        rate = np.array([0.0, case.amount / case.span]) * (segment in (1, 2))
        stages, after = step(model, METHODS[method], y, at, h, case.parameters(), rate)
        while len(values) < len(TIMES) and TIMES[len(values)] < at + h - 1e-12:
            x = (TIMES[len(values)] - at) / h
            inner = [row @ stages for row in METHODS[method].arrays()[4]]
            bent = inner[0] + x * (inner[1] + x * inner[2])
            values.append((1 - x) * y + x * (after + (1 - x) * bent))
        y = after
    return np.array([*values, y])


def step(
    model: PopulationSolver, method: Any, y: NDArray[np.float64], time: float, h: float,
    parameters: dict[str, float], rate: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Return the stages of one step as the formula of the method reads, and the new state."""
    a, c_matrix, c, d, _ = method.arrays()
    size = len(y)
    by_time = model._linearisation(y, parameters, time)[-1 - size : -1]
    matrix = np.eye(size) / (method.gamma * h) - model.jacobian(y, parameters, time)
    k = np.zeros((len(c), size))
    for i in range(len(c)):
        slope = model.derivatives(y + a[i] @ k, parameters, time + c[i] * h) + rate
        k[i] = np.linalg.solve(matrix, slope + c_matrix[i] @ k / h + h * d[i] * by_time)
    return k, y + a[-1] @ k + k[-1]


@pytest.mark.parametrize("method", ["rodas5p", "rodas4"])
@pytest.mark.parametrize("refine", [True, False])
def test_the_derivative_is_that_of_the_steps_taken(
    method: str, refine: bool, sbml: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = PopulationSolver(sbml(MODEL), method=method)
    taken: list[NDArray[np.float64]] = []
    original = running.TangentJob.run

    def noting(self: Any, *rows: Any) -> int:
        steps = np.zeros((1000, 2))
        count = original(self, *rows, steps)
        taken.append(steps[:count])
        return count

    monkeypatch.setattr(running.TangentJob, "run", noting)

    def sensitivities(rtol: float) -> Any:
        return model.sensitivities(
            TIMES, ["k", "n", "x"], dose_amounts=[0, 1], dose_starts=[0, 1], dose_durations=[1],
            doses=Case().doses(), start=0.0, rtol=rtol, atol=rtol, refine=refine,
        )  # fmt: skip

    order = ["k", "n", "x", "given", "amount", "bolus", "start", "span"]
    loose = sensitivities(1e-2)
    steps = taken[-1]
    assert replay(model, method, steps, Case()) == pytest.approx(loose.values[0], rel=1e-11)
    near = sensitivities(1e-10)
    for place, name in enumerate(order):
        case, h = Case(), 1e-5
        moved = [
            replay(model, method, steps, replace(case, **{name: getattr(case, name) + by}))
            for by in (h, -h)
        ]
        found = loose.derivatives[0, :, :, place]
        assert found == pytest.approx((moved[0] - moved[1]) / (2 * h), abs=1e-8), name
        assert np.abs(found - near.derivatives[0, :, :, place]).max() > 1e-5, name
