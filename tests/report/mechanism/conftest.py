"""A network small enough to draw by hand, and the shipped one with all its hypotheses."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import antimony
import pytest

from ketasim.experiments import experiment, list_experiments
from ketasim.model import list_drugs, list_hypotheses, load_drug, load_model
from ketasim.report.mechanism import Map, Network, contract, read_network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A pill moves into tissue and is lost; there it raises a cause, a poison lowers it. The cause works
# through a relay on the effect, if the path is open; the score falls with the effect.
HAND = """
model hand
  compartment body = 1;
  substanceOnly species pill in body, tissue in body, poison in body, bystander in body;
  pill = 0; tissue = 0; poison = 0; bystander = 1;
  pill -> tissue; exchange*pill;
  tissue -> ; loss*tissue;
  poison -> ; loss*poison;
  exchange = 1; loss = 0.5; room = 10; half = 0.2; tau = 2; path = 1;
  scale := room*2;
  level := tissue/room;
  load := level/half;
  cause = 1; cause' = (1 + load - poison - cause)/tau;
  relay = 1; relay' = (cause - relay)/tau;
  effect = 1; effect' = (1 + path*(relay - 1) - effect)/tau;
  score := 100*(2 - effect);
  effect is "the effect (fold)";
end
"""
HOMES = {
    "kinetics": ("pill", "tissue", "poison", "level", "load"),
    "signal": ("cause", "relay", "effect", "score"),
}
SETTINGS = {"open": {"path": 1.0}, "shut": {"path": 0.0}}


@cache
def to_sbml(text: str) -> str:
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


@pytest.fixture(scope="session")
def sbml() -> Callable[[str], str]:
    return to_sbml


@pytest.fixture(scope="session")
def network() -> Callable[..., Network]:
    """From the lines of a model to its network; ``body`` and the word model are added."""

    def read(lines: str, homes: Mapping[str, tuple[str, ...]] | None = None) -> Network:
        text = f"model small\n compartment body = 1;\n{lines}\nend\n"
        return read_network(to_sbml(text), homes)

    return read


@pytest.fixture(scope="session")
def hand() -> SimpleNamespace:
    made = read_network(to_sbml(HAND), HOMES)
    drawn = contract(made, SETTINGS, ["effect", "score"], {"The pill": ["pill"]})
    return SimpleNamespace(text=HAND, network=made, map=drawn, settings=SETTINGS, homes=HOMES)


@pytest.fixture(scope="session")
def shipped() -> SimpleNamespace:
    """The article's model, the settings of every hypothesis, and the map as a dossier draws it."""
    model = load_model()
    made = read_network(model.sbml, model.mechanisms())
    settings = {name: load_model(name).hypothesis.values for name in list_hypotheses()}
    read = {name for one in list_experiments("claim") for name in experiment(one).readouts}
    drugs = {one.title: one.targets() for one in map(load_drug, list_drugs())}
    drawn = contract(made, settings, read, drugs)
    return SimpleNamespace(model=model, network=made, settings=settings, map=drawn, drugs=drugs)


@pytest.fixture(scope="session")
def signs() -> Callable[[Map], dict[tuple[str, str], Any]]:
    return lambda drawn: {(one.source, one.target): dict(one.signs) for one in drawn.edges}
