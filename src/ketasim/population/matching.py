"""Making a cohort look like the patients of a trial: by weights, or by choosing some of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.population.balancing import balancing_weights, moment_columns
from ketasim.population.baseline import SAMPLING_WEIGHT, effective_size, weighted_moments
from ketasim.population.density_ratio import density_ratio, inclusion
from ketasim.population.draws import normal_draws
from ketasim.results import html_table

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from ketasim.population.cohort import Cohort
    from ketasim.population.target import TargetRow, TargetTable

__all__ = ["LEAST_EFFECTIVE", "METHODS", "Match", "match"]

METHODS = ("weights", "accept_reject")
"""Entropy balancing (Hainmueller 2012), or accept-reject by density ratio (Allen 2016)."""

LEAST_EFFECTIVE = 50.0
"""Effective number of patients below which a match is refused, unless the caller says otherwise."""

_TOLERANCE = 1.0
_WORST = 5.0


@dataclass(frozen=True, eq=False)
class Match:
    """A cohort that has been matched to a target.

    Parameters
    ----------
    cohort : Cohort
        With weights: those patients of the cohort that lie within the ranges, and a column
        ``sampling_weight`` with mean 1. With accept-reject: those who were accepted. Patients keep
        their numbers.
    target : TargetTable
        What was asked for.
    method : {"weights", "accept_reject"}
        How.
    n_effective : float
        Effective number of patients; of accepted ones their number.
    frame : DataFrame
        One row a number of the target: covariate, statistic, level, target, before (in the cohort
        given), after, and `errors_away`, the distance from the target in standard errors of a
        sample of the effective size.
    """

    cohort: Cohort
    target: TargetTable
    method: str
    n_effective: float
    frame: pd.DataFrame = field(repr=False)

    def summary(self) -> pd.DataFrame:
        """Return what the target asks for, and what the cohort had before and has now."""
        return self.frame.copy()

    def to_frame(self) -> pd.DataFrame:
        """Return the matched patients."""
        return self.cohort.to_frame()

    def _repr_html_(self) -> str:
        cells = self.frame.round(3).astype(object).where(self.frame.notna(), "")
        return html_table(
            cells.to_numpy().tolist(),
            header=[str(one) for one in self.frame.columns],
            caption=f"Matched to {self.target.name}: effective number {self.n_effective:.0f}",
        )


def match(
    cohort: Cohort,
    target: TargetTable,
    method: str = "weights",
    *,
    least_effective: float = LEAST_EFFECTIVE,
) -> Match:
    """Make a cohort match the baseline table of a trial.

    Parameters
    ----------
    cohort : Cohort
        Wider than the target in every covariate. Weights it has already are the starting point of
        ``"weights"``; ``"accept_reject"`` refuses them.
    target : TargetTable
        Means, SDs, ranges and shares.
    method : {"weights", "accept_reject"}, optional
        ``"weights"`` meets every number and keeps every patient in range; ``"accept_reject"``
        meets them within sampling error and gives patients who all count the same.
    least_effective : float, optional
        Smallest effective number of patients that is worth having.

    Returns
    -------
    Match
        The matched cohort, its effective number of patients, and target against result.

    Raises
    ------
    InputError
        If a covariate is missing or of another kind, if the target lies outside what the patients
        cover, or if too few of them would count.
    UnknownNameError
        If there is no such method, covariate or level.

    Examples
    --------
    >>> from ketasim.model import load_model
    >>> from ketasim.population import TargetRow, TargetTable, match, virtual_patients
    >>> patients = virtual_patients(load_model("article"), 500)
    >>> target = TargetTable((TargetRow("age", mean=40.0, sd=9.0),))
    >>> younger = match(patients, target)
    >>> round(float(younger.frame["after"].iloc[0]), 3)
    40.0
    """
    if method not in METHODS:
        raise unknown_name("method of matching", method, METHODS)
    columns = {row.covariate: _column(cohort, row) for row in target.rows}
    inside = _inside(target, columns)
    for row in target.rows:
        _check_covered(row, columns[row.covariate], inside)
    if method == "weights":
        matched = _weighted(cohort, target, columns, inside)
        size = effective_size(matched.table[SAMPLING_WEIGHT].to_numpy(np.float64))
    else:
        matched = _accepted(cohort, target, columns, inside, least_effective)
        size = float(len(matched))
    if size < least_effective:
        raise _too_few(target, size, len(cohort), least_effective)
    frame = _compared(cohort, matched, target, size)
    if method == "accept_reject":
        _check_close(target, frame)
    return Match(matched, target, method, size, frame)


def _column(cohort: Cohort, row: TargetRow) -> npt.NDArray[Any]:
    if row.covariate not in cohort.table.columns:
        raise unknown_name("covariate of the cohort", row.covariate, cohort.names)
    column = cohort.table[row.covariate]
    numbers = column.dtype.kind in "iuf"
    where = f"target of '{row.covariate}'"
    if numbers == bool(row.shares):
        expected = "a mean, an SD or a range" if numbers else "shares of its levels"
        raise InputError("the cohort has another kind of values", where=where, expected=expected)
    if column.isna().any():
        raise InputError("a patient of the cohort lacks it", where=where)
    if numbers:
        return column.to_numpy(np.float64)
    values = column.astype(str).to_numpy(np.str_)
    for level, share in row.shares.items():
        if share > 0 and level not in values:
            raise unknown_name(
                f"level of '{row.covariate}' in the cohort", level, np.unique(values)
            )
    return values


def _inside(target: TargetTable, columns: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
    parts = []
    for row in target.rows:
        values = columns[row.covariate]
        if not row.shares:
            numbers = values.astype(np.float64)
            parts.append((numbers >= row.lower) & (numbers <= row.upper))
            continue
        # A share of nothing or of everybody is a matter of leaving patients out.
        none = [level for level, share in row.shares.items() if share == 0]
        whole = [level for level, share in row.shares.items() if share > 0]
        only = sum(row.shares.values()) > 1 - 1e-9
        parts.append(np.isin(values, whole) if only else ~np.isin(values, none))
    return np.asarray(np.logical_and.reduce(parts))


def _check_covered(row: TargetRow, values: npt.NDArray[Any], inside: npt.NDArray[np.bool_]) -> None:
    where = f"target of '{row.covariate}'"
    left = values[inside]
    if not len(left):
        raise InputError("no patient of the cohort is in the ranges of the target", where=where)
    if row.shares:
        for level, share in row.shares.items():
            if share > 0 and level not in left:
                raise InputError(
                    f"no patient of the level '{level}' is in the ranges of the target", where=where
                )
        rest = 1 - sum(row.shares.values())
        if rest > 1e-6 and np.isin(left, list(row.shares)).all():
            raise InputError(
                f"{rest:.1%} of the patients are left for levels that the cohort does not have",
                where=where,
                expected="shares that add up to 1, or a cohort with those levels",
            )
        return
    low, high = float(left.min()), float(left.max())
    if row.mean is not None and not low < row.mean < high:
        raise InputError(
            f"the mean {row.mean:g} lies outside what the cohort covers, {low:.4g} to {high:.4g}",
            where=where,
            expected="a cohort that is wider than the target",
        )


def _weighted(
    cohort: Cohort,
    target: TargetTable,
    columns: dict[str, npt.NDArray[Any]],
    inside: npt.NDArray[np.bool_],
) -> Cohort:
    import pandas as pd

    table = cohort.table[inside]
    base = np.ones(len(table))
    if SAMPLING_WEIGHT in table.columns:
        base = table[SAMPLING_WEIGHT].to_numpy(np.float64)
    moments = np.column_stack(
        [moment_columns(row, columns[row.covariate][inside]) for row in target.rows]
    )
    weights = balancing_weights(moments, base)
    if weights is None:
        raise InputError(
            "no weights of these patients meet all of the target at once",
            where=f"target '{target.name}'",
            expected="a cohort that is wider, or a target with fewer numbers",
        )
    rows = cohort.rows
    if rows is not None and SAMPLING_WEIGHT not in rows.index:
        about = {"unit": "dimensionless", "distribution": "fixed", "note": "Entropy balancing"}
        rows = pd.concat([rows, pd.DataFrame(about, index=[SAMPLING_WEIGHT])])
    said = f"weighted to match {target.name}"
    return replace(
        cohort,
        table=table.assign(**{SAMPLING_WEIGHT: weights * len(table)}),
        rows=rows,
        notes=(*cohort.notes, said),
    )


def _accepted(
    cohort: Cohort,
    target: TargetTable,
    columns: dict[str, npt.NDArray[Any]],
    inside: npt.NDArray[np.bool_],
    least: float,
) -> Cohort:
    from scipy.special import ndtr

    if SAMPLING_WEIGHT in cohort.names:
        raise InputError(
            "the patients of the cohort have weights already",
            where="accept-reject",
            expected="a cohort without weights, or the method 'weights'",
        )
    ratio = density_ratio(target.rows, columns, inside)
    moments = np.column_stack([moment_columns(row, columns[row.covariate]) for row in target.rows])
    entering = inclusion(ratio, moments, _TOLERANCE)
    if entering.sum() < least:
        raise _too_few(target, float(entering.sum()), len(cohort), least)
    numbers = cohort.table.index.to_numpy(np.int64)
    draws = ndtr(normal_draws(cohort.seed, f"match {target.name}", numbers, 1)[:, 0])
    said = f"chosen to match {target.name}"
    return replace(cohort, table=cohort.table[draws < entering], notes=(*cohort.notes, said))


def _too_few(target: TargetTable, size: float, patients: int, least: float) -> InputError:
    return InputError(
        f"only {size:.0f} of {patients} patients would count: the cohort is too far from the target",
        where=f"target '{target.name}'",
        expected=f"at least {least:.0f}, from a larger cohort or one nearer to the target",
    )


def _compared(cohort: Cohort, matched: Cohort, target: TargetTable, size: float) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for one in target.to_frame().to_dict("records"):
        name, statistic, level = str(one["covariate"]), str(one["statistic"]), str(one["level"])
        wanted = float(one["value"])
        before, _ = _statistic(cohort, name, statistic, level, float("nan"))
        after, error = _statistic(matched, name, statistic, level, size)
        away = (after - wanted) / error if error > 0 else float("nan")
        rows.append((name, statistic, level, wanted, before, after, away))
    named = ["covariate", "statistic", "level", "target", "before", "after", "errors_away"]
    return pd.DataFrame(rows, columns=named)


def _statistic(
    cohort: Cohort, name: str, statistic: str, level: str, size: float
) -> tuple[float, float]:
    """Return a number of the cohort, and its standard error in a sample of this size."""
    table = cohort.table
    weights = np.ones(len(table))
    if SAMPLING_WEIGHT in table.columns:
        weights = table[SAMPLING_WEIGHT].to_numpy(np.float64)
    if statistic == "share":
        share = float(weights[(table[name].astype(str) == level).to_numpy()].sum() / weights.sum())
        return share, float(np.sqrt(share * (1 - share) / size))
    values = table[name].to_numpy(np.float64)
    if statistic in ("min", "max"):
        return float(values.min() if statistic == "min" else values.max()), float("nan")
    mean, sd = weighted_moments(values, weights)
    if statistic == "mean":
        return mean, float(sd / np.sqrt(size))
    # The error of an SD follows from the fourth moment; of a normal distribution it is sd/sqrt(2n).
    fourth = float(np.average((values - mean) ** 4, weights=weights)) / sd**4
    return sd, float(sd * np.sqrt(max(fourth - 1, 0.0) / (4 * size)))


def _check_close(target: TargetTable, frame: pd.DataFrame) -> None:
    away = frame["errors_away"].abs()
    if (away > _WORST).any():
        row = frame.iloc[int(away.argmax())]
        raise InputError(
            f"the {row['statistic']} of '{row['covariate']}' is {row['after']:.4g} among those "
            f"accepted, not {row['target']:.4g}",
            where=f"target '{target.name}'",
            expected="a cohort that is wider or larger, or the method 'weights'",
        )
