"""SRTM in every voxel: basis functions (Gunn and others 1997), fast enough for a whole brain.

At a fixed apparent washout ``k2a = k2 / (1 + BPND)`` the model is linear,
``C = R1 C' + (k2 - R1 k2a) (C' * exp(-k2a t))`` with ``*`` for convolution and C' the reference.
The convolutions are made once for a grid of washouts and made orthogonal to the reference; the
best washout of a voxel is then the one whose basis function explains most of its curve, which for
all voxels and washouts is one matrix product. The convolutions are those of the regional fit
(`ketasim.instruments.pet.kinetics.srtm`), so that both have the same optimum.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.instruments.pet.kinetics.result import Status
from ketasim.instruments.pet.kinetics.srtm import Bounds, Grid, need_start

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ketasim.instruments.pet.frames import Frames

__all__ = ["STATUSES", "VOXEL_BOUNDS", "WASHOUT_RANGE", "VoxelFits", "fit_voxels"]

STATUSES = tuple(Status)
"""What the codes in `VoxelFits.status` stand for: a code is a place in this tuple."""

WASHOUT_RANGE = (0.001, 1.0)
"""1/min; range of the apparent washouts that are looked at (assumed). That of [11C]AZ10419369
is about 0.03 to 0.1."""

VOXEL_BOUNDS = Bounds(r1=(0.0, 10.0), k2=(0.0, 1.0), bp=(-0.99, 15.0))
"""Bounds of a voxel's estimates. Unlike those of a region they let BPND be negative, since cutting
noise off at zero would bias the mean of a map where there is little binding."""

_FINER = 32
"""Washouts of the refinement between two of the grid (assumed); the error that is left is tested."""

_CHUNK = 8192
"""Voxels at a time, so that memory beyond data and maps stays at some tens of megabytes."""


@dataclass(frozen=True, eq=False)
class VoxelFits:
    """Estimates of SRTM in n voxels.

    Parameters
    ----------
    r1, k2, bp : array, shape (n,)
        R1, k2 (1/min) and BPND. NaN wherever the status is another than `Status.CONVERGED`: in a
        map nobody sees that a value is only the edge of what was looked at.
    status : array of uint8, shape (n,)
        Places in `STATUSES`.
    """

    r1: NDArray[np.float64]
    k2: NDArray[np.float64]
    bp: NDArray[np.float64]
    status: NDArray[np.uint8]

    def counts(self) -> dict[Status, int]:
        """Return how many voxels ended in each way, those that occur."""
        found, number = np.unique(self.status, return_counts=True)
        return {STATUSES[code]: int(one) for code, one in zip(found, number, strict=True)}


@dataclass(frozen=True)
class _Basis:
    """Basis functions in square-root weights, orthogonal to the reference.

    `first` is the reference of length 1, `length` what it was; `second` holds the normalised
    functions, one a row, `along` and `across` what they had along the reference and beside it.
    """

    washout: NDArray[np.float64]
    root_weight: NDArray[np.float64]
    first: NDArray[np.float64]
    length: float
    second: NDArray[np.float64]
    along: NDArray[np.float64]
    across: NDArray[np.float64]
    step: int


def fit_voxels(
    activity: ArrayLike,
    reference: ArrayLike,
    frames: Frames,
    weights: ArrayLike | None = None,
    *,
    washout: tuple[float, float] = WASHOUT_RANGE,
    bases: int = 96,
    refine: bool = True,
    bounds: Bounds = VOXEL_BOUNDS,
    threads: int | None = None,
) -> VoxelFits:
    """Fit SRTM to the curves of many voxels by basis functions.

    Parameters
    ----------
    activity : array_like, shape (n, n_frames)
        Decay-corrected activity; single precision is worked through in chunks of double.
    reference : array_like, shape (n_frames,)
        Activity of the reference region.
    frames : Frames
        The frames.
    weights : array_like, shape (n_frames,), optional
        Weights of the squared residuals, the same in all voxels; by default all are 1.
    washout : tuple of float, optional
        Range of apparent washouts in 1/min.
    bases : int, optional
        Washouts in it, with a constant ratio between neighbours.
    refine : bool, optional
        Whether the best washout is then looked for between its neighbours, so that the estimates
        are those of the regional fit. Without it they are the best of the grid's.
    bounds : Bounds, optional
        Estimates beyond these are no estimates.
    threads : int, optional
        Threads; by default one for each processor.

    Returns
    -------
    VoxelFits
        One estimate a voxel, in the order given.

    Raises
    ------
    InputError
        If shapes disagree, the reference or a weight cannot be used, or the grid is no grid.
    """
    data = np.asarray(activity)
    if data.ndim != 2 or data.shape[1] != len(frames):
        raise InputError(f"the voxels have the shape {data.shape}",
                         expected=f"voxels by {len(frames)} frames")  # fmt: skip
    weight = _weights(weights, len(frames))
    basis = _bases(_reference(reference, len(frames)), frames, weight, washout, bases, refine)
    count = len(data)
    values = np.full((3, count), np.nan)
    status = np.zeros(count, dtype=np.uint8)

    def work(begin: int) -> None:
        part = slice(begin, begin + _CHUNK)
        curves = np.array(data[part], dtype=np.float64)
        values[:, part], status[part] = _fit_chunk(curves, frames, weight, basis, refine, bounds)

    with ThreadPoolExecutor(threads or _processors()) as pool:
        for _ in pool.map(work, range(0, count, _CHUNK)):
            pass
    return VoxelFits(values[0], values[1], values[2], status)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _weights(weights: ArrayLike | None, number: int) -> NDArray[np.float64]:
    weight = np.array(1.0 if weights is None else weights, dtype=np.float64)
    if weight.ndim == 0:
        weight = np.full(number, float(weight))
    if weight.shape != (number,):
        raise InputError(f"the weights have the shape {weight.shape}",
                         expected=f"{number}, one a frame, the same in all voxels")  # fmt: skip
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise InputError("a weight is negative or no number", expected="zero or more")
    if (weight > 0).sum() <= 3:
        raise InputError(f"{int((weight > 0).sum())} frames have a weight",
                         expected="more than the three parameters of the model")  # fmt: skip
    return weight


def _reference(reference: ArrayLike, number: int) -> NDArray[np.float64]:
    curve = np.array(reference, dtype=np.float64)
    if curve.shape != (number,) or not np.isfinite(curve).all():
        raise InputError(f"the reference has the shape {curve.shape}",
                         expected=f"{number} finite values, one a frame")  # fmt: skip
    if not curve.any() or curve.sum() <= 0:
        raise InputError("the reference curve is zero or negative on the whole",
                         expected="positive activity, frame by frame but for noise")  # fmt: skip
    return curve


def _bases(
    reference: NDArray[np.float64], frames: Frames, weight: NDArray[np.float64],
    washout: tuple[float, float], bases: int, refine: bool,
) -> _Basis:  # fmt: skip
    """Make the basis functions; with refinement `_FINER` times as many, in the same range."""
    low, high = washout
    if not (np.isfinite([low, high]).all() and 0 < low < high) or bases < 3:
        raise InputError(f"the grid has {bases} washouts from {low:g} to {high:g} 1/min",
                         expected="three or more, between two rising positive numbers")  # fmt: skip
    need_start(frames)
    step = _FINER if refine else 1
    thetas = np.geomspace(low, high, (bases - 1) * step + 1)
    grid = Grid.of(reference[None, :], frames)
    convolved = grid.convolved(thetas, np.zeros(len(thetas), dtype=np.int64))[:, 0]
    root = np.sqrt(weight)
    first, second = root * grid.at_frames()[0], root * convolved
    length = float(np.sqrt(first @ first))
    first = first / length
    along = second @ first
    second = second - along[:, None] * first
    across = np.sqrt(np.einsum("ij,ij->i", second, second))
    return _Basis(thetas, root, first, length, second / across[:, None], along, across, step)


def _fit_chunk(
    curves: NDArray[np.float64],
    frames: Frames,
    weight: NDArray[np.float64],
    basis: _Basis,
    refine: bool,
    bounds: Bounds,
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Return R1, k2 and BPND, and the status, of some voxels."""
    status = _statuses(curves, frames.duration_min)
    usable = status == _code(Status.CONVERGED)
    weighted = np.where(usable[:, None], curves, 0.0) * basis.root_weight
    coarse = weighted @ basis.second[:: basis.step].T
    np.square(coarse, out=coarse)
    best = np.argmax(coarse, axis=1)
    edge = (best == 0) | (best == coarse.shape[1] - 1)
    theta, first, second = _parameters(weighted, best, basis, refine)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        k2 = second + first * theta
        values = np.stack([first, k2, k2 / theta - 1])
        possible = (values[0] > 0) & (values[1] > 0) & (values[2] > -1)
        inside = _inside(values, bounds)
    status[usable & edge] = _code(Status.AT_BOUND)
    status[usable & ~edge & possible & ~inside] = _code(Status.AT_BOUND)
    status[usable & ~edge & ~possible] = _code(Status.IMPOSSIBLE)
    values[:, status != _code(Status.CONVERGED)] = np.nan
    return values, status


def _parameters(
    weighted: NDArray[np.float64], best: NDArray[np.intp], basis: _Basis, refine: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the washout, and the weights of the reference and of its convolution."""
    on_first = weighted @ basis.first
    if refine:
        from ketasim.instruments.pet.voxel_kernel import refine_each

        out = np.empty((3, len(weighted)))
        refine_each(weighted, on_first, best.astype(np.int64) * basis.step, basis.step,
                    np.log(basis.washout), basis.second, basis.along, basis.across, basis.length,
                    out)  # fmt: skip
        return out[0], out[1], out[2]
    second = np.einsum("ij,ij->i", weighted, basis.second[best]) / basis.across[best]
    return basis.washout[best], (on_first - basis.along[best] * second) / basis.length, second


def _inside(values: NDArray[np.float64], bounds: Bounds) -> NDArray[np.bool_]:
    limits = (bounds.r1, bounds.k2, bounds.bp)
    each = [(one > low) & (one < high) for one, (low, high) in zip(values, limits, strict=True)]
    return np.asarray(np.logical_and.reduce(each))


def _code(status: Status) -> int:
    return STATUSES.index(status)


def _statuses(curves: NDArray[np.float64], duration_min: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Find the curves that cannot be fitted; as the regional fit's, for many voxels at once."""
    status = np.full(len(curves), _code(Status.CONVERGED), dtype=np.uint8)
    finite = np.asarray(np.isfinite(curves).all(axis=1))
    with np.errstate(invalid="ignore", over="ignore"):
        area = np.where(finite[:, None], curves, 0.0) @ duration_min
    status[area <= 0] = _code(Status.NEGATIVE)
    status[~curves.any(axis=1)] = _code(Status.ALL_ZERO)
    status[~finite] = _code(Status.NON_FINITE)
    return status
