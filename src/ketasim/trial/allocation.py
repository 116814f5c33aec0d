"""Who comes to which arm: fixed sizes, coin tosses, permuted blocks, blocks within strata.

Every draw is keyed by (seed, replicate), so a replicate is allocated alike whatever runs beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.instruments import uniform_draws
from ketasim.trial.rating import patient_numbers

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.trial.design import TrialDesign
    from ketasim.trial.design_parts import TrialStratum

__all__ = ["allocate", "stratum_of"]


def allocate(
    design: TrialDesign,
    seed: int,
    replicates: NDArray[np.int64],
    stratum: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Randomise the patients of some replicates.

    Parameters
    ----------
    design : TrialDesign
        With its method; in a crossover, patients come to sequences instead of arms.
    seed : int
        Seed of the trial.
    replicates : ndarray of int, shape (n_replicates,)
        Numbers of the replicates.
    stratum : ndarray of int, shape (n_replicates, n_patients), optional
        For stratified randomisation.

    Returns
    -------
    ndarray of int, shape (n_replicates, n_patients)
        Place of the arm or the sequence.
    """
    plan, patients = design.allocation, design.patients
    ratio = _ratio(design)
    if plan.method == "fixed":
        return _fixed(_sizes(design, ratio), seed, replicates)
    if plan.method == "simple":
        return _simple(ratio, seed, replicates, patients)
    levels = np.zeros((replicates.size, patients), dtype=np.int64)
    if plan.method == "stratified" and stratum is not None:
        levels = stratum
    per_block = np.round(ratio / ratio.sum() * plan.block).astype(np.int64)
    return _blocks(np.repeat(np.arange(ratio.size), per_block), seed, replicates, levels)


def _ratio(design: TrialDesign) -> NDArray[np.float64]:
    if design.allocation.ratio:
        return np.array(design.allocation.ratio, dtype=np.float64)
    if design.periods is not None:
        return np.ones(len(design.periods.sequences))
    if design.allocation.method in ("block", "stratified"):
        return np.ones(len(design.arms))
    return np.array([arm.n for arm in design.arms], dtype=np.float64)


def _sizes(design: TrialDesign, ratio: NDArray[np.float64]) -> NDArray[np.int64]:
    if design.periods is None:
        return np.array([arm.n for arm in design.arms])
    edges = np.round(np.cumsum(ratio) / ratio.sum() * design.patients).astype(np.int64)
    return np.asarray(np.diff(edges, prepend=0))


def _fixed(sizes: NDArray[np.int64], seed: int, replicates: NDArray[np.int64]) -> NDArray[np.int64]:
    total = int(sizes.sum())
    order = _uniform(seed, "allocation", replicates, total).argsort(axis=1, kind="stable")
    given = np.empty((replicates.size, total), dtype=np.int64)
    arms = np.broadcast_to(np.repeat(np.arange(sizes.size), sizes), given.shape)
    np.put_along_axis(given, order, arms, axis=1)
    return given


def _simple(
    ratio: NDArray[np.float64], seed: int, replicates: NDArray[np.int64], patients: int
) -> NDArray[np.int64]:
    edges = np.cumsum(ratio) / ratio.sum()
    drawn = _uniform(seed, "allocation", replicates, patients)
    return np.minimum(np.searchsorted(edges, drawn, side="right"), ratio.size - 1).astype(np.int64)


def _blocks(
    template: NDArray[np.int64],
    seed: int,
    replicates: NDArray[np.int64],
    stratum: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Fill each stratum with permuted copies of a block, in the order in which patients come."""
    patients, size = stratum.shape[1], template.size
    longest = -(-patients // size)
    given = np.empty(stratum.shape, dtype=np.int64)
    for level in np.unique(stratum):
        keys = _uniform(seed, f"allocation, stratum {level}", replicates, longest * size)
        order = keys.reshape(replicates.size, longest, size).argsort(axis=2, kind="stable")
        blocks = template[order].reshape(replicates.size, longest * size)
        here = stratum == level
        came = np.maximum(here.cumsum(axis=1) - 1, 0)
        given = np.where(here, np.take_along_axis(blocks, came, axis=1), given)
    return given


def _uniform(
    seed: int, purpose: str, replicates: NDArray[np.int64], count: int
) -> NDArray[np.float64]:
    numbers = patient_numbers(replicates, count).ravel()
    return uniform_draws(seed, purpose, numbers).reshape(replicates.size, count)


def stratum_of(
    strata: tuple[TrialStratum, ...],
    people: pd.DataFrame,
    person: NDArray[np.int64],
    baseline: NDArray[np.float64],
    seed: int,
    numbers: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """Return the stratum of each patient; factors are combined.

    Parameters
    ----------
    strata : tuple of TrialStratum
        The factors.
    people : DataFrame
        The pool's people.
    person : ndarray of int, shape (n,)
        Who each patient is.
    baseline : ndarray, shape (n,)
        Recorded baseline.
    seed : int
        Seed of the trial.
    numbers : ndarray of uint64, shape (n,)
        Numbers that key the draws of a site.

    Returns
    -------
    ndarray of int, shape (n,)
        0 for all where there is no factor.

    Raises
    ------
    InputError
        If the people have no such column, or a factor has no levels.
    """
    code = np.zeros(person.size, dtype=np.int64)
    for one in strata:
        level, count = _levels(one, people, person, baseline, seed, numbers)
        code = code * count + level
    return code


def _levels(
    one: TrialStratum,
    people: pd.DataFrame,
    person: NDArray[np.int64],
    baseline: NDArray[np.float64],
    seed: int,
    numbers: NDArray[np.uint64],
) -> tuple[NDArray[np.int64], int]:
    if one.by == "site":
        drawn = uniform_draws(seed, "site", numbers)[:, 0]
        return (drawn * one.levels).astype(np.int64), one.levels
    if one.by != "baseline" and one.by not in people.columns:
        known = ("baseline", "site", *map(str, people.columns))
        raise unknown_name("stratum", one.by, known, where="field 'allocation.strata'")
    column = people[one.by] if one.by != "baseline" else None
    if column is not None and column.dtype.kind not in "iuf":
        codes = np.asarray(column.astype("category").cat.codes, dtype=np.int64)
        return codes[person], int(codes.max()) + 1
    if not one.cuts:
        raise InputError(
            f"the stratum {one.by!r} is a number and is not cut",
            where="field 'allocation.strata'",
            expected="'cuts', for instance [35]",
        )
    values = baseline if column is None else column.to_numpy(dtype=np.float64)[person]
    return np.searchsorted(one.cuts, values, side="right").astype(np.int64), len(one.cuts) + 1
