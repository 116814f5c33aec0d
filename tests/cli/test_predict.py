"""`ketasim predict` and `ketasim score`: a file that a newcomer writes, and what comes of it."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from typer.testing import CliRunner

from ketasim.cli.application import application
from ketasim.cli.examples import EXAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

TRIALS = """\
study,arm,drug,dose,dose_unit,route,infusion_min,n,scale,timepoint_h,kind
A trial,ketamine,ketamine,0.5,mg/kg,IV,40,30,MADRS,24,change
A trial,midazolam,midazolam,0.045,mg/kg,IV,40,30,MADRS,24,change
A trial,ketamine vs midazolam,ketamine,0.5,mg/kg,IV,40,60,MADRS,24,diff
A trial,ketamine,ketamine,0.5,mg/kg,IV,40,30,QIDS,24,change
"""
RESULTS = """\
study,arm,scale,timepoint_h,kind,value,sd
A trial,ketamine,MADRS,24,change,-15,10
A trial,midazolam,MADRS,24.0,change,-9,10
A trial,ketamine vs midazolam,MADRS,24,diff,-6,
A trial,ketamine,QIDS,24,change,-8,
"""


def call(*words: str) -> Result:
    return CliRunner().invoke(application(), list(words), env={"COLUMNS": "200"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trials.csv").write_text(TRIALS, "utf-8")
    (tmp_path / "results.csv").write_text(RESULTS, "utf-8")
    return tmp_path


def test_the_examples_run_one_after_the_other(folder: Path) -> None:
    for example in (EXAMPLES["predict"][1], *EXAMPLES["score"]):
        done = call(*shlex.split(example)[1:])
        assert done.exit_code == 0, done.output
    table = pd.read_csv(folder / "out" / "predicted" / "predictions.csv")
    assert list(table["hypothesis"]) == ["article", "all"] * 4
    assert table["status"].str.startswith("not_predicted").sum() == 2
    told = json.loads(call(*shlex.split(EXAMPLES["score"][1])[1:]).stdout)
    assert len(told["not_predicted"]) == 1
    sources = {row["source"] for row in told["summary"]}
    assert {"article", "all", "baseline: constant effect"} <= sources


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("timepoint_h,kind", "time,kind", "the column 'timepoint_h' is missing"),
        ("MADRS,24,diff", "MADRS,24,difference", "trials.csv, row 4: unknown kind 'difference'"),
        ("QIDS", "QUIDS", "trials.csv, row 5: unknown scale 'QUIDS'"),
        (
            "0.5,mg/kg,IV,40,30,MADRS,24,change",
            "0.5,mg,IV,40,30,MADRS,24,change",
            "is in 'mg/kg' here and in 'mg' in row 2",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    folder: Path, old: str, new: str, sentence: str
) -> None:
    (folder / "trials.csv").write_text(TRIALS.replace(old, new, 1), "utf-8")
    done = call("predict", "trials.csv", "--out", "out")
    assert done.exit_code == 2
    assert sentence in " ".join(done.stderr.split())
    assert not (folder / "out").exists()


def test_unknown_hypotheses_and_files_are_named(folder: Path) -> None:
    done = call("predict", "trials.csv", "--out", "out", "--hypothesis", "artcle")
    assert done.exit_code == 2
    assert "did you mean article" in done.stderr
    done = call("score", "nothing.csv", "results.csv")
    assert done.exit_code == 2
    assert "cannot be read" in done.stderr
