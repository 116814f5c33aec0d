"""One study: claim, verdicts, answers, charts, tables; drawn from the record alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketasim.experiments.study import PUBLISHED, by_question
from ketasim.report.chart.study import (
    Titles,
    interval_chart,
    looks_of,
    series_chart,
    series_sample,
)
from ketasim.report.sections.verdicts import mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from ketasim.report.chart.study import Look
    from ketasim.report.chart.style import Style

__all__ = ["content"]


def content(record: Mapping[str, Any], looks: Mapping[str, Style]) -> dict[str, Any]:
    """Return what the section shows.

    Parameters
    ----------
    record : mapping
        The study, as its JSON schema says.
    looks : mapping of str to Style
        The look of every hypothesis.

    Returns
    -------
    dict
        Texts, verdicts by hypothesis, answers by question, charts, tables, sources.
    """
    charts = [_chart(one, looks) for one in record["charts"]]
    answered = [key for one in record["answers"] for key in one["sources"]]
    return {
        "id": record["id"],
        "title": record["title"],
        "claim": record["claim"],
        "article": record["article"],
        "against": record["against"],
        "claim_sources": ";".join(record["claim_sources"]),
        "sources": ";".join(dict.fromkeys([*record["sources"], *answered])),
        "warnings": [_tied(one) for one in record["warnings"]],
        "verdicts": [
            {
                "name": name,
                **mark(one["outcome"]),
                "why": _tied(one["why"]),
                "known": one["calibrated"],
            }
            for name, one in record["verdicts"].items()
        ],
        "answers": _answers(record["answers"]),
        "many": len(record["verdicts"]),
        "charts": charts,
        "shows_hypotheses": any(chart["shows_hypotheses"] for chart in charts),
        "tables": [_table(one) for one in record["tables"].values()],
        "size": record["size"],
    }


def _tied(words: str) -> str:
    """Keep a number and its per cent sign on one line."""
    return words.replace(" %", "\u00a0%")


def _answers(answers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers by question; hypotheses of which the same is said share a line."""
    keys = {(one["question"], one["text"]): ";".join(one["sources"]) for one in answers}
    plain = [(one["question"], one["hypothesis"], one["text"]) for one in answers]
    return [
        {
            "question": _tied(question),
            "lines": [
                {"names": names, "text": _tied(text), "sources": keys[question, text]}
                for names, text in lines
            ],
        }
        for question, lines in by_question(plain).items()
    ]


def _chart(one: Mapping[str, Any], hypotheses: Mapping[str, Style]) -> dict[str, Any]:
    column = "group" if one["kind"] == "intervals" else "series"
    names = list(dict.fromkeys(str(row[column]) for row in one["rows"]))
    bars = one["kind"] == "intervals"
    series = [name for name in names if bars or not name.startswith(PUBLISHED)]
    looks = looks_of(series, hypotheses)
    panels: dict[str, list[dict[str, Any]]] = {}
    for row in one["rows"]:
        panels.setdefault(str(row.get("panel", "")), []).append(row)
    own = [look for look in looks.values() if not look.hypothesis]
    measured = [name for name in names if name not in looks]
    if any(row.get("published") is not None for row in one["rows"]):
        measured.append(PUBLISHED)
    return {
        "title": _tied(one["title"]),
        "note": _tied(one["note"]),
        "legend": [(series_sample(look), look.name) for look in own if len(looks) > 1],
        "measured": measured,
        "bars": bars,
        "shows_hypotheses": any(look.hypothesis for look in looks.values()),
        "panels": [
            (name, _drawn(one, name, rows, looks)) for name, rows in panels.items()
        ],
    }  # fmt: skip


def _drawn(
    one: Mapping[str, Any], panel: str, rows: Sequence[dict[str, Any]], looks: Mapping[str, Look]
) -> Markup:
    label = f"{one['title']}: {panel}" if panel else one["title"]
    titles = Titles(label, one["x"], one["y"])
    if one["kind"] == "intervals":
        ends = ("value", "low", "high", "published", "published_low", "published_high")
        reach = [
            float(row[name]) for row in one["rows"] for name in ends if row.get(name) is not None
        ]
        return interval_chart(titles, rows, looks, reach=reach, logarithmic=one["log_x"])
    return series_chart(
        titles, rows, looks, cloud=one["kind"] == "points", reach=one["rows"],
        logarithmic=(one["log_x"], one["log_y"]),
    )  # fmt: skip


def _table(one: Mapping[str, Any]) -> dict[str, Any]:
    columns = [str(name).replace("_", " ") for name in one["columns"]]
    cells = [[_cell(cell) for cell in row] for row in one["rows"]]
    numeric = [
        all(cell is None or (isinstance(cell, (int, float)) and not isinstance(cell, bool))
            for cell in column)
        for column in zip(*one["rows"], strict=True)
    ] or [False] * len(columns)  # fmt: skip
    return {
        "title": one["title"],
        "note": one["note"],
        "columns": list(zip(columns, numeric, strict=True)),
        "rows": [list(zip(row, numeric, strict=True)) for row in cells],
    }


def _cell(cell: Any) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:.4g}".replace("-", "−") if isinstance(cell, float) else str(cell)
