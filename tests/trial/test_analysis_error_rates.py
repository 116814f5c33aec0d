"""Type I error of every analysis with nothing to find: 5 % within Monte-Carlo error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ketasim.trial.analysis import (
    BatchEstimate,
    ancova_batch,
    cox_batch,
    log_rank_batch,
    logistic,
    mmrm_batch,
    multiple_imputation,
    risk_difference,
    t_test_batch,
)
from ketasim.trial.analysis.reml import Degrees  # noqa: TC001
from ketasim.trial.data import TrialData

ARMS = ("drug", "placebo")


def assert_five_percent(p: np.ndarray, truth: float = 0.05) -> None:
    """Two-sided bounds that a correct test breaks once in a thousand seeds."""
    assert not np.isnan(p).any()
    low, high = stats.binom.ppf([0.0005, 0.9995], p.size, truth) / p.size
    assert low <= np.mean(p < 0.05) <= high


def assert_covers(found: BatchEstimate, truth: float) -> None:
    outside = (found.ci_low > truth) | (found.ci_high < truth)
    low, high = stats.binom.ppf([0.0005, 0.9995], outside.size, 0.05) / outside.size
    assert low <= outside.mean() <= high


def null(replicates: int, n: int, *, sd_active: float = 9.0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(20_260)
    active = np.arange(n) < n // 2
    baseline = rng.normal(32, 5, (replicates, n))
    sd = np.where(active, sd_active, 9.0)
    change = -10 - 0.4 * (baseline - 32) + sd * rng.normal(size=(replicates, n))
    change[rng.random((replicates, n)) < 0.1] = np.nan
    return change, baseline, active, rng.integers(0, 3, (replicates, n))


@pytest.mark.parametrize("n", [20, 100])
@pytest.mark.parametrize("equal", [True, False])
def test_t_test(n: int, equal: bool) -> None:
    change, _, active, _ = null(4000, n)
    found = t_test_batch(change, active, equal_variance=equal)
    assert_five_percent(found.p)
    assert_covers(t_test_batch(change - 3.0 * active, active, equal_variance=equal), -3.0)


def test_welch_holds_with_unequal_variance_and_sizes() -> None:
    change, _, active, _ = null(4000, 90, sd_active=20.0)
    change[:, 10:45] = np.nan
    assert_five_percent(t_test_batch(change, active).p)
    pooled = t_test_batch(change, active, equal_variance=True)
    assert np.mean(pooled.p < 0.05) > 0.1  # which is why Welch's test is the default


@pytest.mark.parametrize("robust", [True, False])
def test_ancova(robust: bool) -> None:
    change, baseline, active, stratum = null(4000, 100)
    found = ancova_batch(change, baseline, active, stratum=stratum, robust=robust)
    assert_five_percent(found.p)


def test_robust_ancova_holds_with_unequal_variance_and_sizes() -> None:
    change, baseline, active, _ = null(4000, 200, sd_active=18.0)
    change[:, 40:100] = np.nan
    assert_five_percent(ancova_batch(change, baseline, active, robust=True).p)
    plain = ancova_batch(change, baseline, active)
    assert np.mean(plain.p < 0.05) > 0.08


def repeated(replicates: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dropout that depends on the last value seen, in both arms alike."""
    rng = np.random.default_rng(77)
    baseline = rng.normal(32, 5, (replicates, n))
    person = rng.normal(0, 6, (replicates, n, 1))
    change = -8 + person + rng.normal(0, 1, (replicates, n, 3)) * [5, 6, 8]
    stays = np.ones((replicates, n), bool)
    for visit in (1, 2):
        poor = change[:, :, visit - 1] > -4
        stays &= rng.random((replicates, n)) > np.where(poor, 0.25, 0.05)
        change[:, :, visit][~stays] = np.nan
    return change, baseline, np.arange(n) % 2 == 0


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("degrees", "n"), [("satterthwaite", 60), ("satterthwaite", 200), ("kenward-roger", 24)]
)
def test_mmrm(degrees: Degrees, n: int) -> None:
    change, baseline, active = repeated(2000, n)
    assert_five_percent(mmrm_batch(change, baseline, active, degrees=degrees).p)


def test_times_to_relapse() -> None:
    rng = np.random.default_rng(5)
    hours = rng.exponential(500, (4000, 200))
    follow_up = rng.uniform(200, 900, (4000, 200))
    given = np.minimum(hours, follow_up), hours < follow_up, np.arange(200) % 2 == 0
    assert_five_percent(cox_batch(*given).p)
    assert_five_percent(log_rank_batch(*given).p)


def trials(replicates: int, n: int) -> list[TrialData]:
    change, baseline, active = repeated(replicates, n)
    hours = np.array([24.0, 168.0, 672.0])
    return [
        TrialData(np.where(active, 0, 1), base, base[:, None] + one, hours, ARMS)
        for one, base in zip(change, baseline, strict=True)
    ]


@pytest.mark.sweep
def test_rates() -> None:
    data = trials(2000, 200)
    # Half of the baseline is response in about one patient in seven, too few for a normal test;
    # remission below 24 is about half of them.
    odds = [logistic(one, 24.0, *ARMS, outcome="remission", cutoff=24) for one in data]
    assert_five_percent(np.array([one.p for one in odds]))
    rates = [risk_difference(one, 24.0, *ARMS, outcome="remission", cutoff=24) for one in data]
    assert_five_percent(np.array([one.p for one in rates]))


@pytest.mark.sweep
def test_multiple_imputation_at_random() -> None:
    found = [
        multiple_imputation(one, 672.0, *ARMS, imputations=10, seed=seed)
        for seed, one in enumerate(trials(2000, 60))
    ]
    assert_five_percent(np.array([one.p for one in found]))
