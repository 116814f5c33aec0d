"""The driver's functions compiled for the GPU, with a model's functions in their places.

A function of the driver is Python that numba compiles; for the GPU the very same code objects are
compiled again by numba-cuda, with each function they call replaced by its counterpart there. Only
the handful of functions in `machine` that call generated code are exchanged: on a GPU they call
PTX by name, in the simulator machine code by address.
"""

from __future__ import annotations

import ctypes
import importlib
import inspect
import math
from types import FunctionType
from typing import TYPE_CHECKING, Any, no_type_check

from .. import machine
from .code import to_ptx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..lowering import CompiledKernels
    from .code import DeviceCode

#: The functions of `machine` that call generated code, and how many arrays each passes on.
CALLS = {
    "initialise": 4, "triggers": 4, "effects": 4, "guards": 4,
    "begin": 1, "attempt": 1, "adopt": 1, "interpolant": 1, "look_inside": 1, "look_now": 1,
}  # fmt: skip


class Binder:
    """Makes the GPU's counterparts of compiled functions.

    Parameters
    ----------
    replaced : mapping
        Functions to use in place of those of `machine`, by name.
    """

    def __init__(self, replaced: Mapping[str, Any]) -> None:
        self._device = importlib.import_module("numba.cuda").jit(device=True)
        self._replaced = replaced
        self._made: dict[tuple[str, str], Any] = {}
        self._modules: dict[str, dict[str, Any]] = {}

    def kernel(self, function: Callable[..., None]) -> Callable[..., None]:
        """Return a kernel's function that calls the GPU's counterparts of what it calls.

        Parameters
        ----------
        function : callable
            Plain Python, not compiled.
        """
        return self._rebound(inspect.unwrap(function))

    def _rebound(self, function: Any) -> FunctionType:
        scope = self._scope(function)
        rebound = FunctionType(
            function.__code__, scope, function.__name__, function.__defaults__,
            function.__closure__,
        )  # fmt: skip
        rebound.__module__ = function.__module__
        return rebound

    def _scope(self, function: Any) -> dict[str, Any]:
        """Return a module's names as its functions see them on the GPU."""
        from numba.core.dispatcher import Dispatcher

        if function.__module__ not in self._modules:
            scope = self._modules[function.__module__] = dict(function.__globals__)
            for name, value in list(scope.items()):
                if isinstance(value, Dispatcher):
                    scope[name] = self._counterpart(value.py_func)
        return self._modules[function.__module__]

    def _counterpart(self, function: Any) -> Any:
        key = function.__module__, function.__name__
        if key not in self._made:
            if function.__module__ == machine.__name__ and function.__name__ in self._replaced:
                self._made[key] = self._device(self._replaced[function.__name__])
            else:
                self._made[key] = self._device(self._rebound(function))
        return self._made[key]


def _with_arrays(name: str, call: Any) -> Any:
    """Return a function like the one in `machine`, around one that takes arrays only.

    It is compiled as it stands, so nothing may be wrapped around it to check types.
    """
    if name == "initialise":

        @no_type_check
        def initialise(machine: Any, clock: Any, inputs: Any, begun: Any) -> None:
            call(clock, inputs, inputs, begun)

        return initialise
    if CALLS[name] == 4:

        @no_type_check
        def alone(machine: Any, clock: Any, state: Any, known: Any, out: Any) -> None:
            call(clock, state, known, out)

        return alone

    @no_type_check
    def stepping(machine: Any, block: Any) -> None:
        call(block)

    return stepping


def by_address(code: CompiledKernels) -> dict[str, Callable[..., None]]:
    """Return what stands for the functions of `machine` in the simulator.

    Parameters
    ----------
    code : CompiledKernels
        The GPU's functions, compiled for the processor.
    """

    def calling(name: str) -> Callable[..., None]:
        signature = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * CALLS[name])

        def call(*arrays: Any) -> None:
            # Asked of the code every time, so that the code is kept as long as this function is.
            signature(code.addresses[name])(*(array.ctypes.data for array in arrays))

        return call

    return {name: _with_arrays(name, calling(name)) for name in CALLS if name in code.addresses}


def by_name() -> dict[str, Callable[..., None]]:
    """Return what stands for the functions of `machine` on a GPU: calls of PTX by name."""
    return {name: _with_arrays(name, _external(name)) for name in CALLS}


def _external(name: str) -> Any:
    """Return a function that calls `name` with the addresses of its arguments' data."""
    from llvmlite import ir

    types, extending = _numba_cuda("types"), _numba_cuda("extending")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointers = [
            context.make_array(kind)(context, builder, value).data
            for kind, value in zip(signature.args, args, strict=True)
        ]
        kind = ir.FunctionType(ir.VoidType(), [pointer.type for pointer in pointers])
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        builder.call(function, pointers)
        return context.get_dummy_value()

    @no_type_check
    def with_one(typing_context: Any, a: Any) -> Any:
        return types.void(a), generate

    @no_type_check
    def with_four(typing_context: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        return types.void(a, b, c, d), generate

    return extending.intrinsic(with_one if CALLS[name] == 1 else with_four)


def _numba_cuda(part: str) -> Any:
    return importlib.import_module(f"numba.cuda.{part}")


def linked(code: DeviceCode, capability: tuple[int, int]) -> list[Any]:
    """Return the PTX that a kernel has to be linked with.

    Parameters
    ----------
    code : DeviceCode
        The model's functions.
    capability : tuple of (int, int)
        Compute capability of the GPU.
    """
    texts = [to_ptx(code, capability)]
    texts += [library_ptx(name, capability) for name in code.library]
    return [importlib.import_module("numba.cuda").PTXSource(text) for text in texts]


def library_ptx(name: str, capability: tuple[int, int]) -> str:
    """Return one function of the mathematics library as PTX, under its own name.

    Parameters
    ----------
    name : str
        Its name in Python and C, for instance ``sin``.
    capability : tuple of (int, int)
        Compute capability of the GPU.
    """
    types, function = _numba_cuda("types"), getattr(math, name)

    @no_type_check
    def call(x: Any) -> Any:
        return function(x)

    text, _ = _numba_cuda("compiler").compile(
        call, types.float64(types.float64), abi="c", abi_info={"abi_name": name}, cc=capability,
    )  # fmt: skip
    return text if isinstance(text, str) else bytes(text).decode()
