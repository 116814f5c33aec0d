"""Each experiment is run once, kept as soon as it is done, and run again where anything changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import ketasim
from ketasim.errors import OutputError
from ketasim.experiments import Experiment, ExperimentResult, experiment
from ketasim.model import load_model
from ketasim.report import running, write_dossier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ARTICLE = load_model("article")
CAMP = experiment("camp")
CALL: dict[str, Any] = {
    "experiments": [CAMP],
    "models": [ARTICLE],
    "size": "quick",
    "seed": 1,
    "patients": 4,
}


class Quick:
    """A result that took no time."""

    def __init__(self, name: str) -> None:
        self.name = name

    def record(self) -> dict[str, Any]:
        return {"id": self.name, "numbers": [1.0, None]}

    def save(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "experiment.json").write_text(json.dumps(self.record()), encoding="utf-8")
        return folder


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the experiments that were really run; each takes no time."""
    found: list[str] = []

    def run(one: Experiment, *_: Any, **__: Any) -> Quick:
        found.append(one.name)
        return Quick(one.name)

    monkeypatch.setattr(Experiment, "run", run)
    return found


def go(folder: Path, **changes: Any) -> dict[str, dict[str, Any]]:
    return running.run_missing(folder, tell=lambda done, total: None, **{**CALL, **changes})


def test_what_is_stored_is_not_run_again(tmp_path: Path, runs: list[str]) -> None:
    first = go(tmp_path)
    second = go(tmp_path)
    assert runs == ["camp"]
    assert first == second


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 2},
        {"patients": 5},
        {"patients": None},
        {"size": "full"},
        {"models": [ARTICLE, load_model("no_opioid")]},
        {"models": [load_model("no_opioid")]},
        {"models": [ARTICLE.with_values({"opioid_tone": 0.1})]},
        {"models": [load_model("article", calibrated=False)]},
        {"experiments": [replace(CAMP, readouts=("relief",))]},
        {"experiments": [replace(CAMP, arms=CAMP.arms[:1])]},
        {"experiments": [replace(CAMP, arms=(replace(CAMP.arms[0], overrides={"sw_camp": 0.0}),))]},
        {"experiments": [replace(CAMP, deciding_arms=())]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_changes_the_numbers_is_run_again(
    tmp_path: Path, runs: list[str], changes: dict[str, Any]
) -> None:
    go(tmp_path)
    go(tmp_path, **changes)
    assert runs == ["camp", "camp"]


@pytest.mark.parametrize("name", ["_package_hash", "library_versions"])
def test_other_code_or_libraries_run_it_again(
    tmp_path: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    go(tmp_path)
    answer: Any = {"numpy": "0.0"} if name == "library_versions" else "0" * 64
    monkeypatch.setattr(running, name, lambda: answer)
    go(tmp_path)
    assert runs == ["camp", "camp"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("key.txt", None),
        ("key.txt", ""),
        ("key.txt", "another key\n"),
        ("experiment.json", None),
        ("experiment.json", ""),
        ("experiment.json", '{"id": "ca'),
    ],
)
def test_a_half_written_folder_is_run_again(
    tmp_path: Path, runs: list[str], file: str, content: str | None
) -> None:
    go(tmp_path)
    path = tmp_path / "experiments" / "camp" / file
    if content is None:
        path.unlink()
    else:
        path.write_text(content, encoding="utf-8")
    again = go(tmp_path)
    assert runs == ["camp", "camp"]
    assert again == {"camp": Quick("camp").record()}


def test_the_key_is_gone_while_an_experiment_is_written(
    tmp_path: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    go(tmp_path)

    def break_off(self: Quick, folder: Path) -> Path:
        (folder / "experiment.json").write_text('{"seed": 2}', encoding="utf-8")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Quick, "save", break_off)
        with pytest.raises(KeyboardInterrupt):
            go(tmp_path, seed=2)
    # Neither the new seed nor the old one is taken for done.
    go(tmp_path)
    go(tmp_path, seed=2)
    assert runs == ["camp"] * 4


def test_progress_counts_the_experiments_and_the_page(tmp_path: Path, runs: list[str]) -> None:
    told: list[tuple[int, int]] = []
    chosen = [CAMP, experiment("ampa")]
    asked = {**CALL, "experiments": chosen, "tell": lambda *step: told.append(step)}
    running.run_missing(tmp_path, **asked)
    assert told == [(0, 3), (1, 3), (2, 3)]
    assert runs == ["camp", "ampa"]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes a file into a package of its own, and hashes it."""
    home = tmp_path / "site" / "ketasim"
    monkeypatch.setattr(ketasim, "__file__", str(home / "__init__.py"))

    def hashed(name: str, content: str = "x = 1") -> str:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content, encoding="utf-8")
        return str(running._package_hash.__wrapped__())

    return hashed


@pytest.mark.parametrize("name", ["engine/solver.py", "evidence/tables/doses.csv", "units.py"])
def test_every_file_that_makes_numbers_counts(package: Callable[..., str], name: str) -> None:
    first = package(name)
    assert package(name, "x = 2") != first
    assert package(name) == first


@pytest.mark.parametrize(
    "name", ["report/page.py", "engine/__pycache__/solver.pyc", "__pycache__/units.txt"]
)
def test_what_makes_no_numbers_does_not_count(package: Callable[..., str], name: str) -> None:
    first = package("units.py")
    package(name)
    assert package("units.py") == first


def test_an_interrupted_dossier_goes_on_where_it_stopped(
    dossier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {
        "experiments": ["camp", "ampa"],
        "hypotheses": ["article", "no_opioid", "opioid_agonist"],
        "patients": 4,
    }
    really, begun = Experiment.run, []

    def run(one: Experiment, *parts: Any, **options: Any) -> ExperimentResult:
        begun.append(one.name)
        if begun == ["camp", "ampa"]:
            raise KeyboardInterrupt
        return really(one, *parts, **options)

    monkeypatch.setattr(Experiment, "run", run)
    with pytest.raises(KeyboardInterrupt):
        write_dossier(tmp_path, **asked)
    assert [one.parent.name for one in (tmp_path / "experiments").rglob("*.*")][:1] == ["camp"]
    assert not list((tmp_path / "experiments" / "ampa").iterdir())
    assert not (tmp_path / "dossier.html").exists()

    told: list[tuple[int, int]] = []
    page = write_dossier(tmp_path, **asked, progress=lambda *step: told.append(step))
    assert begun == ["camp", "ampa", "ampa"]
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert page == tmp_path / "dossier.html"
    for name in ("camp", "ampa"):
        again, whole = (
            json.loads((home / "experiments" / name / "experiment.json").read_text("utf-8"))
            for home in (tmp_path, dossier)
        )
        assert again.pop("manifest")["parameter_hash"] == whole.pop("manifest")["parameter_hash"]
        assert again == whole


def test_a_file_in_the_way_of_the_folder_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way", encoding="utf-8")
    with pytest.raises(OutputError, match="could not be written"):
        write_dossier(tmp_path / "out", experiments=["camp"], hypotheses=["article"])
    assert (tmp_path / "out").read_text(encoding="utf-8") == "in the way"
