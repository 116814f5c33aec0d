"""Exact quantiles of a cohort whose trajectories are on disk, a few times at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .storage import PATIENTS, TRAJECTORIES
from .tables import column_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from .question import Question
    from .storage import Storage


def exact_quantiles(
    storage: Storage, question: Question, probabilities: tuple[float, ...]
) -> NDArray[np.float64]:
    """Return quantiles over the sound patients, as ``numpy.quantile`` has them.

    Parameters
    ----------
    storage : Storage
        The folder, in which all chunks are.
    question : Question
        What was asked.
    probabilities : tuple of float
        From 0 to 1.

    Returns
    -------
    ndarray, shape (n_probabilities, n_times, n_outputs)
        NaN where no patient is sound.
    """
    import numpy as np

    times, outputs = len(question.times), len(question.outputs)
    found = np.full((len(probabilities), times, outputs), np.nan)
    chunks = _Chunks(storage, question)
    if not probabilities or not any(sound.any() for sound in chunks.sound):
        return found
    for place, column in enumerate(column_names(question.outputs)):
        for group, first in enumerate(range(0, times, question.span)):
            table = np.concatenate(list(chunks.read(group, column)), axis=1)
            part = slice(first, first + question.span)
            found[:, part, place] = np.quantile(table, probabilities, axis=1)
    return found


class _Chunks:
    """The trajectories' files; what they say of themselves is read once."""

    def __init__(self, storage: Storage, question: Question) -> None:
        import pyarrow.parquet as pq

        numbers = range(question.chunks)
        self._paths = [storage.part(TRAJECTORIES, number) for number in numbers]
        self._metadata: list[Any] = [pq.read_metadata(path) for path in self._paths]
        statuses = (
            pq.read_table(storage.part(PATIENTS, number), columns=["status"])["status"]
            for number in numbers
        )
        self.sound: list[NDArray[np.bool_]] = [one.to_numpy() == 0 for one in statuses]

    def read(self, group: int, column: str) -> Iterator[NDArray[np.float64]]:
        """Give each chunk's values at the times of a row group, shape (n_times, n_sound)."""
        import pyarrow.parquet as pq

        for path, metadata, sound in zip(self._paths, self._metadata, self.sound, strict=True):
            with pq.ParquetFile(path, metadata=metadata) as file:
                values = file.read_row_group(group, columns=[column])[column].to_numpy()
            yield values.reshape(-1, len(sound))[:, sound]
