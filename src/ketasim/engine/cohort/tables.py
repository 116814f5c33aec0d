"""A chunk's tables as Parquet: trajectories, patients, statistics; and back again.

The rows of trajectories stand in the order of time, and within a time in that of the patients.
A row group is a few times of all the chunk's patients, so that what is asked of all patients at
one time (a quantile) reads only that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .moments import Moments
from .sketch import Sketch
from .statistics import ChunkStatistics
from .storage import parquet_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ..solution import Solution

#: Rows of a row group, about.
_GROUP = 32_768
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


def times_in_group(patients: int) -> int:
    """Return how many times a row group of a chunk of so many patients spans.

    Parameters
    ----------
    patients : int
        Patients of the chunk.
    """
    return max(1, _GROUP // patients)


def trajectories_file(first: int, solution: Solution) -> bytes:
    """Return the Parquet file of a chunk's trajectories.

    Parameters
    ----------
    first : int
        The chunk's first patient.
    solution : Solution
        The chunk.
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
        row_group_size=times_in_group(patients) * patients,
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
    }
    return parquet_bytes(pa.table(table))


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
