"""A cohort on disk, read back: chunk by chunk, patient by patient, or as one table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError, unknown_name
from .question import FORMAT
from .storage import PATIENTS, SUMMARY, TRAJECTORIES, Storage
from .tables import column_names, read_solution, read_summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ..solution import Solution
    from .statistics import CohortStatistics


@dataclass(frozen=True, eq=False)
class CohortChunk:
    """Some patients who follow one another.

    Attributes
    ----------
    number : int
        The chunk.
    first : int
        Number of its first patient in the cohort.
    solution : Solution
        Their trajectories and statuses; row 0 is patient `first`.
    """

    number: int
    first: int
    solution: Solution

    @property
    def patients(self) -> NDArray[np.int64]:
        """Numbers of the patients in the cohort, one a row."""
        import numpy as np

        return np.arange(self.first, self.first + len(self.solution.status), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class CohortSolution:
    """A cohort that was solved; what is large stays on disk until it is asked for.

    Attributes
    ----------
    folder : Path
        Where it is.
    statistics : CohortStatistics
        Over the sound patients, at each time and output.
    manifest : mapping
        What was asked.
    """

    folder: Path
    statistics: CohortStatistics
    manifest: dict[str, Any]

    def __repr__(self) -> str:
        return (
            f"<CohortSolution of {self.patients} patients ({self.failed} failed) in "
            f"{self.chunk_count} chunks: {len(self.times)} times, {len(self.outputs)} outputs>"
        )

    @property
    def patients(self) -> int:
        """Number of patients."""
        return int(self.manifest["patients"])

    @property
    def chunk_size(self) -> int:
        """Number of patients in a chunk; the last may hold fewer."""
        return int(self.manifest["chunk_size"])

    @property
    def chunk_count(self) -> int:
        """Number of chunks."""
        return -(-self.patients // self.chunk_size)

    @property
    def times(self) -> NDArray[np.float64]:
        """Output times, in the model's unit of time."""
        return self.statistics.times

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.statistics.outputs

    @property
    def failed(self) -> int:
        """Number of patients whose integration failed."""
        return self.statistics.failed

    def chunk(self, number: int) -> CohortChunk:
        """Return one chunk.

        Parameters
        ----------
        number : int
            The chunk, from 0.

        Raises
        ------
        InputError
            Where there is none of that number, or trajectories were not kept.
        """
        self._need_trajectories()
        if not 0 <= number < self.chunk_count:
            raise InputError(
                f"there is no chunk {number}", expected=f"a number from 0 to {self.chunk_count - 1}"
            )
        return CohortChunk(number, number * self.chunk_size, self._solution(number))

    def chunks(self) -> Iterator[CohortChunk]:
        """Give the chunks one after another, one in memory at a time.

        Raises
        ------
        InputError
            Where trajectories were not kept.
        """
        return map(self.chunk, range(self.chunk_count))

    def patient(self, number: int) -> Solution:
        """Return the trajectory of one patient, as a solution of one row.

        Parameters
        ----------
        number : int
            The patient, from 0.

        Raises
        ------
        InputError
            Where there is none of that number, or trajectories were not kept.
        """
        self._need_trajectories()
        if not 0 <= number < self.patients:
            raise InputError(
                f"there is no patient {number}", expected=f"a number from 0 to {self.patients - 1}"
            )
        return self._solution(number // self.chunk_size, number)

    def _solution(self, chunk: int, patient: int | None = None) -> Solution:
        storage = Storage(self.folder)
        paths = storage.part(TRAJECTORIES, chunk), storage.part(PATIENTS, chunk)
        states = tuple(self.manifest["states"])
        return read_solution(*paths, self.times, self.outputs, states, patient)

    def failures(self) -> Iterator[str]:
        """Give one sentence for each patient that failed: who, when, where and why."""
        import pyarrow.parquet as pq

        for number in range(self.chunk_count):
            path = Storage(self.folder).part(PATIENTS, number)
            yield from pq.read_table(path, columns=["failure"])["failure"].drop_null().to_pylist()

    def fates(self) -> pd.DataFrame:
        """Return how each patient fared, one row a patient.

        Returns
        -------
        DataFrame
            ``patient``, ``status`` (code of `Status`), ``failure_time``, ``culprit`` (state or
            output), ``steps`` and ``failure`` (the sentence; missing where there was none).
        """
        frame: pd.DataFrame = self._dataset(PATIENTS).to_table().to_pandas()
        return frame.sort_values("patient", ignore_index=True)

    def dataset(self) -> Any:
        """Return the trajectories as a ``pyarrow.dataset.Dataset``, nothing read yet.

        Raises
        ------
        InputError
            Where trajectories were not kept.
        """
        self._need_trajectories()
        return self._dataset(TRAJECTORIES)

    def _dataset(self, room: str) -> Any:
        import pyarrow.dataset as ds

        parts = [str(Storage(self.folder).part(room, n)) for n in range(self.chunk_count)]
        return ds.dataset(parts, format="parquet")

    def to_frame(
        self, patients: Sequence[int] | None = None, outputs: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Return trajectories as a table, one row for each patient and time.

        Parameters
        ----------
        patients : sequence of int, optional
            Numbers of the patients; all by default, which have to fit into memory.
        outputs : sequence of str, optional
            Names of the outputs; all by default.

        Returns
        -------
        DataFrame
            ``patient``, ``time`` and the outputs; NaN from a patient's failure on.

        Raises
        ------
        InputError
            For an unknown output, or where trajectories were not kept.
        """
        import pyarrow.compute as pc

        columns = dict(zip(self.outputs, column_names(self.outputs), strict=True))
        for name in outputs or ():
            if name not in columns:
                raise unknown_name("output", name, self.outputs)
        asked = [columns[name] for name in (self.outputs if outputs is None else outputs)]
        chosen = None if patients is None else pc.field("patient").isin(list(patients))
        table = self.dataset().to_table(columns=["patient", "time", *asked], filter=chosen)
        # A time may be asked twice: a stable order keeps the rows as they were solved.
        frame: pd.DataFrame = table.to_pandas()
        return frame.sort_values(["patient", "time"], kind="stable", ignore_index=True)

    def _need_trajectories(self) -> None:
        if self.manifest["keep"] != "trajectories":
            raise InputError(
                f"the cohort in {self.folder} kept statistics and no trajectories",
                expected='a run with keep="trajectories"',
            )


def read_cohort(folder: Path | str) -> CohortSolution:
    """Return the cohort that was solved into a folder.

    Parameters
    ----------
    folder : path
        The folder.

    Returns
    -------
    CohortSolution

    Raises
    ------
    InputError
        Where there is no cohort, one of another format, or one that is not complete.
    """
    storage = Storage(Path(folder).absolute())
    manifest = storage.manifest()
    if manifest is None or "key" not in manifest:
        raise InputError(f"{folder} holds no cohort", expected="a folder of solve_cohort")
    if manifest.get("format") != FORMAT:
        raise InputError(
            f"the cohort in {folder} has the format {manifest.get('format')}", expected=str(FORMAT)
        )
    statistics = read_summary(storage.root / SUMMARY, manifest["key"])
    if statistics is None:
        whole = -(-manifest["patients"] // manifest["chunk_size"])
        raise InputError(
            f"the cohort in {folder} is not complete: {len(storage.recorded())} of {whole} chunks",
            expected="solve_cohort to have gone on to its end",
        )
    return CohortSolution(storage.root, statistics, manifest)
