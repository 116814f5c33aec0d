"""The trial behind a published result, replayed: its size, its design, its scale, its noise.

A published result of twelve patients is no property of the population. Each rule here therefore asks
how likely the published result was in a trial of that size, if the hypothesis were true.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.estimates import bootstrap_rows
from ketasim.instruments import load_scale, remission, response

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.experiments.arms import ArmCourse
    from ketasim.instruments import Context

__all__ = [
    "Pool",
    "count_distribution",
    "draw_pool",
    "paired_significance",
    "ratio_of_means",
    "shares_without_difference",
]

POOL = 2048
"""Measured patients in a pool from which trials are drawn."""

TRIALS = 2000
"""Trials drawn from a pool."""

SIGNIFICANCE = 0.05
"""Two-sided level of the tests in the published trials."""


@dataclass(frozen=True)
class Pool:
    """Patients as they would have been rated in one arm.

    Parameters
    ----------
    change : ndarray, shape (n_pool,)
        Change from baseline, points of the scale; negative is better.
    response, remission : ndarray, shape (n_pool,)
        1 or 0.
    cohort : int
        Number of simulated patients behind the pool.
    """

    change: NDArray[np.float64]
    response: NDArray[np.float64]
    remission: NDArray[np.float64]
    cohort: int

    def outcome(self, name: str) -> NDArray[np.float64]:
        """Return ``response``, ``remission``, or the change."""
        return {"response": self.response, "remission": self.remission}.get(name, self.change)


def draw_pool(
    course: ArmCourse,
    time_h: float,
    *,
    control: str | None,
    context: Context,
    scale: str,
    seed: int,
    session: int = 0,
) -> Pool:
    """Rate every patient of an arm, as often as a pool needs.

    Parameters
    ----------
    course : ArmCourse
        The solved arm.
    time_h : float
        Hours after ketamine.
    control : str or None
        Context of the arm.
    context : Context
        The context parameters.
    scale : str
        Name of the rating scale.
    seed : int
        Seed of the run.
    session : int, optional
        Two sessions of a crossover share the patient's own departure and not the rating error.

    Returns
    -------
    Pool
        Failed patients are left out of the pool of every arm alike, by the caller.
    """
    rater = load_scale(scale)
    copies = -(-POOL // course.patients.size)
    people = (course.patients[None, :] + np.arange(copies)[:, None] * 1_000_003).ravel()
    before = np.tile(course.baseline, copies)
    latent = np.tile(course.baseline * (1.0 - course.at("relief", time_h)), copies)
    latent = latent + context.visit_error([time_h], seed + 7919 * session, people)[:, 0]
    if control is not None:
        latent = latent + context.mean_change(control, [time_h])[0]
        latent = latent + context.patient_change([time_h], seed, people)[:, 0]
    recorded, baseline = (
        rater.record(rater.from_madrs(latent)),
        rater.record(rater.from_madrs(before)),
    )
    return Pool(
        change=recorded - baseline,
        response=response(recorded, baseline),
        remission=remission(recorded, rater.remission_cutoff),
        cohort=course.patients.size,
    )


def count_distribution(share: float, cohort: int, size: int) -> NDArray[np.float64]:
    """Return the predictive distribution of a count in a trial.

    Beta-binomial: binomial with a probability that is itself only known from a finite cohort
    (Jeffreys' prior). With a large cohort it becomes the binomial.

    Parameters
    ----------
    share : float
        Share of the cohort that meets the outcome.
    cohort : int
        Number of simulated patients behind it.
    size : int
        Number of patients in the trial.

    Returns
    -------
    ndarray, shape (size + 1,)
        Probability of 0, 1, ... patients.
    """
    from scipy.stats import betabinom

    alpha, beta = share * cohort + 0.5, (1.0 - share) * cohort + 0.5
    return np.asarray(betabinom.pmf(np.arange(size + 1), size, alpha, beta))


def paired_significance(
    arm: NDArray[np.float64], reference: NDArray[np.float64], size: int, seed: int, *, paired: bool
) -> tuple[float, float, float]:
    """Return how likely a trial finds the arm's change smaller, not different, or larger.

    Parameters
    ----------
    arm, reference : ndarray, shape (n_pool,)
        Changes from baseline of the same patients; negative is better.
    size : int
        Patients in a crossover, or in both groups of a parallel trial together.
    seed : int
        Seed.
    paired : bool
        Whether the trial was a crossover.

    Returns
    -------
    smaller, same, larger : float
        Probabilities of a significantly smaller fall, no significant difference, and a larger fall,
        by a two-sided t test at 5 %.
    """
    from scipy.stats import t

    if paired:
        difference = (arm - reference)[bootstrap_rows(arm.size, size, TRIALS, seed)]
        error, freedom = difference.std(axis=1, ddof=1) / np.sqrt(size), size - 1
        mean = difference.mean(axis=1)
    else:
        first, second = size // 2, size - size // 2
        a = arm[bootstrap_rows(arm.size, first, TRIALS, seed)]
        b = reference[bootstrap_rows(arm.size, second, TRIALS, seed + 1)]
        error = np.sqrt(a.var(axis=1, ddof=1) / first + b.var(axis=1, ddof=1) / second)
        mean, freedom = a.mean(axis=1) - b.mean(axis=1), size - 2
    limit = t.ppf(1.0 - SIGNIFICANCE / 2.0, freedom) * error
    smaller, larger = float(np.mean(mean > limit)), float(np.mean(mean < -limit))
    return smaller, 1.0 - smaller - larger, larger


def shares_without_difference(first: float, second: float, sizes: tuple[int, int]) -> float:
    """Return how likely two groups of a trial show no significant difference of shares.

    Parameters
    ----------
    first, second : float
        True shares of patients with the outcome in the two groups.
    sizes : tuple of int
        Patients in the two groups.

    Returns
    -------
    float
        Probability that Fisher's exact test, two-sided, stays above 5 %.
    """
    from scipy.stats import binom

    one = binom.pmf(np.arange(sizes[0] + 1), sizes[0], first)
    two = binom.pmf(np.arange(sizes[1] + 1), sizes[1], second)
    return float(one @ _no_difference(sizes) @ two)


@cache
def _no_difference(sizes: tuple[int, int]) -> NDArray[np.float64]:
    from scipy.stats import fisher_exact

    table = np.ones((sizes[0] + 1, sizes[1] + 1))
    for i in range(sizes[0] + 1):
        for j in range(sizes[1] + 1):
            p_value = fisher_exact([[i, sizes[0] - i], [j, sizes[1] - j]])[1]
            table[i, j] = float(p_value >= SIGNIFICANCE)
    return table


def ratio_of_means(
    arm: NDArray[np.float64], reference: NDArray[np.float64], size: int, seed: int
) -> NDArray[np.float64]:
    """Return the ratio of two mean changes over replayed crossover trials.

    Parameters
    ----------
    arm, reference : ndarray, shape (n_pool,)
        Changes of the same patients in the two conditions.
    size : int
        Patients in the trial.
    seed : int
        Seed.

    Returns
    -------
    ndarray, shape (n_trials,)
        Share of the reference change that the arm shows.
    """
    rows = bootstrap_rows(arm.size, size, TRIALS, seed)
    above, below = arm[rows].mean(axis=1), reference[rows].mean(axis=1)
    known = below != 0.0
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=known))
