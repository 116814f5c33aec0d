"""How a published result is drawn, the same on every chart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ketasim.report.svg import element, number, path, text

if TYPE_CHECKING:
    from markupsafe import Markup

    from ketasim.report.chart.axis import Scale
    from ketasim.report.chart.frame import Frame

__all__ = ["GLYPHS", "Measured", "css_class", "draw_measured"]

GLYPHS = {"up": "▲", "down": "▼", "none": "●", "blocked": "✕", "kept": "✓", "rescued": "✓"}
"""What is drawn for a result that was published as a direction only."""


@runtime_checkable
class Measured(Protocol):
    """A published result, whatever the axis it stands on."""

    @property
    def value(self) -> float:
        """In the unit of the chart; NaN where only a direction was published."""
        ...

    @property
    def low(self) -> float:
        """The lower end of its spread, or NaN."""
        ...

    @property
    def high(self) -> float:
        """The upper end of its spread, or NaN."""
        ...

    @property
    def direction(self) -> str:
        """One of `GLYPHS`, or empty."""
        ...

    @property
    def label(self) -> str:
        """The result and its source."""
        ...

    @property
    def human(self) -> bool:
        """Whether it was found in people."""
        ...


def css_class(one: Measured) -> str:
    """Return the class: filled for people, open for animals and cells."""
    return "measured human" if one.human else "measured animal"


def draw_measured(one: Measured, place: float, y: Scale, frame: Frame) -> Markup | None:
    """Draw a result: a diamond with its spread, or a glyph at the top for a direction.

    Parameters
    ----------
    one : Measured
        The result.
    place : float
        Pixel on the horizontal axis.
    y : Scale
        The vertical axis.
    frame : Frame
        The room of the chart.

    Returns
    -------
    Markup or None
        None where there is neither value nor direction.
    """
    parts = [element("title", one.label)]
    if not math.isfinite(one.value):
        glyph = GLYPHS.get(one.direction)
        if glyph is None:
            return None
        parts.append(text(place, frame.top + 9, glyph, text_anchor="middle", class_="glyph"))
        return element("g", *parts, class_=css_class(one))
    if math.isfinite(one.low) and math.isfinite(one.high):
        parts.append(path(((place, y(one.low)), (place, y(one.high))), class_="whisker"))
    shape = f"M{number(place)} {number(y(one.value) - 5)}l5 5l-5 5l-5-5Z"
    parts.append(element("path", d=shape, class_="point"))
    return element("g", *parts, class_=css_class(one))
