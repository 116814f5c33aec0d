"""The integrator: adaptive Rosenbrock steps over one patient after another, compiled once.

Nothing here knows the model. Its equations are kernels of machine code (`lowering`), called by
address, so this file is compiled once by numba, kept in numba's own cache, and serves every
model. For each patient: `initialise` the constants and the state; gather the breakpoints (starts
and ends of doses, switching times of the equations); from breakpoint to breakpoint take steps
whose size the error decides; write the outputs asked for inside a step from its interpolant.
A patient's numbers depend on nothing but that patient's row.

Step-size control is that of RODAS (Hairer and Wanner, *Solving Ordinary Differential Equations
II*, 2nd ed., section IV.8: Gustafsson's predictive controller), the first step that of volume I,
section II.4. Any value that is not finite rejects the step; a failure ends the patient with a
status and leaves NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

Array = NDArray[np.float64]
_F = TypeVar("_F", bound=Callable[..., Any])

OK, STEP_LIMIT, NON_FINITE, SINGULAR, STEP_TOO_SMALL = 0, 1, 2, 3, 4

_bare: dict[str, Any] = {}


def _compiled(function: _F) -> _F:
    """Compile with numba, kept on disk where a folder for that can be written."""
    decorate: Any = numba.njit
    options = {"nogil": True, "error_model": "numpy", "fastmath": False}
    try:
        compiled = decorate(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder it may write to
        compiled = decorate(**options)(function)
    _bare[function.__name__] = compiled
    return cast("_F", compiled)


def _call_kernel(
    typing_context: Any, address: Any, time: Any, state: Any, constants: Any, out: Any
) -> tuple[Any, Any]:
    """Call the kernel at `address` with a time and three arrays."""
    signature = types.void(types.intp, types.float64, state, constants, out)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args[2:]
        arrays = [
            context.make_array(kind)(context, builder, value).data
            for kind, value in zip(kinds, args[2:], strict=True)
        ]
        double = ir.DoubleType()
        kind = ir.FunctionType(ir.VoidType(), [double] + [array.type for array in arrays])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), [args[1], *arrays])
        return context.get_dummy_value()

    return signature, generate


_call: Any = intrinsic(_call_kernel)


class Kernels(NamedTuple):
    """Addresses of a model's kernels, and their sizes.

    `initialise(start, inputs, inputs, out)` writes constants, initial state, dose factors and
    switching times; `rates(t, y, q, dy)`; `linearise(t, y, q, out)` writes rates, Jacobian
    entries and derivatives by time; `factor(shift, jacobian, jacobian, lu)`;
    `solve(0, right, lu, x)`; `observe(t, y, q, out)`.
    """

    initialise: int
    rates: int
    linearise: int
    factor: int
    solve: int
    observe: int
    states: int
    entries: int
    factors: int
    constants: int
    switches: int


class Method(NamedTuple):
    """Coefficients of the Rosenbrock method as arrays (see `rodas`)."""

    gamma: float
    order: int
    a: Array
    c_matrix: Array
    c: Array
    d: Array
    dense: Array


class Control(NamedTuple):
    """What the caller asks of the integration."""

    rtol: float
    atol: Array
    max_steps: int


class Doses(NamedTuple):
    """One patient's doses: places of the targets, starts, ends (= start: bolus), amounts."""

    target: NDArray[np.int64]
    start: Array
    end: Array
    amount: Array


class Work(NamedTuple):
    """Arrays used again for every patient."""

    begun: Array  # what `initialise` wrote
    y: Array
    new: Array
    stage: Array
    right: Array
    rate: Array
    infusion: Array
    now: Array  # linearisation at y: rates, Jacobian entries, derivatives by time
    ahead: Array  # the same at the end of the step
    lu: Array
    k: Array
    dense: Array


@_compiled  # pragma: no cover - runs as machine code
def make_work(kernels: Kernels, stages: int) -> Work:
    """Return the arrays one thread needs."""
    n = kernels.states
    return Work(
        np.zeros(kernels.constants + 2 * n + kernels.switches),
        np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n),
        np.zeros(2 * n + kernels.entries), np.zeros(2 * n + kernels.entries),
        np.zeros(kernels.factors), np.zeros((stages, n)), np.zeros((3, n)),
    )  # fmt: skip


@_compiled  # pragma: no cover - runs as machine code
def _copy(source: Array, target: Array) -> None:
    """Copy values; a loop, since numba takes seconds to compile an assignment to a slice."""
    for i in range(len(target)):
        target[i] = source[i]


@_compiled  # pragma: no cover - runs as machine code
def _finite(values: Array) -> bool:
    """Tell whether all values are finite: x * 0 is 0 for a finite x only."""
    total = 0.0
    for value in values:
        total += value * 0.0
    return total == 0.0


@_compiled  # pragma: no cover - runs as machine code
def _scaled_norm(values: Array, y: Array, new: Array, control: Control) -> float:
    """Return the root mean square of `values` over atol + rtol * |y|."""
    total = 0.0
    for i in range(len(values)):
        scale = control.atol[i] + control.rtol * max(abs(y[i]), abs(new[i]))
        total += (values[i] / scale) ** 2
    return math.sqrt(total / len(values))


@_compiled  # pragma: no cover - runs as machine code
def _linearise(kernels: Kernels, time: float, y: Array, q: Array, work: Work, out: Array) -> bool:
    """Write rates (infusions included), Jacobian and time derivatives; return if all finite."""
    _call(kernels.linearise, time, y, q, out)
    for i in range(kernels.states):
        out[i] += work.infusion[i]
    return _finite(out)


@_compiled  # pragma: no cover - runs as machine code
def _first_step(
    kernels: Kernels, method: Method, control: Control, q: Array, work: Work,
    time: float, bound: float,
) -> float:  # fmt: skip
    """Return a first step from the sizes of the state, its derivative and its second one."""
    n = kernels.states
    y, slope = work.y, work.now[:n]
    size, speed = _scaled_norm(y, y, y, control), _scaled_norm(slope, y, y, control)
    # Volume I divides by the size of y alone: nothing left of an earlier dose when an infusion
    # starts would then make the step vanish. Sizes below the tolerance count as the tolerance.
    least = min(bound, max(1e-10 * bound, 1e-11 * abs(time)))
    h = min(bound, max(least, 0.01 * max(size, 1.0) / max(speed, 1e-12)))
    for i in range(n):
        work.stage[i] = y[i] + h * slope[i]
    _call(kernels.rates, time + h, work.stage, q, work.rate)
    for i in range(n):
        work.right[i] = work.rate[i] + work.infusion[i] - slope[i]
    bend = _scaled_norm(work.right, y, y, control) / h
    fastest = max(speed, bend)
    if not math.isfinite(fastest):
        return least
    best = math.pow(0.01 / max(fastest, 1e-15), 1.0 / method.order)
    return min(bound, max(least, min(100.0 * h, best)))


@_compiled  # pragma: no cover - runs as machine code
def _stages(
    kernels: Kernels, method: Method, q: Array, work: Work,
    time: float, h: float, low: float, high: float,
) -> None:  # fmt: skip
    """Compute all stages of one step; `work.new` is the state at its end, the last k its error.

    Stage times stay strictly inside the breakpoints `low` and `high`, so that an equation that
    switches there is never evaluated on its far side.
    """
    n, count, entries = kernels.states, len(method.c), kernels.entries
    k, right, stage = work.k, work.right, work.stage
    by_time = work.now[n + entries :]
    _call(kernels.factor, 1.0 / (method.gamma * h), work.now[n : n + entries], q, work.lu)
    for s in range(count):
        if s == 0:
            for i in range(n):
                right[i] = work.now[i] + h * method.d[0] * by_time[i]
        else:
            for i in range(n):
                stage[i] = work.y[i]
                right[i] = h * method.d[s] * by_time[i]
            for j in range(s):
                a, c = method.a[s, j], method.c_matrix[s, j] / h
                for i in range(n):
                    stage[i] += a * k[j, i]
                    right[i] += c * k[j, i]
            at = min(max(time + method.c[s] * h, low), high)
            _call(kernels.rates, at, stage, q, work.rate)
            for i in range(n):
                right[i] += work.rate[i] + work.infusion[i]
        _call(kernels.solve, 0.0, right, work.lu, k[s])
    for i in range(n):
        work.new[i] = stage[i] + k[count - 1, i]


@_compiled  # pragma: no cover - runs as machine code
def _interpolate(method: Method, work: Work, x: float, fresh: bool) -> None:
    """Write the state a fraction `x` into the last step to `work.stage`."""
    n, dense = len(work.y), work.dense
    if fresh:
        for m in range(3):
            for i in range(n):
                dense[m, i] = 0.0
            for j in range(len(method.c)):
                weight = method.dense[m, j]
                for i in range(n):
                    dense[m, i] += weight * work.k[j, i]
    for i in range(n):
        inner = dense[0, i] + x * (dense[1, i] + x * dense[2, i])
        work.stage[i] = (1.0 - x) * work.y[i] + x * (work.new[i] + (1.0 - x) * inner)


@_compiled  # pragma: no cover - runs as machine code
def _write_outputs(
    kernels: Kernels, method: Method, q: Array, work: Work,
    time: float, h: float, reached: float, times: Array, place: int, values: Array,
) -> int:  # fmt: skip
    """Write the outputs inside the last step; return the place of the next one."""
    fresh = True
    while place < len(times) and times[place] < reached:
        _interpolate(method, work, (times[place] - time) / h, fresh)
        _call(kernels.observe, times[place], work.stage, q, values[place])
        place, fresh = place + 1, False
    return place


@_compiled  # pragma: no cover - runs as machine code
def _attempt(
    kernels: Kernels, method: Method, control: Control, q: Array, work: Work,
    time: float, h: float, reached: float, low: float, high: float,
) -> float:  # fmt: skip
    """Try one step and return its error, infinite where anything is not a finite number.

    A step is sound only if the equations are finite at its end too: the next one starts there.
    """
    _stages(kernels, method, q, work, time, h, low, high)
    error = _scaled_norm(work.k[len(method.c) - 1], work.y, work.new, control)
    if not (math.isfinite(error) and _finite(work.new)):
        return math.inf
    if error <= 1.0:
        at = min(max(reached, low), high)
        if not _linearise(kernels, at, work.new, q, work, work.ahead):
            return math.inf
    return error


@_compiled  # pragma: no cover - runs as machine code
def _shrink(error: float, order: int) -> float:
    """Return the factor to divide a step by, from 1/6 (the error is small) to 5."""
    return max(1.0 / 6.0, min(5.0, math.pow(error, 1.0 / order) / 0.9))


@_compiled  # pragma: no cover - runs as machine code
def _advance(
    kernels: Kernels, method: Method, control: Control, q: Array, work: Work,
    time: float, end: float, times: Array, place: int, values: Array, taken: np.int64,
) -> tuple[int, float, int, np.int64]:  # fmt: skip
    """Integrate from one breakpoint to the next.

    Outputs strictly before `end` are written. Returns status, time reached, place of the next
    output and steps taken in all.
    """
    low = time + 1e-14 * max(1.0, abs(time))
    high = max(low, end - 1e-14 * max(1.0, abs(end)))
    if not _linearise(kernels, low, work.y, q, work, work.now):
        return NON_FINITE, time, place, taken
    h = _first_step(kernels, method, control, q, work, low, end - time)
    old_h, old_error, rejected, reason = 0.0, 1.0, False, STEP_TOO_SMALL
    while time < end:
        last = time + 1.01 * h >= end
        if last:
            h = end - time
        elif time + 2.0 * h > end:
            h = 0.5 * (end - time)  # two even steps rather than a long one and a sliver
        if taken >= control.max_steps:
            return STEP_LIMIT, time, place, taken
        if time + 0.1 * h == time:
            return reason, time, place, taken
        taken += 1
        reached = end if last else time + h
        error = _attempt(kernels, method, control, q, work, time, h, reached, low, high)
        factor = _shrink(error, method.order)
        if not error <= 1.0:
            reason = STEP_TOO_SMALL
            if not math.isfinite(error):
                reason = NON_FINITE if _finite(work.lu[: kernels.states]) else SINGULAR
            h, rejected = h / factor, True
            continue
        if old_h > 0.0:
            predicted = _shrink(error * error / old_error, method.order) * old_h / h
            factor = max(factor, min(5.0, predicted))
        place = _write_outputs(kernels, method, q, work, time, h, reached, times, place, values)
        old_h, old_error, time = h, max(1e-2, error), reached
        _copy(work.new, work.y)
        _copy(work.ahead, work.now)
        h /= max(1.0, factor) if rejected else factor
        rejected = False
    return OK, time, place, taken


@_compiled  # pragma: no cover - runs as machine code
def _next_breakpoint(time: float, end: float, doses: Doses, switches: Array) -> float:
    """Return the first breakpoint after `time`; breakpoints closer than rounding are one."""
    after = time + 1e-12 * max(1.0, abs(time))
    nearest = end
    for i in range(len(doses.amount)):
        if doses.amount[i] != 0.0:
            if after < doses.start[i] < nearest:
                nearest = doses.start[i]
            if after < doses.end[i] < nearest:
                nearest = doses.end[i]
    for switch in switches:
        if after < switch < nearest:
            nearest = switch
    return nearest


@_compiled  # pragma: no cover - runs as machine code
def _apply_doses(previous: float, time: float, doses: Doses, scale: Array, work: Work) -> None:
    """Add the boluses after `previous` up to `time`, and set the infusions from there on."""
    for i in range(len(work.infusion)):
        work.infusion[i] = 0.0
    slack = 1e-12 * max(1.0, abs(time))
    for i in range(len(doses.amount)):
        start, end, amount, target = doses.start[i], doses.end[i], doses.amount[i], doses.target[i]
        if amount == 0.0:
            continue
        if end == start:
            if previous < start <= time + slack:
                work.y[target] += amount * scale[target]
        elif start <= time + slack and end > time + slack:
            work.infusion[target] += amount / (end - start) * scale[target]


@_compiled  # pragma: no cover - runs as machine code
def _patient(
    kernels: Kernels, method: Method, control: Control, work: Work, inputs: Array,
    doses: Doses, start: float, times: Array, values: Array,
) -> tuple[int, float, np.int64]:  # fmt: skip
    """Integrate one patient; return status, time of failure (NaN) and steps taken."""
    n, place, status = kernels.states, 0, OK
    taken = np.int64(0)  # typed, so that what follows is compiled for one type only
    _call(kernels.initialise, start, inputs, inputs, work.begun)
    q = work.begun[: kernels.constants]
    rest = work.begun[kernels.constants :]
    _copy(rest[:n], work.y)
    scale, switches = rest[n : 2 * n], rest[2 * n :]
    if not (_finite(work.y) and _finite(scale)):
        return NON_FINITE, start, taken
    previous, time, end = -np.inf, start, max(start, times[-1])
    while True:
        following = _next_breakpoint(time, end, doses, switches)
        slack = 1e-12 * max(1.0, abs(time))
        _apply_doses(previous, time, doses, scale, work)
        while place < len(times) and times[place] <= time:
            _call(kernels.observe, time, work.y, q, values[place])
            place += 1
        if time >= end:
            break
        status, reached, place, taken = _advance(
            kernels, method, control, q, work, time, following, times, place, values, taken
        )
        previous, time = time + slack, reached
        if status != OK:
            break
    bad = _first_bad(times, values)
    if status != OK:
        return status, time, taken
    return (NON_FINITE if math.isfinite(bad) else OK), bad, taken


@_compiled  # pragma: no cover - runs as machine code
def _first_bad(times: Array, values: Array) -> float:
    """Return the first output time with a value that is not finite, and blank all after it."""
    for place in range(len(times)):
        if not _finite(values[place]):
            for later in range(place, len(times)):
                for j in range(values.shape[1]):
                    values[later, j] = np.nan
            return float(times[place])
    return math.nan


@_compiled  # pragma: no cover - runs as machine code
def solve_chunk(
    kernels: Kernels, method: Method, control: Control, inputs: Array, target: NDArray[np.int64],
    dose_start: Array, dose_end: Array, dose_amount: Array, starts: Array, times: Array,
    values: Array, status: NDArray[np.int64], failure: Array, steps: NDArray[np.int64],
) -> None:  # fmt: skip
    """Integrate some patients.

    Parameters
    ----------
    kernels, method, control
        The model, the method and the tolerances.
    inputs : ndarray, shape (patients, inputs)
        Input vectors.
    target : ndarray of int, shape (doses,)
        Place of the state each dose goes into.
    dose_start, dose_end, dose_amount : ndarray, shape (patients, doses)
        When (hours) and how much; end = start is a bolus.
    starts : ndarray, shape (patients,)
        Time at which each integration begins.
    times : ndarray, shape (times,)
        Output times, not decreasing.
    values : ndarray, shape (patients, times, outputs)
        Filled with NaN by the caller; written up to a failure.
    status, failure, steps : ndarray, shape (patients,)
        Written: status code, time of failure or NaN, steps taken.
    """
    work = make_work(kernels, len(method.c))
    for i in range(len(inputs)):
        doses = Doses(target, dose_start[i], dose_end[i], dose_amount[i])
        status[i], failure[i], steps[i] = _patient(
            kernels, method, control, work, inputs[i], doses, starts[i], times, values[i]
        )


# Checks of types at run time wrap every function, but numba has to meet its own kind bare.
globals().update(_bare)
