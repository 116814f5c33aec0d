"""Choose the rules that are worth a node of their own.

A rule that gathers several influences and hands them on to several others (the tone at a receptor)
makes a map clear: without it every cause would have an edge to every effect. Rules are kept one
after the other as long as each spares enough edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ketasim.report.mechanism.network import Network

__all__ = ["choose_hubs"]

SPARED = 4
"""A rule becomes a node where that spares at least this many edges."""


def choose_hubs(network: Network, shown: frozenset[str], home: Mapping[str, str]) -> frozenset[str]:
    """Return the rules to keep beside those already shown.

    Parameters
    ----------
    network : Network
        All variables.
    shown : frozenset of str
        Rules that are kept anyway.
    home : mapping of str to str
        For the members of a merged node, that node.

    Returns
    -------
    frozenset of str
        Further rules.
    """
    leaves = _leaves(network)
    kept = set(shown)
    fewest = _count(network, kept, home, leaves)
    hidden = [rule.id for rule in network.rules if rule.id not in kept and rule.id not in home]
    while hidden:
        counts = {name: _count(network, kept | {name}, home, leaves) for name in hidden}
        best = min(hidden, key=lambda name: (counts[name], name))
        if fewest - counts[best] < SPARED:
            break
        kept.add(best)
        hidden.remove(best)
        fewest = counts[best]
    return frozenset(kept) - shown


def _leaves(network: Network) -> set[str]:
    used = set().union(*(one.inputs for one in network.variables.values()))
    return {rule.id for rule in network.rules if rule.id not in used}


def _count(network: Network, kept: set[str], home: Mapping[str, str], leaves: set[str]) -> int:
    """Count the edges between states and kept rules, readouts without influence left out."""
    reach: dict[str, frozenset[str]] = {}
    edges: set[tuple[str, str]] = set()
    for rule in network.rules:
        reach[rule.id] = _sources(rule.inputs, kept, reach)
    for variable in network.variables.values():
        if variable.id in leaves or not (variable.is_state or variable.id in kept):
            continue
        target = home.get(variable.id, variable.id)
        sources = {home.get(one, one) for one in _sources(variable.inputs, kept, reach)}
        edges |= {(source, target) for source in sources if source != target}
    return len(edges)


def _sources(
    inputs: frozenset[str], kept: set[str], reach: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    open_ends = [reach[name] if name in reach and name not in kept else {name} for name in inputs]
    return frozenset().union(*open_ends)
