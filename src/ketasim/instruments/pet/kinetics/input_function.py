"""The arterial input: parent activity in plasma, and activity of whole blood."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ketasim.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

__all__ = ["ArterialInput", "read_input"]

COLUMNS = ("time_min", "plasma")
"""Columns of a table of blood; ``whole_blood``, ``participant`` and ``scan`` may be given besides."""


@dataclass(frozen=True, eq=False)
class ArterialInput:
    """Decay-corrected activity in arterial blood, straight between samples.

    Parameters
    ----------
    time_min : array, shape (n,)
        Times in minutes from injection, rising. Before the first sample, activity rises straight
        from zero at injection; after the last it stays.
    plasma : array, shape (n,)
        Unmetabolised tracer in plasma.
    whole_blood : array, shape (n,), optional
        Activity of whole blood; by default that of plasma.

    Raises
    ------
    InputError
        If shapes disagree, a number is not finite, times do not rise, or plasma is not positive
        on the whole.
    """

    time_min: Array
    plasma: Array
    whole_blood: Array | None = None

    def __post_init__(self) -> None:
        for name in ("time_min", "plasma", "whole_blood"):
            value = self.plasma if getattr(self, name) is None else getattr(self, name)
            object.__setattr__(self, name, np.array(value, dtype=np.float64))
        shapes = {self.time_min.shape, self.plasma.shape, self.blood.shape}
        if len(shapes) > 1 or self.time_min.ndim != 1 or self.time_min.size < 2:
            raise InputError("times, plasma and whole blood differ in length or are too few",
                             where="input function", expected="two samples or more")  # fmt: skip
        if not np.isfinite([self.time_min, self.plasma, self.blood]).all():
            raise InputError("a value is not finite", where="input function")
        if self.time_min[0] < 0 or (np.diff(self.time_min) <= 0).any():
            raise InputError("the times do not rise from 0 on", where="input function")
        if self.plasma.sum() <= 0:
            raise InputError("plasma is zero or negative on the whole", where="input function")

    @property
    def blood(self) -> Array:
        """Activity of whole blood, shape (n,)."""
        return self.plasma if self.whole_blood is None else self.whole_blood

    def knots(self, end_min: float, delay_min: float = 0.0) -> tuple[Array, Array, Array]:
        """Return times, plasma and whole blood from injection to an end, later by a delay.

        Parameters
        ----------
        end_min : float
            Last time that is needed, in minutes.
        delay_min : float, optional
            Minutes by which tissue sees the blood later than the sampler.

        Returns
        -------
        tuple of array
            Times from 0 on, and both activities there.
        """
        times = np.concatenate([[0.0], self.time_min[self.time_min > 0]])
        pad = len(times) - len(self.time_min)
        start = [np.zeros(pad)]
        plasma = np.concatenate([*start, self.plasma])
        blood = np.concatenate([*start, self.blood])
        moved = times + delay_min
        inside = moved[(moved > 0) & (moved < end_min)]
        # Before the delayed begin there is nothing.
        grid = np.unique(np.concatenate([[0.0, max(delay_min, 0.0)], inside, [end_min]]))
        left = 0.0 if delay_min > 0 else None
        return (
            grid,
            np.interp(grid, moved, plasma, left=left),
            np.interp(grid, moved, blood, left=left),
        )


def read_input(source: Path | str | pd.DataFrame) -> dict[tuple[str, str], ArterialInput]:
    """Read input functions from a table of blood samples.

    Parameters
    ----------
    source : path or DataFrame
        A CSV file or a table with the columns of `COLUMNS`.

    Returns
    -------
    dict
        The input of each (participant, scan); of ("", "") where the table does not name them, for
        every scan.

    Raises
    ------
    InputError
        For a file that cannot be read, a missing column, or samples that are no input function.
    """
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        table, where = source, "table of blood"
    else:
        where = Path(source).name
        try:
            table = pd.read_csv(source)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise InputError(f"the blood cannot be read: {reason}", where=str(source)) from error
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise InputError(f"the column {missing[0]!r} is missing", where=where,
                         expected="the columns " + ", ".join(COLUMNS))  # fmt: skip
    keys = [name for name in ("participant", "scan") if name in table.columns]
    if len(keys) < 2:
        return {("", ""): _one(table, where)}
    text = table.astype({"participant": str, "scan": str})
    return {(str(one), str(scan)): _one(rows, f"{where}, scan {scan!r} of {one!r}")
            for (one, scan), rows in text.groupby(keys, sort=False)}  # fmt: skip


def _one(rows: pd.DataFrame, where: str) -> ArterialInput:
    import pandas as pd

    columns: dict[str, Array] = {}
    for name in (*COLUMNS, "whole_blood"):
        if name not in rows.columns:
            continue
        values = pd.to_numeric(rows[name], errors="coerce").to_numpy(dtype=np.float64)
        if not np.isfinite(values).all():
            line = rows.index[int(np.argmin(np.isfinite(values)))] + 2
            raise InputError("it is no number", where=f"{where}, row {line}, column {name!r}")
        columns[name] = values
    try:
        return ArterialInput(columns["time_min"], columns["plasma"], columns.get("whole_blood"))
    except InputError as error:
        raise InputError(error.what, where=where, expected=error.expected) from error
