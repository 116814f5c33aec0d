"""Evaluate the formulas of an SBML model by walking libSBML's syntax trees.

The map of the mechanism needs the sign of every influence, and a sign needs numbers. A model file
is untrusted input, so nothing here is turned into text and run: each node of the tree becomes one
small closure. Speed does not matter here; the solver has its own generated code.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ketasim.errors import ModelError

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ["Formula", "compile_formula", "names_in", "weighted_sum"]

Formula: TypeAlias = Callable[[Mapping[str, float]], float]
"""Takes the value of every name, returns the value of the formula."""


def names_in(node: Any) -> frozenset[str]:
    """Collect the names of variables and parameters in a syntax tree.

    Parameters
    ----------
    node : libsbml.ASTNode
        The root of the tree.

    Returns
    -------
    frozenset of str
        Every name that stands for a value; names of functions are left out.
    """
    own = frozenset({node.getName()}) if node.isName() and not _is_time(node) else frozenset()
    return own.union(*(names_in(child) for child in _children(node)))


def compile_formula(node: Any, functions: Mapping[str, Any] | None = None) -> Formula:
    """Turn a syntax tree into a function of named values.

    Parameters
    ----------
    node : libsbml.ASTNode
        The root of the tree.
    functions : mapping of str to libsbml.ASTNode, optional
        The model's own function definitions (lambda nodes) by name.

    Returns
    -------
    callable
        From a mapping of names to values, to a float. Time is taken as 0, a division by zero or
        an overflow gives NaN.

    Raises
    ------
    ModelError
        If the tree uses something that has no value at a point, for instance a delay.
    """
    functions = functions or {}
    if node.isNumber():
        return _constant(float(node.getValue()))
    if _is_time(node):
        return _constant(0.0)
    if node.isConstant():
        return _constant(_CONSTANTS[_kind(node)])
    if node.isName():
        return _variable(node.getName())
    arguments = [compile_formula(child, functions) for child in _children(node)]
    if _kind(node) == "FUNCTION":
        return _call(functions, node.getName(), arguments)
    operation = _OPERATIONS.get(_kind(node))
    if operation is None:
        raise ModelError(
            f"the map of the mechanism cannot evaluate {node.getName() or _kind(node).lower()!r}",
            expected="arithmetic, powers, logarithms, min, max and piecewise",
        )
    return _apply(operation, arguments)


def weighted_sum(terms: Sequence[tuple[float, Formula]]) -> Formula:
    """Add formulas, each with its own constant weight (stoichiometry times rate law)."""

    def value(values: Mapping[str, float]) -> float:
        return sum(weight * term(values) for weight, term in terms)

    return value


def _children(node: Any) -> list[Any]:
    return [node.getChild(index) for index in range(node.getNumChildren())]


def _is_time(node: Any) -> bool:
    return _kind(node) == "NAME_TIME"


def _constant(number: float) -> Formula:
    return lambda values: number


def _variable(name: str) -> Formula:
    return lambda values: values[name]


def _apply(operation: Callable[..., float], arguments: Sequence[Formula]) -> Formula:
    def value(values: Mapping[str, float]) -> float:
        try:
            return float(operation(*(argument(values) for argument in arguments)))
        except (ArithmeticError, ValueError, TypeError):
            # A complex power of a negative base ends here too: it has no real value.
            return math.nan

    return value


def _call(functions: Mapping[str, Any], name: str, arguments: Sequence[Formula]) -> Formula:
    if name not in functions:
        raise ModelError(f"the model calls {name!r}, which it does not define")
    *variables, body = _children(functions[name])
    names = [variable.getName() for variable in variables]
    inner = compile_formula(body, functions)

    def value(values: Mapping[str, float]) -> float:
        given = {one: argument(values) for one, argument in zip(names, arguments, strict=True)}
        return inner({**values, **given})

    return value


def _piecewise(*parts: float) -> float:
    pairs, otherwise = divmod(len(parts), 2)
    for index in range(pairs):
        if parts[2 * index + 1]:
            return parts[2 * index]
    return parts[-1] if otherwise else math.nan


def _minus(*parts: float) -> float:
    return -parts[0] if len(parts) == 1 else parts[0] - parts[1]


def _root(degree: float, radicand: float) -> float:
    return float(radicand ** (1.0 / degree))


def _log(base: float, number: float) -> float:
    return math.log(number, base)


def _pairs(test: Callable[[float, float], bool]) -> Callable[..., bool]:
    return lambda *parts: all(test(a, b) for a, b in itertools.pairwise(parts))


_CONSTANTS = {
    "CONSTANT_E": math.e,
    "CONSTANT_PI": math.pi,
    "CONSTANT_TRUE": 1.0,
    "CONSTANT_FALSE": 0.0,
    "NAME_AVOGADRO": 6.02214076e23,
}

_OPERATIONS: dict[str, Callable[..., Any]] = {
    "PLUS": lambda *parts: sum(parts),
    "MINUS": _minus,
    "TIMES": lambda *parts: math.prod(parts),
    "DIVIDE": lambda top, bottom: top / bottom,
    "POWER": lambda base, exponent: base**exponent,
    "FUNCTION_POWER": lambda base, exponent: base**exponent,
    "FUNCTION_ROOT": _root,
    "FUNCTION_EXP": math.exp,
    "FUNCTION_LN": math.log,
    "FUNCTION_LOG": _log,
    "FUNCTION_ABS": abs,
    "FUNCTION_MIN": lambda *parts: min(parts),
    "FUNCTION_MAX": lambda *parts: max(parts),
    "FUNCTION_FLOOR": math.floor,
    "FUNCTION_CEILING": math.ceil,
    "FUNCTION_SIN": math.sin,
    "FUNCTION_COS": math.cos,
    "FUNCTION_TAN": math.tan,
    "FUNCTION_TANH": math.tanh,
    "FUNCTION_PIECEWISE": _piecewise,
    "RELATIONAL_LT": _pairs(lambda a, b: a < b),
    "RELATIONAL_LEQ": _pairs(lambda a, b: a <= b),
    "RELATIONAL_GT": _pairs(lambda a, b: a > b),
    "RELATIONAL_GEQ": _pairs(lambda a, b: a >= b),
    "RELATIONAL_EQ": _pairs(lambda a, b: a == b),
    "RELATIONAL_NEQ": lambda a, b: a != b,
    "LOGICAL_AND": lambda *parts: all(parts),
    "LOGICAL_OR": lambda *parts: any(parts),
    "LOGICAL_NOT": lambda part: not part,
}


def _kind_names() -> dict[int, str]:
    import libsbml

    return {
        getattr(libsbml, name): name.removeprefix("AST_")
        for name in dir(libsbml)
        if name.startswith("AST_") and isinstance(getattr(libsbml, name), int)
    }


_KINDS: dict[int, str] = {}


def _kind(node: Any) -> str:
    if not _KINDS:
        _KINDS.update(_kind_names())
    return _KINDS.get(node.getType(), "unknown")
