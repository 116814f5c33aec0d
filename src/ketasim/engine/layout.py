"""Where everything a step needs lies in one block of memory.

The block has one row a number and one column a patient; generated code and the driver both go by
these row numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Rows of single numbers at the head of the block.
TIME, STEP, LOW, HIGH, ERROR, SOUND, MASK, SPAN, FIRST, PLACE, AT, RTOL = range(12)
HEAD = 16


@dataclass(frozen=True)
class Layout:
    """Rows of the block of one model.

    Attributes
    ----------
    states, entries, factors, constants, inputs, stages : int
        Sizes: of the state, the Jacobian's entries, the factors, a patient's constants and
        inputs, the method.
    timed : bool
        Whether the equations mention time, so that derivatives by time are kept too.
    """

    states: int
    entries: int
    factors: int
    constants: int
    inputs: int
    stages: int
    timed: bool

    @property
    def slopes(self) -> int:
        """Rows of a linearisation: rates, entries, derivatives by time, and whether all are sound."""
        return self.states * (2 if self.timed else 1) + self.entries + 1

    def row(self, name: str) -> int:
        """Return the first row of a part of the block."""
        return self.rows()[name]

    def rows(self) -> dict[str, int]:
        """Return the first row of every part, and ``end``, the number of rows in all."""
        n = self.states
        sizes = {
            "atol": n,
            "y": n,
            "infusion": n,
            "q": self.constants + self.inputs,
            "now": self.slopes,
            "ahead": self.slopes,
            "times": self.stages,
            "shift": 1,
            "stage": n,
            "right": n,
            "new": n,
            "k": self.stages * n,
            "lu": self.factors,
            "dense": 3 * n,
        }
        found, place = {}, HEAD
        for name, size in sizes.items():
            found[name] = place
            place += size
        return found | {"end": place}
