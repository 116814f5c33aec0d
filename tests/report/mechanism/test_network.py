"""The network that is read out of SBML, against libSBML's own lists and libRoadRunner's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libsbml
import numpy as np
import pytest
import roadrunner

from ketasim.errors import ModelError
from ketasim.report.mechanism import Network, read_network
from ketasim.report.mechanism.formula import names_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import SimpleNamespace


def names(model: libsbml.Model, kind: str) -> set[str]:
    rules = model.getListOfRules()
    if kind == "rate":
        return {one.getVariable() for one in rules if one.isRate()}
    if kind == "rule":
        return {one.getVariable() for one in rules if one.isAssignment()}
    moved = {
        end.getSpecies()
        for reaction in model.getListOfReactions()
        for side in (reaction.getListOfReactants(), reaction.getListOfProducts())
        for end in side
    }
    fixed = {one.getId() for one in model.getListOfSpecies() if one.getBoundaryCondition()}
    return moved - fixed


@pytest.fixture(scope="module")
def libsbml_model(shipped: SimpleNamespace) -> libsbml.Model:
    # The model lives only as long as its document.
    return libsbml.readSBMLFromString(shipped.model.sbml).getModel().clone()


@pytest.mark.parametrize("kind", ["species", "rate"])
def test_every_state_of_the_shipped_model_is_a_variable(
    shipped: SimpleNamespace, libsbml_model: libsbml.Model, kind: str
) -> None:
    found = {one.id for one in shipped.network.variables.values() if one.kind == kind}
    assert found == names(libsbml_model, kind)
    assert len(found) > 20


def test_every_rule_that_follows_a_state_is_a_variable_and_the_others_are_constants(
    shipped: SimpleNamespace, libsbml_model: libsbml.Model
) -> None:
    used = {
        one.getVariable(): names_in(one.getMath())
        for one in libsbml_model.getListOfRules()
        if one.isAssignment()
    }
    states = names(libsbml_model, "species") | names(libsbml_model, "rate")

    def moves(name: str) -> bool:
        return name in states or any(moves(one) for one in used.get(name, ()))

    found = {one.id for one in shipped.network.rules}
    assert found == {name for name in used if moves(name)}
    assert used.keys() - found <= shipped.network.constants.keys()
    assert len(found) > 50


def test_the_inputs_of_a_variable_are_the_names_in_its_formula(
    shipped: SimpleNamespace, libsbml_model: libsbml.Model
) -> None:
    for rule in libsbml_model.getListOfRules():
        one = shipped.network.variables.get(rule.getVariable())
        if one is not None:
            assert one.inputs | one.parameters == names_in(rule.getMath())
            assert one.inputs <= shipped.network.variables.keys()


@pytest.fixture(scope="module")
def moved(shipped: SimpleNamespace) -> Mapping[str, float]:
    """Every state away from rest, by a different amount."""
    states = [one for one in shipped.network.variables.values() if one.is_state]
    random = np.random.default_rng(7)
    return {one.id: one.start + float(random.uniform(0.01, 0.3)) for one in states}


@pytest.fixture(scope="module")
def runner(shipped: SimpleNamespace, moved: Mapping[str, float]) -> roadrunner.RoadRunner:
    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_CRITICAL)
    made = roadrunner.RoadRunner(shipped.model.sbml)
    for name, value in moved.items():
        made.setValue(name, value)
    return made


def test_every_rule_has_the_value_that_libroadrunner_computes(
    shipped: SimpleNamespace, moved: Mapping[str, float], runner: roadrunner.RoadRunner
) -> None:
    values = shipped.network.values(moved, {})
    ours = [values[rule.id] for rule in shipped.network.rules]
    theirs = [runner.getValue(rule.id) for rule in shipped.network.rules]
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


def test_every_state_changes_as_fast_as_libroadrunner_says(
    shipped: SimpleNamespace, moved: Mapping[str, float], runner: roadrunner.RoadRunner
) -> None:
    values = shipped.network.values(moved, {})
    ours = [shipped.network.variables[name].formula(values) for name in moved]
    theirs = [runner.getValue(f"{name}'") for name in moved]
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


def test_without_a_dose_everything_rests(shipped: SimpleNamespace) -> None:
    values = shipped.network.values({}, shipped.model.values())
    rates = [one.formula(values) for one in shipped.network.variables.values() if one.is_state]
    assert np.abs(rates).max() < 1e-9


def test_a_small_model_is_read_as_it_was_written(hand: SimpleNamespace) -> None:
    network = hand.network
    kinds = {name: one.kind for name, one in network.variables.items()}
    assert kinds == {
        "pill": "species", "tissue": "species", "poison": "species", "cause": "rate",
        "relay": "rate", "effect": "rate", "level": "rule", "load": "rule", "score": "rule",
    }  # fmt: skip
    assert network.conversions == {frozenset({"pill", "tissue"})}
    assert network.constants["scale"] == 20.0
    assert "bystander" not in network.variables
    assert network.variables["effect"].inputs == {"relay", "effect"}
    assert network.variables["effect"].parameters == {"path", "tau"}
    assert network.variables["load"].mechanism == "kinetics"


def test_values_follow_states_and_parameters(hand: SimpleNamespace) -> None:
    values = hand.network.values({"tissue": 4.0}, {"half": 0.1})
    assert values["level"] == pytest.approx(0.4)
    assert values["load"] == pytest.approx(4.0)
    assert values["score"] == 100.0
    assert hand.network.variables["cause"].formula(values) == pytest.approx(4.0 / 2.0)
    assert hand.network.variables["tissue"].formula({**values, "pill": 1.0}) == pytest.approx(-1.0)


def test_titles_lose_their_unit_and_identifiers_their_underscores(
    network: Callable[..., Network], hand: SimpleNamespace
) -> None:
    assert hand.network.variables["effect"].title == "the effect"
    read = network("slow_one = 1; slow_one' = 1 - slow_one;")
    assert read.variables["slow_one"].title == "slow one"


def test_rules_are_computed_in_any_order_of_the_file(network: Callable[..., Network]) -> None:
    read = network("last := 2*first + base; first := x; base := k; x = 3; x' = -x; k = 5;")
    assert read.values({}, {})["last"] == 11.0
    assert [one.id for one in read.rules] == ["first", "last"]


def test_species_that_no_reaction_moves_are_read_as_what_moves_them(
    network: Callable[..., Network],
) -> None:
    read = network(
        "substanceOnly species fed in body, ruled in body, $held in body, driven in body;"
        "fed = 1; held = 2; driven = 3; held -> fed; k*held; k = 1; ruled := 2*fed;"
        "driven' = -driven;"
    )
    kinds = {name: one.kind for name, one in read.variables.items()}
    assert kinds == {"fed": "species", "driven": "rate", "ruled": "rule"}
    assert read.values({"fed": 4.0}, {})["ruled"] == 8.0


def test_functions_of_the_model_are_evaluated(sbml: Callable[[str], str]) -> None:
    text = """
    function hill(s, k) s/(s + k) end
    model small
      x = 1; x' = -x; y := hill(x, 3); z := hill(3*x, 3);
    end
    """
    values = read_network(sbml(text)).values({}, {})
    assert (values["y"], values["z"]) == (0.25, 0.5)


def test_groups_of_the_model_are_its_mechanisms(sbml: Callable[[str], str]) -> None:
    document = libsbml.readSBMLFromString(sbml("model small x = 1; x' = -x; end"))
    document.enablePackage(libsbml.GroupsExtension.getXmlnsL3V1V1(), "groups", True)
    group = document.getModel().getPlugin("groups").createGroup()
    group.setId("g1")
    group.setName("signalling")
    group.setKind("collection")
    group.createMember().setIdRef("x")
    read = read_network(libsbml.writeSBMLToString(document))
    assert read.variables["x"].mechanism == "signalling"


def test_what_is_no_sbml_is_said_so() -> None:
    with pytest.raises(ModelError, match="no SBML"):
        read_network("<html></html>")


RULE = """
<assignmentRule variable="{variable}"><math xmlns="http://www.w3.org/1998/Math/MathML">
<apply><plus/><ci> {first} </ci><ci> {second} </ci></apply></math></assignmentRule>
"""
CIRCLE = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"><model id="m">
<listOfParameters>
<parameter id="x" value="1" constant="false"/><parameter id="a" constant="false"/>
<parameter id="b" constant="false"/>
</listOfParameters>
<listOfRules>
<rateRule variable="x"><math xmlns="http://www.w3.org/1998/Math/MathML"><ci> x </ci></math></rateRule>
{rules}
</listOfRules></model></sbml>
"""


@pytest.mark.parametrize("foot", ["x", "a"], ids=["of a state", "of constants"])
def test_rules_in_a_circle_are_refused(foot: str) -> None:
    first = RULE.format(variable="a", first="b", second=foot if foot == "x" else "b")
    second = RULE.format(variable="b", first="a", second="a")
    with pytest.raises(ModelError, match="in a circle"):
        read_network(CIRCLE.format(rules=first + second))


def test_an_unset_number_counts_as_nothing(network: Callable[..., Network]) -> None:
    read = network("var unset; x' = unset - x; y := x + unset;")
    assert read.constants["unset"] == read.variables["x"].start == 0.0
    assert read.values({"x": 3.0}, {})["y"] == 3.0
