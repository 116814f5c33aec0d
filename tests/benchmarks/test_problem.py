"""What peers get: constants of all patients at once, and doses as segments without jumps."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.case import Case, Patients, doses, sbml_of
from benchmarks.columns import evaluate_columns
from benchmarks.problem import make_problem, set_values

from ketasim.engine import DoseSchedule
from ketasim.engine.expressions import UNARY, Graph

TEXT = """
model two
  compartment V = 2
  substanceOnly species gut in V = 0; species central in V = 0
  ka = 1; cl = 0.5; k = 7
  k = cl / V
  gut -> central; ka * gut
  central -> ; k * V * central
end
"""


@pytest.fixture(scope="module")
def case() -> Case:
    return Case(
        name="two",
        title="Two",
        source="here",
        sbml=sbml_of(TEXT),
        times=np.arange(7.0),
        outputs=("gut", "central"),
        absolute=1.0,
        population=lambda count: Patients(count, {}, None),
    )


# columns ----------------------------------------------------------------------------------------
def random_graph(rng: np.random.Generator, inputs: int) -> tuple[Graph, list[int]]:
    graph = Graph()
    numbers = [graph.input(index) for index in range(inputs)]
    numbers += [graph.const(float(value)) for value in rng.uniform(-2.0, 2.0, 3)]
    unary = sorted(UNARY)
    for _ in range(60):
        a, b = (numbers[int(place)] for place in rng.integers(len(numbers), size=2))
        positive = graph.add(graph.unary("abs", a), graph.const(0.1))
        test = graph.compare(str(rng.choice(["lt", "le", "gt", "ge", "eq", "ne"])), a, b)
        other = graph.both(test, graph.compare("lt", b, graph.const(0.5)))
        made = [
            graph.add(a, b), graph.sub(a, b), graph.mul(a, b), graph.div(a, positive),
            graph.power(positive, graph.unary("tanh", b)),
            graph.power_slope(positive, graph.unary("tanh", b)),
            graph.unary(str(rng.choice(unary)), a), graph.select(test, a, b),
            graph.number(graph.not_(other)), graph.number(test), graph.unary("tanh", a),
        ]  # fmt: skip
        numbers.append(made[int(rng.integers(len(made)))])
    return graph, numbers


@pytest.mark.parametrize("seed", range(20))
def test_all_patients_at_once_are_what_each_is_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph, roots = random_graph(rng, inputs=4)
    inputs = rng.uniform(-2.0, 2.0, (5, 4))
    found = evaluate_columns(graph, roots, inputs)
    expected = np.array([graph.evaluate(roots, row) for row in inputs.tolist()])
    assert found.shape == (5, len(roots))
    finite = np.isfinite(expected)
    assert finite.mean() > 0.5
    assert np.array_equal(np.isfinite(found), finite)
    assert found[finite] == pytest.approx(expected[finite], rel=1e-11, abs=1e-13)


def test_of_no_nodes_there_are_no_values() -> None:
    assert evaluate_columns(Graph(), [], np.ones((3, 2))).shape == (3, 0)


# segments ---------------------------------------------------------------------------------------
def two_patients() -> Patients:
    rows = [
        ("gut", 0.0, 0.0, [10.0, 20.0]),
        ("central", 2.0, 2.0, [8.0, 0.0]),
        ("gut", 3.0, 0.0, [5.0, 6.0]),
        ("central", 3.0, 2.0, [6.0, 0.0]),
    ]
    return Patients(2, {"V": np.array([2.0, 4.0])}, doses(rows, 2))


def test_doses_become_segments(case: Case) -> None:
    problem = make_problem(case, two_patients())
    assert problem.dosed_names == ("gut", "central")
    # An amount enters `gut` as it is, and `central`, a concentration, divided by the volume.
    assert problem.scale.tolist() == [[1.0, 0.5], [1.0, 0.25]]
    assert problem.begin.tolist() == [[0, 2, 3, 4, 5], [0, 3, 6, 6, 6]]
    assert problem.end.tolist() == [[2, 3, 4, 5, 6], [3, 6, 6, 6, 6]]
    assert problem.bolus[0].tolist() == [[10, 0], [0, 0], [5, 0], [0, 0], [0, 0]]
    assert problem.rate[0].tolist() == [[0, 0], [0, 2], [0, 3.5], [0, 1.5], [0, 0]]
    assert problem.bolus[1].tolist() == [[20, 0], [6, 0], [0, 0], [0, 0], [0, 0]]
    assert not problem.rate[1].any()


def test_each_output_time_lies_in_one_segment(case: Case) -> None:
    problem = make_problem(case, two_patients())
    parts = [list(problem.segments(patient)) for patient in (0, 1)]
    # A time on a breakpoint belongs to the segment that begins there: the dose is in.
    assert [(one.first, one.after) for one in parts[0]] == [(0, 2), (2, 3), (3, 4), (4, 5), (5, 7)]
    assert [(one.first, one.after) for one in parts[1]] == [(0, 3), (3, 7)]
    for one in (*parts[0], *parts[1]):
        assert one.grid[0] == one.begin
        assert one.grid[-1] == one.end
        assert np.array_equal(one.grid[one.asked], problem.times[one.first : one.after])


def random_doses(rng: np.random.Generator, patients: int) -> DoseSchedule:
    shape = (patients, 6)
    start = rng.choice([0.0, 1.0, 1.5, 2.0, 3.0], shape) + rng.choice([0.0, 0.1], shape)
    duration = rng.choice([0.0, 0.0, 0.5, 1.0, 1.7], shape)
    amount = rng.choice([0.0, 1.0, 2.5], shape)
    return DoseSchedule(
        ("gut", "central", "gut", "central", "central", "gut"), start, duration, amount
    )


@pytest.mark.parametrize("seed", range(10))
def test_nothing_of_a_dose_is_lost(case: Case, seed: int) -> None:
    rng = np.random.default_rng(seed)
    schedule, volume = random_doses(rng, 4), rng.uniform(1.0, 3.0, 4)
    problem = make_problem(case, Patients(4, {"V": volume}, schedule))
    length = (problem.end - problem.begin)[:, :, None]
    assert (length >= 0.0).all()
    assert problem.end.max(axis=1).tolist() == [6.0] * 4
    given = (problem.bolus + problem.rate * length).sum(axis=1) / problem.scale
    into_gut = np.array([name == "gut" for name in schedule.targets])
    expected = [schedule.amount[:, some].sum(axis=1) for some in (into_gut, ~into_gut)]
    assert given == pytest.approx(np.stack(expected, axis=1))


def test_of_an_infusion_that_outlasts_the_run_only_the_beginning_enters(case: Case) -> None:
    problem = make_problem(case, Patients(1, {}, doses([("gut", 4.0, 8.0, 16.0)], 1)))
    assert problem.begin.tolist() == [[0, 4]]
    assert problem.end.tolist() == [[4, 6]]
    assert problem.rate.ravel().tolist() == [0.0, 2.0]


def test_without_doses_there_is_one_segment(case: Case) -> None:
    problem = make_problem(case, Patients(3, {}, None))
    assert problem.begin.tolist() == [[0]] * 3
    assert problem.end.tolist() == [[6]] * 3
    assert problem.bolus.shape == problem.rate.shape == (3, 1, 0)


def test_constants_that_are_computed_from_others_are_renewed_for_peers(case: Case) -> None:
    patients = Patients(2, {"cl": np.array([0.5, 3.0]), "V": np.array([2.0, 4.0])}, None)
    found = set_values(make_problem(case, patients))
    assert found["cl"].tolist() == [0.5, 3.0]
    assert found["k"].tolist() == [0.25, 0.75]
    assert "ka" not in found


def test_a_smaller_cohort_is_the_beginning_of_a_larger_one() -> None:
    some = two_patients().first(1)
    assert some.count == 1
    assert some.parameters["V"].tolist() == [2.0]
    assert some.doses is not None
    assert some.doses.amount.tolist() == [[10.0, 8.0, 5.0, 6.0]]
