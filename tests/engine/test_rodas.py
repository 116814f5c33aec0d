"""The methods' tables satisfy their order conditions and converge at their order."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ketasim.engine.rodas import METHODS, RODAS4, RODAS5P, Tableau

if TYPE_CHECKING:
    from numpy.typing import NDArray

methods = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def classical(method: Tableau) -> tuple[NDArray[np.float64], ...]:
    """Undo the transformation of Hairer and Wanner II, eq. IV.7.25: alpha, gamma and b."""
    a, c_matrix, _, _, _ = method.arrays()
    gamma = np.linalg.inv(np.eye(method.stages) / method.gamma - c_matrix)
    last = a[-1].copy()
    last[-1] = 1.0
    return a @ gamma, gamma, last @ gamma


@methods
def test_nodes_and_time_weights_are_the_sums_of_their_rows(method: Tableau) -> None:
    alpha, gamma, _ = classical(method)
    assert alpha.sum(axis=1) == pytest.approx(method.c, abs=2e-13)
    assert gamma.sum(axis=1) == pytest.approx(method.d, abs=2e-13)


@methods
def test_order_conditions(method: Tableau) -> None:
    """Hairer and Wanner II, table IV.7.1: one condition for each tree up to the order."""
    alpha, gamma, b = classical(method)
    beta = alpha + gamma
    a, s = alpha.sum(axis=1), beta.sum(axis=1)
    conditions = [
        (b.sum(), 1), (b @ s, 1 / 2), (b @ a**2, 1 / 3), (b @ beta @ s, 1 / 6),
        (b @ a**3, 1 / 4), (b @ (a * (alpha @ s)), 1 / 8), (b @ beta @ a**2, 1 / 12),
        (b @ beta @ beta @ s, 1 / 24),
    ]  # fmt: skip
    if method.order >= 5:
        conditions += [
            (b @ a**4, 1 / 5), (b @ (a**2 * (alpha @ s)), 1 / 10), (b @ (alpha @ s) ** 2, 1 / 20),
            (b @ (a * (alpha @ a**2)), 1 / 15), (b @ (a * (alpha @ beta @ s)), 1 / 30),
            (b @ beta @ a**3, 1 / 20), (b @ beta @ (a * (alpha @ s)), 1 / 40),
            (b @ beta @ beta @ a**2, 1 / 60), (b @ beta @ beta @ beta @ s, 1 / 120),
        ]  # fmt: skip
    found, expected = zip(*conditions, strict=True)
    assert found == pytest.approx(expected, abs=1e-12)


def rate(t: float, y: float) -> float:
    return -y * y * math.cos(t) + 0.1 * math.sin(3 * t) * y


def step(method: Tableau, t: float, y: float, h: float) -> tuple[float, list[float]]:
    slope = -2 * y * math.cos(t) + 0.1 * math.sin(3 * t)
    by_time = y * y * math.sin(t) + 0.3 * math.cos(3 * t) * y
    a, c_matrix, c, d, _ = method.arrays()
    k: list[float] = []
    stage = y
    for i in range(method.stages):
        stage = y + sum(a[i, j] * k[j] for j in range(i))
        right = rate(t + c[i] * h, stage) + sum(c_matrix[i, j] / h * k[j] for j in range(i))
        k.append((right + h * d[i] * by_time) / (1 / (method.gamma * h) - slope))
    return stage + k[-1], k


def run(method: Tableau, steps: int, end: float = 2.0) -> float:
    y, h = 1.5, end / steps
    for i in range(steps):
        y, _ = step(method, i * h, y, h)
    return y


@methods
def test_the_solution_converges_at_its_order(method: Tableau) -> None:
    best = run(RODAS5P, 3000)
    errors = [abs(run(method, n) - best) for n in (20, 40, 80)]
    orders = [math.log2(first / second) for first, second in itertools.pairwise(errors)]
    assert min(orders) > method.order - 0.4


@methods
def test_the_interpolant_is_one_order_lower_at_worst(method: Tableau) -> None:
    dense = method.arrays()[4]
    errors = []
    for h in (0.08, 0.04, 0.02):
        end, k = step(method, 0.3, 1.5, h)
        inner = dense @ np.array(k)
        worst = 0.0
        for x in (0.25, 0.5, 0.8):
            y, small = 1.5, x * h / 200
            for i in range(200):
                y, _ = step(RODAS5P, 0.3 + i * small, y, small)
            value = (1 - x) * 1.5 + x * (end + (1 - x) * (inner[0] + x * (inner[1] + x * inner[2])))
            worst = max(worst, abs(value - y))
        errors.append(worst)
    orders = [math.log2(first / second) for first, second in itertools.pairwise(errors)]
    # The local error of an interpolant of order p falls like h ** (p + 1).
    assert orders[-1] > method.order - 0.4


def test_both_methods_are_stiffly_accurate() -> None:
    for method in (RODAS4, RODAS5P):
        assert method.c[-1] == 1.0
        assert method.d[-1] == 0.0
        assert method.a[-1][-1] == 1.0


@methods
def test_a_stiff_component_is_damped_at_once(method: Tableau) -> None:
    """L-stability: the amplification of y' = z y tends to 0 as z tends to minus infinity."""
    a, c_matrix, _, _, _ = method.arrays()
    for z in (-1e3, -1e6, -1e9):
        k: list[float] = []
        stage = 1.0
        for i in range(method.stages):
            stage = 1.0 + sum(a[i, j] * k[j] for j in range(i))
            right = z * stage + sum(c_matrix[i, j] * k[j] for j in range(i))
            k.append(right / (1 / method.gamma - z))
        assert abs(stage + k[-1]) < 30.0 / abs(z) + 1e-13
