"""The bundle that a page is made from: whole, or one sentence that names what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from ketasim.errors import InputError
from ketasim.evidence import load
from ketasim.experiments import check_record
from ketasim.model import load_model
from ketasim.report import Bundle, read_bundle

PARTS = ("dossier.json", "model.xml", "experiments/camp/experiment.json")
TABLES = ("parameters.parquet", "observations.parquet", "trials.parquet")


@pytest.fixture
def copy(dossier: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(dossier, tmp_path / "copy"))


def test_the_bundle_holds_what_was_asked_for(bundle: Bundle) -> None:
    assert list(bundle.experiments) == bundle.index["experiments"] == ["camp", "ampa"]
    assert bundle.hypotheses == ("article", "no_opioid", "opioid_agonist")
    assert (bundle.index["patients"], bundle.index["seed"]) == (4, 1)


def test_a_record_fits_the_schema_of_experiments(bundle: Bundle) -> None:
    check_record(bundle.experiments["ampa"])
    for record in bundle.experiments.values():
        assert list(record["hypotheses"]) == list(bundle.hypotheses)


def test_model_and_tables_are_those_of_the_package(bundle: Bundle) -> None:
    model = load_model()
    assert bundle.sbml == model.sbml
    assert bundle.parameters["value"].tolist() == model.table["value"].tolist()
    pd.testing.assert_frame_equal(bundle.observations, load("observations").reset_index(drop=True))


def test_every_source_has_its_reference_and_its_reasons(bundle: Bundle) -> None:
    references = bundle.index["references"]
    for record in bundle.experiments.values():
        for seen in record["published"]:
            assert f"observation {seen['id']}" in references[seen["source"]]["because"]
    labels = [one["label"].lower() for one in references.values()]
    assert labels == sorted(labels)
    assert all(one["because"] and one["text"] for one in references.values())


def test_the_bundle_can_be_moved(bundle: Bundle, copy: Path) -> None:
    moved = read_bundle(str(copy))
    assert moved.folder == copy
    assert moved.index == bundle.index
    assert moved.experiments == bundle.experiments


@pytest.mark.parametrize("part", [*PARTS, *TABLES])
def test_a_bundle_that_lacks_a_part_is_incomplete(copy: Path, part: str) -> None:
    (copy / part).unlink()
    with pytest.raises(InputError, match="the bundle of the report is incomplete") as raised:
        read_bundle(copy)
    assert str(copy) in str(raised.value)
    assert "'ketasim dossier'" in str(raised.value)


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_is_one_sentence_that_names_it(copy: Path, part: str) -> None:
    (copy / part).unlink()
    with pytest.raises(InputError) as raised:
        read_bundle(copy)
    assert str(copy / part) in str(raised.value)


@pytest.mark.parametrize("part", [one for one in PARTS if one.endswith(".json")])
@pytest.mark.parametrize("content", [b"", b'{"experiments": [', b"\xff\xfe"])
def test_a_part_that_is_no_json_is_named(copy: Path, part: str, content: bytes) -> None:
    (copy / part).write_bytes(content)
    with pytest.raises(InputError) as raised:
        read_bundle(copy)
    assert str(copy / part) in str(raised.value)


def test_a_folder_that_is_none_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dossier\.json"):
        read_bundle(tmp_path / "nowhere")


def test_nothing_unfinished_is_left_behind(dossier: Path) -> None:
    assert not list(dossier.rglob("*.tmp"))
    index = json.loads((dossier / "dossier.json").read_text(encoding="utf-8"))
    assert {one.name for one in (dossier / "experiments").iterdir()} == set(index["experiments"])
