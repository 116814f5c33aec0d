"""Published results of trials beside what was predicted for them, arm below arm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ketasim.report.chart.axis import linear_scale
from ketasim.report.chart.frame import Frame, chart
from ketasim.report.svg import element, number, path, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markupsafe import Markup

    from ketasim.report.chart.axis import Scale

__all__ = ["OUTCOMES", "Result", "predicted_bars", "published_point", "trials_chart"]

OUTCOMES = {"inside": ("✓", "agrees"), "outside": ("✗", "disagrees"), "open": ("–", "unknown")}
"""Sign and class of a published value inside or outside the 95 % interval, and of one not judged."""

BARS = {95: 3.0, 80: 6.5, 50: 10.0}
"""Height of the bar of each interval, the widest interval first."""

HEAD, ROW = 17.0, 30.0
_BAR_AT, _POINT_AT = 9.0, 21.0


@dataclass(frozen=True)
class Result:
    """One published result and its prediction.

    Parameters
    ----------
    heads : tuple of str
        What it belongs to, outermost first (the trial, the arm); printed where it changes.
    label : str
        Time after the first dose.
    value, low, high : float
        Published, with its 95 % interval.
    imputed : bool
        Whether that interval rests on a number that was not published.
    predicted : float
        NaN where nothing was predicted.
    intervals : mapping of int to tuple of float
        Ends of the 50, 80 and 95 % predictive intervals.
    outcome : {"inside", "outside", "open"}
        Where the published value lies.
    words : str
        All of it in a sentence.
    """

    heads: tuple[str, ...]
    label: str
    value: float
    low: float
    high: float
    imputed: bool
    predicted: float
    intervals: Mapping[int, tuple[float, float]]
    outcome: str
    words: str


def trials_chart(
    label: str, quantity: str, rows: Sequence[Result], *, include: Sequence[float] = (0.0,)
) -> Markup:
    """Draw results below each other on one axis.

    Parameters
    ----------
    label : str
        What a screen reader reads.
    quantity : str
        Title of the axis, with its unit.
    rows : sequence of Result
        All in the same unit.
    include : sequence of float, optional
        Values that the axis must hold.

    Returns
    -------
    Markup
        One ``<svg>``.
    """
    placed = list(_placed(rows))
    height = placed[-1][0] + ROW if placed else ROW
    frame = Frame(height=height + 40.0, left=38.0, right=26.0, top=2.0, bottom=40.0)
    ends = [v for row in rows for pair in row.intervals.values() for v in pair]
    shown = [v for row in rows for v in (row.value, row.low, row.high, row.predicted)]
    x = linear_scale([*ends, *shown], *frame.x_range, include=include, count=4)
    parts = [_tint(item, frame, y) for y, item in placed if isinstance(item, Result)]
    parts.append(_ground(x, frame, quantity))
    for y, item in placed:
        if isinstance(item, Result):
            parts.append(_row(item, x, frame, y))
        else:
            words, depth = item
            parts.append(text(2, y + 13, words, class_="study" if depth else "arm"))
    return chart(frame, label, parts, "trials")


def _placed(rows: Sequence[Result]) -> Iterator[tuple[float, Result | tuple[str, int]]]:
    """Yield each heading (with how far it is from the innermost) and each row with its height."""
    y = 2.0
    before: tuple[str, ...] = ()
    for row in rows:
        changed = False
        for depth, words in enumerate(row.heads):
            changed = changed or depth >= len(before) or before[depth] != words
            if changed:
                yield y, (words, len(row.heads) - depth - 1)
                y += HEAD
        before = row.heads
        yield y, row
        y += ROW


def _ground(x: Scale, frame: Frame, quantity: str) -> Markup:
    floor, roof = frame.y_range
    parts = [path(((x(t), roof), (x(t), floor)), class_="grid") for t in x.ticks]
    if x.low < 0.0 < x.high:
        parts.append(path(((x(0.0), roof), (x(0.0), floor)), class_="axis"))
    parts += [
        text(x(tick), floor + 14, label, text_anchor="middle", class_="tick")
        for tick, label in zip(x.ticks, x.labels, strict=True)
    ]
    middle = (frame.x_range[0] + frame.x_range[1]) / 2
    parts.append(text(middle, floor + 31, quantity, class_="axis-title mid"))
    return element("g", *parts, class_="frame")


def _tint(row: Result, frame: Frame, y: float) -> Markup:
    """Tint the ground of a row, as strongly for a contradiction as for an agreement."""
    kind = OUTCOMES[row.outcome][1]
    return element(
        "rect", x=0.0, y=y + 1, width=frame.width, height=ROW - 2, rx=3, class_=f"ground {kind}"
    )


def _row(row: Result, x: Scale, frame: Frame, y: float) -> Markup:
    sign, kind = OUTCOMES[row.outcome]
    near, far = frame.x_range
    parts = [
        element("title", row.words),
        text(near - 6, y + 18, row.label, text_anchor="end", class_="tick"),
        text(far + 14, y + 19.5, sign, text_anchor="middle", class_=f"glyph {kind}"),
        *predicted_bars(row, x, y + _BAR_AT),
    ]
    if math.isfinite(row.value):
        parts.append(published_point(row, x, y + _POINT_AT))
    return element("g", *parts)


def predicted_bars(row: Result, x: Scale, y: float) -> Iterator[Markup]:
    """Draw the bars of the predictive intervals and a mark at the predicted value."""
    for share, thick in BARS.items():
        low, high = row.intervals.get(share, (math.nan, math.nan))
        if math.isfinite(low) and math.isfinite(high):
            left = x(low)
            # An interval of no width (a share of 0 %) is still seen.
            width = max(x(high) - left, 1.0)
            yield element(
                "rect", x=left, y=y - thick / 2, width=width, height=thick, class_=f"p{share}"
            )
    if math.isfinite(row.predicted):
        ends = ((x(row.predicted), y - 6.5), (x(row.predicted), y + 6.5))
        yield path(ends, class_="predicted")


def published_point(row: Result, x: Scale, y: float) -> Markup:
    """Draw the published value as a diamond on its interval, dashed where that is imputed."""
    parts = []
    if math.isfinite(row.low) and math.isfinite(row.high):
        look = "whisker imputed" if row.imputed else "whisker"
        parts.append(path(((x(row.low), y), (x(row.high), y)), class_=look))
    shape = f"M{number(x(row.value))} {number(y - 4.5)}l4.5 4.5l-4.5 4.5l-4.5-4.5Z"
    parts.append(element("path", d=shape, class_="point"))
    return element("g", *parts, class_="measured human")
