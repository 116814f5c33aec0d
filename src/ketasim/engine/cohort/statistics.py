"""Statistics over the sound patients of a cohort, gathered chunk by chunk.

A patient who failed counts as failed and in nothing else, also at the times before the failure,
so that every time sums up the same patients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .moments import Moments
from .sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

#: Bins that wait to be merged, at least: merging many sketches at once is cheaper.
_WAITING = 2_000_000
_COLUMNS = ("mean", "variance", "minimum", "maximum")


@dataclass(frozen=True, eq=False)
class ChunkStatistics:
    """What a chunk adds to the statistics of its cohort.

    Attributes
    ----------
    failed : int
        Patients that failed.
    moments : Moments
        Of the sound patients.
    sketch : Sketch or None
        Of the sound patients, one cell for each time and output; None where it is not needed.
    """

    failed: int
    moments: Moments
    sketch: Sketch | None

    @classmethod
    def of(
        cls, values: NDArray[np.float64], sound: NDArray[np.bool_], *, sketch: bool
    ) -> ChunkStatistics:
        """Return the statistics of a chunk's patients.

        Parameters
        ----------
        values : ndarray, shape (n_patients, n_times, n_outputs)
            Trajectories.
        sound : ndarray of bool, shape (n_patients,)
            Whether each patient's integration reached its end.
        sketch : bool
            Whether quantiles will be read from the sketch.
        """
        kept = values if sound.all() else values[sound]
        cells = values.shape[1] * values.shape[2]
        return cls(
            int(len(sound) - sound.sum()),
            Moments.of(kept),
            Sketch.of(kept.reshape(len(kept), cells)) if sketch else None,
        )


@dataclass(eq=False)
class Gathering:
    """Merges the statistics of chunks, which are taken in the order of the patients.

    Attributes
    ----------
    moments : Moments
        Of the chunks merged so far.
    failed : int
        Patients that failed in them.
    merged : int
        Number of chunks merged so far; the next to be taken has this number.
    """

    moments: Moments
    failed: int = 0
    merged: int = 0
    _sketches: list[Sketch] = field(default_factory=list)

    def take(self, chunk: ChunkStatistics) -> None:
        """Merge the statistics of the next chunk.

        Parameters
        ----------
        chunk : ChunkStatistics
            Its statistics.
        """
        self.moments = self.moments.merge(chunk.moments)
        self.failed += chunk.failed
        self.merged += 1
        if chunk.sketch is not None:
            self._hold(chunk.sketch)

    def _hold(self, sketch: Sketch) -> None:
        self._sketches.append(sketch)
        waiting = sum(len(one.bins) for one in self._sketches[1:])
        if waiting > max(_WAITING, len(self._sketches[0].bins)):
            self._sketches = [Sketch.merged(self._sketches)]

    def sketch(self) -> Sketch | None:
        """Return the sketch of all chunks; None where they have none."""
        return Sketch.merged(self._sketches) if self._sketches else None


@dataclass(frozen=True, eq=False)
class CohortStatistics:
    """Statistics over the sound patients at each time and output.

    Attributes
    ----------
    times : ndarray, shape (n_times,)
        Output times, in the model's unit of time.
    outputs : tuple of str
        Names of the outputs.
    count, failed : int
        Sound patients, which all statistics are over, and failed ones.
    mean, variance, minimum, maximum : ndarray, shape (n_times, n_outputs)
        In each output's own unit (the variance in its square, divisor ``count - 1``); NaN where
        there are too few sound patients.
    probabilities : tuple of float
        Of the quantiles.
    quantiles : ndarray, shape (n_probabilities, n_times, n_outputs)
        Quantiles, between order statistics as ``numpy.quantile`` has it.
    quantile_error : float
        Largest relative error of the order statistics they are made of: 0 where they are exact.
    """

    times: NDArray[np.float64]
    outputs: tuple[str, ...]
    count: int
    failed: int
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    probabilities: tuple[float, ...]
    quantiles: NDArray[np.float64]
    quantile_error: float

    def __repr__(self) -> str:
        return (
            f"<CohortStatistics of {self.count} patients ({self.failed} failed): "
            f"{len(self.times)} times, {', '.join(self.outputs[:6])}"
            f"{', ...' if len(self.outputs) > 6 else ''}>"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each output and time."""
        import numpy as np
        import pandas as pd

        columns = {
            "output": np.repeat(np.array(self.outputs, dtype=object), len(self.times)),
            "time": np.tile(self.times, len(self.outputs)),
            "count": self.count,
            "failed": self.failed,
        }
        columns |= {name: getattr(self, name).T.ravel() for name in _COLUMNS}
        for probability, values in zip(self.probabilities, self.quantiles, strict=True):
            columns[_quantile_column(probability)] = values.T.ravel()
        return pd.DataFrame(columns)

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, probabilities: Sequence[float], quantile_error: float
    ) -> CohortStatistics:
        """Return the statistics that `to_frame` made a table of.

        Parameters
        ----------
        frame : DataFrame
            The table.
        probabilities : sequence of float
            Of its quantiles.
        quantile_error : float
            Their largest relative error.
        """
        import numpy as np

        outputs = tuple(dict.fromkeys(frame["output"]))
        shape = (len(outputs), len(frame) // len(outputs))

        def table(column: str) -> NDArray[np.float64]:
            return np.ascontiguousarray(frame[column].to_numpy(np.float64).reshape(shape).T)

        quantiles = [table(_quantile_column(one)) for one in probabilities]
        return cls(
            times=frame["time"].to_numpy(np.float64)[: shape[1]].copy(),
            outputs=outputs,
            count=int(frame["count"].iloc[0]),
            failed=int(frame["failed"].iloc[0]),
            mean=table("mean"),
            variance=table("variance"),
            minimum=table("minimum"),
            maximum=table("maximum"),
            probabilities=tuple(probabilities),
            quantiles=np.array(quantiles).reshape(len(quantiles), shape[1], shape[0]),
            quantile_error=quantile_error,
        )

    def to_xarray(self) -> xr.Dataset:
        """Return the statistics with the dimensions ``time``, ``output`` and ``probability``."""
        import xarray as xr

        names = ("time", "output")
        variables = {name: (names, getattr(self, name)) for name in _COLUMNS}
        variables["quantiles"] = (("probability", *names), self.quantiles)  # type: ignore[assignment]
        return xr.Dataset(
            variables,
            {
                "time": self.times,
                "output": list(self.outputs),
                "probability": list(self.probabilities),
            },
            {
                "count": self.count,
                "failed": self.failed,
                "quantile_error": self.quantile_error,
            },
        )


def _quantile_column(probability: float) -> str:
    return f"quantile_{probability!r}"


def summed_up(
    times: NDArray[np.float64],
    outputs: tuple[str, ...],
    gathered: Gathering,
    probabilities: tuple[float, ...],
    quantiles: NDArray[np.float64],
    quantile_error: float,
) -> CohortStatistics:
    """Return the statistics of the chunks gathered.

    Parameters
    ----------
    times, outputs, probabilities, quantiles, quantile_error
        As in `CohortStatistics`.
    gathered : Gathering
        All chunks, merged.
    """
    import numpy as np

    moments = gathered.moments
    blank = moments.count == 0
    return CohortStatistics(
        times,
        outputs,
        moments.count,
        gathered.failed,
        np.full_like(moments.mean, np.nan) if blank else moments.mean,
        moments.variance(),
        np.full_like(moments.mean, np.nan) if blank else moments.minimum,
        np.full_like(moments.mean, np.nan) if blank else moments.maximum,
        probabilities,
        quantiles,
        quantile_error,
    )


def sketched_quantiles(
    sketch: Sketch, moments: Moments, probabilities: Sequence[float]
) -> NDArray[np.float64]:
    """Return quantiles of every cell, never outside the extremes.

    Parameters
    ----------
    sketch : Sketch
        Of all patients.
    moments : Moments
        Of the same patients.
    probabilities : sequence of float
        From 0 to 1.

    Returns
    -------
    ndarray, shape (n_probabilities, n_times, n_outputs)
    """
    import numpy as np

    shape = moments.mean.shape
    cells = [sketch.quantiles(cell, probabilities) for cell in range(moments.mean.size)]
    table = np.array(cells).reshape(moments.mean.size, len(probabilities)).T
    found = table.reshape(len(probabilities), *shape)
    if moments.count == 0:
        return found
    return np.clip(found, moments.minimum, moments.maximum)
