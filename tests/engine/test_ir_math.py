"""Exponential, logarithm and power of the generated code against 40 digits, and at their edges."""

from __future__ import annotations

import ctypes
import math
from typing import TYPE_CHECKING

import mpmath
import numpy as np
import pytest

from ketasim.engine.expressions import Graph
from ketasim.engine.lowering import Kernel, compile_kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIGNATURE = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)


def compute(op: str, *columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an operation on numbers, eight at a time."""
    graph = Graph()
    leaves = [graph.state(i) for i in range(len(columns))]
    root = graph.power(*leaves) if op == "power" else graph.unary(op, leaves[0])
    code = compile_kernels([Kernel("kernel", graph, (root,), {}, 8)])
    table = np.array(columns).reshape(len(columns), -1, 8)
    found = []
    for k in range(table.shape[1]):
        state, out = np.ascontiguousarray(table[:, k]), np.zeros((1, 8))
        pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (out, state, state, out)]
        SIGNATURE(code.addresses["kernel"])(*pointers)
        found.append(out[0])
    return np.concatenate(found)


def units_in_the_last_place(found: NDArray[np.float64], exact: list[mpmath.mpf]) -> float:
    return max(
        float(abs(mpmath.mpf(float(f)) - e) / mpmath.mpf(float(np.spacing(abs(float(e))))))
        for f, e in zip(found, exact, strict=True)
    )


GENERATOR = np.random.default_rng(1)


@pytest.mark.parametrize("reach", [1e-8, 1.0, 30.0, 700.0])
def test_exp_is_right_to_two_units(reach: float) -> None:
    x = GENERATOR.uniform(-reach, reach, 1600)
    with mpmath.workdps(40):
        exact = [mpmath.exp(mpmath.mpf(v)) for v in x.tolist()]
        assert units_in_the_last_place(compute("exp", x), exact) < 2.0


@pytest.mark.parametrize("reach", [1e-9, 0.5, 5.0, 700.0])
def test_ln_is_right_to_two_units(reach: float) -> None:
    x = np.exp(GENERATOR.uniform(-reach, reach, 1600))
    with mpmath.workdps(40):
        exact = [mpmath.log(mpmath.mpf(v)) for v in x.tolist()]
        assert units_in_the_last_place(compute("ln", x), exact) < 2.0


def test_a_power_is_right_to_fourteen_digits() -> None:
    base = np.exp(GENERATOR.uniform(-20, 20, 1600))
    exponent = GENERATOR.uniform(-3.4, 3.4, 1600)
    with mpmath.workdps(40):
        exact = [mpmath.power(b, e) for b, e in zip(base.tolist(), exponent.tolist(), strict=True)]
        worst = max(
            float(abs(mpmath.mpf(f) / e - 1))
            for f, e in zip(compute("power", base, exponent).tolist(), exact, strict=True)
        )
    assert worst < 2e-14


def test_the_edges_of_exp_and_ln() -> None:
    tiny, huge = 5e-324, 1.7976931348623157e308
    x = np.array([0.0, -0.0, math.inf, -math.inf, math.nan, 709.7, 710.0, -745.0])
    with np.errstate(over="ignore"):
        assert compute("exp", x) == pytest.approx(np.exp(x), rel=4e-16, nan_ok=True)
    x = np.array([1.0, 0.0, math.inf, -1.0, math.nan, tiny, huge, 2.0**-1022])
    with np.errstate(divide="ignore", invalid="ignore"):
        assert compute("ln", x) == pytest.approx(np.log(x), rel=4e-16, nan_ok=True)
    assert compute("ln", x)[0] == 0.0


def test_the_edges_of_a_power() -> None:
    base = np.array([0.0, 0.0, 0.0, 2.0, -2.0, -2.0, -2.0, 1.0])
    exponent = np.array([1.5, -1.5, 0.0, 0.0, 3.0, 2.0, 0.5, 1e300])
    found = compute("power", base, exponent)
    assert found[:4].tolist() == [0.0, math.inf, 1.0, 1.0]
    assert found[4:6] == pytest.approx([-8.0, 4.0], rel=4e-16)
    assert math.isnan(found[6])
    assert found[7] == 1.0
    base = np.array([math.inf, math.inf, math.nan, 3.0, 1e200, 1e-200, -3.0, 10.0])
    exponent = np.array([2.5, -2.5, 1.5, math.nan, 2.0, 2.0, -1.0, 308.0])
    found = compute("power", base, exponent)
    assert found[[0, 1, 4, 5]].tolist() == [math.inf, 0.0, math.inf, 0.0]
    assert np.isnan(found[2:4]).all()
    assert found[6:] == pytest.approx([-1 / 3, 1e308], rel=2e-13)
