"""The heart of the house: model x regimen x cohort -> trajectories.

Examples
--------
>>> from ketasim.model import load_model
>>> from ketasim.simulate import simulate
>>> run = simulate(load_model("article"), "ketamine 0.5 mg/kg iv over 40 min", patients=4, days=1)
>>> run.failed
0
"""

from __future__ import annotations

from ketasim.simulate.bundle import load_bundle
from ketasim.simulate.output_times import default_times
from ketasim.simulate.plan import READOUTS
from ketasim.simulate.remaking import Rerun, rerun
from ketasim.simulate.running import simulate
from ketasim.simulate.trajectories import SOLVED, Trajectories

__all__ = [
    "READOUTS",
    "SOLVED",
    "Rerun",
    "Trajectories",
    "default_times",
    "load_bundle",
    "rerun",
    "simulate",
]
