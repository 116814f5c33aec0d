"""The convolution of a piecewise straight input with an exponential, exact, compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ketasim.engine.machine import bare, entrance

Array = NDArray[np.float64]


@entrance  # pragma: no cover - runs as machine code
def exponential(rate: float, times: Array, values: Array, out: Array) -> None:
    """Write ``int_0^t exp(-rate (t - s)) v(s) ds`` at every knot of the input to `out`.

    On each straight piece the integral has a closed form; where rate times length is small its
    series is used, whose terms do not cancel.
    """
    out[0] = 0.0
    for knot in range(1, len(times)):
        length = times[knot] - times[knot - 1]
        x = rate * length
        if x < 0.01:
            first = 1 - x / 2 * (1 - x / 3 * (1 - x / 4 * (1 - x / 5)))
            second = 0.5 - x / 6 * (1 - x / 4 * (1 - x / 5 * (1 - x / 6)))
        else:
            first = -math.expm1(-x) / x
            second = (1 - first) / x
        rise = values[knot] - values[knot - 1]
        out[knot] = math.exp(-x) * out[knot - 1] + length * (
            values[knot - 1] * first + rise * second
        )


globals().update(bare(__name__))
