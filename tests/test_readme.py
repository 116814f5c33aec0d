"""What the first page promises is true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from ketasim.cli.application import application

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_every_file_it_points_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_target_of_make_is_there() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    named = re.findall(r"(?:^|`)make ([a-z]+)", README, re.M)
    assert named
    assert set(named) <= set(targets)


@pytest.mark.scenario
def test_its_python_runs() -> None:
    (code,) = blocks("python")
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 5
    exec(compile(code, "README.md", "exec"), {})


@pytest.mark.parametrize("line", [line for b in blocks("sh") for line in b.splitlines()])
def test_its_commands_are_commands(line: str) -> None:
    words = shlex.split(line, comments=True)
    if not words or words[0] != "ketasim":
        return
    root = typer.main.get_command(application())
    command = root.commands[words[1]]  # type: ignore[attr-defined]
    known = {option for one in command.params for option in one.opts}
    assert {word for word in words if word.startswith("--")} <= known
