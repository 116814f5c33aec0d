"""The backend "cuda": populations on an NVIDIA GPU."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..compiled import check_tolerances, read_question
from ..job import Job
from ..lowering import compile_text
from ..population import PopulationSolver
from ..solution import Solution
from .binding import Binder, by_address, by_name, linked
from .code import device_code, device_plan
from .device import need_device, simulated, this_device
from .launch import Chunk, Memory, Slot, thread_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from ..compiled import Progress
    from ..network import Form
    from ..schedule import DoseSchedule, DoseTable
    from .code import DeviceCode, Precision

#: Patients that are solved again in double precision to tell the error of single precision.
SAMPLE = 64
_logger = logging.getLogger("ketasim.engine")


@dataclass(frozen=True)
class PrecisionError:
    """How far single precision was from double, on a sample of the patients.

    Attributes
    ----------
    patients : int
        Patients that both solved.
    worst : float
        Largest difference, relative to the patient's largest value of that output.
    typical : float
        Median over patients and outputs of the largest difference over time.
    output : str
        Output with the largest difference.
    failed : int
        Patients of the sample that only one of the two could solve.
    """

    patients: int
    worst: float
    typical: float
    output: str
    failed: int

    def __str__(self) -> str:
        text = (
            f"single precision differs from double by up to {self.worst:.1e} of an output's peak "
            f"(in {self.output!r}; median {self.typical:.1e}) on a sample of {self.patients} "
            "patients"
        )
        return text + (f", and {self.failed} were solved by one only" if self.failed else "")


class CudaSolver(PopulationSolver):
    """A model compiled for a GPU; see `ketasim.engine.CompiledModel`.

    Parameters
    ----------
    sbml : str
        The model.
    method : str
        ``rodas5p`` (order 5) or ``rodas4`` (order 4).
    precision : {"double", "single"}
        Numbers of the steps. Single is an approximation whose error is computed in every run:
        it is logged and kept in `precision_error`.

    Attributes
    ----------
    precision_error : PrecisionError or None
        Error of the last run in single precision.

    Raises
    ------
    MissingExtraError
        Where numba-cuda is not installed.
    InputError
        Where there is no GPU, or the model cannot be solved in single precision.
    """

    def __init__(
        self, sbml: str, *, method: str = "rodas5p", precision: Precision = "double"
    ) -> None:
        if precision not in ("double", "single"):
            raise InputError(f"the precision is {precision!r}", expected="double or single")
        self._cuda = need_device()
        super().__init__(sbml, method=method)
        self._precision: Precision = precision
        self._device_plan = device_plan(self._network, self._method, precision)
        self._kernels: dict[tuple[tuple[str, ...], Form], Any] = {}
        self._check: CudaSolver | None = None
        self.precision_error: PrecisionError | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._sbml, self._method.name, self._precision)

    def solve(
        self,
        times: ArrayLike,
        *,
        parameters: Mapping[str, float | NDArray[np.float64]] | None = None,
        doses: DoseSchedule | None = None,
        outputs: Sequence[str] | None = None,
        species: Form = "own",
        start: float | None = None,
        patients: int | None = None,
        rtol: float = 1e-6,
        atol: float = 1e-9,
        max_steps: int = 100_000,
        progress: Progress | None = None,
    ) -> Solution:
        """Integrate every patient; see `ketasim.engine.CompiledModel.solve`."""
        import numpy as np

        check_tolerances(rtol, atol, max_steps)
        if self._precision == "single" and rtol < 1e-5:
            raise InputError(
                f"rtol is {rtol:g} in single precision, whose numbers have 7 digits",
                expected='1e-5 or more, or precision="double"',
            )
        names = tuple(self.states if outputs is None else outputs)
        nodes = self._network.output_nodes(names, species)
        count, table, when, starts = read_question(
            self.states, times, parameters, doses, start, patients
        )
        given = {name: np.asarray(v, dtype=np.float64) for name, v in (parameters or {}).items()}
        solution = Solution.blank(when, names, count, self.states)
        job = Job(
            self._device_plan, self._network, self._method, self._code, self._code, rtol, atol,
            max_steps,
        )  # fmt: skip
        kernel = self._kernel((names, species), nodes)
        self._stream(job, kernel, given, table, starts, solution, progress)
        if self._precision == "single":
            asked = {"outputs": names, "species": species, "start": start, "rtol": rtol,
                     "atol": atol, "max_steps": max_steps}  # fmt: skip
            self._compare(solution, given, doses, asked)
        return solution

    def _kernel(self, key: tuple[tuple[str, ...], Form], nodes: Sequence[int]) -> Any:
        """Return the kernel that computes some outputs, compiled where it is new."""
        from . import kernel

        if key not in self._kernels:
            code = device_code(self._device_plan, self._network, nodes, self._precision)
            function = kernel.population_with_events if self._network.events else kernel.population
            self._kernels[key] = self._compile(function, code)
        return self._kernels[key]

    def _compile(self, function: Any, code: DeviceCode) -> Any:
        if simulated():
            binder = Binder(by_address(compile_text(code.text, code.names)))
            return self._cuda.jit(binder.kernel(function))
        capability = tuple(self._cuda.get_current_device().compute_capability)
        link = linked(code, capability)
        return self._cuda.jit(link=link)(Binder(by_name()).kernel(function))

    def _stream(
        self, job: Job, kernel: Any, given: Mapping[str, NDArray[np.float64]], table: DoseTable,
        starts: NDArray[np.float64], solution: Solution, progress: Progress | None,
    ) -> None:  # fmt: skip
        """Send all patients through the GPU, chunk by chunk, reporting as they come back."""
        outputs, single = len(solution.outputs), self._precision == "single"
        device = this_device(self._cuda, 2 * thread_bytes(job, outputs, single))
        count = len(starts)
        order = alike(table, starts)
        each = 8 * (len(solution.times) * outputs + len(self._network.inputs) + 8)
        size = _chunk_size(device.chunk_bytes // (each + 24 * len(table.target)), device.resident)
        parts = [order[first : first + size] for first in range(0, count, size)]
        slots = [
            Slot(
                self._cuda, kernel, device,
                Memory(self._cuda, job, device.resident, outputs, single), job,
            )
            for _ in range(min(2, len(parts)))
        ]  # fmt: skip
        done = 0
        for place, part in enumerate([*parts, *([None] * len(slots))]):
            slot = slots[place % len(slots)]
            back = slot.collect(solution)
            if part is not None:
                slot.start(self._chunk(part, given, table, starts), solution)
            done += back
            if back and progress is not None:
                progress(done, count)

    def _chunk(
        self, part: NDArray[np.int64], given: Mapping[str, NDArray[np.float64]], table: DoseTable,
        starts: NDArray[np.float64],
    ) -> Chunk:  # fmt: skip
        import numpy as np

        own = {name: value[part] if value.ndim else value for name, value in given.items()}
        start, end, amount = (
            np.ascontiguousarray(each[part]) for each in (table.start, table.end, table.amount)
        )
        inputs = self._network.input_table(own, len(part))
        return Chunk(part, inputs, starts[part], table.target, (start, end, amount))

    def _compare(
        self, solution: Solution, given: Mapping[str, NDArray[np.float64]],
        doses: DoseSchedule | None, asked: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Solve a sample again in double precision, keep the difference and log it."""
        import numpy as np

        if self._check is None:
            self._check = CudaSolver(self._sbml, method=self._method.name)
        count = len(solution.status)
        chosen = np.unique(np.linspace(0, count - 1, min(SAMPLE, count)).astype(np.int64))
        own = {name: value[chosen] if value.ndim else value for name, value in given.items()}
        exact = self._check.solve(
            solution.times, parameters=own, doses=_of_patients(doses, chosen),
            patients=len(chosen), **asked,
        )  # fmt: skip
        self.precision_error = _difference(solution, exact, chosen)
        _logger.warning("%s", self.precision_error)


def alike(table: DoseTable, starts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the patients in an order in which neighbours cross their breakpoints together.

    Threads of a warp go in step, so a warp is as slow as the patient with most to do. Patients are
    sorted by their number of doses, then by when these start and end.

    Parameters
    ----------
    table : DoseTable
        The doses.
    starts : ndarray, shape (patients,)
        Where integrations begin.
    """
    import numpy as np

    if all(_same_for_all(part) for part in (table.start, table.end, table.amount, starts)):
        return np.arange(len(starts))
    given = table.amount != 0.0
    columns = [np.where(given, table.start, np.inf), np.where(given, table.end, np.inf)]
    keys = [starts, *(part[:, dose] for dose in range(given.shape[1]) for part in columns)]
    return np.lexsort((*reversed(keys), given.sum(axis=1)))


def _same_for_all(part: NDArray[np.float64]) -> bool:
    return part.strides[0] == 0 or bool((part == part[:1]).all())


def _chunk_size(fitting: int, resident: int) -> int:
    """Return the patients of a chunk: whole rounds of all threads where they fit."""
    return max(1, fitting if fitting < resident else fitting // resident * resident)


def _of_patients(doses: DoseSchedule | None, chosen: NDArray[np.int64]) -> DoseSchedule | None:
    if doses is None or doses.patients is None:
        return doses
    count = doses.patients

    def rows(part: NDArray[np.float64]) -> NDArray[np.float64]:
        return part[chosen] if part.ndim == 2 and len(part) == count else part

    return replace(
        doses, start_h=rows(doses.start_h), duration_h=rows(doses.duration_h),
        amount=rows(doses.amount),
    )  # fmt: skip


def _difference(solution: Solution, exact: Solution, chosen: NDArray[np.int64]) -> PrecisionError:
    import numpy as np

    both = (solution.status[chosen] == 0) & (exact.status == 0)
    failed = int(((solution.status[chosen] == 0) != (exact.status == 0)).sum())
    if not both.any():
        return PrecisionError(0, float("nan"), float("nan"), "", failed)
    found, right = solution.values[chosen][both], exact.values[both]
    peak = np.abs(right).max(axis=1)
    error = np.abs(found - right).max(axis=1) / np.where(peak > 0.0, peak, 1.0)
    output = exact.outputs[int(error.max(axis=0).argmax())]
    return PrecisionError(
        int(both.sum()), float(error.max()), float(np.median(error)), output, failed
    )


def _rebuild(sbml: str, method: str, precision: Precision) -> CudaSolver:
    return CudaSolver(sbml, method=method, precision=precision)
