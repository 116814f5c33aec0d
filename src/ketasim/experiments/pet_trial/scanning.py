"""Replicates of the trial through the scanner: who takes part, curves with noise, SRTM, MADRS.

Every number belongs to (seed, replicate, patient, purpose). First scans, the scans of the saline arm
and the noise of every scan are the same under all hypotheses, so that only what ketamine does makes
them differ; those that binding cannot tell apart share the second scans too. Chunks have a fixed
size: the numbers are the same, bit for bit, for any threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.pet_trial.published import DAYS_H, KETAMINE, pet_design
from ketasim.experiments.pet_trial.worlds import leaders
from ketasim.instruments.draws import uniform_draws
from ketasim.instruments.pet.binding import Truth, draw_truth
from ketasim.instruments.pet.kinetics import Status, fit_srtm
from ketasim.instruments.pet.noise import NoiseLevels, load_noise, log_shift
from ketasim.instruments.pet.regions import load_regions
from ketasim.instruments.pet.scanner import simulate_scans
from ketasim.instruments.pet.scans import REGIONS
from ketasim.trial import RatingModel, run_trial
from ketasim.trial.rating import patient_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ketasim.experiments.pet_trial.worlds import PublishedWorld, World

__all__ = ["HIP", "NULL", "PUBLISHED_TRUE", "USUAL", "VST", "Scanned", "scan_replicates"]

HIP, VST = REGIONS.index("HIP"), REGIONS.index("VSTR")

NULL, PUBLISHED_TRUE = "nothing is true", "a rise as published"
"""Names of the two worlds that are no hypothesis."""

USUAL = 0.12
"""Absolute variability of the hippocampus in the table of regions (assumed); always swept too."""

CHUNK = 10
"""Replicates that are scanned together."""


@dataclass(frozen=True, eq=False)
class Scanned:
    """What the centre has at the end, for many replicates; ketamine's patients come first.

    Parameters
    ----------
    levels : tuple of float
        Absolute variability of the hippocampus that is swept, as a share.
    before, after, shifted : ndarray, shape (n_replicates, n_patients, n_regions)
        BPND at the first scan, at the second where nothing is true, and at the second where nothing
        is true but the shift between two scans of a day; at `USUAL` in the hippocampus, NaN for a
        curve that could not be fitted.
    hip_before : ndarray, shape (n_replicates, n_patients, n_levels)
        Hippocampus at the first scan.
    hip_after : mapping of str to ndarray of that shape
        At the second scan, by world; the saline arm is the same in all.
    madrs : ndarray, shape (n_replicates, n_patients)
        Recorded before.
    fall : mapping of str to ndarray of that shape
        By how many points MADRS fell, by world.
    curves, failed : int
        Curves that were fitted, and how many gave no estimate.
    """

    levels: tuple[float, ...]
    before: NDArray[np.float64] = field(repr=False)
    after: NDArray[np.float64] = field(repr=False)
    shifted: NDArray[np.float64] = field(repr=False)
    hip_before: NDArray[np.float64] = field(repr=False)
    hip_after: dict[str, NDArray[np.float64]] = field(repr=False)
    madrs: NDArray[np.float64] = field(repr=False)
    fall: dict[str, NDArray[np.float64]] = field(repr=False)
    curves: int
    failed: int

    def __len__(self) -> int:
        return len(self.before)


@dataclass(frozen=True, eq=False)
class _Enrolled:
    """Who takes part: arrays of shape (n_replicates, n_patients), ketamine first."""

    numbers: NDArray[np.uint64]
    person: NDArray[np.int64]
    day: NDArray[np.int64]
    madrs: NDArray[np.float64]
    fall: dict[str, NDArray[np.float64]]

    def flat(self, rows: slice) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
        """Return numbers, places in the pool and days of some replicates, one row a patient."""
        return self.numbers[rows].ravel(), self.person[rows].ravel(), self.day[rows].ravel()


def scan_replicates(
    worlds: Sequence[World],
    published: PublishedWorld,
    replicates: int,
    seed: int,
    levels: tuple[float, ...],
    *,
    threads: int = 1,
    tell: Callable[[], None] = lambda: None,
) -> Scanned:
    """Run the trial many times, every patient through the scanner twice.

    Parameters
    ----------
    worlds : sequence of World
        Hypotheses whose people are the same at rest.
    published : PublishedWorld
        The world in which what was published is true.
    replicates : int
        How often.
    seed : int
        Of every number.
    levels : tuple of float
        Absolute variability of the hippocampus; `USUAL` among them.
    threads : int, optional
        Chunks at a time.
    tell : callable, optional
        Called after each chunk.

    Returns
    -------
    Scanned
        What was measured.
    """
    who = _enrol(worlds, replicates, seed)
    led = leaders(tuple(worlds))
    apart = [world for world in worlds if led[world.name] == world.name]
    starts = range(0, replicates, CHUNK)

    def scan(start: int) -> _Chunk:
        made = _scan(apart, published, who, slice(start, start + CHUNK), seed, levels)
        tell()
        return made

    with ThreadPoolExecutor(threads) as workers:
        parts = list(workers.map(scan, starts))
    scanned = {NULL: NULL, PUBLISHED_TRUE: PUBLISHED_TRUE, **led}
    hip_after = {
        name: np.concatenate([one.hip_after[leader] for one in parts])
        for name, leader in scanned.items()
    }
    return Scanned(
        levels=levels,
        before=np.concatenate([one.before for one in parts]),
        after=np.concatenate([one.after for one in parts]),
        shifted=np.concatenate([one.shifted for one in parts]),
        hip_before=np.concatenate([one.hip_before for one in parts]),
        hip_after=hip_after,
        madrs=who.madrs,
        fall=who.fall,
        curves=sum(one.curves for one in parts),
        failed=sum(one.failed for one in parts),
    )


def _enrol(worlds: Sequence[World], replicates: int, seed: int) -> _Enrolled:
    """Randomise and rate; a patient has the same numbers under every hypothesis."""
    design = pet_design()
    runs = {
        world.name: run_trial(design, replicates, seed, pool=world.pool, rating=RatingModel())
        for world in worlds
    }
    null = RatingModel(world="null")
    runs[NULL] = run_trial(design, replicates, seed, pool=worlds[0].pool, rating=null)
    first = runs[NULL]
    # The arms come in random order; sorting keeps each patient's own number.
    order = np.argsort(first.arm, axis=1, kind="stable")
    numbers = patient_numbers(first.replicate, design.patients)
    numbers = np.take_along_axis(numbers, order, axis=1)
    uniform = uniform_draws(seed, "day of the second scan", numbers)
    day = np.minimum((uniform * len(DAYS_H)).astype(np.int64), len(DAYS_H) - 1)
    day = day.reshape(numbers.shape)
    madrs = np.take_along_axis(first.baseline, order, axis=1)
    fall = {}
    for name, run in runs.items():
        scores = np.take_along_axis(run.complete, order[:, :, None], axis=1)
        fall[name] = madrs - np.take_along_axis(scores, day[:, :, None], axis=2)[:, :, 0]
    person = np.take_along_axis(first.person, order, axis=1)
    return _Enrolled(numbers, person, day, madrs, fall)


@dataclass(frozen=True, eq=False)
class _Chunk:
    """The scans of some replicates; fields as in `Scanned`."""

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    shifted: NDArray[np.float64]
    hip_before: NDArray[np.float64]
    hip_after: dict[str, NDArray[np.float64]]
    curves: int
    failed: int


@dataclass(frozen=True, eq=False)
class _Column:
    """One curve of every scan: a region, what is true of it, who needs it fitted."""

    region: int
    truth: Truth
    noise: NoiseLevels
    fold: NDArray[np.float64]
    first: bool
    saline: bool


def _scan(
    worlds: Sequence[World],
    published: PublishedWorld,
    who: _Enrolled,
    rows: slice,
    seed: int,
    levels: tuple[float, ...],
) -> _Chunk:
    numbers, person, day = who.flat(rows)
    people = worlds[0].pool.people
    striatum = people["ht1b_vst_baseline"].to_numpy(np.float64)[person]
    age = people["age"].to_numpy(np.float64)[person]
    drawn = {}
    for level in levels:
        values = load_regions(hippocampus_variability=level)
        noise = load_noise(values)
        truth = draw_truth(
            values, numbers.astype(np.int64), 2, seed=seed, within_sd=noise.within_sd,
            depressed=True, age=age, striatum=striatum,
        )  # fmt: skip
        drawn[level] = truth, noise
    shift = np.exp(log_shift(load_regions().signed_change))
    folds = {world.name: world.on_days()[person, day, HIP] for world in worlds}
    folds[PUBLISHED_TRUE] = np.full(len(person), published.fold)
    columns = _columns(drawn, shift, folds)
    treated = np.tile(np.arange(who.numbers.shape[1]) < KETAMINE, len(who.numbers[rows]))
    bpnd, curves, failed = _quantified(columns, treated, seed)
    shaped = bpnd.reshape(-1, who.numbers.shape[1], 2, len(columns))
    return _sorted(shaped, levels, shift, [*folds], curves, failed)


def _columns(
    drawn: dict[float, tuple[Truth, NoiseLevels]],
    shift: NDArray[np.float64],
    folds: dict[str, NDArray[np.float64]],
) -> list[_Column]:
    """Return the curves of a scan: all regions, shifted regions, then the hippocampus by level."""
    usual = drawn[USUAL]
    one = np.ones(len(usual[0].patients))
    found = [_Column(region, *usual, one, first=True, saline=True) for region in range(len(shift))]
    found += [
        _Column(region, *usual, one * shift[region], first=False, saline=False)
        for region in np.flatnonzero(shift != 1.0).tolist()
    ]
    found += [
        _Column(HIP, *one_level, one, first=True, saline=True) for one_level in drawn.values()
    ]
    found += [
        _Column(HIP, *one_level, fold, first=False, saline=False)
        for fold in folds.values()
        for one_level in drawn.values()
    ]
    return found


def _quantified(
    columns: list[_Column], treated: NDArray[np.bool_], seed: int
) -> tuple[NDArray[np.float64], int, int]:
    """Return BPND as SRTM gives it, shape (n_patients, 2, n_columns), NaN where not needed."""
    truth, noise = _stacked(columns)
    block = simulate_scans(truth, seed=seed, noise=noise)
    needed = np.zeros((len(treated), 2, len(columns)), dtype=bool)
    for place, column in enumerate(columns):
        needed[:, 0, place] = column.first
        needed[:, 1, place] = column.saline | treated
    scan = np.arange(needed.shape[0] * 2).reshape(-1, 2, 1)
    activity = block.activity[needed]
    fits = fit_srtm(
        block.reference.reshape(-1, len(block.frames)), activity, block.frames,
        np.broadcast_to(block.weights, activity.shape),
        which=np.broadcast_to(scan, needed.shape)[needed],
    )  # fmt: skip
    good = np.array([one is Status.CONVERGED for one in fits.status])
    bpnd = np.full(needed.shape, np.nan)
    bpnd[needed] = np.where(good, fits.bp, np.nan)
    return bpnd, len(activity), int((~good).sum())


def _stacked(columns: list[_Column]) -> tuple[Truth, NoiseLevels]:
    """Put columns side by side as if each were a region; those of one region share its noise."""
    names = tuple(REGIONS[one.region] for one in columns)

    def side_by_side(name: str) -> NDArray[np.float64]:
        return np.stack([getattr(one.truth, name)[:, :, one.region] for one in columns], axis=2)

    bpnd = side_by_side("bpnd")
    bpnd[:, 1, :] *= np.stack([one.fold for one in columns], axis=1)
    truth = Truth(
        columns[0].truth.patients, names, bpnd, side_by_side("r1"), side_by_side("k2_prime")
    )
    scale = np.array([one.noise.scale[one.region] for one in columns])
    within = np.array([one.noise.within_sd[one.region] for one in columns])
    return truth, NoiseLevels(names, scale, within, columns[0].noise.reference_scale)


def _sorted(
    bpnd: NDArray[np.float64],
    levels: tuple[float, ...],
    shift: NDArray[np.float64],
    names: list[str],
    curves: int,
    failed: int,
) -> _Chunk:
    """Take the columns apart again; see `_columns`."""
    count, moved = len(REGIONS), np.flatnonzero(shift != 1.0)
    before, after = bpnd[:, :, 0, :count], bpnd[:, :, 1, :count]
    shifted = after.copy()
    shifted[:, :, moved] = bpnd[:, :, 1, count : count + len(moved)]
    at = count + len(moved)
    hip_null = bpnd[:, :, 1, at : at + len(levels)]
    hip_after = {NULL: hip_null}
    for place, name in enumerate(names, start=1):
        start = at + place * len(levels)
        treated = np.arange(bpnd.shape[1])[None, :, None] < KETAMINE
        hip_after[name] = np.where(treated, bpnd[:, :, 1, start : start + len(levels)], hip_null)
    hip_before = bpnd[:, :, 0, at : at + len(levels)]
    return _Chunk(before, after, shifted, hip_before, hip_after, curves, failed)
