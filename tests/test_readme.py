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


MODEL = """
model oral
  compartment V = 5; substanceOnly species gut in V = 0; substanceOnly species blood in V = 0
  ka = 1; cl = 1
  gut -> blood; ka * gut
  blood -> ; cl * blood / V
end"""


@pytest.mark.scenario
@pytest.mark.parametrize("place", range(2))
def test_its_python_runs(place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import antimony

    code = blocks("python")[place]
    assert len(blocks("python")) == 2
    assert len([line for line in code.splitlines() if line.strip()]) <= 8
    antimony.clearPreviousLoads()
    antimony.loadAntimonyString(MODEL)
    (tmp_path / "model.xml").write_text(antimony.getSBMLString("oral"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})


@pytest.mark.parametrize("line", [line for b in blocks("sh") for line in b.splitlines()])
def test_its_commands_are_commands(line: str) -> None:
    words = shlex.split(line, comments=True)
    if not words or words[0] != "ketasim":
        return
    command = typer.main.get_command(application())
    for word in words[1:]:
        command = getattr(command, "commands", {}).get(word, command)
    assert not hasattr(command, "commands"), f"{line!r} names no command"
    known = {option for one in command.params for option in one.opts}
    assert {word for word in words if word.startswith("--")} <= known
