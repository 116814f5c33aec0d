"""Graphical and multilinear analysis with an arterial input: Logan's plot and MA1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ketasim.instruments.pet.kinetics.batch import Batch, cumulative
from ketasim.instruments.pet.kinetics.multilinear import after, least_squares, logan_line, refuse
from ketasim.instruments.pet.kinetics.result import Estimates
from ketasim.instruments.pet.kinetics.srtm import need_start

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[np.float64]

__all__ = ["logan", "ma1", "plasma_integrals"]


def plasma_integrals(batch: Batch) -> Array:
    """Integrate the plasma of every scan from injection to the middle of each frame.

    Parameters
    ----------
    batch : Batch
        With inputs.

    Returns
    -------
    array, shape (n_scans, n_frames)
        Exact for an input that is straight between samples.
    """
    middles = batch.frames.mid_min
    rows = []
    for arterial in batch.inputs:
        knots, plasma, _ = arterial.knots(float(middles[-1]))
        times = np.union1d(knots, middles)
        values = np.interp(times, knots, plasma)
        area = np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2 * np.diff(times))])
        rows.append(area[np.searchsorted(times, middles)])
    return np.stack(rows)


def logan(batch: Batch, t_star_min: float) -> Estimates:
    """Fit Logan's plot: ``int C / C = VT int C_P / C + intercept`` (Logan and others 1990).

    Parameters
    ----------
    batch : Batch
        The curves, with the input of every scan.
    t_star_min : float
        Frames that start earlier are not used, in minutes.

    Returns
    -------
    Estimates
        With VT, its standard error and the intercept; BPND is VT over that of the reference, less
        1, its error to first order.
    """
    return _with_reference(batch, lambda one: _logan(one, t_star_min))


def ma1(batch: Batch, t_star_min: float) -> Estimates:
    """Fit multilinear analysis 1: ``C = -(VT / b) int C_P + (1 / b) int C`` (Ichise 2002).

    Parameters
    ----------
    batch : Batch
        The curves, with the input of every scan.
    t_star_min : float
        Frames that start earlier are not used, in minutes.

    Returns
    -------
    Estimates
        As for `logan`, without the intercept.
    """
    return _with_reference(batch, lambda one: _ma1(one, t_star_min))


def _with_reference(batch: Batch, model: Callable[[Batch], Estimates]) -> Estimates:
    """Fit the targets and the references, and compare their volumes of distribution."""
    need_start(batch.frames)
    found, below = model(batch), model(_references(batch))
    base, base_error = (below.blanked()[name][batch.which] for name in ("VT", "se_VT"))
    ratio = found.values["VT"] / base
    error = ratio * np.hypot(found.values["se_VT"] / found.values["VT"], base_error / base)
    nothing = np.full(len(ratio), np.nan)
    values = {"R1": nothing, "k2": nothing, "BPND": ratio - 1, "se_BPND": error, **found.values}
    return Estimates(values, found.status, found.observed, found.fitted, found.weights, 2)


def _references(batch: Batch) -> Batch:
    """Return the references as if they were targets, with the mean weights of their scan."""
    number = len(batch.reference)
    weights = np.stack([batch.weights[batch.which == scan].mean(axis=0) for scan in range(number)])
    return Batch(batch.frames, batch.reference, batch.reference, weights,
                 np.arange(number, dtype=np.int64), ("reference",) * number, batch.inputs)  # fmt: skip


def _logan(batch: Batch, t_star_min: float) -> Estimates:
    area = plasma_integrals(batch)[batch.which]
    b, covariance, y, fitted, weights, status = logan_line(batch, area, t_star_min)
    refuse(status, b[:, 0] > 0)
    values = {"VT": b[:, 0], "se_VT": np.sqrt(covariance[:, 0, 0]), "intercept_min": b[:, 1]}
    return Estimates(values, tuple(status), y, fitted, weights, 2)


def _ma1(batch: Batch, t_star_min: float) -> Estimates:
    design = np.stack([plasma_integrals(batch)[batch.which],
                       cumulative(batch.frames, batch.activity)], axis=2)  # fmt: skip
    weights = after(batch, t_star_min)
    b, covariance, fitted, status = least_squares(design, batch.activity, weights, batch.frames)
    refuse(status, (b[:, 1] < 0) & (b[:, 0] > 0))
    by = np.stack([-1 / b[:, 1], b[:, 0] / b[:, 1] ** 2], axis=1)
    error = np.sqrt(np.einsum("ni,nij,nj->n", by, covariance, by))
    values = {"VT": -b[:, 0] / b[:, 1], "se_VT": error}
    return Estimates(values, tuple(status), batch.activity, fitted, weights, 2)
