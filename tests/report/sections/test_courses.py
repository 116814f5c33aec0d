"""Readouts over time: which arms get a chart, and where the published results stand in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.chart.style import styles
from ketasim.report.sections import courses, published

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

    from ketasim.report import Bundle


def label(chart: str) -> str:
    found = re.search('aria-label="([^"]*)"', chart)
    assert found
    return found[1]


def only(by_hand: SimpleNamespace, **parts: Any) -> courses.ReadoutPanels:
    [found] = courses.readouts(by_hand.record([by_hand.seen(**parts)]), by_hand.looks)
    return found


def test_every_arm_of_the_bundle_has_a_chart_or_is_named(bundle: Bundle) -> None:
    looks = styles(bundle.hypotheses)
    for record in bundle.experiments.values():
        every = {arm["title"] for arm in record["arms"].values()}
        for shown in courses.readouts(record, looks):
            assert {title for title, _ in shown.panels} | set(shown.flat) == every
            assert len(shown.panels) + len(shown.flat) == len(every)


def test_an_arm_at_rest_gets_no_chart_but_is_named(bundle: Bundle) -> None:
    record = bundle.experiments["ampa"]
    found = {one.name: one for one in courses.readouts(record, styles(bundle.hypotheses))}
    assert "NBQX alone" in found["relief"].flat
    assert found["relief"].panels[0][0] == record["arms"]["ketamine"]["title"]


def test_an_arm_at_rest_in_which_something_was_measured_has_its_chart(
    by_hand: SimpleNamespace,
) -> None:
    arms = {"ketamine": {"bdnf": by_hand.points(1.0, 2.0, 1.5)}, "none": {"bdnf": flat(by_hand)}}
    resting = [by_hand.seen(time_h=1.0, value=1.1)]
    compared = {"article": [by_hand.made(arm="none")]}
    [found] = courses.readouts(by_hand.record(resting, compared, arms), by_hand.looks)
    assert [title for title, _ in found.panels] == ["ketamine", "nothing given"]
    [bare] = courses.readouts(by_hand.record([], {"article": []}, arms), by_hand.looks)
    assert [title for title, _ in bare.panels] == ["ketamine"]
    assert bare.flat == ("nothing given",)


def flat(by_hand: SimpleNamespace) -> list[Any]:
    return [{**one, "lo95": 1.0, "hi95": 1.0} for one in by_hand.points(1.0, 1.0, 1.0)]


def test_a_readout_that_nobody_moves_is_left_out(by_hand: SimpleNamespace) -> None:
    arms = {"ketamine": {"bdnf": flat(by_hand)}}
    assert courses.readouts(by_hand.record([], {"article": []}, arms), by_hand.looks) == []
    record = by_hand.record([], {"article": []}, {"ketamine": {"other": flat(by_hand)}})
    assert courses.readouts(record, by_hand.looks) == []


@pytest.mark.parametrize(
    ("parts", "heights"),
    [
        ({"value": 1.5}, (1.5, None, None)),
        ({"value": 1.5, "sd": 0.25}, (1.5, 1.25, 1.75)),
        ({"value": 1.5, "lower": 1.0, "upper": 2.5}, (1.5, 1.0, 2.5)),
        ({"value": 42.0, "unit": "%"}, (0.42, None, None)),
        ({"value": 3.0, "n": 12.0, "kind": "count"}, (0.25, None, None)),
        ({"kind": "range", "lower": 1.0, "upper": 2.0}, (1.5, 1.0, 2.0)),
        ({"kind": "range", "lower": 80.0, "unit": "%"}, (0.8, 0.8, None)),
    ],
)
def test_a_published_number_is_brought_to_the_unit_of_the_chart(
    by_hand: SimpleNamespace, parts: dict[str, Any], heights: tuple[float | None, ...]
) -> None:
    found = courses._heights(by_hand.seen(**parts))
    wanted = [published.number(one) for one in heights]
    assert found == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ({"value": 1.5, "time_h": 1.0}, 1),
        ({"kind": "sign", "direction": "up", "time_h": 1.0}, 1),
        ({"kind": "sign"}, 0),
        ({"kind": "correlation", "value": -0.6}, 0),
        ({"kind": "share", "value": 0.7}, 0),
    ],
)
def test_only_what_can_stand_on_the_axis_is_drawn(
    by_hand: SimpleNamespace, parts: dict[str, Any], count: int
) -> None:
    assert only(by_hand, **parts).measured == count


def test_the_label_says_use_and_source(by_hand: SimpleNamespace) -> None:
    for use, words in [("fit", "fitted"), ("judge", "kept to judge"), ("context", "context")]:
        [[_, chart]] = only(by_hand, value=1.5, time_h=1.0, use=use).panels
        assert label(chart).endswith(f"Measured: human: as published (tiger2020, {words}).")


def test_a_span_of_time_is_marked_in_its_middle(
    by_hand: SimpleNamespace, parse: Callable[[str], Any]
) -> None:
    def place(**parts: Any) -> str:
        [[_, chart]] = only(by_hand, value=1.5, **parts).panels
        return str(parse(chart).only("path", "point")["d"])

    assert place(time_h=8.0, time_to_h=16.0) == place(time_h=12.0)
    assert place(time_h=8.0, time_to_h=16.0) != place(time_h=8.0)


def test_neighbours_share_the_height_of_their_axis(
    by_hand: SimpleNamespace, parse: Callable[[str], Any]
) -> None:
    arms = {
        "ketamine": {"bdnf": by_hand.points(1.0, 9.0, 1.0)},
        "none": {"bdnf": by_hand.points(1.0, 1.5, 1.0)},
    }
    [found] = courses.readouts(by_hand.record([], {"article": []}, arms), by_hand.looks)
    ticks = [
        [one.text for one in parse(chart).every("text", "tick") if one["text-anchor"] == "end"]
        for _, chart in found.panels
    ]
    assert ticks[0] == ticks[1]


def test_one_number_a_patient_is_an_interval_and_no_course(
    by_hand: SimpleNamespace, parse: Callable[[str], Any]
) -> None:
    peak = by_hand.points(1.5, times=(None,))
    arms = {"ketamine": {"bdnf": peak}}
    published = [by_hand.seen(id="sign", kind="sign"), by_hand.seen(value=1.25)]
    compared = [by_hand.made(observation="sign"), by_hand.made()]
    record = by_hand.record(published, {"article": compared, "rival": compared}, arms)
    [found] = courses.readouts(record, by_hand.looks)
    drawn = parse(found.panels[0][1]).only("svg")
    assert drawn.classes == ["chart", "forest"]
    assert [one.text for one in drawn.every("text", "row-name")] == ["article", "rival"]
    assert len(drawn.every("g", "published")) == 1
    assert "human: as published (tiger2020, kept to judge)" in drawn["aria-label"]


def test_a_hypothesis_that_failed_leaves_the_others_their_lines(
    by_hand: SimpleNamespace, parse: Callable[[str], Any]
) -> None:
    record = by_hand.record([], {"article": [], "rival": []})
    record["hypotheses"]["rival"] = {
        **record["hypotheses"]["rival"],
        "arms": {"ketamine": {"bdnf": by_hand.points(None, None, None)}},
    }
    [found] = courses.readouts(record, by_hand.looks)
    said = label(found.panels[0][1])
    assert "article 2 at 1 h" in said
    assert "rival failed" in said


def test_what_a_record_lacks_is_not_a_number() -> None:
    assert published.number(None) != courses.number(None)
    assert published.number(3) == 3.0
