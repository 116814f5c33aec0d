"""From relief to the points of a scale: what the drug removes, what the context adds, the error.

``score = baseline (1 - relief) + context change + patient's own departure + error of the rating``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ketasim.instruments.context import Context

__all__ = ["latent_madrs"]


def latent_madrs(
    relief: ArrayLike,
    baseline: ArrayLike,
    times_h: ArrayLike,
    context: Context,
    *,
    control: str | None,
    seed: int,
    patients: ArrayLike,
    noise: bool = True,
) -> NDArray[np.float64]:
    """Return severity in MADRS points before a rater rounds it.

    Parameters
    ----------
    relief : array_like, shape (n_patients, n_times)
        Fraction of the severity removed by the pharmacology, 0 to 1; NaN for a failed patient.
    baseline : array_like, shape (n_patients,)
        MADRS score recorded before treatment.
    times_h : array_like, shape (n_times,)
        Hours after the start of the session.
    context : Context
        The context parameters.
    control : str or None
        Control type whose mean change is added; None for no context and no departure.
    seed : int
        Seed of the run.
    patients : array_like of int, shape (n_patients,)
        Patient numbers, which key the random numbers.
    noise : bool, optional
        False leaves out the patient's departure and the error of the rating.

    Returns
    -------
    ndarray, shape (n_patients, n_times)
        Latent MADRS points; may lie outside 0 to 60.
    """
    before = np.asarray(baseline, dtype=np.float64)[:, None]
    removed = before * np.asarray(relief, dtype=np.float64)
    score = before - removed + context.mean_change(control, times_h)[None, :]
    if noise:
        score = score + context.visit_error(times_h, seed, patients)
        if control is not None:
            score = score + context.patient_change(times_h, seed, patients)
    return np.asarray(score, dtype=np.float64)
