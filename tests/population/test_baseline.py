"""Table 1 against pandas, with and without weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError, UnknownNameError
from ketasim.model import load_model
from ketasim.population import SAMPLING_WEIGHT, Cohort, virtual_patients

COHORT = virtual_patients(load_model("article", calibrated=False), 300, clinical=True)


def row(table, covariate, group="all", level=""):
    frame = table.to_frame().set_index(["covariate", "group", "level"])
    return frame.loc[(covariate, group, level)]


@pytest.mark.parametrize("group", ["all", "female", "male"])
def test_numbers_are_those_of_pandas(group):
    inside = COHORT.table if group == "all" else COHORT.table[COHORT.table["sex"] == group]
    table = COHORT.baseline_table(by="sex")
    assert table.groups == ("all", "female", "male")
    for name in ("age", "weight", "madrs_baseline"):
        got, values = row(table, name, group), inside[name]
        assert got["n"] == len(values)
        expected = [values.mean(), values.std(), *values.quantile([0.25, 0.5, 0.75])]
        assert got[["mean", "sd", "q1", "median", "q3"]].tolist() == pytest.approx(expected)
    counts = inside["diagnosis"].value_counts(normalize=True)
    for level, share in counts.items():
        assert row(table, "diagnosis", group, level)["share"] == pytest.approx(share)
    assert "sex" not in set(table.to_frame()["covariate"])


def test_weights_count_as_copies_would():
    copies = np.arange(len(COHORT)) % 4
    weighted = Cohort(COHORT.table.assign(**{SAMPLING_WEIGHT: copies.astype(float)}))
    often = COHORT.table.loc[np.repeat(COHORT.table.index, copies)].reset_index(drop=True)
    table, plain = weighted.baseline_table(), Cohort(often).baseline_table()
    assert table.weighted
    assert not plain.weighted
    got, expected = row(table, "age"), row(plain, "age")
    assert got["mean"] == pytest.approx(expected["mean"])
    assert got["n"] == (copies > 0).sum()
    assert got["n_effective"] == pytest.approx(copies.sum() ** 2 / (copies**2).sum())
    # The SD allows for the effective number, not for that of the copies.
    assert got["sd"] == pytest.approx(expected["sd"], rel=2e-3)
    for name in ("q1", "median", "q3"):
        assert got[name] == pytest.approx(expected[name], abs=0.3)
    share = row(table, "hypertension", level="yes")["share"]
    assert share == pytest.approx((often["hypertension"] == "yes").mean())


def test_the_printed_table_reads_as_in_a_paper():
    frame = pd.DataFrame({"age": [30.0, 40.0, 50.0, np.nan], "sex": ["female"] * 3 + ["male"]})
    printed = Cohort(frame).summary("baseline")
    assert printed["all"].to_dict() == {
        "Patients": "3",
        "Age, mean (SD)": "40.0 (10.0)",
        "Age, median [IQR]": "40.0 [35.0, 45.0]",
        "Sex: female, n (%)": "3 (75.0%)",
        "Sex: male, n (%)": "1 (25.0%)",
    }


def test_the_html_is_the_printed_table():
    table = COHORT.baseline_table(by="diagnosis", columns=["age", "sex"])
    html = table._repr_html_()
    for text in ("Age (year), mean (SD)", "Sex: female, n (%)", "bipolar", "Baseline"):
        assert text in html
    assert table.summary().to_string() == repr(table)
    assert "Weight" not in html


def test_a_group_without_values_is_shown_as_empty():
    frame = pd.DataFrame({"age": [30.0, np.nan], "sex": ["female", "male"]})
    table = Cohort(frame).baseline_table(by="sex", columns=["age"])
    assert row(table, "age", "male")["n"] == 0
    assert "- (-)" in table.summary()["male"].tolist()


def test_the_summary_of_distributions_stays_the_default():
    assert COHORT.summary().equals(COHORT.summary("distributions"))
    assert "p97_5" in COHORT.summary().columns
    with pytest.raises(UnknownNameError, match="unknown kind of summary 'table1'"):
        COHORT.summary("table1")


def test_wrong_columns_and_too_many_groups():
    with pytest.raises(UnknownNameError, match="did you mean weight"):
        COHORT.baseline_table(columns=["weigth"])
    with pytest.raises(InputError, match="'age' has 300 levels"):
        COHORT.baseline_table(by="age")
