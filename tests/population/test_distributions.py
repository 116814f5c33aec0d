from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from ketasim.errors import ModelError
from ketasim.population.distributions import Spread

GRID = (np.arange(20000) + 0.5) / 20000


def moments(spread):
    drawn = spread.quantile(GRID)
    return drawn.mean(), drawn.std()


def test_a_lognormal_has_the_coefficient_of_variation_it_names():
    drawn = Spread("cl", "lognormal", 60.0, 0.4)
    mean, sd = moments(drawn)
    # Closed form: mean = median * sqrt(1 + cv^2), and sd = cv * mean.
    assert mean == pytest.approx(60 * math.sqrt(1.16), rel=1e-3)
    assert sd / mean == pytest.approx(0.4, rel=3e-3)
    assert np.median(drawn.quantile(GRID)) == pytest.approx(60.0, rel=1e-3)


def test_a_normal_has_the_moments_it_names():
    mean, sd = moments(Spread("age", "normal", 45.0, 0.2))
    assert (mean, sd) == (pytest.approx(45.0, rel=1e-6), pytest.approx(9.0, rel=1e-3))


def test_a_logitnormal_has_the_mean_of_the_integral():
    mean, _ = moments(Spread("f", "logitnormal", 0.54, 0.708))
    centre = math.log(0.54 / 0.46)
    expected, _ = integrate.quad(
        lambda z: stats.norm.pdf(z) / (1 + math.exp(-(centre + 0.708 * z))), -9, 9
    )
    assert mean == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("spread", "reference"),
    [
        (
            Spread("age", "normal", 45.0, 0.27, 18.0, 75.0),
            stats.truncnorm(-27 / 12.15, 30 / 12.15, loc=45.0, scale=12.15),
        ),
        (
            Spread("ht1b", "lognormal", 1.0, 0.27, 0.4, 2.5),
            None,
        ),
    ],
)
def test_bounds_truncate_and_nobody_piles_up_there(spread, reference):
    drawn = spread.quantile(GRID)
    assert drawn.min() > spread.lower
    assert drawn.max() < spread.upper
    assert len(np.unique(drawn)) == len(drawn)
    if reference is None:
        sigma = spread.sigma
        ends = np.log([spread.lower, spread.upper]) / sigma
        logs = stats.truncnorm(*ends, scale=sigma)
        np.testing.assert_allclose(np.log(drawn), logs.ppf(GRID), atol=1e-9)
        assert spread.cut == pytest.approx(1 - np.diff(stats.norm.cdf(ends))[0], rel=1e-9)
    else:
        np.testing.assert_allclose(drawn, reference.ppf(GRID), rtol=1e-9)


def test_each_patient_may_have_a_typical_value_of_their_own():
    spread = Spread("cl", "lognormal", 60.0, 0.4)
    half = np.full(2, 0.5)
    np.testing.assert_allclose(spread.quantile(half, np.array([30.0, 90.0])), [30.0, 90.0])


def test_no_spread_is_the_value_itself():
    for kind in ("fixed", "lognormal", "normal"):
        assert set(Spread("x", kind, 3.0, 0.0).quantile(GRID[:5])) == {3.0}
    assert Spread("x", "fixed", 3.0).cut == 0


def test_a_typical_value_far_outside_ends_at_the_bound():
    spread = Spread("x", "lognormal", 1.0, 0.1, 0.5, 2.0)
    assert spread.quantile(np.array([0.5]), np.array([1e9]))[0] == 2.0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (("lognormal", 0.0, 0.1), "lognormal value cannot be 0"),
        (("lognormal", -1.0, 0.1), "lognormal value cannot be -1"),
        (("logitnormal", 1.0, 0.1), "logitnormal value cannot be 1"),
        (("normal", 0.0, 0.1), "normal value cannot be 0; expected a value other than 0"),
        (("normal", 1.0, float("nan")), "needs a cv"),
        (("normal", 1.0, 0.1, 2.0, 3.0), "lies outside its bounds; expected 2 to 3"),
        (("normal", 1.0, 0.1, 3.0, 2.0), "leave nothing"),
    ],
)
def test_an_impossible_distribution_names_the_parameter(fields, words):
    with pytest.raises(ModelError, match="parameter 'x': ") as caught:
        Spread("x", *fields)
    assert words in str(caught.value)


def test_an_unknown_family_is_named():
    row = pd.Series(
        {"value": 1.0, "distribution": "gamma", "cv": 0.1, "lower": np.nan, "upper": np.nan}
    )
    with pytest.raises(ModelError, match="unknown distribution 'gamma'"):
        Spread.from_row("x", row)
