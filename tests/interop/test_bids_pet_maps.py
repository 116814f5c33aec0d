"""Parametric images from files, and the page that shows how."""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import nibabel
import numpy as np
import pytest

from ketasim.errors import InputError, UnknownNameError
from ketasim.interop.bids_pet import parametric_maps, read_scans, validate, write_tacs
from ketasim.interop.bids_pet.atlas import load_atlas
from ketasim.interop.bids_pet.checks import validator_installed

if TYPE_CHECKING:
    from ketasim.instruments.pet.scans import Scan

mpl.use("Agg")


def test_maps_hold_what_the_curves_were_made_from(
    pristine: Path, made: Scan, truth: dict[str, np.ndarray], tmp_path: Path
) -> None:
    (reading,) = read_scans(pristine)
    maps = parametric_maps(reading)
    labels = np.asarray(nibabel.load(reading.segmentation).dataobj)
    for place, region in enumerate(made.regions):
        inside = labels == load_atlas(8.0).index(region)
        for name, values in truth.items():
            assert maps.maps[name][inside] == pytest.approx(values[place], rel=1e-5)
    assert (maps.status[labels == 0] == 255).all()
    assert np.isnan(maps.maps["BPND"][labels == 0]).all()
    assert sum(maps.counts().values()) == labels.size
    paths = maps.save(tmp_path / "maps")
    found = {path.name.split("meas-")[1].split("_")[0]: nibabel.load(path) for path in paths}
    assert set(found) == {"R1", "k2", "BPND", "status"}
    assert np.array_equal(found["BPND"].get_fdata(), maps.maps["BPND"], equal_nan=True)
    assert np.array_equal(found["BPND"].affine, load_atlas(8.0).affine)
    if validator_installed():
        assert [one for one in validate(tmp_path / "maps") if one.error] == []


def test_voxels_may_be_chosen_by_a_mask_or_by_activity(
    pristine: Path, dataset: Path, made: Scan
) -> None:
    (reading,) = read_scans(pristine)
    atlas = load_atlas(8.0)
    whole = parametric_maps(reading, mask=atlas.labels > 0)
    assert (whole.status != 255).sum() == (atlas.labels > 0).sum()
    # Where the reference curve is, the reference explains everything: BPND is 0, or not told apart.
    elsewhere = whole.maps["BPND"][atlas.labels == 1]
    assert np.nanmax(np.abs(elsewhere), initial=0.0) < 1e-3
    write_tacs(dataset / "derivatives" / "curves" / "sub-P1" / "sub-P1_ses-before_tacs.tsv", made)
    (with_curves,) = read_scans(dataset)
    assert with_curves.segmentation is None
    by_activity = parametric_maps(with_curves)
    assert np.array_equal(by_activity.status != 255, atlas.labels > 0)
    with pytest.raises(InputError, match="the mask has the shape"):
        parametric_maps(reading, mask=np.ones((2, 2, 2), dtype=bool))
    with pytest.raises(InputError, match="the mask has no voxel"):
        parametric_maps(reading, mask=atlas.labels > 99)


def test_curves_alone_make_no_map(tmp_path: Path, made: Scan) -> None:
    write_tacs(tmp_path / "sub-P1_tacs.tsv", made)
    (reading,) = read_scans(tmp_path)
    with pytest.raises(InputError, match="curves only"):
        parametric_maps(reading)


def test_a_map_is_drawn_by_nilearn(pristine: Path, tmp_path: Path) -> None:
    (reading,) = read_scans(pristine)
    maps = parametric_maps(reading)
    maps.plot("BPND", file=tmp_path / "map.png", cuts=(-8, 0))
    picture = mpl.image.imread(tmp_path / "map.png")[..., :3]
    # Hot colours, which the grey of the template and of the page do not have.
    coloured = (picture.max(axis=2) - picture.min(axis=2)) > 0.3
    assert 0.005 < coloured.mean() < 0.5
    with pytest.raises(UnknownNameError, match="unknown map 'BP'"):
        maps.plot("BP")


def test_the_tutorial_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, curves_file: Path
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "pet.rst").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    shutil.copy(curves_file, tmp_path / "tacs.csv")
    names: dict[str, Any] = {}
    shown = None
    for block in re.findall(r"^\.\. code-block:: python\n((?:\n|   .*\n)+)", page, re.MULTILINE):
        code = textwrap.dedent(block)
        if "validate(" in code and not validator_installed():
            pytest.skip("bids-validator-deno is not installed")
        code = re.sub(r"^(\[problem.*)$", r"problems = \1", code, flags=re.MULTILINE)
        code = re.sub(r"^(fit\(found\[0\].*)$", r"arterial = \1", code, flags=re.MULTILINE)
        exec(code, names)
        shown = code
    assert shown is not None
    assert names["problems"] == []
    assert len(names["fits"].to_frame()) == 180
    assert [one.scan for one in names["found"]] == [
        "sub-Control1_ses-Control", "sub-Control1_ses-Placebo"
    ]  # fmt: skip
    assert (tmp_path / "bpnd.png").stat().st_size > 10_000
    assert set(names["inputs"]) == {("sub-Control1", "sub-Control1_ses-Control")}
    assert len(names["arterial"]) == 9
