"""Quantiles of more patients than are kept: counts in bins of equal relative width.

A value's bin is its sign, its binary exponent and the first `bits` bits of its mantissa, read off
the number itself. The middle of a bin is at most 2^-(bits + 1) of any value in it away from that
value, which bounds the relative error of every order statistic. Counts are whole numbers, so
merging is exact and its order does not matter. Where the bins would take too much memory each two
neighbours become one (a bit less); whether that happens depends on the set of all values alone,
for a part never fills more bins than the whole. The idea of relative bins is that of DDSketch
(Masson, Rim and Lee 2019, PVLDB 12:2195-2205), the uniform coarsening that of UDDSketch (Epicoco
et al. 2020, IEEE Access 8:147604-147617).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

#: Bits of the mantissa that a bin keeps at first: a relative error of 2^-9, 0.2 %.
FINEST = 8
#: Bins in all, over every time and output; 16 bytes each.
LARGEST = 4_000_000
_HEAD = 12  # bits of the sign and the exponent


@dataclass(frozen=True, eq=False)
class Sketch:
    """Counts of values in bins, for each cell (a time and an output).

    Attributes
    ----------
    bits : int
        Bits of the mantissa that a bin keeps.
    bins : ndarray of int
        Filled bins in rising order: the cell, shifted left by ``12 + bits``, and the bin in it.
    counts : ndarray of int, the same shape
        How many values each holds.
    """

    bits: int
    bins: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Largest relative error of an order statistic; absolute below 2.3e-308."""
        return float(2.0 ** -(self.bits + 1))

    @classmethod
    def of(
        cls, values: NDArray[np.float64], *, bits: int = FINEST, largest: int = LARGEST
    ) -> Sketch:
        """Return the counts of some patients' values.

        Parameters
        ----------
        values : ndarray, shape (n_patients, n_cells)
            Finite values.
        bits : int
            Bits of the mantissa that a bin keeps at first.
        largest : int
            Filled bins allowed; above, the bins are made wider.
        """
        import numpy as np

        if len(values) == 0:
            return cls(bits, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        ordered = np.sort(_bins(values, bits).T, axis=1)
        changes = np.ones(ordered.shape, dtype=bool)
        changes[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        places = np.flatnonzero(changes)
        cells = places // ordered.shape[1]
        bins = (cells << (_HEAD + bits)) | ordered.ravel()[places].astype(np.int64)
        counts = np.diff(places, append=ordered.size)
        return cls(bits, bins, counts)._within(largest)

    @classmethod
    def merged(cls, parts: Sequence[Sketch], *, largest: int = LARGEST) -> Sketch:
        """Return the counts of all parts together.

        Parameters
        ----------
        parts : sequence of Sketch
            At least one, in any order.
        largest : int
            Filled bins allowed; above, the bins are made wider.
        """
        import numpy as np

        bits = min(part.bits for part in parts)
        parts = [part._coarsened(part.bits - bits) for part in parts]
        bins = np.concatenate([part.bins for part in parts])
        counts = np.concatenate([part.counts for part in parts])
        order = np.argsort(bins, kind="stable")
        return cls(bits, *_gather(bins[order], counts[order]))._within(largest)

    def _within(self, largest: int) -> Sketch:
        found = self
        while len(found.bins) > largest and found.bits > 0:
            found = found._coarsened(1)
        return found

    def _coarsened(self, bits: int) -> Sketch:
        if bits == 0:
            return self
        return Sketch(self.bits - bits, *_gather(self.bins >> bits, self.counts))

    def quantiles(self, cell: int, probabilities: Sequence[float]) -> NDArray[np.float64]:
        """Return quantiles of one cell, between order statistics as ``numpy.quantile`` has it.

        Parameters
        ----------
        cell : int
            The cell's number.
        probabilities : sequence of float
            From 0 to 1.

        Returns
        -------
        ndarray, shape (n_probabilities,)
            NaN where the cell is empty.
        """
        import numpy as np

        wide = _HEAD + self.bits
        first, stop = np.searchsorted(self.bins, [cell << wide, (cell + 1) << wide])
        if first == stop:
            return np.full(len(probabilities), np.nan)
        upto = np.cumsum(self.counts[first:stop])
        middles = _middles(self.bins[first:stop] & ((1 << wide) - 1), self.bits)
        rank = np.asarray(probabilities, dtype=np.float64) * (upto[-1] - 1)
        below = np.floor(rank).astype(np.int64)
        above = np.minimum(below + 1, upto[-1] - 1)
        low = middles[np.searchsorted(upto, below, side="right")]
        high = middles[np.searchsorted(upto, above, side="right")]
        return np.asarray(low + (rank - below) * (high - low))


def _bins(values: NDArray[np.float64], bits: int) -> NDArray[np.uint32]:
    """Return the bin of each value, in the order of the values."""
    import numpy as np

    # Adding 0 makes the two zeros one.
    pattern = np.ascontiguousarray(values + 0.0).view(np.uint64)
    negative = pattern >> np.uint64(63) == 1
    ordered = np.where(negative, ~pattern, pattern | np.uint64(1 << 63))
    return np.asarray(ordered >> np.uint64(64 - _HEAD - bits)).astype(np.uint32)


def _middles(bins: NDArray[np.int64], bits: int) -> NDArray[np.float64]:
    """Return the middle of each bin; 0 for the bin that zero is in."""
    import numpy as np

    shift = np.uint64(64 - _HEAD - bits)
    low = bins.astype(np.uint64) << shift
    edges = [_number(low), _number(low + (np.uint64(1) << shift) - np.uint64(1))]
    middles = 0.5 * edges[0] + 0.5 * edges[1]
    return np.asarray(np.where(np.abs(middles) < np.finfo(np.float64).tiny, 0.0, middles))


def _number(ordered: NDArray[np.uint64]) -> NDArray[np.float64]:
    import numpy as np

    positive = ordered >> np.uint64(63) == 1
    pattern = np.where(positive, ordered & np.uint64((1 << 63) - 1), ~ordered)
    return np.asarray(pattern.view(np.float64))


def _gather(
    bins: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Add up the counts of equal bins, which stand beside each other."""
    import numpy as np

    if len(bins) == 0:
        return bins, counts
    first = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
    return bins[first], np.add.reduceat(counts, first)
