"""Noise of a frame, and how much of what varies between two scans it explains.

A frame counts decays, so its decay-corrected activity ``C`` has the standard deviation
``scale * sqrt(C / (duration exp(-lambda t)))``. The form is common; no published scale factor was
read. The ten reference curves of simbaref scatter much as it says: over this form, their scatter
about a smooth curve stays between 0.04 and 0.13 from the third minute to the last.

What varies between two scans of a person has three parts: the noise of the scans, change in the
person and how the head lies (together ``within_sd``), and a shift that all share. Published is only
the sum, and the shift. How the first two divide is declared: ``scan_share`` in ``constants.csv``.
The scale of each region is then calibrated (`ketasim.instruments.pet.calibration`) and stored in
``noise.csv``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import EvidenceError, InputError
from ketasim.instruments.pet.regions import constant
from ketasim.instruments.pet.scans import HALF_LIFE_11C_MIN

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.instruments.pet.frames import Frames
    from ketasim.instruments.pet.regions import RegionValues

__all__ = [
    "DECAY_PER_MIN",
    "NOISE_COLUMNS",
    "NOISE_FILE",
    "NoiseLevels",
    "difference_sd",
    "folded_mean",
    "frame_sd",
    "frame_weights",
    "load_noise",
    "log_shift",
    "noise_table",
    "total_sd",
    "within_sd",
]

DECAY_PER_MIN = math.log(2) / HALF_LIFE_11C_MIN
"""Decay constant of carbon-11, 1/min."""

NOISE_FILE = Path(__file__).with_name("noise.csv")
"""The shipped table of calibrated scale factors."""

NOISE_COLUMNS = (
    "region", "absolute_variability", "signed_change", "scan_share", "scale", "within_sd",
    "achieved", "achieved_se", "pairs", "seed", "status", "source", "note",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class NoiseLevels:
    """How noisy a scan is, and how much a person varies between scans.

    Parameters
    ----------
    names : tuple of str
        Codes of the regions.
    scale : ndarray, shape (n_regions,)
        Scale factor of the noise of a frame, root of (activity times min).
    within_sd : ndarray, shape (n_regions,)
        SD of log BPND between scans of a person that is no noise of a scan.
    reference_scale : float
        Scale factor of the reference region.
    """

    names: tuple[str, ...]
    scale: NDArray[np.float64]
    within_sd: NDArray[np.float64]
    reference_scale: float

    def __post_init__(self) -> None:
        levels = np.concatenate([self.scale, self.within_sd, [self.reference_scale]])
        if len(self.scale) != len(self.names) or len(self.within_sd) != len(self.names):
            raise InputError("the noise has not one level a region", where=", ".join(self.names))
        if not np.all(levels >= 0):
            raise InputError("a level of noise is negative or missing", expected="0 or above")


def frame_sd(
    activity: NDArray[np.float64], frames: Frames, scale: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return the SD of the noise of every frame.

    Parameters
    ----------
    activity : ndarray, shape (..., n_frames)
        Activity without noise, corrected for decay.
    frames : Frames
        The frames.
    scale : ndarray, broadcast to ``activity.shape[:-1]``, or float
        Scale factors.

    Returns
    -------
    ndarray, shape of `activity`
        In the unit of the activity; 0 where there is no activity.
    """
    seen = frames.duration_min * np.exp(-DECAY_PER_MIN * frames.mid_min)
    factor = np.asarray(scale, dtype=np.float64)[..., None]
    return np.asarray(factor * np.sqrt(np.maximum(activity, 0.0) / seen))


def frame_weights(frames: Frames) -> NDArray[np.float64]:
    """Return the weights with which a scan is fitted: duration times what decay has left.

    They are what can be known without the curve itself; their mean is 1.

    Parameters
    ----------
    frames : Frames
        The frames.

    Returns
    -------
    ndarray, shape (n_frames,)
        Dimensionless.
    """
    weights = frames.duration_min * np.exp(-DECAY_PER_MIN * frames.mid_min)
    return np.asarray(weights / weights.mean())


def folded_mean(shift: float, sd: float) -> float:
    """Return the mean distance from 0 of a normal number.

    Parameters
    ----------
    shift, sd : float
        Its mean and standard deviation.

    Returns
    -------
    float
        Mean of the folded normal distribution.
    """
    if sd == 0:
        return abs(shift)
    spread = sd * math.sqrt(2 / math.pi) * math.exp(-((shift / sd) ** 2) / 2)
    return spread + shift * math.erf(shift / (sd * math.sqrt(2)))


def difference_sd(absolute_variability: float, signed_change: float = 0.0) -> float:
    """Return the SD of the relative difference between two scans.

    Parameters
    ----------
    absolute_variability : float
        Mean distance of the two over their mean, as a share.
    signed_change : float, optional
        Mean difference over the mean, as a share.

    Returns
    -------
    float
        The SD of a normal difference with that mean and that mean distance.

    Raises
    ------
    InputError
        If the mean difference is not smaller than the mean distance, or the latter no share.
    """
    from scipy.optimize import brentq

    if not 0 < absolute_variability < 1:
        raise InputError(
            f"an absolute variability of {absolute_variability:g}",
            expected="a share between 0 and 1, such as 0.12 for 12 %",
        )
    if abs(signed_change) >= absolute_variability:
        raise InputError(
            f"a mean change of {signed_change:g} leaves nothing of an absolute variability of"
            f" {absolute_variability:g}",
            expected="a change smaller than the variability",
        )
    widest = absolute_variability * math.sqrt(math.pi / 2)
    if signed_change == 0:
        return widest

    def gap(sd: float) -> float:
        return folded_mean(signed_change, sd) - absolute_variability

    return float(brentq(gap, 1e-9, 2 * widest, xtol=1e-12))


def log_shift(signed_change: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the log ratio of two scans from their difference over their mean."""
    change = np.asarray(signed_change, dtype=np.float64)
    return np.asarray(2 * np.arctanh(change / 2))


def within_sd(values: RegionValues, scan_share: float | None = None) -> NDArray[np.float64]:
    """Return what varies in a person between scans and is no noise of a scan.

    Parameters
    ----------
    values : RegionValues
        With the absolute variability and the shift that belongs to it.
    scan_share : float, optional
        Share of the noise of a scan in the variance; by default the declared one.

    Returns
    -------
    ndarray, shape (n_regions,)
        SD of log BPND of one scan.
    """
    return np.asarray(total_sd(values) * math.sqrt((1 - _checked_share(scan_share)) / 2))


def total_sd(values: RegionValues) -> NDArray[np.float64]:
    """Return the SD of the relative difference of two scans, shape (n_regions,), shift aside."""
    pairs = zip(values.absolute_variability, values.signed_change, strict=True)
    return np.array([difference_sd(float(distance), float(shift)) for distance, shift in pairs])


def _checked_share(scan_share: float | None) -> float:
    share = constant("scan_share") if scan_share is None else scan_share
    if not 0 < share <= 1:
        raise InputError(f"a share of {share:g} for the noise of a scan", expected="0 to 1")
    return share


def load_noise(values: RegionValues) -> NoiseLevels:
    """Return the calibrated noise of some regions.

    Parameters
    ----------
    values : RegionValues
        The regions and their absolute variability. Where it is not one of those the table was
        calibrated for, the scale follows the SD of the difference in proportion.

    Returns
    -------
    NoiseLevels
        The noise.
    """
    table = _shipped_noise()
    share = constant("scan_share")
    scales = [
        _scale_for(table[table["region"] == name], float(variability), float(shift))
        for name, variability, shift in zip(
            values.names, values.absolute_variability, values.signed_change, strict=True
        )
    ]
    return NoiseLevels(
        values.names, np.array(scales), within_sd(values, share), constant("reference_scale")
    )


def _scale_for(rows: pd.DataFrame, variability: float, shift: float) -> float:
    known = rows.sort_values("absolute_variability")
    sds = [
        difference_sd(float(distance), float(change))
        for distance, change in known[["absolute_variability", "signed_change"]].to_numpy()
    ]
    ratio = known["scale"].to_numpy(dtype=np.float64) / np.array(sds)
    wanted = difference_sd(variability, shift)
    return float(np.interp(wanted, sds, ratio) * wanted)


def noise_table(path: Path | str | None = None) -> pd.DataFrame:
    """Read a table of calibrated noise.

    Parameters
    ----------
    path : path, optional
        A CSV with the columns of `NOISE_COLUMNS`; by default the shipped one.

    Returns
    -------
    DataFrame
        ``absolute_variability`` and ``signed_change`` are what was aimed at, ``achieved`` and its
        standard error what ``pairs`` simulated pairs of scans with the stored ``scale`` show.

    Raises
    ------
    EvidenceError
        If a column is missing or a scale is no positive number.
    """
    import pandas as pd

    file = NOISE_FILE if path is None else Path(path)
    try:
        table = pd.read_csv(file, dtype={"source": str, "note": str}, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise EvidenceError("the table of noise cannot be read", where=str(file)) from error
    missing = [name for name in NOISE_COLUMNS if name not in table.columns]
    if missing:
        raise EvidenceError(f"the column {missing[0]!r} is missing", where=file.name)
    wrong = np.flatnonzero(~(pd.to_numeric(table["scale"], errors="coerce") > 0))
    if len(wrong):
        raise EvidenceError(
            "the scale is no positive number", where=f"{file.name}, row {wrong[0] + 2}"
        )
    return table


@cache
def _shipped_noise() -> pd.DataFrame:
    return noise_table()
