"""The search for a better compound.

A compound is a point: affinities, kinetics, preferences, penetration, half-life, route and dose, each
with a unit and with bounds that known compounds set. It is compiled to parameters of the model as it
ships, so that a whole generation of candidates, under every hypothesis and many draws of what is not
known, is one cohort of one compiled solver. What is sought is good under most of what may be true.

Examples
--------
>>> from ketasim.discovery import known_compound
>>> known_compound("memantine").trapping
0.8
"""

from __future__ import annotations

from ketasim.discovery.blockers import Reasons, reasons
from ketasim.discovery.compound import Compound, known_compound, known_compounds, parse
from ketasim.discovery.outcomes import OUTCOMES, Outcomes, outcomes_of
from ketasim.discovery.properties import ROUTES, Property, Space, costs, known_table, space
from ketasim.discovery.result import Discovery, discover, map_of
from ketasim.discovery.robustness import Judged, RobustObjective, hypervolume, nondominated, robust
from ketasim.discovery.scenarios import Scenarios, draw_scenarios
from ketasim.discovery.searching import Found, Settings, search
from ketasim.discovery.sensitivity import SobolTable, sobol
from ketasim.discovery.worth import Worth, felt_properties, worth_of_properties

__all__ = [
    "OUTCOMES",
    "ROUTES",
    "Compound",
    "Discovery",
    "Found",
    "Judged",
    "Outcomes",
    "Property",
    "Reasons",
    "RobustObjective",
    "Scenarios",
    "Settings",
    "SobolTable",
    "Space",
    "Worth",
    "costs",
    "discover",
    "draw_scenarios",
    "felt_properties",
    "hypervolume",
    "known_compound",
    "known_compounds",
    "known_table",
    "map_of",
    "nondominated",
    "outcomes_of",
    "parse",
    "reasons",
    "robust",
    "search",
    "sobol",
    "space",
    "worth_of_properties",
]
