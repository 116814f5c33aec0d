"""Studies of one outcome, ready to be pooled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.synthesis.measures import Measure

__all__ = ["Studies"]


@dataclass(frozen=True, eq=False)
class Studies:
    """What was reported by studies that share no patient.

    Attributes
    ----------
    measure : Measure
        How they are compared.
    names : tuple of str
        The studies, in the order of the table.
    estimate, variance : array, shape (k,)
        On the analysis scale; a half added where a cell is empty.
    data : mapping of str to array of float
        The columns that the measure was computed from.
    table : DataFrame
        All columns as they were read.
    where : str
        The file, or ``the table``.
    warnings : tuple of str
        What a reader must know.
    """

    measure: Measure
    names: tuple[str, ...]
    estimate: NDArray[np.float64]
    variance: NDArray[np.float64]
    data: Mapping[str, NDArray[np.float64]]
    table: pd.DataFrame
    where: str = "the table"
    warnings: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Studies({len(self)} of {self.measure.title}, {self.where})"

    def chosen(self, places: Sequence[int] | NDArray[np.int_]) -> Studies:
        """Return some of the studies, in the order given.

        Parameters
        ----------
        places : sequence of int
            Their places.

        Returns
        -------
        Studies
            The others are left out.
        """
        rows = np.asarray(places, dtype=int)
        return replace(
            self,
            names=tuple(self.names[one] for one in rows),
            estimate=self.estimate[rows],
            variance=self.variance[rows],
            data={name: column[rows] for name, column in self.data.items()},
            table=self.table.iloc[rows].reset_index(drop=True),
        )

    def without_double_zero(self) -> Studies:
        """Return the studies in which somebody has the event and somebody has not.

        Returns
        -------
        Studies
            The same where nothing is left out. By default such studies stay in a pool.
        """
        from ketasim.synthesis.counts import double_zero

        if "events_treatment" not in self.data:
            return self
        empty = double_zero(self.data)
        left = self.chosen(np.flatnonzero(~empty))
        told = [one for one in self.warnings if "in both arms" not in one]
        if empty.any():
            told.append(
                f"{int(empty.sum())} studies without an event, or with only events, are left out"
            )
        return replace(left, warnings=tuple(told))

    def column(self, name: str) -> pd.Series:
        """Return a further column of the table, filled in every row.

        Parameters
        ----------
        name : str
            The column.

        Returns
        -------
        Series
            As it was read.

        Raises
        ------
        InputError
            If there is no such column, or a cell of it is empty.
        """
        from ketasim.errors import unknown_name

        if name not in self.table.columns:
            known = [str(one) for one in self.table.columns]
            raise unknown_name("column", name, known, where=self.where)
        cells = self.table[name]
        empty = np.flatnonzero((cells.astype("str").str.strip() == "") | cells.isna())
        if len(empty):
            raise InputError(
                f"the study '{self.names[int(empty[0])]}' has no {name}",
                where=f"{self.where}, row {int(empty[0]) + 2}, column '{name}'",
                expected="a value in every row",
            )
        return cells
