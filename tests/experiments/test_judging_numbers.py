"""Values, ranges, counts and shares against answers worked out by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from ketasim.experiments.judging import Judgement, judge
from ketasim.experiments.trials import TRIALS

if TYPE_CHECKING:
    from types import SimpleNamespace

ANY = float("nan")
# What never happened among the drawn trials is rare and not impossible.
RAREST = 0.5 / (TRIALS + 1)


def made(found: Judgement | None) -> Judgement:
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("spread", "error"),
    [
        ({"sd": 3.0, "n": 9.0}, 1.0),
        ({"sd": 3.0}, 3.0),
        ({"lower": 90.0, "upper": 109.6}, 19.6 / 3.92),
        ({}, 25.0),
    ],
)
def test_a_value_agrees_within_its_own_standard_error(
    by_hand: SimpleNamespace, spread: dict[str, float], error: float
) -> None:
    seen = by_hand.seen(readout="ketamine_ng_ml", time_h=1.0, kind="value", value=100.0, **spread)
    for factor, agrees in ((1.95, True), (-1.95, True), (1.97, False), (-1.97, False)):
        level = 100.0 + factor * error
        found = made(judge(seen, by_hand.setting(by_hand.course(ketamine_ng_ml=level))))
        assert (found.predicted, found.agrees) == (pytest.approx(level), agrees)
        assert found.probability == pytest.approx(math.exp(-(factor**2) / 2), abs=1 / TRIALS)
        assert found.region == pytest.approx((100.0 - 1.96 * error, 100.0 + 1.96 * error))
        assert found.observed == 100.0


@pytest.mark.parametrize("error", [0.001, 1.0, 1000.0])
def test_a_perfect_value_is_certain_in_whatever_unit(
    by_hand: SimpleNamespace, error: float
) -> None:
    seen = by_hand.seen(
        readout="ketamine_ng_ml", time_h=1.0, kind="value", value=100.0, sd=error, n=1.0
    )
    found = made(judge(seen, by_hand.setting(by_hand.course(ketamine_ng_ml=100.0))))
    assert found.probability == pytest.approx(1.0, abs=1 / TRIALS)


def test_the_worst_prediction_is_scored_worst(by_hand: SimpleNamespace) -> None:
    seen = by_hand.seen(
        readout="ketamine_ng_ml", time_h=1.0, kind="value", value=100.0, sd=1.0, n=1.0
    )
    near, far, farther = (
        made(judge(seen, by_hand.setting(by_hand.course(ketamine_ng_ml=level)))).probability
        for level in (103.0, 150.0, 1e6)
    )
    assert near == pytest.approx(math.exp(-4.5), abs=1 / TRIALS)
    assert far == farther == RAREST


def test_few_patients_make_a_value_less_certain(by_hand: SimpleNamespace) -> None:
    seen = by_hand.seen(
        readout="ketamine_ng_ml", time_h=1.0, kind="value", value=100.0, sd=1.0, n=4.0
    )
    levels = np.array([80.0, 96.0, 104.0, 120.0, 130.0])
    found = made(judge(seen, by_hand.setting(by_hand.course(ketamine_ng_ml=levels))))
    assert found.agrees
    assert found.predicted == 104.0
    assert not made(judge(seen, by_hand.setting(by_hand.course(ketamine_ng_ml=104.0)))).agrees


@pytest.mark.parametrize(
    ("level", "bounds", "agrees"),
    [
        (100.0, (100.0, 250.0), True),
        (250.0, (100.0, 250.0), True),
        (99.9, (100.0, 250.0), False),
        (250.1, (100.0, 250.0), False),
        (9999.0, (100.0, ANY), True),
        (99.0, (100.0, ANY), False),
        (-5.0, (ANY, 100.0), True),
        (101.0, (ANY, 100.0), False),
    ],
)
def test_a_range_holds_its_ends_and_may_be_open(
    by_hand: SimpleNamespace, level: float, bounds: tuple[float, float], agrees: bool
) -> None:
    lower, upper = bounds
    seen = by_hand.seen(
        readout="ketamine_ng_ml", time_h=1.0, kind="range", lower=lower, upper=upper, unit="ng/mL"
    )
    found = made(judge(seen, by_hand.setting(by_hand.course(ketamine_ng_ml=level))))
    assert (found.predicted, found.agrees) == (level, agrees)
    open_ends = (
        -math.inf if math.isnan(lower) else lower,
        math.inf if math.isnan(upper) else upper,
    )
    assert found.region == open_ends
    # A study may report a range although it is not so.
    assert found.probability == pytest.approx(0.95 if agrees else 0.05)


def test_a_range_without_bounds_agrees_with_nothing(by_hand: SimpleNamespace) -> None:
    seen = by_hand.seen(readout="bdnf", time_h=1.0, kind="range")
    assert judge(seen, by_hand.setting(by_hand.course(bdnf=5.0))) is None


def test_a_window_is_the_mean_over_it_and_no_time_is_the_peak(by_hand: SimpleNamespace) -> None:
    course = by_hand.course(bdnf=1.0)
    course.values["bdnf"][:] = [1.0, 1.0, 1.8, 1.2, 1.0, 1.0]
    arms = by_hand.setting(course)
    words = {"readout": "bdnf", "kind": "value", "value": 1.0}
    window = by_hand.seen(**words, time_h=24.0, time_to_h=48.0)
    # A straight line from 1.2 to 1.0, and the highest point of a day.
    assert made(judge(window, arms)).predicted == pytest.approx(1.1)
    assert made(judge(by_hand.seen(**words), arms)).predicted == pytest.approx(1.8)


HALF_RESPOND = [0.6, 0.6, 0.1, 0.1]


@pytest.mark.parametrize(
    ("kind", "value", "unit", "count"),
    [("count", 7.0, "patients", 7), ("value", 42.0, "%", 5), ("count", 0.0, "patients", 0)],
)
def test_a_count_is_beta_binomial_in_a_trial_of_its_size(
    by_hand: SimpleNamespace, kind: str, value: float, unit: str, count: int
) -> None:
    seen = by_hand.seen(readout="response", time_h=24.0, kind=kind, value=value, unit=unit, n=12.0)
    found = made(judge(seen, by_hand.setting(by_hand.course(relief=HALF_RESPOND))))
    # Two of four patients respond; Jeffreys' prior adds half a patient to either side.
    predictive = betabinom(12, 2.5, 2.5)
    assert found.predicted == pytest.approx(6.0)
    assert (found.low, found.high) == (predictive.ppf(0.025), predictive.ppf(0.975))
    assert found.agrees is bool(found.low <= count <= found.high)
    assert found.probability == pytest.approx(predictive.pmf(count), abs=1 / TRIALS)
    assert found.observed == count


def test_the_ends_of_the_predictive_interval_agree_and_what_lies_outside_does_not(
    by_hand: SimpleNamespace,
) -> None:
    arms = by_hand.setting(by_hand.course(relief=[0.6] * 16 + [0.1] * 16))
    low, high = betabinom(40, 16.5, 16.5).ppf([0.025, 0.975])
    assert 0.0 < low < high < 40.0
    for count, agrees in ((low - 1, False), (low, True), (high, True), (high + 1, False)):
        seen = by_hand.seen(readout="response", time_h=24.0, kind="count", value=count, n=40.0)
        assert made(judge(seen, arms)).agrees is agrees


@pytest.mark.parametrize(
    ("relief", "count", "agrees"), [(0.6, 0.0, False), (0.6, 12.0, True), (0.0, 12.0, False)]
)
def test_a_cohort_that_agrees_with_itself_excludes_the_opposite_count(
    by_hand: SimpleNamespace, relief: float, count: float, agrees: bool
) -> None:
    seen = by_hand.seen(readout="response", time_h=24.0, kind="count", value=count, n=12.0)
    course = by_hand.course(relief=np.full(32, relief))
    assert made(judge(seen, by_hand.setting(course))).agrees is agrees


@pytest.mark.parametrize(
    "parts", [{"kind": "count", "value": 13.0}, {"kind": "value", "value": 120.0, "unit": "%"}]
)
def test_more_patients_than_there_were_are_no_count(
    by_hand: SimpleNamespace, parts: dict[str, object]
) -> None:
    arms = by_hand.setting(by_hand.course(relief=0.6))
    words = {"readout": "response", "time_h": 24.0, "n": 12.0}
    assert judge(by_hand.seen(**words, **parts), arms) is None
    assert made(judge(by_hand.seen(**words, kind="count", value=12.0), arms)).agrees


def test_a_range_of_percent_sums_the_counts_inside(by_hand: SimpleNamespace) -> None:
    seen = by_hand.seen(
        readout="remission", time_h=24.0, kind="range", lower=80.0, unit="%", n=20.0
    )
    # From 40 points, relief of 0.9 leaves 4: remission; of 0.5 leaves 20: none.
    course = by_hand.course(relief=[0.9, 0.9, 0.9, 0.5])
    found = made(judge(seen, by_hand.setting(course)))
    inside = betabinom(20, 3.5, 1.5).sf(15)
    assert found.probability == pytest.approx(inside, abs=1 / TRIALS)
    assert found.agrees is bool(inside >= 0.05)
    assert found.region == (16.0, 20.0)


def test_a_share_is_a_ratio_of_mean_changes(by_hand: SimpleNamespace) -> None:
    seen = by_hand.seen(
        readout="madrs_change", time_h=24.0, kind="share", contrast="ketamine", n=26.0
    )
    # Every patient falls by 24 points with ketamine and by 12 or 18 when it is blocked.
    arms = by_hand.setting(by_hand.course(relief=[0.3, 0.45]), by_hand.course(relief=[0.6, 0.6]))
    found = made(judge(by_hand.seen(**{**vars(seen), "value": 0.6}), arms))
    assert found.predicted == pytest.approx(0.625, abs=0.02)
    # Mean of 26 draws, each 0.5 or 0.75.
    half_width = 1.96 * 0.125 / math.sqrt(26)
    assert (found.low, found.high) == pytest.approx(
        (0.625 - half_width, 0.625 + half_width), abs=0.01
    )
    assert found.agrees
    # Within 0.05 of 0.6 lie the trials in which 6 to 15 of the 26 fall by 18 points.
    inside = binom(26, 0.5).cdf(15) - binom(26, 0.5).cdf(5)
    error = math.sqrt(inside * (1.0 - inside) / TRIALS)
    assert found.probability == pytest.approx(inside, abs=4.0 * error)
    far = made(judge(by_hand.seen(**{**vars(seen), "value": 0.85}), arms))
    assert (far.agrees, far.probability) == (False, RAREST)
    assert (far.observed, found.observed) == (0.85, 0.6)
