"""CVODE through scikit-sundae, with a right-hand side and a Jacobian compiled by numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from .lsoda import Compiled
from .protocol import MAX_STEPS


class Sundae(Compiled):
    package = "scikit-sundae"
    configuration = (
        "CVODE, dense; right-hand side and exact Jacobian compiled by numba; restarted at doses"
    )

    def version(self) -> str:
        import sksundae  # noqa: F401

        return super().version()

    def solve(self, rtol: float, atol: float) -> np.ndarray:
        from sksundae.cvode import CVODE

        p, out, observe = self.problem, self.problem.blank(), self.module.observe
        rhs, jac = self.module.rhs, self.module.jac

        def right(t: float, y: np.ndarray, d: np.ndarray, data: Any) -> None:
            rhs(t, y, data[0], data[1], d)

        def slopes(t: float, y: np.ndarray, d: np.ndarray, matrix: np.ndarray, data: Any) -> None:
            jac(t, y, data[0], matrix)

        for one in range(p.count):
            y, c = p.initial[one].copy(), self.constants[one]
            for part in p.segments(one):
                y[p.dosed] += part.bolus
                solver = CVODE(
                    right, rtol=rtol, atol=atol, jacfn=slopes, linsolver="dense",
                    userdata=(c, part.rate), max_num_steps=MAX_STEPS,
                )  # fmt: skip
                told = solver.solve(_several(part.grid), y)
                if not told.success:
                    break  # what follows stays NaN: this patient failed
                found = told.y[: len(part.grid)] if len(part.grid) > 2 else told.y[[0, -1]]
                for index, state in enumerate(found[part.asked]):
                    observe(part.times[index], state, c, out[one, part.first + index])
                y = found[-1].copy()
        return out


def _several(grid: np.ndarray) -> np.ndarray:
    """Return at least three times: two would mean every step of the solver."""
    return grid if len(grid) > 2 else np.array([grid[0], 0.5 * (grid[0] + grid[1]), grid[1]])
