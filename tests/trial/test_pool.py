"""The pool: the same people in every arm, interpolation, weights and the error of its size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ketasim.errors import InputError
from ketasim.model import load_model
from ketasim.population import virtual_patients
from ketasim.simulate import simulate
from ketasim.trial import TrialArm, TrialDesign, TrialPool, TrialVisit, build_pool

from .conftest import KETAMINE, two_arms


def test_courses_are_those_of_the_simulation(design: TrialDesign, pool: TrialPool) -> None:
    model = load_model("article")
    run = simulate(
        model, KETAMINE, cohort=virtual_patients(model, 400, 1).part(0, 20),
        times=[0.0, 24.0, 72.0, 168.0], outputs=["relief"],
    )  # fmt: skip
    np.testing.assert_allclose(pool.times, [0.0, 24.0, 72.0, 168.0])
    np.testing.assert_allclose(pool.relief[0, :20], run.dataset["relief"], atol=1e-4)


def test_the_mechanism_removes_nothing_where_nothing_is_given(pool: TrialPool) -> None:
    run = simulate(
        load_model("article"), "midazolam 0.045 mg/kg iv over 40 min", patients=20, days=7
    )
    assert float(np.abs(run.dataset["relief"]).max()) < 1e-6
    assert not pool.relief[1].any()
    assert not pool.dissociation[1].any()


def test_a_further_arm_leaves_the_courses_of_the_others(
    design: TrialDesign, pool: TrialPool
) -> None:
    third = TrialArm("low", "ketamine 0.1 mg/kg iv over 40 min", "active", 40, "active")
    more = build_pool(replace(design, arms=(design.arms[0], third, design.arms[1])), 60, 1)
    np.testing.assert_array_equal(more.relief[[0, 2]], pool.relief[:, :60])
    np.testing.assert_array_equal(more.dissociation[[0, 2]], pool.dissociation[:, :60])


def test_more_dissociation_after_more_ketamine_and_one_on_the_mean_after_the_usual_dose(
    pool: TrialPool,
) -> None:
    assert pool.dissociation[0].mean() == pytest.approx(1.0, abs=0.06)


def test_a_crossover_carries_over() -> None:
    from ketasim.trial import load_design

    pool = build_pool(load_design("zarate2006"), 40, 1)
    at = np.searchsorted(pool.times, 168.0)
    after, before = pool.relief[:, :, at]
    assert after.mean() > 0.05
    assert not before.any()
    assert pool.dissociation[0, :, 0].mean() > 0.5
    assert np.abs(pool.dissociation[0, :, 1]).max() < 1e-3


def test_between_stored_times_a_course_is_interpolated(pool: TrialPool) -> None:
    zero = np.zeros(3, dtype=np.int64)
    people = np.array([4, 5, 6])
    ends = pool.relief_at(zero, people, np.array([[24.0, 72.0]]))
    middle = pool.relief_at(zero, people, np.full((3, 1), 48.0))
    np.testing.assert_allclose(ends, pool.relief[0, 4:7, 1:3])
    np.testing.assert_allclose(middle[:, 0], ends.mean(axis=1))


def test_windows_are_simulated_and_hold_the_true_course() -> None:
    design = two_arms(visits=(TrialVisit(72.0, 24.0),))
    pool = build_pool(design, 30, 1)
    model = load_model("article")
    run = simulate(model, KETAMINE, cohort=virtual_patients(model, 30, 1), times=[0.0, 51.0, 87.0])
    got = pool.relief_at(np.zeros(30, np.int64), np.arange(30), np.array([[51.0, 87.0]]))
    np.testing.assert_allclose(got, run.dataset["relief"][:, 1:], atol=2e-3)


def test_weights_decide_who_is_drawn(design: TrialDesign) -> None:
    weights = np.zeros(20)
    weights[[3, 7]] = 1.0, 3.0
    pool = build_pool(design, 20, 1, weights=weights)
    drawn = pool.draw((np.arange(1000) + 0.5) / 1000)
    assert np.unique(drawn, return_counts=True)[1].tolist() == [250, 750]
    # Kish: (1 + 3)^2 / (1 + 9).
    assert pool.error(40).effective == pytest.approx(1.6)


@pytest.mark.parametrize("weights", [np.ones(5), np.full(20, -1.0), np.zeros(20)])
def test_weights_that_cannot_be_used_are_refused(design: TrialDesign, weights: np.ndarray) -> None:
    with pytest.raises(InputError):
        build_pool(design, 20, 1, weights=weights)


def test_the_error_of_the_pool_is_what_pools_of_that_size_show(
    design: TrialDesign, pool: TrialPool
) -> None:
    stated = pool.error(80)
    assert stated.people == 400
    assert stated.effective == pytest.approx(400)
    means = pool.relief[0].reshape(20, 20, -1).mean(axis=1)
    shown = means.std(axis=0, ddof=1).max() / np.sqrt(20)
    # Twenty groups of quasi-random people: no more than the stated error, and of its order.
    assert 0.3 * stated.relief_se < shown < 1.5 * stated.relief_se
    assert stated.difference_se <= stated.relief_se
    assert stated.points(30.0)[0] == pytest.approx(30 * stated.relief_se)
    # A patient shares a person with one of 79 others.
    assert stated.repeated == pytest.approx(1 - (1 - 1 / 400) ** 79)


def test_a_person_who_is_not_solved_stays_in_the_trial_without_a_score(
    design: TrialDesign, pool: TrialPool
) -> None:
    from ketasim.trial import Missing, run_trial

    relief = pool.relief.copy()
    relief[0, 11] = np.nan
    broken = replace(pool, relief=relief)
    got, sound = run_trial(design, 20, 1, pool=broken), run_trial(design, 20, 1, pool=pool)
    lost = (got.person == 11) & (got.arm == 0)
    assert lost.any()
    assert np.isnan(got.values[lost]).all()
    assert (got.missing_why[lost] == Missing.NOT_SOLVED).all()
    np.testing.assert_array_equal(got.values[~lost], sound.values[~lost])
    assert got.pool is not None
    assert got.pool.failed == 1
