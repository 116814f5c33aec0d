"""Replayed trials: counts, tests and ratios against scipy, enumeration and theory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import integrate, stats

from ketasim.experiments.estimates import bootstrap_rows
from ketasim.experiments.trials import (
    TRIALS,
    count_distribution,
    draw_pool,
    paired_significance,
    ratio_of_means,
    shares_without_difference,
)

if TYPE_CHECKING:
    from types import SimpleNamespace


@pytest.mark.parametrize(
    ("share", "cohort", "size"), [(0.5, 4, 12), (0.0, 64, 12), (1.0, 64, 20), (0.13, 1000, 20)]
)
def test_a_count_is_binomial_with_a_probability_from_jeffreys_prior(
    share: float, cohort: int, size: int
) -> None:
    found = count_distribution(share, cohort, size)
    met = share * cohort
    known = stats.beta(met + 0.5, cohort - met + 0.5)
    for count in (0, size // 2, size):
        mixed = integrate.quad(
            lambda p, k=count: stats.binom.pmf(k, size, p) * known.pdf(p), 0, 1, limit=400
        )[0]
        assert found[count] == pytest.approx(mixed, rel=1e-4, abs=1e-9)
    assert found.sum() == pytest.approx(1.0)


def test_an_endless_cohort_makes_a_count_binomial() -> None:
    found = count_distribution(0.3, 10**7, 12)
    assert found == pytest.approx(stats.binom.pmf(np.arange(13), 12, 0.3), rel=1e-4)


def hypergeometric_p(first: int, second: int, sizes: tuple[int, int]) -> float:
    """Two-sided p value of Fisher's test: all tables as unlikely as the one that was seen."""
    total, met = sum(sizes), first + second
    chances = {
        k: math.comb(sizes[0], k) * math.comb(sizes[1], met - k) / math.comb(total, met)
        for k in range(max(0, met - sizes[1]), min(sizes[0], met) + 1)
    }
    return sum(one for one in chances.values() if one <= chances[first] * (1 + 1e-7))


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.5), (0.9, 0.1), (0.0, 1.0), (0.3, 0.7)])
def test_no_difference_sums_every_table_that_fishers_test_lets_pass(
    first: float, second: float
) -> None:
    sizes = (7, 6)
    chance = sum(
        math.comb(7, i) * first**i * (1 - first) ** (7 - i)
        * math.comb(6, j) * second**j * (1 - second) ** (6 - j)
        for i in range(8)
        for j in range(7)
        if hypergeometric_p(i, j, sizes) >= 0.05
    )  # fmt: skip
    assert shares_without_difference(first, second, sizes) == pytest.approx(chance)


def draws(count: int = 500) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(7)
    own = generator.normal(-10.0, 6.0, count)
    return own + generator.normal(4.0, 5.0, count), own + 1.0


def test_a_crossover_is_the_paired_t_test_of_each_trial() -> None:
    arm, reference = draws()
    rows = bootstrap_rows(arm.size, 12, TRIALS, 3)
    test = stats.ttest_rel(arm[rows], reference[rows], axis=1)
    significant = test.pvalue < 0.05
    expected = (
        np.mean(significant & (test.statistic > 0)),
        np.mean(~significant),
        np.mean(significant & (test.statistic < 0)),
    )
    found = paired_significance(arm, reference, 12, 3, paired=True)
    assert found == pytest.approx(expected)
    assert min(expected[:2]) > 0.05


def test_parallel_groups_are_the_t_test_of_each_trial() -> None:
    arm, reference = draws()
    a = arm[bootstrap_rows(arm.size, 10, TRIALS, 3)]
    b = reference[bootstrap_rows(reference.size, 10, TRIALS, 4)]
    test = stats.ttest_ind(a, b, axis=1)
    expected = float(np.mean((test.pvalue < 0.05) & (test.statistic > 0)))
    smaller, same, larger = paired_significance(arm, reference, 20, 3, paired=False)
    assert smaller == pytest.approx(expected)
    assert smaller + same + larger == pytest.approx(1.0)


@pytest.mark.parametrize("effect", [0.0, 0.5, 1.0])
def test_a_crossover_has_the_power_of_the_noncentral_t(effect: float) -> None:
    generator = np.random.default_rng(1)
    reference = generator.normal(-12.0, 9.0, 40_000)
    arm = reference + effect * 6.0 + generator.normal(0.0, 6.0, 40_000)
    size = 16
    limit = stats.t.ppf(0.975, size - 1)
    power = stats.nct.sf(limit, size - 1, effect * math.sqrt(size))
    smaller, _, larger = paired_significance(arm, reference, size, 5, paired=True)
    assert smaller == pytest.approx(power, abs=0.025)
    if effect == 0.0:
        assert larger == pytest.approx(0.025, abs=0.015)


def test_a_crossover_finds_what_parallel_groups_miss() -> None:
    arm, reference = draws()
    crossover = paired_significance(arm, reference, 20, 3, paired=True)[0]
    assert crossover > paired_significance(arm, reference, 20, 3, paired=False)[0] + 0.1


def test_a_ratio_is_that_of_the_means_of_the_same_patients() -> None:
    arm, reference = draws(50)
    rows = bootstrap_rows(50, 9, TRIALS, 11)
    expected = [arm[one].sum() / reference[one].sum() for one in rows]
    assert ratio_of_means(arm, reference, 9, 11) == pytest.approx(np.array(expected))


def test_a_trial_without_a_reference_change_has_no_ratio() -> None:
    assert np.isnan(ratio_of_means(np.ones(5), np.zeros(5), 4, 1)).all()


def test_a_pool_without_noise_is_the_cohort_over_and_over(by_hand: SimpleNamespace) -> None:
    course = by_hand.course(baseline=[40.0, 30.0, 40.0, 30.0], relief=[0.5, 0.5, 0.1, 0.8])
    pool = draw_pool(
        course, 24.0, control="active", context=by_hand.context(), scale="madrs", seed=1
    )
    assert pool.change.reshape(-1, 4)[0].tolist() == [-20.0, -15.0, -4.0, -24.0]
    assert (pool.change.reshape(-1, 4) == pool.change[:4]).all()
    assert pool.outcome("response")[:4].tolist() == [1.0, 1.0, 0.0, 1.0]
    assert pool.outcome("remission")[:4].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert pool.outcome("madrs_change") is pool.change
    assert (pool.change.size, pool.cohort) == (2048, 4)


def test_an_arm_without_drug_has_no_context(by_hand: SimpleNamespace) -> None:
    context = by_hand.context(change={"active": -6.0}, between_patient_sd=3.0)
    options = {"context": context, "scale": "madrs", "seed": 1}
    nothing = draw_pool(by_hand.course(relief=0.0), 24.0, control=None, **options)
    assert not nothing.change.any()
    active = draw_pool(by_hand.course(relief=0.0), 24.0, control="active", **options)
    assert active.change.mean() == pytest.approx(-6.0, abs=4 * 3.0 / math.sqrt(2048))


def test_two_sessions_share_the_patient_and_not_the_rating(by_hand: SimpleNamespace) -> None:
    context = by_hand.context(between_patient_sd=8.0, visit_sd=6.0, rise_h=1e-3)
    first, second = (
        draw_pool(
            by_hand.course(30.0, relief=0.0), 24.0, control="active", context=context, scale="madrs",
            seed=1, session=session,
        ).change
        for session in (0, 1)
    )  # fmt: skip
    # Pythagoras: 8 and 6 make 10; the sessions share 64 of 100, and rounding adds a twelfth.
    assert first.std() == pytest.approx(math.sqrt(100 + 1 / 12), rel=0.04)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.64, abs=0.04)


def test_a_pool_on_another_scale_counts_its_points(by_hand: SimpleNamespace) -> None:
    options = {"control": None, "context": by_hand.context(), "seed": 1}
    course = by_hand.course(baseline=40.0, relief=0.5)
    madrs = draw_pool(course, 24.0, scale="madrs", **options)
    hamd = draw_pool(course, 24.0, scale="hamd17", **options)
    assert (madrs.change == -20.0).all()
    # HAM-D-17 has 52 points where MADRS has 60: the same patient falls by fewer of them.
    assert (hamd.change > madrs.change).all()
    assert (hamd.change < -10.0).all()
    assert (hamd.change == np.round(hamd.change)).all()


def test_a_failed_patient_has_no_rating(by_hand: SimpleNamespace) -> None:
    pool = draw_pool(
        by_hand.course(relief=[0.5, np.nan]), 24.0, control=None, context=by_hand.context(),
        scale="madrs", seed=1,
    )  # fmt: skip
    for outcome in (pool.change, pool.response, pool.remission):
        assert np.isnan(outcome[1::2]).all()
        assert not np.isnan(outcome[0::2]).any()
