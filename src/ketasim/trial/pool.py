"""Patients simulated through the mechanism, once for each way through a trial.

Person k of a pool is the same person in every arm. Replicates of a trial draw people from the pool;
all that is not the mechanism (context, rating, dropout) is drawn anew for each replicate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.trial.paths import trial_paths

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from ketasim.dosing import Regimen
    from ketasim.model import Model
    from ketasim.population import Cohort
    from ketasim.simulate.plan import Values
    from ketasim.trial.design import TrialDesign
    from ketasim.trial.paths import TrialPath

__all__ = ["DEFAULT_PEOPLE", "PoolError", "TrialPool", "build_pool", "visit_grid"]

DEFAULT_PEOPLE = 2000
"""People in a pool where nothing else is said."""

POOL_RTOL = 1e-4
"""Relative tolerance of the solver: relief within 0.0001, or 0.004 points, of a strict one."""

REFERENCE_REGIMEN = "ketamine 0.5 mg/kg iv over 40 min"
"""The dose whose mean peak of dissociation counts as 1."""

WINDOW_POINTS = 5
"""Times at which a visit with a window is simulated; between them the course is interpolated."""

_AFTER_DOSE_H = (0.25, 0.5, 2 / 3, 0.75, 1.0, 1.5, 2.0)
_REFERENCE_PEOPLE = 512
_OUTPUTS = ("relief", "dissociation")


@dataclass(frozen=True)
class PoolError:
    """What a finite pool means for every number that is computed from it.

    Parameters
    ----------
    people : int
        People in the pool.
    failed : int
        How many could not be solved in at least one arm.
    effective : float
        Number of equally weighted people that carry as much information (Kish).
    relief_se : float
        Largest standard error of an arm's mean relief at a visit. It is the same in all replicates,
        so that it does not shrink with their number. Quasi-random people err less than it says.
    difference_se : float
        Largest standard error of a difference of two arms' mean relief; smaller, since the same
        people are in both.
    repeated : float
        Expected share of a trial's patients who stand for a person of that trial once more.
    """

    people: int
    failed: int
    effective: float
    relief_se: float
    difference_se: float
    repeated: float

    def points(self, baseline: float) -> tuple[float, float]:
        """Return the two errors in points, for patients of a mean baseline in points."""
        return self.relief_se * baseline, self.difference_se * baseline


@dataclass(frozen=True, eq=False)
class TrialPool:
    """People and their courses on each way through a trial.

    Parameters
    ----------
    keys : tuple of str
        Names of the ways, see `ketasim.trial.paths`.
    times : ndarray, shape (n_times,)
        Hours from the first dose at which courses are stored.
    relief : ndarray, shape (n_paths, n_people, n_times)
        Share of the severity that the pharmacology removes; NaN for who was not solved.
    dissociation : ndarray, shape (n_paths, n_people, n_sessions)
        Peak after the first dose of each stage or period, as a multiple of the mean peak after
        0.5 mg/kg of ketamine in 40 min.
    people : DataFrame
        The cohort's table: parameters and covariates.
    severity : ndarray, shape (n_people,)
        Rank of each person's baseline among all, as a standard normal number.
    weight : ndarray, shape (n_people,)
        Chance of each person to be drawn; sums to 1.
    hypothesis : str
        Under which they were simulated.
    seed : int
        Of the cohort.
    """

    keys: tuple[str, ...]
    times: NDArray[np.float64] = field(repr=False)
    relief: NDArray[np.float64] = field(repr=False)
    dissociation: NDArray[np.float64] = field(repr=False)
    people: pd.DataFrame = field(repr=False)
    severity: NDArray[np.float64] = field(repr=False)
    weight: NDArray[np.float64] = field(repr=False)
    hypothesis: str
    seed: int

    def __len__(self) -> int:
        return len(self.people)

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Who was not solved on at least one way, shape (n_people,)."""
        return np.asarray(np.isnan(self.relief).any(axis=(0, 2)))

    def draw(self, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
        """Draw people.

        Parameters
        ----------
        uniform : ndarray of any shape
            Numbers between 0 and 1.

        Returns
        -------
        ndarray of int, same shape
            Places in the pool; the same number draws the same person whatever the arms are.
        """
        edges = np.cumsum(self.weight)
        found = np.searchsorted(edges / edges[-1], uniform, side="right")
        return np.minimum(found, len(self) - 1).astype(np.int64)

    def relief_at(
        self, path: NDArray[np.int64], person: NDArray[np.int64], times: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the relief of some people on their ways.

        Parameters
        ----------
        path, person : ndarray of int, shape (n,)
            Place of the way and of the person.
        times : ndarray, shape (n_visits,) or (n, n_visits)
            Hours from the first dose; between stored times the course is interpolated.

        Returns
        -------
        ndarray, shape (n, n_visits)
            0 to 1.
        """
        upper = np.clip(np.searchsorted(self.times, times), 1, self.times.size - 1)
        low, high = self.times[upper - 1], self.times[upper]
        share = np.clip((times - low) / (high - low), 0.0, 1.0)
        rows, columns = (
            (path[:, None], person[:, None]),
            np.broadcast_to(upper, (path.size, upper.shape[-1])),
        )
        before, after = self.relief[(*rows, columns - 1)], self.relief[(*rows, columns)]
        return np.asarray(before + share * (after - before))

    def error(self, patients: int) -> PoolError:
        """Return the Monte-Carlo error of the pool.

        Parameters
        ----------
        patients : int
            Size of the trial.
        """
        solved = ~self.failed
        weight = np.where(solved, self.weight, 0.0)
        weight = weight / weight.sum()
        effective = 1.0 / float(np.sum(weight**2))
        relief = self.relief[:, solved, :]
        alone = float(np.max(_weighted_sd(relief, weight[solved])))
        pairs = [
            float(np.max(_weighted_sd(relief[[a]] - relief[[b]], weight[solved])))
            for a in range(len(self.keys))
            for b in range(a)
        ]
        root = float(np.sqrt(effective))
        return PoolError(
            people=len(self),
            failed=int(np.sum(~solved)),
            effective=effective,
            relief_se=alone / root,
            difference_se=max(pairs, default=alone) / root,
            repeated=float(1.0 - np.sum(weight * (1.0 - weight) ** (patients - 1))),
        )


def _weighted_sd(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    mean = np.einsum("apt,p->at", values, weight)
    return np.asarray(np.sqrt(np.einsum("apt,p->at", (values - mean[:, None]) ** 2, weight)))


def visit_grid(design: TrialDesign) -> NDArray[np.float64]:
    """Return the times at which the courses of a trial are stored.

    Parameters
    ----------
    design : TrialDesign
        The trial.

    Returns
    -------
    ndarray, shape (n_times,)
        Hours from the first dose, rising, from 0: visits and their windows, in every period.
    """
    starts = design.periods.starts_h if design.periods else (0.0,)
    times = {0.0, *starts}
    for start in starts:
        for visit in design.visits:
            reach = visit.window_h
            points = np.linspace(-reach, reach, WINDOW_POINTS) if reach else np.zeros(1)
            times.update(float(start + visit.time_h + one) for one in points)
    return np.array(sorted(times))


def build_pool(
    design: TrialDesign,
    people: int = DEFAULT_PEOPLE,
    seed: int = 1,
    *,
    model: Model | None = None,
    cohort: Cohort | None = None,
    weights: NDArray[np.float64] | None = None,
    overrides: Values | None = None,
    rtol: float = POOL_RTOL,
) -> TrialPool:
    """Simulate people through the mechanism, once for each way through a trial.

    Parameters
    ----------
    design : TrialDesign
        The trial.
    people : int, optional
        How many, where no cohort is given; 20,000 and more are possible.
    seed : int, optional
        Person k of a seed is the same in every pool and in every arm.
    model : Model, optional
        By default that of the design's hypothesis.
    cohort : Cohort, optional
        Who they are; by default `ketasim.population.virtual_patients`.
    weights : ndarray, shape (n_people,), optional
        How often each is drawn, for instance to match a published baseline table.
    overrides : mapping of str to float, optional
        Parameters of the model set for this pool, for instance to see what depends on them.
    rtol : float, optional
        Relative tolerance of the solver.

    Returns
    -------
    TrialPool
        With NaN for people who could not be solved.

    Raises
    ------
    InputError
        If the weights do not fit the people.
    SimulationError
        If more than 5 % of them could not be solved.
    """
    from ketasim.model import load_model
    from ketasim.population import virtual_patients

    claimed = model if model is not None else load_model(design.hypothesis)
    who = cohort if cohort is not None else virtual_patients(claimed, people, seed)
    weight = _weights(weights, len(who))
    unit = _reference_peak(claimed, seed)
    grid, paths = visit_grid(design), trial_paths(design)
    solved: dict[Regimen, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    relief, peaks = [], []
    for path in paths:
        if path.regimen not in solved:
            solved[path.regimen] = _courses(claimed, path, who, grid, overrides, rtol)
        relief.append(solved[path.regimen][0])
        peaks.append(solved[path.regimen][1] / unit)
    sessions = max(one.shape[1] for one in peaks)
    return TrialPool(
        keys=tuple(path.key for path in paths),
        times=grid,
        relief=np.stack(relief),
        dissociation=np.stack([_padded(one, sessions) for one in peaks]),
        people=who.table,
        severity=_normal_scores(who.table),
        weight=weight,
        hypothesis=claimed.hypothesis.name,
        seed=who.seed,
    )


def _padded(peaks: NDArray[np.float64], sessions: int) -> NDArray[np.float64]:
    return np.pad(peaks, ((0, 0), (0, sessions - peaks.shape[1])))


def _weights(weights: NDArray[np.float64] | None, count: int) -> NDArray[np.float64]:
    if weights is None:
        return np.full(count, 1.0 / count)
    if weights.shape != (count,) or not (np.isfinite(weights).all() and weights.min() >= 0):
        raise InputError("the weights do not fit the people", expected=f"{count} numbers from 0 on")
    if not weights.sum() > 0:
        raise InputError("every weight is 0", expected="at least one more than 0")
    return np.asarray(weights / weights.sum())


def _normal_scores(table: pd.DataFrame) -> NDArray[np.float64]:
    from scipy.special import ndtri
    from scipy.stats import rankdata

    column = table["madrs_baseline"] if "madrs_baseline" in table.columns else np.zeros(len(table))
    rank = rankdata(column, method="ordinal")
    return np.asarray(ndtri((rank - 0.5) / len(table)))


def _courses(
    model: Model,
    path: TrialPath,
    who: Cohort,
    grid: NDArray[np.float64],
    overrides: Values | None,
    rtol: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from ketasim.simulate import simulate

    if not any(dose.amount > 0 for dose in path.regimen):
        # Nothing enters the mechanism; at rest it removes nothing, and need not be solved.
        return np.zeros((len(who), grid.size)), np.zeros((len(who), len(path.starts_h)))
    dense = [start + one for start in path.starts_h for one in _AFTER_DOSE_H]
    ends = [path.regimen.last_start_h + 1.0]
    times = np.unique(np.concatenate([grid, dense, ends]))
    run = simulate(
        model, path.regimen, cohort=who, times=times, outputs=_OUTPUTS, overrides=overrides,
        rtol=rtol, progress=False,
    )  # fmt: skip
    relief, felt = (_course(run.dataset, name) for name in _OUTPUTS)
    kept = np.searchsorted(times, grid)
    peaks = [_peak(felt, times, start) for start in path.starts_h]
    return np.ascontiguousarray(relief[:, kept]), np.stack(peaks, axis=1)


def _course(dataset: xr.Dataset, name: str) -> NDArray[np.float64]:
    return np.asarray(dataset[name].transpose("patient", "time").values, dtype=np.float64)


def _peak(
    course: NDArray[np.float64], times: NDArray[np.float64], start: float
) -> NDArray[np.float64]:
    window = (times >= start) & (times <= start + _AFTER_DOSE_H[-1])
    return np.asarray(course[:, window].max(axis=1))


_PEAKS: dict[tuple[str, str, int], float] = {}


def _reference_peak(model: Model, seed: int) -> float:
    """Return the mean peak of dissociation after the reference dose."""
    from ketasim.population import virtual_patients
    from ketasim.provenance import hash_text
    from ketasim.simulate import simulate

    key = (hash_text(model.sbml + str(sorted(model.values().items()))), model.hypothesis.name, seed)
    if key not in _PEAKS:
        run = simulate(
            model, REFERENCE_REGIMEN, cohort=virtual_patients(model, _REFERENCE_PEOPLE, seed),
            times=np.array([0.0, *_AFTER_DOSE_H]), outputs=("dissociation",), progress=False,
        )  # fmt: skip
        _PEAKS[key] = float(np.nanmean(_course(run.dataset, "dissociation").max(axis=1)))
    return _PEAKS[key]
