"""All verdicts in one table, and the scoreboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ketasim.report.bundle import Bundle

__all__ = ["SIGNS", "content"]

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
        "rows": [_row(record, bundle.hypotheses) for record in bundle.experiments.values()],
        "board": board,
        "board_experiments": [
            name for name in bundle.experiments if any(row[name] is not None for row in board)
        ],
        "longest": max((abs(row["total"] or 0.0) for row in board), default=1.0) or 1.0,
        "rule": _rule(bundle),
    }


def _row(record: Any, names: tuple[str, ...]) -> dict[str, Any]:
    cells = [_cell(record["hypotheses"][name]) for name in names]
    return {"name": record["id"], "title": record["title"], "cells": cells}


def _cell(found: Any) -> dict[str, Any]:
    detail = found["verdict_detail"]
    agree, against = len(detail["agree"]), len(detail["disagree"])
    people = detail["by_group"]["people"]
    return {
        "verdict": found["verdict"],
        "sign": SIGNS[found["verdict"]],
        "css": found["verdict"].split(" with")[0].replace(" ", "-"),
        "agree": agree,
        "deciding": agree + against + len(detail["disputed"]),
        "people": people,
        "people_sign": SIGNS[people["outcome"]],
        "calibrated": found["calibrated"],
    }


def _rule(bundle: Bundle) -> str:
    some = next(iter(bundle.experiments.values()))["hypotheses"]
    return str(next(iter(some.values()))["rule"]).split("; here ")[0]
