"""A chunk's tables as Parquet: trajectories, patients, statistics; and back again.

The rows of trajectories stand in the order of time, and within a time in that of the patients.
A row group is a few times of all the chunk's patients, so that what is asked of all patients at
one time (a quantile) reads only that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .moments import Moments
from .sketch import Sketch
from .statistics import ChunkStatistics, CohortStatistics
from .storage import parquet_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ..solution import Solution

#: Rows of a row group, about.
_GROUP = 32_768
#: Values of one output that may be in memory to find quantiles: 128 MiB.
_GATHERED = 16_777_216
_HEAD = 12


def column_names(outputs: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that hold the outputs; ``patient`` and ``time`` are taken.

    Parameters
    ----------
    outputs : sequence of str
        Names of the outputs, all different.
    """
    taken, columns = {"patient", "time", *outputs} - {"patient", "time"}, []
    for name in outputs:
        column = name
        while column in ("patient", "time") or (column != name and column in taken):
            column = f"{column}_output"
        taken.add(column)
        columns.append(column)
    return tuple(columns)


def times_in_group(chunk_size: int, patients: int) -> int:
    """Return how many times a row group spans, the same in every chunk of a cohort.

    Parameters
    ----------
    chunk_size : int
        Patients of a chunk.
    patients : int
        Patients of the cohort, whose values at these times have to fit into memory together.
    """
    return max(1, min(_GROUP // chunk_size, _GATHERED // patients))


def trajectories_file(first: int, solution: Solution, span: int) -> bytes:
    """Return the Parquet file of a chunk's trajectories.

    Parameters
    ----------
    first : int
        The chunk's first patient.
    solution : Solution
        The chunk.
    span : int
        Times of a row group.
    """
    import numpy as np
    import pyarrow as pa

    patients, times, _ = solution.values.shape
    columns = column_names(solution.outputs)
    numbers = np.arange(first, first + patients, dtype=np.int64)
    arrays = {"patient": np.tile(numbers, times), "time": np.repeat(solution.times, patients)}
    for place, column in enumerate(columns):
        arrays[column] = np.ascontiguousarray(solution.values[:, :, place].T).ravel()
    return parquet_bytes(
        pa.table(arrays),
        row_group_size=span * patients,
        use_dictionary=["patient", "time"],
        use_byte_stream_split=list(columns),
    )


def patients_file(first: int, solution: Solution) -> bytes:
    """Return the Parquet file that says how each patient of a chunk fared.

    Parameters
    ----------
    first : int
        The chunk's first patient.
    solution : Solution
        The chunk.
    """
    import numpy as np
    import pyarrow as pa

    culprits = [_culprit(solution, int(place)) for place in solution.culprit]
    table = {
        "patient": np.arange(first, first + len(solution.status), dtype=np.int64),
        "status": np.asarray(solution.status, dtype=np.int64),
        "failure_time": solution.failure_time,
        "culprit": pa.array(culprits, type=pa.string()),
        "steps": np.asarray(solution.steps, dtype=np.int64),
        "failure": pa.array(_sentences(first, solution), type=pa.string()),
    }
    return parquet_bytes(pa.table(table))


def _sentences(first: int, solution: Solution) -> list[str | None]:
    """Return the sentence of each patient that failed, under its number in the cohort."""
    found: list[str | None] = [None] * len(solution.status)
    failed = (solution.status != 0).nonzero()[0]
    for place, sentence in zip(failed, solution.failures(), strict=True):
        found[place] = f"patient {first + place}{sentence.removeprefix(f'patient {place}')}"
    return found


def _culprit(solution: Solution, place: int) -> str | None:
    if place >= 0:
        return solution.states[place]
    return solution.outputs[-2 - place] if place <= -2 else None


def statistics_file(
    times: NDArray[np.float64], outputs: Sequence[str], chunk: ChunkStatistics
) -> bytes:
    """Return the Parquet file of a chunk's statistics, one row for each time and output.

    Parameters
    ----------
    times : ndarray, shape (n_times,)
        Output times.
    outputs : sequence of str
        Names of the outputs.
    chunk : ChunkStatistics
        The statistics.
    """
    import numpy as np
    import pyarrow as pa

    moments = chunk.moments
    table: dict[str, Any] = {
        "time": np.repeat(times, len(outputs)),
        "output": list(outputs) * len(times),
        "count": np.full(moments.mean.size, moments.count),
        "failed": np.full(moments.mean.size, chunk.failed),
        "mean": moments.mean.ravel(),
        "deviations": moments.deviations.ravel(),
        "minimum": moments.minimum.ravel(),
        "maximum": moments.maximum.ravel(),
    }
    if chunk.sketch is not None:
        sketch = chunk.sketch
        wide = _HEAD + sketch.bits
        cells = np.arange(moments.mean.size + 1, dtype=np.int64)
        offsets = np.searchsorted(sketch.bins, cells << wide).astype(np.int32)
        own = (sketch.bins & ((1 << wide) - 1)).astype(np.int32)
        table["bits"] = np.full(moments.mean.size, sketch.bits)
        table["bins"] = pa.ListArray.from_arrays(offsets, own)
        table["counts"] = pa.ListArray.from_arrays(offsets, sketch.counts.astype(np.int32))
    return parquet_bytes(pa.table(table))


def read_statistics(path: Path, shape: tuple[int, int]) -> ChunkStatistics:
    """Return the statistics of a chunk from its file.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple of int
        Numbers of times and outputs.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    count, failed = (int(table[name][0].as_py()) for name in ("count", "failed"))
    arrays = (
        table[name].to_numpy().reshape(shape)
        for name in ("mean", "deviations", "minimum", "maximum")
    )
    return ChunkStatistics(failed, Moments(count, *arrays), _read_sketch(table))


def _read_sketch(table: Any) -> Sketch | None:
    import numpy as np

    if "bins" not in table.column_names:
        return None
    bits = int(table["bits"][0].as_py())
    bins, counts = (table[name].combine_chunks() for name in ("bins", "counts"))
    sizes = np.diff(bins.offsets.to_numpy())
    cells = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
    own = bins.values.to_numpy().astype(np.int64)
    return Sketch(bits, (cells << (_HEAD + bits)) | own, counts.values.to_numpy().astype(np.int64))


def read_solution(
    trajectories: Path,
    patients: Path,
    times: NDArray[np.float64],
    outputs: tuple[str, ...],
    states: tuple[str, ...],
    patient: int | None = None,
) -> Solution:
    """Return a chunk, or one patient of it, from its files.

    Parameters
    ----------
    trajectories, patients : Path
        The files.
    times : ndarray, shape (n_times,)
        Output times.
    outputs, states : tuple of str
        Names of the outputs and of the model's states.
    patient : int, optional
        Number of the only patient to be read.
    """
    import numpy as np
    import pyarrow.parquet as pq

    from ..solution import Solution

    columns = column_names(outputs)
    only = None if patient is None else [("patient", "=", patient)]
    fates = pq.read_table(patients, filters=only)
    table = pq.read_table(trajectories, columns=list(columns), filters=only)
    values = np.empty((len(fates), len(times), len(outputs)))
    for place, column in enumerate(columns):
        values[:, :, place] = table[column].to_numpy().reshape(len(times), len(fates)).T
    # Of a state that is an output too the place among the states says as much.
    places = {name: -2 - place for place, name in enumerate(outputs)}
    places |= {name: place for place, name in enumerate(states)}
    culprits = [-1 if one is None else places[one] for one in fates["culprit"].to_pylist()]
    status, when, steps = (
        fates[name].to_numpy().copy() for name in ("status", "failure_time", "steps")
    )
    culprit = np.array(culprits, dtype=np.int64)
    return Solution(times, outputs, values, status, when, steps, culprit, states)


def summary_file(statistics: CohortStatistics, key: str, method: str) -> bytes:
    """Return the Parquet file of a cohort's statistics.

    Parameters
    ----------
    statistics : CohortStatistics
        The statistics.
    key : str
        Of the question that they answer.
    method : str
        How the quantiles were found, in words.
    """
    import pyarrow as pa

    table = pa.Table.from_pandas(statistics.to_frame(), preserve_index=False)
    about = {
        "key": key,
        "probabilities": json.dumps(list(statistics.probabilities)),
        "quantile_error": repr(statistics.quantile_error),
        "quantile_method": method,
    }
    return parquet_bytes(table.replace_schema_metadata({**(table.schema.metadata or {}), **about}))


def read_summary(path: Path, key: str) -> CohortStatistics | None:
    """Return a cohort's statistics from their file; None where they are not there.

    Parameters
    ----------
    path : Path
        The file.
    key : str
        Of the question that they must answer.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid):
        return None
    about = {name.decode(): value.decode() for name, value in table.schema.metadata.items()}
    if about.get("key") != key:
        return None
    probabilities = json.loads(about["probabilities"])
    error = float(about["quantile_error"])
    return CohortStatistics.from_frame(table.to_pandas(), probabilities, error)
