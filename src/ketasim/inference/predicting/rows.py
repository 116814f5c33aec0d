"""What is to be predicted: one row an arm, a scale, a time and a kind of result.

The columns are those of the table ``clinical_arms`` up to ``timepoint_h`` and ``kind``, and some that
may be given besides. No column holds a result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketasim.errors import EvidenceError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = ["COLUMNS", "KINDS", "OPTIONAL", "TrialRow", "read_trials"]

COLUMNS = (
    "study", "arm", "drug", "dose", "dose_unit", "route", "infusion_min", "n", "scale",
    "timepoint_h", "kind",
)  # fmt: skip
"""Columns that a file must have."""

OPTIONAL = (
    "population", "control_type", "setting", "background", "masking", "schedule", "baseline_mean",
    "baseline_sd", "age_mean", "control_drug", "control_n",
)  # fmt: skip
"""Columns that a file may have."""

KINDS = ("mean", "change", "diff", "effect_size", "response", "remission")

SCALES: Mapping[str, str] = {
    "MADRS": "madrs", "HAM-D-17": "hamd17", "HAMD-17": "hamd17", "HAMD17": "hamd17",
    "HDRS-17": "hamd17", "HAM-D-21": "hamd21", "HAMD-21": "hamd21", "HAMD21": "hamd21",
    "HDRS-21": "hamd21", "HAM-D": "hamd17", "HDRS": "hamd17",
}  # fmt: skip
"""Names of scales in print, and the scale here; of a Hamilton scale without a number, 17 items."""

OTHER_SCALES = (
    "HAM-D-6", "HAM-D-24", "HAM-D-25", "HAM-D-28", "QIDS", "QIDS-SR", "QIDS-SR-16", "QIDS-C",
    "BDI", "BDI-II", "PHQ-9", "CGI-S", "CGI-I", "SDS", "GAD-7", "HAM-A", "SSI", "C-SSRS", "CADSS",
    "MOAA/S", "BPRS", "YMRS", "GDS", "POMS", "VAS", "mixed",
)  # fmt: skip
"""Scales that exist and that no published map in the evidence leads to."""

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "kind": KINDS,
    "control_type": ("saline", "midazolam", "nasal_placebo", "active_other", "ect", "none"),
    "setting": ("outpatient", "inpatient"),
    "background": ("none", "continued", "new_antidepressant"),
    "masking": ("double_blind", "anaesthetised", "open_label"),
}
_NUMBERS = (
    "infusion_min", "n", "timepoint_h", "baseline_mean", "baseline_sd", "age_mean", "control_n",
)  # fmt: skip
_KEY = ("study", "arm", "scale", "timepoint_h", "kind")


@dataclass(frozen=True)
class TrialRow:
    """One result to predict.

    Parameters
    ----------
    line : int
        Line of the file, the header being the first.
    cells : mapping of str to str
        What stands in the file, by column; empty where nothing does.
    numbers : mapping of str to float
        Columns of numbers; NaN where nothing stands.
    """

    line: int
    cells: Mapping[str, str]
    numbers: Mapping[str, float]

    def text(self, column: str) -> str:
        """Return a cell, empty where the column is missing."""
        return self.cells.get(column, "")

    def number(self, column: str) -> float:
        """Return a cell as a number; NaN where there is none."""
        return self.numbers.get(column, math.nan)

    @property
    def scale(self) -> str | None:
        """The scale's name here; None for one that the model does not know."""
        return SCALES.get(self.text("scale"))


def read_trials(source: Path | str | pd.DataFrame) -> tuple[TrialRow, ...]:
    """Read and check the rows to predict.

    Parameters
    ----------
    source : path or DataFrame
        A CSV file or a table with the columns of `COLUMNS`, perhaps some of `OPTIONAL`. Others
        are kept and not looked at.

    Returns
    -------
    tuple of TrialRow
        In the order of the file.

    Raises
    ------
    EvidenceError
        For a file that cannot be read, a missing column, a cell that is none of what it may be,
        doses of one arm in two units, or a row that stands twice; says row and column.
    """
    table, where = _table(source)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise EvidenceError(
            f"the column {missing[0]!r} is missing", where=where,
            expected="the columns " + ", ".join(COLUMNS),
        )  # fmt: skip
    if table.empty:
        raise EvidenceError("there is no row to predict", where=where)
    rows = tuple(_row(line, cells, where) for line, cells in enumerate(_cells(table), start=2))
    _refuse_twice(rows, where)
    _refuse_mixed_units(rows, where)
    return rows


def _table(source: Path | str | pd.DataFrame) -> tuple[pd.DataFrame, str]:
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        return source, "table of trials"
    file = Path(source)
    try:
        return pd.read_csv(file, dtype=str, keep_default_na=False), file.name
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise EvidenceError(f"the trials cannot be read: {reason}", where=str(file)) from error


def _cells(table: pd.DataFrame) -> list[dict[str, str]]:
    records: list[dict[Any, Any]] = table.to_dict("records")
    return [{str(name): _text(value) for name, value in row.items()} for row in records]


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).strip()


def _row(line: int, cells: dict[str, str], where: str) -> TrialRow:
    place = f"{where}, row {line}"
    for column in ("study", "arm", "drug", "scale", "kind", "route"):
        if not cells[column]:
            raise EvidenceError("the cell is empty", where=f"{place}, column {column!r}")
    for column, known in _CHOICES.items():
        value = cells.get(column, "")
        if value and value not in known:
            raise unknown_name(column.replace("_", " "), value, known, where=place)
    scale = cells["scale"]
    if scale not in SCALES and scale not in OTHER_SCALES:
        raise unknown_name("scale", scale, (*SCALES, *OTHER_SCALES), where=place)
    numbers = {name: _number(cells.get(name, ""), place, name) for name in _NUMBERS}
    for name, least in (("n", 2.0), ("control_n", 2.0), ("timepoint_h", 0.0), ("baseline_sd", 0.0),
                        ("infusion_min", 0.0)):  # fmt: skip
        if numbers[name] < least:
            raise EvidenceError(
                f"it is {numbers[name]:g}", where=f"{place}, column {name!r}",
                expected=f"{least:g} or more",
            )  # fmt: skip
    return TrialRow(line, cells, numbers)


def _number(text: str, place: str, column: str) -> float:
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise EvidenceError(f"it is {text!r}", where=f"{place}, column {column!r}",
                            expected="a number or nothing")  # fmt: skip
    return value


def _refuse_twice(rows: Sequence[TrialRow], where: str) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for row in rows:
        key = tuple(row.text(name) for name in _KEY)
        if key in seen:
            raise EvidenceError(
                f"row {row.line} asks for what row {seen[key]} asks for: {', '.join(key)}",
                where=where,
            )
        seen[key] = row.line


def _refuse_mixed_units(rows: Sequence[TrialRow], where: str) -> None:
    units: dict[tuple[str, str], tuple[str, int]] = {}
    for row in rows:
        if not row.text("dose_unit"):
            continue
        key = row.text("study"), row.text("arm")
        unit, line = units.setdefault(key, (row.text("dose_unit"), row.line))
        if unit != row.text("dose_unit"):
            raise EvidenceError(
                f"the dose of {key[1]!r} is in {row.text('dose_unit')!r} here and in {unit!r} in "
                f"row {line}",
                where=f"{where}, row {row.line}, column 'dose_unit'",
            )
