"""Scans that share their frames, laid out as arrays, so that a model meets all curves at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ketasim.instruments.pet.frames import Frames
    from ketasim.instruments.pet.kinetics.input_function import ArterialInput
    from ketasim.instruments.pet.scans import Scan

Array = NDArray[np.float64]

__all__ = ["Batch", "cumulative", "median_by_scan"]


@dataclass(frozen=True)
class Batch:
    """Curves of scans with the same frames.

    Parameters
    ----------
    frames : Frames
        The n_frames frames.
    reference : array, shape (n_scans, n_frames)
        Reference curves.
    activity, weights : array, shape (n, n_frames)
        Curves of all regions of all scans, scan after scan.
    which : array of int, shape (n,)
        The scan of each curve.
    regions : tuple of str
        The region of each curve.
    inputs : tuple of ArterialInput
        The input function of each scan; empty for reference-tissue models.
    """

    frames: Frames
    reference: Array
    activity: Array
    weights: Array
    which: NDArray[np.int64]
    regions: tuple[str, ...]
    inputs: tuple[ArterialInput, ...] = ()

    @classmethod
    def of(cls, scans: Sequence[Scan], inputs: Sequence[ArterialInput] = ()) -> Batch:
        """Lay out scans that share their frames."""
        counts = [len(scan.regions) for scan in scans]
        return cls(
            scans[0].frames,
            np.stack([scan.reference for scan in scans]),
            np.concatenate([scan.activity for scan in scans]),
            np.concatenate([scan.weights for scan in scans]),
            np.repeat(np.arange(len(scans), dtype=np.int64), counts),
            tuple(region for scan in scans for region in scan.regions),
            tuple(inputs),
        )

    @property
    def own_reference(self) -> Array:
        """The reference beside each curve, shape (n, n_frames)."""
        return np.asarray(self.reference[self.which])


def cumulative(frames: Frames, curves: Array) -> Array:
    """Integrate curves from injection to the middle of each frame.

    Parameters
    ----------
    frames : Frames
        The frames.
    curves : array, shape (n, n_frames)
        Activity.

    Returns
    -------
    array, shape (n, n_frames)
        Integrals by the trapezoid rule between middles, from zero at injection, as in kinfitr.
    """
    times = np.concatenate([[0.0], frames.mid_min])
    full = np.concatenate([np.zeros((len(curves), 1)), curves], axis=1)
    return np.asarray(np.cumsum((full[:, 1:] + full[:, :-1]) / 2 * np.diff(times), axis=1))


def median_by_scan(
    values: Array, batch: Batch, usable: NDArray[np.bool_], regions: tuple[str, ...] | None
) -> Array:
    """Return, beside each curve, the median of a value over the regions of its scan.

    Parameters
    ----------
    values : array, shape (n,)
        One value a curve.
    batch : Batch
        The curves.
    usable : array of bool, shape (n,)
        Which values count.
    regions : tuple of str or None
        Which regions count; None for all.

    Returns
    -------
    array, shape (n,)
        The median; NaN for a scan without a value that counts.
    """
    counts = usable & np.isfinite(values) & (values > 0)
    if regions is not None:
        counts &= np.array([region in regions for region in batch.regions])
    medians = np.full(len(batch.reference), np.nan)
    for scan in range(len(medians)):
        own = values[counts & (batch.which == scan)]
        if own.size:
            medians[scan] = np.median(own)
    return np.asarray(medians[batch.which])
