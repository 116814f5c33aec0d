"""One published observation beside one hypothesis' prediction."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ketasim.experiments.judging import Judgement, judge
from ketasim.experiments.readouts import list_readouts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ketasim.experiments.arms import ArmCourse
    from ketasim.experiments.design import Experiment
    from ketasim.experiments.published import Observation
    from ketasim.instruments import Context

__all__ = ["NOT_GIVEN", "Comparison", "Role", "Setting", "compare"]

NOT_GIVEN = "not given here"
"""Where an experiment puts an observation of a dose that it does not give."""

Role = Literal["decides", "indirect", "set aside", "fitted", "shown", "not comparable"]
"""Whether a comparison decides the verdict, and if not, why not."""


@dataclass(frozen=True)
class Setting:
    """What a comparison is made in.

    Parameters
    ----------
    experiment : Experiment
        The experiment.
    hypothesis : str
        Name of the hypothesis.
    courses : mapping of str to ArmCourse
        The solved arms.
    context : Context
        The context parameters of the instruments.
    seed : int
        Seed of trials and ratings.
    fitted : frozenset of str
        The rows that the calibration of the hypothesis was fitted to.
    """

    experiment: Experiment
    hypothesis: str
    courses: Mapping[str, ArmCourse] = field(repr=False)
    context: Context
    seed: int
    fitted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Comparison:
    """A published observation, what the hypothesis predicts for it, and whether they agree.

    Parameters
    ----------
    observation : Observation
        What was published.
    hypothesis : str
        Name of the hypothesis.
    role : str
        Whether it decides the verdict; see `Role`.
    reason : str
        Why it does not, or empty.
    quantity : str
        What was compared.
    predicted, low, high : float
        The prediction and its 95 % interval; NaN where nothing can be predicted.
    agrees : bool or None
        None where it cannot be said.
    probability : float
        How likely the published result was under the hypothesis, in a study of its size.
    log_likelihood : float
        Predictive log likelihood of an observation that judges; NaN for all others.
    rule : str
        The rule that was applied.
    observed : float
        The published number on the scale of the prediction; NaN where it is only a direction.
    region : tuple of float
        Where a prediction agrees, on the same scale; infinite where open, NaN where there is none.
    arm, readout : str
        Where the observation belongs in the experiment, which may name both differently.
    study : str
        The study it comes from; several sources may report one.
    """

    observation: Observation
    hypothesis: str
    role: Role
    reason: str = ""
    quantity: str = ""
    predicted: float = math.nan
    low: float = math.nan
    high: float = math.nan
    agrees: bool | None = None
    probability: float = math.nan
    log_likelihood: float = math.nan
    rule: str = ""
    observed: float = math.nan
    region: tuple[float, float] = (math.nan, math.nan)
    arm: str = ""
    readout: str = ""
    study: str = ""

    def record(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        numbers = {
            name: _finite(getattr(self, name))
            for name in ("predicted", "low", "high", "probability", "log_likelihood", "observed")
        }
        seen = self.observation
        return {
            "observation": seen.id,
            "hypothesis": self.hypothesis,
            "arm": self.arm or seen.arm,
            "readout": self.readout or seen.readout,
            "region": _interval(*self.region),
            "published": seen.text(),
            "group": seen.group,
            "species": seen.species,
            "source": seen.source,
            "role": self.role,
            "reason": self.reason,
            "quantity": self.quantity,
            "agrees": self.agrees,
            "rule": self.rule,
            **numbers,
        }


def compare(observation: Observation, setting: Setting) -> Comparison:
    """Compare one published observation with one hypothesis.

    Parameters
    ----------
    observation : Observation
        A row of the evidence.
    setting : Setting
        The solved arms of one hypothesis.

    Returns
    -------
    Comparison
        Also where nothing can be compared; then it says why.
    """
    experiment = setting.experiment
    seen = _renamed(observation, experiment)
    problem = _not_comparable(seen, setting)
    made: Judgement | None = None if problem else judge(seen, setting)
    if made is None:
        why = problem or f"no rule for a {seen.kind} of {seen.readout}"
        return Comparison(
            observation,
            setting.hypothesis,
            "not comparable",
            why,
            arm=seen.arm,
            readout=seen.readout,
        )
    if math.isnan(made.predicted):
        why = f"{setting.hypothesis} predicts no value for it"
        return Comparison(
            observation,
            setting.hypothesis,
            "not comparable",
            why,
            arm=seen.arm,
            readout=seen.readout,
        )
    role, reason = _role(seen, setting)
    scored = seen.use == "judge" and made.probability > 0.0
    return Comparison(
        observation=observation,
        hypothesis=setting.hypothesis,
        role=role,
        reason=reason,
        quantity=made.quantity,
        predicted=made.predicted,
        low=made.low,
        high=made.high,
        agrees=made.agrees,
        probability=made.probability,
        log_likelihood=math.log(made.probability) if scored else math.nan,
        rule=made.rule,
        observed=made.observed,
        region=made.region,
        arm=seen.arm,
        readout=seen.readout,
        study=experiment.study_of.get(seen.source, seen.source),
    )


def _renamed(seen: Observation, experiment: Experiment) -> Observation:
    return replace(
        seen,
        arm=experiment.arm_of.get(seen.id, seen.arm),
        contrast=experiment.contrast_of.get(seen.id, seen.contrast),
        readout=experiment.readout_of.get(seen.id, seen.readout),
    )


def _not_comparable(seen: Observation, setting: Setting) -> str:
    if any(seen.arm == arm.name for arm in setting.experiment.arms if arm.sweep):
        return "compared along a row of doses: see the chart"
    if seen.arm.startswith(NOT_GIVEN):
        return seen.arm
    if seen.arm not in setting.courses:
        return f"there is no arm {seen.arm!r} in the experiment"
    if seen.readout not in list_readouts():
        return f"the model has no readout {seen.readout!r}"
    return ""


def _role(seen: Observation, setting: Setting) -> tuple[Role, str]:
    experiment = setting.experiment
    if seen.id in setting.fitted:
        return "fitted", "used in the calibration"
    if seen.use == "fit":
        return "shown", "stands behind a number of the model, so it does not judge"
    if seen.use != "judge" or seen.experiment not in experiment.evidence:
        return "shown", "beside the figures only"
    if seen.id in experiment.set_aside:
        return "set aside", experiment.set_aside[seen.id]
    if experiment.deciding_arms and seen.arm not in experiment.deciding_arms:
        return "indirect", "does not test the claim itself"
    return "decides", ""


def _interval(lower: float, upper: float) -> list[float | None] | None:
    """Return an interval as JSON holds it: null for an open end, null alone for none."""
    if math.isnan(lower) and math.isnan(upper):
        return None
    return [_finite(lower), _finite(upper)]


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
