"""The rule of relapse, the drift of patients, and what they make of times."""

from __future__ import annotations

import numpy as np
import pytest

from ketasim.errors import InputError
from ketasim.inference.longterm import RelapseRule, RelapseTimes, hazard_ratio, relapse_times
from ketasim.inference.longterm.rating import drifting, late_context, long_scores
from ketasim.instruments import load_context, load_settings

VISITS = np.array([1.0, 2.0, 3.0, 4.0])
BASELINE = np.array([40.0, 40.0, 30.0])
SCORES = np.array([[10.0, 21.0, 19.0, 25.0], [10.0, 23.0, 24.0, 5.0], [15.0, 14.0, 16.0, 17.0]])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (RelapseRule("share", 0.5, 1), (2.0, 2.0, 1.0)),
        (RelapseRule("share", 0.5, 2), (np.inf, 3.0, 4.0)),
        (RelapseRule("score", 22.0, 1), (4.0, 2.0, np.inf)),
        (RelapseRule("score", 22.0, 2), (np.inf, 3.0, np.inf)),
    ],
)
def test_a_relapse_is_dated_at_the_visit_that_confirms_it(
    rule: RelapseRule, expected: tuple[float, ...]
) -> None:
    found = relapse_times(SCORES, BASELINE, VISITS, rule)
    assert found.days.tolist() == list(expected)


@pytest.mark.parametrize(("limit", "visits"), [(0.5, 0), (0.0, 2)])
def test_a_rule_without_a_visit_or_a_limit_is_refused(limit: float, visits: int) -> None:
    with pytest.raises(InputError, match="rule of relapse"):
        RelapseRule("share", limit, visits)


def test_the_median_is_the_visit_by_which_half_have_relapsed() -> None:
    times = RelapseTimes(np.array([2.0, 4.0, 4.0, np.inf]), 10.0, 1.0)
    assert times.median_d == 4.0
    assert 2.0 < times.smooth_median_d < 4.0
    assert times.survival([1.0, 2.0, 4.0]).tolist() == [1.0, 0.75, 0.25]
    assert RelapseTimes(np.array([2.0, np.inf, np.inf]), 10.0, 1.0).median_d == np.inf
    assert np.isnan(RelapseTimes(np.array([]), 10.0, 0.0).median_d)


def test_the_hazard_ratio_of_exponential_times_is_the_ratio_of_their_hazards() -> None:
    generator = np.random.default_rng(3)
    slow, fast = (RelapseTimes(generator.exponential(s, 20_000), 1e9, 1.0) for s in (200.0, 100.0))
    assert hazard_ratio(slow, fast, 90.0) == pytest.approx(0.5, rel=0.05)
    assert np.isnan(hazard_ratio(slow, RelapseTimes(np.full(5, np.inf), 1e9, 1.0), 90.0))


def test_the_medians_of_trials_scatter_around_the_median() -> None:
    times = RelapseTimes(np.random.default_rng(4).exponential(26.0, 5000), 1e9, 1.0)
    drawn = times.medians(17, 1000, seed=1)
    assert np.median(drawn) == pytest.approx(26.0 * np.log(2), rel=0.1)
    assert drawn.std() > 2.0


def test_a_level_drifts_as_it_says() -> None:
    times, tau = np.array([0.0, 100.0, 1000.0, 5000.0]), 1000.0
    level = drifting(1, "test", np.arange(20_000), times, tau)
    expected = np.exp(-np.abs(times[:, None] - times[None, :]) / tau)
    assert np.cov(level.T) == pytest.approx(expected, abs=0.05)
    still = drifting(1, "test", np.arange(5), times, np.inf)
    assert np.ptp(still, axis=1).max() == 0.0


def test_a_patient_drifts_alike_in_every_cohort() -> None:
    times = np.array([0.0, 100.0])
    few, many = (drifting(2, "test", np.arange(n), times, 500.0) for n in (3, 30))
    assert (few == many[:3]).all()


def test_without_relief_scores_are_baseline_and_expectancy_on_the_mean() -> None:
    context, settings = load_context(), load_settings()
    times, people = np.array([24.0, 168.0]), 4000
    expected = late_context(context, settings, ("saline", "saline"), times)
    scores = long_scores(
        np.zeros((people, 2)), np.full(people, 35.0), times, expected=expected, context=context,
        drift_tau_h=8000.0, seed=1,
    )  # fmt: skip
    assert scores.mean(axis=0) == pytest.approx(35.0 + expected, abs=0.5)
    assert expected[0] == pytest.approx(context.change["saline"])


def test_drug_and_antidepressant_remove_shares_of_what_the_other_leaves() -> None:
    context, settings = load_context(), load_settings()
    times, people = np.array([5000.0, 9000.0]), 4000
    common = {"expected": np.zeros(2), "context": context, "drift_tau_h": np.inf, "seed": 1}
    half = long_scores(
        np.full((people, 2), 0.5), np.full(people, 58.0), times, antidepressant=settings, **common
    ).mean()
    none = long_scores(
        np.zeros((people, 2)), np.full(people, 58.0), times, antidepressant=settings, **common
    ).mean()
    assert half == pytest.approx(none / 2.0, abs=1.5)
