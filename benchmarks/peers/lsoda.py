"""LSODA with a right-hand side compiled by numba: through numbalsoda, and through SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..case import Case, Patients
from ..equations import Equations, load_source
from ..problem import make_problem
from .protocol import MAX_STEPS, Adapter

_CALLBACK = """

from numba import carray, cfunc
from numbalsoda import lsoda, lsoda_sig


@cfunc(lsoda_sig, error_model="numpy", cache=True)
def callback(t, u, du, p):
    data = carray(p, ({constants} + {dosed},))
    rhs(t, carray(u, ({size},)), data[:{constants}], data[{constants}:], carray(du, ({size},)))


@njit(error_model="numpy")
def solve_all(address, c, y0, begin, end, bolus, rate, place, first, after, times, rtol, atol,
              steps, out):
    for one in range(len(c)):
        y = y0[one].copy()
        data = np.empty({constants} + {dosed})
        data[:{constants}] = c[one]
        for s in range(begin.shape[1]):
            a, b = begin[one, s], end[one, s]
            if not b > a:
                continue
            for j in range({dosed}):
                y[place[j]] += bolus[one, s, j]
                data[{constants} + j] = rate[one, s, j]
            i, k = first[one, s], after[one, s]
            grid = np.empty(k - i + 2)
            size = 0
            if i == k or times[i] != a:
                grid[size] = a
                size += 1
            skip = size
            grid[size : size + k - i] = times[i:k]
            size += k - i
            if i == k or times[k - 1] != b:
                grid[size] = b
                size += 1
            found, good = lsoda(address, y, grid[:size], data, rtol, atol, steps)
            if not good:
                break
            for m in range(k - i):
                observe(times[i + m], found[skip + m], c[one], out[one, i + m])
            y = found[size - 1].copy()
"""


class Compiled(Adapter):
    """What both share: equations as a module of compiled functions, and constants."""

    equations: Equations
    module: Any
    constants: np.ndarray
    extra = ""

    def prepare(self, case: Case, sample: Patients) -> None:
        self.case = case
        self.refuse_events()
        problem = make_problem(case, sample)
        self.equations = Equations(problem.network, case.outputs, tuple(map(int, problem.dosed)))
        extra = self.extra.format(
            constants=len(self.equations.constants),
            dosed=len(problem.dosed),
            size=len(problem.network.states),
        )
        self.module = load_source(self.equations.source() + extra)

    def load(self, patients: Patients) -> None:
        super().load(patients)
        # The equations' graph is this problem's twin: the same text gives the same numbers.
        self.constants = np.ascontiguousarray(self.equations.values(self.problem.inputs))


class NumbaLsoda(Compiled):
    package = "numbalsoda"
    configuration = (
        "LSODA; right-hand side and loop over patients compiled by numba; restarted at doses"
    )
    extra = _CALLBACK

    def version(self) -> str:
        import numbalsoda  # noqa: F401

        return super().version()

    def solve(self, rtol: float, atol: float) -> np.ndarray:
        p, out = self.problem, self.problem.blank()
        self.module.solve_all(
            self.module.callback.address, self.constants, p.initial, np.ascontiguousarray(p.begin),
            np.ascontiguousarray(p.end), p.bolus, p.rate, p.dosed, p.first_time, p.after_last_time,
            p.times, rtol, atol, MAX_STEPS, out,
        )  # fmt: skip
        return out


class ScipyLsoda(Compiled):
    package = "scipy"
    configuration = (
        "odeint (LSODA); right-hand side and exact Jacobian compiled by numba; restarted at doses"
    )

    def solve(self, rtol: float, atol: float) -> np.ndarray:
        from scipy.integrate import odeint

        p, out, observe = self.problem, self.problem.blank(), self.module.observe
        rhs, jac, size = self.module.rhs, self.module.jac, len(p.network.states)
        slope, matrix = np.zeros(size), np.zeros((size, size))

        def right(t: float, y: np.ndarray, c: np.ndarray, r: np.ndarray) -> np.ndarray:
            rhs(t, y, c, r, slope)
            return slope

        def slopes(t: float, y: np.ndarray, c: np.ndarray, r: np.ndarray) -> np.ndarray:
            jac(t, y, c, matrix)
            return matrix

        for one in range(p.count):
            y, c = p.initial[one].copy(), self.constants[one]
            for part in p.segments(one):
                y[p.dosed] += part.bolus
                found, told = odeint(
                    right, y, part.grid, (c, part.rate), Dfun=slopes, rtol=rtol, atol=atol,
                    tfirst=True, full_output=True, mxstep=MAX_STEPS,
                )  # fmt: skip
                if told["message"] != "Integration successful.":
                    break  # what follows stays NaN: this patient failed
                for index, state in enumerate(found[part.asked]):
                    observe(part.times[index], state, c, out[one, part.first + index])
                y = found[-1].copy()
        return out
