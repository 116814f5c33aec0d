"""Derivatives of solutions: closed forms, differences, doses that move, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ketasim.engine import DoseSchedule, Status
from ketasim.engine.population import PopulationSolver
from ketasim.errors import InputError, ModelError, RegimenError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

TIGHT: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-13}
PK = """
model pk
  compartment V = 4; substanceOnly species G in V = 0; substanceOnly species C in V = 0
  ka = 0.9; k = 0.25; vm = 2; km = 1.3; lag = 2; P = 0.3
  G -> C; ka*G; C -> ; k*C + vm*(C/V)/(km + C/V)
  P' = (C/V)*piecewise(1, time < lag, 0.3) - 0.1*P*time/(time + 1)
  seen := C/V + P
end"""
TIMES = np.array([0.0, 0.3, 0.9, 1.7, 2.2, 3.3, 4.5, 5.5, 6.5, 7.7, 9.0, 12.0])
TARGETS = ("G", "C", "C", "C")
#: Starts, durations and amounts of the doses: all apart, two at a time, three at a time.
PLANS = {
    "apart": ([0.5, 1.0, 4.0, 6.0], [0.0, 1.5, 0.0, 2.0]),
    "a bolus with an infusion, one infusion after another": (
        [0.5, 0.5, 4.0, 2.0],
        [0.0, 1.5, 0.0, 2.0],
    ),
    "two boluses, and a dose with a switch": ([2.0, 0.7, 2.0, 5.0], [0.0, 1.3, 0.0, 0.4]),
}
AMOUNTS = [5.0, 3.0, 2.0, 4.0]


@pytest.fixture(scope="module")
def pk(sbml: Callable[[str], str]) -> PopulationSolver:
    return PopulationSolver(sbml(PK))


def doses(
    start: Any, duration: Any, amount: Any, targets: tuple[str, ...] = TARGETS
) -> DoseSchedule:
    return DoseSchedule(targets, *(np.array(one, dtype=float) for one in (start, duration, amount)))


def nudged(values: list[float], place: int, by: float) -> list[float]:
    return [value + by * (i == place) for i, value in enumerate(values)]


def rightward(f: Callable[[float], np.ndarray], h: float) -> np.ndarray:
    """Return a derivative from the right, to third order."""
    return (-11 * f(0) + 18 * f(h) - 9 * f(2 * h) + 2 * f(3 * h)) / (6 * h)


def central(f: Callable[[float], np.ndarray], h: float) -> np.ndarray:
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


# closed forms -------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["rodas5p", "rodas4"])
def test_exponential_decay(method: str, sbml: Callable[[str], str]) -> None:
    model = PopulationSolver(sbml("model m; x = 2; k = 0.7; x' = -k*x; end"), method=method)
    times = np.linspace(0.0, 5.0, 11)
    rates = np.array([0.3, 0.7, 1.9])
    run = model.sensitivities(times, ["k", "x"], parameters={"k": rates}, rtol=1e-9, atol=1e-12)
    left = np.exp(-np.outer(rates, times))
    assert run.derivative("x", "k") == pytest.approx(-2 * times * left, abs=1e-8)
    assert run.derivative("x", "x") == pytest.approx(left, abs=1e-8)
    assert run.derivatives.shape == (3, 11, 1, 2)
    assert run.directions == ("k", "x")


def test_a_linear_chain(sbml: Callable[[str], str]) -> None:
    """Erlang's density: the i-th of a chain of equal rates is (kt)^i e^-kt / i!."""
    names = [f"x{i}" for i in range(6)]
    chain = "; ".join(f"x{i}' = k*(x{i - 1} - x{i})" for i in range(1, 6))
    start = "; ".join(f"{name} = {1 - bool(i)}" for i, name in enumerate(names))
    model = PopulationSolver(sbml(f"model m; {start}; k = 1.3; x0' = -k*x0; {chain}; end"))
    times = np.linspace(0.1, 8.0, 9)
    run = model.sensitivities(times, ["k"], outputs=names, start=0.0, **TIGHT)
    x = run.values[0]
    expected = times[:, None] * (np.hstack([np.zeros((9, 1)), x[:, :-1]]) - x)
    assert run.derivatives[0, :, :, 0] == pytest.approx(expected, abs=1e-9)


ONE = "model m; compartment V = 4; substanceOnly species C in V = 0; k = 0.25; C -> ; k*C; end"


def test_a_bolus_by_its_amount_and_its_time(solver: Callable[[str], PopulationSolver]) -> None:
    given = doses([1.5], [0.0], [3.0], ("C",))
    times = np.array([0.0, 1.0, 2.0, 5.0, 11.0])
    run = solver(ONE).sensitivities(
        times, ["k"], dose_amounts=[0], dose_starts=[0], doses=given, **TIGHT
    )
    since = times - 1.5
    left = np.where(since > 0, np.exp(-0.25 * since), 0.0)
    assert run.derivative("C", "amount of dose 0")[0] == pytest.approx(left, abs=1e-9)
    assert run.derivative("C", "start of dose 0")[0] == pytest.approx(0.75 * left, abs=1e-9)
    assert run.derivative("C", "k")[0] == pytest.approx(-3 * since * left, abs=1e-9)


def test_an_infusion_by_all_that_it_is(solver: Callable[[str], PopulationSolver]) -> None:
    k, start, span, amount = 0.25, 1.0, 2.0, 3.0
    given = doses([start], [span], [amount], ("C",))
    times = np.array([0.5, 1.7, 2.9, 3.5, 8.0])
    run = solver(ONE).sensitivities(
        times, dose_amounts=[0], dose_starts=[0], dose_durations=[0], doses=given, **TIGHT
    )
    rate = amount / span
    begun = np.where(times > start, np.exp(-k * (times - start)), 0.0)
    over = np.where(times > start + span, np.exp(-k * (times - start - span)), 0.0)
    level = rate / k * ((times > start) - begun - (times > start + span) + over)
    assert run.derivative("C", "amount of dose 0")[0] == pytest.approx(level / amount, abs=1e-9)
    assert run.derivative("C", "start of dose 0")[0] == pytest.approx(
        rate * (over - begun), abs=1e-9
    )
    assert run.derivative("C", "duration of dose 0")[0] == pytest.approx(
        rate * over - level / span, abs=1e-9
    )


def test_the_unit_of_a_dose_follows_its_compartment(sbml: Callable[[str], str]) -> None:
    """A dose raises a concentration by amount / volume, so the volume matters to it."""
    model = PopulationSolver(sbml("model m; compartment V = 4; species C in V = 0; k = 1; end"))
    given = doses([1.0, 2.0], [0.0, 2.0], [3.0, 5.0], ("C", "C"))
    run = model.sensitivities([1.5, 3.0], ["V"], dose_amounts=[0, 1], doses=given, outputs=["C"])
    assert run.derivatives[0, :, 0, 0] == pytest.approx([-3 / 16, -3 / 16 - 2.5 / 16])
    assert run.derivatives[0, :, 0, 1] == pytest.approx([1 / 4, 1 / 4])
    assert run.derivatives[0, :, 0, 2] == pytest.approx([0.0, 1 / 8])


def test_a_switching_time_is_a_parameter_like_any_other(sbml: Callable[[str], str]) -> None:
    model = PopulationSolver(
        sbml("model m; x = 0; lag = 2; x' = piecewise(0, time < lag, 1) - 0.5*x; end")
    )
    times = np.array([1.0, 2.5, 4.0])
    run = model.sensitivities(times, ["lag"], start=0.0, **TIGHT)
    expected = np.where(times > 2, -np.exp(-0.5 * (times - 2)), 0.0)
    assert run.derivatives[0, :, 0, 0] == pytest.approx(expected, abs=1e-9)


# differences --------------------------------------------------------------------------------
@pytest.mark.parametrize("refine", [True, False])
@pytest.mark.parametrize("plan", sorted(PLANS))
def test_every_direction_agrees_with_differences(
    plan: str, refine: bool, pk: PopulationSolver
) -> None:
    """More directions than lanes, doses that meet one another: each by a slight increase."""
    starts, spans = PLANS[plan]
    names = ["ka", "k", "vm", "km", "V", "C", "P"]
    own = {**pk.defaults, "C": 0.0, "P": 0.3}
    lasting = [i for i, span in enumerate(spans) if span > 0]
    run = pk.sensitivities(
        TIMES, names, dose_amounts=range(4), dose_starts=range(4), dose_durations=lasting,
        doses=doses(starts, spans, AMOUNTS), start=0.0, outputs=["G", "C", "P", "seen"],
        refine=refine, **TIGHT,
    )  # fmt: skip

    def solved(direction: str, by: float) -> np.ndarray:
        given = {"start": starts, "duration": spans, "amount": AMOUNTS}
        kind, place = direction.split()[0], direction.split()[-1]
        parameters = {direction: own[direction] + by} if direction in own else {}
        if not parameters:
            given[kind] = nudged(given[kind], int(place), by)
        return pk.solve(
            TIMES, parameters=parameters, doses=doses(*given.values()), start=0.0,
            outputs=run.outputs, rtol=1e-12, atol=1e-14,
        ).values[0]  # fmt: skip

    for place, direction in enumerate(run.directions):
        difference = rightward if direction not in own else central
        expected = difference(lambda by, d=direction: solved(d, by), 1e-3)
        assert run.derivatives[0, :, :, place] == pytest.approx(expected, abs=2e-7), direction


@pytest.mark.parametrize("starts", [[0.5, 0.7, 4.0, 6.0], [0.5, 0.5, 4.0, 6.0]])
def test_a_run_that_begins_with_a_dose_begins_with_it_wherever_it_moves(
    starts: list[float], pk: PopulationSolver
) -> None:
    spans, times = [0.0, 1.5, 0.0, 2.0], TIMES[2:]
    run = pk.sensitivities(times, dose_starts=[0, 1], doses=doses(starts, spans, AMOUNTS), **TIGHT)

    def solved(place: int, by: float) -> np.ndarray:
        given = doses(nudged(starts, place, by), spans, AMOUNTS)
        return pk.solve(times, doses=given, rtol=1e-12, atol=1e-14).values[0]

    for place in (0, 1):
        expected = rightward(lambda by, p=place: solved(p, by), 1e-3)
        assert run.derivatives[0, :, :, place] == pytest.approx(expected, abs=2e-7)


def test_robertson(sbml: Callable[[str], str]) -> None:
    model = PopulationSolver(
        sbml(
            "model m; a = 1; b = 0; c = 0; k1 = 0.04; k2 = 1e4; k3 = 3e7;"
            "a' = k2*b*c - k1*a; b' = k1*a - k2*b*c - k3*b^2; c' = k3*b^2; end"
        )
    )
    times = 4.0 * 10.0 ** np.arange(-1, 6)
    names = ["k1", "k2", "k3", "a"]
    own = {**model.defaults, "a": 1.0}
    run = model.sensitivities(times, names, start=0.0, rtol=1e-10, atol=1e-16)
    for place, name in enumerate(names):

        def solved(by: float, name: str = name) -> np.ndarray:
            moved = {name: own[name] * (1 + by)}
            tight = {"rtol": 1e-12, "atol": 1e-18}
            return model.solve(times, start=0.0, parameters=moved, **tight).values[0]

        found = run.derivatives[0, :, :, place] * own[name]
        expected = central(solved, 1e-3)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-13)


def test_a_value_the_model_computes_can_still_be_moved(sbml: Callable[[str], str]) -> None:
    model = PopulationSolver(sbml("model m; a = 3; k = a^2; x = 2*k; x' = -k*x; end"))
    run = model.sensitivities([0.0, 0.1], ["a", "k", "x"], **TIGHT)
    left = np.exp(-0.9)
    assert run.derivatives[0, 0, 0] == pytest.approx([12.0, 2.0, 1.0])
    assert run.derivatives[0, 1, 0, 1] == pytest.approx((2 - 18 * 0.1) * left, abs=1e-9)
    assert run.derivatives[0, 1, 0, 0] == pytest.approx(6 * (2 - 18 * 0.1) * left, abs=1e-9)
    given = model.sensitivities([0.0], ["a", "k", "x"], parameters={"x": 5.0, "k": 2.0})
    assert given.derivatives[0, 0, 0].tolist() == [0.0, 0.0, 1.0]


# the run itself -----------------------------------------------------------------------------
def population(count: int) -> dict[str, Any]:
    generator = np.random.default_rng(8)
    return {
        "parameters": {name: np.exp(0.3 * generator.normal(size=count)) for name in ("ka", "vm")},
        "doses": doses(
            generator.uniform(0, 8, (count, 4)), generator.uniform(0, 3, (count, 4)) * [0, 1, 0, 1],
            generator.uniform(1, 9, (count, 4)),
        ),
    }  # fmt: skip


def test_the_values_are_those_of_solve_to_the_last_bit(pk: PopulationSolver) -> None:
    asked = population(9) | {"outputs": ["C", "seen"], "rtol": 1e-5}
    names = ["ka", "k", "vm", "km", "V", "lag", "P", "C", "G"]
    run = pk.sensitivities(TIMES, names, dose_starts=[1], refine=False, **asked)
    own = pk.solve(TIMES, **asked)
    assert np.array_equal(run.values, own.values)
    assert np.array_equal(run.solution.steps, own.steps)
    refined = pk.sensitivities(TIMES, names, dose_starts=[1], **asked)
    assert refined.values == pytest.approx(own.values, rel=1e-3, abs=1e-6)
    assert (refined.solution.steps >= own.steps).all()


def test_a_derivative_is_the_same_in_any_company(
    pk: PopulationSolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = population(9)
    run = pk.sensitivities(TIMES, ["ka", "V"], dose_starts=[0], **asked)
    monkeypatch.setenv("KETASIM_THREADS", "3")
    again = pk.sensitivities(TIMES, ["ka", "V"], dose_starts=[0], **asked)
    assert np.array_equal(run.derivatives, again.derivatives)
    given = asked["doses"]
    alone = pk.sensitivities(
        TIMES, ["ka", "V"], dose_starts=[0],
        parameters={name: float(values[4]) for name, values in asked["parameters"].items()},
        doses=doses(given.start_h[4], given.duration_h[4], given.amount[4]),
    )  # fmt: skip
    assert np.array_equal(alone.derivatives[0], run.derivatives[4])


def test_progress_is_told_to_the_end(pk: PopulationSolver) -> None:
    seen: list[tuple[int, int]] = []
    pk.sensitivities([0.0, 1.0], ["k"], patients=9, progress=lambda *told: seen.append(told))
    assert seen[-1] == (9, 9)


def test_a_run_at_rest_takes_the_steps_that_its_derivatives_need(
    sbml: Callable[[str], str],
) -> None:
    """At a steady state any step is right for the values, and the derivative is e^-t - 1."""
    model = PopulationSolver(sbml("model m; x = 1; a = 1; x' = a - x; end"))
    times = np.linspace(0.0, 40.0, 21)
    run = model.sensitivities(times, ["a"], rtol=1e-8)
    assert run.derivatives[0, :, 0, 0] == pytest.approx(1 - np.exp(-times), abs=1e-6)
    blind = model.sensitivities(times, ["a"], rtol=1e-8, refine=False)
    assert np.abs(blind.derivatives[0, :, 0, 0] - (1 - np.exp(-times))).max() > 1e-3
    assert blind.solution.steps[0] < run.solution.steps[0]


# what has no derivative -----------------------------------------------------------------------
def test_an_output_at_the_time_of_a_bolus_that_moves_has_no_derivative(
    pk: PopulationSolver,
) -> None:
    given = doses([1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0], AMOUNTS)
    run = pk.sensitivities(
        [0.0, 1.0, 2.0, 3.5], ["k"], dose_starts=[0, 1], dose_amounts=[0], doses=given
    )
    missing = np.isnan(run.derivatives[0]).any(axis=1)
    assert missing.tolist() == [[False] * 4, [False, False, True, False]] + [[False] * 4] * 2
    assert run.derivative("G", "amount of dose 0")[0, 1] == 1.0
    # An infusion changes nothing at once: by a slight increase of its start, nothing yet.
    assert run.derivative("C", "start of dose 1")[0, 2] == pytest.approx(0.0, abs=1e-12)


def test_a_dose_that_is_not_given_has_no_derivative_by_its_amount(pk: PopulationSolver) -> None:
    amounts = [[5.0, 0.0, 2.0, 4.0], AMOUNTS]
    given = doses([[1.0, 2.0, 3.0, 4.0]] * 2, [[0.0, 1.0, 0.0, 1.0]] * 2, amounts)
    run = pk.sensitivities(TIMES, dose_amounts=[1], dose_starts=[1], doses=given)
    assert np.isnan(run.derivatives[0, :, :, 0]).all()
    assert (run.derivatives[0, :, :, 1] == 0.0).all()
    assert np.isfinite(run.derivatives[1]).all()


def test_a_failure_is_nan_from_there_on_with_a_status(sbml: Callable[[str], str]) -> None:
    model = PopulationSolver(sbml("model m; x = 1; k = 1; x' = k*x^2; end"))
    times = np.linspace(0.0, 3.0, 13)
    run = model.sensitivities(times, ["k", "x"], parameters={"k": np.array([0.1, 1.0])})
    assert run.statuses()[0] is Status.OK
    assert run.statuses()[1] is not Status.OK
    assert np.isfinite(run.derivatives[0]).all()
    assert np.isfinite(run.derivatives[1, :4]).all()
    assert np.isnan(run.derivatives[1, 5:]).all()
    assert np.isnan(run.values[1, 5:]).all()
    limited = model.sensitivities(times, ["k"], max_steps=3)
    assert limited.statuses() == (Status.STEP_LIMIT,)
    broken = model.sensitivities([0.0, 1.0], ["k"], parameters={"x": 1e200})
    assert broken.statuses()[0] is not Status.OK
    assert np.isnan(broken.derivatives[0, 1]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing to differentiate by"),
        ({"with_respect_to": ["kaa"]}, "unknown parameter 'kaa': did you mean"),
        ({"with_respect_to": ["seen"]}, "'seen' is computed by an assignment rule"),
        ({"with_respect_to": ["ka", "ka"]}, "by 'ka' is asked for twice"),
        ({"dose_starts": [4]}, "no dose 4; expected a number from 0 to 3"),
        ({"dose_amounts": [-1]}, "no dose -1"),
        ({"dose_starts": [0], "doses": None}, "expected a schedule of doses"),
        ({"with_respect_to": ["ka"], "outputs": ["effekt"]}, "unknown output 'effekt'"),
        ({"with_respect_to": ["ka"], "rtol": 0.0}, "rtol is 0"),
    ],
)
def test_bad_input_is_told_in_a_sentence(
    pk: PopulationSolver, arguments: dict[str, Any], message: str
) -> None:
    given = {"doses": doses([1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0], AMOUNTS)}
    with pytest.raises(InputError, match=message):
        pk.sensitivities(TIMES, **(given | arguments))


def test_a_bolus_has_no_duration(pk: PopulationSolver) -> None:
    given = doses([1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0], AMOUNTS)
    with pytest.raises(RegimenError, match="dose 2 of patient 0 is a bolus"):
        pk.sensitivities(TIMES, dose_durations=[2], doses=given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1; x' = -x; at (x < 0.5): x = 1", "'m' has events"),
        ("x = 1; x' = piecewise(-x, x > 0.5, -2)", "rates of 'm' switch"),
        ("x = 1; a = 1; x' = piecewise(-x, sin(a*time) > 0.5, -2)", "rates of 'm' switch"),
        ("x = 1; x' = -floor(10*x)", "rates of 'm' switch"),
    ],
)
def test_a_model_whose_switches_move_is_refused(
    text: str, message: str, sbml: Callable[[str], str]
) -> None:
    model = PopulationSolver(sbml(f"model m; {text}; end"))
    with pytest.raises(ModelError, match=message):
        model.sensitivities([0.0, 1.0], ["x"])


def test_a_bound_in_the_rates_is_no_jump(sbml: Callable[[str], str]) -> None:
    model = PopulationSolver(sbml("model m; x = 1; b = 0.5; x' = -max(x, b); end"))
    run = model.sensitivities([2.0], ["b", "x"], start=0.0, **TIGHT)
    assert run.derivatives[0, 0, 0] == pytest.approx([-(2 - np.log(2.0)), 1 / 2], rel=1e-4)


def test_a_name_that_was_not_asked_for_is_told(pk: PopulationSolver) -> None:
    run = pk.sensitivities([0.0, 1.0], ["ka"], outputs=["C"])
    assert run.times.tolist() == [0.0, 1.0]
    assert run.outputs == ("C",)
    with pytest.raises(UnknownNameError, match="direction"):
        run.derivative("C", "kb")
    with pytest.raises(UnknownNameError, match="output"):
        run.derivative("B", "ka")
