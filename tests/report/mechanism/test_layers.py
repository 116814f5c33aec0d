"""Layers: causes above effects, nothing on top of anything, the same every time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ketasim.report.mechanism.layers import Layout, arrange

if TYPE_CHECKING:
    from types import SimpleNamespace

Edge = tuple[str, str]
NAMES = tuple("abcdefghij")
EDGES = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(
        lambda pair: len(set(pair)) == 2
    ),
    unique=True,
    max_size=16,
)


def levels(layout: Layout) -> dict[str, int]:
    return {name: level for name, (_, level) in layout.places.items()}


def reachable(start: str, edges: list[Edge]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        at = waiting.pop()
        fresh = {b for a, b in edges if a == at} - found
        found |= fresh
        waiting += fresh
    return found


def test_a_chain_goes_straight_down() -> None:
    layout = arrange(["c", "a", "b"], [("a", "b"), ("b", "c")])
    assert levels(layout) == {"a": 0, "b": 1, "c": 2}
    assert {across for across, _ in layout.places.values()} == {0.0}
    assert (layout.width, layout.depth) == (1.0, 3)


def test_a_diamond_is_as_wide_as_its_middle() -> None:
    layout = arrange(list("abcd"), [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])
    assert levels(layout) == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert layout.width == 2.0
    assert layout.places["a"][0] == layout.places["d"][0] == 0.5


def test_edges_that_need_not_cross_do_not() -> None:
    edges = [("a", "e"), ("b", "d"), ("c", "f")]
    layout = arrange(list("abcdef"), edges)
    order = sorted(edges, key=lambda pair: layout.places[pair[0]][0])
    below = [layout.places[target][0] for _, target in order]
    assert below == sorted(below)


def test_a_long_edge_goes_around_what_it_passes() -> None:
    layout = arrange(list("abc"), [("a", "b"), ("b", "c"), ("a", "c")])
    (_, first), (across, middle), (_, last) = layout.routes["a", "c"]
    assert (first, middle, last) == (0, 1, 2)
    assert abs(across - layout.places["b"][0]) >= 0.5


def test_a_circle_is_opened_at_one_edge() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "a")]
    layout = arrange(list("abc"), edges)
    upward = [pair for pair in edges if levels(layout)[pair[0]] > levels(layout)[pair[1]]]
    assert upward == [("c", "a")]
    assert layout.routes["c", "a"][0] == layout.places["c"]
    assert layout.routes["c", "a"][-1] == layout.places["a"]


def test_two_nodes_that_influence_each_other_have_both_edges() -> None:
    layout = arrange(list("ab"), [("a", "b"), ("b", "a")])
    assert layout.routes["a", "b"] == layout.routes["b", "a"][::-1]
    assert len(set(layout.places.values())) == 2


def test_a_cause_of_something_deep_stands_near_it() -> None:
    layout = arrange(list("abcd"), [("a", "b"), ("b", "c"), ("d", "c")])
    assert levels(layout)["d"] == levels(layout)["c"] - 1


def test_nothing_needs_no_room() -> None:
    assert arrange([], []) == Layout({}, {}, 1.0, 0)


@given(EDGES)
def test_causes_stand_above_effects_unless_they_are_on_a_circle(edges: list[Edge]) -> None:
    level = levels(arrange(NAMES, edges))
    for source, target in edges:
        assert level[source] != level[target]
        if source not in reachable(target, edges):
            assert level[source] < level[target]


@given(EDGES)
def test_no_two_things_in_a_layer_are_too_close(edges: list[Edge]) -> None:
    layout = arrange(NAMES, edges)
    passing = {place for route in layout.routes.values() for place in route[1:-1]}
    for level in range(layout.depth):
        nodes = sorted(across for across, at in layout.places.values() if at == level)
        assert all(right - left >= 1.0 - 1e-9 for left, right in pairwise(nodes))
        for across in [a for a, at in passing if at == level]:
            assert all(abs(across - node) >= 0.65 - 1e-9 for node in nodes)
    assert min(across for across, _ in layout.places.values()) >= 0.0
    assert max(across for across, _ in layout.places.values()) <= layout.width - 1.0 + 1e-9


@given(EDGES)
def test_every_edge_is_routed_layer_by_layer(edges: list[Edge]) -> None:
    layout = arrange(NAMES, edges)
    assert list(layout.routes) == edges
    for (source, target), route in layout.routes.items():
        assert (route[0], route[-1]) == (layout.places[source], layout.places[target])
        assert all(abs(b[1] - a[1]) == 1 for a, b in pairwise(route))


@given(EDGES)
def test_the_same_graph_is_arranged_the_same(edges: list[Edge]) -> None:
    assert arrange(NAMES, edges) == arrange(NAMES, edges)


def test_the_map_of_the_article_has_one_edge_upwards_for_its_one_circle(
    shipped: SimpleNamespace,
) -> None:
    edges = [(one.source, one.target) for one in shipped.map.edges]
    level = levels(arrange([node.id for node in shipped.map.nodes], edges))
    upward = {(a, b) for a, b in edges if level[a] >= level[b]}
    circular = {(a, b) for a, b in edges if a in reachable(b, edges)}
    assert upward <= circular
    assert len(upward) == (1 if circular else 0)
