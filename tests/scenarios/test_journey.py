"""From a prompt to numbers in SQL and back again: what a first user does in an afternoon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest

from ketasim.experiments import list_experiments
from ketasim.model.files import HYPOTHESES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.scenario


def ketasim(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "ketasim", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("journey")
    words = ["--drug", "ketamine", "--dose", "0.5 mg/kg", "--route", "iv", "--over", "40 min"]
    done = ketasim(folder, "simulate", *words, "--patients", "200", "--days", "14", "--out", "run")
    assert done.returncode == 0, done.stderr
    return folder / "run"


def test_the_bundle_is_whole(bundle: Path) -> None:
    names = {one.name for one in bundle.iterdir()}
    assert {"manifest.json", "patients.parquet", "status.parquet", "trajectories"} <= names
    assert not list(bundle.rglob("*.tmp"))


def test_plain_sql_finds_the_plasma_peak_where_it_was_published(bundle: Path) -> None:
    # 0.5 mg/kg over 40 min: about 185 ng/mL in venous blood at the end of the infusion.
    [(median,)] = duckdb.sql(
        f"""
        SELECT median(value) FROM read_parquet('{bundle}/trajectories/*.parquet')
        WHERE variable = 'ketamine_ng_ml' AND abs(time_h - 2 / 3) < 1e-3
        """
    ).fetchall()
    assert 160 <= median <= 215


def test_every_patient_has_a_row_and_a_status(bundle: Path) -> None:
    [(rows,)] = duckdb.sql(f"SELECT count(*) FROM '{bundle}/patients.parquet'").fetchall()
    [(statuses,)] = duckdb.sql(f"SELECT count(*) FROM '{bundle}/status.parquet'").fetchall()
    assert rows == statuses == 200


def test_the_run_is_made_again_bit_for_bit(bundle: Path) -> None:
    done = ketasim(bundle.parent, "rerun", "run/manifest.json", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["largest_difference"] == 0.0


def test_a_hypothesis_of_ones_own_is_one_file(tmp_path: Path) -> None:
    text = (HYPOTHESES / "no_opioid.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.yaml").write_text(text.replace("no_opioid", "mine"))
    own = {"KETASIM_HYPOTHESES": str(tmp_path / "mine")}
    assert ketasim(tmp_path, "lint", "mine/mine.yaml").returncode == 0
    for name in list_experiments():
        words = ["experiment", name, "--hypothesis", "mine", "--json"]
        done = ketasim(tmp_path, *words, **own)
        assert done.returncode == 0, done.stderr
        record = json.loads(done.stdout)
        assert list(record.get("hypotheses", record.get("verdicts"))) == ["mine"]
