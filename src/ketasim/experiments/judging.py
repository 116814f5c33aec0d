"""Judging an observation by its kind: each function here is one stated rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.design import NO_DRUG
from ketasim.experiments.effects import SMALLEST_EFFECT, effect, share
from ketasim.experiments.estimates import bootstrap_rows, estimate
from ketasim.experiments.published import REST
from ketasim.experiments.readouts import RATED, readout
from ketasim.experiments.rules import (
    AGREEMENT,
    KEPT_ABOVE,
    VALUE_TOLERANCE,
    DirectionRule,
    change_rule,
    share_rule,
)
from ketasim.experiments.trials import (
    TRIALS,
    Pool,
    count_distribution,
    draw_pool,
    paired_significance,
    ratio_of_means,
    shares_without_difference,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.experiments.comparison import Setting
    from ketasim.experiments.published import Observation

__all__ = ["ANIMALS", "Judgement", "judge"]

ANIMALS = 10
"""Animals or dishes in a group whose size was not reported (assumed), for the likelihood only."""

MISREPORT = 0.05
"""Chance that a study reports a direction although it is not so (assumed; the level of its test)."""

SHARE_BIN = 0.05
"""A published share agrees with a replayed one that is this near, for the likelihood only."""

_COUNTED = ("response", "remission")
_OUTCOME_OF = {"down": 0, "blocked": 0, "kept": 1, "none": 1, "up": 2}


@dataclass(frozen=True)
class Judgement:
    """What a rule found.

    Parameters
    ----------
    quantity : str
        What was compared.
    predicted, low, high : float
        Prediction and 95 % interval.
    agrees : bool
        Whether prediction and publication agree under the rule.
    probability : float
        How likely the published result was.
    rule : str
        The rule.
    observed : float
        The published number on the scale of the prediction; NaN where it is only a direction.
    region : tuple of float
        Where a prediction agrees, on the same scale; NaN where the rule is no interval.
    """

    quantity: str
    predicted: float
    low: float
    high: float
    agrees: bool
    probability: float
    rule: str
    observed: float = math.nan
    region: tuple[float, float] = (math.nan, math.nan)


def judge(seen: Observation, setting: Setting) -> Judgement | None:
    """Apply the rule that fits an observation.

    Parameters
    ----------
    seen : Observation
        With arm and readout known to the experiment.
    setting : Setting
        The solved arms of one hypothesis.

    Returns
    -------
    Judgement or None
        None where there is no rule.
    """
    if seen.readout in _COUNTED and seen.size:
        counted = _counted(seen, setting)
        if counted is not None:
            return counted
    if seen.kind == "sign":
        return _direction(seen, setting)
    if seen.kind == "share" and not math.isnan(seen.value):
        return _numeric_share(seen, setting)
    if seen.readout in RATED:
        return None
    if seen.kind == "value" and not math.isnan(seen.value):
        return _value(seen, setting)
    return _range(seen, setting) if seen.kind == "range" and _is_bounded(seen) else None


def _is_bounded(seen: Observation) -> bool:
    return not (math.isnan(seen.lower) and math.isnan(seen.upper))


def _direction(seen: Observation, setting: Setting) -> Judgement | None:
    if seen.contrast in REST or seen.contrast not in setting.courses:
        return _change(seen, setting) if seen.contrast in REST else None
    if seen.readout in _COUNTED and seen.size:
        return _same_shares(seen, setting)
    if seen.readout in RATED and seen.size and seen.direction in _OUTCOME_OF:
        return _replayed_trial(seen, setting)
    return _share(seen, setting)


def _change(seen: Observation, setting: Setting) -> Judgement | None:
    rule = change_rule(seen.direction)
    if rule is None:
        return None
    departure = effect(setting.courses[seen.arm], seen.readout, *_window(seen))
    middle = estimate(departure)
    rest = readout(seen.readout).rest
    return Judgement(
        quantity=f"{seen.readout}, departure from rest ({rest:g})",
        predicted=float(middle.value[0]),
        low=float(middle.low[0]),
        high=float(middle.high[0]),
        agrees=bool(rule.met(middle.value[0])),
        probability=_group_chance(departure, None, rule, seen, setting.seed),
        rule=f"{seen.direction}: {rule.text} (median over the cohort)",
        region=(rule.lower, rule.upper),
    )


def _share(seen: Observation, setting: Setting) -> Judgement | None:
    rule, reference = _share_rule_of(seen, setting)
    if rule is None:
        return None
    course, other = setting.courses[seen.arm], setting.courses[reference]
    window = _window(seen)
    left = _left(seen, seen.arm, reference, setting)
    middle = estimate(left)
    if seen.readout in RATED:
        above, below = left, np.ones_like(left)
    else:
        above, below = effect(course, seen.readout, *window), effect(other, seen.readout, *window)
    paired = seen.source in setting.experiment.crossover
    chance = _group_chance(above, below, rule, seen, setting.seed, paired=paired)
    lost = _was_lost(seen, reference, setting)
    return Judgement(
        quantity=f"{seen.readout}, share of the effect of {reference}",
        predicted=float(middle.value[0]),
        low=float(middle.low[0]),
        high=float(middle.high[0]),
        agrees=bool(rule.met(middle.value[0])) and lost,
        probability=chance if lost else MISREPORT,
        rule=f"{seen.direction}: {rule.text} (median over the cohort){_only_if_lost(seen, lost)}",
        region=(rule.lower, rule.upper) if lost else (math.nan, math.nan),
    )


def _left(seen: Observation, arm: str, reference: str, setting: Setting) -> NDArray[np.float64]:
    experiment = setting.experiment
    return share(
        setting.courses[arm],
        setting.courses[reference],
        seen.readout,
        *_window(seen),
        context=setting.context,
        controls=(experiment.arm(arm).control, experiment.arm(reference).control),
    )


def _was_lost(seen: Observation, reference: str, setting: Setting) -> bool:
    """Say whether there was anything to rescue: the arm compared with must have lost its effect."""
    if seen.direction != "rescued" or seen.contrast == reference:
        return True
    left = estimate(_left(seen, seen.contrast, reference, setting)).value[0]
    return bool(left < KEPT_ABOVE)


def _only_if_lost(seen: Observation, lost: bool) -> str:
    return "" if lost else f"; nothing was lost with {seen.contrast}, so nothing could be rescued"


def _share_rule_of(seen: Observation, setting: Setting) -> tuple[DirectionRule | None, str]:
    reference = setting.experiment.arm(seen.arm).reference
    if seen.direction != "rescued":
        return share_rule(seen.direction), seen.contrast
    if seen.contrast != reference:
        return share_rule("rescued"), reference
    # The contrast is itself the inhibition: to rescue is to leave little of it.
    left = 1.0 - KEPT_ABOVE
    return DirectionRule(-math.inf, left, f"share of the inhibition left below {left:g}"), reference


def _replayed_trial(seen: Observation, setting: Setting) -> Judgement:
    arm, reference, paired = _pools(seen, setting)
    size, seed = seen.size or ANIMALS, setting.seed
    chances = paired_significance(arm.change, reference.change, size, seed, paired=paired)
    chance = chances[_OUTCOME_OF[seen.direction]]
    ratios = ratio_of_means(arm.change, reference.change, size, seed)
    low, high = np.nanquantile(ratios, [0.025, 0.975])
    design = "crossover" if paired else "parallel groups"
    words = ("a smaller fall", "no significant difference", "a larger fall")
    return Judgement(
        quantity=f"{seen.readout}, share of the change with {seen.contrast}",
        predicted=float(arm.change.mean() / reference.change.mean()),
        low=float(low),
        high=float(high),
        agrees=chance >= AGREEMENT,
        probability=_floored(chance),
        rule=f"{words[_OUTCOME_OF[seen.direction]]} in a replayed trial of {size} ({design}, t test "
        f"at 5 %) at least {AGREEMENT:.0%} likely",
    )


def _same_shares(seen: Observation, setting: Setting) -> Judgement | None:
    if seen.direction not in ("kept", "none"):
        return None
    arm, reference, _ = _pools(seen, setting)
    size = seen.size or 2 * ANIMALS
    first, second = arm.outcome(seen.readout).mean(), reference.outcome(seen.readout).mean()
    sizes = (size - size // 2, size // 2)
    chance = shares_without_difference(float(first), float(second), sizes)
    return Judgement(
        quantity=f"{seen.readout}, difference from {seen.contrast}",
        predicted=float(first - second),
        low=math.nan,
        high=math.nan,
        agrees=chance >= AGREEMENT,
        probability=_floored(chance),
        rule=f"no significant difference between groups of {sizes[0]} and {sizes[1]} (Fisher's exact "
        f"test at 5 %) at least {AGREEMENT:.0%} likely",
    )


def _counted(seen: Observation, setting: Setting) -> Judgement | None:
    size = seen.size or 0
    if seen.kind == "count" and not math.isnan(seen.value):
        count = round(seen.value)
    elif seen.kind == "value" and seen.unit == "%":
        count = round(size * seen.value / 100.0)
    elif seen.kind == "range" and seen.unit == "%" and _is_bounded(seen):
        return _counted_range(seen, setting)
    else:
        return None
    if count > size:
        return None
    chances = count_distribution(_predicted_share(seen, setting), _cohort(seen, setting), size)
    low, high = _count_interval(chances)
    return Judgement(
        quantity=f"{seen.readout}, patients of {size}",
        predicted=float(chances @ np.arange(size + 1)),
        low=float(low),
        high=float(high),
        agrees=low <= count <= high,
        probability=_floored(float(chances[count])),
        rule=f"{count} of {size} inside the 95 % beta-binomial predictive interval",
        observed=float(count),
    )


def _counted_range(seen: Observation, setting: Setting) -> Judgement:
    size = seen.size or 0
    chances = count_distribution(_predicted_share(seen, setting), _cohort(seen, setting), size)
    percent = 100.0 * np.arange(size + 1) / size
    lower, upper = np.nan_to_num(seen.lower, nan=0.0), np.nan_to_num(seen.upper, nan=100.0)
    chance = float(chances[(percent >= lower) & (percent <= upper)].sum())
    low, high = _count_interval(chances)
    return Judgement(
        quantity=f"{seen.readout}, patients of {size}",
        predicted=float(chances @ np.arange(size + 1)),
        low=float(low),
        high=float(high),
        agrees=chance >= AGREEMENT,
        probability=_floored(chance),
        rule=f"{lower:g} to {upper:g} % of {size} patients at least {AGREEMENT:.0%} likely",
        region=(float(lower) * size / 100.0, float(upper) * size / 100.0),
    )


def _numeric_share(seen: Observation, setting: Setting) -> Judgement | None:
    if seen.contrast not in setting.courses or seen.readout not in RATED or not seen.size:
        return None
    arm, reference, _ = _pools(seen, setting)
    ratios = ratio_of_means(arm.change, reference.change, seen.size, setting.seed)
    low, middle, high = np.nanquantile(ratios, [0.025, 0.5, 0.975])
    return Judgement(
        quantity=f"{seen.readout}, share of the change with {seen.contrast}",
        predicted=float(middle),
        low=float(low),
        high=float(high),
        agrees=bool(low <= seen.value <= high),
        probability=_floored(float(np.mean(np.abs(ratios - seen.value) <= SHARE_BIN))),
        rule=f"{seen.value:g} inside the 95 % interval of the ratio of mean changes in replayed "
        f"crossover trials of {seen.size}",
        observed=seen.value,
    )


def _value(seen: Observation, setting: Setting) -> Judgement:
    middle = estimate(setting.courses[seen.arm].at(seen.readout, *_window(seen)))
    predicted, spread = float(middle.value[0]), _published_error(seen)
    error = math.hypot(spread, float(middle.error[0]))
    return Judgement(
        quantity=f"{seen.readout} ({readout(seen.readout).unit})",
        predicted=predicted,
        low=float(middle.low[0]),
        high=float(middle.high[0]),
        agrees=abs(predicted - seen.value) <= 1.96 * error,
        probability=_floored(_closeness(seen.value, predicted, error)),
        rule=f"median within 1.96 standard errors ({error:.3g}) of the published value",
        observed=seen.value,
        region=(seen.value - 1.96 * error, seen.value + 1.96 * error),
    )


def _range(seen: Observation, setting: Setting) -> Judgement:
    middle = estimate(setting.courses[seen.arm].at(seen.readout, *_window(seen)))
    lower, upper = np.nan_to_num(seen.lower, nan=-np.inf), np.nan_to_num(seen.upper, nan=np.inf)
    rule = DirectionRule(float(lower) - 1e-12, float(upper) + 1e-12, seen.text())
    departure = setting.courses[seen.arm].at(seen.readout, *_window(seen))
    return Judgement(
        quantity=f"{seen.readout} ({readout(seen.readout).unit})",
        predicted=float(middle.value[0]),
        low=float(middle.low[0]),
        high=float(middle.high[0]),
        agrees=bool(rule.met(middle.value[0])),
        probability=_group_chance(departure, None, rule, seen, setting.seed),
        rule=f"median over the cohort {seen.text()}",
        region=(float(lower), float(upper)),
    )


def _published_error(seen: Observation) -> float:
    if not math.isnan(seen.sd):
        return seen.sd / math.sqrt(seen.size) if seen.size else seen.sd
    if not math.isnan(seen.lower) and not math.isnan(seen.upper):
        return (seen.upper - seen.lower) / (2.0 * 1.96)
    return abs(seen.value) * VALUE_TOLERANCE


def _window(seen: Observation) -> tuple[float | None, float | None]:
    start = readout(seen.readout).read_at_h if math.isnan(seen.time_h) else seen.time_h
    return start, None if math.isnan(seen.time_to_h) else seen.time_to_h


def _moment(seen: Observation) -> float:
    start, end = _window(seen)
    first = 24.0 if start is None else start
    return first if end is None else (first + end) / 2.0


def _pool(seen: Observation, setting: Setting, name: str, session: int = 0) -> Pool:
    experiment = setting.experiment
    scale = "hamd17" if seen.readout == "hamd17_change" else "madrs"
    return draw_pool(
        setting.courses[name],
        _moment(seen),
        control=None if name == NO_DRUG else experiment.arm(name).control,
        context=setting.context,
        scale=experiment.scale_of.get(seen.source, scale),
        seed=setting.seed,
        session=session,
    )


def _pools(seen: Observation, setting: Setting) -> tuple[Pool, Pool, bool]:
    paired = seen.source in setting.experiment.crossover
    return _pool(seen, setting, seen.arm), _pool(seen, setting, seen.contrast, 1), paired


def _predicted_share(seen: Observation, setting: Setting) -> float:
    return float(np.mean(_pool(seen, setting, seen.arm).outcome(seen.readout)))


def _cohort(seen: Observation, setting: Setting) -> int:
    return int(setting.courses[seen.arm].patients.size)


def _count_interval(chances: NDArray[np.float64]) -> tuple[int, int]:
    below = np.cumsum(chances)
    return int(np.searchsorted(below, 0.025)), int(np.searchsorted(below, 0.975))


def _group_chance(
    above: NDArray[np.float64],
    below: NDArray[np.float64] | None,
    rule: DirectionRule,
    seen: Observation,
    seed: int,
    *,
    paired: bool = False,
) -> float:
    """Return how often a study of its size reports what meets the rule.

    Groups are independent, those of a crossover the same subjects. A laboratory is taken to report
    a wrong direction with the probability `MISREPORT`, so that no single sign decides everything.
    """
    above, below = _known(above, below, paired=paired)
    if not above.size or (below is not None and not below.size):
        return math.nan
    size = seen.size or ANIMALS
    rows = bootstrap_rows(above.size, size, TRIALS, seed)
    middle = np.median(above[rows], axis=1)
    if below is not None:
        others = rows if paired else bootstrap_rows(below.size, size, TRIALS, seed + 1)
        reference = np.median(below[others], axis=1)
        known = np.abs(reference) > SMALLEST_EFFECT
        middle = np.divide(middle, reference, out=np.full(middle.shape, np.nan), where=known)
    met = float(np.mean(rule.met(middle)))
    return MISREPORT + (1.0 - 2.0 * MISREPORT) * met


def _floored(chance: float) -> float:
    """Keep a chance that was never met among the drawn trials from being called impossible."""
    return (chance * TRIALS + 0.5) / (TRIALS + 1.0)


def _closeness(value: float, mean: float, sd: float) -> float:
    """Return the likelihood of a value relative to that of a perfect prediction, without unit."""
    if not sd > 0.0:
        return float(value == mean)
    return math.exp(-0.5 * ((value - mean) / sd) ** 2)


def _known(
    above: NDArray[np.float64], below: NDArray[np.float64] | None, *, paired: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Leave out patients without a value; of a pair both go."""
    if below is None or not paired:
        return above[~np.isnan(above)], None if below is None else below[~np.isnan(below)]
    kept = ~np.isnan(above + below)
    return above[kept], below[kept]
