"""Intervals and their expected width after a study, against closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, betabinom, gamma
from statsmodels.stats.proportion import proportion_confint

from ketasim.inference.longterm import intervals as at

RNG = np.random.default_rng(7)
Z = 1.959963984540054


@pytest.mark.parametrize(("events", "n"), [(3, 6630), (39, 86), (24, 90), (1, 334), (340, 1285)])
def test_the_exact_interval_is_that_of_statsmodels(events: int, n: int) -> None:
    expected = proportion_confint(events, n, method="beta")
    assert at.exact_interval(events, n) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [163, 510, 6630])
def test_no_event_gives_the_rule_of_three(n: int) -> None:
    low, high = at.exact_interval(0, n)
    assert low == 0.0
    # Where the risk is the bound, no event has a chance of 5 %.
    assert (1.0 - high) ** n == pytest.approx(0.05, rel=1e-9)
    assert high == pytest.approx(3.0 / n, rel=0.02)


def test_every_event_gives_an_interval_up_to_one() -> None:
    assert at.exact_interval(5, 5)[1] == 1.0


def test_the_expected_width_of_a_share_is_the_mean_over_simulated_studies() -> None:
    a, b, n = 2.5, 7.5, 40
    count = RNG.binomial(n, RNG.beta(a, b, size=20_000))
    widths = beta.ppf(0.975, a + count, b + n - count) - beta.ppf(0.025, a + count, b + n - count)
    error = widths.std() / np.sqrt(widths.size)
    assert at.expected_beta_width(a, b, n) == pytest.approx(widths.mean(), abs=4 * error)


def test_a_larger_study_narrows_more() -> None:
    widths = [at.expected_beta_width(0.5, 10.5, n) for n in (10, 100, 1000)]
    assert at.beta_width(0.5, 10.5) > widths[0] > widths[1] > widths[2]


def test_the_expected_variance_of_a_difference_is_that_of_the_beta_binomial() -> None:
    (a, b), n = (11.5, 335.5), 50
    count = np.arange(n + 1)
    variance = beta.var(a + count, b + n - count)
    expected = float(betabinom.pmf(count, n, a, b) @ variance)
    now, after = at.expected_difference_width((a, b), (a, b), (n, n))
    assert now == pytest.approx(2 * Z * np.sqrt(2 * beta.var(a, b)))
    assert after == pytest.approx(2 * Z * np.sqrt(2 * expected), rel=1e-9)


def test_the_expected_width_of_a_ratio_is_the_mean_over_simulated_studies() -> None:
    mean, sd, error = np.log(0.49), 0.27, 0.15
    after = (sd**-2 + error**-2) ** -0.5
    truth = RNG.normal(mean, sd, size=100_000)
    seen = RNG.normal(truth, error)
    centre = after**2 * (mean / sd**2 + seen / error**2)
    widths = np.exp(centre + Z * after) - np.exp(centre - Z * after)
    now, expected = at.expected_ratio_width(mean, sd, error)
    assert now == pytest.approx(np.exp(mean + Z * sd) - np.exp(mean - Z * sd))
    assert expected == pytest.approx(widths.mean(), abs=4 * widths.std() / np.sqrt(widths.size))


def test_the_interval_of_a_median_covers_it_as_often_as_it_says() -> None:
    median, events = 18.0, 17
    estimates = RNG.exponential(median / np.log(2.0), size=(4000, events)).mean(axis=1) * np.log(2)
    low, high = np.array([at.median_interval(one, events) for one in estimates]).T
    covered = np.mean((low <= median) & (median <= high))
    assert covered == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 4000))


def test_the_expected_width_of_a_median_is_the_mean_over_simulated_studies() -> None:
    median, events, more = 18.0, 17, 60
    at_risk = events * median / np.log(2.0)
    hazard = RNG.gamma(events, 1.0 / at_risk, size=50_000)
    total = at_risk + RNG.gamma(more, 1.0 / hazard)
    low, high = gamma.ppf([0.025, 0.975], events + more)
    widths = np.log(2.0) * total * (1.0 / low - 1.0 / high)
    now, expected = at.expected_median_width(median, events, more)
    assert expected == pytest.approx(widths.mean(), abs=4 * widths.std() / np.sqrt(widths.size))
    assert now > expected


def test_a_count_that_does_not_depend_on_the_quantity_tells_nothing() -> None:
    grid = np.linspace(0.0, 1.0, 101)
    _, now, after = at.expected_grid_width(grid, np.full(101, 0.3), (24, 90), 500)
    assert after == pytest.approx(now, rel=1e-6)
    assert now == pytest.approx(0.95, abs=0.02)


def test_a_count_that_depends_on_the_quantity_narrows_it() -> None:
    grid = np.linspace(0.0, 1.0, 101)
    (low, high), now, after = at.expected_grid_width(grid, 0.1 + 0.8 * grid, (45, 90), 500)
    # The risk is a straight line of the quantity, so the interval is that of the share, stretched.
    share = np.array(proportion_confint(45, 90, method="jeffreys"))
    assert (low, high) == pytest.approx(tuple((share - 0.1) / 0.8), abs=0.02)
    assert after < 0.6 * now


def test_the_beta_distribution_of_draws_has_their_mean_and_variance() -> None:
    draws = RNG.beta(3.0, 5.0, size=1000)
    a, b = at.moment_beta(draws)
    assert beta.mean(a, b) == pytest.approx(draws.mean())
    assert beta.var(a, b) == pytest.approx(draws.var())
