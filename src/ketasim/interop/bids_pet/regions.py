"""Regions of an image: their names, their codes, and their curves.

Names that stand in ``region_names.csv`` become this package's codes, whatever hemisphere they are
of and however they are spelt; labels with one code are taken as one region. Other names stay as
they are. The whole brain stem is not the dorsal brain stem and has no code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.pet.scans import REFERENCE, REGIONS
from ketasim.interop.bids_pet.images import frames_of, labels_of, same_place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Curves", "code_of", "extract", "read_lookup", "region_names", "split_reference"]

REGION_NAMES_FILE = Path(__file__).with_name("region_names.csv")

_SIDE = re.compile(
    r"^(?:(?:ctx|wm)[-_ .])?(?:left|right|lh|rh|l|r|bilateral)[-_ .]+"
    r"|[-_ .]+(?:left|right|lh|rh|l|r|bilateral)$",
    re.IGNORECASE,
)


@cache
def region_names() -> Mapping[str, str]:
    """Return the declared mapping from names, in small letters without signs, to codes."""
    table = pd.read_csv(REGION_NAMES_FILE, dtype=str)
    return dict(zip(table["name"], table["code"], strict=True))


def code_of(name: str, mapping: Mapping[str, str] | None = None) -> str:
    """Return the code of a region, or its name where it has none.

    Parameters
    ----------
    name : str
        As it stands in a file, for instance ``"ctx-lh-superiorfrontal"``.
    mapping : mapping of str to str, optional
        Names as they stand in the file, and what to call them; goes before the declared mapping.

    Returns
    -------
    str
        For instance ``"FC"``.
    """
    if mapping and name in mapping:
        return mapping[name]
    if name in (*REGIONS, REFERENCE):
        return name
    if re.match(r"(?:ctx-)?wm[-_.]", name, re.IGNORECASE):
        return name  # white matter below a gyrus is not the gyrus
    bare = re.sub(r"[^a-z0-9]", "", _SIDE.sub("", name).lower())
    return region_names().get(bare, name)


def read_lookup(path: Path) -> dict[int, str]:
    """Read the names of a segmentation's labels, ``*_dseg.tsv``.

    Parameters
    ----------
    path : Path
        A table with the columns ``index`` and ``name``.

    Returns
    -------
    dict of int to str
        Names by label.

    Raises
    ------
    InputError
        If the file or a column is missing, a label is no whole number or stands twice.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError("the names of the labels cannot be read", where=str(path),
                         expected="a table with the columns index and name") from error  # fmt: skip
    for column in ("index", "name"):
        if column not in table.columns:
            raise InputError(f"the column {column!r} is missing", where=str(path),
                             expected="the columns index and name, parted by tabs")  # fmt: skip
    found: dict[int, str] = {}
    for row, (index, name) in enumerate(zip(table["index"], table["name"], strict=True), 2):
        if not re.fullmatch(r"\s*\d+\s*", index):
            raise InputError(f"it is {index!r}", where=f"{path}, row {row}, column 'index'",
                             expected="a whole number")  # fmt: skip
        if int(index) in found:
            raise InputError(f"the label {int(index)} stands twice", where=f"{path}, row {row}")
        found[int(index)] = name.strip()
    return found


@dataclass(frozen=True, eq=False)
class Curves:
    """Mean curves of regions.

    Parameters
    ----------
    names : tuple of str
        Codes, or names that have none.
    activity : array, shape (n_regions, n_frames)
        In the unit of the file.
    volume_mm3 : array, shape (n_regions,)
        Volume of each region; NaN where a table does not tell.
    where : str
        The file they come from.
    """

    names: tuple[str, ...]
    activity: NDArray[np.float64]
    volume_mm3: NDArray[np.float64]
    where: str


def extract(
    image: Any, segmentation: Any, lookup: Mapping[int, str], mapping: Mapping[str, str] | None
) -> Curves:
    """Average an image over the regions of a segmentation.

    Parameters
    ----------
    image : nibabel.Nifti1Image
        The scan, 4D.
    segmentation : nibabel.Nifti1Image
        Labels on the same grid.
    lookup : mapping of int to str
        Names by label; 0 and labels without a name are no region.
    mapping : mapping of str to str or None
        As for `code_of`.

    Returns
    -------
    Curves
        In the order of the lookup. A voxel that is not finite makes its region's value NaN.

    Raises
    ------
    InputError
        If the segmentation has another shape or place than the image, or no named label.
    """
    where = str(segmentation.get_filename())
    if segmentation.shape[:3] != image.shape[:3]:
        raise InputError(f"the segmentation has the shape {_by(segmentation)}", where=where,
                         expected=f"that of the scan {image.get_filename()}, {_by(image)}")  # fmt: skip
    if not same_place(segmentation, image):
        raise InputError("the segmentation lies elsewhere than the scan: their affines differ",
                         where=where, expected=f"the grid of {image.get_filename()}")  # fmt: skip
    names, group = _groups(labels_of(segmentation), lookup, mapping)
    if not names:
        raise InputError("no voxel has a label with a name", where=where)
    inside = group >= 0
    member = group[inside]
    count = np.bincount(member, minlength=len(names))
    sums = [np.bincount(member, frame[inside], len(names)) for frame in frames_of(image)]
    size = float(abs(np.linalg.det(image.affine[:3, :3])))
    return Curves(
        names,
        np.stack(sums, axis=1) / count[:, None],
        np.asarray(size * count, dtype=np.float64),
        where,
    )


def _by(image: Any) -> str:
    return " by ".join(str(one) for one in image.shape[:3])


def _groups(
    labels: NDArray[np.int64], lookup: Mapping[int, str], mapping: Mapping[str, str] | None
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the regions that have voxels, and the region of every voxel, -1 for none."""
    present = set(np.unique(labels).tolist())
    known = {index: code_of(name, mapping) for index, name in lookup.items()
             if index in present and index != 0}  # fmt: skip
    names = tuple(dict.fromkeys(known.values()))
    group = np.full(labels.shape, -1, dtype=np.int64)
    for index, code in known.items():
        group[labels == index] = names.index(code)
    return names, group


def split_reference(
    curves: Curves, reference: str, mapping: Mapping[str, str] | None
) -> tuple[str, Curves, NDArray[np.float64]]:
    """Take the reference region out of some curves.

    Parameters
    ----------
    curves : Curves
        All regions.
    reference : str
        Its name or code.
    mapping : mapping of str to str or None
        As for `code_of`.

    Returns
    -------
    tuple of str, Curves and array
        Its code, the target regions, and its curve, shape (n_frames,).

    Raises
    ------
    UnknownNameError
        If there is no such region.
    """
    code = reference if reference in curves.names else code_of(reference, mapping)
    if code not in curves.names:
        raise unknown_name("reference region", reference, curves.names, where=curves.where)
    keep = np.array([name != code for name in curves.names])
    targets = Curves(tuple(name for name in curves.names if name != code),
                     curves.activity[keep], curves.volume_mm3[keep], curves.where)  # fmt: skip
    return code, targets, np.asarray(curves.activity[~keep][0])
