"""Our data set passes the BIDS validator without a network, and fails when it should."""

from __future__ import annotations

import json
import os
import shutil
import socket
from typing import TYPE_CHECKING

import pytest
from bidsschematools.schema import load_schema

from ketasim.errors import InputError, MissingExtraError
from ketasim.interop.bids_pet import Blood, check_dataset, validate, write_blood
from ketasim.interop.bids_pet.blood import FLAGS
from ketasim.interop.bids_pet.checks import required_by_schema, validator_installed
from ketasim.interop.bids_pet.sidecar import (
    REQUIRED,
    REQUIRED_WITH_FILTER,
    REQUIRED_WITH_INFUSION,
    REQUIRED_WITH_METHOD,
    missing_fields,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ketasim.instruments.pet.scans import Scan

needs_validator = pytest.mark.skipif(
    not validator_installed(), reason="bids-validator-deno is not installed"
)


def errors(folder: Path, **options: bool) -> list[tuple[str, str]]:
    return [(one.code, one.field) for one in validate(folder, **options) if one.error]


@needs_validator
def test_the_data_set_passes_the_validator(dataset: Path, made: Scan) -> None:
    samples = Blood(made.frames.mid_min, made.reference, made.reference, 0 * made.reference + 1)
    write_blood(dataset, made, samples)
    assert errors(dataset, derivatives=True) == []
    assert check_dataset(dataset) == []


@needs_validator
@pytest.mark.parametrize("field", REQUIRED)
def test_without_a_required_field_it_fails(
    dataset: Path, sidecar: Path, edit: Callable[..., None], field: str
) -> None:
    edit(sidecar, **{field: None})
    found = {("SIDECAR_KEY_REQUIRED", field)}
    assert found <= set(errors(dataset))
    assert found <= {(one.code, one.field) for one in check_dataset(dataset)}


@needs_validator
def test_a_wrong_number_of_frames_fails(
    dataset: Path, sidecar: Path, edit: Callable[..., None]
) -> None:
    lengths = json.loads(sidecar.read_text(encoding="utf-8"))["FrameDuration"]
    edit(sidecar, FrameDuration=lengths[:-1])
    assert any(code.startswith("PET_FRAME_CONSISTENCY") for code, _ in errors(dataset))
    assert ("PET_FRAME_CONSISTENCY", "FrameDuration") in {
        (one.code, one.field) for one in check_dataset(dataset)
    }


@needs_validator
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no way to take the network away")
def test_the_validator_needs_no_network(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run it in a network namespace of its own, where even the loopback is down."""
    import deno

    alone = tmp_path / "deno-alone"
    alone.write_text(f'#!/bin/sh\nexec unshare -rn "{deno.find_deno_bin()}" "$@"\n')
    alone.chmod(0o755)
    if os.system("unshare -rn true") != 0:
        pytest.skip("namespaces are not allowed here")
    monkeypatch.setattr(deno, "find_deno_bin", lambda: str(alone))
    assert errors(dataset) == []


def test_the_required_fields_are_those_of_the_schema() -> None:
    assert set(REQUIRED) == set(required_by_schema())
    assert set(FLAGS) == set(required_by_schema("suffix == 'blood'"))
    rules = load_schema().rules.sidecars.pet
    for group, fields in (
        ("EntitiesReconMethodMetadata", REQUIRED_WITH_METHOD),
        ("EntitiesReconFilterMetadata", REQUIRED_WITH_FILTER),
        ("EntitiesBolusMetadata", REQUIRED_WITH_INFUSION),
    ):
        assert set(fields) == set(rules[group]["fields"].to_dict())


def test_fields_that_depend_on_others() -> None:
    plain = dict.fromkeys(REQUIRED, "x")
    none = {**plain, "ReconMethodParameterLabels": ["none"], "ReconFilterType": "none"}
    assert missing_fields(none) == []
    assert missing_fields({**none, "ReconFilterType": ["Shepp"]}) == list(REQUIRED_WITH_FILTER)
    assert missing_fields({**none, "ReconMethodParameterLabels": ["subsets"]}) == list(
        REQUIRED_WITH_METHOD
    )
    infusion = {**none, "ModeOfAdministration": "bolus-infusion"}
    assert missing_fields(infusion) == list(REQUIRED_WITH_INFUSION)


def test_the_schema_finds_blood_without_a_column(dataset: Path, made: Scan) -> None:
    table, sidecar = write_blood(dataset, made, Blood(made.frames.mid_min, made.reference))
    assert check_dataset(dataset) == []
    content = json.loads(sidecar.read_text(encoding="utf-8"))
    content["WholeBloodAvail"] = True
    del content["DispersionCorrected"]
    sidecar.write_text(json.dumps(content), encoding="utf-8")
    found = {(one.code, one.field, one.file) for one in check_dataset(dataset)}
    place = str(table.relative_to(dataset))
    assert found == {
        ("TSV_COLUMN_MISSING", "whole_blood_radioactivity", place),
        ("SIDECAR_KEY_REQUIRED", "DispersionCorrected", place),
    }


def test_a_data_set_without_its_description_fails(dataset: Path) -> None:
    (dataset / "dataset_description.json").unlink()
    assert [one.code for one in check_dataset(dataset)] == ["MISSING_DATASET_DESCRIPTION"]


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    for check in (validate, check_dataset):
        with pytest.raises(InputError, match="is no folder"):
            check(tmp_path / "missing")


def test_a_missing_library_names_the_extra(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from ketasim.interop.bids_pet import read_dataset

    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(MissingExtraError, match=r"ketasim\[pet\]"):
        read_dataset(dataset)


def test_reading_opens_no_connection(pristine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ketasim.interop.bids_pet import read_dataset

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert len(read_dataset(pristine)) == 1
