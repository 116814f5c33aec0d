"""Count, mean, variance and extremes of many patients, gathered piece by piece.

Pieces are merged as Chan, Golub and LeVeque (1983, The American Statistician 37:242-247) have it:
means and sums of squared deviations, never sums of squares, so that nothing cancels. Merging in
another order changes the last bits; whoever merges keeps to the order of the patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Patients summed one after another before merging: bounds rounding and memory.
_SLAB = 256


@dataclass(frozen=True, eq=False)
class Moments:
    """What is known of a set of patients at each time and output.

    Attributes
    ----------
    count : int
        Number of patients.
    mean : ndarray, shape (n_times, n_outputs)
        Their mean; 0 where there are none.
    deviations : ndarray, shape (n_times, n_outputs)
        Sum of squared deviations from the mean.
    minimum, maximum : ndarray, shape (n_times, n_outputs)
        Extremes; infinite where there are no patients.
    """

    count: int
    mean: NDArray[np.float64]
    deviations: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Moments:
        """Return the moments of no patients.

        Parameters
        ----------
        shape : tuple of int
            Numbers of times and outputs.
        """
        import numpy as np

        zero = np.zeros(shape)
        return cls(0, zero, zero, np.full(shape, np.inf), np.full(shape, -np.inf))

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Moments:
        """Return the moments of some patients.

        Parameters
        ----------
        values : ndarray, shape (n_patients, n_times, n_outputs)
            Finite values.
        """
        found = cls.empty(values.shape[1:])
        for first in range(0, len(values), _SLAB):
            slab = values[first : first + _SLAB]
            mean = slab.sum(axis=0) / len(slab)
            squares = ((slab - mean) ** 2).sum(axis=0)
            found = found.merge(cls(len(slab), mean, squares, slab.min(axis=0), slab.max(axis=0)))
        return found

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets of patients together.

        Parameters
        ----------
        other : Moments
            The patients that come after these.
        """
        import numpy as np

        if not (self.count and other.count):
            return self if other.count == 0 else other
        count = self.count + other.count
        apart = other.mean - self.mean
        return Moments(
            count,
            self.mean + apart * (other.count / count),
            self.deviations + other.deviations + apart**2 * (self.count * other.count / count),
            np.minimum(self.minimum, other.minimum),
            np.maximum(self.maximum, other.maximum),
        )

    def variance(self) -> NDArray[np.float64]:
        """Return the variance between patients (divisor count - 1); NaN for fewer than two."""
        import numpy as np

        if self.count < 2:
            return np.full(self.mean.shape, np.nan)
        return np.asarray(self.deviations / (self.count - 1))
