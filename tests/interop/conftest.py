"""A small synthetic data set of PET, written once and copied for tests that break it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ketasim.instruments.pet.frames import AZ10419369_93MIN
from ketasim.instruments.pet.kinetics.srtm import srtm_curves
from ketasim.instruments.pet.scans import Scan, read_tacs
from ketasim.interop.bids_pet import write_synthetic_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

CURVES = Path(__file__).parents[1] / "instruments" / "pet" / "data" / "tacs.csv"
REGIONS = ("VSTR", "HIP", "FC", "CAU")
R1 = np.array([0.85, 0.78, 0.91, 0.8])
K2 = np.array([0.13, 0.086, 0.14, 0.12])
BPND = np.array([1.78, 0.42, 1.12, 0.9])
IMAGE = "sub-P1_ses-before_trc-AZ10419369_pet"


@pytest.fixture(scope="session")
def curves_file() -> Path:
    return CURVES


@pytest.fixture(scope="session")
def truth() -> dict[str, np.ndarray]:
    return {"R1": R1, "k2": K2, "BPND": BPND}


@pytest.fixture(scope="session")
def made() -> Scan:
    """Noise-free curves of SRTM below a smooth reference, with weights of their own."""
    minutes = AZ10419369_93MIN.mid_min
    reference = 12.0 * minutes / (minutes + 0.4) * np.exp(-minutes / 35.0) + 1.0
    activity = srtm_curves(reference, AZ10419369_93MIN, R1, K2, BPND)
    weights = np.tile(AZ10419369_93MIN.duration_min, (len(REGIONS), 1))
    return Scan("P 1", "P 1 before", AZ10419369_93MIN, REGIONS, activity, reference, weights)


@pytest.fixture(scope="session")
def scans() -> list[Scan]:
    """The first two scans of the curves in the tests."""
    return read_tacs(CURVES)[:2]


@pytest.fixture(scope="session")
def pristine(made: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pet") / "dataset"
    return write_synthetic_dataset(folder, [made], voxel_mm=8.0, noise=0.0)


@pytest.fixture
def dataset(pristine: Path, tmp_path: Path) -> Path:
    """A data set without noise that a test may break."""
    return Path(shutil.copytree(pristine, tmp_path / "dataset"))


@pytest.fixture
def image(dataset: Path) -> Path:
    return dataset / "sub-P1" / "ses-before" / "pet" / f"{IMAGE}.nii.gz"


@pytest.fixture
def sidecar(image: Path) -> Path:
    return image.with_name(f"{IMAGE}.json")


@pytest.fixture
def segmentation(dataset: Path) -> Path:
    (found,) = dataset.rglob("*_dseg.nii.gz")
    return found


@pytest.fixture
def edit() -> Callable[..., None]:
    """Change fields of a JSON file; None takes one out."""

    def change(path: Path, **fields: Any) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        for name, value in fields.items():
            if value is None:
                del content[name]
            else:
                content[name] = value
        path.write_text(json.dumps(content), encoding="utf-8")

    return change
