"""How each hypothesis looks: a colour, a dash and a symbol of its own, the same on every figure.

Colours are those of Okabe and Ito (2008), which people with any colour vision can tell apart; black
is left to what was measured. A hypothesis never differs by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ketasim.report.svg import element

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markupsafe import Markup

__all__ = ["COLOURS", "DASHES", "SYMBOLS", "Style", "sample", "shape", "styles", "symbol"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A7A7A", "#B8A800")
"""In the order in which hypotheses come; the yellow is darkened to be seen on white."""

DASHES = ("", "7 3", "2 2.5", "9 3 2 3", "5 2 1.5 2 1.5 2", "12 3", "4 4", "1 4")

SYMBOLS = ("circle", "square", "triangle", "diamond", "cross", "wedge", "star", "bar")
"""Plotly knows the first five by the same names."""

_SHAPES = {
    "circle": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z",
    "square": "M-3.5-3.5H3.5V3.5H-3.5Z",
    "triangle": "M0-4.6L4.4 3.2H-4.4Z",
    "diamond": "M0-5L5 0L0 5L-5 0Z",
    "cross": "M-1.4-4.5H1.4V-1.4H4.5V1.4H1.4V4.5H-1.4V1.4H-4.5V-1.4H-1.4Z",
    "wedge": "M0 4.6L4.4-3.2H-4.4Z",
    "star": "M0-5.2L1.4-1.7L5-1.6L2.2.7L3.1 4.2L0 2.2L-3.1 4.2L-2.2.7L-5-1.6L-1.4-1.7Z",
    "bar": "M-1.5-5H1.5V5H-1.5Z",
}


@dataclass(frozen=True)
class Style:
    """The look of one hypothesis.

    Parameters
    ----------
    name : str
        The hypothesis.
    index : int
        Its place; the page's style sheet has one class for each (``h0``, ``h1``, ...).
    colour, dash, symbol : str
        As CSS, as SVG ``stroke-dasharray``, and as one of `SYMBOLS`.
    """

    name: str
    index: int
    colour: str
    dash: str
    symbol: str

    @property
    def css_class(self) -> str:
        """The class that carries the colour."""
        return f"h{self.index}"


def styles(names: Iterable[str]) -> dict[str, Style]:
    """Give every hypothesis its look.

    Parameters
    ----------
    names : iterable of str
        In the order of the bundle.

    Returns
    -------
    dict of str to Style
        Beyond eight hypotheses colours repeat, with another dash and another symbol.
    """
    return {name: _style(name, index) for index, name in enumerate(names)}


def _style(name: str, index: int) -> Style:
    turn, place = divmod(index, len(COLOURS))
    shifted = (place + turn) % len(COLOURS)
    return Style(name, index, COLOURS[place], DASHES[shifted], SYMBOLS[shifted])


def shape(name: str) -> str:
    """Return the path of one of `SYMBOLS` about the origin."""
    return _SHAPES[name]


def symbol(style: Style, x: float, y: float) -> Markup:
    """Draw the symbol of a hypothesis at a place."""
    return element(
        "path",
        d=shape(style.symbol),
        transform=f"translate({x:.1f} {y:.1f})",
        class_=f"symbol {style.css_class}",
    )


def sample(style: Style) -> Markup:
    """Draw the line and symbol of a hypothesis for a legend."""
    line = element(
        "path", d="M1 6H35", class_=f"line {style.css_class}", stroke_dasharray=style.dash or None
    )
    return element(
        "svg", line, symbol(style, 18, 6), width=36, height=12, aria_hidden="true", class_="sample"
    )
