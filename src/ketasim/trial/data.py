"""What an analysis of a trial sees, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketasim.errors import InputError, unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Estimate", "TrialData"]


@dataclass(frozen=True, eq=False)
class TrialData:
    """The data of one trial, one row a patient.

    Parameters
    ----------
    arm : ndarray of int, shape (n_patients,)
        Index into `arms`.
    baseline : ndarray, shape (n_patients,)
        Score before the first dose, in points of the scale; NaN for missing.
    values : ndarray, shape (n_patients, n_visits)
        Score at each visit, in points of the scale; NaN for missing.
    visits_h : ndarray, shape (n_visits,)
        Hours after the first dose, increasing.
    arms : tuple of str
        Names of the arms.
    scale : str, optional
        Name of the rating scale.
    stratum : ndarray of int, shape (n_patients,), optional
        Stratum of the randomisation; one stratum if left out.
    missing_why : ndarray, shape (n_patients, n_visits), optional
        Why a value is missing, as codes or words.
    stopped_h : ndarray, shape (n_patients,), optional
        Hours after the first dose at which the patient left the allocated treatment (the
        intercurrent event); NaN for who never did. A visit at the very hour still counts as on
        treatment.
    event_h : ndarray, shape (n_patients,), optional
        Hours to the relapse or to the end of the follow-up.
    event : ndarray of bool, shape (n_patients,), optional
        True where `event_h` is a relapse, false where it is the end of the follow-up.
    period : ndarray of int, shape (n_patients,), optional
        Period of a crossover, whose rows are a patient in a period, with the baseline of the period.
    patient : ndarray of int, shape (n_patients,), optional
        Who a row belongs to; needed for a crossover, where a patient has several rows.
    visit_names : tuple of str, optional
        Names of the visits.

    Raises
    ------
    InputError
        If the shapes disagree, an arm index is out of range, the visits do not increase, or a
        number is infinite.
    """

    arm: NDArray[np.int64]
    baseline: NDArray[np.float64]
    values: NDArray[np.float64]
    visits_h: NDArray[np.float64]
    arms: tuple[str, ...]
    scale: str = "madrs"
    stratum: NDArray[np.int64] | None = None
    missing_why: NDArray[Any] | None = None
    stopped_h: NDArray[np.float64] | None = None
    event_h: NDArray[np.float64] | None = None
    event: NDArray[np.bool_] | None = None
    period: NDArray[np.int64] | None = None
    patient: NDArray[np.int64] | None = None
    visit_names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        self._check_shapes()
        if self.arm.size and not (self.arm.min() >= 0 and self.arm.max() < len(self.arms)):
            raise InputError(
                f"an arm index lies outside the {len(self.arms)} arms", where="trial data"
            )
        if len(set(self.arms)) != len(self.arms):
            raise InputError("two arms have the same name", where="trial data")
        if np.any(np.diff(self.visits_h) <= 0):
            raise InputError("the visits do not increase in time", where="trial data")
        if np.isinf(self.values).any() or np.isinf(self.baseline).any():
            raise InputError(
                "a score is infinite", where="trial data", expected="NaN for a missing score"
            )

    def _check_shapes(self) -> None:
        n, visits = self.arm.shape[0], self.visits_h.shape[0]
        wanted: dict[str, tuple[int, ...]] = {
            "arm": (n,),
            "baseline": (n,),
            "values": (n, visits),
            "stratum": (n,),
            "missing_why": (n, visits),
            "stopped_h": (n,),
            "event_h": (n,),
            "event": (n,),
            "period": (n,),
            "patient": (n,),
        }
        for name, shape in wanted.items():
            given = getattr(self, name)
            if given is not None and given.shape != shape:
                raise InputError(
                    f"'{name}' has the shape {given.shape}",
                    where="trial data",
                    expected=f"{shape} for {n} patients and {visits} visits",
                )
        if self.visit_names and len(self.visit_names) != visits:
            raise InputError(
                f"{len(self.visit_names)} names for {visits} visits", where="trial data"
            )
        if (self.event is None) != (self.event_h is None):
            raise InputError("'event' and 'event_h' belong together", where="trial data")

    @property
    def n_patients(self) -> int:
        """Number of rows: randomised patients, or in a crossover patients times periods."""
        return int(self.arm.shape[0])

    @property
    def change(self) -> NDArray[np.float64]:
        """Change from baseline, shape (n_patients, n_visits); negative means better."""
        return np.asarray(self.values - self.baseline[:, None])

    @property
    def strata(self) -> NDArray[np.int64]:
        """Stratum of each patient; all zero for a trial without strata."""
        return np.zeros(self.n_patients, np.int64) if self.stratum is None else self.stratum

    @property
    def stopped(self) -> NDArray[np.float64]:
        """Hours to the intercurrent event; NaN for who never had one."""
        return np.full(self.n_patients, np.nan) if self.stopped_h is None else self.stopped_h

    @property
    def after_stop(self) -> NDArray[np.bool_]:
        """Whether a visit comes after the intercurrent event, shape (n_patients, n_visits)."""
        return np.asarray(self.visits_h[None, :] > self.stopped[:, None])

    def arm_index(self, name: str) -> int:
        """Return the index of an arm.

        Parameters
        ----------
        name : str
            Name of the arm.

        Returns
        -------
        int
            Its place in `arms`.

        Raises
        ------
        UnknownNameError
            If no arm has that name.
        """
        if name not in self.arms:
            raise unknown_name("arm", name, self.arms)
        return self.arms.index(name)

    def visit_index(self, visit: str | float) -> int:
        """Return the index of a visit.

        Parameters
        ----------
        visit : str or float
            Name of the visit, or hours after the first dose.

        Returns
        -------
        int
            Its place in `visits_h`.

        Raises
        ------
        InputError
            If there is no visit of that name or at that hour.
        """
        if isinstance(visit, str):
            if visit not in self.visit_names:
                raise unknown_name("visit", visit, self.visit_names)
            return self.visit_names.index(visit)
        near = np.flatnonzero(np.abs(self.visits_h - visit) < 1e-6)
        if near.size == 0:
            hours = ", ".join(f"{one:g}" for one in self.visits_h)
            raise InputError(f"no visit at {visit:g} h", where="trial data", expected=hours)
        return int(near[0])

    def to_frame(self) -> pd.DataFrame:
        """Return the scores as a long table.

        Returns
        -------
        DataFrame
            Columns ``patient, arm, visit, time_h, measure, value, missing_why``; the baseline is
            the visit ``"baseline"`` at 0 h. Rows are in the order of the patients and visits.
        """
        n, visits = self.values.shape
        who = np.arange(n) if self.patient is None else self.patient
        names = self.visit_names or tuple(f"{hours:g} h" for hours in self.visits_h)
        why = np.full((n, visits), "", object) if self.missing_why is None else self.missing_why
        empty = np.full((n, 1), "" if why.dtype == object else 0, why.dtype)
        return pd.DataFrame(
            {
                "patient": np.repeat(who, visits + 1),
                "arm": np.repeat(np.asarray(self.arms, object)[self.arm], visits + 1),
                "visit": np.tile(np.array(["baseline", *names], object), n),
                "time_h": np.tile(np.concatenate([[0.0], self.visits_h]), n),
                "measure": self.scale,
                "value": np.column_stack([self.baseline, self.values]).ravel(),
                "missing_why": np.concatenate([empty, why], axis=1).ravel(),
            }
        )


@dataclass(frozen=True)
class Estimate:
    """What an analysis of a trial returns.

    Parameters
    ----------
    estimand : str
        Strategy for intercurrent events, named as in ICH E9(R1); empty where an analysis was
        called by itself.
    analysis : str
        Name of the analysis.
    contrast : str
        What is compared, for instance ``"ketamine minus midazolam"``.
    estimate, se : float
        The estimate and its standard error; NaN where there is none, and `note` says why.
    df : float
        Degrees of freedom; infinite for a normal reference.
    ci_low, ci_high : float
        Limits of the 95 % confidence interval unless `note` says otherwise.
    p : float
        Two-sided p value.
    unit : str
        Unit of `estimate`, for instance ``"points"`` or ``"log odds ratio"``.
    effect_size : float
        Standardised effect, positive for a benefit of the active arm; NaN where there is none.
    n : int
        Patients that the estimate rests on.
    note : str
        The reason of a failure, or what a reader should know.
    """

    estimand: str
    analysis: str
    contrast: str
    estimate: float
    se: float
    df: float
    ci_low: float
    ci_high: float
    p: float
    unit: str
    effect_size: float
    n: int
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether there is no estimate."""
        return bool(np.isnan(self.estimate))

    def to_frame(self) -> pd.DataFrame:
        """Return the estimate as a table of one row, with the fields as columns."""
        return pd.DataFrame([{one.name: getattr(self, one.name) for one in fields(self)}])
