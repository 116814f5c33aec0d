"""From expression graphs to machine code.

Each kernel is one straight-line function ``void kernel(double *t, double *y, double *q,
double *out)``: states are read from `y`, hoisted values (or inputs) from `q`, and every root is
stored in `out`. A kernel of width W does the same for W patients at once, element i of each array
being W neighbouring numbers. The code is written as LLVM's intermediate language with llvmlite,
the library numba itself rests on, because numba's own front end takes minutes for thousands of
lines of straight-line Python where this takes about a second; the same text is compiled for the
processor at hand or for a GPU. What is written holds indices, numbers and the engine's own
names: nothing of a model's text.

No floating-point liberties are left to the optimiser: products are fused with sums where this
file says so and the processor can, nowhere else, so a patient's numbers do not depend on the
width, on the neighbours or on the compiler's mood.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from . import cache as storage
from .expressions import UNARY, Graph
from .ir_math import PLAIN, Arithmetic, Storage, item_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Raised whenever generated code changes, so that older cached kernels are not used.
GENERATOR_VERSION = "2"

_INTRINSIC = {"abs": "fabs", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "sqrt": "sqrt"}
_WRITTEN = {"exp": "exp", "ln": "log"}
_LIBRARY = {name: name for name in UNARY - _INTRINSIC.keys() - _WRITTEN.keys() - {"neg"}}
_BLOCK = 400  # statements in a basic block: LLVM's selection is slower than linear in its size
_SUMS = 8  # sums kept side by side, so that none waits for the one before


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
    width : int
        Patients at once.
    accumulate : bool
        Add the roots to what is in `out` instead of replacing it.
    inputs_at : int
        Place in `q` of the first of a patient's inputs, for what is not hoisted.
    checked : bool
        Store after the last root a number that is 0 where all roots are finite, else NaN.
    storage : Storage
        What a number is, and where the next one lies.
    """

    name: str
    graph: Graph
    roots: tuple[int, ...]
    hoisted: Mapping[int, int]
    width: int = 1
    accumulate: bool = False
    checked: bool = False
    inputs_at: int = 0
    storage: Storage = PLAIN


class CompiledKernels:
    """Machine code of some functions, kept alive as long as this object is.

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


def module_text(
    kernels: Sequence[Kernel],
    functions: Sequence[Callable[[Any, bool], None]] = (),
    *,
    fused: bool = True,
) -> str:
    """Return the kernels, and functions that call them, as LLVM's intermediate language.

    Parameters
    ----------
    kernels : sequence of Kernel
        Functions with distinct names.
    functions : sequence of callable
        Each writes further functions into the module it is given; the second argument tells
        whether fused multiply-adds may be used.
    fused : bool
        Whether they may.
    """
    from llvmlite import ir

    module = ir.Module(name="kernels")
    for kernel in kernels:
        _Writer(module, kernel, fused).write()
    for write in functions:
        write(module, fused)
    return str(module)


def compile_text(text: str, names: Sequence[str]) -> CompiledKernels:
    """Return machine code for a module, from the cache where it is there.

    Parameters
    ----------
    text : str
        What `module_text` returned.
    names : sequence of str
        Functions whose addresses are wanted.
    """
    import llvmlite
    from llvmlite import binding

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
    return CompiledKernels(engine, names, stored is not None)


def compile_kernels(
    kernels: Sequence[Kernel], functions: Sequence[Callable[[Any, bool], None]] = ()
) -> CompiledKernels:
    """Return machine code of kernels for the processor at hand.

    Parameters
    ----------
    kernels, functions
        As for `module_text`; functions that have the attribute ``names`` can be addressed too.
    """
    names = [kernel.name for kernel in kernels]
    for function in functions:
        names += getattr(function, "names", ())
    text = module_text(kernels, functions, fused=has_feature("fma"))
    return compile_text(text, names)


@cache
def _host_features() -> str:
    from llvmlite import binding

    return str(binding.get_host_cpu_features().flatten())


def has_feature(name: str) -> bool:
    """Tell whether the processor at hand has a feature, by LLVM's name for it."""
    from llvmlite import binding

    if name == "fma" and binding.get_process_triple().startswith(("aarch64", "arm64")):
        return True
    return f"+{name}" in _host_features().split(",")


@cache
def lane_count() -> int:
    """Return how many patients are solved at once: twice the numbers in a vector register.

    Two vectors side by side keep the processor busy while one waits for a division.
    """
    if has_feature("avx512f"):
        return 8
    return 4


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
    for name in _LIBRARY.values():
        if not binding.address_of_symbol(name):
            address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
            binding.add_symbol(name, address)


def _compile(text: str, machine: Any) -> bytes:
    from llvmlite import binding

    module = binding.parse_assembly(text)
    module.verify()
    return bytes(machine.emit_object(module))


class _Writer:
    """Writes one kernel into a module."""

    def __init__(self, module: Any, kernel: Kernel, fused: bool) -> None:
        from llvmlite import ir

        self._kernel = kernel
        pointer = item_type(kernel.storage.format).as_pointer()
        signature = ir.FunctionType(ir.VoidType(), [pointer] * 4)
        self._function = ir.Function(module, signature, kernel.name)
        for argument in self._function.args[1:]:
            argument.add_attribute("noalias")
        self._builder = ir.IRBuilder(self._function.append_basic_block())
        self._do = Arithmetic(module, self._builder, kernel.width, fused, kernel.storage)
        self._values: dict[int, Any] = {}
        self._products = self._single_products()

    def _single_products(self) -> frozenset[int]:
        """Return the products used once, by a sum: they are written with it."""
        graph, uses = self._kernel.graph, dict.fromkeys(self._kernel.roots, 2)
        below = graph.reachable(self._kernel.roots, stop=self._kernel.hoisted)
        summed: set[int] = set()
        for node in below:
            if node not in self._kernel.hoisted:
                for arg in graph.args[node]:
                    uses[arg] = uses.get(arg, 0) + 1
                if graph.ops[node] in ("add", "sub"):
                    summed.update(graph.args[node])
        return frozenset(
            node
            for node in summed
            if graph.ops[node] == "mul" and uses[node] == 1 and node not in self._kernel.hoisted
        )

    def write(self) -> None:
        """Write the computation of every root and its store, root by root."""
        do, out = self._do, self._function.args[3]
        count = 0
        sums: list[Any] = []
        for place, root in enumerate(self._kernel.roots):
            for node in self._needed(root):
                self._values[node] = self._statement(node)
                count += 1
                if count % _BLOCK == 0:
                    following = self._function.append_basic_block()
                    self._builder.branch(following)
                    self._builder.position_at_end(following)
            value = self._values[root]
            if self._kernel.accumulate:
                value = do.add(do.load(out, place), value)
            do.store(value, out, place)
            if self._kernel.checked:
                nothing = do.mul(value, do.number(0.0))
                if len(sums) < _SUMS:
                    sums.append(nothing)
                else:
                    sums[place % _SUMS] = do.add(sums[place % _SUMS], nothing)
        if self._kernel.checked:
            total = do.number(0.0)
            for one in sums:
                total = do.add(total, one)
            do.store(total, out, len(self._kernel.roots))
        self._builder.ret_void()

    def _needed(self, root: int) -> list[int]:
        stop = {**self._values, **self._kernel.hoisted}
        below = self._kernel.graph.reachable([root], stop=stop)
        return [n for n in below if n not in self._values and n not in self._products]

    def _statement(self, node: int) -> Any:
        graph, do = self._kernel.graph, self._do
        op = graph.ops[node]
        arguments = self._function.args
        if node in self._kernel.hoisted:
            return do.load(arguments[2], self._kernel.hoisted[node])
        if op == "const":
            return do.number(graph.payload[node])
        if op == "time":
            return do.load(arguments[0], 0)
        if op == "state":
            return do.load(arguments[1], int(graph.payload[node]))
        if op == "input":
            return do.load(arguments[2], int(graph.payload[node]) + self._kernel.inputs_at)
        if op in ("add", "sub"):
            return self._sum(op, *graph.args[node])
        return self._operation(op, [self._values[arg] for arg in graph.args[node]])

    def _sum(self, op: str, a: int, b: int) -> Any:
        """Write a sum or difference, with a product in it fused where there is one."""
        do = self._do
        if b in self._products:
            x, y = self._factors(b)
            return do.multiply_add(x if op == "add" else self._builder.fneg(x), y, self._value(a))
        if a in self._products:
            x, y = self._factors(a)
            c = self._values[b]
            return do.multiply_add(x, y, c if op == "add" else self._builder.fneg(c))
        return (do.add if op == "add" else do.sub)(self._values[a], self._values[b])

    def _factors(self, product: int) -> tuple[Any, Any]:
        x, y = self._kernel.graph.args[product]
        return self._values[x], self._values[y]

    def _value(self, node: int) -> Any:
        """Return a value; a product that its only sum could not take in is written here."""
        if node in self._products:
            self._values[node] = self._do.mul(*self._factors(node))
        return self._values[node]

    def _operation(self, op: str, args: list[Any]) -> Any:
        do, builder = self._do, self._builder
        if op in ("mul", "div"):
            return getattr(do, op)(*args)
        if op == "neg":
            return builder.fneg(args[0])
        if op in ("lt", "le", "eq"):
            return do.compare({"lt": "<", "le": "<=", "eq": "=="}[op], *args)
        if op in ("true", "false"):
            return do.truth(op == "true")
        if op == "and":
            return builder.and_(*args)
        if op == "not":
            return builder.not_(args[0])
        if op == "select":
            return do.select(*args)
        if op == "power":
            return do.power(*args)
        if op == "power_slope":
            return self._power_slope(*args)
        if op in _INTRINSIC:
            return do.intrinsic(_INTRINSIC[op], *args)
        if op in _WRITTEN:
            return getattr(do, _WRITTEN[op])(*args)
        return do.call_each(_LIBRARY[op], *args)

    def _power_slope(self, base: Any, exponent: Any) -> Any:
        """Write a power in a derivative, which is 0 where it would be infinite at 0."""
        do, builder = self._do, self._builder
        zero = do.number(0.0)
        infinite = builder.and_(do.compare("<=", base, zero), do.compare("<", exponent, zero))
        return do.select(infinite, zero, do.power(base, exponent))
