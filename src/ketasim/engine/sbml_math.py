"""From libSBML's syntax tree to the expression graph.

A model file is untrusted: its formulas are walked as trees, node type by node type, and never
turned into text that something would run. What is not listed here is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache, reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..errors import ModelError

if TYPE_CHECKING:
    from .expressions import Graph

#: Avogadro's number as SBML defines its symbol (CODATA 2010, SBML L3V1 section 3.4.6).
AVOGADRO = 6.02214179e23

Resolver = Callable[[str], int]

_UNARY = frozenset(
    ["abs", "exp", "floor", "ln", "sin", "cos", "tan", "sinh", "cosh", "tanh",
     "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh"]
)  # fmt: skip


@cache
def _type_names() -> dict[int, str]:
    """Return the name of each node type: ``AST_FUNCTION_EXP`` -> ``exp``."""
    import libsbml

    names: dict[int, str] = {}
    for attribute in sorted(dir(libsbml)):
        if attribute.startswith("AST_") and isinstance(getattr(libsbml, attribute), int):
            short = attribute.removeprefix("AST_")
            for prefix in ("FUNCTION_", "RELATIONAL_", "LOGICAL_"):
                short = short.removeprefix(prefix)
            names.setdefault(int(getattr(libsbml, attribute)), short.lower())
    # Two types share the short name "power"; a call of a user's function is plain "function".
    names[libsbml.AST_FUNCTION] = "function"
    names[libsbml.AST_MINUS] = "minus"
    return names


def type_name(node: Any) -> str:
    """Return the short name of a syntax tree node's type."""
    return _type_names().get(int(node.getType()), f"type {node.getType()}")


def children(node: Any) -> Iterator[Any]:
    """Yield the children of a syntax tree node."""
    for index in range(node.getNumChildren()):
        yield node.getChild(index)


def names_in(node: Any) -> set[str]:
    """Return the identifiers a formula mentions, functions' names excepted."""
    found: set[str] = set()
    pending = [node]
    while pending:
        item = pending.pop()
        if type_name(item) == "name":
            found.add(item.getName())
        pending.extend(children(item))
    return found


class Translator:
    """Writes formulas into a graph.

    Parameters
    ----------
    graph : Graph
        Where nodes are added.
    functions : mapping of str to libsbml.FunctionDefinition
        The model's own functions, inlined where they are called.
    """

    def __init__(self, graph: Graph, functions: Mapping[str, Any]) -> None:
        self._graph = graph
        self._functions = functions

    def translate(self, node: Any, resolve: Resolver, time: int, where: str) -> int:
        """Return the graph node of a formula, as a number.

        Parameters
        ----------
        node : libsbml.ASTNode
            Root of the formula.
        resolve : callable
            Returns the graph node of an identifier.
        time : int
            Graph node that stands for the simulation's time.
        where : str
            What the formula belongs to, for messages.

        Raises
        ------
        ModelError
            For an operation the engine does not know, named in the message.
        """
        try:
            return self._graph.number(_Walk(self, resolve, time, where).visit(node))
        except RecursionError:
            raise ModelError("a formula is nested too deeply", where=where) from None


class _Walk:
    """One formula's translation: its names, its time and its place for messages."""

    def __init__(self, owner: Translator, resolve: Resolver, time: int, where: str) -> None:
        self._owner = owner
        self._graph = owner._graph
        self._resolve = resolve
        self._time = time
        self._where = where

    def visit(self, node: Any) -> int:
        kind = type_name(node)
        graph = self._graph
        if kind in ("integer", "real", "real_e", "rational"):
            return graph.const(float(node.getValue()))
        if kind == "name":
            return self._resolve(node.getName())
        if kind == "function":
            return self._call(node)
        if kind == "piecewise":
            return self._piecewise(node)
        if kind == "delay":
            raise ModelError("delays are not supported", where=self._where)
        constant = self._constant(kind)
        if constant is not None:
            return constant
        method = getattr(self, f"_{kind}", None)
        if method is None and kind not in _UNARY and kind not in _ARITHMETIC:
            raise ModelError(f"the operation {kind!r} is not supported", where=self._where)
        args = [self.visit(child) for child in children(node)]
        if method is not None:
            return int(method(args))
        numbers = [graph.number(arg) for arg in args]
        if kind in _UNARY:
            return graph.unary(kind.replace("arc", "a"), numbers[0])
        return _ARITHMETIC[kind](graph, numbers)

    def _constant(self, kind: str) -> int | None:
        graph = self._graph
        if kind == "name_time":
            return self._time
        if kind in ("constant_true", "constant_false"):
            return graph.truth(kind == "constant_true")
        value = {"constant_pi": math.pi, "constant_e": math.e, "name_avogadro": AVOGADRO}.get(kind)
        return None if value is None else graph.const(value)

    def _call(self, node: Any) -> int:
        name = node.getName()
        definition = self._owner._functions.get(name)
        if definition is None:
            raise ModelError(f"the function {name!r} is not defined", where=self._where)
        count = definition.getNumArguments()
        given = [self.visit(child) for child in children(node)]
        if len(given) != count:
            raise ModelError(
                f"the function {name!r} is called with {len(given)} arguments",
                where=self._where,
                expected=str(count),
            )
        bound = {definition.getArgument(i).getName(): given[i] for i in range(count)}

        def resolve(argument: str) -> int:
            if argument not in bound:
                raise ModelError(
                    f"the function {name!r} mentions {argument!r}, which is not its argument"
                )
            return bound[argument]

        return _Walk(self._owner, resolve, self._time, f"function {name}").visit(
            definition.getBody()
        )

    def _piecewise(self, node: Any) -> int:
        graph = self._graph
        items = [self.visit(child) for child in children(node)]
        result = graph.number(items.pop()) if len(items) % 2 else graph.const(math.nan)
        for value, condition in reversed(list(zip(items[::2], items[1::2], strict=True))):
            result = graph.select(graph.condition(condition), graph.number(value), result)
        return result

    # comparisons and logic ------------------------------------------------------------------
    def _chain(self, op: str, args: list[int]) -> int:
        graph = self._graph
        numbers = [graph.number(arg) for arg in args]
        pairs = pairwise(numbers)
        return reduce(graph.both, (graph.compare(op, a, b) for a, b in pairs), graph.truth(True))

    def _lt(self, args: list[int]) -> int:
        return self._chain("lt", args)

    def _leq(self, args: list[int]) -> int:
        return self._chain("le", args)

    def _gt(self, args: list[int]) -> int:
        return self._chain("gt", args)

    def _geq(self, args: list[int]) -> int:
        return self._chain("ge", args)

    def _eq(self, args: list[int]) -> int:
        return self._chain("eq", args)

    def _neq(self, args: list[int]) -> int:
        return self._chain("ne", args)

    def _and(self, args: list[int]) -> int:
        conditions = map(self._graph.condition, args)
        return reduce(self._graph.both, conditions, self._graph.truth(True))

    def _or(self, args: list[int]) -> int:
        conditions = map(self._graph.condition, args)
        return reduce(self._graph.either, conditions, self._graph.truth(False))

    def _xor(self, args: list[int]) -> int:
        conditions = map(self._graph.condition, args)
        return reduce(self._graph.differ, conditions, self._graph.truth(False))

    def _not(self, args: list[int]) -> int:
        return self._graph.not_(self._graph.condition(args[0]))

    def _implies(self, args: list[int]) -> int:
        first, second = map(self._graph.condition, args)
        return self._graph.either(self._graph.not_(first), second)


def _minus(graph: Graph, args: list[int]) -> int:
    return graph.neg(args[0]) if len(args) == 1 else graph.sub(args[0], args[1])


def _log(graph: Graph, args: list[int]) -> int:
    if len(args) == 1 or graph.value(args[0]) == 10.0:
        return graph.unary("log10", args[-1])
    return graph.div(graph.unary("ln", args[1]), graph.unary("ln", args[0]))


def _root(graph: Graph, args: list[int]) -> int:
    degree = graph.const(2.0) if len(args) == 1 else args[0]
    return graph.power(args[-1], graph.div(graph.const(1.0), degree))


def _quotient(graph: Graph, args: list[int]) -> int:
    return graph.unary("trunc", graph.div(args[0], args[1]))


def _remainder(graph: Graph, args: list[int]) -> int:
    return graph.sub(args[0], graph.mul(args[1], _quotient(graph, args)))


def _factorial(graph: Graph, args: list[int]) -> int:
    value = graph.value(args[0])
    if value is None or value != int(value) or value < 0:
        raise ModelError("the factorial of something that is not a whole number is not supported")
    return graph.const(float(math.factorial(int(value))))


def _inverse(op: str) -> Callable[[Graph, list[int]], int]:
    """Return the reciprocal of a function: sec, csc and cot."""
    return lambda graph, args: graph.div(graph.const(1.0), graph.unary(op, args[0]))


def _of_inverse(op: str) -> Callable[[Graph, list[int]], int]:
    """Return a function of the reciprocal: arcsec, arccsc and arccot."""
    return lambda graph, args: graph.unary(op, graph.div(graph.const(1.0), args[0]))


_ARITHMETIC: dict[str, Callable[[Graph, list[int]], int]] = {
    "plus": lambda graph, args: graph.total(args),
    "minus": _minus,
    "times": lambda graph, args: reduce(graph.mul, args, graph.const(1.0)),
    "divide": lambda graph, args: graph.div(args[0], args[1]),
    "power": lambda graph, args: graph.power(args[0], args[1]),
    "min": lambda graph, args: reduce(graph.minimum, args),
    "max": lambda graph, args: reduce(graph.maximum, args),
    "ceiling": lambda graph, args: graph.unary("ceil", args[0]),
    "log": _log,
    "root": _root,
    "quotient": _quotient,
    "rem": _remainder,
    "factorial": _factorial,
    "sec": _inverse("cos"),
    "csc": _inverse("sin"),
    "cot": _inverse("tan"),
    "sech": _inverse("cosh"),
    "csch": _inverse("sinh"),
    "coth": _inverse("tanh"),
    "arcsec": _of_inverse("acos"),
    "arccsc": _of_inverse("asin"),
    "arccot": _of_inverse("atan"),
    "arcsech": _of_inverse("acosh"),
    "arccsch": _of_inverse("asinh"),
    "arccoth": _of_inverse("atanh"),
}
