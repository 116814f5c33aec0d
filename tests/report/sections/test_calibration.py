"""What was fitted and what was kept to judge."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from ketasim.evidence import load
from ketasim.model import load_model
from ketasim.report.sections import calibration

if TYPE_CHECKING:
    from ketasim.report import Bundle


def test_each_observation_is_listed_with_its_use(bundle: Bundle) -> None:
    made = calibration.content(bundle)
    table = load("observations")
    listed = {row["id"]: row["use"] for row in made["observations"]}
    assert listed == dict(zip(table["id"], table["use"], strict=True))
    assert made["uses"] == Counter(listed.values())
    assert set(listed.values()) == {"fit", "judge", "context"}


def test_fitted_values_are_those_of_each_calibration(bundle: Bundle) -> None:
    made = calibration.content(bundle)
    assert [row["name"] for row in made["fitted"]] == list(bundle.hypotheses)
    for row in made["fitted"]:
        values = load_model(row["name"]).calibration.values
        shown = dict(zip(made["names"], row["cells"], strict=True))
        assert {name: cell["value"] for name, cell in shown.items() if cell} == values


def test_the_interval_is_that_of_a_normal_posterior_of_the_logarithm(bundle: Bundle) -> None:
    made = calibration.content(bundle)
    covariance = load_model("article").covariance()
    for name, cell in zip(made["names"], made["fitted"][0]["cells"], strict=True):
        if cell is not None:
            assert cell["lo95"] * cell["hi95"] == pytest.approx(cell["value"] ** 2)
            ratio = (cell["hi95"] / cell["lo95"]) ** (1 / (2 * 1.96))
            assert ratio == pytest.approx(2.718281828 ** (covariance.loc[name, name] ** 0.5))


def test_targets_are_those_of_the_first_hypothesis(bundle: Bundle) -> None:
    made = calibration.content(bundle)
    assert made["first"] == "article"
    assert len(made["targets"]) > 5
    for row in made["targets"]:
        assert row["z"] == pytest.approx((row["predicted"] - row["value"]) / row["sd"], abs=0.02)


def test_every_parameter_is_listed_and_counted(bundle: Bundle) -> None:
    made = calibration.content(bundle)
    table = load_model().table
    assert [row["id"] for row in made["parameters"]] == list(table.index)
    assert made["statuses"] == table["status"].value_counts().to_dict()
    assert sum(made["statuses"].values()) == len(table)


def test_a_hypothesis_that_was_not_fitted_has_empty_cells(doctored: Bundle) -> None:
    doctored.index["hypotheses"][1].update(calibrated=False, fitted=[])
    row = calibration.content(doctored)["fitted"][1]
    assert not row["calibrated"]
    assert set(row["cells"]) == {None}
