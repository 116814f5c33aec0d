"""What the engine returns: values, and for every patient whether they can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Status(Enum):
    """How a patient's integration ended; the value is the sentence a user reads.

    Attributes
    ----------
    code : int
        The number stored in `Solution.status`; 0 is success.
    """

    code: int

    OK = (0, "The integration reached the last output time.")
    STEP_LIMIT = (
        1,
        "The integration needed more steps than allowed; raise max_steps, loosen rtol, or look "
        "for parameter values that make the model needlessly stiff.",
    )
    NON_FINITE = (
        2,
        "A value became infinite or not a number; look for a division by zero, a logarithm or a "
        "power of a negative number at this patient's parameters.",
    )
    SINGULAR = (
        3,
        "The equations of a step could not be solved at any step size; look for parameter values "
        "that make a rate infinitely steep.",
    )
    STEP_TOO_SMALL = (
        4,
        "The step size fell below rounding; the solution may have a singularity or a switch at "
        "this time, or rtol and atol ask for more digits than there are.",
    )

    def __new__(cls, code: int, sentence: str) -> Status:
        """Make a member whose value is its sentence."""
        member = object.__new__(cls)
        member._value_ = sentence
        member.code = code
        return member

    @classmethod
    def from_code(cls, code: int) -> Status:
        """Return the status with this code.

        Raises
        ------
        ValueError
            Where there is none.
        """
        for status in cls:
            if status.code == int(code):
                return status
        raise ValueError(f"there is no status with code {code}")


@dataclass(frozen=True, eq=False)
class Solution:
    """Trajectories of all patients at the output times.

    Attributes
    ----------
    times : ndarray, shape (n_times,)
        Output times, in the model's unit of time (h).
    outputs : tuple of str
        Names of the outputs.
    values : ndarray, shape (n_patients, n_times, n_outputs)
        Values in each output's own unit; NaN from a patient's failure on. At the time of a
        bolus, the value after it.
    status : ndarray of int, shape (n_patients,)
        Codes of `Status`.
    failure_time : ndarray, shape (n_patients,)
        Time reached before the failure; NaN where there was none.
    steps : ndarray of int, shape (n_patients,)
        Integration steps taken, rejected ones included.
    """

    times: NDArray[np.float64]
    outputs: tuple[str, ...]
    values: NDArray[np.float64]
    status: NDArray[np.int64]
    failure_time: NDArray[np.float64]
    steps: NDArray[np.int64]

    @property
    def failed(self) -> int:
        """Number of patients whose integration failed."""
        return int((self.status != Status.OK.code).sum())

    def statuses(self) -> tuple[Status, ...]:
        """Return each patient's status."""
        return tuple(Status.from_code(int(code)) for code in self.status)

    def output(self, name: str) -> NDArray[np.float64]:
        """Return one output, shape (n_patients, n_times).

        Raises
        ------
        UnknownNameError
            Where the solution has no output of that name.
        """
        if name not in self.outputs:
            from ..errors import unknown_name

            raise unknown_name("output", name, self.outputs)
        return self.values[:, :, self.outputs.index(name)]
