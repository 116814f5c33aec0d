"""One experiment's section: claim, verdicts and what tells the hypotheses apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.chart.style import styles
from ketasim.report.sections import experiment

if TYPE_CHECKING:
    from collections.abc import Callable

    from ketasim.report import Bundle


def content(bundle: Bundle, name: str) -> dict[str, Any]:
    return experiment.content(bundle.experiments[name], styles(bundle.hypotheses))


@pytest.mark.parametrize("name", ["camp", "ampa"])
def test_the_texts_are_those_of_the_record(bundle: Bundle, name: str) -> None:
    record, made = bundle.experiments[name], content(bundle, name)
    for part in ("id", "title", "claim", "article", "against", "notes", "interval"):
        assert made[part] == record[part]
    assert made["sources"].split(";") == record["claim_sources"]
    assert made["arms"] == list(record["arms"].values())


def test_a_verdict_says_in_whom_it_was_reached(
    bundle: Bundle, verdicts_of: Callable[..., list[Any]]
) -> None:
    for found in content(bundle, "ampa")["verdicts"]:
        mine = [
            made
            for made in verdicts_of(bundle.experiments["ampa"])
            if made["hypothesis"] == found["name"]
        ]
        agree = sum(made["agrees"] for made in mine)
        assert f"({agree} of {len(mine)})" in found["groups"]
        assert "people" not in found["groups"]


def test_where_nothing_decides_the_reason_is_given(bundle: Bundle) -> None:
    for found in content(bundle, "camp")["verdicts"]:
        assert found["groups"] == ""
        assert found["reason"].startswith("no published experiment gave rolipram")


def test_observations_that_tell_hypotheses_apart_are_counted(
    bundle: Bundle, doctored: Bundle, verdicts_of: Callable[..., list[Any]]
) -> None:
    votes: dict[str, set[bool]] = {}
    for made in verdicts_of(bundle.experiments["ampa"]):
        votes.setdefault(made["observation"], set()).add(made["agrees"])
    apart = sum(len(one) == 2 for one in votes.values())
    assert content(bundle, "ampa")["separates"] == (apart, len(votes))
    assert content(bundle, "camp")["separates"] == (0, 0)
    for made in verdicts_of(doctored.experiments["ampa"]):
        made["agrees"] = False
    assert content(doctored, "ampa")["separates"] == (0, len(votes))
