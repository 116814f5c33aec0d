"""The section of the map: letters, values and signs agree with hypotheses and model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import libsbml
import pytest

from ketasim.model import load_hypothesis, load_model
from ketasim.report.sections import mechanism

if TYPE_CHECKING:
    from collections.abc import Callable

    from ketasim.report import Bundle


@pytest.fixture(scope="module")
def made(bundle: Bundle) -> dict[str, Any]:
    return mechanism.content(bundle)


def test_each_letter_is_a_parameter_with_its_value_under_each_hypothesis(
    bundle: Bundle, made: dict[str, Any]
) -> None:
    table = load_model().table
    assert [row["letter"] for row in made["switches"]] == list("abcdefgh"[: len(made["switches"])])
    for row in made["switches"]:
        usual = float(table.loc[row["name"], "value"])
        set_by = [load_hypothesis(name).values for name in bundle.hypotheses]
        assert row["values"] == [values.get(row["name"], usual) for values in set_by]
        assert len(set(row["values"])) > 1
        assert row["meaning"] == table.loc[row["name"], "note"]


def test_the_pka_brake_is_disputed_by_sw_camp(made: dict[str, Any]) -> None:
    [letter] = [row["letter"] for row in made["switches"] if row["name"] == "sw_camp"]
    [row] = [row for row in made["disputed"] if row["letters"] == letter]
    assert (row["source"], row["target"]) == ("Raptor phosphorylated by PKA", "mTORC1 activity")
    # opioid_agonist switches the article's edge off.
    assert row["signs"] == ["lowers", "lowers", "no edge"]


def test_a_switch_changed_in_a_hypothesis_appears_as_a_disputed_edge(doctored: Bundle) -> None:
    before = {row["name"] for row in mechanism.content(doctored)["switches"]}
    doctored.index["hypotheses"][0]["switches"]["sw_pi3k"] = 1.0
    after = mechanism.content(doctored)
    assert {row["name"] for row in after["switches"]} - before == {"sw_pi3k"}
    [row] = [row for row in after["disputed"] if row["target"] == "active Akt"]
    assert row["signs"] == ["raises", "no edge", "no edge"]


def test_hypotheses_that_agree_dispute_nothing(doctored: Bundle) -> None:
    for one in doctored.index["hypotheses"]:
        one["switches"], one["overrides"] = {}, {}
    made = mechanism.content(doctored)
    assert made["switches"] == made["disputed"] == []
    assert made["edges"] > 30


def test_the_counts_are_those_of_the_drawing(
    made: dict[str, Any], parse: Callable[[str], Any]
) -> None:
    drawn = parse(made["svg"])
    assert made["nodes"] == len(drawn.every("g", "node"))
    assert made["edges"] == len(drawn.every("g", "edge"))
    assert len(made["disputed"]) == len(drawn.every("g", "disputed"))
    assert made["nodes"] < made["variables"]


def test_the_map_is_drawn_from_the_sbml_of_the_bundle(
    bundle: Bundle, parse: Callable[[str], Any]
) -> None:
    document = libsbml.readSBMLFromString(bundle.sbml)
    model = document.getModel()
    model.getElementBySId("camp").setName("another name")
    model.getRuleByVariable("s6k").setMath(libsbml.parseL3Formula("1 - s6k"))
    drawn = parse(
        mechanism.content(replace(bundle, sbml=libsbml.writeSBMLToString(document)))["svg"]
    )
    nodes = {one["data-id"]: one.text for one in drawn.every("g", "node")}
    assert nodes["camp"].startswith("another name")
    assert "s6k" not in nodes


def test_what_is_read_out_but_not_drawn_is_named(doctored: Bundle) -> None:
    doctored.experiments["camp"]["readouts"]["mor_occupancy_ketamine"] = {}
    assert "mor occupancy ketamine" in mechanism.content(doctored)["left_out"]
