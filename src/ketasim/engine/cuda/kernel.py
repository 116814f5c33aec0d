"""What one thread of the GPU does: prepare its memory, then solve its patients one by one.

Thread t of T solves patients t, t + T, t + 2 T, ...: threads of a warp have patients that are
neighbours, and one whose patient is done takes its next while the others go on stepping, just as a
lane of the processor does. The functions here are compiled by numba-cuda or run as Python by its
simulator; `binding` puts the GPU's driver in the place of ``solve_chunk``.
"""

from __future__ import annotations

import importlib
import math
from typing import Any, NamedTuple

from ..driver import Control, Doses, Lanes, Results, solve_chunk
from ..driver_events import Events
from ..layout import RTOL, STEP
from ..machine import Machine, bare, compiled
from .code import WARP

#: Where the simulator finds it by name, and exchanges it for its own.
cuda: Any = importlib.import_module("numba.cuda")


class Memory(NamedTuple):
    """What each thread works in; see `driver.Lanes`."""

    block: Any  # (warps, rows, 32)
    real: Any  # (warps, 8, 32)
    whole: Any  # (warps, 8, 32)
    begun: Any  # (threads, what `initialise` writes)
    clock: Any  # (threads, 1)


class Tolerance(NamedTuple):
    """Tolerances, and the row of the block where the absolute ones begin."""

    rtol: float
    atol: float
    row: int


class Cohort(NamedTuple):
    """Patients of one chunk."""

    inputs: Any  # (patients, inputs)
    starts: Any  # (patients,)
    times: Any  # (times,)


class EventTables(NamedTuple):
    """What all threads read of a model's events; see `driver_events.Events`."""

    initially: Any
    persistent: Any
    from_trigger: Any
    ranked: Any
    first: Any
    assigned: Any
    target: Any
    dense: Any


class EventMemory(NamedTuple):
    """What each thread keeps of its events, thread by thread; see `driver_events.Events`."""

    known: Any
    state: Any
    clock: Any
    was: Any
    now: Any
    effect: Any
    waiting: Any
    due: Any
    which: Any
    values: Any


@compiled  # pragma: no cover - runs as machine code
def _lanes(machine: Machine, memory: Memory, tolerance: Tolerance, thread: int) -> Lanes:
    """Return one thread's own memory, ready for its first patient."""
    warp, lane = thread // WARP, thread % WARP
    block = memory.block[warp, :, lane : lane + 1]
    for row in range(block.shape[0]):
        block[row, 0] = 0.0
    block[RTOL, 0], block[STEP, 0] = tolerance.rtol, 1.0
    for row in range(machine.states):
        block[tolerance.row + row, 0] = tolerance.atol
    return Lanes(
        block, memory.real[warp, :, lane : lane + 1], memory.whole[warp, :, lane : lane + 1],
        memory.begun[thread : thread + 1], memory.clock[thread],
    )  # fmt: skip


@compiled  # pragma: no cover - runs as machine code
def _solve_own(
    thread: int, threads: int, machine: Machine, memory: Memory, events: Events | None,
    control: Control, tolerance: Tolerance, cohort: Cohort, doses: Doses, results: Results,
) -> None:  # fmt: skip
    """Solve one thread's patients."""
    for patient in range(thread, cohort.inputs.shape[0], threads):
        results.status[patient], results.steps[patient] = 0, 0
        results.failure[patient], results.culprit[patient] = math.nan, -1
    solve_chunk(
        machine, _lanes(machine, memory, tolerance, thread), events, control,
        cohort.inputs[thread::threads],
        Doses(
            doses.target, doses.start[thread::threads], doses.end[thread::threads],
            doses.amount[thread::threads],
        ),
        cohort.starts[thread::threads], cohort.times,
        Results(
            results.values[thread::threads], results.status[thread::threads],
            results.failure[thread::threads], results.culprit[thread::threads],
            results.steps[thread::threads],
        ),
    )  # fmt: skip


def population(
    machine: Machine, memory: Memory, control: Control, tolerance: Tolerance, cohort: Cohort,
    doses: Doses, results: Results,
) -> None:  # fmt: skip
    """Solve this thread's patients of a model without events."""
    thread = cuda.grid(1)
    if thread < cohort.inputs.shape[0]:
        _solve_own(
            thread, cuda.gridsize(1), machine, memory, None, control, tolerance, cohort, doses,
            results,
        )  # fmt: skip


def population_with_events(
    machine: Machine, memory: Memory, control: Control, tolerance: Tolerance, cohort: Cohort,
    doses: Doses, results: Results, tables: EventTables, kept: EventMemory,
) -> None:  # fmt: skip
    """Solve this thread's patients of a model with events."""
    thread = cuda.grid(1)
    if thread < cohort.inputs.shape[0]:
        events = Events(
            tables.initially, tables.persistent, tables.from_trigger, tables.ranked,
            tables.first, tables.assigned, tables.target, tables.dense, kept.known[thread],
            kept.state[thread], kept.clock[thread], kept.was[thread], kept.now[thread],
            kept.effect[thread], kept.waiting[thread], kept.due[thread], kept.which[thread],
            kept.values[thread],
        )  # fmt: skip
        _solve_own(
            thread, cuda.gridsize(1), machine, memory, events, control, tolerance, cohort, doses,
            results,
        )  # fmt: skip


globals().update(bare(__name__))
