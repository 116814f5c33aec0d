"""Published meta-analyses as fixtures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ketasim.synthesis import Studies, read_studies

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def published() -> Callable[..., Studies]:
    def read(name: str, measure: str | None = None) -> Studies:
        return read_studies(DATA / f"{name}.csv", measure)

    return read
