"""What derivatives do at breakpoints: doses, switching times, the ends of a run.

A breakpoint is crossed at a time that may move with what a lane varies. Several at one time may
move apart. They do so by a vanishing amount, in the order in which a slight increase puts them,
and what lies between them is one step of vanishing length, whose derivative is the right-hand
side there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..driver import NOW, PATIENT, PREVIOUS, Doses, Lanes
from ..machine import Machine, _call_with, bare, compiled

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


class Tangent(NamedTuple):
    """Addresses of a model's functions for derivatives, and rows of the block."""

    initialise_tangent: int
    begin_tangent: int
    attempt_tangent: int
    adopt_tangent: int
    interpolant_tangent: int
    look_inside_tangent: int
    look_now_tangent: int
    rates: int
    atol: int
    stage: int
    outputs: int


class Mirror(NamedTuple):
    """The tangents of a block, and what else the lanes keep; `shape`: see each line."""

    rows: Array  # (rows of a block, lanes)
    begun: Array  # (sizes of what `initialise` writes, lanes)
    amount: Array  # (doses, lanes)
    start: Array  # (doses, lanes)
    end: Array  # (doses, lanes)
    early: Array  # (lanes,) of the segment's end, as its last step sees it
    late: Array  # (lanes,) of the segment's beginning
    between: Array  # (states, lanes) the state between breakpoints at one time
    drift: Array  # (states, lanes) and its slope
    clock: Array  # (1, lanes)
    fixed: Array  # (states, lanes) the state's tangent at a time that stays
    void: Array  # (lanes,) 1 where a derivative by this direction is not defined
    jump: Array  # (lanes,) 1 where an output jumps at a time that moves
    steps: Array  # (limit, 2) beginnings and sizes of accepted steps, as many as fit
    written: Whole  # (1,) how many there are


@compiled  # pragma: no cover - runs as machine code
def meet(
    machine: Machine, lanes: Lanes, mirror: Mirror, doses: Doses, time: float, floats: bool
) -> None:
    """Find how the first and the last of the breakpoints at a time move, in each lane.

    `floats` tells that the time is one only because of them, and not for its own sake.
    """
    slack, patient = 1e-12 * max(1.0, abs(time)), lanes.whole[PATIENT, 0]
    offset = machine.constants + 2 * machine.states
    switches = lanes.begun[0, offset:]
    for lane in range(lanes.block.shape[1]):
        low, high = math.inf, -math.inf
        if not floats:
            low, high = 0.0, 0.0
        for i in range(len(doses.target)):
            if doses.amount[patient, i] != 0.0:
                if abs(doses.start[patient, i] - time) <= slack:
                    low = min(low, mirror.start[i, lane])
                    high = max(high, mirror.start[i, lane])
                if abs(doses.end[patient, i] - time) <= slack:
                    low, high = min(low, mirror.end[i, lane]), max(high, mirror.end[i, lane])
        for i in range(len(switches)):
            if abs(switches[i] - time) <= slack:
                moves = mirror.begun[offset + i, lane]
                low, high = min(low, moves), max(high, moves)
        if low > high:
            low, high = 0.0, 0.0
        mirror.early[lane], mirror.late[lane] = low, high


@compiled  # pragma: no cover - runs as machine code
def _is_later(mirror: Mirror, lane: int, moves: float) -> bool:
    """Tell whether a breakpoint is crossed after those of its time that move least."""
    early, late = mirror.early[lane], mirror.late[lane]
    return moves != early or (early == late and moves != 0.0)


@compiled  # pragma: no cover - runs as machine code
def _bolus(
    machine: Machine, lanes: Lanes, mirror: Mirror, i: int, lane: int, doses: Doses
) -> float:
    """Return the tangent of what a bolus adds."""
    row, amount = machine.constants + machine.states + doses.target[i], doses.amount
    more: float = mirror.amount[i, lane] * lanes.begun[0, row]
    return more + float(amount[lanes.whole[PATIENT, 0], i] * mirror.begun[row, lane])


@compiled  # pragma: no cover - runs as machine code
def _infusion(
    machine: Machine, lanes: Lanes, mirror: Mirror, i: int, lane: int, doses: Doses
) -> float:
    """Return the tangent of an infusion's rate."""
    patient, offset = lanes.whole[PATIENT, 0], machine.constants + machine.states
    span: float = doses.end[patient, i] - doses.start[patient, i]
    rate: float = doses.amount[patient, i] / span * lanes.begun[0, offset + doses.target[i]]
    longer: float = (mirror.end[i, lane] - mirror.start[i, lane]) / span
    return _bolus(machine, lanes, mirror, i, lane, doses) / span - rate * longer


@compiled  # pragma: no cover - runs as machine code
def look_between(
    machine: Machine, tangent: Tangent, lanes: Lanes, mirror: Mirror, doses: Doses
) -> None:
    """Compute the slope between the breakpoints of the present time, in each lane."""
    block, patient, time = lanes.block, lanes.whole[PATIENT, 0], lanes.real[NOW, 0]
    slack, previous = 1e-12 * max(1.0, abs(time)), lanes.real[PREVIOUS, 0]
    offset = machine.constants + machine.states
    switches = lanes.begun[0, offset + machine.states :]
    for lane in range(block.shape[1]):
        for i in range(machine.states):
            mirror.between[i, lane], mirror.drift[i, lane] = block[machine.y + i, lane], 0.0
        for i in range(len(doses.target)):
            start, end, target = doses.start[patient, i], doses.end[patient, i], doses.target[i]
            given = doses.amount[patient, i] * lanes.begun[0, offset + target]
            begun = start <= time + slack
            if abs(start - time) <= slack and _is_later(mirror, lane, mirror.start[i, lane]):
                begun = False
            if end == start:
                if begun and start > previous:
                    mirror.between[target, lane] += given
                continue
            over = end <= time + slack
            if abs(end - time) <= slack and _is_later(mirror, lane, mirror.end[i, lane]):
                over = False
            if begun and not over:
                mirror.drift[target, lane] += given / (end - start)
        # An equation that switches here is asked on the side where it is between the two.
        side = 1.0
        for i in range(len(switches)):
            moves = mirror.begun[offset + machine.states + i, lane]
            if abs(switches[i] - time) <= slack and _is_later(mirror, lane, moves):
                side = -1.0
        mirror.clock[0, lane] = time + side * 1e-14 * max(1.0, abs(time))
    _call_with(tangent.rates, mirror.clock, mirror.between, block[machine.q :], mirror.drift)


@compiled  # pragma: no cover - runs as machine code
def give(machine: Machine, lanes: Lanes, mirror: Mirror, doses: Doses) -> None:
    """Bring the tangents over a breakpoint, and find those at the time itself, which stays."""
    patient, time = lanes.whole[PATIENT, 0], lanes.real[NOW, 0]
    slack, previous = 1e-12 * max(1.0, abs(time)), lanes.real[PREVIOUS, 0]
    rows = mirror.rows
    for lane in range(rows.shape[1]):
        early, late = mirror.early[lane], mirror.late[lane]
        mirror.jump[lane] = 0.0
        for i in range(machine.states):
            mirror.fixed[i, lane] = rows[machine.y + i, lane]
            rows[machine.infusion + i, lane] = 0.0
            if early != 0.0:
                mirror.fixed[i, lane] -= mirror.drift[i, lane] * early
            if late != early:
                rows[machine.y + i, lane] += mirror.drift[i, lane] * (late - early)
        for i in range(len(doses.target)):
            start, end, target = doses.start[patient, i], doses.end[patient, i], doses.target[i]
            if doses.amount[patient, i] == 0.0:
                continue
            if end == start:
                if previous < start <= time + slack:
                    change = _bolus(machine, lanes, mirror, i, lane, doses)
                    rows[machine.y + target, lane] += change
                    mirror.fixed[target, lane] += change
                    if mirror.start[i, lane] != 0.0:
                        mirror.jump[lane] = 1.0
            elif start <= time + slack and end > time + slack:
                change = _infusion(machine, lanes, mirror, i, lane, doses)
                rows[machine.infusion + target, lane] += change
        if late == 0.0:
            for i in range(machine.states):
                mirror.fixed[i, lane] = rows[machine.y + i, lane]


globals().update(bare(__name__))
