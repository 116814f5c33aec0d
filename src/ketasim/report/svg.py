"""Write SVG elements as escaped markup; every drawing of the report is made of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["element", "number", "path", "text"]


def number(value: float) -> str:
    """Return a coordinate with at most two decimals and no trailing zeros."""
    short = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if short in ("-0", "") else short


def element(tag: str, *children: Markup | str, **attributes: object) -> Markup:
    """Return one element.

    Parameters
    ----------
    tag : str
        Its name.
    *children : Markup or str
        What is inside; plain text is escaped.
    **attributes : object
        Its attributes; None is left out, floats are shortened, a trailing underscore is dropped
        (``class_``) and the others become hyphens (``stroke_width``).

    Returns
    -------
    Markup
        Safe to put into a template.
    """
    parts = [f"<{tag}"]
    for name, value in attributes.items():
        if value is not None:
            shown = number(value) if isinstance(value, float) else str(value)
            parts.append(f' {name.rstrip("_").replace("_", "-")}="{escape(shown)}"')
    if not children:
        return Markup("".join(parts) + "/>")
    inner = "".join(str(escape(child)) for child in children)
    return Markup("".join(parts) + f">{inner}</{tag}>")


def text(x: float, y: float, content: str, **attributes: object) -> Markup:
    """Return a text element at a place."""
    return element("text", content, x=float(x), y=float(y), **attributes)


def path(points: Iterable[tuple[float, float]], **attributes: object) -> Markup:
    """Return a path of straight lines through points."""
    steps = [f"{number(x)} {number(y)}" for x, y in points]
    if not steps:
        return Markup("")
    return element("path", d="M" + "L".join(steps), **attributes)
