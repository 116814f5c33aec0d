"""Published observations beside the prediction of every hypothesis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ketasim.report.chart.axis import duration
from ketasim.report.chart.forest import Row, forest_chart
from ketasim.report.sections.published import by_id, by_observation, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from ketasim.report.chart.style import Style

__all__ = ["Deciding", "deciding", "table"]

_ORDER = ("decides", "indirect", "set aside", "fitted", "shown", "not comparable")


@dataclass(frozen=True)
class Deciding:
    """One observation that decides, with its chart.

    Parameters
    ----------
    id, title, published, species, source : str
        What was done, what was found, in whom, and by whom.
    human : bool
        Whether it was found in people.
    agree, of : int
        How many hypotheses agree, of how many.
    rule : str
        The rule that was applied.
    chart : Markup
        The prediction of every hypothesis.
    """

    id: str
    title: str
    published: str
    species: str
    source: str
    human: bool
    agree: int
    of: int
    rule: str
    chart: Markup


def deciding(record: Mapping[str, Any], looks: Mapping[str, Style]) -> list[Deciding]:
    """Return a chart for every observation that decides, those from people first.

    Parameters
    ----------
    record : mapping
        The experiment.
    looks : mapping of str to Style
        The look of every hypothesis.

    Returns
    -------
    list of Deciding
        Empty where nothing decides.
    """
    found = by_observation(record)
    chosen = {key: made for key, made in found.items() if _role(made) == "decides"}
    published = by_id(record)
    charts = [_deciding(published[key], made, record, looks) for key, made in chosen.items()]
    return sorted(charts, key=lambda one: not one.human)


def _role(made: Mapping[str, Mapping[str, Any]]) -> str:
    return min((str(one["role"]) for one in made.values()), key=_ORDER.index)


def _deciding(
    seen: Mapping[str, Any],
    made: Mapping[str, Mapping[str, Any]],
    record: Mapping[str, Any],
    looks: Mapping[str, Style],
) -> Deciding:
    some = next(iter(made.values()))
    rows = [_row(looks[name], one) for name, one in made.items()]
    quantity, agree = str(some["quantity"]), [name for name, one in made.items() if one["agrees"]]
    title = _title(seen, some, record)
    label = (
        f"{title}. Published: {seen['text']}. Agreeing: {', '.join(agree) or 'none'}. "
        f"Predicted {quantity}: "
        + "; ".join(f"{row.style.name} {row.value:.3g}" for row in rows if math.isfinite(row.value))
    )
    return Deciding(
        id=seen["id"],
        title=title,
        published=_published_text(seen),
        species=seen["species"],
        source=seen["source"],
        human=some["group"] == "people",
        agree=len(agree),
        of=len(rows),
        rule=some["rule"],
        chart=forest_chart(
            label, _spoken(quantity), rows, published=_published(some), region=_region(some, rows)
        ),
    )


def _row(style: Style, one: Mapping[str, Any]) -> Row:
    predicted, low, high = (number(one[key]) for key in ("predicted", "low", "high"))
    return Row(style, predicted, low, high, one["agrees"])


def _title(seen: Mapping[str, Any], some: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    arm = record["arms"].get(some["arm"], {"title": some["arm"]})["title"]
    what = record["readouts"].get(some["readout"], {"title": some["readout"]})["title"]
    return f"{arm}: {what}{_when(seen)}"


def _when(seen: Mapping[str, Any]) -> str:
    start, end = number(seen["time_h"]), number(seen["time_to_h"])
    if not math.isfinite(start):
        return ""
    return (
        f", {duration(start)} to {duration(end)}"
        if math.isfinite(end)
        else f" at {duration(start)}"
    )


def _published_text(seen: Mapping[str, Any]) -> str:
    against = seen["contrast"]
    compared = f" against {against}" if against not in ("", "none", "baseline") else ""
    size = "" if seen["n"] is None or seen["kind"] == "count" else f", n = {seen['n']:g}"
    return f"{seen['text']}{compared}{size}"


def _spoken(quantity: str) -> str:
    return quantity.replace("_", " ")


def _published(some: Mapping[str, Any]) -> tuple[float, float, float] | None:
    value = number(some["observed"])
    if not math.isfinite(value):
        return None
    low, high = (number(end) for end in some["region"] or (None, None))
    return value, low, high


def _region(some: Mapping[str, Any], rows: Sequence[Row]) -> tuple[float, float] | None:
    """Return where a prediction agrees; an open end reaches as far as the predictions."""
    if some["region"] is None or some["observed"] is not None:
        return None
    shown = [v for row in rows for v in (row.value, row.low, row.high) if math.isfinite(v)] or [0.0]
    low, high = some["region"]
    return (
        min([*shown, 0.0]) if low is None else low,
        max([*shown, 1.0]) if high is None else high,
    )


def table(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every published observation with the verdict of each hypothesis on it.

    Parameters
    ----------
    record : mapping
        The experiment.

    Returns
    -------
    list of dict
        Deciding observations first, then the others by their role.
    """
    found = by_observation(record)
    rows = [_line(seen, found[seen["id"]], record) for seen in record["published"]]
    return sorted(rows, key=lambda row: _ORDER.index(row["role"]))


def _line(
    seen: Mapping[str, Any], made: Mapping[str, Mapping[str, Any]], record: Mapping[str, Any]
) -> dict[str, Any]:
    some = next(iter(made.values()))
    return {
        "id": seen["id"],
        "title": _title(seen, some, record),
        "published": _published_text(seen),
        "species": seen["species"],
        "source": seen["source"],
        "role": _role(made),
        "reason": some["reason"],
        "note": seen["note"],
        "cells": [{True: "✓", False: "✗", None: "–"}[one["agrees"]] for one in made.values()],
        "predicted": [one["predicted"] for one in made.values()],
    }
