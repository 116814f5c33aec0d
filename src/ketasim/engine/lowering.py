"""From expression graphs to machine code.

Each kernel is one straight-line function ``void kernel(double t, double *y, double *q,
double *out)``: states are read from `y`, hoisted values (or inputs) from `q`, and every root is
stored in `out`. The code is written as LLVM's intermediate language with llvmlite, the library
numba itself rests on, because numba's own front end takes minutes for thousands of lines of
straight-line Python where this takes about a second. No floating-point liberties are taken: no
contraction, no reassociation, so a patient's numbers do not depend on the optimiser's mood.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from . import cache as storage
from .expressions import POWER_SLACK, UNARY, Graph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Raised whenever generated code changes, so that older cached kernels are not used.
GENERATOR_VERSION = "1"

_INTRINSIC = {"abs": "llvm.fabs.f64", "floor": "llvm.floor.f64", "ceil": "llvm.ceil.f64",
              "trunc": "llvm.trunc.f64", "sqrt": "llvm.sqrt.f64"}  # fmt: skip
_LIBRARY = {name: name for name in UNARY - _INTRINSIC.keys() - {"neg", "ln"}} | {"ln": "log"}
_BLOCK = 400  # statements in a basic block: LLVM's selection is slower than linear in its size


@dataclass(frozen=True)
class Kernel:
    """One function to compile.

    Attributes
    ----------
    name : str
        Name of the function, a plain identifier.
    graph : Graph
        Where the nodes live.
    roots : tuple of int
        Nodes to store, in the order of `out`.
    hoisted : mapping of int to int
        Nodes read from `q` instead of being computed, and their places there.
    """

    name: str
    graph: Graph
    roots: tuple[int, ...]
    hoisted: Mapping[int, int]


class CompiledKernels:
    """Machine code of some kernels, kept alive as long as this object is.

    Attributes
    ----------
    addresses : dict of str to int
        Address of each function.
    from_cache : bool
        True where no compilation was needed.
    """

    def __init__(self, engine: Any, names: Sequence[str], from_cache: bool) -> None:
        self._engine = engine
        self.addresses = {name: int(engine.get_function_address(name)) for name in names}
        self.from_cache = from_cache


def compile_kernels(kernels: Sequence[Kernel]) -> CompiledKernels:
    """Return machine code for `kernels`, from the cache where it is there.

    Parameters
    ----------
    kernels : sequence of Kernel
        Functions with distinct names.
    """
    import llvmlite  # type: ignore[import-untyped]
    from llvmlite import binding

    text = _module_text(kernels)
    machine = _target_machine()
    key = storage.content_key(GENERATOR_VERSION, str(llvmlite.__version__), machine.triple,
                              binding.get_host_cpu_name(), _host_features(), text)  # fmt: skip
    stored = storage.read(key)
    content = stored if stored is not None else _compile(text, machine)
    if stored is None:
        storage.write(key, content)
    # An engine needs a module to own, even where all its code comes from an object file.
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _target_machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(content))
    engine.finalize_object()
    return CompiledKernels(engine, [k.name for k in kernels], stored is not None)


@cache
def _host_features() -> str:
    from llvmlite import binding

    return str(binding.get_host_cpu_features().flatten())


def _target_machine() -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    _register_mathematics()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=_host_features(), opt=2, jit=True
    )


@cache
def _register_mathematics() -> None:
    """Tell LLVM where the C mathematics library is, where the process does not already know."""
    from llvmlite import binding

    library = ctypes.CDLL(ctypes.util.find_library("m") or None)
    for name in (*_LIBRARY.values(), "pow"):
        if not binding.address_of_symbol(name):
            address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
            binding.add_symbol(name, address)


def _compile(text: str, machine: Any) -> bytes:
    from llvmlite import binding

    module = binding.parse_assembly(text)
    module.verify()
    return bytes(machine.emit_object(module))


def _module_text(kernels: Sequence[Kernel]) -> str:
    from llvmlite import ir

    module = ir.Module(name="kernels")
    for kernel in kernels:
        _Writer(module, kernel).write()
    return str(module)


class _Writer:
    """Writes one kernel into a module."""

    def __init__(self, module: Any, kernel: Kernel) -> None:
        from llvmlite import ir

        self._ir = ir
        self._module = module
        self._kernel = kernel
        self._double = ir.DoubleType()
        pointer = self._double.as_pointer()
        signature = ir.FunctionType(ir.VoidType(), [self._double, pointer, pointer, pointer])
        self._function = ir.Function(module, signature, kernel.name)
        for argument in self._function.args[1:]:
            argument.add_attribute("noalias")
        self._builder = ir.IRBuilder(self._function.append_basic_block())
        self._values: dict[int, Any] = {}

    def write(self) -> None:
        """Write the computation of every root and its store, root by root."""
        count = 0
        for place, root in enumerate(self._kernel.roots):
            for node in self._needed(root):
                self._values[node] = self._statement(node)
                count += 1
                if count % _BLOCK == 0:
                    following = self._function.append_basic_block()
                    self._builder.branch(following)
                    self._builder.position_at_end(following)
            self._builder.store(self._values[root], self._place(3, place))
        self._builder.ret_void()

    def _needed(self, root: int) -> list[int]:
        stop = {**self._values, **self._kernel.hoisted}
        below = self._kernel.graph.reachable([root], stop=stop)
        return [node for node in below if node not in self._values]

    def _place(self, argument: int, index: int) -> Any:
        offset = self._ir.Constant(self._ir.IntType(64), index)
        return self._builder.gep(self._function.args[argument], [offset])

    def _number(self, value: float) -> Any:
        return self._ir.Constant(self._double, value)

    def _statement(self, node: int) -> Any:
        graph, builder = self._kernel.graph, self._builder
        op = graph.ops[node]
        if node in self._kernel.hoisted:
            return builder.load(self._place(2, self._kernel.hoisted[node]))
        if op == "const":
            return self._number(graph.payload[node])
        if op == "time":
            return self._function.args[0]
        if op in ("state", "input"):
            return builder.load(self._place(1 if op == "state" else 2, int(graph.payload[node])))
        return self._operation(op, [self._values[arg] for arg in graph.args[node]])

    def _operation(self, op: str, args: list[Any]) -> Any:
        builder = self._builder
        if op in ("add", "sub", "mul", "div"):
            return getattr(builder, "f" + op)(*args)
        if op == "neg":
            return builder.fneg(args[0])
        if op in ("lt", "le", "eq"):
            return builder.fcmp_ordered({"lt": "<", "le": "<=", "eq": "=="}[op], *args)
        if op in ("true", "false"):
            return self._ir.Constant(self._ir.IntType(1), int(op == "true"))
        if op == "and":
            return builder.and_(*args)
        if op == "not":
            return builder.not_(args[0])
        if op == "select":
            return builder.select(*args)
        if op in ("power", "power_slope"):
            return self._power(op, *args)
        return self._call(_INTRINSIC.get(op) or _LIBRARY[op], args)

    def _power(self, op: str, base: Any, exponent: Any) -> Any:
        """Write a power: tiny negative bases count as zero unless the exponent is an integer."""
        builder, zero = self._builder, self._number(0.0)
        whole = builder.fcmp_ordered("==", self._call(_INTRINSIC["floor"], [exponent]), exponent)
        below = builder.fcmp_ordered("<", base, zero)
        slight = builder.fcmp_ordered(">", base, self._number(-POWER_SLACK))
        clamped = builder.and_(builder.and_(below, slight), builder.not_(whole))
        result = self._call("pow", [builder.select(clamped, zero, base), exponent])
        if op == "power":
            return result
        infinite = builder.and_(
            builder.fcmp_ordered("<=", base, zero), builder.fcmp_ordered("<", exponent, zero)
        )
        return builder.select(infinite, zero, result)

    def _call(self, name: str, args: list[Any]) -> Any:
        function = self._module.globals.get(name)
        if function is None:
            signature = self._ir.FunctionType(self._double, [self._double] * len(args))
            function = self._ir.Function(self._module, signature, name)
        return self._builder.call(function, args)
