"""Scales: what lies where, what the ticks say, and what happens at the edges."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ketasim.report.chart.axis import duration, linear_scale, log_scale, time_scale

FINITE = st.floats(-1e5, 1e5)


def shown(label: str) -> float:
    return float(label.replace("−", "-"))


def test_a_linear_scale_is_even() -> None:
    x = linear_scale([0.0, 8.0], 40.0, 240.0)
    assert (x.ticks[0], x.ticks[-1]) == (0.0, 8.0)
    assert [x(value) for value in (0.0, 2.0, 4.0, 8.0)] == [40.0, 90.0, 140.0, 240.0]


def test_a_vertical_axis_runs_upwards() -> None:
    y = linear_scale([0.0, 1.0], 168.0, 12.0)
    assert y(0.0) == 168.0
    assert y(1.0) == 12.0
    assert y(0.25) == pytest.approx(168.0 - 156.0 / 4)


@given(st.lists(FINITE, min_size=2, max_size=6), st.integers(3, 4))
def test_a_tick_says_the_value_it_stands_at(values: list[float], count: int) -> None:
    assume(max(values) - min(values) > 1e-3)
    x = linear_scale(values, 0.0, 100.0, count=count)
    steps = [b - a for a, b in pairwise(x.ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps))
    assert 2 <= len(steps) <= 2 * count
    assert [shown(one) for one in x.labels] == pytest.approx(list(x.ticks), abs=steps[0] / 100)
    assert len(set(x.labels)) == len(x.labels)


@given(st.lists(FINITE, min_size=2, max_size=6))
def test_no_value_is_far_from_its_axis(values: list[float]) -> None:
    x = linear_scale(values, 0.0, 100.0)
    step = x.ticks[1] - x.ticks[0]
    assert all(x.low - 0.09 * step <= value <= x.high + 0.09 * step for value in values)


def test_missing_values_ask_for_no_room() -> None:
    nan = math.nan
    assert linear_scale([nan, 1.0, 3.0, nan], 0, 1).ticks == linear_scale([1.0, 3.0], 0, 1).ticks
    assert linear_scale([nan, math.inf], 0, 1).ticks == linear_scale([0.0, 1.0], 0, 1).ticks


def test_a_value_at_rest_can_be_asked_onto_the_axis() -> None:
    assert linear_scale([5.0, 6.0], 0, 1).low > 1.0
    assert linear_scale([5.0, 6.0], 0, 1, include=[1.0]).low <= 1.0


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 1e6])
def test_a_single_value_stands_in_the_middle_of_some_room(value: float) -> None:
    x = linear_scale([value, value], 0.0, 100.0)
    assert x.low < value < x.high
    assert x(value) == pytest.approx(50.0, abs=10.0)


def test_what_lies_outside_is_put_just_beyond_the_end() -> None:
    x = linear_scale([0.0, 1.0], 0.0, 100.0)
    assert x(50.0) == 102.0
    assert x(-50.0) == -2.0


def test_negative_labels_bear_a_true_minus() -> None:
    assert linear_scale([-2.0, 0.0], 0, 1).labels == ("−2.0", "−1.5", "−1.0", "−0.5", "0.0")


def test_equal_ratios_are_equal_distances_on_a_logarithmic_scale() -> None:
    x = log_scale([0.1, 1000.0], 0.0, 400.0)
    assert [x(10.0**power) for power in range(-1, 4)] == pytest.approx([0, 100, 200, 300, 400])
    assert x(math.sqrt(10.0)) == pytest.approx(150.0)


def test_a_logarithmic_scale_leaves_out_what_has_no_logarithm() -> None:
    x = log_scale([-1.0, 0.0, math.nan, 1.0, 100.0], 0.0, 100.0)
    assert (x.low, x.high) == (1.0, 100.0)
    assert x(0.0) == -2.0
    assert log_scale([], 0.0, 1.0).ticks == (1.0, 2.0, 5.0, 10.0)


def test_a_few_decades_are_parted_and_many_are_not() -> None:
    assert log_scale([1.0, 100.0], 0, 1).labels == ("1", "2", "5", "10", "20", "50", "100")
    assert log_scale([1e-3, 1e3], 0, 1).ticks == tuple(10.0**power for power in range(-3, 4))


def test_doses_close_to_each_other_get_room() -> None:
    x = log_scale([10.0, 10.0], 0.0, 100.0)
    assert x(10.0) == pytest.approx(50.0)
    assert x.ticks == (7.0, 8.0, 9.0, 10.0)


def test_hours_run_evenly_and_weeks_are_compressed() -> None:
    hours = time_scale([0.0, 12.0], 0.0, 120.0)
    assert hours(6.0) == pytest.approx(60.0)
    assert hours.labels == ("0 h", "5 h", "10 h")
    weeks = time_scale([0.0, 672.0], 0.0, 100.0)
    assert weeks.labels == ("0", "1 h", "4 h", "12 h", "1 d", "3 d", "7 d", "14 d", "28 d")
    # Far from the dose the inverse hyperbolic sine is a logarithm: doubling is a fixed distance.
    assert weeks(336.0) - weeks(168.0) == pytest.approx(weeks(672.0) - weeks(336.0), rel=1e-3)
    assert weeks(24.0) > 50.0


@given(st.lists(st.floats(-24.0, 2000.0), min_size=2, max_size=8, unique=True))
def test_later_is_never_further_left(times: list[float]) -> None:
    x = time_scale(times, 46.0, 310.0)
    pixels = [x(time) for time in sorted(times)]
    assert pixels == sorted(pixels)
    assert pixels[0] == pytest.approx(46.0)
    assert all(46.0 <= x(tick) <= 310.5 for tick in x.ticks)


def test_a_time_scale_of_one_moment_has_a_width() -> None:
    x = time_scale([5.0, 5.0], 0.0, 100.0)
    assert (x(5.0), x(6.0)) == (0.0, 100.0)
    assert time_scale([math.nan], 0.0, 100.0)(24.0) == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (0.0, "0"),
        (0.25, "15 min"),
        (2 / 3, "40 min"),
        (1.5, "1.5 h"),
        (24.0, "1 d"),
        (36.0, "36 h"),
        (48.0, "2 d"),
        (336.0, "14 d"),
    ],
)
def test_a_time_is_told_as_a_reader_says_it(hours: float, words: str) -> None:
    assert duration(hours) == words
