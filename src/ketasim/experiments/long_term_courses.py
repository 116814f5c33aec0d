"""The programmes of `long_term` under each hypothesis, and what trials of their size would print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.inference.longterm import (
    PROGRAMMES,
    RelapseRule,
    follow,
    hazard_ratio,
    load_parameters,
    programme,
    simulate_programme,
)
from ketasim.inference.longterm.ignorance import Tolerance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ketasim.inference.longterm.programmes import Courses
    from ketasim.inference.longterm.relapse import RelapseTimes
    from ketasim.model import Model

__all__ = [
    "DATA_END_D",
    "SIZES",
    "TRIAL_SIZE",
    "Followed",
    "follow_all",
    "ratio_interval",
    "rules_of",
    "tolerance_of",
]

SIZES = {"quick": (96, 30), "full": (800, 50)}
"""Simulated people, and patients for each of them."""

TRIAL_SIZE = {"one dose": 30, "six infusions": 17, "stopped": 86, "continued": 90}
"""Patients of the trial whose scatter an interval shows; 30 for one dose is assumed."""

DATA_END_D = {"one dose": 14.0, "six infusions": 18.0, "stopped": 273.0, "continued": 273.0}
"""The last day of which a number was read: the end of the printed range, the printed medians."""

_LOSSES = np.linspace(0.0, 1.0, 6)
_DRAWS = 2000
_RATIO_DRAWS = 200


@dataclass(frozen=True, eq=False)
class Followed:
    """All programmes under one hypothesis.

    Parameters
    ----------
    hypothesis : str
        Its name.
    courses : dict of str to Courses
        Relief, by programme.
    times : dict of str to RelapseTimes
        Times to relapse by the default rules, by programme.
    """

    hypothesis: str
    courses: dict[str, Courses]
    times: dict[str, RelapseTimes]

    @property
    def follow_up_d(self) -> float:
        """Days of follow-up after randomisation that are compared with the trial."""
        return load_parameters().follow_up_h / 24.0

    @property
    def ratio(self) -> float:
        """Hazard ratio of going on against stopping."""
        return hazard_ratio(self.times["continued"], self.times["stopped"], self.follow_up_d)

    def median(self, name: str, seed: int) -> tuple[float, float, float]:
        """Return the median days to relapse, and the 95 % of trials of the published size."""
        times = self.times[name]
        if times.days.size == 0:
            return (float("nan"),) * 3
        drawn = times.medians(TRIAL_SIZE[name], _DRAWS, seed)
        low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf")
        return times.median_d, float(low), float(high)

    def share(self, name: str) -> tuple[float, float, float]:
        """Return the share that relapses in the follow-up, and the 95 % of trials of that size."""
        from scipy.stats import binom

        share, n = self.times[name].share(self.follow_up_d), TRIAL_SIZE[name]
        low, high = binom.ppf([0.025, 0.975], n, share) / n
        return share, float(low), float(high)


def follow_all(
    models: Mapping[str, Model], size: str, seed: int, tell: Callable[[int, int], None]
) -> tuple[Followed, ...]:
    """Simulate every programme under every hypothesis.

    Parameters
    ----------
    models : mapping of str to Model
        By hypothesis.
    size : {"quick", "full"}
        How many people.
    seed : int
        Of the cohort and of the ratings; the same people under every hypothesis.
    tell : callable
        Called with (hypotheses done, hypotheses in all).

    Returns
    -------
    tuple of Followed
        In the order given.
    """
    found = []
    for done, (name, model) in enumerate(models.items(), start=1):
        found.append(_followed(name, model, *SIZES[size], seed))
        tell(done, len(models))
    return tuple(found)


def _followed(hypothesis: str, model: Model, people: int, repeats: int, seed: int) -> Followed:
    from ketasim.population import virtual_patients

    cohort = virtual_patients(model, people, seed)
    courses: dict[str, Courses] = {
        name: simulate_programme(model, cohort, programme(name)) for name in PROGRAMMES
    }
    times = {name: follow(one, repeats=repeats, seed=seed) for name, one in courses.items()}
    return Followed(hypothesis, courses, times)


def tolerance_of(found: Followed, repeats: int, seed: int) -> Tolerance:
    """Simulate the risk of relapse on going on for each loss of relief per year."""
    course, end = found.courses["continued"], found.follow_up_d
    risk = [
        follow(course, repeats=repeats, seed=seed, lost_by_year=float(loss)).share(end)
        for loss in _LOSSES
    ]
    return Tolerance(_LOSSES, np.array(risk))


def rules_of(found: Followed, repeats: int, seed: int) -> list[dict[str, object]]:
    """Return the medians under every rule of relapse: none of the rules was read."""
    limits = load_parameters()
    rules = [
        rule
        for visits in (1, 2)
        for rule in (
            RelapseRule("share", limits.relapse_share, visits),
            RelapseRule("score", limits.relapse_score, visits),
        )
    ]
    return [
        {
            "programme": name,
            "rule": rule.text,
            "median_d": follow(course, rule=rule, repeats=repeats, seed=seed).median_d,
        }
        for name, course in found.courses.items()
        for rule in rules
    ]


def ratio_interval(found: Followed, seed: int) -> tuple[float, float]:
    """Return the 95 % of the hazard ratios that trials of the published size would print."""
    from ketasim.trial.analysis.survival_batch import cox_batch

    generator = np.random.Generator(np.random.Philox(key=seed))
    parts = [
        _drawn(generator, found.times[name].days, TRIAL_SIZE[name])
        for name in ("continued", "stopped")
    ]
    days, end = np.concatenate(parts, axis=1), found.follow_up_d
    active = np.arange(days.shape[1]) < TRIAL_SIZE["continued"]
    estimate = cox_batch(np.minimum(days, end), days <= end, active).estimate
    low, high = np.nanquantile(np.exp(estimate), [0.025, 0.975])
    return float(low), float(high)


def _drawn(
    generator: np.random.Generator, days: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    return np.asarray(days[generator.integers(0, days.size, size=(_RATIO_DRAWS, size))])
