"""Published results beside predictions that were blind to their family."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from ketasim.evidence import calibration_rows
from ketasim.inference.predicting.left_out import left_out_families
from ketasim.report.left_out import LeftOut, left_out_trials

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = ["study", "arm", "scale", "timepoint_h", "kind"]
HALF = {50: 1.0, 80: 2.0, 95: 3.0}
MISSED, SILENT = "saline", "ketamine 0.2"


def published(*families: str) -> pd.DataFrame:
    rows = calibration_rows("clinical_arms").to_frame()
    return rows[rows["timepoint_h"].notna() & rows["family"].isin(families or left_out_families())]


def foreseen(*families: str) -> pd.DataFrame:
    """Predictions that are off by 0.5, of two hypotheses and their average."""
    rows = published(*families)
    known = rows[[*KEY, "family", "drug", "dose", "route", "n"]]
    parts = []
    for name in ("first", "second", "all"):
        middle = rows["value"] + 0.5
        ends = {f"lo{share}": middle - half for share, half in HALF.items()}
        ends |= {f"hi{share}": middle + half for share, half in HALF.items()}
        parts.append(known.assign(hypothesis=name, predicted=middle, status="ok", **ends))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def every() -> LeftOut:
    return left_out_trials(foreseen())


@pytest.fixture(scope="module")
def su() -> LeftOut:
    """Three arms with a baseline and a response: one foreseen, one missed, one not predicted."""
    table = foreseen("Su 2017")
    late = table["kind"] == "response"
    levels = [name for name in table if name[:2] in ("lo", "hi")] + ["predicted"]
    table.loc[late & (table["arm"] == MISSED), levels] += 40.0
    silent = late & (table["arm"] == SILENT)
    table.loc[silent, levels] = math.nan
    table.loc[silent, "status"] = "not_predicted: nobody knows"
    return left_out_trials(table)


@pytest.fixture
def one(every: LeftOut) -> Callable[..., dict[str, Any]]:
    def found(study: str, arm: str, kind: str, hours: float) -> dict[str, Any]:
        table = every.table[every.table["source"] == "all"]
        for name, value in zip(("study", "arm", "kind", "timepoint_h"), (study, arm, kind, hours),
                               strict=True):  # fmt: skip
            table = table[table[name] == value]
        [row] = table.to_dict("records")
        return row

    return found


def test_every_published_result_is_there_once_for_each_source(every: LeftOut) -> None:
    wanted = published()[KEY].to_numpy().tolist()
    for source in ("first", "second", "all"):
        assert every.table.loc[every.table["source"] == source, KEY].to_numpy().tolist() == wanted


def test_the_shipped_predictions_cover_every_calibration_trial_and_nothing_is_simulated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ketasim.inference.predicting.draws.simulate", None)
    found = left_out_trials()
    average = found.table[found.table["source"] == "all"]
    assert average[KEY].to_numpy().tolist() == published()[KEY].to_numpy().tolist()
    assert found.summary["families"] == len(left_out_families())
    given, silent = found.summary["given"], found.summary["not_predicted"]
    assert found.summary["overall"]["rows"] == len(average) - given - silent


def test_a_published_interval_is_taken_as_it_is(one: Callable[..., dict[str, Any]]) -> None:
    row = one("TRANSFORM-1 (Fedgchin 2019)", "esketamine 56 vs AD+placebo", "diff", 672.0)
    assert (row["low"], row["high"], row["imputed"]) == (-7.67, -0.49, False)


@pytest.mark.parametrize(
    ("study", "arm", "kind", "hours", "half", "imputed", "basis"),
    [
        ("Murrough 2013", "ketamine", "change", 24.0, 1.96 * 10.97 / 47**0.5, False,
         "published SD and n"),
        ("Daly 2018", "esketamine 28 P1 vs placebo", "diff", 24.0, 1.96 * 10 * (4 / 44) ** 0.5,
         True, "SD taken as 10 points, published n"),
        ("Singh 2016b (2x/3x weekly)", "saline 2x/wk", "change", 336.0, 1.96 * 10.2 / 20**0.5,
         True, "published SD, n taken as 20"),
        ("Zarate 2006", "saline", "mean", 0.0, 1.96 * 5.6 / 20**0.5, True,
         "SD taken as 5.6 points, n taken as 20"),
    ],
)  # fmt: skip
def test_another_interval_is_normal_and_says_what_was_imputed(
    one: Callable[..., dict[str, Any]], study: str, arm: str, kind: str, hours: float, half: float,
    imputed: bool, basis: str,
) -> None:  # fmt: skip
    row = one(study, arm, kind, hours)
    assert row["high"] - row["value"] == pytest.approx(half)
    assert row["value"] - row["low"] == pytest.approx(half)
    assert (row["imputed"], row["basis"]) == (imputed, basis)


def test_the_interval_of_a_share_ends_at_zero(one: Callable[..., dict[str, Any]]) -> None:
    row = one("Daly 2018", "placebo IN P1", "remission", 24.0)
    assert (row["value"], row["low"]) == (0.0, 0.0)
    assert 0.0 < row["high"] < 20.0


def test_a_baseline_that_its_prediction_was_given_is_not_counted(su: LeftOut) -> None:
    average = su.table[su.table["source"] == "all"]
    assert average.loc[average["given"], "kind"].tolist() == ["mean"] * 3
    assert su.summary["given"] == 3
    assert su.summary["overall"]["rows"] == 2
    assert su.summary["overall"]["cover95"] == 0.5
    assert su.summary["with_given"] == {"rows": 5, "cover95": 0.8}
    assert [row["unit"] for row in su.summary["units"]] == ["percent"]


def test_what_nobody_predicted_stays_with_its_reason(su: LeftOut) -> None:
    assert su.summary["not_predicted"] == 1
    [row] = su.table[su.table["predicted"].isna()].to_dict("records")
    assert (row["arm"], row["value"], row["source"]) == (SILENT, 39.1, "all")
    assert row["status"] == "not_predicted: nobody knows"
    assert row["low"] < 39.1 < row["high"]


def test_scores_are_those_of_the_hypotheses_and_baselines_on_the_same_rows(su: LeftOut) -> None:
    assert su.summary["hypotheses"] == ["first", "second"]
    assert {row["source"] for row in su.summary["by_hypothesis"]} == {"first", "second", "all"}
    [baseline] = su.summary["baselines"]
    [average] = [row for row in su.summary["by_hypothesis"] if row["source"] == "all"]
    assert (baseline["source"], baseline["rows"]) == ("baseline: response table", 2)
    assert baseline["crps_of_average"] == pytest.approx(average["crps"])


def test_the_width_of_larger_arms_is_that_of_their_predictions(every: LeftOut) -> None:
    rows = published()
    large = rows["kind"].isin(["change", "diff"]) & (rows["n"] >= 20)
    assert every.summary["overall"]["large_arms"] == large.sum()
    assert every.summary["overall"]["large_arm_half_width95"] == pytest.approx(HALF[95])
