"""The drawing of a map: boxes that do not overlap, edges that end at their boxes, signs as shapes."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.mechanism import Influence, Map, Node, draw_map

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

LETTERS = {"path": "a", "other": "b"}


@pytest.fixture(scope="module")
def drawn(hand: SimpleNamespace, parse: Callable[[str], Any]) -> Any:
    return parse(draw_map(hand.map, LETTERS)).only("svg")


@pytest.fixture(scope="module")
def article(shipped: SimpleNamespace, parse: Callable[[str], Any]) -> Any:
    return parse(draw_map(shipped.map, {})).only("svg")


def boxes(svg: Any) -> dict[str, tuple[float, float, float, float]]:
    found = {}
    for node in svg.every("g", "node"):
        box = node.only("rect")
        left, top = float(box["x"]), float(box["y"])
        found[node["data-id"]] = (left, top, left + float(box["width"]), top + float(box["height"]))
    return found


def ends(edge: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    numbers = [float(one) for one in re.findall(r"-?[\d.]+", edge.every("path", "line")[0]["d"])]
    return (numbers[0], numbers[1]), (numbers[-2], numbers[-1])


def edges(svg: Any) -> dict[tuple[str, str], Any]:
    return {(one["data-source"], one["data-target"]): one for one in svg.every("g", "edge")}


def test_every_node_and_edge_of_the_map_is_drawn(drawn: Any, hand: SimpleNamespace) -> None:
    assert set(boxes(drawn)) == {node.id for node in hand.map.nodes}
    assert set(edges(drawn)) == {(one.source, one.target) for one in hand.map.edges}


@pytest.mark.parametrize("which", ["drawn", "article"])
def test_no_two_boxes_overlap_and_all_are_inside(
    which: str, request: pytest.FixtureRequest
) -> None:
    svg = request.getfixturevalue(which)
    _, _, width, height = map(float, svg["viewbox"].split())
    places = boxes(svg).values()
    for left, top, right, bottom in places:
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height
    for one, other in combinations(places, 2):
        apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
        assert apart


def test_every_edge_starts_and_ends_at_the_border_of_its_boxes(article: Any) -> None:
    places = boxes(article)
    for (source, target), edge in edges(article).items():
        for name, (x, y), reach in zip((source, target), ends(edge), (0.1, 2.1), strict=True):
            left, top, right, bottom = places[name]
            assert left <= x <= right
            assert min(abs(y - top), abs(y - bottom)) <= reach


def test_no_two_edges_leave_or_enter_at_one_point(article: Any) -> None:
    starts = [ends(edge)[0] for edge in edges(article).values()]
    stops = [ends(edge)[1] for edge in edges(article).values()]
    assert len(set(starts)) == len(starts)
    assert len(set(stops)) == len(stops)


def test_a_sign_is_a_class_and_a_sentence(drawn: Any) -> None:
    found = edges(drawn)
    assert found["pill", "cause"].classes == ["edge", "up"]
    assert found["poison", "cause"].classes == ["edge", "down"]
    assert found["pill", "cause"].only("title").text == "pill raises cause"
    assert found["effect", "score"].only("title").text == "effect lowers score"
    assert {one["id"] for one in drawn.every("marker")} == {"end-up", "end-down", "end-both"}


def test_a_disputed_edge_says_by_what_and_under_which(drawn: Any) -> None:
    edge = edges(drawn)["cause", "effect"]
    assert edge.classes == ["edge", "up", "disputed"]
    assert edge.only("title").text == "cause raises effect; decided by a; present under open"
    assert json.loads(edge["data-signs"]) == {"open": "+", "shut": "0"}
    assert edge.only("g", "switch").only("text").text == "a"


def test_an_edge_that_may_do_either_is_marked_so(parse: Callable[[str], Any]) -> None:
    nodes = tuple(Node(name, name, "", "state", (name,)) for name in "xy")
    disagreeing = Influence("x", "y", {"one": "+", "other": "-"}, ("path", "other"))
    svg = parse(draw_map(Map(nodes, (disagreeing,), ("one", "other")), LETTERS))
    edge = svg.only("g", "edge")
    assert edge.classes == ["edge", "both", "disputed"]
    assert "raises or lowers" in edge.only("title").text
    assert edge.only("g", "switch").only("text").text == "ab"


def test_letters_stand_away_from_boxes_and_from_each_other(article: Any) -> None:
    spots = []
    for one in article.every("g", "switch"):
        box = one.only("rect")
        spots.append(
            (float(box["x"]) + float(box["width"]) / 2, float(box["y"]) + float(box["height"]) / 2)
        )
    assert len(spots) > 10
    for x, y in spots:
        for left, top, right, bottom in boxes(article).values():
            assert not (left < x < right and top < y < bottom)
    assert all(abs(a[0] - b[0]) + abs(a[1] - b[1]) > 8 for a, b in combinations(spots, 2))


def test_a_drug_is_round_and_says_what_it_stands_for(drawn: Any) -> None:
    nodes = {one["data-id"]: one for one in drawn.every("g", "node")}
    assert "drug" in nodes["pill"].classes
    assert float(nodes["pill"].only("rect")["rx"]) > float(nodes["cause"].only("rect")["rx"])
    said = nodes["pill"].only("title").text
    assert said.startswith("The pill (pill), mechanism kinetics; stands for 4 variables:")
    assert nodes["cause"].only("title").text == "cause (cause), mechanism signal"


def test_every_box_can_be_reached_with_the_keyboard(article: Any) -> None:
    assert all(one["tabindex"] == "0" for one in article.every("g", "node"))
    assert article["role"] == "img"


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("BDNF", ["BDNF"]),
        ("share of severity", ["share of severity"]),
        ("share of severity removed", ["share of severity", "removed"]),
        ("one two three four five six seven eight nine ten eleven twelve", None),
        ("Supercalifragilisticexpialidocious", None),
    ],
)
def test_a_title_fits_into_its_box(
    parse: Callable[[str], Any], title: str, lines: list[str] | None
) -> None:
    nodes = (Node("x", title, "", "state", ("x",)), Node("y", "y", "", "state", ("y",)))
    svg = parse(draw_map(Map(nodes, (Influence("x", "y", {"one": "+"}),), ("one",)), {}))
    found = [one.text for one in svg.every("g", "node")[0].every("text")]
    assert len(found) <= 3
    assert all(len(line) <= 22 for line in found)
    assert found == lines if lines else found[-1].endswith("…")
    assert title in svg.every("g", "node")[0].only("title").text


def test_hostile_titles_stay_words(parse: Callable[[str], Any]) -> None:
    bad = "<script>alert(1)</script>"
    nodes = (Node(bad, bad, bad, "state", (bad,)), Node("y", "y", "", "state", ("y",)))
    edge = Influence(bad, "y", {bad: "+"}, (bad,))
    svg = parse(draw_map(Map(nodes, (edge,), (bad,)), {}))
    assert not svg.every("script")
    assert json.loads(svg.only("g", "edge")["data-signs"]) == {bad: "+"}
