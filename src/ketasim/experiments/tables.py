"""The tables of a result: predictions by arm, shares of the reference effect, sweeps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.effects import share
from ketasim.experiments.estimates import Estimate, estimate
from ketasim.experiments.readouts import RATED, readout
from ketasim.experiments.trials import draw_pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ketasim.experiments.arms import ArmCourse
    from ketasim.experiments.comparison import Setting
    from ketasim.experiments.design import Arm, Experiment, Sweep

__all__ = ["RATED_TIMES_H", "SHARE_TIMES_H", "arm_rows", "share_rows", "sweep_rows"]

RATED_TIMES_H = (2.0, 24.0, 72.0, 168.0, 336.0, 672.0)
"""Visits at which rated readouts are tabulated."""

SHARE_TIMES_H = (2.0, 24.0, 168.0, 336.0)
"""Times at which the share of the reference effect is tabulated."""

Row = dict[str, object]


def arm_rows(setting: Setting) -> list[Row]:
    """Return the predictions of every arm and readout, long.

    Parameters
    ----------
    setting : Setting
        The solved arms of one hypothesis.

    Returns
    -------
    list of dict
        ``hypothesis, arm, readout, time_h, value, lo95, hi95, mc_error, unit``; value is the median
        over the cohort (the share of patients for response and remission).
    """
    rows: list[Row] = []
    for arm in setting.experiment.main_arms:
        course = setting.courses[arm.name]
        for name in setting.experiment.readouts:
            keys = {"hypothesis": setting.hypothesis, "arm": arm.name, "readout": name}
            times, found = _course_of(name, arm, course, setting)
            unit = readout(name).unit
            rows += [{**keys, **row, "unit": unit} for row in _values(times, found)]
    return rows


def _course_of(
    name: str, arm: Arm, course: ArmCourse, setting: Setting
) -> tuple[Sequence[float], Estimate]:
    if name in RATED:
        times = [time for time in RATED_TIMES_H if time <= course.times[-1]]
        return times, _rated(name, times, arm, course, setting)
    if readout(name).reduction != "course":
        return [math.nan], estimate(course.at(name, None))
    return [float(time) for time in course.times], estimate(course.course(name))


def _rated(
    name: str, times: Sequence[float], arm: Arm, course: ArmCourse, setting: Setting
) -> Estimate:
    scale = "hamd17" if name == "hamd17_change" else "madrs"
    pools = [
        draw_pool(
            course, time, control=arm.control, context=setting.context, scale=scale,
            seed=setting.seed,
        ).outcome(name)
        for time in times
    ]  # fmt: skip
    if name in ("response", "remission"):
        return _shares_of_patients(np.stack(pools, axis=1), course.patients.size)
    return estimate(np.stack(pools, axis=1))


def _shares_of_patients(outcomes: NDArray[np.float64], cohort: int) -> Estimate:
    from scipy.stats import beta

    share_met = outcomes.mean(axis=0)
    a, b = share_met * cohort + 0.5, (1.0 - share_met) * cohort + 0.5
    error = np.sqrt(share_met * (1.0 - share_met) / cohort)
    return Estimate(share_met, beta.ppf(0.025, a, b), beta.ppf(0.975, a, b), error)


def _values(times: Sequence[float], found: Estimate) -> list[Row]:
    return [
        {
            "time_h": time,
            "value": float(found.value[i]),
            "lo95": float(found.low[i]),
            "hi95": float(found.high[i]),
            "mc_error": float(found.error[i]),
        }
        for i, time in enumerate(times)
    ]


def share_rows(setting: Setting) -> list[Row]:
    """Return the share of each patient's own reference effect that every arm leaves.

    Parameters
    ----------
    setting : Setting
        The solved arms of one hypothesis.

    Returns
    -------
    list of dict
        ``hypothesis, arm, reference, readout, time_h, value, lo95, hi95, mc_error, unit`` for relief.
    """
    rows: list[Row] = []
    for arm in setting.experiment.main_arms:
        if arm.reference not in setting.courses or arm.name == arm.reference:
            continue
        course, other = setting.courses[arm.name], setting.courses[arm.reference]
        times = [time for time in SHARE_TIMES_H if time <= min(course.times[-1], other.times[-1])]
        for time in times:
            found = estimate(share(course, other, "relief", time))
            keys = {"hypothesis": setting.hypothesis, "arm": arm.name, "reference": arm.reference}
            tail = {"readout": "relief", "unit": "share of the reference effect"}
            rows += [{**keys, **tail, **row} for row in _values([time], found)]
    return rows


def sweep_rows(sweep: Sweep, setting: Setting, experiment: Experiment) -> list[Row]:
    """Return a sweep: what is read at each place of its axis.

    Parameters
    ----------
    sweep : Sweep
        The sweep.
    setting : Setting
        The solved arms of one hypothesis.
    experiment : Experiment
        The experiment, for its arms.

    Returns
    -------
    list of dict
        ``hypothesis, sweep, line, readout, at, value, lo95, hi95, mc_error, unit``.
    """
    rows: list[Row] = []
    for arm in experiment.arms:
        if arm.sweep != sweep.name or arm.hidden:
            continue
        for name in sweep.readouts:
            found = estimate(_swept(sweep, arm, name, setting))
            unit = "share" if sweep.quantity == "share" else readout(name).unit
            keys = {"hypothesis": setting.hypothesis, "sweep": sweep.name, "line": arm.line}
            tail = {"readout": name, "at": arm.at, "unit": unit}
            rows += [{**keys, **tail, **row} for row in _values([sweep.time_h or math.nan], found)]
    return rows


def _swept(sweep: Sweep, arm: Arm, name: str, setting: Setting) -> NDArray[np.float64]:
    course = setting.courses[arm.name]
    if sweep.quantity == "value":
        return course.at(name, sweep.time_h)
    return share(
        course,
        setting.courses[arm.reference],
        name,
        sweep.time_h,
        context=setting.context,
        controls=(arm.control, setting.experiment.arm(arm.reference).control),
    )
