"""Ready curves in derivatives, under both names that are in use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError
from ketasim.interop.bids_pet import read_dataset, read_scans, write_tacs
from ketasim.interop.bids_pet.names import file_name, parse_name

if TYPE_CHECKING:
    from pathlib import Path

    from ketasim.instruments.pet.scans import Scan

STEM = "sub-P1_ses-before_desc-preproc"
ISOTOPE = {"TracerRadionuclide": "C11"}


def place(dataset: Path) -> Path:
    return dataset / "derivatives" / "petprep" / "sub-P1" / "ses-before" / "pet"


@pytest.mark.parametrize("suffix", ["tacs", "timeseries"])
def test_curves_are_read_under_both_names(dataset: Path, made: Scan, suffix: str) -> None:
    path, _ = write_tacs(place(dataset) / f"{STEM}_{suffix}.tsv", made)
    (reading,) = read_scans(dataset)
    assert reading.curves_from == path
    assert reading.scan.regions == made.regions
    assert reading.scan.activity == pytest.approx(made.activity, rel=1e-12)
    assert reading.scan.frames.mid_min == pytest.approx(made.frames.mid_min, rel=1e-9)
    assert reading.scan.weights == pytest.approx(made.weights, rel=1e-12)
    assert reading.notes == ()
    (other,) = read_scans(dataset, source="segmentation")
    assert other.curves_from.name.endswith("_pet.nii.gz")


def test_a_derivative_alone_is_a_data_set(tmp_path: Path, made: Scan) -> None:
    write_tacs(tmp_path / "sub-P1" / "pet" / "sub-P1_tacs.tsv", made, ISOTOPE)
    (found,) = read_dataset(tmp_path)
    assert (found.participant, found.scan) == ("sub-P1", "sub-P1")
    assert found.reference == pytest.approx(made.reference, rel=1e-12)


@pytest.mark.parametrize(
    "columns",
    [("frame_start", "frame_end"), ("FrameTimesStart", "FrameTimesEnd"),
     ("FrameTimesStart", "FrameDuration")],
)  # fmt: skip
def test_a_reference_in_a_file_of_its_own(
    dataset: Path, made: Scan, columns: tuple[str, str]
) -> None:
    """As petprep writes them: targets in one table, the reference region in another."""
    frames = made.frames
    second = frames.duration_min if columns[1] == "FrameDuration" else frames.end_min
    times = pd.DataFrame({columns[0]: frames.start_min * 60, columns[1]: second * 60})
    folder = place(dataset)
    folder.mkdir(parents=True)
    targets = times.assign(**dict(zip(made.regions, 1000 * made.activity, strict=True)))
    targets.to_csv(
        folder / "sub-P1_ses-before_seg-gtm_desc-preproc_tacs.tsv", sep="\t", index=False
    )
    times.assign(cerebellum=1000 * made.reference).to_csv(
        folder / "sub-P1_ses-before_seg-gtm_ref-cerebellum_desc-preproc_tacs.tsv", sep="\t",
        index=False,
    )  # fmt: skip
    # A table of something else under the same suffix is no table of curves.
    (folder / "sub-P1_ses-before_desc-confounds_timeseries.tsv").write_text("trans_x\n0.1\n")
    (found,) = read_scans(dataset)
    assert found.scan.reference_region == "CER"
    assert found.scan.reference == pytest.approx(made.reference, rel=1e-9)
    assert found.scan.activity == pytest.approx(made.activity, rel=1e-9)
    assert len(found.notes) == 1  # weights, by the rule


def test_two_halves_keep_their_names(tmp_path: Path, made: Scan) -> None:
    folder = tmp_path / "sub-P1" / "pet"
    path, _ = write_tacs(folder / "sub-P1_tacs.tsv", made, ISOTOPE)
    table = pd.read_csv(path, sep="\t")
    table = table.rename(columns={"VSTR": "Left-Hippocampus", "HIP": "Right-Hippocampus"})
    table.to_csv(path, sep="\t", index=False)
    (found,) = read_dataset(tmp_path)
    assert found.regions == ("Left-Hippocampus", "Right-Hippocampus", "FC", "CAU")


def test_a_value_that_is_missing_stays_missing(tmp_path: Path, made: Scan) -> None:
    path, _ = write_tacs(tmp_path / "sub-P1" / "pet" / "sub-P1_tacs.tsv", made, ISOTOPE)
    table = pd.read_csv(path, sep="\t")
    table.loc[4, "HIP"] = np.nan
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")
    (found,) = read_dataset(tmp_path)
    assert np.isnan(found.activity).sum() == 1
    assert np.isnan(found.curve("HIP")[4])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda one: one.drop(columns="frame_start"), "there is no column of frame starts"),
        (lambda one: one.drop(columns="frame_end"), "there is no column of frame ends"),
        (lambda one: one.astype(str).replace({"FC": {one["FC"].astype(str)[2]: "high"}}),
         "row 4, column 'FC': it is 'high'"),
        (lambda one: one.assign(frame_start=one["frame_start"] / 60,
                                frame_end=one["frame_end"] / 60), "did you mean minutes?"),
        (lambda one: one[one.index != 20], "frames 20 and 21 leave a gap"),
        (lambda one: one.iloc[:0], "there is no row"),
        (lambda one: one[["frame_start", "frame_end", "weight"]], "there is no column of a region"),
        (lambda one: one.drop(columns="CER"), "unknown reference region 'CER'"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used(tmp_path: Path, made: Scan, change, what: str) -> None:
    path, _ = write_tacs(tmp_path / "sub-P1" / "pet" / "sub-P1_tacs.tsv", made, ISOTOPE)
    change(pd.read_csv(path, sep="\t")).to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError) as caught:
        read_dataset(tmp_path)
    assert str(caught.value).startswith(str(path))
    assert what in str(caught.value)


@pytest.mark.parametrize("field", ["ImageDecayCorrected", "Units"])
def test_what_a_table_has_to_state(tmp_path: Path, made: Scan, field: str) -> None:
    _, sidecar = write_tacs(tmp_path / "sub-P1" / "pet" / "sub-P1_tacs.tsv", made, ISOTOPE)
    content = json.loads(sidecar.read_text(encoding="utf-8"))
    del content[field]
    sidecar.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match="the field is missing") as caught:
        read_dataset(tmp_path)
    assert f"{sidecar}, field '{field}'" in str(caught.value)


def test_weights_by_counts_need_a_radionuclide(tmp_path: Path, made: Scan) -> None:
    path, _ = write_tacs(tmp_path / "sub-P1" / "pet" / "sub-P1_tacs.tsv", made)
    pd.read_csv(path, sep="\t").drop(columns="weight").to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError, match=r"'TracerRadionuclide'.*or weights='duration'"):
        read_dataset(tmp_path)
    assert len(read_dataset(tmp_path, weights="duration")) == 1


def test_several_tables_are_told_apart_by_an_entity(tmp_path: Path, made: Scan) -> None:
    for pvc in ("", "gtm"):
        name = file_name({"sub": "P1", "pvc": pvc}, "tacs", ".tsv")
        write_tacs(tmp_path / "sub-P1" / "pet" / name, made, ISOTOPE)
    with pytest.raises(InputError, match="it has 2 tables of curves"):
        read_dataset(tmp_path)
    (found,) = read_scans(tmp_path, select={"pvc": "gtm"})
    assert found.curves_from.name == "sub-P1_pvc-gtm_tacs.tsv"
    with pytest.raises(InputError, match="no table of curves has pvc-rbv"):
        read_dataset(tmp_path, select={"pvc": "rbv"})


def test_a_table_needs_a_name_of_bids(tmp_path: Path, made: Scan) -> None:
    with pytest.raises(InputError, match="no name of a table of curves"):
        write_tacs(tmp_path / "curves.tsv", made)


@pytest.mark.parametrize("name", ["sub-01_ses-a_trc-X_pet.nii.gz", "sub-01_seg-gtm_dseg.tsv"])
def test_names_are_taken_apart_and_put_together(tmp_path: Path, name: str) -> None:
    parsed = parse_name(tmp_path / name)
    assert parsed is not None
    assert file_name(parsed.entities, parsed.suffix, parsed.extension) == name


@pytest.mark.parametrize("name", ["README", "sub-01_-a_pet.json", "sub_pet.json", "sub-01_.json"])
def test_other_names_are_none(tmp_path: Path, name: str) -> None:
    assert parse_name(tmp_path / name) is None
