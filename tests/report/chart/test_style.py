"""No two hypotheses look alike, and none differs by colour alone."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.chart.style import COLOURS, SYMBOLS, sample, styles, symbol
from ketasim.report.page import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Callable


def test_up_to_eight_hypotheses_differ_in_everything() -> None:
    looks = styles(f"h{index}" for index in range(8)).values()
    for one, other in combinations(looks, 2):
        assert one.colour != other.colour
        assert one.dash != other.dash
        assert one.symbol != other.symbol


def test_more_hypotheses_share_a_colour_but_no_look() -> None:
    looks = list(styles(f"h{index}" for index in range(64)).values())
    assert len({(one.colour, one.dash) for one in looks}) == 64
    assert len({(one.colour, one.symbol) for one in looks}) == 64


def test_a_look_depends_on_the_place_in_the_bundle_alone() -> None:
    few, many = styles(["article", "mine"]), styles(["article", "mine", "other"])
    assert few["mine"] == many["mine"]
    assert list(many) == ["article", "mine", "other"]


def test_the_style_sheet_knows_every_colour() -> None:
    css = (TEMPLATES / "style.css").read_text(encoding="utf-8").lower()
    for one in styles(f"h{index}" for index in range(len(COLOURS))).values():
        assert f".{one.css_class} {{ --c: {one.colour.lower()}; }}" in css


@pytest.mark.parametrize("index", range(len(SYMBOLS)))
def test_every_symbol_is_drawn_at_its_place(parse: Callable[[str], Any], index: int) -> None:
    look = list(styles("abcdefgh").values())[index]
    drawn = parse(symbol(look, 12.34, 56.0)).only("path", "symbol")
    assert drawn["transform"] == "translate(12.3 56.0)"
    assert look.css_class in drawn.classes
    every = {parse(symbol(one, 0, 0)).only("path")["d"] for one in styles("abcdefgh").values()}
    assert len(every) == 8


def test_a_legend_shows_dash_and_symbol_and_is_silent(parse: Callable[[str], Any]) -> None:
    first, second = styles(["article", "rival"]).values()
    drawn = parse(sample(second)).only("svg")
    assert drawn["aria-hidden"] == "true"
    assert drawn.only("path", "line")["stroke-dasharray"] == second.dash
    assert drawn.only("path", "symbol").classes == ["symbol", "h1"]
    assert "stroke-dasharray" not in parse(sample(first)).only("path", "line").attributes
