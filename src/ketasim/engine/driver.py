"""The integrator: adaptive Rosenbrock steps for a group of patients side by side, compiled once.

Nothing here knows the model. Its equations and the arithmetic of a step are machine code
(`lowering`, `stepping`), called by address, so this file is compiled once by numba, kept in
numba's own cache, and serves every model.

A group of patients, one a *lane*, shares one block of memory (`layout`) and tries its steps
together, but each lane has its own time, step, segment and fate: it accepts or repeats a step
alone, and when its patient is done the next one takes its place. Every number of a patient is
computed in that patient's lane alone, so it depends on nothing but the patient's own row.

For each patient: `initialise` the constants and the state; from breakpoint to breakpoint (starts
and ends of doses, switching times of the equations, events) take steps whose size the error
decides; write the outputs asked for inside a step from its interpolant. Step-size control is that
of RODAS (Hairer and Wanner, *Solving Ordinary Differential Equations II*, 2nd ed., section IV.8:
Gustafsson's predictive controller). Any value that is not finite rejects the step; a failure ends
the patient with a status and leaves NaN.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .driver_events import Events, cut_at_event, fire_events, forget_events, next_pending
from .layout import AT, ERROR, FIRST, HIGH, LOW, MASK, PLACE, SOUND, SPAN, STEP, TIME
from .machine import (
    Machine,
    adopt,
    attempt,
    bare,
    begin,
    compiled,
    entrance,
    initialise,
    interpolant,
    look_inside,
    look_now,
    uncover,
)

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

# Typed, since numba would compile a function anew for every literal it is called with.
OK, STEP_LIMIT, NON_FINITE, SINGULAR, STEP_TOO_SMALL, EVENT_LIMIT = (
    np.int64(code) for code in range(6)
)
#: What a lane does next: take a patient, nothing, cross a breakpoint, begin a segment, step.
EMPTY, IDLE, BREAK, START, RUN = 0, 1, 2, 3, 4
#: Real numbers of a lane.
(NOW, END, FINAL, PREVIOUS, SIZE, OLD_SIZE, OLD_ERROR, REACHED) = range(8)
#: Whole numbers of a lane.
(PATIENT, PHASE, NEXT, TAKEN, REJECTED, REASON, ACCEPTED, CUT) = range(8)


class Control(NamedTuple):
    """What the caller asks of the integration, and the order of the method."""

    max_steps: int
    order: int


class Doses(NamedTuple):
    """Doses of all patients: places of the targets; starts, ends (= start: bolus), amounts."""

    target: Whole
    start: Array
    end: Array
    amount: Array


class Results(NamedTuple):
    """What is written for each patient; see `solve_chunk`."""

    values: Array
    status: Whole
    failure: Array
    culprit: Whole
    steps: Whole


class Lanes(NamedTuple):
    """The lanes of a group, and what each keeps beside the block."""

    block: Array  # (rows, lanes)
    real: Array  # (8, lanes)
    whole: Whole  # (8, lanes)
    begun: Array  # (lanes, sizes of what `initialise` writes)
    clock: Array  # (1,)


@compiled  # pragma: no cover - runs as machine code
def _load(
    machine: Machine, lanes: Lanes, events: Events | None, lane: int, patient: np.int64, inputs: Array,
    start: float, end: float,
) -> bool:  # fmt: skip
    """Put a patient into a lane; return whether its start is sound."""
    block, begun, own = lanes.block, lanes.begun[lane], inputs[patient]
    n, constants = machine.states, machine.constants
    lanes.clock[0] = start
    initialise(machine, lanes.clock, own, begun)
    for i in range(constants):
        block[machine.q + i, lane] = begun[i]
    for i in range(len(own)):
        block[machine.q + constants + i, lane] = own[i]
    total = 0.0
    for i in range(n):
        block[machine.y + i, lane] = begun[constants + i]
        block[machine.infusion + i, lane] = 0.0
        total += 0.0 * (begun[constants + i] + begun[constants + n + i])
    real, whole = lanes.real[:, lane], lanes.whole[:, lane]
    real[NOW], real[FINAL], real[PREVIOUS] = start, max(start, end), -np.inf
    whole[PATIENT], whole[PHASE], whole[NEXT], whole[TAKEN] = patient, BREAK, 0, 0
    if events is not None:
        forget_events(events, lane, own, begun, constants)
    return total == 0.0


@compiled  # pragma: no cover - runs as machine code
def _next_breakpoint(
    time: float, end: float, doses: Doses, patient: np.int64, switches: Array
) -> float:
    """Return the first breakpoint after `time`; breakpoints closer than rounding are one."""
    after = time + 1e-12 * max(1.0, abs(time))
    nearest = end
    for i in range(len(doses.target)):
        if doses.amount[patient, i] != 0.0:
            if after < doses.start[patient, i] < nearest:
                nearest = doses.start[patient, i]
            if after < doses.end[patient, i] < nearest:
                nearest = doses.end[patient, i]
    for switch in switches:
        if after < switch < nearest:
            nearest = switch
    return nearest


@compiled  # pragma: no cover - runs as machine code
def _apply_doses(machine: Machine, lanes: Lanes, lane: int, doses: Doses) -> None:
    """Add the boluses since the last breakpoint, and set the infusions from here on."""
    block, patient = lanes.block, lanes.whole[PATIENT, lane]
    previous, time = lanes.real[PREVIOUS, lane], lanes.real[NOW, lane]
    scale = lanes.begun[lane, machine.constants + machine.states :]
    slack = 1e-12 * max(1.0, abs(time))
    for i in range(len(doses.target)):
        block[machine.infusion + doses.target[i], lane] = 0.0
    for i in range(len(doses.target)):
        start, end, amount = (
            doses.start[patient, i], doses.end[patient, i], doses.amount[patient, i],
        )  # fmt: skip
        target = doses.target[i]
        if amount == 0.0:
            continue
        if end == start:
            if previous < start <= time + slack:
                block[machine.y + target, lane] += amount * scale[target]
        elif start <= time + slack and end > time + slack:
            block[machine.infusion + target, lane] += amount / (end - start) * scale[target]


@compiled  # pragma: no cover - runs as machine code
def _emit(machine: Machine, lanes: Lanes, lane: int, results: Results) -> None:
    """Write the outputs of a lane from the block to its patient's next output time."""
    patient, place = lanes.whole[PATIENT, lane], lanes.whole[NEXT, lane]
    for j in range(results.values.shape[2]):
        results.values[patient, place, j] = lanes.block[machine.outputs + j, lane]
    lanes.whole[NEXT, lane] += 1


@compiled  # pragma: no cover - runs as machine code
def _culprit(machine: Machine, lanes: Lanes, lane: int, status: np.int64) -> int:
    """Return the state to name in a failure: not finite, without a pivot, or of largest error."""
    block, worst, largest = lanes.block, -1, -1.0
    for i in range(machine.states):
        if status == SINGULAR and not math.isfinite(block[machine.lu + i, lane]):
            return i
        size = abs(block[machine.k + (machine.stages - 1) * machine.states + i, lane])
        old, new = block[machine.y + i, lane], block[machine.new + i, lane]
        if not (math.isfinite(size) and math.isfinite(old) and math.isfinite(new)):
            return i
        if not math.isfinite(block[machine.ahead + i, lane]):
            return i
        size /= max(1e-300, max(abs(old), abs(new)))
        if size > largest:
            worst, largest = i, size
    return worst


@compiled  # pragma: no cover - runs as machine code
def _fail(machine: Machine, lanes: Lanes, lane: int, results: Results, status: np.int64) -> None:
    """End a lane's patient with a failure at the time it reached."""
    patient = lanes.whole[PATIENT, lane]
    results.status[patient] = status
    results.failure[patient] = lanes.real[NOW, lane]
    results.culprit[patient] = _culprit(machine, lanes, lane, status)
    results.steps[patient] = lanes.whole[TAKEN, lane]
    _blank(results.values[patient], lanes.whole[NEXT, lane])
    lanes.whole[PHASE, lane] = EMPTY


@compiled  # pragma: no cover - runs as machine code
def _blank(values: Array, place: int) -> None:
    """Overwrite outputs with NaN from `place` on."""
    for later in range(place, values.shape[0]):
        for j in range(values.shape[1]):
            values[later, j] = np.nan


@compiled  # pragma: no cover - runs as machine code
def _finish(lanes: Lanes, lane: int, results: Results, times: Array) -> None:
    """End a lane's patient at the last output; an output that is not finite is a failure."""
    patient = lanes.whole[PATIENT, lane]
    results.steps[patient] = lanes.whole[TAKEN, lane]
    lanes.whole[PHASE, lane] = EMPTY
    values = results.values[patient]
    for place in range(values.shape[0]):
        for j in range(values.shape[1]):
            if not math.isfinite(values[place, j]):
                results.status[patient], results.failure[patient] = NON_FINITE, times[place]
                results.culprit[patient] = -2 - j
                _blank(values, place)
                return


@compiled  # pragma: no cover - runs as machine code
def _cross(
    machine: Machine, lanes: Lanes, events: Events | None, lane: int, doses: Doses, times: Array,
    results: Results,
) -> None:  # fmt: skip
    """Bring a lane over a breakpoint: doses, events, the outputs there, the next segment."""
    block, real, whole = lanes.block, lanes.real[:, lane], lanes.whole[:, lane]
    if real[FINAL] - real[NOW] <= 1e-12 * max(1.0, abs(real[NOW])):
        real[NOW] = real[FINAL]  # no step fits in between
    time, patient = real[NOW], whole[PATIENT]
    _apply_doses(machine, lanes, lane, doses)
    if events is not None and not fire_events(machine, events, lane, block, time):
        _fail(machine, lanes, lane, results, EVENT_LIMIT)
        return
    block[TIME, lane] = time
    if whole[NEXT] < len(times) and times[whole[NEXT]] <= time:
        look_now(machine, block)
        while whole[NEXT] < len(times) and times[whole[NEXT]] <= time:
            _emit(machine, lanes, lane, results)
    if time >= real[FINAL]:
        _finish(lanes, lane, results, times)
        return
    switches = lanes.begun[lane, machine.constants + 2 * machine.states :]
    end = _next_breakpoint(time, real[FINAL], doses, patient, switches)
    if events is not None:
        end = next_pending(events, lane, end)
    real[PREVIOUS], real[END] = time + 1e-12 * max(1.0, abs(time)), end
    low = time + 1e-14 * max(1.0, abs(time))
    block[LOW, lane], block[HIGH, lane] = low, max(low, end - 1e-14 * max(1.0, abs(end)))
    block[SPAN, lane] = end - time
    whole[PHASE] = START


@compiled  # pragma: no cover - runs as machine code
def _begin(machine: Machine, lanes: Lanes, results: Results) -> None:
    """Linearise and choose a first step in the lanes that start a segment."""
    block, whole = lanes.block, lanes.whole
    some = False
    for lane in range(block.shape[1]):
        starts = whole[PHASE, lane] == START
        block[MASK, lane] = 1.0 if starts else 0.0
        some = some or starts
    if not some:
        return
    begin(machine, block)
    for lane in range(block.shape[1]):
        if whole[PHASE, lane] != START:
            continue
        if block[machine.now + machine.slopes - 1, lane] != 0.0:
            _fail(machine, lanes, lane, results, NON_FINITE)
            continue
        lanes.real[SIZE, lane], lanes.real[OLD_SIZE, lane] = block[FIRST, lane], 0.0
        lanes.real[OLD_ERROR, lane] = 1.0
        whole[REJECTED, lane], whole[REASON, lane] = 0, STEP_TOO_SMALL
        whole[PHASE, lane] = RUN


@compiled  # pragma: no cover - runs as machine code
def _prepare(machine: Machine, lanes: Lanes, lane: int, control: Control, results: Results) -> None:
    """Set the step that a lane tries next, or end its patient where it may not."""
    block, real, whole = lanes.block, lanes.real[:, lane], lanes.whole[:, lane]
    time, end, h = real[NOW], real[END], real[SIZE]
    last = time + 1.01 * h >= end
    if last:
        h = end - time
    elif time + 2.0 * h > end:
        h = 0.5 * (end - time)  # two even steps rather than a long one and a sliver
    if whole[TAKEN] >= control.max_steps:
        _fail(machine, lanes, lane, results, STEP_LIMIT)
        return
    if time + 0.1 * h == time:
        _fail(machine, lanes, lane, results, whole[REASON])
        return
    whole[TAKEN] += 1
    real[SIZE], real[REACHED] = h, end if last else time + h
    block[TIME, lane], block[STEP, lane] = time, h


@compiled  # pragma: no cover - runs as machine code
def _shrink(error: float, order: int) -> float:
    """Return the factor to divide a step by, from 1/6 (the error is small) to 5."""
    return max(1.0 / 6.0, min(5.0, math.pow(error, 1.0 / order) / 0.9))


@compiled  # pragma: no cover - runs as machine code
def _judge(machine: Machine, lanes: Lanes, lane: int, control: Control) -> None:
    """Accept or reject a lane's step, and choose the size of the next."""
    block, real, whole = lanes.block, lanes.real[:, lane], lanes.whole[:, lane]
    error, h = block[ERROR, lane], real[SIZE]
    finite = block[SOUND, lane] == 0.0
    # A step is sound only if the equations are finite at its end too: the next starts there.
    if not (finite and error <= 1.0):
        whole[REASON] = STEP_TOO_SMALL
        if not finite:
            error, whole[REASON] = math.inf, NON_FINITE
            for i in range(machine.states):
                if not math.isfinite(block[machine.lu + i, lane]):
                    whole[REASON] = SINGULAR
        real[SIZE], whole[REJECTED], whole[ACCEPTED] = h / _shrink(error, control.order), 1, 0
        return
    factor = _shrink(error, control.order)
    if real[OLD_SIZE] > 0.0:
        old = _shrink(error * error / real[OLD_ERROR], control.order) * real[OLD_SIZE] / h
        factor = max(factor, min(5.0, old))
    real[OLD_SIZE], real[OLD_ERROR] = h, max(1e-2, error)
    real[SIZE] = h / (max(1.0, factor) if whole[REJECTED] == 1 else factor)
    whole[REJECTED], whole[ACCEPTED] = 0, 1


@compiled  # pragma: no cover - runs as machine code
def _write_outputs(machine: Machine, lanes: Lanes, times: Array, results: Results) -> None:
    """Write the outputs inside the steps just accepted, all lanes at once."""
    block, real, whole = lanes.block, lanes.real, lanes.whole
    weighed = False
    while True:
        some = False
        for lane in range(block.shape[1]):
            place = whole[NEXT, lane]
            block[MASK, lane] = 0.0
            if whole[ACCEPTED, lane] and place < len(times) and times[place] < real[REACHED, lane]:
                block[AT, lane] = times[place]
                block[PLACE, lane] = (times[place] - real[NOW, lane]) / block[STEP, lane]
                block[MASK, lane] = 1.0
                some = True
        if not some:
            return
        if not weighed:
            interpolant(machine, block)
            weighed = True
        look_inside(machine, block)
        for lane in range(block.shape[1]):
            if block[MASK, lane] > 0.0:
                _emit(machine, lanes, lane, results)


@compiled  # pragma: no cover - runs as machine code
def _step(
    machine: Machine, lanes: Lanes, events: Events | None, control: Control, times: Array,
    results: Results,
) -> None:  # fmt: skip
    """Try one step in every lane that runs."""
    block, real, whole = lanes.block, lanes.real, lanes.whole
    attempt(machine, block)
    some = False
    for lane in range(block.shape[1]):
        whole[ACCEPTED, lane], whole[CUT, lane] = 0, 0
        if whole[PHASE, lane] == RUN:
            _judge(machine, lanes, lane, control)
        if whole[ACCEPTED, lane]:
            some = True
            if events is not None:
                cut = cut_at_event(machine, events, lane, block)
                if cut < 1.0 - 1e-15:
                    real[REACHED, lane] = block[TIME, lane] + cut * block[STEP, lane]
                whole[CUT, lane] = int(cut < 1.0)
    if not some:
        return
    _write_outputs(machine, lanes, times, results)
    for lane in range(block.shape[1]):
        block[MASK, lane] = 1.0 if whole[ACCEPTED, lane] and not whole[CUT, lane] else 0.0
    adopt(machine, block)
    for lane in range(block.shape[1]):
        if whole[ACCEPTED, lane]:
            real[NOW, lane] = real[REACHED, lane]
            if events is not None and whole[CUT, lane]:
                uncover(machine, events.state[lane], block, lane)
                whole[PHASE, lane] = BREAK
            elif real[NOW, lane] >= real[END, lane]:
                whole[PHASE, lane] = BREAK


@entrance  # pragma: no cover - runs as machine code
def solve_chunk(
    machine: Machine, lanes: Lanes, events: Events | None, control: Control, inputs: Array, doses: Doses,
    starts: Array, times: Array, results: Results,
) -> None:  # fmt: skip
    """Integrate some patients.

    Parameters
    ----------
    machine, lanes, events, control
        The model's code, memory to work in, its events, and what is asked.
    inputs : ndarray, shape (patients, inputs)
        Input vectors.
    doses : Doses
        When (hours) and how much; one row a patient.
    starts : ndarray, shape (patients,)
        Time at which each integration begins.
    times : ndarray, shape (times,)
        Output times, not decreasing.
    results : Results
        `values`, shape (patients, times, outputs), and for each patient the status, the time of
        the failure, the state it names and the steps taken, all filled beforehand.
    """
    width, whole = lanes.block.shape[1], lanes.whole
    waiting = np.int64(0)
    for lane in range(width):
        whole[PHASE, lane] = EMPTY
    while True:
        busy = False
        for lane in range(width):
            while whole[PHASE, lane] == EMPTY or whole[PHASE, lane] == BREAK:
                if whole[PHASE, lane] == BREAK:
                    _cross(machine, lanes, events, lane, doses, times, results)
                elif waiting == len(inputs):
                    whole[PHASE, lane] = IDLE
                else:
                    sound = _load(
                        machine, lanes, events, lane, waiting, inputs, starts[waiting], times[-1]
                    )
                    waiting += 1
                    if not sound:
                        _fail(machine, lanes, lane, results, NON_FINITE)
        _begin(machine, lanes, results)
        for lane in range(width):
            if whole[PHASE, lane] == RUN:
                _prepare(machine, lanes, lane, control, results)
            busy = busy or whole[PHASE, lane] != IDLE
        if not busy:
            return
        _step(machine, lanes, events, control, times, results)


globals().update(bare(__name__))
