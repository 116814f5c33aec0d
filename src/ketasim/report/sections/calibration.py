"""What was fitted, how well, and what was kept to judge."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ketasim.report.bundle import Bundle

__all__ = ["content"]

_SHOWN = ("id", "experiment", "use", "arm", "readout", "species", "source", "note")


def content(bundle: Bundle) -> dict[str, Any]:
    """Return what the section shows.

    Parameters
    ----------
    bundle : Bundle
        The bundle.

    Returns
    -------
    dict
        ``names`` and ``fitted`` (values by hypothesis), ``targets`` of the first hypothesis,
        ``context`` (change of each control type), ``uses`` (how many observations fit, judge or
        are context), ``observations`` (each with its use), ``statuses`` of the parameters.
    """
    hypotheses = bundle.index["hypotheses"]
    names = list(dict.fromkeys(row["id"] for one in hypotheses for row in one["fitted"]))
    return {
        "names": names,
        "fitted": [_fitted(one, names) for one in hypotheses],
        "first": hypotheses[0]["name"],
        "targets": hypotheses[0]["targets"],
        "context": bundle.index["context"]["rows"],
        "uses": dict(Counter(bundle.observations["use"])),
        "observations": bundle.observations[list(_SHOWN)].fillna("").to_dict("records"),
        "statuses": dict(Counter(bundle.parameters["status"])),
        "parameters": bundle.parameters.fillna("").to_dict("records"),
    }


def _fitted(one: dict[str, Any], names: list[str]) -> dict[str, Any]:
    values = {row["id"]: row for row in one["fitted"]}
    cells = [values.get(name) for name in names]
    return {"name": one["name"], "calibrated": one["calibrated"], "cells": cells}
