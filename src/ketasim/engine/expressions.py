"""A small graph of arithmetic in which equal subexpressions are one node.

A model's equations are turned into numbered nodes. Building the same expression twice gives
the same number (hash-consing), so common subexpressions are shared by construction, between
the right-hand side, its Jacobian and the rules alike. Each node knows whether it depends on a
patient's inputs, on the state or on time, so what is constant within a run is found by looking.

The graph is kept instead of a computer algebra system for three reasons: the order of a
model's operations is preserved (no expansion, no reordering of sums); derivatives of powers,
piecewise functions and roots are the numerically safe ones, which a symbolic library rewrites
(``x**n`` differentiates to ``n*x**n/x`` there, not finite at zero); and a model of two hundred
rules takes well under a second. SymPy is the oracle for it in the tests.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

INPUT: Final = 1
STATE: Final = 2
TIME: Final = 4

#: Operations whose value is true or false.
BOOLEAN: Final = frozenset({"lt", "le", "eq", "and", "or", "not", "true", "false"})
#: Functions of one number, all known to the C mathematics library or trivial.
UNARY: Final = frozenset(
    [
        "neg",
        "abs",
        "floor",
        "ceil",
        "trunc",
        "sqrt",
        "exp",
        "ln",
        "log10",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
    ]
)
#: A base this little below zero counts as zero inside a power that is not an integer.
POWER_SLACK: Final = 1e-4
_LARGEST_UNROLLED_POWER: Final = 16


_BINARY: Final[dict[str, Callable[[float, float], float | bool]]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul,
    "lt": operator.lt, "le": operator.le, "eq": operator.eq,
    "and": lambda a, b: bool(a and b),
}  # fmt: skip


class Graph:
    """Nodes of an expression, each written once.

    Attributes
    ----------
    ops : list of str
        Operation of each node: ``const``, ``input``, ``state``, ``time`` or an operator.
    args : list of tuple of int
        Operands of each node; always lower numbers than the node itself.
    payload : list of float
        Value of a ``const``, index of an ``input`` or ``state``, else 0.
    depends : list of int
        Bits ``INPUT | STATE | TIME`` a node depends on.
    """

    def __init__(self) -> None:
        self.ops: list[str] = []
        self.args: list[tuple[int, ...]] = []
        self.payload: list[float] = []
        self.depends: list[int] = []
        self._known: dict[tuple[str, tuple[int, ...], str], int] = {}

    def __len__(self) -> int:
        return len(self.ops)

    def _node(self, op: str, args: tuple[int, ...] = (), payload: float = 0.0, own: int = 0) -> int:
        key = (op, args, float(payload).hex())
        found = self._known.get(key)
        if found is not None:
            return found
        depends = own
        for arg in args:
            depends |= self.depends[arg]
        self.ops.append(op)
        self.args.append(args)
        self.payload.append(float(payload))
        self.depends.append(depends)
        self._known[key] = len(self.ops) - 1
        return len(self.ops) - 1

    # leaves -------------------------------------------------------------------------------
    def const(self, value: float) -> int:
        """Return the node of a number."""
        return self._node("const", payload=value + 0.0)

    def input(self, index: int) -> int:
        """Return the node of a patient's input number `index`."""
        return self._node("input", payload=index, own=INPUT)

    def state(self, index: int) -> int:
        """Return the node of state number `index`."""
        return self._node("state", payload=index, own=STATE)

    def time(self) -> int:
        """Return the node of time."""
        return self._node("time", own=TIME)

    def truth(self, value: bool) -> int:
        """Return the node of a constant truth value."""
        return self._node("true" if value else "false")

    # questions ----------------------------------------------------------------------------
    def value(self, node: int) -> float | None:
        """Return the number a node is, or None where it is not a constant."""
        return self.payload[node] if self.ops[node] == "const" else None

    def is_boolean(self, node: int) -> bool:
        """Tell whether a node is a truth value."""
        return self.ops[node] in BOOLEAN

    def varies(self, node: int) -> bool:
        """Tell whether a node changes within a patient's run."""
        return bool(self.depends[node] & (STATE | TIME))

    def reachable(
        self, roots: Iterable[int], stop: Mapping[int, object] | None = None
    ) -> list[int]:
        """Return the nodes needed for `roots`, operands first; nodes in `stop` are not entered."""
        stop = stop or {}
        seen: set[int] = set()
        pending = list(roots)
        while pending:
            node = pending.pop()
            if node not in seen:
                seen.add(node)
                if node not in stop:
                    pending.extend(self.args[node])
        return sorted(seen)

    # arithmetic ---------------------------------------------------------------------------
    def number(self, node: int) -> int:
        """Return `node` as a number: a truth value becomes 1 or 0."""
        if self.is_boolean(node):
            return self.select(node, self.const(1.0), self.const(0.0))
        return node

    def condition(self, node: int) -> int:
        """Return `node` as a truth value: a number is true where it is not zero."""
        return (
            node if self.is_boolean(node) else self.not_(self.compare("eq", node, self.const(0.0)))
        )

    def add(self, a: int, b: int) -> int:
        """Return a + b."""
        va, vb = self.value(a), self.value(b)
        if va is not None and vb is not None:
            return self.const(va + vb)
        if va == 0.0:
            return b
        if vb == 0.0:
            return a
        if self.ops[b] == "neg":
            return self.sub(a, self.args[b][0])
        return self._node("add", (min(a, b), max(a, b)))

    def total(self, terms: Sequence[int]) -> int:
        """Return the sum of `terms`, 0 where there are none."""
        result = self.const(0.0)
        for term in terms:
            result = self.add(result, term)
        return result

    def sub(self, a: int, b: int) -> int:
        """Return a - b."""
        va, vb = self.value(a), self.value(b)
        if va is not None and vb is not None:
            return self.const(va - vb)
        if vb == 0.0:
            return a
        if va == 0.0:
            return self.neg(b)
        if self.ops[b] == "neg":
            return self.add(a, self.args[b][0])
        return self._node("sub", (a, b))

    def neg(self, a: int) -> int:
        """Return -a."""
        value = self.value(a)
        if value is not None:
            return self.const(-value)
        if self.ops[a] == "neg":
            return self.args[a][0]
        return self._node("neg", (a,))

    def mul(self, a: int, b: int) -> int:
        """Return a * b; a factor chosen from 1 and 0 becomes a choice, so 0 * inf cannot appear."""
        for x, y in ((a, b), (b, a)):
            value = self.value(x)
            other = self.value(y)
            if value is not None and other is not None:
                return self.const(value * other)
            if value == 0.0:
                return self.const(0.0)
            if value == 1.0:
                return y
            if value == -1.0:
                return self.neg(y)
            if self.ops[x] == "select":
                chosen = self.value(self.args[x][1]), self.value(self.args[x][2])
                if chosen in ((1.0, 0.0), (0.0, 1.0)):
                    zero = self.const(0.0)
                    yes, no = (y, zero) if chosen[0] else (zero, y)
                    return self.select(self.args[x][0], yes, no)
        return self._node("mul", (min(a, b), max(a, b)))

    def div(self, a: int, b: int) -> int:
        """Return a / b; a divisor constant within the run becomes a factor computed once."""
        va, vb = self.value(a), self.value(b)
        if va is not None and vb is not None and vb != 0.0:
            return self.const(va / vb)
        if vb == 1.0:
            return a
        if va == 0.0 and vb != 0.0:
            return a
        if not self.varies(b) and self.varies(a) and vb != 0.0:
            return self.mul(a, self._node("div", (self.const(1.0), b)))
        return self._node("div", (a, b))

    def power(self, base: int, exponent: int) -> int:
        """Return base ** exponent; integer exponents become products, 1/2 a root."""
        n = self.value(exponent)
        vb = self.value(base)
        if n is not None and vb is not None:
            folded = _fold_power(vb, n)
            if folded is not None:
                return self.const(folded)
        if n is not None and n == int(n) and abs(n) <= _LARGEST_UNROLLED_POWER:
            whole = self._repeated(base, abs(int(n)))
            return whole if n >= 0 else self.div(self.const(1.0), whole)
        return self._node("power", (base, exponent))

    def _repeated(self, base: int, count: int) -> int:
        if count == 0:
            return self.const(1.0)
        half = self._repeated(base, count // 2)
        squared = self.mul(half, half)
        return self.mul(squared, base) if count % 2 else squared

    def power_slope(self, base: int, exponent: int) -> int:
        """Return base ** exponent for use in a derivative: 0 where it would be infinite at 0."""
        n = self.value(exponent)
        if n is not None and n >= 0:
            return self.power(base, exponent)
        return self._node("power_slope", (base, exponent))

    def unary(self, op: str, a: int) -> int:
        """Return a function of one number from ``UNARY``."""
        if op == "neg":
            return self.neg(a)
        value = self.value(a)
        if value is not None:
            folded = evaluate_operation(op, (value,))
            if isinstance(folded, float) and math.isfinite(folded):
                return self.const(folded)
        return self._node(op, (a,))

    def minimum(self, a: int, b: int) -> int:
        """Return the lesser of two numbers."""
        return self.select(self.compare("le", a, b), a, b)

    def maximum(self, a: int, b: int) -> int:
        """Return the greater of two numbers."""
        return self.select(self.compare("le", b, a), a, b)

    # logic --------------------------------------------------------------------------------
    def compare(self, op: str, a: int, b: int) -> int:
        """Return a comparison, `op` one of lt, le, gt, ge, eq, ne."""
        if op in ("gt", "ge"):
            return self.compare("lt" if op == "gt" else "le", b, a)
        if op == "ne":
            return self.not_(self.compare("eq", a, b))
        va, vb = self.value(a), self.value(b)
        if va is not None and vb is not None:
            return self.truth(bool(evaluate_operation(op, (va, vb))))
        return self._node(op, (a, b))

    def not_(self, a: int) -> int:
        """Return the negation of a truth value."""
        if self.ops[a] in ("true", "false"):
            return self.truth(self.ops[a] == "false")
        return self.args[a][0] if self.ops[a] == "not" else self._node("not", (a,))

    def both(self, a: int, b: int) -> int:
        """Return a and b."""
        for x, y in ((a, b), (b, a)):
            if self.ops[x] == "true":
                return y
            if self.ops[x] == "false":
                return x
        return self._node("and", (min(a, b), max(a, b)))

    def either(self, a: int, b: int) -> int:
        """Return a or b."""
        return self.not_(self.both(self.not_(a), self.not_(b)))

    def differ(self, a: int, b: int) -> int:
        """Return a exclusive-or b."""
        return self.either(self.both(a, self.not_(b)), self.both(self.not_(a), b))

    def select(self, condition: int, yes: int, no: int) -> int:
        """Return `yes` where `condition` holds, else `no`."""
        if self.ops[condition] == "true" or yes == no:
            return yes
        if self.ops[condition] == "false":
            return no
        if self.ops[condition] == "not":
            return self.select(self.args[condition][0], no, yes)
        return self._node("select", (condition, yes, no))

    # evaluation ---------------------------------------------------------------------------
    def evaluate(
        self,
        roots: Sequence[int],
        inputs: Sequence[float] = (),
        state: Sequence[float] = (),
        time: float = 0.0,
    ) -> list[float]:
        """Return the values of `roots` in plain Python: slow, and the check of the fast code."""
        values: dict[int, float | bool] = {}
        for node in self.reachable(roots):
            op = self.ops[node]
            if op == "const":
                values[node] = self.payload[node]
            elif op in ("input", "state"):
                values[node] = float((inputs if op == "input" else state)[int(self.payload[node])])
            elif op == "time":
                values[node] = time
            else:
                values[node] = evaluate_operation(op, tuple(values[a] for a in self.args[node]))
        return [float(values[root]) for root in roots]


def _fold_power(base: float, exponent: float) -> float | None:
    try:
        result = base**exponent
    except (ZeroDivisionError, OverflowError):
        return None
    return result if isinstance(result, float) and math.isfinite(result) else None


def _power(base: float, exponent: float) -> float:
    """Return the power with the one clamp the engine makes (see ``POWER_SLACK``)."""
    if -POWER_SLACK < base < 0.0 and exponent != math.floor(exponent):
        base = 0.0
    try:
        result = base**exponent
    except ZeroDivisionError:
        return math.inf
    except OverflowError:
        return math.inf
    return result if isinstance(result, float) else math.nan


def _divide(a: float, b: float) -> float:
    if b == 0.0:
        sign = math.copysign(1.0, a) * math.copysign(1.0, b)
        return math.nan if a == 0.0 or math.isnan(a) else sign * math.inf
    return a / b


def _safe(op: str, a: float) -> float:
    if a == 0.0 and op in ("ln", "log10"):
        return -math.inf
    function: Callable[[float], float] = getattr(math, {"abs": "fabs", "ln": "log"}.get(op, op))
    try:
        return float(function(a))
    except ValueError:
        return math.nan
    except OverflowError:
        return math.inf


def evaluate_operation(op: str, args: Sequence[float | bool]) -> float | bool:
    """Return one operation on numbers, following IEEE rules where Python would raise."""
    if op in UNARY:
        return -args[0] if op == "neg" else _safe(op, args[0])
    if op in ("true", "false"):
        return op == "true"
    if op == "select":
        return args[1] if args[0] else args[2]
    if op == "not":
        return not args[0]
    a, b = args
    if op == "power":
        return _power(a, b)
    if op == "power_slope":
        return 0.0 if a <= 0.0 and b < 0.0 else _power(a, b)
    if op == "div":
        return _divide(a, b)
    result: float | bool = _BINARY[op](a, b)
    return result
