"""The search behind SRTM, compiled: at a fixed apparent washout the model is linear.

With ``theta = k2 / (1 + BPND)``, ``A`` the reference and ``B`` its convolution with
``exp(-theta t)``, the curve is ``R1 (A - theta B) + k2 B``. At a fixed ``theta`` the bounds of
R1, k2 and BPND are a rectangle of R1 and k2, so that the best pair is found in closed form. What
is left is a search over one number, by a grid and then by the root of the exact derivative (that
of the envelope, which holds where a bound is active too).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ketasim.engine.machine import bare, compiled, entrance

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@compiled  # pragma: no cover - runs as machine code
def convolve(
    theta: float, fine: Array, step: float, below: Indices, part: Array, out: Array
) -> None:
    """Write a reference's convolution at the frames, and its derivative by theta, to `out`.

    The discrete convolution of `fine` with ``exp(-theta t)``, times the step, at equidistant
    points, interpolated linearly: with an exponential it is a recursion.
    """
    decay = math.exp(-theta * step)
    value = step * fine[0]
    slope = 0.0
    last = len(below)
    frame = 0
    for point in range(1, len(fine)):
        new_slope = decay * (slope - step * value)
        new = decay * value + step * fine[point]
        while frame < last and below[frame] == point - 1:
            out[0, frame] = value + part[frame] * (new - value)
            out[1, frame] = slope + part[frame] * (new_slope - slope)
            frame += 1
        value = new
        slope = new_slope


@compiled  # pragma: no cover - runs as machine code
def sums(theta: float, at: Array, basis: Array, curve: Array, weights: Array, s: Array) -> None:
    """Write the weighted products of the columns of R1 and k2, and of them with the curve."""
    for place in range(6):
        s[place] = 0.0
    for frame in range(len(curve)):
        w = weights[frame]
        second = basis[0, frame]
        first = at[frame] - theta * second
        s[0] += w * first * first
        s[1] += w * first * second
        s[2] += w * second * second
        s[3] += w * first * curve[frame]
        s[4] += w * second * curve[frame]


@compiled  # pragma: no cover - runs as machine code
def clip(value: float, low: float, high: float) -> float:
    """Return the value of an interval that is nearest to another."""
    return min(max(value, low), high)


@compiled  # pragma: no cover - runs as machine code
def cost(s: Array, r1: float, k2: float) -> float:
    """Return the weighted sum of squares, less that of the curve itself."""
    value: float = r1 * (s[0] * r1 + 2 * s[1] * k2 - 2 * s[3]) + k2 * (s[2] * k2 - 2 * s[4])
    return value


@compiled  # pragma: no cover - runs as machine code
def best_pair(s: Array, box: Array, pair: Array) -> float:
    """Write the best R1 and k2 within a rectangle to `pair`; return their cost."""
    determinant = s[0] * s[2] - s[1] * s[1]
    if determinant > 1e-14 * s[0] * s[2]:
        r1 = (s[3] * s[2] - s[4] * s[1]) / determinant
        k2 = (s[4] * s[0] - s[3] * s[1]) / determinant
        if box[0] <= r1 <= box[1] and box[2] <= k2 <= box[3]:
            pair[0] = r1
            pair[1] = k2
            return cost(s, r1, k2)
    best = math.inf
    for edge in range(4):
        if edge < 2:
            r1 = box[edge]
            k2 = clip((s[4] - r1 * s[1]) / s[2], box[2], box[3])
        else:
            k2 = box[edge]
            r1 = clip((s[3] - k2 * s[1]) / s[0], box[0], box[1])
        value = cost(s, r1, k2)
        if value < best:
            best = value
            pair[0] = r1
            pair[1] = k2
    return best


@compiled  # pragma: no cover - runs as machine code
def best_tied(s: Array, box: Array, k2_prime: float, pair: Array) -> float:
    """Write the best R1, and k2 as its multiple, to `pair`; return their cost."""
    low = max(box[0], box[2] / k2_prime)
    high = min(box[1], box[3] / k2_prime)
    if low > high:
        return math.inf
    square = s[0] + k2_prime * (2 * s[1] + k2_prime * s[2])
    pair[0] = clip((s[3] + k2_prime * s[4]) / square, low, high)
    pair[1] = pair[0] * k2_prime
    return cost(s, pair[0], pair[1])


@compiled  # pragma: no cover - runs as machine code
def at_theta(
    theta: float, at: Array, basis: Array, curve: Array, weights: Array, bounds: Array,
    k2_prime: float, s: Array, box: Array, pair: Array,
) -> float:  # fmt: skip
    """Return the least cost at a theta; the pair that has it is written to `pair`."""
    box[0] = bounds[0]
    box[1] = bounds[1]
    box[2] = max(bounds[2], theta * (1 + bounds[4]))
    box[3] = min(bounds[3], theta * (1 + bounds[5]))
    if box[2] > box[3]:
        return math.inf
    sums(theta, at, basis, curve, weights, s)
    if k2_prime > 0:
        return best_tied(s, box, k2_prime, pair)
    return best_pair(s, box, pair)


@compiled  # pragma: no cover - runs as machine code
def gradient(
    theta: float, at: Array, basis: Array, curve: Array, weights: Array, bounds: Array,
    k2_prime: float, pair: Array,
) -> float:  # fmt: skip
    """Return half the derivative of the least cost by theta."""
    own: float = 0.0
    by_first = 0.0
    by_second = 0.0
    for frame in range(len(curve)):
        second = basis[0, frame]
        first = at[frame] - theta * second
        rest = weights[frame] * (curve[frame] - pair[0] * first - pair[1] * second)
        own -= rest * ((pair[1] - pair[0] * theta) * basis[1, frame] - pair[0] * second)
        by_first -= rest * first
        by_second -= rest * second
    # A bound of BPND moves with theta, and the estimate with it.
    for place in range(4, 6):
        edge = 1 + bounds[place]
        if pair[1] == theta * edge or (
            k2_prime > 0 and abs(pair[1] - theta * edge) < 1e-14 * pair[1]
        ):
            by_pair: float = by_second + (by_first / k2_prime if k2_prime > 0 else 0.0)
            own += by_pair * edge
            break
    return own


@entrance  # pragma: no cover - runs as machine code
def search(
    fine: Array, step: float, below: Indices, part: Array, at: Array, which: Indices,
    curves: Array, weights: Array, usable: NDArray[np.bool_], bounds: Array, k2_prime: Array,
    grid: Array, theta: Array, pairs: Array, bases: Array,
) -> None:  # fmt: skip
    """Fit every usable curve; write theta, the pair and the basis at it.

    Curves that share a reference stand together, so that its grid is made once.
    """
    number = len(below)
    on_grid = np.zeros((len(grid), 2, number))
    basis = np.zeros((2, number))
    costs = np.zeros(len(grid))
    s = np.zeros(6)
    box = np.zeros(4)
    pair = np.zeros(2)
    made = -1
    for curve in range(len(curves)):
        if not usable[curve]:
            continue
        own = which[curve]
        if own != made:
            for place in range(len(grid)):
                convolve(grid[place], fine[own], step, below, part, on_grid[place])
            made = own
        for place in range(len(grid)):
            costs[place] = at_theta(
                grid[place], at[own], on_grid[place], curves[curve], weights[curve], bounds,
                k2_prime[curve], s, box, pair,
            )  # fmt: skip
        best = math.inf
        for place in range(len(grid)):
            before = costs[place - 1] if place > 0 else math.inf
            after = costs[place + 1] if place + 1 < len(grid) else math.inf
            if costs[place] == math.inf or costs[place] > before or costs[place] >= after:
                continue
            low = math.log(grid[max(place - 1, 0)])
            high = math.log(grid[min(place + 1, len(grid) - 1)])
            found = root(
                low, high, fine[own], step, below, part, at[own], curves[curve], weights[curve],
                bounds, k2_prime[curve], basis, s, box, pair,
            )  # fmt: skip
            convolve(found, fine[own], step, below, part, basis)
            value = at_theta(found, at[own], basis, curves[curve], weights[curve], bounds,
                             k2_prime[curve], s, box, pair)  # fmt: skip
            if value < best:
                best = value
                theta[curve] = found
                pairs[curve] = pair
                bases[curve] = basis


@entrance  # pragma: no cover - runs as machine code
def convolve_each(
    theta: Array, fine: Array, which: Indices, step: float, below: Indices, part: Array,
    out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Write `convolve` for each theta and the reference that belongs to it."""
    for place in range(len(theta)):
        convolve(theta[place], fine[which[place]], step, below, part, out[place])


@compiled  # pragma: no cover - runs as machine code
def root(
    low: float, high: float, fine: Array, step: float, below: Indices, part: Array, at: Array,
    curve: Array, weights: Array, bounds: Array, k2_prime: float, basis: Array, s: Array,
    box: Array, pair: Array,
) -> float:  # fmt: skip
    """Return the theta between two logarithms at which the derivative of the cost is zero.

    Chandrupatla's method (1997): inverse quadratic steps where they are safe, else halving.
    """
    a, b, c = high, low, high
    slope_a = slope_at(a, fine, step, below, part, at, curve, weights, bounds, k2_prime, basis, s,
                       box, pair)  # fmt: skip
    slope_b = slope_at(b, fine, step, below, part, at, curve, weights, bounds, k2_prime, basis, s,
                       box, pair)  # fmt: skip
    if slope_b >= 0:
        return math.exp(low)
    if slope_a <= 0:
        return math.exp(high)
    slope_c = slope_a
    t = 0.5
    for _ in range(100):
        x = a + t * (b - a)
        slope = slope_at(x, fine, step, below, part, at, curve, weights, bounds, k2_prime, basis,
                         s, box, pair)  # fmt: skip
        if (slope > 0) == (slope_a > 0):
            c, slope_c = a, slope_a
        else:
            c, slope_c = b, slope_b
            b, slope_b = a, slope_a
        a, slope_a = x, slope
        nearest = a if abs(slope_a) < abs(slope_b) else b
        width = abs(b - a)
        if slope == 0 or width < 1e-11 * (1 + abs(nearest)):
            return math.exp(nearest)
        margin = 0.5e-11 * (1 + abs(nearest)) / width
        xi = (a - b) / (c - b)
        phi = (slope_a - slope_b) / (slope_c - slope_b)
        if phi * phi < xi and (1 - phi) * (1 - phi) < 1 - xi:
            t = slope_a / (slope_b - slope_a) * slope_c / (slope_b - slope_c)
            t += (c - a) / (b - a) * slope_a / (slope_c - slope_a) * slope_b / (slope_c - slope_b)
            t = clip(t, margin, 1 - margin)
        else:
            t = 0.5
    return math.exp(a)


@compiled  # pragma: no cover - runs as machine code
def slope_at(
    logarithm: float, fine: Array, step: float, below: Indices, part: Array, at: Array,
    curve: Array, weights: Array, bounds: Array, k2_prime: float, basis: Array, s: Array,
    box: Array, pair: Array,
) -> float:  # fmt: skip
    """Return the derivative of the least cost at the logarithm of a theta."""
    theta = math.exp(logarithm)
    convolve(theta, fine, step, below, part, basis)
    value = at_theta(theta, at, basis, curve, weights, bounds, k2_prime, s, box, pair)
    if value == math.inf:
        # Outside the bounds; the search turns back to the side that is within them.
        return -1.0 if theta * (1 + bounds[5]) < max(bounds[2], bounds[0] * k2_prime) else 1.0
    return gradient(theta, at, basis, curve, weights, bounds, k2_prime, pair)


globals().update(bare(__name__))
