"""A rule becomes a node where it spares edges: between n causes and m effects, n m - n - m."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ketasim.report.mechanism.hubs import SPARED, choose_hubs

if TYPE_CHECKING:
    from collections.abc import Callable

    from ketasim.report.mechanism import Network


def crossing(causes: int, effects: int) -> str:
    lines = [f"c{i} = 1; c{i}' = -c{i};" for i in range(causes)]
    lines += [f"e{i} = 1; e{i}' = tone - e{i};" for i in range(effects)]
    total = " + ".join(f"c{i}" for i in range(causes))
    return "\n".join([*lines, f"tone := {total};"])


@pytest.mark.parametrize(
    ("causes", "effects"), [(1, 5), (2, 2), (2, 5), (2, 6), (3, 3), (3, 4), (4, 4)]
)
def test_a_rule_is_kept_where_it_spares_edges(
    network: Callable[..., Network], causes: int, effects: int
) -> None:
    spares = causes * effects - causes - effects >= SPARED
    kept = choose_hubs(network(crossing(causes, effects)), frozenset(), {})
    assert kept == ({"tone"} if spares else frozenset())


def test_what_is_shown_anyway_is_no_further_rule(network: Callable[..., Network]) -> None:
    read = network(crossing(4, 4))
    assert choose_hubs(read, frozenset({"tone"}), {}) == frozenset()


def test_causes_that_are_one_node_count_once(network: Callable[..., Network]) -> None:
    read = network(crossing(4, 4))
    assert choose_hubs(read, frozenset(), {f"c{i}": "drug" for i in range(4)}) == frozenset()


def test_of_two_rules_in_a_row_one_is_enough(network: Callable[..., Network]) -> None:
    lines = crossing(4, 4).replace("tone - e", "echo - e") + "\necho := 2*tone;"
    assert choose_hubs(network(lines), frozenset(), {}) == {"echo"}
