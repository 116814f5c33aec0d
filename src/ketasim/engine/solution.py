"""What the engine returns: values, and for every patient whether they can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    EVENT_LIMIT = (
        5,
        "The events have no end at this time: they fire one another again and again, too many "
        "wait for their delay, or a delay is negative.",
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
    culprit : ndarray of int, shape (n_patients,)
        Place among `states` of the state that a failure names; -1 where there is none, and
        -2 - j where output j was not finite.
    states : tuple of str
        Names of the states.
    """

    times: NDArray[np.float64]
    outputs: tuple[str, ...]
    values: NDArray[np.float64]
    status: NDArray[np.int64]
    failure_time: NDArray[np.float64]
    steps: NDArray[np.int64]
    culprit: NDArray[np.int64]
    states: tuple[str, ...]

    @classmethod
    def blank(
        cls,
        times: NDArray[np.float64],
        outputs: tuple[str, ...],
        patients: int,
        states: tuple[str, ...],
    ) -> Solution:
        """Return a solution in which nothing is known yet: NaN everywhere."""
        import numpy as np

        return cls(
            times=times,
            outputs=outputs,
            values=np.full((patients, len(times), len(outputs)), np.nan),
            status=np.zeros(patients, dtype=np.int64),
            failure_time=np.full(patients, np.nan),
            steps=np.zeros(patients, dtype=np.int64),
            culprit=np.full(patients, -1, dtype=np.int64),
            states=states,
        )

    def rows(self, part: slice) -> Solution:
        """Return the solution of some patients, as a view."""
        own = {
            name: getattr(self, name)[part]
            for name in ("values", "status", "failure_time", "culprit", "steps")
        }
        return replace(self, **own)

    def failures(self) -> tuple[str, ...]:
        """Return one sentence for each patient that failed: who, when, where and why."""
        found = []
        for patient in (self.status != Status.OK.code).nonzero()[0]:
            status = Status.from_code(int(self.status[patient]))
            where = self._culprit_name(int(self.culprit[patient]))
            at = f"patient {patient} at time {self.failure_time[patient]:.6g}"
            found.append(f"{at}{where}: {status.value}")
        return tuple(found)

    def _culprit_name(self, culprit: int) -> str:
        if culprit >= 0:
            return f", in {self.states[culprit]!r}"
        return f", in {self.outputs[-2 - culprit]!r}" if culprit <= -2 else ""

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
