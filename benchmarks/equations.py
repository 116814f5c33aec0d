"""A model's equations as straight-line Python, for engines that take a right-hand side.

What does not change within a patient's run is taken out and computed once; equal parts are
computed once; the Jacobian is exact. It is what a careful user would write by hand, so no peer
is slowed down by a clumsy right-hand side.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

import numpy as np

from ketasim.engine.differentiation import jacobian
from ketasim.engine.network import Network

from .columns import evaluate_columns

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "eq": "=="}
_NAMES = {"ln": "log", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh"}
_NAMES |= {"acosh": "arccosh", "atanh": "arctanh"}

#: The engine's own clamp in powers: a base slightly below zero is zero.
_HELPERS = """
@njit(inline="always")
def power(x, n):
    if x < 0.0 and x > -1e-4 and n != np.floor(n):
        x = 0.0
    return x ** n


@njit(inline="always")
def power_slope(x, n):
    if x <= 0.0 and n < 0.0:
        return 0.0
    return power(x, n)


@njit(inline="always")
def select(c, a, b):
    return a if c else b
"""
_HELPERS_JAX = """
def power(x, n):
    small = (x < 0.0) & (x > -1e-4) & (n != np.floor(n))
    x = np.where(small, 0.0, x)
    # The inner choice keeps the derivative at zero finite.
    inside = np.where(x > 0.0, x, 1.0)
    return np.where(x > 0.0, inside ** n, np.where(x == 0.0, np.where(n == 0.0, 1.0, 0.0), x ** n))


power_slope = power


def select(c, a, b):
    return np.where(c, a, b)
"""


@dataclass(frozen=True, eq=False)
class Equations:
    """A model's right-hand side, Jacobian and outputs, over states, constants and input rates."""

    network: Network
    outputs: tuple[str, ...]
    dosed: tuple[int, ...]

    @cached_property
    def entries(self) -> dict[tuple[int, int], int]:
        """Nodes of the Jacobian's entries by row and column."""
        network = self.network
        return jacobian(network.graph, network.rates, network.cuts)[0]

    @cached_property
    def _observed(self) -> tuple[int, ...]:
        return tuple(self.network.output_nodes(self.outputs))

    @cached_property
    def constants(self) -> tuple[int, ...]:
        """Nodes that a run needs and that do not change in it."""
        graph = self.network.graph
        roots = [*self.network.rates, *self.entries.values(), *self._observed]
        found: dict[int, None] = {}
        for node in graph.reachable(roots):
            if graph.varies(node):
                found |= dict.fromkeys(arg for arg in graph.args[node] if not graph.varies(arg))
        found |= dict.fromkeys(node for node in roots if not graph.varies(node))
        return tuple(node for node in found if graph.ops[node] not in ("const", "true", "false"))

    def values(self, inputs: np.ndarray) -> np.ndarray:
        """Return the constants of all patients, shape (patients, constants)."""
        return evaluate_columns(self.network.graph, self.constants, inputs)

    # code -----------------------------------------------------------------------------------
    def _lines(self, roots: Sequence[int]) -> list[str]:
        graph, lines = self.network.graph, []
        place = {node: index for index, node in enumerate(self.constants)}
        for node in graph.reachable(roots, stop=place):
            if node in place:
                lines.append(f"v{node} = c[{place[node]}]")
            elif graph.ops[node] != "const":
                lines.append(f"v{node} = {self._expression(node)}")
        return lines

    def _expression(self, node: int) -> str:
        graph = self.network.graph
        op = graph.ops[node]
        if op == "state":
            return f"y[{int(graph.payload[node])}]"
        if op == "time":
            return "t"
        if op in ("true", "false"):
            return op.capitalize()
        args = [self._name(arg) for arg in graph.args[node]]
        if op in _INFIX:
            return f"{args[0]} {_INFIX[op]} {args[1]}"
        if op == "neg":
            return f"-{args[0]}"
        if op == "and":
            return f"np.logical_and({args[0]}, {args[1]})"
        if op == "not":
            return f"np.logical_not({args[0]})"
        if op in ("select", "power", "power_slope"):
            return f"{op}({', '.join(args)})"
        return f"np.{_NAMES.get(op, op)}({args[0]})"

    def _name(self, node: int) -> str:
        value = self.network.graph.value(node)
        if value is not None:
            return f"({value!r})" if np.isfinite(value) else f"np.float64('{value}')"
        return f"v{node}"

    def _rhs_terms(self) -> list[str]:
        places = {place: index for index, place in enumerate(self.dosed)}
        terms = []
        for state, node in enumerate(self.network.rates):
            given = f" + r[{places[state]}]" if state in places else ""
            terms.append(f"{self._name(node)}{given}")
        return terms

    def source(self) -> str:
        """Return a module for numba: rhs, jac (row by row) and observe, all in place."""
        size = len(self.network.states)
        rhs = [*self._lines(self.network.rates)]
        rhs += [f"d[{state}] = {term}" for state, term in enumerate(self._rhs_terms())]
        jac = [*self._lines(list(self.entries.values()))]
        jac += [f"J[{i}, {j}] = {self._name(node)}" for (i, j), node in self.entries.items()]
        seen = [*self._lines(self._observed)]
        seen += [f"out[{index}] = {self._name(node)}" for index, node in enumerate(self._observed)]
        parts = [
            "import numpy as np\nfrom numba import njit\n",
            f"SIZE = {size}\n{_HELPERS}",
            _function("rhs(t, y, c, r, d)", rhs),
            _function("jac(t, y, c, J)", jac),
            _function("observe(t, y, c, out)", seen),
        ]
        return "\n\n".join(parts) + "\n"

    def source_jax(self) -> str:
        """Return a module for JAX: rhs and observe return stacked arrays."""
        rhs = [*self._lines(self.network.rates)]
        rhs.append(
            f"return np.stack([{', '.join(f'0.0 * y[0] + {t}' for t in self._rhs_terms())}])"
        )
        seen = [*self._lines(self._observed)]
        names = ", ".join(f"0.0 * y[0] + {self._name(node)}" for node in self._observed)
        seen.append(f"return np.stack([{names}])")
        parts = [
            f"import jax.numpy as np\n{_HELPERS_JAX}",
            _function("rhs(t, y, c, r)", rhs, compiled=False),
            _function("observe(t, y, c)", seen, compiled=False),
        ]
        return "\n\n".join(parts) + "\n"


def _function(signature: str, lines: Sequence[str], compiled: bool = True) -> str:
    mark = '@njit(error_model="numpy", cache=True)\n' if compiled else ""
    body = "".join(f"    {line}\n" for line in lines) or "    pass\n"
    return f"{mark}def {signature}:\n{body}"


def load_source(source: str) -> ModuleType:
    """Return a module made from generated source, kept in a file so that numba can cache it."""
    folder = Path(os.environ.get("BENCH_CACHE", "out/benchmarks/cache"))
    folder.mkdir(parents=True, exist_ok=True)
    name = "equations_" + hashlib.sha256(source.encode()).hexdigest()[:16]
    path = folder / f"{name}.py"
    if not path.exists():
        path.write_text(source)
    # An ordinary import by name: numba finds what it kept by the name of the module.
    if str(folder.resolve()) not in sys.path:
        sys.path.insert(0, str(folder.resolve()))
    importlib.invalidate_caches()
    return importlib.import_module(name)
