"""Medians, their error against a bootstrap that is drawn, and what an interval holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ketasim.experiments import ArmCache, ExperimentResult, experiment
from ketasim.experiments.arms import solve_arm
from ketasim.experiments.estimates import Estimate, bootstrap_rows, estimate, median_error
from ketasim.experiments.trials import draw_pool
from ketasim.instruments import load_context
from ketasim.model import load_model
from ketasim.population import Cohort, virtual_patients

if TYPE_CHECKING:
    from collections.abc import Callable

SKEWED = np.random.default_rng(3).lognormal(size=(25, 2))


def test_the_error_of_a_median_is_that_of_a_bootstrap_that_is_drawn() -> None:
    rows = np.random.default_rng(5).integers(0, 25, size=(40_000, 25))
    for column in (0, 1):
        drawn = np.median(SKEWED[:, column][rows], axis=1).std()
        assert median_error(SKEWED)[column] == pytest.approx(drawn, rel=0.02)


def test_an_even_number_of_patients_is_near_the_bootstrap_too() -> None:
    values = SKEWED[:24, :1]
    rows = np.random.default_rng(5).integers(0, 24, size=(40_000, 24))
    drawn = np.median(values[:, 0][rows], axis=1).std()
    assert median_error(values)[0] == pytest.approx(drawn, rel=0.1)


def test_many_patients_have_the_error_of_theory() -> None:
    # The median of n normal numbers has the variance pi / 2n.
    values = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)[:, None]
    assert median_error(values)[0] == pytest.approx(np.sqrt(np.pi / 2 / 2000), rel=0.02)


def test_the_median_of_one_or_of_equals_has_no_error() -> None:
    assert median_error([[3.0], [3.0], [3.0]]).tolist() == [0.0]
    assert median_error([[3.0]]).tolist() == [0.0]


def test_an_estimate_is_made_of_quantiles() -> None:
    found = estimate(SKEWED)
    for column in (0, 1):
        expected = pd.Series(SKEWED[:, column]).quantile([0.025, 0.5, 0.975]).to_numpy()
        numbers = [found.low[column], found.value[column], found.high[column]]
        assert numbers == pytest.approx(expected)


def same(a: Estimate, b: Estimate) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)
        for name in ("value", "low", "high", "error")
    )


def test_who_failed_is_left_out_of_every_number() -> None:
    failed = np.vstack([SKEWED, np.full((3, 2), np.nan)])
    assert same(estimate(failed), estimate(SKEWED))


def test_nobody_left_means_no_number() -> None:
    found = estimate(np.full((4, 3), np.nan))
    for name in ("value", "low", "high", "error"):
        assert np.isnan(getattr(found, name)).tolist() == [True] * 3
    assert np.isnan(median_error(np.full((4, 1), np.nan))).all()


def test_resamples_are_drawn_with_replacement_and_from_their_seed() -> None:
    rows = bootstrap_rows(10, 10, 2000, 1)
    assert rows.shape == (2000, 10)
    assert (rows.min(), rows.max()) == (0, 9)
    # A resample of ten holds a given row with the chance 1 - 0.9^10.
    held = np.mean([(one == 4).any() for one in rows])
    assert held == pytest.approx(1 - 0.9**10, abs=0.04)
    assert np.array_equal(rows, bootstrap_rows(10, 10, 2000, 1))
    assert not np.array_equal(rows, bootstrap_rows(10, 10, 2000, 2))


@pytest.fixture(scope="module")
def widths(cache: ArmCache) -> dict[str, float]:
    """Width of the interval of relief at 24 h, by what differs between patients."""
    model, arm = load_model("article"), experiment("ampa").arm("ketamine")
    both = virtual_patients(model, 64, uncertainty=True)
    people = virtual_patients(model, 64, uncertainty=False)
    calibrated = [name for name in model.covariance().index if name not in people.table.columns]
    alike = both.table.assign(**{name: both.table[name].iloc[0] for name in people.table.columns})
    cohorts = {"both": both, "people": people, "posterior": Cohort(alike)}
    assert calibrated
    courses = {name: solve_arm(model, arm, one, cache) for name, one in cohorts.items()}
    found = {name: estimate(one.at("relief", 24.0)) for name, one in courses.items()}
    return {name: float(one.high[0] - one.low[0]) for name, one in found.items()}


def test_an_interval_holds_people_and_posterior(widths: dict[str, float]) -> None:
    # Alike patients differ by what is not known, and known parameters leave people different.
    assert widths["people"] > 0.05
    assert widths["posterior"] > 0.02
    assert widths["both"] > max(widths["people"], widths["posterior"])


def test_the_interval_of_a_result_is_that_of_patients_with_posterior_draws(
    run: Callable[..., ExperimentResult], cache: ArmCache
) -> None:
    table = run("ampa").to_frame()
    rows = table[(table["arm"] == "ketamine") & (table["readout"] == "relief")]
    row = rows[rows["time_h"] == 24.0].iloc[0]
    model, arm = load_model("article"), experiment("ampa").arm("ketamine")
    for uncertainty, equal in ((True, True), (False, False)):
        cohort = virtual_patients(model, 8, uncertainty=uncertainty)
        found = estimate(solve_arm(model, arm, cohort, cache).at("relief", 24.0))
        interval = (row["lo95"], row["value"], row["hi95"])
        mine = (found.low[0], found.value[0], found.high[0])
        assert (interval == pytest.approx(mine, rel=1e-12)) is equal


def test_a_share_of_patients_has_the_interval_of_jeffreys(
    run: Callable[..., ExperimentResult], cache: ArmCache
) -> None:
    table = run("mtor").to_frame()
    rows = table[(table["readout"] == "response") & (table["arm"] == "ketamine")]
    row = rows[rows["time_h"] == 24.0].iloc[0]
    model, arm = load_model("article"), experiment("mtor").arm("ketamine")
    course = solve_arm(model, arm, virtual_patients(model, 8), cache)
    share = draw_pool(
        course, 24.0, control="active", context=load_context(), scale="madrs", seed=1
    ).response.mean()
    known = stats.beta(8 * share + 0.5, 8 * (1 - share) + 0.5)
    assert 0.0 < share < 1.0
    assert row["value"] == pytest.approx(share)
    assert (row["lo95"], row["hi95"]) == pytest.approx(known.ppf([0.025, 0.975]))
