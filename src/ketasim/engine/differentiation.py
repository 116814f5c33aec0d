"""Exact derivatives of a model's rates with respect to its state and to time.

Two levels are combined. Inside a rule or a reaction rate the derivative is accumulated
backwards (reverse mode: one sweep gives the derivative by every variable it mentions); between
rules it is accumulated forwards by the chain rule, so a rule used by ten reactions is
differentiated once. The result is a sparse row for each root.

Source of the method: Griewank and Walther, *Evaluating Derivatives*, 2nd ed., SIAM 2008,
chapters 3 (forward and reverse) and 10 (elimination on the graph between rules).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .expressions import STATE, TIME, Graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


def partials(graph: Graph, node: int) -> tuple[int | None, ...]:
    """Return the derivatives of a node by each of its operands.

    Parameters
    ----------
    graph : Graph
        The graph; derivative nodes are added to it.
    node : int
        The node.

    Returns
    -------
    tuple of int or None
        One node an operand; None where there is no derivative: conditions, rounding.
    """
    op, args = graph.ops[node], graph.args[node]
    one, zero = graph.const(1.0), graph.const(0.0)
    if op == "add":
        return one, one
    if op == "sub":
        return one, graph.const(-1.0)
    if op == "mul":
        return args[1], args[0]
    if op == "div":
        return graph.div(one, args[1]), graph.neg(graph.div(node, args[1]))
    if op == "select":
        return None, graph.select(args[0], one, zero), graph.select(args[0], zero, one)
    if op in ("power", "power_slope"):
        return _power_partials(graph, node)
    if len(args) == 1:
        return (_unary_partial(graph, node),)
    return (None,) * len(args)


def _power_partials(graph: Graph, node: int) -> tuple[int, int]:
    base, exponent = graph.args[node]
    lower = graph.power_slope(base, graph.sub(exponent, graph.const(1.0)))
    positive = graph.compare("lt", graph.const(0.0), base)
    by_exponent = graph.mul(node, graph.unary("ln", base))
    return graph.mul(exponent, lower), graph.select(positive, by_exponent, graph.const(0.0))


def _unary_partial(graph: Graph, node: int) -> int | None:
    op, a = graph.ops[node], graph.args[node][0]
    one, zero, minus = graph.const(1.0), graph.const(0.0), graph.const(-1.0)
    squared = graph.mul(a, a)
    value_squared = graph.mul(node, node)

    def inverse_root(inside: int) -> int:
        return graph.div(one, graph.unary("sqrt", inside))

    def root() -> int:
        return graph.select(graph.compare("lt", zero, a), graph.div(graph.const(0.5), node), zero)

    rules: dict[str, Callable[[], int]] = {
        "neg": lambda: minus,
        "abs": lambda: graph.select(graph.compare("lt", a, zero), minus, one),
        "sqrt": root,
        "exp": lambda: node,
        "ln": lambda: graph.div(one, a),
        "log10": lambda: graph.div(graph.const(1.0 / math.log(10.0)), a),
        "sin": lambda: graph.unary("cos", a),
        "cos": lambda: graph.neg(graph.unary("sin", a)),
        "tan": lambda: graph.add(one, value_squared),
        "asin": lambda: inverse_root(graph.sub(one, squared)),
        "acos": lambda: graph.neg(inverse_root(graph.sub(one, squared))),
        "atan": lambda: graph.div(one, graph.add(one, squared)),
        "sinh": lambda: graph.unary("cosh", a),
        "cosh": lambda: graph.unary("sinh", a),
        "tanh": lambda: graph.sub(one, value_squared),
        "asinh": lambda: inverse_root(graph.add(squared, one)),
        "acosh": lambda: inverse_root(graph.sub(squared, one)),
        "atanh": lambda: graph.div(one, graph.sub(one, squared)),
    }
    rule = rules.get(op)  # floor, ceil, trunc and the logical ones are flat
    return rule() if rule else None


class Differentiator:
    """Derivatives of roots of a graph by state and by time.

    Parameters
    ----------
    graph : Graph
        The graph; derivative nodes are added to it.
    cuts : iterable of int
        Nodes (the assignment rules and reaction rates) at which the backward sweep stops and
        the chain rule takes over.
    """

    def __init__(self, graph: Graph, cuts: Iterable[int] = ()) -> None:
        self._graph = graph
        self._cuts = {node for node in cuts if graph.args[node] and graph.varies(node)}
        self._rows: dict[int, dict[int, int]] = {}

    def row(self, root: int) -> dict[int, int]:
        """Return {leaf node: derivative node} of `root`; leaves are states and time."""
        for node in self._order(root):
            self._rows[node] = self._differentiate(node)
        return self._rows[root]

    def _order(self, root: int) -> list[int]:
        """Return the cuts not yet differentiated below `root`, lowest first, then `root`."""
        below = self._graph.reachable([root], stop=self._rows)
        todo = [n for n in below if n in self._cuts and n != root and n not in self._rows]
        return todo + ([] if root in self._rows else [root])

    def _differentiate(self, root: int) -> dict[int, int]:
        graph = self._graph
        row: dict[int, int] = {}
        for node, local in self._backward(root).items():
            inner = {node: graph.const(1.0)} if not graph.args[node] else self._rows[node]
            for leaf, slope in inner.items():
                term = graph.mul(local, slope)
                row[leaf] = graph.add(row[leaf], term) if leaf in row else term
        zero = graph.const(0.0)
        return {leaf: slope for leaf, slope in sorted(row.items()) if slope != zero}

    def _backward(self, root: int) -> dict[int, int]:
        """Return the derivatives of `root` by the leaves and cuts it mentions directly."""
        graph = self._graph
        adjoint: dict[int, int] = {root: graph.const(1.0)}
        found: dict[int, int] = {}
        stop = {node: None for node in self._cuts if node != root}
        for node in reversed(graph.reachable([root], stop=stop)):
            if node not in adjoint or not graph.varies(node):
                continue
            if node in stop or not graph.args[node]:
                found[node] = adjoint[node]
                continue
            for arg, partial in zip(graph.args[node], partials(graph, node), strict=True):
                if partial is None or not graph.varies(arg):
                    continue
                term = graph.mul(adjoint[node], partial)
                adjoint[arg] = graph.add(adjoint[arg], term) if arg in adjoint else term
        return found


def jacobian(
    graph: Graph, rates: Sequence[int], cuts: Iterable[int] = ()
) -> tuple[dict[tuple[int, int], int], list[int]]:
    """Return the sparse Jacobian of `rates` and their derivative by explicit time.

    Parameters
    ----------
    graph : Graph
        Graph of the model; derivative nodes are added to it.
    rates : sequence of int
        Node of d(state)/dt for each state.
    cuts : iterable of int
        Rules and reaction rates, differentiated once each.

    Returns
    -------
    entries : dict
        {(row, column): node} of the entries that are not identically zero.
    by_time : list of int
        Node of the derivative by time of each rate (state held fixed).
    """
    differentiator = Differentiator(graph, cuts)
    entries: dict[tuple[int, int], int] = {}
    by_time = [graph.const(0.0)] * len(rates)
    for index, rate in enumerate(rates):
        for leaf, slope in differentiator.row(rate).items():
            if graph.depends[leaf] & STATE:
                entries[index, int(graph.payload[leaf])] = slope
            elif graph.depends[leaf] & TIME:
                by_time[index] = slope
    return entries, by_time
