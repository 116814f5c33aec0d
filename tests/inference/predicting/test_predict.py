"""Predictions: one row a hypothesis and the average, reproducible, blind to families left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from ketasim.inference.predicting import Sizes, predict_trials, read_trials
from ketasim.inference.predicting.baseline import usual_baseline
from ketasim.inference.predicting.predict import ALL, Predictions
from ketasim.inference.predicting.scoring import crps, score_predictions, standard_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = Sizes(draws=16, people=32, trials=4, copies=6)
PLAIN = {
    "study": "A trial", "arm": "ketamine", "drug": "ketamine", "dose": "0.5", "dose_unit": "mg/kg",
    "route": "IV", "infusion_min": "40", "n": "30", "scale": "MADRS", "timepoint_h": "24",
    "kind": "change",
}  # fmt: skip
ROWS = (
    PLAIN,
    {**PLAIN, "arm": "saline", "drug": "saline", "dose": "0"},
    {**PLAIN, "arm": "midazolam", "drug": "midazolam", "dose": "0.045"},
    {**PLAIN, "arm": "ketamine vs saline", "kind": "diff", "n": "60"},
    {**PLAIN, "arm": "ketamine vs saline", "kind": "effect_size", "n": "60"},
    {**PLAIN, "kind": "response"},
    {**PLAIN, "kind": "remission"},
    {**PLAIN, "kind": "mean", "timepoint_h": "0"},
    {**PLAIN, "arm": "ketamine small", "dose": "0.1"},
    {**PLAIN, "scale": "HAM-D-17"},
    {**PLAIN, "scale": "QIDS-SR"},
    {**PLAIN, "arm": "psilocybin", "drug": "psilocybin"},
    {**PLAIN, "arm": "crowd", "n": "3000"},
)


def predict(rows: tuple[dict[str, str], ...], **options: Any) -> Predictions:
    settings: dict[str, Any] = {"hypotheses": ["article"], "sizes": SMALL, **options}
    return predict_trials(read_trials(pd.DataFrame(rows).fillna("")), **settings)


@pytest.fixture(scope="module")
def found() -> Predictions:
    return predict(ROWS)


@pytest.fixture(scope="module")
def of(found: Predictions) -> Callable[..., pd.Series[Any]]:
    table = found.table[found.table["hypothesis"] == ALL]

    def row(**cells: str) -> pd.Series[Any]:
        chosen = table
        for name, cell in cells.items():
            chosen = chosen[chosen[name] == cell]
        assert len(chosen) == 1
        return chosen.iloc[0]

    return row


PLAIN_KEY = {"arm": "ketamine", "scale": "MADRS", "kind": "change", "timepoint_h": "24"}


def test_a_row_a_hypothesis_and_the_average(found: Predictions) -> None:
    assert list(found.table["hypothesis"]) == ["article", ALL] * len(ROWS)
    assert list(found.table.columns[-8:]) == [
        "predicted", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95", "status",
    ]  # fmt: skip
    known = found.table.dropna(subset=["predicted"])
    for low, high in (("lo95", "lo80"), ("lo80", "lo50"), ("lo50", "hi50"), ("hi50", "hi80"),
                      ("hi80", "hi95")):  # fmt: skip
        assert (known[low] <= known[high]).all()


def test_signs_and_orders(of: Callable[..., pd.Series[Any]]) -> None:
    drug = of(**PLAIN_KEY)["predicted"]
    saline, midazolam = of(arm="saline")["predicted"], of(arm="midazolam")["predicted"]
    # Control arms are ordered by control type as published: -3.8 and -8.8 at 24 h.
    assert drug < midazolam < saline < 0.0
    assert of(kind="diff")["predicted"] == pytest.approx(drug - saline, abs=0.5)
    assert of(kind="effect_size")["predicted"] > 0.5
    assert drug < of(arm="ketamine small")["predicted"]
    assert 100.0 > of(kind="response")["predicted"] > of(kind="remission")["predicted"] > 0.0
    assert of(kind="mean")["predicted"] == pytest.approx(usual_baseline().mean, abs=0.5)
    # Leucht's map: fewer points on a shorter scale.
    assert drug < of(scale="HAM-D-17", kind="change")["predicted"] < 0.0


def test_a_larger_trial_is_surer_but_not_sure(of: Callable[..., pd.Series[Any]]) -> None:
    small, large = of(**PLAIN_KEY), of(arm="crowd")
    width = {one["arm"]: one["hi95"] - one["lo95"] for one in (small, large)}
    assert width["crowd"] < width["ketamine"] < 18.0
    assert width["crowd"] > 3.0  # trials differ for more reasons than their size


def test_what_is_unknown_is_not_predicted(of: Callable[..., pd.Series[Any]]) -> None:
    for cells, words in (
        ({"scale": "QIDS-SR"}, "QIDS-SR"),
        ({"arm": "psilocybin"}, "psilocybin"),
    ):
        row = of(**cells)
        assert np.isnan(row["predicted"])
        assert np.isnan(row["lo50"])
        assert row["status"].startswith("not_predicted: ")
        assert words in row["status"]


@pytest.mark.sweep
def test_the_same_numbers_again_and_whatever_else_is_asked(found: Predictions) -> None:
    again = predict(ROWS)
    assert again.digest == found.digest
    alone = predict(ROWS[:1])
    pd.testing.assert_frame_equal(alone.table, found.table.iloc[:2])


def test_files_are_written_with_their_digest(found: Predictions, tmp_path: Path) -> None:
    file = found.save(tmp_path / "out")
    digest = (tmp_path / "out" / "predictions.sha256").read_text("utf-8").split()[0]
    assert digest == found.digest
    assert len(pd.read_csv(file)) == len(found.table)


def test_a_family_that_is_left_out_is_not_learnt_from(of: Callable[..., pd.Series[Any]]) -> None:
    blind = predict(ROWS[:3], leave_out=["Murrough 2013"]).table
    blind = blind[blind["hypothesis"] == ALL].set_index("arm")
    # Without its only trial, midazolam is guessed from the other controls, and less surely.
    known = of(arm="midazolam")
    assert blind.loc["midazolam", "predicted"] > known["predicted"] + 2.0
    width = blind["hi95"] - blind["lo95"]
    assert blind.loc["ketamine", "predicted"] == pytest.approx(of(**PLAIN_KEY)["predicted"], abs=3)
    assert (width > 8.0).all()


# scores --------------------------------------------------------------------------------------
def test_the_score_of_a_normal_prediction_is_the_closed_form() -> None:
    from scipy.special import ndtri
    from scipy.stats import norm

    levels = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
    for value in (-1.0, 0.0, 0.7, 2.5):
        exact = value * (2 * norm.cdf(value) - 1) + 2 * norm.pdf(value) - 1 / np.sqrt(np.pi)
        found = crps(ndtri(levels)[None, :], np.array([value]))[0]
        assert found == pytest.approx(exact, abs=0.06)
    assert crps(np.full((1, 7), 3.0), np.array([3.0]))[0] == 0.0


def test_standard_errors_are_given_or_imputed() -> None:
    rows = pd.DataFrame(
        {
            "kind": ["change", "change", "diff", "response", "mean"],
            "n": [25, 25, 100, 50, np.nan],
            "true_value": [-10.0, -10.0, -4.0, 50.0, 30.0],
            "true_sd": [8.0, np.nan, np.nan, np.nan, np.nan],
            "true_ci_low": [np.nan, np.nan, -7.92, np.nan, np.nan],
            "true_ci_high": [np.nan, np.nan, -0.08, np.nan, np.nan],
        }
    )
    share = 26.0 / 52.0
    expected = [1.6, 2.0, 2.0, 100.0 * np.sqrt(share**2 / 50), 5.6 / np.sqrt(20)]
    assert standard_errors(rows) == pytest.approx(expected)


def test_scores_count_what_they_say(found: Predictions) -> None:
    table = found.table
    truth = table[table["hypothesis"] == ALL].assign(value=lambda t: t["predicted"] + 1.0)
    score = score_predictions(
        table, truth[["study", "arm", "scale", "timepoint_h", "kind", "value"]]
    )
    summary = score.summary().set_index(["source", "unit"])
    own = summary.loc[(ALL, "points")]
    assert own["bias"] == pytest.approx(-1.0)
    assert own["cover95"] == 1.0
    assert own["sign_agreement"] == 1.0
    assert {source for source, _ in summary.index} == {
        "article", ALL, "baseline: constant effect", "baseline: response table",
    }  # fmt: skip
    assert len(score.not_predicted) == 0  # their results are missing too
    with pytest.raises(Exception, match="no result belongs to a predicted row"):
        score_predictions(table, truth.assign(study="another")[
            ["study", "arm", "scale", "timepoint_h", "kind", "value"]])  # fmt: skip
