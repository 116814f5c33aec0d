"""The commands as a user meets them: help, examples, JSON, sentences and exit codes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ketasim import health
from ketasim.cli import completion
from ketasim.cli.application import application
from ketasim.cli.examples import EXAMPLES
from ketasim.errors import KetasimError

SLOW = {"experiment", "dossier"}
OWN_FILES = {"rerun", "solve", "predict", "score", "pet fit"}
WIDE = {"COLUMNS": "240", "NO_COLOR": "1", "TERM": "dumb"}


def call(*words: str) -> Any:
    return CliRunner().invoke(application(), list(words), env=WIDE)


def run_example(example: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *words = shlex.split(example)
    assert program == "ketasim"
    command = [sys.executable, "-m", "ketasim", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", EXAMPLES)
def test_help_ends_with_its_two_examples(name: str) -> None:
    shown = call(*name.split(), "--help")
    assert shown.exit_code == 0
    lines = [line.strip() for line in shown.output.splitlines() if line.strip()]
    assert lines[-3:] == ["Examples", *EXAMPLES[name]]


def test_every_command_has_examples() -> None:
    root = typer.main.get_command(application())
    names = set()
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        names |= {f"{name} {one}" for one in inner} if inner else {name}
    assert names == set(EXAMPLES)


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - SLOW - OWN_FILES))
def test_the_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for example in EXAMPLES[name]:
        done = call(*shlex.split(example)[1:])
        assert done.exit_code == 0, done.output


def test_a_bundle_is_written_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for example in (EXAMPLES["simulate"][0], *EXAMPLES["rerun"]):
        done = call(*shlex.split(example)[1:])
        assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "run" / "manifest.json").is_file()
    assert json.loads(done.stdout)["reproduced"] is True


def test_the_program_itself_starts_and_answers(tmp_path: Path) -> None:
    done = run_example("ketasim cite hirota1999", tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("[hirota1999]")
    assert done.stderr == ""


@pytest.mark.scenario
@pytest.mark.parametrize("name", sorted(SLOW))
def test_the_long_examples_run(name: str, tmp_path: Path) -> None:
    for example in EXAMPLES[name]:
        done = run_example(example, tmp_path)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["simulate", "--drug", "ketamin", "--dose", "1 mg/kg"], "did you mean ketamine"),
        (["simulate", "--drug", "ketamine", "--dose", "0.5 mgkg"], "mgkg"),
        (["simulate", "--drug", "ketamine", "--dose", "-1 mg"], "-1"),
        (["simulate", "--drug", "ketamine"], "--drug and --dose"),
        (["simulate", "--regimen", "ketamine 1 mg iv", "--hypothesis", "artcle"], "article"),
        (["simulate", "--regimen", "ketamine 1 mg iv", "--set", "opioid_tone"], "name=number"),
        (["simulate", "--regimen", "ketamine 1 mg iv", "--set", "opiod_tone=1"], "opioid_tone"),
        (["experiment", "naltrexon"], "did you mean naltrexone"),
        (["cite", "nobody2019"], "nobody2019"),
        (["export", "sbml", "--hypothesis", "nobody", "--out", "x.xml"], "nobody"),
        (["rerun", "nowhere/manifest.json"], "no readable manifest"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(words: list[str], part: str) -> None:
    done = call(*words)
    assert done.exit_code == 2, done.output
    assert part in done.stderr
    assert "Traceback" not in done.output
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "words", [["frobnicate"], ["lint", "--frobnicate"], ["simulate", "--days", "x"]]
)
def test_a_wrong_word_on_the_command_line_is_code_2(words: list[str]) -> None:
    assert call(*words).exit_code == 2


def test_findings_are_code_2() -> None:
    assert call("lint", "--regimen", "ketamin 1 mg iv").exit_code == 2


def test_debug_shows_the_traceback_wherever_it_stands() -> None:
    words = ["simulate", "--drug", "ketamin", "--dose", "1 mg", "--debug"]
    done = run_example(shlex.join(["ketasim", *words]), Path.cwd())
    assert done.returncode != 0
    assert "UnknownNameError" in done.stderr
    assert "Traceback" in done.stderr


def test_a_folder_that_cannot_be_written_is_code_1(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = call("export", "sbml", "--out", str(tmp_path / "file" / "model.xml"))
    assert done.exit_code == 1
    assert "could not be written" in done.stderr


def failing(error: BaseException) -> Any:
    def examine() -> tuple[()]:
        raise error

    return examine


def test_a_fault_of_ours_is_named_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "examine", failing(ZeroDivisionError("oh")))
    done = call("doctor")
    assert done.exit_code == 1
    assert "a fault in ketasim" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_an_interruption_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "examine", failing(KeyboardInterrupt()))
    done = call("doctor")
    assert done.exit_code == 130
    assert done.stderr.startswith("Stopped.")


def test_a_closed_pipe_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "examine", failing(BrokenPipeError()))
    assert call("doctor").exit_code == 0


def test_an_unhealthy_installation_is_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = (health.HealthCheck("numba", "not installed", passed=False),)
    monkeypatch.setattr(health, "examine", lambda: wrong)
    done = call("doctor")
    assert done.exit_code == 1
    assert "WRONG" in done.output


def test_json_is_json_and_nothing_else() -> None:
    healthy = json.loads(call("doctor", "--json").stdout)
    assert healthy["healthy"] is True
    sources = json.loads(call("cite", "--hypothesis", "article", "--json").stdout)
    assert all(one["because"] for one in sources)
    names = [one["name"] for one in json.loads(call("experiment", "--list", "--json").stdout)]
    assert set(names) >= {"occupancy", "naltrexone", "mtor", "ampa", "serotonin", "camp"}


def test_a_missing_number_is_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    from ketasim.cli.output import print_json

    print_json({"a": float("nan"), "b": np.array([1.0, np.inf]), "c": (Path("x"), None, True)})
    assert json.loads(capsys.readouterr().out) == {
        "a": None,
        "b": [1.0, None],
        "c": ["x", None, True],
    }


def test_brackets_in_a_table_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    from ketasim.cli.output import print_table

    print_table([("[bold]", 0.123456)], header=("text", "number"))
    assert "[bold]" in (shown := capsys.readouterr().out)
    assert "0.123" in shown


def test_the_shell_is_offered_the_names_that_exist() -> None:
    assert completion.drugs("ket") == ["ketamine"]
    assert completion.hypotheses("opioid_") == ["opioid_agonist", "opioid_glutamate", "opioid_pi3k"]
    assert completion.experiments("nal") == ["naltrexone"]
    assert completion.routes("s") == ["sc", "sublingual"]


def test_a_broken_file_does_not_break_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> tuple[str, ...]:
        raise KetasimError("a hypothesis is broken")

    monkeypatch.setattr("ketasim.model.list_hypotheses", broken)
    assert completion.hypotheses("a") == []


def test_progress_is_silent_when_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    from ketasim.cli.output import progress

    with progress("Simulating") as advance:
        advance(1, 2)
        advance(2, 2)
    assert capsys.readouterr() == ("", "")


def test_the_version_is_the_packages_own() -> None:
    import ketasim

    assert call("--version").output.strip() == f"ketasim {ketasim.__version__}"


@pytest.mark.scenario
def test_ctrl_c_in_a_long_run_is_one_sentence(tmp_path: Path) -> None:
    words = ["simulate", "--regimen", "ketamine 0.5 mg/kg iv", "--patients", "200000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ketasim", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    time.sleep(10)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert stderr.strip().splitlines()[-1].startswith("Stopped.")
