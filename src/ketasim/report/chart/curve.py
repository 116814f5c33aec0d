"""The prediction of one hypothesis as a line with the band of its interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ketasim.report.svg import path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from ketasim.report.chart.axis import Scale
    from ketasim.report.chart.style import Style

__all__ = ["band", "finite_pairs", "line"]

Pairs = list[tuple[float, float]]


def finite_pairs(places: Sequence[float], values: Sequence[float]) -> Pairs:
    """Return places with their values, those without a value left out."""
    return [(p, v) for p, v in zip(places, values, strict=True) if math.isfinite(v)]


def line(style: Style, pairs: Pairs, x: Scale, y: Scale) -> Markup:
    """Draw the median."""
    points = [(x(place), y(value)) for place, value in pairs]
    return path(points, class_=f"line {style.css_class}", stroke_dasharray=style.dash or None)


def band(
    style: Style,
    places: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    x: Scale,
    y: Scale,
) -> Markup:
    """Draw the interval."""
    upper = [(x(place), y(value)) for place, value in finite_pairs(places, high)]
    lower = [(x(place), y(value)) for place, value in finite_pairs(places, low)]
    return path([*upper, *reversed(lower)], class_=f"band {style.css_class}")
