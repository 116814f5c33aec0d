"""What is done for one chunk, by whoever does it: solve it, sum it up, write it whole."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ...errors import InputError, OutputError
from ..compiled import compile_model
from .statistics import ChunkStatistics
from .storage import PATIENTS, STATISTICS, TRAJECTORIES, Storage
from .tables import patients_file, statistics_file, trajectories_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..compiled import Backend, CompiledModel
    from ..solution import Solution
    from .inputs import ChunkInputs, CohortInputs
    from .question import Question

#: Seconds until a disk shared over a network is expected to show what another machine wrote.
PATIENCE = 60.0
# One chunk is solved at a time in a process, on all its threads; others are written meanwhile.
_SOLVING = threading.Lock()


class StoppedError(Exception):
    """The run was interrupted; the chunk that was being solved is given up."""


@dataclass(frozen=True, eq=False)
class ChunkTask:
    """Everything that is needed to solve one chunk.

    Attributes
    ----------
    folder : Path
        The cohort's folder, under the same name wherever the chunk is solved.
    question : Question
        What is asked.
    number : int
        The chunk.
    inputs : CohortInputs
        The chunk's rows, or the function that makes them.
    """

    folder: Path
    question: Question
    number: int
    inputs: CohortInputs


@lru_cache(maxsize=4)
def solver_of(sbml: str, solver: Backend) -> CompiledModel:
    """Return a model's solver, compiled once in each process.

    Parameters
    ----------
    sbml, solver : str
        The model, and the backend of `ketasim.engine.compile_model`.
    """
    return compile_model(sbml, backend=solver)


def solve_chunk(task: ChunkTask, stopped: Callable[[], bool] | None = None) -> int:
    """Solve a chunk and write its files; one that is there already is left as it is.

    Parameters
    ----------
    task : ChunkTask
        The chunk.
    stopped : callable, optional
        Asked while the chunk is being solved whether to give up.

    Returns
    -------
    int
        The chunk's number: whoever waits for it reads the rest from the folder.

    Raises
    ------
    InputError, OutputError
        Where the folder is not there, was given to another cohort, or cannot be written.
    StoppedError
        Where the run was stopped.
    """
    storage, question = Storage(task.folder), task.question
    check_folder(storage, question)
    first, stop = question.rows(task.number)
    given = task.inputs.take(first, stop)
    digest = given.digest()
    if is_answered(storage, question, task.number, digest):
        return task.number
    solution = _solve(task, given, first, stopped)
    files = {}
    if question.keep == "trajectories":
        files[TRAJECTORIES] = trajectories_file(first, solution, question.span)
    files[PATIENTS] = patients_file(first, solution)
    summed = ChunkStatistics.of(
        solution.values, solution.status == 0, sketch=question.keep == "statistics"
    )
    files[STATISTICS] = statistics_file(solution.times, question.outputs, summed)
    # The folder may have been given to another cohort since; its chunks are not ours to replace.
    check_folder(storage, question)
    storage.write_chunk(
        task.number, files, key=question.key, inputs=digest, first=first,
        patients=stop - first, failed=summed.failed,
    )  # fmt: skip
    return task.number


def _solve(
    task: ChunkTask, given: ChunkInputs, first: int, stopped: Callable[[], bool] | None
) -> Solution:
    import numpy as np

    def look(done: int, of: int) -> None:
        if stopped is not None and stopped():
            raise StoppedError

    question = task.question
    with _SOLVING:
        look(0, given.patients)
        try:
            return solver_of(question.sbml, question.solver).solve(
                np.array(question.times), parameters=given.parameters, doses=given.doses,
                outputs=question.outputs, start=question.start, patients=given.patients,
                rtol=question.rtol, atol=question.atol, max_steps=question.max_steps,
                progress=look,
            )  # fmt: skip
        except InputError as error:
            error.where = error.where or f"patients {first} to {first + given.patients - 1}"
            raise


def is_answered(storage: Storage, question: Question, number: int, digest: str) -> bool:
    """Return whether a chunk is on disk, whole, for this question and these patients.

    Parameters
    ----------
    storage : Storage
        The folder.
    question : Question
        What is asked.
    number : int
        The chunk.
    digest : str
        Hash of the numbers its patients are solved with.
    """
    record = storage.record(number) or {}
    told = (record.get("key"), record.get("inputs"))
    return told == (question.key, digest) and storage.is_sound(number, question.rooms)


def check_folder(storage: Storage, question: Question) -> None:
    """Stop where the folder does not belong to this cohort.

    Parameters
    ----------
    storage : Storage
        The folder.
    question : Question
        What is asked.

    Raises
    ------
    OutputError
        Where it is missing here, or belongs to another cohort.
    """
    if not _seen(lambda: storage.manifest() is not None):
        raise OutputError(
            f"The folder {storage.root} of the cohort is not there for a worker: it must be on a "
            f"disk that all workers share, under the same name."
        )
    if (storage.manifest() or {}).get("key") != question.key:
        raise OutputError(f"The folder {storage.root} was given to another cohort meanwhile.")


def check_written(storage: Storage, question: Question, number: int) -> None:
    """Stop where a chunk that a worker has solved does not appear here.

    Parameters
    ----------
    storage : Storage
        The folder.
    question : Question
        What is asked.
    number : int
        The chunk.

    Raises
    ------
    OutputError
        Where its record is not there after some waiting.
    """
    if not _seen(lambda: (storage.record(number) or {}).get("key") == question.key):
        raise OutputError(
            f"Chunk {number} was solved, and its files are not in {storage.root}: the folder must "
            f"be on a disk that all workers share, under the same name, and belong to one cohort."
        )


def _seen(there: Callable[[], bool]) -> bool:
    """Wait until something is there, or for as long as our patience lasts."""
    until = time.monotonic() + PATIENCE
    while not there():
        if time.monotonic() > until:
            return False
        time.sleep(min(0.2, PATIENCE))
    return True
