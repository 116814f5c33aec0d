"""One call of the driver: a model's code, memory to work in, and the rows of some patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .kernels import KernelPlan
    from .lowering import CompiledKernels
    from .network import Network
    from .rodas import Tableau
    from .schedule import DoseTable
    from .solution import Solution

_CACHE_LINE = 8  # numbers; vectors that straddle two lines are slow to load


@dataclass(frozen=True)
class Job:
    """What is to be integrated and how, for any patients.

    Attributes
    ----------
    plan, network, method : KernelPlan, Network, Tableau
        The model and the method.
    code, observer : CompiledKernels
        Machine code of the model and of the outputs.
    rtol, atol : float
        Tolerances.
    max_steps : int
        Steps a patient may take.
    """

    plan: KernelPlan
    network: Network
    method: Tableau
    code: CompiledKernels
    observer: CompiledKernels
    rtol: float
    atol: float
    max_steps: int

    def run(
        self,
        inputs: NDArray[np.float64],
        doses: DoseTable,
        starts: NDArray[np.float64],
        solution: Solution,
    ) -> None:
        """Integrate some patients and write their rows of `solution`."""
        from . import driver

        results = driver.Results(
            solution.values, solution.status, solution.failure_time, solution.culprit,
            solution.steps,
        )  # fmt: skip
        driver.solve_chunk(
            self.machine(), self._lanes(solution.values.shape[2]), self._events(),
            driver.Control(self.max_steps, self.method.order), inputs,
            driver.Doses(doses.target, doses.start, doses.end, doses.amount), starts,
            solution.times, results,
        )  # fmt: skip

    def machine(self) -> Any:
        """Return the addresses, sizes and rows that the driver goes by."""
        from .machine import Machine

        layout = self.plan.layout
        rows = layout.rows()
        addresses = {**self.code.addresses, **self.observer.addresses}
        sizes = {
            "states": layout.states,
            "constants": layout.constants,
            "stages": layout.stages,
            "slopes": layout.slopes,
            "outputs": rows["end"],
        }
        places = {**addresses, **rows, **sizes}
        return Machine(*(places.get(name, 0) for name in Machine._fields))

    def _lanes(self, outputs: int) -> Any:
        import numpy as np

        from . import driver
        from .layout import RTOL, STEP

        layout, width = self.plan.layout, self.plan.width
        rows = layout.rows()
        block = _aligned(rows["end"] + max(1, outputs), width)
        block[RTOL] = self.rtol
        block[rows["atol"] : rows["atol"] + layout.states] = self.atol
        block[STEP] = 1.0  # of lanes without a patient
        begun = np.zeros((width, len(self.plan.kernels[0].roots)))
        return driver.Lanes(
            block, np.zeros((8, width)), np.zeros((8, width), dtype=np.int64), begun, np.zeros(1)
        )

    def _events(self) -> Any:
        import numpy as np

        from .driver_events import WAITING_LIMIT, Events

        events, width, layout = self.network.events, self.plan.width, self.plan.layout
        if not events:
            return None  # the driver is compiled without them
        count = len(events)
        sizes = [len(event.assignments) for event in events]
        first = np.cumsum([0, *(2 + size for size in sizes)])
        target = np.full(first[-1], -1, dtype=np.int64)
        for place, event in zip(first[:-1], events, strict=True):
            target[place + 2 : place + 2 + len(event.assignments)] = [
                state for state, _ in event.assignments
            ]
        limit = WAITING_LIMIT if count else 0

        def flags(name: str) -> NDArray[np.int64]:
            return np.array([int(getattr(event, name)) for event in events], dtype=np.int64)

        return Events(
            flags("initially"), flags("persistent"), flags("from_trigger"),
            np.array([int(event.priority is not None) for event in events], dtype=np.int64),
            first[:-1].astype(np.int64), np.array(sizes, dtype=np.int64), target,
            np.array(self.method.dense_rows()),
            np.zeros((width, layout.constants + layout.inputs)), np.zeros((width, layout.states)),
            np.zeros(1), np.zeros((width, count)), np.zeros(count), np.zeros(first[-1]),
            np.zeros(width, dtype=np.int64), np.zeros((width, limit)),
            np.zeros((width, limit), dtype=np.int64),
            np.zeros((width, limit, max(sizes, default=0))),
        )  # fmt: skip


def _aligned(rows: int, columns: int) -> NDArray[np.float64]:
    """Return zeros whose first element begins a line of the processor's cache."""
    import numpy as np

    memory = np.zeros(rows * columns + _CACHE_LINE)
    offset = (-memory.ctypes.data // memory.itemsize) % _CACHE_LINE
    return memory[offset : offset + rows * columns].reshape(rows, columns)
