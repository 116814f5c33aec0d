"""Shipped tables as users read them: typed, with the reference and the marks of every row."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ketasim.errors import EvidenceError
from ketasim.evidence.tables import FOLDER, describe, read_table

if TYPE_CHECKING:
    import pandas as pd

    from ketasim.evidence.description import Description

__all__ = ["citation_of_labels", "load", "memory_marks"]

DERIVED = ("row_id", "citation", "memory")


def load(name: str) -> pd.DataFrame:
    """Return a shipped table of evidence, validated against its description.

    Parameters
    ----------
    name : str
        One of `ketasim.evidence.list_tables`: ``clinical_arms``, ``clinical_aux``,
        ``adverse_events``, ``safety_timecourse``, ``observations``.

    Returns
    -------
    pandas.DataFrame
        One row a published value, in the order of the file; a copy that may be changed. To the
        columns of the file come three:

        - ``row_id`` (text): the row's name, for instance ``clinical_arms-006``; for observations
          their ``id``;
        - ``citation`` (text): citation keys separated by semicolons;
        - ``memory`` (text): the columns of this row whose figure was recollected and not read,
          separated by semicolons, missing where there is none. Such a figure is never a default.

        Numbers are float, NaN where nothing was reported; bounds and ranges are text.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    EvidenceError
        If a file breaks its schema.
    """
    return _loaded(name).copy()


@functools.cache
def _loaded(name: str) -> pd.DataFrame:
    description = describe(name)
    frame = read_table(FOLDER / f"{name}.csv", description)
    if not description.label:
        return frame
    frame["row_id"] = _row_ids(frame, name)
    frame["citation"] = _citations(frame, description)
    frame["memory"] = memory_marks(name, frame)
    return frame


def _row_ids(frame: pd.DataFrame, name: str) -> list[str]:
    if "id" in frame:
        return [str(one) for one in frame["id"]]
    return [f"{name}-{line:03d}" for line in range(1, len(frame) + 1)]


def citation_of_labels(table: str) -> dict[str, str]:
    """Return which citation keys each source name of a table means.

    Parameters
    ----------
    table : str
        Name of the table.

    Returns
    -------
    dict of str to str
        From source name to citation keys separated by semicolons.
    """
    index = _loaded("table_sources")
    rows = index[index["table"] == table]
    return dict(zip(rows["label"], rows["keys"], strict=True))


def _citations(frame: pd.DataFrame, description: Description) -> list[str]:
    labels = [str(label) for label in frame[description.label]]
    if description.keyed:
        return labels
    known = citation_of_labels(description.name)
    for line, label in enumerate(labels, start=2):
        if label not in known:
            raise EvidenceError(
                f"the source '{label}' has no reference",
                where=f"{description.name}.csv, row {line}, column '{description.label}'",
                expected="a row for it in table_sources.csv",
            )
    return [known[label] for label in labels]


def memory_marks(name: str, frame: pd.DataFrame) -> pd.Series:
    """Return which figures of each row were recollected and not read.

    Parameters
    ----------
    name : str
        Name of the table.
    frame : pandas.DataFrame
        Its rows.

    Returns
    -------
    pandas.Series
        Text with the index of `frame`: column names separated by semicolons, missing where every
        figure of the row was read. ``notes`` means a figure that stands in the notes only.
    """
    import pandas as pd

    marks: dict[object, list[str]] = {index: [] for index in frame.index}
    rules = _loaded("memory_marks")
    for rule in rules[rules["table"] == name].itertuples(index=False):
        cells = frame[str(rule.column)].astype("str")
        hit = cells.str.contains(str(rule.text), regex=False, na=False).astype(bool)
        for index in frame.index[hit]:
            marks[index] += [one for one in str(rule.marked).split(";") if one not in marks[index]]
    joined = [";".join(found) if found else None for found in marks.values()]
    return pd.Series(joined, index=frame.index, dtype="str")
