"""The scanner: from what is true of a person to curves with noise, as a centre would get them.

Curves are computed without a grid (`ketasim.instruments.pet.curves`) and averaged over frames; the
noise of a frame is that of counting (`ketasim.instruments.pet.noise`). The reference region has
noise of its own, which all regions of a scan share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.draws import normal_draws
from ketasim.instruments.pet import curves
from ketasim.instruments.pet.binding import Truth
from ketasim.instruments.pet.frames import AZ10419369_93MIN
from ketasim.instruments.pet.noise import NoiseLevels, frame_sd, frame_weights, load_noise
from ketasim.instruments.pet.regions import constant, load_regions, select_regions
from ketasim.instruments.pet.scans import REGIONS, Scan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from ketasim.instruments.pet.curves import ReferenceCurve
    from ketasim.instruments.pet.frames import Frames

__all__ = ["TISSUE_MODELS", "UNIT", "ScanBlock", "simulate_scan", "simulate_scans"]

TISSUE_MODELS = ("srtm", "two_tissue")
"""What makes the tissue curves."""

UNIT = "arbitrary"
"""Unit of the activity: that of the empirical reference curve's own data set."""


@dataclass(frozen=True, eq=False)
class ScanBlock:
    """The curves of many scans, as arrays.

    Parameters
    ----------
    truth : Truth
        What they were made from.
    frames : Frames
        Of every scan.
    activity : ndarray, shape (n_patients, n_scans, n_regions, n_frames)
        Corrected for decay.
    reference : ndarray, shape (n_patients, n_scans, n_frames)
        Activity of the reference region.
    weights : ndarray, shape (n_frames,)
        Of every curve.
    """

    truth: Truth
    frames: Frames
    activity: NDArray[np.float64]
    reference: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def regions(self) -> tuple[str, ...]:
        """Codes of the regions."""
        return self.truth.regions

    def curves(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Return all curves one below the other.

        Returns
        -------
        curves : ndarray, shape (n_curves, n_frames)
            Regions of a scan, then scans of a patient, then patients.
        references : ndarray, shape (n_patients * n_scans, n_frames)
            The reference curves.
        which : ndarray of int, shape (n_curves,)
            Row of the reference of each curve.
        """
        number = len(self.frames)
        flat = self.activity.reshape(-1, number)
        references = self.reference.reshape(-1, number)
        return flat, references, np.repeat(np.arange(len(references)), len(self.regions))

    def shaped(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values of `curves` over (patient, scan, region)."""
        return np.asarray(values.reshape(self.activity.shape[:3]))

    def scans(self) -> list[Scan]:
        """Return the scans one by one; participants and scans are numbered from 1."""
        weights = np.broadcast_to(self.weights, self.activity.shape[2:])
        return [
            Scan(
                str(number + 1), f"{number + 1}_{scan + 1}", self.frames, self.regions,
                self.activity[row, scan], self.reference[row, scan], weights, unit=UNIT,
            )
            for row, number in enumerate(self.truth.patients.tolist())
            for scan in range(self.truth.scans)
        ]  # fmt: skip


def simulate_scans(
    truth: Truth,
    *,
    seed: int,
    frames: Frames = AZ10419369_93MIN,
    noise: NoiseLevels | None = None,
    model: str = "srtm",
    injected_mbq: ArrayLike | None = None,
) -> ScanBlock:
    """Scan many people.

    Parameters
    ----------
    truth : Truth
        Who is scanned, and what is true of them.
    seed : int
        Of the noise; with the patient's number, the scan and the region it is the key of every
        number drawn.
    frames : Frames, optional
        By default the 38 frames over 93 min.
    noise : NoiseLevels, optional
        For the same regions, for instance from `load_noise`; by default none.
    model : {"srtm", "two_tissue"}, optional
        ``srtm``: tissue follows from the empirical reference curve. ``two_tissue``: reference and
        tissue follow from an assumed plasma input with assumed rates; k2' is then that of the
        reference everywhere, and ``truth.k2_prime`` is not used.
    injected_mbq : array_like, broadcast to (n_patients, n_scans), optional
        Injected activity; curves grow with it, and their relative noise falls with its root.

    Returns
    -------
    ScanBlock
        The curves.

    Raises
    ------
    InputError
        If the model is unknown, the noise is for other regions, or an activity not positive.
    """
    if model not in TISSUE_MODELS:
        raise unknown_name("tissue model", model, TISSUE_MODELS)
    if noise is not None and noise.names != truth.regions:
        raise InputError(
            "the noise is for other regions than the truth",
            where=f"noise for {', '.join(noise.names)}", expected=", ".join(truth.regions),
        )  # fmt: skip
    clean, reference = _clean(truth, frames, model)
    shape = (len(truth.patients), truth.scans)
    factor = _injected(injected_mbq, shape)
    activity = clean * factor[..., None, None]
    references = reference * factor[..., None]
    if noise is not None:
        draws = _draws(truth, seed, len(frames))
        places = [REGIONS.index(name) for name in truth.regions]
        activity += frame_sd(activity, frames, noise.scale) * draws[:, :, places]
        references += frame_sd(references, frames, noise.reference_scale) * draws[:, :, -1]
    return ScanBlock(truth, frames, activity, references, frame_weights(frames))


def _clean(
    truth: Truth, frames: Frames, model: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the curves without noise, and the one reference curve."""
    if model == "srtm":
        reference: ReferenceCurve = curves.empirical_reference()
        made = curves.srtm(reference, truth.r1, truth.k2_prime, truth.bpnd, frames)
        return made, reference.frame_means(frames)
    reference, k4 = curves.tissue_reference(), constant("tissue_k4")
    made = curves.two_tissue(
        reference.plasma, truth.r1 * reference.k1, truth.r1 * reference.k2, truth.bpnd * k4, k4,
        frames,
    )  # fmt: skip
    return made, reference.frame_means(frames)


def _injected(injected_mbq: ArrayLike | None, shape: tuple[int, int]) -> NDArray[np.float64]:
    nominal = constant("injected_activity")
    given = np.asarray(nominal if injected_mbq is None else injected_mbq, dtype=np.float64)
    if not np.all(given > 0):
        raise InputError("an injected activity is not positive", expected="MBq above 0")
    return np.asarray(np.broadcast_to(given / nominal, shape))


def _draws(truth: Truth, seed: int, frames: int) -> NDArray[np.float64]:
    """Return numbers for all regions and the reference: asking for one region changes no other."""
    count = (len(REGIONS) + 1) * frames
    parts = [
        normal_draws(seed, f"pet frames, scan {scan}", truth.patients, count)
        for scan in range(truth.scans)
    ]
    return np.stack(parts, axis=1).reshape(len(truth.patients), truth.scans, -1, frames)


def simulate_scan(
    bpnd: ArrayLike | None = None,
    r1: ArrayLike | None = None,
    k2_prime: ArrayLike | None = None,
    *,
    seed: int = 1,
    regions: Sequence[str] | None = None,
    frames: Frames = AZ10419369_93MIN,
    noise: NoiseLevels | bool = True,
    model: str = "srtm",
    injected_mbq: float | None = None,
    patient: int = 0,
) -> Scan:
    """Scan one person once.

    Parameters
    ----------
    bpnd, r1, k2_prime : array_like, shape (n_regions,) or scalar, optional
        Binding potential, relative delivery and rate of the reference region (1/min); by default
        the means of the table of regions.
    seed : int, optional
        Of the noise.
    regions : sequence of str, optional
        Codes; by default all eleven.
    frames : Frames, optional
        By default the 38 frames over 93 min.
    noise : NoiseLevels or bool, optional
        True for the calibrated noise, False for none.
    model, injected_mbq
        As for `simulate_scans`.
    patient : int, optional
        Number of the person, from 0.

    Returns
    -------
    Scan
        The curves.

    Raises
    ------
    InputError
        As for `simulate_scans`, and if a parameter has not one value a region.
    """
    names = select_regions(regions)
    values = load_regions(names)
    given = {"bpnd": bpnd, "r1": r1, "k2_prime": k2_prime}
    made = {}
    for name, one in given.items():
        array = np.asarray(getattr(values, name) if one is None else one, dtype=np.float64)
        if array.shape not in ((), (len(names),)):
            raise InputError(
                f"{name} has the shape {array.shape}",
                expected=f"one value for {len(names)} regions",
            )
        made[name] = np.broadcast_to(array, (1, 1, len(names)))
    truth = Truth(np.array([patient], dtype=np.int64), names, **made)
    levels = noise if isinstance(noise, NoiseLevels) else load_noise(values) if noise else None
    block = simulate_scans(
        truth, seed=seed, frames=frames, noise=levels, model=model, injected_mbq=injected_mbq
    )
    return block.scans()[0]
