"""Experiments are found by name, in the folder and in plug-ins; what is no experiment is refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from ketasim.errors import ModelError, UnknownNameError
from ketasim.experiments import claims, discovery, experiment, list_experiments, list_readouts
from ketasim.experiments.design import Arm, Experiment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SHIPPED = ("occupancy", "naltrexone", "mtor", "ampa", "serotonin", "camp")
FILE = """
from dataclasses import replace
from ketasim.experiments.claims.ampa import EXPERIMENT as AMPA
EXPERIMENT = replace(AMPA, name="a_new_claim")
"""


@pytest.fixture
def afresh() -> Iterator[None]:
    discovery._experiments.cache_clear()
    yield
    discovery._experiments.cache_clear()


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch, afresh: None) -> Callable[[object], None]:
    def install(made: object) -> None:
        point = SimpleNamespace(name="a plug-in", load=lambda: made)
        monkeypatch.setattr(
            discovery, "entry_points", lambda group: [point] if group == discovery.GROUP else []
        )
        discovery._experiments.cache_clear()

    return install


@pytest.fixture
def new_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, afresh: None
) -> Iterator[Callable[[str], None]]:
    before = set(sys.modules)
    monkeypatch.setattr(claims, "__path__", [*claims.__path__, str(tmp_path)])

    def write(text: str) -> None:
        (tmp_path / "written_by_a_test.py").write_text(text, "utf-8")

    yield write
    for name in set(sys.modules) - before:
        if name.endswith("written_by_a_test"):
            del sys.modules[name]
            delattr(claims, "written_by_a_test")


def refused(plug_in: Callable[[object], None], made: object) -> str:
    plug_in(made)
    with pytest.raises(ModelError) as caught:
        list_experiments()
    sentence = str(caught.value)
    assert sentence.startswith("a plug-in: ")
    assert "\n" not in sentence
    return sentence


def test_the_articles_six_experiments_come_first_and_in_its_order() -> None:
    assert list_experiments()[:6] == SHIPPED


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [("naltrexon", "naltrexone"), ("MTOR", "mtor"), ("serotonine", "serotonin")],
)
def test_an_unknown_experiment_is_answered_with_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(
        UnknownNameError, match=f"unknown experiment '{wrong}': did you mean {nearest}"
    ):
        experiment(wrong)


def test_a_name_that_is_near_none_is_answered_with_all() -> None:
    with pytest.raises(UnknownNameError, match=r"one of ampa, .*camp, .*mtor, naltrexone"):
        experiment("xyzzy")


def test_an_unknown_arm_is_answered_with_the_nearest_and_the_experiment() -> None:
    with pytest.raises(UnknownNameError, match="experiment 'mtor': unknown arm 'rapamicin'"):
        experiment("mtor").arm("rapamicin")


def test_a_plug_in_adds_an_experiment_behind_the_shipped_ones(
    plug_in: Callable[[object], None],
) -> None:
    plug_in(replace(experiment("ampa"), name="a_claim_of_mine"))
    assert list_experiments("claim") == (*SHIPPED, "a_claim_of_mine")
    assert list_experiments()[-1] == "a_claim_of_mine"
    assert isinstance(experiment("a_claim_of_mine"), Experiment)


def test_a_plug_in_does_not_take_the_place_of_a_shipped_experiment(
    plug_in: Callable[[object], None],
) -> None:
    theirs = replace(experiment("ampa"), title="Not the shipped")
    assert "there are two experiments 'ampa'" in refused(plug_in, theirs)


def test_a_file_in_the_folder_is_a_new_experiment(new_file: Callable[[str], None]) -> None:
    new_file(FILE)
    assert list_experiments("claim") == (*SHIPPED, "a_new_claim")


def test_a_file_without_an_experiment_is_refused(new_file: Callable[[str], None]) -> None:
    new_file("SOMETHING = 1\n")
    words = "claims.written_by_a_test: there is no EXPERIMENT of the type Experiment"
    with pytest.raises(ModelError, match=words):
        list_experiments()


@pytest.mark.parametrize("made", [None, "ampa", object()])
def test_what_is_no_experiment_is_refused(plug_in: Callable[[object], None], made: object) -> None:
    assert "there is no EXPERIMENT of the type Experiment" in refused(plug_in, made)


def test_two_arms_of_one_name_are_refused(plug_in: Callable[[object], None]) -> None:
    ampa = experiment("ampa")
    twice = replace(ampa, arms=(*ampa.arms, Arm("nbqx", "NBQX again")))
    assert "two arms of 'ampa' have the same name" in refused(plug_in, twice)


def test_a_reference_that_is_no_arm_is_refused(plug_in: Callable[[object], None]) -> None:
    ampa = experiment("ampa")
    lost = replace(ampa, arms=(*ampa.arms, Arm("other", "other", reference="esketamine")))
    assert "arm 'other' refers to 'esketamine', which is no arm" in refused(plug_in, lost)


def test_a_readout_that_does_not_exist_is_answered_with_the_nearest(
    plug_in: Callable[[object], None],
) -> None:
    plug_in(replace(experiment("ampa"), readouts=("releif",)))
    with pytest.raises(UnknownNameError, match="unknown readout 'releif': did you mean relief"):
        list_experiments()
    assert "relief" in list_readouts()
