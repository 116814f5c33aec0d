"""Predicted bars and published points: what lies where, and what is marked."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.chart.trials import Result, trials_chart

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

INTERVALS = {50: (-12.0, -8.0), 80: (-14.0, -6.0), 95: (-17.0, -3.0)}
INSIDE = Result(
    ("Trial", "drug, n = 20"), "1 d", -9.0, -13.0, -5.0, False, -10.0, INTERVALS, "inside", "said"
)
OUTSIDE = replace(INSIDE, label="7 d", value=1.0, low=-2.0, high=4.0, outcome="outside")
SILENT = replace(
    INSIDE, heads=("Trial", "control, n = 9"), predicted=math.nan, intervals={}, outcome="open"
)


@pytest.fixture(scope="module")
def drawn(parse: Callable[[str], Any]) -> Any:
    return parse(trials_chart("Said 1", "points; left is better", [INSIDE, OUTSIDE, SILENT]))


@pytest.mark.parametrize("share", [50, 80, 95])
def test_each_bar_ends_where_the_axis_says(
    drawn: Any, chart_reading: SimpleNamespace, share: int
) -> None:
    x = chart_reading.along(drawn.only("g", "frame"), "middle")
    bars = drawn.every("rect", f"p{share}")
    assert len(bars) == 2
    for bar in bars:
        left = float(bar["x"])
        ends = [left, left + float(bar["width"])]
        assert ends == pytest.approx([x(end) for end in INTERVALS[share]], abs=0.05)


def test_a_wider_interval_has_a_thinner_bar(drawn: Any) -> None:
    heights = [float(drawn.every("rect", f"p{share}")[0]["height"]) for share in (50, 80, 95)]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == 3


def test_published_values_stand_at_their_place_with_their_interval(
    drawn: Any, chart_reading: SimpleNamespace
) -> None:
    x = chart_reading.along(drawn.only("g", "frame"), "middle")
    starts = [float(one["d"][1:].split()[0]) for one in drawn.every("path", "point")]
    assert starts == pytest.approx([x(-9), x(1), x(-9)], abs=0.05)
    ends = [chart_reading.points(one)[:, 0] for one in drawn.every("path", "whisker")]
    assert ends[1] == pytest.approx([x(-2), x(4)], abs=0.05)


def test_an_imputed_interval_looks_otherwise(parse: Callable[[str], Any]) -> None:
    rows = [INSIDE, replace(INSIDE, imputed=True)]
    shapes = parse(trials_chart("Said 1", "points", rows)).every("path", "whisker")
    assert ["imputed" in one.classes for one in shapes] == [False, True]


def test_a_contradiction_is_marked_as_strongly_as_an_agreement(drawn: Any) -> None:
    glyphs = drawn.every("text", "glyph")
    assert [one.text for one in glyphs] == ["✓", "✗", "–"]
    assert [one.classes[1] for one in glyphs] == ["agrees", "disagrees", "unknown"]
    tints = drawn.every("rect", "ground")
    assert [one.classes[1] for one in tints] == ["agrees", "disagrees", "unknown"]
    assert {(one["width"], one["height"]) for one in tints} == {("320", "28")}


def test_headings_are_printed_where_they_change(drawn: Any) -> None:
    assert [one.text for one in drawn.every("text", "study")] == ["Trial"]
    assert [one.text for one in drawn.every("text", "arm")] == ["drug, n = 20", "control, n = 9"]


def test_an_arm_of_another_trial_has_its_headings_anew(parse: Callable[[str], Any]) -> None:
    other = replace(INSIDE, heads=("Other", "drug, n = 20"))
    again = parse(trials_chart("Said 1", "points", [INSIDE, other]))
    assert [one.text for one in again.every("text", "study")] == ["Trial", "Other"]
    assert len(again.every("text", "arm")) == 2


def test_what_was_not_predicted_has_no_bar(drawn: Any) -> None:
    assert len(drawn.every("path", "predicted")) == 2
    assert len(drawn.every("path", "point")) == 3


def test_the_axis_bears_its_unit_and_a_line_at_no_effect(
    drawn: Any, chart_reading: SimpleNamespace
) -> None:
    assert drawn.only("text", "axis-title").text == "points; left is better"
    x = chart_reading.along(drawn.only("g", "frame"), "middle")
    [line] = drawn.every("path", "axis")
    assert chart_reading.points(line)[:, 0] == pytest.approx([x(0), x(0)], abs=0.05)


def test_rows_lie_below_each_other_inside_the_drawing(drawn: Any) -> None:
    tops = [float(one["y"]) for one in drawn.every("rect", "ground")]
    assert tops == sorted(tops)
    assert tops[-1] + 28 < float(drawn.only("svg")["viewbox"].split()[3])
