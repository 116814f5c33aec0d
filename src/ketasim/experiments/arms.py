"""Solving arms: the same patients in every arm, and each arm only once."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.readouts import PEAK_WINDOW_H, Readout, readout, solved_outputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ketasim.experiments.design import Arm
    from ketasim.model import Model
    from ketasim.population import Cohort

__all__ = ["ArmCache", "ArmCourse", "shared_cache", "solve_arm", "time_grid"]

_GRID_H = (
    -1.0, -0.75, -0.5, -0.25, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 2 / 3, 0.8, 1.0, 1.25, 1.5, 2.0,
    2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 21.0, 24.0, 30.0, 36.0, 42.0, 48.0, 60.0,
    72.0, 96.0, 120.0, 144.0, 168.0, 192.0, 216.0, 240.0, 264.0, 288.0, 336.0, 504.0, 672.0,
)  # fmt: skip
_MEGABYTES = 384


def time_grid(horizon_h: float) -> NDArray[np.float64]:
    """Return the times at which every arm of a horizon is read.

    One grid for all experiments, so that an arm shared by two of them is the same solve. It is dense
    where readouts are fast and thin later; between its points readouts are interpolated.

    Parameters
    ----------
    horizon_h : float
        Hours after ketamine.

    Returns
    -------
    ndarray, shape (n_times,)
        Hours; starts one hour before ketamine.
    """
    grid = np.asarray(_GRID_H)
    return np.append(grid[grid < horizon_h], horizon_h)


@dataclass(frozen=True)
class ArmCourse:
    """The solved courses of one arm.

    Parameters
    ----------
    times : ndarray, shape (n_times,)
        Hours after ketamine.
    values : mapping of str to ndarray, shape (n_patients, n_times)
        Courses by model output; NaN for a failed patient.
    baseline : ndarray, shape (n_patients,)
        MADRS before treatment.
    patients : ndarray of int, shape (n_patients,)
        Patient numbers.
    failed : int
        How many patients were not solved.
    """

    times: NDArray[np.float64]
    values: Mapping[str, NDArray[np.float64]] = field(repr=False)
    baseline: NDArray[np.float64] = field(repr=False)
    patients: NDArray[np.int64] = field(repr=False)
    failed: int = 0

    @property
    def bytes(self) -> int:
        """Memory that the courses take."""
        return sum(course.nbytes for course in self.values.values())

    def course(self, name: str) -> NDArray[np.float64]:
        """Return the course of a readout, shape (n_patients, n_times)."""
        return self.values[readout(name).output]

    def at(
        self, name: str, start_h: float | None, end_h: float | None = None
    ) -> NDArray[np.float64]:
        """Return a readout of every patient at a time, over a window, or at its peak.

        Parameters
        ----------
        name : str
            Name of the readout.
        start_h : float or None
            Hours after ketamine; None for the readout's own reduction or its peak.
        end_h : float, optional
            End of a window over which the course is averaged.

        Returns
        -------
        ndarray, shape (n_patients,)
            In the unit of the readout. NaN where the time lies beyond the arm's end.
        """
        one = readout(name)
        if one.reduction != "course" or start_h is None:
            return self._reduced(one)
        course = self.course(name)
        if end_h is None:
            return self._interpolated(course, np.asarray([start_h]))[:, 0]
        moments = np.linspace(start_h, end_h, 9)
        return np.asarray(self._interpolated(course, moments).mean(axis=1))

    def _interpolated(
        self, course: NDArray[np.float64], moments: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        inside = moments <= self.times[-1] + 1e-9
        found = np.stack([np.interp(moments, self.times, row) for row in course])
        return np.where(inside[None, :], found, np.nan)

    def _reduced(self, one: Readout) -> NDArray[np.float64]:
        window = (self.times >= 0.0) & (self.times <= PEAK_WINDOW_H)
        course, times = self.values[one.output][:, window], self.times[window]
        if one.reduction == "auc24":
            return np.asarray(np.trapezoid(course, times, axis=1))
        departure = np.abs(np.where(np.isnan(course), one.rest, course) - one.rest)
        where = np.argmax(departure, axis=1)
        if one.reduction == "time_of_peak":
            return np.asarray(times[where])
        return np.asarray(np.take_along_axis(course, where[:, None], axis=1)[:, 0])


class ArmCache:
    """Solved arms, kept until a limit of memory; the oldest goes first.

    Parameters
    ----------
    megabytes : float, optional
        The limit.
    """

    def __init__(self, megabytes: float = _MEGABYTES) -> None:
        self._limit = megabytes * 2**20
        self._arms: OrderedDict[str, ArmCourse] = OrderedDict()
        self._used = 0
        self.hits = 0

    def __len__(self) -> int:
        return len(self._arms)

    def get(self, key: str) -> ArmCourse | None:
        """Return a solved arm, or None."""
        found = self._arms.get(key)
        if found is not None:
            self.hits += 1
            self._arms.move_to_end(key)
        return found

    def put(self, key: str, course: ArmCourse) -> None:
        """Keep a solved arm; drop the longest unused ones where memory runs out."""
        before = self._arms.pop(key, None)
        self._arms[key] = course
        self._used += course.bytes - (0 if before is None else before.bytes)
        while self._used > self._limit and len(self._arms) > 1:
            _, dropped = self._arms.popitem(last=False)
            self._used -= dropped.bytes


_SHARED = ArmCache()


def shared_cache() -> ArmCache:
    """Return the cache that experiments of one process share by default."""
    return _SHARED


def solve_arm(
    model: Model, arm: Arm, cohort: Cohort, cache: ArmCache, *, rtol: float = 1e-6
) -> ArmCourse:
    """Solve one arm for a cohort, or take it from the cache.

    Parameters
    ----------
    model : Model
        Under one hypothesis.
    arm : Arm
        What is given.
    cohort : Cohort
        The patients; the same in every arm.
    cache : ArmCache
        Where solved arms are kept; the key is their content (values, patients, doses), so a cache
        can outlive a change of any of them.
    rtol : float, optional
        Relative tolerance of the solver.

    Returns
    -------
    ArmCourse
        Courses of all `solved_outputs`.

    Raises
    ------
    SimulationError
        If too many patients failed.
    """
    key = _key(model, arm, cohort, rtol)
    found = cache.get(key)
    if found is None:
        found = _solved(model, arm, cohort, rtol)
        cache.put(key, found)
    return found


def _solved(model: Model, arm: Arm, cohort: Cohort, rtol: float) -> ArmCourse:
    from ketasim.dosing import regimen
    from ketasim.simulate import simulate

    times = time_grid(arm.horizon_h)
    run = simulate(
        model,
        regimen(arm.regimen) if arm.regimen else None,
        cohort=cohort,
        times=times,
        outputs=solved_outputs(),
        overrides=dict(arm.overrides),
        rtol=rtol,
    )
    dataset = run.dataset
    values = {
        name: np.asarray(dataset[name].transpose("patient", "time").values, dtype=np.float64)
        for name in solved_outputs()
    }
    table = cohort.table
    return ArmCourse(
        times=times,
        values=values,
        baseline=np.asarray(table["madrs_baseline"], dtype=np.float64),
        patients=np.asarray(table.index, dtype=np.int64),
        failed=int(np.isnan(values["relief"]).any(axis=1).sum()),
    )


def _key(model: Model, arm: Arm, cohort: Cohort, rtol: float) -> str:
    from pandas.util import hash_pandas_object

    content = hashlib.sha256(model.sbml.encode())
    content.update(json.dumps(sorted(model.values().items())).encode())
    content.update(hash_pandas_object(cohort.table).to_numpy().tobytes())
    doses = (arm.regimen, arm.horizon_h, sorted(arm.overrides.items()), rtol, solved_outputs())
    content.update(json.dumps(doses).encode())
    return content.hexdigest()
