"""Multiple imputation: the posterior, the strategies, Rubin's rules."""

from __future__ import annotations

import numpy as np
import pytest

from ketasim.errors import InputError, UnknownNameError
from ketasim.trial.analysis import ancova, impute, mmrm, multiple_imputation, pool
from ketasim.trial.data import TrialData

ARMS = ("drug", "placebo")
REFERENCE = ("jump_to_reference", "copy_reference", "copy_increments")


def trial(seed: int = 6, n: int = 160, dropout: float = 0.3, gaps: float = 0.0) -> TrialData:
    """A drug that works from the first visit on; who drops out has no later value."""
    rng = np.random.default_rng(seed)
    arm = np.arange(n) % 2
    baseline = rng.normal(32, 5, n)
    person = rng.normal(0, 6, (n, 1))
    effect = np.array([-6.0, -8.0, -10.0]) * (arm == 0)[:, None]
    change = np.array([-4.0, -6.0, -7.0]) + effect + person + rng.normal(0, 4, (n, 3))
    values = baseline[:, None] + change
    last = np.where(rng.random(n) < dropout, rng.integers(0, 3, n), 3)
    values[np.arange(3)[None, :] >= last[:, None]] = np.nan
    values[rng.random((n, 3)) < gaps] = np.nan
    hours = np.array([24.0, 168.0, 672.0])
    stopped = np.where(last < 3, np.concatenate([[1.0], hours])[last], np.nan)
    return TrialData(arm, baseline, values, hours, ARMS, stopped_h=stopped)


def test_complete_data_need_no_imputation() -> None:
    data = trial(dropout=0.0)
    plain = ancova(data, 672.0, *ARMS)
    for strategy in ("missing_at_random", *REFERENCE):
        found = multiple_imputation(data, 672.0, *ARMS, strategy=strategy, imputations=3)
        assert (found.estimate, found.se) == pytest.approx((plain.estimate, plain.se), rel=1e-9)


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_missing_at_random_agrees_with_the_mixed_model(gaps: float) -> None:
    data = trial(gaps=gaps)
    found = multiple_imputation(data, 672.0, *ARMS, imputations=400)
    model = mmrm(data, 672.0, *ARMS)
    # The noise of 400 imputations is the between variance over 400: under 0.04 of the error here.
    assert found.estimate == pytest.approx(model.estimate, abs=0.12 * model.se)
    assert found.se == pytest.approx(model.se, rel=0.08)
    assert model.estimate < ancova(data, 672.0, *ARMS).estimate + 5
    assert found.df < 157


def test_seen_values_stay_and_missing_ones_vary() -> None:
    data = trial(gaps=0.1)
    filled = impute(data, *ARMS, imputations=4)
    seen = ~np.isnan(data.change)
    assert filled.shape == (4, 160, 3)
    assert np.array_equal(filled[:, seen], np.repeat(data.change[seen][None], 4, axis=0))
    assert np.isfinite(filled).all()
    assert (filled[:, ~seen].std(axis=0) > 0.1).all()


def test_the_imputed_values_have_the_conditional_mean_and_spread_of_the_model() -> None:
    data = trial(n=600, seed=1)
    filled = impute(data, *ARMS, imputations=200)
    lost = np.isnan(data.change[:, 2]) & ~np.isnan(data.change[:, 1]) & ~np.isnan(data.baseline)
    # By hand: the third visit given the first two has slope 36/88 on each, and the drug's effects.
    centre = np.array([-4.0, -6.0, -7.0]) + np.array([-6.0, -8.0, -10.0]) * (data.arm[:, None] == 0)
    deviation = (data.change - centre)[:, :2].sum(axis=1)
    expected = centre[:, 2] + 36 / 88 * deviation
    gap = filled[:, lost, 2].mean(axis=0) - expected[lost]
    assert abs(gap.mean()) < 1.0
    spread = filled[:, lost, 2].std(axis=0).mean()
    assert spread == pytest.approx(np.sqrt(52 - 2 * 36 * 36 / 88), rel=0.08)


def test_reference_strategies_order_as_their_assumptions() -> None:
    data = trial(n=400)
    found = {
        one: multiple_imputation(data, 672.0, *ARMS, strategy=one, imputations=100).estimate
        for one in ("missing_at_random", *REFERENCE)
    }
    # The effect grows with time: keeping what was gained lies between keeping all and losing all.
    assert found["missing_at_random"] < found["copy_increments"] < found["jump_to_reference"] < 0
    assert found["missing_at_random"] < found["copy_reference"] < found["jump_to_reference"]


def test_only_the_active_arm_depends_on_the_strategy() -> None:
    data = trial(n=300)
    control = data.arm == 1
    # Without values after the event, all strategies have the same base model and the same draws.
    reference = {one: impute(data, *ARMS, strategy=one, imputations=3) for one in REFERENCE}
    for one in REFERENCE[1:]:
        assert np.array_equal(reference[one][:, control], reference[REFERENCE[0]][:, control])
        assert not np.array_equal(reference[one], reference[REFERENCE[0]])


def test_the_means_of_the_strategies_by_hand() -> None:
    """With almost no noise the imputed values are the means themselves."""
    n = 60
    arm = np.arange(n) % 2
    rng = np.random.default_rng(0)
    mean = np.where(arm[:, None] == 0, [-10.0, -14.0, -20.0], [-3.0, -5.0, -6.0])
    change = mean + rng.normal(0, 1e-3, (n, 3))
    change[0, 1:] = np.nan
    change[2, :] = np.nan
    data = TrialData(
        arm, np.linspace(20, 40, n), np.linspace(20, 40, n)[:, None] + change,
        np.array([24.0, 168.0, 672.0]), ARMS,
    )  # fmt: skip
    expected = {
        "missing_at_random": ([-14, -20], [-10, -14, -20]),
        "jump_to_reference": ([-5, -6], [-3, -5, -6]),
        "copy_increments": ([-12, -13], [-3, -5, -6]),
    }
    for strategy, (after, never) in expected.items():
        filled = impute(data, *ARMS, strategy=strategy, imputations=5)
        assert filled[:, 0, 1:].mean(axis=0) == pytest.approx(after, abs=0.01), strategy
        assert filled[:, 2].mean(axis=0) == pytest.approx(never, abs=0.01), strategy
    # Copy reference carries the deviation of what was seen from the reference forward, by the
    # covariance: the mean of the reference plus the regression on a deviation of -7 points.
    filled = impute(data, *ARMS, strategy="copy_reference", imputations=200)
    assert filled[:, 2].mean(axis=0) == pytest.approx([-3, -5, -6], abs=0.01)
    spread = np.cov((change - mean)[3:].T)
    slope = spread[0, 1:] / spread[0, 0]
    expected_copy = np.array([-5, -6]) - 7 * slope
    assert filled[:, 0, 1:].mean(axis=0) == pytest.approx(expected_copy, abs=1.0)


def test_values_after_the_event_count_but_do_not_teach_the_model() -> None:
    data = trial(n=300)
    late = np.where(np.isnan(data.values) & (data.arm == 0)[:, None], 80.0, data.values)
    seen = TrialData(data.arm, data.baseline, late, data.visits_h, ARMS, stopped_h=data.stopped_h)
    gone = data.after_stop & (data.arm == 0)[:, None]
    filled = impute(seen, *ARMS, strategy="jump_to_reference", imputations=2)
    assert np.array_equal(filled[0][gone], seen.change[gone])
    others = impute(data, *ARMS, strategy="jump_to_reference", imputations=2)
    control = data.arm == 1
    # Scores of 80 would move the covariance, and with it the control arm, if the model saw them.
    assert np.abs(filled[:, control] - others[:, control]).max() < 30


def test_the_same_seed_gives_the_same_result_bit_for_bit() -> None:
    one = multiple_imputation(trial(), 672.0, *ARMS, seed=3, imputations=5)
    same = multiple_imputation(trial(), 672.0, *ARMS, seed=3, imputations=5)
    other = multiple_imputation(trial(), 672.0, *ARMS, seed=4, imputations=5)
    assert one == same
    assert one.estimate != other.estimate


def test_response_is_judged_in_the_imputed_trials() -> None:
    found = multiple_imputation(trial(), 672.0, *ARMS, outcome="response", imputations=10)
    assert found.unit == "log odds ratio"
    assert found.estimate > 0
    assert found.n == 160
    with pytest.raises(UnknownNameError, match="unknown outcome"):
        multiple_imputation(trial(), 672.0, *ARMS, outcome="cure", imputations=2)


def test_rubins_rules_by_hand() -> None:
    estimate, se, df = pool([1.0, 2.0, 4.0], [0.5, 0.6, 0.7], 30.0)
    within, between = (0.25 + 0.36 + 0.49) / 3, 7 / 3
    total = within + 4 / 3 * between
    share = 4 / 3 * between / total
    assert estimate == pytest.approx(7 / 3)
    assert se == pytest.approx(np.sqrt(total))
    seen = 31 / 33 * 30 * (1 - share)
    assert df == pytest.approx(1 / (share**2 / 2 + 1 / seen))
    assert pool([1.0, 2.0, 4.0], [0.5, 0.6, 0.7], np.inf)[2] == pytest.approx(2 / share**2)


def test_rubins_rules_without_variation_between() -> None:
    assert pool([2.0, 2.0], [0.5, 0.5], 30.0) == pytest.approx((2.0, 0.5, 31 / 33 * 30))
    assert pool([2.0, 2.0], [0.5, 0.5], np.inf) == (2.0, 0.5, np.inf)


@pytest.mark.parametrize(("values", "errors"), [([1.0], [1.0]), ([1.0, 2.0], [1.0])])
def test_rubins_rules_need_two(values: list[float], errors: list[float]) -> None:
    with pytest.raises(InputError, match="cannot be pooled"):
        pool(values, errors, 10.0)


def test_too_few_patients_are_a_reason() -> None:
    data = trial(n=6, dropout=0.0)
    found = multiple_imputation(data, 672.0, *ARMS)
    assert not found.failed
    tiny = trial(n=4, dropout=0.0)
    found = multiple_imputation(tiny, 672.0, *ARMS)
    assert found.failed
    assert "too few patients" in found.note


def test_an_arm_without_any_value_is_a_reason() -> None:
    data = trial()
    values = np.where((data.arm == 0)[:, None], np.nan, data.values)
    empty = TrialData(data.arm, data.baseline, values, data.visits_h, ARMS)
    found = multiple_imputation(empty, 672.0, *ARMS)
    assert found.failed
    assert "arm 'drug' has 0 observed patients" in found.note


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="at least two imputations"):
        impute(trial(), *ARMS, imputations=1)
    with pytest.raises(UnknownNameError, match="did you mean jump_to_reference"):
        impute(trial(), *ARMS, strategy="jump_to_ref")
