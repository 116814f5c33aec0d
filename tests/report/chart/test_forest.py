"""Predictions beside one published observation: what lies where, and who agrees."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.chart.forest import Row, forest_chart

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

NAN = math.nan


@pytest.fixture
def draw(parse: Callable[[str], Any], chart_reading: SimpleNamespace) -> Callable[..., Any]:
    article, rival = chart_reading.looks.values()
    rows = [Row(article, 0.25, 0.125, 0.5, True), Row(rival, 0.875, 0.75, 1.0, False)]

    def drawn(quantity: str = "share left", given: list[Row] | None = None, **options: Any) -> Any:
        return parse(forest_chart("Said", quantity, given or rows, **options))

    return drawn


def place(symbol: Any) -> tuple[float, float]:
    x, y = symbol["transform"].removeprefix("translate(").removesuffix(")").split()
    return float(x), float(y)


def test_each_prediction_lies_where_the_axis_says(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    drawn = draw()
    x = chart_reading.along(drawn, "middle")
    symbols = drawn.every("path", "symbol")
    assert [place(one)[0] for one in symbols] == pytest.approx([x(0.25), x(0.875)], abs=0.06)
    for whisker, ends in zip(
        drawn.every("path", "whisker"), [(0.125, 0.5), (0.75, 1)], strict=True
    ):
        line = chart_reading.points(whisker)
        assert line[:, 0] == pytest.approx([x(ends[0]), x(ends[1])], abs=0.05)


def test_a_row_holds_name_symbol_interval_and_verdict(draw: Callable[..., Any]) -> None:
    drawn = draw()
    names = [one.text for one in drawn.every("text", "row-name")]
    verdicts = [(one.text, one.classes[1]) for one in drawn.every("text", "glyph")]
    assert names == ["article", "rival"]
    assert verdicts == [("✓", "agrees"), ("✗", "disagrees")]
    heights = [float(one["y"]) - 4 for one in drawn.every("text", "row-name")]
    assert heights == [place(one)[1] for one in drawn.every("path", "symbol")]
    assert heights[1] - heights[0] == 20.0


def test_the_published_value_and_its_interval_lie_on_the_same_axis(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    drawn = draw(published=(0.72, 0.6, 0.84))
    x = chart_reading.along(drawn, "middle")
    group = drawn.only("g", "published")
    line = chart_reading.points(group.only("path"))
    assert line[:, 0] == pytest.approx([x(0.72)] * 2, abs=0.05)
    box = group.only("rect")
    left, width = float(box["x"]), float(box["width"])
    assert (left, left + width) == pytest.approx((x(0.6), x(0.84)), abs=0.05)


def test_a_published_value_outside_all_predictions_is_on_the_axis(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    drawn = draw(published=(7.0, NAN, NAN))
    group = drawn.only("g", "published")
    assert not group.every("rect")
    line = chart_reading.points(group.only("path"))
    assert line[0, 0] == pytest.approx(chart_reading.along(drawn, "middle")(7.0), abs=0.05)
    assert line[0, 0] <= 300.0


def test_a_region_spans_where_predictions_agree(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    drawn = draw(region=(0.0, 0.2))
    x = chart_reading.along(drawn, "middle")
    region = drawn.only("rect", "region")
    assert float(region["x"]) == pytest.approx(x(0.0), abs=0.05)
    assert float(region["width"]) == pytest.approx(x(0.2) - x(0.0), abs=0.05)


def test_a_prediction_that_is_missing_leaves_an_empty_row(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    article, rival = chart_reading.looks.values()
    given = [Row(article, 1.0, NAN, NAN, True), Row(rival, NAN, NAN, NAN, None)]
    drawn = draw(given=given)
    assert len(drawn.every("path", "symbol")) == 1
    assert not drawn.every("path", "whisker")
    assert drawn.every("text", "glyph")[1].text == "–"
    assert drawn.every("text", "glyph")[1].classes[1] == "unknown"


def test_a_long_title_breaks_into_two_lines_between_words(draw: Callable[..., Any]) -> None:
    words = "share of the rise under ketamine alone at one hour"
    lines = [one.text for one in draw(words).every("text", "axis-title")]
    assert " ".join(lines) == words
    assert all(len(line) <= 40 for line in lines)
    endless = [one.text for one in draw(words * 3).every("text", "axis-title")]
    assert len(endless) == 2
    assert endless[1].endswith("…")


def test_the_label_is_what_was_asked_for(draw: Callable[..., Any]) -> None:
    assert draw().only("svg")["aria-label"] == "Said"
