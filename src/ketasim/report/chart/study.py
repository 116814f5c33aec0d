"""Charts of a study: intervals below each other, lines over an axis, clouds of points."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ketasim.report.chart.axis import linear_scale, log_scale
from ketasim.report.chart.curve import finite_pairs
from ketasim.report.chart.frame import Frame, chart
from ketasim.report.chart.measured import draw_measured
from ketasim.report.chart.style import COLOURS, DASHES, SYMBOLS, shape
from ketasim.report.svg import element, path, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markupsafe import Markup

    from ketasim.report.chart.axis import Scale
    from ketasim.report.chart.style import Style

__all__ = ["Look", "Titles", "interval_chart", "looks_of", "series_chart", "series_sample"]

ROW, HEAD = 17.0, 18.0
_NAME, _LETTER, _WIDEST = 84.0, 6.0, 150.0
"""Room for the names of rows: at least, for each letter, and at most."""

_LETTERS = 46
"""About how many letters of a heading fit into the width of a chart."""

_NEUTRAL = 3
"""Colours for series beside hypotheses."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """The look of a series.

    Parameters
    ----------
    name : str
        The series.
    css_class : str
        The class that carries its colour.
    dash, symbol : str
        As for a hypothesis.
    hypothesis : bool
        Whether it is one; the others stay when one hypothesis is highlighted.
    """

    name: str
    css_class: str
    dash: str
    symbol: str
    hypothesis: bool

    @property
    def line(self) -> str:
        """The class of its lines."""
        return f"{'line' if self.hypothesis else 'own line-own'} {self.css_class}"

    @property
    def mark(self) -> str:
        """The class of its symbols."""
        return f"{'symbol' if self.hypothesis else 'own symbol-own'} {self.css_class}"


@dataclass(frozen=True)
class Titles:
    """The words of a chart.

    Parameters
    ----------
    label : str
        What a screen reader reads.
    x, y : str
        Titles of the axes, with units.
    """

    label: str
    x: str
    y: str


def looks_of(names: Sequence[str], hypotheses: Mapping[str, Style]) -> dict[str, Look]:
    """Give every series its look: a hypothesis its own, the others in the order they come.

    Parameters
    ----------
    names : sequence of str
        The series of a chart.
    hypotheses : mapping of str to Style
        The looks of the page.

    Returns
    -------
    dict of str to Look
    """
    found: dict[str, Look] = {}
    others = [name for name in dict.fromkeys(names) if name not in hypotheses]
    # Beside hypotheses, what is none of them has colours that no hypothesis has.
    start = 6 if len(others) < len(set(names)) else 0
    for name in dict.fromkeys(names):
        if name in hypotheses:
            style = hypotheses[name]
            found[name] = Look(name, style.css_class, style.dash, style.symbol, hypothesis=True)
        else:
            place = (start + others.index(name)) % len(COLOURS)
            css = f"n{others.index(name) % _NEUTRAL}" if start else f"h{place}"
            found[name] = Look(name, css, DASHES[place], SYMBOLS[place], hypothesis=False)
    return found


def series_sample(look: Look) -> Markup:
    """Draw the line and symbol of a series for a legend."""
    line = element("path", d="M1 6H35", class_=look.line, stroke_dasharray=look.dash or None)
    return element(
        "svg", line, _symbol(look, 18, 6), width=36, height=12, aria_hidden="true", class_="sample"
    )


def _symbol(look: Look, x: float, y: float) -> Markup:
    place = f"translate({x:.1f} {y:.1f})"
    return element("path", d=shape(look.symbol), transform=place, class_=look.mark)


def _number(row: Row, name: str) -> float:
    found = row.get(name)
    return math.nan if found is None else float(found)


def _scale(
    values: Sequence[float], ends: tuple[float, float], logarithmic: bool, count: int = 4
) -> Scale:
    if logarithmic:
        return log_scale(values, *ends)
    return linear_scale(values, *ends, count=count)


def interval_chart(
    titles: Titles,
    rows: Sequence[Row],
    looks: Mapping[str, Look],
    *,
    reach: Sequence[float] = (),
    logarithmic: bool = False,
) -> Markup:
    """Draw intervals below each other, rows of one label together.

    Parameters
    ----------
    titles : Titles
        The words.
    rows : sequence of dict
        ``label, group, value, low, high`` and, where measured, ``published, published_low,
        published_high``; None where a number is missing.
    looks : mapping of str to Look
        By group.
    reach : sequence of float, optional
        Values that the axis must hold, for instance those of other panels.
    logarithmic : bool, optional
        Whether the axis is.

    Returns
    -------
    Markup
        One ``<svg>``.
    """
    placed = list(_placed(rows))
    height = max((y + ROW + _room_above(one) for y, one in placed), default=ROW)
    longest = max((len(one["name"]) for _, one in placed if isinstance(one, dict)), default=0)
    left = min(max(_NAME, 10.0 + _LETTER * longest), _WIDEST)
    frame = Frame(height=height + 46.0, left=left, right=18.0, top=2.0, bottom=46.0)
    shown = [_number(row, name) for row in rows for name in _ENDS]
    x = _scale([*shown, *reach], frame.x_range, logarithmic, count=3)
    parts = [_ground(x, frame, titles.x)]
    for y, item in placed:
        if isinstance(item, str):
            parts.append(text(2, y + 13, item, class_="study-head"))
        else:
            parts += _interval(item, looks[str(item["group"])], x, frame, y)
    return chart(frame, titles.label, parts, "forest study")


def _room_above(item: str | Row) -> float:
    return HEAD * len(item.get("above", ())) if isinstance(item, dict) else 0.0


_ENDS = ("value", "low", "high", "published", "published_low", "published_high")


def _placed(rows: Sequence[Row]) -> Iterator[tuple[float, str | Row]]:
    """Yield each heading and each row with its height; a row alone under its label needs none.

    Rows of one label stand together, labels in the order in which they come first. A name that is too
    long for the left edge stands above its row.
    """
    y = 2.0
    first = list(dict.fromkeys(str(row["label"]) for row in rows))
    rows = sorted(rows, key=lambda row: first.index(str(row["label"])))
    labels = [str(row["label"]) for row in rows]
    alone = len(set(labels)) == len(labels) and len({str(row["group"]) for row in rows}) == 1
    before = ""
    for row in rows:
        label = str(row["label"])
        if alone and len(label) <= _SHORT:
            yield y, {**row, "name": label}
        else:
            if label != before:
                for line in _folded(label):
                    yield y, line
                    y += HEAD
            name = "" if alone else str(row["group"])
            above = _folded(name) if len(name) > _SHORT else []
            yield y, {**row, "name": "" if above else name, "above": above}
            y += HEAD * len(above)
        before = label
        y += ROW


_SHORT = 22


def _folded(words: str) -> list[str]:
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _LETTERS:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _ground(x: Scale, frame: Frame, quantity: str) -> Markup:
    floor, roof = frame.y_range
    parts = [path(((x(t), roof), (x(t), floor)), class_="grid") for t in x.ticks]
    if x.low < 0.0 < x.high:
        parts.append(path(((x(0.0), roof), (x(0.0), floor)), class_="axis"))
    parts += [
        text(x(tick), floor + 14, label, text_anchor="middle", class_="tick")
        for tick, label in zip(x.ticks, x.labels, strict=True)
    ]
    for index, line in enumerate(_folded(quantity)[:2]):
        parts.append(text(frame.width / 2, floor + 28 + 12 * index, line, class_="axis-title mid"))
    return element("g", *parts, class_="frame")


def _interval(row: Row, look: Look, x: Scale, frame: Frame, y: float) -> list[Markup]:
    drawn = [element("title", _words(row))]
    for line in row.get("above", ()):
        drawn.append(text(12, y + 13, line, class_="row-name"))
        y += HEAD
    middle = y + ROW / 2
    parts = _behind(row, x, y)
    if row["name"]:
        drawn.append(
            text(frame.left - 8, middle + 4, row["name"], text_anchor="end", class_="row-name")
        )
    low, high, value = (_number(row, name) for name in ("low", "high", "value"))
    if math.isfinite(low) and math.isfinite(high):
        ends = ((x(low), middle), (x(high), middle))
        drawn.append(path(ends, class_=f"whisker {look.css_class}"))
    if math.isfinite(value):
        drawn.append(_symbol(look, x(value), middle))
    return [*parts, element("g", *drawn)]


def _behind(row: Row, x: Scale, y: float) -> list[Markup]:
    """Draw what was published, behind the interval and as high as the row."""
    value, low, high = (_number(row, f"published{end}") for end in ("", "_low", "_high"))
    parts = []
    if math.isfinite(low) and math.isfinite(high):
        parts.append(element("rect", x=x(low), y=y, width=x(high) - x(low), height=ROW))
    if math.isfinite(value):
        parts.append(path(((x(value), y), (x(value), y + ROW))))
    return [element("g", *parts, class_="published")] if parts else []


def _words(row: Row) -> str:
    words = f"{row['label']}, {row['group']}: {_shown(row, 'value')}"
    if row.get("low") is not None:
        words += f" ({_shown(row, 'low')} to {_shown(row, 'high')})"
    if row.get("published") is not None:
        words += f"; published {_shown(row, 'published')}"
    return words


def _shown(row: Row, name: str) -> str:
    value = _number(row, name)
    return f"{value:.3g}".replace("-", "−") if math.isfinite(value) else "unknown"


@dataclass(frozen=True)
class _Point:
    """A published result on the chart."""

    value: float
    low: float
    high: float
    label: str
    direction: str = ""
    human: bool = True


def series_chart(
    titles: Titles,
    rows: Sequence[Row],
    looks: Mapping[str, Look],
    *,
    cloud: bool = False,
    reach: Sequence[Row] = (),
    logarithmic: tuple[bool, bool] = (False, False),
) -> Markup:
    """Draw lines with their bands, or a cloud of points, and what was published.

    Parameters
    ----------
    titles : Titles
        The words.
    rows : sequence of dict
        ``series, x, y`` and where there are any ``low, high, extrapolated, label``; a series without
        a look is published. None where a number is missing.
    looks : mapping of str to Look
        By series.
    cloud : bool, optional
        Points without lines.
    reach : sequence of dict, optional
        Rows of other panels, which the axes must hold.
    logarithmic : tuple of bool, optional
        Whether each axis is.

    Returns
    -------
    Markup
        One ``<svg>``.
    """
    held = [*rows, *reach]
    shown = [_number(row, name) for row in held for name in ("y", "low", "high")]
    plain = Frame(width=360.0, height=250.0)
    y = _scale(shown, plain.y_range, logarithmic[1])
    # The title of the axis must not touch its longest label.
    frame = replace(plain, left=28.0 + _LETTER * max(map(len, y.labels)))
    x = _scale([_number(row, "x") for row in held], frame.x_range, logarithmic[0])
    parts = _beyond(rows, x, frame)
    parts.append(frame.axes(x, y, x_title=titles.x, y_title=titles.y))
    series: dict[str, list[Row]] = {}
    for row in rows:
        series.setdefault(str(row["series"]), []).append(row)
    drawn = {name: those for name, those in series.items() if name in looks}
    if not cloud:
        parts += [_band(looks[name], those, x, y) for name, those in drawn.items()]
    for name, those in drawn.items():
        parts += _dots(looks[name], those, x, y) if cloud else _line(looks[name], those, x, y)
    for name, those in series.items():
        if name not in looks:
            parts += [_published(name, row, x, y, frame) for row in those]
    return chart(frame, titles.label, parts, "study")


def _beyond(rows: Sequence[Row], x: Scale, frame: Frame) -> list[Markup]:
    """Shade where no data reach, and say so."""
    places = [_number(row, "x") for row in rows if row.get("extrapolated")]
    if not places:
        return []
    floor, roof = frame.y_range
    near, far = x(min(places)), x(max(places))
    ground = element("rect", x=near, y=roof, width=far - near, height=floor - roof)
    words = text((near + far) / 2, roof + 11, "no data here", class_="mid tick")
    return [element("g", ground, words, class_="beyond")]


def _sorted(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: _number(row, "x"))


def _line(look: Look, rows: Sequence[Row], x: Scale, y: Scale) -> Iterator[Markup]:
    ordered = _sorted(rows)
    known = [row for row in ordered if not row.get("extrapolated")]
    beyond = [row for row in ordered if row.get("extrapolated")]
    title = element("title", look.name)
    if known:
        drawn = path(_places(known, x, y), class_=look.line, stroke_dasharray=look.dash or None)
        yield element("g", title, drawn)
    if beyond:
        # The dashed part begins where the known part ends.
        points = _places([*known[-1:], *beyond], x, y)
        yield element("g", title, path(points, class_=look.line, stroke_dasharray="3 3"))
    if known and len(known) <= _FEW:
        yield from _dots(look, known, x, y)


_FEW = 12
"""Up to this many places, each has its symbol."""


def _places(rows: Sequence[Row], x: Scale, y: Scale) -> list[tuple[float, float]]:
    pairs = finite_pairs([_number(row, "x") for row in rows], [_number(row, "y") for row in rows])
    return [(x(place), y(value)) for place, value in pairs if math.isfinite(place)]


def _band(look: Look, rows: Sequence[Row], x: Scale, y: Scale) -> Markup:
    known = [row for row in _sorted(rows) if math.isfinite(_number(row, "low"))]
    upper = [(x(_number(row, "x")), y(_number(row, "high"))) for row in known]
    lower = [(x(_number(row, "x")), y(_number(row, "low"))) for row in known]
    kind = "band" if look.hypothesis else "own band-own"
    return path([*upper, *reversed(lower)], class_=f"{kind} {look.css_class}")


def _dots(look: Look, rows: Sequence[Row], x: Scale, y: Scale) -> Iterator[Markup]:
    for row in rows:
        place, value = _number(row, "x"), _number(row, "y")
        if math.isfinite(place) and math.isfinite(value):
            label = f"{look.name}: {row['label']}" if row.get("label") else look.name
            yield element("g", element("title", label), _symbol(look, x(place), y(value)))


def _published(name: str, row: Row, x: Scale, y: Scale, frame: Frame) -> Markup:
    label = f"{name}: {row['label']}" if row.get("label") else name
    value, place = _number(row, "y"), _number(row, "x")
    point = _Point(value, _number(row, "low"), _number(row, "high"), label)
    if math.isfinite(place):
        return draw_measured(point, x(place), y, frame) or path(())
    if not math.isfinite(value):
        return path(())
    across = path((((frame.x_range[0]), y(value)), (frame.x_range[1], y(value))), class_="across")
    return element("g", element("title", label), across, class_="measured human")
