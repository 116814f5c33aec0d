"""Costs at equal error are read off the measured curves and nowhere else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from benchmarks.curves import cost_at, front, geometric_mean, points_of, ratios, worst_error
from benchmarks.solver import overall

ERRORS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)


def power_law(factor: float, exponent: float) -> list[tuple[float, float]]:
    return [(error, factor * error**-exponent) for error in ERRORS]


@pytest.mark.parametrize("level", [1e-1, 3e-2, 2.5e-3, 1e-4, 7e-5, 1e-5])
def test_between_points_a_power_law_is_read_exactly(level: float) -> None:
    assert cost_at(level, power_law(2e-3, 0.2)) == pytest.approx(2e-3 * level**-0.2, rel=1e-12)


@pytest.mark.parametrize("level", [1.0, 1.01e-1, 0.99e-5, 1e-9])
def test_outside_of_what_was_measured_there_is_no_cost(level: float) -> None:
    assert cost_at(level, power_law(2e-3, 0.2)) is None


@pytest.mark.parametrize("points", [[], [(1e-3, 1.0)]])
def test_fewer_than_two_points_are_no_curve(points: list[tuple[float, float]]) -> None:
    assert cost_at(1e-3, points) is None


def test_a_tolerance_that_costs_more_and_gets_less_is_left_out() -> None:
    points = [(1e-2, 1.0), (3e-3, 5.0), (1e-3, 2.0), (1e-4, 4.0), (0.0, 0.1), (math.inf, 0.1)]
    assert front(points) == [(1e-2, 1.0), (1e-3, 2.0), (1e-4, 4.0)]
    # Read between its neighbours, not through the point left out.
    assert cost_at(math.sqrt(1e-5), points) == pytest.approx(math.sqrt(2.0))


def test_a_ratio_is_what_they_take_divided_by_what_we_take() -> None:
    found = ratios(power_law(1.0, 0.1), power_law(3.0, 0.2), (1e-2, 1e-4))
    assert found["levels"] == pytest.approx({"1e-02": 3.0 * 10**0.2, "1e-04": 3.0 * 10**0.4})
    assert found["geometric_mean"] == pytest.approx(3.0 * 10**0.3)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_level_that_only_one_reaches_has_no_ratio(swapped: bool) -> None:
    pair = [power_law(1.0, 0.1), power_law(2.0, 0.1)[:3]]
    ours, theirs = pair[::-1] if swapped else pair
    found = ratios(ours, theirs, (1e-2, 1e-4))
    assert list(found["levels"]) == ["1e-02"]
    nothing = ratios(ours, theirs, (1e-4, 1e-5))
    assert nothing == {"levels": {}, "geometric_mean": None}


def test_the_mean_of_a_ratio_and_its_inverse_is_one() -> None:
    assert geometric_mean([4.0, 0.25]) == pytest.approx(1.0)
    assert geometric_mean([]) is None


def test_points_in_which_a_patient_failed_do_not_count() -> None:
    points = [
        {"error": 1e-2, "seconds_per_patient": 1.0, "failed": 0},
        {"error": None, "seconds_per_patient": None, "failed": 3},
        {"error": 1e-4, "seconds_per_patient": 2.0, "failed": 0},
    ]
    assert points_of({"points": points}) == [(1e-2, 1.0), (1e-4, 2.0)]
    assert points_of({"not_measured": "it refused"}) == []


def test_an_error_is_relative_to_the_value_or_to_the_floor() -> None:
    truth = np.zeros((2, 3, 2))
    truth[:, :, 0] = [[100.0, 10.0, 0.0], [50.0, 1.0, 1e-3]]
    for place, added, expected in [
        ((0, 0, 0), 1.0, 0.01),  # relative to the value
        ((1, 2, 0), 1e-3, 0.01),  # to a thousandth of the output's largest value, 100
        ((0, 2, 0), -1e-3, 0.01),
        ((0, 0, 1), 1e-6, 1e-3),  # an output that is zero throughout counts as of size 1
    ]:
        found = truth.copy()
        found[place] += added
        assert worst_error(found, truth, 1e-3) == pytest.approx(expected)
    assert worst_error(truth, truth, 1e-3) == 0.0


@pytest.mark.parametrize("missing", [math.nan, math.inf])
def test_a_missing_value_is_an_infinite_error(missing: float) -> None:
    found, truth = np.ones((1, 2, 1)), np.ones((1, 2, 1))
    found[0, 1, 0] = missing
    assert worst_error(found, truth, 1e-3) == math.inf


def test_overall_counts_models_that_were_compared_only() -> None:
    def case(mean: float | None) -> dict[str, Any]:
        return {"ratios": {"peer": {"geometric_mean": mean}}}

    found = overall({"a": case(8.0), "b": case(0.5), "c": case(None)}, ("peer", "absent"))
    assert found["peer"] == {"measured": 2, "ahead": 1, "geometric_mean": pytest.approx(2.0)}
    assert found["absent"] == {"measured": 0, "ahead": 0, "geometric_mean": None}
