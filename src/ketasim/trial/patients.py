"""The patients of some replicates: who enters, how ill they are, what is seen of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.instruments import uniform_draws
from ketasim.trial.allocation import stratum_of
from ketasim.trial.care import antidepressant_change, expected_change
from ketasim.trial.dropout import Departure, Missing, Reasons, depart
from ketasim.trial.rating import entry_law, rated, record_baseline
from ketasim.trial.replicates import TrialReplicates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.trial.care import Care
    from ketasim.trial.design import TrialDesign
    from ketasim.trial.pool import TrialPool
    from ketasim.trial.rating import RatingModel

__all__ = [
    "Patients", "Setting", "added_by_context", "enter", "felt_of", "felt_shares", "follow_up",
    "gained", "left_by_treatment", "observed", "planned", "recorded_scores", "result_of", "strata_of",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Setting:
    """Everything that the replicates of a run share.

    Parameters
    ----------
    design : TrialDesign
        The trial.
    pool : TrialPool
        The people.
    rating : RatingModel
        What stands between relief and scores.
    care : Care
        Expectancy and care.
    seed : int
        Seed of the run.
    place : ndarray of int, shape (n_paths,)
        Place in the pool of each way through the trial.
    keys : tuple of str
        Names of these ways.
    hazards : ndarray, shape (n_arms, 3)
        Of leaving, per day.
    """

    design: TrialDesign
    pool: TrialPool
    rating: RatingModel
    care: Care
    seed: int
    place: NDArray[np.int64]
    keys: tuple[str, ...]
    hazards: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Patients:
    """Patients who entered, flat over replicates.

    Parameters
    ----------
    numbers : ndarray of uint64, shape (n,)
        Keys of their random numbers.
    person : ndarray of int, shape (n,)
        Place in the pool.
    recorded : ndarray, shape (n,)
        Recorded baseline, points of the design's scale.
    true : ndarray, shape (n,)
        True baseline, MADRS points.
    """

    numbers: NDArray[np.uint64]
    person: NDArray[np.int64]
    recorded: NDArray[np.float64]
    true: NDArray[np.float64]

    def kept(self, rows: NDArray[np.int64]) -> Patients:
        """Return some of the patients, by place."""
        return Patients(self.numbers[rows], self.person[rows], self.recorded[rows], self.true[rows])


def enter(setting: Setting, numbers: NDArray[np.uint64]) -> Patients:
    """Draw people from the pool and record the baseline with which they enter."""
    person = setting.pool.draw(uniform_draws(setting.seed, "person", numbers)[:, 0])
    recorded, true = record_baseline(
        setting.design, setting.rating, setting.pool.severity[person], setting.seed, numbers
    )
    return Patients(numbers, person, recorded, true)


def strata_of(setting: Setting, who: Patients) -> NDArray[np.int64]:
    """Return the stratum of each patient."""
    return stratum_of(
        setting.design.allocation.strata, setting.pool.people, who.person, who.recorded,
        setting.seed, who.numbers,
    )  # fmt: skip


def left_by_treatment(
    setting: Setting,
    who: Patients,
    path: NDArray[np.int64],
    times: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the MADRS points that the treatments leave, shape (n, n_visits).

    An antidepressant acts on what the drug leaves, as two independent treatments do (Bliss).
    """
    slow = antidepressant_change(setting.design, setting.care, setting.seed, who.numbers, times)
    if setting.rating.world != "model":
        # A person who could not be solved stays unsolved, so that worlds hold the same people.
        failed = setting.pool.failed[who.person]
        return np.where(failed, np.nan, who.true)[:, None] + slow
    relief = setting.pool.relief_at(setting.place[path], who.person, times)
    return np.asarray((who.true[:, None] + slow) * (1.0 - relief))


def felt_of(
    setting: Setting, who: Patients, path: NDArray[np.int64], session: int
) -> NDArray[np.float64]:
    """Return each patient's own dissociation after the start of a session, shape (n,)."""
    felt = setting.pool.dissociation[setting.place[path], who.person]
    column = felt[:, min(session, felt.shape[1] - 1)]
    none = setting.rating.world == "null"
    return np.zeros(column.shape) if none else np.nan_to_num(column)


def added_by_context(
    setting: Setting,
    arm: NDArray[np.int64],
    times: NDArray[np.float64],
    felt: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return what expectancy and care add, shape (n, n_visits)."""
    total = np.zeros((arm.size, times.shape[-1]))
    for place in np.unique(arm):
        here = arm == place
        moments = times[here] if times.shape[0] > 1 else times
        total[here] = expected_change(
            setting.design, setting.care, setting.rating, int(place), moments, felt[here]
        )
    return total


def planned(setting: Setting) -> NDArray[np.float64]:
    """Return the planned hours of the visits."""
    return np.array([visit.time_h for visit in setting.design.visits])


def recorded_scores(
    setting: Setting,
    who: Patients,
    severity: NDArray[np.float64],
    *,
    times: NDArray[np.float64] | None = None,
    period: int = 0,
) -> NDArray[np.float64]:
    """Return what raters record for known severities, shape (n, n_visits)."""
    return rated(
        setting.design, setting.care, setting.rating, severity, setting.seed, who.numbers,
        times=planned(setting) if times is None else times, period=period,
    )  # fmt: skip


def gained(
    scores: NDArray[np.float64], baseline: NDArray[np.float64], visit: int
) -> NDArray[np.float64]:
    """Return the share of the baseline by which scores have fallen at a visit."""
    return np.asarray((baseline - scores[:, visit]) / np.maximum(baseline, 1.0))


def observed(
    setting: Setting,
    who: Patients,
    arm: NDArray[np.int64],
    felt: NDArray[np.float64],
    scores: NDArray[np.float64],
    times: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int8], Departure]:
    """Take out what nobody saw: missed visits, and all visits after a patient has left."""
    design = setting.design
    missed = np.array([design.dropout_of(one).intermittent for one in design.arms])[arm]
    why = np.where(np.isnan(scores), Missing.NOT_SOLVED, Missing.SEEN).astype(np.int8)
    if missed.any():
        drawn = uniform_draws(setting.seed, "missed visit", who.numbers, times.size)
        why[(drawn < missed[:, None]) & (why == Missing.SEEN)] = Missing.MISSED_VISIT
    seen = np.where(why == Missing.SEEN, scores, np.nan)
    share = felt_shares(setting, arm, felt)
    gone = depart(
        setting.hazards[arm], Reasons(seen, who.recorded, share, times), setting.seed, who.numbers
    )
    after = times[None, :] > gone.stopped_h[:, None]
    why = np.where(after & (why != Missing.NOT_SOLVED), gone.why[:, None], why)
    return np.where(why == Missing.SEEN, seen, np.nan), why.astype(np.int8), gone


def felt_shares(
    setting: Setting, arm: NDArray[np.int64], felt: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return own dissociation over the pool's mean in the arm, the same in every chunk."""
    share = np.ones(felt.shape)
    if setting.rating.world == "null" or setting.design.periods is not None:
        return share
    session = 1 if setting.design.induction is not None else 0
    for place in range(len(setting.design.arms)):
        mean = float(np.nanmean(setting.pool.dissociation[setting.place[place], :, session]))
        if mean > 0.01:
            here = arm == place
            share[here] = felt[here] / mean
    return share


def result_of(
    setting: Setting,
    replicates: NDArray[np.int64],
    who: Patients,
    arm: NDArray[np.int64],
    scores: NDArray[np.float64],
    values: NDArray[np.float64],
    why: NDArray[np.int8],
    *,
    visits_h: NDArray[np.float64] | None = None,
    visit_names: tuple[str, ...] = (),
    **more: NDArray[Any],
) -> TrialReplicates:
    """Give flat arrays their replicate axis and put them together."""
    count = replicates.size
    flat = arm.size
    low = np.uint64(2**20 - 1)
    fields: dict[str, NDArray[Any]] = {
        "arm": arm,
        "person": who.person,
        "patient": (who.numbers & low).astype(np.int64),
        "period": np.zeros(flat, dtype=np.int64),
        "raised": np.zeros(flat, dtype=bool),
        "rescued": np.zeros(flat, dtype=bool),
        "second_arm": np.full(flat, -1),
        **{name: array for name, array in more.items() if name != "screened"},
    }
    entered = entry_law(setting.design.entry, setting.design.scale).entered
    screened = more.get("screened", np.full(count, setting.design.patients / entered))
    names = visit_names or tuple(visit.name for visit in setting.design.visits)
    shape = (count, flat // count, values.shape[1])
    shaped: dict[str, Any] = {name: one.reshape(count, -1) for name, one in fields.items()}
    return TrialReplicates(
        design=setting.design,
        replicate=replicates,
        seed=setting.seed,
        values=values.reshape(shape),
        complete=scores.reshape(shape),
        missing_why=why.reshape(shape),
        visits_h=planned(setting) if visits_h is None else visits_h,
        visit_names=names,
        screened=screened,
        **shaped,
    )


def follow_up(
    pilot: TrialReplicates, rows: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return complete scores and baseline of some patients, all periods of each in one row."""
    count = len(pilot.design.periods.starts_h) if pilot.design.periods else 1
    visits = pilot.visits_h.size
    scores = pilot.complete.reshape(-1, count * visits)
    baseline = pilot.baseline.reshape(-1, count)[:, 0]
    chosen = rows.reshape(-1, count)[:, 0]
    return scores[chosen], baseline[chosen]
