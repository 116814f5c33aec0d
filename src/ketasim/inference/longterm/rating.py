"""Scores over months: what drug and antidepressant leave, the patient's own drifting level, noise.

``score = (baseline + antidepressant) (1 - relief) + context + own level + error of the rating``

A patient's own level and the response to an antidepressant are each a normal number. Over weeks
they stay; over months they drift to another draw of the same distribution (an Ornstein-Uhlenbeck
process). Without the drift whoever was picked for being well would stay well for ever, and hardly
anybody would relapse on stopping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.instruments import load_scale, normal_draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.instruments import Context
    from ketasim.instruments.settings import Settings

__all__ = ["drifting", "late_context", "long_scores"]


def drifting(
    seed: int,
    purpose: str,
    numbers: NDArray[np.int64],
    times_h: NDArray[np.float64],
    tau_h: float,
) -> NDArray[np.float64]:
    """Draw a stationary Ornstein-Uhlenbeck process at some times.

    Parameters
    ----------
    seed : int
        Seed of the run.
    purpose : str
        What the numbers are for.
    numbers : ndarray of int, shape (n,)
        Patient numbers.
    times_h : ndarray, shape (n_times,)
        Rising times in hours.
    tau_h : float
        Time constant of the correlation, h; infinite for a level that never changes.

    Returns
    -------
    ndarray, shape (n, n_times)
        Standard normal at each time, with correlation ``exp(-|t - s| / tau)`` between times.
    """
    fresh = normal_draws(seed, purpose, numbers, times_h.size)
    kept = np.exp(-np.diff(times_h) / tau_h)
    level = fresh.copy()
    for at, share in enumerate(kept, start=1):
        level[:, at] = share * level[:, at - 1] + np.sqrt(1.0 - share**2) * fresh[:, at]
    return level


def late_context(
    context: Context, settings: Settings, names: tuple[str, ...], times_h: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what expectancy and care change at each visit.

    Parameters
    ----------
    context : Context
        Control types and their course.
    settings : Settings
        Declared contexts.
    names : tuple of str
        The context at each visit.
    times_h : ndarray, shape (n_visits,)
        Hours from the first session; what is left of a context is that of its common course, and
        nothing in the evidence says how long it stays (assumed: for ever).

    Returns
    -------
    ndarray, shape (n_visits,)
        MADRS points, negative is better.
    """
    change = {**context.change, **settings.declared}
    return np.asarray(np.array([change[name] for name in names]) * context.course(times_h))


def long_scores(
    relief: NDArray[np.float64],
    baseline: NDArray[np.float64],
    times_h: NDArray[np.float64],
    *,
    expected: NDArray[np.float64],
    context: Context,
    drift_tau_h: float,
    seed: int,
    repeats: int = 1,
    antidepressant: Settings | None = None,
) -> NDArray[np.float64]:
    """Return the scores that raters record at the visits of a long course.

    Parameters
    ----------
    relief : ndarray, shape (n_people, n_visits)
        Share of the severity that the pharmacology removes; NaN for who was not solved.
    baseline : ndarray, shape (n_people,)
        MADRS points before treatment.
    times_h : ndarray, shape (n_visits,)
        Hours from the first session.
    expected : ndarray, shape (n_visits,)
        From `late_context`.
    context : Context
        With the spread between patients and of ratings.
    drift_tau_h : float
        Time constant of the drift, h.
    seed : int
        Seed of the run.
    repeats : int, optional
        How many patients each simulated person stands for; they differ in level and rating.
    antidepressant : Settings, optional
        Given where an antidepressant was begun with the treatment.

    Returns
    -------
    ndarray, shape (repeats * n_people, n_visits)
        Whole MADRS points; row k belongs to person ``k % n_people``.
    """
    people = baseline.size
    numbers = np.arange(people * repeats, dtype=np.int64)
    removed, before = np.tile(relief, (repeats, 1)), np.tile(baseline, repeats)[:, None]
    if antidepressant is not None:
        own = drifting(seed, "long-term antidepressant", numbers, times_h, drift_tau_h)
        change = antidepressant.antidepressant_change + antidepressant.antidepressant_sd * own
        before = before + change * antidepressant.antidepressant_course(times_h)[None, :]
    # A drug removes a share of what is left of the illness, and nothing where nothing is left.
    left = np.maximum(before, 0.0) * (1.0 - removed) + np.minimum(before, 0.0)
    level = drifting(seed, "long-term level", numbers, times_h, drift_tau_h)
    error = normal_draws(seed, "long-term rating", numbers, times_h.size)
    latent = left + expected[None, :] + context.between_patient_sd * level
    return np.asarray(load_scale("madrs").record(latent + context.visit_sd * error))
