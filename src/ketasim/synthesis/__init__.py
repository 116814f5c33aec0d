"""Pooling what was published: meta-analysis of pairs of arms, of proportions, and of networks.

Read a table with `read_studies`, pool it with `pool`; what comes out is a `Pooled`. `leave_one_out`,
`cumulative`, `subgroups` and `meta_regression` ask what it rests on, `regression_test`, `rank_test` and
`trim_and_fill` whether small studies find more, `pool_network` compares more than two treatments.
`adverse_event_contrasts` pools the shipped table of adverse events under its rules. This room sees evidence
only, so that it cannot see the model it judges. Conventions are those of metafor.
"""

from __future__ import annotations

from ketasim.synthesis.adverse_events import (
    AdverseEventContrasts,
    adverse_event_contrasts,
    adverse_event_studies,
    families,
)
from ketasim.synthesis.glmm import DEFAULT_MODEL, GLMM_MODELS
from ketasim.synthesis.measures import MEASURES, Measure
from ketasim.synthesis.network import NetworkPooled, pool_network, read_network
from ketasim.synthesis.number_needed import NumberNeeded, number_needed
from ketasim.synthesis.pooled import Pooled
from ketasim.synthesis.pooling import METHODS, PoolOptions, pool
from ketasim.synthesis.reading import read_studies
from ketasim.synthesis.robustness import (
    MetaRegression,
    Subgroups,
    cumulative,
    leave_one_out,
    meta_regression,
    subgroups,
)
from ketasim.synthesis.small_studies import (
    AsymmetryTest,
    TrimAndFill,
    rank_test,
    regression_test,
    trim_and_fill,
)
from ketasim.synthesis.studies import Studies

__all__ = [
    "DEFAULT_MODEL",
    "GLMM_MODELS",
    "MEASURES",
    "METHODS",
    "AdverseEventContrasts",
    "AsymmetryTest",
    "Measure",
    "MetaRegression",
    "NetworkPooled",
    "NumberNeeded",
    "PoolOptions",
    "Pooled",
    "Studies",
    "Subgroups",
    "TrimAndFill",
    "adverse_event_contrasts",
    "adverse_event_studies",
    "cumulative",
    "families",
    "leave_one_out",
    "meta_regression",
    "number_needed",
    "pool",
    "pool_network",
    "rank_test",
    "read_network",
    "read_studies",
    "regression_test",
    "subgroups",
    "trim_and_fill",
]
