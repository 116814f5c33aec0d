"""The independent backend agrees with the fast one, doses and failures included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ketasim.engine import DoseSchedule, Status, compile_model

if TYPE_CHECKING:
    from collections.abc import Callable

# One dosed target of each kind: amount, concentration, boundary species, rate-rule parameter.
MODEL = """
model kinds
  compartment V = 3; compartment W = 0.5
  substanceOnly species A in V = 0.5; species B in W = 1; species $S in V = 2; D = 0; n = 1.4
  J1: A -> B; j*A; B -> ; k*B*W; j = 0.4; k = 0.6
  D' = 0.3*S - 0.2*D^n/(1 + D^n)
  start = 2*k; E = start; E' = -E*time/10
  total := A + B*W + D
end"""
TIMES = np.linspace(-1.0, 20.0, 43)
TIGHT = {"rtol": 1e-11, "atol": 1e-13}


def schedule() -> DoseSchedule:
    return DoseSchedule(
        ("A", "B", "S", "D", "A", "A", "B", "S"),
        np.array([0.0, 1.0, 2.0, 3.0, 4.0, 4.5, 5.0, 6.0]),
        np.array([0.0, 0.0, 0.0, 0.0, 2.0, 0.5, 1.5, 2.5]),
        np.array([1.0, 0.3, 0.6, 0.2, 4.0, 1.0, 0.75, 1.2]),
    )


def test_all_kinds_of_targets_and_doses(sbml: Callable[[str], str]) -> None:
    fast, slow = (compile_model(sbml(MODEL), backend=b) for b in ("numba", "roadrunner"))
    parameters = {"k": np.array([0.6, 0.9]), "V": np.array([3.0, 5.0]), "n": 1.7}
    arguments = {"doses": schedule(), "outputs": fast.observables, "parameters": parameters}
    first = fast.solve(TIMES, **arguments, **TIGHT)
    second = slow.solve(TIMES, **arguments, **TIGHT)
    assert first.failed == second.failed == 0
    assert first.values == pytest.approx(second.values, rel=2e-8, abs=1e-9)
    assert first.values[0] != pytest.approx(first.values[1], rel=1e-3)


def test_doses_at_outputs_and_at_the_ends(sbml: Callable[[str], str]) -> None:
    fast, slow = (compile_model(sbml(MODEL), backend=b) for b in ("numba", "roadrunner"))
    given = DoseSchedule(
        ("A", "A", "A"), np.array([0.0, 2.0, 4.0]), np.zeros(3), np.array([1.0, 2.0, 3.0])
    )
    times = [0.0, 0.0, 1.0, 2.0, 4.0]
    first, second = (m.solve(times, doses=given, outputs=["A"], **TIGHT) for m in (fast, slow))
    assert first.values == pytest.approx(second.values, rel=1e-8)
    assert first.values[0, 0, 0] == 1.5


def test_names_defaults_and_progress(sbml: Callable[[str], str]) -> None:
    fast, slow = (compile_model(sbml(MODEL), backend=b) for b in ("numba", "roadrunner"))
    assert (fast.states, fast.parameters, fast.observables) == (
        slow.states, slow.parameters, slow.observables,
    )  # fmt: skip
    assert fast.defaults == slow.defaults
    assert fast.units == slow.units
    seen: list[tuple[int, int]] = []
    slow.solve([0.0, 1.0], patients=2, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 2), (2, 2)]


def test_local_parameters_keep_their_names(sbml: Callable[[str], str]) -> None:
    text = sbml("model m; species A = 4; A -> ; k*A; k = 0.5; end")
    # Antimony writes global parameters only, so the parameter is moved by hand.
    law = text.index("</math>", text.index("<kineticLaw>")) + len("</math>")
    local = '<listOfLocalParameters><localParameter id="k" value="0.25"/></listOfLocalParameters>'
    text = text[:law] + local + text[law:]
    fast, slow = (compile_model(text, backend=b) for b in ("numba", "roadrunner"))
    assert "_J0.k" in fast.parameters
    for value in (0.25, 0.75):
        expected = 4.0 * np.exp(-value * np.arange(3.0))
        for model in (fast, slow):
            run = model.solve([0.0, 1.0, 2.0], parameters={"_J0.k": value}, **TIGHT)
            assert run.values[0, :, 0] == pytest.approx(expected, rel=1e-8)


def test_failures_are_statuses_too(sbml: Callable[[str], str]) -> None:
    model = compile_model(
        sbml("model m; x = 1; k = 1; x' = k*x^2; y := 1/(x - 1); end"), backend="roadrunner"
    )
    run = model.solve([0.5, 2.0], start=0.0, parameters={"k": np.array([1.0, 0.01])})
    assert run.status[0] != 0
    assert run.status[1] == 0
    assert np.isnan(run.values[0, -1]).all()
    infinite = model.solve([0.0, 1.0], outputs=["y"], parameters={"k": 0.01})
    assert infinite.statuses() == (Status.NON_FINITE,)
    assert np.isnan(infinite.values).all()
    limited = model.solve([0.0, 5.0], parameters={"k": 0.1}, max_steps=3)
    assert limited.statuses() == (Status.STEP_LIMIT,)
