"""One typical patient, solved once for each question."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from ketasim.dosing import compile_regimen, regimen
from ketasim.model import load_model

Course = Mapping[str, NDArray[np.float64]]
Solve = Callable[..., Course]


@pytest.fixture(scope="session")
def solve() -> Solve:
    """Solve a regimen for the typical patient; returns output -> values over the times."""

    def run(
        text: str | None,
        times: Sequence[float] | NDArray[np.float64],
        outputs: Sequence[str],
        hypothesis: str = "article",
        **overrides: float,
    ) -> Course:
        model = load_model(hypothesis).with_values(overrides)
        doses = compile_regimen(regimen(text), model) if text else None
        solution = model.compiled().solve(
            np.asarray(times, dtype=float), parameters=model.values(), doses=doses,
            outputs=list(outputs), patients=1,
        )  # fmt: skip
        assert solution.status[0] == 0
        return {name: solution.values[0, :, i] for i, name in enumerate(outputs)}

    return run
