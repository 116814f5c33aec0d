"""Hypotheses: one file each, checked against the model when they meet it."""

from pathlib import Path

import pytest

from ketasim.errors import ModelError, UnknownNameError
from ketasim.evidence import bibliography
from ketasim.model import list_hypotheses, load_hypothesis, load_model

OWN = """
name: mine
title: Mine
statement: Half of the PKA brake.
refuted_by: Anything.
switches: {sw_camp: 0.5}
"""


def test_the_seven_readings_are_there_and_the_article_comes_first() -> None:
    assert list_hypotheses()[0] == "article"
    assert set(list_hypotheses()) >= {
        "article", "mtor_sparing", "opioid_pi3k", "opioid_glutamate", "opioid_agonist",
        "camp_promoting", "no_opioid",
    }  # fmt: skip


@pytest.mark.parametrize("name", list_hypotheses())
def test_every_hypothesis_says_what_refutes_it_and_cites_what_exists(name: str) -> None:
    hypothesis = load_hypothesis(name)
    assert hypothesis.name == name
    assert hypothesis.refuted_by
    assert hypothesis.expected
    known = set(bibliography())
    assert {source for _, source in hypothesis.supports + hypothesis.against} <= known
    assert hypothesis.supports
    assert hypothesis.against


@pytest.mark.parametrize("name", [one for one in list_hypotheses() if one != "article"])
def test_every_rival_switches_an_edge_inside_the_network(name: str) -> None:
    article, rival = load_model("article").values(), load_model(name).values()
    differing = {key for key in article if article[key] != rival[key]}
    assert any(key.startswith("sw_") for key in differing)


def test_all_hypotheses_share_one_structure() -> None:
    assert len({load_model(name).sbml for name in list_hypotheses()}) == 1


def test_a_new_file_is_a_new_hypothesis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text(OWN, "utf-8")
    monkeypatch.setenv("KETASIM_HYPOTHESES", str(tmp_path))
    assert "mine" in list_hypotheses()
    model = load_model("mine")
    assert model.values()["sw_camp"] == 0.5
    assert not model.is_calibrated


def test_an_edge_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OWN.replace("sw_camp", "sw_cmap"), "utf-8")
    with pytest.raises(ModelError, match=r"no edge 'sw_cmap'.*sw_camp"):
        load_model(path)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OWN.replace("refuted_by: Anything.\n", ""), "utf-8")
    with pytest.raises(ModelError, match="refuted_by"):
        load_hypothesis(path)


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="article"):
        load_hypothesis("articel")
