"""Type I error of every analysis that a design may name: 5 % with the drug's effect off."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ketasim.trial import RatingModel, TrialDesign, TrialPool, build_pool, load_design
from ketasim.trial.analysis import ANALYSES
from ketasim.trial.operating_analysis import Conditions, analyse_design

from .conftest import two_arms
from .operating_designs import LEAVING, PAIR, ending, withdrawal


@pytest.fixture(scope="module")
def stopping() -> TrialPool:
    return build_pool(withdrawal(20), 100, 1)


TESTED: list[tuple[str, str, str, int]] = [
    ("change", "t_test", "treatment_policy", 1500),
    ("change", "ancova", "treatment_policy", 1500),
    ("change", "mmrm", "treatment_policy", 800),
    ("response", "risk_difference", "composite", 1500),
    ("remission", "logistic", "composite", 800),
]
LONG: list[tuple[str, str, str, int]] = [
    ("change", "t_test", "while_on_treatment", 4000),
    ("change", "ancova", "while_on_treatment", 4000),
    ("change", "ancova", "treatment_policy", 10_000),
    ("change", "mmrm", "treatment_policy", 6000),
    ("change", "mmrm", "hypothetical", 6000),
    ("remission", "logistic", "composite", 4000),
    ("response", "logistic", "treatment_policy", 4000),
    ("remission", "risk_difference", "treatment_policy", 4000),
    ("change", "multiple_imputation", "treatment_policy", 800),
    ("change", "multiple_imputation", "hypothetical", 800),
    ("remission", "multiple_imputation", "treatment_policy", 600),
]
REFERENCE = ["jump_to_reference", "copy_reference", "copy_increments", "reference_based"]


def type_1_error(design: TrialDesign, pool: TrialPool, replicates: int) -> tuple[int, int]:
    """Rejections and replicates with the drug's effect off."""
    conditions = Conditions(replicates, 11, RatingModel(world="null"), imputations=10)
    batch = analyse_design(design, pool, [PAIR], conditions).estimates[PAIR]
    p = batch.p[~np.isnan(batch.p)]
    assert p.size > 0.99 * replicates
    return int((p < 0.05).sum()), p.size


def assert_five_percent(rejected: int, count: int) -> None:
    """Two-sided bounds that a correct test breaks once in five hundred seeds."""
    low, high = stats.binom.ppf([0.001, 0.999], count, 0.05)
    assert low <= rejected <= high, rejected / count


@pytest.mark.parametrize(("measure", "analysis", "estimand", "replicates"), TESTED)
def test_type_1_error(
    pool: TrialPool, measure: str, analysis: str, estimand: str, replicates: int
) -> None:
    design = two_arms(100, dropout=LEAVING, endpoint=ending(measure, analysis, estimand))
    assert_five_percent(*type_1_error(design, pool, replicates))


@pytest.mark.sweep
@pytest.mark.parametrize(("measure", "analysis", "estimand", "replicates"), LONG)
def test_type_1_error_of_slow_analyses(
    pool: TrialPool, measure: str, analysis: str, estimand: str, replicates: int
) -> None:
    design = two_arms(100, dropout=LEAVING, endpoint=ending(measure, analysis, estimand))
    assert_five_percent(*type_1_error(design, pool, replicates))


@pytest.mark.sweep
@pytest.mark.parametrize("analysis", REFERENCE)
def test_reference_based_imputation_errs_on_the_safe_side(pool: TrialPool, analysis: str) -> None:
    """Rubin's variance holds the information that was lost, so that the test is too careful."""
    design = two_arms(60, dropout=LEAVING, endpoint=ending("change", analysis))
    rejected, count = type_1_error(design, pool, 600)
    assert rejected <= stats.binom.ppf(0.999, count, 0.05)


@pytest.mark.parametrize("analysis", ["cox", "log_rank"])
def test_type_1_error_of_a_withdrawal(stopping: TrialPool, analysis: str) -> None:
    assert_five_percent(*type_1_error(withdrawal(60, analysis=analysis), stopping, 600))


def test_type_1_error_of_a_crossover() -> None:
    design = load_design("zarate2006")
    assert_five_percent(*type_1_error(design, build_pool(design, 200, 1), 1500))


def test_every_analysis_has_its_type_1_error_tested() -> None:
    tested = {one[1] for one in (*TESTED, *LONG)} | {*REFERENCE, "cox", "log_rank", "crossover"}
    assert tested == set(ANALYSES)
