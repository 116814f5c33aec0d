"""The heart: a model, a regimen and a cohort in, trajectories out."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.dosing import Regimen, compile_regimen
from ketasim.dosing import regimen as read_regimen
from ketasim.engine import Status
from ketasim.errors import InputError, SimulationError
from ketasim.population import virtual_patients
from ketasim.simulate.output_times import check_regimen_ends, default_times, read_times
from ketasim.simulate.plan import Backend, Plan, Values, check_overrides, choose_outputs
from ketasim.simulate.progress import Advance, shown
from ketasim.simulate.titles import tidy_unit, titles
from ketasim.simulate.trajectories import SOLVED, Trajectories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    import xarray as xr

    from ketasim.model import Model
    from ketasim.population import Cohort
    from ketasim.provenance import Manifest

__all__ = ["Solved", "assemble", "dataset_of", "describe", "simulate", "solve"]


@dataclass(frozen=True, eq=False)
class Solved:
    """The numbers of some patients, in the order of their cohort.

    Parameters
    ----------
    values : ndarray, shape (n_patients, n_times, n_outputs)
        In each output's unit; NaN from a failure on.
    status : ndarray of int, shape (n_patients,)
        The engine's codes, see `ketasim.engine.Status`.
    failure_time : ndarray, shape (n_patients,)
        Hours; NaN for who was solved.
    """

    values: npt.NDArray[np.float64]
    status: npt.NDArray[np.int64]
    failure_time: npt.NDArray[np.float64]


def simulate(
    model: Model,
    regimen: Regimen | str | None = None,
    *,
    patients: int = 200,
    days: float = 14.0,
    cohort: Cohort | None = None,
    times: Sequence[float | str] | npt.NDArray[np.float64] | None = None,
    seed: int = 1,
    outputs: Sequence[str] | None = None,
    overrides: Values | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    backend: Backend = "numba",
    progress: Advance | bool | None = None,
    max_failed: float = 0.05,
    out: Path | str | None = None,
    overwrite: bool = True,
) -> Trajectories:
    """Give a regimen to virtual patients.

    Parameters
    ----------
    model : Model
        Under one hypothesis.
    regimen : Regimen or str, optional
        What is given; by default nothing. Doses at negative times start the run earlier.
    patients : int, optional
        How many virtual patients to draw, where no cohort is given.
    days : float, optional
        Length of the run after time 0, where no times are given.
    cohort : Cohort, optional
        The patients; by default they are drawn with `seed`.
    times : sequence of float or str, optional
        Output times in hours, or as text (``"40 min"``); by default dense after each dose, then
        coarser, and always at 40 min, 2 h, 24 h, 72 h and 168 h.
    seed : int, optional
        Patient k of a seed is the same whatever the number of patients.
    outputs : sequence of str, optional
        Names from the model's observables; by default what can be measured.
    overrides : mapping of str to float or ndarray, shape (n_patients,), optional
        Parameters set for this run, for instance ``{"raptor_pka_blind": 1.0}``. Every patient has
        this value, whatever the cohort says.
    rtol, atol : float, optional
        Relative and absolute tolerance of the solver.
    backend : {"numba", "roadrunner"}, optional
        The solver; ``roadrunner`` is the reference.
    progress : callable, bool or None, optional
        A callable gets (patients done, patients in all). By default a bar, on a terminal only.
    max_failed : float, optional
        The share of patients that may fail before the run does.
    out : path, optional
        Folder of the results bundle, written while the run goes on. An interrupted run that is
        started again continues where it stopped, and gives the same numbers.
    overwrite : bool, optional
        Whether another run that lies in that folder is replaced. Code that names a folder twice
        means it, so it is by default; at a prompt it is easily a slip.

    Returns
    -------
    Trajectories
        A patient who could not be solved has NaN and a status that says why.

    Raises
    ------
    InputError
        If an argument cannot be used, a dose begins after the end of the run, or the folder holds
        another run that must not be replaced.
    SimulationError
        If more patients failed than `max_failed` allows.
    OutputError
        If the bundle cannot be written.

    Examples
    --------
    >>> from ketasim.model import load_model
    >>> infusion = "ketamine 0.5 mg/kg iv over 40 min"
    >>> run = simulate(load_model("article"), infusion, patients=4, days=1)
    >>> run.units["ketamine_ng_ml"]
    'ng/mL'
    """
    began = time.perf_counter()
    if not 0 <= max_failed <= 1:
        raise InputError(f"max_failed is {max_failed:g}", expected="a share between 0 and 1")
    given = Regimen() if regimen is None else read_regimen(regimen)
    grid = _grid(given, days, times)
    drawn = cohort is None
    people = virtual_patients(model, patients, seed) if cohort is None else cohort
    plan = Plan(
        model=model,
        regimen=given,
        cohort=people,
        times=grid,
        outputs=choose_outputs(model.compiled(backend), outputs),
        overrides=dict(overrides or {}),
        rtol=rtol,
        atol=atol,
        backend=backend,
        origin={"drawn": True, "first": 0, "uncertainty": True} if drawn else {},
    )
    check_overrides(model, plan.overrides, len(people))
    with shown(progress, len(people)) as advance:
        solved = _solved(plan, advance, out, overwrite)
    _check_failures(solved, max_failed)
    run = assemble(plan, solved, plan.manifest(time.perf_counter() - began))
    if out is not None:
        run.save(out)
    return run


def _grid(
    given: Regimen, days: float, times: Sequence[float | str] | npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float64]:
    if times is None and not (np.isfinite(days) and days > 0):
        raise InputError(f"a run of {days:g} days is not possible", expected="more than 0 days")
    end = days * 24.0 if times is None else float(read_times(times)[-1])
    check_regimen_ends(given, end)
    return default_times(given, days) if times is None else read_times(times)


def _solved(plan: Plan, advance: Advance, out: Path | str | None, overwrite: bool) -> Solved:
    if out is None:
        return solve(plan, advance)
    from ketasim.simulate.bundle import solve_into

    return solve_into(plan, out, advance, overwrite=overwrite)


def solve(plan: Plan, advance: Advance | None = None) -> Solved:
    """Solve every patient of a plan.

    Parameters
    ----------
    plan : Plan
        What to solve.
    advance : callable, optional
        Called with (patients done, patients in all).

    Returns
    -------
    Solved
        Values, statuses and times of failure, in the order of the cohort.
    """
    doses = compile_regimen(plan.regimen, plan.model, plan.cohort, overrides=plan.overrides)
    solution = plan.compiled.solve(
        plan.times,
        parameters=plan.parameters(),
        doses=doses if doses.targets else None,
        outputs=plan.outputs,
        start=plan.start,
        patients=len(plan.cohort),
        rtol=plan.rtol,
        atol=plan.atol,
        progress=advance,
    )
    return Solved(solution.values, solution.status, solution.failure_time)


def _check_failures(solved: Solved, max_failed: float) -> None:
    failed = solved.status[solved.status != Status.OK.code]
    count, total = len(failed), len(solved.status)
    if count <= max_failed * total:
        return
    code, _ = Counter(failed.tolist()).most_common(1)[0]
    raise SimulationError(
        f"{count} of {total} patients could not be solved, more than the {max_failed:.0%} allowed: "
        f"{Status.from_code(code).value}"
    )


def assemble(plan: Plan, solved: Solved, manifest: Manifest) -> Trajectories:
    """Put solved numbers, units and titles together.

    Parameters
    ----------
    plan : Plan
        What was solved.
    solved : Solved
        The numbers.
    manifest : Manifest
        Where they come from.
    """
    return Trajectories(
        dataset=dataset_of(plan.cohort, plan.times, describe(plan), solved, manifest),
        cohort=plan.cohort,
        model=plan.model,
        regimen=plan.regimen,
        manifest=manifest,
    )


def describe(plan: Plan) -> dict[str, dict[str, str]]:
    """Return the unit and the title of each output of a plan.

    Parameters
    ----------
    plan : Plan
        With its outputs.

    Returns
    -------
    dict of str to dict
        ``units``, readable by pint, and ``long_name``, in the order of the outputs.
    """
    units, names = plan.compiled.units, titles(plan.model.sbml)
    return {
        name: {"units": tidy_unit(units.get(name, "")), "long_name": names.get(name, name)}
        for name in plan.outputs
    }


def dataset_of(
    cohort: Cohort,
    times: npt.NDArray[np.float64],
    about: Mapping[str, Mapping[str, str]],
    solved: Solved,
    manifest: Manifest,
) -> xr.Dataset:
    """Label solved numbers.

    Parameters
    ----------
    cohort : Cohort
        The patients.
    times : ndarray, shape (n_times,)
        Output times in hours.
    about : mapping of str to mapping
        Each output's ``units`` and ``long_name``, in the order of the numbers.
    solved : Solved
        The numbers.
    manifest : Manifest
        Where they come from.

    Returns
    -------
    xarray.Dataset
        Over (patient, time), as `Trajectories` holds it.
    """
    import xarray as xr

    variables: dict[str, Any] = {
        name: (
            ("patient", "time"),
            np.ascontiguousarray(solved.values[:, :, place]),
            dict(attributes),
        )
        for place, (name, attributes) in enumerate(about.items())
    }
    words = [
        SOLVED if c == Status.OK.code else Status.from_code(int(c)).value for c in solved.status
    ]
    variables["status"] = (
        ("patient",),
        np.array(words, dtype=object),
        {"long_name": "OK, or why the patient could not be solved"},
    )
    variables["failure_time"] = (
        ("patient",),
        np.asarray(solved.failure_time, dtype=np.float64),
        {"units": "h", "long_name": "time reached before the failure"},
    )
    return xr.Dataset(
        variables,
        coords={
            "patient": ("patient", cohort.table.index.to_numpy()),
            "time": ("time", times, {"units": "h", "long_name": "time after time zero"}),
        },
        attrs={
            "hypothesis": manifest.hypothesis,
            "regimen": str(manifest.options["regimen"]),
            "seed": manifest.seed,
            "ketasim": manifest.ketasim,
        },
    )
