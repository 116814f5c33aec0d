"""Reduce the full network to the nodes a reader can take in.

Kept are the states and the readouts of the experiments. Species that reactions turn into each other
become one node, together with the concentrations that follow them alone (a drug with its spaces and
metabolites); a state that only passes an influence on is taken out, and the influences on both
sides of it are joined: signs multiply, switches add up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ketasim.report.mechanism.hubs import choose_hubs
from ketasim.report.mechanism.inline import inline
from ketasim.report.mechanism.signs import Influence, influences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ketasim.report.mechanism.network import Network, Variable

__all__ = ["Map", "Node", "contract"]

LEAF_SOURCES = 2
"""A readout that influences nothing is drawn with at most this many inputs."""


@dataclass(frozen=True)
class Node:
    """One node of the drawn map.

    Parameters
    ----------
    id, title, mechanism : str
        As in the model; a merged node takes those of its main member.
    kind : str
        ``"drug"`` (amounts that reactions move), ``"state"`` or ``"readout"``.
    members : tuple of str
        The variables of the model it stands for.
    """

    id: str
    title: str
    mechanism: str
    kind: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Map:
    """What is to be drawn.

    Parameters
    ----------
    nodes : tuple of Node
        In the order of the model.
    edges : tuple of Influence
        Between those nodes.
    hypotheses : tuple of str
        Those the signs are given for.
    left_out : tuple of str
        Readouts that influence nothing and gather so many inputs that they would hide the rest.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Influence, ...]
    hypotheses: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def contract(
    network: Network,
    settings: Mapping[str, Mapping[str, float]],
    readouts: Iterable[str] = (),
    drugs: Mapping[str, Iterable[str]] | None = None,
) -> Map:
    """Reduce a network to a map.

    Parameters
    ----------
    network : Network
        All variables.
    settings : mapping of str to mapping of str to float
        For each hypothesis the parameters it sets.
    readouts : iterable of str
        Variables that experiments report; they are kept where they can be drawn.
    drugs : mapping of str to iterable of str, optional
        By the name in print of a drug, the species its doses enter; names the merged nodes.

    Returns
    -------
    Map
        Every node has an edge; edges from a node to itself are left out.
    """
    merged = _named(_drug_nodes(network), drugs or {})
    home = {member: node.id for node in merged for member in node.members}
    readable = frozenset((set(readouts) & network.variables.keys()) - home.keys())
    hubs = choose_hubs(network, readable, home)
    small = inline(network, readable | hubs)
    graph = _Graph(_renamed(influences(small, settings), home))
    _shrink(graph, small, readable | hubs, {node.id for node in merged})
    nodes = [*merged, *(_node(one) for one in small.variables.values() if one.id not in home)]
    edges = graph.edges()
    touched = {end for edge in edges for end in (edge.source, edge.target)}
    kept = tuple(one for one in nodes if one.id in touched)
    left_out = tuple(sorted(readable - touched))
    return Map(kept, tuple(edges), tuple(settings), left_out)


def _shrink(graph: _Graph, network: Network, readable: frozenset[str], drugs: set[str]) -> None:
    bodies = _bodies(network)
    for variable in network.variables.values():
        if variable.id in drugs:
            continue
        if _is_clutter(graph, variable, bodies):
            graph.remove(variable.id)
    for variable in network.variables.values():
        if variable.id not in readable | drugs and _passes_on(graph, variable, network):
            graph.remove(variable.id)


def _is_clutter(graph: _Graph, variable: Variable, bodies: set[str]) -> bool:
    """Whether a node without influence only repeats others: a sum of drugs, an occupancy."""
    if graph.targets(variable.id):
        return False
    sources = graph.sources(variable.id)
    return variable.mechanism in bodies or len(sources) > LEAF_SOURCES


def _passes_on(graph: _Graph, variable: Variable, network: Network) -> bool:
    """Whether it is a leaf no experiment reports, driven by nothing, or a delay in a mechanism."""
    sources, targets = graph.sources(variable.id), graph.targets(variable.id)
    if not sources or not targets:
        return True
    if len(sources) > 1 or len(targets) > 1:
        return False
    around = {sources[0].source, targets[0].target}
    return all(network.variables[name].mechanism == variable.mechanism for name in around)


def _bodies(network: Network) -> set[str]:
    return {one.mechanism for one in network.variables.values() if one.kind == "species"}


def _drug_nodes(network: Network) -> list[Node]:
    group = _connected(network)
    bodies = _bodies(network)
    followers = [
        o for o in network.variables.values() if o.id not in group and o.mechanism in bodies
    ]
    grown = True
    while grown:
        # A concentration that follows one drug alone is that drug seen in another place.
        homes = {one.id: {group.get(n, "") for n in one.inputs - {one.id}} for one in followers}
        joined = {name: next(iter(those)) for name, those in homes.items() if len(those) == 1}
        joined = {name: root for name, root in joined.items() if root and name not in group}
        group |= joined
        grown = bool(joined)
    members: dict[str, list[str]] = {}
    for name, root in group.items():
        members.setdefault(root, []).append(name)
    return [_drug_node(network, names) for names in members.values()]


def _connected(network: Network) -> dict[str, str]:
    """Return, for each species, the first one of those it is connected to by reactions."""
    species = [one.id for one in network.variables.values() if one.kind == "species"]
    group = {name: name for name in species}
    for pair in sorted(network.conversions, key=sorted):
        first, second = sorted(pair, key=species.index)
        old, new = group[second], group[first]
        group = {name: new if root == old else root for name, root in group.items()}
    return group


def _drug_node(network: Network, names: list[str]) -> Node:
    # The first declared species is the substance itself, the later ones its other places.
    main = network.variables[names[0]]
    return Node(main.id, main.title, main.mechanism, "drug", tuple(names))


def _named(nodes: list[Node], drugs: Mapping[str, Iterable[str]]) -> list[Node]:
    """Give each node the name of the drug that enters it alone (an enantiomer, not the racemate)."""
    found: dict[str, str] = {}
    for title, targets in drugs.items():
        entered = {node.id for node in nodes if set(targets) & set(node.members)}
        if len(entered) == 1:
            found.setdefault(entered.pop(), title)
    return [replace(node, title=found.get(node.id, node.title)) for node in nodes]


def _node(variable: Variable) -> Node:
    kind = "state" if variable.is_state else "readout"
    return Node(variable.id, variable.title, variable.mechanism, kind, (variable.id,))


def _renamed(edges: Iterable[Influence], home: Mapping[str, str]) -> list[Influence]:
    out = []
    for edge in edges:
        source, target = home.get(edge.source, edge.source), home.get(edge.target, edge.target)
        if source != target:
            out.append(Influence(source, target, edge.signs, edge.switches))
    return out


class _Graph:
    """A signed graph from which nodes can be taken out."""

    def __init__(self, edges: Iterable[Influence]) -> None:
        self._edges: dict[tuple[str, str], Influence] = {}
        for edge in edges:
            self._add(edge)

    def _add(self, edge: Influence) -> None:
        if edge.source == edge.target:
            return
        key = (edge.source, edge.target)
        known = self._edges.get(key)
        self._edges[key] = _parallel(known, edge) if known else edge

    def _add_detour(self, edge: Influence) -> None:
        """Add the path through a delay; where a direct influence differs, the direct one stands."""
        known = self._edges.get((edge.source, edge.target))
        if known is None:
            self._add(edge)
            return
        signs = {n: s if s != "0" else edge.signs[n] for n, s in known.signs.items()}
        joined = Influence(edge.source, edge.target, signs, _union(known, edge))
        self._edges[edge.source, edge.target] = joined

    def edges(self) -> list[Influence]:
        return [one for one in self._edges.values() if any(s != "0" for s in one.signs.values())]

    def sources(self, name: str) -> list[Influence]:
        return [edge for (_, target), edge in self._edges.items() if target == name]

    def targets(self, name: str) -> list[Influence]:
        return [edge for (source, _), edge in self._edges.items() if source == name]

    def remove(self, name: str) -> None:
        before, after = self.sources(name), self.targets(name)
        self._edges = {key: one for key, one in self._edges.items() if name not in key}
        for first in before:
            for second in after:
                self._add_detour(_joined(first, second))


def _joined(first: Influence, second: Influence) -> Influence:
    signs = {name: _product(sign, second.signs[name]) for name, sign in first.signs.items()}
    return Influence(first.source, second.target, signs, _union(first, second))


def _parallel(first: Influence, second: Influence) -> Influence:
    signs = {name: _sum(sign, second.signs[name]) for name, sign in first.signs.items()}
    return Influence(first.source, first.target, signs, _union(first, second))


def _union(first: Influence, second: Influence) -> tuple[str, ...]:
    return tuple(sorted({*first.switches, *second.switches}))


def _product(first: str, second: str) -> str:
    if "0" in (first, second):
        return "0"
    if "±" in (first, second):
        return "±"
    return "+" if first == second else "-"


def _sum(first: str, second: str) -> str:
    if first in ("0", second):
        return second
    return first if second == "0" else "±"
