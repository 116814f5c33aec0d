"""The calibration trials: what was published beside what was predicted, every arm."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from ketasim.report.chart.axis import duration
from ketasim.report.chart.trials import OUTCOMES, Result, trials_chart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from markupsafe import Markup

    from ketasim.report.bundle import Bundle

__all__ = ["content"]

AVERAGE = "all"
SHARES = (50, 80, 95)

_PER_CENT = (0.0, 100.0)
_KINDS: Mapping[str, tuple[str, str, tuple[float, ...]]] = {
    "change": ("Change from baseline", "points of {scale}; left is better", (0.0,)),
    "diff": ("Drug minus control", "points of {scale}; left is better", (0.0,)),
    "effect_size": ("Effect size, drug against control", "SD units; right is better", (0.0,)),
    "response": ("Response", "percent of patients", _PER_CENT),
    "remission": ("Remission", "percent of patients", _PER_CENT),
    "mean": ("Mean score", "points of {scale}", ()),
}
"""By kind: title, title of the axis, what the axis must hold. The order is that of the panels: means,
which are baselines and not judged, come last."""

_UNITS = ("points", "percent", "SD")
_SHORT = {"points": "points", "percent": "%", "SD": "SD"}
_WORDS = {
    "inside": "inside the 95 % interval",
    "outside": "outside the 95 % interval",
    "given": "given to the prediction, not judged",
    "silent": "not predicted",
}
_SCORES = (
    ("results", "rows", "count"),
    ("held by 50 % interval", "cover50", "share"),
    ("held by 80 % interval", "cover80", "share"),
    ("held by 95 % interval", "cover95", "share"),
    ("half-width of 95 % interval", "median_half_width95", "number"),
    ("|error| / standard error", "median_abs_error_in_se", "number"),
    ("sign agrees", "sign_agreement", "share"),
    ("mean error", "bias", "number"),
    ("CRPS", "crps", "number"),
)
"""Rows of the table of scores: words, column of the summary, and how it is written."""


def content(bundle: Bundle) -> dict[str, Any]:
    """Return what the section shows.

    Parameters
    ----------
    bundle : Bundle
        The bundle.

    Returns
    -------
    dict
        ``summary`` (from the bundle), ``units`` and ``scores`` (a table), ``baselines`` (each with a
        word for better or worse), ``by_hypothesis``, ``outside`` (how many were), ``families``.
    """
    summary = bundle.index["trials"]
    table = bundle.trials[bundle.trials["source"] == AVERAGE]
    known = {row["unit"]: row for row in summary["units"]}
    units = [unit for unit in _UNITS if unit in known]
    families = [_family(str(name), rows) for name, rows in table.groupby("family", sort=False)]
    return {
        "summary": summary,
        "units": units,
        "scores": list(_scores([summary["overall"], *(known[unit] for unit in units)])),
        "baselines": [
            _against(row)
            for row in sorted(summary["baselines"], key=lambda row: _UNITS.index(row["unit"]))
        ],
        "by_hypothesis": _by_hypothesis(summary, units),
        "outside": sum(one["outside"] for one in families),
        "families": families,
    }


def _scores(columns: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for words, name, how in _SCORES:
        yield {"name": words, "cells": [_score(row.get(name), how) for row in columns]}


def _score(value: float | None, how: str) -> str:
    if value is None:
        return "–"
    if how == "count":
        return f"{value:.0f}"
    if how == "share":
        return f"{round(100 * value)} %"
    return _number(value)


def _against(row: Mapping[str, Any]) -> dict[str, Any]:
    """Say whether the average scores better or worse than a baseline, and by how much."""
    own, other = row["crps_of_average"], row["crps"]
    share = round(100.0 * (own / other - 1.0)) if other else 0
    word = "as good" if share == 0 else ("better" if share < 0 else "worse")
    detail = f" by {abs(share)} %" if share else ""
    css = {"better": "agrees", "worse": "disagrees"}.get(word, "unknown")
    return {**row, "name": row["source"].removeprefix("baseline: "), "css": css,
            "sign": {"better": "✓", "worse": "✗"}.get(word, "≈"), "word": word + detail}  # fmt: skip


def _by_hypothesis(summary: Mapping[str, Any], units: Sequence[str]) -> list[dict[str, Any]]:
    found = {(row["source"], row["unit"]): row for row in summary["by_hypothesis"]}
    return [
        {"name": name, "cells": [found.get((name, unit)) for unit in units]}
        for name in (AVERAGE, *summary["hypotheses"])
    ]


def _family(name: str, rows: pd.DataFrame) -> dict[str, Any]:
    entries = [_entry(row, several=rows["study"].nunique() > 1) for row in rows.to_dict("records")]
    outcomes = [one["outcome"] for one in entries]
    return {
        "name": name,
        "id": "trials-" + (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"),
        "sources": list(dict.fromkeys(rows["citation"])),
        "inside": outcomes.count("inside"),
        "outside": outcomes.count("outside"),
        "judged": outcomes.count("inside") + outcomes.count("outside"),
        "misses": [one["words"] for one in entries if one["outcome"] == "outside"],
        "panels": list(_panels(name, entries)),
        "rows": entries,
    }


def _entry(row: Mapping[Any, Any], *, several: bool) -> dict[str, Any]:
    """Return a result as a row of the table, with all that its drawing needs."""
    outcome = _outcome(row)
    short = _SHORT[row["unit"]]
    n = "–" if math.isnan(row["n"]) else f"{row['n']:.0f}"
    size = "n not told" if n == "–" else f"n = {n}"
    arm = f"{row['study']}, {row['arm']}" if several else str(row["arm"])
    when = "before the dose" if row["timepoint_h"] == 0 else f"at {duration(row['timepoint_h'])}"
    what = _KINDS[row["kind"]][0].lower()
    published = f"{_number(row['value'])} {short}"
    predicted = "–" if outcome == "silent" else f"{_number(row['predicted'])} {short}"
    words = (
        f"{arm}, {what} {when}: published {published}, predicted {predicted} "
        f"(95 % interval {_pair(row['lo95'], row['hi95'])})"
    )
    if outcome == "silent":
        words = f"{arm}, {what} {when}: published {published}, not predicted"
    return {
        **row, "outcome": outcome, "verdict": _WORDS[outcome], "sign": _sign(outcome),
        "css": OUTCOMES.get(outcome, OUTCOMES["open"])[1], "size": n, "when": when,
        "what": what, "published": published, "foreseen": predicted, "words": words,
        "name": arm, "spread": _pair(row["low"], row["high"]),
        "intervals": [_pair(row[f"lo{share}"], row[f"hi{share}"]) for share in SHARES],
        "heads": (row["study"], f"{row['arm']}, {size}") if several else (f"{row['arm']}, {size}",),
    }  # fmt: skip


def _outcome(row: Mapping[Any, Any]) -> str:
    if math.isnan(row["predicted"]):
        return "silent"
    if row["given"]:
        return "given"
    return "inside" if row["in95"] else "outside"


def _sign(outcome: str) -> str:
    return OUTCOMES.get(outcome, OUTCOMES["open"])[0]


def _panels(family: str, entries: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield one panel for each kind of result and scale, so that units never mix."""
    for kind, (title, unit, include) in _KINDS.items():
        own = [one for one in entries if one["kind"] == kind]
        for scale in dict.fromkeys(one["scale"] for one in own):
            some = [one for one in own if one["scale"] == scale]
            yield {
                "title": f"{title}, {scale}",
                "note": "Given to the prediction." if all(one["given"] for one in some) else "",
                "chart": _chart(family, title, scale, unit, some, include),
            }


def _chart(
    family: str, title: str, scale: str, unit: str, entries: Sequence[Mapping[str, Any]],
    include: Sequence[float],
) -> Markup:  # fmt: skip
    outcomes = [one["outcome"] for one in entries]
    misses = "; ".join(one["words"] for one in entries if one["outcome"] == "outside")
    label = f"{family}, {title.lower()} on {scale}: {len(entries)} published"
    label += f" beside predicted, {outcomes.count('inside')} inside the 95 % interval, "
    label += f"{outcomes.count('outside')} outside" + (f": {misses}" if misses else "")
    ordered = sorted(entries, key=_in_order(entries))
    axis = unit.format(scale=scale)
    return trials_chart(label, axis, [_result(one) for one in ordered], include=include)


def _in_order(entries: Sequence[Mapping[str, Any]]) -> Any:
    """Keep the arms in the order of the evidence, each arm's results together."""
    places = {one["heads"]: place for place, one in reversed(list(enumerate(entries)))}
    studies = {one["heads"][0]: places[one["heads"]] for one in reversed(entries)}
    return lambda one: (studies[one["heads"][0]], places[one["heads"]], one["timepoint_h"])


def _result(one: Mapping[str, Any]) -> Result:
    outcome = one["outcome"]
    return Result(
        heads=one["heads"],
        label=duration(one["timepoint_h"]),
        value=one["value"],
        low=one["low"],
        high=one["high"],
        imputed=bool(one["imputed"]),
        predicted=one["predicted"],
        intervals={share: (one[f"lo{share}"], one[f"hi{share}"]) for share in SHARES},
        outcome=outcome if outcome in OUTCOMES else "open",
        words=f"{one['words']}; {one['verdict']}",
    )


def _number(value: float) -> str:
    """Return a number with three digits at most and a true minus sign."""
    if math.isnan(value):
        return "–"
    # The zero added turns a rounded -0 into 0.
    return f"{round(value, 1 if abs(value) >= 10 else 2) + 0.0:g}".replace("-", "−")


def _pair(low: float, high: float) -> str:
    return "–" if math.isnan(low + high) else f"{_number(low)} to {_number(high)}"
