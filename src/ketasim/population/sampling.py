"""Drawing virtual patients: who they are, and what is not known about the model they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError, ModelError, unknown_name
from ketasim.population.cohort import PATIENT, Cohort
from ketasim.population.correlation import correlate, correlation_matrix
from ketasim.population.covariates import (
    CLINICAL,
    clinical_columns,
    clinical_rows,
    effect_columns,
    effect_factors,
    people_rows,
)
from ketasim.population.distributions import Spread
from ketasim.population.draws import normal_draws, quasi_uniform, random_uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd

    from ketasim.model import Model

__all__ = ["SAMPLINGS", "posterior_draws", "virtual_patients"]

SAMPLINGS = ("quasi", "random")
"""How people are drawn: evenly (a scrambled Sobol sequence), or independently of each other."""

_ALWAYS = ("weight", "age")
_FEMALE_SHARE, _SEX = "female_share", "sex"
_MOST_PATIENTS = 2**30
_MOST_REDRAWS = 100


def virtual_patients(
    model: Model,
    patients: int,
    seed: int = 1,
    *,
    first: int = 0,
    uncertainty: bool = True,
    extra: pd.DataFrame | None = None,
    sampling: str = "quasi",
    correlations: pd.DataFrame | None = None,
    clinical: bool = False,
    effects: Sequence[str] = (),
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
        distribution, cv, lower, upper); they take the place of rows of the same id, shares of
        clinical covariates included. `entry_severity` makes the row of a trial's entry criterion.
    sampling : {"quasi", "random"}, optional
        Evenly spread people, or people drawn independently of each other, whose means scatter as
        those of a trial do.
    correlations : DataFrame, optional
        Pairs that go together, as in `correlation_table`; by default everybody's values are
        independent. Columns of text are named by the column; the score of ``sex`` rises from
        women to men, that of the others from no to yes and in the order of their levels.
    clinical : bool, optional
        Whether the patients also have diagnosis, treatment resistance, antidepressant,
        hypertension and CYP2B6 genotype. They leave the other columns as they are, and do nothing
        to the model unless `effects` says so.
    effects : sequence of {"cyp2b6", "sex", "antidepressant"}, optional
        What covariates do to parameters, by name in `effect_table`; with one, the cohort has the
        clinical covariates too.

    Returns
    -------
    Cohort
        Columns: parameters that vary, calibrated parameters, ``weight`` (kg), ``age`` (year),
        ``madrs_baseline`` (points) and ``sex``; the clinical covariates where asked for.

    Raises
    ------
    InputError
        If the number of patients or the seed is impossible.
    ModelError
        If a row's distribution or a correlation is.
    UnknownNameError
        If there is no such sampling or effect, or a correlation names what is not drawn.

    Examples
    --------
    >>> from ketasim.model import load_model
    >>> model = load_model("article")
    >>> few, many = virtual_patients(model, 4), virtual_patients(model, 40)
    >>> few.table.equals(many.table.head(4))
    True
    """
    _check(patients, seed, first, sampling)
    clinical = clinical or bool(effects)
    if extra is not None:
        _check_extra(extra)
    shares = clinical_rows(extra)
    if extra is not None:
        extra = extra.drop(index=extra.index.intersection(shares.index))
    rows = _rows(model, extra)
    numbers = np.arange(first, first + patients)
    typical = posterior_draws(model, seed, numbers) if uncertainty else {}
    names = [_SEX if name == _FEMALE_SHARE else str(name) for name in rows.index]
    uniform = _uniform(seed, first, patients, names, sampling, clinical, correlations)
    levels = _levels(uniform, rows, shares, clinical)
    every = _shares(rows, shares)
    factors = effect_factors(effects, levels, every)
    columns: dict[str, object] = {}
    cut: dict[str, float] = {}
    for name, (_, row) in zip(names, rows.iterrows(), strict=True):
        if name == _SEX:
            columns[_SEX] = levels[_SEX]
            continue
        spread = Spread.from_row(name, row)
        if spread.kind != "fixed" or name in typical or name in _ALWAYS or _given(name, extra):
            own = _typical(spread, row, typical.get(name), factors.get(name), patients)
            columns[name] = spread.quantile(uniform[name], own)
            cut[name] = spread.cut_around(_centre(spread, row))
    cohort = _cohort(columns, numbers, seed, rows, cut, bool(typical))
    return _with_clinical(cohort, levels, shares, effects) if clinical else cohort


def _uniform(
    seed: int,
    first: int,
    patients: int,
    names: list[str],
    sampling: str,
    clinical: bool,
    correlations: pd.DataFrame | None,
) -> dict[str, npt.NDArray[np.float64]]:
    draw = quasi_uniform if sampling == "quasi" else random_uniform
    uniform = draw(seed, "people", first, patients, len(names))
    if clinical:
        own = [random_uniform(seed, f"covariate {one}", first, patients, 1) for one in CLINICAL]
        names, uniform = [*names, *CLINICAL], np.concatenate([uniform, *own], axis=1)
    if correlations is not None:
        uniform = correlate(uniform, correlation_matrix(correlations, names))
    return {name: uniform[:, place] for place, name in enumerate(names)}


def _levels(
    uniform: dict[str, npt.NDArray[np.float64]],
    rows: pd.DataFrame,
    shares: pd.DataFrame,
    clinical: bool,
) -> dict[str, npt.NDArray[Any]]:
    women = uniform[_SEX] < float(rows["value"][_FEMALE_SHARE])
    sex = {_SEX: np.where(women, "female", "male")}
    return {**sex, **clinical_columns(shares, uniform)} if clinical else sex


def _shares(rows: pd.DataFrame, shares: pd.DataFrame) -> dict[str, dict[str, float]]:
    women = float(rows["value"][_FEMALE_SHARE])
    every = {name: shares_of(shares["value"]) for name, shares_of in CLINICAL.items()}
    return {_SEX: {"female": women, "male": 1 - women}, **every}


def _centre(spread: Spread, row: pd.Series) -> float:
    # A cut bell may be centred where no patient is, so the row says its centre apart.
    centre = float(row.get("centre", np.nan))
    return spread.median if np.isnan(centre) else centre


def _typical(
    spread: Spread,
    row: pd.Series,
    posterior: npt.NDArray[np.float64] | None,
    factor: npt.NDArray[np.float64] | None,
    patients: int,
) -> npt.NDArray[np.float64]:
    typical = np.full(patients, _centre(spread, row)) if posterior is None else posterior
    return typical if factor is None else typical * factor


def _with_clinical(
    cohort: Cohort,
    levels: dict[str, npt.NDArray[Any]],
    shares: pd.DataFrame,
    effects: Sequence[str],
) -> Cohort:
    import pandas as pd

    added, about = effect_columns(effects, levels)
    table = cohort.table.assign(**{name: levels[name] for name in CLINICAL}, **added)
    sources = {
        name: {
            "unit": "dimensionless",
            "distribution": "levels",
            "note": "; ".join(f"{k} {v:.1%}" for k, v in of(shares["value"]).items()),
        }
        for name, of in CLINICAL.items()
    }
    rows = pd.concat([cohort.rows, pd.DataFrame.from_dict(sources, orient="index"), about])
    said = f"covariates act on parameters: {', '.join(effects)}" if effects else ""
    silent = "clinical covariates do nothing to the model"
    return Cohort(table, cohort.seed, rows, (*cohort.notes, said or silent))


def _check(patients: int, seed: int, first: int, sampling: str) -> None:
    if not 1 <= patients <= _MOST_PATIENTS - first:
        raise InputError(f"{patients} patients are not possible", expected="at least 1")
    if first < 0:
        raise InputError(f"there is no patient {first}", expected="numbers from 0 on")
    if seed < 0:
        raise InputError(f"the seed {seed} is negative", expected="0, 1, 2 ...")
    if sampling not in SAMPLINGS:
        raise unknown_name("way of sampling", sampling, SAMPLINGS)


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
    parts = [varying, people_rows(), calibrated, always]
    rows = pd.concat([part for part in parts if len(part)])
    rows = rows[~rows.index.duplicated()]
    if extra is not None:
        # A row that takes another's place also takes its dimension of the sequence.
        order = rows.index.union(extra.index, sort=False)
        rows = pd.concat([rows, extra])
        rows = rows[~rows.index.duplicated(keep="last")].loc[order]
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
