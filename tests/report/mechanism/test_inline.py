"""Hiding a rule changes no number, and adds up what runs through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ketasim.report.mechanism import Network, influences
from ketasim.report.mechanism.inline import inline

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace


def test_hidden_rules_leave_only_states_and_what_is_shown(hand: SimpleNamespace) -> None:
    small = inline(hand.network, frozenset({"score"}))
    assert set(small.variables) == {"pill", "tissue", "poison", "cause", "relay", "effect", "score"}
    assert small.variables["cause"].inputs == {"cause", "tissue", "poison"}
    assert small.variables["cause"].parameters == {"tau", "half", "room"}


def test_values_stay_the_same_to_the_last_digit(shipped: SimpleNamespace) -> None:
    network = shipped.network
    states = {o.id: o.start + 0.1 for o in network.variables.values() if o.is_state}
    values = network.values(states, {})
    small = inline(network, frozenset({"ampa_drive", "relief"}))
    assert {one.id for one in small.rules} == {"ampa_drive", "relief"}
    known = {**small.constants, **states, **{n: values[n] for n in ("ampa_drive", "relief")}}
    for name, one in small.variables.items():
        assert one.formula(known) == network.variables[name].formula(values)


@pytest.mark.parametrize(("factor", "sign"), [(2, "-"), (0.5, "+")])
def test_two_paths_of_opposite_sign_add_up(
    network: Callable[..., Network], factor: float, sign: str
) -> None:
    read = network(f"x = 1; x' = -x; p := x; q := {factor}*x; y = 1; y' = p - q - y;")
    [edge] = influences(inline(read, frozenset()), {"mine": {}})
    assert (edge.source, edge.target, edge.signs) == ("x", "y", {"mine": sign})


def test_two_paths_that_cancel_are_no_influence(network: Callable[..., Network]) -> None:
    read = network("x = 1; x' = -x; p := 2*x; q := p; y = 1; y' = p - q - y;")
    assert not influences(inline(read, frozenset()), {"mine": {}})


def test_what_uses_no_hidden_rule_is_left_as_it_is(hand: SimpleNamespace) -> None:
    small = inline(hand.network, frozenset({"score"}))
    assert small.variables["pill"] is hand.network.variables["pill"]
