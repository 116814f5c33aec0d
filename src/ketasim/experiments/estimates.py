"""Medians over a cohort, the spread between patients, and the Monte-Carlo error of the median."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Estimate", "bootstrap_rows", "estimate", "median_error"]

INTERVAL = (0.025, 0.975)
"""Quantiles of every interval."""


@dataclass(frozen=True)
class Estimate:
    """A median over the cohort at some times.

    Parameters
    ----------
    value : ndarray, shape (n_times,)
        Median over patients.
    low, high : ndarray, shape (n_times,)
        2.5 and 97.5 % quantiles over patients, each of whom carries a posterior draw.
    error : ndarray, shape (n_times,)
        Monte-Carlo error of the median: its standard deviation under the bootstrap.
    """

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    error: NDArray[np.float64]


def estimate(values: ArrayLike) -> Estimate:
    """Summarise patients.

    Parameters
    ----------
    values : array_like, shape (n_patients,) or (n_patients, n_times)
        NaN for a failed patient, who is left out.

    Returns
    -------
    Estimate
        NaN throughout where no patient is left.
    """
    table = np.asarray(values, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    kept = table[~np.isnan(table).all(axis=1)]
    if kept.shape[0] == 0:
        nothing = np.full(table.shape[1], np.nan)
        return Estimate(nothing, nothing, nothing, nothing)
    low, value, high = np.nanquantile(kept, [INTERVAL[0], 0.5, INTERVAL[1]], axis=0)
    return Estimate(value, low, high, median_error(kept))


def median_error(values: ArrayLike) -> NDArray[np.float64]:
    """Return the bootstrap standard error of the median, without drawing.

    The bootstrap's limit for infinitely many resamples has a closed form (Maritz and Jarrett 1978):
    the resampled median is the i-th order statistic with a probability from the beta distribution.

    Parameters
    ----------
    values : array_like, shape (n_patients, n_times)
        NaN is left out, column by column.

    Returns
    -------
    ndarray, shape (n_times,)
        Standard error.
    """
    table = np.sort(np.asarray(values, dtype=np.float64), axis=0)
    errors = np.empty(table.shape[1])
    for column, count in enumerate(np.sum(~np.isnan(table), axis=0)):
        weights = _order_weights(int(count))
        ordered = table[: int(count), column]
        middle = weights @ ordered
        variance = float(weights @ (ordered - middle) ** 2) if count else np.nan
        errors[column] = np.sqrt(variance)
    return errors


@cache
def _order_weights(count: int) -> NDArray[np.float64]:
    from scipy.special import betainc

    middle = (count + 1) / 2.0
    return np.diff(betainc(middle, count - middle + 1.0, np.arange(count + 1) / max(count, 1)))


def bootstrap_rows(count: int, size: int, repeats: int, seed: int) -> NDArray[np.int64]:
    """Return row numbers of bootstrap samples.

    Parameters
    ----------
    count : int
        Number of rows to draw from.
    size : int
        Rows in one sample.
    repeats : int
        Number of samples.
    seed : int
        Seed.

    Returns
    -------
    ndarray of int, shape (repeats, size)
        Row numbers, drawn with replacement.
    """
    generator = np.random.Generator(np.random.Philox(key=seed & 0xFFFFFFFF))
    return generator.integers(0, count, size=(repeats, size))
