"""Images in NIfTI through nibabel: read with a sentence for what is wrong, written whole."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError, require_extra
from ketasim.results import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

__all__ = ["frames_of", "labels_of", "load_image", "same_place", "write_image"]


def load_image(path: Path | str) -> Any:
    """Open an image; its voxels are read when they are asked for.

    Parameters
    ----------
    path : path
        A NIfTI file.

    Returns
    -------
    nibabel.Nifti1Image
        The image. A compressed file stays open between frames, so that it is unpacked once.

    Raises
    ------
    InputError
        If the file is missing or no image.
    MissingExtraError
        If nibabel is not installed.
    """
    nibabel = require_extra("nibabel", "pet")
    try:
        return nibabel.load(Path(path), keep_file_open=True)
    except FileNotFoundError as error:
        raise InputError("the image is missing", where=str(path)) from error
    except _broken() as error:
        raise _unreadable(path, error) from error


def _broken() -> tuple[type[Exception], ...]:
    nibabel = require_extra("nibabel", "pet")
    # A truncated file shows itself in one of these, depending on where it ends.
    return (nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError,
            OSError, EOFError, zlib.error, ValueError)  # fmt: skip


def _unreadable(path: Path | str, error: Exception) -> InputError:
    reason = " ".join(str(error).replace(str(path), "it").split()) or type(error).__name__
    return InputError(f"the image cannot be read, or its end is missing ({reason})",
                      where=str(path), expected="a whole NIfTI file, .nii or .nii.gz")  # fmt: skip


def frames_of(image: Any) -> Iterator[NDArray[np.float64]]:
    """Yield the frames of a 4D image, one after the other, so that memory holds one.

    Parameters
    ----------
    image : nibabel.Nifti1Image
        From `load_image`.

    Yields
    ------
    array, shape (nx, ny, nz)
        One frame, scaled as the header says.

    Raises
    ------
    InputError
        If the file ends before its last frame.
    """
    for place in range(image.shape[3]):
        try:
            frame = np.asarray(image.dataobj[..., place], dtype=np.float64)
        except _broken() as error:
            raise _unreadable(image.get_filename(), error) from error
        yield frame


def labels_of(image: Any) -> NDArray[np.int64]:
    """Return the voxels of a segmentation as whole numbers.

    Parameters
    ----------
    image : nibabel.Nifti1Image
        From `load_image`; a fourth dimension of one is left out.

    Returns
    -------
    array of int, shape (nx, ny, nz)
        The labels.

    Raises
    ------
    InputError
        If the file is broken, has several volumes, or a voxel is no whole number.
    """
    try:
        voxels = np.asarray(image.dataobj)
    except _broken() as error:
        raise _unreadable(image.get_filename(), error) from error
    where = str(image.get_filename())
    if voxels.ndim == 4 and voxels.shape[3] == 1:
        voxels = voxels[..., 0]
    if voxels.ndim != 3:
        raise InputError(f"the segmentation has the shape {voxels.shape}", where=where,
                         expected="three dimensions, one label a voxel")  # fmt: skip
    whole = np.rint(np.nan_to_num(voxels, nan=-0.5))
    if not np.array_equal(whole, voxels):
        raise InputError("a voxel of the segmentation is no whole number", where=where,
                         expected="labels; probabilities are no segmentation")  # fmt: skip
    return np.asarray(whole, dtype=np.int64)


def same_place(one: Any, other: Any) -> bool:
    """Whether two images have their voxels in the same places, to a hundredth of a millimetre.

    Parameters
    ----------
    one, other : nibabel.Nifti1Image
        Images of the same shape in space.

    Returns
    -------
    bool
        Compared at the corners of the volume.
    """
    corners = np.array(np.meshgrid(*([0, size - 1] for size in one.shape[:3]))).reshape(3, -1)
    points = np.vstack([corners, np.ones(corners.shape[1])])
    return bool(np.abs((one.affine - other.affine) @ points).max() < 0.01)


def write_image(path: Path | str, voxels: ArrayLike, affine: ArrayLike) -> Path:
    """Write an image in NIfTI-1, whole or not at all; the same voxels give the same bytes.

    Parameters
    ----------
    path : path
        The file, ``.nii`` or ``.nii.gz``.
    voxels : array_like, shape (nx, ny, nz) or (nx, ny, nz, n)
        Its type is kept.
    affine : array_like, shape (4, 4)
        From voxels to millimetres of MNI space.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    nibabel = require_extra("nibabel", "pet")
    image = nibabel.Nifti1Image(np.asarray(voxels), np.asarray(affine))
    image.header.set_xyzt_units("mm", "sec" if np.ndim(voxels) == 4 else "unknown")
    image.set_sform(affine, code="mni")
    image.set_qform(affine, code="mni")
    content = image.to_bytes()
    if str(path).endswith(".gz"):
        content = gzip.compress(content, compresslevel=5, mtime=0)
    return atomic_write(path, content)
