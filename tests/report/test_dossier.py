"""The one call that writes a dossier, with hypotheses that nobody told the report about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.errors import InputError, OutputError, UnknownNameError
from ketasim.experiments import Experiment
from ketasim.model.files import HYPOTHESES
from ketasim.report import read_bundle, render, write_dossier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TITLE = "Mine <script>alert(1)</script>"


@pytest.fixture(scope="module")
def with_mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dossier in which a hypothesis takes part that is one YAML file, and nothing else."""
    folder = tmp_path_factory.mktemp("mine")
    text = (HYPOTHESES / "no_opioid.yaml").read_text(encoding="utf-8")
    own = folder / "hypotheses"
    own.mkdir()
    text = text.replace("name: no_opioid", "name: mine").replace("No opioid edge", f"'{TITLE}'")
    (own / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KETASIM_HYPOTHESES", str(own))
        asked = {"experiments": ["camp", "ampa"], "hypotheses": ["article", "mine"]}
        write_dossier(folder / "out", **asked, patients=4)
    return folder / "out"


@pytest.fixture(scope="module")
def its_page(with_mine: Path, parse: Callable[[str], Any]) -> Any:
    return parse((with_mine / "dossier.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["camp", "ampa"])
def test_a_hypothesis_of_ones_own_is_in_every_experiment_and_uncalibrated(
    its_page: Any, name: str
) -> None:
    section = its_page.by_id(f"experiment-{name}")
    [mine] = [
        one for one in section.only("ul", "verdicts").every("li") if one.only("b").text == "mine"
    ]
    assert mine.only("span", "flag").text == "uncalibrated"
    charts = [one for one in section.every("svg", "chart") if "course" in one.classes]
    assert all("mine" in one["aria-label"] for one in charts)
    for legend in section.every("ul", "legend"):
        [entry] = [one for one in legend.every("li") if one.text.startswith("mine")]
        assert entry.text == "mineuncalibrated"


def test_it_is_marked_wherever_its_name_heads_a_column_or_row(its_page: Any) -> None:
    heads = [
        one
        for table in its_page.every("table", "matrix")
        for one in table.every("th")
        if one.text.split()[:1] == ["mine"]
    ]
    assert len(heads) >= 4
    assert all(one.text == "mine uncalibrated" for one in heads)
    assert "mine" in its_page.by_id("warnings").text
    assert its_page.by_id("hypothesis-mine").text == f"{TITLE} mine uncalibrated"


def test_its_numbers_are_those_of_the_file_it_was_copied_from(
    with_mine: Path, dossier: Path
) -> None:
    # Same switches and, where the original is fitted on its own, other calibrated values.
    own, shipped = read_bundle(with_mine), read_bundle(dossier)
    first, second = own.index["hypotheses"][1], shipped.index["hypotheses"][1]
    assert first["switches"] == second["switches"]
    assert first["calibration_of"] == "article"
    assert first["fitted"] == own.index["hypotheses"][0]["fitted"]


def test_its_title_is_text_and_never_markup(its_page: Any) -> None:
    assert len(its_page.every("script")) == 1
    assert TITLE in its_page.by_id("hypotheses").text


def test_the_page_is_what_the_bundle_renders(dossier: Path) -> None:
    written = (dossier / "dossier.html").read_text(encoding="utf-8")
    assert render(read_bundle(dossier)) == written


def test_a_hypothesis_cannot_be_asked_for_twice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="twice"):
        write_dossier(tmp_path, experiments=["camp"], hypotheses=["article"] * 2, patients=4)


@pytest.mark.parametrize(("what", "names"), [("experiments", ["cmap"]), ("hypotheses", ["artcle"])])
def test_an_unknown_name_is_said_before_anything_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, names: list[str]
) -> None:
    monkeypatch.setattr(Experiment, "run", None)
    with pytest.raises(UnknownNameError):
        write_dossier(tmp_path / "out", **{what: names})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file", ["dossier.json", "model.xml", "dossier.html"])
def test_what_cannot_be_written_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dossier: Path, file: str
) -> None:
    record = json.loads((dossier / "experiments/camp/experiment.json").read_text("utf-8"))
    monkeypatch.setattr("ketasim.report.dossier.run_missing", lambda *_: {"camp": record})
    monkeypatch.setattr("ketasim.report.dossier.read_bundle", lambda _: read_bundle(dossier))
    (tmp_path / file / "in the way").mkdir(parents=True)
    names = ["article", "no_opioid", "opioid_agonist"]
    with pytest.raises(OutputError, match=f"{file} could not be written"):
        write_dossier(tmp_path, experiments=["camp"], hypotheses=names, patients=4)
