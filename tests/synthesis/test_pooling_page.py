"""The tutorial on pooling: its table is read, its code and its commands run."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from ketasim.cli.application import application
from ketasim.synthesis import GLMM_MODELS, MEASURES, METHODS, cumulative, leave_one_out, pool

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "pooling.rst").read_text(encoding="utf-8")


def blocks_of(language: str) -> list[str]:
    found = re.findall(rf"^\.\. code-block:: {language}\n((?:\n|   .*\n)+)", PAGE, re.MULTILINE)
    return [textwrap.dedent(one).strip() + "\n" for one in found]


def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (table,) = blocks_of("text")
    (tmp_path / "trials.csv").write_text(table, encoding="utf-8")
    names: dict[str, Any] = {}
    for block in blocks_of("python"):
        exec(block, names)
    found = names["found"]
    assert found.k == 5
    assert found.natural()["ci_low"] > 1
    assert len(leave_one_out(found)) == 5
    assert cumulative(found, "year")["estimate"].iloc[-1] == found.estimate
    assert len({round(one.estimate, 6) for one in names["ways"].values()}) == 4
    assert names["careful"].standard_error >= names["knapp"].standard_error
    assert names["network"].treatments[0] == "placebo"
    assert set(names["events"].pooled["event"]) == {"Dissociation", "Vertigo", "Headache"}
    assert (tmp_path / "out" / "pooled" / "figures.html").is_file()


def test_the_commands_of_the_tutorial_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (table,) = blocks_of("text")
    (tmp_path / "trials.csv").write_text(table, encoding="utf-8")
    (lines,) = blocks_of("console")
    for line in lines.splitlines():
        done = CliRunner().invoke(application(), shlex.split(line)[1:])
        assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "pooled" / "pooled.json").is_file()


def test_the_tutorial_names_every_measure_method_and_model() -> None:
    shown = [name for name in MEASURES if name != "estimate"]
    assert all(f"``{name}``" in PAGE for name in (*shown, *METHODS, *GLMM_MODELS))


def test_the_number_that_the_tutorial_quotes_is_computed() -> None:
    from ketasim.synthesis import adverse_event_contrasts

    events = adverse_event_contrasts(events=["Headache"])
    nasal = events.pooled[events.pooled["comparison"] == "esketamine nasal against placebo"]
    assert f"``{nasal['nnh_text'].iloc[0]}``" in PAGE
    assert pool(events.pool_of("Headache").studies).k == 3
