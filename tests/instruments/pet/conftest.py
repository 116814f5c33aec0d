"""The data set with known truth, and scans made to order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from ketasim.instruments.pet.frames import AZ10419369_93MIN
from ketasim.instruments.pet.scans import Scan, read_tacs

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def scans() -> list[Scan]:
    return read_tacs(DATA / "tacs.csv")


@pytest.fixture(scope="session")
def truth() -> pd.DataFrame:
    return pd.read_csv(DATA / "truth.csv")


@pytest.fixture(scope="session")
def kinfitr() -> pd.DataFrame:
    return pd.read_csv(DATA / "kinfitr_srtm.csv")


@pytest.fixture
def scan_of(scans: list[Scan]) -> Callable[..., Scan]:
    """Make a scan of given curves, with the reference of the first scan of the data set."""

    def make(activity: ArrayLike, weights: ArrayLike = 1.0, **parts: object) -> Scan:
        curves = np.atleast_2d(np.asarray(activity, dtype=float))
        return Scan(
            **{  # type: ignore[arg-type]
                "participant": "P",
                "scan": "S",
                "frames": AZ10419369_93MIN,
                "regions": tuple(f"R{number}" for number in range(len(curves))),
                "activity": curves,
                "reference": scans[0].reference,
                "weights": np.broadcast_to(weights, curves.shape),
                **parts,
            }
        )

    return make
