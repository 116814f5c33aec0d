"""Every observation that decides has a chart, and every other one a line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.chart.style import styles
from ketasim.report.sections import observed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

    from ketasim.report import Bundle


def test_every_deciding_observation_has_a_chart(
    bundle: Bundle, verdicts_of: Callable[..., list[Any]]
) -> None:
    for record in bundle.experiments.values():
        wanted = {made["observation"] for made in verdicts_of(record)}
        shown = observed.deciding(record, styles(bundle.hypotheses))
        assert {one.id for one in shown} == wanted
        assert len(shown) == len(wanted)
        assert all("<svg" in one.chart for one in shown)


def test_agreement_is_that_of_the_comparisons(
    bundle: Bundle, verdicts_of: Callable[..., list[Any]]
) -> None:
    record = bundle.experiments["ampa"]
    for one in observed.deciding(record, styles(bundle.hypotheses)):
        votes = [m["agrees"] for m in verdicts_of(record) if m["observation"] == one.id]
        assert (one.agree, one.of) == (sum(votes), len(votes))


def test_those_from_people_come_first(by_hand: SimpleNamespace) -> None:
    published = [by_hand.seen(id="rat", species="rat"), by_hand.seen(id="man")]
    compared = [
        by_hand.made(observation="rat", group="animals and cells"),
        by_hand.made(observation="man"),
    ]
    found = observed.deciding(by_hand.record(published, {"article": compared}), by_hand.looks)
    assert [(one.id, one.human) for one in found] == [("man", True), ("rat", False)]


def test_what_does_not_decide_has_no_chart_but_a_line(by_hand: SimpleNamespace) -> None:
    roles = ["not comparable", "shown", "fitted", "set aside", "indirect", "decides"]
    published = [by_hand.seen(id=role) for role in roles]
    compared = [by_hand.made(observation=role, role=role) for role in roles]
    record = by_hand.record(published, {"article": compared})
    assert [one.id for one in observed.deciding(record, by_hand.looks)] == ["decides"]
    assert [row["role"] for row in observed.table(record)] == roles[::-1]


def test_an_observation_decides_if_it_does_for_one_hypothesis(by_hand: SimpleNamespace) -> None:
    compared = {
        "article": [by_hand.made(role="not comparable", agrees=None, predicted=None)],
        "rival": [by_hand.made()],
    }
    record = by_hand.record([by_hand.seen()], compared)
    [one] = observed.deciding(record, by_hand.looks)
    assert (one.agree, one.of) == (1, 2)
    [row] = observed.table(record)
    assert (row["role"], row["cells"], row["predicted"]) == ("decides", ["–", "✓"], [None, 1.2])


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [(24.0, None, " at 1 d"), (24.0, 72.0, ", 1 d to 3 d"), (None, None, "")],
)
def test_the_title_says_where_what_and_when(
    by_hand: SimpleNamespace, start: float | None, end: float | None, words: str
) -> None:
    record = by_hand.record([by_hand.seen(time_h=start, time_to_h=end)])
    [one] = observed.deciding(record, by_hand.looks)
    assert one.title == f"ketamine: BDNF{words}"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"contrast": "placebo", "n": 20.0}, "as published against placebo, n = 20"),
        ({"contrast": "baseline"}, "as published"),
        ({"contrast": "none", "kind": "count", "n": 12.0}, "as published"),
    ],
)
def test_what_was_published_comes_with_its_contrast_and_size(
    by_hand: SimpleNamespace, parts: dict[str, Any], words: str
) -> None:
    [one] = observed.deciding(by_hand.record([by_hand.seen(**parts)]), by_hand.looks)
    assert one.published == words


def test_the_label_says_what_was_found_and_predicted(by_hand: SimpleNamespace) -> None:
    compared = {
        "article": [by_hand.made(predicted=1.234)],
        "rival": [by_hand.made(predicted=None, low=None, high=None, agrees=False)],
    }
    [one] = observed.deciding(by_hand.record([by_hand.seen()], compared), by_hand.looks)
    label = re.search('aria-label="([^"]*)"', one.chart)
    assert label
    assert "Published: as published. Agreeing: article." in label[1]
    assert label[1].endswith("Predicted fold_of_ketamine: article 1.23")


def test_nobody_agreeing_is_said(by_hand: SimpleNamespace) -> None:
    record = by_hand.record([by_hand.seen()], {"article": [by_hand.made(agrees=False)]})
    [one] = observed.deciding(record, by_hand.looks)
    assert "Agreeing: none." in one.chart


def test_a_published_number_is_drawn_with_its_interval(
    by_hand: SimpleNamespace, parse: Callable[[str], Any]
) -> None:
    compared = {"article": [by_hand.made(observed=1.3, region=[1.1, 1.5])]}
    [one] = observed.deciding(by_hand.record([by_hand.seen()], compared), by_hand.looks)
    group = parse(one.chart).only("g", "published")
    assert len(group.every("rect")) == len(group.every("path")) == 1
    assert not parse(one.chart).every("rect", "region")


@pytest.mark.parametrize("region", [[None, 0.2], [0.6, None], [0.0, 0.5]])
def test_a_direction_is_drawn_as_the_region_where_predictions_agree(
    by_hand: SimpleNamespace, parse: Callable[[str], Any], region: list[float | None]
) -> None:
    compared = {"article": [by_hand.made(predicted=0.3, low=0.1, high=0.9, region=region)]}
    [one] = observed.deciding(by_hand.record([by_hand.seen()], compared), by_hand.looks)
    drawn = parse(one.chart)
    assert not drawn.every("g", "published")
    box = drawn.only("rect", "region")
    # The axis runs over 0 to 1, and 184 pixels wide from 112 on.
    low, high = (0.0 if region[0] is None else region[0]), (1.0 if region[1] is None else region[1])
    assert float(box["x"]) == pytest.approx(112 + 184 * low, abs=0.05)
    assert float(box["width"]) == pytest.approx(184 * (high - low), abs=0.05)


def test_the_table_keeps_every_observation_of_the_bundle(bundle: Bundle) -> None:
    for record in bundle.experiments.values():
        rows = observed.table(record)
        assert {row["id"] for row in rows} == {seen["id"] for seen in record["published"]}
        assert all(len(row["cells"]) == len(bundle.hypotheses) for row in rows)


def test_an_arm_and_a_readout_that_the_experiment_lacks_keep_their_own_names(
    by_hand: SimpleNamespace,
) -> None:
    compared = {"article": [by_hand.made(arm="cnqx+ketamine", readout="dopamine")]}
    [row] = observed.table(by_hand.record([by_hand.seen()], compared))
    assert row["title"] == "cnqx+ketamine: dopamine"
