"""The tables of published values, validated together with their descriptions.

A table is read as text first, cell by cell, so that the message about a bad cell can show what
stands in the file; only then do numbers become numbers. An empty cell is missing, never zero.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketasim.errors import EvidenceError, unknown_name
from ketasim.evidence.description import Column, Description, read_description

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "bounds",
    "describe",
    "estimates",
    "evidence_hash",
    "file_hash",
    "list_tables",
    "read_table",
    "verify",
]

FOLDER = Path(__file__).parent / "tables"
NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
PATTERNS = {
    "number": NUMBER,
    "integer": r"\d+",
    "bounded": rf"{NUMBER}|[<>]=?{NUMBER}|\d+(?:\.\d+)?-\d+(?:\.\d+)?|\d+ of \d+",
}
EXPECTED = {
    "number": "a number or an empty cell",
    "integer": "a whole number or an empty cell",
    "bounded": "a number, a bound such as '>=50', a range such as '5-16', or an empty cell",
    "text": "some text",
    "choice": "one of the words of the description",
}


def list_tables() -> tuple[str, ...]:
    """Return the names of the tables that ship with ketasim, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@functools.cache
def describe(name: str) -> Description:
    """Return the description of a shipped table.

    Parameters
    ----------
    name : str
        One of `list_tables`.

    Returns
    -------
    Description
        Title, columns with meaning and unit, source, rules.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    """
    if name not in list_tables():
        raise unknown_name("table of evidence", name, list_tables())
    return read_description(FOLDER / f"{name}.yaml")


def read_table(path: Path, description: Description) -> pd.DataFrame:
    """Read a CSV file and check it against its description.

    Parameters
    ----------
    path : Path
        The CSV file (UTF-8, comma separated, one header line).
    description : Description
        What the file must hold.

    Returns
    -------
    pandas.DataFrame
        One row a line, columns in the order of the file. ``number`` and ``integer`` columns are
        float with NaN where the cell is empty; the others are text, missing where it is empty.

    Raises
    ------
    EvidenceError
        In one sentence with file, row (as counted in the file, the header being row 1) and
        column: a column of the table without a description or the reverse, a row of the wrong
        length, a bad number, an unknown word, an interval that does not hold its value.
    """
    raw = _read_text(path)
    _check_columns(raw, description, path.name)
    _check_cells(raw, description, path.name)
    frame = pd.DataFrame(
        {column.name: _typed(raw[column.name], column) for column in description.columns}
    )
    _check_order(frame, raw, description, path.name)
    return frame


def _read_text(path: Path) -> pd.DataFrame:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EvidenceError(
            "the table cannot be read", where=path.name, expected="a CSV file in UTF-8"
        ) from error
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if not rows:
        raise EvidenceError("the table is empty", where=path.name, expected="a header line")
    header, body = rows[0], rows[1:]
    for line, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise EvidenceError(
                f"the row has {len(row)} cells",
                where=f"{path.name}, row {line}",
                expected=f"{len(header)} cells as in the header",
            )
    return pd.DataFrame(body, columns=header, dtype=str)


def _check_columns(raw: pd.DataFrame, description: Description, file: str) -> None:
    header = list(raw.columns)
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise EvidenceError(f"the column '{twice}' appears twice", where=f"{file}, row 1")
    known = description.column_names
    for name in header:
        if name not in known:
            error = unknown_name("column", name, known)
            raise EvidenceError(
                f"the column '{name}' is not in the description",
                where=f"{file}, row 1, column '{name}'",
                expected="a column described in the YAML file beside the table",
                suggestions=error.suggestions,
            )
    for name in known:
        if name not in header:
            raise EvidenceError(
                f"the column '{name}' of the description is not in the table",
                where=f"{file}, row 1",
            )


def _check_cells(raw: pd.DataFrame, description: Description, file: str) -> None:
    """Check every cell by a pandera schema made from the description."""
    import pandera.pandas as pa

    schema = pa.DataFrameSchema(
        {column.name: _pandera_column(column) for column in description.columns},
        strict=True,
        ordered=True,
    )
    try:
        schema.validate(raw, lazy=True)
    except pa.errors.SchemaErrors as error:
        raise _sentence(error.failure_cases, raw, description, file) from None


def _pandera_column(column: Column) -> object:
    import pandera.pandas as pa

    rule = functools.partial(_filled_right, column=column)
    return pa.Column(
        None,
        checks=pa.Check(rule, name="cell", ignore_na=False),
        unique=column.unique,
        nullable=False,
    )


def _filled_right(cells: pd.Series, column: Column) -> pd.Series:
    empty = cells == ""
    right = pd.Series(True, index=cells.index)
    if column.kind in PATTERNS:
        right &= cells.str.fullmatch(PATTERNS[column.kind])
    if column.choices:
        right &= cells.isin(column.choices)
    if column.pattern:
        right &= cells.str.fullmatch(column.pattern)
    return right.mask(empty, not column.required).astype(bool)


def _sentence(
    failures: pd.DataFrame, raw: pd.DataFrame, description: Description, file: str
) -> EvidenceError:
    """Turn pandera's report into one sentence about the first bad cell."""
    first = failures.sort_values("index", kind="stable").iloc[0]
    name = str(first["column"])
    if first["schema_context"] == "DataFrameSchema" or name not in raw:
        return EvidenceError("the columns are not in the order of the description", where=file)
    column = description.column(name)
    row = int(first["index"])
    cell = raw[name].iloc[row]
    twice = str(first["check"]).startswith("field_uniqueness")
    expected = "a value that no other row has" if twice else _expectation(column)
    what = f"the value '{cell}' is not allowed" if cell else "the cell is empty"
    return EvidenceError(what, where=f"{file}, row {row + 2}, column '{name}'", expected=expected)


def _expectation(column: Column) -> str:
    if column.choices:
        return "one of " + ", ".join(column.choices)
    if column.pattern:
        return f"text of the form {column.pattern}"
    expected = EXPECTED[column.kind]
    if not column.required:
        return expected
    return expected.replace(", or an empty cell", "").replace(" or an empty cell", "")


def _typed(cells: pd.Series, column: Column) -> pd.Series:
    filled = cells.mask(cells == "")
    if column.kind in ("number", "integer"):
        return pd.to_numeric(filled).astype(float)
    return filled


def _check_order(
    frame: pd.DataFrame, raw: pd.DataFrame, description: Description, file: str
) -> None:
    """Check that values lie in their intervals and parts do not exceed wholes."""
    pairs = [(low, value) for low, value, _ in description.intervals]
    pairs += [(value, high) for _, value, high in description.intervals]
    pairs += [(low, high) for low, _, high in description.intervals]
    for small, large in (*pairs, *description.parts):
        wrong = np.flatnonzero(frame[small].to_numpy(float) > frame[large].to_numpy(float))
        if len(wrong):
            row = int(wrong[0])
            raise EvidenceError(
                f"'{small}' {raw[small].iloc[row]} is above '{large}' {raw[large].iloc[row]}",
                where=f"{file}, row {row + 2}, column '{small}'",
                expected=f"'{small}' not above '{large}'",
            )


def estimates(cells: pd.Series) -> pd.Series:
    """Return the plain numbers of a ``bounded`` column; bounds and ranges become missing.

    Parameters
    ----------
    cells : pandas.Series
        A column of text such as ``percent`` of the adverse events.

    Returns
    -------
    pandas.Series
        Float, same index; NaN for an empty cell and for every bound or range.

    Examples
    --------
    >>> import pandas as pd
    >>> estimates(pd.Series(["41", ">=50", "5-16", None])).tolist()
    [41.0, nan, nan, nan]
    """
    plain = cells.astype("str").str.fullmatch(NUMBER) & cells.notna()
    return pd.to_numeric(cells.where(plain)).astype(float)


def bounds(cell: str) -> tuple[float, float]:
    """Return the interval that a text bound or range states.

    Parameters
    ----------
    cell : str
        For instance ``">=50"``, ``"5-16"`` or ``"41"``.

    Returns
    -------
    tuple of float
        Lower and upper end; infinite where the text leaves it open.

    Raises
    ------
    EvidenceError
        If the text is neither a number nor a bound nor a range.

    Examples
    --------
    >>> bounds("5-16"), bounds(">=50")
    ((5.0, 16.0), (50.0, inf))
    """
    text = cell.strip()
    if re.fullmatch(NUMBER, text):
        return float(text), float(text)
    bound = re.fullmatch(rf"([<>])=?({NUMBER})", text)
    if bound:
        end = float(bound.group(2))
        return (end, np.inf) if bound.group(1) == ">" else (-np.inf, end)
    between = re.fullmatch(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", text)
    if between is None:
        raise EvidenceError(f"'{cell}' states no interval", expected=EXPECTED["bounded"])
    return float(between.group(1)), float(between.group(2))


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a text file, every line end counted as a line feed."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def _shipped_files() -> Iterator[Path]:
    for name in list_tables():
        yield FOLDER / f"{name}.csv"
        yield FOLDER / f"{name}.yaml"
    yield FOLDER.parent / "references.bib"


@functools.cache
def evidence_hash() -> str:
    """Return one hash over all shipped evidence: tables, descriptions and references.

    Returns
    -------
    str
        64 hexadecimal digits, the same on every system for the same evidence.
    """
    parts = [f"{path.name} {file_hash(path)}" for path in _shipped_files()]
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def verify() -> tuple[str, ...]:
    """Return one sentence for each shipped table that is not as it was recorded.

    Returns
    -------
    tuple of str
        Empty when every file has the hash that its description records.
    """
    return tuple(
        f"{name}.csv differs from what its description records: the file was edited."
        for name in list_tables()
        if file_hash(FOLDER / f"{name}.csv") != describe(name).sha256
    )
