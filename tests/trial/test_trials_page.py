"""The tutorial on trials: its design is read, its code runs."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketasim.trial.analysis import ANALYSES

if TYPE_CHECKING:
    import pytest


def blocks_of(page: str, language: str) -> list[str]:
    blocks = re.findall(rf"^\.\. code-block:: {language}\n((?:\n|   .*\n)+)", page, re.MULTILINE)
    return [textwrap.dedent(one) for one in blocks]


def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "trials.rst").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (yaml,) = blocks_of(page, "yaml")
    (tmp_path / "my_trial.yaml").write_text(yaml, encoding="utf-8")
    names: dict[str, Any] = {}
    for block in blocks_of(page, "python"):
        # The same calls with fewer replicates of fewer people.
        exec(re.sub(r"replicates=\d+", "replicates=20, people=40", block), names)
    assert (tmp_path / "out" / "my_trial" / "figures.html").is_file()
    assert names["size"].n > 4
    # Less is expected of saline than of midazolam, so that more is left to find.
    assert names["both"].summary()["power_gain"][1] > 0
    assert list(names["rival"].table["hypothesis"]) == ["article", "no_opioid", "all"]
    assert len(names["winds"].table) == 2 * 9


def test_the_tutorial_names_every_analysis() -> None:
    page = (Path(__file__).parents[2] / "docs" / "trials.rst").read_text(encoding="utf-8")
    # "reference_based" is another word for one of them.
    assert all(f"``{name}``" in page for name in ANALYSES if name != "reference_based")
