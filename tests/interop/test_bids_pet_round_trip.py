"""Scans written as images and read back: the same curves, readable by anybody's tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import nibabel
import numpy as np
import pandas as pd
import pytest
from nilearn.maskers import NiftiLabelsMasker

from ketasim.errors import InputError, OutputError
from ketasim.instruments.pet.kinetics import fit
from ketasim.instruments.pet.scans import HALF_LIFE_11C_MIN, REFERENCE, REGIONS
from ketasim.interop.bids_pet import read_dataset, read_scans, write_synthetic_dataset
from ketasim.interop.bids_pet.atlas import load_atlas
from ketasim.interop.bids_pet.decay import half_life, isotope_code
from ketasim.interop.bids_pet.synthetic import voxels_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ketasim.instruments.pet.scans import Scan

SINGLE = 2e-7  # relative error of a number in single precision, with room for a mean


def test_without_noise_the_curves_and_parameters_come_back(
    pristine: Path, made: Scan, truth: dict[str, np.ndarray]
) -> None:
    (found,) = read_dataset(pristine)
    assert (found.participant, found.scan) == ("sub-P1", "sub-P1_ses-before")
    assert (found.unit, found.reference_region) == ("kBq/mL", "CER")
    assert found.frames.mid_min == pytest.approx(made.frames.mid_min, rel=1e-12)
    for region in (*made.regions, "CER"):
        assert found.curve(region) == pytest.approx(made.curve(region), rel=SINGLE)
    fits = fit(found, model="srtm").to_frame().set_index("region")
    for name, values in truth.items():
        assert fits.loc[list(made.regions), name].to_numpy() == pytest.approx(values, rel=1e-5)


def test_noise_is_as_declared(tmp_path: Path, scans: list[Scan]) -> None:
    level = 0.08
    write_synthetic_dataset(tmp_path / "d", scans, voxel_mm=5.0, noise=level, seed=3)
    shares = []
    for reading, scan in zip(read_scans(tmp_path / "d"), scans, strict=True):
        frames = scan.frames
        growth = np.exp(np.log(2) / HALF_LIFE_11C_MIN * frames.mid_min)
        voxels = np.round(reading.volume_mm3 / 5.0**3)
        for region, count in zip(reading.scan.regions, voxels, strict=True):
            curve = np.maximum(scan.curve(region), 0.0)
            sd = np.sqrt(curve * growth / frames.duration_min)
            sd *= level * (curve @ frames.duration_min) / (sd @ frames.duration_min)
            noisy = sd > 0
            apart = (reading.scan.curve(region) - scan.curve(region))[noisy]
            shares.append(apart / (sd[noisy] / np.sqrt(count)))
    z = np.concatenate(shares)
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert z.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * len(z)))


def test_a_scan_has_the_same_noise_whatever_else_is_written(scans: list[Scan]) -> None:
    atlas = load_atlas(8.0)
    one = voxels_of(scans[1], atlas, noise=0.1, seed=5)
    assert np.array_equal(one, voxels_of(scans[1], atlas, noise=0.1, seed=5))
    assert not np.array_equal(one, voxels_of(scans[1], atlas, noise=0.1, seed=6))
    assert not np.array_equal(one, voxels_of(scans[0], atlas, noise=0.1, seed=5))


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, scans: list[Scan]) -> None:
    for name, some in (("a", scans), ("b", scans[1:])):
        write_synthetic_dataset(tmp_path / name, some, voxel_mm=8.0)
    (path,) = (tmp_path / "b").rglob("*_pet.nii.gz")
    assert path.read_bytes() == (tmp_path / "a" / path.relative_to(tmp_path / "b")).read_bytes()


def test_nilearn_extracts_the_same_curves_without_our_code(
    pristine: Path, segmentation: Path, made: Scan
) -> None:
    (image,) = pristine.rglob("*_pet.nii.gz")
    names = pd.read_csv(segmentation.with_name(segmentation.name[:-7] + ".tsv"), sep="\t")
    masker = NiftiLabelsMasker(str(segmentation), resampling_target=None, standardize=None)
    curves = masker.fit_transform(str(image))
    for column, name in enumerate(names["name"]):
        assert curves[:, column] / 1000 == pytest.approx(made.curve(name), rel=1e-5)


def test_nibabel_reads_units_and_place(pristine: Path) -> None:
    (path,) = pristine.rglob("*_pet.nii.gz")
    image = nibabel.load(path)
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert image.header["sform_code"] == 4  # MNI 152
    assert image.header.get_zooms()[:3] == (8.0, 8.0, 8.0)
    assert image.shape[3] == 38


@pytest.mark.parametrize("voxel_mm", [3.0, 4.0, 6.0, 8.0])
def test_the_atlas_holds_every_region_in_its_place(voxel_mm: float) -> None:
    atlas = load_atlas(voxel_mm)
    assert list(atlas.table["name"]) == ["elsewhere", *REGIONS, REFERENCE]
    for name in (*REGIONS, REFERENCE):
        voxels = np.argwhere(atlas.labels == atlas.index(name))
        assert len(voxels) >= 3, name
        x, y, z = nibabel.affines.apply_affine(atlas.affine, voxels).mean(axis=0)
        assert abs(x) < 5, name  # what is in both hemispheres lies around the middle
        # Front to back and bottom to top, as every atlas of the brain has them.
        assert {"FC": y > 20, "OC": y < -70, "CER": z < -25, "ACC": y > 15}.get(name, True), name
    half = np.argwhere(atlas.labels == atlas.index("HIP"))
    sides = nibabel.affines.apply_affine(atlas.affine, half)[:, 0]
    assert (sides < -10).any()
    assert (sides > 10).any()


@pytest.mark.parametrize("to_injection", [True, False])
def test_decay_is_corrected_where_it_was_not(
    pristine: Path, dataset: Path, image: Path, sidecar: Path, edit: Callable[..., None],
    to_injection: bool,
) -> None:  # fmt: skip
    """Undo the correction by the integral of decay over each frame, computed numerically."""
    original = nibabel.load(image)
    content = json.loads(sidecar.read_text(encoding="utf-8"))
    rate = np.log(2) / (HALF_LIFE_11C_MIN * 60)
    start, length = np.array(content["FrameTimesStart"]), np.array(content["FrameDuration"])
    if to_injection:
        fine = (np.arange(20000) + 0.5) / 20000
        kept = np.array([np.exp(-rate * (a + b * fine)).mean()
                         for a, b in zip(start, length, strict=True)])  # fmt: skip
        edit(sidecar, ImageDecayCorrected=False)
    else:  # corrected to ten minutes after injection
        kept = np.full(len(start), np.exp(-rate * 600))
        edit(sidecar, ImageDecayCorrectionTime=600)
    voxels = (original.get_fdata() * kept).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(voxels, original.affine), image)
    (whole,), (found,) = read_dataset(pristine), read_scans(dataset)
    assert found.scan.activity == pytest.approx(whole.activity, rel=1e-6)
    assert "Activity was corrected for decay to injection" in found.notes


def test_times_count_from_injection(
    dataset: Path, sidecar: Path, edit: Callable[..., None]
) -> None:
    content = json.loads(sidecar.read_text(encoding="utf-8"))
    later = [one + 120 for one in content["FrameTimesStart"]]
    edit(sidecar, FrameTimesStart=later, InjectionStart=120, ImageDecayCorrectionTime=120)
    (found,) = read_dataset(dataset)
    assert found.frames.start_min[0] == 0
    assert found.frames.end_min[-1] == pytest.approx(93.0)


def test_a_sidecar_is_inherited(dataset: Path, sidecar: Path, edit: Callable[..., None]) -> None:
    edit(sidecar, Manufacturer=None)
    (dataset / "pet.json").write_text('{"Manufacturer": "none", "Units": "MBq/mL"}')
    (found,) = read_dataset(dataset)  # the nearer file states the unit, the root the maker
    assert found.reference.max() < 100


@pytest.mark.parametrize(
    ("text", "code"),
    [("C11", "C11"), ("[11C]", "C11"), ("carbon-11", "C11"), ("^11^Carbon", "C11"), ("18F", "F18"),
     ("Ga-68", "Ga68")],
)  # fmt: skip
def test_radionuclides_by_any_name(text: str, code: str) -> None:
    assert isotope_code(text) == code
    assert half_life(text, "x") == half_life(code, "x")


def test_the_weights_follow_the_rule_that_was_asked_for(pristine: Path, made: Scan) -> None:
    frames = made.frames
    (uniform,) = read_dataset(pristine, weights="uniform")
    assert (uniform.weights == 1).all()
    (duration,) = read_dataset(pristine, weights="duration")
    assert duration.weights[0] / duration.weights[0, 0] == pytest.approx(
        frames.duration_min / frames.duration_min[0]
    )
    (reading,) = read_scans(pristine)
    weight, volume = reading.scan.weights[0], reading.volume_mm3
    grey = nibabel.load(reading.segmentation).get_fdata()
    reference_mm3 = (grey == load_atlas(8.0).index("CER")).sum() * 8.0**3
    whole = np.average(np.vstack([made.activity[[made.regions.index(one) for one in
                       reading.scan.regions]], made.reference]), axis=0,
                       weights=[*volume, reference_mm3])  # fmt: skip
    rule = frames.duration_min * np.exp(-np.log(2) / HALF_LIFE_11C_MIN * frames.mid_min)
    rule /= np.maximum(whole, whole.max() / 20)
    assert weight == pytest.approx(rule / rule.mean(), rel=1e-6)
    assert "exp(-lambda t)" in reading.notes[0]


def test_what_is_written_is_refused_or_whole(tmp_path: Path, scans: list[Scan]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("x")
    with pytest.raises(OutputError, match="not empty"):
        write_synthetic_dataset(tmp_path / "full", scans, voxel_mm=8.0)
    with pytest.raises(InputError, match="would both be"):
        write_synthetic_dataset(tmp_path / "twice", [scans[0], scans[0]], voxel_mm=8.0)
    with pytest.raises(InputError, match="voxels of 20 mm"):
        write_synthetic_dataset(tmp_path / "coarse", scans, voxel_mm=20.0)


def test_participants_and_doses_are_written(tmp_path: Path, scans: list[Scan]) -> None:
    people = pd.DataFrame({"participant": ["Control_1"], "group": ["control"]})
    dose = {scans[1].scan: {"PharmaceuticalName": "ketamine", "PharmaceuticalDoseAmount": 0.5}}
    write_synthetic_dataset(tmp_path / "d", scans, voxel_mm=8.0, participants=people, by_scan=dose,
                            noise=0.0, tables=True)  # fmt: skip
    table = pd.read_csv(tmp_path / "d" / "participants.tsv", sep="\t")
    assert table.to_dict("records") == [{"participant_id": "sub-Control1", "group": "control"}]
    named = [path.name for path in (tmp_path / "d").rglob("*_pet.json")
             if "ketamine" in path.read_text(encoding="utf-8")]  # fmt: skip
    assert named == ["sub-Control1_ses-Placebo_trc-AZ10419369_pet.json"]
    found = read_dataset(tmp_path / "d", source="tables")
    for one, scan in zip(found, scans, strict=True):
        assert one.regions == scan.regions
        assert one.activity == pytest.approx(scan.activity, rel=1e-12)
        assert one.weights == pytest.approx(scan.weights, rel=1e-12)
