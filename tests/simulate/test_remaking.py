from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ketasim.errors import InputError
from ketasim.model import Hypothesis, load_hypothesis, load_model
from ketasim.population import Cohort
from ketasim.provenance import Manifest
from ketasim.simulate import bundle, rerun, simulate

INFUSION = "ketamine 0.5 mg/kg iv over 40 min"
SHORT = {"days": 1, "outputs": ["ketamine_ng_ml", "mtorc1"]}


@pytest.fixture(scope="module")
def saved(article, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "run"
    return simulate(article, INFUSION, patients=6, seed=3, out=folder, **SHORT), folder


def test_the_same_numbers_bit_for_bit(saved):
    run, folder = saved
    again = rerun(folder / "manifest.json")
    assert again.reproduced
    assert again.largest_difference == 0.0
    assert again.differences == ()
    assert again.trajectories.dataset.identical(run.dataset)
    assert again.sentences() == ("The numbers are the same, bit for bit.",)
    assert again.trajectories.manifest.options == run.manifest.options


def test_the_manifest_alone_is_enough(saved):
    run, _ = saved
    again = rerun(Manifest.from_json(run.manifest.to_json()))
    assert again.trajectories.dataset.identical(run.dataset)
    assert again.largest_difference is None
    assert again.reproduced
    assert "nothing stored to compare" in again.sentences()[0]


def test_a_check_runs_nothing(saved, monkeypatch):
    _, folder = saved
    monkeypatch.setattr(bundle, "solve", None)
    checked = rerun(folder, check_only=True)
    assert checked.trajectories is None
    assert checked.reproduced
    assert checked.sentences() == ("The inputs are the same; nothing was run.",)


def test_another_version_is_said_and_the_numbers_still_compared(saved):
    run, folder = saved
    older = replace(run.manifest, ketasim="0.0.1", libraries={"numpy": "1.0"})
    again = rerun(older, check_only=True)
    assert not again.reproduced
    assert any("ketasim's version was 0.0.1" in one for one in again.differences)
    assert any("numpy" in one for one in again.differences)
    assert again.record()["reproduced"] is False
    json.dumps(again.record())
    assert rerun(folder).reproduced


def test_a_stored_number_that_differs_is_found(article, tmp_path):
    folder = tmp_path / "run"
    simulate(article, INFUSION, patients=3, out=folder, **SHORT)
    part = folder / "trajectories" / "part-00000.parquet"
    table = pq.read_table(part)
    frame = table.to_pandas()
    largest = frame[frame["variable"] == "mtorc1"]["value"].idxmax()
    frame.loc[largest, "value"] *= 1 + 1e-6
    changed = table.from_pandas(frame, schema=table.schema, preserve_index=False)
    pq.write_table(changed, part)
    again = rerun(folder)
    assert not again.reproduced
    assert again.where == "mtorc1"
    assert again.largest_difference == pytest.approx(1e-6, rel=1e-3)
    assert "beyond 1e-09" in again.sentences()[0]


def test_a_cohort_that_was_given_is_read_from_the_bundle(article, tmp_path):
    own = Cohort(pd.DataFrame({"weight": [60.0, 90.0], "madrs_baseline": [30.0, 35.0]}))
    run = simulate(article, INFUSION, cohort=own, out=tmp_path / "run", **SHORT)
    again = rerun(tmp_path / "run")
    assert again.largest_difference == 0.0
    assert again.differences == ()
    with pytest.raises(InputError, match="the manifest does not hold"):
        rerun(run.manifest)


def test_overrides_are_set_again(article, tmp_path):
    overrides = {"opioid_tone": np.array([0.1, 0.2]), "raptor_pka_blind": 1.0}
    simulate(article, INFUSION, patients=2, overrides=overrides, out=tmp_path / "run", **SHORT)
    assert rerun(tmp_path / "run").largest_difference == 0.0


def test_values_of_a_changed_hypothesis_are_used_again(tmp_path):
    model = load_model("no_opioid").with_values({"opioid_tone": 0.12})
    simulate(model, INFUSION, patients=2, out=tmp_path / "run", **SHORT)
    again = rerun(tmp_path / "run")
    assert again.largest_difference == 0.0
    assert again.trajectories.model.values()["opioid_tone"] == 0.12


def test_a_hypothesis_whose_file_is_gone_is_made_from_its_values(tmp_path):
    values = load_hypothesis("no_opioid").values
    mine = Hypothesis("mine", "mine", "", "", overrides=values)
    simulate(load_model(mine), INFUSION, patients=2, out=tmp_path / "run", **SHORT)
    again = rerun(tmp_path / "run")
    assert again.largest_difference == 0.0
    assert again.trajectories.model.hypothesis.name == "mine"


def test_what_is_no_simulation_is_refused(saved, tmp_path):
    run, _ = saved
    other = replace(run.manifest, options={"experiment": "naltrexone"})
    with pytest.raises(InputError, match="not that of a simulation"):
        rerun(other)
    with pytest.raises(InputError, match="no readable manifest"):
        rerun(tmp_path / "nowhere" / "manifest.json")


def test_a_model_of_ones_own_can_be_passed(tiny, tmp_path):
    simulate(tiny, "ketamine 1 mg iv", patients=3, days=1, out=tmp_path / "run")
    assert rerun(tmp_path / "run", model=tiny).largest_difference == 0.0
    changed = rerun(tmp_path / "run", model=tiny.with_values({"loss": 0.6}))
    assert not changed.reproduced
    assert any("the parameters were" in one for one in changed.differences)
