"""Draw the map of the mechanism as inline SVG."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

from ketasim.report.mechanism.layers import arrange
from ketasim.report.svg import element, number, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from ketasim.report.mechanism.contract import Map, Node
    from ketasim.report.mechanism.layers import Layout
    from ketasim.report.mechanism.signs import Influence

__all__ = ["draw_map"]

Point = tuple[float, float]
Pair = tuple[str, str]

NODE_WIDTH = 122.0
NODE_HEIGHT = 44.0
ACROSS = 136.0
DOWN = 94.0
MARGIN = 24.0
LETTERS = 19
LINES = 3
LINE_HEIGHT = 12.5
"""How many letters of a title fit on one line of a node."""

_CLASSES = {"+": "up", "-": "down", "±": "both", "0": "off"}


def draw_map(drawn: Map, labels: Mapping[str, str]) -> Markup:
    """Draw nodes and edges; causes stand above effects.

    Parameters
    ----------
    drawn : Map
        From `contract`.
    labels : mapping of str to str
        The short name of each contested parameter, written beside the edges it decides.

    Returns
    -------
    Markup
        One ``<svg>`` element. An edge carries its signs by hypothesis in ``data-signs``, so that
        the page can show one hypothesis at a time.
    """
    names = [node.id for node in drawn.nodes]
    pairs = [(edge.source, edge.target) for edge in drawn.edges]
    layout = arrange(names, pairs)
    width = (layout.width - 1) * ACROSS + NODE_WIDTH + 2 * MARGIN
    height = (layout.depth - 1) * DOWN + NODE_HEIGHT + 2 * MARGIN
    disputed_last = sorted(drawn.edges, key=lambda edge: bool(edge.switches))
    routes = _routes(layout)
    spots = _label_spots(disputed_last, routes, layout)
    edges = [_edge(edge, routes, spots, labels) for edge in disputed_last]
    nodes = [_node(node, layout) for node in drawn.nodes]
    return element(
        "svg",
        _markers(),
        element("g", *edges, class_="edges"),
        element("g", *nodes, class_="nodes"),
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=number(width),
        height=number(height),
        class_="map",
        role="img",
        aria_labelledby="map-title map-description",
    )


def _x(across: float) -> float:
    return MARGIN + NODE_WIDTH / 2 + across * ACROSS


def _y(level: int) -> float:
    return MARGIN + NODE_HEIGHT / 2 + level * DOWN


def _markers() -> Markup:
    arrow = element("path", d="M0 0L8 4L0 8Z")
    bar = element("path", d="M0 0H2.5V10H0Z")
    dot = element("circle", cx="4", cy="4", r="3.5")
    return element(
        "defs",
        _marker("up", arrow, 8, 8, 7.0),
        _marker("down", bar, 3, 10, 2.0),
        _marker("both", dot, 8, 8, 6.0),
    )


def _marker(name: str, shape: Markup, width: int, height: int, reach: float) -> Markup:
    return element(
        "marker",
        shape,
        id=f"end-{name}",
        markerWidth=width,
        markerHeight=height,
        refX=reach,
        refY=height / 2,
        orient="auto",
        markerUnits="userSpaceOnUse",
        class_=f"end {name}",
    )


def _routes(layout: Layout) -> dict[Pair, list[Point]]:
    """Return the waypoints in pixels; edges that share a node leave and enter side by side."""
    routes = {
        pair: [(_x(across), _y(level)) for across, level in route]
        for pair, route in layout.routes.items()
    }
    starts = _ports(routes, first=True)
    ends = _ports(routes, first=False)
    for pair, route in routes.items():
        route[0] = (route[0][0] + starts[pair], route[0][1])
        route[-1] = (route[-1][0] + ends[pair], route[-1][1])
    return routes


def _ports(routes: Mapping[Pair, Sequence[Point]], *, first: bool) -> dict[Pair, float]:
    """Return how far from its node's centre each edge is attached."""
    sides: dict[tuple[str, bool], list[tuple[float, Pair]]] = {}
    for pair, route in routes.items():
        (_, own), (next_x, next_y) = (route[0], route[1]) if first else (route[-1], route[-2])
        name = pair[0] if first else pair[1]
        sides.setdefault((name, next_y > own), []).append((next_x, pair))
    shifts: dict[Pair, float] = {}
    for members in sides.values():
        step = min(14.0, NODE_WIDTH * 0.7 / max(len(members), 1))
        for rank, (_, pair) in enumerate(sorted(members)):
            shifts[pair] = (rank - (len(members) - 1) / 2) * step
    return shifts


def _label_spots(
    edges: Sequence[Influence], routes: Mapping[Pair, Sequence[Point]], layout: Layout
) -> dict[Pair, Point]:
    """Choose for each label the place on its edge that is farthest from nodes and labels."""
    taken = [(_x(across), _y(level)) for across, level in layout.places.values()]
    spots: dict[Pair, Point] = {}
    for edge in edges:
        if edge.switches:
            pair = (edge.source, edge.target)
            options = _places_along(routes[pair])
            best = max(options, key=lambda spot: min(_apart(spot, other) for other in taken))
            spots[pair] = best
            taken.append(best)
    return spots


def _places_along(route: Sequence[Point]) -> list[Point]:
    steps = _steps(route)
    places = []
    for (ax, ay), (bx, by) in itertools.pairwise(steps):
        for part in (0.3, 0.5, 0.7):
            # The curve's own height and width at that part (a cubic with upright ends).
            rise = 1.5 * part * (1 - part) + part**3
            share = part * part * (3 - 2 * part)
            places.append((ax + (bx - ax) * share, ay + (by - ay) * rise))
    return places


def _apart(one: Point, other: Point) -> float:
    # Labels are wider than high.
    return ((one[0] - other[0]) / 2.2) ** 2 + (one[1] - other[1]) ** 2


def _edge(
    edge: Influence,
    routes: Mapping[Pair, Sequence[Point]],
    spots: Mapping[Pair, Point],
    labels: Mapping[str, str],
) -> Markup:
    pair = (edge.source, edge.target)
    sign = _agreed(tuple(edge.signs.values()))
    kind = f"edge {_CLASSES[sign]}" + (" disputed" if edge.switches else "")
    parts = [element("path", d=_curve(routes[pair]), class_="line")]
    if edge.switches:
        parts.append(_badge(spots[pair], "".join(labels.get(n, n) for n in edge.switches)))
    return element(
        "g",
        element("title", _sentence(edge, sign, labels)),
        *parts,
        class_=kind,
        data_source=edge.source,
        data_target=edge.target,
        data_signs=json.dumps(edge.signs, ensure_ascii=False, separators=(",", ":")),
    )


def _badge(spot: Point, words: str) -> Markup:
    x, y = spot
    width = 8.0 + 7.5 * len(words)
    box = element("rect", x=x - width / 2, y=y - 8, width=width, height=16.0, rx=8.0)
    return element("g", box, text(x, y + 4, words, text_anchor="middle"), class_="switch")


def _agreed(signs: Sequence[str]) -> str:
    """Return the sign under all hypotheses that have the edge."""
    present = {sign for sign in signs if sign != "0"}
    return present.pop() if len(present) == 1 else "±"


def _sentence(edge: Influence, sign: str, labels: Mapping[str, str]) -> str:
    verb = {"+": "raises", "-": "lowers", "±": "raises or lowers"}[sign]
    words = f"{edge.source} {verb} {edge.target}"
    if not edge.switches:
        return words
    where = ", ".join(name for name, one in edge.signs.items() if one != "0")
    switches = ", ".join(labels.get(name, name) for name in edge.switches)
    return f"{words}; decided by {switches}; present under {where}"


def _steps(points: Sequence[Point]) -> list[Point]:
    """Return the waypoints with both ends moved to the border of their nodes."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    down = 1.0 if y1 >= y0 else -1.0
    lift = NODE_HEIGHT / 2
    return [(x0, y0 + down * lift), *points[1:-1], (x1, y1 - down * (lift + 2))]


def _curve(points: Sequence[Point]) -> str:
    """Return a path that leaves and enters every layer straight down."""
    steps = _steps(points)
    parts = [f"M{number(steps[0][0])} {number(steps[0][1])}"]
    for (ax, ay), (bx, by) in itertools.pairwise(steps):
        half = (ay + by) / 2
        parts.append(
            f"C{number(ax)} {number(half)} {number(bx)} {number(half)} {number(bx)} {number(by)}"
        )
    return "".join(parts)


def _node(node: Node, layout: Layout) -> Markup:
    across, level = layout.places[node.id]
    x, y = _x(across), _y(level)
    lines = _wrapped(node.title)
    top = y + 4 - LINE_HEIGHT * (len(lines) - 1) / 2
    words = [
        text(x, top + LINE_HEIGHT * index, line, text_anchor="middle")
        for index, line in enumerate(lines)
    ]
    corner = NODE_HEIGHT / 2 if node.kind == "drug" else 6.0
    box = element(
        "rect",
        x=x - NODE_WIDTH / 2,
        y=y - NODE_HEIGHT / 2,
        width=NODE_WIDTH,
        height=NODE_HEIGHT,
        rx=corner,
    )
    return element(
        "g",
        element("title", _about(node)),
        box,
        *words,
        class_=f"node {node.kind}",
        data_id=node.id,
        data_mechanism=node.mechanism,
        tabindex="0",
    )


def _about(node: Node) -> str:
    words = f"{node.title} ({node.id})"
    if node.mechanism:
        words += f", mechanism {node.mechanism}"
    if len(node.members) > 1:
        words += f"; stands for {len(node.members)} variables: {', '.join(node.members)}"
    return words


def _wrapped(title: str) -> list[str]:
    """Break a title into at most three lines."""
    lines: list[str] = [""]
    for word in title.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) <= LETTERS or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], lines[LINES - 1][: LETTERS - 1].rstrip(" ,") + "…"]
    return [line if len(line) <= LETTERS + 2 else line[: LETTERS + 1] + "…" for line in lines]
