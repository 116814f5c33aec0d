"""`ketasim trial`: a design by name or file, its answers, and sentences for what cannot be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DESIGN = """\
title: A small trial
arms:
  - {name: ketamine, role: active, control: active, n: 30, regimen: ketamine 0.5 mg/kg iv over 40 min}
  - {name: saline, role: control, control: saline, n: 30, regimen: saline 0 mg/kg iv over 40 min}
visits:
  - {time_h: 24}
  - {time_h: 168}
entry: {mean: 34, sd: 5.5, minimum: 24}
"""
SMALL = ("--replicates", "20", "--people", "40")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(DESIGN, "utf-8")
    return path


def test_the_shipped_designs_are_listed(call: Callable[..., Any]) -> None:
    from ketasim.trial import list_designs

    told = json.loads(call("trial", "--list", "--json").stdout)
    assert [one["name"] for one in told] == list(list_designs())
    assert "Murrough 2013" in call("trial", "--list").stdout


def test_a_file_is_run_and_everything_is_answered(
    call: Callable[..., Any], file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = call(
        "trial", str(file), *SMALL, "--null", "--tornado", "--power", "0.7", "--json",
        "--out", str(out), "--hypothesis", "article", "--hypothesis", "no_opioid",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [one["hypothesis"] for one in told["characteristics"]] == ["article", "no_opioid", "all"]
    assert all(0 <= one["type_1_error"] <= 1 for one in told["characteristics"])
    assert told["sample_size"]["n"] > 1
    assert {one["bound"] for one in told["tornado"]["assumptions"]} == {"low", "high"}
    names = {path.name for path in out.iterdir()}
    assert names == {
        "trial.json", "characteristics.csv", "estimates.parquet", "manifest.json", "figures.html",
        "sample_size.json", "tornado.json",
    }  # fmt: skip


def test_people_read_a_table_and_a_size_is_taken(call: Callable[..., Any], file: Path) -> None:
    done = call("trial", str(file), *SMALL, "--size", "12", "--seed", "3")
    assert done.exit_code == 0, done.output
    assert "A small trial: 24 patients, 20 replicates" in done.stdout
    assert "ketamine minus saline" in done.stdout
    again = call("trial", str(file), *SMALL, "--size", "12", "--seed", "3")
    assert again.stdout == done.stdout
    other = call("trial", str(file), *SMALL, "--size", "12", "--seed", "4")
    assert other.stdout != done.stdout


def test_a_context_without_a_trial_is_said(call: Callable[..., Any], file: Path) -> None:
    file.write_text(DESIGN.replace("control: saline", "control: active_placebo"), "utf-8")
    done = call("trial", str(file), *SMALL)
    assert "rests on a declared prior" in done.stdout
    assert "rests on a declared prior" not in call("trial", "murrough2013", *SMALL).stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("n: 30, regimen: ketamine", "n: 1, regimen: ketamine", "small.yaml, line 3"),
        ("ketamine 0.5 mg/kg", "ketamin 0.5 mg/kg", "did you mean ketamine"),
        ("time_h: 24", "time_h: -24", "a visit is not after the first dose"),
        ("entry:", "entri:", "did you mean entry"),
    ],
)
def test_a_bad_design_is_one_sentence_and_nothing_is_written(
    sentence: Callable[..., str], file: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    file.write_text(DESIGN.replace(old, new, 1), "utf-8")
    assert said in sentence(2, "trial", str(file), "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["murough2013"], "did you mean murrough2013"),
        (["nothing.yaml"], "the design cannot be read"),
        (["murrough2013b"], "nothing is compared"),
        (["murrough2013", "--power", "0.01"], "a power of 0.01"),
        (["murrough2013", "--hypothesis", "artcle"], "did you mean article"),
        (["murrough2013", "--replicates", "1"], "--replicates"),
        ([], "no design is named"),
    ],
)
def test_bad_words_are_one_sentence(
    sentence: Callable[..., str], tmp_path: Path, words: list[str], said: str
) -> None:
    assert said in sentence(2, "trial", *words, "--people", "20", "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
