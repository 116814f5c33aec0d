"""The rival readings: what each says, what speaks for and against it, and whether it keeps its word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ketasim.report.bundle import Bundle

__all__ = ["content"]

_QUANTITIES = {
    "share": "share of the ketamine effect left",
    "fold": "fold over rest",
    "fold_of_ketamine": "share of the rise under ketamine",
}


def content(bundle: Bundle) -> list[dict[str, Any]]:
    """Return one entry for each hypothesis.

    Parameters
    ----------
    bundle : Bundle
        The bundle.

    Returns
    -------
    list of dict
        The record of the hypothesis with ``promises``: what its file expects of the experiments,
        and what was predicted.
    """
    return [
        {**one, "promises": _promises(one["name"], bundle)} for one in bundle.index["hypotheses"]
    ]


def _promises(name: str, bundle: Bundle) -> list[dict[str, Any]]:
    return [
        _promise(row, record)
        for record in bundle.experiments.values()
        for row in record["hypotheses"][name].get("expected", ())
    ]


def _promise(row: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    arms = record["arms"]
    title = arms[row["arm"]]["title"] if row["arm"] in arms else row["arm"]
    return {
        "experiment": record["id"],
        "arm": title,
        "what": f"{row['readout'].replace('_', ' ')}, {_QUANTITIES[row['quantity']]}",
        "time_h": row["time_h"],
        "bounds": _bounds(row["lower"], row["upper"]),
        "predicted": row["predicted"],
        "error": row["mc_error"],
        "met": row["met"],
    }


def _bounds(lower: float | None, upper: float | None) -> str:
    if lower is None:
        return "anything" if upper is None else f"below {upper:g}"
    return f"above {lower:g}" if upper is None else f"{lower:g} to {upper:g}"
