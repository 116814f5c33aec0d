"""The two long commands: one small experiment, and the report with its writer doubled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

import ketasim.cli
from ketasim.cli.application import application
from ketasim.experiments import check_record

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ("experiment", "camp", "--hypothesis", "no_opioid")


def call(*words: str) -> Any:
    return CliRunner().invoke(application(), list(words), env={"NO_COLOR": "1", "TERM": "dumb"})


def test_an_experiment_is_json_that_fits_its_schema(tmp_path: Path) -> None:
    done = call(*WORDS, "--json", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    check_record(record)
    assert record["id"] == "camp"
    assert list(record["hypotheses"]) == ["no_opioid"]
    stored = json.loads((tmp_path / "experiment.json").read_text(encoding="utf-8"))
    assert stored["hypotheses"] == record["hypotheses"]


def test_an_experiment_is_told_to_people_with_claim_and_verdict() -> None:
    done = call(*WORDS)
    assert done.exit_code == 0, done.output
    assert "no_opioid" in done.output
    assert "verdict" in done.output


def test_without_a_name_the_experiments_are_listed() -> None:
    assert call("experiment").output == call("experiment", "--list").output


@pytest.mark.parametrize("as_json", [False, True])
def test_the_report_is_asked_for_what_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    asked: dict[str, Any] = {}

    def write_dossier(out: Path, **options: Any) -> Path:
        asked.update(options, out=out)
        return out / "dossier.html"

    monkeypatch.setattr("ketasim.report.write_dossier", write_dossier, raising=False)
    words = ["--experiment", "camp", "--hypothesis", "article", "--seed", "3"]
    done = call("dossier", *words, "--out", str(tmp_path), *(["--json"] if as_json else []))
    assert done.exit_code == 0, done.output
    assert asked["experiments"] == ["camp"]
    assert asked["hypotheses"] == ["article"]
    assert (asked["seed"], asked["size"], asked["out"]) == (3, "quick", tmp_path)
    shown = json.loads(done.stdout)["file"] if as_json else done.stdout
    assert "dossier.html" in shown


def test_the_entry_point_puts_debug_where_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["ketasim", "simulate", "--drug", "nothing", "--debug"])
    with pytest.raises(Exception, match="nothing is given"):
        ketasim.cli.main()


def test_the_entry_point_leaves_with_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["ketasim", "simulate", "--drug", "nothing"])
    with pytest.raises(SystemExit) as left:
        ketasim.cli.main()
    assert left.value.code == 2
