from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ketasim import results
from ketasim.errors import InputError, OutputError
from ketasim.provenance import Manifest
from ketasim.simulate import bundle, load_bundle, simulate

DOSE = "ketamine 1 mg/kg iv"
OUTPUTS = ["drug", "concentration"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(bundle, "CHUNK", 4)


def run_of(tiny, **options):
    return simulate(tiny, DOSE, **{"patients": 10, "days": 1, "outputs": OUTPUTS, **options})


def parts(folder):
    return sorted(one.name for one in (folder / "trajectories").iterdir())


def test_the_bundle_is_made_of_whole_files(tiny, tmp_path):
    folder = run_of(tiny).save(tmp_path / "run")
    names = sorted(one.name for one in folder.iterdir())
    assert names == ["manifest.json", "patients.parquet", "status.parquet", "trajectories"]
    assert parts(folder) == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]


def test_plain_sql_reads_it(tiny, tmp_path):
    run = run_of(tiny)
    folder = run.save(tmp_path / "run")
    rows = duckdb.sql(
        f"""
        SELECT t.patient, t.value, p.weight, s.status
        FROM '{folder}/trajectories/*.parquet' t
        JOIN '{folder}/patients.parquet' p USING (patient)
        JOIN '{folder}/status.parquet' s USING (patient)
        WHERE t.variable = 'concentration' AND t.time_h = 2.0 ORDER BY t.patient
        """
    ).df()
    place = run.times.tolist().index(2.0)
    np.testing.assert_array_equal(rows["value"], run.values("concentration")[:, place])
    np.testing.assert_array_equal(rows["weight"], run.cohort.table["weight"])
    assert set(rows["status"]) == {"OK"}
    columns = duckdb.sql(f"DESCRIBE SELECT * FROM '{folder}/trajectories/*.parquet'").fetchall()
    assert [(name, kind) for name, kind, *_ in columns] == [
        ("patient", "BIGINT"),
        ("time_h", "DOUBLE"),
        ("variable", "VARCHAR"),
        ("value", "DOUBLE"),
    ]


def test_units_stand_in_the_metadata(tiny, tmp_path):
    folder = run_of(tiny).save(tmp_path / "run")
    part = folder / "trajectories" / "part-00000.parquet"
    units = json.loads(pq.read_schema(part).metadata[b"units"])
    assert units == {"time_h": "h", "drug": "umol", "concentration": "umol/L"}
    patients = json.loads(pq.read_schema(folder / "patients.parquet").metadata[b"units"])
    assert patients["weight"] == "kg"
    assert patients["loss"] == "1/h"


def test_what_is_loaded_is_what_was_saved(tiny, tmp_path):
    run = run_of(tiny)
    loaded = load_bundle(run.save(tmp_path / "run"), model=tiny)
    assert loaded.dataset.identical(run.dataset)
    assert loaded.manifest == run.manifest
    assert loaded.regimen == run.regimen
    assert loaded.cohort.content_hash() == run.cohort.content_hash()
    assert loaded.cohort.notes == run.cohort.notes
    pd.testing.assert_frame_equal(loaded.cohort.summary(), run.cohort.summary())
    assert loaded.notes == ()
    again = loaded.save(tmp_path / "copy")
    assert load_bundle(again, model=tiny).dataset.identical(run.dataset)


def test_failures_survive_the_disk(tiny, tmp_path):
    burst = np.zeros(10)
    burst[[2, 7]] = 1.0
    run = run_of(tiny, overrides={"burst": burst}, max_failed=1.0, out=tmp_path / "run")
    loaded = load_bundle(tmp_path / "run", model=tiny)
    assert loaded.failures().index.tolist() == [2, 7]
    assert loaded.dataset.identical(run.dataset)
    status = pq.read_table(tmp_path / "run" / "status.parquet").to_pandas()
    assert (status["status"] != "OK").sum() == 2
    assert status.loc[2, "sentence"] == run.failures().loc[2, "status"]


def test_chunks_do_not_change_a_number(tiny, tmp_path):
    whole, chunked = run_of(tiny), run_of(tiny, out=tmp_path / "run")
    assert chunked.dataset.identical(whole.dataset)
    assert load_bundle(tmp_path / "run", model=tiny).dataset.identical(whole.dataset)


class Counted:
    """The solver, counting the patients it is given, and stopping when told to."""

    def __init__(self, monkeypatch, stop_after=None):
        self.patients = []
        self.stop_after = stop_after
        self.solve = bundle.solve
        monkeypatch.setattr(bundle, "solve", self)

    def __call__(self, plan, advance):
        if self.stop_after is not None and len(self.patients) == self.stop_after:
            raise KeyboardInterrupt
        self.patients.append(plan.cohort.table.index.tolist())
        return self.solve(plan, advance)


def test_an_interrupted_run_continues_where_it_stopped(tiny, tmp_path, monkeypatch):
    expected = run_of(tiny)
    with monkeypatch.context() as patch:
        Counted(patch, stop_after=2)
        with pytest.raises(KeyboardInterrupt):
            run_of(tiny, out=tmp_path / "run")
    assert parts(tmp_path / "run") == ["part-00000.parquet", "part-00001.parquet"]
    with pytest.raises(InputError, match="no readable manifest"):
        load_bundle(tmp_path / "run", model=tiny)
    rest = Counted(monkeypatch)
    continued = run_of(tiny, out=tmp_path / "run")
    assert rest.patients == [[8, 9]]
    assert continued.dataset.identical(expected.dataset)
    assert load_bundle(tmp_path / "run", model=tiny).dataset.identical(expected.dataset)


def test_more_patients_keep_the_parts_of_the_first(tiny, tmp_path, monkeypatch):
    run_of(tiny, out=tmp_path / "run", patients=8)
    rest = Counted(monkeypatch)
    run_of(tiny, out=tmp_path / "run", patients=12)
    assert rest.patients == [[8, 9, 10, 11]]


@pytest.mark.parametrize(
    "change",
    [{"seed": 2}, {"days": 2}, {"rtol": 1e-7}, {"outputs": ["drug"]}, {"overrides": {"loss": 0.4}}],
)
def test_parts_of_another_run_are_not_used(tiny, tmp_path, monkeypatch, change):
    run_of(tiny, out=tmp_path / "run")
    counted = Counted(monkeypatch)
    other = run_of(tiny, out=tmp_path / "run", **change)
    assert len(counted.patients) == 3
    assert load_bundle(tmp_path / "run", model=tiny).dataset.identical(other.dataset)


def test_a_changed_model_is_another_run(tiny, tmp_path, monkeypatch):
    run_of(tiny, out=tmp_path / "run")
    counted = Counted(monkeypatch)
    run_of(tiny.with_values({"room": 12.0}), out=tmp_path / "run")
    assert len(counted.patients) == 3


def test_a_broken_part_is_solved_again(tiny, tmp_path, monkeypatch):
    expected = run_of(tiny, out=tmp_path / "run")
    part = tmp_path / "run" / "trajectories" / "part-00001.parquet"
    part.write_bytes(part.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"part-00001\.parquet: the part is missing, broken"):
        load_bundle(tmp_path / "run", model=tiny)
    counted = Counted(monkeypatch)
    assert run_of(tiny, out=tmp_path / "run").dataset.identical(expected.dataset)
    assert counted.patients == [[4, 5, 6, 7]]


def test_parts_of_a_larger_run_do_not_stay(tiny, tmp_path):
    run_of(tiny, out=tmp_path / "run", patients=12)
    run_of(tiny, patients=5).save(tmp_path / "run")
    assert parts(tmp_path / "run") == ["part-00000.parquet", "part-00001.parquet"]
    assert len(load_bundle(tmp_path / "run", model=tiny).cohort) == 5


def test_observations_lie_beside_the_trajectories(tiny, tmp_path):
    seen = pd.DataFrame({"patient": [0], "time_h": [24.0], "measure": ["madrs"], "value": [20.0]})
    folder = run_of(tiny).save(tmp_path / "run", observations=seen)
    found = duckdb.sql(f"SELECT measure, value FROM '{folder}/observations.parquet'").fetchall()
    assert found == [("madrs", 20.0)]


def fail_with(number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    return refuse


def test_a_full_disk_is_one_sentence_and_loses_nothing(tiny, tmp_path, monkeypatch):
    run = run_of(tiny)
    folder = run.save(tmp_path / "run")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    other = run_of(tiny, seed=2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail_with(errno.ENOSPC))
        with pytest.raises(OutputError) as caught:
            other.save(folder)
    assert "the disk is full" in str(caught.value)
    assert "\n" not in str(caught.value)
    for path, content in before.items():
        if path.name != "manifest.json":
            assert path.read_bytes() == content
    assert not list(folder.rglob("*.tmp"))
    other.save(folder)
    assert load_bundle(folder, model=tiny).dataset.identical(other.dataset)


def test_a_read_only_folder_is_said_before_anything_is_solved(tiny, tmp_path, monkeypatch):
    counted = Counted(monkeypatch)
    monkeypatch.setattr(results.tempfile, "TemporaryFile", fail_with(errno.EROFS))
    with pytest.raises(OutputError, match="read-only") as caught:
        run_of(tiny, out=tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert counted.patients == []


def test_a_file_in_the_way_is_one_sentence(tiny, tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(OutputError, match="could not be written"):
        run_of(tiny).save(tmp_path / "run")
    assert (tmp_path / "run").read_text() == "mine"


def test_a_folder_that_is_no_bundle(tiny, tmp_path):
    with pytest.raises(InputError, match="no readable manifest"):
        load_bundle(tmp_path, model=tiny)
    folder = run_of(tiny).save(tmp_path / "run")
    (folder / "patients.parquet").write_text("no parquet")
    with pytest.raises(InputError, match="no readable table of patients"):
        load_bundle(folder, model=tiny)


def test_a_model_that_has_changed_since_is_noted(tiny, tmp_path):
    folder = run_of(tiny).save(tmp_path / "run")
    loaded = load_bundle(folder, model=tiny.with_values({"loss": 0.6}))
    assert any("parameters have changed" in note for note in loaded.notes)
    assert "parameters have changed" in repr(loaded)


def test_the_article_is_loaded_with_its_own_model(article, tmp_path):
    given = "naltrexone 50 mg oral at -45 min; ketamine 0.5 mg/kg iv over 40 min"
    run = simulate(article, given, patients=3, days=1, out=tmp_path / "run")
    loaded = load_bundle(Path(tmp_path / "run"))
    assert loaded.dataset.identical(run.dataset)
    assert loaded.model.hypothesis.name == "article"
    assert loaded.notes == ()
    assert Manifest.load(tmp_path / "run").options["regimen"] == given
