"""A graph of expressions, evaluated for all patients at once with NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_UNARY = {"neg": np.negative, "ln": np.log, "asin": np.arcsin, "acos": np.arccos}
_UNARY |= {"atan": np.arctan, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh}
_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
    "lt": np.less, "le": np.less_equal, "eq": np.equal, "and": np.logical_and,
    "not": np.logical_not, "select": np.where, "power": np.power, "power_slope": np.power,
    "true": lambda: True, "false": lambda: False, **_UNARY,
}  # fmt: skip


def evaluate_columns(graph: Any, roots: Sequence[int], inputs: np.ndarray) -> np.ndarray:
    """Return the values of nodes that depend on inputs only, shape (patients, roots)."""
    values: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        for node in graph.reachable(roots):
            op = graph.ops[node]
            if op == "const":
                values[node] = graph.payload[node]
            elif op == "input":
                values[node] = inputs[:, int(graph.payload[node])]
            elif op == "time":
                values[node] = 0.0
            else:
                function = _OPERATIONS.get(op) or getattr(np, op)
                values[node] = function(*(values[arg] for arg in graph.args[node]))
    rows = [
        np.broadcast_to(np.asarray(values[root], dtype=float), (len(inputs),)) for root in roots
    ]
    return np.stack(rows, axis=1) if rows else np.zeros((len(inputs), 0))
