"""The graph's arithmetic and its derivatives, with SymPy and finite differences as oracles."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from ketasim.engine.differentiation import jacobian
from ketasim.engine.expressions import INPUT, STATE, TIME, UNARY, Graph, evaluate_operation

finite = st.floats(-1e6, 1e6)
# Arguments at which each function and its derivative are smooth.
INSIDE = {
    "ln": 0.7, "log10": 0.7, "sqrt": 0.7, "acosh": 1.6, "asin": 0.4, "acos": 0.4, "atanh": 0.4,
}  # fmt: skip
SYMPY_NAME = {"ln": "log", "abs": "Abs"}


def test_the_same_expression_is_one_node() -> None:
    graph = Graph()
    x, k = graph.state(0), graph.input(0)
    assert graph.mul(k, x) == graph.mul(x, k)
    assert graph.add(x, k) == graph.add(k, x)
    assert graph.sub(x, k) != graph.sub(k, x)


def test_a_node_knows_what_it_depends_on() -> None:
    graph = Graph()
    x, k, t = graph.state(0), graph.input(0), graph.time()
    assert graph.depends[graph.mul(k, k)] == INPUT
    assert graph.depends[graph.add(x, k)] == INPUT | STATE
    assert graph.depends[graph.mul(t, x)] == TIME | STATE
    assert not graph.varies(graph.mul(k, k))
    assert graph.varies(t)


def test_what_changes_nothing_leaves_no_node() -> None:
    graph = Graph()
    x, zero, one = graph.state(0), graph.const(0.0), graph.const(1.0)
    assert graph.add(x, zero) == x
    assert graph.mul(one, x) == x
    assert graph.mul(zero, x) == zero
    assert graph.neg(graph.neg(x)) == x
    assert graph.div(x, one) == x
    assert graph.sub(x, zero) == x
    assert graph.power(x, one) == x
    assert graph.power(x, zero) == one
    assert graph.select(graph.truth(True), x, zero) == x


@given(finite, finite, finite)
def test_arithmetic_is_that_of_python(a: float, b: float, c: float) -> None:
    graph = Graph()
    x, y, z = (graph.state(i) for i in range(3))
    root = graph.sub(
        graph.mul(graph.add(x, y), z), graph.neg(graph.minimum(x, graph.maximum(y, z)))
    )
    assert graph.evaluate([root], state=[a, b, c])[0] == (a + b) * c + min(a, max(b, c))


@given(st.booleans(), st.booleans())
def test_logic_is_that_of_python(a: bool, b: bool) -> None:
    graph = Graph()
    x, y = (graph.condition(graph.state(i)) for i in range(2))
    roots = [graph.both(x, y), graph.either(x, y), graph.differ(x, y), graph.not_(x)]
    values = graph.evaluate([graph.number(r) for r in roots], state=[float(a), float(b)])
    assert values == [float(a and b), float(a or b), float(a != b), float(not a)]


@pytest.mark.parametrize("name", sorted(UNARY - {"neg", "trunc", "floor", "ceil"}))
def test_functions_and_their_derivatives_agree_with_sympy(name: str) -> None:
    graph, symbol = Graph(), sympy.Symbol("x", real=True)
    root = graph.unary(name, graph.state(0))
    entries, _ = jacobian(graph, [root])
    oracle = (
        sympy.log(symbol, 10)
        if name == "log10"
        else getattr(sympy, SYMPY_NAME.get(name, name))(symbol)
    )
    at = INSIDE.get(name, -0.8 if name == "abs" else 0.8)
    assert graph.evaluate([root], state=[at])[0] == pytest.approx(float(oracle.subs(symbol, at)))
    slope = graph.evaluate([entries.get((0, 0), graph.const(0.0))], state=[at])[0]
    assert slope == pytest.approx(float(sympy.diff(oracle, symbol).subs(symbol, at)), abs=1e-15)


@pytest.mark.parametrize(("name", "value"), [("floor", -2.0), ("ceil", -1.0), ("trunc", -1.0)])
def test_steps_are_flat(name: str, value: float) -> None:
    graph = Graph()
    root = graph.unary(name, graph.state(0))
    assert graph.evaluate([root], state=[-1.3]) == [value]
    assert jacobian(graph, [root]) == ({}, [graph.const(0.0)])


@pytest.mark.parametrize("exponent", [-3.0, -1.0, 0.5, 1.0, 2.0, 3.7, 7.0])
@pytest.mark.parametrize("base", [0.3, 2.5])
def test_powers_of_a_number_and_of_an_input(base: float, exponent: float) -> None:
    graph = Graph()
    roots = [graph.power(graph.state(0), node) for node in (graph.const(exponent), graph.input(0))]
    entries, _ = jacobian(graph, roots)
    values = graph.evaluate(roots, [exponent], [base])
    slopes = graph.evaluate([entries[0, 0], entries[1, 0]] if exponent else [], [exponent], [base])
    assert values == pytest.approx([base**exponent] * 2, rel=1e-14)
    assert slopes == pytest.approx([exponent * base ** (exponent - 1)] * 2, rel=1e-14)


def test_a_power_whose_exponent_is_a_state() -> None:
    graph = Graph()
    root = graph.power(graph.state(0), graph.state(1))
    entries, _ = jacobian(graph, [root])
    slopes = graph.evaluate([entries[0, 0], entries[0, 1]], state=[1.7, 2.3])
    assert slopes == pytest.approx([2.3 * 1.7**1.3, 1.7**2.3 * math.log(1.7)])
    assert graph.evaluate([entries[0, 1]], state=[0.0, 2.3]) == [0.0]


@pytest.mark.parametrize(
    ("base", "exponent", "expected"),
    [(-1e-12, 1.5, 0.0), (-1e-12, 2.0, 1e-24), (-2.0, 3.0, -8.0), (0.0, 1.5, 0.0)],
)
def test_a_slight_undershoot_counts_as_zero_only_under_a_broken_power(
    base: float, exponent: float, expected: float
) -> None:
    assert evaluate_operation("power", (base, exponent)) == pytest.approx(expected)


def test_a_really_negative_base_is_not_hidden() -> None:
    assert math.isnan(evaluate_operation("power", (-0.5, 1.5)))


@pytest.mark.parametrize("exponent", [0.4, 1.0, 1.6, 2.0])
def test_the_slope_of_a_power_is_finite_at_zero(exponent: float) -> None:
    graph = Graph()
    entries, _ = jacobian(graph, [graph.power(graph.state(0), graph.input(0))])
    slope = graph.evaluate([entries[0, 0]], [exponent], [0.0])[0]
    assert slope == (1.0 if exponent == 1.0 else 0.0)


def test_piecewise_differentiates_the_branch_that_holds() -> None:
    graph = Graph()
    x, t = graph.state(0), graph.time()
    late = graph.compare("ge", t, graph.const(5.0))
    root = graph.select(late, graph.mul(x, x), graph.mul(graph.const(3.0), x))
    entries, by_time = jacobian(graph, [root])
    assert graph.evaluate([entries[0, 0]], state=[4.0], time=6.0) == [8.0]
    assert graph.evaluate([entries[0, 0]], state=[4.0], time=4.0) == [3.0]
    assert graph.evaluate(by_time, state=[4.0], time=4.0) == [0.0]


def test_a_rule_used_by_several_rates_is_differentiated_through_once() -> None:
    graph = Graph()
    x, y, t = graph.state(0), graph.state(1), graph.time()
    rule = graph.div(graph.mul(x, y), graph.add(x, graph.const(1.0)))
    second = graph.unary("exp", graph.neg(graph.mul(rule, t)))
    rates = [graph.mul(rule, second), graph.sub(second, graph.mul(x, rule))]
    with_cuts, time_cuts = jacobian(graph, rates, [rule, second])
    without, time_plain = jacobian(graph, rates)
    at = {"state": [0.7, 1.9], "time": 0.6}
    for position, node in without.items():
        assert graph.evaluate([with_cuts[position]], **at) == pytest.approx(
            graph.evaluate([node], **at), rel=1e-13
        )
    assert graph.evaluate(time_cuts, **at) == pytest.approx(graph.evaluate(time_plain, **at))


@given(st.lists(st.floats(0.1, 3.0), min_size=3, max_size=3), st.floats(0.1, 3.0))
def test_the_jacobian_agrees_with_finite_differences(state: list[float], time: float) -> None:
    graph = Graph()
    x, y, z, t = graph.state(0), graph.state(1), graph.state(2), graph.time()
    hill = graph.div(graph.power(x, graph.const(1.4)), graph.add(graph.power(x, y), z))
    rates = [
        graph.mul(hill, graph.unary("sin", graph.mul(t, y))),
        graph.sub(graph.unary("ln", graph.add(x, z)), graph.unary("tanh", hill)),
        graph.div(graph.unary("sqrt", z), graph.add(hill, t)),
    ]
    entries, by_time = jacobian(graph, rates, [hill])
    step = 1e-6
    for column in range(3):
        up, down = list(state), list(state)
        up[column] += step
        down[column] -= step
        slope = np.subtract(
            graph.evaluate(rates, state=up, time=time), graph.evaluate(rates, state=down, time=time)
        ) / (2 * step)
        exact = [entries.get((row, column), graph.const(0.0)) for row in range(3)]
        assert graph.evaluate(exact, state=state, time=time) == pytest.approx(slope, abs=1e-6)
    slope = np.subtract(
        graph.evaluate(rates, state=state, time=time + step),
        graph.evaluate(rates, state=state, time=time - step),
    ) / (2 * step)
    assert graph.evaluate(by_time, state=state, time=time) == pytest.approx(slope, abs=1e-6)
