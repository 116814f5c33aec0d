"""Events inside the integrator: when one fires, what it does, what waits for its delay.

The meaning is that of the SBML specification (Level 3 Version 2 Core, section 4.11): an event
fires when its trigger goes from false to true; its delay counts from there; its values are
computed at the trigger or at the execution, as it says; one that does not persist is forgotten
when its trigger goes false before it is executed; among those due at one time the one of highest
priority is executed first, and every execution may change all triggers.

A trigger that turns inside a step is found by asking at several places of the step's interpolant,
then by bisection to the rounding of time; the step is cut right behind the turn.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .layout import STEP, TIME
from .machine import Machine, bare, compiled, effects, triggers, uncover

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

#: Places in a step at which triggers are asked.
PROBES = 8
#: Events that may wait at once in a patient, and executions at one time.
WAITING_LIMIT = 256
CASCADE_LIMIT = 10_000


class Events(NamedTuple):
    """A model's events, and for each lane what they are up to."""

    initially: Whole  # (events,) trigger's value before the start
    persistent: Whole  # (events,)
    from_trigger: Whole  # (events,) values are those at the trigger
    ranked: Whole  # (events,) has a priority
    first: Whole  # (events,) place of the delay among the effects; priority and values follow
    assigned: Whole  # (events,) number of assignments
    target: Whole  # (effects,) state that an effect sets, -1 for delays and priorities
    dense: Array  # (3, stages) weights of the interpolant
    known: Array  # (lanes, constants and inputs)
    state: Array  # (lanes, states)
    clock: Array  # (1,)
    was: Array  # (lanes, events) triggers as last seen
    now: Array  # (events,)
    effect: Array  # (effects,)
    waiting: Whole  # (lanes,) how many wait
    due: Array  # (lanes, limit) when
    which: Whole  # (lanes, limit) which event
    values: Array  # (lanes, limit, most assignments) new values kept from the trigger


@compiled  # pragma: no cover - runs as machine code
def forget_events(events: Events, lane: int, inputs: Array, begun: Array, constants: int) -> None:
    """Set a lane's events to where a new patient starts."""
    events.waiting[lane] = 0
    for e in range(len(events.initially)):
        events.was[lane, e] = events.initially[e]
    for i in range(constants):
        events.known[lane, i] = begun[i]
    for i in range(len(inputs)):
        events.known[lane, constants + i] = inputs[i]


@compiled  # pragma: no cover - runs as machine code
def next_pending(events: Events, lane: int, end: float) -> float:
    """Return the time of the next delayed event, or `end` where none is earlier."""
    for w in range(events.waiting[lane]):
        end = min(end, events.due[lane, w])
    return end


@compiled  # pragma: no cover - runs as machine code
def _inside(machine: Machine, events: Events, lane: int, block: Array, x: float) -> None:
    """Write the state a fraction `x` into the last step."""
    n = machine.states
    for i in range(n):
        inner = 0.0
        for m in range(2, -1, -1):
            total = 0.0
            for j in range(machine.stages):
                total += events.dense[m, j] * block[machine.k + j * n + i, lane]
            inner = x * inner + total
        y, new = block[machine.y + i, lane], block[machine.new + i, lane]
        events.state[lane, i] = y + x * (new - y + (1.0 - x) * inner)


@compiled  # pragma: no cover - runs as machine code
def _turned(machine: Machine, events: Events, lane: int, block: Array, x: float) -> bool:
    """Tell whether any trigger is not what it was, a fraction `x` into the last step."""
    _inside(machine, events, lane, block, x)
    events.clock[0] = block[TIME, lane] + x * block[STEP, lane]
    triggers(machine, events.clock, events.state[lane], events.known[lane], events.now)
    different = False
    for e in range(len(events.initially)):
        different = different or events.now[e] != events.was[lane, e]
    return different


@compiled  # pragma: no cover - runs as machine code
def cut_at_event(machine: Machine, events: Events, lane: int, block: Array) -> float:
    """Return how far into its last step a lane may go: 1, or to where a trigger has just turned.

    In the latter case the state there is left in ``events.state``.
    """
    low = 0.0
    for probe in range(1, PROBES + 1):
        high = probe / PROBES
        if _turned(machine, events, lane, block, high):
            break
        low = high
    else:
        return 1.0
    rounding = 2e-16 * max(1.0, abs(block[TIME, lane])) / block[STEP, lane]
    while high - low > max(rounding, 2e-16 * high):
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            break
        if _turned(machine, events, lane, block, middle):
            high = middle
        else:
            low = middle
    _turned(machine, events, lane, block, high)
    return high if high < 1.0 else 1.0 - 1e-16


@compiled  # pragma: no cover - runs as machine code
def _enqueue(machine: Machine, events: Events, lane: int, event: int, time: float) -> bool:
    """Let an event wait until its delay is over; return False where too many wait."""
    place = events.waiting[lane]
    if place >= WAITING_LIMIT:
        return False
    effects(machine, events.clock, events.state[lane], events.known[lane], events.effect)
    delay = events.effect[events.first[event]]
    if not delay >= 0.0:
        return False
    events.due[lane, place], events.which[lane, place] = time + delay, event
    for j in range(events.assigned[event]):
        events.values[lane, place, j] = events.effect[events.first[event] + 2 + j]
    events.waiting[lane] += 1
    return True


@compiled  # pragma: no cover - runs as machine code
def _drop(events: Events, lane: int, place: int) -> None:
    """Forget one that waits; the others keep their order."""
    for w in range(place, events.waiting[lane] - 1):
        events.due[lane, w] = events.due[lane, w + 1]
        events.which[lane, w] = events.which[lane, w + 1]
        for j in range(events.values.shape[2]):
            events.values[lane, w, j] = events.values[lane, w + 1, j]
    events.waiting[lane] -= 1


@compiled  # pragma: no cover - runs as machine code
def _look(machine: Machine, events: Events, lane: int, clock: float, time: float) -> bool:
    """Compare all triggers with what they were at `clock`; return False where too many wait."""
    events.clock[0] = clock
    triggers(machine, events.clock, events.state[lane], events.known[lane], events.now)
    for e in range(len(events.initially)):
        before, after = events.was[lane, e], events.now[e]
        events.was[lane, e] = after
        if before == 0.0 and after != 0.0 and not _enqueue(machine, events, lane, e, time):
            return False
        if after == 0.0 and before != 0.0 and events.persistent[e] == 0:
            for w in range(events.waiting[lane] - 1, -1, -1):
                if events.which[lane, w] == e:
                    _drop(events, lane, w)
    return True


@compiled  # pragma: no cover - runs as machine code
def _next_due(machine: Machine, events: Events, lane: int, time: float) -> int:
    """Return the place of the event to execute now, the highest priority first; -1 for none."""
    best, highest = -1, -math.inf
    effects(machine, events.clock, events.state[lane], events.known[lane], events.effect)
    for w in range(events.waiting[lane]):
        event = events.which[lane, w]
        if events.due[lane, w] > time + 1e-12 * max(1.0, abs(time)):
            continue
        rank = -1e308
        if events.ranked[event]:
            rank = events.effect[events.first[event] + 1]
        if rank > highest:
            best, highest = w, rank
    return best


@compiled  # pragma: no cover - runs as machine code
def _execute(machine: Machine, events: Events, lane: int, place: int) -> None:
    """Give the states of one event their new values, all at once."""
    event = events.which[lane, place]
    effects(machine, events.clock, events.state[lane], events.known[lane], events.effect)
    for j in range(events.assigned[event]):
        at = events.first[event] + 2 + j
        value = events.effect[at]
        if events.from_trigger[event]:
            value = events.values[lane, place, j]
        events.state[lane, events.target[at]] = value
    _drop(events, lane, place)


@compiled  # pragma: no cover - runs as machine code
def fire_events(machine: Machine, events: Events, lane: int, block: Array, time: float) -> bool:
    """Fire and execute what is due at a breakpoint; return False where that has no end.

    Triggers are asked at the time and just behind it, since ``time > 5`` is false at 5.
    """
    for i in range(machine.states):
        events.state[lane, i] = block[machine.y + i, lane]
    clock = time
    for _ in range(CASCADE_LIMIT):
        if not _look(machine, events, lane, clock, time):
            return False
        place = _next_due(machine, events, lane, time)
        if place >= 0:
            _execute(machine, events, lane, place)
        elif clock == time:
            clock = time + 1e-14 * max(1.0, abs(time))
        else:
            uncover(machine, events.state[lane], block, lane)
            return True
    return False


globals().update(bare(__name__))
