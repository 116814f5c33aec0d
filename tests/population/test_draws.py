from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.stats import qmc

from ketasim.population.draws import normal_draws, quasi_uniform, random_uniform

BOTH = pytest.mark.parametrize("draw", [quasi_uniform, random_uniform])


@BOTH
def test_a_point_belongs_to_its_patient_not_to_the_call(draw):
    whole = draw(3, "people", 0, 257, 5)
    assert (draw(3, "people", 0, 17, 5) == whole[:17]).all()
    assert (draw(3, "people", 100, 50, 5) == whole[100:150]).all()
    assert (draw(3, "people", 256, 1, 5) == whole[256:]).all()


def test_points_are_inside_and_spread_better_than_chance():
    points = quasi_uniform(1, "people", 0, 512, 6)
    assert points.min() > 0
    assert points.max() < 1
    chance = np.random.default_rng(1).random((512, 6))
    assert qmc.discrepancy(points) < 0.1 * qmc.discrepancy(chance)


@BOTH
@pytest.mark.parametrize("other", [(2, "people"), (1, "other")])
def test_another_seed_or_purpose_is_another_scrambling(draw, other):
    assert (draw(1, "people", 0, 8, 3) != draw(*other, 0, 8, 3)).all()


@BOTH
def test_a_further_dimension_leaves_the_others(draw):
    assert (draw(1, "people", 0, 9, 3) == draw(1, "people", 0, 9, 31)[:, :3]).all()


def test_a_further_block_leaves_the_random_numbers():
    few, many = (random_uniform(1, "people", 5, 9, n) for n in (32, 70))
    assert (many[:, :32] == few).all()
    assert len(np.unique(many)) == many.size


@BOTH
def test_nothing_asked_is_nothing_given(draw):
    assert draw(1, "people", 0, 4, 0).shape == (4, 0)


def test_random_points_are_uniform_and_independent():
    points = random_uniform(1, "people", 0, 4000, 6)
    assert stats.kstest(points.ravel(), "uniform").pvalue > 0.01
    assert np.abs(np.corrcoef(points.T) - np.eye(6)).max() < 4 / np.sqrt(4000)
    assert abs(np.corrcoef(points[:-1, 0], points[1:, 0])[0, 1]) < 4 / np.sqrt(4000)


def test_normal_draws_belong_to_the_patient():
    numbers = np.array([5, 17, 3])
    drawn = normal_draws(1, "posterior 0", numbers, 4)
    assert (normal_draws(1, "posterior 0", np.array([17]), 4)[0] == drawn[1]).all()
    assert (normal_draws(1, "posterior 0", numbers, 9)[:, :4] == drawn).all()
    for other in ((2, "posterior 0"), (1, "posterior 1")):
        assert (normal_draws(*other, numbers, 4) != drawn).all()


def test_normal_draws_are_normal_and_independent():
    drawn = normal_draws(1, "posterior 0", np.arange(4000), 5)
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 0.01
    apart = np.corrcoef(drawn.T) - np.eye(5)
    assert np.abs(apart).max() < 4 / np.sqrt(4000)
    ahead = np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]
    assert abs(ahead) < 4 / np.sqrt(4000)
