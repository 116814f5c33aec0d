"""The map that is drawn: known by hand for a small model, and by its promises for the shipped one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libsbml
import pytest

from ketasim.report.mechanism import Network, contract, read_network

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

ONE: dict[str, dict[str, float]] = {"mine": {}}


def test_the_hand_made_model_gives_the_hand_drawn_map(
    hand: SimpleNamespace, signs: Callable[..., Any]
) -> None:
    assert signs(hand.map) == {
        ("pill", "cause"): {"open": "+", "shut": "+"},
        ("poison", "cause"): {"open": "-", "shut": "-"},
        ("cause", "effect"): {"open": "+", "shut": "0"},
        ("effect", "score"): {"open": "-", "shut": "-"},
    }


def test_a_drug_is_one_node_with_its_spaces_and_levels(hand: SimpleNamespace) -> None:
    nodes = {node.id: node for node in hand.map.nodes}
    assert set(nodes) == {"pill", "poison", "cause", "effect", "score"}
    assert set(nodes["pill"].members) == {"pill", "tissue", "level", "load"}
    assert nodes["pill"].title == "The pill"
    assert {name: node.kind for name, node in nodes.items()} == {
        "pill": "drug", "poison": "drug", "cause": "state", "effect": "state", "score": "readout",
    }  # fmt: skip


def test_the_switch_of_a_delay_stays_on_the_edge_it_is_joined_into(hand: SimpleNamespace) -> None:
    edges = {(one.source, one.target): one.switches for one in hand.map.edges}
    assert edges["cause", "effect"] == ("path",)
    assert not any(switches for pair, switches in edges.items() if pair != ("cause", "effect"))


def test_a_state_that_only_passes_an_influence_on_is_taken_out(
    hand: SimpleNamespace, signs: Callable[..., Any]
) -> None:
    drawn = contract(hand.network, hand.settings, ["score"])
    assert signs(drawn)["cause", "score"] == {"open": "-", "shut": "0"}
    assert not {"relay", "effect"} & {node.id for node in drawn.nodes}


def test_another_model_gives_another_map(
    hand: SimpleNamespace, sbml: Callable[[str], str], signs: Callable[..., Any]
) -> None:
    text = hand.text.replace("1 + load - poison", "1 - load + poison")
    turned = contract(read_network(sbml(text), hand.homes), hand.settings, ["effect", "score"])
    assert signs(turned)["pill", "cause"] == {"open": "-", "shut": "-"}
    assert signs(turned)["poison", "cause"] == {"open": "+", "shut": "+"}
    assert signs(turned).keys() == signs(hand.map).keys()


def test_hypotheses_that_differ_elsewhere_dispute_something_else(hand: SimpleNamespace) -> None:
    drawn = contract(hand.network, {"slow": {"half": 0.2}, "fast": {"half": 0.001}}, ["effect"])
    edges = {(one.source, one.target): one.switches for one in drawn.edges}
    assert edges["pill", "cause"] == ("half",)
    assert edges["cause", "effect"] == ()
    assert drawn.hypotheses == ("slow", "fast")


@pytest.mark.parametrize(
    ("first", "second", "sign"),
    [("+ x", "+ m", "+"), ("- x", "- m", "-"), ("+ x", "- m", "±"), ("", "- m", "-")],
)
def test_parts_of_one_drug_add_up(
    network: Callable[..., Network], signs: Callable[..., Any], first: str, second: str, sign: str
) -> None:
    lines = (
        "substanceOnly species x in body, m in body; x -> m; x; m -> ; m; x = 1; m = 1;"
        f"y = 1; y' = 5 {first} {second} - y; z = 1; z' = 1 - z - y;"
    )
    drawn = contract(network(lines, {"drug": ("x", "m"), "rest": ("y", "z")}), ONE, ["y", "z"])
    assert signs(drawn)["x", "y"] == {"mine": sign}


@pytest.mark.parametrize(
    ("first", "second", "sign"),
    [
        ("x", "d", "+"),
        ("-x", "d", "-"),
        ("x", "-d", "-"),
        ("-x", "-d", "+"),
        ("x", "sin(40*d)", "±"),
    ],
)
def test_signs_multiply_along_a_delay(
    network: Callable[..., Network], signs: Callable[..., Any], first: str, second: str, sign: str
) -> None:
    lines = f"x = 1; x' = 1 - x; d = 1; d' = {first} - d; y = 1; y' = {second} - y; s := y;"
    homes = {"one": ("x", "d", "y", "s")}
    drawn = contract(network(lines, homes), ONE, ["x", "y", "s"])
    assert signs(drawn)["x", "y"] == {"mine": sign}


def test_beside_a_delay_the_direct_influence_stands(
    network: Callable[..., Network], signs: Callable[..., Any]
) -> None:
    lines = "x = 1; x' = 1 - x; d = 1; d' = x - d; y = 1; y' = k*x - d - y; k = 2; s := y;"
    read = network(lines, {"one": ("x", "d", "y", "s")})
    drawn = contract(read, {"with": {}, "without": {"k": 0.0}}, ["x", "y", "s"])
    # Where the direct influence is switched off, the one through the delay is left.
    assert signs(drawn)["x", "y"] == {"with": "+", "without": "-"}


def test_a_delay_between_two_mechanisms_is_kept(network: Callable[..., Network]) -> None:
    lines = "x = 1; x' = 1 - x; d = 1; d' = x - d; y = 1; y' = d - y; s := y;"
    homes = {"one": ("x",), "two": ("d",), "three": ("y", "s")}
    drawn = contract(network(lines, homes), ONE, ["x", "y", "s"])
    assert "d" in {node.id for node in drawn.nodes}


def test_a_readout_that_gathers_everything_is_named_and_not_drawn(
    network: Callable[..., Network],
) -> None:
    lines = (
        "a = 1; a' = 1 - b - a; b = 1; b' = 1 - a - b; c = 1; c' = a - c; e = 1; e' = c - e;"
        "all := a + b + c + e; some := c + e;"
    )
    drawn = contract(network(lines), ONE, ["all", "some", "unheard"])
    assert drawn.left_out == ("all",)
    assert "some" in {node.id for node in drawn.nodes}


def test_no_node_stands_alone(shipped: SimpleNamespace) -> None:
    ends = {end for edge in shipped.map.edges for end in (edge.source, edge.target)}
    assert ends == {node.id for node in shipped.map.nodes}
    assert all(edge.source != edge.target for edge in shipped.map.edges)
    assert all(set(edge.signs.values()) != {"0"} for edge in shipped.map.edges)


def test_a_variable_belongs_to_one_node(shipped: SimpleNamespace) -> None:
    members = [name for node in shipped.map.nodes for name in node.members]
    assert len(members) == len(set(members))
    assert set(members) <= shipped.network.variables.keys()
    assert len(shipped.map.nodes) <= 60


def test_each_drug_that_acts_has_its_name_in_print(shipped: SimpleNamespace) -> None:
    titles = {node.title for node in shipped.map.nodes if node.kind == "drug"}
    assert titles <= shipped.drugs.keys()
    assert {"NBQX, AMPA antagonist", "Rapamycin (sirolimus)", "Naloxone"} <= titles


@pytest.mark.parametrize(
    ("source", "target", "sign"),
    [
        ("nbqx", "ampa_drive", "-"),
        ("rapamycin", "mtorc1", "-"),
        ("ntx_gut", "mor_tone", "-"),
        ("forskolin", "camp", "+"),
        ("rolipram", "camp", "+"),
        ("camp", "pka", "+"),
        ("ket_s", "nmda_occupancy", "+"),
        ("glutamate", "ampa_drive", "+"),
        ("bdnf", "synaptic_protein", "+"),
        ("mtorc1", "synaptic_protein", "+"),
        ("pcpa", "serotonin", "-"),
        ("gr127935", "serotonin_gate", "-"),
        ("cp94253", "serotonin_gate", "+"),
        ("spines", "mood_benefit", "+"),
    ],
)
def test_the_map_tells_the_story(
    shipped: SimpleNamespace, signs: Callable[..., Any], source: str, target: str, sign: str
) -> None:
    assert set(signs(shipped.map)[source, target].values()) == {sign}


@pytest.mark.parametrize(
    ("source", "target", "hypothesis", "sign"),
    [
        ("mor_tone", "glutamate", "opioid_glutamate", "+"),
        ("mor_tone", "akt", "opioid_pi3k", "+"),
        ("pka", "glua1", "camp_promoting", "+"),
    ],
)
def test_an_edge_of_one_hypothesis_is_seen_under_it_alone(
    shipped: SimpleNamespace,
    signs: Callable[..., Any],
    source: str,
    target: str,
    hypothesis: str,
    sign: str,
) -> None:
    found = signs(shipped.map)[source, target]
    assert found.pop(hypothesis) == sign
    assert set(found.values()) == {"0"}


def test_without_opioid_tone_the_endogenous_opioid_reaches_nothing(
    shipped: SimpleNamespace, signs: Callable[..., Any]
) -> None:
    assert signs(shipped.map)["endorphin", "mor_tone"]["no_opioid"] == "0"
    assert signs(shipped.map)["endorphin", "mor_tone"]["article"] == "+"


def test_every_switch_of_a_hypothesis_that_changes_the_network_is_on_an_edge(
    shipped: SimpleNamespace,
) -> None:
    on_edges = {name for edge in shipped.map.edges for name in edge.switches}
    usual = shipped.network.constants
    flipped = {
        name
        for one in shipped.settings.values()
        for name, value in one.items()
        if name.startswith("sw_") and value != usual[name]
    }
    assert flipped <= on_edges


def test_an_edge_cut_out_of_the_sbml_is_cut_out_of_the_map(
    shipped: SimpleNamespace, signs: Callable[..., Any]
) -> None:
    document = libsbml.readSBMLFromString(shipped.model.sbml)
    rule = document.getModel().getRuleByVariable("ampa_block")
    rule.setMath(libsbml.parseL3Formula("0"))
    network = read_network(libsbml.writeSBMLToString(document), shipped.model.mechanisms())
    article = {"article": shipped.settings["article"]}
    drawn = contract(network, article, ["relief", "ampa_drive"], shipped.drugs)
    assert ("nbqx", "ampa_drive") not in signs(drawn)
    assert "nbqx" not in {node.id for node in drawn.nodes}
    assert ("glutamate", "ampa_drive") in signs(drawn)
