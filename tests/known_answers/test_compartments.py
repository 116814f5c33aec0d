"""Linear pharmacokinetics has closed forms: superposition of exponentials.

Gibaldi and Perrier, Pharmacokinetics, 2nd ed., Marcel Dekker 1982, chapters 1 and 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketasim.engine import CompiledModel, DoseSchedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ONE = "model one; A = 0; k = 0.3; A' = -k*A; end"
TWO = """
model two
  compartment V1 = 5; compartment V2 = 12
  substanceOnly species C in V1 = 0; substanceOnly species P in V2 = 0
  CL = 4; Q = 6
  E: C -> ; CL * C / V1;  D: C -> P; Q * C / V1;  R: P -> C; Q * P / V2
  c := C / V1
end"""
TIGHT = {"rtol": 1e-11, "atol": 1e-13}


def doses(*rows: tuple[float, float, float], target: str = "A") -> DoseSchedule:
    start, duration, amount = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return DoseSchedule((target,) * len(rows), start, duration, amount)


def one(
    times: NDArray[np.float64], rows: list[tuple[float, float, float]], k: float
) -> NDArray[np.float64]:
    """Amount in one compartment: the sum of what is left of each bolus and infusion."""
    total = np.zeros_like(times)
    for start, duration, amount in rows:
        since = times - start
        if duration == 0:
            total += np.where(since >= 0, amount * np.exp(-k * np.maximum(since, 0)), 0.0)
            continue
        rate = amount / duration
        during = rate / k * (1 - np.exp(-k * np.clip(since, 0, duration)))
        total += during * np.exp(-k * np.maximum(since - duration, 0))
    return total


def two(times: NDArray[np.float64], amount: float, duration: float) -> NDArray[np.float64]:
    """Central amount of two compartments after a bolus or an infusion at time 0."""
    k10, k12, k21 = 4 / 5, 6 / 5, 6 / 12
    root = np.sqrt((k10 + k12 + k21) ** 2 - 4 * k10 * k21)
    alpha, beta = (k10 + k12 + k21 + root) / 2, (k10 + k12 + k21 - root) / 2
    weights = ((alpha - k21) / (alpha - beta), alpha), ((k21 - beta) / (alpha - beta), beta)
    if duration == 0:
        return amount * sum(w * np.exp(-k * times) for w, k in weights)
    rate = amount / duration
    inside, after = np.minimum(times, duration), np.maximum(times - duration, 0)
    return rate * sum(w / k * (1 - np.exp(-k * inside)) * np.exp(-k * after) for w, k in weights)


CASES = {
    "bolus": [(0.0, 0.0, 100.0)],
    "infusion": [(1.0, 0.75, 40.0)],
    "overlapping infusions": [(0.0, 4.0, 40.0), (2.0, 3.0, 10.0), (2.0, 0.5, 5.0)],
    "touching infusions": [(0.0, 0.1, 1.0), (0.1, 0.2, 2.0), (0.1 + 0.2, 0.3, 3.0)],
    "repeated doses": [(24.0 * i, 0.0, 50.0) for i in range(5)],
    "bolus during an infusion": [(0.0, 8.0, 80.0), (3.0, 0.0, 25.0)],
    "two boluses at once": [(2.0, 0.0, 10.0), (2.0, 0.0, 7.0)],
    "before time zero": [(-0.75, 0.0, 30.0), (-0.25, 0.5, 20.0)],
    "an infusion never to be told from a bolus": [(5.0, 1e-15, 10.0)],
    "none at all": [(1.0, 0.0, 0.0), (2.0, 3.0, 0.0)],
}


@pytest.mark.parametrize("name", CASES)
def test_one_compartment(name: str, solver: Callable[[str], CompiledModel]) -> None:
    times = np.concatenate([np.linspace(0.0, 120.0, 241), [120.0]])
    run = solver(ONE).solve(times, doses=doses(*CASES[name]), **TIGHT)
    rows = [(s, 0.0 if d < 1e-12 else d, a) for s, d, a in CASES[name]]
    assert run.values[0, :, 0] == pytest.approx(one(times, rows, 0.3), rel=1e-9, abs=1e-11)
    assert run.status.tolist() == [0]


def test_the_default_tolerance_keeps_its_promise(solver: Callable[[str], CompiledModel]) -> None:
    times = np.linspace(0.0, 120.0, 481)
    for rows in CASES.values():
        found = solver(ONE).solve(times, doses=doses(*rows)).values[0, :, 0]
        truth = one(times, [(s, 0.0 if d < 1e-12 else d, a) for s, d, a in rows], 0.3)
        assert found == pytest.approx(truth, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("duration", [0.0, 0.7, 5.0])
def test_two_compartments(duration: float, solver: Callable[[str], CompiledModel]) -> None:
    times = np.linspace(0.0, 24.0, 97)
    schedule = doses((0.0, duration, 70.0), target="C")
    run = solver(TWO).solve(times, doses=schedule, outputs=["C", "c"], **TIGHT)
    truth = two(times, 70.0, duration)
    assert run.output("C")[0] == pytest.approx(truth, rel=1e-9, abs=1e-10)
    assert run.output("c")[0] == pytest.approx(truth / 5, rel=1e-9, abs=1e-10)


# Breakpoints closer than rounding are one, so moments lie on a grid of a thousandth.
moments = st.integers(0, 40_000).map(lambda n: n / 1000)
lengths = st.one_of(st.just(0.0), st.integers(10, 20_000).map(lambda n: n / 1000))
regimens = st.lists(st.tuples(moments, lengths, st.floats(0.1, 99)), min_size=1, max_size=8)


@given(regimens, st.floats(0.01, 3.0))
def test_any_regimen(
    solver: Callable[[str], CompiledModel], rows: list[tuple[float, float, float]], k: float
) -> None:
    times = np.linspace(0.0, 60.0, 31)
    run = solver(ONE).solve(times, doses=doses(*rows), parameters={"k": k}, **TIGHT)
    assert run.values[0, :, 0] == pytest.approx(one(times, rows, k), rel=1e-8, abs=1e-9)


def test_a_dose_into_a_concentration_is_divided_by_the_volume(
    solver: Callable[[str], CompiledModel],
) -> None:
    text = "model m; compartment V = 4; species S in V = 0; k = 0.2; S -> ; k*S*V; end"
    times = np.array([0.0, 1.0, 2.0, 10.0])
    model = solver(text)
    for rows in (CASES["bolus"], [(0.0, 1.5, 8.0)]):
        found = model.solve(times, doses=doses(*rows, target="S"), **TIGHT).values[0, :, 0]
        assert found == pytest.approx(one(times, rows, 0.2) / 4, rel=1e-9)
    wide = model.solve(times, doses=doses((0.0, 0.0, 8.0), target="S"), parameters={"V": 16.0})
    assert wide.values[0, 0, 0] == 0.5


def test_what_goes_in_comes_out(solver: Callable[[str], CompiledModel]) -> None:
    model = solver("model m; A = 0; B = 0; Z = 0; A' = -A; B' = A - 0.4*B; Z' = 0.4*B; end")
    rows = [(0.0, 0.0, 5.0), (2.0, 3.0, 12.0), (2.5, 0.25, 1.0)]
    run = model.solve(np.linspace(0, 50, 11), doses=doses(*rows))
    assert run.values[0, -1].sum() == pytest.approx(18.0, rel=1e-7)
