"""What cannot be read is said in one sentence, with file and field."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pytest

from ketasim.errors import InputError, UnknownNameError
from ketasim.instruments.pet.kinetics import fit
from ketasim.interop.bids_pet import read_dataset, read_scans
from ketasim.interop.bids_pet.regions import code_of
from ketasim.interop.bids_pet.sidecar import KBQ_PER_ML, REQUIRED, unit_factor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ketasim.instruments.pet.scans import Scan

STARTS = "fields 'FrameTimesStart' and 'FrameDuration'"


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_dataset(folder, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def times(sidecar: Path) -> tuple[list[float], list[float]]:
    content = json.loads(sidecar.read_text(encoding="utf-8"))
    return content["FrameTimesStart"], content["FrameDuration"]


@pytest.mark.parametrize("field", REQUIRED)
def test_a_required_field_that_is_missing_is_named(
    dataset: Path, sidecar: Path, edit: Callable[..., None], field: str
) -> None:
    edit(sidecar, **{field: None})
    assert refusal(dataset).startswith(f"{sidecar}, field {field!r}: the field, which BIDS")


def test_of_several_missing_fields_all_are_named(
    dataset: Path, sidecar: Path, edit: Callable[..., None]
) -> None:
    edit(sidecar, Manufacturer=None, TracerName=None, TimeZero=None)
    assert "missing, and so are TracerName, TimeZero" in refusal(dataset)
    (found,) = read_scans(dataset, strict=False)
    assert found.notes[0].endswith("lacks what BIDS requires: Manufacturer, TracerName, TimeZero")


@pytest.mark.parametrize(
    "field", ["ImageDecayCorrected", "FrameTimesStart", "FrameDuration", "Units"]
)
def test_what_a_scan_cannot_be_read_without_is_needed_even_then(
    dataset: Path, sidecar: Path, edit: Callable[..., None], field: str
) -> None:
    edit(sidecar, **{field: None})
    sentence = refusal(dataset, strict=False)
    assert sentence.startswith(f"{sidecar}, field {field!r}: the field is missing")


@pytest.mark.parametrize(
    ("fields", "place", "what"),
    [
        ({"Units": "counts"}, "'Units'", "unknown unit of activity 'counts'"),
        ({"Units": "mBq/mL"}, "'Units'", "did you mean"),
        ({"ImageDecayCorrected": "yes"}, "'ImageDecayCorrected'", "expected true or false"),
        ({"InjectionStart": "noon"}, "'InjectionStart'", "expected a number of seconds"),
        ({"FrameDuration": [10, 20]}, "'FrameDuration'", "it has 2 entries, FrameTimesStart 38"),
        ({"FrameTimesStart": "0 10"}, "'FrameTimesStart'", "it is no list of numbers"),
        ({"Units": ()}, "'Units'", "unknown unit"),
        ({"ImageDecayCorrected": False, "TracerRadionuclide": "X7"}, "'TracerRadionuclide'",
         "half-life of the radionuclide 'X7' is not known"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_used(
    dataset: Path, sidecar: Path, edit: Callable[..., None], fields: dict[str, Any], place: str,
    what: str,
) -> None:  # fmt: skip
    edit(sidecar, **fields)
    sentence = refusal(dataset)
    assert sentence.startswith(f"{sidecar}, field {place}")
    assert what in sentence


def test_a_field_that_is_null_is_missing(dataset: Path, sidecar: Path) -> None:
    content = json.loads(sidecar.read_text(encoding="utf-8"))
    content |= {"TracerRadionuclide": None, "ImageDecayCorrected": False}
    sidecar.write_text(json.dumps(content), encoding="utf-8")
    assert refusal(dataset).startswith(f"{sidecar}, field 'TracerRadionuclide': the field is miss")


def overlap(starts: list[float], lengths: list[float]) -> tuple[list[float], list[float]]:
    return starts, [lengths[0] * 3, *lengths[1:]]


def gap(starts: list[float], lengths: list[float]) -> tuple[list[float], list[float]]:
    return [*starts[:-1], starts[-1] + 30], lengths


def minutes(starts: list[float], lengths: list[float]) -> tuple[list[float], list[float]]:
    return [one / 60 for one in starts], [one / 60 for one in lengths]


def milliseconds(starts: list[float], lengths: list[float]) -> tuple[list[float], list[float]]:
    return [one * 1000 for one in starts], [one * 1000 for one in lengths]


def standing(starts: list[float], lengths: list[float]) -> tuple[list[float], list[float]]:
    return starts, [0.0, *lengths[1:]]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (overlap, "frames 1 and 2 overlap"),
        (gap, "frames 37 and 38 leave a gap"),
        (minutes, "frames end at 93 s; did you mean minutes?"),
        (milliseconds, "frames end at 5.58e+06 s, which is 93000 min"),
        (standing, "frame 1 lasts 0 min"),
    ],
)
def test_frames_that_no_scanner_made(
    dataset: Path, sidecar: Path, edit: Callable[..., None], change: Callable[..., Any], what: str
) -> None:
    starts, lengths = change(*times(sidecar))
    edit(sidecar, FrameTimesStart=starts, FrameDuration=lengths)
    sentence = refusal(dataset)
    assert sentence.startswith(f"{sidecar}, {STARTS}")
    assert what in sentence


def test_a_short_scan_of_a_short_lived_tracer_is_no_mistake(
    dataset: Path, sidecar: Path, edit: Callable[..., None]
) -> None:
    starts, lengths = minutes(*times(sidecar))
    edit(sidecar, FrameTimesStart=starts, FrameDuration=lengths, TracerRadionuclide="O15")
    (found,) = read_dataset(dataset)
    assert found.frames.end_min[-1] == pytest.approx(1.55)


def test_frames_of_image_and_sidecar_disagree(
    dataset: Path, image: Path, sidecar: Path, edit: Callable[..., None]
) -> None:
    starts, lengths = times(sidecar)
    edit(sidecar, FrameTimesStart=starts[:-1], FrameDuration=lengths[:-1])
    assert refusal(dataset) == (
        f"{sidecar}, field 'FrameTimesStart': it has 37 entries and the image {image.name} 38"
        " frames; expected one of each a frame"
    )


def resave(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)


def test_a_segmentation_of_another_shape(dataset: Path, image: Path, segmentation: Path) -> None:
    labels = nibabel.load(segmentation)
    resave(segmentation, np.asarray(labels.dataobj)[:-1], labels.affine)
    sentence = refusal(dataset)
    assert sentence.startswith(f"{segmentation}: the segmentation has the shape 17 by 23 by 19")
    assert f"expected that of the scan {image}, 18 by 23 by 19" in sentence


def test_a_segmentation_in_another_place(dataset: Path, segmentation: Path) -> None:
    labels = nibabel.load(segmentation)
    moved = labels.affine.copy()
    moved[0, 3] += 4.0
    resave(segmentation, np.asarray(labels.dataobj), moved)
    assert refusal(dataset).startswith(f"{segmentation}: the segmentation lies elsewhere")


def test_a_segmentation_of_shares(dataset: Path, segmentation: Path) -> None:
    labels = nibabel.load(segmentation)
    resave(segmentation, np.asarray(labels.dataobj) * np.float32(0.3), labels.affine)
    assert refusal(dataset).startswith(f"{segmentation}: a voxel of the segmentation is no whole")


@pytest.mark.parametrize("cut", ["gzip", "content", "header"])
def test_a_truncated_image(dataset: Path, image: Path, cut: str) -> None:
    whole = image.read_bytes()
    content = gzip.decompress(whole)
    image.write_bytes(
        {"gzip": whole[: len(whole) // 2], "content": gzip.compress(content[: len(content) // 2]),
         "header": gzip.compress(content[:100])}[cut]
    )  # fmt: skip
    assert refusal(dataset).startswith(f"{image}: the image cannot be read, or its end is missing")


def test_a_file_that_is_no_image(dataset: Path, image: Path) -> None:
    image.write_text("curves", encoding="utf-8")
    assert refusal(dataset).startswith(f"{image}: the image cannot be read")


def test_a_link_into_nowhere(dataset: Path, image: Path) -> None:
    image.unlink()
    image.symlink_to(image.with_name("annexed"))
    assert refusal(dataset) == f"{image}: the image is missing"


def test_a_static_image(dataset: Path, image: Path) -> None:
    opened = nibabel.load(image)
    resave(image, opened.get_fdata()[..., 0].astype(np.float32), opened.affine)
    assert (
        refusal(dataset)
        == f"{image}: the image has 3 dimensions; expected four: a scan with frames"
    )


def test_a_sidecar_that_is_no_json(dataset: Path, sidecar: Path) -> None:
    sidecar.write_text('{"Units": "Bq/mL",\n "Manufacturer" }', encoding="utf-8")
    assert refusal(dataset).startswith(f"{sidecar}, line 2: it is no JSON")


@pytest.mark.parametrize(
    ("table", "place", "what"),
    [
        ("index\tlabel\n2\tVSTR\n", "", "the column 'name' is missing"),
        ("index\tname\ntwo\tVSTR\n", ", row 2, column 'index'", "expected a whole number"),
        ("index\tname\n2\tVSTR\n2\tHIP\n", ", row 3", "the label 2 stands twice"),
    ],
)
def test_names_of_labels_that_cannot_be_used(
    dataset: Path, segmentation: Path, table: str, place: str, what: str
) -> None:
    lookup = segmentation.with_name(segmentation.name[:-7] + ".tsv")
    lookup.write_text(table, encoding="utf-8")
    sentence = refusal(dataset)
    assert sentence.startswith(f"{lookup}{place}: ")
    assert what in sentence


def test_names_of_labels_that_are_not_there(dataset: Path, segmentation: Path) -> None:
    segmentation.with_name(segmentation.name[:-7] + ".tsv").unlink()
    assert refusal(dataset).startswith(f"{segmentation}: the names of its labels are missing")


def test_no_segmentation(dataset: Path, image: Path, segmentation: Path) -> None:
    segmentation.unlink()
    assert refusal(dataset).startswith(f"{image}: there is no segmentation of this scan")


def test_two_segmentations_are_told_apart_by_an_entity(dataset: Path, segmentation: Path) -> None:
    other = segmentation.with_name(segmentation.name.replace("DesikanKilliany", "other"))
    other.write_bytes(segmentation.read_bytes())
    names = segmentation.with_name(segmentation.name[:-7] + ".tsv")
    other.with_name(other.name[:-7] + ".tsv").write_bytes(names.read_bytes())
    sentence = refusal(dataset)
    assert "it has 2 segmentations" in sentence
    assert "select=" in sentence
    (found,) = read_scans(dataset, select={"seg": "other"})
    assert found.segmentation == other
    # One on another grid is no candidate.
    labels = nibabel.load(other)
    resave(other, np.asarray(labels.dataobj)[:-1], labels.affine)
    (found,) = read_scans(dataset)
    assert found.segmentation == segmentation


def test_a_reference_that_is_not_there(dataset: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown reference region 'cerebelum'"):
        read_dataset(dataset, reference="cerebelum")
    (found,) = read_dataset(dataset, reference="Left-Cerebellum-Cortex")
    assert found.reference_region == "CER"
    (found,) = read_dataset(dataset, reference="caudate")
    assert found.reference_region == "CAU"
    assert "CER" in found.regions


def overwrite_region(image: Path, segmentation: Path, label: int, value: float) -> None:
    opened, labels = nibabel.load(image), np.asarray(nibabel.load(segmentation).dataobj)
    voxels = opened.get_fdata().astype(np.float32)
    voxels[labels == label] = value
    resave(image, voxels, opened.affine)


@pytest.mark.parametrize(("value", "status"), [(0.0, "ALL_ZERO"), (-5.0, "NEGATIVE")])
def test_a_curve_that_cannot_be_fitted_gets_a_status(
    dataset: Path, image: Path, segmentation: Path, value: float, status: str
) -> None:
    overwrite_region(image, segmentation, 2, value)
    fits = fit(read_dataset(dataset), model="srtm").to_frame().set_index("region")
    assert np.isnan(fits.loc["VSTR", "BPND"])
    assert fits["BPND"].drop("VSTR").notna().all()
    assert status.split("_")[-1].lower() in str(fits.loc["VSTR", "status"]).lower()


@pytest.mark.parametrize(("value", "what"), [(0.0, "zero throughout"), (-5.0, "negative")])
def test_a_reference_curve_that_cannot_be_used(
    dataset: Path, image: Path, segmentation: Path, value: float, what: str
) -> None:
    overwrite_region(image, segmentation, 13, value)
    sentence = refusal(dataset)
    assert sentence.startswith(f"{segmentation}: the reference curve (CER) ")
    assert what in sentence


def test_a_folder_without_scans(tmp_path: Path) -> None:
    assert "no PET image and no table of curves" in refusal(tmp_path)
    assert "is no folder" in refusal(tmp_path / "missing")
    assert "unknown rule of weights 'count'" in refusal(tmp_path, weights="count")
    assert "unknown source of curves" in refusal(tmp_path, source="image")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Left-Accumbens-area", "VSTR"), ("Right-Hippocampus", "HIP"),
        ("ctx-lh-superiorfrontal", "FC"), ("ctx-rh-insula", "INS"), ("lateraloccipital_L", "OC"),
        ("Left-Cerebellum-Cortex", "CER"), ("rostralanteriorcingulate", "ACC"), ("THA", "THA"),
        ("Left-Thalamus-Proper", "THA"), ("Brain-Stem", "Brain-Stem"), ("precentral", "precentral"),
        ("Left-Cerebellum-White-Matter", "Left-Cerebellum-White-Matter"),
        ("wm-lh-superiorfrontal", "wm-lh-superiorfrontal"), ("Left-Pallidum", "Left-Pallidum"),
    ],
)  # fmt: skip
def test_names_of_regions_get_codes(name: str, code: str) -> None:
    assert code_of(name) == code


def test_gyri_of_a_lobe_are_taken_together_and_other_names_kept(
    dataset: Path, segmentation: Path, made: Scan
) -> None:
    lookup = segmentation.with_name(segmentation.name[:-7] + ".tsv")
    lookup.write_text(
        "index\tname\n2\tctx-lh-superiorfrontal\n6\tctx-rh-frontalpole\n3\tsomewhere\n"
        "11\tmine\n13\tCerebellum\n", encoding="utf-8"
    )  # fmt: skip
    (found,) = read_scans(dataset, mapping={"mine": "PUT"})
    assert found.scan.regions == ("FC", "somewhere", "PUT")
    labels = np.asarray(nibabel.load(segmentation).dataobj)
    sizes = [(labels == 2).sum(), (labels == 6).sum()]
    pooled = np.average([made.curve("VSTR"), made.curve("FC")], axis=0, weights=sizes)
    assert found.scan.curve("FC") == pytest.approx(pooled, rel=1e-6)
    assert found.volume_mm3[0] == pytest.approx(sum(sizes) * 512.0)


def test_units_count_capitals() -> None:
    assert unit_factor("Bq/ml", "x") == 1e-3
    assert {name: unit_factor(name, "x") for name in KBQ_PER_ML} == KBQ_PER_ML
    with pytest.raises(InputError, match="unknown unit"):
        unit_factor("bq/mL", "x")
