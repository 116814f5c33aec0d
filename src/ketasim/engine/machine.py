"""A model's machine code as the driver calls it, and how the driver itself is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

Array = NDArray[np.float64]
_F = TypeVar("_F", bound=Callable[..., Any])


class Machine(NamedTuple):
    """Addresses of a model's functions, sizes, and rows of the block (see `layout`)."""

    initialise: int
    begin: int
    attempt: int
    adopt: int
    interpolant: int
    look_inside: int
    look_now: int
    triggers: int
    effects: int
    states: int
    constants: int
    stages: int
    slopes: int
    y: int
    infusion: int
    q: int
    now: int
    ahead: int
    new: int
    k: int
    lu: int
    outputs: int


_bare: dict[str, dict[str, Any]] = {}


def compiled(function: _F) -> _F:
    """Compile with numba for calls from compiled code only; see `entrance`."""
    # A wrapper for Python takes longer to compile than most of these functions.
    return _compile(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def entrance(function: _F) -> _F:
    """Compile with numba a function that Python calls."""
    return _compile(function)


def _compile(function: _F, **options: bool) -> _F:
    """Compile with numba, kept on disk where a folder for that can be written."""
    decorate: Any = numba.njit
    options |= {"nogil": True, "fastmath": False}
    try:
        result = decorate(cache=True, error_model="numpy", **options)(function)
    except RuntimeError:  # numba found no folder it may write to
        result = decorate(error_model="numpy", **options)(function)
    _bare.setdefault(function.__module__, {})[function.__name__] = result
    return cast("_F", result)


def bare(module: str) -> dict[str, Any]:
    """Return the compiled functions of a module as numba made them.

    Checks of types at run time wrap every function, but numba has to meet its own kind bare: a
    module of compiled functions ends with ``globals().update(bare(__name__))``.
    """
    return _bare.get(module, {})


def _caller(count: int) -> Any:
    """Return a function that calls the machine code at an address with `count` arrays' data."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointers = [
            context.make_array(kind)(context, builder, value).data
            for kind, value in zip(signature.args[1:], args[1:], strict=True)
        ]
        kind = ir.FunctionType(ir.VoidType(), [pointer.type for pointer in pointers])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), pointers)
        return context.get_dummy_value()

    def with_one(typing_context: Any, address: Any, a: Any) -> tuple[Any, Any]:
        return types.void(types.intp, a), generate

    def with_four(
        typing_context: Any, address: Any, a: Any, b: Any, c: Any, d: Any
    ) -> tuple[Any, Any]:
        return types.void(types.intp, a, b, c, d), generate

    return intrinsic(with_one if count == 1 else with_four)


_call: Any = _caller(1)
_call_with: Any = _caller(4)


@compiled  # pragma: no cover - runs as machine code
def initialise(machine: Machine, clock: Array, inputs: Array, begun: Array) -> None:
    """Write a patient's constants, initial state, dose factors and switching times."""
    _call_with(machine.initialise, clock, inputs, inputs, begun)


@compiled  # pragma: no cover - runs as machine code
def begin(machine: Machine, block: Array) -> None:
    """Linearise, and choose a first step (`stepping`)."""
    _call(machine.begin, block)


@compiled  # pragma: no cover - runs as machine code
def attempt(machine: Machine, block: Array) -> None:
    """Try a step (`stepping`)."""
    _call(machine.attempt, block)


@compiled  # pragma: no cover - runs as machine code
def adopt(machine: Machine, block: Array) -> None:
    """Make the new state the present one (`stepping`)."""
    _call(machine.adopt, block)


@compiled  # pragma: no cover - runs as machine code
def interpolant(machine: Machine, block: Array) -> None:
    """Compute the interpolant of the last step (`stepping`)."""
    _call(machine.interpolant, block)


@compiled  # pragma: no cover - runs as machine code
def look_inside(machine: Machine, block: Array) -> None:
    """Compute the outputs inside the last step (`stepping`)."""
    _call(machine.look_inside, block)


@compiled  # pragma: no cover - runs as machine code
def look_now(machine: Machine, block: Array) -> None:
    """Compute the outputs at the present state (`stepping`)."""
    _call(machine.look_now, block)


@compiled  # pragma: no cover - runs as machine code
def triggers(machine: Machine, clock: Array, state: Array, known: Array, out: Array) -> None:
    """Tell which triggers of events hold, one patient at a time."""
    _call_with(machine.triggers, clock, state, known, out)


@compiled  # pragma: no cover - runs as machine code
def effects(machine: Machine, clock: Array, state: Array, known: Array, out: Array) -> None:
    """Compute delays, priorities and new values of events, one patient at a time."""
    _call_with(machine.effects, clock, state, known, out)


@compiled  # pragma: no cover - runs as machine code
def uncover(machine: Machine, state: Array, block: Array, lane: int) -> None:
    """Put one patient's state, or what replaces it, back into the block."""
    for i in range(machine.states):
        block[machine.y + i, lane] = state[i]


globals().update(bare(__name__))
