"""Rows of arms along an axis: doses, opioid tone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ketasim.report.chart.axis import duration
from ketasim.report.chart.sweep import Line, Point, sweep_chart
from ketasim.report.sections.published import by_id, number, spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

    from ketasim.report.chart.style import Style

__all__ = ["SweepPanels", "charts"]


@dataclass(frozen=True)
class SweepPanels:
    """The charts of one sweep.

    Parameters
    ----------
    title, note : str
        Of the sweep.
    panels : tuple of (title, chart)
        One for each readout and line.
    """

    title: str
    note: str
    panels: tuple[tuple[str, Markup], ...]


def charts(record: Mapping[str, Any], looks: Mapping[str, Style]) -> list[SweepPanels]:
    """Return the charts of every sweep of an experiment.

    Parameters
    ----------
    record : mapping
        The experiment.
    looks : mapping of str to Style
        The look of every hypothesis.

    Returns
    -------
    list of SweepPanels
        In the order of the experiment.
    """
    return [_sweep(sweep, record, looks) for sweep in record["sweeps"]]


def _sweep(
    sweep: Mapping[str, Any], record: Mapping[str, Any], looks: Mapping[str, Style]
) -> SweepPanels:
    panels = [
        (_title(sweep, name, record), _chart(sweep, name, record, looks))
        for name in sweep["readouts"]
    ]
    return SweepPanels(sweep["title"], sweep["note"], tuple(panels))


def _title(sweep: Mapping[str, Any], name: str, record: Mapping[str, Any]) -> str:
    title = record["readouts"][name]["title"]
    when = "at its peak" if sweep["time_h"] is None else f"at {duration(sweep['time_h'])}"
    return f"{title} {when}"


def _chart(
    sweep: Mapping[str, Any],
    name: str,
    record: Mapping[str, Any],
    looks: Mapping[str, Style],
) -> Markup:
    lines = [
        line
        for one, found in record["hypotheses"].items()
        for line in _lines(looks[one], sweep["name"], name, found["sweeps"])
    ]
    points = _points(sweep, name, record)
    share = sweep["quantity"] == "share"
    unit = "share of the effect left" if share else record["readouts"][name]["unit"]
    ends = "; ".join(f"{one.style.name} {_ends(one)}" for one in lines)
    seen = "; ".join(point.label for point in points)
    label = (
        f"{_title(sweep, name, record)} ({unit}) against {sweep['axis']}. {ends}. "
        f"Measured: {seen or 'nothing'}"
    )
    return sweep_chart(
        label, (sweep["axis"], unit), lines, points, logarithmic=sweep["logarithmic"]
    )


def _lines(style: Style, sweep: str, name: str, rows: list[Mapping[str, Any]]) -> list[Line]:
    """Return one line for each way of giving: an infusion and a bolus are not joined."""
    mine = [row for row in rows if row["sweep"] == sweep and row["readout"] == name]
    ways = dict.fromkeys(row["line"] for row in mine)
    return [_line(style, [row for row in mine if row["line"] == way]) for way in ways]


def _line(style: Style, rows: list[Mapping[str, Any]]) -> Line:
    ordered = sorted(rows, key=lambda row: row["at"])
    columns = [[number(row[key]) for row in ordered] for key in ("at", "value", "lo95", "hi95")]
    return Line(style, *columns)


def _ends(one: Line) -> str:
    return f"{one.values[0]:.3g} at {one.places[0]:g} to {one.values[-1]:.3g} at {one.places[-1]:g}"


def _panel(seen: Mapping[str, Any], sweep: Mapping[str, Any]) -> str:
    """Return the readout a point is drawn beside: its own, for a count of responders relief."""
    counted = sweep["quantity"] == "share" and seen["kind"] == "count"
    return "relief" if counted else str(seen["readout"])


def _points(sweep: Mapping[str, Any], name: str, record: Mapping[str, Any]) -> list[Point]:
    published = by_id(record)
    found = []
    for key, place in sweep["points"].items():
        seen = published.get(key)
        if seen is None or _panel(seen, sweep) != name:
            continue
        value = number(seen["value"])
        if seen["kind"] == "count":
            value = value / number(seen["n"])
        low, high = spread(seen, value)
        counted = ", drawn as a share of patients" if seen["kind"] == "count" else ""
        label = f"{seen['species']}: {seen['text']} ({seen['source']}{counted})"
        human = seen["species"] == "human"
        found.append(Point(number(place), value, low, high, label, human, seen["direction"]))
    return found
