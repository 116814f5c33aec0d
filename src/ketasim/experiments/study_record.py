"""The result of a study as JSON, and the schema that checks it."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketasim.experiments.serialise import check_against

if TYPE_CHECKING:
    import pandas as pd

    from ketasim.experiments.study import Answer, Chart
    from ketasim.experiments.study_result import StudyResult

__all__ = ["STUDY_SCHEMA_FILE", "check_study_record", "study_record", "study_schema"]

STUDY_SCHEMA_FILE = Path(__file__).with_name("schema") / "study.schema.json"
"""The shipped JSON schema."""


@cache
def study_schema() -> dict[str, Any]:
    """Return the JSON schema of a study's result."""
    loaded: dict[str, Any] = json.loads(STUDY_SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


def check_study_record(record: dict[str, Any]) -> None:
    """Check a result against the schema.

    Parameters
    ----------
    record : dict
        From `study_record`, or read from a file.

    Raises
    ------
    KetasimError
        If it breaks the schema; says where.
    """
    check_against(record, study_schema())


def study_record(result: StudyResult) -> dict[str, Any]:
    """Return a result as JSON values.

    Parameters
    ----------
    result : StudyResult
        The result.

    Returns
    -------
    dict
        ``id, claim, verdicts, answers, charts, tables`` and more; see `STUDY_SCHEMA_FILE`. A number
        that is missing is null.
    """
    study = result.study
    return {
        "id": study.name,
        "title": study.title,
        "claim": study.claim.text,
        "article": study.claim.article,
        "against": study.claim.against,
        "claim_sources": list(study.claim.sources),
        "size": result.size,
        "seed": result.seed,
        "verdicts": {
            name: {
                "outcome": one.outcome,
                "why": one.why,
                "calibrated": bool(result.calibrated[name]),
            }
            for name, one in result.verdicts.items()
        },
        "answers": [_answer(one) for one in result.answers],
        "charts": [_chart(one) for one in result.charts],
        "tables": {name: _table(name, table) for name, table in result.tables.items()},
        "warnings": list(result.warnings),
        "sources": list(result.sources),
        "manifest": json.loads(result.manifest.to_json()),
    }


def _answer(one: Answer) -> dict[str, Any]:
    words = {name: getattr(one, name) for name in ("question", "text", "hypothesis", "unit")}
    numbers = {name: _cell(float(getattr(one, name))) for name in ("value", "low", "high")}
    return {**words, **numbers, "sources": list(one.sources)}


def _chart(one: Chart) -> dict[str, Any]:
    plain = ("name", "title", "kind", "x", "y", "note", "log_x", "log_y")
    return {**{name: getattr(one, name) for name in plain}, "rows": _rows(one.frame)}


def _table(name: str, table: pd.DataFrame) -> dict[str, Any]:
    words = name.replace("_", " ")
    return {
        "title": str(table.attrs.get("title", words[:1].upper() + words[1:])),
        "note": str(table.attrs.get("note", "")),
        "columns": [str(column) for column in table.columns],
        "rows": [[_cell(cell) for cell in row] for row in table.itertuples(index=False, name=None)],
    }


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): _cell(cell) for name, cell in row.items()} for row in frame.to_dict("records")
    ]


def _cell(cell: Any) -> Any:
    """Return a cell as JSON can hold it, a float at the precision that a simulation deserves."""
    cell = cell.item() if hasattr(cell, "item") else cell
    if isinstance(cell, float):
        return float(f"{cell:.6g}") if math.isfinite(cell) else None
    return cell if isinstance(cell, (str, int, bool)) else None if cell is None else str(cell)
