"""What was published, as the sections read it out of the record of an experiment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["by_id", "by_observation", "number", "spread"]


def number(value: float | None) -> float:
    """Return a number of a JSON record; what is missing is NaN."""
    return math.nan if value is None else float(value)


def by_id(record: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the published observations of an experiment by their id."""
    return {one["id"]: one for one in record["published"]}


def by_observation(record: Mapping[str, Any]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return for each observation what every hypothesis makes of it, by hypothesis."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for name, one in record["hypotheses"].items():
        for made in one["comparisons"]:
            found.setdefault(made["observation"], {})[name] = made
    return found


def spread(seen: Mapping[str, Any], value: float) -> tuple[float, float]:
    """Return the ends of an observation's spread: one SD to each side, else its bounds."""
    sd = number(seen["sd"])
    if math.isfinite(sd):
        return value - sd, value + sd
    return number(seen["lower"]), number(seen["upper"])
