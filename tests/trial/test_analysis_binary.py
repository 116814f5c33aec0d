"""Rates, odds, hazards and standardised differences."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ketasim.errors import InputError, UnknownNameError
from ketasim.trial.analysis import (
    cohen_d,
    cox,
    cox_batch,
    hedges_g,
    log_rank,
    log_rank_batch,
    logistic,
    outcome_of,
    risk_difference,
)
from ketasim.trial.data import TrialData

ARMS = ("drug", "placebo")


def rated(score: np.ndarray, arm: np.ndarray, baseline: float = 30.0, **more: object) -> TrialData:
    base = np.broadcast_to(np.asarray(baseline, float), arm.shape).copy()
    return TrialData(arm, base, np.asarray(score, float)[:, None], np.array([24.0]), ARMS, **more)


def counts(k1: int, n1: int, k2: int, n2: int) -> TrialData:
    arm = np.repeat([0, 1], [n1, n2])
    met = np.concatenate([np.arange(n1) < k1, np.arange(n2) < k2])
    return rated(np.where(met, 5.0, 28.0), arm)


def drawn(seed: int = 4, n: int = 120) -> TrialData:
    rng = np.random.default_rng(seed)
    arm = np.arange(n) % 2
    baseline = rng.normal(32, 5, n)
    score = baseline - 10 - 6 * (arm == 0) + rng.normal(0, 9, n)
    score[:7] = np.nan
    return rated(score, arm, baseline, stratum=rng.integers(0, 2, n))


def test_outcomes_follow_the_scale() -> None:
    data = rated([15.0, 15.5, 10.0, 11.0, np.nan], np.array([0, 0, 1, 1, 1]))
    assert outcome_of(data, 24.0, "response")[:4].tolist() == [1, 0, 1, 1]
    assert np.isnan(outcome_of(data, 24.0, "response")[4])
    assert outcome_of(data, 24.0, "remission", cutoff=10)[:4].tolist() == [0, 0, 1, 0]
    assert outcome_of(data, 24.0, "remission", missing_is_failure=True)[4] == 0
    with pytest.raises(UnknownNameError, match="did you mean response"):
        outcome_of(data, 24.0, "respons")


def test_unadjusted_log_odds_are_those_of_the_table() -> None:
    found = logistic(counts(18, 40, 9, 38), 24.0, *ARMS, adjusted=False)
    expected = np.log(18 / 22 / (9 / 29))
    se = np.sqrt(1 / 18 + 1 / 22 + 1 / 9 + 1 / 29)
    # The weights of the standard error are those of the search's last step but one.
    assert (found.estimate, found.se) == pytest.approx((expected, se), rel=1e-6)
    assert found.effect_size == pytest.approx(expected * np.sqrt(3) / np.pi, rel=1e-8)
    assert found.p == pytest.approx(2 * stats.norm.sf(expected / se), rel=1e-5)


def test_adjusted_logistic_agrees_with_statsmodels_logit() -> None:
    data = drawn()
    met = outcome_of(data, 24.0, "response")
    seen = ~np.isnan(met)
    design = np.column_stack([np.ones(120), data.arm == 0, data.baseline, data.stratum == 1])
    fit = sm.Logit(met[seen], design[seen].astype(float)).fit(disp=False, tol=1e-12)
    found = logistic(data, 24.0, *ARMS)
    assert (found.estimate, found.se) == pytest.approx((fit.params[1], fit.bse[1]), rel=1e-6)
    assert found.n == 113


def test_swapping_the_arms_turns_the_sign() -> None:
    data = drawn()
    for compare in (logistic, risk_difference):
        one, other = compare(data, 24.0, *ARMS), compare(data, 24.0, *ARMS[::-1])
        assert one.estimate == pytest.approx(-other.estimate, rel=1e-8)
        assert one.ci_low == pytest.approx(-other.ci_high, rel=1e-8)
        assert one.estimate > 0
        assert one.effect_size > 0


@pytest.mark.parametrize(
    ("k1", "k2", "reason"),
    [(0, 5, "nobody in the active arm"), (20, 5, "everybody in the active arm"),
     (5, 0, "nobody in the control arm")],
)  # fmt: skip
def test_separation_by_the_arm_is_a_reason_and_no_huge_number(
    k1: int, k2: int, reason: str
) -> None:
    found = logistic(counts(k1, 20, k2, 20), 24.0, *ARMS, adjusted=False)
    assert found.failed
    assert reason in found.note
    assert np.isfinite(risk_difference(counts(k1, 20, k2, 20), 24.0, *ARMS).ci_low)


def test_separation_by_the_baseline_is_a_reason() -> None:
    rng = np.random.default_rng(0)
    baseline = np.concatenate([rng.uniform(20, 29, 30), rng.uniform(31, 40, 30)])
    score = np.where(baseline < 30, 5.0, baseline)
    found = logistic(rated(score, np.arange(60) % 2, baseline), 24.0, *ARMS)
    assert found.failed
    assert "separate" in found.note


def test_near_separation_still_has_its_estimate() -> None:
    rng = np.random.default_rng(0)
    baseline = np.concatenate([rng.uniform(20, 29, 30), rng.uniform(31, 40, 30)])
    score = np.where(baseline < 30, 5.0, baseline)
    score[[0, 40]] = score[[40, 0]]
    found = logistic(rated(score, np.arange(60) % 2, baseline), 24.0, *ARMS)
    assert not found.failed
    assert found.se < 5


def newcombe(k1: int, n1: int, k2: int, n2: int) -> tuple[float, float]:
    """Method 10 of Newcombe (1998): the root of squared distances to the two Wilson limits."""
    z = stats.norm.ppf(0.975)

    def wilson(k: int, n: int) -> tuple[float, float]:
        centre = (k + z * z / 2) / (n + z * z)
        half = z / (n + z * z) * np.sqrt(k * (n - k) / n + z * z / 4)
        return centre - half, centre + half

    (l1, u1), (l2, u2) = wilson(k1, n1), wilson(k2, n2)
    a, b = k1 / n1, k2 / n2
    return a - b - np.hypot(a - l1, u2 - b), a - b + np.hypot(u1 - a, b - l2)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_newcombe_interval(data: st.DataObject) -> None:
    n1, n2 = data.draw(st.integers(2, 60)), data.draw(st.integers(2, 60))
    k1, k2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    found = risk_difference(counts(k1, n1, k2, n2), 24.0, *ARMS)
    assert (found.ci_low, found.ci_high) == pytest.approx(newcombe(k1, n1, k2, n2), abs=1e-9)
    assert found.estimate == pytest.approx(k1 / n1 - k2 / n2)
    assert 0 <= found.p <= 1


# The first 60 patients of `lung` in R's survival 3.5-3 (Loprinzi et al. 1994, J Clin Oncol
# 12:601-607): days, and patients 1-based that were censored or women.
DAYS = """306 455 1010 210 883 1022 310 361 218 166 170 654 728 71 567 144 613 707 61 88 301 81 624 371
394 520 574 118 390 12 473 26 533 107 53 122 814 965 93 731 460 153 433 145 583 95 303 519 643 765
735 189 53 246 689 65 5 132 687 345"""
CENSORED = [3, 6, 38]
WOMEN = [7, 8, 12, 13, 19, 22, 26, 31, 34, 36, 38, 40, 42, 43, 44, 46, 50, 51, 57, 59, 60]


def lung(**changes: object) -> TrialData:
    hours = np.array(DAYS.split(), float)
    woman = np.isin(np.arange(1, 61), WOMEN)
    given = {
        "arm": np.where(woman, 0, 1), "baseline": np.full(60, 30.0), "values": np.ones((60, 1)),
        "visits_h": np.array([24.0]), "arms": ARMS, "event_h": hours,
        "event": ~np.isin(np.arange(1, 61), CENSORED),
    }  # fmt: skip
    return TrialData(**{**given, **changes})


def test_hazard_ratio_agrees_with_r() -> None:
    found = cox(lung(), *ARMS)
    assert found.estimate == pytest.approx(-0.116308033866, rel=1e-6)
    assert found.se == pytest.approx(0.279790911903, rel=1e-6)
    assert found.p == pytest.approx(0.677632283026, rel=1e-6)
    assert np.isnan(found.effect_size)


def test_log_rank_agrees_with_r() -> None:
    found = log_rank(lung(), *ARMS)
    assert found.p == pytest.approx(0.678617400895, rel=1e-6)
    assert found.estimate == cox(lung(), *ARMS).estimate


def test_strata_have_their_own_hazards() -> None:
    # Two strata that differ only in the unit of time: a shared hazard sees order, strata do not.
    once = lung()
    twice = {
        "arm": np.tile(once.arm, 2), "baseline": np.tile(once.baseline, 2),
        "values": np.ones((120, 1)), "event": np.tile(once.event, 2),
        "event_h": np.concatenate([once.event_h, once.event_h * 100]),
        "stratum": np.repeat([0, 1], 60),
    }  # fmt: skip
    assert cox(lung(**twice), *ARMS).estimate == pytest.approx(cox(once, *ARMS).estimate, rel=1e-6)
    assert log_rank(lung(**twice), *ARMS).p < log_rank(once, *ARMS).p


@pytest.mark.parametrize("strata", [True, False])
@pytest.mark.parametrize("unit", [1.0, 150.0], ids=["few ties", "many ties"])
def test_batch_of_times_agrees_with_statsmodels(strata: bool, unit: float) -> None:
    hours = np.ceil(lung().event_h / unit)
    rng = np.random.default_rng(3)
    orders = [np.arange(60), *(rng.permutation(60) for _ in range(4))]
    data = [
        lung(event_h=hours[one], event=lung().event[one], stratum=np.arange(60) % 3)
        for one in orders
    ]
    given = [one.event_h for one in data], [one.event for one in data], data[0].arm == 0
    stratum = data[0].stratum if strata else None
    many, tested = (batch(*given, stratum=stratum) for batch in (cox_batch, log_rank_batch))
    single = [cox(one, *ARMS, strata=strata) for one in data]
    for field in ("estimate", "se", "ci_low", "ci_high", "p"):
        expected = [getattr(one, field) for one in single]
        # statsmodels stops its search at a gradient of 1e-8 per patient.
        assert getattr(many, field) == pytest.approx(expected, rel=2e-5, abs=2e-6), field
    assert tested.p == pytest.approx([log_rank(one, *ARMS, strata=strata).p for one in data])
    assert np.isinf(many.df).all()


def test_replicates_without_a_maximum_are_nan_and_leave_the_others() -> None:
    hours = np.tile(lung().event_h, (3, 1))
    event = np.stack([lung().event, lung().arm == 1, np.zeros(60, bool)])
    found = cox_batch(hours, event, lung().arm == 0)
    assert np.isnan(found.estimate).tolist() == [False, True, True]
    assert np.isnan(found.p).tolist() == [False, True, True]
    assert np.isnan(log_rank_batch(hours, event, lung().arm == 0).p).tolist() == [
        False,
        False,
        True,
    ]
    early = cox_batch([[1.0, 2, 3, 4]], [[True] * 4], [True, True, False, False])
    assert np.isnan([early.estimate[0], early.se[0]]).all()
    with pytest.raises(InputError, match="do not fit"):
        cox_batch(hours, event[:2], lung().arm == 0)


def test_no_relapse_in_an_arm_is_a_reason() -> None:
    data = lung(event=lung().arm == 1)
    found = cox(data, *ARMS)
    assert found.failed
    assert "nobody in arm 'drug' relapsed" in found.note
    tested = log_rank(data, *ARMS)
    assert np.isnan(tested.estimate)
    assert 0 < tested.p < 1


def test_a_trial_without_times_is_refused() -> None:
    with pytest.raises(InputError, match="no times to relapse"):
        cox(counts(3, 9, 3, 9), *ARMS)


def test_effect_size_is_positive_for_a_benefit_and_corrected() -> None:
    rng = np.random.default_rng(8)
    active, control = rng.normal(-12, 9, 15), rng.normal(-6, 9, 12)
    d, g = cohen_d(active, control), hedges_g(active, control)
    pooled = np.sqrt((14 * active.var(ddof=1) + 11 * control.var(ddof=1)) / 25)
    assert d.estimate == pytest.approx((control.mean() - active.mean()) / pooled, rel=1e-12)
    assert d.estimate > 0
    # Hedges' own approximation 1 - 3 / (4 df - 1) is good to three figures.
    assert g.estimate / d.estimate == pytest.approx(1 - 3 / (4 * 25 - 1), abs=2e-4)


def test_noncentral_limits_put_the_t_value_at_the_tails() -> None:
    rng = np.random.default_rng(8)
    active, control = rng.normal(-12, 9, 15), rng.normal(-6, 9, 12)
    d = cohen_d(active, control)
    scale = np.sqrt(15 * 12 / 27)
    tails = stats.nct.cdf(d.estimate * scale, 25, np.array([d.ci_high, d.ci_low]) * scale)
    assert tails == pytest.approx([0.025, 0.975], abs=1e-8)
    normal = cohen_d(active, control, interval="normal")
    half = 1.959963984540054 * np.sqrt(27 / 180 + d.estimate**2 / 54)
    assert normal.ci_high - normal.estimate == pytest.approx(half, rel=1e-9)


@pytest.mark.parametrize(
    ("active", "reason"), [([1.0, np.nan], "fewer than two"), ([2.0, 2.0], "do not vary")]
)
def test_no_effect_size_is_nan_and_a_reason(active: list[float], reason: str) -> None:
    found = hedges_g(active, [2.0, 2.0])
    assert np.isnan([found.estimate, found.ci_low, found.ci_high]).all()
    assert reason in found.note
