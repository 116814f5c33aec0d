"""The numbers of vital signs that are derived from published ones, computed again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ketasim.instruments.draws import normal_draws
from ketasim.instruments.vitals.sessions import READINGS_H
from ketasim.instruments.vitals.signs import VitalSign, covariates, expected_maximum, vital_sign

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.model import Model
    from ketasim.population import Cohort

__all__ = ["fit_vitals", "older_ages"]

_DOSES_MG = (56, 84)
_INFUSION = "ketamine 0.5 mg/kg iv over 40 min"
_END_OF_INFUSION_H = 2 / 3
_OLD = 65.0
_OLDER_DOSES_MG = (28, 56, 84)
_YOUNG, _OLDER = "TRD 18-64 y", "TRD >=65 y"
_SESSIONS = 8
_ROUNDS = 4


def fit_vitals(model: Model | None = None, patients: int = 1000, seed: int = 1) -> dict[str, float]:
    """Compute the derived numbers of the vital signs from the published ones.

    Noise within people comes from placebo's mean of maxima alone (closed form). The slopes on the
    arterial S-ketamine concentration are those with which patients of 18 to 64 years under 56 and
    84 mg of nasal esketamine, half each, have the published mean of maxima. The CV between people
    is that with which the systolic change 40 min into an infusion has the published SD. The factor
    from 65 years on is that with which 28, 56 and 84 mg, a third each, have theirs.

    Parameters
    ----------
    model : Model, optional
        By default the article's.
    patients : int, optional
        Size of the cohort, which has hypertension in the share of the population room.
    seed : int, optional
        Its seed.

    Returns
    -------
    dict of str to float
        ``sbp_within_sd``, ``sbp_within_sd_65``, the same for ``dbp``, ``gain_cv``,
        ``gain_from_65`` (all in ``vitals.csv``), and ``sbp_slope``, ``dbp_slope`` (in the model's
        ``safety.csv``).
    """
    from ketasim.model import load_model
    from ketasim.population import virtual_patients

    chosen = load_model("article") if model is None else model
    cohort = virtual_patients(chosen, patients, seed, clinical=True)
    sprays = _sprays(chosen, cohort, _DOSES_MG)
    infusion = _concentration(chosen, cohort, _INFUSION, (_END_OF_INFUSION_H,))[:, 0]
    largest = expected_maximum(len(READINGS_H))
    found = {
        f"{name}_within_sd{age}": _published_maximum(name, "placebo", group) / largest
        for name in ("sbp", "dbp")
        for age, group in (("", _YOUNG), ("_65", _OLDER))
    }
    signs = {
        name: replace(
            vital_sign(name),
            within_sd=found[f"{name}_within_sd"], within_sd_65=found[f"{name}_within_sd_65"],
        )
        for name in ("sbp", "dbp")
    }  # fmt: skip
    noise = {name: _noise(one, cohort.table, seed, _YOUNG) for name, one in signs.items()}
    cv = signs["sbp"].gain_cv
    for _ in range(_ROUNDS):
        signs = {name: replace(one, gain_cv=cv) for name, one in signs.items()}
        slope = _slope(signs["sbp"], sprays, noise["sbp"], cohort.table, seed)
        cv = _gain_cv(signs["sbp"], slope * infusion, cohort.table, seed)
    found["gain_cv"] = cv
    for name, sign in signs.items():
        found[f"{name}_slope"] = _slope(sign, sprays, noise[name], cohort.table, seed)
    old = virtual_patients(chosen, patients, seed, clinical=True, extra=older_ages())
    sprays = _sprays(chosen, old, _OLDER_DOSES_MG)
    found["gain_from_65"] = _older_gain(signs["sbp"], found["sbp_slope"], sprays, old.table, seed)
    return found


def older_ages() -> pd.DataFrame:
    """Return the row that draws patients of 65 to 85 years, for the argument `extra` of a cohort.

    A mean of 70 years is assumed; ages of the trial of older patients are not in the evidence.
    """
    import pandas as pd

    row = {
        "value": 70.0, "unit": "year", "distribution": "normal", "cv": 0.06, "lower": 65.0,
        "upper": 85.0,
    }  # fmt: skip
    return pd.DataFrame(row, index=pd.Index(["age"], name="id"))


def _published_maximum(name: str, drug: str, population: str) -> float:
    from ketasim.evidence import load

    rows = load("safety_timecourse")
    kept = rows[
        (rows["measure"] == f"{name.upper()} change")
        & (rows["drug"] == drug)
        & (rows["population"] == population)
    ]
    return float(kept["value"].astype(float).iloc[0])


def _concentration(
    model: Model, cohort: Cohort, regimen: str, times: tuple[float, ...]
) -> NDArray[np.float64]:
    from ketasim.simulate import simulate

    run = simulate(
        model, regimen, cohort=cohort, times=list(times), outputs=["c_s_arterial"], progress=False
    )
    return np.asarray(run.dataset["c_s_arterial"].values, dtype=np.float64)


def _sprays(model: Model, cohort: Cohort, doses: tuple[int, ...]) -> list[NDArray[np.float64]]:
    return [
        _concentration(model, cohort, f"esketamine {dose} mg nasal", READINGS_H) for dose in doses
    ]


def _noise(sign: VitalSign, cohort: pd.DataFrame, seed: int, group: str) -> NDArray[np.float64]:
    """Return changes without drug, shape (n_patients, n_sessions, n_readings)."""
    age, _ = covariates(cohort)
    patients = np.asarray(cohort.index, dtype=np.int64)
    count = len(READINGS_H) + 1
    draws = normal_draws(seed, "noise of a fit", patients, _SESSIONS * count)
    draws = sign.noise_sd(age)[:, None, None] * draws.reshape(-1, _SESSIONS, count)
    noise = draws[:, :, 1:] - draws[:, :, :1]
    kept = age < _OLD if group == _YOUNG else age >= _OLD
    # Without drug the drawn noise must have placebo's mean of maxima, whatever the draws.
    wanted = _published_maximum(sign.name, "placebo", group)
    return np.asarray(noise + (wanted - noise.max(axis=2)[kept].mean()))


def _mean_maximum(
    rises: list[NDArray[np.float64]], noise: NDArray[np.float64], kept: NDArray[np.bool_]
) -> float:
    return float(np.mean([(one[:, None, :] + noise).max(axis=2)[kept].mean() for one in rises]))


def _slope(
    sign: VitalSign,
    sprays: list[NDArray[np.float64]],
    noise: NDArray[np.float64],
    cohort: pd.DataFrame,
    seed: int,
) -> float:
    from scipy.optimize import brentq

    age, hypertension = covariates(cohort)
    gain = sign.gain(age, hypertension, seed, np.asarray(cohort.index, dtype=np.int64))[:, None]
    wanted = _published_maximum(sign.name, "esketamine", _YOUNG)

    def missing(slope: float) -> float:
        return _mean_maximum([slope * gain * one for one in sprays], noise, age < _OLD) - wanted

    return float(brentq(missing, 0.1, 100.0, xtol=1e-6))


def _older_gain(
    sign: VitalSign,
    slope: float,
    sprays: list[NDArray[np.float64]],
    cohort: pd.DataFrame,
    seed: int,
) -> float:
    from scipy.optimize import brentq

    age, hypertension = covariates(cohort)
    patients = np.asarray(cohort.index, dtype=np.int64)
    plain = replace(sign, gain_from_65=1.0).gain(age, hypertension, seed, patients)[:, None]
    noise = _noise(sign, cohort, seed, _OLDER)
    wanted = _published_maximum(sign.name, "esketamine", _OLDER)

    def missing(factor: float) -> float:
        rises = [slope * factor * plain * one for one in sprays]
        return _mean_maximum(rises, noise, age >= _OLD) - wanted

    return float(brentq(missing, 0.05, 5.0, xtol=1e-6))


def _gain_cv(sign: VitalSign, rise: NDArray[np.float64], cohort: pd.DataFrame, seed: int) -> float:
    from scipy.optimize import brentq

    from ketasim.evidence import load

    rows = load("safety_timecourse")
    source = rows["source"].str.startswith("Yale 2024") & (rows["measure"] == "SBP change")
    # The SD stands in the statistic, "mean (SD 11.2)".
    wanted = float(rows.loc[source, "statistic"].iloc[0].split("SD")[1].strip(" )"))
    age, hypertension = covariates(cohort)
    patients = np.asarray(cohort.index, dtype=np.int64)
    noise = 2.0 * float(np.mean(sign.noise_sd(age) ** 2))

    def missing(cv: float) -> float:
        gain = replace(sign, gain_cv=cv).gain(age, hypertension, seed, patients)
        return float(np.sqrt(np.var(rise * gain) + noise)) - wanted

    return float(brentq(missing, 0.05, 3.0, xtol=1e-6))
