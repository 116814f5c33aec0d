"""What the model predicts for each target: means over a cohort of virtual patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.dosing import regimen
from ketasim.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ketasim.inference.targets import Target
    from ketasim.instruments.context import Context
    from ketasim.instruments.settings import Settings
    from ketasim.model import Model
    from ketasim.population import Cohort

__all__ = ["predict"]

PEAK_TIMES = tuple(np.round(np.arange(0.0, 2.01, 1 / 12), 4))
REFERENCE_BASELINE = 33.0
"""Baseline MADRS at which the ratio of effects is formed (it hardly matters)."""


@dataclass(frozen=True)
class Arm:
    """Mean course of the outputs after one regimen."""

    times: NDArray[np.float64]
    means: dict[str, NDArray[np.float64]]

    def at(self, output: str, time_h: float) -> float:
        """Return the mean of an output at a time that was simulated."""
        return float(self.means[output][int(np.argmin(np.abs(self.times - time_h)))])


def predict(
    model: Model, targets: Sequence[Target], cohort: Cohort, context: Context, settings: Settings
) -> NDArray[np.float64]:
    """Predict every target.

    Parameters
    ----------
    model : Model
    targets : sequence of Target
    cohort : Cohort
        Virtual patients over whom means are taken.
    context : Context
        Expectancy and care, fitted before and held fixed.
    settings : Settings
        Declared contexts, held fixed too.

    Returns
    -------
    ndarray, shape (n_targets,)
        In the unit of each target.
    """
    arms = {text: _arm(model, text, targets, cohort) for text in {one.regimen for one in targets}}
    return np.array([_value(target, arms[target.regimen], context, settings) for target in targets])


def _arm(model: Model, text: str, targets: Sequence[Target], cohort: Cohort) -> Arm:
    wanted = [one for one in targets if one.regimen == text]
    times = {0.0, *(one.time_h for one in wanted if np.isfinite(one.time_h))}
    if any(one.quantity == "effect_ratio" for one in wanted):
        times.add(24.0)
    if any(one.quantity in ("peak", "time of peak") for one in wanted):
        times.update(PEAK_TIMES)
    outputs = sorted({one.output for one in wanted})
    run = simulate(
        model, regimen(text), cohort=cohort, times=np.array(sorted(times)), outputs=outputs,
    )  # fmt: skip
    means = {name: np.asarray(run.dataset[name].mean("patient")) for name in outputs}
    return Arm(np.asarray(run.dataset["time"]), means)


def _value(target: Target, arm: Arm, context: Context, settings: Settings) -> float:
    if target.quantity == "peak":
        return float(arm.means[target.output].max())
    if target.quantity == "time of peak":
        return _smooth_peak_time(arm.times, arm.means[target.output])
    if target.quantity == "at":
        return arm.at(target.output, target.time_h)
    if target.quantity == "change":
        return _change(target, arm.at("relief", target.time_h), context, settings)
    week, day = (_over_saline(arm, time, context) for time in (target.time_h, 24.0))
    return week / day


def _change(target: Target, relief: float, context: Context, settings: Settings) -> float:
    level = {**context.change, **settings.declared}[target.context]
    return level * float(context.course([target.time_h])[0]) - target.baseline * relief


def _over_saline(arm: Arm, time_h: float, context: Context) -> float:
    kinds = [float(context.mean_change(kind, [time_h])[0]) for kind in ("active", "saline")]
    return kinds[0] - kinds[1] - REFERENCE_BASELINE * arm.at("relief", time_h)


def _smooth_peak_time(times: NDArray[np.float64], course: NDArray[np.float64]) -> float:
    """Return when a course is highest, between grid points too, so that a fit can follow it."""
    top = int(np.argmax(course))
    if top in (0, len(course) - 1):
        return float(times[top])
    # The vertex of the parabola through the highest point and its neighbours.
    curve = np.polyfit(times[top - 1 : top + 2], course[top - 1 : top + 2], 2)
    return float(-curve[1] / (2.0 * curve[0]))
