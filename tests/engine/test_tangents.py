"""Tangents of graphs, held to differences of the graph's own values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ketasim.engine.differentiation import jacobian
from ketasim.engine.expressions import UNARY, Graph
from ketasim.engine.tangents import tangents

Build = Callable[[Graph, int, int], int]

BINARY: dict[str, Build] = {
    "add": Graph.add,
    "sub": Graph.sub,
    "mul": Graph.mul,
    "div": Graph.div,
    "power": Graph.power,
    "power by a slope": lambda g, a, b: g.power_slope(a, g.sub(b, g.const(1.0))),
    "select": lambda g, a, b: g.select(g.compare("lt", a, b), g.mul(a, b), g.div(a, b)),
    "minimum": Graph.minimum,
    "sum with a number": lambda g, a, b: g.add(g.const(2.0), g.mul(b, g.const(3.0))),
}
#: Where a function of one number is asked; elsewhere it may have no value.
INSIDE = {"acosh": 1.7, "ln": 0.6, "log10": 0.6, "sqrt": 0.6}
FLAT = ("floor", "ceil", "trunc")


def moved(graph: Graph, node: int, a: float, b: float, da: float, db: float) -> float:
    """Return the derivative of a node along a direction, by differences of fourth order."""
    h = 1e-3

    def at(x: float) -> float:
        return graph.evaluate([node], state=[a + x * da, b + x * db])[0]

    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def tangent(graph: Graph, node: int, a: float, b: float, da: float, db: float) -> float:
    leaves = {graph.state(i): graph.state(10 + i) for i in (0, 1)}
    (found,) = tangents(graph, [node], leaves)
    return graph.evaluate([found], state=[a, b] + [0.0] * 8 + [da, db])[0]


@pytest.mark.parametrize("name", sorted(UNARY))
def test_the_tangent_of_a_function_is_its_slope(name: str) -> None:
    graph, a = Graph(), INSIDE.get(name, 0.6)
    node = graph.unary(name, graph.mul(graph.state(0), graph.state(1)))
    expected = moved(graph, node, a, 1.02, 0.4, -0.7)
    assert tangent(graph, node, a, 1.02, 0.4, -0.7) == pytest.approx(expected, rel=1e-8, abs=1e-9)
    assert (expected == 0.0) == (name in FLAT)


@pytest.mark.parametrize("name", sorted(BINARY))
@pytest.mark.parametrize(("a", "b"), [(0.7, 1.6), (2.3, 0.4)])
def test_the_tangent_of_an_operation_is_its_slope(name: str, a: float, b: float) -> None:
    graph = Graph()
    node = BINARY[name](graph, graph.state(0), graph.state(1))
    expected = moved(graph, node, a, b, 0.4, -0.7)
    assert tangent(graph, node, a, b, 0.4, -0.7) == pytest.approx(expected, rel=1e-8)


def test_the_tangent_of_a_jacobian_is_the_second_derivative() -> None:
    graph = Graph()
    x, y, k = graph.state(0), graph.state(1), graph.input(0)
    hill = graph.div(graph.power(x, k), graph.add(graph.const(1.0), graph.power(x, k)))
    rates = [graph.sub(graph.mul(hill, y), graph.mul(k, x)), graph.unary("exp", graph.mul(x, y))]
    entries, _ = jacobian(graph, rates)
    leaves = {x: graph.state(2), y: graph.state(3), k: graph.input(1)}
    roots = tangents(graph, list(entries.values()), leaves)
    at = np.array([0.8, 0.5, 1.7])
    move = np.array([0.3, -0.6, 0.9])

    def values(nodes: list[int], point: np.ndarray, own: np.ndarray) -> np.ndarray:
        state = [*point[:2], *own[:2]]
        return np.array(graph.evaluate(nodes, inputs=[point[2], own[2]], state=state))

    h = 1e-5
    before, after = (values(list(entries.values()), at + s * h * move, move) for s in (-1, 1))
    found = values(list(roots), at, move)
    assert len(found) == 4
    assert found == pytest.approx((after - before) / (2 * h), rel=1e-7)


def test_nothing_below_a_known_node_is_looked_at() -> None:
    graph = Graph()
    inner = graph.unary("exp", graph.state(0))
    node = graph.mul(inner, graph.state(1))
    (found,) = tangents(graph, [node], {inner: graph.input(0)})
    assert graph.evaluate([found], inputs=[5.0], state=[9.0, 3.0]) == [15.0]


def test_what_does_not_depend_on_the_leaves_has_the_tangent_zero() -> None:
    graph = Graph()
    node = graph.unary("ln", graph.state(1))
    assert tangents(graph, [node], {graph.state(0): graph.const(1.0)}) == (graph.const(0.0),)


def test_a_branch_that_is_not_taken_does_no_harm() -> None:
    graph = Graph()
    x, zero = graph.state(0), graph.const(0.0)
    node = graph.select(graph.compare("lt", zero, x), graph.unary("ln", x), graph.mul(x, x))
    (found,) = tangents(graph, [node], {x: graph.input(0)})
    assert graph.evaluate([found], inputs=[1.0], state=[0.0]) == [0.0]
    assert graph.evaluate([found], inputs=[1.0], state=[4.0]) == [0.25]


def test_a_value_that_is_computed_unless_given_can_be_moved_either_way() -> None:
    graph = Graph()
    flag, given, other = graph.input(0), graph.input(1), graph.input(2)
    node = graph.select(graph.condition(flag), given, graph.mul(other, other))
    leaves = {given: graph.input(3), other: graph.input(4)}
    (found,) = tangents(graph, [node], leaves, {flag: given})

    def at(flag: float, *moves: float) -> float:
        return graph.evaluate([found], inputs=[flag, np.nan, 3.0, *moves])[0]

    assert (at(0.0, 1.0, 0.0), at(0.0, 0.0, 1.0)) == (1.0, 6.0)
    assert (at(1.0, 1.0, 0.0), at(1.0, 0.0, 1.0)) == (1.0, 0.0)
