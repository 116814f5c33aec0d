"""Toy problems with exact answers: models as Antimony text, solutions as closed forms."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import antimony
import pytest

from ketasim.engine import CompiledModel, compile_model

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def solver() -> Callable[[str], CompiledModel]:
    @cache
    def build(text: str) -> CompiledModel:
        antimony.clearPreviousLoads()
        if antimony.loadAntimonyString(text) < 0:
            raise ValueError(antimony.getLastError())
        return compile_model(antimony.getSBMLString(antimony.getMainModuleName()))

    return build
