"""The simplified reference tissue model, SRTM and SRTM2, in the discretisation of kinfitr.

``C(t) = R1 C'(t) + (k2 - R1 k2 / (1 + BPND)) C'(t) * exp(-k2 t / (1 + BPND))`` with ``*`` for
convolution and C' the reference (Lammertsma and Hume 1996). SRTM2 fixes ``k2' = k2 / R1`` (Wu and
Carson 2002). As in kinfitr (R, MIT licence), zero activity is put before the first frame, the
reference is interpolated linearly to 1024 equidistant points up to the last mid-time, the
convolution is discrete, and the curve is interpolated back to mid-times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ketasim.errors import InputError
from ketasim.instruments.pet.kinetics.result import Status, curve_statuses

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ketasim.instruments.pet.frames import Frames

Array = NDArray[np.float64]

__all__ = ["Bounds", "Grid", "SrtmFits", "fit_srtm", "srtm_curves", "srtm_slopes"]

POINTS = 1024
"""Equidistant points of the convolution, as in kinfitr."""

_LEAST_WASHOUT = 1e-5
"""1/min; the slowest apparent washout that is looked at: its half-life is 48 days."""

_CANDIDATES = 72
"""Points of the first search; a factor of 1.18 lies between two."""


@dataclass(frozen=True)
class Bounds:
    """Bounds of the parameters; the default is that of the kinfitr fits of the SiMBA data set.

    Parameters
    ----------
    r1, k2, bp : tuple of float, optional
        Least and largest value; k2 in 1/min.

    Raises
    ------
    InputError
        If a bound is not finite, the least is not below the largest, R1 or k2 may be negative, or
        BPND may be -1 or less.
    """

    r1: tuple[float, float] = (0.0, 10.0)
    k2: tuple[float, float] = (0.0, 1.0)
    bp: tuple[float, float] = (0.0, 15.0)

    def __post_init__(self) -> None:
        for name, least in (("r1", 0.0), ("k2", 0.0), ("bp", -0.99)):
            low, high = getattr(self, name)
            if not (np.isfinite([low, high]).all() and least <= low < high):
                raise InputError(f"the bounds of {name} are {low:g} to {high:g}",
                                 expected=f"two rising numbers from {least:g} on")  # fmt: skip

    def as_array(self) -> Array:
        """Return the six numbers as the search reads them."""
        return np.array([*self.r1, *self.k2, *self.bp], dtype=np.float64)


@dataclass(frozen=True)
class Grid:
    """References on equidistant points, and where the frames' middles lie between these.

    Parameters
    ----------
    fine : array, shape (n_references, 1024)
        The references.
    step : float
        Minutes between two points.
    below : array of int, shape (n_frames,)
        Point before each middle.
    part : array, shape (n_frames,)
        Share of the way to the next point.
    """

    fine: Array
    step: float
    below: NDArray[np.int64]
    part: Array

    @classmethod
    def of(cls, reference: Array, frames: Frames) -> Grid:
        """Interpolate references, shape (n_references, n_frames)."""
        middles = frames.mid_min
        points = np.linspace(0.0, middles[-1], POINTS)
        step = float(points[1])
        knots = np.concatenate([[0.0], middles])
        fine = np.stack([np.interp(points, knots, np.concatenate([[0.0], one]))
                         for one in reference])  # fmt: skip
        below = np.minimum((middles / step).astype(np.int64), POINTS - 2)
        return cls(fine, step, below, (middles - points[below]) / step)

    def at_frames(self) -> Array:
        """Return the references as read back at the frames, shape (n_references, n_frames)."""
        low, high = self.fine[:, self.below], self.fine[:, self.below + 1]
        return np.asarray(low + self.part * (high - low))

    def convolved(self, theta: Array, which: NDArray[np.int64]) -> Array:
        """Return convolutions with ``exp(-theta t)`` and their derivatives by theta.

        Parameters
        ----------
        theta : array, shape (n,)
            In 1/min.
        which : array of int, shape (n,)
            The reference of each.

        Returns
        -------
        array, shape (n, 2, n_frames)
            Convolution and derivative at the frames.
        """
        from ketasim.instruments.pet.kinetics.srtm_kernel import convolve_each

        out = np.zeros((len(theta), 2, len(self.below)))
        convolve_each(theta, self.fine, which, self.step, self.below, self.part, out)
        return out


@dataclass(frozen=True)
class SrtmFits:
    """Fits of n curves, as arrays.

    Parameters
    ----------
    r1, k2, bp : array, shape (n,)
        Estimates, k2 in 1/min; NaN where a curve was not fitted.
    covariance : array, shape (n, 3, 3)
        Covariance of R1, k2 and BPND from the weighted Jacobian, with the residual variance on
        n_frames - 3 (SRTM2: 2) degrees of freedom; NaN for a fit that ended at a bound.
    fitted : array, shape (n, n_frames)
        The model's curves.
    status : tuple of Status
        How each fit ended.
    """

    r1: Array
    k2: Array
    bp: Array
    covariance: Array
    fitted: Array
    status: tuple[Status, ...]

    @property
    def se(self) -> Array:
        """Absolute standard errors of R1, k2 and BPND, shape (n, 3)."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2)))


def srtm_slopes(at: Array, basis: Array, r1: Array, k2: Array, bp: Array) -> tuple[Array, Array]:
    """Return curves and their derivatives by R1, k2 and BPND.

    Parameters
    ----------
    at : array, shape (n, n_frames)
        References at the frames.
    basis : array, shape (n, 2, n_frames)
        From `Grid.convolved` at ``k2 / (1 + bp)``.
    r1, k2, bp : array, shape (n,)
        Parameters.

    Returns
    -------
    tuple of array
        The curves, shape (n, n_frames), and the derivatives, shape (n, n_frames, 3).
    """
    theta = (k2 / (1 + bp))[:, None]
    first = at - theta * basis[:, 0]
    curves = r1[:, None] * first + k2[:, None] * basis[:, 0]
    by_theta = (k2[:, None] - r1[:, None] * theta) * basis[:, 1] - r1[:, None] * basis[:, 0]
    by_k2 = basis[:, 0] + by_theta / (1 + bp)[:, None]
    by_bp = -by_theta * theta / (1 + bp)[:, None]
    return curves, np.stack([first, by_k2, by_bp], axis=2)


def srtm_curves(
    reference: ArrayLike, frames: Frames, r1: ArrayLike, k2: ArrayLike, bp: ArrayLike
) -> Array:
    """Compute curves of SRTM in the discretisation that `fit_srtm` fits.

    Parameters
    ----------
    reference : array_like, shape (n_frames,) or (n, n_frames)
        One reference for all, or one for each curve.
    frames : Frames
        The frames.
    r1, k2, bp : array_like, shape (n,)
        Parameters, k2 in 1/min.

    Returns
    -------
    array, shape (n, n_frames)
        Activity at the middles of the frames.
    """
    parameters = np.broadcast_arrays(*(np.atleast_1d(np.asarray(one, dtype=np.float64))
                                       for one in (r1, k2, bp)))  # fmt: skip
    r1s, k2s, bps = (np.array(one) for one in parameters)
    references, which = _references(reference, len(r1s), frames, None)
    grid = Grid.of(references, frames)
    basis = grid.convolved(k2s / (1 + bps), which)
    return srtm_slopes(grid.at_frames()[which], basis, r1s, k2s, bps)[0]


def fit_srtm(
    reference: ArrayLike,
    activity: ArrayLike,
    frames: Frames,
    weights: ArrayLike | None = None,
    *,
    which: ArrayLike | None = None,
    k2_prime: ArrayLike | None = None,
    bounds: Bounds | None = None,
) -> SrtmFits:
    """Fit SRTM, or SRTM2 where k2' is given, to many curves at once.

    Parameters
    ----------
    reference : array_like, shape (n_frames,) or (n_references, n_frames)
        Activity of the reference region.
    activity : array_like, shape (n_frames,) or (n, n_frames)
        Activity of the target regions.
    frames : Frames
        The frames, which all curves share.
    weights : array_like, shape (n_frames,) or (n, n_frames), optional
        Weights of the squared residuals; by default all are 1.
    which : array_like of int, shape (n,), optional
        The reference of each curve; needed where there are several and not one for each.
    k2_prime : array_like, shape () or (n,), optional
        The washout of the reference in 1/min; makes the model SRTM2.
    bounds : Bounds, optional
        Bounds of the parameters.

    Returns
    -------
    SrtmFits
        The least squares within the bounds, for every curve.

    Raises
    ------
    InputError
        If shapes disagree, or the frames do not begin at injection.

    Notes
    -----
    At a fixed ``k2 / (1 + BPND)`` the model is linear in R1 and k2; the search is over that one
    number, on its whole range, so that no start is needed.
    """
    from ketasim.instruments.pet.kinetics.srtm_kernel import search

    curves = np.atleast_2d(np.array(activity, dtype=np.float64))
    need_start(frames)
    references, owner = _references(reference, len(curves), frames, which)
    if curves.shape[1] != len(frames):
        raise InputError(f"the curves have {curves.shape[1]} frames",
                         expected=f"{len(frames)}")  # fmt: skip
    weight = _weights(weights, curves.shape)
    tied = np.array(np.broadcast_to(0.0 if k2_prime is None else np.asarray(k2_prime, float),
                                    len(curves)))  # fmt: skip
    limits = bounds or Bounds()
    number = 3 if k2_prime is None else 2
    status = curve_statuses(curves, weight, frames.duration_min, number)
    _mark_untied(status, tied, k2_prime is not None)
    usable = np.array([one is Status.CONVERGED for one in status])
    grid = Grid.of(references, frames)
    theta, pairs = np.full(len(curves), np.nan), np.full((len(curves), 2), np.nan)
    bases = np.full((len(curves), 2, len(frames)), np.nan)
    most = limits.k2[1] / (1 + limits.bp[0])
    thetas = np.geomspace(min(_LEAST_WASHOUT, most / 10), most, _CANDIDATES)
    order = np.argsort(owner, kind="stable")
    sorted_theta, sorted_pairs, sorted_bases = theta[order], pairs[order], bases[order]
    search(grid.fine, grid.step, grid.below, grid.part, grid.at_frames(), owner[order],
           np.nan_to_num(curves[order]), weight[order], usable[order], limits.as_array(),
           tied[order], thetas, sorted_theta, sorted_pairs, sorted_bases)  # fmt: skip
    theta[order], pairs[order], bases[order] = sorted_theta, sorted_pairs, sorted_bases
    _mark_bounds(status, theta, pairs, limits, thetas)
    return _fits(curves, weight, grid.at_frames()[owner], bases, theta, pairs, tied, status, number)


def need_start(frames: Frames) -> None:
    """Refuse frames that do not begin at injection.

    Raises
    ------
    InputError
        If the first frame starts more than a minute after injection (limit assumed).
    """
    if frames.start_min[0] > 1.0:
        raise InputError(f"the first frame starts at {frames.start_min[0]:g} min", where="frames",
                         expected="frames from injection on; only suvr does without")  # fmt: skip


def _references(
    reference: ArrayLike, count: int, frames: Frames, which: ArrayLike | None
) -> tuple[Array, NDArray[np.int64]]:
    references = np.atleast_2d(np.array(reference, dtype=np.float64))
    if references.shape[1] != len(frames) or not np.isfinite(references).all():
        raise InputError(f"the reference has the shape {references.shape}",
                         expected=f"{len(frames)} finite values, one a frame")  # fmt: skip
    if which is not None:
        owner = np.array(which, dtype=np.int64)
    elif len(references) == 1:
        owner = np.zeros(count, dtype=np.int64)
    else:
        owner = np.arange(len(references), dtype=np.int64)
    fits = owner.shape == (count,) and (count == 0 or 0 <= owner.min() <= owner.max())
    if not fits or (count and owner.max() >= len(references)):
        raise InputError(f"there are {len(references)} references for {count} curves",
                         expected="one, one each, or the number of each curve's in `which`")  # fmt: skip
    return references, owner


def _weights(weights: ArrayLike | None, shape: tuple[int, ...]) -> Array:
    given = np.asarray(1.0 if weights is None else weights, dtype=np.float64)
    try:
        full = np.array(np.broadcast_to(given, shape))
    except ValueError as error:
        raise InputError(f"the weights have the shape {given.shape}",
                         expected=f"that of the curves, {shape}") from error  # fmt: skip
    if not np.isfinite(full).all() or (full < 0).any():
        raise InputError("a weight is negative or no number", expected="zero or more")
    return full


def _mark_untied(status: list[Status], tied: Array, needed: bool) -> None:
    for place, value in enumerate(tied):
        if needed and not value > 0 and status[place] is Status.CONVERGED:
            status[place] = Status.NO_K2_PRIME
    tied[~(tied > 0)] = 0.0


def _mark_bounds(
    status: list[Status], theta: Array, pairs: Array, bounds: Bounds, thetas: Array
) -> None:
    with np.errstate(invalid="ignore"):
        columns = (pairs[:, 0], pairs[:, 1], pairs[:, 1] / theta - 1)
        at = (theta <= thetas[0] * (1 + 1e-9)) | (theta >= thetas[-1] * (1 - 1e-9))
        for values, (low, high) in zip(columns, (bounds.r1, bounds.k2, bounds.bp), strict=True):
            margin = 1e-9 * (high - low)
            at |= (values <= low + margin) | (values >= high - margin)
    for place in np.flatnonzero(at):
        status[place] = Status.AT_BOUND
    for place in np.flatnonzero(np.isnan(theta)):
        if status[place] is Status.CONVERGED:
            status[place] = Status.NOT_CONVERGED


def _fits(
    curves: Array, weights: Array, at: Array, bases: Array, theta: Array, pairs: Array,
    tied: Array, status: list[Status], number: int,
) -> SrtmFits:  # fmt: skip
    """Assemble the result, with the covariance from the weighted Jacobian."""
    r1, k2 = pairs[:, 0], pairs[:, 1]
    bp = k2 / theta - 1
    fitted, slopes = srtm_slopes(at, bases, r1, k2, bp)
    chain = np.tile(np.eye(3), (len(curves), 1, 1))
    if number == 2:  # what is free is R1, with k2 as its multiple, and BPND
        chain = np.zeros((len(curves), 3, 2))
        chain[:, 0, 0], chain[:, 1, 0], chain[:, 2, 1] = 1.0, tied, 1.0
    good = np.array([one is Status.CONVERGED for one in status])
    covariance = np.full((len(curves), 3, 3), np.nan)
    if good.any():
        free = slopes[good] @ chain[good]
        weight = weights[good]
        rest = np.sum(weight * (curves[good] - fitted[good]) ** 2, axis=1)
        variance = rest / ((weight > 0).sum(axis=1) - number)
        information = np.einsum("nf,nfi,nfj->nij", weight, free, free)
        inverse = np.linalg.pinv(information, rcond=1e-18, hermitian=True)
        covariance[good] = variance[:, None, None] * (
            chain[good] @ inverse @ chain[good].transpose(0, 2, 1)
        )
    return SrtmFits(r1, k2, bp, covariance, fitted, tuple(status))
