"""Models for the engine's tests are written as Antimony text and turned into SBML here."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import antimony
import pytest

from ketasim.engine import CompiledModel, compile_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def to_sbml(text: str) -> str:
    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(text) < 0:
        raise ValueError(antimony.getLastError())
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Compiled kernels of the tests go to a folder of their own, so each run starts cold."""
    folder = tmp_path_factory.mktemp("cache")
    patch = pytest.MonkeyPatch()
    patch.setenv("KETASIM_CACHE", str(folder))
    yield folder
    patch.undo()


@pytest.fixture(scope="session")
def sbml() -> Callable[[str], str]:
    return to_sbml


@pytest.fixture(scope="session")
def solver() -> Callable[[str], CompiledModel]:
    @cache
    def build(text: str) -> CompiledModel:
        return compile_model(to_sbml(text))

    return build
