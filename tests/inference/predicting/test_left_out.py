"""The calibration trials, each predicted with its family left out: what the shipped table shows."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from ketasim.inference.predicting import Score
from ketasim.inference.predicting.left_out import (
    left_out_families,
    predict_left_out,
    score_left_out,
    shipped_left_out,
)
from ketasim.model import list_hypotheses


@cache
def _score() -> Score:
    return score_left_out()


def _average() -> pd.DataFrame:
    rows = _score().rows
    return rows[rows["source"] == "all"]


def test_every_row_of_every_family_is_there_for_every_hypothesis() -> None:
    table = shipped_left_out()
    assert set(table["family"]) == set(left_out_families())
    assert set(table["hypothesis"]) == {*list_hypotheses(), "all"}
    assert table.groupby("hypothesis").size().nunique() == 1


def test_intervals_cover_and_are_sharp() -> None:
    rows = _average()
    assert rows["in95"].mean() >= 0.85
    arms = rows["kind"].isin(["mean", "change", "diff"]) & (rows["n"].astype(float) >= 20)
    half = (rows["hi95"] - rows["lo95"]) / 2.0
    assert half[arms].median() < 9.0
    # Not by the baselines alone, which hardly spread.
    assert half[arms & (rows["kind"] != "mean")].median() < 10.0


def test_errors_are_of_the_size_of_standard_errors() -> None:
    rows = _average()
    assert (rows["error"].abs() / rows["standard_error"]).median() <= 1.0


def test_the_drug_is_better_than_its_control_as_published() -> None:
    signs = _average()["sign_agrees"].dropna().astype(float)
    assert len(signs) >= 14
    assert signs.mean() >= 0.9


def test_both_baselines_are_beaten_on_their_own_rows() -> None:
    table = _score().summary()
    baselines = table[table["source"].str.startswith("baseline")]
    assert set(baselines["source"].str.removeprefix("baseline: ")) == {
        "constant effect", "response table",
    }  # fmt: skip
    assert (baselines["crps_of_average"] < baselines["crps"]).all()


@pytest.mark.parametrize(
    "family", ["Su 2017", pytest.param("Singh 2016b", marks=pytest.mark.sweep)]
)
def test_the_shipped_table_is_what_the_package_predicts(family: str) -> None:
    again = predict_left_out(hypotheses=["article"], families=[family])
    shipped = shipped_left_out()
    shipped = shipped[(shipped["family"] == family) & (shipped["hypothesis"] == "article")]
    again = again[again["hypothesis"] == "article"]
    for column in ("predicted", "lo95", "hi95"):
        # The fit stops within its tolerance, which may differ between kinds of processor.
        np.testing.assert_allclose(
            again[column].to_numpy(float), shipped[column].to_numpy(float), rtol=0.05, atol=1.0
        )


def test_a_control_type_that_no_other_trial_has_is_predicted_unsurely() -> None:
    # Without Murrough 2013 nothing tells what midazolam brings.
    rows = _average()
    arm = rows[(rows["study"] == "Murrough 2013") & (rows["arm"] == "midazolam")]
    change = arm[arm["kind"] == "change"].iloc[0]
    assert change["hi95"] - change["lo95"] > 2.0 * 1.96 * change["standard_error"]
