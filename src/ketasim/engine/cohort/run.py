"""Solve a cohort of any size into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ...errors import InputError, unknown_name
from ..compiled import check_times, check_tolerances
from ..schedule import spread
from .crews import Cluster, Crew, Threads, work_off
from .inputs import cohort_inputs
from .moments import Moments
from .quantiles import exact_quantiles
from .question import Keep, Question, check_plan, check_probabilities, default_chunk_size
from .reading import CohortSolution, read_cohort
from .statistics import Gathering, sketched_quantiles, summed_up
from .storage import STATISTICS, SUMMARY, Storage, write_whole
from .tables import read_statistics, summary_file
from .work import ChunkTask, check_folder, check_written, is_answered, solver_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from ..compiled import Backend, CompiledModel, Progress
    from ..schedule import DoseSchedule
    from .inputs import CohortInputs, Parameters, PatientFactory

Crews = Literal["threads", "dask"]


def solve_cohort(
    sbml: str,
    times: ArrayLike,
    *,
    out: Path | str,
    parameters: Parameters | PatientFactory | None = None,
    doses: DoseSchedule | None = None,
    patients: int | None = None,
    outputs: Sequence[str] | None = None,
    start: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    max_steps: int = 100_000,
    keep: Keep = "trajectories",
    probabilities: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95),
    chunk_size: int | None = None,
    in_flight: int | None = None,
    backend: Crews = "threads",
    scheduler: str | None = None,
    solver: Backend = "numba",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> CohortSolution:
    """Solve a cohort chunk by chunk, each chunk written whole, and go on where a run was stopped.

    Parameters
    ----------
    sbml : str
        The model as SBML text.
    times : array_like, shape (n_times,)
        Output times in the model's unit of time, not decreasing.
    out : path
        The folder; a new or empty one, or that of the same cohort, whose chunks are then kept.
    parameters : mapping or callable, optional
        Values by name, one number or one for each patient; or a function from the first patient
        of a chunk and the one after its last to that chunk's parameters and doses, so that the
        whole cohort is never in memory. It must return the same numbers whenever it is called,
        and with ``backend="dask"`` it travels to the workers.
    doses : DoseSchedule, optional
        What is given, the same for all or one row a patient; with a function it comes from there.
    patients : int, optional
        Number of patients, where parameters and doses do not tell.
    outputs : sequence of str, optional
        Names of the outputs; all states by default.
    start, rtol, atol, max_steps
        As for `ketasim.engine.CompiledModel.solve`.
    keep : {"trajectories", "statistics"}
        What stays on disk of every patient: trajectories and status, or the status alone.
    probabilities : sequence of float
        Of the quantiles. From trajectories they are exact; else every order statistic is within
        `CohortStatistics.quantile_error` of the exact one, relative to its size.
    chunk_size : int, optional
        Patients that are solved and written together; by default about 64 MiB of trajectories.
    in_flight : int, optional
        Chunks being solved or written at a time: 2 with threads, else 2 a thread of the workers.
    backend : {"threads", "dask"}
        Who solves: this process, or the workers of a dask scheduler.
    scheduler : str, optional
        The scheduler's address, for instance ``tcp://10.0.0.1:8786``; without one dask works
        inside this process. The folder must be on a disk that all workers share.
    solver : str
        Backend of `ketasim.engine.compile_model`.
    overwrite : bool
        Whether a folder with another cohort may be emptied of it.
    progress : callable, optional
        Called with (patients done, patients in all) whenever a chunk is done.

    Returns
    -------
    CohortSolution

    Raises
    ------
    InputError
        For input that no patient can be solved with, or a folder that holds something else.
    OutputError
        Where the folder cannot be written, or is not shared with the workers.
    SimulationError
        Where workers are gone and do not come back. Patients that fail are no error: they have
        a status each.
    """
    import numpy as np

    chosen = tuple(float(one) for one in probabilities)
    check_probabilities(chosen)
    check_tolerances(rtol, atol, max_steps)
    when, _ = check_times(times, None, np.array([np.inf]))
    crew = _crew(backend, scheduler, in_flight)
    model = solver_of(sbml, solver)
    names = tuple(model.states if outputs is None else outputs)
    check_plan(keep, names, chunk_size)
    inputs = cohort_inputs(parameters, doses, patients)
    size = chunk_size or default_chunk_size(inputs.patients, len(when), len(names))
    question = Question(
        sbml, solver, tuple(when.tolist()), names, model.states,
        None if start is None else float(start), float(rtol), float(atol), max_steps,
        inputs.patients, min(size, inputs.patients), keep,
    )  # fmt: skip
    _try_out(model, question, inputs)
    storage = Storage(Path(out).absolute())
    done = _taken_over(storage, question, inputs, overwrite)
    gathering = _solve_rest(crew, storage, question, inputs, done, progress)
    _write_summary(storage, question, gathering, chosen)
    return read_cohort(storage.root)


def _crew(backend: str, scheduler: str | None, in_flight: int | None) -> Crew:
    """Return who solves the chunks."""
    if in_flight is not None and in_flight < 1:
        raise InputError(f"{in_flight} chunks may be in flight", expected="at least 1")
    if backend == "dask":
        return Cluster(scheduler, in_flight)
    if backend != "threads":
        raise unknown_name("backend", backend, ("threads", "dask"))
    if scheduler is not None:
        raise InputError("a scheduler is named for threads", expected='backend="dask"')
    return Threads(in_flight)


def _try_out(model: CompiledModel, question: Question, inputs: CohortInputs) -> None:
    """Stop on names, times and doses that cannot be, before a folder is made or emptied."""
    import numpy as np

    times = np.array(question.times)
    if inputs.given is not None and inputs.given.doses is not None:
        doses = inputs.given.doses
        table = spread(doses, model.states, doses.patients or 1)
        check_times(times, question.start, table.first())
    one = inputs.take(*question.rows(0)).rows(0, 1)
    model.solve(
        times, parameters=one.parameters, doses=one.doses, outputs=question.outputs,
        start=question.start, patients=1, rtol=question.rtol, atol=question.atol, max_steps=1,
    )  # fmt: skip


def _taken_over(
    storage: Storage, question: Question, inputs: CohortInputs, overwrite: bool
) -> set[int]:
    """Make the folder this cohort's; return the chunks that are there already."""
    difference, kept = _difference(storage, question), set[int]()
    if difference is None:
        kept, strangers = _kept(storage, question, inputs)
        difference = "its patients differ" if strangers else None
    if difference is not None:
        if not overwrite:
            raise InputError(
                f"{storage.root} holds something else: {difference}",
                expected="a new or empty folder, or overwrite=True",
            )
        storage.clear()
        kept = set()
    # First, so that a folder is never without: one that is not known is refused.
    storage.write_manifest(question.manifest())
    storage.prepare()
    return kept


def _difference(storage: Storage, question: Question) -> str | None:
    """Return in what the folder is another cohort's; None where it is this one's or nobody's."""
    manifest = storage.manifest()
    if manifest is None:
        return None if storage.is_empty() else "it has no manifest of a cohort that can be read"
    names = question.differences(manifest)
    if names:
        return f"another cohort ({', '.join(names)})"
    return None if manifest.get("key") == question.key else "another cohort"


def _kept(storage: Storage, question: Question, inputs: CohortInputs) -> tuple[set[int], list[int]]:
    """Return the chunks that are there whole, and those whose patients are others."""
    kept, strangers = set(), []
    for number in storage.recorded():
        record = storage.record(number) or {}
        if number >= question.chunks or record.get("key") != question.key:
            continue
        digest = inputs.take(*question.rows(number)).digest()
        if record.get("inputs") != digest:
            strangers.append(number)
        elif is_answered(storage, question, number, digest):
            kept.add(number)
    return kept, strangers


def _solve_rest(
    crew: Crew,
    storage: Storage,
    question: Question,
    inputs: CohortInputs,
    done: set[int],
    progress: Progress | None,
) -> Gathering:
    """Have the chunks solved that are not there; return the statistics of all of them."""
    shape = (len(question.times), len(question.outputs))
    gathering = Gathering(Moments.empty(shape))

    def tell() -> None:
        # In the order of the patients, so that rounding is the same whoever finishes first.
        while gathering.merged in done:
            path = storage.part(STATISTICS, gathering.merged)
            gathering.take(read_statistics(path, shape))
        if progress is not None and done:
            progress(min(len(done) * question.chunk_size, question.patients), question.patients)

    def make(number: int) -> ChunkTask:
        rows = question.rows(number)
        return ChunkTask(storage.root, question, number, inputs.travelling(*rows))

    def finished(number: int) -> None:
        check_written(storage, question, number)
        done.add(number)
        tell()

    tell()
    missing = [number for number in range(question.chunks) if number not in done]
    if missing:
        with crew:
            work_off(crew, missing, make, finished)
    return gathering


def _write_summary(
    storage: Storage, question: Question, gathering: Gathering, probabilities: tuple[float, ...]
) -> None:
    """Write the statistics of the whole cohort."""
    import numpy as np

    sketch, error = gathering.sketch(), 0.0
    if question.keep == "trajectories":
        quantiles = exact_quantiles(storage, question, probabilities)
        method = "numpy.quantile of all values"
    else:
        assert sketch is not None
        quantiles = sketched_quantiles(sketch, gathering.moments, probabilities)
        error = sketch.error
        method = f"numpy.quantile between middles of bins of {sketch.bits} bits of the mantissa"
    statistics = summed_up(
        np.array(question.times), question.outputs, gathering, probabilities, quantiles, error
    )
    check_folder(storage, question)
    write_whole(storage.root / SUMMARY, summary_file(statistics, question.key, method))
