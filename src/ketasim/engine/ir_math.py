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
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from .expressions import POWER_SLACK

if TYPE_CHECKING:
    from collections.abc import Sequence

with localcontext() as _context:
    _context.prec = 50
    _LN2 = Decimal(2).ln()


@dataclass(frozen=True)
class NumberFormat:
    """A binary format of IEEE 754, and how far series are taken in it.

    Attributes
    ----------
    bits, fraction : int
        Size of a number, and of its fraction as stored.
    ln2_bits : int
        Bits of ln 2 that are kept in its upper part: few enough that the product with an
        exponent is exact.
    exp_terms, log_terms : int
        Terms of the two series.
    exp_range : tuple of float
        Where e**x is 0 below and infinite above.
    """

    bits: int
    fraction: int
    ln2_bits: int
    exp_terms: int
    log_terms: int
    exp_range: tuple[float, float]

    @property
    def bias(self) -> int:
        """What is added to an exponent where it is stored."""
        return int(2 ** (self.bits - self.fraction - 2) - 1)

    @property
    def rounder(self) -> float:
        """Adding this to a number leaves its nearest integer in the lowest bits."""
        return float(1.5 * 2.0**self.fraction)

    @property
    def rounder_bits(self) -> int:
        """The bits of `rounder`."""
        return (self.bias + self.fraction << self.fraction) + (1 << self.fraction - 1)

    @property
    def sqrt_half_bits(self) -> int:
        """The bits of the square root of 1/2, which is 2**-1 times a number from 1 to 2."""
        with localcontext() as context:
            context.prec = 50
            fraction = Decimal(2).sqrt() - 1
            stored = int((fraction * 2**self.fraction).to_integral_value())
        return (self.bias - 1 << self.fraction) + stored

    @property
    def ln2(self) -> tuple[float, float]:
        """The upper part of ln 2 and the rest of it."""
        high = math.floor(float(_LN2) * 2.0**self.ln2_bits) / 2.0**self.ln2_bits
        return high, float(_LN2 - Decimal(high))


DOUBLE = NumberFormat(64, 52, 32, 12, 12, (-746.0, 710.0))
SINGLE = NumberFormat(32, 23, 16, 7, 5, (-105.0, 89.0))


@dataclass(frozen=True)
class Storage:
    """How the numbers of a patient lie in memory.

    Attributes
    ----------
    stride : int
        Numbers from one element of an array to the next; 0: as many as there are lanes.
    format : NumberFormat
        What a number is.
    """

    stride: int = 0
    format: NumberFormat = DOUBLE


#: Doubles, lane beside lane.
PLAIN = Storage()


def item_type(form: NumberFormat) -> Any:
    """Return LLVM's type of one number."""
    from llvmlite import ir

    return ir.DoubleType() if form == DOUBLE else ir.FloatType()


def _exp_series(terms: int) -> list[float]:
    """Return what (e**x - 1 - x) / x**2 begins with."""
    return [1.0 / math.factorial(k) for k in range(2, terms + 2)]


def _log_series(terms: int) -> list[float]:
    """Return what the inverse hyperbolic tangent of s, less s, begins with, by s**2, twice."""
    return [2.0 / (2 * k + 1) for k in range(1, terms + 1)]


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
    storage : Storage
        What a number is, and where the next one lies.
    """

    def __init__(
        self, module: Any, builder: Any, width: int, fused: bool, storage: Storage
    ) -> None:
        from llvmlite import ir

        self._ir, self._module, self.builder = ir, module, builder
        self.width, self.fused = width, fused
        self._format, self._stride = storage.format, storage.stride or width
        self.item: Any = item_type(storage.format)
        self._long: Any = ir.IntType(64)
        self._whole: Any = ir.IntType(self._format.bits)
        self.value_type: Any = self._vector(self.item)
        self._integers: Any = self._vector(self._whole)
        self._suffix = f"f{self._format.bits}" if width == 1 else f"v{width}f{self._format.bits}"
        self._logarithms: dict[int, tuple[Any, Any]] = {}

    def _vector(self, item: Any) -> Any:
        return item if self.width == 1 else self._ir.VectorType(item, self.width)

    def _constant(self, kind: Any, item: Any, value: float | int) -> Any:
        one = self._ir.Constant(item, value)
        return one if self.width == 1 else self._ir.Constant(kind, [one] * self.width)

    def number(self, value: float) -> Any:
        """Return a constant, the same in every lane."""
        return self._constant(self.value_type, self.item, value)

    def _integer(self, value: int) -> Any:
        return self._constant(self._integers, self._whole, value)

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
        if not isinstance(index, int):
            offset = index
            if self._stride != 1:
                offset = self.builder.mul(index, self._ir.Constant(self._long, self._stride))
            place = self.builder.gep(base, [offset], source_etype=self.item)
        else:
            place = self.row(base, index)
        return self.builder.bitcast(place, self.value_type.as_pointer())

    def row(self, base: Any, index: int) -> Any:
        """Return the address of element `index` as a pointer to plain numbers."""
        offset = self._ir.Constant(self._long, index * self._stride)
        return self.builder.gep(base, [offset], source_etype=self.item)

    def load(self, base: Any, index: Any) -> Any:
        """Return element `index` of an array of values."""
        return self.builder.load(
            self.at(base, index), align=self._format.bits // 8, typ=self.value_type
        )

    def store(self, value: Any, base: Any, index: Any) -> None:
        """Write element `index` of an array of values."""
        self.builder.store(value, self.at(base, index), align=self._format.bits // 8)

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
            return self._call_one(name, args)
        result: Any = self._ir.Constant(self.value_type, self._ir.Undefined)
        for lane in range(self.width):
            place = self._ir.Constant(self._ir.IntType(32), lane)
            items = [self.builder.extract_element(arg, place) for arg in args]
            one = self._call_one(name, items)
            result = self.builder.insert_element(result, one, place)
        return result

    def _call_one(self, name: str, args: Sequence[Any]) -> Any:
        """Call a function of doubles for one number, whatever its format."""
        double = self._ir.DoubleType()
        if self._format == DOUBLE:
            return self.call(name, double, *args)
        wide = [self.builder.fpext(arg, double) for arg in args]
        return self.builder.fptrunc(self.call(name, double, *wide), self.item)

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
        builder, form = self.builder, self._format
        least, most = (self.number(bound) for bound in form.exp_range)
        high, low = form.ln2
        x = self.minimum(self.maximum(x, least), most)
        rounded = self.multiply_add(x, self.number(1.0 / float(_LN2)), self.number(form.rounder))
        count = self.sub(rounded, self.number(form.rounder))
        rest = self.multiply_add(count, self.number(-high), x)
        rest = self.multiply_add(count, self.number(-low), rest)
        series = self.polynomial(_exp_series(form.exp_terms), rest)
        result = self.add(self.multiply_add(self.mul(rest, rest), series, rest), self.number(1.0))
        whole = builder.bitcast(rounded, self._integers)
        power = builder.sub(whole, self._integer(form.rounder_bits))
        half = builder.ashr(power, self._integer(1))
        for part in (half, builder.sub(power, half)):  # 2**k in two factors: it may be subnormal
            biased = builder.add(part, self._integer(form.bias))
            bits = builder.shl(biased, self._integer(form.fraction))
            result = self.mul(result, builder.bitcast(bits, self.value_type))
        return result

    def log(self, x: Any) -> Any:
        """Return the natural logarithm."""
        builder, number, form = self.builder, self.number, self._format
        high, low = form.ln2
        up = form.fraction + 2  # powers of two that lift a subnormal number
        tiny = self.compare("<", x, number(2.0 ** (1 - form.bias)))
        scaled = self.select(tiny, self.mul(x, number(2.0**up)), x)
        bits = builder.bitcast(scaled, self._integers)
        shift = self._integer(form.fraction)
        power = builder.ashr(builder.sub(bits, self._integer(form.sqrt_half_bits)), shift)
        mantissa = builder.bitcast(builder.sub(bits, builder.shl(power, shift)), self.value_type)
        whole = builder.bitcast(
            builder.add(power, self._integer(form.rounder_bits)), self.value_type
        )
        count = self.sub(whole, number(form.rounder))
        count = self.sub(count, self.select(tiny, number(float(up)), number(0.0)))
        f = self.sub(mantissa, number(1.0))
        s = self.div(f, self.add(f, number(2.0)))
        z = self.mul(s, s)
        series = self.polynomial(_log_series(form.log_terms), z)
        half_square = self.mul(number(0.5), self.mul(f, f))
        inner = self.mul(s, self.multiply_add(series, z, half_square))
        inner = self.multiply_add(count, number(low), inner)
        result = self.sub(self.mul(count, number(high)), self.sub(self.sub(half_square, inner), f))
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
