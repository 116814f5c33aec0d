"""What comes out of running a trial many times: arrays with a leading replicate axis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.trial.data import TrialData
from ketasim.trial.dropout import Missing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.trial.design import TrialDesign
    from ketasim.trial.pool import PoolError

__all__ = ["TrialReplicates", "joined"]

_WORDS = np.array([one.words for one in Missing], dtype=object)


@dataclass(frozen=True, eq=False)
class TrialReplicates:
    """Replicates of a trial.

    In a crossover a row is a period of a patient: the periods of a patient follow each other, `arm`
    is what was given in it, and `baseline` was recorded before its dose.

    Parameters
    ----------
    design : TrialDesign
        What was run.
    replicate : ndarray of int, shape (n_replicates,)
        Numbers of the replicates; each is the same whatever runs beside it.
    seed : int
        Seed of the trial.
    arm : ndarray of int, shape (n_replicates, n)
        Place of the arm.
    baseline : ndarray, shape (n_replicates, n)
        Recorded points; in a withdrawal design, at randomisation.
    values : ndarray, shape (n_replicates, n, n_visits)
        Recorded points; NaN for missing.
    complete : ndarray, shape (n_replicates, n, n_visits)
        What would have been recorded had nobody left or missed a visit.
    missing_why : ndarray of int, shape (n_replicates, n, n_visits)
        Codes of `Missing`.
    visits_h : ndarray, shape (n_visits,)
        Planned hours from the first dose, or from the start of a period.
    visit_names : tuple of str
        Names of the visits.
    stopped_h : ndarray, shape (n_replicates, n)
        When patients left; NaN for who completed.
    stratum, person, patient, period : ndarray of int, shape (n_replicates, n)
        Stratum; place in the pool; number within the trial; period of a crossover from 0.
    dissociation : ndarray, shape (n_replicates, n)
        Own peak as a multiple of the usual one.
    raised, rescued : ndarray of bool, shape (n_replicates, n)
        Whose dose was raised; who got rescue medication.
    second_arm : ndarray of int, shape (n_replicates, n)
        Arm of the second randomisation; -1 for who was not randomised again.
    event, event_h : ndarray, shape (n_replicates, n), or None
        Relapse, and hours from randomisation to it or to the end of the follow-up.
    screened : ndarray, shape (n_replicates,)
        Expected number screened; in a withdrawal design, number who began the induction.
    pool : PoolError
        The Monte-Carlo error that all replicates share.
    """

    design: TrialDesign
    replicate: NDArray[np.int64]
    seed: int
    arm: NDArray[np.int64] = field(repr=False)
    baseline: NDArray[np.float64] = field(repr=False)
    values: NDArray[np.float64] = field(repr=False)
    complete: NDArray[np.float64] = field(repr=False)
    missing_why: NDArray[np.int8] = field(repr=False)
    visits_h: NDArray[np.float64] = field(repr=False)
    visit_names: tuple[str, ...]
    stopped_h: NDArray[np.float64] = field(repr=False)
    stratum: NDArray[np.int64] = field(repr=False)
    person: NDArray[np.int64] = field(repr=False)
    patient: NDArray[np.int64] = field(repr=False)
    period: NDArray[np.int64] = field(repr=False)
    dissociation: NDArray[np.float64] = field(repr=False)
    raised: NDArray[np.bool_] = field(repr=False)
    rescued: NDArray[np.bool_] = field(repr=False)
    second_arm: NDArray[np.int64] = field(repr=False)
    screened: NDArray[np.float64] = field(repr=False)
    event: NDArray[np.bool_] | None = field(default=None, repr=False)
    event_h: NDArray[np.float64] | None = field(default=None, repr=False)
    pool: PoolError | None = None

    def __len__(self) -> int:
        return int(self.replicate.size)

    @property
    def change(self) -> NDArray[np.float64]:
        """Change from baseline, shape (n_replicates, n, n_visits); NaN for missing."""
        return np.asarray(self.values - self.baseline[:, :, None])

    def one(self, k: int, *, stage: int = 1) -> TrialData:
        """Return what the analysis of one replicate sees.

        Parameters
        ----------
        k : int
            Place of the replicate.
        stage : {1, 2}, optional
            2 for the patients of a second randomisation, from then on.

        Returns
        -------
        TrialData
            One row a patient; in a crossover one row a patient and period.

        Raises
        ------
        InputError
            If there is no such replicate or stage.
        """
        if not -len(self) <= k < len(self):
            raise InputError(f"there is no replicate {k}", expected=f"0 to {len(self) - 1}")
        if stage == 2:
            return self._second(k)
        relapse = self.event is not None and self.event_h is not None
        return TrialData(
            arm=self.arm[k],
            baseline=self.baseline[k],
            values=self.values[k],
            visits_h=self.visits_h,
            arms=self.design.arm_names,
            scale=self.design.scale,
            stratum=self.stratum[k],
            missing_why=_WORDS[self.missing_why[k]],
            stopped_h=self._event_h(k),
            event_h=self.event_h[k] if relapse and self.event_h is not None else None,
            event=self.event[k] if relapse and self.event is not None else None,
            period=self.period[k] if self.design.periods else None,
            patient=self.patient[k],
            visit_names=self.visit_names,
        )

    def _event_h(self, k: int) -> NDArray[np.float64]:
        """Return when patients left the treatment: by leaving the trial, or by rescue medication."""
        rule = self.design.rescue
        if rule is None:
            return np.asarray(self.stopped_h[k])
        rescued = np.where(self.rescued[k], rule.at_h, np.nan)
        return np.asarray(np.fmin(self.stopped_h[k], rescued))

    def _second(self, k: int) -> TrialData:
        stage = self.design.second_stage
        if stage is None:
            raise InputError("the design has no second stage", where=self.design.name)
        at = self.design.visit_index(stage.time_h)
        who = (self.second_arm[k] >= 0) & ~np.isnan(self.values[k, :, at])
        return TrialData(
            arm=self.second_arm[k][who],
            baseline=self.values[k, who, at],
            values=self.values[k, who, at + 1 :],
            visits_h=self.visits_h[at + 1 :],
            arms=self.design.arm_names,
            scale=self.design.scale,
            stratum=self.stratum[k][who],
            patient=self.patient[k][who],
            missing_why=_WORDS[self.missing_why[k, who, at + 1 :]],
            stopped_h=self._event_h(k)[who],
            visit_names=self.visit_names[at + 1 :],
        )

    def summary(self) -> pd.DataFrame:
        """Return means over all replicates, one row an arm and visit.

        Returns
        -------
        DataFrame
            Columns ``arm, visit, time_h, n`` (mean number seen), ``baseline, baseline_sd, mean, sd``
            (points; SDs are those within a trial), ``change, change_sd`` (points), ``response``
            (share), ``left`` (share by then).
        """
        import pandas as pd

        rows = [
            self._row(place, visit)
            for place in range(len(self.design.arms))
            for visit in range(self.visits_h.size)
        ]
        return pd.DataFrame(rows)

    def _row(self, place: int, visit: int) -> dict[str, object]:
        here = self.arm == place
        before = np.where(here, self.baseline, np.nan)
        now = np.where(here, self.values[:, :, visit], np.nan)
        change = now - before
        seen = ~np.isnan(change)
        response = -change[seen] >= 0.5 * before[seen]
        left = self.stopped_h[here] <= self.visits_h[visit]
        return {
            "arm": self.design.arms[place].name,
            "visit": self.visit_names[visit],
            "time_h": float(self.visits_h[visit]),
            "n": float(seen.sum() / len(self)),
            "baseline": _mean(before),
            "baseline_sd": _sd(before),
            "mean": _mean(now),
            "sd": _sd(now),
            "change": _mean(change),
            "change_sd": _sd(change),
            "response": float(response.mean()) if response.size else float("nan"),
            "left": float(left.mean()) if left.size else float("nan"),
        }


def _mean(values: NDArray[np.float64]) -> float:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else float("nan")


def _sd(values: NDArray[np.float64]) -> float:
    """Return the SD between patients of a trial, from all trials: what a publication would print."""
    seen = ~np.isnan(values)
    count = seen.sum(axis=1, keepdims=True)
    filled = np.where(seen, values, 0.0)
    mean = filled.sum(axis=1, keepdims=True) / np.maximum(count, 1)
    freedom = int(np.maximum(count - 1, 0).sum())
    squares = float((np.where(seen, values - mean, 0.0) ** 2).sum())
    return float(np.sqrt(squares / freedom)) if freedom else float("nan")


def joined(parts: list[TrialReplicates]) -> TrialReplicates:
    """Put chunks of replicates together, in their order.

    Parameters
    ----------
    parts : list of TrialReplicates
        Of one design; at least one.

    Returns
    -------
    TrialReplicates
        All of them.
    """
    from dataclasses import fields, replace

    first = parts[0]
    shared = ("visits_h", "visit_names", "design", "seed", "pool")
    arrays = {
        one.name: np.concatenate([getattr(part, one.name) for part in parts])
        for one in fields(TrialReplicates)
        if one.name not in shared and getattr(first, one.name) is not None
    }
    return replace(first, **arrays)  # type: ignore[arg-type]
