"""Wrong words of a command are one sentence, as every other error is; help and tabs still work."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import typer

from ketasim.cli import STOPPED, usage
from ketasim.cli.application import SentenceGroup, application

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Sentence = Callable[..., str]

DOSE = ("simulate", "--regimen", "ketamine 1 mg iv")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*DOSE, "--patients", "0"], "simulate --patients: '0' cannot be used; expected greater"),
        ([*DOSE, "--days", "-1"], "simulate --days: '-1' cannot be used; expected greater"),
        ([*DOSE, "--days", "x"], "simulate --days: 'x' cannot be used; expected a valid number"),
        ([*DOSE, "--backend", "fast"], "simulate --backend: 'fast' is not one of 'numba', 'roadr"),
        ([*DOSE, "--seed"], "option '--seed' requires an argument"),
        (["simulate", "--pateints", "3"], "no option --pateints: did you mean --patients"),
        (["simulate", "-q"], "simulate: there is no option -q"),
        (["frobnicate"], "no such command 'frobnicate'"),
        (["lnt"], "no such command 'lnt': did you mean 'lint'?"),
        (["--frobnicate"], "there is no option --frobnicate"),
        (["export"], "export: missing command"),
        (["export", "sbml"], "export sbml --out: it is missing"),
        (["rerun"], "rerun manifest: it is missing"),
        (["rerun", "one", "two"], "rerun: got unexpected extra argument"),
    ],
)
def test_wrong_words_are_one_sentence_with_the_place(
    sentence: Sentence, words: list[str], said: str
) -> None:
    assert said in sentence(2, *words)


@pytest.mark.parametrize(
    "words", [DOSE, ("experiment", "camp"), ("dossier",)], ids=lambda words: words[0]
)
def test_a_file_where_a_folder_should_be(
    sentence: Sentence, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("mine")
    said = sentence(2, *words, "--out", str(tmp_path / "file"))
    assert f"{words[0]} --out: " in said
    assert "is a file" in said
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_where_a_file_should_be(sentence: Sentence, tmp_path: Path) -> None:
    assert "export sbml --out: " in sentence(2, "export", "sbml", "--out", str(tmp_path))


def test_without_words_help_is_the_answer(call: Callable[..., Any]) -> None:
    done = call()
    assert done.exit_code == 2
    assert "Usage: ketasim" in done.output
    assert done.output.count("Usage") == 1


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["simulate", "--help"], ["export", "-h"]])
def test_help_is_no_error(call: Callable[..., Any], words: list[str]) -> None:
    done = call(*words)
    assert done.exit_code == 0
    assert "Usage: ketasim" in done.stdout
    assert done.stderr == ""


def completed(typed: str) -> list[str]:
    environment = {
        **os.environ,
        "_KETASIM_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    code = "import sys; sys.argv[0] = 'ketasim'; from ketasim.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ketasim si", ["simulate"]),
        ("ketasim simulate --drug nalt", ["naltrexone"]),
        ("ketasim simulate --control mid", ["midazolam"]),
    ],
)
def test_the_shell_still_completes(typed: str, offered: list[str]) -> None:
    assert completed(typed) == offered


def test_an_error_that_is_not_the_command_lines_own_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LookupError("not mine")

    monkeypatch.setattr(typer.core.TyperGroup, "main", fail)
    with pytest.raises(LookupError, match="not mine"):
        typer.main.get_command(application()).main(args=[])


def test_an_older_typer_says_abort_after_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def abort(*_: object, **__: object) -> None:
        raise typer.Abort

    monkeypatch.setattr(typer.core.TyperGroup, "main", abort)
    with pytest.raises(SystemExit) as left:
        SentenceGroup(name="ketasim").main(args=[])
    assert left.value.code == 130
    assert capsys.readouterr().err.strip() == STOPPED


def test_ctrl_c_while_the_commands_are_loaded_is_the_same_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ketasim.cli

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ketasim.cli.application.application", interrupt)
    with pytest.raises(SystemExit) as left:
        ketasim.cli.main()
    assert left.value.code == 130
    assert capsys.readouterr().err.strip() == STOPPED


class OldError(Exception):
    """As typer had it from click: the value itself is not told, nor always the command."""

    exit_code = 2
    ctx = None

    def __init__(self, message: str) -> None:
        self.message = message

    def format_message(self) -> str:
        return self.message


def test_an_error_without_a_command_or_a_value_is_still_a_sentence() -> None:
    error = OldError("0 is not in the range x>=1.")
    assert usage.is_usage_error(error)
    assert usage.usage_sentence(error) == "ketasim: 0 is not in the range x>=1"
    error = OldError("Input should be a number")
    assert usage.usage_sentence(error) == "ketasim: the value cannot be used; expected a number"


def test_without_rich_help_is_the_message() -> None:
    error = type("NoArgsIsHelpError", (OldError,), {})("Usage: ketasim")
    assert usage.usage_sentence(error) == "Usage: ketasim"


def test_an_option_is_looked_up_only_where_the_command_is_known() -> None:
    error = type("NoSuchOption", (OldError,), {"option_name": "--sead"})("No such option")
    assert usage.usage_sentence(error) == "ketasim: there is no option --sead"
    parameter = SimpleNamespace(opts=["-s", "--seed"])
    error.ctx = SimpleNamespace(  # type: ignore[assignment]
        command_path="ketasim simulate", command=SimpleNamespace(params=[parameter])
    )
    assert usage.usage_sentence(error).endswith("there is no option --sead: did you mean --seed?")
