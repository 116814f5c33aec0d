"""The numbers: parameter tables with value, unit, spread, status and source in every row."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ketasim.errors import ModelError, nearest_names
from ketasim.model.files import PARAMETERS
from ketasim.model.sbml_units import check_unit

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

COLUMNS = (
    "id", "value", "unit", "distribution", "cv", "lower", "upper", "status", "source", "note",
)  # fmt: skip
NUMBERS = ("value", "cv", "lower", "upper")
STATUSES = ("published", "derived", "calibrated", "assumed")
DISTRIBUTIONS = ("fixed", "lognormal", "logitnormal", "normal")


def read_parameters(path: Path) -> pd.DataFrame:
    """Read and check one parameter table.

    Returns
    -------
    DataFrame
        Indexed by `id`; columns value, unit, distribution, cv, lower, upper, status, source, note
        and group (the file's name).

    Raises
    ------
    ModelError
        Naming file, row and column of the first fault.
    """
    import pandas as pd

    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ModelError("cannot be read as a table", where=path.name) from error
    missing = [column for column in COLUMNS if column not in raw.columns]
    if missing:
        raise ModelError(f"column '{missing[0]}' is missing", where=path.name)
    for position, row in enumerate(raw.to_dict("records"), start=2):
        _check_row(f"{path.name}, row {position}", {str(key): str(row[key]) for key in row})
    table = raw.set_index("id")
    for column in NUMBERS:
        table[column] = pd.to_numeric(table[column].replace("", None)).astype(float)
    return table.assign(group=path.stem)


def _check_row(where: str, row: dict[str, str]) -> None:
    if not row["id"].isidentifier():
        raise ModelError(f"'{row['id']}' is no name", where=f"{where}, column id")
    for column in NUMBERS:
        _check_number(f"{where}, column {column}", row[column], required=column == "value")
    if not row["unit"]:
        raise ModelError(
            f"parameter '{row['id']}' has no unit",
            where=f"{where}, column unit",
            expected="for instance 1/h, umol/L or dimensionless",
        )
    check_unit(row["unit"], where=f"{where}, column unit")
    for column, known in (("status", STATUSES), ("distribution", DISTRIBUTIONS)):
        if row[column] not in known:
            raise ModelError(
                f"unknown {column} '{row[column]}'",
                where=f"{where}, column {column}",
                suggestions=nearest_names(row[column], known) or known,
            )
    if row["distribution"] != "fixed" and not row["cv"]:
        raise ModelError("a distribution needs a cv", where=f"{where}, column cv")
    if row["status"] in ("published", "derived") and not row["source"]:
        raise ModelError(
            f"'{row['id']}' is {row['status']} but names no source",
            where=f"{where}, column source",
            expected="a citation key, or the status assumed",
        )


def _check_number(where: str, text: str, *, required: bool) -> None:
    if not text and not required:
        return
    try:
        float(text)
    except ValueError as error:
        raise ModelError(f"'{text}' is no number", where=where) from error


@cache
def parameter_table(folder: Path = PARAMETERS) -> pd.DataFrame:
    """All parameter tables of a folder as one, indexed by id.

    Raises
    ------
    ModelError
        A fault in one of them, a name defined twice, or a citation key that nobody knows.
    """
    import pandas as pd

    table = pd.concat([read_parameters(path) for path in sorted(folder.glob("*.csv"))])
    twice = table.index[table.index.duplicated()]
    if len(twice):
        groups = " and ".join(table.loc[[twice[0]], "group"])
        raise ModelError(f"parameter '{twice[0]}' stands twice, in {groups}", where="parameters")
    _check_citations(table)
    return table


def _check_citations(table: pd.DataFrame) -> None:
    from ketasim.evidence import bibliography

    known = set(bibliography())
    for identifier, row in table.iterrows():
        key = str(row["source"])
        if key and key not in known:
            raise ModelError(
                f"unknown citation '{key}' for '{identifier}'",
                where=f"{row['group']}.csv, column source",
                suggestions=nearest_names(key, known),
            )
