"""Kinetic models that turn time-activity curves into binding potentials, region by region.

Examples
--------
>>> from ketasim.instruments.pet.kinetics import MODELS
>>> MODELS[:2]
('srtm', 'srtm2')
"""

from __future__ import annotations

from ketasim.instruments.pet.kinetics.fitting import MODELS, fit
from ketasim.instruments.pet.kinetics.hierarchical import Pool, learn_pool
from ketasim.instruments.pet.kinetics.input_function import ArterialInput, read_input
from ketasim.instruments.pet.kinetics.result import Fits, Status
from ketasim.instruments.pet.kinetics.srtm import Bounds, SrtmFits, fit_srtm, srtm_curves

__all__ = [
    "MODELS",
    "ArterialInput",
    "Bounds",
    "Fits",
    "Pool",
    "SrtmFits",
    "Status",
    "fit",
    "fit_srtm",
    "learn_pool",
    "read_input",
    "srtm_curves",
]
