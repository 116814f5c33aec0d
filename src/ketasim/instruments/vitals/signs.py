"""The three vital signs, the numbers behind them, and how a reading comes about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.draws import normal_draws

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["VITAL_SIGNS", "VitalSign", "expected_maximum", "vital_constants", "vital_sign"]

_FILE = Path(__file__).with_name("vitals.csv")
_REFERENCE_AGE = 45.0
_OLD, _MIDDLE = 65.0, 50.0
_TITLES = {
    "sbp": ("Systolic blood pressure", "mmHg", "sbp_rise"),
    "dbp": ("Diastolic blood pressure", "mmHg", "dbp_rise"),
    "heart_rate": ("Heart rate", "1/minute", "hr_rise"),
}

VITAL_SIGNS = tuple(_TITLES)
"""Names of the vital signs."""


@cache
def _table() -> pd.DataFrame:
    import pandas as pd

    table = pd.read_csv(_FILE, index_col="id", keep_default_na=False)
    return table.astype({"value": float})


def vital_constants() -> pd.DataFrame:
    """Return the numbers behind the vital signs (a copy).

    Returns
    -------
    DataFrame
        Indexed by ``id``; columns ``value``, ``unit``, ``status``, ``source``, ``note``. Rows with
        status ``derived`` are recomputed by `fit_vitals`.
    """
    return _table().copy()


def expected_maximum(readings: int) -> float:
    """Return the expected largest of independent standard normal readings.

    Parameters
    ----------
    readings : int
        How many; at least one.

    Returns
    -------
    float
        By the integral of ``x d(F(x)^n)``; 1.0294 for four.

    Raises
    ------
    InputError
        If there is no reading.
    """
    from scipy.integrate import quad
    from scipy.stats import norm

    if readings < 1:
        raise InputError(f"{readings} readings have no maximum", expected="at least 1")
    n = readings
    value, _ = quad(lambda x: n * x * norm.pdf(x) * norm.cdf(x) ** (n - 1), -np.inf, np.inf)
    return float(value)


@dataclass(frozen=True)
class VitalSign:
    """One vital sign.

    Parameters
    ----------
    name, title, unit : str
        Name in code, name in print, and unit.
    needs : str
        The model's output that is read: the rise of the typical patient.
    rest, rest_sd, rest_decade, rest_hypertension : float
        Level before dosing: mean at 45 years, SD between people, change for ten years of age, and
        what hypertension adds.
    within_sd, within_sd_65 : float
        SD of a reading within a person, below 65 years and from then on.
    gain_cv, gain_from_50, gain_from_65, gain_hypertension : float
        How people differ in the rise: CV between people (lognormal, mean 1), and the factors from
        50 to 64 years, from 65 years on, and with hypertension.
    """

    name: str
    title: str
    unit: str
    needs: str
    rest: float
    rest_sd: float
    rest_decade: float
    rest_hypertension: float
    within_sd: float
    within_sd_65: float
    gain_cv: float
    gain_from_50: float
    gain_from_65: float
    gain_hypertension: float

    def resting(
        self,
        age: NDArray[np.float64],
        hypertension: NDArray[np.bool_],
        seed: int,
        patients: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return the patients' own levels before dosing, shape (n_patients,).

        Parameters
        ----------
        age : ndarray, shape (n_patients,)
            Years.
        hypertension : ndarray of bool, shape (n_patients,)
            Whether the patient has it.
        seed : int
            Seed of the run.
        patients : ndarray of int, shape (n_patients,)
            Patient numbers.
        """
        own = normal_draws(seed, f"{self.name} at rest", patients)[:, 0]
        years = (age - _REFERENCE_AGE) / 10.0
        return np.asarray(
            self.rest
            + self.rest_decade * years
            + self.rest_hypertension * hypertension
            + self.rest_sd * own
        )

    def gain(
        self,
        age: NDArray[np.float64],
        hypertension: NDArray[np.bool_],
        seed: int,
        patients: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return by what the model's rise is multiplied in each patient, shape (n_patients,).

        Parameters
        ----------
        age, hypertension, seed, patients
            As for `resting`. The draw is the same for the three signs: who responds with pressure
            also responds with pulse.
        """
        log_sd = np.sqrt(np.log1p(self.gain_cv**2))
        own = normal_draws(seed, "gain of vital signs", patients)[:, 0]
        factor = np.exp(log_sd * own - 0.5 * log_sd**2)
        older = np.where(age >= _OLD, self.gain_from_65, self.gain_from_50)
        factor = factor * np.where(age >= _MIDDLE, older, 1.0)
        return np.asarray(factor * np.where(hypertension, self.gain_hypertension, 1.0))

    def noise_sd(self, age: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the SD of one reading around the patient's own level, by age in years."""
        return np.where(age >= _OLD, self.within_sd_65, self.within_sd)

    def readings(
        self,
        rise: NDArray[np.float64],
        times_h: NDArray[np.float64],
        cohort: pd.DataFrame,
        seed: int,
        *,
        noise: bool = True,
    ) -> NDArray[np.float64]:
        """Return what a cuff would read.

        Parameters
        ----------
        rise : ndarray, shape (n_patients, n_times)
            The model's rise, in the unit of the sign.
        times_h : ndarray, shape (n_times,)
            When it is read; each reading has an error that belongs to (seed, patient, time).
        cohort : DataFrame, one row a patient
            Column ``age``; ``hypertension`` (``yes`` or ``no``) where there is one, else nobody
            counts as hypertensive.
        seed : int
            Seed of the run.
        noise : bool, optional
            False leaves out the error of a reading; people still differ.

        Returns
        -------
        ndarray, shape (n_patients, n_times)
            Resting level, rise times the patient's gain, and error.

        Raises
        ------
        InputError
            If the cohort has no column ``age``.
        """
        age, hypertension = covariates(cohort)
        patients = np.asarray(cohort.index, dtype=np.int64)
        level = self.resting(age, hypertension, seed, patients)[:, None]
        level = level + rise * self.gain(age, hypertension, seed, patients)[:, None]
        if not noise:
            return np.asarray(level)
        draws = [
            normal_draws(seed, f"{self.name} read at {time:.6f} h", patients)[:, 0]
            for time in times_h
        ]
        return np.asarray(level + self.noise_sd(age)[:, None] * np.stack(draws, axis=1))


def covariates(cohort: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return age in years and whether each patient of a cohort's table has hypertension."""
    if "age" not in cohort.columns:
        raise InputError(
            "the cohort has no column 'age'", where="cohort table", expected="age in years"
        )
    age = np.asarray(cohort["age"], dtype=np.float64)
    if "hypertension" not in cohort.columns:
        return age, np.zeros(age.size, dtype=bool)
    return age, np.asarray(cohort["hypertension"] == "yes")


@cache
def vital_sign(name: str) -> VitalSign:
    """Return a vital sign by name.

    Parameters
    ----------
    name : str
        One of `VITAL_SIGNS`.

    Raises
    ------
    UnknownNameError
        If there is none of that name; says the nearest.

    Examples
    --------
    >>> vital_sign("sbp").unit
    'mmHg'
    """
    if name not in _TITLES:
        raise unknown_name("vital sign", name, VITAL_SIGNS)
    title, unit, needs = _TITLES[name]
    value = _table()["value"]
    own = ("rest", "rest_sd", "rest_decade", "rest_hypertension", "within_sd", "within_sd_65")
    numbers = {one: float(value[f"{name}_{one}"]) for one in own}
    pulse = name == "heart_rate"
    return VitalSign(
        name=name,
        title=title,
        unit=unit,
        needs=needs,
        **numbers,
        gain_cv=float(value["gain_cv"]),
        gain_from_50=1.0 if pulse else float(value["gain_from_50"]),
        gain_from_65=1.0 if pulse else float(value["gain_from_65"]),
        gain_hypertension=float(
            value["heart_rate_gain_hypertension" if pulse else "gain_hypertension"]
        ),
    )
