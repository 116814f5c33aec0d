"""What a trial's baseline table lists beside the model's parameters, and what it may act on.

Clinical covariates have random numbers of their own, keyed by their name: asking for them, or for
one more, leaves every other column of a patient as it was.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    import pandas as pd

__all__ = [
    "CLINICAL",
    "clinical_columns",
    "clinical_rows",
    "covariate_table",
    "effect_columns",
    "effect_factors",
    "effect_table",
    "entry_severity",
    "people_rows",
]

_FOLDER = Path(__file__).parent
_PEOPLE = ("madrs_baseline", "female_share")
_MADRS_CEILING = 60.0


@cache
def _shipped_covariates() -> pd.DataFrame:
    import pandas as pd

    table = pd.read_csv(_FOLDER / "covariates.csv", index_col="id", dtype={"note": str})
    table["source"] = table["source"].fillna("")
    return table.astype(dict.fromkeys(("value", "cv", "lower", "upper"), float))


@cache
def _shipped_effects() -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(_FOLDER / "effects.csv", keep_default_na=False).astype({"value": float})


def covariate_table() -> pd.DataFrame:
    """Return the covariates that are no parameters of the model.

    Returns
    -------
    DataFrame
        Columns as in the model's parameter tables, indexed by id: ``madrs_baseline`` (points) and
        shares of patients, from which the columns of text are drawn: ``female_share`` gives
        ``sex``, the others give the columns of `CLINICAL`.
    """
    return _shipped_covariates().copy()


def people_rows() -> pd.DataFrame:
    """Return the rows of `covariate_table` that every cohort draws."""
    return covariate_table().loc[list(_PEOPLE)]


def clinical_rows(given: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows of `covariate_table` that only a cohort with clinical covariates draws.

    Parameters
    ----------
    given : DataFrame or None
        Rows of a user; those with an id of the table take the place of the shipped ones.

    Raises
    ------
    InputError
        If a share lies outside 0 to 1.
    """
    rows = covariate_table().drop(index=list(_PEOPLE))
    if given is not None:
        for name in rows.index.intersection(given.index):
            rows.loc[name, "value"] = float(given["value"][name])
            rows.loc[name, ["status", "source", "note"]] = ["assumed", "", "Given by the user"]
    outside = rows.index[~rows["value"].between(0, 1)]
    if len(outside):
        raise InputError(
            f"{float(rows['value'][outside[0]]):g} is no share of patients",
            where=f"covariate '{outside[0]}'",
            expected="0 to 1",
        )
    return rows


def _two(share: str, level: str, other: str) -> Callable[[pd.Series], dict[str, float]]:
    def shares(values: pd.Series) -> dict[str, float]:
        return {other: 1.0 - float(values[share]), level: float(values[share])}

    return shares


def _antidepressant(values: pd.Series) -> dict[str, float]:
    taken, ssri = float(values["antidepressant_share"]), float(values["ssri_share"])
    return {"none": 1 - taken, "other": taken * (1 - ssri), "ssri": taken * ssri}


def _genotype(values: pd.Series) -> dict[str, float]:
    six = float(values["cyp2b6_allele6_share"])
    return {"*1/*1": (1 - six) ** 2, "*1/*6": 2 * six * (1 - six), "*6/*6": six**2}


CLINICAL: dict[str, Callable[[pd.Series], dict[str, float]]] = {
    "diagnosis": _two("bipolar_share", "bipolar", "unipolar"),
    "treatment_resistant": _two("treatment_resistant_share", "yes", "no"),
    "antidepressant": _antidepressant,
    "hypertension": _two("hypertension_share", "yes", "no"),
    "cyp2b6": _genotype,
}
"""Columns that ``clinical=True`` adds, and how the share of each level follows from the table."""


def clinical_columns(
    rows: pd.DataFrame, uniform: dict[str, npt.NDArray[np.float64]]
) -> dict[str, npt.NDArray[Any]]:
    """Turn numbers between 0 and 1 into levels.

    Parameters
    ----------
    rows : DataFrame
        From `clinical_rows`.
    uniform : dict of str to ndarray, shape (n_patients,)
        For each column of `CLINICAL`.

    Returns
    -------
    dict of str to ndarray of str, shape (n_patients,)
        The columns, in the order of `CLINICAL`.
    """
    columns = {}
    for name, shares_of in CLINICAL.items():
        shares = shares_of(rows["value"])
        ends = np.cumsum(list(shares.values()))[:-1]
        columns[name] = np.array(list(shares))[np.searchsorted(ends, uniform[name], side="right")]
    return columns


def effect_table() -> pd.DataFrame:
    """Return what covariates may do to the model's parameters.

    Returns
    -------
    DataFrame
        One row a level of a covariate: effect, covariate, level, parameter, operation, value, unit,
        status, source, note. ``relative`` multiplies the patient's typical value by the row's
        value over the mean of the levels, weighted by their shares, so that the typical value of
        the whole population stays; ``set`` gives the parameter the value itself.
    """
    return _shipped_effects().copy()


def _rows_of(effects: Sequence[str], operation: str) -> pd.DataFrame:
    table = _shipped_effects()
    for name in effects:
        if name not in set(table["effect"]):
            raise unknown_name("effect of a covariate", name, table["effect"].unique())
    return table[table["effect"].isin(effects) & (table["operation"] == operation)]


def effect_factors(
    effects: Sequence[str],
    columns: dict[str, npt.NDArray[Any]],
    shares: dict[str, dict[str, float]],
) -> dict[str, npt.NDArray[np.float64]]:
    """Return by what each patient's typical parameters are multiplied.

    Parameters
    ----------
    effects : sequence of str
        Names in `effect_table`.
    columns : dict of str to ndarray of str, shape (n_patients,)
        The covariates.
    shares : dict of str to dict of str to float
        The share of each level of each covariate in the population.

    Returns
    -------
    dict of str to ndarray, shape (n_patients,)
        By parameter; only those that change.

    Raises
    ------
    UnknownNameError
        If there is no such effect.
    """
    factors: dict[str, npt.NDArray[np.float64]] = {}
    for (covariate, parameter), rows in _rows_of(effects, "relative").groupby(
        ["covariate", "parameter"], sort=False
    ):
        levels = dict(zip(rows["level"], rows["value"], strict=True))
        mean = sum(share * levels[level] for level, share in shares[str(covariate)].items())
        own = np.array([levels[one] / mean for one in columns[str(covariate)]])
        factors[str(parameter)] = factors.get(str(parameter), np.ones_like(own)) * own
    return factors


def effect_columns(
    effects: Sequence[str], columns: dict[str, npt.NDArray[Any]]
) -> tuple[dict[str, npt.NDArray[np.float64]], pd.DataFrame]:
    """Return the parameters that a covariate sets.

    Parameters
    ----------
    effects, columns
        As for `effect_factors`.

    Returns
    -------
    dict of str to ndarray, shape (n_patients,)
        By parameter.
    DataFrame
        One row a parameter, as in `covariate_table`.
    """
    import pandas as pd

    found: dict[str, npt.NDArray[np.float64]] = {}
    about: dict[str, dict[str, object]] = {}
    for (covariate, parameter), rows in _rows_of(effects, "set").groupby(
        ["covariate", "parameter"], sort=False
    ):
        levels = dict(zip(rows["level"], rows["value"], strict=True))
        found[str(parameter)] = np.array([levels[one] for one in columns[str(covariate)]])
        about[str(parameter)] = {
            "unit": rows["unit"].iloc[0],
            "distribution": "fixed",
            "status": rows["status"].iloc[0],
            "source": rows["source"].iloc[0],
            "note": f"Set by {covariate}",
        }
    return found, pd.DataFrame.from_dict(about, orient="index")


def entry_severity(
    mean: float, sd: float, entry: float, ceiling: float = _MADRS_CEILING
) -> pd.DataFrame:
    """Describe a baseline severity that the entry criterion of a trial truncates.

    A trial prints mean and SD of those who were enrolled, that is, after the cut. The normal
    distribution before the cut is found so that the mean and the SD after it are those.

    Parameters
    ----------
    mean, sd : float
        Of the enrolled patients, MADRS points.
    entry : float
        Lowest score that is enrolled.
    ceiling : float, optional
        Highest score.

    Returns
    -------
    DataFrame
        One row, ``madrs_baseline``, for the argument `extra` of `virtual_patients`; `centre` is
        the mean before the cut, and `cv` the SD before the cut over the mean after it.

    Raises
    ------
    InputError
        If no truncated normal distribution has this mean and SD.
    """
    import pandas as pd

    from ketasim.population.truncation import truncated_normal

    centre, scale = truncated_normal(mean, sd, entry, ceiling, where="entry criterion")
    # After a strict cut the centre of the bell lies below the bound, where no typical value can be.
    row = {
        "value": float(mean),
        "centre": centre,
        "unit": "point",
        "distribution": "normal",
        "cv": scale / mean,
        "lower": float(entry),
        "upper": float(ceiling),
        "status": "derived",
        "source": "",
        "note": f"Mean {mean:g} and SD {sd:g} after a cut at {entry:g}",
    }
    return pd.DataFrame(row, index=pd.Index(["madrs_baseline"], name="id"))
