"""Expectancy, masking and care: the part of an improvement that is not the drug's.

Edge 18 of the mechanism. One number for each type of control says by how many MADRS points the
mean of an arm moves within 24 h without any pharmacology; a common time course says how that change
comes within two hours and in part stays for the first week. It is added to the severity and never
enters `relief`, so the pharmacology cannot swallow it.

The numbers are not in this code but in ``context.csv`` beside it, which a calibration writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import EvidenceError, InputError, unknown_name
from ketasim.instruments.draws import normal_draws

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CONTEXT_COLUMNS",
    "CONTEXT_FILE",
    "CONTROL_TYPES",
    "REFERENCE_TIME_H",
    "Context",
    "context_table",
    "load_context",
]

CONTEXT_FILE = Path(__file__).with_name("context.csv")
"""The shipped table of context parameters."""

CONTEXT_COLUMNS = ("id", "value", "sd", "unit", "status", "source")
"""The columns of a table of context parameters."""

CONTROL_TYPES = ("saline", "midazolam", "nasal_placebo_with_antidepressant", "active")
"""The settings with a parameter of their own; ``active`` is the context of an active arm."""

REFERENCE_TIME_H = 24.0
"""The time, in hours after the first dose, at which a context parameter is read."""

_UNITS: Mapping[str, str] = {
    **dict.fromkeys(CONTROL_TYPES, "MADRS points"),
    "rise": "h",
    "decay": "h",
    "persisting_share": "dimensionless",
    "between_patient_sd": "MADRS points",
    "visit_sd": "MADRS points",
}
_POSITIVE = ("rise", "decay", "between_patient_sd", "visit_sd")


@dataclass(frozen=True)
class Context:
    """The context parameters, ready for use.

    Parameters
    ----------
    change : mapping of str to float
        Mean change in MADRS points at 24 h for each control type; negative is better.
    rise_h : float
        Time constant of the rise, h.
    decay_h : float
        Time constant of the part that is lost, h.
    persisting_share : float
        The share of the full change that stays for the first week, 0 to 1.
    between_patient_sd : float
        SD between patients of the part that a patient keeps from visit to visit, MADRS points.
    visit_sd : float
        SD of a single rating around the patient's own level, MADRS points.
    assumed : tuple of str
        The parameters without a calibration behind them.
    """

    change: Mapping[str, float]
    rise_h: float
    decay_h: float
    persisting_share: float
    between_patient_sd: float
    visit_sd: float
    assumed: tuple[str, ...] = ()

    def course(self, times_h: ArrayLike) -> NDArray[np.float64]:
        """Return the time course, scaled to 1 at 24 h.

        Parameters
        ----------
        times_h : array_like, shape (n_times,)
            Hours after the start of the session; before it the course is 0.

        Returns
        -------
        ndarray, shape (n_times,)
            ``(1 - exp(-t / rise)) (p + (1 - p) exp(-t / decay))``, divided by its value at 24 h.
        """
        return np.asarray(self._shape(times_h) / self._shape([REFERENCE_TIME_H])[0])

    def mean_change(self, control: str | None, times_h: ArrayLike) -> NDArray[np.float64]:
        """Return the mean change of an arm through its context.

        Parameters
        ----------
        control : str or None
            One of `CONTROL_TYPES`; None for no context at all.
        times_h : array_like, shape (n_times,)
            Hours after the start of the session.

        Returns
        -------
        ndarray, shape (n_times,)
            MADRS points, negative is better.

        Raises
        ------
        UnknownNameError
            If there is no such control type.
        """
        if control is None:
            return np.zeros(np.shape(times_h))
        if control not in self.change:
            raise unknown_name("control type", control, self.change)
        return self.change[control] * self.course(times_h)

    def patient_change(
        self, times_h: ArrayLike, seed: int, patients: ArrayLike
    ) -> NDArray[np.float64]:
        """Return how each patient's level departs from the mean of the arm.

        The departure rises as the context does and then stays: it is why the variance of scores
        grows after treatment while entry criteria had kept the baseline narrow.

        Parameters
        ----------
        times_h : array_like, shape (n_times,)
            Hours after the start of the session.
        seed : int
            Seed of the run.
        patients : array_like of int, shape (n_patients,)
            Patient numbers.

        Returns
        -------
        ndarray, shape (n_patients, n_times)
            MADRS points.
        """
        draws = normal_draws(seed, "context between patients", patients)
        return self.between_patient_sd * draws * self._rise(times_h)[None, :]

    def visit_error(
        self, times_h: ArrayLike, seed: int, patients: ArrayLike
    ) -> NDArray[np.float64]:
        """Return the error of each rating; none before the session, where the score is recorded.

        Parameters
        ----------
        times_h : array_like, shape (n_times,)
            Hours after the start of the session.
        seed : int
            Seed of the run.
        patients : array_like of int, shape (n_patients,)
            Patient numbers.

        Returns
        -------
        ndarray, shape (n_patients, n_times)
            MADRS points. The error belongs to (seed, patient, time), so that a visit keeps its
            error whatever other visits are asked for.
        """
        times = np.asarray(times_h, dtype=np.float64)
        errors = [normal_draws(seed, f"rating at {time:.6f} h", patients)[:, 0] for time in times]
        return self.visit_sd * np.stack(errors, axis=1) * (times > 0.0)[None, :]

    def change_sd(self) -> float:
        """Return the SD of a late change that context and rating cause, in MADRS points."""
        return float(np.hypot(self.between_patient_sd, self.visit_sd))

    def visit_correlation(self) -> float:
        """Return the correlation between two late visits of a patient without drug."""
        return self.between_patient_sd**2 / self.change_sd() ** 2

    def _rise(self, times_h: ArrayLike) -> NDArray[np.float64]:
        times = np.maximum(np.asarray(times_h, dtype=np.float64), 0.0)
        return -np.expm1(-times / self.rise_h)

    def _shape(self, times_h: ArrayLike) -> NDArray[np.float64]:
        times = np.maximum(np.asarray(times_h, dtype=np.float64), 0.0)
        return course_shape(times, self.rise_h, self.decay_h, self.persisting_share)


def context_table(path: Path | str | None = None) -> pd.DataFrame:
    """Read and check a table of context parameters.

    Parameters
    ----------
    path : path, optional
        A CSV with the columns of `CONTEXT_COLUMNS`; by default the shipped one.

    Returns
    -------
    DataFrame
        Indexed by ``id``.

    Raises
    ------
    EvidenceError
        If a column, a row or a number is missing or wrong; names the place.
    """
    file = Path(path) if path is not None else CONTEXT_FILE
    return checked_table(read_table(file, "context table"), _UNITS, file.name, "context table")


def read_table(file: Path, what: str) -> pd.DataFrame:
    """Read a table of parameters as text, indexed by ``id``, or say what is wrong with it."""
    import pandas as pd

    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise EvidenceError(f"the {what} cannot be read", where=file.name) from error
    missing = [name for name in CONTEXT_COLUMNS if name not in table.columns]
    if missing:
        raise EvidenceError(
            f"the {what} lacks the column {missing[0]!r}",
            where=file.name,
            expected="the columns " + ", ".join(CONTEXT_COLUMNS),
        )
    return table.set_index("id")


def checked_table(
    table: pd.DataFrame, units: Mapping[str, str], where: str, what: str
) -> pd.DataFrame:
    """Return a table of parameters with numbers in place of text, or say what is wrong with it."""
    absent = [name for name in units if name not in table.index]
    if absent:
        raise EvidenceError(f"the {what} has no row {absent[0]!r}", where=where)
    for name, unit in units.items():
        if table.loc[name, "unit"] != unit:
            raise EvidenceError(
                f"row {name!r} has the unit {table.loc[name, 'unit']!r}", where=where, expected=unit
            )
    return table.assign(value=_numbers(table["value"], where), sd=_numbers(table["sd"], where))


def _numbers(column: pd.Series[str], where: str) -> pd.Series[float]:
    import pandas as pd

    numbers = pd.to_numeric(column.where(column != "", "nan"), errors="coerce")
    bad = numbers.isna() & (column != "")
    if bad.any():
        row = str(column.index[bad][0])
        raise EvidenceError(
            f"row {row!r}, column {column.name!r} holds {column[row]!r}",
            where=where,
            expected="a number",
        )
    return numbers.astype(float)


@cache
def _shipped() -> Context:
    return context_from_table(context_table())


def load_context(source: Path | str | pd.DataFrame | Context | None = None) -> Context:
    """Load the context parameters.

    Parameters
    ----------
    source : path, DataFrame or Context, optional
        Where they come from; by default the shipped table.

    Returns
    -------
    Context
        The parameters.

    Raises
    ------
    EvidenceError
        If the table cannot be used.
    """
    if isinstance(source, Context):
        return source
    if source is None:
        return _shipped()
    if isinstance(source, (str, Path)):
        return context_from_table(context_table(source))
    indexed = source if source.index.name == "id" else source.set_index("id")
    text = indexed.astype({"value": str, "sd": str})
    return context_from_table(checked_table(text, _UNITS, "context table", "context table"))


def context_from_table(table: pd.DataFrame) -> Context:
    """Make the parameters from a checked table indexed by ``id``."""
    value = values_of(table, _POSITIVE, "context parameter")
    if not 0.0 <= value["persisting_share"] <= 1.0:
        raise InputError(
            f"the persisting share is {value['persisting_share']}", expected="a number from 0 to 1"
        )
    return Context(
        change={name: value[name] for name in CONTROL_TYPES},
        rise_h=value["rise"],
        decay_h=value["decay"],
        persisting_share=value["persisting_share"],
        between_patient_sd=value["between_patient_sd"],
        visit_sd=value["visit_sd"],
        assumed=assumed_of(table),
    )


def values_of(table: pd.DataFrame, positive: Iterable[str], what: str) -> dict[str, float]:
    """Return the numbers of a checked table by id, or say which has to be positive and is not."""
    value = {str(name): float(number) for name, number in table["value"].items()}
    for name in positive:
        if not value[name] > 0:
            raise InputError(f"the {what} {name!r} is {value[name]}", expected="more than 0")
    return value


def assumed_of(table: pd.DataFrame) -> tuple[str, ...]:
    """Return the ids of a table that no calibration stands behind."""
    return tuple(str(name) for name in table.index[table["status"] == "assumed"])


def course_shape(
    times_h: ArrayLike, rise_h: ArrayLike, decay_h: ArrayLike, persisting_share: ArrayLike
) -> NDArray[np.float64]:
    """Return the time course of a context before it is scaled.

    Parameters
    ----------
    times_h : array_like
        Hours after the start of the session, not negative.
    rise_h, decay_h, persisting_share : array_like
        As for `Context`; they broadcast against the times.

    Returns
    -------
    ndarray
        ``(1 - exp(-t / rise)) (p + (1 - p) exp(-t / decay))``.
    """
    times, stays = np.asarray(times_h), np.asarray(persisting_share)
    rise = -np.expm1(-times / np.asarray(rise_h))
    return np.asarray(rise * (stays + (1.0 - stays) * np.exp(-times / np.asarray(decay_h))))
