"""Exponential, logarithm and power written as branch-free arithmetic, one patient a lane.

The C library computes these one number at a time, and the compiler at hand (llvmlite) comes
without a vector mathematics library, so a model with Hill terms would spend most of its time
there. Here each is a few dozen additions and multiplications that work on one number or on a
vector of them alike, and give the same bits either way, on any processor and on a GPU.

The methods are the classical ones (Muller, *Elementary Functions*, 3rd ed., Birkhauser 2016):
an argument reduced by the nearest multiple of ln 2 in two parts (Cody and Waite), then a Taylor
polynomial; for the logarithm the series of the inverse hyperbolic tangent. All constants are
computed here. The tests hold the errors to 2 units in the last place for exp and ln; a power is
``exp(y ln x)``, whose relative error grows with the size of its exponent: below 1e-14 for
results between 1e-30 and 1e30.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

from .expressions import POWER_SLACK

with localcontext() as _context:
    _context.prec = 50
    _LN2 = Decimal(2).ln()
    #: ln 2 with its last 21 bits zero, so that its product with a small integer is exact.
    LN2_HIGH = math.floor(float(_LN2) * 2.0**32) / 2.0**32
    LN2_LOW = float(_LN2 - Decimal(LN2_HIGH))
#: Adding this to a number below 2**51 leaves its nearest integer in the lowest bits.
_ROUNDER = 1.5 * 2.0**52
_ROUNDER_BITS = 0x4338000000000000
_EXPONENT_BITS = 52
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_EXP_TERMS = [1.0 / math.factorial(k) for k in range(2, 14)]
_LOG_TERMS = [2.0 / (2 * k + 1) for k in range(1, 13)]


class Arithmetic:
    """Writes arithmetic on numbers or on vectors of `width` numbers into a basic block.

    Parameters
    ----------
    module : llvmlite.ir.Module
        Where intrinsics are declared.
    builder : llvmlite.ir.IRBuilder
        Where instructions go.
    width : int
        Lanes; 1 is plain numbers.
    fused : bool
        Write fused multiply-adds (the processor has them).
    """

    def __init__(self, module: Any, builder: Any, width: int, fused: bool) -> None:
        from llvmlite import ir

        self._ir, self._module, self.builder = ir, module, builder
        self.width, self.fused = width, fused
        self.double: Any = ir.DoubleType()
        self._long: Any = ir.IntType(64)
        self.value_type: Any = self._vector(self.double)
        self._integers: Any = self._vector(self._long)
        self._suffix = "f64" if width == 1 else f"v{width}f64"
        self._logarithms: dict[int, tuple[Any, Any]] = {}

    def _vector(self, item: Any) -> Any:
        return item if self.width == 1 else self._ir.VectorType(item, self.width)

    def _constant(self, kind: Any, item: Any, value: float | int) -> Any:
        one = self._ir.Constant(item, value)
        return one if self.width == 1 else self._ir.Constant(kind, [one] * self.width)

    def number(self, value: float) -> Any:
        """Return a constant, the same in every lane."""
        return self._constant(self.value_type, self.double, value)

    def _integer(self, value: int) -> Any:
        return self._constant(self._integers, self._long, value)

    def truth(self, value: bool) -> Any:
        """Return a constant truth value."""
        bit = self._ir.IntType(1)
        return self._constant(self._vector(bit), bit, int(value))

    def splat(self, scalar: Any) -> Any:
        """Return a vector with the same number in every lane."""
        if self.width == 1:
            return scalar
        undefined = self._ir.Constant(self.value_type, self._ir.Undefined)
        zero = self._ir.Constant(self._ir.IntType(32), 0)
        first = self.builder.insert_element(undefined, scalar, zero)
        mask = self._ir.Constant(
            self._ir.VectorType(self._ir.IntType(32), self.width), [0] * self.width
        )
        return self.builder.shuffle_vector(first, undefined, mask)

    # memory -------------------------------------------------------------------------------
    def at(self, base: Any, index: Any) -> Any:
        """Return the address of element `index` (a number or an i64) of an array of values."""
        if isinstance(index, int):
            offset: Any = self._ir.Constant(self._long, index * self.width)
        elif self.width == 1:
            offset = index
        else:
            offset = self.builder.mul(index, self._ir.Constant(self._long, self.width))
        place = self.builder.gep(base, [offset], source_etype=self.double)
        return self.builder.bitcast(place, self.value_type.as_pointer())

    def load(self, base: Any, index: Any) -> Any:
        """Return element `index` of an array of values."""
        return self.builder.load(self.at(base, index), align=8, typ=self.value_type)

    def store(self, value: Any, base: Any, index: Any) -> None:
        """Write element `index` of an array of values."""
        self.builder.store(value, self.at(base, index), align=8)

    # arithmetic ---------------------------------------------------------------------------
    def intrinsic(self, name: str, *args: Any) -> Any:
        """Call one of LLVM's own functions, which the processor does lane by lane at once."""
        return self.call(f"llvm.{name}.{self._suffix}", self.value_type, *args)

    def call(self, name: str, kind: Any, *args: Any) -> Any:
        """Call a function of values of one type by name."""
        function = self._module.globals.get(name)
        if function is None:
            signature = self._ir.FunctionType(kind, [kind] * len(args))
            function = self._ir.Function(self._module, signature, name)
        return self.builder.call(function, args)

    def call_each(self, name: str, *args: Any) -> Any:
        """Call a function of plain numbers for each lane in turn."""
        if self.width == 1:
            return self.call(name, self.double, *args)
        result: Any = self._ir.Constant(self.value_type, self._ir.Undefined)
        for lane in range(self.width):
            place = self._ir.Constant(self._ir.IntType(32), lane)
            items = [self.builder.extract_element(arg, place) for arg in args]
            one = self.call(name, self.double, *items)
            result = self.builder.insert_element(result, one, place)
        return result

    def add(self, a: Any, b: Any) -> Any:
        """Return a + b."""
        return self.builder.fadd(a, b)

    def sub(self, a: Any, b: Any) -> Any:
        """Return a - b."""
        return self.builder.fsub(a, b)

    def mul(self, a: Any, b: Any) -> Any:
        """Return a * b."""
        return self.builder.fmul(a, b)

    def div(self, a: Any, b: Any) -> Any:
        """Return a / b."""
        return self.builder.fdiv(a, b)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """Return a * b + c, rounded once where the processor can."""
        if self.fused:
            return self.intrinsic("fma", a, b, c)
        return self.add(self.mul(a, b), c)

    def compare(self, sign: str, a: Any, b: Any) -> Any:
        """Return a comparison, false where either is not a number."""
        return self.builder.fcmp_ordered(sign, a, b)

    def select(self, condition: Any, yes: Any, no: Any) -> Any:
        """Return `yes` where the condition holds, else `no`."""
        return self.builder.select(condition, yes, no)

    def minimum(self, a: Any, b: Any) -> Any:
        """Return b where it is less than a, else a (NaN in a stays)."""
        return self.select(self.compare("<", b, a), b, a)

    def maximum(self, a: Any, b: Any) -> Any:
        """Return b where it is more than a, else a (NaN in a stays)."""
        return self.select(self.compare(">", b, a), b, a)

    def polynomial(self, terms: list[float], x: Any) -> Any:
        """Return the sum of ``terms[k] * x**k``, pairs first (Estrin), so that few steps wait."""
        values = [self.number(term) for term in terms]
        while len(values) > 1:
            pairs = [
                self.multiply_add(high, x, low)
                for low, high in zip(values[::2], values[1::2], strict=False)
            ]
            values = pairs + values[2 * len(pairs) :]
            x = self.mul(x, x)
        return values[0]

    # functions ----------------------------------------------------------------------------
    def exp(self, x: Any) -> Any:
        """Return e**x."""
        builder = self.builder
        x = self.minimum(self.maximum(x, self.number(-746.0)), self.number(710.0))
        rounded = self.multiply_add(x, self.number(1.0 / float(_LN2)), self.number(_ROUNDER))
        count = self.sub(rounded, self.number(_ROUNDER))
        rest = self.multiply_add(count, self.number(-LN2_HIGH), x)
        rest = self.multiply_add(count, self.number(-LN2_LOW), rest)
        series = self.polynomial(_EXP_TERMS, rest)
        result = self.add(self.multiply_add(self.mul(rest, rest), series, rest), self.number(1.0))
        power = builder.sub(builder.bitcast(rounded, self._integers), self._integer(_ROUNDER_BITS))
        half = builder.ashr(power, self._integer(1))
        for part in (half, builder.sub(power, half)):  # 2**k in two factors: it may be subnormal
            biased = builder.add(part, self._integer(1023))
            bits = builder.shl(biased, self._integer(_EXPONENT_BITS))
            result = self.mul(result, builder.bitcast(bits, self.value_type))
        return result

    def log(self, x: Any) -> Any:
        """Return the natural logarithm."""
        builder, number = self.builder, self.number
        tiny = self.compare("<", x, number(2.0**-1022))
        scaled = self.select(tiny, self.mul(x, number(2.0**54)), x)
        bits = builder.bitcast(scaled, self._integers)
        shift = self._integer(_EXPONENT_BITS)
        power = builder.ashr(builder.sub(bits, self._integer(_SQRT_HALF_BITS)), shift)
        mantissa = builder.bitcast(builder.sub(bits, builder.shl(power, shift)), self.value_type)
        whole = builder.bitcast(builder.add(power, self._integer(_ROUNDER_BITS)), self.value_type)
        count = self.sub(whole, number(_ROUNDER))
        count = self.sub(count, self.select(tiny, number(54.0), number(0.0)))
        f = self.sub(mantissa, number(1.0))
        s = self.div(f, self.add(f, number(2.0)))
        z = self.mul(s, s)
        series = self.polynomial(_LOG_TERMS, z)
        half_square = self.mul(number(0.5), self.mul(f, f))
        inner = self.mul(s, self.multiply_add(series, z, half_square))
        inner = self.multiply_add(count, number(LN2_LOW), inner)
        result = self.sub(
            self.mul(count, number(LN2_HIGH)), self.sub(self.sub(half_square, inner), f)
        )
        result = self.select(self.compare("<", x, number(math.inf)), result, x)
        below = self.select(self.compare("==", x, number(0.0)), number(-math.inf), number(math.nan))
        return self.select(self.compare("<=", x, number(0.0)), below, result)

    def power(self, base: Any, exponent: Any) -> Any:
        """Return base ** exponent; a slightly negative base counts as 0 (``POWER_SLACK``)."""
        number = self.number
        whole = self.compare("==", self.intrinsic("floor", exponent), exponent)
        negative = self.compare("<", base, number(0.0))
        size = self.intrinsic("fabs", base)
        # A Hill function and its slope raise the same base: its logarithm is written once.
        if id(base) not in self._logarithms:
            self._logarithms[id(base)] = base, self.log(size)
        value = self.exp(self.mul(exponent, self._logarithms[id(base)][1]))
        half = self.mul(exponent, number(0.5))
        even = self.compare("==", self.intrinsic("floor", half), half)
        signed = self.select(even, value, self.builder.fneg(value))
        slight = self.compare(">", base, number(-POWER_SLACK))
        at_zero = self.select(
            self.compare("<", exponent, number(0.0)), number(math.inf), number(0.0)
        )
        broken = self.select(slight, at_zero, number(math.nan))
        of_negative = self.select(whole, signed, broken)
        result = self.select(negative, of_negative, value)
        return self.select(self.compare("==", exponent, number(0.0)), number(1.0), result)
