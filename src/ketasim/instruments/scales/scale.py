"""What a rating scale is: a range, whole points, and the words to judge a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["RESPONSE_FRACTION", "RatingScale", "remission", "response"]

RESPONSE_FRACTION = 0.5
"""Response: the score fell by at least this share of the baseline."""


@dataclass(frozen=True)
class RatingScale:
    """A rating scale of depression with whole points, a floor and a ceiling.

    Parameters
    ----------
    name : str
        The name in code, for instance ``"madrs"``.
    title : str
        The name in print.
    maximum : int
        The highest score; the lowest is 0 on every scale here.
    remission_cutoff : int
        A score at or below counts as remission, unless the caller says otherwise.
    source : str
        Citation key of the map from MADRS, or empty for MADRS itself.
    note : str
        What a reader should know about the scale's place here.
    """

    name: str
    title: str
    maximum: int
    remission_cutoff: int
    source: str = ""
    note: str = ""

    def from_madrs(self, madrs: ArrayLike) -> NDArray[np.float64]:
        """Convert latent MADRS points to latent points of this scale.

        Parameters
        ----------
        madrs : array_like
            MADRS points, need not be whole.

        Returns
        -------
        ndarray
            Same shape, neither rounded nor clipped.
        """
        from ketasim.instruments.scales.conversion import convert_scale

        return convert_scale(madrs, "madrs", self.name)

    def record(self, latent: ArrayLike) -> NDArray[np.float64]:
        """Record a latent severity as a rater would: whole points between floor and ceiling.

        Parameters
        ----------
        latent : array_like
            Points of this scale; NaN stays NaN.

        Returns
        -------
        ndarray
            Whole numbers from 0 to `maximum`, as floats so that NaN can stand for missing.
        """
        points = np.asarray(latent, dtype=np.float64)
        # Halves go up, as on paper; numpy's own rounding would send them to the even neighbour.
        return np.clip(np.floor(points + 0.5), 0.0, float(self.maximum))


def response(score: ArrayLike, baseline: ArrayLike) -> NDArray[np.float64]:
    """Say who responded: the score fell by at least half of the baseline.

    Parameters
    ----------
    score, baseline : array_like
        Recorded points; broadcast against each other.

    Returns
    -------
    ndarray
        1 for response, 0 for none, NaN where a score is missing. A baseline of 0 cannot respond.
    """
    now, before = np.broadcast_arrays(
        np.asarray(score, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    )
    met = (before > 0) & (before - now >= RESPONSE_FRACTION * before)
    return np.where(np.isnan(now) | np.isnan(before), np.nan, met.astype(np.float64))


def remission(score: ArrayLike, cutoff: float) -> NDArray[np.float64]:
    """Say who is in remission: the score is at or below a cut-off.

    Parameters
    ----------
    score : array_like
        Recorded points.
    cutoff : float
        The highest score that counts. Trials used MADRS 9, 10 and 12.

    Returns
    -------
    ndarray
        1, 0, or NaN where the score is missing.
    """
    now = np.asarray(score, dtype=np.float64)
    return np.where(np.isnan(now), np.nan, (now <= cutoff).astype(np.float64))
