"""Arrange a directed graph in layers, causes above effects (Sugiyama's method).

Circles are opened at the edges that point back, every node gets the layer below its causes, long
edges get a waypoint in each layer they cross, neighbours are ordered so that few edges cross, and
positions follow from the neighbours' mean under a least distance (isotonic regression).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Layout", "arrange"]

Edge = tuple[str, str]

SWEEPS = 24
SETTLING = 80

_PULL = (1.0, 2.0, 8.0)


@dataclass(frozen=True)
class Layout:
    """Where everything stands, in units of the node distance across and of layers down.

    Parameters
    ----------
    places : mapping of str to (float, int)
        Centre across, and layer, of every node.
    routes : mapping of (source, target) to tuple of (float, int)
        The waypoints of every edge, both ends included, from source to target.
    width : float
        Of the widest layer, in node distances.
    depth : int
        The number of layers.
    """

    places: Mapping[str, tuple[float, int]]
    routes: Mapping[Edge, tuple[tuple[float, int], ...]]
    width: float
    depth: int


def arrange(nodes: Sequence[str], edges: Sequence[Edge], *, waypoint_gap: float = 0.3) -> Layout:
    """Lay out a directed graph in layers.

    Parameters
    ----------
    nodes : sequence of str
        In a sensible reading order, which decides where circles are opened.
    edges : sequence of (str, str)
        Source and target of every edge, without repeats and without loops to oneself.
    waypoint_gap : float, optional
        Distance between an edge that passes and its neighbour, in node distances.

    Returns
    -------
    Layout
        The same for the same input.
    """
    backward = _backward(nodes, edges)
    forward = [(b, a) if (a, b) in backward else (a, b) for a, b in edges]
    layer = _layers(nodes, sorted(set(forward)))
    chains = {edge: _chain(edge, layer) for edge in sorted(set(forward))}
    rows = _rows(nodes, layer, chains)
    links = [pair for chain in chains.values() for pair in itertools.pairwise(chain)]
    rows = _ordered(rows, links)
    across = _positions(rows, links, set(nodes), waypoint_gap)
    level = {name: index for index, row in enumerate(rows) for name in row}
    routes = {}
    for edge, used in zip(edges, forward, strict=True):
        route = tuple((across[name], level[name]) for name in chains[used])
        routes[edge] = route if edge == used else route[::-1]
    places = {name: (across[name], level[name]) for name in nodes}
    return Layout(places, routes, max(across.values(), default=0.0) + 1.0, len(rows))


def _backward(nodes: Sequence[str], edges: Sequence[Edge]) -> set[Edge]:
    """Return the edges that close a circle in a depth-first walk."""
    targets: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in edges:
        targets[source].append(target)
    found: set[Edge] = set()
    state: dict[str, int] = {}

    def visit(name: str) -> None:
        state[name] = 1
        for target in targets[name]:
            if state.get(target) == 1:
                found.add((name, target))
            elif target not in state:
                visit(target)
        state[name] = 2

    for name in nodes:
        if name not in state:
            visit(name)
    return found


def _layers(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Return the longest path from a source, then shorten edges where there is slack."""
    layer = dict.fromkeys(nodes, 0)
    for _ in nodes:
        for source, target in edges:
            layer[target] = max(layer[target], layer[source] + 1)
    above = {name: [a for a, b in edges if b == name] for name in nodes}
    below = {name: [b for a, b in edges if a == name] for name in nodes}
    for _ in range(4):
        for name in nodes:
            layer[name] = _best_layer(name, layer, above[name], below[name])
    first = min(layer.values(), default=0)
    return {name: value - first for name, value in layer.items()}


def _best_layer(
    name: str, layer: Mapping[str, int], above: Sequence[str], below: Sequence[str]
) -> int:
    low = max((layer[one] + 1 for one in above), default=None)
    high = min((layer[one] - 1 for one in below), default=None)
    if len(below) > len(above) and high is not None:
        return max(high, low if low is not None else high)
    if len(above) > len(below) and low is not None:
        return low
    return layer[name]


def _chain(edge: Edge, layer: Mapping[str, int]) -> tuple[str, ...]:
    source, target = edge
    inner = range(layer[source] + 1, layer[target])
    return (source, *(f"{source}\0{target}\0{index}" for index in inner), target)


def _rows(
    nodes: Sequence[str], layer: Mapping[str, int], chains: Mapping[Edge, Sequence[str]]
) -> list[list[str]]:
    rows: list[list[str]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name in nodes:
        rows[layer[name]].append(name)
    for (source, _), chain in chains.items():
        for step, name in enumerate(chain[1:-1], start=1):
            rows[layer[source] + step].append(name)
    return rows


def _ordered(rows: list[list[str]], links: Sequence[Edge]) -> list[list[str]]:
    """Order every row by the mean place of its neighbours, down and up, keep the best found."""
    above, below = _neighbours(links)
    best, fewest = rows, _crossings(rows, below)
    current = rows
    for sweep in range(SWEEPS):
        current = _swept(current, above if sweep % 2 == 0 else below, downward=sweep % 2 == 0)
        current = _transposed(current, above, below)
        count = _crossings(current, below)
        if count < fewest:
            best, fewest = current, count
    return best


def _neighbours(links: Sequence[Edge]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for source, target in links:
        below.setdefault(source, []).append(target)
        above.setdefault(target, []).append(source)
    return above, below


def _swept(
    rows: Sequence[Sequence[str]], neighbours: Mapping[str, Sequence[str]], *, downward: bool
) -> list[list[str]]:
    result = [list(row) for row in rows]
    indices = range(1, len(rows)) if downward else range(len(rows) - 2, -1, -1)
    for index in indices:
        fixed = result[index - 1 if downward else index + 1]
        place = {name: rank for rank, name in enumerate(fixed)}
        result[index] = _by_mean(result[index], neighbours, place)
    return result


def _by_mean(
    row: Sequence[str], neighbours: Mapping[str, Sequence[str]], place: Mapping[str, int]
) -> list[str]:
    keys = {}
    for rank, name in enumerate(row):
        places = [place[one] for one in neighbours.get(name, ())]
        keys[name] = (sum(places) / len(places) if places else float(rank), rank)
    return sorted(row, key=keys.__getitem__)


def _transposed(
    rows: list[list[str]],
    above: Mapping[str, Sequence[str]],
    below: Mapping[str, Sequence[str]],
) -> list[list[str]]:
    """Swap neighbours of a row as long as a swap removes crossings."""
    result = [list(row) for row in rows]
    for index, row in enumerate(result):
        upper = {n: r for r, n in enumerate(result[index - 1])} if index else {}
        lower = {n: r for r, n in enumerate(result[index + 1])} if index + 1 < len(result) else {}
        sides = ((above, upper), (below, lower))
        for left in range(len(row) - 1):
            a, b = row[left], row[left + 1]
            now = sum(_pair_crossings(side.get(a, ()), side.get(b, ()), at) for side, at in sides)
            then = sum(_pair_crossings(side.get(b, ()), side.get(a, ()), at) for side, at in sides)
            if then < now:
                row[left], row[left + 1] = b, a
    return result


def _pair_crossings(left: Sequence[str], right: Sequence[str], place: Mapping[str, int]) -> int:
    return sum(place[a] > place[b] for a in left for b in right)


def _crossings(rows: Sequence[Sequence[str]], below: Mapping[str, Sequence[str]]) -> int:
    total = 0
    for row, following in itertools.pairwise(rows):
        place = {name: rank for rank, name in enumerate(following)}
        ends = [place[one] for name in row for one in sorted(below.get(name, ()), key=place.get)]  # type: ignore[arg-type]
        total += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
    return total


def _positions(
    rows: Sequence[Sequence[str]], links: Sequence[Edge], nodes: set[str], gap: float
) -> dict[str, float]:
    above, below = _neighbours(links)
    across = {name: float(rank) for row in rows for rank, name in enumerate(row)}
    for turn in range(SETTLING):
        order = rows if turn % 2 == 0 else list(reversed(rows))
        for row in order:
            wanted = [_wish(name, across, above, below, nodes) for name in row]
            weights = [1.0 if name in nodes else 4.0 for name in row]
            gaps = [_gap(a, b, nodes, gap) for a, b in itertools.pairwise(row)]
            across.update(zip(row, _spread(wanted, weights, gaps), strict=True))
    first = min(across.values(), default=0.0)
    return {name: value - first for name, value in across.items()}


def _wish(
    name: str,
    across: Mapping[str, float],
    above: Mapping[str, Sequence[str]],
    below: Mapping[str, Sequence[str]],
    nodes: set[str],
) -> float:
    near = [*above.get(name, ()), *below.get(name, ())]
    if not near:
        return across[name]
    # A long edge should run straight, so its waypoints pull each other hardest.
    own = name not in nodes
    pulls = [(across[one], _PULL[own + (one not in nodes)]) for one in near]
    return sum(place * pull for place, pull in pulls) / sum(pull for _, pull in pulls)


def _gap(left: str, right: str, nodes: set[str], gap: float) -> float:
    count = (left in nodes) + (right in nodes)
    return (gap, (1.0 + gap) / 2, 1.0)[count]


def _spread(
    wanted: Sequence[float], weights: Sequence[float], gaps: Sequence[float]
) -> list[float]:
    """Place a row as near to its wishes as the least distances allow (pooled neighbours)."""
    offsets = [0.0]
    for one in gaps:
        offsets.append(offsets[-1] + one)
    blocks: list[tuple[float, float, int]] = []
    for wish, weight, offset in zip(wanted, weights, offsets, strict=True):
        blocks.append((wish - offset, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, wa, na), (b, wb, nb) = blocks[-2:]
            blocks[-2:] = [((a * wa + b * wb) / (wa + wb), wa + wb, na + nb)]
    flat = [value for value, _, count in blocks for _ in range(count)]
    return [value + offset for value, offset in zip(flat, offsets, strict=True)]
