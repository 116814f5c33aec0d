"""Rows of arms along an axis: one line for each hypothesis and way of giving."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.sections import sweeps

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace


def row(at: float, value: float | None, **parts: Any) -> dict[str, Any]:
    rest = {"sweep": "dose", "line": "", "readout": "bdnf", "lo95": value, "hi95": value}
    return {**rest, "at": at, "value": value, **parts}


@pytest.fixture
def swept(by_hand: SimpleNamespace) -> Callable[..., dict[str, Any]]:
    def made(published: list[Any], rows: list[Any], **parts: Any) -> dict[str, Any]:
        about = {
            "name": "dose", "title": "By dose", "axis": "dose (mg)", "quantity": "value",
            "logarithmic": True, "note": "assumed", "time_h": 4.0, "readouts": ["bdnf"],
            "points": {one["id"]: 5.0 for one in published},
        }  # fmt: skip
        record: dict[str, Any] = by_hand.record(published, sweeps=[{**about, **parts}])
        record["hypotheses"]["article"]["sweeps"] = rows
        return record

    return made


ROWS = [row(50.0, 0.9), row(2.0, 0.1), row(10.0, 0.5)]


def test_a_sweep_has_a_chart_for_each_readout(
    by_hand: SimpleNamespace, swept: Callable[..., Any], parse: Callable[[str], Any]
) -> None:
    [found] = sweeps.charts(swept([], ROWS), by_hand.looks)
    assert (found.title, found.note) == ("By dose", "assumed")
    [[title, chart]] = found.panels
    assert title == "BDNF at 4 h"
    said = parse(chart).only("svg")["aria-label"]
    assert said == (
        "BDNF at 4 h (fold) against dose (mg). article 0.1 at 2 to 0.9 at 50. Measured: nothing"
    )


def test_a_line_runs_in_the_order_of_the_axis(
    by_hand: SimpleNamespace, swept: Callable[..., Any], parse: Callable[[str], Any]
) -> None:
    [found] = sweeps.charts(swept([], ROWS), by_hand.looks)
    line = parse(found.panels[0][1]).only("path", "line")["d"]
    places = [float(step.split()[0]) for step in line.removeprefix("M").split("L")]
    assert places == sorted(places)


def test_two_ways_of_giving_are_two_lines(
    by_hand: SimpleNamespace, swept: Callable[..., Any], parse: Callable[[str], Any]
) -> None:
    rows = [row(1.0, 0.1), row(2.0, 0.2), row(2.0, 0.3, line="bolus"), row(4.0, 0.4, line="bolus")]
    rows += [row(9.0, 9.0, sweep="other"), row(9.0, 9.0, readout="other")]
    [found] = sweeps.charts(swept([], rows), by_hand.looks)
    lines = parse(found.panels[0][1]).every("path", "line")
    assert [one["d"].count("L") for one in lines] == [1, 1]
    assert {one.classes[1] for one in lines} == {"h0"}


@pytest.mark.parametrize(
    ("parts", "value", "low", "high"),
    [
        ({"value": 0.72}, 0.72, None, None),
        ({"value": 0.72, "sd": 0.1}, 0.72, 0.62, 0.82),
        ({"value": 0.72, "lower": 0.5, "upper": 0.9}, 0.72, 0.5, 0.9),
        ({"value": 3.0, "n": 12.0, "kind": "count"}, 0.25, None, None),
    ],
)
def test_a_published_point_keeps_its_value_and_interval(
    by_hand: SimpleNamespace,
    swept: Callable[..., Any],
    parts: dict[str, Any],
    value: float,
    low: float | None,
    high: float | None,
) -> None:
    record = swept([by_hand.seen(**parts)], ROWS)
    [point] = sweeps._points(record["sweeps"][0], "bdnf", record)
    wanted = [one if one is not None else float("nan") for one in (5.0, value, low, high)]
    found = [point.place, point.value, point.low, point.high]
    assert found == pytest.approx(wanted, nan_ok=True)
    assert point.label.startswith("human: as published (tiger2020")


def test_a_published_point_stands_in_the_chart_of_its_readout(
    by_hand: SimpleNamespace, swept: Callable[..., Any], parse: Callable[[str], Any]
) -> None:
    for readout, count in [("bdnf", 1), ("camp", 0)]:
        record = swept([by_hand.seen(value=0.5, readout=readout)], ROWS)
        [found] = sweeps.charts(record, by_hand.looks)
        assert len(parse(found.panels[0][1]).every("path", "point")) == count


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ({"kind": "share", "value": 0.7}, 1),
        ({"kind": "share", "value": 0.7, "readout": "relief"}, 0),
        ({"kind": "count", "value": 0.0, "n": 12.0}, 0),
    ],
)
def test_a_share_of_the_effect_stands_beside_its_own_readout(
    by_hand: SimpleNamespace,
    swept: Callable[..., Any],
    parse: Callable[[str], Any],
    parts: dict[str, Any],
    count: int,
) -> None:
    points = {"row": None, "unknown": 5.0}
    record = swept([by_hand.seen(**parts)], ROWS, quantity="share", points=points)
    [found] = sweeps.charts(record, by_hand.looks)
    drawn = parse(found.panels[0][1])
    assert len(drawn.every("path", "across")) == count
    assert "share of the effect left" in {one.text for one in drawn.every("text", "axis-title")}


def test_responders_are_counted_beside_relief(
    by_hand: SimpleNamespace, swept: Callable[..., Any], parse: Callable[[str], Any]
) -> None:
    published = [by_hand.seen(kind="count", value=3.0, n=12.0, readout="response")]
    rows = [{**one, "readout": "relief"} for one in ROWS]
    record = swept(published, rows, quantity="share", readouts=["relief"], points={"row": 5.0})
    record["readouts"]["relief"] = {"title": "relief", "unit": "fraction", "rest": 0.0}
    [found] = sweeps.charts(record, by_hand.looks)
    point = parse(found.panels[0][1]).only("g", "measured")
    assert len(point.every("path", "point")) == 1
    assert "share of patients" in point.only("title").text


def test_a_sweep_read_at_its_peak_says_so(
    by_hand: SimpleNamespace, swept: Callable[..., Any]
) -> None:
    [found] = sweeps.charts(swept([], ROWS, time_h=None), by_hand.looks)
    assert found.panels[0][0] == "BDNF at its peak"


def test_a_hypothesis_that_was_not_swept_has_no_line(
    by_hand: SimpleNamespace, swept: Callable[..., Any]
) -> None:
    [found] = sweeps.charts(swept([], []), by_hand.looks)
    assert not re.search('class="line', found.panels[0][1])
    assert sweeps.charts(by_hand.record([]), by_hand.looks) == []
