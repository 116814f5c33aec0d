"""The operations of MathML, each written into the expression graph.

Meanings are those of SBML Level 3 Version 2 Core, section 3.4 (Hucka et al. 2019): comparisons
and logic take any number of arguments, a quotient is rounded towards zero and a remainder has
the sign of the dividend.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ..errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .expressions import Graph

#: Avogadro's number as SBML defines its symbol (CODATA 2010, SBML L3V1 section 3.4.6).
AVOGADRO: Final = 6.02214179e23
_LARGEST_FACTORIAL = 170  # 171! is more than the largest double
_ANY = 1_000_000

Operation = Callable[["Graph", list[int]], int]


def apply_operation(graph: Graph, kind: str, args: Sequence[int]) -> int:
    """Return the node of one MathML operation.

    Parameters
    ----------
    graph : Graph
        Where nodes are added.
    kind : str
        Name of the operation as `ketasim.engine.sbml_math.type_name` gives it.
    args : sequence of int
        Nodes of its arguments.

    Raises
    ------
    ModelError
        For an operation the engine does not know, or a wrong number of arguments.
    """
    found = _OPERATIONS.get(kind)
    if found is None:
        raise ModelError(f"the operation {kind!r} is not supported")
    operation, least, most, numbers = found
    if not least <= len(args) <= most:
        wanted = str(least) if least == most else f"{least} or more"
        raise ModelError(
            f"the operation {kind!r} has {len(args)} arguments",
            expected=wanted if most in (least, _ANY) else f"{least} or {most}",
        )
    return operation(graph, [graph.number(arg) for arg in args] if numbers else list(args))


def constant(graph: Graph, kind: str) -> int | None:
    """Return the node of a constant of MathML, None where `kind` is none."""
    if kind in ("constant_true", "constant_false"):
        return graph.truth(kind == "constant_true")
    value = {"constant_pi": math.pi, "constant_e": math.e, "name_avogadro": AVOGADRO}.get(kind)
    return None if value is None else graph.const(value)


# choices and logic ------------------------------------------------------------------------
def _piecewise(graph: Graph, items: list[int]) -> int:
    """Return the first value whose condition holds; not a number where none does."""
    items = list(items)
    result = graph.number(items.pop()) if len(items) % 2 else graph.const(math.nan)
    for value, condition in reversed(list(zip(items[::2], items[1::2], strict=True))):
        result = graph.select(graph.condition(condition), graph.number(value), result)
    return result


def _comparison(op: str) -> Operation:
    def compare(graph: Graph, numbers: list[int]) -> int:
        found = (graph.compare(op, a, b) for a, b in pairwise(numbers))
        return reduce(graph.both, found, graph.truth(True))

    return compare


def _and(graph: Graph, args: list[int]) -> int:
    return reduce(graph.both, map(graph.condition, args), graph.truth(True))


def _or(graph: Graph, args: list[int]) -> int:
    return reduce(graph.either, map(graph.condition, args), graph.truth(False))


def _xor(graph: Graph, args: list[int]) -> int:
    return reduce(graph.differ, map(graph.condition, args), graph.truth(False))


def _not(graph: Graph, args: list[int]) -> int:
    return graph.not_(graph.condition(args[0]))


def _implies(graph: Graph, args: list[int]) -> int:
    first, second = map(graph.condition, args)
    return graph.either(graph.not_(first), second)


# arithmetic -------------------------------------------------------------------------------
def _minus(graph: Graph, args: list[int]) -> int:
    return graph.neg(args[0]) if len(args) == 1 else graph.sub(args[0], args[1])


def _times(graph: Graph, args: list[int]) -> int:
    return reduce(graph.mul, args, graph.const(1.0))


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
    """Return n!, exact for whole numbers and not a number for others, by a search in a table."""
    n = args[0]
    value = graph.value(n)
    if value is not None:
        if value != int(value) or value < 0:
            raise ModelError(
                "the factorial of something that is not a whole number is not supported"
            )
        if value <= _LARGEST_FACTORIAL:
            return graph.const(float(math.factorial(int(value))))
        return graph.const(math.inf)
    whole = graph.compare("eq", graph.unary("floor", n), n)
    positive = graph.compare("le", graph.const(0.0), n)
    below = graph.compare("lt", n, graph.const(_LARGEST_FACTORIAL + 1.0))
    found = graph.select(below, _search(graph, n, 0, _LARGEST_FACTORIAL), graph.const(math.inf))
    return graph.select(graph.both(whole, positive), found, graph.const(math.nan))


def _search(graph: Graph, n: int, low: int, high: int) -> int:
    """Return n! where low <= n <= high, by halving."""
    if low == high:
        return graph.const(float(math.factorial(low)))
    middle = (low + high + 1) // 2
    below = _search(graph, n, low, middle - 1)
    above = _search(graph, n, middle, high)
    return graph.select(graph.compare("lt", n, graph.const(float(middle))), below, above)


def _inverse(op: str) -> Operation:
    """Return the reciprocal of a function: sec, csc and cot."""
    return lambda graph, args: graph.div(graph.const(1.0), graph.unary(op, args[0]))


def _of_inverse(op: str) -> Operation:
    """Return a function of the reciprocal: arcsec, arccsc and arccot."""
    return lambda graph, args: graph.unary(op, graph.div(graph.const(1.0), args[0]))


def _unary(op: str) -> Operation:
    return lambda graph, args: graph.unary(op, args[0])


_PLAIN = {
    "abs": "abs", "exp": "exp", "floor": "floor", "ceiling": "ceil", "ln": "ln",
    "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
}  # fmt: skip
_RECIPROCAL = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh",
               "coth": "tanh"}  # fmt: skip
_OF_RECIPROCAL = {"arcsec": "acos", "arccsc": "asin", "arccot": "atan", "arcsech": "acosh",
                  "arccsch": "asinh", "arccoth": "atanh"}  # fmt: skip

#: Operation, least and most arguments, and whether the arguments are taken as numbers.
_OPERATIONS: Final[dict[str, tuple[Operation, int, int, bool]]] = {
    "piecewise": (_piecewise, 0, _ANY, False),
    "lt": (_comparison("lt"), 0, _ANY, True),
    "leq": (_comparison("le"), 0, _ANY, True),
    "gt": (_comparison("gt"), 0, _ANY, True),
    "geq": (_comparison("ge"), 0, _ANY, True),
    "eq": (_comparison("eq"), 0, _ANY, True),
    "neq": (_comparison("ne"), 2, 2, True),
    "and": (_and, 0, _ANY, False),
    "or": (_or, 0, _ANY, False),
    "xor": (_xor, 0, _ANY, False),
    "not": (_not, 1, 1, False),
    "implies": (_implies, 2, 2, False),
    "plus": (lambda graph, args: graph.total(args), 0, _ANY, True),
    "minus": (_minus, 1, 2, True),
    "times": (_times, 0, _ANY, True),
    "divide": (lambda graph, args: graph.div(args[0], args[1]), 2, 2, True),
    "power": (lambda graph, args: graph.power(args[0], args[1]), 2, 2, True),
    "min": (lambda graph, args: reduce(graph.minimum, args), 1, _ANY, True),
    "max": (lambda graph, args: reduce(graph.maximum, args), 1, _ANY, True),
    "log": (_log, 1, 2, True),
    "root": (_root, 1, 2, True),
    "quotient": (_quotient, 2, 2, True),
    "rem": (_remainder, 2, 2, True),
    "factorial": (_factorial, 1, 1, True),
    **{kind: (_unary(op), 1, 1, True) for kind, op in _PLAIN.items()},
    **{kind: (_inverse(op), 1, 1, True) for kind, op in _RECIPROCAL.items()},
    **{kind: (_of_inverse(op), 1, 1, True) for kind, op in _OF_RECIPROCAL.items()},
}
