"""SRTM in which curves learn from each other, for regions with little signal; off by default.

The logarithms of R1, k2' and BPND are taken as a sum of normal effects: the region's mean, and
deviations of the participant, of the scan, of the region in the participant, and of the curve. The
variances and the means are learnt from the curves alone, by restricted maximum likelihood (an
empirical Bayes estimator; Laird and Ware 1982), with the model linearised at the current estimates
(Lindstrom and Bates 1990). The noise of each curve is that which its own SRTM fit leaves. Estimates
are the mode of the posterior: drawn far towards what is usual where a curve says little, and hardly
where it says much. They are biased by design: differences between groups shrink with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.pet.kinetics.batch import Batch
from ketasim.instruments.pet.kinetics.result import Estimates, Status
from ketasim.instruments.pet.kinetics.srtm import Bounds, Grid, fit_srtm, srtm_slopes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from ketasim.instruments.pet.scans import Scan

Array = NDArray[np.float64]

__all__ = ["LEVELS", "PARAMETERS", "Pool", "learn_pool", "pooled"]

LEVELS = ("participant", "scan", "participant_region", "curve")
"""Whose deviation a variance is of."""

PARAMETERS = ("R1", "k2_prime", "BPND")
"""Whose logarithms are pooled."""

_LEAST_PARTICIPANTS = 3
_ROUNDS = 6
_STEPS = 60
_LOGARITHMS = (-12.0, 2.0)
"""Bounds of the logarithm of a variance of logarithms: nothing, and a factor of fifteen."""
_PLAUSIBLE = ((0.05, 5.0), (0.005, 1.0), (0.02, 14.0))
"""Range of R1, k2' and BPND in which a fit of a single curve may be the search's begin (assumed)."""


@dataclass(frozen=True)
class Pool:
    """What was learnt from many curves.

    Parameters
    ----------
    regions : tuple of str
        The regions.
    mean : array, shape (n_regions, 3)
        Mean logarithm of R1, k2' (1/min) and BPND.
    variance : array, shape (4, 3)
        Variances of the deviations, in the order of `LEVELS`.
    participants : tuple of str
        Whose curves were learnt from.
    """

    regions: tuple[str, ...]
    mean: Array = field(repr=False)
    variance: Array = field(repr=False)
    participants: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return geometric means by region, and standard deviations of the logarithms by level."""
        import pandas as pd

        means = pd.DataFrame(np.exp(self.mean), columns=list(PARAMETERS))
        means.insert(0, "of", [f"geometric mean, {region}" for region in self.regions])
        spreads = pd.DataFrame(np.sqrt(self.variance), columns=list(PARAMETERS))
        spreads.insert(0, "of", [f"SD of logarithm, {level}" for level in LEVELS])
        return pd.concat([means, spreads], ignore_index=True)


def learn_pool(scans: Iterable[Scan], bounds: Bounds | None = None) -> Pool:
    """Learn means and variances from the curves of several participants.

    Parameters
    ----------
    scans : iterable of Scan
        With the same frames; no parameter of theirs is known.
    bounds : Bounds, optional
        Of the single fits that the search begins with.

    Returns
    -------
    Pool
        To be given to `ketasim.instruments.pet.kinetics.fit`.

    Raises
    ------
    InputError
        If there are fewer than three participants, frames differ, or fewer than three curves of a
        region can be fitted.
    """
    several = list(scans)
    people = tuple(dict.fromkeys(scan.participant for scan in several))
    if len(people) < _LEAST_PARTICIPANTS:
        raise InputError(f"there are curves of {len(people)} participants to learn from",
                         expected=f"{_LEAST_PARTICIPANTS} or more")  # fmt: skip
    if any(scan.frames != several[0].frames for scan in several):
        raise InputError("the scans to learn from have different frames", expected="the same")
    batch = Batch.of(several)
    state = _State.of(batch, [scan.participant for scan in several], bounds or Bounds())
    regions = tuple(dict.fromkeys(batch.regions))
    for region in regions:
        if sum(one == region for one in state.regions) < _LEAST_PARTICIPANTS:
            raise InputError(f"fewer than three curves of {region} can be fitted",
                             expected=f"{_LEAST_PARTICIPANTS} or more to learn from")  # fmt: skip
    logs = np.log(np.full((len(LEVELS), 3), 0.02))
    pool = Pool(regions, np.zeros((len(regions), 3)), np.exp(logs), people)
    for _ in range(_ROUNDS):
        pool = _restricted(state, pool)
        state = state.posterior(pool)[0]
    return pool


def pooled(batch: Batch, pool: Pool, participants: Sequence[str], bounds: Bounds) -> Estimates:
    """Fit SRTM to curves with what was learnt from others, or from the same.

    Parameters
    ----------
    batch : Batch
        The curves.
    pool : Pool
        From `learn_pool`.
    participants : sequence of str
        Whose each scan is.
    bounds : Bounds
        Of the single fits that the search begins with.

    Returns
    -------
    Estimates
        As of SRTM; a standard error is the posterior's standard deviation.

    Raises
    ------
    UnknownNameError
        If nothing was learnt of a region.
    """
    strange = [region for region in batch.regions if region not in pool.regions]
    if strange:
        raise unknown_name("region", strange[0], pool.regions, where="what was learnt from curves")
    state = _State.of(batch, participants, bounds)
    spread = np.full((0, 3, 3), np.nan)
    change = np.inf
    for _ in range(_STEPS):
        moved, spread = state.posterior(pool)
        change = float(np.max(np.abs(moved.logs - state.logs), initial=0.0))
        state = moved
        if change < 1e-9:
            break
    return _estimates(batch, state, spread, change < 1e-6)


@dataclass(frozen=True)
class _State:
    """The usable curves of a batch, and current estimates of their logarithms, shape (n, 3)."""

    batch: Batch
    grid: Grid
    places: NDArray[np.int64]
    people: NDArray[np.int64]
    noise: Array
    logs: Array
    status: tuple[Status, ...]

    @classmethod
    def of(cls, batch: Batch, participants: Sequence[str], bounds: Bounds) -> _State:
        single = fit_srtm(batch.reference, batch.activity, batch.frames, batch.weights,
                          which=batch.which, bounds=bounds)  # fmt: skip
        places = np.flatnonzero([one.fitted for one in single.status]).astype(np.int64)
        weights, rest = batch.weights[places], (batch.activity - single.fitted)[places]
        noise = np.sum(weights * rest**2, axis=1) / ((weights > 0).sum(axis=1) - 3)
        # Without any noise every curve speaks for itself; the floor keeps its say finite.
        floor = 1e-12 * np.max(weights * batch.activity[places] ** 2, axis=1)
        codes = {name: number for number, name in enumerate(dict.fromkeys(participants))}
        owner = np.array([codes[name] for name in participants], dtype=np.int64)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.stack([single.r1, single.k2 / single.r1, single.bp], axis=1)[places]
        low, high = np.array(_PLAUSIBLE).T
        logs = np.log(np.clip(np.nan_to_num(found, nan=1.0), low, high))
        return cls(batch, Grid.of(batch.reference, batch.frames), places,
                   owner[batch.which[places]], np.maximum(noise, floor), logs, single.status)  # fmt: skip

    @property
    def regions(self) -> list[str]:
        """The region of each usable curve."""
        return [self.batch.regions[place] for place in self.places]

    def natural(self) -> tuple[Array, Array, Array]:
        """Return R1, k2 and BPND."""
        r1, k2_prime, bp = np.exp(self.logs).T
        return r1, k2_prime * r1, bp

    def curves(self) -> tuple[Array, Array]:
        """Return the model's curves and their derivatives by the logarithms."""
        r1, k2, bp = self.natural()
        which = self.batch.which[self.places]
        basis = self.grid.convolved(k2 / (1 + bp), which)
        curves, by = srtm_slopes(self.grid.at_frames()[which], basis, r1, k2, bp)
        chain = np.stack([by[:, :, 0] * r1[:, None] + by[:, :, 1] * k2[:, None],
                          by[:, :, 1] * k2[:, None], by[:, :, 2] * bp[:, None]], axis=2)  # fmt: skip
        return curves, chain

    def linear(self) -> tuple[Array, Array]:
        """Return each curve's information on its logarithms, and the values it speaks for."""
        curves, by = self.curves()
        weights = self.batch.weights[self.places] / self.noise[:, None]
        information = np.einsum("nf,nfi,nfj->nij", weights, by, by)
        rest = self.batch.activity[self.places] - curves
        pull = np.einsum("nf,nf,nfi->ni", weights, rest, by)
        # A direction of which a curve says nothing must not make its covariance infinite.
        information += 1e-4 * np.eye(3)
        return information, self.logs + np.linalg.solve(information, pull[:, :, None])[:, :, 0]

    def posterior(self, pool: Pool) -> tuple[_State, Array]:
        """Return the state at the mode of the linearised posterior, and its covariances."""
        information, values = self.linear()
        logs, spread = self.logs.copy(), np.zeros((len(self.logs), 3, 3))
        mean = pool.mean[[pool.regions.index(region) for region in self.regions]]
        for mine in self.groups():
            prior = _covariance(pool.variance, self.shared(mine))
            total = prior + _blocks(_inverse(information[mine]))
            gain = np.linalg.solve(total, prior).T
            step = gain @ (values[mine] - mean[mine]).ravel()
            target = mean[mine] + step.reshape(-1, 3)
            # A long step leaves the range in which the line holds.
            logs[mine] += np.clip(target - logs[mine], -0.5, 0.5)
            covariance = prior - gain @ prior
            for number, place in enumerate(mine):
                rows = slice(3 * number, 3 * number + 3)
                spread[place] = covariance[rows, rows]
        moved = _State(self.batch, self.grid, self.places, self.people, self.noise, logs,
                       self.status)  # fmt: skip
        return moved, spread

    def groups(self) -> list[NDArray[np.int64]]:
        """Return the places of the curves of each participant."""
        return [np.flatnonzero(self.people == one) for one in np.unique(self.people)]

    def shared(self, mine: NDArray[np.int64]) -> list[Array]:
        """Return which curves share a deviation, for each of the levels."""
        scans = self.batch.which[self.places[mine]]
        regions = np.array([self.regions[one] for one in mine])
        pairs = (np.ones((len(mine), len(mine))), scans[:, None] == scans,
                 regions[:, None] == regions, np.eye(len(mine)))  # fmt: skip
        return [np.asarray(one, dtype=np.float64) for one in pairs]


def _blocks(matrices: Array) -> Array:
    """Return matrices, shape (m, 3, 3), as the diagonal of one."""
    size = 3 * len(matrices)
    whole = np.zeros((size, size))
    for number, one in enumerate(matrices):
        rows = slice(3 * number, 3 * number + 3)
        whole[rows, rows] = one
    return whole


def _restricted(state: _State, pool: Pool) -> Pool:
    """Maximise the restricted likelihood of the values that the curves speak for."""
    from scipy.optimize import minimize

    information, values = state.linear()
    codes = np.array([pool.regions.index(region) for region in state.regions])
    parts = []
    for mine in state.groups():
        place = np.eye(len(pool.regions))[codes[mine]]
        parts.append((state.shared(mine), _blocks(_inverse(information[mine])),
                      np.kron(place, np.eye(3)), values[mine].ravel()))  # fmt: skip

    def minus(logs: Array) -> tuple[float, Array]:
        return _minus_likelihood(np.exp(logs).reshape(-1, 3), parts)[:2]

    begin = np.log(pool.variance).ravel()
    end = minimize(minus, begin, jac=True, method="L-BFGS-B",
                   bounds=[_LOGARITHMS] * begin.size)  # fmt: skip
    variance = np.exp(end.x).reshape(-1, 3)
    mean = _minus_likelihood(variance, parts)[2]
    return Pool(pool.regions, mean.reshape(-1, 3), variance, pool.participants)


def _minus_likelihood(
    variance: Array, parts: list[tuple[list[Array], Array, Array, Array]]
) -> tuple[float, Array, Array]:
    """Return minus the restricted log likelihood, its slope by the logarithms, and the means.

    With ``V`` the covariance and ``P`` the projection of restricted likelihood, the slope by a
    variance is half ``trace(P dV) - y' P dV P y`` (Harville 1977).
    """
    inverses = [np.linalg.inv(_covariance(variance, shared) + own) for shared, own, _, _ in parts]
    fixed = sum(x.T @ one @ x for one, (_, _, x, _) in zip(inverses, parts, strict=True))
    right = sum(x.T @ one @ y for one, (_, _, x, y) in zip(inverses, parts, strict=True))
    base = np.linalg.inv(np.asarray(fixed))
    mean = base @ np.asarray(right)
    value = 0.5 * np.linalg.slogdet(np.asarray(fixed))[1]
    slope = np.zeros_like(variance)
    for one, (shared, _, x, y) in zip(inverses, parts, strict=True):
        left = one @ (y - x @ mean)
        value += 0.5 * ((y - x @ mean) @ left - np.linalg.slogdet(one)[1])
        projected = one - one @ x @ base @ x.T @ one
        spare = projected - np.outer(left, left)
        for level, same in enumerate(shared):
            for number in range(3):
                block = spare[number::3, number::3]
                slope[level, number] += 0.5 * variance[level, number] * np.sum(block * same)
    return float(value), slope.ravel(), mean


def _covariance(variance: Array, shared: list[Array]) -> Array:
    """Return the covariance of a participant's logarithms, curve by curve, shape (3m, 3m)."""
    levels = [np.kron(same, np.diag(one)) for same, one in zip(shared, variance, strict=True)]
    return np.asarray(np.sum(levels, axis=0), dtype=np.float64)


def _inverse(matrices: Array) -> Array:
    return np.asarray(np.linalg.inv(matrices), dtype=np.float64)


def _estimates(batch: Batch, state: _State, spread: Array, settled: bool) -> Estimates:
    """Return the estimates on their natural scale, beside every curve of the batch."""
    count = len(batch.activity)
    r1, k2, bp = state.natural()
    errors = np.sqrt(np.diagonal(spread, axis1=1, axis2=2))
    of_k2 = np.sqrt(spread[:, 0, 0] + spread[:, 1, 1] + 2 * spread[:, 0, 1])
    columns = {"R1": r1, "k2": k2, "BPND": bp, "se_BPND": bp * errors[:, 2],
               "se_R1": r1 * errors[:, 0], "se_k2": k2 * of_k2, "k2a": k2 / (1 + bp),
               "k2_prime": k2 / r1}  # fmt: skip
    values = {}
    for name, one in columns.items():
        values[name] = np.full(count, np.nan)
        values[name][state.places] = one
    fitted = np.full(batch.activity.shape, np.nan)
    fitted[state.places] = state.curves()[0]
    end = Status.CONVERGED if settled else Status.NOT_CONVERGED
    status = tuple(end if one.fitted else one for one in state.status)
    return Estimates(values, status, batch.activity, fitted, batch.weights, 3)
