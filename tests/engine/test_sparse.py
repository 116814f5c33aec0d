"""Straight-line elimination against numpy's dense solver."""

from __future__ import annotations

import numpy as np
import pytest

from ketasim.engine.sparse import markowitz_order, plan_elimination

ARROW = [(0, j) for j in range(6)] + [(j, 0) for j in range(1, 6)] + [(j, j) for j in range(1, 6)]


def random_pattern(size: int, share: float, seed: int) -> list[tuple[int, int]]:
    chosen = np.random.default_rng(seed).random((size, size)) < share
    return [(int(i), int(j)) for i, j in np.argwhere(chosen)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("size", "share"), [(1, 0.0), (4, 0.5), (12, 0.2), (25, 0.1)])
def test_the_solution_is_that_of_a_dense_solver(size: int, share: float, seed: int) -> None:
    pattern = random_pattern(size, share, seed)
    generator = np.random.default_rng(seed)
    entries, right = generator.normal(size=len(pattern)), generator.normal(size=size)
    shift = 3.0 + size
    matrix = shift * np.eye(size)
    for (i, j), value in zip(pattern, entries, strict=True):
        matrix[i, j] -= value
    plan = plan_elimination(size, pattern)
    factors = plan.factor_graph.evaluate(plan.factor, state=entries.tolist(), time=shift)
    found = plan.solve_graph.evaluate(plan.solve, factors, right.tolist())
    assert found == pytest.approx(np.linalg.solve(matrix, right), rel=1e-10, abs=1e-12)


def test_an_arrow_is_eliminated_from_its_shaft_without_fill() -> None:
    assert markowitz_order(6, ARROW)[-2:] == [0, 5] or markowitz_order(6, ARROW)[-1] == 0
    plan = plan_elimination(6, ARROW)
    assert len(plan.factor) == 6 + 10  # pivots and the given off-diagonal entries: no fill


def test_the_first_factors_are_the_reciprocal_pivots() -> None:
    plan = plan_elimination(2, [(0, 0), (1, 1)])
    factors = plan.factor_graph.evaluate(plan.factor, state=[1.0, -2.0], time=3.0)
    assert factors == [1.0 / 2.0, 1.0 / 5.0]
