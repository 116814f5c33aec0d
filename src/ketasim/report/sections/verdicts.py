"""All verdicts in one table, and the scoreboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketasim.experiments.verdict import VERDICT_RULE

if TYPE_CHECKING:
    from ketasim.report.bundle import Bundle

__all__ = ["HERE", "SIGNS", "content", "mark", "rule_of"]

HERE = "; here "
"""Parts the rule from what is said where nothing decides."""

SIGNS = {
    "supported": "✓",
    "contradicted": "✗",
    "undecided": "≈",
    "not testable with these data": "○",
}
"""The sign of each verdict; a verdict is never told by colour alone."""


def content(bundle: Bundle) -> dict[str, Any]:
    """Return what the section shows.

    Parameters
    ----------
    bundle : Bundle
        The bundle.

    Returns
    -------
    dict
        ``rows`` (one an experiment, a cell a hypothesis), ``board``, ``board_experiments``,
        ``rule``, ``spread`` (largest difference of log likelihood among people's rows).
    """
    board = bundle.index["scoreboard"]
    return {
        "rows": [
            *(_row(record, bundle.hypotheses) for record in bundle.experiments.values()),
            *(_studied(record, bundle.hypotheses) for record in bundle.studies.values()),
        ],
        "board": board,
        "board_experiments": [
            name for name in bundle.experiments if any(row[name] is not None for row in board)
        ],
        "longest": max((abs(row["total"] or 0.0) for row in board), default=1.0) or 1.0,
        "rule": rule_of(bundle),
    }


def _row(record: Any, names: tuple[str, ...]) -> dict[str, Any]:
    cells = [_cell(record["hypotheses"][name]) for name in names]
    return {"name": record["id"], "title": record["title"], "cells": cells}


def _studied(record: Any, names: tuple[str, ...]) -> dict[str, Any]:
    found = [record["verdicts"][name] for name in names]
    cells = [
        {**mark(one["outcome"]), "deciding": 0, "calibrated": one["calibrated"]} for one in found
    ]
    return {"name": record["id"], "title": record["title"], "cells": cells}


def _cell(found: Any) -> dict[str, Any]:
    detail = found["verdict_detail"]
    agree, against = len(detail["agree"]), len(detail["disagree"])
    people = detail["by_group"]["people"]
    return {
        **mark(found["verdict"]),
        "agree": agree,
        "deciding": agree + against + len(detail["disputed"]),
        "people": people,
        "people_sign": SIGNS[people["outcome"]],
        "calibrated": found["calibrated"],
    }


def mark(outcome: str) -> dict[str, str]:
    """Return a verdict with its sign and the class that colours it."""
    css = outcome.split(" with")[0].replace(" ", "-")
    return {"verdict": outcome, "sign": SIGNS[outcome], "css": css}


def rule_of(bundle: Bundle) -> str:
    """Return the rule of the verdicts, which is the same in every experiment."""
    for record in bundle.experiments.values():
        some = next(iter(record["hypotheses"].values()))
        return str(some["rule"]).split(HERE)[0]
    return VERDICT_RULE
