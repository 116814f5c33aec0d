"""The scoreboard: sums of the log likelihoods of observations that judge, best first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ketasim.experiments import ArmCache, ExperimentResult, experiment, scoreboard

Run = Callable[..., ExperimentResult]
RIVALS = ("article", "opioid_agonist", "no_opioid")


@pytest.fixture(scope="module")
def results(cache: ArmCache) -> list[ExperimentResult]:
    few = [
        replace(experiment(name), readouts=("relief",), shown=())
        for name in ("ampa", "mtor", "camp")
    ]
    return [one.run(hypotheses=RIVALS, patients=8, cache=cache) for one in few]


@pytest.fixture(scope="module")
def board(results: list[ExperimentResult]) -> pd.DataFrame:
    return scoreboard(results)


def judged(results: list[ExperimentResult], name: str) -> list[tuple[str, float]]:
    """Species and log chance of every comparable row that was kept from fit and not set aside."""
    found = []
    for result in results:
        for one in result.comparisons:
            aside = one.observation.id in result.experiment.set_aside
            own = one.observation.experiment in result.experiment.evidence
            counts = one.observation.use == "judge" and own and not aside
            if one.hypothesis == name and counts and one.agrees is not None:
                found.append((one.observation.species, math.log(one.probability)))
    return found


@pytest.mark.parametrize("name", RIVALS)
def test_totals_are_sums_over_the_observations_that_judge(
    name: str, results: list[ExperimentResult], board: pd.DataFrame
) -> None:
    rows = judged(results, name)
    assert board.loc[name, "total"] == pytest.approx(sum(number for _, number in rows))
    assert board.loc[name, "observations"] == len(rows) > 20
    people = sum(number for species, number in rows if species == "human")
    assert board.loc[name, "people"] == pytest.approx(people)


def test_an_experiments_column_is_its_share_of_the_total(board: pd.DataFrame) -> None:
    parts = board[["ampa", "mtor", "camp"]].sum(axis=1)
    assert parts.to_numpy() == pytest.approx(board["total"].to_numpy(), rel=1e-5)


def test_the_best_comes_first(board: pd.DataFrame) -> None:
    assert set(board.index) == set(RIVALS)
    assert board["total"].is_monotonic_decreasing
    # NBQX blocks and ketamine is no opioid agonist, say nine observations.
    assert board.index[-1] == "opioid_agonist"


def test_the_counts_are_those_of_the_verdicts(
    results: list[ExperimentResult], board: pd.DataFrame
) -> None:
    for name in RIVALS:
        verdicts = [one.verdicts[name] for one in results]
        assert board.loc[name, "agree"] == sum(len(one.agree) for one in verdicts)
        deciding = sum(len(one.agree) + len(one.disagree) + len(one.disputed) for one in verdicts)
        assert board.loc[name, "deciding"] == deciding
        assert board.loc[name, "calibrated"]


def test_records_read_from_a_file_give_the_same_board(
    results: list[ExperimentResult], board: pd.DataFrame
) -> None:
    again = scoreboard([one.record() for one in results])
    pd.testing.assert_frame_equal(again, board)


def test_a_fitted_observation_never_counts(run: Run, table: pd.DataFrame) -> None:
    counted = [one for one in run("ampa").comparisons if one.role == "decides"]
    gone = counted[0].observation.id
    fitted = table.assign(use=table["use"].mask(table["id"] == gone, "fit"))
    without = scoreboard([run("ampa", evidence=fitted)])
    everything = scoreboard([run("ampa")])
    assert without.loc["article", "observations"] == len(counted) - 1
    change = everything.loc["article", "total"] - without.loc["article", "total"]
    assert change == pytest.approx(counted[0].log_likelihood)


def test_without_observations_that_judge_nothing_is_scored(run: Run, table: pd.DataFrame) -> None:
    board = scoreboard([run("ampa", evidence=table.assign(use="fit"))])
    assert board.loc["article", "observations"] == 0
    for column in ("ampa", "total", "people"):
        assert np.isnan(board.loc["article", column])


def test_who_foresaw_nothing_does_not_win(run: Run, table: pd.DataFrame) -> None:
    nothing = run("camp", ("no_opioid",), evidence=table.assign(use="fit"))
    board = scoreboard([nothing, run("ampa")])
    assert board.index.tolist() == ["article", "no_opioid"]
    assert board.loc["article", "total"] < 0.0


def test_a_scoreboard_of_nothing_is_empty(board: pd.DataFrame) -> None:
    empty = scoreboard([])
    assert empty.empty
    assert empty.index.name == "hypothesis"
    assert set(empty.columns) <= set(board.columns)


def test_results_and_records_may_be_mixed(
    results: list[ExperimentResult], board: pd.DataFrame
) -> None:
    mixed = scoreboard([results[0], *(one.record() for one in results[1:])])
    pd.testing.assert_frame_equal(mixed, board)


def test_an_excused_observation_counts_among_those_that_decide(run: Run) -> None:
    board = scoreboard([run("serotonin")])
    verdict = run("serotonin").verdicts["article"]
    assert verdict.disputed
    assert board.loc["article", "agree"] == len(verdict.agree)
    rows = [one for one in run("serotonin").comparisons if one.role == "decides"]
    assert board.loc["article", "deciding"] == len(rows)
