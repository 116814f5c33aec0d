"""One experiment: claim, verdicts, figures, what was published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketasim.report.sections import courses, observed, shares, sweeps
from ketasim.report.sections.published import by_observation
from ketasim.report.sections.verdicts import HERE, mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ketasim.report.chart.style import Style

__all__ = ["content"]


def content(record: Mapping[str, Any], looks: Mapping[str, Style]) -> dict[str, Any]:
    """Return what the section shows.

    Parameters
    ----------
    record : mapping
        The experiment, as the JSON schema says.
    looks : mapping of str to Style
        The look of every hypothesis.

    Returns
    -------
    dict
        Texts, verdicts by hypothesis, and the charts of courses, observations, shares and sweeps.
    """
    return {
        "id": record["id"],
        "title": record["title"],
        "claim": record["claim"],
        "article": record["article"],
        "against": record["against"],
        "sources": ";".join(record["claim_sources"]),
        "notes": record["notes"],
        "interval": record["interval"],
        "arms": list(record["arms"].values()),
        "verdicts": [_verdict(name, one) for name, one in record["hypotheses"].items()],
        "deciding": observed.deciding(record, looks),
        "table": observed.table(record),
        "shares": shares.table(record),
        "separates": _separates(record),
        "courses": courses.readouts(record, looks),
        "sweeps": sweeps.charts(record, looks),
    }


def _separates(record: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many deciding observations tell the hypotheses apart, and of how many."""
    every = by_observation(record).values()
    deciding = [[one for one in made.values() if one["role"] == "decides"] for made in every]
    votes = [{one["agrees"] for one in made} for made in deciding if made]
    return sum(len(found) > 1 for found in votes), len(votes)


def _verdict(name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    detail = one["verdict_detail"]
    groups = [
        f"in {group} {found['outcome']} ({found['agree']} of {found['deciding']})"
        for group, found in detail["by_group"].items()
        if found["deciding"]
    ]
    return {
        "name": name,
        **mark(one["verdict"]),
        "groups": "; ".join(groups),
        "disagree": detail["disagree"],
        "disputed": detail["disputed"],
        "calibrated": one["calibrated"],
        "reason": one["rule"].partition(HERE)[2],
        "log_likelihood": one["log_likelihood"],
    }
