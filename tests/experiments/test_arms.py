"""Courses of arms: reading between points, peaks, windows, and a cache that forgets the oldest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ketasim.errors import UnknownNameError
from ketasim.experiments import ArmCache, ArmCourse, experiment, readout
from ketasim.experiments.arms import solve_arm, time_grid
from ketasim.experiments.effects import effect, rated_effect, share
from ketasim.experiments.readouts import list_readouts, solved_outputs
from ketasim.model import load_model
from ketasim.population import virtual_patients

if TYPE_CHECKING:
    from types import SimpleNamespace


@pytest.mark.parametrize("horizon", [6.0, 24.0, 336.0, 672.0, 100.0])
def test_a_grid_rises_from_before_ketamine_to_its_horizon(horizon: float) -> None:
    grid = time_grid(horizon)
    assert (grid[0], grid[-1]) == (-1.0, horizon)
    assert (np.diff(grid) > 0).all()


def test_a_shorter_grid_is_part_of_a_longer_one() -> None:
    assert set(time_grid(24.0)) <= set(time_grid(672.0))


def shaped(by_hand: SimpleNamespace) -> ArmCourse:
    """BDNF of two patients at -1, 0, 1, 24, 48 and 336 h."""
    course: ArmCourse = by_hand.course(bdnf=[1.0, 1.0])
    course.values["bdnf"][:] = [[1.0, 1.0, 3.0, 2.0, 1.0, 1.0], [1.0, 1.0, 0.4, 1.3, 1.0, 9.0]]
    return course


def test_between_its_points_a_course_is_a_straight_line(by_hand: SimpleNamespace) -> None:
    course = shaped(by_hand)
    assert course.at("bdnf", 0.25) == pytest.approx([1.5, 0.85])
    assert course.at("bdnf", 36.0) == pytest.approx([1.5, 1.15])


def test_a_window_over_a_straight_line_is_its_middle(by_hand: SimpleNamespace) -> None:
    assert shaped(by_hand).at("bdnf", 24.0, 48.0) == pytest.approx([1.5, 1.15])


def test_a_peak_is_the_largest_departure_of_the_first_day_in_either_direction(
    by_hand: SimpleNamespace,
) -> None:
    assert shaped(by_hand).at("bdnf", None).tolist() == [3.0, 0.4]


def test_beyond_its_end_a_course_has_no_number(by_hand: SimpleNamespace) -> None:
    assert np.isnan(shaped(by_hand).at("bdnf", 337.0)).all()
    assert np.isnan(shaped(by_hand).at("bdnf", 330.0, 340.0)).all()


def test_levels_are_reduced_to_peak_time_and_area(by_hand: SimpleNamespace) -> None:
    course = by_hand.course(esketamine_ng_ml=[0.0, 0.0])
    course.values["esketamine_ng_ml"][:] = [0.0, 0.0, 50.0, 4.0, 2.0, 0.0]
    assert course.at("esketamine_cmax_ng_ml", None).tolist() == [50.0, 50.0]
    assert course.at("esketamine_tmax_h", None).tolist() == [1.0, 1.0]
    # A triangle of 1 h and a trapezium of 23 h.
    area = 25.0 + 23.0 * (50.0 + 4.0) / 2
    assert course.at("esketamine_auc24_ng_h_ml", 12.0) == pytest.approx([area, area])


def test_an_effect_is_the_departure_from_rest(by_hand: SimpleNamespace) -> None:
    assert effect(shaped(by_hand), "bdnf", 1.0) == pytest.approx([2.0, -0.6])
    assert effect(by_hand.course(relief=0.3), "relief", 24.0) == pytest.approx([0.3] * 4)


def test_a_rated_effect_holds_expectancy(by_hand: SimpleNamespace) -> None:
    context = by_hand.context(change={"active": -6.0})
    fall = rated_effect(by_hand.course(baseline=40.0, relief=0.25), 24.0, "active", context)
    assert fall == pytest.approx([16.0] * 4)


def test_a_share_of_a_fall_of_madrs_holds_expectancy_on_both_sides(
    by_hand: SimpleNamespace,
) -> None:
    context = by_hand.context(change={"active": -6.0, "midazolam": -2.0})
    arm, reference = by_hand.course(relief=0.1), by_hand.course(relief=0.4)
    options = {"context": context, "controls": ("midazolam", "active")}
    assert share(arm, reference, "madrs_change", None, **options) == pytest.approx([6 / 22] * 4)
    assert share(arm, reference, "relief", 24.0) == pytest.approx([0.25] * 4)


def test_no_share_is_left_of_no_effect(by_hand: SimpleNamespace) -> None:
    left = share(
        by_hand.course(relief=[0.1, 0.1]), by_hand.course(relief=[0.2, 0.0]), "relief", 24.0
    )
    assert left[0] == pytest.approx(0.5)
    assert np.isnan(left[1])


def test_a_full_cache_forgets_what_was_not_used_for_longest(by_hand: SimpleNamespace) -> None:
    course = by_hand.course()
    cache = ArmCache(megabytes=2.5 * course.bytes / 2**20)
    cache.put("first", course)
    cache.put("second", course)
    assert cache.get("first") is course
    cache.put("third", course)
    assert cache.get("second") is None
    assert cache.get("first") is course
    assert (len(cache), cache.hits) == (2, 2)


def test_an_arm_that_is_replaced_takes_its_memory_once(by_hand: SimpleNamespace) -> None:
    course = by_hand.course()
    cache = ArmCache(megabytes=2.5 * course.bytes / 2**20)
    for name in ("first", "second", "second", "second"):
        cache.put(name, course)
    assert len(cache) == 2
    assert cache.get("first") is course
    larger = by_hand.course(relief=np.zeros(8))
    cache.put("second", larger)
    # Twelve patients are more than ten: the one that was not asked for is dropped.
    assert cache.get("second") is larger
    assert cache.get("first") is None


def test_a_cache_keeps_one_arm_however_small_it_is(by_hand: SimpleNamespace) -> None:
    cache = ArmCache(megabytes=0.0)
    cache.put("first", by_hand.course())
    cache.put("second", by_hand.course())
    assert cache.get("first") is None
    assert cache.get("second") is not None


def test_whatever_changes_an_arm_is_solved_anew() -> None:
    cache, model, arm = ArmCache(), load_model("article"), experiment("ampa").arm("ketamine")
    cohort = virtual_patients(model, 4)
    first = solve_arm(model, arm, cohort, cache)
    assert solve_arm(model, replace(arm, title="another title"), cohort, cache) is first
    others = [
        (model.with_values({"opioid_tone": 0.2}), arm, cohort),
        (model, replace(arm, overrides={"raptor_pka_blind": 1.0}), cohort),
        (model, replace(arm, regimen="ketamine 0.4 mg/kg iv over 40 min"), cohort),
        (model, replace(arm, horizon_h=24.0), cohort),
        (model, arm, virtual_patients(model, 4, seed=2)),
        (model, arm, virtual_patients(model, 4, uncertainty=False)),
        (load_model("no_opioid"), arm, cohort),
    ]
    for asked in others:
        assert solve_arm(*asked, cache) is not first
    assert len(cache) == 1 + len(others)


def test_nothing_given_leaves_every_readout_at_rest() -> None:
    model = load_model("article")
    arm = replace(experiment("ampa").arm("ketamine"), regimen="", horizon_h=24.0)
    course = solve_arm(model, arm, virtual_patients(model, 4), ArmCache())
    assert set(course.values) == set(solved_outputs())
    for name in list_readouts():
        one = readout(name)
        if one.reduction == "course":
            assert course.course(name) == pytest.approx(one.rest, abs=1e-6), name


def test_an_unknown_readout_is_answered_with_the_nearest(by_hand: SimpleNamespace) -> None:
    with pytest.raises(UnknownNameError, match="unknown readout 'mtorc': did you mean mtorc1"):
        by_hand.course().at("mtorc", 1.0)
