"""The study `long_term`: mostly ignorance, quantified, and nothing past the data without a mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ketasim.experiments.long_term_courses import DATA_END_D
from ketasim.experiments.long_term_words import published, verdict_of
from ketasim.experiments.studies.long_term import STUDY
from ketasim.inference.longterm.ignorance import list_outcomes

if TYPE_CHECKING:
    from ketasim.experiments.study_result import StudyResult

HYPOTHESES = ("article", "mtor_sparing")


@pytest.fixture(scope="module")
def result() -> StudyResult:
    return STUDY.run("quick", HYPOTHESES)


def test_what_is_published_comes_from_the_evidence() -> None:
    rows = {one.name: one for one in published()}
    assert (rows["one dose"].low, rows["one dose"].high) == (3.0, 14.0)
    assert rows["six infusions"].value == 18.0
    assert rows["share stopped"].value == pytest.approx(45.3, abs=0.1)
    assert rows["share continued"].value == pytest.approx(26.7, abs=0.1)
    assert rows["hazard ratio"].value == 0.49
    assert [one.name for one in published() if not one.fitted] == ["one dose", "six infusions"]


@pytest.mark.parametrize(
    ("what", "low", "high"),
    [
        ("Median time to relapse after one dose", 3.0, 14.0),
        ("Median time to relapse after six infusions", 12.0, 26.0),
        ("Relapse within 40 weeks of stopping", 40.0, 51.0),
        ("Median time to relapse after stopping", 200.0, 345.0),
        ("Hazard ratio of going on against stopping", 0.35, 0.68),
    ],
)
def test_relapse_is_where_it_was_seen(
    result: StudyResult, what: str, low: float, high: float
) -> None:
    table = result.tables["relapse"]
    mine = table[table["what"] == what]
    assert len(mine) == len(HYPOTHESES)
    assert mine["predicted"].between(low, high).all()


def test_every_outcome_has_data_interval_assumption_and_study(result: StudyResult) -> None:
    table = result.tables["ignorance"].set_index("outcome")
    assert set(table.index) == {one.id for one in list_outcomes()}
    assert (table["low"] < table["high"]).all()
    assert (table[["assumption", "best_study", "population"]] != "").all(axis=None)
    assert table[["months_controlled", "months_any"]].notna().all(axis=None)
    texts = [answer.text for answer in result.answers]
    assert sum("months of controlled data" in one for one in texts) == len(table)


def test_curves_beyond_the_data_are_marked(result: StudyResult) -> None:
    charts = {chart.name: chart for chart in result.charts}
    ends = {
        "weeks_after_one_dose": DATA_END_D["one dose"],
        "weeks_after_six_infusions": DATA_END_D["six infusions"],
        "months_in_stable_remitters": DATA_END_D["stopped"],
        "durability": 9.0,
        "cystitis": 46.9,
    }
    lines = {name for name, chart in charts.items() if chart.kind == "lines"}
    assert lines == set(ends)
    for name, end in ends.items():
        frame = charts[name].frame
        assert (frame["extrapolated"] == (frame["x"] > end)).all(), name
        assert frame["extrapolated"].any(), name
        assert "no data" in charts[name].note.lower()


def test_beyond_the_data_nothing_is_assumed_of_the_bladder(result: StudyResult) -> None:
    frame = next(one for one in result.charts if one.name == "cystitis").frame
    vacuous = frame[frame["series"] == "upper bound, nothing assumed"]
    assert (vacuous.loc[vacuous["extrapolated"], "y"] == 100.0).all()
    steady = frame[frame["series"] == "upper bound, hazard as before"].set_index("x")["y"]
    assert steady[84.0] > steady[46.9]


def test_the_drawing_shades_and_dashes_what_is_extrapolated(result: StudyResult) -> None:
    figure = result.plot("durability")
    assert any(one.line.dash == "dot" for one in figure.data if one.mode == "lines")
    assert any("no data" in str(note.text) for note in figure.layout.annotations)


def test_risks_of_bladder_and_dependence_have_no_single_number(result: StudyResult) -> None:
    for name in ("known_urinary", "known_dependence"):
        frame = next(one for one in result.charts if one.name == name).frame
        assert not frame["single_number"].any()
        assert (frame["value"] == frame["high"]).all()
        assert frame["group"].str.startswith("recreational").any()


def test_only_what_was_not_fitted_decides() -> None:
    numbers = {one.name: (one.high, one.low, one.high) for one in published()}
    inside = {**numbers, "one dose": (8.0, 4.0, 10.0), "six infusions": (18.0, 12.0, 26.0)}
    assert verdict_of(inside).outcome == "supported"
    # What was fitted may be as wrong as it likes.
    assert verdict_of({**inside, "hazard ratio": (9.0, 8.0, 10.0)}).outcome == "supported"
    assert verdict_of({**inside, "one dose": (40.0, 1.0, 90.0)}).outcome == "undecided"
    outside = {**inside, "one dose": (40.0, 1.0, 90.0), "six infusions": (3.0, 1.0, 5.0)}
    assert verdict_of(outside).outcome == "contradicted"


def test_the_rules_that_were_not_read_are_compared(result: StudyResult) -> None:
    table = result.tables["rules_of_relapse"]
    one_visit = table["rule"].str.endswith("one visit")
    six = table["programme"] == "six infusions"
    assert table[six & one_visit]["median_d"].min() < table[six & ~one_visit]["median_d"].min()
    assert any("rules are assumed" in warning for warning in result.warnings)


def test_the_same_seed_gives_the_same_numbers(result: StudyResult) -> None:
    again = STUDY.run("quick", ("article",))
    mine = result.tables["relapse"].query("hypothesis == 'article'")["predicted"].to_numpy()
    assert np.array_equal(again.tables["relapse"]["predicted"].to_numpy(), mine)


def test_the_model_says_where_it_misses(result: StudyResult) -> None:
    assert any("early relapse on stopping the model has too little" in w for w in result.warnings)
