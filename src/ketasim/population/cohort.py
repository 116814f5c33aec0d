"""A cohort: a table with one virtual patient a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.provenance import hash_bytes
from ketasim.results import html_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ketasim.population.baseline import BaselineTable

__all__ = ["PATIENT", "Cohort"]

PATIENT = "patient"
"""Name of the index of a cohort's table."""

_ROW_COLUMNS = ("unit", "distribution", "typical", "cv", "lower", "upper", "cut", "source")


@dataclass(frozen=True, eq=False)
class Cohort:
    """Virtual patients: their parameters and covariates.

    Parameters
    ----------
    table : DataFrame
        Index `patient` (whole numbers, each once); one column a parameter that varies or a
        covariate (``weight`` in kg, ``age`` in years, ``sex``, ``madrs_baseline`` in points).
        A column that is a parameter of the model is given to the solver. ``sampling_weight`` says
        for how many patients one counts.
    seed : int, optional
        Seed the patients were drawn with; instruments draw their errors from it too.
    rows : DataFrame, optional
        Where each column comes from: unit, distribution, typical value, cv, bounds and the
        probability they cut off.
    notes : tuple of str, optional
        What a reader should know, for instance that bounds cut a distribution.

    Raises
    ------
    InputError
        If the table is empty, or its index is not whole numbers that differ.
    """

    table: pd.DataFrame = field(repr=False)
    seed: int = 1
    rows: pd.DataFrame | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        index = self.table.index
        if len(index) == 0:
            raise InputError("a cohort needs at least one patient", where="cohort table")
        if index.dtype.kind not in "iu" or not index.is_unique or index.min() < 0:
            raise InputError(
                "the index does not number the patients",
                where="cohort table",
                expected="whole numbers from 0 on, each once",
            )
        if not self.table.columns.is_unique:
            raise InputError("a column stands twice", where="cohort table")
        if index.name != PATIENT:
            object.__setattr__(self, "table", self.table.rename_axis(PATIENT))

    def __len__(self) -> int:
        return len(self.table)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns: parameters that vary, and covariates."""
        return tuple(str(name) for name in self.table.columns)

    @property
    def units(self) -> dict[str, str]:
        """Unit of each column that has one."""
        if self.rows is None:
            return {}
        return {name: str(self.rows.at[name, "unit"]) for name in self.names}

    def part(self, start: int, stop: int) -> Cohort:
        """Return some of the patients, by position.

        Parameters
        ----------
        start, stop : int
            The first position, and the one after the last.
        """
        return Cohort(self.table.iloc[start:stop], self.seed, self.rows, self.notes)

    def select(self, patients: list[int]) -> Cohort:
        """Return the patients with these numbers, in this order.

        Raises
        ------
        InputError
            If one of them is not in the cohort.
        """
        absent = [one for one in patients if one not in self.table.index]
        if absent:
            raise InputError(
                f"there is no patient {absent[0]}",
                where="cohort table",
                expected=f"{self.table.index.min()} to {self.table.index.max()}",
            )
        return Cohort(self.table.loc[patients], self.seed, self.rows, self.notes)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table, one row a patient."""
        return self.table.copy()

    def baseline_table(
        self, *, by: str | None = None, columns: Sequence[str] | None = None
    ) -> BaselineTable:
        """Return the "Table 1" of a paper.

        Parameters
        ----------
        by : str, optional
            A column of few levels, for instance ``"sex"``; each becomes a group beside all.
        columns : sequence of str, optional
            What is described; by default the covariates, without the model's other parameters.

        Returns
        -------
        BaselineTable
            Mean (SD), median [IQR] and n (%). Patients count by the column ``sampling_weight``
            where there is one.

        Raises
        ------
        UnknownNameError
            If there is no such column.
        InputError
            If `by` has more than 12 levels.
        """
        from ketasim.population.baseline import baseline_table

        return baseline_table(self, by=by, columns=columns)

    def summary(self, kind: str = "distributions") -> pd.DataFrame:
        """Return how each column is distributed, or the baseline table of a trial.

        Parameters
        ----------
        kind : {"distributions", "baseline"}, optional
            ``"baseline"`` is the printed form of `baseline_table`.

        Returns
        -------
        DataFrame
            One row a column of numbers: unit, distribution, typical value and bounds as in the
            parameter table, the share that the bounds cut off, and of the patients drawn the
            mean, sd, median and the 2.5 and 97.5 percentiles, whatever their weights.

        Raises
        ------
        UnknownNameError
            If there is no such kind.
        """
        import pandas as pd

        if kind == "baseline":
            return self.baseline_table().summary()
        if kind != "distributions":
            raise unknown_name("kind of summary", kind, ("distributions", "baseline"))

        numbers = self.table.select_dtypes("number")
        drawn = pd.DataFrame(
            {
                "mean": numbers.mean(),
                "sd": numbers.std(ddof=1),
                "median": numbers.median(),
                "p2_5": numbers.quantile(0.025),
                "p97_5": numbers.quantile(0.975),
            }
        )
        if self.rows is None:
            return drawn
        kept = [name for name in _ROW_COLUMNS if name in self.rows.columns]
        return self.rows[kept].reindex(drawn.index).join(drawn)

    def content_hash(self) -> str:
        """Return the SHA-256 of the table: names, patients and every bit of every number."""
        parts = [",".join(self.names).encode(), self.table.index.to_numpy(np.int64).tobytes()]
        for name in self.names:
            column = self.table[name]
            if column.dtype.kind in "iufb":
                parts.append(column.to_numpy(np.float64).tobytes())
            else:
                parts.append("\0".join(map(str, column)).encode())
        return hash_bytes(b"\n".join(parts))

    def __repr__(self) -> str:
        index = self.table.index
        numbers = f"{index[0]}" if len(self) == 1 else f"{index[0]} to {index[-1]}"
        return (
            f"Cohort({len(self)} patients, {numbers}; seed {self.seed}; {len(self.names)} columns)"
        )

    def _repr_html_(self) -> str:
        summary = self.summary().reset_index(names="name")
        rows = [[_short(cell) for cell in row] for row in summary.to_numpy().tolist()]
        caption = "; ".join([f"{len(self)} virtual patients, seed {self.seed}", *self.notes])
        return html_table(rows, header=[str(one) for one in summary.columns], caption=caption)


def _short(cell: object) -> str:
    if isinstance(cell, float):
        return "" if np.isnan(cell) else f"{cell:.4g}"
    return str(cell)
