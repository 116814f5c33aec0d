"""Analyses of randomised trials, and the estimands they give."""

from ketasim.trial.analysis.binary import OUTCOMES, logistic, outcome_of, risk_difference
from ketasim.trial.analysis.crossover import crossover
from ketasim.trial.analysis.effect_size import EffectSize, cohen_d, hedges_g
from ketasim.trial.analysis.estimands import (
    ANALYSES,
    ESTIMANDS,
    MEASURES,
    Endpoint,
    check_endpoint,
    estimate,
)
from ketasim.trial.analysis.imputation import STRATEGIES, impute, multiple_imputation
from ketasim.trial.analysis.linear import (
    BatchEstimate,
    ancova,
    ancova_batch,
    t_test,
    t_test_batch,
)
from ketasim.trial.analysis.mmrm import MmrmFit, fit_mmrm, mmrm, mmrm_batch
from ketasim.trial.analysis.reml import RemlError, RemlFit, contrast_test, fit_reml
from ketasim.trial.analysis.rubin import pool
from ketasim.trial.analysis.survival import cox, log_rank
from ketasim.trial.analysis.survival_batch import cox_batch, log_rank_batch

__all__ = [
    "ANALYSES",
    "ESTIMANDS",
    "MEASURES",
    "OUTCOMES",
    "STRATEGIES",
    "BatchEstimate",
    "EffectSize",
    "Endpoint",
    "MmrmFit",
    "RemlError",
    "RemlFit",
    "ancova",
    "ancova_batch",
    "check_endpoint",
    "cohen_d",
    "contrast_test",
    "cox",
    "cox_batch",
    "crossover",
    "estimate",
    "fit_mmrm",
    "fit_reml",
    "hedges_g",
    "impute",
    "log_rank",
    "log_rank_batch",
    "logistic",
    "mmrm",
    "mmrm_batch",
    "multiple_imputation",
    "outcome_of",
    "pool",
    "risk_difference",
    "t_test",
    "t_test_batch",
]
