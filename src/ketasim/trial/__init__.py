"""Randomised trials: how a treatment is studied, from the design to the analysis.

Examples
--------
>>> from ketasim.trial import load_design
>>> load_design("murrough2013").arm_names
('ketamine', 'midazolam')
"""

from __future__ import annotations

from ketasim.trial.care import is_extrapolated
from ketasim.trial.conduct import run_trial
from ketasim.trial.data import Estimate, TrialData
from ketasim.trial.design import TrialArm, TrialDesign, TrialEndpoint
from ketasim.trial.design_files import list_designs, load_design, read_design
from ketasim.trial.design_parts import (
    FlexibleDose,
    TrialAllocation,
    TrialContext,
    TrialDropout,
    TrialEntry,
    TrialInduction,
    TrialPeriods,
    TrialRescue,
    TrialSecondStage,
    TrialStratum,
    TrialVisit,
)
from ketasim.trial.dropout import Missing
from ketasim.trial.operating import operating_characteristics
from ketasim.trial.operating_search import compare_designs, find_sample_size, sized
from ketasim.trial.operating_tornado import tornado
from ketasim.trial.pool import PoolError, TrialPool, build_pool
from ketasim.trial.rating import RATING_PRIORS, RatingModel
from ketasim.trial.replicates import TrialReplicates
from ketasim.trial.results import OperatingCharacteristics
from ketasim.trial.results_search import DesignComparison, SampleSize, Tornado

__all__ = [
    "RATING_PRIORS",
    "DesignComparison",
    "Estimate",
    "FlexibleDose",
    "Missing",
    "OperatingCharacteristics",
    "PoolError",
    "RatingModel",
    "SampleSize",
    "Tornado",
    "TrialAllocation",
    "TrialArm",
    "TrialContext",
    "TrialData",
    "TrialDesign",
    "TrialDropout",
    "TrialEndpoint",
    "TrialEntry",
    "TrialInduction",
    "TrialPeriods",
    "TrialPool",
    "TrialReplicates",
    "TrialRescue",
    "TrialSecondStage",
    "TrialStratum",
    "TrialVisit",
    "build_pool",
    "compare_designs",
    "find_sample_size",
    "is_extrapolated",
    "list_designs",
    "load_design",
    "operating_characteristics",
    "read_design",
    "run_trial",
    "sized",
    "tornado",
]
