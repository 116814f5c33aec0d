"""The study `better_drug`: what it says is computed, and holds for more than one hypothesis."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ketasim.discovery import known_compound
from ketasim.experiments import experiment
from ketasim.experiments.better_drug_words import differences

if TYPE_CHECKING:
    from ketasim.experiments.study_result import StudyResult

HYPOTHESES = ("article", "no_opioid", "opioid_agonist")


@pytest.fixture(scope="module")
def result() -> StudyResult:
    return experiment("better_drug").run("quick", HYPOTHESES)


def test_the_map_holds_known_compounds_and_candidates(result: StudyResult) -> None:
    table = result.tables["map"]
    assert set(table["kind"]) == {"known", "candidate"}
    assert set(table["compound"]) >= {"ketamine", "memantine", "lanicemine", "cp101606_like"}


def test_every_sentence_tells_a_number_of_the_tables(result: StudyResult) -> None:
    table = result.tables["map"].set_index("compound")
    first = next(one for one in result.answers if one.question.startswith("Is there"))
    best = re.search(r"largest sum, (candidate \d+)", first.text)
    assert best is not None
    assert f"{table.loc[best.group(1), 'benefit_24h']:.2g}" in first.text
    worth = result.tables["worth"].query("part == 'molecule'").iloc[0]
    told = next(one for one in result.answers if "worth most" in one.question)
    assert told.text.startswith(str(worth["property"]))
    assert told.value == pytest.approx(worth["worth"])


def test_blockers_are_told_with_the_hypotheses_that_cannot_tell(result: StudyResult) -> None:
    answers = [one for one in result.answers if "land below" in one.question]
    assert len(answers) == 2
    for one in answers:
        assert "article, no_opioid can tell why: trapping" in one.text
        assert "opioid_agonist cannot tell" in one.text


def test_no_hypothesis_is_judged_by_a_compound_that_is_not_there(result: StudyResult) -> None:
    assert set(result.verdicts) == set(HYPOTHESES)
    assert {one.outcome for one in result.verdicts.values()} == {"not testable with these data"}
    assert "by trapping" in result.verdicts["article"].why


def test_bounds_costs_and_open_questions_are_shown(result: StudyResult) -> None:
    assert {"properties", "costs", "open_questions", "sobol", "blockers"} <= set(result.tables)
    sobol = result.tables["sobol"]
    assert (sobol["st_low"] <= sobol["st_high"]).all()
    assert any("assumed" in one for one in result.warnings)


def test_charts_name_their_units(result: StudyResult) -> None:
    assert [one.name for one in result.charts] == ["map", "worth", "sobol", "blockers"]
    assert all("(" in one.x for one in result.charts)


def test_differences_are_those_from_ketamine() -> None:
    ketamine = known_compound("ketamine")
    assert differences(ketamine) == ""
    changed = differences(ketamine.with_values({"trapping": 0.7, "route": "oral"}))
    assert changed == "NMDA trapping 0.7 (ketamine 1), route oral"
