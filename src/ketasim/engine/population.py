"""The fast backend: one model's kernels, and many patients over the machine's threads.

Patients are handed out in chunks to a pool of threads; the driver releases Python's lock,
so they run side by side, and a chunk that takes long holds nobody up. A patient's result
depends on its own row only, never on its chunk, its neighbours or the number of threads.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .compiled import check_tolerances, read_question
from .job import Job
from .kernels import plan_kernels, plan_outputs
from .lowering import CompiledKernels, compile_kernels, lane_count
from .rodas import METHODS
from .sbml import read_sbml
from .solution import Solution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from .compiled import Progress
    from .network import Form, Network
    from .schedule import DoseSchedule, DoseTable
    from .sensitivity import Sensitivities
    from .sensitivity.run import TangentModel

#: Environment variable that limits the number of threads.
THREADS = "KETASIM_THREADS"
_LARGEST_CHUNK, _SMALLEST_CHUNK = 512, 32


def thread_count() -> int:
    """Return the number of threads to use: ``$KETASIM_THREADS``, else the processors at hand.

    Raises
    ------
    InputError
        Where the variable is not a positive whole number.
    """
    named = os.environ.get(THREADS)
    if named:
        if not named.isdecimal() or int(named) < 1:
            raise InputError(f"{THREADS} is {named!r}", expected="a positive whole number")
        return int(named)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class PopulationSolver:
    """A model compiled to machine code; see `ketasim.engine.CompiledModel`.

    Parameters
    ----------
    sbml : str
        The model.
    method : str
        ``rodas5p`` (order 5) or ``rodas4`` (order 4).
    """

    def __init__(self, sbml: str, *, method: str = "rodas5p") -> None:
        self._sbml = sbml
        self._method = METHODS[method]
        self._network = read_sbml(sbml)
        self._plan = plan_kernels(self._network, self._method, lane_count())
        self._code = compile_kernels(self._plan.kernels, [self._plan.stepping])
        self._observers: dict[tuple[tuple[str, ...], Form], CompiledKernels] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # Machine code does not travel; the copy is compiled, or read from the cache, where it is.
        return _rebuild, (self._sbml, self._method.name)

    def __repr__(self) -> str:
        return (
            f"<PopulationSolver of {self._network.name!r}: {len(self.states)} states, "
            f"{len(self.parameters)} parameters, {len(self.observables)} observables>"
        )

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states, in the order of the state vector."""
        return self._network.states

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the constants that may be set for each patient."""
        return self._network.parameters

    @property
    def observables(self) -> tuple[str, ...]:
        """Names that may be asked as outputs: states and assignment-rule variables."""
        return self._network.observables

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name, readable by pint; empty where the model declares none."""
        return self._network.units

    @cached_property
    def defaults(self) -> Mapping[str, float]:
        """The model's own value of every parameter, initial assignments included."""
        return self._network.default_values()

    @property
    def from_cache(self) -> bool:
        """Whether the machine code came from the cache."""
        return self._code.from_cache

    def initial_state(self, parameters: Mapping[str, float] | None = None) -> NDArray[np.float64]:
        """Return the state at the start, shape (n_states,), in each state's own unit.

        Parameters
        ----------
        parameters : mapping, optional
            Values that differ from the model's own.
        """
        _, rest = self._begin(parameters or {}, 0.0)
        return rest[: len(self.states)].copy()

    def derivatives(
        self,
        state: ArrayLike,
        parameters: Mapping[str, float] | None = None,
        time: float = 0.0,
    ) -> NDArray[np.float64]:
        """Return d(state)/dt, shape (n_states,).

        Parameters
        ----------
        state : array_like, shape (n_states,)
            The state.
        parameters : mapping, optional
            Values that differ from the model's own.
        time : float
            The time.
        """
        return self._linearisation(state, parameters or {}, time)[: len(self.states)]

    def jacobian(
        self,
        state: ArrayLike,
        parameters: Mapping[str, float] | None = None,
        time: float = 0.0,
    ) -> NDArray[np.float64]:
        """Return the derivatives of `derivatives` by the state, shape (n_states, n_states).

        Parameters
        ----------
        state, parameters, time
            As for `derivatives`.
        """
        import numpy as np

        size, pattern = len(self.states), self._plan.pattern
        entries = self._linearisation(state, parameters or {}, time)[size : size + len(pattern)]
        matrix = np.zeros((size, size))
        for (row, column), value in zip(pattern, entries, strict=True):
            matrix[row, column] = value
        return matrix

    def _linearisation(
        self, state: ArrayLike, parameters: Mapping[str, float], time: float
    ) -> NDArray[np.float64]:
        import numpy as np

        y = np.array(state, dtype=np.float64)
        if y.shape != (len(self.states),):
            raise InputError(
                f"the state has the shape {y.shape}", expected=f"({len(self.states)},)"
            )
        constants, _ = self._begin(parameters, time)
        width = self._plan.width
        out = np.zeros((self._plan.layout.slopes, width))
        arrays = [np.repeat(values[:, None], width, axis=1) for values in (y, constants)]
        self._run("linearise", np.full(width, time), *arrays, out)
        return out[:, 0]

    def _begin(
        self, parameters: Mapping[str, float], time: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a patient's constants, and what else is computed at the start."""
        import numpy as np

        inputs = self._network.input_table(dict(parameters), 1)[0]
        begun = np.zeros(len(self._plan.kernels[0].roots))
        self._run("initialise", np.array([time]), inputs, inputs, begun)
        return begun[: len(self._plan.hoisted)], begun[len(self._plan.hoisted) :]

    def _run(self, kernel: str, *arrays: NDArray[np.float64]) -> None:
        import ctypes

        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
        signature = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)
        signature(self._code.addresses[kernel])(*pointers)

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
        check_tolerances(rtol, atol, max_steps)
        names = tuple(self.states if outputs is None else outputs)
        observer = self._observer(names, species)
        count, table, when, starts = read_question(
            self.states, times, parameters, doses, start, patients
        )
        inputs = Inputs.checked(self._network, parameters or {}, count)
        solution = Solution.blank(when, names, count, self.states)
        job = Job(
            self._plan, self._network, self._method, self._code, observer, rtol, atol, max_steps
        )
        self._spread_work(job, inputs, table, starts, solution, progress)
        return solution

    def sensitivities(
        self,
        times: ArrayLike,
        with_respect_to: Sequence[str] = (),
        *,
        dose_amounts: Sequence[int] = (),
        dose_starts: Sequence[int] = (),
        dose_durations: Sequence[int] = (),
        refine: bool = True,
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
    ) -> Sensitivities:
        """Integrate every patient and differentiate the outputs.

        What is returned is the exact derivative of what this run computes, its steps held. Where
        a dose moves, the last step before it takes up the change, and the steps after it are
        shifted with it. Where several things happen at one time, or an output is asked for at the
        time of an infusion that moves, the derivative is that by a slight increase.

        Parameters
        ----------
        times : array_like, shape (n_times,)
            Output times in the model's unit of time (h), not decreasing.
        with_respect_to : sequence of str
            Parameters, and states for their initial values.
        dose_amounts, dose_starts, dose_durations : sequence of int
            Doses by their place in the schedule, from 0. When the start moves the duration
            stays, and when the duration changes the amount stays.
        refine : bool
            Shorten steps where the derivatives need it, so that their error is held to the
            tolerance as that of the values is; their absolute tolerance is `atol` by the size
            of what is varied. Otherwise the steps are those of `solve` and the values the same
            to the last bit, but steps that are right for the values may be far too long for the
            derivatives, at a steady state above all.
        parameters, doses, outputs, species, start, patients, rtol, atol, max_steps, progress
            As for `solve`. Without `start` a run that begins with a dose begins with it
            wherever it moves.

        Returns
        -------
        Sensitivities
            The run, and derivatives of shape (n_patients, n_times, n_outputs, n_directions).

        Raises
        ------
        ModelError
            For a model with events, or with rates that jump at times known only during the run.
        InputError
            As `solve`, and for a name or a dose that does not exist.
        """
        from .sensitivity.directions import Request
        from .sensitivity.run import Cohort, TangentJob, differentiate

        check_tolerances(rtol, atol, max_steps)
        names = tuple(self.states if outputs is None else outputs)
        request = Request(
            tuple(with_respect_to), tuple(dose_amounts), tuple(dose_starts), tuple(dose_durations)
        )
        model, observer = self._tangent_model, self._observer(names, species)
        count, table, when, starts = read_question(
            self.states, times, parameters, doses, start, patients
        )
        kinds, places = request.places(self._network, table)
        inputs = self._network.input_table(parameters or {}, count)
        job = Job(
            self._plan, self._network, self._method, self._code, observer, rtol, atol, max_steps
        )
        code = {**model.code.addresses, **model.observer(names, species).addresses}
        return differentiate(
            TangentJob(job, code, kinds, places, refine),
            Cohort(inputs, table, starts, (table.first() < when[0]) & (start is None)),
            Solution.blank(when, names, count, self.states), request, thread_count(), progress,
        )  # fmt: skip

    @cached_property
    def _tangent_model(self) -> TangentModel:
        from .sensitivity.run import TangentModel

        return TangentModel(self._plan, self._network)

    def _observer(self, names: tuple[str, ...], species: Form) -> CompiledKernels:
        """Return the code of these outputs, compiled where it is new."""
        if (names, species) not in self._observers:
            nodes = self._network.output_nodes(names, species)
            kernel, viewing = plan_outputs(self._plan, self._network, nodes)
            self._observers[names, species] = compile_kernels([kernel], [viewing])
        return self._observers[names, species]

    def _spread_work(
        self,
        job: Job,
        inputs: Inputs,
        table: DoseTable,
        starts: NDArray[np.float64],
        solution: Solution,
        progress: Progress | None,
    ) -> None:
        """Run chunks of patients on a pool of threads, reporting as they finish."""

        def work(part: slice) -> int:
            job.run(inputs.rows(part), table.rows(part), starts[part], solution.rows(part))
            return len(starts[part])

        count, threads = len(starts), thread_count()
        parts = [slice(first, min(first + size, count)) for first, size in _cut(count, threads)]
        done = 0
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


@dataclass(frozen=True)
class Inputs:
    """Input vectors of all patients, written out only for those at hand.

    Attributes
    ----------
    network : Network
        The model.
    parameters : mapping
        Arrays by name: no dimension, or one number a patient.
    """

    network: Network
    parameters: Mapping[str, NDArray[np.float64]]

    @classmethod
    def checked(
        cls, network: Network, parameters: Mapping[str, float | NDArray[np.float64]], count: int
    ) -> Inputs:
        """Return the inputs of `count` patients; see `Network.input_table` for what is refused."""
        import numpy as np

        own = {name: np.asarray(value, dtype=np.float64) for name, value in parameters.items()}
        if all(np.isfinite(value).all() for value in own.values()):
            network.input_table({name: value.flat[0] for name, value in own.items()}, 1)
        else:
            network.input_table(parameters, count)
        return cls(network, own)

    def rows(self, part: slice) -> NDArray[np.float64]:
        """Return the input vectors of some patients."""
        own = {
            name: value[part] if value.ndim else value for name, value in self.parameters.items()
        }
        return self.network.input_table(own, part.stop - part.start)


def _cut(count: int, threads: int) -> list[tuple[int, int]]:
    """Return first patients and sizes of chunks: some for each thread, none too long to stop."""
    size = max(1, min(_LARGEST_CHUNK, -(-count // (4 * threads))))
    if size < _SMALLEST_CHUNK:  # lanes run empty at the end of a chunk
        size = max(1, min(_SMALLEST_CHUNK, -(-count // threads)))
    return [(first, size) for first in range(0, count, size)]


def _rebuild(sbml: str, method: str) -> PopulationSolver:
    return PopulationSolver(sbml, method=method)
