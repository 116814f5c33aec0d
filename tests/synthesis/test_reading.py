"""Tables that cannot be used are one sentence with row and column; the rest is a warning."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError
from ketasim.evidence import load
from ketasim.synthesis import pool, read_studies
from ketasim.synthesis.checks import check_percent

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "study,events_treatment,n_treatment,events_control,n_control\na,5,40,2,41\nb,9,60,3,58\n"
MEANS = "study,mean_treatment,sd_treatment,n_treatment,mean_control,sd_control,n_control\n"
ESTIMATES = "study,estimate,standard_error\n"


def refused(tmp_path: Path, text: str, measure: str | None = "rr") -> str:
    file = tmp_path / "trials.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(InputError) as raised:
        read_studies(file, measure)
    sentence = str(raised.value)
    assert sentence.startswith("trials.csv")
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("old", "new", "place", "what"),
    [
        ("5,40", "45,40", "row 2, column 'events_treatment'", "45 events are more than the 40"),
        ("3,58", "59,58", "row 3, column 'events_control'", "59 events are more than the 58"),
        ("5,40", "0,0", "row 2, column 'n_treatment'", "there is no patient"),
        ("9,60", "9.5,60", "row 3, column 'events_treatment'", "9.5 is no count"),
        ("9,60", "-1,60", "row 3, column 'events_treatment'", "-1 is no count"),
        ("9,60", "48-61,60", "row 3, column 'events_treatment'", "'48-61' is a range"),
        ("9,60", ">=50,60", "row 3, column 'events_treatment'", "'>=50' is a bound"),
        ("9,60", ",60", "row 3, column 'events_treatment'", "not reported is not zero"),
        ("9,60", "nine,60", "row 3, column 'events_treatment'", "'nine' is no number"),
        ("9,60", "inf,60", "row 3, column 'events_treatment'", "'inf' is no number"),
        ("\nb,", "\na,", "row 3, column 'study'", "stands in row 2 too"),
        ("\nb,", "\n ,", "row 3, column 'study'", "has no name"),
        ("9,60,3,58", "9,60,3", "row 3", "the row has 4 cells"),
        ("n_control", "n_contrl", "row 1", "did you mean 'n_contrl'"),
        ("study,", "trial,", "row 1", "the column 'study' is missing"),
        ("events_control", "n_treatment", "row 1", "appears twice"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, old: str, new: str, place: str, what: str) -> None:
    sentence = refused(tmp_path, GOOD.replace(old, new, 1))
    assert place in sentence
    assert what in sentence


@pytest.mark.parametrize(
    ("text", "measure", "said"),
    [
        ("", "rr", "the table is empty"),
        (GOOD.splitlines()[0] + "\n", "rr", "the table has no study"),
        ("study,x\na,1\n", "rr", "the columns of no format"),
        (GOOD, None, "no measure is named"),
        (GOOD, "md", "cannot be made of two arms with events"),
        (ESTIMATES + "a,0.1,-0.2\n", "rr", "row 2, column 'standard_error'"),
        (ESTIMATES + "a,0.1,0\n", None, "the standard error is 0"),
        (MEANS + "a,1,2,1,0,2,9\n", "md", "an arm of 1 has no standard deviation"),
        (MEANS + "a,1,-2,8,0,2,9\n", "smd", "row 2, column 'sd_treatment'"),
        (MEANS + "a,1,0,8,0,0,9\n", "smd", "has no sampling variance"),
        ("study,events,n\na,3,2\n", "plo", "row 2, column 'events'"),
    ],
)
def test_a_bad_table_is_named(tmp_path: Path, text: str, measure: str | None, said: str) -> None:
    assert said in refused(tmp_path, text, measure)


def test_two_rows_of_one_family_are_named_both(tmp_path: Path) -> None:
    lines = [
        f"{line},{end}"
        for line, end in zip(GOOD.split(), ["family", "ASPIRE", "ASPIRE"], strict=True)
    ]
    sentence = refused(tmp_path, "\n".join(lines) + "\n")
    assert "'a' (row 2) and 'b' (row 3) share patients" in sentence
    assert "row 3, column 'family'" in sentence
    # An empty cell is a family of its own.
    (tmp_path / "ok.csv").write_text("\n".join(lines).replace("ASPIRE", ""), "utf-8")
    assert len(read_studies(tmp_path / "ok.csv", "rr")) == 2


def test_mixed_measures_and_formats_are_refused(tmp_path: Path) -> None:
    lines = [
        f"{line},{end}" for line, end in zip(GOOD.split(), ["measure", "rr", "or"], strict=True)
    ]
    assert "row 3, column 'measure'" in refused(tmp_path, "\n".join(lines), None)
    same = "\n".join(lines).replace(",or", ",rr")
    assert "'or' is asked for" in refused(tmp_path, same, "or")
    (tmp_path / "ok.csv").write_text(same, "utf-8")
    assert read_studies(tmp_path / "ok.csv").measure.name == "rr"
    both = GOOD.replace("n_control", "n_control,estimate,standard_error").replace("41", "41,1,1")
    assert "one format" in refused(tmp_path, both.replace("58", "58,1,1"))


@pytest.mark.parametrize(
    ("cell", "fine"),
    [("12.5", True), ("13", True), ("12", True), ("12.5%", True), ("", True), ("14", False),
     ("12.7", False), ("10-15", False)],
)  # fmt: skip
def test_a_percentage_agrees_with_its_count(tmp_path: Path, cell: str, fine: bool) -> None:
    for column in ("percent", "percent_treatment"):
        text = GOOD.replace("n_control", f"n_control,{column}", 1).replace("2,41", f"2,41,{cell}")
        text = text.replace("3,58", "3,58,15.0")
        if fine:
            (tmp_path / "ok.csv").write_text(text, "utf-8")
            assert len(read_studies(tmp_path / "ok.csv", "rr")) == 2
        else:
            assert f"row 2, column '{column}'" in refused(tmp_path, text)


def test_percentages_of_the_evidence_agree_with_their_counts_but_for_two() -> None:
    rows = load("adverse_events").dropna(subset=["events_count", "n", "percent"])
    assert len(rows) > 350
    wrong = []
    for place in range(len(rows)):
        row = rows.iloc[[place]]
        data = {"events": row["events_count"].to_numpy(), "n": row["n"].to_numpy()}
        try:
            check_percent(row, data, "table")
        except InputError:
            wrong.append((row["study"].iloc[0][:4], row["percent"].iloc[0]))
    # Printed as 12.5 where 17 of 138 are 12.3, and as 26.6 where 340 of 1285 are 26.5.
    assert wrong == [("Yale", "12.5"), ("Recr", "26.6")]


def test_one_study_is_itself_and_a_warning() -> None:
    table = pd.DataFrame({"study": ["a"], "estimate": [0.3], "standard_error": [0.1]})
    found = pool(read_studies(table, "rr"))
    assert (found.estimate, found.standard_error) == (0.3, pytest.approx(0.1))
    assert math.isnan(found.tau2)
    assert math.isnan(found.i2)
    assert math.isnan(found.pi_low)
    assert "there is one study" in found.warnings[0]
    assert math.isnan(pool(read_studies(table, "rr"), hartung_knapp=True).ci_low)


def test_a_double_zero_study_stays_with_a_warning() -> None:
    table = pd.DataFrame({"study": ["a", "b", "c"],
                          "events_treatment": [5, 9, 0], "n_treatment": [40, 60, 30],
                          "events_control": [2, 3, 0], "n_control": [41, 58, 31]})  # fmt: skip
    studies = read_studies(table, "or")
    found = pool(studies)
    assert found.k == 3
    assert "no event" in found.warnings[0]
    assert "c" in found.warnings[0]
    # A half in each of its cells, and only in its.
    assert studies.estimate[2] == pytest.approx(math.log(0.5 / 30.5) - math.log(0.5 / 31.5))
    assert studies.estimate[0] == pytest.approx(math.log(5 / 35) - math.log(2 / 39))
    for method in ("mh", "peto", "glmm"):
        with_it, without = (pool(some, method) for some in (studies, studies.without_double_zero()))
        assert with_it.estimate == pytest.approx(without.estimate, rel=1e-9)
        assert with_it.warnings
    # Of a risk difference it is a difference of nothing, which counts.
    difference = read_studies(table, "rd")
    assert abs(pool(difference, "mh").estimate) < abs(
        pool(difference.without_double_zero(), "mh").estimate
    )


@pytest.mark.parametrize("method", ["mh", "peto", "glmm"])
def test_an_arm_without_events_has_no_estimate_and_says_so(method: str) -> None:
    table = pd.DataFrame({"study": ["a", "b"], "events_treatment": [0, 0], "n_treatment": [40, 60],
                          "events_control": [0, 0], "n_control": [41, 58]})  # fmt: skip
    found = pool(read_studies(table, "or"), method)
    assert np.isnan([found.estimate, found.standard_error, found.ci_low]).all()
    assert found.status.startswith("no estimate")


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ("peto", {}, "does not pool the measure 'rr'"), ("remel", {}, "did you mean"),
        ("mh", {"hartung_knapp": True}, "does not go with the method"),
        ("reml", {"adhoc": True}, "is not asked for"), ("reml", {"level": 95.0}, "the level is 95"),
        ("glmm", {"glmm_model": "UM.FX"}, "UM.FS"),
    ],
)  # fmt: skip
def test_methods_that_do_not_go_with_the_rest(
    tmp_path: Path, method: str, options: dict[str, object], said: str
) -> None:
    (tmp_path / "a.csv").write_text(GOOD, "utf-8")
    studies = read_studies(tmp_path / "a.csv", "rr")
    with pytest.raises(InputError, match=said):
        pool(studies, method, **options)  # type: ignore[arg-type]
    (tmp_path / "b.csv").write_text(ESTIMATES + "a,0.1,0.2\nb,0.2,0.2\n", "utf-8")
    with pytest.raises(InputError, match="needs the counts"):
        pool(read_studies(tmp_path / "b.csv", "or"), "mh")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_studies(tmp_path / "nothing.csv", "rr")
