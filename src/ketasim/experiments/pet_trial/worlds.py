"""The patients of each hypothesis: simulated once through the mechanism, then drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.pet_trial.published import DAYS_H, REGIMEN, pet_design
from ketasim.instruments.pet.binding import OUTPUTS, model_binding
from ketasim.instruments.pet.scans import REGIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ketasim.model import Model
    from ketasim.trial import TrialPool

__all__ = ["COURSE_H", "SAME", "PublishedWorld", "World", "groups", "leaders", "simulate_worlds"]

COURSE_H = (1.0, 2.0, 4.0, 8.0, 12.0, 24.0, 36.0, 48.0, 60.0, 72.0, 96.0, 120.0, 168.0)
"""Hours after the dose at which a scan could be made."""

SAME = 0.005
"""Hypotheses whose binding differs by less than this share in every patient share second scans; the
noise of one scan of the hippocampus is some thirty times as large."""

_RTOL = 1e-5


@dataclass(frozen=True, eq=False)
class World:
    """The patients of one hypothesis.

    Parameters
    ----------
    name : str
        The hypothesis.
    pool : TrialPool
        The patients, with their relief in each arm.
    fold : ndarray, shape (n_people, n_times, n_regions)
        BPND after ketamine as a fold of rest, at `COURSE_H`; NaN for who was not solved.
    striatum : ndarray, shape (n_people, n_times)
        Receptor density of the ventral striatum as a fold of rest.
    """

    name: str
    pool: TrialPool = field(repr=False)
    fold: NDArray[np.float64] = field(repr=False)
    striatum: NDArray[np.float64] = field(repr=False)

    def on_days(self) -> NDArray[np.float64]:
        """Return the fold on the days of the second scan, shape (n_people, n_days, n_regions)."""
        return self.fold[:, [COURSE_H.index(hours) for hours in DAYS_H], :]

    def first_day(self) -> NDArray[np.float64]:
        """Return each person's largest departure of striatal density from rest within 24 h."""
        early = self.striatum[:, : COURSE_H.index(24.0) + 1] - 1.0
        where = np.argmax(np.nan_to_num(np.abs(early)), axis=1)
        return np.take_along_axis(early, where[:, None], axis=1)[:, 0]

    def log_fold(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and SD over people of log fold, each of shape (n_times, n_regions)."""
        log = np.log(self.fold)
        return np.nanmean(log, axis=0), np.nanstd(log, axis=0, ddof=1)


@dataclass(frozen=True)
class PublishedWorld:
    """A world in which the published change of the hippocampus is simply true.

    Parameters
    ----------
    fold : float
        Of the hippocampus, in everyone and on every day.
    """

    fold: float


def simulate_worlds(
    models: Mapping[str, Model], people: int, seed: int, tell: Callable[[], None]
) -> tuple[World, ...]:
    """Simulate the patients of every hypothesis through the mechanism.

    Parameters
    ----------
    models : mapping of str to Model
        By hypothesis.
    people : int
        Patients in each pool; person k is the same in all.
    seed : int
        Of the patients.
    tell : callable
        Called when a hypothesis is done.

    Returns
    -------
    tuple of World
        In the order of the hypotheses.

    Raises
    ------
    SimulationError
        If too many patients could not be solved.
    """
    from ketasim.population import virtual_patients
    from ketasim.simulate import simulate
    from ketasim.trial import build_pool

    design, found = pet_design(), []
    for name, model in models.items():
        cohort = virtual_patients(model, people, seed=seed, uncertainty=True)
        run = simulate(
            model, REGIMEN, cohort=cohort, times=np.array([0.0, *COURSE_H]), outputs=OUTPUTS,
            rtol=_RTOL, progress=False,
        )  # fmt: skip
        pool = build_pool(design, seed=seed, model=model, cohort=cohort)
        striatum = run.values("ht1b_ventral_striatum")[:, 1:]
        found.append(World(name, pool, model_binding(run, np.array(COURSE_H), REGIONS), striatum))
        tell()
    return tuple(found)


def groups(worlds: tuple[World, ...]) -> list[tuple[World, ...]]:
    """Return the worlds whose people are the same before the dose, so that they share first scans.

    Parameters
    ----------
    worlds : tuple of World
        All.

    Returns
    -------
    list of tuple of World
        One group, unless a hypothesis changes what people are at rest.
    """
    found: list[list[World]] = []
    for world in worlds:
        for group in found:
            if _same_at_rest(group[0], world):
                group.append(world)
                break
        else:
            found.append([world])
    return [tuple(group) for group in found]


def _same_at_rest(one: World, other: World) -> bool:
    first, second = one.pool.people, other.pool.people
    names = ("ht1b_vst_baseline", "age", "madrs_baseline")
    return all(np.array_equal(first[name], second[name]) for name in names)


def leaders(worlds: tuple[World, ...]) -> dict[str, str]:
    """Return for each hypothesis the first one that binding cannot tell it from.

    Parameters
    ----------
    worlds : tuple of World
        Of one group.

    Returns
    -------
    dict of str to str
        By name; a hypothesis of its own leads itself.
    """
    first: dict[str, World] = {}
    found = {}
    for world in worlds:
        here = world.on_days()
        near = [
            name
            for name, one in first.items()
            if np.nanmax(np.abs(np.log(one.on_days() / here))) < SAME
        ]
        found[world.name] = near[0] if near else world.name
        if not near:
            first[world.name] = world
    return found
