"""Problems whose best is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.discovery import Judged

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt


@dataclass
class Problem:
    """An objective from a function of points of the unit cube."""

    function: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
    dimensions: int
    names: tuple[str, ...]
    fingerprint: str = "test"
    limits: int = 1
    calls: int = 0
    stop_at: int = -1

    @property
    def starts(self) -> npt.NDArray[np.float64]:
        return np.empty((0, self.dimensions))

    def __call__(self, points: npt.NDArray[np.float64]) -> Judged:
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        self.calls += 1
        return Judged(self.function(points), np.full((len(points), 1), -1.0))


def zdt(number: int, dimensions: int = 8) -> Problem:
    """Zitzler, Deb and Thiele's problems as pymoo has them."""
    from pymoo.problems import get_problem

    made = get_problem(f"zdt{number}", n_var=dimensions)
    return Problem(
        lambda x: np.asarray(made.evaluate(x, return_values_of=["F"])), dimensions, ("a", "b")
    )
