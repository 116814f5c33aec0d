"""The tutorial on the search for a compound: its code runs, and it says what it claims."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "discovery.rst").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"^\.\. code-block:: python\n((?:\n|   .*\n)+)", page, re.MULTILINE):
        # The same calls, with a shorter search and fewer draws.
        short = re.sub(r"generations=\d+, population=\d+", "generations=3, population=24", block)
        short = re.sub(r"draws=\d+", "draws=2", short).replace("samples=64", "samples=8")
        exec(textwrap.dedent(short), names)
    assert (tmp_path / "out" / "search" / "figures.html").is_file()
    assert names["known_compound"]("memantine").trapping == 0.8
    assert {one.route for one in names["nasal"].candidates} <= {"nasal"}
    assert "opioid_agonist" in names["why"].silent("memantine")
    assert names["worth"].most()["part"] == "molecule"
