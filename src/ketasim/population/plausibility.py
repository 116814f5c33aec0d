"""Who cannot be: rules that a virtual patient must keep, each a small class with one `run`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from ketasim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd

    from ketasim.population.cohort import Cohort

__all__ = [
    "PLAUSIBLE",
    "Adult",
    "ClearanceAsReported",
    "EntryMet",
    "InsideBounds",
    "NothingMissing",
    "Rule",
    "implausible",
    "keep_plausible",
]


@runtime_checkable
class Rule(Protocol):
    """One thing that no patient may be."""

    @property
    def name(self) -> str:
        """A few words, shown with the number of patients that break the rule."""
        ...

    def run(self, cohort: Cohort) -> npt.NDArray[np.bool_]:
        """Return which patients break the rule; none where the cohort lacks what it reads."""
        ...


@dataclass(frozen=True)
class NothingMissing:
    """Every column has a value."""

    name: str = "a value is missing"

    def run(self, cohort: Cohort) -> npt.NDArray[np.bool_]:
        """Return who lacks a value."""
        return cohort.table.isna().any(axis=1).to_numpy(bool)


@dataclass(frozen=True)
class InsideBounds:
    """Every value lies within the bounds of its row: matters for cohorts made or changed by hand."""

    name: str = "a value lies outside its bounds"

    def run(self, cohort: Cohort) -> npt.NDArray[np.bool_]:
        """Return who has a value outside."""
        broken = np.zeros(len(cohort), dtype=bool)
        if cohort.rows is None or not {"lower", "upper"} <= set(cohort.rows.columns):
            return broken
        for name in cohort.table.select_dtypes("number").columns.intersection(cohort.rows.index):
            low, high = (float(cohort.rows[one][name]) for one in ("lower", "upper"))
            values = cohort.table[name].to_numpy(np.float64)
            broken |= (values < np.nan_to_num(low, nan=-np.inf)) | (
                values > np.nan_to_num(high, nan=np.inf)
            )
        return broken


@dataclass(frozen=True)
class Adult:
    """Nobody is younger than the trials enrol."""

    youngest: float = 18.0
    name: str = "younger than an adult"

    def run(self, cohort: Cohort) -> npt.NDArray[np.bool_]:
        """Return who is too young."""
        return _below(cohort, "age", self.youngest)


@dataclass(frozen=True)
class EntryMet:
    """Everybody is at least as ill as the entry criterion asks.

    Parameters
    ----------
    entry : float
        Lowest MADRS score that is enrolled.
    """

    entry: float
    name: str = "below the entry criterion"

    def run(self, cohort: Cohort) -> npt.NDArray[np.bool_]:
        """Return who would not have been enrolled."""
        return _below(cohort, "madrs_baseline", self.entry)


@dataclass(frozen=True)
class ClearanceAsReported:
    """Clearance of S-ketamine lies between the lowest and the highest mean of any study.

    Parameters
    ----------
    lowest : float
        L/h at 70 kg: carriers of two CYP2B6*6 alleles (li2015), the slowest group reported.
    highest : float
        L/h at 70 kg: patients in intensive care (hijazi2003), the fastest. That no person lies
        beyond the means of groups is assumed.
    """

    lowest: float = 21.6
    highest: float = 151.0
    name: str = "clearance beyond what was reported"

    def run(self, cohort: Cohort) -> npt.NDArray[np.bool_]:
        """Return whose clearance at 70 kg is out of range."""
        from ketasim.model.parameters import parameter_table

        if "f_clearance_ketamine" not in cohort.table.columns:
            return np.zeros(len(cohort), dtype=bool)
        typical = float(parameter_table()["value"]["cl_s_70"])
        clearance = cohort.table["f_clearance_ketamine"].to_numpy(np.float64) * typical
        return np.asarray((clearance < self.lowest) | (clearance > self.highest))


PLAUSIBLE: tuple[Rule, ...] = (NothingMissing(), InsideBounds(), Adult(), ClearanceAsReported())
"""The rules of every cohort; `EntryMet` belongs to a trial."""


def _below(cohort: Cohort, name: str, least: float) -> npt.NDArray[np.bool_]:
    if name not in cohort.table.columns:
        return np.zeros(len(cohort), dtype=bool)
    return np.asarray(cohort.table[name].to_numpy(np.float64) < least)


def implausible(cohort: Cohort, rules: Sequence[Rule] = PLAUSIBLE) -> pd.DataFrame:
    """Say who breaks which rule.

    Parameters
    ----------
    cohort : Cohort
        The patients.
    rules : sequence of Rule, optional
        By default `PLAUSIBLE`.

    Returns
    -------
    DataFrame
        One row a patient, one column a rule: True where it is broken.
    """
    import pandas as pd

    return pd.DataFrame({one.name: one.run(cohort) for one in rules}, index=cohort.table.index)


def keep_plausible(
    cohort: Cohort, rules: Sequence[Rule] = PLAUSIBLE, *, most_dropped: float = 0.5
) -> Cohort:
    """Return the patients who keep every rule.

    Parameters
    ----------
    cohort : Cohort
        The patients.
    rules : sequence of Rule, optional
        By default `PLAUSIBLE`.
    most_dropped : float, optional
        Share of the patients that may be dropped.

    Returns
    -------
    Cohort
        With a note of how many broke which rule; the numbers of the patients stay.

    Raises
    ------
    InputError
        If more patients break a rule, or all do.
    """
    broken = implausible(cohort, rules)
    dropped = broken.any(axis=1)
    if dropped.mean() > most_dropped or dropped.all():
        worst = broken.sum().idxmax()
        raise InputError(
            f"{int(dropped.sum())} of {len(cohort)} patients are implausible, most because of "
            f"'{worst}'",
            where="cohort table",
            expected=f"at most {most_dropped:.0%}",
        )
    counts = [f"{name} {count}" for name, count in broken.sum().items() if count]
    if not counts:
        return cohort
    said = f"{int(dropped.sum())} implausible patients were dropped ({', '.join(counts)})"
    return replace(cohort, table=cohort.table[~dropped], notes=(*cohort.notes, said))
