"""Drawing virtual patients: who they are, and what is not known about the model they share."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError, ModelError
from ketasim.population.cohort import PATIENT, Cohort
from ketasim.population.distributions import Spread
from ketasim.population.draws import normal_draws, quasi_uniform

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from ketasim.model import Model

__all__ = ["covariate_table", "posterior_draws", "virtual_patients"]

_COVARIATES = Path(__file__).parent / "covariates.csv"
_ALWAYS = ("weight", "age")
_FEMALE_SHARE, _SEX = "female_share", "sex"
_MOST_PATIENTS = 2**30
_MOST_REDRAWS = 100


@cache
def _shipped_covariates() -> pd.DataFrame:
    import pandas as pd

    table = pd.read_csv(_COVARIATES, index_col="id", dtype={"note": str, "source": str})
    return table.astype(dict.fromkeys(("value", "cv", "lower", "upper"), float))


def covariate_table() -> pd.DataFrame:
    """Return the covariates that are no parameters of the model.

    Returns
    -------
    DataFrame
        Columns as in the model's parameter tables, indexed by id: ``madrs_baseline`` (points)
        and ``female_share`` (the share of women, from which ``sex`` is drawn).
    """
    return _shipped_covariates().copy()


def virtual_patients(
    model: Model,
    patients: int,
    seed: int = 1,
    *,
    first: int = 0,
    uncertainty: bool = True,
    extra: pd.DataFrame | None = None,
) -> Cohort:
    """Draw virtual patients.

    Every parameter of the model's table that has a distribution is drawn for each patient, from a
    scrambled Sobol sequence keyed by (seed, patient); bounds truncate the distributions. With
    `uncertainty`, each patient also has a draw from the posterior of the calibrated parameters,
    from an independent stream with the same key, so that an interval over the cohort holds both
    the variability between people and what is not known about the model.

    Parameters
    ----------
    model : Model
        Its parameter table, calibration and hypothesis.
    patients : int
        How many.
    seed : int, optional
        Patient k of a seed is the same patient in every cohort that holds them.
    first : int, optional
        Number of the first patient.
    uncertainty : bool, optional
        Whether calibrated parameters differ between patients as the posterior says.
    extra : DataFrame, optional
        Further rows, indexed by id, with the columns of a parameter table (value, unit,
        distribution, cv, lower, upper); they take the place of rows of the same id.

    Returns
    -------
    Cohort
        Columns: parameters that vary, calibrated parameters, ``weight`` (kg), ``age`` (year),
        ``madrs_baseline`` (points) and ``sex``.

    Raises
    ------
    InputError
        If the number of patients or the seed is impossible.
    ModelError
        If a row's distribution is.

    Examples
    --------
    >>> from ketasim.model import load_model
    >>> model = load_model("article")
    >>> few, many = virtual_patients(model, 4), virtual_patients(model, 40)
    >>> few.table.equals(many.table.head(4))
    True
    """
    _check(patients, seed, first)
    rows = _rows(model, extra)
    numbers = np.arange(first, first + patients)
    typical = posterior_draws(model, seed, numbers) if uncertainty else {}
    uniform = quasi_uniform(seed, "people", first, patients, len(rows))
    columns: dict[str, object] = {}
    cut: dict[str, float] = {}
    for place, (name, row) in enumerate(rows.iterrows()):
        spread = Spread.from_row(str(name), row)
        if name == _FEMALE_SHARE:
            columns[_SEX] = np.where(uniform[:, place] < spread.median, "female", "male")
        elif spread.kind != "fixed" or name in typical or name in _ALWAYS or _given(name, extra):
            columns[str(name)] = spread.quantile(uniform[:, place], typical.get(str(name)))
            cut[str(name)] = spread.cut
    return _cohort(columns, numbers, seed, rows, cut, bool(typical))


def _check(patients: int, seed: int, first: int) -> None:
    if not 1 <= patients <= _MOST_PATIENTS - first:
        raise InputError(f"{patients} patients are not possible", expected="at least 1")
    if first < 0:
        raise InputError(f"there is no patient {first}", expected="numbers from 0 on")
    if seed < 0:
        raise InputError(f"the seed {seed} is negative", expected="0, 1, 2 ...")


def _given(name: object, extra: pd.DataFrame | None) -> bool:
    return extra is not None and name in extra.index


def _rows(model: Model, extra: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows that may vary, medians after calibration and hypothesis.

    The rows keep their order, and with it their dimension of the sequence: what one hypothesis
    calibrates or fixes must not shift the patients of the others.
    """
    import pandas as pd

    varying = model.table[model.table["distribution"] != "fixed"]
    calibrated = model.table.reindex(model.covariance().index.difference(varying.index))
    always = model.table.reindex([one for one in _ALWAYS if one in model.table.index])
    parts = [varying, covariate_table(), calibrated, always]
    rows = pd.concat([part for part in parts if len(part)])
    rows = rows[~rows.index.duplicated()]
    if extra is not None:
        _check_extra(extra)
        rows = pd.concat([rows, extra])
        rows = rows[~rows.index.duplicated(keep="last")]
    values = model.values()
    known = [name for name in rows.index if name in values and not _given(name, extra)]
    rows.loc[known, "value"] = [values[str(name)] for name in known]
    return rows


def _check_extra(extra: pd.DataFrame) -> None:
    needed = ("value", "unit", "distribution", "cv", "lower", "upper")
    missing = [name for name in needed if name not in extra.columns]
    if missing:
        raise ModelError(
            f"the column '{missing[0]}' is missing",
            where="extra table",
            expected=", ".join(needed),
        )


def _cohort(
    columns: dict[str, object],
    numbers: npt.NDArray[np.int64],
    seed: int,
    rows: pd.DataFrame,
    cut: dict[str, float],
    uncertain: bool,
) -> Cohort:
    import pandas as pd

    names = [_FEMALE_SHARE if name == _SEX else name for name in columns]
    origin = rows.loc[names].rename(columns={"value": "typical"}, index={_FEMALE_SHARE: _SEX})
    origin["cut"] = [cut.get(name, 0.0) for name in columns]
    held = [f"{name} ({share:.1%})" for name, share in cut.items() if share >= 0.001]
    notes = []
    if held:
        notes.append("bounds truncate " + ", ".join(held))
    if uncertain:
        notes.append("calibrated parameters are drawn from their posterior, one draw a patient")
    table = pd.DataFrame(columns, index=pd.Index(numbers, name=PATIENT))
    return Cohort(table, seed, origin, tuple(notes))


def posterior_draws(
    model: Model, seed: int, patients: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.float64]]:
    """Draw the calibrated parameters from their posterior, one draw a patient.

    The posterior is log-normal: its median is the calibrated value, the covariance of the
    logarithms is the model's. A draw outside the bounds of the parameter table is drawn again, so
    that the posterior is truncated as a whole.

    Parameters
    ----------
    model : Model
        With its covariance.
    seed : int
        Seed of the cohort.
    patients : ndarray of int, shape (n_patients,)
        Numbers of the patients.

    Returns
    -------
    dict of str to ndarray, shape (n_patients,)
        By parameter; without those that the hypothesis itself sets, and empty for a model that
        was not calibrated.
    """
    covariance = model.covariance()
    free = [name for name in covariance.index if name not in model.hypothesis.values]
    if not free:
        return {}
    values = model.values()
    centre = np.log([values[name] for name in free])
    factor = _cholesky(covariance.loc[free, free].to_numpy(dtype=np.float64))
    low, high = _log_bounds(model, free)
    drawn = np.empty((len(patients), len(free)))
    left = np.arange(len(patients))
    for attempt in range(_MOST_REDRAWS):
        z = normal_draws(seed, f"posterior {attempt}", patients[left], len(free))
        drawn[left] = _correlated(centre, z, factor)
        left = left[((drawn[left] < low) | (drawn[left] > high)).any(axis=1)]
        if not left.size:
            break
    drawn = np.exp(np.clip(drawn, low, high))
    return {str(name): drawn[:, place] for place, name in enumerate(free)}


def _correlated(
    centre: npt.NDArray[np.float64], z: npt.NDArray[np.float64], factor: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    # A matrix product rounds differently with the number of rows, and then a patient's numbers
    # would depend on the size of the cohort.
    total = np.repeat(centre[None, :], len(z), axis=0)
    for place in range(z.shape[1]):
        total += z[:, place, None] * factor[None, :, place]
    return total


def _cholesky(covariance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # Parameters that the data cannot tell apart make the matrix singular to rounding.
    try:
        return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    except np.linalg.LinAlgError:
        ridge = 1e-9 * np.diag(np.maximum(np.diag(covariance), 1e-12))
    try:
        return np.asarray(np.linalg.cholesky(covariance + ridge), dtype=np.float64)
    except np.linalg.LinAlgError as error:
        raise ModelError("the covariance has a negative variance", where="calibration") from error


def _log_bounds(
    model: Model, names: list[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rows = model.table.loc[names]
    with np.errstate(divide="ignore"):
        low = np.log(rows["lower"].fillna(0.0).clip(lower=0.0).to_numpy(dtype=np.float64))
        high = np.log(rows["upper"].fillna(np.inf).to_numpy(dtype=np.float64))
    return low, high
