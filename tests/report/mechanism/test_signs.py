"""Signs of influences: by hand where the derivative is known, and by the story where it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ketasim.report.mechanism import Influence, Network, influences
from ketasim.report.mechanism.inline import inline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import SimpleNamespace

ONE: dict[str, dict[str, float]] = {"mine": {}}


def signs(
    network: Network, settings: Mapping[str, Mapping[str, float]] = ONE
) -> dict[tuple[str, str], Influence]:
    return {(one.source, one.target): one for one in influences(network, settings)}


@pytest.mark.parametrize(
    ("rate", "sign"),
    [
        ("2*x", "+"),
        ("-0.1*x", "-"),
        ("1/(1 + x)", "-"),
        ("x^2/(x^2 + 1)", "+"),
        ("max(0, x - 1)", "+"),
        ("sin(40*x)", "±"),
    ],
)
def test_a_sign_is_that_of_the_derivative(
    network: Callable[..., Network], rate: str, sign: str
) -> None:
    read = network(f"x = 1; x' = -x; y = 1; y' = {rate} - y;")
    assert signs(read)["x", "y"].signs == {"mine": sign}


def test_an_influence_that_cancels_is_none(network: Callable[..., Network]) -> None:
    read = network("x = 1; x' = -x; z = 1; z' = -z; y = 1; y' = z + x - x - y;")
    assert set(signs(read)) == {("z", "y")}


def test_a_variable_has_no_edge_to_itself(network: Callable[..., Network]) -> None:
    assert not signs(network("x = 1; x' = -x;"))


def test_a_state_that_starts_empty_still_shows_its_influence(
    network: Callable[..., Network],
) -> None:
    read = network("x = 0; x' = -x; y = 1; y' = x*x - y;")
    assert signs(read)["x", "y"].signs == {"mine": "+"}


def test_an_edge_that_is_switched_off_has_no_sign_there(hand: SimpleNamespace) -> None:
    edge = signs(hand.network, hand.settings)["relay", "effect"]
    assert edge.signs == {"open": "+", "shut": "0"}
    assert edge.switches == ("path",)


def test_an_edge_that_all_share_is_disputed_by_none(hand: SimpleNamespace) -> None:
    found = signs(hand.network, hand.settings)
    assert found["poison", "cause"].signs == {"open": "-", "shut": "-"}
    assert {pair for pair, edge in found.items() if edge.switches} == {("relay", "effect")}


def test_an_edge_that_no_hypothesis_has_is_left_out(hand: SimpleNamespace) -> None:
    assert ("relay", "effect") not in signs(hand.network, {"shut": {"path": 0.0}})


def test_a_parameter_that_turns_an_influence_round_disputes_it(
    network: Callable[..., Network],
) -> None:
    read = network("k = 1; x = 1; x' = -x; y = 1; y' = k*x - y;")
    edge = signs(read, {"one": {}, "other": {"k": -1.0}})["x", "y"]
    assert edge.signs == {"one": "+", "other": "-"}
    assert edge.switches == ("k",)


@pytest.mark.parametrize(("share", "switches"), [(0.5, ()), (0.1, ("k",))])
def test_a_share_disputes_an_edge_that_it_makes_much_weaker(
    network: Callable[..., Network], share: float, switches: tuple[str, ...]
) -> None:
    read = network("k = 1; x = 1; x' = -x; y = 1; y' = k*x - y;")
    assert signs(read, {"one": {}, "other": {"k": share}})["x", "y"].switches == switches


def test_a_scale_of_a_whole_rule_is_no_dispute_about_its_inputs(
    network: Callable[..., Network],
) -> None:
    read = network("k = 1; x = 1; x' = -x; y := k*x; z = 1; z' = y - z;")
    assert not signs(read, {"one": {}, "other": {"k": 0.1}})["x", "y"].switches


def test_a_parameter_that_the_model_lacks_disputes_nothing(hand: SimpleNamespace) -> None:
    found = signs(hand.network, {"one": {}, "other": {"not_there": 5.0}})
    assert not any(edge.switches for edge in found.values())


def test_signs_are_the_same_every_time(hand: SimpleNamespace) -> None:
    assert influences(hand.network, hand.settings) == influences(hand.network, hand.settings)


# What the story names that is no state of the model; rules between are passed over.
NAMED = {"c_s_brain", "nmda_occupancy", "ampa_drive", "ntx_load", "mor_tone", "serotonin_gate"}
# Edges of the design's table of the story, by the numbers they have there.
STORY = {
    "2 ketamine blocks NMDA receptors": ("c_s_brain", "nmda_occupancy", "+"),
    "3b autoreceptors hold glutamate back": ("glutamate_adaptation", "glutamate", "-"),
    "4 AMPA drive reads the surge": ("glutamate", "ampa_drive", "+"),
    "4 NBQX blocks AMPA": ("nbqx", "ampa_drive", "-"),
    "4 AMPA drive releases BDNF": ("ampa_drive", "bdnf", "+"),
    "5 resting NMDA block frees eEF2": ("nmda_occupancy", "eef2", "+"),
    "5 eEF2 translates BDNF": ("eef2", "bdnf", "+"),
    "6 BDNF drives TrkB": ("bdnf", "trkb", "+"),
    "6 TrkB drives Akt": ("trkb", "akt", "+"),
    "7 Akt drives mTORC1": ("akt", "mtorc1", "+"),
    "7 mTORC1 drives S6K": ("mtorc1", "s6k", "+"),
    "7 rapamycin blocks mTORC1": ("rapamycin", "mtorc1", "-"),
    "8 opioids give tone": ("endorphin", "mor_tone", "+"),
    "8 tone holds cAMP down": ("mor_tone", "camp", "-"),
    "9 naltrexone takes the tone away": ("ntx_load", "mor_tone", "-"),
    "11 cAMP drives PKA": ("camp", "pka", "+"),
    "11 PKA phosphorylates Raptor": ("pka", "raptor_p", "+"),
    "11 Raptor so marked brakes mTORC1": ("raptor_p", "mtorc1", "-"),
    "12 synaptic protein needs mTORC1": ("mtorc1", "synaptic_protein", "+"),
    "12 and BDNF": ("bdnf", "synaptic_protein", "+"),
    "13 a share of GluA1 needs mTORC1": ("mtorc1", "glua1", "+"),
    "14 AMPA drive releases serotonin": ("ampa_drive", "serotonin", "+"),
    "15 AMPA drive recruits 5-HT1B": ("ampa_drive", "ht1b_recruitment", "+"),
    "16 serotonin opens the gate": ("serotonin", "serotonin_gate", "+"),
    "17 GluA1 relieves": ("glua1", "mood_benefit", "+"),
    "17 spines relieve": ("spines", "mood_benefit", "+"),
}


@pytest.fixture(scope="module")
def told(shipped: SimpleNamespace) -> dict[tuple[str, str], Influence]:
    assert shipped.network.variables.keys() >= NAMED
    return signs(inline(shipped.network, frozenset(NAMED)), shipped.settings)


@pytest.mark.parametrize(("source", "target", "sign"), STORY.values(), ids=STORY)
def test_the_model_has_the_edges_of_the_story(
    told: dict[tuple[str, str], Influence], source: str, target: str, sign: str
) -> None:
    assert told[source, target].signs["article"] == sign


def test_the_pka_brake_on_mtorc1_is_there_only_where_it_is_switched_on(
    told: dict[tuple[str, str], Influence], shipped: SimpleNamespace
) -> None:
    edge = told["raptor_p", "mtorc1"]
    usual = shipped.network.constants["sw_camp"]
    switched_on = {name: one.get("sw_camp", usual) > 0 for name, one in shipped.settings.items()}
    assert edge.signs == {name: "-" if on else "0" for name, on in switched_on.items()}
    assert "sw_camp" in edge.switches
    assert set(switched_on.values()) == {True, False}


def test_surface_glua1_never_feeds_back_into_bdnf(shipped: SimpleNamespace) -> None:
    # First wiring rule of the design: with that loop the model runs away.
    found = signs(shipped.network, {"article": shipped.settings["article"]})
    reached, waiting = set(), ["glua1"]
    while waiting:
        at = waiting.pop()
        reached.add(at)
        waiting += [target for source, target in found if source == at and target not in reached]
    assert "mood_benefit" in reached
    assert not reached & {"bdnf", "ampa_drive", "mtorc1"}
