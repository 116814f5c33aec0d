"""A readout along a row of arms, for instance doses: every hypothesis and what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ketasim.report.chart.axis import linear_scale, log_scale
from ketasim.report.chart.curve import band, finite_pairs, line
from ketasim.report.chart.frame import Frame, chart
from ketasim.report.chart.measured import css_class, draw_measured
from ketasim.report.chart.style import symbol
from ketasim.report.svg import element, path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from ketasim.report.chart.axis import Scale
    from ketasim.report.chart.style import Style

__all__ = ["Line", "Point", "sweep_chart"]


@dataclass(frozen=True)
class Line:
    """The prediction of one hypothesis along the axis.

    Parameters
    ----------
    style : Style
        Its look.
    places : sequence of float
        Along the axis.
    values, low, high : sequence of float
        Median and 95 % interval over the cohort.
    """

    style: Style
    places: Sequence[float]
    values: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class Point:
    """A published value; without a place on the axis it is drawn as a line across.

    Parameters
    ----------
    place : float
        Along the axis; NaN where the source does not say.
    value, low, high : float
        In the unit of the chart; NaN where not reported.
    label : str
        The result and its source.
    human : bool
        Filled for people, open for animals and cells.
    direction : str
        Where there is no value: up, down, none, blocked, kept, rescued.
    """

    place: float
    value: float
    low: float
    high: float
    label: str
    human: bool = True
    direction: str = ""


def sweep_chart(
    label: str,
    titles: tuple[str, str],
    lines: Sequence[Line],
    points: Sequence[Point],
    *,
    logarithmic: bool = False,
) -> Markup:
    """Draw lines with intervals and published points.

    Parameters
    ----------
    label : str
        What a screen reader reads.
    titles : tuple of str
        Of the horizontal and the vertical axis, units included.
    lines : sequence of Line
        One for each hypothesis.
    points : sequence of Point
        Published values.
    logarithmic : bool, optional
        Whether the horizontal axis is.

    Returns
    -------
    Markup
        One ``<svg>``.
    """
    frame = Frame(width=360.0, height=250.0)
    places = [p for one in lines for p in one.places] + [point.place for point in points]
    scale = log_scale if logarithmic else linear_scale
    x = scale(places, *frame.x_range)
    shown = [v for one in lines for v in (*one.values, *one.low, *one.high)]
    shown += [v for point in points for v in (point.value, point.low, point.high)]
    y = linear_scale(shown, *frame.y_range)
    parts = [frame.axes(x, y, x_title=titles[0], y_title=titles[1])]
    parts += [band(one.style, one.places, one.low, one.high, x, y) for one in lines]
    parts += [_line(one, x, y) for one in lines]
    parts += [drawn for point in points if (drawn := _point(point, x, y, frame)) is not None]
    return chart(frame, label, parts, "sweep")


def _line(one: Line, x: Scale, y: Scale) -> Markup:
    pairs = finite_pairs(one.places, one.values)
    marks = (symbol(one.style, x(place), y(value)) for place, value in pairs)
    return element("g", line(one.style, pairs, x, y), *marks)


def _point(point: Point, x: Scale, y: Scale, frame: Frame) -> Markup | None:
    if math.isfinite(point.place):
        return draw_measured(point, x(point.place), y, frame)
    if not math.isfinite(point.value):
        return None
    near, far = frame.x_range
    across = path(((near, y(point.value)), (far, y(point.value))), class_="across")
    return element("g", element("title", point.label), across, class_=css_class(point))
