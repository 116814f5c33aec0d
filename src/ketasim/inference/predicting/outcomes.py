"""From relief to a published result: ratings of people in many possible trials, and their summary.

For each draw of the parameters and each trial drawn, everybody is rated: severity is what the drug
leaves of the baseline, what the context and a new antidepressant add, the person's own departure
and the error of the rating (`ketasim.instruments.severity`); the scale makes whole points of it. The
mean or share over people is what a trial of infinite size would publish; a trial of its own size
scatters around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.instruments.context import REFERENCE_TIME_H, course_shape
from ketasim.instruments.draws import normal_draws, uniform_draws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ketasim.inference.predicting.arms import Arm
    from ketasim.inference.predicting.baseline import Baseline
    from ketasim.inference.predicting.draws import Sizes, Worlds
    from ketasim.instruments.scales import RatingScale

__all__ = ["Rated", "compare", "publish", "rate"]

LEAST_BASELINE = 20.0
BENEFIT_SPREAD = 0.1
"""SD between trials of the logarithm of the drug's effect: 2 of its 10 points (assumed)."""
SHARED = 0.5
"""Share of the variance between trials that all arms of a trial share (assumed)."""


@dataclass(frozen=True, eq=False)
class Rated:
    """What trials of infinite size would find in one arm, by draw and trial.

    Parameters
    ----------
    baseline, change : ndarray, shape (draws, trials)
        Means, points of the scale.
    change_sd, score_sd : ndarray, shape (draws, trials)
        SDs between patients.
    response, remission : ndarray, shape (draws, trials)
        Shares, 0 to 1.
    """

    baseline: NDArray[np.float64]
    change: NDArray[np.float64]
    change_sd: NDArray[np.float64]
    score_sd: NDArray[np.float64]
    response: NDArray[np.float64]
    remission: NDArray[np.float64]


def rate(
    arm: Arm, relief: NDArray[np.float64], time_h: float, baseline: Baseline, scale: RatingScale,
    worlds: Worlds, sizes: Sizes, *, seed: int, control: bool,
) -> Rated:  # fmt: skip
    """Rate everybody in every trial drawn.

    Parameters
    ----------
    arm : Arm
    relief : ndarray, shape (draws, people)
        At the time of the rating.
    time_h : float
        Hours after the first session.
    baseline : Baseline
    scale : RatingScale
    worlds : Worlds
    sizes : Sizes
    seed : int
    control : bool
        Whether the arm is the control, which has a departure of its own between trials.

    Returns
    -------
    Rated
    """
    people = np.arange(sizes.people * sizes.copies)
    z = {what: normal_draws(seed, f"prediction, {what}", people)[:, 0]
         for what in ("baseline", "departure", "rating", "antidepressant")}  # fmt: skip
    own = np.tile(relief, (1, sizes.copies))
    context = _context(arm, time_h, worlds, control)
    rise, slow, slow_sd = _antidepressant(arm, time_h, worlds)
    found = [np.empty(worlds.shared.shape) for _ in range(6)]
    table = worlds.table
    for draw in range(sizes.draws):
        before = baseline.mean + baseline.spread * worlds.shared[draw][:, None]
        before = np.clip(before + baseline.sd * z["baseline"], LEAST_BASELINE, 60.0)
        effect = np.exp(BENEFIT_SPREAD * worlds.benefit[draw])[:, None]
        removed = 1.0 - np.exp(np.log1p(-np.minimum(own[draw], 0.999)) * effect)
        # An antidepressant acts on what the drug leaves, as two independent treatments do (Bliss).
        left = (1.0 - removed) * (1.0 + (slow[draw] + slow_sd[draw] * z["antidepressant"]) / before)
        after = before * left + context[draw][:, None]
        after = after + table["between_patient_sd"][draw] * rise[draw] * z["departure"]
        if time_h > 0.0:
            after = after + table["visit_sd"][draw] * z["rating"]
        for place, value in zip(found, _summary(scale, before, after), strict=True):
            place[draw] = value
    return Rated(*found)


def _context(arm: Arm, time_h: float, worlds: Worlds, control: bool) -> NDArray[np.float64]:
    """Return what the context adds, by draw and trial, MADRS points."""
    table = worlds.table
    shape = worlds.shared.shape
    if time_h <= 0.0:
        return np.zeros(shape)
    spread = table["between_trial_sd"][:, None]
    trial = spread * np.sqrt(SHARED) * worlds.shared
    own = spread * np.sqrt(1.0 - SHARED) * worlds.other if control else np.zeros(shape)
    course = _course(time_h, table)[:, None]
    if arm.context == "none":
        return np.asarray(trial + own)
    if arm.context == "active":
        # How sure a masked active arm is, the posterior of relief given its context says.
        level = np.full(len(spread), float(np.mean(table["active"])))
    else:
        level = table[arm.context]
    change = level + (table["inpatient"] if arm.inpatient else 0.0)
    added: NDArray[np.float64] = course * change[:, None] + trial + own
    return added


def _course(time_h: float, table: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the time course of the context, 1 at 24 h, in every draw."""
    parameters = table["rise"], table["decay"], table["persisting_share"]
    now, day = (course_shape(time, *parameters) for time in (time_h, REFERENCE_TIME_H))
    return np.asarray(now / day)


def _antidepressant(
    arm: Arm, time_h: float, worlds: Worlds
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return how far departures have risen, and a new antidepressant's mean and SD, by draw."""
    table = worlds.table
    rise = np.asarray(-np.expm1(-max(time_h, 0.0) / table["rise"]))
    if not arm.new_antidepressant:
        return rise, np.zeros(len(rise)), np.zeros(len(rise))
    there = -np.expm1(-max(time_h, 0.0) / table["new_antidepressant_tau"])
    return rise, table["new_antidepressant"] * there, table["new_antidepressant_sd"] * there


def _summary(
    scale: RatingScale, before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """Return means, SDs and shares over people of ratings, shape (trials, people)."""
    first = scale.record(scale.from_madrs(before))
    score = scale.record(scale.from_madrs(after))
    change = score - first
    responded = (first - score >= 0.5 * first) & (first > 0.0)
    return (
        np.nanmean(first, axis=1), np.nanmean(change, axis=1), np.nanstd(change, axis=1),
        np.nanstd(score, axis=1), responded.mean(axis=1),
        (score <= scale.remission_cutoff).mean(axis=1),
    )  # fmt: skip


def publish(rated: Rated, kind: str, n: int, seed: int) -> tuple[NDArray[np.float64], float]:
    """Return what trials of a size publish of one arm, as draws, and what is expected.

    Parameters
    ----------
    rated : Rated
    kind : str
        ``mean``, ``change``, ``response`` or ``remission``.
    n : int
        Patients of the arm.
    seed : int

    Returns
    -------
    draws : ndarray, shape (draws * trials,)
        In points, or percent.
    expected : float
    """
    if kind in ("response", "remission"):
        share = getattr(rated, kind).ravel()
        return 100.0 * _binomial(share, n, seed) / n, float(100.0 * share.mean())
    mean = rated.change if kind == "change" else rated.baseline + rated.change
    sd = rated.change_sd if kind == "change" else rated.score_sd
    noise = normal_draws(seed, f"size of a trial, {kind}", np.arange(mean.size))[:, 0]
    return mean.ravel() + sd.ravel() / np.sqrt(n) * noise, float(mean.mean())


def _binomial(share: NDArray[np.float64], n: int, seed: int) -> NDArray[np.float64]:
    from scipy.stats import binom

    u = uniform_draws(seed, "size of a trial, share", np.arange(share.size))[:, 0]
    return np.asarray(binom.ppf(u, n, share))


def compare(
    active: Rated, control: Rated, kind: str, sizes: tuple[int, int], seed: int
) -> tuple[NDArray[np.float64], float]:
    """Return what trials publish of a comparison, as draws, and what is expected.

    Parameters
    ----------
    active, control : Rated
        Rated in the same draws and trials.
    kind : str
        ``diff`` (active minus control, points) or ``effect_size`` (positive: benefit).
    sizes : tuple of int
        Patients of the two arms.
    seed : int

    Returns
    -------
    draws : ndarray, shape (draws * trials,)
    expected : float
    """
    difference = (active.change - control.change).ravel()
    weights = np.array(sizes, dtype=float)
    variances = np.stack([active.change_sd.ravel() ** 2, control.change_sd.ravel() ** 2])
    noise = normal_draws(seed, f"size of a trial, {kind}", np.arange(difference.size))[:, 0]
    if kind == "diff":
        error = np.sqrt((variances / weights[:, None]).sum(axis=0))
        return difference + error * noise, float(difference.mean())
    pooled = np.sqrt(np.average(variances, axis=0, weights=weights - 1.0))
    size = -difference / pooled
    # Variance of a standardised difference (Hedges and Olkin, 1985, as in every text since).
    error = np.sqrt((1.0 / weights).sum() + size**2 / (2.0 * weights.sum()))
    return size + error * noise, float(size.mean())
