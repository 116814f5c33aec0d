"""What a differentiated run returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import unknown_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..solution import Solution, Status


@dataclass(frozen=True, eq=False)
class Sensitivities:
    """Outputs of all patients and their derivatives.

    Attributes
    ----------
    solution : Solution
        The run itself: what `solve` returns, to the last bit.
    directions : tuple of str
        What is differentiated by: names of parameters and states (their initial values), then
        ``amount of dose 0``, ``start of dose 0``, ``duration of dose 0``, doses counted as in
        the schedule.
    derivatives : ndarray, shape (n_patients, n_times, n_outputs, n_directions)
        In the output's unit by the direction's. NaN from a patient's failure on, where a
        derivative is not finite, and where there is none: of an output at the very time of a
        bolus that moves, and by the amount of a dose that is 0, for which the run does not stop.
    """

    solution: Solution
    directions: tuple[str, ...]
    derivatives: NDArray[np.float64]

    @property
    def times(self) -> NDArray[np.float64]:
        """Output times, in the model's unit of time (h)."""
        return self.solution.times

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.solution.outputs

    @property
    def values(self) -> NDArray[np.float64]:
        """Values of the outputs, shape (n_patients, n_times, n_outputs)."""
        return self.solution.values

    def statuses(self) -> tuple[Status, ...]:
        """Return each patient's status."""
        return self.solution.statuses()

    def derivative(self, output: str, direction: str) -> NDArray[np.float64]:
        """Return one output's derivative by one direction, shape (n_patients, n_times).

        Parameters
        ----------
        output, direction : str
            Their names.

        Raises
        ------
        UnknownNameError
            For a name that was not asked for.
        """
        for kind, name, known in (
            ("output", output, self.outputs),
            ("direction", direction, self.directions),
        ):
            if name not in known:
                raise unknown_name(kind, name, known)
        place = self.outputs.index(output), self.directions.index(direction)
        found: NDArray[np.float64] = self.derivatives[:, :, place[0], place[1]]
        return found
