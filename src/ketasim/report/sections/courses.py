"""Readouts over time: a chart for each arm, every hypothesis and the published results in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ketasim.report.chart.course import Course, Mark, course_chart
from ketasim.report.chart.forest import Row, forest_chart
from ketasim.report.sections.published import by_id, number, spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from ketasim.report.chart.style import Style

__all__ = ["ReadoutPanels", "readouts"]

FLAT = 0.01
"""An arm in which no hypothesis moves a readout by more, and nothing was measured, gets no chart."""


@dataclass(frozen=True)
class ReadoutPanels:
    """The charts of one readout.

    Parameters
    ----------
    name, title, unit : str
        The readout.
    panels : tuple of (title, chart)
        One for each arm.
    flat : tuple of str
        Arms without a chart, because the readout stays at rest.
    measured : int
        How many published results are drawn.
    """

    name: str
    title: str
    unit: str
    panels: tuple[tuple[str, Markup], ...]
    flat: tuple[str, ...]
    measured: int


def readouts(record: Mapping[str, Any], looks: Mapping[str, Style]) -> list[ReadoutPanels]:
    """Return the charts of every readout of an experiment, in its order.

    Parameters
    ----------
    record : mapping
        The experiment.
    looks : mapping of str to Style
        The look of every hypothesis.

    Returns
    -------
    list of ReadoutPanels
        Readouts without any chart are left out.
    """
    first = next(iter(record["hypotheses"].values()))
    shown = [name for name in record["readouts"] if _is_predicted(name, first["arms"])]
    made = [_panels(name, record, looks) for name in shown]
    return [one for one in made if one.panels]


def _is_predicted(name: str, arms: Mapping[str, Any]) -> bool:
    return any(name in readouts_of_arm for readouts_of_arm in arms.values())


def _panels(name: str, record: Mapping[str, Any], looks: Mapping[str, Style]) -> ReadoutPanels:
    about = record["readouts"][name]
    marks = {arm: _marks(name, arm, record) for arm in record["arms"]}
    courses = {arm: _courses(name, arm, record, looks) for arm in record["arms"]}
    kept = [arm for arm in courses if marks[arm] or not _is_flat(courses[arm], about["rest"])]
    shared = [value for arm in kept for one in courses[arm] for value in one.values]
    panels = [
        (record["arms"][arm]["title"], _chart(about, arm, record, courses[arm], marks[arm], shared))
        for arm in kept
    ]
    flat = [record["arms"][arm]["title"] for arm in courses if arm not in kept]
    count = sum(len(marks[arm]) for arm in kept)
    return ReadoutPanels(name, about["title"], about["unit"], tuple(panels), tuple(flat), count)


def _chart(
    about: Mapping[str, Any],
    arm: str,
    record: Mapping[str, Any],
    courses: Sequence[Course],
    marks: Sequence[Mark],
    shared: Sequence[float],
) -> Markup:
    label = f"{about['title']}, {record['arms'][arm]['title']}"
    unit = f"{about['title']} ({about['unit']})" if len(about["title"]) < 22 else about["unit"]
    if all(len(one.times) == 1 for one in courses):
        return _single(label, f"{about['title']} ({about['unit']})", courses, marks)
    return course_chart(label, unit, courses, marks, shared=[*shared, about["rest"]])


def _single(label: str, quantity: str, courses: Sequence[Course], marks: Sequence[Mark]) -> Markup:
    """Draw a readout that is one number a patient, as intervals below each other."""
    rows = [Row(one.style, one.values[0], one.low[0], one.high[0], None) for one in courses]
    seen = next(((m.value, m.low, m.high) for m in marks if math.isfinite(m.value)), None)
    words = "; ".join(mark.label for mark in marks)
    return forest_chart(f"{label}. {words}", quantity, rows, published=seen)


def _courses(
    name: str, arm: str, record: Mapping[str, Any], looks: Mapping[str, Style]
) -> list[Course]:
    found = []
    for hypothesis, one in record["hypotheses"].items():
        points = one["arms"].get(arm, {}).get(name, [])
        if points:
            columns = [
                [number(point[key]) for point in points]
                for key in ("time_h", "value", "lo95", "hi95")
            ]
            found.append(Course(looks[hypothesis], *columns))
    return found


def _is_flat(courses: Sequence[Course], rest: float) -> bool:
    departures = [
        abs(value - rest)
        for one in courses
        for values in (one.values, one.low, one.high)
        for value in values
        if math.isfinite(value)
    ]
    return max(departures, default=0.0) < FLAT


def _marks(name: str, arm: str, record: Mapping[str, Any]) -> list[Mark]:
    published = by_id(record)
    first = next(iter(record["hypotheses"].values()))
    return [
        mark
        for made in first["comparisons"]
        if made["readout"] == name and made["arm"] == arm
        if (mark := _mark(published[made["observation"]], made)) is not None
    ]


def _mark(seen: Mapping[str, Any], made: Mapping[str, Any]) -> Mark | None:
    if seen["kind"] in ("share", "correlation"):
        return None
    value, low, high = _heights(seen)
    uses = {"fit": "fitted", "judge": "kept to judge", "context": "context"}
    label = f"{seen['species']}: {seen['text']} ({seen['source']}, {uses[seen['use']]})"
    direction = seen["direction"] if not math.isfinite(value) else ""
    if not math.isfinite(value) and not direction:
        return None
    return Mark(_when(seen), value, low, high, direction, label, made["group"] == "people")


def _when(seen: Mapping[str, Any]) -> float:
    start, end = number(seen["time_h"]), number(seen["time_to_h"])
    return (start + end) / 2.0 if math.isfinite(end) else start


def _heights(seen: Mapping[str, Any]) -> tuple[float, float, float]:
    value = number(seen["value"])
    low, high = number(seen["lower"]), number(seen["upper"])
    if seen["kind"] == "count":
        return value / number(seen["n"]), math.nan, math.nan
    scale = 100.0 if seen["unit"] == "%" else 1.0
    if seen["kind"] == "range":
        middle = (low + high) / 2.0 if math.isfinite(low + high) else low
        return middle / scale, low / scale, high / scale
    if seen["kind"] != "value":
        return math.nan, math.nan, math.nan
    low, high = spread(seen, value)
    return value / scale, low / scale, high / scale
