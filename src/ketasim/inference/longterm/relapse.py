"""When a patient has relapsed: the rule, the times, and what they make of a cohort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ketasim.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["RelapseRule", "RelapseTimes", "hazard_ratio", "relapse_times"]


@dataclass(frozen=True)
class RelapseRule:
    """When a relapse counts.

    Parameters
    ----------
    kind : {"share", "score"}
        A share of the patient's baseline, or a score.
    limit : float
        A visit at this or above is ill: share of the baseline, or MADRS points.
    visits : int
        How many visits in a row have to be ill; the relapse is dated at the last of them.

    Raises
    ------
    InputError
        If no visit would be needed.
    """

    kind: Literal["share", "score"]
    limit: float
    visits: int = 2

    def __post_init__(self) -> None:
        if self.visits < 1 or not self.limit > 0:
            raise InputError("a rule of relapse needs a limit and a visit", expected="1 or more")

    @property
    def text(self) -> str:
        """The rule in words."""
        what = (
            f"a score of at least {self.limit:.0%} of the baseline"
            if self.kind == "share"
            else f"a MADRS score of at least {self.limit:g}"
        )
        return what + (
            " at one visit" if self.visits == 1 else f" at {self.visits} visits in a row"
        )


@dataclass(frozen=True, eq=False)
class RelapseTimes:
    """Times to relapse of a cohort that was followed to one end.

    Parameters
    ----------
    days : ndarray, shape (n,)
        Days from the start of the follow-up to the relapse; infinite for none before the end.
    end_d : float
        Days of follow-up.
    entered : float
        Share of those treated who entered the follow-up.
    """

    days: NDArray[np.float64]
    end_d: float
    entered: float

    def survival(self, at_d: ArrayLike) -> NDArray[np.float64]:
        """Return the share without relapse until some days; without censoring, Kaplan-Meier's."""
        ordered = np.sort(self.days)
        gone = np.searchsorted(ordered, np.asarray(at_d, dtype=np.float64), side="right")
        return np.asarray(1.0 - gone / max(ordered.size, 1))

    def share(self, by_d: float) -> float:
        """Return the share that relapsed within some days."""
        return float(1.0 - self.survival([by_d])[0])

    @property
    def median_d(self) -> float:
        """Median days to relapse as trials print it: the visit by which half have relapsed.

        Infinite where fewer than half relapsed, NaN where nobody was followed.
        """
        if self.days.size == 0:
            return float("nan")
        return float(np.sort(self.days)[(self.days.size - 1) // 2])

    @property
    def smooth_median_d(self) -> float:
        """The median between visits, which a fit can follow: a straight line from visit to visit."""
        seen = np.unique(self.days[np.isfinite(self.days)])
        alive = self.survival(seen)
        after = np.flatnonzero(alive <= 0.5)
        if after.size == 0:
            return float("inf")
        at = int(after[0])
        before_t, before_s = (seen[at - 1], alive[at - 1]) if at else (0.0, 1.0)
        share = (before_s - 0.5) / (before_s - alive[at])
        return float(before_t + share * (seen[at] - before_t))

    def medians(self, size: int, draws: int, seed: int) -> NDArray[np.float64]:
        """Return the medians of trials of a size, drawn from this cohort, shape (draws,)."""
        generator = np.random.Generator(np.random.Philox(key=seed))
        rows = generator.integers(0, self.days.size, size=(draws, size))
        # The median of a half-infinite sample stays infinite: it was not reached.
        ordered = np.sort(self.days[rows], axis=1)
        return np.asarray(ordered[:, (size - 1) // 2])


def relapse_times(
    scores: NDArray[np.float64],
    baseline: NDArray[np.float64],
    visits_d: NDArray[np.float64],
    rule: RelapseRule,
    *,
    entered: float = 1.0,
) -> RelapseTimes:
    """Find when patients relapsed.

    Parameters
    ----------
    scores : ndarray, shape (n, n_visits)
        MADRS points at the visits of the follow-up.
    baseline : ndarray, shape (n,)
        MADRS points before treatment.
    visits_d : ndarray, shape (n_visits,)
        Days from the start of the follow-up.
    rule : RelapseRule
        When a relapse counts.
    entered : float, optional
        Share of those treated who are in `scores`.

    Returns
    -------
    RelapseTimes
        One time a patient.
    """
    limit = baseline[:, None] * rule.limit if rule.kind == "share" else rule.limit
    ill = scores >= limit
    row = np.zeros(scores.shape[0], dtype=np.int64)
    days = np.full(scores.shape[0], np.inf)
    for at, day in enumerate(visits_d):
        row = np.where(ill[:, at], row + 1, 0)
        days = np.where(np.isinf(days) & (row >= rule.visits), day, days)
    return RelapseTimes(days, float(visits_d[-1]), entered)


def hazard_ratio(treated: RelapseTimes, stopped: RelapseTimes, by_d: float) -> float:
    """Return the hazard ratio of two arms by Cox's regression, relapses after `by_d` cut off.

    Parameters
    ----------
    treated, stopped : RelapseTimes
        The arm that goes on, and the one that stops.
    by_d : float
        End of the follow-up, days.

    Returns
    -------
    float
        Below 1 where going on protects; NaN where an arm has no relapse.
    """
    from ketasim.trial.analysis.survival_batch import cox_batch

    days = np.concatenate([treated.days, stopped.days])
    active = np.arange(days.size) < treated.days.size
    event = days <= by_d
    found = cox_batch(np.minimum(days, by_d)[None], event[None], active)
    return float(np.exp(found.estimate[0]))
