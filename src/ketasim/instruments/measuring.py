"""The one verb of this room: measure trajectories with an instrument."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.adverse_events.occurrence import had_event_by
from ketasim.instruments.context import CONTROL_TYPES, Context, load_context
from ketasim.instruments.dosing_sessions import course_of, read_course
from ketasim.instruments.measures import Measure, parse_measure
from ketasim.instruments.observations import Observations
from ketasim.instruments.severity import latent_madrs
from ketasim.instruments.vitals.signs import vital_sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.simulate import Trajectories

__all__ = ["measure"]

_BASELINE = "madrs_baseline"
_SOLVED = "ok"


def measure(
    trajectories: Trajectories,
    name: str = "madrs",
    *,
    control: str | None = "active",
    visits: Sequence[float] | None = None,
    seed: int | None = None,
    noise: bool = True,
    arm: str = "arm",
    remission_cutoff: float | None = None,
    context: Path | str | pd.DataFrame | Context | None = None,
) -> Observations:
    """Measure what a trial would have recorded in simulated patients.

    Parameters
    ----------
    trajectories : Trajectories
        From `ketasim.simulate`; must hold what the measure reads, for a scale ``relief``.
    name : str, optional
        One of `list_measures`, for instance ``"madrs"``, ``"hamd17_response"``, ``"sbp"``, or
        ``"nausea_event"`` (whether it has happened by the visit).
    control : str or None, optional
        The setting, one of `CONTROL_TYPES`, whose expectancy and care are added to the
        pharmacology; None adds none.
    visits : sequence of float, optional
        Hours after time 0 of the regimen; by default every simulated time from 0 on. Between two
        simulated times the course is interpolated.
    seed : int, optional
        Seed of error and context; by default that of the cohort.
    noise : bool, optional
        False leaves out the patients' departures and the error of the rating.
    arm : str, optional
        The arm's name in the table.
    remission_cutoff : float, optional
        Highest score that counts as remission; by default the scale's own (MADRS 10).
    context : path, DataFrame or Context, optional
        The context parameters; by default the shipped ones.

    Returns
    -------
    Observations
        One row for each patient and visit. A failed patient has NaN and says why.

    Raises
    ------
    UnknownNameError
        If the measure or the control type is unknown.
    InputError
        If the trajectories lack the output, or a visit lies beyond their end.
    """
    instrument = parse_measure(name)
    if control is not None and control not in CONTROL_TYPES:
        raise unknown_name("control type", control, CONTROL_TYPES)
    parameters = load_context(context)
    times, course = _course_at(trajectories, instrument.needs, visits)
    patients = np.asarray(trajectories.cohort.table.index, dtype=np.int64)
    baseline = _baseline(trajectories, instrument)
    key = int(trajectories.cohort.seed if seed is None else seed)
    if instrument.scale is not None:
        course = latent_madrs(
            course, baseline, times, parameters,
            control=control, seed=key, patients=patients, noise=noise,
        )  # fmt: skip
    if instrument.kind == "vital":
        table = trajectories.cohort.table
        values = vital_sign(instrument.name).readings(course, times, table, key, noise=noise)
    elif instrument.kind == "event":
        values = had_event_by(trajectories, instrument.name.removesuffix("_event"), times, key)
    else:
        values = instrument.value(course, baseline, remission_cutoff)
    return Observations(
        table=_long_table(values, times, patients, instrument, arm, _why(trajectories)),
        measure=instrument.name,
        unit=instrument.unit,
        control=control,
        seed=key,
        hypothesis=trajectories.model.hypothesis.name,
        drugs=tuple(dict.fromkeys(dose.drug for dose in _doses(trajectories))),
        repeated=_is_repeated(_doses(trajectories)),
        assumed=parameters.assumed if instrument.scale is not None else (),
    )


def _course_at(
    trajectories: Trajectories, output: str, visits: Sequence[float] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    simulated, course = course_of(trajectories, output)
    if visits is None:
        kept = simulated >= 0.0
        return simulated[kept], course[:, kept]
    wanted = np.asarray(visits, dtype=np.float64)
    return wanted, read_course(simulated, course, wanted)


def _baseline(trajectories: Trajectories, instrument: Measure) -> NDArray[np.float64]:
    table = trajectories.cohort.table
    if instrument.scale is None:
        return np.zeros(len(table))
    if _BASELINE not in table.columns:
        raise InputError(f"the cohort has no column {_BASELINE!r}", where="cohort table")
    return np.asarray(table[_BASELINE], dtype=np.float64)


def _why(trajectories: Trajectories) -> list[str]:
    dataset: Any = trajectories.dataset
    if "status" not in dataset:
        return [""] * len(trajectories.cohort.table)
    words = [str(one) for one in dataset["status"].values]
    return ["" if word.lower() in (_SOLVED, "0") else word for word in words]


def _doses(trajectories: Trajectories) -> tuple[Any, ...]:
    regimen: Any = trajectories.regimen
    return getattr(regimen, "doses", ()) if regimen is not None else ()


def _long_table(
    values: NDArray[np.float64],
    times: NDArray[np.float64],
    patients: NDArray[np.int64],
    instrument: Measure,
    arm: str,
    why: list[str],
) -> pd.DataFrame:
    import pandas as pd

    count = times.size
    reason = np.repeat(np.asarray(why, dtype=object), count)
    flat = values.ravel()
    return pd.DataFrame(
        {
            "patient": np.repeat(patients, count),
            "arm": arm,
            "visit": np.tile([visit_label(time) for time in times], patients.size),
            "time_h": np.tile(times, patients.size),
            "measure": instrument.name,
            "value": flat,
            "missing_why": np.where(
                np.isnan(flat), np.where(reason == "", "not solved", reason), ""
            ),
        }
    )


def visit_label(time_h: float) -> str:
    """Return how a visit is called: ``"baseline"``, ``"40 min"``, ``"2 h"`` or ``"day 7"``.

    Parameters
    ----------
    time_h : float
        Hours after the first dose.

    Returns
    -------
    str
        Whole days from two days on are called days.
    """
    if time_h <= 0.0:
        return "baseline"
    if time_h >= 48.0 and time_h % 24.0 == 0.0:
        return f"day {time_h / 24.0:.0f}"
    return f"{time_h:g} h" if time_h >= 1.0 else f"{60.0 * time_h:g} min"


def _is_repeated(doses: Iterable[Any]) -> bool:
    given = Counter[str]()
    for dose in doses:
        given[dose.drug] += dose.repeats
    return max(given.values(), default=0) > 1
