"""Derivatives along a direction: what every node of a graph gains where its leaves gain something.

Given how fast the leaves of an expression change (its *tangents*), the tangent of every node above
them follows operation by operation. The tangents of leaves are nodes themselves, read from
memory when the code runs, so one piece of code serves every direction. Applied to a Jacobian's
entries this gives its directional derivative, the second derivatives that a Rosenbrock method
needs.

Source of the method: Griewank and Walther, *Evaluating Derivatives*, 2nd ed., SIAM 2008,
section 3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .differentiation import partials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .expressions import Graph


def tangents(
    graph: Graph,
    roots: Sequence[int],
    leaves: Mapping[int, int],
    choices: Mapping[int, int] | None = None,
) -> tuple[int, ...]:
    """Return the tangents of some nodes.

    Parameters
    ----------
    graph : Graph
        The graph; the tangents are added to it.
    roots : sequence of int
        Nodes to differentiate.
    leaves : mapping of int to int
        Tangents that are known; nothing below these nodes is looked at. Any other leaf is
        constant.
    choices : mapping of int to int, optional
        {input that tells whether a value is given: that value's node}. Where it is not given the
        value is computed, and still may be moved: its tangent is added to the computed one's.

    Returns
    -------
    tuple of int
        One node a root; the constant 0 where a root does not depend on the leaves.
    """
    zero = graph.const(0.0)
    found: dict[int, int] = {}
    for node in graph.reachable(roots, stop=leaves):
        if node in leaves:
            found[node] = leaves[node]
        elif graph.is_boolean(node) or all(found[arg] == zero for arg in graph.args[node]):
            found[node] = zero
        else:
            found[node] = _tangent(graph, node, found, choices or {})
    return tuple(found[root] for root in roots)


def _tangent(graph: Graph, node: int, found: Mapping[int, int], choices: Mapping[int, int]) -> int:
    """Return the tangent of a node from those of its operands."""
    op, args = graph.ops[node], graph.args[node]
    if op == "select":
        # Each branch is differentiated by itself, so what is not finite in one harms no other.
        yes, no = found[args[1]], found[args[2]]
        flag = _flag(graph, args[0])
        if flag in choices and choices[flag] == args[2]:
            yes = graph.add(yes, no)
        return graph.select(args[0], yes, no)
    if op == "div":
        # (a / b)' = (a' - (a / b) b') / b: one division, by a number that is divided by anyway.
        change = graph.sub(found[args[0]], graph.mul(node, found[args[1]]))
        return graph.div(change, args[1])
    total = graph.const(0.0)
    for arg, partial in zip(args, partials(graph, node), strict=True):
        if partial is not None:
            total = graph.add(total, graph.mul(partial, found[arg]))
    return total


def _flag(graph: Graph, condition: int) -> int:
    """Return the node that a condition asks to be 0; -1 where it asks something else."""
    if graph.ops[condition] != "eq":
        return -1
    first, second = graph.args[condition]
    return first if graph.value(second) == 0.0 else -1
