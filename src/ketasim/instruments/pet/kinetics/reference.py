"""SRTM and SRTM2 for the curves of scans, and where a fixed k2' comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.pet.kinetics.batch import median_by_scan
from ketasim.instruments.pet.kinetics.multilinear import mrtm1
from ketasim.instruments.pet.kinetics.result import Estimates, Status
from ketasim.instruments.pet.kinetics.srtm import Bounds, SrtmFits, fit_srtm

if TYPE_CHECKING:
    from ketasim.instruments.pet.kinetics.batch import Batch

Array = NDArray[np.float64]

__all__ = ["K2_PRIME", "fixed_k2_prime", "srtm", "srtm2"]

K2_PRIME = ("mrtm1", "srtm", "coupled")
"""Where k2' may come from: the median over the regions of a scan of MRTM1's, or of SRTM's
``k2 / R1``; or, with SRTM2, the one value with which all regions of a scan fit best together."""

_RANGE = (0.002, 2.0)
"""1/min; where a common k2' is looked for (assumed)."""

_ROUNDS = 8
_CANDIDATES = 21


def srtm(batch: Batch, bounds: Bounds) -> Estimates:
    """Fit SRTM to every curve; the estimates hold k2a and k2_prime besides."""
    found = fit_srtm(batch.reference, batch.activity, batch.frames, batch.weights,
                     which=batch.which, bounds=bounds)  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        return _estimates(batch, found, found.k2 / found.r1, 3)


def srtm2(batch: Batch, k2_prime: Array, bounds: Bounds) -> Estimates:
    """Fit SRTM2 with a k2' for each curve; its standard errors are those of a known k2'."""
    found = fit_srtm(batch.reference, batch.activity, batch.frames, batch.weights,
                     which=batch.which, k2_prime=k2_prime, bounds=bounds)  # fmt: skip
    return _estimates(batch, found, k2_prime, 2)


def _estimates(batch: Batch, found: SrtmFits, k2_prime: Array, parameters: int) -> Estimates:
    errors = found.se
    values = {"R1": found.r1, "k2": found.k2, "BPND": found.bp, "se_BPND": errors[:, 2],
              "se_R1": errors[:, 0], "se_k2": errors[:, 1], "k2a": found.k2 / (1 + found.bp),
              "k2_prime": k2_prime}  # fmt: skip
    return Estimates(values, found.status, batch.activity, found.fitted, batch.weights, parameters)


def fixed_k2_prime(
    batch: Batch, k2_prime: float | str, regions: tuple[str, ...] | None, bounds: Bounds
) -> Array:
    """Return the k2' beside each curve.

    Parameters
    ----------
    batch : Batch
        The n curves.
    k2_prime : float or str
        A value in 1/min, or one of `K2_PRIME`.
    regions : tuple of str or None
        Regions whose estimates count; all by default.
    bounds : Bounds
        Of SRTM.

    Returns
    -------
    array, shape (n,)
        NaN where the scan gives none.

    Raises
    ------
    InputError
        If the value is not positive, the word unknown, or no curve is of the regions.
    """
    if regions is not None and not set(regions) & set(batch.regions):
        raise unknown_name("region", regions[0], set(batch.regions), where="regions of k2'")
    if not isinstance(k2_prime, str):
        if not (np.isfinite(k2_prime) and k2_prime > 0):
            raise InputError(f"k2' is {k2_prime:g}", expected="a positive number in 1/min")
        return np.full(len(batch.activity), float(k2_prime))
    if k2_prime not in K2_PRIME:
        raise unknown_name("origin of k2'", k2_prime, K2_PRIME)
    if k2_prime == "coupled":
        return _coupled(batch, regions, bounds)
    found = mrtm1(batch) if k2_prime == "mrtm1" else srtm(batch, bounds)
    good = np.array([one is Status.CONVERGED for one in found.status])
    return median_by_scan(found.values["k2_prime"], batch, good, regions)


def _coupled(batch: Batch, regions: tuple[str, ...] | None, bounds: Bounds) -> Array:
    """Find the k2' of each scan with which its regions fit best together.

    The logarithm is searched on a grid, then on ever finer ones around the best value.
    """
    scans = len(batch.reference)
    low, high = np.full(scans, np.log(_RANGE[0])), np.full(scans, np.log(_RANGE[1]))
    keep = np.flatnonzero(
        [regions is None or region in regions for region in batch.regions]
    )  # fmt: skip
    best = np.full(scans, np.nan)
    for _ in range(_ROUNDS):
        grid = np.linspace(low, high, _CANDIDATES, axis=1)
        costs = _costs(batch, keep, np.exp(grid), bounds)
        place = np.argmin(costs, axis=1)
        rows = np.arange(scans)
        best = np.where(np.isfinite(costs[rows, place]), grid[rows, place], np.nan)
        low = grid[rows, np.maximum(place - 1, 0)]
        high = grid[rows, np.minimum(place + 1, _CANDIDATES - 1)]
    edge = (best <= np.log(_RANGE[0]) + 1e-6) | (best >= np.log(_RANGE[1]) - 1e-6)
    return np.asarray(np.where(edge, np.nan, np.exp(best))[batch.which])


def _costs(batch: Batch, keep: NDArray[np.int64], k2_prime: Array, bounds: Bounds) -> Array:
    """Return the sum of squares of each scan with each of its candidates."""
    count = k2_prime.shape[1]
    which = batch.which[keep]
    found = fit_srtm(
        batch.reference, np.repeat(batch.activity[keep], count, axis=0), batch.frames,
        np.repeat(batch.weights[keep], count, axis=0), which=np.repeat(which, count),
        k2_prime=k2_prime[which].ravel(), bounds=bounds,
    )  # fmt: skip
    rest = np.repeat(batch.activity[keep], count, axis=0) - found.fitted
    squares = np.sum(np.repeat(batch.weights[keep], count, axis=0) * rest**2, axis=1)
    squares = squares.reshape(-1, count)
    usable = np.isfinite(squares).all(axis=1)
    costs = np.full((len(batch.reference), count), np.inf)
    for scan in np.unique(which[usable]):
        costs[scan] = squares[usable & (which == scan)].sum(axis=0)
    return costs
