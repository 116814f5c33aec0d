"""Axes, labels and titles of a small chart."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.chart.axis import linear_scale, time_scale
from ketasim.report.chart.frame import Frame, chart

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

FRAME = Frame()


def test_the_room_is_what_the_margins_leave() -> None:
    frame = Frame(width=300, height=200, left=40, right=20, top=10, bottom=50)
    assert frame.x_range == (40, 280)
    assert frame.y_range == (150, 10)


def test_every_tick_of_the_vertical_axis_has_a_line_and_a_label(
    parse: Callable[[str], Any], chart_reading: SimpleNamespace
) -> None:
    x, y = linear_scale([0, 10], *FRAME.x_range), linear_scale([0, 4], *FRAME.y_range)
    drawn = parse(FRAME.axes(x, y, x_title="time", y_title="fold"))
    lines = [float(chart_reading.points(one)[0, 1]) for one in drawn.every("path", "grid")]
    labels = chart_reading.ticks(drawn, "end")
    assert [label for label, _ in labels] == ["0", "1", "2", "3", "4"]
    assert [pixel for _, pixel in labels] == pytest.approx(lines)
    assert lines == pytest.approx([168, 129, 90, 51, 12])
    assert {one.text for one in drawn.every("text", "axis-title")} == {"time", "fold"}


@pytest.mark.parametrize("width", [320.0, 180.0])
def test_labels_of_the_time_axis_do_not_run_into_each_other(
    parse: Callable[[str], Any], chart_reading: SimpleNamespace, width: float
) -> None:
    frame = Frame(width=width)
    x, y = time_scale([-1, 672], *frame.x_range), linear_scale([0, 1], *frame.y_range)
    drawn = parse(frame.axes(x, y, x_title="time", y_title="fold"))
    labels = chart_reading.ticks(drawn, "middle")
    assert "0" in {label for label, _ in labels}
    for (left, at), (right, then) in pairwise(labels):
        # At 9 px a letter is about 5 px wide.
        assert then - at > 2.5 * (len(left) + len(right))
    assert len(drawn.every("path", "axis")) == len(x.ticks) + 1


def test_a_screen_reader_is_told_what_a_chart_shows(parse: Callable[[str], Any]) -> None:
    drawn = parse(chart(FRAME, 'BDNF & "mood" < 1', [], "course")).only("svg")
    assert drawn["role"] == "img"
    assert drawn["aria-label"] == drawn.only("title").text == 'BDNF & "mood" < 1'
    assert drawn["viewbox"] == "0 0 320 208"
    assert drawn.classes == ["chart", "course"]
    assert parse(chart(FRAME, "plain", [])).only("svg").classes == ["chart"]
