"""Equations solved on the expression graph: linear ones, chains of inverses, small systems.

An equation says that a node is zero. It is solved for a variable where it is linear in it (the
variable may stand in sums, products with other things, quotients and branches), or where the
variable stands in one place inside a chain of functions that have one inverse each. Anything
else has no solution or several, and no one of them is picked.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from .expressions import UNARY, Graph

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Linear(NamedTuple):
    """A node as ``slope * variable + rest``; both nodes are free of the variable."""

    slope: int
    rest: int


def rebuilt(source: Graph, root: int, target: Graph, leaf: Callable[[int], int | None]) -> int:
    """Return a copy of an expression with leaves replaced.

    Parameters
    ----------
    source : Graph
        Where the expression is.
    root : int
        Its node.
    target : Graph
        Where the copy is written; may be `source`.
    leaf : callable
        Returns the node in `target` that replaces a state, input or time of `source`.
    """
    copies: dict[int, int] = {}
    for node in source.reachable([root]):
        replaced = None if source.args[node] else leaf(node)
        args = [copies[arg] for arg in source.args[node]]
        copies[node] = _copy(source, node, target, args) if replaced is None else replaced
    return copies[root]


def _copy(source: Graph, node: int, target: Graph, args: list[int]) -> int:
    op, payload = source.ops[node], source.payload[node]
    if op in UNARY:
        return target.unary(op, args[0])
    if op in ("lt", "le", "eq"):
        return target.compare(op, *args)
    if op in ("true", "false"):
        return target.truth(op == "true")
    if op in ("input", "state"):
        return (target.input if op == "input" else target.state)(int(payload))
    makers: dict[str, Callable[..., int]] = {
        "add": target.add, "sub": target.sub, "mul": target.mul, "div": target.div,
        "power": target.power, "power_slope": target.power_slope, "select": target.select,
        "and": target.both, "not": target.not_, "time": target.time,
    }  # fmt: skip
    return target.const(payload) if op == "const" else makers[op](*args)


def substituted(graph: Graph, root: int, values: Mapping[int, int]) -> int:
    """Return an expression with leaves replaced by other nodes of the same graph."""
    return rebuilt(graph, root, graph, lambda node: values.get(node, node))


def linear(graph: Graph, root: int, variable: int) -> Linear | None:
    """Return an expression as a linear function of a leaf, None where it is none.

    Parameters
    ----------
    graph : Graph
        Where nodes are added.
    root : int
        The expression.
    variable : int
        The leaf.
    """
    zero, one = graph.const(0.0), graph.const(1.0)
    forms: dict[int, Linear | None] = {}
    for node in graph.reachable([root]):
        if node == variable:
            forms[node] = Linear(one, zero)
        elif all(_is_free(forms[arg], zero) for arg in graph.args[node]):
            forms[node] = Linear(zero, node)
        else:
            forms[node] = _combined(graph, node, [forms[arg] for arg in graph.args[node]])
    return forms[root]


def _is_free(form: Linear | None, zero: int) -> bool:
    return form is not None and form.slope == zero


def _combined(graph: Graph, node: int, forms: list[Linear | None]) -> Linear | None:
    op, zero = graph.ops[node], graph.const(0.0)
    known = [form for form in forms if form is not None]
    if len(known) < len(forms):
        return None
    slopes, rests = [form.slope for form in known], [form.rest for form in known]
    if op == "neg":
        return Linear(graph.neg(slopes[0]), graph.neg(rests[0]))
    if op in ("add", "sub"):
        make = graph.add if op == "add" else graph.sub
        return Linear(make(*slopes), make(*rests))
    if op == "mul" and zero in slopes:
        factor = rests[0] if slopes[0] == zero else rests[1]
        other = known[1] if slopes[0] == zero else known[0]
        return Linear(graph.mul(factor, other.slope), graph.mul(factor, other.rest))
    if op == "div" and slopes[1] == zero:
        return Linear(graph.div(slopes[0], rests[1]), graph.div(rests[0], rests[1]))
    if op == "select" and slopes[0] == zero:
        condition = graph.args[node][0]
        return Linear(
            graph.select(condition, slopes[1], slopes[2]),
            graph.select(condition, rests[1], rests[2]),
        )
    return None


def solve_for(graph: Graph, residual: int, variable: int) -> int | None:
    """Return the node of a variable for which a residual is zero, None where it is not known.

    Parameters
    ----------
    graph : Graph
        Where nodes are added.
    residual : int
        The expression that is zero.
    variable : int
        The leaf to solve for.
    """
    form = linear(graph, residual, variable)
    if form is not None:
        if graph.value(form.slope) == 0.0:
            return None
        return graph.neg(graph.div(form.rest, form.slope))
    return _peeled(graph, residual, graph.const(0.0), variable)


def _peeled(graph: Graph, node: int, value: int, variable: int) -> int | None:
    """Solve ``node = value`` by undoing one operation after the other."""
    while node != variable:
        args = graph.args[node]
        holding = [arg for arg in args if variable in graph.reachable([arg])]
        if len(holding) != 1:
            return None
        undone = _undone(graph, node, holding[0], value)
        if undone is None:
            return None
        node, value = holding[0], undone
        form = linear(graph, node, variable)
        if form is not None:
            if graph.value(form.slope) == 0.0:
                return None
            return graph.div(graph.sub(value, form.rest), form.slope)
    return value


def _undone(graph: Graph, node: int, inner: int, value: int) -> int | None:
    """Return what an operand must be for a node to have a value; None where that is not one."""
    op, args = graph.ops[node], graph.args[node]
    inverses: dict[str, Callable[[], int]] = {
        "neg": lambda: graph.neg(value),
        "exp": lambda: graph.unary("ln", value),
        "ln": lambda: graph.unary("exp", value),
        "log10": lambda: graph.power(graph.const(10.0), value),
        "sinh": lambda: graph.unary("asinh", value),
        "asinh": lambda: graph.unary("sinh", value),
        "tanh": lambda: graph.unary("atanh", value),
        "atanh": lambda: graph.unary("tanh", value),
    }
    if op in inverses:
        return inverses[op]()
    if op == "power" and inner == args[1] and graph.value(args[0]) is not None:
        base = graph.value(args[0]) or 0.0
        if base <= 0.0 or base == 1.0:
            return None
        return graph.div(graph.unary("ln", value), graph.const(math.log(base)))
    if len(args) != 2 or op not in ("add", "sub", "mul", "div"):
        return None
    first = inner == args[0]
    other = args[1] if first else args[0]
    if op == "add":
        return graph.sub(value, other)
    if op == "sub":
        return graph.add(value, other) if first else graph.sub(other, value)
    if op == "mul":
        return graph.div(value, other)
    return graph.mul(value, other) if first else graph.div(other, value)


def solve_system(
    graph: Graph, residuals: Sequence[int], variables: Sequence[int]
) -> dict[int, int] | None:
    """Return the variables for which all residuals are zero, None where that is not known.

    Equations that close upon few variables are solved before those that need their values; what
    closes upon several variables together must be linear in them.

    Parameters
    ----------
    graph : Graph
        Where nodes are added.
    residuals : sequence of int
        As many as there are variables.
    variables : sequence of int
        Leaves to solve for.
    """
    found: dict[int, int] = {}
    rest = list(residuals)
    while rest:
        solved = _solved_block(graph, rest, [one for one in variables if one not in found])
        if solved is None:
            return None
        block, values = solved
        found.update(values)
        rest = [substituted(graph, one, values) for one in rest if one not in block]
    return found if len(found) == len(variables) else None


def _solved_block(
    graph: Graph, residuals: list[int], variables: list[int]
) -> tuple[list[int], dict[int, int]] | None:
    """Solve some of the equations that have as many variables as there are of them."""
    mentioned = {one: frozenset(graph.reachable([one])) & frozenset(variables) for one in residuals}
    for inside in sorted(set(mentioned.values()), key=len):
        block = [one for one in residuals if mentioned[one] <= inside]
        if len(block) != len(inside):
            continue
        order = [one for one in variables if one in inside]
        if len(block) == 1:
            value = solve_for(graph, block[0], order[0])
            solved = None if value is None else {order[0]: value}
        else:
            solved = _eliminated(graph, block, order)
        if solved is not None:
            return block, solved
    return None


def _eliminated(graph: Graph, residuals: list[int], variables: list[int]) -> dict[int, int] | None:
    """Solve a linear system by Gauss's elimination, constant pivots first."""
    zero = graph.const(0.0)
    rows = []
    for residual in residuals:
        row, rest = [], residual
        for variable in variables:
            form = linear(graph, rest, variable)
            if form is None:
                return None
            row.append(form.slope)
            rest = form.rest
        if any(set(variables) & set(graph.reachable([slope])) for slope in row):
            return None
        rows.append([*row, rest])
    size, order = len(variables), []
    for column in range(size):
        usable = [r for r in range(size) if r not in order and rows[r][column] != zero]
        if not usable:
            return None
        pivot = min(usable, key=lambda r: (graph.value(rows[r][column]) is None, r))
        order.append(pivot)
        for r in range(size):
            if r == pivot or rows[r][column] == zero:
                continue
            factor = graph.div(rows[r][column], rows[pivot][column])
            rows[r] = [
                graph.sub(a, graph.mul(factor, b))
                for a, b in zip(rows[r], rows[pivot], strict=True)
            ]
            rows[r][column] = zero
    return {
        variable: graph.neg(graph.div(rows[pivot][-1], rows[pivot][column]))
        for column, (variable, pivot) in enumerate(zip(variables, order, strict=True))
    }
