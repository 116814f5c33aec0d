from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ketasim
from ketasim.errors import InputError
from ketasim.provenance import (
    Manifest,
    compare,
    hash_bytes,
    hash_mapping,
    hash_text,
    library_versions,
    manifest_for,
)

if TYPE_CHECKING:
    from pathlib import Path


def example(**changes: object) -> Manifest:
    manifest = manifest_for(
        hypothesis="article",
        seed=1,
        options={"patients": 200, "days": 14.0, "outputs": ("madrs", "relief")},
        parameter_hash=hash_mapping({"a": 1.0}),
        command=("ketasim", "simulate"),
        seconds=1.23456,
    )
    return dataclasses.replace(manifest, **changes)  # type: ignore[arg-type]


def test_manifest_knows_this_version_and_machine() -> None:
    manifest = example()
    assert manifest.ketasim == ketasim.__version__
    assert manifest.libraries["numpy"] == np.__version__
    assert manifest.seconds == 1.235
    assert manifest.created.endswith("+00:00")


def test_manifest_survives_json_and_the_disk(tmp_path: Path) -> None:
    manifest = example(options={"patients": 200})
    assert Manifest.from_json(manifest.to_json()) == manifest
    path = manifest.save(tmp_path)
    assert Manifest.load(path) == manifest == Manifest.load(tmp_path)


def test_a_default_command_has_no_path_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/ketasim", "doctor"])
    assert manifest_for(hypothesis="article", seed=1).command == ("ketasim", "doctor")


def test_equal_runs_do_not_differ_by_time_or_date() -> None:
    assert compare(example(), example(seconds=99.0, created="another day")) == []


def test_a_tuple_that_came_back_as_a_list_is_no_difference() -> None:
    assert compare(example(), Manifest.from_json(example().to_json())) == []


def test_differences_are_sentences() -> None:
    other = example(
        seed=2,
        parameter_hash=hash_mapping({"a": 2.0}),
        libraries={**example().libraries, "numpy": "0.1"},
        options={"patients": 100, "days": 14.0, "outputs": ["madrs", "relief"]},
    )
    found = compare(example(), other)
    assert "the seed was 1; now 2" in found
    assert "the option patients was 200; now 100" in found
    assert f"the version of numpy was {np.__version__}; now 0.1" in found
    assert any(one.startswith("the parameters were ") for one in found)
    assert len(found) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[]", "no manifest"),
        ('{"seed": 1}', "hypothesis"),
    ],
)
def test_a_broken_manifest_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        Manifest.load(path)
    assert str(caught.value).startswith(str(path))


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no readable manifest"):
        Manifest.load(tmp_path / "nothing.json")


def test_hashes_are_sha256() -> None:
    assert hash_bytes(b"abc") == hashlib.sha256(b"abc").hexdigest()
    assert hash_text("a\r\nb\n") == hash_text("a\nb")


@given(st.dictionaries(st.text(), st.floats(allow_nan=False)))
def test_the_order_of_names_does_not_change_a_hash(values: dict[str, float]) -> None:
    turned = dict(reversed(values.items()))
    assert hash_mapping(values) == hash_mapping(turned)


def test_the_last_bit_of_a_value_changes_a_hash() -> None:
    assert hash_mapping({"a": 0.1}) != hash_mapping({"a": np.nextafter(0.1, 1.0).item()})


def test_numpy_values_hash_as_plain_ones() -> None:
    assert hash_mapping({"a": np.float64(0.1), "b": np.arange(2)}) == hash_mapping(
        {"a": 0.1, "b": [0, 1]}
    )


def test_what_has_no_value_cannot_be_hashed() -> None:
    with pytest.raises(TypeError, match="cannot be hashed by value"):
        hash_mapping({"a": object()})


def test_a_library_that_is_not_there_is_said_so() -> None:
    assert library_versions(["no-such-library"]) == {"no-such-library": "not installed"}


def test_manifest_json_is_plain_and_sorted() -> None:
    content = json.loads(example().to_json())
    assert list(content) == sorted(content)
