"""diffrax: the equations in JAX, jitted once, all patients in one vectorised call.

Each segment between breakpoints of the doses is an integration of its own. A segment writes the
outputs that lie in it into a row of its own, as wide as the fullest segment; a table of places
says, for each patient and output time, where its value is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..case import Case, Patients
from ..equations import Equations, load_source
from ..problem import Problem, make_problem
from .protocol import MAX_STEPS, Adapter


class _Diffrax(Adapter):
    package = "diffrax"
    equations: Equations
    method = ""

    def version(self) -> str:
        import diffrax  # noqa: F401

        return super().version()

    def prepare(self, case: Case, sample: Patients) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self.case = case
        self.refuse_events()
        problem = make_problem(case, sample)
        self.equations = Equations(problem.network, case.outputs, tuple(map(int, problem.dosed)))
        module = load_source(self.equations.source_jax())
        self._run = jax.jit(jax.vmap(self._one(module), in_axes=(0,) * 8 + (None, None)))

    def load(self, patients: Patients) -> None:
        import jax.numpy as jnp

        super().load(patients)
        p = self.problem
        constants = self.equations.values(p.inputs)
        grid, place = _grids(p)
        arrays = (constants, p.initial, p.begin, p.end, p.bolus, p.rate, grid, place)
        self._arrays = [jnp.asarray(array) for array in arrays]

    def solve(self, rtol: float, atol: float) -> np.ndarray:
        return np.array(self._run(*self._arrays, rtol, atol))

    def _one(self, module: Any) -> Any:
        """Return the function that solves one patient."""
        import diffrax
        import jax
        import jax.numpy as jnp

        term = diffrax.ODETerm(lambda t, y, given: module.rhs(t, y, *given))
        solver = getattr(diffrax, self.method)()
        dosed = np.asarray(self.equations.dosed, dtype=int)

        def solve(c: Any, y0: Any, begin: Any, end: Any, bolus: Any, rate: Any, grid: Any,
                  place: Any, rtol: Any, atol: Any) -> Any:  # fmt: skip
            def segment(y: Any, part: Any) -> Any:
                begun, ended, added, given, times = part
                y = y.at[dosed].add(added)
                found = diffrax.diffeqsolve(
                    term, solver, begun, ended, None, y, (c, given),
                    saveat=diffrax.SaveAt(subs=[
                        diffrax.SubSaveAt(ts=times, fn=lambda t, y, given: module.observe(t, y, c)),
                        diffrax.SubSaveAt(t1=True),
                    ]),
                    stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
                    max_steps=MAX_STEPS, throw=False, adjoint=diffrax.DirectAdjoint(),
                )  # fmt: skip
                values, last = found.ys
                good = found.result == diffrax.RESULTS.successful
                # A failed patient stays NaN from here on.
                return jnp.where(good, last[0], jnp.nan), jnp.where(good, values, jnp.nan)

            _, values = jax.lax.scan(segment, y0, (begin, end, bolus, rate, grid))
            return values.reshape(-1, values.shape[-1])[place]

        return solve


class Kvaerno5(_Diffrax):
    """A stiff method of order 5: singly diagonally implicit, with the Jacobian by JAX."""

    method = "Kvaerno5"
    configuration = "Kvaerno5, all patients in one jitted call over vmap; restarted at doses"


class Tsit5(_Diffrax):
    """An explicit method of order 5, for models that are not stiff."""

    method = "Tsit5"
    configuration = "Tsit5, all patients in one jitted call over vmap; restarted at doses"


def _grids(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return output times of each segment, filled up with its end, and where each output is.

    The first has the shape (patients, segments, width), the second (patients, times).
    """
    first, after = problem.first_time, problem.after_last_time
    width = max(1, int((after - first).max()))
    index = first[:, :, None] + np.arange(width)
    inside = index < after[:, :, None]
    last = len(problem.times) - 1
    grid = np.where(inside, problem.times[np.minimum(index, last)], problem.end[:, :, None])
    place = np.zeros((problem.count, last + 1), dtype=int)
    patient, segment, column = np.nonzero(inside & (problem.end > problem.begin)[:, :, None])
    place[patient, index[patient, segment, column]] = segment * width + column
    return grid, place
