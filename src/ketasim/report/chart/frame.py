"""The frame of a small chart: axes, grid lines, titles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ketasim.report.svg import element, path, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from ketasim.report.chart.axis import Scale

__all__ = ["Frame", "chart"]


@dataclass(frozen=True)
class Frame:
    """The room of a small chart, in pixels of its own coordinate system.

    Parameters
    ----------
    width, height : float
        Of the whole drawing.
    left, right, top, bottom : float
        Space outside the axes.
    """

    width: float = 320.0
    height: float = 208.0
    left: float = 46.0
    right: float = 10.0
    top: float = 12.0
    bottom: float = 40.0

    @property
    def x_range(self) -> tuple[float, float]:
        """Pixels of both ends of the horizontal axis."""
        return self.left, self.width - self.right

    @property
    def y_range(self) -> tuple[float, float]:
        """Pixels of the low and the high end of the vertical axis."""
        return self.height - self.bottom, self.top

    def axes(self, x: Scale, y: Scale, *, x_title: str, y_title: str) -> Markup:
        """Draw grid, ticks, labels and titles."""
        floor, roof = self.y_range
        near, far = self.x_range
        parts = [path(((near, y(t)), (far, y(t))), class_="grid") for t in y.ticks]
        parts += [
            text(near - 6, y(tick) + 3.5, label, text_anchor="end", class_="tick")
            for tick, label in zip(y.ticks, y.labels, strict=True)
        ]
        parts += _below(x, floor)
        parts.append(path(((near, roof), (near, floor), (far, floor)), class_="axis"))
        parts.append(text((near + far) / 2, self.height - 6, x_title, class_="axis-title mid"))
        parts.append(_upright(12.0, (floor + roof) / 2, y_title))
        return element("g", *parts, class_="frame")


def _below(scale: Scale, floor: float) -> list[Markup]:
    parts = []
    last = -1e9
    for tick, label in zip(scale.ticks, scale.labels, strict=True):
        place = scale(tick)
        parts.append(path(((place, floor), (place, floor + 4)), class_="axis"))
        if place - last > 2.8 * len(label) + 4:
            parts.append(text(place, floor + 16, label, text_anchor="middle", class_="tick"))
            last = place + 2.8 * len(label)
    return parts


def _upright(x: float, y: float, words: str) -> Markup:
    return text(x, y, words, transform=f"rotate(-90 {x:.1f} {y:.1f})", class_="axis-title mid")


def chart(frame: Frame, label: str, parts: Sequence[Markup], css_class: str = "") -> Markup:
    """Put the parts of a chart into one ``<svg>`` that a screen reader announces by its label."""
    return element(
        "svg",
        element("title", label),
        *parts,
        viewBox=f"0 0 {frame.width:.0f} {frame.height:.0f}",
        role="img",
        aria_label=label,
        class_=f"chart {css_class}".strip(),
    )
