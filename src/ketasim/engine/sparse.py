"""Sparse elimination planned once, when the code is generated.

The matrix of a Rosenbrock step, ``shift * I - J``, has the same pattern at every step, so the
order of elimination and the fill are known in advance. Factorising and solving become
straight-line arithmetic without a single index look-up at run time.

Pivots are taken from the diagonal in Markowitz's order (the pivot whose elimination can fill
least, ``(r - 1) * (c - 1)``): Duff, Erisman and Reid, *Direct Methods for Sparse Matrices*,
2nd ed., Oxford 2017, chapter 7. There is no numerical pivoting; a vanishing pivot shows as a
value that is not finite, upon which the driver shortens the step, which moves the diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .expressions import Graph

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Elimination:
    """Straight-line factorisation and solution for one pattern.

    Attributes
    ----------
    factor_graph, factor : Graph, tuple of int
        Nodes of the factors. States of that graph are the Jacobian's entries in the given
        order, its time is the shift. The first n factors are the reciprocals of the pivots.
    solve_graph, solve : Graph, tuple of int
        Nodes of the solution. States of that graph are the right-hand side, its inputs the
        factors.
    """

    factor_graph: Graph
    factor: tuple[int, ...]
    solve_graph: Graph
    solve: tuple[int, ...]


def markowitz_order(size: int, pattern: Iterable[tuple[int, int]]) -> list[int]:
    """Return diagonal pivots in the order that fills least, smallest index first on ties."""
    rows: list[set[int]] = [{i} for i in range(size)]
    columns: list[set[int]] = [{i} for i in range(size)]
    for i, j in pattern:
        rows[i].add(j)
        columns[j].add(i)
    left = set(range(size))
    order: list[int] = []
    while left:
        pivot = min(left, key=lambda k: ((len(rows[k]) - 1) * (len(columns[k]) - 1), k))
        left.remove(pivot)
        order.append(pivot)
        across, down = rows[pivot] - {pivot}, columns[pivot] - {pivot}
        for i in down:
            rows[i].discard(pivot)
            rows[i] |= across
        for j in across:
            columns[j].discard(pivot)
            columns[j] |= down
    return order


def plan_elimination(size: int, pattern: list[tuple[int, int]]) -> Elimination:
    """Return the elimination of ``shift * I - J`` for a Jacobian with this pattern.

    Parameters
    ----------
    size : int
        Number of states.
    pattern : list of (int, int)
        Rows and columns of the Jacobian's entries, in the order they are stored.
    """
    graph = Graph()
    entries = {position: graph.neg(graph.state(k)) for k, position in enumerate(pattern)}
    for i in range(size):
        entries[i, i] = graph.add(graph.time(), entries.get((i, i), graph.const(0.0)))
    order = markowitz_order(size, pattern)
    place = {row: k for k, row in enumerate(order)}
    reciprocals: dict[int, int] = {}
    for k, pivot in enumerate(order):
        reciprocals[pivot] = graph.div(graph.const(1.0), entries[pivot, pivot])
        down = [i for i, j in entries if j == pivot and place[i] > k]
        across = [j for i, j in entries if i == pivot and place[j] > k]
        for i in down:
            entries[i, pivot] = graph.mul(entries[i, pivot], reciprocals[pivot])
            for j in across:
                product = graph.mul(entries[i, pivot], entries[pivot, j])
                old = entries.get((i, j))
                entries[i, j] = graph.neg(product) if old is None else graph.sub(old, product)
    off_diagonal = sorted(position for position in entries if position[0] != position[1])
    slot = {position: size + k for k, position in enumerate(off_diagonal)}
    factors = [reciprocals[i] for i in range(size)] + [entries[p] for p in off_diagonal]
    solve_graph, solution = _substitution(order, slot)
    return Elimination(graph, tuple(factors), solve_graph, solution)


def _substitution(
    order: list[int], slot: dict[tuple[int, int], int]
) -> tuple[Graph, tuple[int, ...]]:
    """Return forward and back substitution over the factors in `slot`."""
    graph = Graph()
    place = {row: k for k, row in enumerate(order)}
    values = {i: graph.state(i) for i in order}
    by_row: dict[int, list[int]] = {i: [] for i in order}
    for i, j in slot:
        by_row[i].append(j)
    for i in order:
        for j in sorted((j for j in by_row[i] if place[j] < place[i]), key=place.__getitem__):
            values[i] = graph.sub(values[i], graph.mul(graph.input(slot[i, j]), values[j]))
    for i in reversed(order):
        for j in sorted((j for j in by_row[i] if place[j] > place[i]), key=place.__getitem__):
            values[i] = graph.sub(values[i], graph.mul(graph.input(slot[i, j]), values[j]))
        values[i] = graph.mul(values[i], graph.input(i))
    return graph, tuple(values[i] for i in range(len(order)))
