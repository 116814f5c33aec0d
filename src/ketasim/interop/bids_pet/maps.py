"""Parametric images: SRTM in every voxel of a scan, written as images of a derivative."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError
from ketasim.instruments.pet.voxelwise import STATUSES, VOXEL_BOUNDS, WASHOUT_RANGE, fit_voxels
from ketasim.interop.bids_pet.images import frames_of, labels_of, load_image, write_image
from ketasim.interop.bids_pet.names import file_name
from ketasim.interop.bids_pet.write import entities_of, scan_folder, write_description, write_json
from ketasim.results import atomic_write

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ketasim.instruments.pet.kinetics.srtm import Bounds
    from ketasim.instruments.pet.scans import Scan
    from ketasim.instruments.pet.voxelwise import VoxelFits
    from ketasim.interop.bids_pet.read import Reading

__all__ = ["ParametricMaps", "parametric_maps"]

MASK_SHARE = 0.05
"""Voxels whose mean activity is above this share of the most active hundredth are fitted where no
mask is given (assumed)."""

_UNITS = {"R1": "1", "k2": "1/min", "BPND": "1"}


@dataclass(frozen=True, eq=False)
class ParametricMaps:
    """Maps of one scan.

    Parameters
    ----------
    scan : Scan
        The scan they are of.
    maps : dict of str to array of float32, shape (nx, ny, nz)
        ``R1``, ``k2`` (1/min) and ``BPND``; NaN where a voxel was not fitted.
    status : array of uint8, shape (nx, ny, nz)
        Place in `ketasim.instruments.pet.voxelwise.STATUSES`, and 255 outside the mask.
    affine : array, shape (4, 4)
        From voxels to millimetres.
    """

    scan: Scan
    maps: dict[str, NDArray[np.float32]]
    status: NDArray[np.uint8]
    affine: NDArray[np.float64]

    def plot(self, name: str = "BPND", **options: Any) -> Any:
        """Draw a map on the MNI brain with nilearn; see `plotting.plot_map`."""
        from ketasim.interop.bids_pet.plotting import plot_map

        return plot_map(self, name, **options)

    def counts(self) -> dict[str, int]:
        """Return how many voxels ended in each way, in words."""
        codes, number = np.unique(self.status, return_counts=True)
        words = {255: "outside the mask", **{i: one.value for i, one in enumerate(STATUSES)}}
        return {words[int(code)]: int(one) for code, one in zip(codes, number, strict=True)}

    def save(self, folder: Path | str) -> list[Path]:
        """Write the maps into a derivative data set.

        Parameters
        ----------
        folder : path
            Its folder, for instance ``dataset/derivatives/ketasim``.

        Returns
        -------
        list of Path
            The images, ``*_model-SRTM_meas-<name>_mimap.nii.gz``. BIDS has fixed no name for them
            yet, so that a ``.bidsignore`` is written for its validator.

        Raises
        ------
        OutputError
            If a file cannot be written.
        """
        root = Path(folder)
        write_description(root, "Parametric images", derivative=True)
        atomic_write(root / ".bidsignore", "*_mimap.*\n")
        place = scan_folder(root, entities_of(self.scan))
        paths = []
        images: dict[str, ArrayLike] = {**self.maps, "status": self.status}
        for name, voxels in images.items():
            entities = {**entities_of(self.scan), "model": "SRTM", "meas": name}
            paths.append(write_image(place / file_name(entities, "mimap", ".nii.gz"), voxels,
                                     self.affine))  # fmt: skip
            write_json(place / file_name(entities, "mimap", ".json"), self._fields(name))
        return paths

    def _fields(self, name: str) -> dict[str, Any]:
        if name == "status":
            return {"Levels": {str(code): one.value for code, one in enumerate(STATUSES)}
                    | {"255": "outside the mask"}}  # fmt: skip
        return {"Model": "SRTM by basis functions", "Units": _UNITS[name],
                "ReferenceRegion": self.scan.reference_region}  # fmt: skip


def parametric_maps(
    reading: Reading,
    *,
    mask: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    washout: tuple[float, float] = WASHOUT_RANGE,
    refine: bool = True,
    bounds: Bounds = VOXEL_BOUNDS,
    threads: int | None = None,
) -> ParametricMaps:
    """Fit SRTM in every voxel of a scan that was read from an image.

    Parameters
    ----------
    reading : Reading
        From `ketasim.interop.bids_pet.read.read_scans`: the image, and the reference curve.
    mask : array_like of bool, shape (nx, ny, nz), optional
        The voxels to fit; by default those with a label, or, without a segmentation, with activity.
    weights : array_like, shape (n_frames,), optional
        Weights; by default those of the scan's first region.
    washout, refine, bounds, threads
        As for `ketasim.instruments.pet.voxelwise.fit_voxels`.

    Returns
    -------
    ParametricMaps
        R1, k2 and BPND.

    Raises
    ------
    InputError
        If the scan has no image, the mask has another shape, or the image cannot be read.
    """
    if reading.image is None:
        raise InputError("the scan has curves only, and maps need its image",
                         where=str(reading.curves_from))  # fmt: skip
    image = load_image(reading.image)
    inside = _mask(reading, image, mask)
    scan = reading.scan
    # Single precision holds what a scanner resolves, and halves the memory of a whole brain.
    voxels = np.empty((int(inside.sum()), len(scan.frames)), dtype=np.float32)
    for place, frame in enumerate(frames_of(image)):
        voxels[:, place] = frame[inside] * reading.factors[place]
    weight = scan.weights[0] if weights is None else weights
    fits = fit_voxels(voxels, scan.reference, scan.frames, weight, washout=washout, refine=refine,
                      bounds=bounds, threads=threads)  # fmt: skip
    return _maps(scan, fits, inside, np.asarray(image.affine))


def _maps(
    scan: Scan, fits: VoxelFits, inside: NDArray[np.bool_], affine: NDArray[np.float64]
) -> ParametricMaps:
    status = np.full(inside.shape, 255, dtype=np.uint8)
    status[inside] = fits.status
    maps = {}
    for name, values in (("R1", fits.r1), ("k2", fits.k2), ("BPND", fits.bp)):
        maps[name] = np.full(inside.shape, np.nan, dtype=np.float32)
        maps[name][inside] = values
    return ParametricMaps(scan, maps, status, affine)


def _mask(reading: Reading, image: Any, mask: ArrayLike | None) -> NDArray[np.bool_]:
    shape = image.shape[:3]
    if mask is not None:
        inside = np.asarray(mask, dtype=bool)
        if inside.shape != shape:
            raise InputError(f"the mask has the shape {inside.shape}",
                             expected=f"that of the scan, {shape}")  # fmt: skip
    elif reading.segmentation is not None:
        inside = labels_of(load_image(reading.segmentation)) > 0
    else:
        total = np.zeros(shape)
        for frame, length in zip(frames_of(image), reading.scan.frames.duration_min, strict=True):
            total += np.nan_to_num(frame) * length
        inside = total > MASK_SHARE * np.percentile(total, 99)
    if not inside.any():
        raise InputError("the mask has no voxel", where=str(reading.image))
    return inside
