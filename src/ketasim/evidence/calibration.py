"""The door through which fitting code gets evidence: rows that may be fitted, and no others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from ketasim.errors import RoleError, unknown_name
from ketasim.evidence.bibliography import Citations
from ketasim.evidence.loading import load
from ketasim.evidence.tables import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CalibrationData", "calibration_rows"]


@dataclass(frozen=True, eq=False)
class CalibrationData:
    """Rows of one table that may be fitted.

    Code that fits takes this type and nothing else, so that it cannot see a row that judges. A row
    of another role is refused when the object is made, however it is made.

    Parameters
    ----------
    name : str
        Name of the table.
    rows : pandas.DataFrame
        Rows as `ketasim.evidence.load` gives them. `to_frame` returns a copy of them in which
        recollected figures (column ``memory``) are blanked.

    Raises
    ------
    RoleError
        If a row may not be fitted.
    """

    name: str
    rows: InitVar[pd.DataFrame]
    _kept: pd.DataFrame = field(init=False, repr=False)

    def __post_init__(self, rows: pd.DataFrame) -> None:
        refuse_other_roles(self.name, rows)
        object.__setattr__(self, "_kept", blank_recollected(rows))

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    def row_ids(self) -> tuple[str, ...]:
        """The names of the rows."""
        return tuple(str(one) for one in self._kept["row_id"])

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the rows; recollected figures are missing."""
        return self._kept.copy()

    def citations(self) -> Citations:
        """Return the sources of the rows, and for which rows they are cited."""
        gathered = Citations()
        for key, rows in self._kept.groupby("citation", sort=False):
            gathered.add(str(key), because=f"calibration on {len(rows)} rows of {self.name}")
        return gathered

    @property
    def hash(self) -> str:
        """SHA-256 of the rows, to be kept with what was fitted to them."""
        text = self.name + "\n" + self._kept.to_csv(index=False, lineterminator="\n")
        return hashlib.sha256(text.encode()).hexdigest()


def allowed(name: str, rows: pd.DataFrame) -> pd.Series:
    """Return which rows may be fitted, as a boolean series with their index."""
    rule = describe(name).role
    if not rule.column:
        return pd.Series(False, index=rows.index)
    return rows[rule.column].isin(rule.calibrate)


def refuse_other_roles(name: str, rows: pd.DataFrame) -> None:
    """Raise RoleError with one sentence about the first row that may not be fitted."""
    wrong = rows[~allowed(name, rows)]
    if wrong.empty and len(rows):
        return
    rule = describe(name).role
    first = f" such as '{wrong['row_id'].iloc[0]}'" if len(wrong) and "row_id" in wrong else ""
    raise RoleError(
        f"{len(wrong)} of the {len(rows)} rows asked for{first} may not be fitted, because "
        f"{rule.because}",
        where=f"{name}.csv",
        expected=f"rows with {rule.column} {' or '.join(rule.calibrate)}" if rule.column else None,
    )


def blank_recollected(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a copy in which every figure that was not read is missing."""
    frame = rows.copy()
    for index, marked in frame["memory"].dropna().items():
        for column in str(marked).split(";"):
            if column in frame and pd.api.types.is_float_dtype(frame[column]):
                frame.loc[index, column] = float("nan")
    return frame


def calibration_rows(
    name: str,
    *,
    ids: Iterable[str] | None = None,
    where: Mapping[str, object] | None = None,
) -> CalibrationData:
    """Return rows of a table that may be fitted.

    Parameters
    ----------
    name : str
        Name of the table: ``clinical_arms``, ``clinical_aux`` or ``observations``.
    ids : iterable of str, optional
        Names of rows (column ``row_id``). Each of them must be fit for calibration.
    where : mapping of str to object, optional
        From column to the value, or the list of values, that a row must have. Rows that match but
        have another role are left out; if none is left, that is an error.

    Returns
    -------
    CalibrationData
        The rows, recollected figures blanked. Without `ids` and `where`, all rows that may be
        fitted.

    Raises
    ------
    UnknownNameError
        If there is no such table, row or column.
    RoleError
        If the table has no rows to fit, or a row was asked for whose role or use (``benchmark
        only``, ``mechanism``, ``judge``, ``context``) forbids it.
    """
    rows = load(name)
    if not describe(name).role.column:
        refuse_other_roles(name, rows)
    asked = _select(name, rows, ids, where or {})
    if ids is None:
        permitted = asked[allowed(name, asked)]
        asked = permitted if len(permitted) else asked
    return CalibrationData(name, asked)


def _select(
    name: str, rows: pd.DataFrame, ids: Iterable[str] | None, where: Mapping[str, object]
) -> pd.DataFrame:
    if ids is not None:
        wanted = tuple(ids)
        known = set(rows["row_id"])
        for one in wanted:
            if one not in known:
                raise unknown_name("row", one, sorted(known), where=f"{name}.csv")
        rows = rows[rows["row_id"].isin(wanted)]
    for column, value in where.items():
        if column not in rows:
            raise unknown_name("column", column, rows.columns, where=f"{name}.csv")
        values = [value] if isinstance(value, str) or not isinstance(value, Iterable) else value
        rows = rows[rows[column].isin(list(values))]
    return rows
