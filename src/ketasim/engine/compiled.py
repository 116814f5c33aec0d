"""The engine's front door: an SBML model in, a solver for populations out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, overload, runtime_checkable

from ..errors import InputError, unknown_name
from .schedule import spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from .network import Form
    from .population import PopulationSolver
    from .schedule import DoseSchedule, DoseTable
    from .solution import Solution

Backend = Literal["numba", "cuda", "roadrunner"]
Progress = Callable[[int, int], None]


@runtime_checkable
class CompiledModel(Protocol):
    """A model ready to be solved for many patients; every backend looks like this."""

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states, in the order of the state vector."""
        ...

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the constants that may be set for each patient."""
        ...

    @property
    def observables(self) -> tuple[str, ...]:
        """Names that may be asked as outputs: states and assignment-rule variables."""
        ...

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name, readable by pint; empty where the model declares none."""
        ...

    @property
    def defaults(self) -> Mapping[str, float]:
        """The model's own value of every parameter."""
        ...

    def initial_state(self, parameters: Mapping[str, float] = ...) -> NDArray[np.float64]:
        """Return the state at the start, shape (n_states,)."""
        ...

    def derivatives(
        self, state: ArrayLike, parameters: Mapping[str, float] = ..., time: float = 0.0
    ) -> NDArray[np.float64]:
        """Return d(state)/dt, shape (n_states,)."""
        ...

    def solve(
        self,
        times: ArrayLike,
        *,
        parameters: Mapping[str, float | NDArray[np.float64]] = ...,
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
        """Integrate every patient and return the outputs at `times`.

        Parameters
        ----------
        times : array_like, shape (n_times,)
            Output times in the model's unit of time (h), not decreasing.
        parameters : mapping
            Values by name, one number or one for each patient; the rest keep the model's own.
            A state's name sets its initial value.
        doses : DoseSchedule, optional
            What is given, the same for all or one row a patient.
        outputs : sequence of str, optional
            Names from `observables`, or of parameters, compartments and reactions (their
            rates); all states by default.
        species : {"own", "amount", "concentration"}
            What a species among the outputs is given as; ``own`` is what its symbol means in
            the model's formulas.
        start : float, optional
            When the integration begins; by default the first output time or the patient's
            first dose, whichever is earlier.
        patients : int, optional
            Number of patients, where parameters and doses do not tell.
        rtol, atol : float
            Relative and absolute tolerance of the error of a step.
        max_steps : int
            Steps a patient may take.
        progress : callable, optional
            Called with (patients done, patients in all) as the work goes on.

        Returns
        -------
        Solution
            Values of the outputs, shape (n_patients, n_times, n_outputs), and how each patient
            fared: who failed is NaN from there on.

        Raises
        ------
        InputError
            For an unknown name, a shape that does not fit or a time out of order.
        """
        ...


@overload
def compile_model(sbml: str, *, backend: Literal["numba"] = "numba") -> PopulationSolver: ...


@overload
def compile_model(
    sbml: str, *, backend: Backend = "numba", precision: Literal["double", "single"] = "double"
) -> CompiledModel: ...


def compile_model(
    sbml: str, *, backend: Backend = "numba", precision: Literal["double", "single"] = "double"
) -> CompiledModel:
    """Compile an SBML model into a solver for populations.

    Parameters
    ----------
    sbml : str
        The model as SBML text (level 3, or level 2 where it means the same).
    backend : {"numba", "cuda", "roadrunner"}
        ``numba`` is the fast one: generated machine code and a Rosenbrock method.
        ``cuda`` is the same on an NVIDIA GPU, one thread a patient (``pip install ketasim[gpu]``).
        ``roadrunner`` is libRoadRunner's CVODE, an independent check.
    precision : {"double", "single"}
        Numbers of the steps. Only ``cuda`` knows ``single``, and logs what it costs in error.

    Returns
    -------
    CompiledModel
        Holds the code; solving it for other parameters, doses or outputs reads the model no more.

    Raises
    ------
    ModelError
        Where the text is no SBML, or the model uses something the engine refuses.
    InputError
        For an unknown backend, single precision without a GPU, or no GPU to be found.
    """
    if precision != "double" and backend != "cuda":
        raise InputError(
            f"the precision is {precision!r} with the backend {backend!r}",
            expected='precision="double", or backend="cuda"',
        )
    if backend == "numba":
        from .population import PopulationSolver

        return PopulationSolver(sbml)
    if backend == "cuda":
        from .cuda.solver import CudaSolver

        return CudaSolver(sbml, precision=precision)
    if backend == "roadrunner":
        from .roadrunner import RoadRunnerSolver

        return RoadRunnerSolver(sbml)
    raise unknown_name("backend", backend, ("numba", "cuda", "roadrunner"))


def count_patients(
    parameters: Mapping[str, float | NDArray[np.float64]],
    doses: DoseSchedule | None,
    patients: int | None,
) -> int:
    """Return the number of patients that parameters, doses and the caller agree on.

    Raises
    ------
    InputError
        Where they do not agree, or a parameter is not one number or one a patient.
    """
    import numpy as np

    told: dict[int, str] = {} if patients is None else {patients: "patients"}
    for name, value in parameters.items():
        array = np.asarray(value)
        if array.ndim > 1:
            raise InputError(
                f"{name!r} has the shape {array.shape}", expected="a number or one a patient"
            )
        if array.ndim == 1:
            told.setdefault(len(array), f"parameter {name!r}")
    rows = doses.patients if doses is not None else None
    if rows is not None:
        told.setdefault(rows, "the doses")
    if len(told) > 1:
        claims = ", ".join(f"{count} by {who}" for count, who in told.items())
        raise InputError(f"the number of patients is given as {claims}")
    count = next(iter(told), 1)
    if count < 1:
        raise InputError(f"{count} patients were asked for", expected="at least 1")
    return count


class Asked(NamedTuple):
    """Who is solved, what they get, and when.

    Attributes
    ----------
    patients : int
        How many.
    doses : DoseTable
        The doses, one row a patient.
    times : ndarray, shape (n_times,)
        Output times.
    starts : ndarray, shape (n_patients,)
        Where integrations begin.
    """

    patients: int
    doses: DoseTable
    times: NDArray[np.float64]
    starts: NDArray[np.float64]


def read_question(
    states: tuple[str, ...], times: ArrayLike,
    parameters: Mapping[str, float | NDArray[np.float64]] | None, doses: DoseSchedule | None,
    start: float | None, patients: int | None,
) -> Asked:  # fmt: skip
    """Return who is solved and when, as every backend understands it.

    Parameters
    ----------
    states : tuple of str
        Names of the model's states, which doses go into.
    times, parameters, doses, start, patients
        As for `CompiledModel.solve`.

    Raises
    ------
    InputError
        Where numbers of patients do not agree, a dose has no target, or a time is out of order.
    """
    count = count_patients(parameters or {}, doses, patients)
    table = spread(doses, states, count)
    return Asked(count, table, *check_times(times, start, table.first()))


def check_times(times: ArrayLike, start: float | None, first_dose: NDArray[np.float64]) -> tuple[
    NDArray[np.float64], NDArray[np.float64]
]:  # fmt: skip
    """Return the output times and each patient's start, checked.

    Raises
    ------
    InputError
        For times that are not finite or decrease, or a start after an output or a dose.
    """
    import numpy as np

    when = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if when.ndim != 1 or len(when) == 0 or not np.isfinite(when).all():
        raise InputError("the output times are not a list of finite numbers")
    if (np.diff(when) < 0).any():
        place = int(np.argmax(np.diff(when) < 0))
        raise InputError(
            f"the output times decrease from {when[place]:g} to {when[place + 1]:g}",
            expected="times in order",
        )
    if start is None:
        return when, np.minimum(when[0], first_dose)
    if not np.isfinite(start) or start > when[0]:
        raise InputError(f"the start {start:g} is after the first output time {when[0]:g}")
    if (first_dose < start).any():
        raise InputError(f"the start {start:g} is after the first dose at {first_dose.min():g}")
    return when, np.full(len(first_dose), float(start))


def check_tolerances(rtol: float, atol: float, max_steps: int) -> None:
    """Stop on tolerances that cannot be met.

    Raises
    ------
    InputError
        For a tolerance that is not positive, rtol below 1e-13, or fewer than one step.
    """
    if not 1e-13 <= rtol < 1.0:
        raise InputError(f"rtol is {rtol:g}", expected="a number from 1e-13 to below 1")
    if not atol > 0.0:
        raise InputError(f"atol is {atol:g}", expected="a positive number")
    if max_steps < 1:
        raise InputError(f"max_steps is {max_steps}", expected="at least 1")
