"""What is decided at a visit: a raised dose, rescue medication, a second randomisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.instruments import uniform_draws
from ketasim.trial.patients import (
    Patients,
    Setting,
    added_by_context,
    felt_of,
    gained,
    left_by_treatment,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["raise_doses", "randomise_again", "rescue"]


def raise_doses(
    setting: Setting,
    who: Patients,
    arm: NDArray[np.int64],
    times: NDArray[np.float64],
    severity: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Raise the dose of patients whose scores have not fallen enough; who they are comes second."""
    design, raised = setting.design, np.zeros(arm.size, dtype=bool)
    for place, one in enumerate(design.arms):
        if one.flexible is None:
            continue
        at = design.visit_index(one.flexible.at_h)
        chosen = (arm == place) & (gained(scores, who.recorded, at) < one.flexible.below)
        raised |= chosen
        rows = np.flatnonzero(chosen)
        path = np.full(rows.size, setting.keys.index(f"{one.name}, raised"))
        part = who.kept(rows)
        moments = times[rows] if times.shape[0] > 1 else times
        change = left_by_treatment(setting, part, path, moments) - left_by_treatment(
            setting, part, arm[rows], moments
        )
        severity = severity.copy()
        severity[rows, at + 1 :] += change[:, at + 1 :]
    return severity, raised


def rescue(
    setting: Setting,
    who: Patients,
    severity: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give rescue medication to patients who stay ill; who they are comes second."""
    rule = setting.design.rescue
    if rule is None:
        return severity, np.zeros(who.person.size, dtype=bool)
    at = setting.design.visit_index(rule.at_h)
    chosen = gained(scores, who.recorded, at) < rule.below
    later = severity.copy()
    later[chosen, at + 1 :] += rule.effect
    return later, chosen


def randomise_again(
    setting: Setting,
    who: Patients,
    arm: NDArray[np.int64],
    times: NDArray[np.float64],
    severity: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Randomise non-responders again; their second arm (-1 for none) comes second."""
    design, second = setting.design, np.full(arm.size, -1)
    stage = design.second_stage
    if stage is None:
        return severity, second
    at = design.visit_index(stage.time_h)
    asked = np.isin(arm, [design.arm_index(name) for name in stage.of])
    rows = np.flatnonzero(asked & (gained(scores, who.recorded, at) < stage.below))
    drawn = uniform_draws(setting.seed, "second allocation", who.numbers[rows])[:, 0]
    second[rows] = np.array([design.arm_index(name) for name in stage.to])[
        (drawn * len(stage.to)).astype(np.int64)
    ]
    names = design.arm_names
    keys = [f"{names[a]} > {names[b]}" for a, b in zip(arm[rows], second[rows], strict=True)]
    path = np.array([setting.keys.index(key) for key in keys], dtype=np.int64)
    part = who.kept(rows)
    moments = times[rows] if times.shape[0] > 1 else times
    felt = felt_of(setting, part, path, 1)
    before = added_by_context(setting, arm[rows], moments, felt_of(setting, part, arm[rows], 0))
    again = added_by_context(setting, second[rows], np.maximum(moments - stage.time_h, 0.0), felt)
    # A new session renews the expectancy; what is left of the first is not added to it.
    later = left_by_treatment(setting, part, path, moments) + np.minimum(before, again)
    severity = severity.copy()
    severity[rows, at + 1 :] = later[:, at + 1 :]
    return severity, second
