"""Weeks to years: relapse, what is not known of the long term, and which study would tell.

Examples
--------
>>> from ketasim.inference.longterm import programme
>>> len(programme("six infusions").chosen_h)
1
"""

from __future__ import annotations

from ketasim.inference.longterm.calibrate import fit_long_term, withdrawal_trial
from ketasim.inference.longterm.parameters import load_parameters, parameter_table
from ketasim.inference.longterm.programmes import (
    PROGRAMMES,
    default_rule,
    follow,
    programme,
    simulate_programme,
)
from ketasim.inference.longterm.relapse import (
    RelapseRule,
    RelapseTimes,
    hazard_ratio,
    relapse_times,
)

__all__ = [
    "PROGRAMMES",
    "RelapseRule",
    "RelapseTimes",
    "default_rule",
    "fit_long_term",
    "follow",
    "hazard_ratio",
    "load_parameters",
    "parameter_table",
    "programme",
    "relapse_times",
    "simulate_programme",
    "withdrawal_trial",
]
