"""Reads values off a drawn chart as a person does: by its labelled ticks."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ketasim.report.chart.style import styles

if TYPE_CHECKING:
    from collections.abc import Callable

LABEL_DROP = 3.5
"""A label of the vertical axis stands this far below its tick, to be level with it."""


def spoken(label: str) -> float:
    return float(label.replace("−", "-"))


def ticks(drawn: Any, anchor: str) -> list[tuple[str, float]]:
    """Label and pixel of every tick, of the vertical axis ("end") or the horizontal ("middle")."""
    found = [one for one in drawn.every("text", "tick") if one["text-anchor"] == anchor]
    if anchor == "end":
        return [(one.text, float(one["y"]) - LABEL_DROP) for one in found]
    return [(one.text, float(one["x"])) for one in found]


def along(drawn: Any, anchor: str, *, logarithmic: bool = False) -> Callable[[float], float]:
    """From a value to the pixel where the labels say it is."""
    labels, pixels = zip(*ticks(drawn, anchor), strict=True)
    scale = np.log if logarithmic else np.asarray
    slope, start = np.polyfit(scale([spoken(one) for one in labels]), pixels, 1)
    return lambda value: float(start + slope * scale(value))


def points(shape: Any) -> np.ndarray:
    """The points of a path of straight lines."""
    steps = shape["d"].removeprefix("M").split("L")
    return np.array([[float(part) for part in step.split()] for step in steps if step])


def centre(shape: Any) -> tuple[float, float]:
    """The middle of the diamond that marks a published value; it starts at its upper corner."""
    match = re.match(r"M(\S+) (\S+?)l5 5l-5 5l-5-5Z$", shape["d"])
    assert match
    return float(match[1]), float(match[2]) + 5


@pytest.fixture(scope="session")
def chart_reading() -> SimpleNamespace:
    return SimpleNamespace(
        along=along, ticks=ticks, points=points, centre=centre, looks=styles(["article", "rival"])
    )
