"""Table 1 of a trial: who the patients are, by group, with weights where they have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.results import html_table

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import numpy.typing as npt
    import pandas as pd

    from ketasim.population.cohort import Cohort

__all__ = [
    "BASELINE",
    "EVERYONE",
    "SAMPLING_WEIGHT",
    "BaselineTable",
    "baseline_table",
    "effective_size",
    "weighted_moments",
]

SAMPLING_WEIGHT = "sampling_weight"
"""The column that says for how many patients a patient counts; body weight is ``weight``."""

EVERYONE = "all"
"""The group of all patients."""

BASELINE = (
    "age", "sex", "weight", "madrs_baseline", "diagnosis", "treatment_resistant", "antidepressant",
    "hypertension", "cyp2b6", "ht1b_vst_baseline", "opioid_tone",
)  # fmt: skip
"""The covariates that a baseline table lists where nobody names others."""

_TITLES = {
    "age": "Age",
    "sex": "Sex",
    "weight": "Weight",
    "madrs_baseline": "MADRS at baseline",
    "diagnosis": "Diagnosis",
    "treatment_resistant": "Treatment resistant",
    "antidepressant": "Antidepressant on board",
    "hypertension": "Hypertension",
    "cyp2b6": "CYP2B6",
    "ht1b_vst_baseline": "5-HT1B, ventral striatum",
    "opioid_tone": "Opioid tone",
}


def effective_size(weights: npt.NDArray[np.float64]) -> float:
    """Return how many equally weighted patients would say as much (Kish).

    Parameters
    ----------
    weights : ndarray, shape (n_patients,)
        Not negative, and not all zero.
    """
    return float(weights.sum() ** 2 / (weights**2).sum())


def weighted_moments(
    values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Return mean and SD; for equal weights the SD of a sample, with n - 1.

    Parameters
    ----------
    values, weights : ndarray, shape (n_patients,)
        The SD is NaN where the effective number of patients is 1.
    """
    mean = float(np.average(values, weights=weights))
    size = effective_size(weights)
    if size <= 1 + 1e-9:
        return mean, float("nan")
    variance = float(np.average((values - mean) ** 2, weights=weights))
    return mean, float(np.sqrt(variance * size / (size - 1)))


@dataclass(frozen=True, eq=False)
class BaselineTable:
    """How a cohort is at baseline.

    Parameters
    ----------
    frame : DataFrame
        One row a covariate, level and group: covariate, level (empty for numbers), unit, group, n
        (patients with a value), n_effective, mean, sd, median, q1, q3, share (of the group).
    weighted : bool
        Whether patients count by their sampling weight; then `n` is still the number of patients.
    """

    frame: pd.DataFrame = field(repr=False)
    weighted: bool = False

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups, in the order of the columns."""
        return tuple(dict.fromkeys(self.frame["group"]))

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the numbers, one row a covariate, level and group."""
        return self.frame.copy()

    def summary(self) -> pd.DataFrame:
        """Return the table as a paper prints it.

        Returns
        -------
        DataFrame
            Text; one row a characteristic, one column a group. Numbers are shown as mean (SD) and
            as median [first and third quartile], levels as n (%); with weights, n of a level is
            its share of the effective number of patients.
        """
        import pandas as pd

        cells: dict[str, dict[str, str]] = {}
        for row in self.frame.to_dict("records"):
            for title, text in _printed(row):
                cells.setdefault(title, {})[str(row["group"])] = text
        first = self.frame.drop_duplicates("group").set_index("group")
        counts = {str(g): self._count(n, e) for g, n, e in first[["n", "n_effective"]].itertuples()}
        return pd.DataFrame.from_dict(
            {"Patients": counts, **cells}, orient="index", columns=list(self.groups)
        ).rename_axis(index="characteristic")

    def _count(self, patients: float, effective: float) -> str:
        return f"{patients:.0f} (effective {effective:.0f})" if self.weighted else f"{patients:.0f}"

    def __repr__(self) -> str:
        return self.summary().to_string()

    def _repr_html_(self) -> str:
        printed = self.summary().reset_index()
        return html_table(
            printed.to_numpy().tolist(),
            header=["", *self.groups],
            caption="Baseline, weighted" if self.weighted else "Baseline",
        )


def baseline_table(
    cohort: Cohort, *, by: str | None = None, columns: Sequence[str] | None = None
) -> BaselineTable:
    """Describe the patients of a cohort.

    Parameters
    ----------
    cohort : Cohort
        Where it has a column ``sampling_weight``, patients count by it.
    by : str, optional
        A column of few levels; each becomes a group beside all patients.
    columns : sequence of str, optional
        What is described; by default those of `BASELINE` that the cohort has, or every column
        where it has none.

    Raises
    ------
    UnknownNameError
        If the cohort has no such column.
    InputError
        If `by` has more than 12 levels.
    """
    import pandas as pd

    table = cohort.table
    chosen = [name for name in BASELINE if name in table.columns] if columns is None else columns
    chosen = [str(one) for one in (chosen or table.columns)]
    for name in [*chosen, *([by] if by else [])]:
        if name not in table.columns:
            raise unknown_name("column of the cohort", name, cohort.names)
    weighted = SAMPLING_WEIGHT in table.columns
    weights = table[SAMPLING_WEIGHT].to_numpy(np.float64) if weighted else np.ones(len(table))
    groups = {EVERYONE: np.ones(len(table), dtype=bool), **_groups(table, by)}
    listed = [name for name in chosen if name not in (by, SAMPLING_WEIGHT)]
    units = cohort.units
    rows = [
        {"covariate": name, "unit": units.get(name, ""), "group": group, **row}
        for name in listed
        for group, inside in groups.items()
        for row in _described(table.loc[inside, name], weights[inside], _levels(table[name]))
    ]
    order = ["covariate", "level", "unit", "group", "n", "n_effective", "mean", "sd", "median"]
    return BaselineTable(pd.DataFrame(rows, columns=[*order, "q1", "q3", "share"]), weighted)


def _groups(table: pd.DataFrame, by: str | None) -> dict[str, npt.NDArray[np.bool_]]:
    if by is None:
        return {}
    levels = sorted(table[by].unique())
    if len(levels) > 12:
        raise InputError(
            f"'{by}' has {len(levels)} levels", where="baseline table", expected="12 at most"
        )
    return {str(level): (table[by] == level).to_numpy() for level in levels}


def _levels(column: pd.Series) -> list[object] | None:
    """Return the levels of a column of text or of yes and no; None for numbers."""
    if column.dtype.kind in "iuf":
        return None
    return sorted(column.dropna().unique(), key=str)


def _described(
    column: pd.Series, weights: npt.NDArray[np.float64], levels: list[object] | None
) -> list[dict[str, object]]:
    known = column.notna().to_numpy() & (weights > 0)
    values, counted = column[known], weights[known]
    about: dict[str, object] = {"level": "", "n": len(values), "n_effective": np.nan}
    if not len(values):
        return [about]
    about["n_effective"] = effective_size(counted)
    if levels is not None:
        return [
            {
                **about,
                "level": str(one),
                "share": float(counted[values == one].sum() / counted.sum()),
            }
            for one in levels
        ]
    numbers = values.to_numpy(np.float64)
    mean, sd = weighted_moments(numbers, counted)
    q1, median, q3 = _quartiles(numbers, counted)
    return [{**about, "mean": mean, "sd": sd, "median": median, "q1": q1, "q3": q3}]


def _quartiles(
    values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    quarters = [0.25, 0.5, 0.75]
    if np.ptp(weights) == 0:
        return np.quantile(values, quarters)
    return np.asarray(np.quantile(values, quarters, weights=weights, method="inverted_cdf"))


def _printed(row: Mapping[Hashable, object]) -> list[tuple[str, str]]:
    name, unit = str(row["covariate"]), str(row["unit"])
    title = _TITLES.get(name, name)
    if row["level"]:
        share, effective = float(str(row["share"])), float(str(row["n_effective"]))
        return [(f"{title}: {row['level']}, n (%)", f"{share * effective:.0f} ({share:.1%})")]
    title = title if unit in ("", "dimensionless") else f"{title} ({unit})"
    keys = ("mean", "sd", "median", "q1", "q3")
    mean, sd, median, q1, q3 = (_short(float(str(row[key]))) for key in keys)
    return [
        (f"{title}, mean (SD)", f"{mean} ({sd})"),
        (f"{title}, median [IQR]", f"{median} [{q1}, {q3}]"),
    ]


def _short(number: float) -> str:
    if np.isnan(number):
        return "-"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"
