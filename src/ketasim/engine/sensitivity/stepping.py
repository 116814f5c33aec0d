"""The derivative of a Rosenbrock step, written around a model's kernels as machine code.

A stage of a step solves ``W k = r`` with ``W = I / (gamma h) - J``. Whatever is varied moves
all of them, so the stage's tangent solves ``W k' = r' - W' k`` with the same factors, where
``W' = -h' / (gamma h^2) I - J'``: no further factorisation, and nothing is left out. The functions
follow those of `ketasim.engine.stepping`, each called after its namesake and reading what that
left in the block:

``begin_tangent(block)``
    the tangent of the linearisation at the start of a segment;
``attempt_tangent(block)``
    the tangents of all stages, of the new state (with its error) and of the linearisation there;
``adopt_tangent(block)``
    make the new tangents the present ones;
``interpolant_tangent(block)``, ``look_inside_tangent(block)`` and ``look_now_tangent(block)``
    the tangents of the outputs inside the last step, whose place in the step may move, and now.

All work on the block and on the mirror before it (`kernels`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import layout as head
from ..ir_math import Storage
from ..stepping import _Part, write_interpolant

if TYPE_CHECKING:
    from ..layout import Layout
    from ..rodas import Tableau


class _Mirrored(_Part):
    """A function being written that reads and writes the mirror too."""

    def dot(self, row: int | str) -> int:
        """Return the row of a row's tangent."""
        place = self.rows[row] if isinstance(row, str) else row
        return place - self.rows["end"]

    def tangent(self, row: int | str) -> Any:
        """Return the tangent of a single row."""
        return self.scalar(self.dot(row))

    def tangents_of(self, row: int | str) -> Any:
        """Return the address of a row's tangent as a plain pointer."""
        return self.start_of(self.dot(row))

    def set_clock(self, value: Any) -> None:
        """Set the tangent of the time at which kernels are called from here on."""
        self.keep(value, self.dot(head.AT))

    def copy_tangents(self, count: int, source: str, target: str) -> None:
        """Copy rows of the mirror."""
        start, end = self.tangents_of(source), self.tangents_of(target)
        with self.each(count) as (i, _, _updated):
            self.do.store(self.do.load(start, i), end, i)


def _part(module: Any, name: str, width: int, fused: bool, layout: Layout) -> _Mirrored:
    return _Mirrored(module, name, width, fused, layout.rows(), Storage())


@dataclass(frozen=True)
class TangentStepping:
    """Writer of the functions that follow a step.

    Attributes
    ----------
    layout : Layout
        Rows of the block.
    method : Tableau
        The Rosenbrock method.
    width : int
        Directions at once.
    """

    layout: Layout
    method: Tableau
    width: int
    names = ("begin_tangent", "attempt_tangent", "adopt_tangent")

    def __call__(self, module: Any, fused: bool) -> None:
        """Write all functions into `module`, which already holds the kernels."""
        for name, write in zip(self.names, (self._begin, self._attempt, self._adopt), strict=True):
            write(_part(module, name, self.width, fused, self.layout))

    def _begin(self, part: _Mirrored) -> None:
        part.set_clock(part.tangent(head.TIME))
        part.call("linearise_tangent", head.LOW, "y", "q", part.dot("now"))
        self._add_infusions(part, "now")
        part.done()

    def _attempt(self, part: _Mirrored) -> None:
        do, n, method = part.do, self.layout.states, self.method
        inverse = do.div(do.number(1.0), part.scalar(head.STEP))
        start, growth = part.tangent(head.TIME), part.tangent(head.STEP)
        relative = do.mul(growth, inverse)
        entries = part.rows["now"] + n
        for s in range(method.stages):
            self._combine(part, s, inverse, relative)
            right = part.dot("right")
            if s > 0:
                part.set_clock(do.multiply_add(growth, do.number(method.c[s]), start))
                part.call("rates_tangent", part.rows["times"] + s, "stage", "q", right)
            stage = part.rows["k"] + s * n
            part.call("bend", head.TIME, stage, part.dot(entries), right)
            part.call("solve", "shift", right, "lu", part.dot(stage))
        self._finish(part)
        part.set_clock(do.add(start, growth))
        part.call("linearise_tangent", "times", "new", "q", part.dot("ahead"))
        self._add_infusions(part, "ahead")
        part.done()

    def _combine(self, part: _Mirrored, s: int, inverse: Any, relative: Any) -> None:
        """Write a stage's argument, its tangent, and what is known of r' - W' k."""
        do, n, method = part.do, self.layout.states, self.method
        own, k, k_dot = (
            part.start_of(part.rows["k"] + s * n),
            part.start_of("k"),
            part.tangents_of("k"),
        )
        y, y_dot = part.start_of("y"), part.tangents_of("y")
        stage, stage_dot = part.start_of("stage"), part.tangents_of("stage")
        base, right = part.tangents_of("now" if s == 0 else "infusion"), part.tangents_of("right")
        a = method.a[s - 1] if s else ()
        c = [do.mul(inverse, do.number(x)) for x in method.c_matrix[s - 1]] if s else []
        narrowing = do.mul(part.scalar("shift"), relative)  # minus the tangent of 1 / (gamma h)
        shrinking, clock = part.builder.fneg(relative), self._clock(part, s)
        with part.each(n) as (i, _, _updated):
            known = do.multiply_add(narrowing, do.load(own, i), do.load(base, i))
            for factor, by_time in clock:
                known = do.multiply_add(factor, do.load(by_time, i), known)
            state, state_dot = (do.load(y, i), do.load(y_dot, i)) if s else (None, None)
            for j in range(s):
                row = part.builder.add(i, part.ir.Constant(part.ir.IntType(64), j * n))
                value, change = do.load(k, row), do.load(k_dot, row)
                if a[j] != 0.0:
                    state = do.multiply_add(do.number(a[j]), value, state)
                    state_dot = do.multiply_add(do.number(a[j]), change, state_dot)
                # The factor C / h of a stage moves with h.
                change = do.multiply_add(shrinking, value, change)
                known = do.multiply_add(c[j], change, known)
            if s:
                do.store(state, stage, i)
                do.store(state_dot, stage_dot, i)
            do.store(known, right, i)

    def _clock(self, part: _Mirrored, s: int) -> list[tuple[Any, Any]]:
        """Return the terms of the tangent of h d f_t: factors and rows."""
        weight = self.method.d[s]
        if not self.layout.timed or weight == 0.0:
            return []
        do, row = part.do, part.rows["now"] + self.layout.states + self.layout.entries
        terms = (part.scalar(head.STEP), part.tangents_of(row)), (
            part.tangent(head.STEP), part.start_of(row))  # fmt: skip
        return [(do.mul(factor, do.number(weight)), by_time) for factor, by_time in terms]

    def _finish(self, part: _Mirrored) -> None:
        """Write the tangent of the new state, and the error of that: both as for the state.

        The scale of the error is made of the tangents themselves, and of absolute tolerances
        that lie in the mirror.
        """
        do, n = part.do, self.layout.states
        last = part.rows["k"] + (self.method.stages - 1) * n
        stage, y, new, least = (part.tangents_of(name) for name in ("stage", "y", "new", "atol"))
        changes, rtol = part.tangents_of(last), part.scalar(head.RTOL)
        with part.each(n, 1) as (i, (total,), updated):
            change = do.load(changes, i)
            value = do.add(do.load(stage, i), change)
            do.store(value, new, i)
            old = do.intrinsic("fabs", do.load(y, i))
            largest = do.maximum(old, do.intrinsic("fabs", value))
            size = do.div(change, do.multiply_add(rtol, largest, do.load(least, i)))
            updated.append(do.multiply_add(size, size, total))
        mean = do.mul(updated[0], do.number(1.0 / max(1, n)))
        part.keep(do.intrinsic("sqrt", mean), part.dot(head.ERROR))

    def _adopt(self, part: _Mirrored) -> None:
        part.copy_tangents(self.layout.states, "new", "y")
        part.copy_tangents(self.layout.slopes, "ahead", "now")
        part.done()

    def _add_infusions(self, part: _Mirrored, slopes: str) -> None:
        do, out, infusion = part.do, part.tangents_of(slopes), part.tangents_of("infusion")
        with part.each(self.layout.states) as (i, _, _updated):
            do.store(do.add(do.load(out, i), do.load(infusion, i)), out, i)


@dataclass(frozen=True)
class TangentViewing:
    """Writer of the functions that compute the tangents of outputs.

    Attributes
    ----------
    layout, method, width
        As for `TangentStepping`.
    needed : tuple of int
        States that the outputs depend on: only these are interpolated.
    outputs : int
        Number of outputs; their tangents lie behind their values.
    """

    layout: Layout
    method: Tableau
    width: int
    needed: tuple[int, ...]
    outputs: int
    names = ("interpolant_tangent", "look_inside_tangent", "look_now_tangent")

    def __call__(self, module: Any, fused: bool) -> None:
        """Write all functions into `module`, which already holds ``observe_tangent``."""
        for name, write in zip(
            self.names, (self._interpolant, self._look_inside, self._look_now), strict=True
        ):
            write(_part(module, name, self.width, fused, self.layout))

    def _interpolant(self, part: _Mirrored) -> None:
        k, dense = part.tangents_of("k"), part.tangents_of("dense")
        write_interpolant(part, k, dense, self.method, self.layout.states, self.needed)
        part.done()

    def _look_inside(self, part: _Mirrored) -> None:
        """Differentiate y + x (new - y + (1 - x) (K1 + x (K2 + x K3))), x included."""
        do, n = part.do, self.layout.states
        x, x_dot = part.scalar(head.PLACE), part.tangent(head.PLACE)
        rest = do.sub(do.number(1.0), x)
        rows = [part.start_of(name) for name in ("y", "new", "dense")]
        dots = [part.tangents_of(name) for name in ("y", "new", "dense")]
        stage_dot = part.tangents_of("stage")
        for i in self.needed:
            old, new, first, second, third = self._values(do, rows, n, i)
            old_dot, new_dot, first_dot, second_dot, third_dot = self._values(do, dots, n, i)
            inner = do.multiply_add(x, do.multiply_add(x, third, second), first)
            slope = do.multiply_add(x, do.add(third, third), second)  # of inner, by x
            inner_dot = do.multiply_add(x, do.multiply_add(x, third_dot, second_dot), first_dot)
            inner_dot = do.multiply_add(x_dot, slope, inner_dot)
            inside = do.multiply_add(rest, inner, do.sub(new, old))
            inside_dot = do.multiply_add(rest, inner_dot, do.sub(new_dot, old_dot))
            inside_dot = do.sub(inside_dot, do.mul(x_dot, inner))
            total = do.multiply_add(x, inside_dot, do.multiply_add(x_dot, inside, old_dot))
            do.store(total, stage_dot, i)
        part.set_clock(do.number(0.0))  # outputs stay where they are in time
        part.call("observe_tangent", head.AT, "stage", "q", part.rows["end"] + self.outputs)
        part.done()

    @staticmethod
    def _values(do: Any, rows: list[Any], n: int, i: int) -> list[Any]:
        """Return a state before and after the step, and its three interpolation coefficients."""
        y, new, dense = rows
        return [do.load(y, i), do.load(new, i), *(do.load(dense, m * n + i) for m in range(3))]

    def _look_now(self, part: _Mirrored) -> None:
        """Read the state; its tangents, at a time that does not move, are found with ``stage``."""
        do, y, stage = part.do, part.start_of("y"), part.start_of("stage")
        with part.each(self.layout.states) as (i, _, _updated):
            do.store(do.load(y, i), stage, i)
        part.set_clock(do.number(0.0))
        part.call("observe_tangent", head.TIME, "stage", "q", part.rows["end"] + self.outputs)
        part.done()
