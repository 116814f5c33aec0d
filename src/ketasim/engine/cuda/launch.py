"""Chunks of patients through the GPU: two in flight, one computing while the other travels."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .code import WARP
from .device import blocks_for, simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from ..job import Job
    from ..solution import Solution
    from .device import Device

#: Fields of `driver_events.Events` that all threads share; the others are each thread's own.
_SHARED = (
    "initially", "persistent", "from_trigger", "ranked", "first", "assigned", "target", "dense",
)  # fmt: skip


@dataclass(frozen=True)
class Chunk:
    """Patients that go through the GPU together.

    Attributes
    ----------
    patients : ndarray of int
        Which they are, in the order of the threads.
    inputs, starts : ndarray
        Their input vectors and starts.
    target : ndarray of int
        States that doses enter.
    doses : tuple of ndarray
        Starts, ends and amounts of their doses.
    """

    patients: NDArray[np.int64]
    inputs: NDArray[np.float64]
    starts: NDArray[np.float64]
    target: NDArray[np.int64]
    doses: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


class Memory:
    """What the threads of one stream work in, on the GPU.

    Parameters
    ----------
    cuda : module
        Numba's module for GPUs.
    job : Job
        The model, one lane wide.
    threads : int
        Threads in all.
    outputs : int
        Number of outputs.
    single : bool
        Whether steps are taken in single precision.
    """

    def __init__(self, cuda: Any, job: Job, threads: int, outputs: int, single: bool) -> None:
        import numpy as np

        from . import kernel

        lanes, events = job._lanes(outputs), job._events()
        warps = -(-threads // WARP)
        number = np.float32 if single else np.float64

        def array(shape: tuple[int, ...], kind: Any = np.float64) -> Any:
            return cuda.device_array(shape, dtype=kind)

        self.lanes = kernel.Memory(
            array((warps, len(lanes.block), WARP), number), array((warps, len(lanes.real), WARP)),
            array((warps, len(lanes.whole), WARP), np.int64), array((threads, lanes.begun.shape[1])),
            array((threads, 1)),
        )  # fmt: skip
        self.events: tuple[Any, ...] = ()
        if events is not None:
            own = [name for name in events._fields if name not in _SHARED]
            tables = kernel.EventTables(*(cuda.to_device(getattr(events, n)) for n in _SHARED))
            parts = [getattr(events, name) for name in own]
            kept = kernel.EventMemory(*(array((threads, *p.shape), p.dtype) for p in parts))
            self.events = tables, kept


def thread_bytes(job: Job, outputs: int, single: bool) -> int:
    """Return the memory that one thread works in.

    Parameters
    ----------
    job : Job
        The model, one lane wide.
    outputs : int
        Number of outputs.
    single : bool
        Whether steps are taken in single precision.
    """
    lanes, events = job._lanes(outputs), job._events()
    total = lanes.block.nbytes // (2 if single else 1)
    total += sum(part.nbytes for part in lanes[1:])
    if events is not None:
        total += sum(getattr(events, n).nbytes for n in events._fields if n not in _SHARED)
    return int(total)


class Slot:
    """A stream of the GPU with memory of its own, that takes one chunk after another.

    Parameters
    ----------
    cuda : module
        Numba's module for GPUs.
    kernel : object
        The compiled kernel.
    device : Device
        How many threads there are.
    memory : Memory
        What they work in.
    job : Job
        The model, one lane wide, and what is asked.
    """

    def __init__(self, cuda: Any, kernel: Any, device: Device, memory: Memory, job: Job) -> None:
        self._cuda, self._kernel, self._device = cuda, kernel, device
        self._memory, self._job = memory, job
        self._stream = cuda.stream()
        self._waiting: tuple[Chunk, tuple[Any, ...], tuple[Any, ...]] | None = None

    def start(self, chunk: Chunk, solution: Solution) -> None:
        """Send a chunk on its way; the slot must be empty.

        Parameters
        ----------
        chunk : Chunk
            The patients.
        solution : Solution
            Whose times and outputs are asked.
        """
        from .. import driver
        from . import kernel

        def send(array: Any) -> Any:
            return self._cuda.to_device(array, stream=self._stream)

        results = self._blank(len(chunk.patients), solution)
        layout = self._job.plan.layout
        blocks = blocks_for(self._device, len(chunk.patients))
        with _quiet():
            self._kernel[blocks, self._device.threads, self._stream](
                self._job.machine(), self._memory.lanes,
                driver.Control(self._job.max_steps, self._job.method.order),
                kernel.Tolerance(self._job.rtol, self._job.atol, layout.row("atol")),
                kernel.Cohort(send(chunk.inputs), send(chunk.starts), send(solution.times)),
                driver.Doses(send(chunk.target), *(send(table) for table in chunk.doses)),
                driver.Results(*results), *self._memory.events,
            )  # fmt: skip
        host = tuple(self._cuda.pinned_array(r.shape, dtype=r.dtype) for r in results)
        for array, place in zip(results, host, strict=True):
            array.copy_to_host(place, stream=self._stream)
        self._waiting = chunk, results, host

    def _blank(self, patients: int, solution: Solution) -> tuple[Any, ...]:
        import numpy as np

        def array(*shape: int, kind: Any = np.float64) -> Any:
            return self._cuda.device_array(shape, dtype=kind, stream=self._stream)

        return (
            array(patients, *solution.values.shape[1:]), array(patients, kind=np.int64),
            array(patients), array(patients, kind=np.int64), array(patients, kind=np.int64),
        )  # fmt: skip

    def collect(self, solution: Solution) -> int:
        """Wait for the chunk under way, put its results in their places, and count its patients.

        Parameters
        ----------
        solution : Solution
            Where results go.
        """
        if self._waiting is None:
            return 0
        chunk, _, host = self._waiting
        self._stream.synchronize()
        self._waiting = None
        names = ("values", "status", "failure_time", "culprit", "steps")
        for name, found in zip(names, host, strict=True):
            getattr(solution, name)[chunk.patients] = found
        return len(chunk.patients)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let values become infinite without a warning where the simulator computes with numpy."""
    if not simulated():
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield
