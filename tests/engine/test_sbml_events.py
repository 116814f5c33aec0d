"""Events are read as SBML means them; libRoadRunner, which executes them, is the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import roadrunner

from ketasim.engine.sbml import read_sbml
from ketasim.errors import InputError, ModelError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ketasim.engine.network import Event, Network

VOLUMES = """
model m
  compartment C; C = 0.5; species S in C; S = 2; substanceOnly species D in C; D = 3
  species E in C; E = 1; k = 3; x := S
  E0: at time >= 0.45: S = 0.2, C = 0.2, k = k + S, D = D + x
end"""


def executed(network: Network, event: Event, state: list[float], time: float) -> list[float]:
    """The state after an event: all values computed first, then all set."""
    nodes = [node for _, node in event.assignments]
    values = network.graph.evaluate(nodes, network.defaults, state, time)
    after = list(state)
    for (place, _), value in zip(event.assignments, values, strict=True):
        after[place] = value
    return after


def start(network: Network) -> list[float]:
    return network.graph.evaluate(network.initial, network.defaults)


def test_what_an_event_sets_becomes_a_state(sbml: Callable[[str], str]) -> None:
    network = read_sbml(sbml(VOLUMES))
    assert network.states == ("S", "D", "E", "C", "k")
    assert network.parameters == ()
    assert network.graph.evaluate(network.rates, network.defaults, start(network)) == [0.0] * 5
    assert start(network) == [1.0, 3.0, 0.5, 0.5, 3.0]
    inputs = network.input_table({"k": 9.0, "C": 4.0}, 1)[0].tolist()
    assert network.graph.evaluate(network.initial, inputs) == [8.0, 3.0, 4.0, 4.0, 9.0]


def test_assignments_are_made_from_the_state_before_the_event(sbml: Callable[[str], str]) -> None:
    """Case 01779 of the SBML test suite: a concentration and its volume in one event."""
    text = sbml(VOLUMES)
    network = read_sbml(text)
    (event,) = network.events
    after = executed(network, event, start(network), 0.45)
    names = ["S", "D", "E", "C", "k", "x"]
    amounts = network.graph.evaluate(network.output_nodes(names, "amount"), network.defaults, after)
    concentrations = network.graph.evaluate(
        network.output_nodes(names, "concentration"), network.defaults, after
    )
    runner = roadrunner.RoadRunner(text)
    runner.simulate(0.0, 0.5, 3)
    assert amounts == pytest.approx([runner.getValue(name) for name in names])
    assert concentrations[:3] == pytest.approx([runner.getValue(f"[{n}]") for n in ("S", "D", "E")])
    assert concentrations[0] == pytest.approx(0.5)


def test_all_that_an_event_says(sbml: Callable[[str], str]) -> None:
    network = read_sbml(
        sbml(
            """
        model m
          x = 1; y = 2; z = 5; x' = -x; p = 3
          first: at (x < 0.5 && time > 1): y = 2*x
          second: at p after (x < 0.2), priority = y + 1, t0 = false, persistent = false, OPTION
        end""".replace("OPTION", "fromTrigger = false: z = x, y = z")
        )
    )
    first, second = network.events
    assert [(network.states[place]) for place, _ in second.assignments] == ["z", "y"]
    assert (first.name, first.initially, first.persistent, first.from_trigger) == (
        "first", True, True, True,
    )  # fmt: skip
    assert (first.delay, first.priority) == (None, None)
    assert (second.initially, second.persistent, second.from_trigger) == (False, False, False)
    assert second.delay is not None
    assert second.priority is not None
    state = [0.1, 2.0, 5.0]
    assert network.states == ("x", "y", "z")

    def value(node: int, time: float = 0.0) -> float:
        return network.graph.evaluate([node], network.defaults, state, time)[0]

    assert (value(second.delay), value(second.priority)) == (3.0, 3.0)
    assert [value(first.trigger, time) for time in (0.5, 1.5)] == [0.0, 1.0]
    assert network.graph.is_boolean(first.trigger)
    assert executed(network, second, state, 0.0) == [0.1, 5.0, 0.1]


def test_an_event_may_set_a_stoichiometry(sbml: Callable[[str], str]) -> None:
    text = sbml("""
        model m
          compartment V = 2; species A in V; A = 3; species B in V; B = 0; n = 2
          A -> n B; 0.3*A*V; at time > 1: n = 5
        end""")
    network = read_sbml(text)
    assert network.states == ("A", "B", "n")
    assert start(network) == [3.0, 0.0, 2.0]
    for n in (2.0, 5.0):
        rates = network.graph.evaluate(network.rates, network.defaults, [3.0, 0.0, n])
        assert rates == pytest.approx([-0.9, 0.9 * n, 0.0])


LEVEL_TWO = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4"><model id="m">
 <listOfParameters><parameter id="x" value="1" constant="false"/></listOfParameters>
 <listOfEvents><event id="e"{}>
  <trigger><math xmlns="http://www.w3.org/1998/Math/MathML">
   <apply><lt/><ci>x</ci><cn>3</cn></apply></math></trigger>
  <delay><math xmlns="http://www.w3.org/1998/Math/MathML"><cn>2</cn></math></delay>
  <listOfEventAssignments><eventAssignment variable="x">
   <math xmlns="http://www.w3.org/1998/Math/MathML"><apply><plus/><ci>x</ci><cn>4</cn></apply></math>
  </eventAssignment></listOfEventAssignments></event></listOfEvents></model></sbml>"""


@pytest.mark.parametrize("kept", [True, False])
def test_an_event_of_level_two_persists_and_does_not_fire_at_the_start(kept: bool) -> None:
    option = "" if kept else ' useValuesFromTriggerTime="false"'
    (event,) = read_sbml(LEVEL_TWO.format(option)).events
    assert (event.initially, event.persistent, event.from_trigger) == (True, True, kept)


STALE = """
model m
  compartment C; C = 0.5; species S in C; S = 2; x = 1; x' = 1
  {}: S = x
  {}
end"""


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("at 1 after time > 1", "C' = 0.1"),
        ("at 1 after time > 1", "at time > 1.5: C = 3"),
        ("at time > 1", "at time > 1: C = 3"),
    ],
)
def test_a_concentration_computed_before_its_volume_changed_is_refused(
    first: str, other: str, sbml: Callable[[str], str]
) -> None:
    with pytest.raises(
        ModelError, match=r"'S' is set as a concentration .* size of 'C' may change"
    ):
        read_sbml(sbml(STALE.format(first, other)))
    read_sbml(sbml(STALE.format(first + ", fromTrigger = false", other)))
    constant = read_sbml(sbml(STALE.format(first, other).replace("S = x", "S = 0.7")))
    assert not constant.events[0].from_trigger  # the value is the same whenever it is computed


def test_one_event_for_volume_and_concentration_needs_no_refusal(
    sbml: Callable[[str], str],
) -> None:
    network = read_sbml(sbml(STALE.format("at time > 1", "C' = 0.1")))
    assert network.events[0].from_trigger


# where equations switch --------------------------------------------------------------------
def switching(text: str, sbml: Callable[[str], str]) -> Network:
    return read_sbml(sbml(text))


def at(network: Network, nodes: tuple[int, ...], state: list[float], time: float) -> list[float]:
    return network.graph.evaluate(nodes, network.defaults, state, time)


def test_times_known_before_the_run_are_breakpoints_also_in_triggers_and_when_shifted(
    sbml: Callable[[str], str],
) -> None:
    network = switching(
        """
        model m
          x = 1; t0 = 4; span = 2.5; y = 1
          x' = piecewise(1, time - t0 < span && 2*time > t0, 0)
          at time > 9: y = 2
          at (10 - time)/2 < t0 - time: y = 3
        end""",
        sbml,
    )
    assert sorted(at(network, network.breakpoints(), [1.0, 1.0], 0.0)) == [-2.0, 2.0, 6.5, 9.0]
    assert network.guards == ()


def test_comparisons_of_states_are_guards_but_for_minimum_maximum_and_amount(
    sbml: Callable[[str], str],
) -> None:
    network = switching(
        """
        model m
          x = 1; y = 2; z = 5; p = 3; big = 1
          x' = piecewise(1, x > p, 2) + max(x, y) - min(x, z, p) + abs(y)
          y' = piecewise(x, x < y, y); z' = piecewise(1, p > big, 2)
          at x*time > 7: z = 1
          at sin(time) > 0.5 || x == 4: big = 0
        end""",
        sbml,
    )
    values = [2.0, 6.0, 5.0, 1.0]
    assert network.states == ("x", "y", "z", "big")
    assert network.breakpoints() == ()
    # piecewise(x, x < y, y) is the minimum of the two in another form.
    assert sorted(at(network, network.rate_guards, values, 1.0)) == [-2.0, 1.0]
    assert sorted(map(abs, at(network, network.trigger_guards, values, 1.0))) == pytest.approx(
        sorted([5.0, np.sin(1.0) - 0.5, 2.0])
    )
    assert set(network.guards) == {*network.rate_guards, *network.trigger_guards}


# outputs -----------------------------------------------------------------------------------
OUTPUTS = """
model m
  compartment V = 4, W; W = 2; W' = 1; species A in V = 3; substanceOnly species B in V = 8
  species G in W = 5; const species K in V = 6; k = 0.5
  R: A -> B; k*A*V; r := 2*A
end"""


def outputs(sbml: Callable[[str], str]) -> Network:
    # Antimony makes a constant species a boundary, which is something else.
    text = sbml(OUTPUTS)
    place = text.index('<species id="K"')
    head, tail = text[:place], text[place:]
    return read_sbml(head + tail.replace('constant="false"', 'constant="true"', 1))


def test_a_species_may_be_asked_in_any_form(sbml: Callable[[str], str]) -> None:
    network = outputs(sbml)
    state = [3.0, 8.0, 30.0, 3.0]
    assert network.states == ("A", "B", "G", "W")

    def found(form: str) -> list[float]:
        nodes = network.output_nodes(["A", "B", "G", "K"], form)  # type: ignore[arg-type]
        return network.graph.evaluate(nodes, network.defaults, state)

    assert found("own") == [3.0, 8.0, 10.0, 6.0]
    assert found("amount") == [12.0, 8.0, 30.0, 24.0]
    assert found("concentration") == [3.0, 2.0, 10.0, 6.0]


def test_whatever_has_a_value_may_be_asked(sbml: Callable[[str], str]) -> None:
    network = outputs(sbml)
    assert network.observables == ("A", "B", "G", "W", "r")
    nodes = network.output_nodes(["V", "W", "K", "k", "R", "r"])
    values = network.graph.evaluate(nodes, network.defaults, [3.0, 8.0, 30.0, 3.0])
    assert values == [4.0, 3.0, 6.0, 0.5, 6.0, 6.0]
    with pytest.raises(UnknownNameError, match="unknown output 'time_'"):
        network.output_nodes(["time_"])


@pytest.mark.parametrize(("size", "told"), [("0", "the size 0"), ("", "no size")])
def test_a_form_that_takes_a_size_that_is_not_there_is_refused(
    size: str, told: str, sbml: Callable[[str], str]
) -> None:
    text = sbml("model m; compartment V = 77; substanceOnly species B in V = 8; B -> ; 0.1*B; end")
    assert 'size="77"' in text
    network = read_sbml(text.replace('size="77"', f'size="{size}"' if size else ""))
    assert network.output_nodes(["B"], "amount") == network.output_nodes(["B"])
    with pytest.raises(InputError, match=rf"'B' cannot be turned .* 'V' has {told}"):
        network.output_nodes(["B"], "concentration")
