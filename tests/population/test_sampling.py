from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from scipy import stats

from ketasim.errors import InputError, ModelError, UnknownNameError
from ketasim.evidence import load
from ketasim.model import load_model
from ketasim.model.calibration import Calibration
from ketasim.population import covariate_table, posterior_draws, virtual_patients

MODEL = load_model("article")
PLAIN = load_model("article", calibrated=False)


def calibrated(values, covariance, model=PLAIN):
    names = list(values)
    frame = pd.DataFrame(covariance, index=names, columns=names)
    return replace(model, calibration=Calibration("article", MappingProxyType(values), frame))


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.integers(0, 300), st.integers(1, 60))
def test_patient_k_is_the_same_in_every_cohort_that_holds_them(seed, first, patients):
    whole = virtual_patients(MODEL, 360, seed).table
    part = virtual_patients(MODEL, patients, seed, first=first).table
    pd.testing.assert_frame_equal(part, whole.loc[part.index], check_exact=True)


def test_another_seed_is_other_people():
    one, two = (virtual_patients(MODEL, 8, seed).table["weight"] for seed in (1, 2))
    assert (one != two).all()


def test_every_parameter_with_a_distribution_varies_and_no_other():
    table = virtual_patients(PLAIN, 16).table
    varying = PLAIN.table.index[PLAIN.table["distribution"] != "fixed"]
    assert set(table.columns) == {*varying, "sex", "madrs_baseline"}
    assert (table.drop(columns="sex").nunique() == 16).all()


@pytest.mark.parametrize("name", ["weight", "f_clearance_ketamine", "bdnf_gain"])
def test_drawn_values_follow_the_row(name):
    drawn = virtual_patients(PLAIN, 2048).table[name].to_numpy()
    row = PLAIN.table.loc[name]
    sigma = np.sqrt(np.log1p(row["cv"] ** 2))
    ends = np.log(np.array([row["lower"], row["upper"]]) / row["value"]) / sigma
    logs = stats.truncnorm(*ends, loc=np.log(row["value"]), scale=sigma)
    assert np.log(drawn).mean() == pytest.approx(logs.mean(), abs=2e-3)
    assert np.log(drawn).std() == pytest.approx(logs.std(), rel=5e-3)


def test_parameters_are_independent_of_each_other():
    table = virtual_patients(PLAIN, 1024).table.drop(columns="sex")
    apart = np.corrcoef(table.to_numpy().T) - np.eye(table.shape[1])
    assert np.abs(apart).max() < 0.06


def test_bounds_hold_and_are_said():
    cohort = virtual_patients(MODEL, 512)
    rows = MODEL.table.loc[[name for name in cohort.names if name in MODEL.table.index]]
    for name, row in rows.iterrows():
        assert cohort.table[name].min() >= np.nan_to_num(row["lower"], nan=-np.inf)
        assert cohort.table[name].max() <= np.nan_to_num(row["upper"], nan=np.inf)
    assert any("bounds truncate" in note and "age" in note for note in cohort.notes)


def test_a_hypothesis_moves_the_medians_and_not_the_patients():
    usual = virtual_patients(PLAIN, 64).table
    model = PLAIN.with_values({"opioid_tone": 0.10})
    other = virtual_patients(model, 64).table
    assert np.median(other["opioid_tone"]) == pytest.approx(0.10, rel=0.02)
    assert (usual["opioid_tone"].rank() == other["opioid_tone"].rank()).all()
    pd.testing.assert_frame_equal(
        usual.drop(columns="opioid_tone"), other.drop(columns="opioid_tone"), check_exact=True
    )


def test_the_same_people_with_and_without_uncertainty():
    sure = virtual_patients(MODEL, 64, uncertainty=False).table
    unsure = virtual_patients(MODEL, 64).table
    assert (sure["weight"] == unsure["weight"]).all()
    for name in MODEL.covariance().index:
        assert unsure[name].nunique() == 64


def test_calibrated_parameters_without_uncertainty_are_the_calibrations():
    table = virtual_patients(MODEL, 64, uncertainty=False).table
    fixed = set(MODEL.covariance().index) & set(
        MODEL.table.index[MODEL.table["distribution"] == "fixed"]
    )
    values = MODEL.values()
    for name in fixed & set(table.columns):
        assert (table[name] == values[name]).all()


def test_the_posterior_has_the_covariance_of_the_calibration():
    covariance = np.array([[0.04, 0.015], [0.015, 0.09]])
    model = calibrated({"glua1_rate": 1.5, "tau_ht1b_off": 60.0}, covariance)
    drawn = posterior_draws(model, 1, np.arange(6000))
    logs = np.log(np.column_stack([drawn["glua1_rate"], drawn["tau_ht1b_off"]]))
    # 24 h and 168 h are three standard deviations away; the truncation is within the tolerance.
    np.testing.assert_allclose(logs.mean(axis=0), np.log([1.5, 60.0]), atol=0.02)
    np.testing.assert_allclose(np.cov(logs.T), covariance, rtol=0.1)


def test_a_posterior_beyond_its_bounds_is_drawn_again():
    model = calibrated({"tau_ht1b_off": 60.0}, [[1.0]])
    drawn = posterior_draws(model, 1, np.arange(3000))["tau_ht1b_off"]
    assert (drawn >= 24.0).all()
    assert (drawn <= 168.0).all()
    ends = np.log(np.array([24.0, 168.0]) / 60.0)
    logs = stats.truncnorm(*ends, loc=np.log(60.0))
    assert stats.kstest(np.log(drawn), logs.cdf).pvalue > 0.01


def test_the_posterior_is_independent_of_the_people():
    model = calibrated({"tau_ht1b_off": 60.0}, [[0.04]])
    table = virtual_patients(model, 2000).table
    r = np.corrcoef(table["tau_ht1b_off"], table["weight"])[0, 1]
    assert abs(r) < 4 / np.sqrt(2000)


def test_variability_lies_around_each_patients_draw_from_the_posterior():
    values = {"glua1_rate": 1.5}
    table = virtual_patients(calibrated(values, [[0.25]]), 4000).table
    sigma = np.log1p(PLAIN.table.at["glua1_rate", "cv"] ** 2)
    assert np.log(table["glua1_rate"]).var() == pytest.approx(0.25 + sigma, rel=0.06)


def test_what_a_hypothesis_sets_is_not_drawn():
    model = calibrated({"tau_ht1b_off": 60.0}, [[0.04]]).with_values({"tau_ht1b_off": 100.0})
    assert posterior_draws(model, 1, np.arange(4)) == {}
    table = virtual_patients(model, 4).table
    assert "tau_ht1b_off" not in table or set(table["tau_ht1b_off"]) == {100.0}


def test_a_singular_covariance_can_be_drawn_from():
    names = {"tau_ht1b_off": 60.0, "glua1_rate": 1.5}
    drawn = posterior_draws(calibrated(names, [[0.04, 0.04], [0.04, 0.04]]), 1, np.arange(50))
    ratio = drawn["tau_ht1b_off"] / drawn["glua1_rate"]
    np.testing.assert_allclose(ratio, 40.0, rtol=1e-3)
    with pytest.raises(ModelError, match="negative variance"):
        posterior_draws(calibrated(names, [[0.04, 0.4], [0.4, 0.04]]), 1, np.arange(2))


def test_extra_rows_become_columns_and_take_the_place_of_others():
    extra = pd.DataFrame(
        {
            "value": [30.0, 5.0],
            "unit": ["point", "1"],
            "distribution": ["normal", "fixed"],
            "cv": [0.1, np.nan],
            "lower": [np.nan, np.nan],
            "upper": [np.nan, np.nan],
        },
        index=["madrs_baseline", "stage"],
    )
    cohort = virtual_patients(PLAIN, 256, extra=extra)
    assert cohort.table["madrs_baseline"].mean() == pytest.approx(30.0, abs=0.05)
    assert set(cohort.table["stage"]) == {5.0}
    usual = virtual_patients(PLAIN, 256).table
    assert (cohort.table["weight"] != usual["weight"]).sum() == 0
    with pytest.raises(ModelError, match="extra table: the column 'unit' is missing"):
        virtual_patients(PLAIN, 4, extra=extra.drop(columns="unit"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"patients": 0}, "0 patients"),
        ({"patients": 4, "first": -1}, "no patient -1"),
        ({"patients": 4, "seed": -1}, "seed -1 is negative"),
    ],
)
def test_impossible_cohorts(arguments, words):
    with pytest.raises(InputError, match=words):
        virtual_patients(PLAIN, **arguments)


def baselines():
    arms = load("clinical_arms")
    at_start = (pd.to_numeric(arms["timepoint_h"], errors="coerce") == 0) & (arms["kind"] == "mean")
    found = arms[at_start & (arms["scale"] == "MADRS") & (arms["role"] == "calibrate")]
    numbers = found[["n", "value", "sd"]].apply(pd.to_numeric)
    return numbers["n"], numbers["value"], numbers["sd"]


def test_the_shipped_baseline_is_that_of_the_evidence():
    n, value, sd = baselines()
    mean = (n * value).sum() / n.sum()
    within = ((n - 1) * sd**2).sum() + (n * (value - mean) ** 2).sum()
    row = covariate_table().loc["madrs_baseline"]
    assert row["value"] == pytest.approx(mean, abs=0.05)
    assert row["value"] * row["cv"] == pytest.approx(np.sqrt(within / (n.sum() - 1)), abs=0.05)


def test_the_shipped_share_of_women_is_that_of_the_evidence():
    arms = load("clinical_arms")
    by_sex = arms[arms["study"] == "TRANSFORM-1+2 pooled by sex"]
    at_start = by_sex[pd.to_numeric(by_sex["timepoint_h"], errors="coerce") == 0]
    n = pd.to_numeric(at_start["n"])
    women = n[at_start["arm"].str.contains("women")].sum()
    assert covariate_table().at["female_share", "value"] == pytest.approx(women / n.sum(), abs=5e-3)
    sexes = virtual_patients(PLAIN, 1024).table["sex"]
    assert (sexes == "female").mean() == pytest.approx(women / n.sum(), abs=0.01)


def test_a_row_that_takes_anothers_place_leaves_the_other_columns():
    row = covariate_table().loc[["madrs_baseline"]].assign(value=30.0)
    changed = virtual_patients(PLAIN, 64, extra=row).table
    usual = virtual_patients(PLAIN, 64).table
    columns = usual.columns.drop("madrs_baseline")
    pd.testing.assert_frame_equal(changed[columns], usual[columns], check_exact=True)
    assert (changed["madrs_baseline"].rank() == usual["madrs_baseline"].rank()).all()


def test_people_drawn_at_random_have_the_distributions_and_scatter_as_samples_do():
    even = virtual_patients(PLAIN, 2000).table["madrs_baseline"]
    means = [
        virtual_patients(PLAIN, 50, seed, sampling="random").table["madrs_baseline"].mean()
        for seed in range(200)
    ]
    # The mean of 50 scatters by the SD over the root of 50; evenly spread people hardly scatter.
    assert np.std(means) == pytest.approx(even.std() / np.sqrt(50), rel=0.2)
    drawn = virtual_patients(PLAIN, 2000, sampling="random").table
    assert stats.ks_2samp(drawn["madrs_baseline"], even, mode="asymp").pvalue > 0.01
    part = virtual_patients(PLAIN, 20, first=900, sampling="random").table
    pd.testing.assert_frame_equal(part, drawn.loc[part.index], check_exact=True)
    with pytest.raises(UnknownNameError, match="did you mean quasi"):
        virtual_patients(PLAIN, 4, sampling="quasy")
