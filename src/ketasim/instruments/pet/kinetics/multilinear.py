"""Reference-tissue models that are linear in their numbers: MRTM1, MRTM2, Logan's plot, SUVR.

Integrals run from injection by the trapezoid rule between mid-times, as in kinfitr.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ketasim.errors import InputError
from ketasim.instruments.pet.kinetics.batch import cumulative
from ketasim.instruments.pet.kinetics.result import Estimates, Status, curve_statuses
from ketasim.instruments.pet.kinetics.srtm import need_start

if TYPE_CHECKING:
    from ketasim.instruments.pet.frames import Frames
    from ketasim.instruments.pet.kinetics.batch import Batch

Array = NDArray[np.float64]

__all__ = ["after", "least_squares", "logan_line", "logan_ref", "mrtm1", "mrtm2", "refuse", "suvr"]

_SINGULAR = 1e-12
"""Least ratio of the diagonal of R to its largest, of columns of length one."""


def mrtm1(batch: Batch, t_star_min: float = 0.0) -> Estimates:
    """Fit the multilinear reference tissue model with three numbers.

    ``C = R1 k2' int C' - k2a int C + R1 C'`` (Ichise and others 2003).

    Parameters
    ----------
    batch : Batch
        The curves.
    t_star_min : float, optional
        Frames that start earlier are not used, in minutes.

    Returns
    -------
    Estimates
        With R1, k2, BPND, k2_prime and the standard errors of the first three.
    """
    need_start(batch.frames)
    reference = batch.own_reference
    columns = [cumulative(batch.frames, reference), cumulative(batch.frames, batch.activity),
               reference]  # fmt: skip
    design = np.stack(columns, axis=2)
    weights = after(batch, t_star_min)
    b, covariance, fitted, status = least_squares(design, batch.activity, weights, batch.frames)
    refuse(status, (b[:, 1] < 0) & (b[:, 0] > 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {
            "R1": b[:, 2],
            "k2": b[:, 0],
            **_ratio(b, covariance),
            "se_R1": np.sqrt(covariance[:, 2, 2]),
            "se_k2": np.sqrt(covariance[:, 0, 0]),
            "k2_prime": b[:, 0] / b[:, 2],
        }
    return Estimates(values, tuple(status), batch.activity, fitted, weights, 3)


def mrtm2(batch: Batch, k2_prime: Array, t_star_min: float = 0.0) -> Estimates:
    """Fit the multilinear reference tissue model with k2' fixed.

    ``C = k2 (int C' + C' / k2') - k2a int C`` (Ichise and others 2003).

    Parameters
    ----------
    batch : Batch
        The n curves.
    k2_prime : array, shape (n,)
        Washout of the reference in 1/min.
    t_star_min : float, optional
        Frames that start earlier are not used, in minutes.

    Returns
    -------
    Estimates
        With R1, k2, BPND, their standard errors (of a k2' that is known), and k2_prime.
    """
    need_start(batch.frames)
    reference = batch.own_reference
    own = np.where(k2_prime > 0, k2_prime, np.nan)
    tied = np.where(np.isnan(own), 1.0, own)[:, None]
    first = cumulative(batch.frames, reference) + reference / tied
    design = np.stack([first, cumulative(batch.frames, batch.activity)], axis=2)
    weights = after(batch, t_star_min)
    b, covariance, fitted, status = least_squares(design, batch.activity, weights, batch.frames)
    _need(status, own)
    refuse(status, (b[:, 1] < 0) & (b[:, 0] > 0))
    error = np.sqrt(covariance[:, 0, 0])
    values = {"R1": b[:, 0] / own, "k2": b[:, 0], **_ratio(b, covariance), "se_R1": error / own,
              "se_k2": error, "k2_prime": own}  # fmt: skip
    return Estimates(values, tuple(status), batch.activity, fitted, weights, 2)


def logan_ref(batch: Batch, k2_prime: Array, t_star_min: float) -> Estimates:
    """Fit Logan's plot with a reference region.

    ``int C / C = DVR (int C' + C' / k2') / C + intercept`` from t* on, BPND = DVR - 1 (Logan and
    others 1996).

    Parameters
    ----------
    batch : Batch
        The n curves.
    k2_prime : array, shape (n,)
        Washout of the reference in 1/min; infinite leaves its term out.
    t_star_min : float
        Frames that start earlier are not used, in minutes.

    Returns
    -------
    Estimates
        With BPND, its standard error, DVR, the intercept and k2_prime; R1 and k2 are NaN. A frame
        without positive activity is not used.
    """
    need_start(batch.frames)
    reference = batch.own_reference
    own = np.where(k2_prime > 0, k2_prime, np.nan)
    tied = np.where(np.isnan(own), 1.0, own)[:, None]
    area = cumulative(batch.frames, reference) + reference / tied
    b, covariance, y, fitted, weights, status = logan_line(batch, area, t_star_min)
    _need(status, own)
    refuse(status, b[:, 0] > 0)
    nothing = np.full(len(b), np.nan)
    values = {"R1": nothing, "k2": nothing, "BPND": b[:, 0] - 1,
              "se_BPND": np.sqrt(covariance[:, 0, 0]), "DVR": b[:, 0], "intercept_min": b[:, 1],
              "k2_prime": own}  # fmt: skip
    return Estimates(values, tuple(status), y, fitted, weights, 2)


def suvr(batch: Batch, window_min: tuple[float, float]) -> Estimates:
    """Compute the ratio of mean activity in a late window; BPND is that ratio less 1.

    Parameters
    ----------
    batch : Batch
        The curves.
    window_min : tuple of float
        Begin and end of the window in minutes; a frame counts whose middle lies within.

    Returns
    -------
    Estimates
        With BPND and SUVR; R1, k2 and standard errors are NaN, since a ratio leaves no residual.

    Raises
    ------
    InputError
        If no frame lies in the window.
    """
    inside = (batch.frames.mid_min >= window_min[0]) & (batch.frames.mid_min <= window_min[1])
    if not inside.any():
        raise InputError(
            f"no frame has its middle between {window_min[0]:g} and {window_min[1]:g} min",
            where="window of suvr",
            expected=f"a window within {batch.frames.end_min[-1]:g} min",
        )
    lengths = batch.frames.duration_min * inside
    weights = np.tile(lengths, (len(batch.activity), 1))
    status = curve_statuses(batch.activity, weights, batch.frames.duration_min, 0)
    below = batch.own_reference @ lengths
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(below > 0, batch.activity @ lengths / below, np.nan)
    refuse(status, ratio > 0)
    nothing = np.full(len(ratio), np.nan)
    values = {"R1": nothing, "k2": nothing, "BPND": ratio - 1, "se_BPND": nothing, "SUVR": ratio}
    fitted = ratio[:, None] * batch.own_reference
    return Estimates(values, tuple(status), batch.activity, fitted, weights, 1)


def after(batch: Batch, t_star_min: float) -> Array:
    """Return the weights, zero before t*.

    Raises
    ------
    InputError
        If fewer than three frames are left.
    """
    used = batch.frames.start_min >= t_star_min - 1e-6
    if used.sum() < 3:
        raise InputError(f"{int(used.sum())} frames start at or after t* = {t_star_min:g} min",
                         expected="three or more")  # fmt: skip
    return np.asarray(batch.weights * used)


def least_squares(
    design: Array, observed: Array, weights: Array, frames: Frames
) -> tuple[Array, Array, Array, list[Status]]:
    """Solve weighted linear least squares for many curves.

    Parameters
    ----------
    design : array, shape (n, n_frames, p)
        Columns.
    observed, weights : array, shape (n, n_frames)
        What is fitted, and the weights of the squares.
    frames : Frames
        The frames.

    Returns
    -------
    tuple
        Coefficients (n, p), their covariance (n, p, p), fitted values (n, n_frames) and statuses.
    """
    count = design.shape[2]
    status = curve_statuses(observed, weights, frames.duration_min, count)
    good = np.array([one is Status.CONVERGED for one in status])
    b = np.full((len(design), count), np.nan)
    covariance = np.full((len(design), count, count), np.nan)
    if good.any():
        root = np.sqrt(weights[good])[:, :, None]
        scaled = design[good] * root
        norms = np.linalg.norm(scaled, axis=1, keepdims=True)
        norms[norms == 0] = 1.0
        q, r = np.linalg.qr(scaled / norms)
        diagonal = np.abs(np.diagonal(r, axis1=1, axis2=2))
        singular = diagonal.min(axis=1) <= _SINGULAR * diagonal.max(axis=1)
        r[singular] = np.eye(count)
        right = q.transpose(0, 2, 1) @ (observed[good][:, :, None] * root)
        solved = np.linalg.solve(r, right)[:, :, 0] / norms[:, 0]
        rest = observed[good] - np.einsum("nfp,np->nf", design[good], solved)
        freedom = (weights[good] > 0).sum(axis=1) - count
        variance = np.sum(weights[good] * rest**2, axis=1) / freedom
        inverse = np.linalg.inv(r) / norms.transpose(0, 2, 1)
        b[good] = solved
        covariance[good] = variance[:, None, None] * (inverse @ inverse.transpose(0, 2, 1))
        for place in np.flatnonzero(good)[singular]:
            status[place] = Status.SINGULAR
    return b, covariance, np.einsum("nfp,np->nf", design, b), status


def logan_line(
    batch: Batch, area: Array, t_star_min: float
) -> tuple[Array, Array, Array, Array, Array, list[Status]]:
    """Fit the straight lines of Logan's plots.

    Parameters
    ----------
    batch : Batch
        The n curves.
    area : array, shape (n, n_frames)
        What stands above the curve on the plot's abscissa: the integral of the input.
    t_star_min : float
        Frames that start earlier are not used, in minutes; nor is one without positive activity.

    Returns
    -------
    tuple
        Slope and intercept (n, 2), their covariance (n, 2, 2), ordinates, fitted ordinates and
        weights (n, n_frames), and statuses.
    """
    weights = after(batch, t_star_min) * (batch.activity > 0)
    used = weights > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(used, 1 / batch.activity, 0.0)
    x = np.where(used, area * inverse, 0.0)
    y = np.where(used, cumulative(batch.frames, np.nan_to_num(batch.activity)) * inverse, 0.0)
    own = curve_statuses(batch.activity, weights, batch.frames.duration_min, 2)
    design = np.stack([x, np.ones_like(x)], axis=2)
    b, covariance, fitted, found = least_squares(design, y, weights, batch.frames)
    status = [mine if mine is not Status.CONVERGED else other
              for mine, other in zip(own, found, strict=True)]  # fmt: skip
    return b, covariance, y, fitted, weights, status


def _ratio(b: Array, covariance: Array) -> dict[str, Array]:
    """Return BPND, minus the ratio of two coefficients less 1, and its error to first order."""
    with np.errstate(divide="ignore", invalid="ignore"):
        by = np.stack([-1 / b[:, 1], b[:, 0] / b[:, 1] ** 2], axis=1)
        variance = np.einsum("ni,nij,nj->n", by, covariance[:, :2, :2], by)
        return {"BPND": -b[:, 0] / b[:, 1] - 1, "se_BPND": np.sqrt(variance)}


def refuse(status: list[Status], possible: NDArray[np.bool_]) -> None:
    """Mark fits that converged on what cannot be.

    Parameters
    ----------
    status : list of Status
        Changed in place.
    possible : array of bool, shape (n,)
        Whether a fit may stand.
    """
    for place in np.flatnonzero(~possible):
        if status[place] is Status.CONVERGED:
            status[place] = Status.IMPOSSIBLE


def _need(status: list[Status], k2_prime: Array) -> None:
    for place in np.flatnonzero(np.isnan(k2_prime)):
        if status[place] is Status.CONVERGED:
            status[place] = Status.NO_K2_PRIME
