"""Who receives it: virtual patients with their variability and covariates.

Examples
--------
>>> from ketasim.model import load_model
>>> from ketasim.population import virtual_patients
>>> len(virtual_patients(load_model("article"), 8))
8
"""

from __future__ import annotations

from ketasim.population.baseline import SAMPLING_WEIGHT, BaselineTable
from ketasim.population.cohort import PATIENT, Cohort
from ketasim.population.correlation import correlation_table
from ketasim.population.covariates import covariate_table, effect_table, entry_severity
from ketasim.population.matching import Match, match
from ketasim.population.occasions import inter_occasion_table, on_occasion
from ketasim.population.plausibility import PLAUSIBLE, Rule, implausible, keep_plausible
from ketasim.population.sampling import posterior_draws, virtual_patients
from ketasim.population.target import TargetRow, TargetTable

__all__ = [
    "PATIENT",
    "PLAUSIBLE",
    "SAMPLING_WEIGHT",
    "BaselineTable",
    "Cohort",
    "Match",
    "Rule",
    "TargetRow",
    "TargetTable",
    "correlation_table",
    "covariate_table",
    "effect_table",
    "entry_severity",
    "implausible",
    "inter_occasion_table",
    "keep_plausible",
    "match",
    "on_occasion",
    "posterior_draws",
    "virtual_patients",
]
