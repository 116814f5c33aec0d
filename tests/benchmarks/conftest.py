"""The benchmarks are no part of the package: they are imported from the checkout's root."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session", autouse=True)
def own_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What engines compile goes to a folder of the tests, and the import path is left as it was."""
    folder = tmp_path_factory.mktemp("caches")
    patch = pytest.MonkeyPatch()
    patch.setenv("KETASIM_CACHE", str(folder / "ketasim"))
    patch.setenv("BENCH_CACHE", str(folder / "equations"))
    patch.setattr(sys, "path", list(sys.path))
    yield folder
    patch.undo()
