"""Derivatives against those of CVODES, on models written down a second time by hand.

CVODES comes with CasADi, which gives it the equations of the derivatives to integrate with those
of the model. Each interval between output times and dose times is integrated over a scaled time
from 0 to 1, its length a parameter, so that a dose time is one too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import casadi
import numpy as np

from ketasim.engine import DoseSchedule
from ketasim.engine.population import PopulationSolver

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Oracle:
    """A model for CVODES.

    Attributes
    ----------
    rates : callable
        d(state)/dt from (state, parameters); the last `states` parameters are infusions.
    states, parameters : int
        Sizes.
    atol : float
        Absolute tolerance.
    """

    rates: Any
    states: int
    parameters: int
    atol: float = 1e-14
    made: dict[int, Any] = field(default_factory=dict)

    def advance(
        self, y: NDArray[np.float64], moves: NDArray[np.float64], given: NDArray[np.float64],
        given_moves: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
        """Integrate over one interval; `given` is parameters, infusions and the length."""
        count = moves.shape[1]
        if count not in self.made:
            x, p = casadi.SX.sym("x", self.states), casadi.SX.sym("p", len(given))
            rates = casadi.vertcat(*self.rates(x, p)) + p[self.parameters : -1]
            options = {
                "reltol": 1e-11, "abstol": self.atol, "fsens_err_con": True,
                "max_num_steps": 100_000,
            }  # fmt: skip
            flow = casadi.integrator(
                "flow", "cvodes", {"x": x, "p": p, "ode": rates * p[-1]}, 0.0, 1.0, options
            )
            self.made[count] = flow, flow.forward(count)
        flow, forward = self.made[count]
        end = flow(x0=y, p=given)
        outs = {f"out_{name}": end[name] for name in flow.name_out()}
        moved = forward(x0=y, p=given, fwd_x0=moves, fwd_p=given_moves, **outs)
        return np.array(end["xf"]).ravel(), np.array(moved["fwd_xf"])


def assert_close(found: Any, expected: Any, rel: float, least: float = 1e-300) -> None:
    """Compare with the largest of each output and direction over time as the scale, or `least`."""
    found, expected = np.array(found), np.array(expected)
    scale = np.maximum(np.abs(expected).max(axis=0), least)
    assert np.abs((found - expected) / scale).max() < rel


def follow(
    oracle: Oracle, times: NDArray[np.float64], y: Sequence[float], p: Sequence[float]
) -> tuple[list[Any], list[Any]]:
    """Return states and derivatives by all parameters, then by all initial values."""
    n, m = oracle.states, oracle.parameters
    moves = np.hstack([np.zeros((n, m)), np.eye(n)])
    given_moves = np.zeros((m + n + 1, m + n))
    given_moves[:m, :m] = np.eye(m)
    state, values, found = np.array(y), [], []
    for time, end in zip(np.concatenate([[0.0], times[:-1]]), times, strict=True):
        given = np.array([*p, *[0.0] * n, end - time])
        state, moves = oracle.advance(state, moves, given, given_moves)
        values.append(state)
        found.append(moves)
    return values, found


def test_robertson(sbml: Callable[[str], str]) -> None:
    model = PopulationSolver(
        sbml(
            "model m; a = 1; b = 0; c = 0; k1 = 0.04; k2 = 1e4; k3 = 3e7;"
            "a' = k2*b*c - k1*a; b' = k1*a - k2*b*c - k3*b^2; c' = k3*b^2; end"
        )
    )

    def rates(x: Any, p: Any) -> Sequence[Any]:
        first, second, third = p[0] * x[0], p[1] * x[1] * x[2], p[2] * x[1] ** 2
        return second - first, first - second - third, third

    times = 4.0 * 10.0 ** np.arange(-1, 4)
    values, moved = follow(Oracle(rates, 3, 3, 1e-17), times, [1.0, 0, 0], [0.04, 1e4, 3e7])
    names = ["k1", "k2", "k3", "a", "b", "c"]
    run = model.sensitivities(times, names, start=0.0, rtol=1e-10, atol=1e-16)
    assert_close(run.values[0], values, 1e-7)
    assert_close(run.derivatives[0], moved, 1e-6)


def test_an_oscillator(sbml: Callable[[str], str]) -> None:
    """The Brusselator over more than two periods: derivatives by its constants grow with time."""
    model = PopulationSolver(
        sbml("model m; x = 1.2; y = 3; a = 1; b = 2.5; x' = a + x^2*y - (b + 1)*x; y' = b*x - x^2*y; end")
    )  # fmt: skip

    def rates(x: Any, p: Any) -> Sequence[Any]:
        return p[0] + x[0] ** 2 * x[1] - (p[1] + 1) * x[0], p[1] * x[0] - x[0] ** 2 * x[1]

    times = np.linspace(1.0, 20.0, 20)
    values, moved = follow(Oracle(rates, 2, 2), times, [1.2, 3.0], [1.0, 2.5])
    run = model.sensitivities(times, ["a", "b", "x", "y"], start=0.0, rtol=1e-10, atol=1e-12)
    assert_close(run.values[0], values, 1e-7)
    assert_close(run.derivatives[0], moved, 1e-6)
    assert np.abs(moved[-1]).max() > 5 * np.abs(moved[0]).max()


PK = """
model pk
  compartment V = 3; substanceOnly species G in V = 0; substanceOnly species C in V = 0
  ka = 1.2; cl = 2; kon = 300; koff = 900; n = 1.6; e = 0.2; B = 0.01; R = 1
  G -> C; ka*G; C -> ; cl*C/V
  B' = kon*(C/V)*(1 - B) - koff*B
  R' = 0.1*(1 + 2*B^n/(B^n + e^n) - R)
end"""


def test_a_drug_by_its_doses_and_their_times(sbml: Callable[[str], str]) -> None:
    """A bolus at 1 h, an infusion from 2 h for 1.5 h; fast binding, a Hill function."""

    def rates(x: Any, p: Any) -> Sequence[Any]:
        ka, cl, v, n, e = (p[i] for i in range(5))
        hill = x[2] ** n / (x[2] ** n + e**n)
        return (
            -ka * x[0], ka * x[0] - cl / v * x[1],
            300 * x[1] / v * (1 - x[2]) - 900 * x[2], 0.1 * (1 + 2 * hill - x[3]),
        )  # fmt: skip

    own = [1.2, 2.0, 3.0, 1.6, 0.2]
    amounts, starts, span = (5.0, 4.0), (1.0, 2.0), 1.5
    # Directions: ka, cl, V, n, e, then amounts and starts of both doses, the span of the second.
    bolus, amount, first, second, length = 5, 6, 7, 8, 9
    times = np.array([1.4, 2.7, 4.0, 8.0])
    marks = [(1.0, {first: 1.0}), (1.4, {}), (2.0, {second: 1.0}), (2.7, {}),
             (3.5, {second: 1.0, length: 1.0}), (4.0, {}), (8.0, {})]  # fmt: skip
    oracle, y, moves = Oracle(rates, 4, 5), np.array([5.0, 0, 0.01, 1.0]), np.zeros((4, 10))
    moves[0, bolus] = 1.0
    values, found = [], []
    for (time, early), (end, late) in pairwise(marks):
        infused = amounts[1] / span if 2.0 <= time < 3.5 else 0.0
        given = np.array([*own, 0.0, infused, 0.0, 0.0, end - time])
        given_moves = np.zeros((10, 10))
        given_moves[:5, :5] = np.eye(5)
        if infused:
            given_moves[6, amount], given_moves[6, length] = 1 / span, -infused / span
        for sign, marked in ((-1.0, early), (1.0, late)):
            for direction, change in marked.items():
                given_moves[9, direction] += sign * change
        y, moves = oracle.advance(y, moves, given, given_moves)
        if end in times:
            values.append(y)
            found.append(moves)
    model = PopulationSolver(sbml(PK))
    given = DoseSchedule(("G", "C"), np.array(starts), np.array([0.0, span]), np.array(amounts))
    run = model.sensitivities(
        times, ["ka", "cl", "V", "n", "e"], dose_amounts=[0, 1], dose_starts=[0, 1],
        dose_durations=[1], doses=given, rtol=1e-10, atol=1e-13,
    )  # fmt: skip
    assert_close(run.values[0], values, 1e-7)
    # What moves nothing is left at some 1e-12 by CVODES.
    assert_close(run.derivatives[0], found, 1e-6, least=1e-4)
