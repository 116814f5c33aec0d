"""How much of the reference effect each arm leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketasim.experiments.rules import BLOCKED_BELOW, KEPT_ABOVE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["table"]

TIME_H = 24.0


def table(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the share of the reference effect at 24 h, an arm a row, a hypothesis a cell.

    Parameters
    ----------
    record : mapping
        The experiment.

    Returns
    -------
    list of dict
        ``arm``, ``reference`` and ``cells`` with value, interval, Monte-Carlo error, and whether
        that is blocked, kept or between.
    """
    rows: dict[str, dict[str, Any]] = {}
    for name in record["hypotheses"]:
        for row in record["hypotheses"][name]["shares"]:
            if row["time_h"] == TIME_H:
                entry = rows.setdefault(row["arm"], _entry(row, record))
                entry["cells"][name] = {**row, "word": _word(row["value"])}
    names = list(record["hypotheses"])
    return [{**one, "cells": [one["cells"].get(name) for name in names]} for one in rows.values()]


def _entry(row: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    arms = record["arms"]
    reference = arms[row["reference"]]["title"] if row["reference"] in arms else row["reference"]
    return {"arm": arms[row["arm"]]["title"], "reference": reference, "cells": {}}


def _word(value: float | None) -> str:
    if value is None:
        return "no effect to share"
    if value < BLOCKED_BELOW:
        return "blocked"
    return "kept" if value > KEPT_ABOVE else "weakened"
