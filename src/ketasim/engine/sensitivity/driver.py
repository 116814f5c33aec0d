"""The integrator once more, with derivatives: a patient in every lane, a direction in each.

All lanes of a block hold the same patient and do what `ketasim.engine.driver` does, by the same
code, so they take its steps and reach its numbers to the last bit. After every step that is
accepted its derivative is computed in the mirror of the block (`kernels`, `stepping`), where each
lane follows one direction: a parameter, an initial value, an amount, a start or a duration of a
dose. More directions than lanes are done in turns.

The steps are those of the run itself, or shorter ones where the derivatives need them: a run at
a steady state takes steps over which what leaves it cannot be followed. A derivative's error is
held to the tolerance as a value's is, its absolute part divided by the size of what is varied,
as in CVODES (Hindmarsh and others, *ACM Transactions on Mathematical Software* 31:363, 2005).

Which steps are accepted does not move: what is differentiated is the map from the varied numbers
to the outputs that the steps of this run compute. Where the end of a segment moves (a dose, or a
switching time that depends on a parameter), the segment's last step takes up the change; its
beginning moves with all steps of the segment but the last, so what follows a dose is shifted with
it.

"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..driver import (
    ACCEPTED,
    BREAK,
    EMPTY,
    END,
    FINAL,
    NEXT,
    NON_FINITE,
    NOW,
    OK,
    PATIENT,
    PHASE,
    PREVIOUS,
    REACHED,
    RUN,
    START,
    Control,
    Doses,
    Lanes,
    Results,
    _apply_doses,
    _begin,
    _fail,
    _finish,
    _judge,
    _load,
    _next_breakpoint,
    _prepare,
)
from ..layout import AT, ERROR, HIGH, LOW, MASK, PLACE, SOUND, SPAN, STEP, TIME
from ..machine import (
    Machine,
    _call,
    _call_with,
    adopt,
    attempt,
    bare,
    compiled,
    entrance,
    interpolant,
    look_inside,
    look_now,
)
from .breakpoints import Array, Mirror, Tangent, Whole, give, look_between, meet

Flags = NDArray[np.bool_]

#: What a direction varies.
INPUT, AMOUNT, BEGINNING, DURATION = 0, 1, 2, 3


class Directions(NamedTuple):
    """What to differentiate by: what each direction varies, and the place of that."""

    kind: Whole
    place: Whole


@compiled  # pragma: no cover - runs as machine code
def _aim(
    machine: Machine, lanes: Lanes, mirror: Mirror, directions: Directions, first: int,
    doses: Doses, own: Array, atol: int,
) -> None:  # fmt: skip
    """Set the tangents of inputs and doses, and tolerances, for the directions from `first` on."""
    inputs, patient = machine.q + machine.constants, lanes.whole[PATIENT, 0]
    for lane in range(lanes.block.shape[1]):
        for i in range(len(own)):
            mirror.rows[inputs + i, lane] = 0.0
        for i in range(len(doses.target)):
            mirror.amount[i, lane], mirror.start[i, lane], mirror.end[i, lane] = 0.0, 0.0, 0.0
        mirror.void[lane] = 0.0
        size = 1.0
        if first + lane < len(directions.kind):
            kind, place = directions.kind[first + lane], directions.place[first + lane]
            if kind == INPUT:
                mirror.rows[inputs + place, lane], size = 1.0, own[place]
            elif kind == AMOUNT:
                mirror.amount[place, lane], size = 1.0, doses.amount[patient, place]
                # Without a dose the run does not stop there, and says nothing of what one would do.
                mirror.void[lane] = 1.0 if size == 0.0 else 0.0
            elif doses.amount[patient, place] != 0.0:
                mirror.start[place, lane] = 1.0 if kind == BEGINNING else 0.0
                mirror.end[place, lane] = 1.0
                if kind == DURATION:
                    size = doses.end[patient, place] - doses.start[patient, place]
        size = abs(size) if math.isfinite(size) and size != 0.0 else 1.0
        for i in range(machine.states):
            mirror.rows[atol + i, lane] = lanes.block[atol + i, lane] / size


@compiled  # pragma: no cover - runs as machine code
def _start(
    machine: Machine, tangent: Tangent, lanes: Lanes, mirror: Mirror, doses: Doses, floats: bool
) -> None:
    """Set the tangents of constants and of the initial state, and when the run begins."""
    n, constants = machine.states, machine.constants
    width = lanes.block.shape[1]
    mirror.clock[0, :] = lanes.real[NOW, 0]
    block, inputs = lanes.block, machine.q + constants
    _call_with(tangent.initialise_tangent, mirror.clock, block, block[inputs:], mirror.begun)
    for lane in range(width):
        for i in range(constants):
            mirror.rows[machine.q + i, lane] = mirror.begun[i, lane]
        for i in range(n):
            mirror.rows[machine.y + i, lane] = mirror.begun[constants + i, lane]
            mirror.rows[machine.infusion + i, lane] = 0.0
    meet(machine, lanes, mirror, doses, lanes.real[NOW, 0], floats)


@compiled  # pragma: no cover - runs as machine code
def _emit(
    tangent: Tangent, lanes: Lanes, mirror: Mirror, results: Results, derivatives: Array,
    first: int, crossing: bool,
) -> None:  # fmt: skip
    """Write the outputs and their derivatives at the next output time."""
    patient, place = lanes.whole[PATIENT, 0], lanes.whole[NEXT, 0]
    outputs, block = results.values.shape[2], lanes.block
    for j in range(outputs):
        results.values[patient, place, j] = block[tangent.outputs + j, 0]
        for lane in range(min(block.shape[1], derivatives.shape[3] - first)):
            value = block[tangent.outputs + outputs + j, lane]
            undefined = mirror.void[lane] != 0.0 or (crossing and mirror.jump[lane] != 0.0)
            if undefined or not math.isfinite(value):
                value = np.nan
            derivatives[patient, place, j, first + lane] = value
    lanes.whole[NEXT, :] += 1


@compiled  # pragma: no cover - runs as machine code
def _show_now(
    machine: Machine, tangent: Tangent, lanes: Lanes, mirror: Mirror, times: Array,
    results: Results, derivatives: Array, first: int,
) -> None:  # fmt: skip
    """Write the outputs due at a breakpoint."""
    block, whole, time = lanes.block, lanes.whole, lanes.real[NOW, 0]
    if whole[NEXT, 0] >= len(times) or times[whole[NEXT, 0]] > time:
        return
    look_now(machine, block)
    for lane in range(block.shape[1]):
        for i in range(machine.states):
            mirror.rows[tangent.stage + i, lane] = mirror.fixed[i, lane]
    _call(tangent.look_now_tangent, block)
    while whole[NEXT, 0] < len(times) and times[whole[NEXT, 0]] <= time:
        _emit(tangent, lanes, mirror, results, derivatives, first, True)


@compiled  # pragma: no cover - runs as machine code
def _cross(
    machine: Machine, tangent: Tangent, lanes: Lanes, mirror: Mirror, doses: Doses,
    times: Array, results: Results, derivatives: Array, first: int,
) -> None:  # fmt: skip
    """Bring all lanes over a breakpoint, as the driver brings each."""
    block, real, whole = lanes.block, lanes.real, lanes.whole
    width = block.shape[1]
    if real[FINAL, 0] - real[NOW, 0] <= 1e-12 * max(1.0, abs(real[NOW, 0])):
        real[NOW, :] = real[FINAL, 0]
    time = real[NOW, 0]
    moves = False
    for lane in range(width):
        moves = moves or mirror.early[lane] != 0.0 or mirror.late[lane] != 0.0
    if moves:
        look_between(machine, tangent, lanes, mirror, doses)
    give(machine, lanes, mirror, doses)
    for lane in range(width):
        _apply_doses(machine, lanes, lane, doses)
        block[TIME, lane] = time
    _show_now(machine, tangent, lanes, mirror, times, results, derivatives, first)
    if time >= real[FINAL, 0]:
        _finish(lanes, 0, results, times)
        return
    for lane in range(width):
        mirror.rows[TIME, lane] = mirror.late[lane]
    switches = lanes.begun[0, machine.constants + 2 * machine.states :]
    end = _next_breakpoint(time, real[FINAL, 0], doses, whole[PATIENT, 0], switches)
    meet(machine, lanes, mirror, doses, end, end < real[FINAL, 0])
    real[PREVIOUS, :], real[END, :] = time + 1e-12 * max(1.0, abs(time)), end
    low = time + 1e-14 * max(1.0, abs(time))
    block[LOW, :], block[HIGH, :] = low, max(low, end - 1e-14 * max(1.0, abs(end)))
    block[SPAN, :] = end - time
    whole[PHASE, :] = START


@compiled  # pragma: no cover - runs as machine code
def _show_inside(
    machine: Machine, tangent: Tangent, lanes: Lanes, mirror: Mirror, times: Array,
    results: Results, derivatives: Array, first: int,
) -> None:  # fmt: skip
    """Write the outputs inside the step just accepted."""
    block, whole, rows = lanes.block, lanes.whole, mirror.rows
    weighed = False
    while whole[NEXT, 0] < len(times) and times[whole[NEXT, 0]] < lanes.real[REACHED, 0]:
        if not weighed:
            interpolant(machine, block)
            _call(tangent.interpolant_tangent, block)
            weighed = True
        for lane in range(block.shape[1]):
            block[AT, lane] = times[whole[NEXT, 0]]
            x = (block[AT, lane] - block[TIME, lane]) / block[STEP, lane]
            block[PLACE, lane] = x
            rows[PLACE, lane] = -(rows[TIME, lane] + x * rows[STEP, lane]) / block[STEP, lane]
        look_inside(machine, block)
        _call(tangent.look_inside_tangent, block)
        _emit(tangent, lanes, mirror, results, derivatives, first, False)


@compiled  # pragma: no cover - runs as machine code
def _step(
    machine: Machine, tangent: Tangent, lanes: Lanes, mirror: Mirror, control: Control,
    times: Array, results: Results, derivatives: Array, first: int, refine: bool,
) -> None:  # fmt: skip
    """Try one step, and follow it with its derivatives where it is sound."""
    block, real, whole, rows = lanes.block, lanes.real, lanes.whole, mirror.rows
    last = real[REACHED, 0] >= real[END, 0]
    attempt(machine, block)
    if block[SOUND, 0] == 0.0 and block[ERROR, 0] <= 1.0:
        for lane in range(block.shape[1]):
            rows[STEP, lane] = mirror.early[lane] - rows[TIME, lane] if last else 0.0
        _call(tangent.attempt_tangent, block)
        if refine:
            for lane in range(block.shape[1]):  # one that is no number asks for nothing
                if rows[ERROR, lane] > block[ERROR, 0]:
                    block[ERROR, :] = min(1e12, rows[ERROR, lane])
    for lane in range(block.shape[1]):
        block[MASK, lane] = 1.0
        _judge(machine, lanes, lane, control)
    if whole[ACCEPTED, 0] == 0:
        return
    if mirror.written[0] < len(mirror.steps):
        mirror.steps[mirror.written[0], 0] = block[TIME, 0]
        mirror.steps[mirror.written[0], 1] = block[STEP, 0]
        mirror.written[0] += 1
    _show_inside(machine, tangent, lanes, mirror, times, results, derivatives, first)
    adopt(machine, block)
    _call(tangent.adopt_tangent, block)
    real[NOW, :] = real[REACHED, 0]
    if last:
        whole[PHASE, :] = BREAK


@compiled  # pragma: no cover - runs as machine code
def _follow(
    machine: Machine, tangent: Tangent, lanes: Lanes, mirror: Mirror, control: Control,
    doses: Doses, times: Array, results: Results, derivatives: Array, first: int, refine: bool,
) -> None:  # fmt: skip
    """Integrate the patient in the lanes to the end."""
    block, whole = lanes.block, lanes.whole
    while True:
        if whole[PHASE, 0] == BREAK:
            _cross(machine, tangent, lanes, mirror, doses, times, results, derivatives, first)
        if whole[PHASE, 0] == START:
            _begin(machine, lanes, results)
            if whole[PHASE, 0] == RUN:
                _call(tangent.begin_tangent, block)
        if whole[PHASE, 0] == RUN:
            for lane in range(block.shape[1]):
                _prepare(machine, lanes, lane, control, results)
        if whole[PHASE, 0] == EMPTY:
            return
        _step(machine, tangent, lanes, mirror, control, times, results, derivatives, first, refine)


@compiled  # pragma: no cover - runs as machine code
def _blank(values: Array, derivatives: Array) -> None:
    """Leave no derivative of what is not a number."""
    for place in range(values.shape[0]):
        for j in range(values.shape[1]):
            if math.isnan(values[place, j]):
                derivatives[place, j, :] = np.nan


@entrance  # pragma: no cover - runs as machine code
def differentiate_chunk(
    machine: Machine, tangent: Tangent, lanes: Lanes, mirror: Mirror, control: Control,
    directions: Directions, inputs: Array, doses: Doses, starts: Array, floats: Flags,
    times: Array, results: Results, derivatives: Array, refine: bool,
) -> None:  # fmt: skip
    """Integrate some patients, and differentiate their outputs.

    Parameters
    ----------
    machine, tangent, lanes, mirror, control
        The model's code, memory to work in, and what is asked.
    directions : Directions
        What to differentiate by.
    inputs : ndarray, shape (patients, inputs)
        Input vectors.
    doses : Doses
        When (hours) and how much; one row a patient.
    starts : ndarray, shape (patients,)
        Time at which each integration begins.
    floats : ndarray of bool, shape (patients,)
        Whether that is the patient's first dose and moves with it.
    times : ndarray, shape (times,)
        Output times, not decreasing.
    results : Results
        As in `ketasim.engine.driver.solve_chunk`.
    derivatives : ndarray, shape (patients, times, outputs, directions)
        Filled with NaN beforehand.
    refine : bool
        Whether the error of the derivatives is held to the tolerance too.
    """
    width = lanes.block.shape[1]
    for patient in range(len(inputs)):
        for first in range(0, len(directions.kind), width):
            sound = True
            for lane in range(width):
                sound = _load(
                    machine, lanes, None, lane, np.int64(patient), inputs, starts[patient],
                    times[-1],
                )  # fmt: skip
            if not sound:
                _fail(machine, lanes, 0, results, NON_FINITE)
                break
            _aim(machine, lanes, mirror, directions, first, doses, inputs[patient], tangent.atol)
            mirror.written[0] = 0
            _start(machine, tangent, lanes, mirror, doses, floats[patient])
            _follow(
                machine, tangent, lanes, mirror, control, doses, times, results, derivatives, first,
                refine,
            )  # fmt: skip
            if results.status[patient] != OK:
                break
        _blank(results.values[patient], derivatives[patient])


globals().update(bare(__name__))
