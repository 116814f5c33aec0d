"""Every hypothesis keeps its own promises, and a broken promise is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ketasim.experiments import ArmCache, ExperimentResult, check_expected, experiment
from ketasim.experiments.arms import solve_arm
from ketasim.model import Hypothesis, list_hypotheses, load_hypothesis, load_model
from ketasim.model.hypothesis import Expectation
from ketasim.population import virtual_patients

if TYPE_CHECKING:
    import pandas as pd

Run = Callable[..., ExperimentResult]
PROMISES = sorted(
    {(name, one.experiment) for name in list_hypotheses() for one in load_hypothesis(name).expected}
)
PATIENTS = 64  # as in a quick run


@pytest.fixture(scope="module")
def promised(cache: ArmCache, table: pd.DataFrame) -> Callable[[str, str], ExperimentResult]:
    """An experiment with the arms and readouts of a promise, and nothing to compare with."""

    def made(name: str, hypothesis: str) -> ExperimentResult:
        full = experiment(name)
        mine = [one for one in load_hypothesis(hypothesis).expected if one.experiment == name]
        arms = {one.arm for one in mine} | {full.arm(one.arm).reference for one in mine}
        small = replace(
            full,
            arms=tuple(one for one in full.arms if one.name in arms),
            sweeps=(),
            readouts=tuple(dict.fromkeys(one.readout for one in mine)),
        )
        return small.run(
            hypotheses=[hypothesis], patients=PATIENTS, evidence=table.iloc[:0], cache=cache
        )

    return made


@pytest.mark.parametrize(("hypothesis", "name"), PROMISES)
def test_a_shipped_hypothesis_meets_what_it_expects(
    hypothesis: str, name: str, promised: Callable[[str, str], ExperimentResult]
) -> None:
    stated = load_hypothesis(hypothesis)
    table = check_expected(promised(name, hypothesis), stated)
    assert len(table) == sum(one.experiment == name for one in stated.expected)
    assert table["met"].all(), table[~table["met"]].to_string()


def test_every_expectation_names_an_arm_that_its_experiment_has() -> None:
    for hypothesis in list_hypotheses():
        for one in load_hypothesis(hypothesis).expected:
            asked = experiment(one.experiment)
            assert one.arm in {arm.name for arm in asked.main_arms}
            assert one.readout in asked.readouts


def expecting(*entries: Expectation) -> Hypothesis:
    return replace(load_hypothesis("article"), expected=entries)


def entry(**parts: object) -> Expectation:
    usual: dict[str, object] = {
        "experiment": "ampa", "arm": "nbqx+ketamine", "readout": "relief", "quantity": "share",
        "time_h": 24.0, "lower": None, "upper": 0.2,
    }  # fmt: skip
    return Expectation(**{**usual, **parts})  # type: ignore[arg-type]


@pytest.mark.parametrize("hypothesis", list_hypotheses())
def test_every_expectation_turned_round_is_unmet(
    hypothesis: str, promised: Callable[[str, str], ExperimentResult]
) -> None:
    stated = load_hypothesis(hypothesis)
    name = stated.expected[0].experiment
    result = promised(name, hypothesis)
    held = check_expected(result, stated)["predicted"].to_numpy()
    mine = [one for one in stated.expected if one.experiment == name]
    above = [replace(one, lower=at + 0.01, upper=None) for one, at in zip(mine, held, strict=True)]
    below = [replace(one, lower=None, upper=at - 0.01) for one, at in zip(mine, held, strict=True)]
    table = check_expected(result, replace(stated, expected=(*above, *below)))
    assert len(table) == 2 * len(mine)
    assert not table["met"].any()


def test_bounds_belong_to_what_is_met(run: Run) -> None:
    result = run("ampa")
    level = check_expected(result, expecting(entry()))["predicted"].iloc[0]
    stated = expecting(entry(lower=level, upper=level), entry(lower=None, upper=None))
    table = check_expected(result, stated)
    assert table["met"].tolist() == [True, True]
    assert table["lower"].tolist() == [level, -np.inf]
    assert table["upper"].tolist() == [level, np.inf]


def test_expectations_of_other_experiments_are_skipped(run: Run) -> None:
    table = check_expected(run("ampa"), expecting(entry(experiment="mtor")))
    assert table.empty
    assert "met" in table.columns


def courses(cache: ArmCache, readout: str) -> tuple[np.ndarray, np.ndarray]:
    """The readout of each patient at 1 h after ketamine, without and with NBQX."""
    model = load_model("article")
    cohort = virtual_patients(model, 8)
    without, given = (
        solve_arm(model, experiment("ampa").arm(arm), cohort, cache).at(readout, 1.0)
        for arm in ("ketamine", "nbqx+ketamine")
    )
    return without, given


def test_a_fold_is_the_median_of_the_cohort(run: Run, cache: ArmCache) -> None:
    stated = expecting(entry(readout="bdnf", quantity="fold", time_h=1.0))
    predicted = check_expected(run("ampa"), stated)["predicted"].iloc[0]
    assert predicted == pytest.approx(np.median(courses(cache, "bdnf")[1]))


def test_a_fold_of_ketamine_is_a_ratio_of_rises(run: Run, cache: ArmCache) -> None:
    stated = expecting(entry(readout="bdnf", quantity="fold_of_ketamine", time_h=1.0))
    predicted = check_expected(run("ampa"), stated)["predicted"].iloc[0]
    without, given = (np.median(one) for one in courses(cache, "bdnf"))
    assert without > 1.05
    assert predicted == pytest.approx((given - 1) / (without - 1))


def test_a_share_is_the_median_of_each_patients_own(run: Run, cache: ArmCache) -> None:
    model = load_model("article")
    cohort = virtual_patients(model, 8)
    arms = experiment("mtor").arm("ketamine"), experiment("mtor").arm("rapamycin+ketamine")
    without, given = (solve_arm(model, arm, cohort, cache).at("relief", 24.0) for arm in arms)
    stated = expecting(entry(experiment="mtor", arm="rapamycin+ketamine"))
    table = check_expected(run("mtor"), stated)
    assert table["predicted"].iloc[0] == pytest.approx(np.median(given / without))
    assert table["mc_error"].iloc[0] > 0


@pytest.mark.parametrize(
    ("quantity", "readout", "time_h"),
    [
        # Shares are tabulated from 2 to 336 h, readouts from 1 h before ketamine on.
        ("share", "relief", 0.5),
        ("share", "relief", 2000.0),
        ("fold", "bdnf", 2000.0),
        ("fold", "bdnf", -2.0),
        ("fold_of_ketamine", "bdnf", 2000.0),
    ],
)
def test_nothing_is_expected_where_nothing_is_tabulated(
    quantity: str, readout: str, time_h: float, run: Run
) -> None:
    stated = expecting(entry(quantity=quantity, readout=readout, time_h=time_h, upper=None))
    table = check_expected(run("ampa"), stated)
    assert np.isnan(table["predicted"].iloc[0])
    assert not table["met"].iloc[0]


def test_between_tabulated_times_a_share_is_a_straight_line(run: Run) -> None:
    times = (24.0, 96.0, 168.0)
    stated = expecting(*(entry(time_h=time) for time in times))
    early, middle, late = check_expected(run("ampa"), stated)["predicted"]
    assert middle == pytest.approx((early + late) / 2.0, abs=1e-12)


def test_what_was_not_run_is_unmet_rather_than_met(run: Run) -> None:
    table = check_expected(run("ampa"), expecting(entry(arm="a drug unknown here", upper=None)))
    assert np.isnan(table["predicted"].iloc[0])
    assert not table["met"].iloc[0]
