"""Another day of the same person: independent, repeatable, around the person's own value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError, ModelError
from ketasim.model import load_model
from ketasim.population import Cohort, inter_occasion_table, on_occasion, virtual_patients

COHORT = virtual_patients(load_model("article", calibrated=False), 2000)
NAMES = list(inter_occasion_table().index)


def departures(occasion, name="f_clearance_ketamine", cohort=COHORT):
    return np.log(on_occasion(cohort, occasion).table[name] / cohort.table[name]).to_numpy()


def test_only_the_listed_parameters_differ():
    first = on_occasion(COHORT, 1)
    others = COHORT.table.columns.drop(NAMES)
    pd.testing.assert_frame_equal(first.table[others], COHORT.table[others], check_exact=True)
    for name in NAMES:
        assert (first.table[name] != COHORT.table[name]).all()
        low, high = COHORT.rows.loc[name, ["lower", "upper"]]
        assert first.table[name].between(low, high).all()
    assert "occasion 1" in first.notes


def test_the_spread_is_that_of_the_table():
    cv = inter_occasion_table().at["f_clearance_ketamine", "cv"]
    assert departures(1).std() == pytest.approx(np.sqrt(np.log1p(cv**2)), rel=0.05)
    assert abs(departures(1).mean()) < 4 * cv / np.sqrt(2000)
    wide = pd.DataFrame({"cv": [0.3]}, index=["f_clearance_ketamine"])
    moved = on_occasion(COHORT, 1, wide).table["f_clearance_ketamine"]
    ratio = np.log(moved / COHORT.table["f_clearance_ketamine"])
    assert ratio.std() == pytest.approx(np.sqrt(np.log1p(0.09)), rel=0.06)


def test_an_occasion_is_the_same_again_and_another_is_independent():
    part = COHORT.part(100, 140)
    assert (departures(3, cohort=part) == departures(3)[100:140]).all()
    assert abs(np.corrcoef(departures(1), departures(2))[0, 1]) < 4 / np.sqrt(2000)
    assert abs(np.corrcoef(departures(1), departures(1, "f_nasal"))[0, 1]) < 4 / np.sqrt(2000)


@pytest.mark.parametrize(
    ("cohort", "occasion", "table", "error", "words"),
    [
        (COHORT, 0, None, InputError, "there is no occasion 0"),
        (Cohort(COHORT.table), 1, None, InputError, "does not say how its columns"),
        (COHORT, 1, pd.DataFrame({"cv": [0.1]}, index=["height"]), ModelError, "'height' does not"),
        (COHORT, 1, pd.DataFrame({"cv": [0.1]}, index=["sex"]), ModelError, "'sex' does not"),
    ],
)
def test_impossible_occasions(cohort, occasion, table, error, words):
    with pytest.raises(error, match=words):
        on_occasion(cohort, occasion, table)
