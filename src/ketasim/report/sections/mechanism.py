"""The map of the mechanism and the edges that hypotheses dispute."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from ketasim.report.mechanism import contract, draw_map, read_network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ketasim.report.bundle import Bundle
    from ketasim.report.mechanism import Influence, Map

__all__ = ["content"]

_WORDS = {"+": "raises", "-": "lowers", "±": "raises or lowers", "0": "no edge"}


def content(bundle: Bundle) -> dict[str, Any]:
    """Return what the section shows; the map is read from the SBML model of the bundle.

    Parameters
    ----------
    bundle : Bundle
        The bundle.

    Returns
    -------
    dict
        ``svg``, ``switches`` (letter, parameter, meaning, value by hypothesis), ``disputed``
        (an edge a row, its sign by hypothesis), ``nodes`` and ``left_out``.
    """
    network = read_network(bundle.sbml, bundle.index["mechanisms"])
    settings = {
        one["name"]: {**one["switches"], **one["overrides"]} for one in bundle.index["hypotheses"]
    }
    readouts = {name for record in bundle.experiments.values() for name in record["readouts"]}
    drawn = contract(network, settings, readouts, bundle.index["drugs"])
    used = sorted({name for edge in drawn.edges for name in edge.switches})
    letters = dict(zip(used, _letters(len(used)), strict=True))
    titles = {node.id: node.title for node in drawn.nodes}
    return {
        "svg": draw_map(drawn, letters),
        "switches": _switches(letters, settings, bundle),
        "disputed": [_edge(edge, titles, letters) for edge in drawn.edges if edge.switches],
        "nodes": len(drawn.nodes),
        "edges": len(drawn.edges),
        "variables": len(network.variables),
        "left_out": _left_out(drawn),
    }


def _letters(count: int) -> list[str]:
    every = string.ascii_lowercase
    return [every[i] if i < len(every) else f"s{i}" for i in range(count)]


def _switches(
    letters: Mapping[str, str], settings: Mapping[str, Mapping[str, float]], bundle: Bundle
) -> list[dict[str, Any]]:
    table = bundle.parameters.set_index("id")
    rows = []
    for name, letter in letters.items():
        usual = float(str(table.loc[name, "value"]))
        values = [setting.get(name, usual) for setting in settings.values()]
        meaning = str(table.loc[name, "note"])
        rows.append({"letter": letter, "name": name, "meaning": meaning, "values": values})
    return rows


def _edge(edge: Influence, titles: Mapping[str, str], letters: Mapping[str, str]) -> dict[str, Any]:
    return {
        "source": titles.get(edge.source, edge.source),
        "target": titles.get(edge.target, edge.target),
        "letters": ", ".join(letters[name] for name in edge.switches),
        "signs": [_WORDS[sign] for sign in edge.signs.values()],
    }


def _left_out(drawn: Map) -> str:
    return ", ".join(name.replace("_", " ") for name in drawn.left_out)
