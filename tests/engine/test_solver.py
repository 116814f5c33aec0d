"""How the population solver behaves: patients, times, failures, threads, progress."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.integrate

from ketasim.engine import CompiledModel, DoseSchedule, Solution, Status, compile_model, machine
from ketasim.engine.population import PopulationSolver, thread_count
from ketasim.errors import InputError, RegimenError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

OREGONATOR = """
model oregonator
  x = 1; y = 2; z = 3; s = 77.27; q = 8.375e-6; w = 0.161
  x' = s*(x + y - q*x^2 - x*y); y' = (z - y - x*y)/s; z' = w*(x - z)
end"""
CASCADE = """
model cascade
  compartment V = 3; substanceOnly species G in V = 0; substanceOnly species C in V = 0
  ka = 1.2; cl = 2; kon = 300; koff = 900; n = 1.6; e = 0.2; B = 0; R = 1
  G -> C; ka*G; C -> ; cl*C/V
  B' = kon*(C/V)*(1 - B) - koff*B
  R' = 0.1*(1 + 2*B^n/(B^n + e^n) - R)
  effect := R - 1
end"""


def doses(**values: Any) -> DoseSchedule:
    defaults = {"targets": ("G",), "start_h": [0.0], "duration_h": [0.0], "amount": [5.0]}
    given = defaults | values
    arrays = {name: np.array(given[name], dtype=float) for name in defaults if name != "targets"}
    return DoseSchedule(tuple(given["targets"]), **arrays)


def same(first: Solution, second: Solution) -> bool:
    return (
        np.array_equal(first.values, second.values, equal_nan=True)
        and np.array_equal(first.status, second.status)
        and np.array_equal(first.steps, second.steps)
    )


@pytest.fixture(scope="module")
def cascade(sbml: Callable[[str], str]) -> PopulationSolver:
    return PopulationSolver(sbml(CASCADE))


def population(count: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(3)
    return {name: np.exp(0.4 * generator.normal(size=count)) for name in ("ka", "cl", "n")}


def schedule(count: int) -> DoseSchedule:
    generator = np.random.default_rng(4)
    return doses(
        targets=("G", "C", "C"),
        start_h=generator.uniform(0, 20, (count, 3)),
        duration_h=generator.uniform(0, 3, (count, 3)) * [0, 1, 1],
        amount=generator.uniform(1, 9, (count, 3)) * (generator.random((count, 3)) < 0.8),
    )


TIMES = np.linspace(0.0, 48.0, 49)


def pick(all_doses: DoseSchedule, rows: Any) -> DoseSchedule:
    return DoseSchedule(
        all_doses.targets, all_doses.start_h[rows], all_doses.duration_h[rows],
        all_doses.amount[rows],
    )  # fmt: skip


def test_a_patient_is_the_same_in_any_company(
    cascade: PopulationSolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 70
    parameters, given = population(count), schedule(count)
    whole = cascade.solve(TIMES, parameters=parameters, doses=given)
    assert whole.failed == 0
    order = np.random.default_rng(5).permutation(count)
    shuffled = cascade.solve(
        TIMES, parameters={k: v[order] for k, v in parameters.items()}, doses=pick(given, order)
    )
    assert np.array_equal(shuffled.values, whole.values[order])
    for patient in (0, 17, 69):
        alone = cascade.solve(
            TIMES, parameters={k: float(v[patient]) for k, v in parameters.items()},
            doses=pick(given, [patient]),
        )  # fmt: skip
        assert np.array_equal(alone.values[0], whole.values[patient])
    for threads in ("1", "3"):
        monkeypatch.setenv("KETASIM_THREADS", threads)
        assert same(cascade.solve(TIMES, parameters=parameters, doses=given), whole)


def test_outputs_asked_for_do_not_change_the_numbers(cascade: PopulationSolver) -> None:
    few = cascade.solve([10.0, 48.0], doses=doses(), outputs=["effect"], start=0.0)
    many = cascade.solve(TIMES, doses=doses(), outputs=["C", "effect", "R"])
    assert np.array_equal(few.values[0, :, 0], many.values[0, [10, 48], 1])
    assert many.output("effect") == pytest.approx(many.output("R") - 1, abs=1e-15)
    with pytest.raises(UnknownNameError, match="effect"):
        many.output("efect")


def test_the_solution_is_that_of_scipy(cascade: PopulationSolver) -> None:
    start = cascade.initial_state()
    start[0] += 5.0
    oracle = scipy.integrate.solve_ivp(
        lambda t, y: cascade.derivatives(y, {"cl": 1.5}), (0, 48), start, method="Radau",
        t_eval=TIMES, rtol=1e-10, atol=1e-13, jac=lambda t, y: cascade.jacobian(y, {"cl": 1.5}),
    )  # fmt: skip
    run = cascade.solve(TIMES, parameters={"cl": 1.5}, doses=doses(), rtol=1e-10, atol=1e-13)
    assert run.values[0] == pytest.approx(oracle.y.T, rel=1e-7, abs=1e-10)
    loose = cascade.solve(TIMES, parameters={"cl": 1.5}, doses=doses())
    assert loose.values[0] == pytest.approx(oracle.y.T, rel=1e-4, abs=1e-7)
    assert loose.steps[0] < run.steps[0]


@pytest.mark.parametrize("method", ["rodas5p", "rodas4"])
def test_a_stiff_oscillator(method: str, sbml: Callable[[str], str]) -> None:
    """OREGO of Hairer and Wanner II, section IV.10, with the reference solution of their tests."""
    reference = {
        30.0: (0.1000661467180497e1, 0.1512778937348249e4, 0.1035854312767229e5),
        60.0: (0.1000874625199626e1, 0.1144336972384497e4, 0.8372149966624639e2),
        360.0: (0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3),
    }
    model = PopulationSolver(sbml(OREGONATOR), method=method)
    run = model.solve(list(reference), start=0.0, rtol=1e-9, atol=1e-10)
    assert run.values[0] == pytest.approx(np.array(list(reference.values())), rel=1e-5)


def test_dense_output_is_as_good_as_the_steps(cascade: PopulationSolver) -> None:
    fine = np.linspace(0.0, 48.0, 4801)
    truth = cascade.solve(fine, doses=doses(), rtol=1e-11, atol=1e-14).values
    found = cascade.solve(fine, doses=doses()).values
    assert cascade.solve(fine, doses=doses()).steps[0] < 400
    assert np.abs(found - truth).max() < 2e-6


def test_an_output_at_a_dose_is_the_value_after_it(cascade: PopulationSolver) -> None:
    given = doses(targets=("G", "G"), start_h=[1.0, 2.0], duration_h=[0, 0], amount=[3.0, 4.0])
    run = cascade.solve([0.0, 1.0, 1.0, 2.0], doses=given, parameters={"ka": 0.0})
    assert run.output("G")[0].tolist() == [0.0, 3.0, 3.0, 7.0]


def test_the_start_is_the_first_dose_or_output(cascade: PopulationSolver) -> None:
    early = doses(start_h=[[-5.0], [3.0]], duration_h=[[0.0], [0.0]], amount=[[2.0], [2.0]])
    run = cascade.solve([0.0, 4.0], doses=early, parameters={"ka": 0.1})
    assert run.output("G")[0, 0] == pytest.approx(2.0 * np.exp(-0.5), rel=1e-6)
    assert run.output("G")[1].tolist() == pytest.approx([0.0, 2.0 * np.exp(-0.1)], rel=1e-6)


@pytest.mark.parametrize(
    ("text", "parameters", "status"),
    [
        ("x = 1; k = 1; x' = k*x^2", {"k": 1.0}, Status.STEP_TOO_SMALL),  # blows up at t = 1
        ("x = 1; k = 1; x' = -k*ln(x - 2)", {"k": 1.0}, Status.NON_FINITE),
        ("x = 1; k = 1; x' = -k; y = 0; y' = ln(x)", {"k": 1.0}, Status.NON_FINITE),
        ("x = 1; k = 1; x' = 0*x; y := 1/(k - 1)", {"k": 1.0}, Status.NON_FINITE),
    ],
)
def test_a_failure_is_a_status_and_nan_never_a_number(
    text: str,
    parameters: dict[str, float],
    status: Status,
    solver: Callable[[str], CompiledModel],
) -> None:
    model = solver(f"model m; {text}; end")
    mixed = {name: np.array([0.001, value]) for name, value in parameters.items()}
    outputs = model.observables
    run = model.solve(np.linspace(0.0, 3.0, 13), parameters=mixed, outputs=outputs)
    assert run.statuses()[1] in (status, Status.NON_FINITE)
    assert run.failed >= 1
    assert np.isnan(run.values[1, -1]).all()
    failed_at = run.failure_time[1]
    later = run.times > failed_at
    assert np.isnan(run.values[1, later]).all()
    assert np.isfinite(run.values[1, run.times < failed_at - 1e-6]).all()
    if "ln(x - 2)" not in text:
        assert run.status[0] == 0
        assert np.isfinite(run.values[0]).all()
        assert np.isnan(run.failure_time[0])


def test_the_step_limit_is_a_status(cascade: PopulationSolver) -> None:
    run = cascade.solve(TIMES, doses=doses(), max_steps=10, patients=2)
    assert run.statuses() == (Status.STEP_LIMIT, Status.STEP_LIMIT)
    assert run.steps.tolist() == [10, 10]
    assert np.isnan(run.values[:, -1]).all()


def test_every_status_reads_as_a_sentence_with_its_code() -> None:
    for code, status in enumerate(Status):
        assert status.code == code
        assert status.value.endswith(".")
        assert Status.from_code(code) is status
    with pytest.raises(ValueError, match="99"):
        Status.from_code(99)


def test_undershoots_under_a_hill_power_do_no_harm(solver: Callable[[str], CompiledModel]) -> None:
    model = solver(
        "model m; x = 1; y = 0; k = 900; n = 1.3; x' = -k*x; y' = x^n/(0.1^n + x^n) - 0.1*y; end"
    )
    run = model.solve(np.linspace(0, 50, 501), parameters={"n": np.linspace(0.5, 3, 26)}, rtol=1e-3)
    assert run.failed == 0
    assert (run.output("y")[:, -1] < 0.02).all()


def test_progress_is_told_to_the_end(cascade: PopulationSolver) -> None:
    seen: list[tuple[int, int]] = []
    cascade.solve([0.0, 1.0], patients=30, progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (30, 30)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_an_error_while_reporting_stops_the_work(cascade: PopulationSolver) -> None:
    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cascade.solve([0.0, 1.0], patients=30, progress=stop)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"times": [1.0, 0.5]}, "decrease from 1 to 0.5"),
        ({"times": []}, "list of finite numbers"),
        ({"times": [0.0, np.nan]}, "list of finite numbers"),
        ({"times": [0.0], "start": 1.0}, "start 1 is after the first output"),
        ({"times": [3.0], "start": 2.0, "doses": doses(start_h=[1.0])}, "after the first dose"),
        ({"times": [0.0], "rtol": 0.0}, "rtol is 0"),
        ({"times": [0.0], "atol": -1.0}, "atol is -1"),
        ({"times": [0.0], "max_steps": 0}, "max_steps is 0"),
        ({"times": [0.0], "patients": 0}, "0 patients"),
        ({"times": [0.0], "patients": 3, "parameters": {"ka": np.ones(2)}}, "3 by patients, 2 by"),
        ({"times": [0.0], "parameters": {"ka": np.ones((2, 2))}}, "'ka' has the shape"),
        ({"times": [0.0], "parameters": {"ka": np.array([1.0, np.nan])}}, "patient 1: 'ka' is nan"),
    ],
)
def test_bad_input_is_told_in_a_sentence(
    cascade: PopulationSolver, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        cascade.solve(**arguments)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"duration_h": [-1.0]}, "negative duration"),
        ({"amount": [np.nan]}, "not a finite number"),
        ({"amount": [1.0, 2.0]}, "amount of the doses has the shape"),
    ],
)
def test_bad_doses_are_told_in_a_sentence(
    cascade: PopulationSolver, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(RegimenError, match=message):
        cascade.solve([0.0, 1.0], doses=doses(**values))
    with pytest.raises(UnknownNameError, match="dose target"):
        cascade.solve([0.0, 1.0], doses=doses(targets=("K",)))


def test_the_second_model_comes_from_the_cache(sbml: Callable[[str], str]) -> None:
    text = sbml(CASCADE.replace("ka = 1.2", "kb = 7; ka = 1.2"))
    assert PopulationSolver(text).from_cache in (True, False)
    assert PopulationSolver(text).from_cache


def test_values_are_no_part_of_the_compiled_code(sbml: Callable[[str], str]) -> None:
    PopulationSolver(sbml(CASCADE))
    assert PopulationSolver(sbml(CASCADE.replace("koff = 900", "koff = 450"))).from_cache


def test_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KETASIM_THREADS", raising=False)
    assert thread_count() >= 1
    monkeypatch.setenv("KETASIM_THREADS", "7")
    assert thread_count() == 7
    monkeypatch.setenv("KETASIM_THREADS", "many")
    with pytest.raises(InputError, match="KETASIM_THREADS is 'many'"):
        thread_count()


def test_both_backends_are_the_protocol(sbml: Callable[[str], str]) -> None:
    for model in (compile_model(sbml(CASCADE)), compile_model(sbml(CASCADE), backend="roadrunner")):
        assert isinstance(model, CompiledModel)
        assert "cascade" in repr(model)


def test_a_state_of_the_wrong_shape_is_refused(cascade: PopulationSolver) -> None:
    with pytest.raises(InputError, match="shape"):
        cascade.derivatives([1.0])


@pytest.mark.parametrize("backend", ["numba", "roadrunner"])
def test_a_solver_can_be_sent_to_another_process(backend: Any, sbml: Callable[[str], str]) -> None:
    model = compile_model(sbml(CASCADE), backend=backend)
    copy = pickle.loads(pickle.dumps(model))
    assert same(copy.solve(TIMES, doses=doses()), model.solve(TIMES, doses=doses()))


def test_without_a_folder_for_numba_the_driver_is_compiled_and_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []

    def njit(cache: bool = False, **options: Any) -> Callable[[Any], Any]:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(machine.numba, "njit", njit)
    monkeypatch.setattr(machine, "_bare", {})
    assert machine.compiled(thread_count) is thread_count
    assert asked == [True, False]


def test_a_solution_can_be_pickled(cascade: PopulationSolver) -> None:
    run = cascade.solve([0.0, 1.0])
    assert same(pickle.loads(pickle.dumps(run)), run)
