"""A readout along doses: lines, intervals and published points at their places."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.chart.sweep import Line, Point, sweep_chart

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

NAN = math.nan
DOSES = [1.0, 10.0, 100.0]


@pytest.fixture
def draw(parse: Callable[[str], Any], chart_reading: SimpleNamespace) -> Callable[..., Any]:
    default = Line(
        chart_reading.looks["article"], DOSES, [0.1, 0.5, 0.9], [0.0, 0.4, 0.8], [0.2, 0.6, 1.0]
    )

    def drawn(*points: Point, line: Line = default, logarithmic: bool = True) -> Any:
        made = sweep_chart(
            "Said", ("dose (mg)", "fraction"), [line], list(points), logarithmic=logarithmic
        )
        return parse(made)

    return drawn


@pytest.mark.parametrize(("dose", "value"), [(2.0, 0.27), (15.0, 0.61), (50.0, 0.92)])
def test_a_published_point_lies_where_both_axes_say(
    draw: Callable[..., Any], chart_reading: SimpleNamespace, dose: float, value: float
) -> None:
    drawn = draw(Point(dose, value, value - 0.1, value + 0.05, "human: so"))
    x = chart_reading.along(drawn, "middle", logarithmic=True)(dose)
    y = chart_reading.along(drawn, "end")
    point = drawn.only("g", "measured")
    assert chart_reading.centre(point.only("path", "point")) == pytest.approx(
        (x, y(value)), abs=0.06
    )
    [[_, low], [_, high]] = chart_reading.points(point.only("path", "whisker"))
    assert (low, high) == pytest.approx((y(value - 0.1), y(value + 0.05)), abs=0.06)
    assert point.only("title").text == "human: so"


def test_a_point_without_a_place_is_a_line_across(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    drawn = draw(Point(NAN, 0.72, NAN, NAN, "human: 0.72"))
    [[left, height], [right, same]] = chart_reading.points(drawn.only("path", "across"))
    assert height == same == pytest.approx(chart_reading.along(drawn, "end")(0.72), abs=0.05)
    assert (left, right) == (46.0, 350.0)
    assert not drawn.every("path", "point")


def test_a_point_without_a_value_draws_nothing(draw: Callable[..., Any]) -> None:
    assert not draw(Point(10.0, NAN, NAN, NAN, "rat: up")).every("path", "point")


def test_a_line_has_a_symbol_at_each_of_its_values(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    drawn = draw()
    x, y = (
        chart_reading.along(drawn, "middle", logarithmic=True),
        chart_reading.along(drawn, "end"),
    )
    line = chart_reading.points(drawn.only("path", "line"))
    assert line[:, 0] == pytest.approx([x(dose) for dose in DOSES], abs=0.06)
    assert line[:, 1] == pytest.approx([y(v) for v in (0.1, 0.5, 0.9)], abs=0.06)
    assert len(drawn.every("path", "symbol")) == 3
    band = chart_reading.points(drawn.only("path", "band"))
    around = [0.2, 0.6, 1.0, 0.8, 0.4, 0.0]
    assert band[:, 1] == pytest.approx([y(v) for v in around], abs=0.06)


def test_missing_values_are_left_out(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    look = chart_reading.looks["rival"]
    drawn = draw(line=Line(look, DOSES, [0.1, NAN, 0.9], [NAN] * 3, [0.2, 0.6, 1.0]))
    assert len(chart_reading.points(drawn.only("path", "line"))) == 2
    assert len(drawn.every("path", "symbol")) == 2
    assert drawn.only("path", "line")["stroke-dasharray"] == look.dash


def test_an_even_axis_is_even(draw: Callable[..., Any], chart_reading: SimpleNamespace) -> None:
    drawn = draw(Point(50.0, 0.5, NAN, NAN, "human: so"), logarithmic=False)
    x, _ = chart_reading.centre(drawn.only("path", "point"))
    assert x == pytest.approx(chart_reading.along(drawn, "middle")(50.0), abs=0.06)
    assert drawn.only("svg")["aria-label"] == "Said"
    assert {one.text for one in drawn.every("text", "axis-title")} == {"dose (mg)", "fraction"}
