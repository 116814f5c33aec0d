"""The arithmetic of a Rosenbrock step, written around a model's kernels as machine code.

Four functions work on one block of memory (`layout`), all patients of the block at once:

``begin(block)``
    linearise at the start of a segment, for the patients whose mask is set, and choose a first
    step;
``attempt(block)``
    one step of the size asked for: factorise, all stages, the new state, its error, and the
    linearisation there;
``adopt(block)``
    make the new state the present one, for the patients whose mask is set;
``look_inside(block)`` and ``look_now(block)``
    the outputs inside the last step (at the place asked for) and at the present state.

The step itself is that of `rodas`; first step and error norm are those of Hairer and Wanner
(*Solving Ordinary Differential Equations I*, section II.4, and *II*, section IV.8).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import layout as head
from .ir_math import PLAIN, Arithmetic, Storage, item_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .layout import Layout
    from .rodas import Tableau

#: A stage's time stays this far inside its segment, relative to the time.
EDGE = 1e-14
_STATES_IN_BLOCK = 16  # states interpolated in a basic block, see `lowering`


class _Part:
    """One function ``void name(double *block)`` being written."""

    def __init__(
        self, module: Any, name: str, width: int, fused: bool, rows: dict[str, int],
        storage: Storage,
    ) -> None:  # fmt: skip
        from llvmlite import ir

        self.ir, self.module, self.rows = ir, module, rows
        pointer = item_type(storage.format).as_pointer()
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer]), name)
        self.builder = ir.IRBuilder(self.function.append_basic_block())
        self.do = Arithmetic(module, self.builder, width, fused, storage)
        self.block = self.function.args[0]

    def start_of(self, row: int | str) -> Any:
        """Return the address of a row as a plain pointer."""
        return self.do.row(self.block, self.rows[row] if isinstance(row, str) else row)

    def scalar(self, row: int | str) -> Any:
        """Return the value of a single row."""
        return self.do.load(self.start_of(row), 0)

    def keep(self, value: Any, row: int | str) -> None:
        """Write the value of a single row."""
        self.do.store(value, self.start_of(row), 0)

    def call(self, kernel: str, time: int | str, y: int | str, q: int | str, out: Any) -> None:
        """Call a kernel on rows of the block."""
        out = self.start_of(out) if isinstance(out, (int, str)) else out
        self.builder.call(
            self.module.globals[kernel],
            [self.start_of(time), self.start_of(y), self.start_of(q), out],
        )

    @contextmanager
    def each(self, count: int, sums: int = 0) -> Iterator[tuple[Any, list[Any], list[Any]]]:
        """Loop over rows; yields the index, the running sums and a list for their new values.

        After the loop the list holds the totals.
        """
        builder, long = self.builder, self.ir.IntType(64)
        before = builder.block
        zero = self.do.number(0.0)
        body = self.function.append_basic_block()
        after = self.function.append_basic_block()
        if count == 0:
            # Nothing to do: the body is written where no jump leads, and the totals are zero.
            builder.branch(after)
            builder.position_at_end(body)
            updated: list[Any] = []
            yield self.ir.Constant(long, 0), [zero] * sums, updated
            builder.unreachable()
            builder.position_at_end(after)
            updated[:] = [zero] * sums
            return
        builder.branch(body)
        builder.position_at_end(body)
        index = builder.phi(long)
        index.add_incoming(self.ir.Constant(long, 0), before)
        running = [builder.phi(self.do.value_type) for _ in range(sums)]
        for one in running:
            one.add_incoming(zero, before)
        updated = []
        yield index, running, updated
        following = builder.add(index, self.ir.Constant(long, 1))
        index.add_incoming(following, builder.block)
        for one, value in zip(running, updated, strict=True):
            one.add_incoming(value, builder.block)
        more = builder.icmp_unsigned("<", following, self.ir.Constant(long, count))
        builder.cbranch(more, body, after)
        builder.position_at_end(after)

    def new_block(self) -> None:
        """Go on in a new basic block."""
        following = self.function.append_basic_block()
        self.builder.branch(following)
        self.builder.position_at_end(following)

    def done(self) -> None:
        """End the function."""
        self.builder.ret_void()


@dataclass(frozen=True)
class Stepping:
    """Writer of the functions of a step for one model and method.

    Attributes
    ----------
    layout : Layout
        Rows of the block.
    method : Tableau
        The Rosenbrock method.
    width : int
        Patients at once.
    storage : Storage
        What a number of the block is, and where the next row lies.
    """

    layout: Layout
    method: Tableau
    width: int
    storage: Storage = PLAIN
    names = ("begin", "attempt", "adopt")

    def __call__(self, module: Any, fused: bool) -> None:
        """Write all functions into `module`, which already holds the kernels."""
        self._begin(self._part(module, "begin", fused))
        self._attempt(self._part(module, "attempt", fused))
        self._adopt(self._part(module, "adopt", fused))

    def _part(self, module: Any, name: str, fused: bool) -> _Part:
        return _Part(module, name, self.width, fused, self.layout.rows(), self.storage)

    # begin ----------------------------------------------------------------------------------
    def _begin(self, part: _Part) -> None:
        do, n = part.do, self.layout.states
        part.call("linearise", head.LOW, "y", "q", "ahead")
        self._add_infusions(part, "ahead")
        self._blend(part, self.layout.slopes, "ahead", "now")
        y, slope = part.start_of("y"), part.start_of("now")
        with part.each(n, 2) as (i, (size, speed), updated):
            value = do.load(y, i)
            scale = self._scale(part, i, value)
            updated += [
                self._add_square(do, size, do.div(value, scale)),
                self._add_square(do, speed, do.div(do.load(slope, i), scale)),
            ]
        size, speed = (self._mean_root(do, one) for one in updated)
        h, least = self._trial(part, size, speed)
        stage = part.start_of("stage")
        with part.each(n) as (i, _, updated):
            do.store(do.multiply_add(h, do.load(slope, i), do.load(y, i)), stage, i)
        part.keep(do.add(part.scalar(head.LOW), h), "shift")
        self._copy(part, "infusion", "right")
        part.call("rates", "shift", "stage", "q", "right")
        right = part.start_of("right")
        with part.each(n, 1) as (i, (bend,), updated):
            scale = self._scale(part, i, do.load(y, i))
            change = do.sub(do.load(right, i), do.load(slope, i))
            updated.append(self._add_square(do, bend, do.div(change, scale)))
        bend = do.div(self._mean_root(do, updated[0]), h)
        self._choose(part, h, least, speed, bend)
        part.done()

    def _trial(self, part: _Part, size: Any, speed: Any) -> tuple[Any, Any]:
        """Return the step with which curvature is probed, and the least step allowed.

        Volume I divides by the size of y alone: nothing left of an earlier dose when an infusion
        starts would then make the step vanish. Sizes below the tolerance count as the tolerance.
        """
        do, number, bound = part.do, part.do.number, part.scalar(head.SPAN)
        rounding = do.mul(number(1e-11), do.intrinsic("fabs", part.scalar(head.TIME)))
        least = do.minimum(do.maximum(do.mul(number(1e-10), bound), rounding), bound)
        wanted = do.div(
            do.mul(number(0.01), do.maximum(size, number(1.0))),
            do.maximum(speed, number(1e-12)),
        )
        return do.minimum(do.maximum(least, wanted), bound), least

    def _choose(self, part: _Part, h: Any, least: Any, speed: Any, bend: Any) -> None:
        do, number, bound = part.do, part.do.number, part.scalar(head.SPAN)
        fastest = do.maximum(do.maximum(number(1e-15), speed), bend)
        best = do.power(do.div(number(0.01), fastest), number(1.0 / self.method.order))
        wanted = do.minimum(do.mul(number(100.0), h), best)
        chosen = do.minimum(do.maximum(least, wanted), bound)
        finite = do.compare("<", do.add(speed, bend), number(float("inf")))
        part.keep(do.select(finite, chosen, least), head.FIRST)

    # attempt --------------------------------------------------------------------------------
    def _attempt(self, part: _Part) -> None:
        do, n, method = part.do, self.layout.states, self.method
        h = part.scalar(head.STEP)
        inverse = do.div(do.number(1.0), h)
        part.keep(do.div(inverse, do.number(method.gamma)), "shift")
        jacobian = part.rows["now"] + n
        part.call("factor", "shift", jacobian, "q", "lu")
        self._stage_times(part, h)
        for s in range(method.stages):
            self._combine(part, s, h, inverse)
            if s > 0:
                part.call("rates", part.rows["times"] + s, "stage", "q", "right")
            part.call("solve", "shift", "right", "lu", part.rows["k"] + s * n)
        self._finish(part)
        part.call("linearise", "times", "new", "q", "ahead")
        self._add_infusions(part, "ahead")
        sound = part.rows["ahead"] + self.layout.slopes - 1
        part.keep(do.add(part.scalar(sound), part.scalar(head.SOUND)), head.SOUND)
        part.done()

    def _stage_times(self, part: _Part, h: Any) -> None:
        """Write when each stage is; the first row, unused by its stage, holds the step's end.

        Stage times stay strictly inside the segment, so that an equation that switches at its
        end is never evaluated on the far side.
        """
        do, time = part.do, part.scalar(head.TIME)
        low, high = part.scalar(head.LOW), part.scalar(head.HIGH)
        for s, c in enumerate(self.method.c):
            at = do.multiply_add(do.number(1.0 if s == 0 else c), h, time)
            part.keep(do.minimum(do.maximum(at, low), high), part.rows["times"] + s)

    def _combine(self, part: _Part, s: int, h: Any, inverse: Any) -> None:
        """Write a stage's argument and what is known of its right-hand side."""
        do, n, method = part.do, self.layout.states, self.method
        k, y = part.start_of("k"), part.start_of("y")
        stage, right = part.start_of("stage"), part.start_of("right")
        base = part.start_of("now" if s == 0 else "infusion")
        by_time = part.start_of(part.rows["now"] + n + self.layout.entries)
        timed = self.layout.timed and method.d[s] != 0.0
        slope = do.mul(h, do.number(method.d[s])) if timed else None
        a = method.a[s - 1] if s else ()
        c = [do.mul(inverse, do.number(x)) for x in method.c_matrix[s - 1]] if s else []
        with part.each(n) as (i, _, _updated):
            known = do.load(base, i)
            if slope is not None:
                known = do.multiply_add(slope, do.load(by_time, i), known)
            state = do.load(y, i) if s else None
            for j in range(s):
                row = part.builder.add(i, part.ir.Constant(part.ir.IntType(64), j * n))
                value = do.load(k, row)
                if a[j] != 0.0:
                    state = do.multiply_add(do.number(a[j]), value, state)
                known = do.multiply_add(c[j], value, known)
            if s:
                do.store(state, stage, i)
            do.store(known, right, i)

    def _finish(self, part: _Part) -> None:
        """Write the new state and its error, which is the last stage (stiffly accurate)."""
        do, n = part.do, self.layout.states
        stage, new, y = part.start_of("stage"), part.start_of("new"), part.start_of("y")
        last = part.start_of(part.rows["k"] + (self.method.stages - 1) * n)
        with part.each(n, 1) as (i, (total,), updated):
            change, old = do.load(last, i), do.load(y, i)
            value = do.add(do.load(stage, i), change)
            do.store(value, new, i)
            scale = self._scale(part, i, old, value)
            updated.append(self._add_square(do, total, do.div(change, scale)))
        error = self._mean_root(do, updated[0])
        part.keep(error, head.ERROR)
        part.keep(do.mul(error, do.number(0.0)), head.SOUND)

    # adopt ----------------------------------------------------------------------------------
    def _adopt(self, part: _Part) -> None:
        self._blend(part, self.layout.states, "new", "y")
        self._blend(part, self.layout.slopes, "ahead", "now")
        part.done()

    # shared ---------------------------------------------------------------------------------
    def _scale(self, part: _Part, i: Any, *values: Any) -> Any:
        """Return atol + rtol * the largest of the values' sizes."""
        do = part.do
        largest = do.intrinsic("fabs", values[0])
        for value in values[1:]:
            largest = do.maximum(largest, do.intrinsic("fabs", value))
        return do.multiply_add(part.scalar(head.RTOL), largest, do.load(part.start_of("atol"), i))

    @staticmethod
    def _add_square(do: Arithmetic, total: Any, value: Any) -> Any:
        return do.multiply_add(value, value, total)

    def _mean_root(self, do: Arithmetic, total: Any) -> Any:
        return do.intrinsic("sqrt", do.mul(total, do.number(1.0 / max(1, self.layout.states))))

    def _add_infusions(self, part: _Part, slopes: str) -> None:
        do, out, infusion = part.do, part.start_of(slopes), part.start_of("infusion")
        with part.each(self.layout.states) as (i, _, _updated):
            do.store(do.add(do.load(out, i), do.load(infusion, i)), out, i)

    def _copy(self, part: _Part, source: str, target: str) -> None:
        do, start, end = part.do, part.start_of(source), part.start_of(target)
        with part.each(self.layout.states) as (i, _, _updated):
            do.store(do.load(start, i), end, i)

    def _blend(self, part: _Part, count: int, source: str, target: str) -> None:
        """Copy rows for the patients whose mask is set."""
        do, start, end = part.do, part.start_of(source), part.start_of(target)
        chosen = do.compare(">", part.scalar(head.MASK), do.number(0.0))
        with part.each(count) as (i, _, _updated):
            do.store(do.select(chosen, do.load(start, i), do.load(end, i)), end, i)


def write_interpolant(
    part: _Part, k: Any, dense: Any, method: Tableau, states: int, needed: Sequence[int]
) -> None:
    """Write the coefficients of the interpolant, or of its tangent: it is linear in the stages.

    Parameters
    ----------
    part : _Part
        The function being written.
    k, dense : llvmlite values
        Addresses of the stages, and of the coefficients.
    method : Tableau
        The Rosenbrock method.
    states : int
        Number of states.
    needed : sequence of int
        States that are interpolated.
    """
    do = part.do
    for count, i in enumerate(needed):
        if count % _STATES_IN_BLOCK == _STATES_IN_BLOCK - 1:
            part.new_block()
        stages = [do.load(k, j * states + i) for j in range(method.stages)]
        for m, weights in enumerate(method.dense_rows()):
            total = do.number(0.0)
            for weight, value in zip(weights, stages, strict=True):
                if weight != 0.0:
                    total = do.multiply_add(do.number(weight), value, total)
            do.store(total, dense, m * states + i)


@dataclass(frozen=True)
class Viewing:
    """Writer of the functions that compute outputs.

    Attributes
    ----------
    layout, method, width, storage
        As for `Stepping`.
    needed : tuple of int
        States that the outputs depend on: only these are interpolated.
    """

    layout: Layout
    method: Tableau
    width: int
    needed: tuple[int, ...]
    storage: Storage = PLAIN
    names = ("interpolant", "look_inside", "look_now")

    def __call__(self, module: Any, fused: bool) -> None:
        """Write all functions into `module`, which already holds ``observe``."""
        for name in self.names:
            rows = self.layout.rows()
            part = _Part(module, name, self.width, fused, rows, self.storage)
            getattr(self, f"_{name}")(part)

    def _interpolant(self, part: _Part) -> None:
        """Compute the interpolant's coefficients after a step."""
        k, dense = part.start_of("k"), part.start_of("dense")
        write_interpolant(part, k, dense, self.method, self.layout.states, self.needed)
        part.done()

    def _look_inside(self, part: _Part) -> None:
        do, n, x = part.do, self.layout.states, part.scalar(head.PLACE)
        y, new, stage = part.start_of("y"), part.start_of("new"), part.start_of("stage")
        dense = part.start_of("dense")
        rest = do.sub(do.number(1.0), x)
        for i in self.needed:
            first, second, third = (do.load(dense, m * n + i) for m in range(3))
            inner = do.multiply_add(x, do.multiply_add(x, third, second), first)
            # In this form a state that does not change stays exactly what it is.
            old = do.load(y, i)
            inside = do.multiply_add(rest, inner, do.sub(do.load(new, i), old))
            do.store(do.multiply_add(x, inside, old), stage, i)
        part.call("observe", head.AT, "stage", "q", "end")
        part.done()

    def _look_now(self, part: _Part) -> None:
        part.call("observe", head.TIME, "y", "q", "end")
        part.done()


def needed_states(nodes: Sequence[int], graph: Any) -> tuple[int, ...]:
    """Return the states that some nodes depend on, in order."""
    below = graph.reachable(nodes)
    return tuple(sorted({int(graph.payload[n]) for n in below if graph.ops[n] == "state"}))
