"""A matched cohort has the target's numbers; what cannot be matched is refused in one sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from ketasim.errors import InputError, UnknownNameError
from ketasim.model import load_model
from ketasim.population import (
    SAMPLING_WEIGHT,
    Cohort,
    TargetRow,
    TargetTable,
    match,
    virtual_patients,
)
from ketasim.population.balancing import balancing_weights, moment_columns

COHORT = virtual_patients(load_model("article", calibrated=False), 12000, clinical=True)
TRIAL = TargetTable(
    (
        TargetRow("age", mean=46.1, sd=10.0, lower=18, upper=64),
        TargetRow("madrs_baseline", mean=37.5, sd=4.5, lower=28),
        TargetRow("sex", shares={"female": 0.60}),
        TargetRow("hypertension", shares={"yes": 0.25, "no": 0.75}),
        TargetRow("diagnosis", shares={"unipolar": 1.0}),
    ),
    "a trial",
)


def only(row):
    return TargetTable((row,), "one")


def weights_of(matched):
    return matched.cohort.table[SAMPLING_WEIGHT].to_numpy()


@pytest.mark.parametrize("method", ["weights", "accept_reject"])
def test_a_matched_cohort_has_the_means_sds_shares_and_ranges(method):
    matched = match(COHORT, TRIAL, method)
    away = matched.frame.set_index(["covariate", "statistic", "level"])["errors_away"].dropna()
    assert len(away) == 7
    # Weights meet every number; those accepted scatter as a sample does.
    assert away.abs().max() < (0.02 if method == "weights" else 4.0)
    assert matched.n_effective > 1000
    table = matched.cohort.table
    assert table["age"].between(18, 64).all()
    assert table["madrs_baseline"].min() >= 28
    assert set(table["diagnosis"]) == {"unipolar"}
    pd.testing.assert_frame_equal(
        table[list(COHORT.names)], COHORT.table.loc[table.index], check_exact=True
    )
    baseline = matched.cohort.baseline_table().to_frame().set_index("covariate")
    assert baseline.at["age", "mean"] == pytest.approx(46.1, abs=1.0)
    assert baseline.at["age", "sd"] == pytest.approx(10.0, abs=0.6)


def test_the_accepted_are_as_near_as_samples_of_the_target_are():
    errors = []
    for seed in range(12):
        cohort = virtual_patients(load_model("article", calibrated=False), 4000, seed)
        rows = (TargetRow("age", mean=42.0, sd=8.0), TargetRow("weight", mean=75.0, sd=9.0))
        errors += match(cohort, TargetTable(rows), "accept_reject").frame["errors_away"].tolist()
    # 48 numbers, each within about one standard error of the target beside its own scatter.
    assert np.sqrt(np.mean(np.square(errors))) < 1.8


def test_the_same_patients_are_accepted_again():
    first, again = (match(COHORT, TRIAL, "accept_reject").cohort for _ in range(2))
    assert first.content_hash() == again.content_hash()
    assert first.notes[-1] == "chosen to match a trial"
    other = TargetTable(TRIAL.rows, "another trial")
    assert match(COHORT, other, "accept_reject").cohort.content_hash() != first.content_hash()


def test_shares_alone_are_poststratification():
    target = TargetTable((TargetRow("sex", shares={"female": 0.4}),))
    matched = match(COHORT, target)
    women = (COHORT.table["sex"] == "female").mean()
    expected = np.where(COHORT.table["sex"] == "female", 0.4 / women, 0.6 / (1 - women))
    np.testing.assert_allclose(weights_of(matched), expected, rtol=1e-5)
    assert matched.n_effective == pytest.approx(
        len(COHORT) / (0.16 / women + 0.36 / (1 - women)), rel=1e-5
    )


def test_two_margins_are_what_raking_converges_to():
    target = TargetTable(
        (TargetRow("sex", shares={"female": 0.4}), TargetRow("hypertension", shares={"yes": 0.5}))
    )
    cells = pd.crosstab(COHORT.table["sex"], COHORT.table["hypertension"], normalize=True)
    for _ in range(200):
        cells = cells.mul(pd.Series({"female": 0.4, "male": 0.6}) / cells.sum(axis=1), axis=0)
        cells = cells.mul(pd.Series({"yes": 0.5, "no": 0.5}) / cells.sum(axis=0), axis=1)
    table = match(COHORT, target).cohort.table
    got = table.groupby(["sex", "hypertension"])[SAMPLING_WEIGHT].sum().unstack() / len(table)
    np.testing.assert_allclose(got, cells.loc[got.index, got.columns], atol=1e-6)


def test_a_normal_cohort_is_tilted_as_theory_says():
    points = stats.norm.ppf((np.arange(20000) + 0.5) / 20000)
    cohort = Cohort(pd.DataFrame({"x": points}))
    matched = match(cohort, only(TargetRow("x", mean=0.5, sd=0.8)))
    ratio = stats.norm.pdf(points, 0.5, 0.8) / stats.norm.pdf(points)
    np.testing.assert_allclose(weights_of(matched), ratio, rtol=0.02, atol=1e-6)
    # E[w^2] of the ratio of two normal densities in closed form.
    second = np.exp(0.25 / (2 - 0.64)) / (0.8 * np.sqrt(2 - 0.64))
    assert matched.n_effective == pytest.approx(20000 / second, rel=0.01)


def test_the_weights_are_nearest_in_relative_entropy():
    rng = np.random.default_rng(3)
    values, base = rng.normal(size=(12, 2)), rng.uniform(0.5, 2.0, 12)
    moments = values - 0.2
    found = balancing_weights(moments, base)
    prior = base / base.sum()
    direct = optimize.minimize(
        lambda w: float(np.sum(w * np.log(w / prior))),
        prior,
        jac=lambda w: np.log(w / prior) + 1,
        bounds=[(1e-9, 1)] * 12,
        constraints=[
            {"type": "eq", "fun": lambda w: w.sum() - 1},
            {"type": "eq", "fun": lambda w: w @ moments},
        ],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(found, direct.x, atol=1e-5)


@settings(max_examples=25)
@given(
    st.floats(36, 54), st.floats(6, 11), st.floats(32, 42), st.floats(3.0, 5.5), st.floats(0.2, 0.9)
)
def test_any_target_inside_the_cohort_is_met_by_weights(age, spread, madrs, sd, women):
    rows = (
        TargetRow("age", mean=age, sd=spread),
        TargetRow("madrs_baseline", mean=madrs, sd=sd),
        TargetRow("sex", shares={"male": 1 - women}),
    )
    matched = match(COHORT, TargetTable(rows), least_effective=10)
    weights, table = weights_of(matched), matched.cohort.table
    assert weights.mean() == pytest.approx(1.0)
    assert weights.min() > 0
    for row in rows[:2]:
        mean = np.average(table[row.covariate], weights=weights)
        variance = np.average((table[row.covariate] - mean) ** 2, weights=weights)
        assert mean == pytest.approx(row.mean, abs=1e-4 * row.sd)
        assert np.sqrt(variance) == pytest.approx(row.sd, rel=1e-4)
    assert weights[table["sex"] == "male"].sum() / len(table) == pytest.approx(1 - women, abs=1e-6)


@settings(max_examples=10)
@given(st.floats(38, 52), st.floats(6, 10), st.floats(0.3, 0.9), st.integers(0, 10**6))
def test_any_target_inside_the_cohort_is_met_by_acceptance(age, spread, women, seed):
    cohort = virtual_patients(load_model("article", calibrated=False), 3000, seed)
    target = TargetTable(
        (TargetRow("age", mean=age, sd=spread), TargetRow("sex", shares={"female": women}))
    )
    matched = match(cohort, target, "accept_reject")
    assume(matched.n_effective >= 200)
    assert matched.frame["errors_away"].abs().max() < 5
    assert len(matched.cohort) == matched.n_effective


def test_weights_that_are_there_already_are_the_starting_point():
    target = TargetTable((TargetRow("sex", shares={"female": 0.4}),))
    heavy = COHORT.table.assign(**{SAMPLING_WEIGHT: 1.0 + (COHORT.table.index % 3)})
    cohort = Cohort(heavy)
    matched = match(cohort, target)
    ratio = weights_of(matched) / heavy[SAMPLING_WEIGHT]
    assert ratio[heavy["sex"] == "male"].std() < 1e-6
    with pytest.raises(InputError, match="accept-reject: the patients of the cohort have weights"):
        match(cohort, target, "accept_reject")


def test_a_mean_without_an_sd_is_enough_for_weights():
    matched = match(COHORT, only(TargetRow("age", mean=50.0)))
    assert matched.frame["after"].tolist() == pytest.approx([50.0])
    with pytest.raises(InputError, match="accept-reject needs an SD"):
        match(COHORT, only(TargetRow("age", mean=50.0)), "accept_reject")


def test_levels_that_are_not_named_keep_their_proportions():
    target = only(TargetRow("cyp2b6", shares={"*6/*6": 0.2}))
    for method in ("weights", "accept_reject"):
        cohort = match(COHORT, target, method).cohort
        weights = cohort.table.get(SAMPLING_WEIGHT, pd.Series(1.0, cohort.table.index))
        share = weights.groupby(cohort.table["cyp2b6"]).sum() / weights.sum()
        usual = COHORT.table["cyp2b6"].value_counts()
        assert share["*1/*1"] / share["*1/*6"] == pytest.approx(
            usual["*1/*1"] / usual["*1/*6"], rel=0.1 if method == "accept_reject" else 1e-5
        )


def test_html_and_summary_show_target_and_result():
    matched = match(COHORT, TRIAL)
    assert matched.summary()["target"].tolist()[:2] == [46.1, 10.0]
    html = matched._repr_html_()
    assert "Matched to a trial: effective number" in html
    assert "madrs_baseline" in html
    assert matched.to_frame().equals(matched.cohort.table)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (TargetRow("age", mean=80.0, sd=5.0), "the mean 80 lies outside what the cohort covers"),
        (TargetRow("age", mean=46.0, sd=30.0), "no weights of these patients meet all"),
        (TargetRow("age", mean=74.0, sd=0.5), r"only \d+ of 12000 patients would count"),
        (TargetRow("age", lower=80.0, upper=90.0), "no patient of the cohort is in the ranges"),
        (TargetRow("sex", mean=1.0), "the cohort has another kind of values; expected shares"),
        (TargetRow("age", shares={"old": 0.5}), "another kind of values; expected a mean, an SD"),
        (TargetRow("treatment_resistant", shares={"yes": 0.5}), "50.0% of the patients are left"),
    ],
)
def test_what_cannot_be_matched_is_refused(row, words):
    with pytest.raises(InputError, match=words):
        match(COHORT, only(row))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (TargetRow("age", mean=22.0, sd=1.0), r"only \d+ of 12000 patients would count"),
        (TargetRow("age", mean=25.0, sd=8.0, lower=18), "no normal distribution cut at 18 and inf"),
    ],
)
def test_what_accept_reject_cannot_do(row, words):
    with pytest.raises(InputError, match=words):
        match(COHORT, only(row), "accept_reject", least_effective=400)


def test_few_patients_of_a_level_have_no_density():
    with pytest.raises(
        InputError, match=r"\d+ patients are too few to read a density from \(cyp2b6"
    ):
        match(
            COHORT.part(0, 150),
            TargetTable(
                (TargetRow("age", mean=45.0, sd=9.0), TargetRow("cyp2b6", shares={"*6/*6": 0.1}))
            ),
            "accept_reject",
        )


@pytest.mark.parametrize(
    ("target", "method", "words"),
    [
        (TRIAL, "weight", "unknown method of matching 'weight': did you mean weights"),
        (
            only(TargetRow("heigth", mean=1.0)),
            "weights",
            "unknown covariate of the cohort 'heigth'",
        ),
        (only(TargetRow("sex", shares={"woman": 0.5})), "weights", "unknown level of 'sex'"),
    ],
)
def test_unknown_names(target, method, words):
    with pytest.raises(UnknownNameError, match=words):
        match(COHORT, target, method)


def test_moments_of_shares_that_add_up_are_independent():
    values = np.array(["a", "b", "c", "a"])
    moments = moment_columns(TargetRow("x", shares={"a": 0.5, "b": 0.3, "c": 0.2}), values)
    assert moments.shape == (4, 2)
    assert np.linalg.matrix_rank(moments) == 2
