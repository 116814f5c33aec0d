"""The refinement of a voxel's washout between those of the grid, compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ketasim.engine.machine import bare, compiled, entrance

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@compiled  # pragma: no cover - runs as machine code
def along(row: Array, curve: Array) -> float:
    """Return the product of two vectors."""
    total = 0.0
    for frame in range(len(curve)):
        total += row[frame] * curve[frame]
    return total


@entrance  # pragma: no cover - runs as machine code
def refine_each(
    weighted: Array, on_first: Array, start: Indices, width: int, logarithm: Array, second: Array,
    shift: Array, across: Array, length: float, out: Array,
) -> None:  # fmt: skip
    """Write washout and coefficients of every voxel to `out`.

    What a basis function explains is a smooth function of the logarithm of its washout with one
    peak between the neighbours of the grid's best. A section by halves finds the best function of
    the fine table, and a parabola through it and its neighbours the place between; the
    coefficients follow by the parabola through theirs.
    """
    last = len(logarithm) - 1
    coefficient = np.zeros((3, 2))
    square = np.zeros(3)
    for voxel in range(len(weighted)):
        curve = weighted[voxel]
        low = max(start[voxel] - width, 0)
        high = min(start[voxel] + width, last)
        while low < high:
            middle = (low + high) // 2
            if along(second[middle], curve) ** 2 < along(second[middle + 1], curve) ** 2:
                low = middle + 1
            else:
                high = middle
        centre = min(max(low, 1), last - 1)
        for place in range(3):
            row = centre - 1 + place
            product = along(second[row], curve)
            square[place] = product * product
            coefficient[place, 1] = product / across[row]
            coefficient[place, 0] = (on_first[voxel] - shift[row] * coefficient[place, 1]) / length
        bend = square[0] - 2 * square[1] + square[2]
        part = 0.5 * (square[0] - square[2]) / bend if bend < 0 else 0.0
        part = min(max(part, -1.0), 1.0)
        step = logarithm[centre + 1] - logarithm[centre]
        out[0, voxel] = math.exp(logarithm[centre] + part * step)
        for which in range(2):
            a, b, c = coefficient[0, which], coefficient[1, which], coefficient[2, which]
            out[1 + which, voxel] = b + part * (0.5 * (c - a) + part * (0.5 * (a + c) - b))


globals().update(bare(__name__))
