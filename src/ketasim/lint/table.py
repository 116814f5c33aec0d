"""Which of the tables a CSV file is, and what is wrong with it as that."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from ketasim.errors import InputError, unknown_name
from ketasim.lint.names import unknown_citations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ketasim.evidence.description import Description

__all__ = ["table_faults"]

NONMEM_COLUMNS = {"time", "amt"}
PARAMETER_COLUMNS = {"id", "value", "unit"}

# Shares of the columns that a file has in common with a table of evidence, from which on it is a
# copy of it: a copy may have a misspelt column, and with the table's own name several.
_ALIKE, _ALIKE_BY_NAME = 0.6, 0.3


def table_faults(path: Path, text: str) -> Iterator[str]:
    """Yield what is wrong with a regimen, a parameter table or a copy of a table of evidence.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        What it holds.

    Raises
    ------
    InputError
        For a fault after which the rest cannot be read.
    """
    columns = {name.strip().lower() for name in next(csv.reader(text.splitlines()), [])}
    description = _evidence_like(path.stem, columns)
    if description is not None:
        yield from _evidence_faults(path, description)
    elif columns >= NONMEM_COLUMNS:
        from ketasim.dosing import regimen_from_nonmem

        regimen_from_nonmem(path)
    elif columns >= PARAMETER_COLUMNS:
        yield from _parameter_faults(path)
    else:
        raise InputError(
            "this table is neither a regimen nor a parameter table nor a table of evidence",
            where=f"{path}, row 1",
            expected="columns time and amt, or id, value and unit, or those of the evidence",
        )


def _parameter_faults(path: Path) -> Iterator[str]:
    from ketasim.model.parameters import read_parameters

    sources = read_parameters(path)["source"]
    yield from unknown_citations(
        (f"{path.name}, row {row}, column source", str(key)) for row, key in enumerate(sources, 2)
    )


def _evidence_like(stem: str, columns: set[str]) -> Description | None:
    """Return the description of the table of evidence that a file is a copy of, if it is one."""
    from ketasim.evidence import describe, list_tables
    from ketasim.model.parameters import COLUMNS

    shares = {name: _share(columns, describe(name).column_names) for name in list_tables()}
    if shares.get(stem, 0.0) >= _ALIKE_BY_NAME:
        return describe(stem)
    nearest = max(shares, key=lambda name: shares[name])
    # Observations of the network have id, value and unit too.
    near = shares[nearest] >= _ALIKE and shares[nearest] > _share(columns, COLUMNS)
    return describe(nearest) if near else None


def _share(columns: set[str], others: tuple[str, ...]) -> float:
    known = {name.lower() for name in others}
    return len(columns & known) / len(columns | known)


def _evidence_faults(path: Path, description: Description) -> Iterator[str]:
    from ketasim.evidence.loading import citation_of_labels
    from ketasim.evidence.tables import read_table

    frame = read_table(path, description)
    if not description.label:
        return
    place = f"{path.name}, row {{}}, column '{description.label}'"
    cells = [(place.format(row), str(cell)) for row, cell in enumerate(frame[description.label], 2)]
    if description.keyed:
        yield from unknown_citations(cells)
        return
    known = citation_of_labels(description.name)
    for where, label in cells:
        if label not in known:
            yield str(unknown_name("source", label, known, where=where))
