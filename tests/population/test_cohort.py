from __future__ import annotations

from dataclasses import FrozenInstanceError

import pandas as pd
import pytest

from ketasim.errors import InputError
from ketasim.model import load_model
from ketasim.population import Cohort, virtual_patients


def table(**columns):
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def cohort():
    return virtual_patients(load_model("article"), 32)


def test_names_and_units(cohort):
    assert {"weight", "age", "sex", "madrs_baseline"} <= set(cohort.names)
    assert cohort.units["weight"] == "kg"
    assert cohort.units["madrs_baseline"] == "point"
    assert cohort.table.index.name == "patient"
    assert len(cohort) == 32


def test_the_summary_says_what_was_drawn_and_what_it_was_drawn_from(cohort):
    row = cohort.summary().loc["weight"]
    assert (row["unit"], row["distribution"], row["typical"]) == ("kg", "lognormal", 70.0)
    assert row["mean"] == pytest.approx(cohort.table["weight"].mean())
    assert row["p2_5"] < row["median"] < row["p97_5"]
    assert "sex" not in cohort.summary().index


def test_a_cohort_by_hand_has_a_summary_too():
    own = Cohort(table(weight=[60.0, 80.0]))
    assert own.summary().loc["weight", "mean"] == 70.0
    assert own.units == {}
    assert repr(own) == "Cohort(2 patients, 0 to 1; seed 1; 1 columns)"


def test_parts_and_selections_keep_the_patients(cohort):
    assert cohort.part(8, 12).table.equals(cohort.table.iloc[8:12])
    assert cohort.select([17, 3]).table.index.tolist() == [17, 3]
    with pytest.raises(InputError, match="there is no patient 99"):
        cohort.select([99])


def test_the_hash_sees_every_bit_and_every_name(cohort):
    original = cohort.content_hash()
    assert cohort.part(0, 32).content_hash() == original
    changed = cohort.to_frame()
    changed.loc[5, "weight"] *= 1 + 2**-52
    assert Cohort(changed).content_hash() != original
    changed = cohort.to_frame()
    changed.loc[5, "sex"] = "unknown"
    assert Cohort(changed).content_hash() != original
    renamed = cohort.to_frame().rename(columns={"weight": "mass"})
    assert Cohort(renamed).content_hash() != original
    assert cohort.part(0, 31).content_hash() != original


def test_html_holds_the_summary_and_the_notes(cohort):
    html = cohort._repr_html_()
    assert "32 virtual patients, seed 1" in html
    assert "bounds truncate" in html
    assert "weight" in html


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (table(), "at least one patient"),
        (table(weight=[1.0, 2.0]).set_axis(["a", "b"]), "whole numbers from 0 on"),
        (table(weight=[1.0, 2.0]).set_axis([1, 1]), "whole numbers from 0 on"),
        (table(weight=[1.0, 2.0]).set_axis([-1, 1]), "whole numbers from 0 on"),
        (pd.DataFrame([[1.0, 2.0]], columns=["weight", "weight"]), "stands twice"),
    ],
)
def test_a_table_that_is_no_cohort(frame, words):
    with pytest.raises(InputError, match=words):
        Cohort(frame)


def test_a_cohort_cannot_be_changed(cohort):
    with pytest.raises(FrozenInstanceError):
        cohort.seed = 2
