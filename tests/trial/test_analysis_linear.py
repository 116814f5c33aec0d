"""The t test and the analysis of covariance, single and in batches, against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ketasim.errors import InputError
from ketasim.trial.analysis import ancova, ancova_batch, crossover, t_test, t_test_batch
from ketasim.trial.data import TrialData

FIELDS = ("estimate", "se", "df", "ci_low", "ci_high", "p")


def trial(seed: int = 1, n: int = 50, **changes: object) -> TrialData:
    rng = np.random.default_rng(seed)
    arm = (rng.random(n) < 0.4).astype(int)
    baseline = rng.normal(33, 5, n).round()
    score = 0.5 * baseline + 6 * arm + rng.normal(0, 8 + 3 * arm, n)
    score[rng.random(n) < 0.15] = np.nan
    given = {
        "arm": arm, "baseline": baseline, "values": score[:, None], "visits_h": np.array([24.0]),
        "arms": ("drug", "placebo"), "stratum": rng.integers(0, 3, n),
    }  # fmt: skip
    return TrialData(**{**given, **changes})


def groups(data: TrialData) -> tuple[np.ndarray, np.ndarray]:
    change = data.change[:, 0]
    return tuple(change[(data.arm == k) & ~np.isnan(change)] for k in (0, 1))


@pytest.mark.parametrize("equal", [True, False])
def test_t_test_agrees_with_scipy(equal: bool) -> None:
    data = trial()
    test = stats.ttest_ind(*groups(data), equal_var=equal)
    found = t_test(data, 24.0, "drug", "placebo", equal_variance=equal)
    limits = test.confidence_interval()
    assert (found.p, found.df) == pytest.approx((test.pvalue, test.df), rel=1e-10)
    assert (found.ci_low, found.ci_high) == pytest.approx((limits.low, limits.high), rel=1e-10)
    assert found.estimate / found.se == pytest.approx(test.statistic, rel=1e-10)
    assert found.n == sum(len(one) for one in groups(data))


@pytest.mark.parametrize("equal", [True, False])
def test_batch_t_test_agrees_with_the_single_one(equal: bool) -> None:
    data = [trial(seed) for seed in range(5)]
    single = [t_test(one, 24.0, "drug", "placebo", equal_variance=equal) for one in data]
    many = t_test_batch(
        [one.change[:, 0] for one in data], [one.arm == 0 for one in data], equal_variance=equal
    )
    for field in FIELDS:
        expected = [getattr(one, field) for one in single]
        assert getattr(many, field) == pytest.approx(expected, rel=1e-10), field


@pytest.mark.parametrize("robust", [True, False])
@pytest.mark.parametrize("strata", [True, False])
def test_batch_ancova_agrees_with_statsmodels(robust: bool, strata: bool) -> None:
    data = [trial(seed) for seed in range(5)]
    single = [ancova(one, 24.0, "drug", "placebo", strata=strata, robust=robust) for one in data]
    many = ancova_batch(
        [one.change[:, 0] for one in data],
        [one.baseline for one in data],
        [one.arm == 0 for one in data],
        stratum=[one.stratum for one in data] if strata else None,
        robust=robust,
    )
    for field in FIELDS:
        expected = [getattr(one, field) for one in single]
        assert getattr(many, field) == pytest.approx(expected, rel=1e-10), field


def test_ancova_agrees_with_a_formula() -> None:
    import statsmodels.formula.api as smf

    data = trial()
    table = data.to_frame()
    table = table[table.visit != "baseline"].assign(
        base=data.baseline, stratum=data.stratum, drug=data.arm == 0
    )
    fit = smf.ols("value ~ drug + base + C(stratum)", table).fit()
    found = ancova(data, 24.0, "drug", "placebo")
    name = "drug[T.True]"
    assert (found.estimate, found.se) == pytest.approx((fit.params[name], fit.bse[name]), rel=1e-9)
    assert (found.p, found.df) == pytest.approx((fit.pvalues[name], fit.df_resid), rel=1e-9)


def test_an_empty_stratum_is_left_out_of_its_replicate() -> None:
    data = trial()
    here = data.stratum != 0
    change = data.change[:, 0]
    whole = np.stack([change, np.where(here, change, np.nan)])
    many = ancova_batch(whole, data.baseline, data.arm == 0, stratum=data.stratum)
    rest = TrialData(
        data.arm[here], data.baseline[here], data.values[here], data.visits_h, data.arms,
        stratum=data.stratum[here],
    )  # fmt: skip
    single = ancova(rest, 24.0, "drug", "placebo")
    for field in FIELDS:
        assert getattr(many, field)[1] == pytest.approx(getattr(single, field), rel=1e-10), field


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shift=st.floats(-50, 50),
    scale=st.floats(0.05, 20),
    robust=st.booleans(),
)
def test_shift_scale_and_relabelling(seed: int, shift: float, scale: float, robust: bool) -> None:
    data = trial(seed)
    change, active = data.change[None, :, 0], data.arm == 0
    one = ancova_batch(change, data.baseline, active, robust=robust)
    moved = ancova_batch(scale * change + shift, data.baseline, ~active, robust=robust)
    assert moved.estimate == pytest.approx(-scale * one.estimate, rel=1e-7, abs=1e-9)
    assert moved.se == pytest.approx(scale * one.se, rel=1e-8)
    assert moved.p == pytest.approx(one.p, rel=1e-6)
    first = t_test_batch(change, active)
    second = t_test_batch(scale * change + shift, ~active)
    assert second.estimate == pytest.approx(-scale * first.estimate, rel=1e-7, abs=1e-9)
    assert second.se == pytest.approx(scale * first.se, rel=1e-8)
    assert second.df == pytest.approx(first.df, rel=1e-8)


def test_a_benefit_is_a_fall_and_a_positive_effect_size() -> None:
    data = trial(n=400)
    for found in (t_test(data, 24.0, "drug", "placebo"), ancova(data, 24.0, "drug", "placebo")):
        assert found.estimate < 0 < found.effect_size
        assert found.ci_low < found.estimate < found.ci_high


MISSING = np.full((50, 1), np.nan)


@pytest.mark.parametrize("analyse", [t_test, ancova])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"values": MISSING}, "arm 'drug' has 0 observed patients, and 2 are needed"),
        ({"arm": np.ones(50, int)}, "arm 'drug' has 0 observed patients, and 2 are needed"),
        ({"arm": (np.arange(50) > 0).astype(int), "values": np.full((50, 1), 9.0)},
         "arm 'drug' has 1 observed patients, and 2 are needed"),
        ({"values": np.full((50, 1), 9.0), "baseline": np.full(50, 20.0)}, ""),
    ],
)  # fmt: skip
def test_no_solution_is_nan_and_a_reason(analyse, changes, reason: str) -> None:
    found = analyse(trial(**changes), 24.0, "drug", "placebo")
    assert found.failed
    assert np.isnan([found.se, found.df, found.ci_low, found.p, found.effect_size]).all()
    assert found.note
    assert reason in found.note


@pytest.mark.parametrize("robust", [True, False])
def test_singular_replicates_are_nan_and_leave_the_others(robust: bool) -> None:
    data = trial()
    change = np.stack([data.change[:, 0]] * 4)
    change[1, data.arm == 0] = np.nan  # no active arm
    change[2] = 5.0  # no variation
    baseline = np.stack([data.baseline] * 4)
    baseline[3] = data.arm  # the baseline is the arm
    many = ancova_batch(change, baseline, data.arm == 0, robust=robust)
    alone = ancova(data, 24.0, "drug", "placebo", strata=False, robust=robust)
    assert many.estimate[0] == pytest.approx(alone.estimate, rel=1e-10)
    for field in FIELDS:
        assert np.isnan(getattr(many, field)).tolist() == [False, True, True, True], field
    plain = t_test_batch(change, data.arm == 0)
    assert np.isnan(plain.p).tolist() == [False, True, True, False]


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(3,\) do not fit"):
        t_test_batch(np.zeros((2, 4)), np.ones(3, bool))


def periods(seed: int = 2, n: int = 14) -> TrialData:
    rng = np.random.default_rng(seed)
    person = np.tile(np.arange(n), 2)
    period = np.repeat([1, 2], n)
    arm = (np.arange(n) % 2)[person] ^ (period == 2)
    score = 15 + rng.normal(0, 6, n)[person] + 5 * arm - 3 * (period == 2) + rng.normal(0, 3, 2 * n)
    return TrialData(
        arm, np.full(2 * n, 30.0), score[:, None], np.array([24.0]), ("drug", "placebo"),
        period=period, patient=person,
    )  # fmt: skip


def test_crossover_is_the_mean_of_the_two_orders() -> None:
    data = periods()
    table = data.change[:, 0].reshape(2, 14)
    even, odd = np.arange(14) % 2 == 0, np.arange(14) % 2 == 1
    first, second = (table[0] - table[1])[even], (table[1] - table[0])[odd]
    found = crossover(data, 24.0, "drug", "placebo")
    assert found.estimate == pytest.approx((first.mean() + second.mean()) / 2, rel=1e-10)
    # The difference of the orders' means is twice the period: half of it is Student's t test.
    test = stats.ttest_ind(first, -second)
    half = test.confidence_interval()
    assert found.se == pytest.approx((half.high - half.low) / 4 / stats.t.ppf(0.975, 12), rel=1e-9)
    assert (found.df, found.n) == (12, 14)


def test_crossover_with_one_order_is_the_paired_t_test() -> None:
    data = periods()
    kept = np.isin(data.patient, np.arange(0, 14, 2))
    part = TrialData(
        data.arm[kept], data.baseline[kept], data.values[kept], data.visits_h, data.arms,
        period=data.period[kept], patient=data.patient[kept],
    )  # fmt: skip
    table = part.change[:, 0].reshape(2, 7)
    test = stats.ttest_rel(table[0], table[1])
    found = crossover(part, 24.0, "drug", "placebo")
    assert (found.p, found.df) == pytest.approx((test.pvalue, 6), rel=1e-10)


def test_crossover_refuses_a_parallel_trial_and_lone_patients() -> None:
    with pytest.raises(InputError, match="no crossover"):
        crossover(trial(), 24.0, "drug", "placebo")
    data = periods(n=1)
    assert "0 patients" in crossover(
        TrialData(
            data.arm, data.baseline, np.array([[9.0], [np.nan]]), data.visits_h, data.arms,
            period=data.period, patient=data.patient,
        ),
        24.0, "drug", "placebo",
    ).note  # fmt: skip
