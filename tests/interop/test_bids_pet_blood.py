"""Blood samples in and out, and the input function made of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError
from ketasim.interop.bids_pet import Blood, read_inputs, write_blood

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ketasim.instruments.pet.scans import Scan

KEY = ("sub-P1", "sub-P1_ses-before")
MINUTES = np.array([0.5, 1.0, 5.0, 20.0, 60.0])
PLASMA = np.array([90.0, 60.0, 20.0, 8.0, 3.0])
PARENT = np.array([1.0, np.nan, 0.8, 0.6, 0.4])


@pytest.fixture
def files(dataset: Path, made: Scan) -> tuple[Path, Path]:
    return write_blood(dataset, made, Blood(MINUTES, PLASMA, 0.7 * PLASMA, PARENT))


def test_plasma_times_parent_fraction_comes_back(dataset: Path, files: tuple[Path, Path]) -> None:
    found = read_inputs(dataset)[KEY]
    assert found.time_min == pytest.approx(MINUTES)
    between = 1.0 + (0.8 - 1.0) * (1.0 - 0.5) / (5.0 - 0.5)
    assert found.plasma == pytest.approx(PLASMA * [1.0, between, 0.8, 0.6, 0.4])
    assert found.blood == pytest.approx(0.7 * PLASMA)
    assert read_inputs(dataset, metabolites=False)[KEY].plasma == pytest.approx(PLASMA)


def test_times_units_and_decay(
    dataset: Path, files: tuple[Path, Path], sidecar: Path, edit: Callable[..., None]
) -> None:
    table, own = files
    content = json.loads(own.read_text(encoding="utf-8"))
    edit(own, plasma_radioactivity={**content["plasma_radioactivity"], "Units": "Bq/mL"})
    edit(sidecar, InjectionStart=30)
    assert pd.read_csv(table, sep="\t")["time"].tolist() == [30, 60, 300, 1200, 3600]
    plain = read_inputs(dataset, metabolites=False)[KEY]
    assert plain.time_min == pytest.approx(MINUTES - 0.5)
    assert plain.plasma == pytest.approx(PLASMA / 1000)
    grown = read_inputs(dataset, metabolites=False, decay_corrected=False)[KEY]
    assert grown.plasma == pytest.approx(plain.plasma * 2 ** (plain.time_min / 20.364))


def test_a_scan_without_plasma_has_no_input(dataset: Path, made: Scan) -> None:
    write_blood(dataset, made, Blood(MINUTES, whole_blood=PLASMA))
    assert read_inputs(dataset) == {}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda one: one.drop(columns="time"), "the times are missing"),
        (lambda one: one[::-1], "do not rise"),
        (lambda one: one.assign(plasma_radioactivity="low"), "row 2, column 'plasma_radio"),
        (lambda one: one.assign(metabolite_parent_fraction=80), "a number of at most 1"),
        (lambda one: one.drop(columns="plasma_radioactivity"), "though PlasmaAvail is true"),
    ],
)
def test_a_table_that_cannot_be_used(
    dataset: Path, files: tuple[Path, Path], change: Callable[..., pd.DataFrame], what: str
) -> None:
    change(pd.read_csv(files[0], sep="\t")).to_csv(files[0], sep="\t", index=False, na_rep="n/a")
    with pytest.raises(InputError) as caught:
        read_inputs(dataset)
    assert str(caught.value).startswith(str(files[0]))
    assert what in str(caught.value)


def test_a_sidecar_that_cannot_be_used(
    dataset: Path, files: tuple[Path, Path], edit: Callable[..., None]
) -> None:
    edit(files[1], plasma_radioactivity={"Description": "plasma"})
    with pytest.raises(InputError, match="'plasma_radioactivity': the unit is missing"):
        read_inputs(dataset)
    edit(files[1], PlasmaAvail=None)
    with pytest.raises(InputError, match="field 'PlasmaAvail': the field is missing"):
        read_inputs(dataset)


def test_parent_fractions_are_needed_unless_told_otherwise(dataset: Path, made: Scan) -> None:
    write_blood(dataset, made, Blood(MINUTES, PLASMA))
    with pytest.raises(InputError, match=r"no parent fraction.*or metabolites=False"):
        read_inputs(dataset)


def test_plasma_twice(dataset: Path, made: Scan, files: tuple[Path, Path]) -> None:
    write_blood(dataset, made, Blood(MINUTES, PLASMA, None, PARENT), recording="second")
    with pytest.raises(InputError, match="stands in two recordings"):
        read_inputs(dataset)
