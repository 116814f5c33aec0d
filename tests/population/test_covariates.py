"""Clinical covariates: shares, effects, the entry criterion; the other columns stay."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from ketasim.errors import InputError, ModelError, UnknownNameError
from ketasim.evidence import bibliography
from ketasim.model import load_model
from ketasim.population import (
    correlation_table,
    covariate_table,
    effect_table,
    entry_severity,
    inter_occasion_table,
    virtual_patients,
)
from ketasim.population.covariates import CLINICAL
from ketasim.population.truncation import truncated_normal
from ketasim.units import check_unit

PLAIN = load_model("article", calibrated=False)
MANY = 4000


def test_the_covariates_have_units():
    table = covariate_table()
    for name, row in table.iterrows():
        check_unit(row["unit"], where=str(name))
    table.loc["madrs_baseline", "value"] = 0.0
    assert covariate_table().at["madrs_baseline", "value"] != 0.0


@pytest.mark.parametrize(
    "table", [covariate_table(), correlation_table(), effect_table(), inter_occasion_table()]
)
def test_every_number_has_a_source_or_is_called_assumed(table):
    assumed = table["status"] == "assumed"
    assert set(table["status"]) <= {"published", "derived", "assumed"}
    assert set(table.loc[~assumed, "source"]) <= set(bibliography())
    assert (table["note"].str.len() > 5).all()


def test_clinical_covariates_leave_every_other_column():
    usual = virtual_patients(PLAIN, 64).table
    clinical = virtual_patients(PLAIN, 64, clinical=True)
    pd.testing.assert_frame_equal(clinical.table[usual.columns], usual, check_exact=True)
    assert list(clinical.table.columns.drop(usual.columns)) == list(CLINICAL)
    assert set(clinical.units) == set(clinical.names)
    assert "clinical covariates do nothing to the model" in clinical.notes
    part = virtual_patients(PLAIN, 7, first=30, clinical=True).table
    pd.testing.assert_frame_equal(part, clinical.table.loc[part.index], check_exact=True)


@pytest.mark.parametrize(
    ("column", "level", "share"),
    [
        ("diagnosis", "bipolar", 22 / 67),
        ("treatment_resistant", "yes", 1.0),
        ("antidepressant", "none", 1 - 565 / 662),
        ("hypertension", "yes", 0.361),
        ("cyp2b6", "*1/*6", 2 * 0.25 * 0.75),
    ],
)
def test_levels_have_their_shares(column, level, share):
    drawn = virtual_patients(PLAIN, MANY, clinical=True).table[column]
    error = np.sqrt(share * (1 - share) / MANY)
    assert (drawn == level).mean() == pytest.approx(share, abs=4 * error + 1e-12)


def test_a_trial_sets_its_own_shares():
    own = covariate_table().loc[["bipolar_share"]].assign(value=0.0)
    cohort = virtual_patients(PLAIN, 64, clinical=True, extra=own)
    assert set(cohort.table["diagnosis"]) == {"unipolar"}
    usual = virtual_patients(PLAIN, 64, clinical=True).table.drop(columns="diagnosis")
    pd.testing.assert_frame_equal(cohort.table[usual.columns], usual, check_exact=True)
    with pytest.raises(InputError, match=r"covariate 'bipolar_share': 1.5 is no share"):
        virtual_patients(PLAIN, 4, extra=own.assign(value=1.5))


def test_covariates_are_independent_of_the_people_and_of_each_other():
    table = virtual_patients(PLAIN, MANY, clinical=True).table
    coded = pd.DataFrame({name: pd.factorize(table[name])[0] for name in (*CLINICAL, "sex")})
    coded = coded.drop(columns="treatment_resistant").join(table.select_dtypes("number"))
    apart = np.corrcoef(coded.to_numpy(float).T) - np.eye(coded.shape[1])
    # 230 pairs: the largest of so many is rarely beyond 4.5 standard errors.
    assert np.abs(apart).max() < 4.5 / np.sqrt(MANY)


def test_the_genotype_acts_on_clearance_as_published_and_keeps_the_mean():
    usual = virtual_patients(PLAIN, MANY, clinical=True).table
    table = virtual_patients(PLAIN, MANY, effects=["cyp2b6"]).table
    ratio = table["f_clearance_ketamine"] / usual["f_clearance_ketamine"]
    by = ratio.groupby(table["cyp2b6"]).median()
    assert by["*1/*6"] / by["*1/*1"] == pytest.approx(40.6 / 68.1, rel=0.01)
    mean = 0.5625 * 68.1 + 0.375 * 40.6 + 0.0625 * 21.6
    assert by["*1/*1"] == pytest.approx(68.1 / mean, rel=0.01)
    # The bound of the parameter table lies above what was published for the slowest.
    assert table["f_clearance_ketamine"].min() >= 0.4
    others = usual.columns.drop("f_clearance_ketamine")
    pd.testing.assert_frame_equal(table[others], usual[others], check_exact=True)


def test_women_clear_a_fifth_faster_where_asked_for():
    table = virtual_patients(PLAIN, MANY, effects=["sex"]).table
    for name in ("f_clearance_ketamine", "f_clearance_norketamine"):
        median = table.groupby("sex")[name].median()
        assert median["female"] / median["male"] == pytest.approx(1.2, rel=0.02)


def test_an_antidepressant_turns_the_switch_of_the_model():
    cohort = virtual_patients(PLAIN, 200, effects=["antidepressant"])
    taken = cohort.table["antidepressant"] != "none"
    assert (cohort.table["background_antidepressant"] == taken).all()
    assert "background_antidepressant" in PLAIN.table.index
    assert any("act on parameters: antidepressant" in note for note in cohort.notes)
    with pytest.raises(UnknownNameError, match="did you mean cyp2b6"):
        virtual_patients(PLAIN, 4, effects=["cyp2d6"])


@pytest.mark.parametrize(("mean", "sd", "entry"), [(37.5, 5.0, 28), (37.0, 2.6, 34), (30, 5.5, 20)])
def test_the_enrolled_have_the_printed_mean_and_sd(mean, sd, entry):
    row = entry_severity(mean, sd, entry)
    drawn = virtual_patients(PLAIN, 4096, extra=row)
    severity = drawn.table["madrs_baseline"]
    assert severity.mean() == pytest.approx(mean, abs=0.02)
    assert severity.std() == pytest.approx(sd, rel=0.01)
    assert severity.min() >= entry
    centre, scale = row.at["madrs_baseline", "centre"], row.at["madrs_baseline", "cv"] * mean
    outside = 1 - np.diff(stats.norm.cdf([entry, 60], centre, scale))[0]
    assert drawn.rows.at["madrs_baseline", "cut"] == pytest.approx(outside, rel=1e-6)


@pytest.mark.parametrize(
    ("mean", "sd", "entry", "words"),
    [
        (37.0, 5.5, 34, "no normal distribution cut at 34 and 60"),
        (33.0, 5.0, 34, "a mean of 33 with an SD of 5 is not possible"),
        (37.0, 0.0, 34, "an SD of 0 is not possible"),
    ],
)
def test_an_entry_criterion_that_cannot_give_the_numbers(mean, sd, entry, words):
    with pytest.raises(InputError, match=f"entry criterion: .*{words}"):
        entry_severity(mean, sd, entry)


@settings(max_examples=25)
@given(st.floats(-1, 2), st.floats(0.1, 0.8), st.floats(1, 6))
def test_a_cut_bell_is_found_again(centre, scale, width):
    # Wider than its range a bell is flat, and many of them have the same moments.
    cut = stats.truncnorm(-centre / scale, (width - centre) / scale, loc=centre, scale=scale)
    assume(-4 * scale < centre < width + 4 * scale and cut.std() < 0.27 * width)
    found = truncated_normal(cut.mean(), cut.std(), 0.0, width, where="here")
    again = stats.truncnorm(
        -found[0] / found[1], (width - found[0]) / found[1], loc=found[0], scale=found[1]
    )
    assert again.mean() == pytest.approx(cut.mean(), abs=1e-4 * scale)
    assert again.std() == pytest.approx(cut.std(), rel=1e-4)


def pairs(*rows):
    return pd.DataFrame(rows, columns=["first", "second", "value"])


def test_correlated_people_have_the_correlation_and_keep_their_distributions():
    table = pairs(
        ("f_volume_ketamine", "f_clearance_ketamine", 0.49),
        ("weight", "age", -0.3),
        ("age", "sex", 0.5),
    )
    usual = virtual_patients(PLAIN, MANY).table
    drawn = virtual_patients(PLAIN, MANY, correlations=table).table
    logs = np.log(drawn[["f_volume_ketamine", "f_clearance_ketamine"]].to_numpy())
    assert np.corrcoef(logs.T)[0, 1] == pytest.approx(0.49, abs=0.02)
    assert drawn["weight"].corr(drawn["age"], method="spearman") == pytest.approx(
        6 / np.pi * np.arcsin(-0.15), abs=0.02
    )
    assert drawn.groupby("sex")["age"].mean()["male"] > drawn["age"].mean() + 3
    for name in ("f_volume_ketamine", "f_clearance_ketamine", "weight", "age"):
        assert stats.ks_2samp(drawn[name], usual[name], mode="asymp").pvalue > 0.01
    untouched = usual.columns.drop(["f_volume_ketamine", "age", "sex"])
    pd.testing.assert_frame_equal(drawn[untouched], usual[untouched], check_exact=True)
    part = virtual_patients(PLAIN, 9, first=70, correlations=table).table
    pd.testing.assert_frame_equal(part, drawn.loc[part.index], check_exact=True)


def test_the_shipped_correlations_can_be_drawn():
    cohort = virtual_patients(PLAIN, MANY, clinical=True, correlations=correlation_table())
    binding = np.log(cohort.table["ht1b_vst_baseline"])
    assert binding.corr(cohort.table["madrs_baseline"]) == pytest.approx(-0.43, abs=0.03)


@pytest.mark.parametrize(
    ("table", "error", "words"),
    [
        (pairs(("weight", "height", 0.5)), UnknownNameError, "row 2: unknown name .*'height'"),
        (pairs(("weight", "age", 1.0)), ModelError, "1 is no correlation of 'weight' and 'age'"),
        (pairs(("age", "age", 0.5)), ModelError, "no correlation of 'age' and 'age'"),
        (
            pairs(("weight", "age", 0.5), ("age", "weight", 0.5)),
            ModelError,
            "row 3: 'age' and 'weight' stand twice",
        ),
        (
            pairs(("weight", "age", 0.9), ("age", "sex", 0.9), ("weight", "sex", -0.9)),
            ModelError,
            "contradict each other; expected a positive definite matrix",
        ),
        (pairs().drop(columns="value"), ModelError, "the column 'value' is missing"),
    ],
)
def test_impossible_correlations(table, error, words):
    with pytest.raises(error, match=words):
        virtual_patients(PLAIN, 4, correlations=table)
