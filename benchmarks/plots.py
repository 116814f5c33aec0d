"""Plots of the benchmark page as SVG, drawn by hand so that the same figures give the same bytes.

A panel is 360 pixels wide: two of them stand side by side on a screen, and one fills a telephone.
An engine has a colour, a marker and a pattern of dashes of its own, so that none of the three alone
tells it from the others.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

Pair = tuple[float, float]

#: Each at least 3 to 1 against white; the first is ours.
COLOURS = (
    "#000000", "#0077bb", "#c75b00", "#117733", "#aa4499", "#7a7a00", "#332288", "#cc3366",
    "#00897b", "#882255",
)  # fmt: skip
DASHES = ("", "6 3", "2 2", "8 3 2 3", "1 3", "10 3", "4 4", "5 2 1 2", "3 1", "12 4")
_MARKERS = 10
_WIDTH, _LEFT, _RIGHT, _HEIGHT = 360, 56, 18, 210
_TITLE_ROW, _TITLE_LETTERS = 18, 40
_LEGEND_ROW, _LEGEND_COLUMNS = 18, 2
_FONT = 'font-family="Helvetica, Arial, sans-serif"'


@dataclass(frozen=True)
class Series:
    """Marks of one engine, and the line that is drawn through some of them.

    `style` is the place of the engine's colour, marker and dashes.
    """

    name: str
    marks: Sequence[Pair]
    line: Sequence[Pair]
    style: int


@dataclass(frozen=True)
class _Axis:
    """A logarithmic axis between two powers of ten, and where it lies on the page."""

    low: int
    high: int
    begin: float
    end: float

    def at(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    @property
    def decades(self) -> range:
        # At most seven labels, so that they keep apart.
        return range(self.low, self.high + 1, max(1, math.ceil((self.high - self.low) / 7)))


def panel(title: str, about: str, series: Sequence[Series], x_label: str, y_label: str) -> str:
    """Return a plot with two logarithmic axes; every value must be positive.

    Parameters
    ----------
    title : str
        Written above the plot.
    about : str
        What the plot shows, for those who do not see it.
    series : sequence of Series
        In the order of the legend.
    x_label, y_label : str
        What the axes are, with units.
    """
    values = [mark for one in series for mark in one.marks]
    if not values:
        raise ValueError(f"there is nothing to draw in {title!r}")
    lines = textwrap.wrap(title, _TITLE_LETTERS)
    top = 16 + _TITLE_ROW * len(lines)
    bottom = top + _HEIGHT
    x = _Axis(*_decades([value for value, _ in values]), _LEFT, _WIDTH - _RIGHT)
    y = _Axis(*_decades([value for _, value in values]), bottom, top)
    rows = math.ceil(len(series) / _LEGEND_COLUMNS)
    height = bottom + 48 + rows * _LEGEND_ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" {_FONT}>',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(about)}</desc>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *(
            _text(14, 20 + _TITLE_ROW * row, line, size=14, weight="bold")
            for row, line in enumerate(lines)
        ),
        *_grid(x, y),
        _text((x.begin + x.end) / 2, bottom + 34, x_label, anchor="middle"),
        _text(14, top + _HEIGHT / 2, y_label, anchor="middle", turned=True),
    ]
    for one in reversed(series):  # ours is drawn last and lies on top
        parts += _drawn(one, x, y)
    for place, one in enumerate(series):
        column, row = place % _LEGEND_COLUMNS, place // _LEGEND_COLUMNS
        parts += _legend(one, 14 + column * _WIDTH / 2, bottom + 54 + row * _LEGEND_ROW)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten that values lie between."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _grid(x: _Axis, y: _Axis) -> list[str]:
    parts = []
    for power in x.decades:
        place = x.at(10.0**power)
        parts.append(_stroke([(place, y.begin), (place, y.end)], "#d9d9d9"))
        parts.append(_text(place, y.begin + 16, decade(power, x.low), anchor="middle"))
    for power in y.decades:
        place = y.at(10.0**power)
        parts.append(_stroke([(x.begin, place), (x.end, place)], "#d9d9d9"))
        parts.append(_text(x.begin - 5, place + 4, decade(power, y.low), anchor="end"))
    corner = [(x.begin, y.end), (x.begin, y.begin), (x.end, y.begin)]
    return [*parts, _stroke(corner, "#333333")]


def decade(power: int, least: int) -> str:
    """Return a power of ten as a label: written out where the axis does not begin too low."""
    if least >= -2 and power <= 3:
        return f"{10.0**power:g}"
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _drawn(one: Series, x: _Axis, y: _Axis) -> list[str]:
    colour, dashes = COLOURS[one.style % len(COLOURS)], DASHES[one.style % len(DASHES)]
    line = [(x.at(a), y.at(b)) for a, b in one.line]
    parts = [_stroke(line, colour, _width(one), dashes)] if len(line) > 1 else []
    return [*parts, *(_marker(one.style, x.at(a), y.at(b)) for a, b in one.marks)]


def _legend(one: Series, left: float, middle: float) -> list[str]:
    colour, dashes = COLOURS[one.style % len(COLOURS)], DASHES[one.style % len(DASHES)]
    return [
        _stroke([(left, middle), (left + 28, middle)], colour, _width(one), dashes),
        _marker(one.style, left + 14, middle),
        _text(left + 35, middle + 4, one.name),
    ]


def _width(one: Series) -> float:
    return 2.4 if one.style == 0 else 1.4


def _marker(style: int, x: float, y: float) -> str:
    colour, kind = COLOURS[style % len(COLOURS)], style % _MARKERS
    r = 4.0
    if kind == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="{colour}"/>'
    if kind in (5, 6):  # a cross, upright or turned
        turn = math.pi / 4 if kind == 6 else 0.0
        ends = [(r * math.cos(turn + k * math.pi / 2), r * math.sin(turn + k * math.pi / 2))
                for k in range(4)]  # fmt: skip
        (a, b), (c, d), (e, f), (g, h) = [(x + p, y + q) for p, q in ends]
        path = f"M{a:.1f} {b:.1f}L{e:.1f} {f:.1f}M{c:.1f} {d:.1f}L{g:.1f} {h:.1f}"
        return f'<path d="{path}" stroke="{colour}" stroke-width="2" fill="none"/>'
    # Corners, the direction of the first, and whether the inside is filled.
    corners, turn, filled = {
        1: (4, 45.0, True), 2: (3, -90.0, True), 3: (3, 90.0, True), 4: (4, 0.0, True),
        7: (4, 45.0, False), 8: (3, -90.0, False), 9: (6, 0.0, False),
    }[kind]  # fmt: skip
    angles = [math.radians(turn + k * 360.0 / corners) for k in range(corners)]
    points = " ".join(f"{x + 4.6 * math.cos(a):.1f},{y + 4.6 * math.sin(a):.1f}" for a in angles)
    fill = colour if filled else "#ffffff"
    return f'<polygon points="{points}" fill="{fill}" stroke="{colour}" stroke-width="1.4"/>'


def _stroke(points: Sequence[Pair], colour: str, width: float = 1.0, dashes: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    broken = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" '
        f'stroke-width="{width:g}"{broken}/>'
    )


def _text(
    x: float, y: float, text: str, *, size: int = 12, anchor: str = "start",
    weight: str = "normal", turned: bool = False,
) -> str:  # fmt: skip
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    bold = ' font-weight="bold"' if weight == "bold" else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="#222222"{bold}{turn}>{escape(text)}</text>'
    )
