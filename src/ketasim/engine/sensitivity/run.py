"""A model made ready to be differentiated, and many patients over the machine's threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..lowering import compile_kernels
from .directions import require_smooth
from .kernels import plan_output_tangents, plan_tangents
from .result import Sensitivities

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ..compiled import Progress
    from ..job import Job
    from ..kernels import KernelPlan
    from ..lowering import CompiledKernels
    from ..network import Form, Network
    from ..schedule import DoseTable
    from ..solution import Solution
    from .directions import Request

_LARGEST_CHUNK = 64


@dataclass(frozen=True)
class Cohort:
    """The patients of a run.

    Attributes
    ----------
    inputs : ndarray, shape (patients, inputs)
        Input vectors.
    doses : DoseTable
        Their doses.
    starts : ndarray, shape (patients,)
        When each begins.
    floats : ndarray of bool, shape (patients,)
        Whether that is when the first dose is given, and moves with it.
    """

    inputs: NDArray[np.float64]
    doses: DoseTable
    starts: NDArray[np.float64]
    floats: NDArray[np.bool_]

    def rows(self, part: slice) -> Cohort:
        """Return some of the patients."""
        return Cohort(
            self.inputs[part], self.doses.rows(part), self.starts[part], self.floats[part]
        )


class TangentModel:
    """Machine code of a model's derivatives, compiled when first asked for.

    Parameters
    ----------
    plan, network : KernelPlan, Network
        The model.
    """

    def __init__(self, plan: KernelPlan, network: Network) -> None:
        require_smooth(network)
        self._plan, self._network = plan, network
        self._observers: dict[tuple[tuple[str, ...], Form], CompiledKernels] = {}

    @cached_property
    def code(self) -> CompiledKernels:
        """The code that all outputs share."""
        plan = plan_tangents(self._plan, self._network)
        return compile_kernels(plan.kernels, [plan.stepping])

    def observer(self, names: tuple[str, ...], species: Form) -> CompiledKernels:
        """Return the code of the tangents of some outputs, compiled where it is new."""
        if (names, species) not in self._observers:
            nodes = self._network.output_nodes(names, species)
            kernel, viewing = plan_output_tangents(self._plan, self._network, nodes)
            self._observers[names, species] = compile_kernels([kernel], [viewing])
        return self._observers[names, species]


@dataclass(frozen=True)
class TangentJob:
    """What is to be differentiated and how, for any patients.

    Attributes
    ----------
    job : Job
        The run itself.
    addresses : dict of str to int
        The code of the derivatives.
    kinds, places : list of int
        The directions (see `Request.places`).
    refine : bool
        Whether the error of the derivatives is held to the tolerance too.
    """

    job: Job
    addresses: dict[str, int]
    kinds: list[int]
    places: list[int]
    refine: bool

    def run(
        self,
        cohort: Cohort,
        solution: Solution,
        derivatives: NDArray[np.float64],
        steps: NDArray[np.float64] | None = None,
    ) -> int:
        """Integrate some patients and write their rows.

        Parameters
        ----------
        cohort : Cohort
            The patients.
        solution : Solution
            Their rows of the solution.
        derivatives : ndarray, shape (patients, times, outputs, directions)
            Their rows of the derivatives.
        steps : ndarray, shape (limit, 2), optional
            Filled with beginnings and sizes of the last patient's accepted steps.

        Returns
        -------
        int
            How many steps were written.
        """
        import numpy as np

        from ..driver import Control, Doses, Results
        from . import driver

        outputs = solution.values.shape[2]
        lanes, rows = self._lanes(outputs)
        mirror = self._mirror(rows, lanes.begun.shape[1], len(cohort.doses.target), steps)
        doses = cohort.doses
        # Copies may be written to, as others may not: the driver is compiled for one kind only.
        given = [np.array(one) for one in (doses.start, doses.end, doses.amount)]
        results = Results(
            solution.values, solution.status, solution.failure_time, solution.culprit,
            solution.steps,
        )  # fmt: skip
        driver.differentiate_chunk(
            self.job.machine(), self._tangent(), lanes, mirror,
            Control(self.job.max_steps, self.job.method.order),
            driver.Directions(np.array(self.kinds), np.array(self.places)), cohort.inputs,
            Doses(doses.target, *given), cohort.starts,
            cohort.floats, solution.times, results, derivatives, self.refine,
        )  # fmt: skip
        return int(mirror.written[0])

    def _lanes(self, outputs: int) -> tuple[Any, NDArray[np.float64]]:
        """Return memory to work in, and the mirror just before its block."""
        from ..job import _aligned

        lanes = self.job._lanes(outputs)
        size, width = lanes.block.shape
        end = self.job.plan.layout.rows()["end"]
        memory = _aligned(end + size + outputs, width)
        memory[end : end + size] = lanes.block
        return lanes._replace(block=memory[end:]), memory[:end]

    def _tangent(self) -> Any:
        from .breakpoints import Tangent

        rows = self.job.plan.layout.rows()
        own = {"atol": rows["atol"], "stage": rows["stage"], "outputs": rows["end"]}
        places = self.addresses | own | {"rates": self.job.code.addresses["rates"]}
        return Tangent(*(places[name] for name in Tangent._fields))

    def _mirror(
        self, rows: NDArray[np.float64], begun: int, doses: int, steps: NDArray[np.float64] | None
    ) -> Any:
        import numpy as np

        from .breakpoints import Mirror

        width, states = rows.shape[1], self.job.plan.layout.states
        heights = {
            "begun": begun, "amount": doses, "start": doses, "end": doses, "between": states,
            "drift": states, "clock": 1, "fixed": states,
        }  # fmt: skip
        parts: dict[str, Any] = {name: np.zeros((size, width)) for name, size in heights.items()}
        parts |= {name: np.zeros(width) for name in ("early", "late", "void", "jump")}
        parts |= {"rows": rows, "steps": np.zeros((0, 2)) if steps is None else steps}
        parts["written"] = np.zeros(1, dtype=np.int64)
        return Mirror(*(parts[name] for name in Mirror._fields))


def differentiate(
    job: TangentJob,
    cohort: Cohort,
    solution: Solution,
    request: Request,
    threads: int,
    progress: Progress | None,
) -> Sensitivities:
    """Run chunks of patients on a pool of threads, reporting as they finish.

    Parameters
    ----------
    job : TangentJob
        What to do.
    cohort : Cohort
        For whom.
    solution : Solution
        Where values go.
    request : Request
        What to differentiate by.
    threads : int
        Patients at once.
    progress : callable or None
        Called with (patients done, patients in all).
    """
    import numpy as np

    count = len(cohort.inputs)
    derivatives = np.full((*solution.values.shape, len(job.kinds)), np.nan)

    def work(part: slice) -> int:
        job.run(cohort.rows(part), solution.rows(part), derivatives[part])
        return len(cohort.starts[part])

    parts, done = _cut(count, threads), 0
    with ThreadPoolExecutor(min(threads, len(parts))) as pool:
        futures = [pool.submit(work, part) for part in parts]
        try:
            for future in as_completed(futures):
                done += future.result()
                if progress is not None:
                    progress(done, count)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return Sensitivities(solution, request.labels(), derivatives)


def _cut(count: int, threads: int) -> Sequence[slice]:
    """Return chunks of patients: some for each thread, none too long to stop."""
    size = max(1, min(_LARGEST_CHUNK, -(-count // (4 * threads))))
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]
