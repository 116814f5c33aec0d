"""One readout of one arm over time: every hypothesis and what was measured, in one small chart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ketasim.report.chart.axis import duration, linear_scale, time_scale
from ketasim.report.chart.curve import band, finite_pairs, line
from ketasim.report.chart.frame import Frame, chart
from ketasim.report.chart.measured import draw_measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from markupsafe import Markup

    from ketasim.report.chart.axis import Scale
    from ketasim.report.chart.style import Style

__all__ = ["Course", "Mark", "course_chart"]


@dataclass(frozen=True)
class Course:
    """The prediction of one hypothesis.

    Parameters
    ----------
    style : Style
        Its look.
    times, values, low, high : sequence of float
        Hours after the dose; median and 95 % interval over the cohort.
    """

    style: Style
    times: Sequence[float]
    values: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class Mark:
    """A published result to be drawn beside the predictions.

    Parameters
    ----------
    time_h : float
        Hours after the dose; NaN where the source gives none.
    value, low, high : float
        In the unit of the chart; NaN where not reported.
    direction : str
        Where there is no value: up, down, none, blocked, kept, rescued.
    label : str
        What a reader sees when pointing at it: the result and its source.
    human : bool
        Filled for people, open for animals and cells.
    """

    time_h: float
    value: float
    low: float
    high: float
    direction: str
    label: str
    human: bool


def course_chart(
    title: str,
    unit: str,
    courses: Sequence[Course],
    marks: Sequence[Mark],
    *,
    shared: Iterable[float] = (),
    frame: Frame | None = None,
) -> Markup:
    """Draw predictions over time with the published results.

    Parameters
    ----------
    title : str
        What is shown, for the label that a screen reader reads.
    unit : str
        Of the vertical axis.
    courses : sequence of Course
        One for each hypothesis.
    marks : sequence of Mark
        Published results.
    shared : iterable of float, optional
        Further values that the vertical axis must hold, so that neighbours share it.
    frame : Frame, optional
        Another size.

    Returns
    -------
    Markup
        One ``<svg>``.
    """
    frame = frame or Frame()
    x = time_scale([time for one in courses for time in one.times], *frame.x_range)
    y = linear_scale(_shown(courses, marks), *frame.y_range, include=shared)
    parts = [frame.axes(x, y, x_title="time after the dose", y_title=unit)]
    parts += [band(one.style, one.times, one.low, one.high, x, y) for one in courses]
    parts += [line(one.style, finite_pairs(one.times, one.values), x, y) for one in courses]
    parts += [drawn for mark in marks if (drawn := _mark(mark, x, y, frame)) is not None]
    return chart(frame, _label(title, unit, courses, marks), parts, "course")


def _shown(courses: Sequence[Course], marks: Sequence[Mark]) -> list[float]:
    values = [v for one in courses for v in (*one.values, *one.low, *one.high)]
    return values + [v for mark in marks for v in (mark.value, mark.low, mark.high)]


def _mark(mark: Mark, x: Scale, y: Scale, frame: Frame) -> Markup | None:
    # A result without a time stands at the right end.
    place = x(mark.time_h) if math.isfinite(mark.time_h) else frame.x_range[1] - 8
    return draw_measured(mark, place, y, frame)


def _label(title: str, unit: str, courses: Sequence[Course], marks: Sequence[Mark]) -> str:
    """Say in words what the chart shows: where each hypothesis ends, what was measured."""
    ends = [f"{one.style.name} {_extreme(one)}" for one in courses]
    found = [mark.label for mark in marks]
    words = f"{title}, {unit}. Predicted, largest departure from the start: {'; '.join(ends)}."
    return words + (f" Measured: {'; '.join(found)}." if found else " No published value.")


def _extreme(one: Course) -> str:
    pairs = finite_pairs(one.times, one.values)
    if not pairs:
        return "failed"
    start = pairs[0][1]
    time, value = max(pairs, key=lambda pair: abs(pair[1] - start))
    return f"{value:.3g} at {duration(time)}"
