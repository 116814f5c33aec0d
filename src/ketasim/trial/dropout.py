"""Who leaves, when and why; single missed visits; when a visit takes place.

Three hazards compete. Lack of effect grows with how little the last score that was seen has improved;
side effects grow with the patient's own dissociation; the third depends on nothing. The levels are
found so that the shares of the design come out on the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.instruments import uniform_draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.trial.design_parts import TrialDropout, TrialVisit

__all__ = ["Departure", "Missing", "Reasons", "calibrate_hazards", "depart", "visit_times"]

ENOUGH = 0.5
"""An improvement by this share of the baseline leaves no lack of effect."""

_CAUSES = 3
_ROUNDS = 200
_TOLERANCE = 1e-4


class Missing(IntEnum):
    """Why a score is missing; 0 where it is not."""

    SEEN = 0
    LACK_OF_EFFECT = 1
    SIDE_EFFECTS = 2
    AT_RANDOM = 3
    MISSED_VISIT = 4
    NOT_SOLVED = 5
    AFTER_RELAPSE = 6

    @property
    def words(self) -> str:
        """The reason in words; empty where nothing is missing."""
        return "" if self is Missing.SEEN else self.name.lower().replace("_", " ")


@dataclass(frozen=True, eq=False)
class Reasons:
    """What the hazards of some patients depend on.

    Parameters
    ----------
    scores : ndarray, shape (n, n_visits)
        Scores that would be recorded, NaN at visits that were missed.
    baseline : ndarray, shape (n,)
        Recorded baseline.
    felt : ndarray, shape (n,)
        Own dissociation over the mean of the arm; 1 for all where nobody feels any.
    times : ndarray, shape (n_visits,)
        Planned hours of the visits.
    """

    scores: NDArray[np.float64]
    baseline: NDArray[np.float64]
    felt: NDArray[np.float64]
    times: NDArray[np.float64]

    def weights(self) -> NDArray[np.float64]:
        """Return the hazards for a level of 1, shape (n, n_visits, 3); before each visit."""
        count, visits = self.scores.shape
        found = np.empty((count, visits, _CAUSES))
        found[:, :, 0] = self._need()
        found[:, :, 1] = self.felt[:, None]
        found[:, :, 2] = 1.0
        days = np.diff(self.times, prepend=0.0) / 24.0
        return np.asarray(found * days[None, :, None])

    def _need(self) -> NDArray[np.float64]:
        """Return how far the last seen score is from enough; nothing was seen before visit 1."""
        need = np.zeros(self.scores.shape)
        last = np.full(self.baseline.shape, np.nan)
        for visit in range(1, self.times.size):
            seen = self.scores[:, visit - 1]
            last = np.where(np.isnan(seen), last, seen)
            gained = (self.baseline - last) / np.maximum(self.baseline, 1.0)
            need[:, visit] = np.where(np.isnan(last), 0.0, np.clip(1.0 - gained / ENOUGH, 0.0, 2.0))
        return need


@dataclass(frozen=True, eq=False)
class Departure:
    """When and why patients left.

    Parameters
    ----------
    stopped_h : ndarray, shape (n,)
        Hours; NaN for who completed.
    why : ndarray of int, shape (n,)
        A `Missing` code; 0 for who completed.
    """

    stopped_h: NDArray[np.float64]
    why: NDArray[np.int8]


def calibrate_hazards(shares: TrialDropout, pilot: Reasons, arm: str) -> NDArray[np.float64]:
    """Find the hazards with which the stated shares of an arm leave.

    Parameters
    ----------
    shares : TrialDropout
        What the design states.
    pilot : Reasons
        Patients of that arm, as many as there are.
    arm : str
        Its name, for the error.

    Returns
    -------
    ndarray, shape (3,)
        Levels of lack of effect, side effects, and at random; per day.

    Raises
    ------
    InputError
        If a share cannot come out, as for lack of effect where only one visit is.
    """
    target = np.array([shares.lack_of_effect, shares.side_effects, shares.at_random])
    solved = ~np.isnan(pilot.scores).all(axis=1)
    weights = pilot.weights()[solved]
    level = target / np.maximum(weights.sum(axis=1).mean(axis=0), 1e-12)
    for _ in range(_ROUNDS):
        reached = _expected(level, weights)
        if np.all(np.abs(reached - target) < _TOLERANCE):
            return np.asarray(level)
        level = level * np.divide(target, reached, out=np.zeros(_CAUSES), where=reached > 0)
    worst = int(np.argmax(np.abs(_expected(level, weights) - target)))
    name = ("lack_of_effect", "side_effects", "at_random")[worst]
    raise InputError(
        f"{target[worst]:.1%} of the arm cannot leave for this reason",
        where=f"arm '{arm}', field 'dropout.{name}'",
        expected="a smaller share, or earlier visits at which a lack of effect shows",
    )


def _expected(level: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    hazard = weights * level
    total = hazard.sum(axis=2)
    there = np.exp(-np.cumsum(total, axis=1) + total)
    leaving = there * -np.expm1(-total)
    shares = np.divide(
        hazard, total[:, :, None], out=np.zeros_like(hazard), where=total[:, :, None] > 0
    )
    return np.asarray((leaving[:, :, None] * shares).sum(axis=1).mean(axis=0))


def depart(
    level: NDArray[np.float64], reasons: Reasons, seed: int, numbers: NDArray[np.uint64]
) -> Departure:
    """Draw who leaves.

    Parameters
    ----------
    level : ndarray, shape (n, 3)
        Hazards of each patient's arm, from `calibrate_hazards`.
    reasons : Reasons
        What they depend on.
    seed : int
        Seed of the trial.
    numbers : ndarray of uint64, shape (n,)
        Numbers that key the draws.

    Returns
    -------
    Departure
        A patient leaves between two visits, and is not seen at the later one.
    """
    hazard = reasons.weights() * level[:, None, :]
    total = np.cumsum(hazard.sum(axis=2), axis=1)
    draws = uniform_draws(seed, "leaving", numbers, 2)
    # One exponential number a patient: the accumulated hazard at which that patient leaves.
    limit = -np.log1p(-draws[:, 0])
    leaves = total[:, -1] > limit
    visit = np.where(leaves, (total > limit[:, None]).argmax(axis=1), 0)
    rows = np.arange(limit.size)
    here = hazard[rows, visit]
    before = total[rows, visit] - here.sum(axis=1)
    share = np.divide(limit - before, here.sum(axis=1), out=np.zeros_like(limit), where=leaves)
    start = np.concatenate([[0.0], reasons.times[:-1]])[visit]
    stopped = start + np.clip(share, 0.0, 1.0) * (reasons.times[visit] - start)
    cause = (np.cumsum(here, axis=1) < draws[:, 1:] * here.sum(axis=1, keepdims=True)).sum(axis=1)
    return Departure(
        stopped_h=np.where(leaves, stopped, np.nan),
        why=np.where(leaves, np.minimum(cause, _CAUSES - 1) + 1, 0).astype(np.int8),
    )


def visit_times(
    visits: tuple[TrialVisit, ...], seed: int, numbers: NDArray[np.uint64]
) -> NDArray[np.float64]:
    """Return when visits take place.

    Parameters
    ----------
    visits : tuple of TrialVisit
        With their windows.
    seed : int
        Seed of the trial.
    numbers : ndarray of uint64, shape (n,)
        Numbers that key the draws.

    Returns
    -------
    ndarray, shape (1, n_visits) or (n, n_visits)
        Hours; one row for all where no visit has a window.
    """
    planned = np.array([one.time_h for one in visits])
    reach = np.array([one.window_h for one in visits])
    if not reach.any():
        return planned[None, :]
    drawn = uniform_draws(seed, "day of the visit", numbers, len(visits))
    return np.asarray(planned[None, :] + reach[None, :] * (2.0 * drawn - 1.0))
