"""Models with a known solution, solved to the tolerance asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.linalg

from ketasim.engine import CompiledModel, DoseSchedule

if TYPE_CHECKING:
    from numpy.typing import NDArray

Build = "Callable[[str], CompiledModel]"
TOLERANCES = [1e-4, 1e-7, 1e-10]
#: How much larger the largest error may be than the tolerance of a step: errors add up.
SLACK = 20.0

ONE = """
model one
  compartment V = 4; substanceOnly species G in V = 0; substanceOnly species C in V = 0
  ka = 0.9; k = 0.25
  G -> C; ka*G; C -> ; k*C
end"""
TWO = """
model two
  compartment V = 4; substanceOnly species G in V = 0; substanceOnly species C in V = 0
  substanceOnly species P in V = 0
  ka = 0.9; k10 = 0.3; k12 = 1.1; k21 = 0.4
  G -> C; ka*G; C -> ; k10*C; C -> P; k12*C; P -> C; k21*P
end"""
MATRIX = {
    "one": np.array([[-0.9, 0.0], [0.9, -0.25]]),
    "two": np.array([[-0.9, 0.0, 0.0], [0.9, -1.4, 0.4], [0.0, 1.1, -0.4]]),
}
ROUTES = {
    "venous bolus": ("C", 0.0),
    "venous infusion": ("C", 2.5),
    "oral bolus": ("G", 0.0),
    "zero-order absorption": ("G", 3.0),
}
TIMES = np.array([0.0, 0.4, 1.0, 2.0, 3.3, 5.0, 6.0, 7.1, 9.0, 13.0, 24.0])


def linear_response(
    matrix: NDArray[np.float64], target: int, doses: list[tuple[float, float, float]], time: float
) -> NDArray[np.float64]:
    """Return the state of dy/dt = A y + u(t) by superposing exponentials of the matrix."""
    size = len(matrix)
    total = np.zeros(size)
    for start, duration, amount in doses:
        since = time - start
        if since < 0:
            continue
        unit = np.zeros(size)
        unit[target] = amount
        if duration == 0.0:
            total += scipy.linalg.expm(matrix * since) @ unit
            continue
        lasting = min(since, duration)
        integral = np.linalg.solve(
            matrix, (scipy.linalg.expm(matrix * lasting) - np.eye(size)) @ (unit / duration)
        )
        total += scipy.linalg.expm(matrix * (since - lasting)) @ integral
    return total


@pytest.mark.parametrize("rtol", TOLERANCES)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("text", [ONE, TWO], ids=["one compartment", "two compartments"])
def test_doses_in_every_route(text: str, route: str, rtol: float, solver: Any) -> None:
    target, duration = ROUTES[route]
    model: CompiledModel = solver(text)
    given = [(0.0, duration, 10.0), (6.0, duration, 7.0), (7.1, duration, 3.0)]
    start, length, amount = (np.array(column) for column in zip(*given, strict=True))
    doses = DoseSchedule((target,) * 3, start, length, amount)
    run = model.solve(TIMES, doses=doses, rtol=rtol, atol=rtol * 1e-3)
    matrix = MATRIX["one" if text is ONE else "two"]
    place = model.states.index(target)
    exact = np.array([linear_response(matrix, place, given, time) for time in TIMES])
    assert run.values[0] == pytest.approx(exact, rel=SLACK * rtol, abs=SLACK * rtol * 1e-2)


@pytest.mark.parametrize("rtol", TOLERANCES)
def test_a_linear_chain(rtol: float, solver: Any) -> None:
    """x_n of a chain with equal rates is the density of an Erlang distribution."""
    count, rate = 12, 1.7
    species = "; ".join(f"x{i} = {1 if i == 0 else 0}" for i in range(count))
    flows = "; ".join(f"x{i}' = k*({f'x{i - 1}' if i else 0} - x{i})" for i in range(count))
    model: CompiledModel = solver(f"model chain; k = {rate}; {species}; {flows}; end")
    times = np.linspace(0.5, 15.0, 30)
    run = model.solve(times, start=0.0, rtol=rtol, atol=rtol * 1e-3)
    factorials = np.cumprod([1.0, *range(1, count)])
    exact = np.array(
        [[(rate * t) ** n * np.exp(-rate * t) / factorials[n] for n in range(count)] for t in times]
    )
    assert run.values[0] == pytest.approx(exact, rel=SLACK * rtol, abs=SLACK * rtol * 1e-1)


@pytest.mark.parametrize("rtol", TOLERANCES)
def test_exponential_events(rtol: float, solver: Any) -> None:
    """A decay that is set back to 1 whenever it reaches 1/2 repeats every ln 2 / k."""
    model: CompiledModel = solver("model m; x = 1; n = 0; k = 0.8; x' = -k*x; "
                                  "at (x < 0.5), t0 = false: x = 1, n = n + 1; end")  # fmt: skip
    times = np.linspace(0.1, 20.0, 57)
    run = model.solve(times, start=0.0, rtol=rtol, atol=rtol * 1e-3)
    period = np.log(2.0) / 0.8
    phase = np.mod(times, period)
    clear = np.minimum(phase, period - phase) > 1e3 * rtol  # not where it jumps
    assert run.output("x")[0, clear] == pytest.approx(
        np.exp(-0.8 * phase[clear]), rel=SLACK * 30 * rtol
    )
    assert run.output("n")[0, clear].tolist() == np.floor(times[clear] / period).tolist()


@pytest.mark.parametrize("rtol", TOLERANCES)
def test_a_bouncing_ball(rtol: float, solver: Any) -> None:
    """Each bounce keeps four fifths of the speed; heights between bounces are parabolas."""
    model: CompiledModel = solver("model ball; h = 10; v = 0; h' = v; v' = -9.81; "
                                  "at (h < 0), t0 = false: v = -0.8*v, h = 0; end")  # fmt: skip
    times = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    run = model.solve(times, start=0.0, rtol=rtol, atol=rtol)
    exact = []
    for time in times:
        start, speed = 0.0, 0.0
        hit = np.sqrt(2 * 10 / 9.81)
        height = 10.0
        while time > hit:
            speed = 0.8 * (9.81 * (hit - start) - speed)
            start, height = hit, 0.0
            hit = start + 2 * speed / 9.81
        exact.append(height + speed * (time - start) - 0.5 * 9.81 * (time - start) ** 2)
    assert run.output("h")[0] == pytest.approx(exact, abs=1e3 * rtol)


def test_the_error_falls_with_the_tolerance(solver: Any) -> None:
    """On a stiff oscillator's first period, ten times the tolerance is about ten times the error."""
    model: CompiledModel = solver("""model o; x = 1; y = 2; z = 3; s = 77.27; q = 8.375e-6
      w = 0.161; x' = s*(x + y - q*x^2 - x*y); y' = (z - y - x*y)/s; z' = w*(x - z); end""")
    times = np.linspace(0.0, 200.0, 41)
    truth = model.solve(times, rtol=1e-12, atol=1e-12).values
    errors = []
    for rtol in (1e-4, 1e-6, 1e-8):
        found = model.solve(times, rtol=rtol, atol=rtol * 1e-2).values
        errors.append((np.abs(found - truth) / truth).max())
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert errors[2] < 1e-5
