"""Tables of studies: read as text, checked cell by cell, and turned into estimates.

What cannot be used is one sentence with row and column, rows counted as in the file, its header being
row 1. What can be used but must be known (one study, no event in either arm) is a warning.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketasim.errors import InputError, nearest_names
from ketasim.synthesis.checks import (
    check_counts,
    check_families,
    check_means,
    check_names,
    check_percent,
    numbers,
)
from ketasim.synthesis.counts import double_zero
from ketasim.synthesis.measures import (
    ARMS,
    COUNTS,
    GENERIC,
    MEANS,
    MEASURES,
    effects,
    measure_named,
)
from ketasim.synthesis.studies import Studies

if TYPE_CHECKING:
    from ketasim.synthesis.measures import Measure

__all__ = ["read_studies", "read_text_table"]

FORMATS = {"counts": COUNTS, "means": MEANS, "estimates": GENERIC, "arms": ARMS}
_WORDS = {
    "counts": "two arms with events", "means": "two arms with means", "estimates": "estimates",
    "arms": "one group with events",
}  # fmt: skip
_RATIOS = ("rr", "or")


def read_studies(source: Path | str | pd.DataFrame, measure: str | None = None) -> Studies:
    """Read studies of one outcome from a table.

    Parameters
    ----------
    source : path or DataFrame
        A CSV file in UTF-8, or its content. Besides ``study`` it has the columns of one format:
        ``events_treatment, n_treatment, events_control, n_control``; ``mean_treatment, sd_treatment,
        n_treatment, mean_control, sd_control, n_control``; ``estimate, standard_error`` (ratios on the
        log scale); ``events, n`` (one group). Two rows of one ``family`` share patients and cannot be
        pooled. ``percent_treatment``, ``percent_control`` and ``percent`` (of the first arm, or the only
        one) are compared with the counts. ``measure`` may name the measure. Other columns are kept for
        subgroups and moderators.
    measure : str, optional
        One of `ketasim.synthesis.MEASURES`; by default what the column ``measure`` says, else
        ``estimate`` for a table of estimates.

    Returns
    -------
    Studies
        With warnings where studies have no event, and where there is one study only.

    Raises
    ------
    InputError
        In one sentence with row and column, where a row cannot be used.
    """
    raw, where = read_text_table(source)
    shape = _format(raw, where)
    chosen = _measure(raw, shape, measure, where)
    names = check_names(raw, where)
    check_families(raw, names, where)
    columns = FORMATS[shape]
    data = {name: numbers(raw, name, where) for name in columns}
    if shape in ("counts", "arms"):
        check_counts(data, where)
        check_percent(raw, data, where)
    elif shape == "means":
        check_means(data, where)
    else:
        _check_errors(data["standard_error"], where)
    if shape == "estimates":
        estimate, variance = data["estimate"], data["standard_error"] ** 2
    else:
        estimate, variance = effects(chosen.name, data)
    _check_finite(variance, names, where)
    told = _warnings(shape, chosen, names, data)
    return Studies(chosen, names, estimate, variance, data, raw, where, told)


def read_text_table(source: Path | str | pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return a table as text, and what it is called in a sentence.

    Parameters
    ----------
    source : path or DataFrame
        A CSV file in UTF-8, or its content.

    Returns
    -------
    tuple of DataFrame and str
        Cells as they stand, empty where missing; the file's name.

    Raises
    ------
    InputError
        If it cannot be read, is empty, or its rows are of different lengths.
    """
    if isinstance(source, pd.DataFrame):
        text = source.astype(object).where(source.notna(), "")
        return text.map(str).reset_index(drop=True), "the table"
    path = Path(source)
    try:
        text_of = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "the table cannot be read", where=str(source), expected="a CSV file in UTF-8"
        ) from error
    rows = [row for row in csv.reader(io.StringIO(text_of, newline="")) if row]
    if not rows:
        raise InputError("the table is empty", where=path.name, expected="a header and rows")
    header = [cell.strip() for cell in rows[0]]
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"the column '{twice}' appears twice", where=f"{path.name}, row 1")
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise InputError(
                f"the row has {len(row)} cells", where=f"{path.name}, row {line}",
                expected=f"{len(header)} cells as in the header",
            )  # fmt: skip
    return pd.DataFrame(rows[1:], columns=header, dtype=str), path.name


def _format(raw: pd.DataFrame, where: str) -> str:
    """Return which of the formats the table has, and refuse two or none."""
    header = [str(one) for one in raw.columns]
    if "study" not in header:
        raise _missing("study", header, where)
    if not len(raw):
        raise InputError("the table has no study", where=where, expected="at least one row")
    found = [name for name, columns in FORMATS.items() if set(columns) <= set(header)]
    if len(found) > 1:
        raise InputError(
            f"the columns are those of {_WORDS[found[0]]} and of {_WORDS[found[1]]}",
            where=f"{where}, row 1", expected="one format in one table",
        )  # fmt: skip
    if found:
        return found[0]
    # A format of which most columns are there is what was meant.
    near = max(FORMATS, key=lambda name: len(set(FORMATS[name]) & set(header)) / len(FORMATS[name]))
    lacking = next(name for name in FORMATS[near] if name not in header)
    if not set(FORMATS[near]) & set(header):
        raise InputError(
            "the table has the columns of no format", where=f"{where}, row 1",
            expected="study with " + "; or ".join(", ".join(one) for one in FORMATS.values()),
        )  # fmt: skip
    raise _missing(lacking, header, where)


def _missing(name: str, header: list[str], where: str) -> InputError:
    return InputError(
        f"the column '{name}' is missing", where=f"{where}, row 1",
        suggestions=[f"'{one}'" for one in nearest_names(name, header, count=1)],
    )  # fmt: skip


def _measure(raw: pd.DataFrame, shape: str, asked: str | None, where: str) -> Measure:
    stated = raw["measure"].str.strip().str.lower() if "measure" in raw else pd.Series(dtype=str)
    for row, one in enumerate(stated):
        if one != stated.iloc[0]:
            raise InputError(
                f"the measure is '{one}' here and '{stated.iloc[0]}' in row 2",
                where=f"{where}, row {row + 2}, column 'measure'",
                expected="one measure in one pool",
            )
    name = asked or (str(stated.iloc[0]) if len(stated) else None)
    if name is None:
        if shape != "estimates":
            allowed = [one.name for one in MEASURES.values() if one.columns == FORMATS[shape]]
            raise InputError(
                "no measure is named", where=where, expected="one of " + ", ".join(allowed)
            )
        name = "estimate"
    chosen = measure_named(name)
    if len(stated) and stated.iloc[0] != chosen.name:
        raise InputError(
            f"the measure of the rows is '{stated.iloc[0]}' and '{chosen.name}' is asked for",
            where=f"{where}, row 2, column 'measure'",
        )
    if shape != "estimates" and chosen.columns != FORMATS[shape]:
        raise InputError(
            f"the measure '{chosen.name}' ({chosen.title}) cannot be made of {_WORDS[shape]}",
            where=f"{where}, row 1", expected="the columns " + ", ".join(chosen.columns),
        )  # fmt: skip
    return chosen


def _check_errors(errors: np.ndarray, where: str) -> None:
    wrong = np.flatnonzero(errors <= 0.0)
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"the standard error is {errors[row]:g}",
            where=f"{where}, row {row + 2}, column 'standard_error'",
            expected="a number above 0",
        )


def _check_finite(variance: np.ndarray, names: tuple[str, ...], where: str) -> None:
    wrong = np.flatnonzero(~(np.isfinite(variance) & (variance > 0.0)))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"the study '{names[row]}' has no sampling variance",
            where=f"{where}, row {row + 2}", expected="arms that vary",
        )  # fmt: skip


def _warnings(
    shape: str, measure: Measure, names: tuple[str, ...], data: dict[str, np.ndarray]
) -> tuple[str, ...]:
    found = []
    if shape == "counts":
        empty = [names[one] for one in np.flatnonzero(double_zero(data))]
        if empty:
            be = "studies have" if len(empty) > 1 else "study has"
            found.append(
                f"{len(empty)} {be} no event, or nothing but events, in both arms:"
                f" {', '.join(empty)}"
                + (
                    "; nothing in it tells one arm from the other"
                    if measure.name in _RATIOS
                    else ""
                )
            )
    if len(names) == 1:
        found.append("there is one study: nothing is pooled and heterogeneity cannot be seen")
    return tuple(found)
