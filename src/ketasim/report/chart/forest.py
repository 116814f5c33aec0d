"""One published observation beside the prediction of every hypothesis for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ketasim.report.chart.axis import linear_scale
from ketasim.report.chart.frame import Frame, chart
from ketasim.report.chart.style import symbol
from ketasim.report.svg import element, path, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from ketasim.report.chart.axis import Scale
    from ketasim.report.chart.style import Style

__all__ = ["Row", "forest_chart"]

ROW = 20.0


@dataclass(frozen=True)
class Row:
    """The prediction of one hypothesis.

    Parameters
    ----------
    style : Style
        Its look.
    value, low, high : float
        Prediction and 95 % interval; NaN where there is none.
    agrees : bool or None
        Whether it agrees with the observation under the stated rule.
    """

    style: Style
    value: float
    low: float
    high: float
    agrees: bool | None


def forest_chart(
    label: str,
    quantity: str,
    rows: Sequence[Row],
    *,
    published: tuple[float, float, float] | None = None,
    region: tuple[float, float] | None = None,
) -> Markup:
    """Draw intervals below each other.

    Parameters
    ----------
    label : str
        What a screen reader reads.
    quantity : str
        Title of the axis.
    rows : sequence of Row
        One for each hypothesis.
    published : tuple of float, optional
        Value, low and high of the observation on the same axis; NaN where not reported.
    region : tuple of float, optional
        Where a prediction agrees with an observation that is no number ("blocked").

    Returns
    -------
    Markup
        One ``<svg>``.
    """
    frame = Frame(height=ROW * len(rows) + 58, left=112.0, right=24.0, top=6.0, bottom=44.0)
    shown = [v for row in rows for v in (row.value, row.low, row.high)]
    extra = [v for v in (*(published or ()), *(region or ())) if math.isfinite(v)]
    x = linear_scale(shown, *frame.x_range, include=extra, count=3)
    parts = [_ground(x, frame, quantity)]
    if region:
        parts.append(_region(x, frame, region))
    if published:
        parts.append(_published(x, frame, published))
    parts += [_row(row, x, frame, index) for index, row in enumerate(rows)]
    return chart(frame, label, parts, "forest")


def _ground(x: Scale, frame: Frame, quantity: str) -> Markup:
    floor, roof = frame.y_range
    parts = [path(((x(t), roof), (x(t), floor)), class_="grid") for t in x.ticks]
    parts += [
        text(x(tick), floor + 14, label, text_anchor="middle", class_="tick")
        for tick, label in zip(x.ticks, x.labels, strict=True)
    ]
    middle = (frame.x_range[0] + frame.x_range[1]) / 2
    lines = _two_lines(quantity)
    parts += [
        text(middle, floor + 28 + 12 * index, line, class_="axis-title mid")
        for index, line in enumerate(lines)
    ]
    return element("g", *parts, class_="frame")


def _two_lines(words: str, width: int = 40) -> list[str]:
    if len(words) <= width:
        return [words]
    cut = words.rfind(" ", 0, width)
    rest = words[cut + 1 :]
    return [words[:cut], rest if len(rest) <= width else rest[: width - 1] + "…"]


def _region(x: Scale, frame: Frame, region: tuple[float, float]) -> Markup:
    floor, roof = frame.y_range
    left, right = (x(min(max(v, x.low), x.high)) for v in region)
    return element(
        "rect", x=left, y=roof, width=max(right - left, 0.0), height=floor - roof, class_="region"
    )


def _published(x: Scale, frame: Frame, published: tuple[float, float, float]) -> Markup:
    floor, roof = frame.y_range
    value, low, high = published
    parts = []
    if math.isfinite(low) and math.isfinite(high):
        width = x(high) - x(low)
        parts.append(element("rect", x=x(low), y=roof, width=width, height=floor - roof))
    if math.isfinite(value):
        parts.append(path(((x(value), roof), (x(value), floor))))
    return element("g", *parts, class_="published")


def _row(row: Row, x: Scale, frame: Frame, index: int) -> Markup:
    y = frame.top + ROW * (index + 0.5)
    verdict = {True: "✓", False: "✗", None: "–"}[row.agrees]
    kind = {True: "agrees", False: "disagrees", None: "unknown"}[row.agrees]
    parts = [
        text(frame.left - 10, y + 4, row.style.name, text_anchor="end", class_="row-name"),
        text(frame.width - 12, y + 4, verdict, text_anchor="middle", class_=f"glyph {kind}"),
    ]
    if math.isfinite(row.low) and math.isfinite(row.high):
        ends = ((x(row.low), y), (x(row.high), y))
        parts.append(path(ends, class_=f"whisker {row.style.css_class}"))
    if math.isfinite(row.value):
        parts.append(symbol(row.style, x(row.value), y))
    return element("g", *parts)
