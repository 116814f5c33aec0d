from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from ketasim.errors import InputError
from ketasim.experiments import experiment
from ketasim.experiments.result import ARMS_FILE
from ketasim.model import load_model
from ketasim.provenance import Manifest, manifest_for
from ketasim.rerun import rerun
from ketasim.simulate import simulate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    return experiment("occupancy").run(hypotheses=["no_opioid"], patients=4).save(folder)


def test_an_experiment_is_made_again_bit_for_bit(made: Path) -> None:
    again = rerun(made)
    assert again.largest_difference == 0.0
    assert again.reproduced
    assert again.differences == ()


def test_the_manifest_alone_names_what_it_lies_beside(made: Path) -> None:
    assert rerun(made / "manifest.json").largest_difference == 0.0


def test_inputs_can_be_compared_without_running(made: Path) -> None:
    outcome = rerun(made, check_only=True)
    assert outcome.reproduced
    assert outcome.largest_difference is None


def test_a_number_that_was_changed_is_found(made: Path, tmp_path: Path) -> None:
    predictions = pd.read_parquet(made / ARMS_FILE)
    predictions.loc[3, "value"] += 0.5
    predictions.to_parquet(tmp_path / ARMS_FILE, index=False)
    Manifest.load(made).save(tmp_path)
    outcome = rerun(tmp_path)
    assert not outcome.reproduced
    assert outcome.where == "value"
    assert outcome.largest_difference == pytest.approx(0.5 / predictions["value"].abs().max())


def test_a_prediction_that_is_missing_is_found(made: Path, tmp_path: Path) -> None:
    pd.read_parquet(made / ARMS_FILE).iloc[1:].to_parquet(tmp_path / ARMS_FILE, index=False)
    Manifest.load(made).save(tmp_path)
    assert rerun(tmp_path).largest_difference == float("inf")


def test_a_manifest_without_its_numbers_says_only_what_differs(made: Path, tmp_path: Path) -> None:
    stored = Manifest.load(made)
    dataclasses.replace(stored, evidence_hash="0" * 64).save(tmp_path)
    outcome = rerun(tmp_path)
    assert outcome.largest_difference is None
    assert not outcome.reproduced
    assert any(one.startswith("the evidence was 000000000000; now ") for one in outcome.differences)


def test_a_simulation_goes_to_its_own_room(tmp_path: Path) -> None:
    run = simulate(load_model(), "ketamine 0.5 mg/kg iv", patients=2, days=1)
    assert rerun(run.save(tmp_path)).largest_difference == 0.0


def test_a_manifest_of_neither_is_refused(tmp_path: Path) -> None:
    manifest_for(hypothesis="article", seed=1).save(tmp_path)
    with pytest.raises(InputError, match="not that of a simulation"):
        rerun(tmp_path)
