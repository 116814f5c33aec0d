"""The map of the mechanism, read from the SBML model and drawn as SVG."""

from __future__ import annotations

from ketasim.report.mechanism.contract import Map, Node, contract
from ketasim.report.mechanism.drawing import draw_map
from ketasim.report.mechanism.network import Network, read_network
from ketasim.report.mechanism.signs import Influence, influences

__all__ = [
    "Influence",
    "Map",
    "Network",
    "Node",
    "contract",
    "draw_map",
    "influences",
    "read_network",
]
