"""What is given for each patient, cut into chunks: arrays, or a function that makes a chunk's.

A chunk's digest is a hash of the numbers its patients are solved with. It is what tells, when a
run is continued, whether a chunk on disk answers the question that is asked now; it is the same
whether the numbers came as arrays, as one number for all, or from a function.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ...errors import InputError
from ..compiled import count_patients

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..schedule import DoseSchedule

#: Values by name, one number or one for each patient of the chunk.
Parameters: TypeAlias = Mapping[str, Any]
#: From the first patient of a chunk and the one after its last to what these patients get.
PatientFactory: TypeAlias = Callable[[int, int], tuple[Parameters, Any]]


@dataclass(frozen=True, eq=False)
class ChunkInputs:
    """Parameters and doses of the patients of one chunk.

    Attributes
    ----------
    patients : int
        Number of patients.
    parameters : mapping
        Values by name, one number or one for each patient.
    doses : DoseSchedule or None
        What is given.
    """

    patients: int
    parameters: Parameters
    doses: DoseSchedule | None

    def digest(self) -> str:
        """Return a hash of the numbers, the same however they were given."""
        import numpy as np

        digest = hashlib.sha256()

        def add(name: str, value: Any, shape: tuple[int, ...]) -> None:
            digest.update(f"{name}{shape}\0".encode())
            spread = np.broadcast_to(np.asarray(value, dtype=np.float64), shape)
            # Adding 0 makes the two zeros one; little-endian whatever the machine.
            digest.update((np.ascontiguousarray(spread) + 0.0).astype("<f8").tobytes())

        for name in sorted(self.parameters):
            add(name, self.parameters[name], (self.patients,))
        if self.doses is not None:
            shape = (self.patients, len(self.doses.targets))
            digest.update("\0".join(self.doses.targets).encode())
            for name in ("start_h", "duration_h", "amount"):
                add(name, getattr(self.doses, name), shape)
        return digest.hexdigest()

    def rows(self, first: int, stop: int) -> ChunkInputs:
        """Return what some of the patients get.

        Parameters
        ----------
        first, stop : int
            The first patient, and the one after the last.
        """
        parameters = {
            name: _rows(value, self.patients, 1, first, stop)
            for name, value in self.parameters.items()
        }
        return ChunkInputs(stop - first, parameters, self._dose_rows(first, stop))

    def _dose_rows(self, first: int, stop: int) -> DoseSchedule | None:
        from ..schedule import DoseSchedule

        if self.doses is None:
            return None
        parts = (
            _rows(getattr(self.doses, name), self.patients, 2, first, stop)
            for name in ("start_h", "duration_h", "amount")
        )
        return DoseSchedule(self.doses.targets, *parts)


def _rows(value: Any, patients: int, dimensions: int, first: int, stop: int) -> Any:
    """Cut an array that has one row a patient; leave what is the same for all."""
    import numpy as np

    array: NDArray[np.float64] = np.asarray(value, dtype=np.float64)
    own = array.ndim == dimensions and len(array) == patients
    return array[first:stop] if own else value


@dataclass(frozen=True, eq=False)
class CohortInputs:
    """Parameters and doses of a whole cohort, or the function that makes them.

    Attributes
    ----------
    patients : int
        Number of patients.
    given : ChunkInputs or None
        The arrays of all patients.
    factory : callable or None
        Called with the first patient and the one after the last; see `PatientFactory`.
    """

    patients: int
    given: ChunkInputs | None
    factory: PatientFactory | None

    def travelling(self, first: int, stop: int) -> CohortInputs:
        """Return what a worker needs to know of some patients: their rows, or the function."""
        if self.given is None:
            return self
        return CohortInputs(stop - first, self.given.rows(first, stop), None)

    def take(self, first: int, stop: int) -> ChunkInputs:
        """Return what some patients get.

        Parameters
        ----------
        first, stop : int
            The first patient, and the one after the last.

        Raises
        ------
        InputError
            Where the function returns anything but parameters and doses of that many patients.
        """
        if self.factory is None:
            assert self.given is not None
            whole = self.given.patients == stop - first
            return self.given if whole else self.given.rows(first, stop)
        made = self.factory(first, stop)
        where = f"patients {first} to {stop - 1}"
        if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], Mapping)):
            raise InputError(
                f"the function that makes patients returned {type(made).__name__}",
                where=where, expected="a mapping of parameters and a DoseSchedule or None",
            )  # fmt: skip
        try:
            count_patients(made[0], made[1], stop - first)
        except InputError as error:
            error.where = where
            raise
        check_finite(made[0], first)
        return ChunkInputs(stop - first, *made)


def cohort_inputs(
    parameters: Parameters | PatientFactory | None,
    doses: DoseSchedule | None,
    patients: int | None,
) -> CohortInputs:
    """Return what a cohort gets, its size agreed on.

    Parameters
    ----------
    parameters : mapping or callable, optional
        Arrays by name, or a `PatientFactory`.
    doses : DoseSchedule, optional
        What is given; with a factory it comes from there.
    patients : int, optional
        Number of patients.

    Raises
    ------
    InputError
        Where the sizes do not agree, a factory comes without the number of patients or with
        doses, or a value is not a finite number.
    """
    if parameters is not None and not isinstance(parameters, Mapping):
        if patients is None or patients < 1:
            raise InputError(
                "a function makes the patients and nobody says how many there are",
                expected="patients=... of at least 1",
            )
        if doses is not None:
            raise InputError(
                "doses are given beside a function that makes the patients",
                expected="the function to return them",
            )
        return CohortInputs(patients, None, parameters)
    count = count_patients(parameters or {}, doses, patients)
    check_finite(parameters or {})
    return CohortInputs(count, ChunkInputs(count, parameters or {}, doses), None)


def check_finite(parameters: Parameters, first: int = 0) -> None:
    """Stop on a value that is not finite, before hours are spent on the patients before it.

    Parameters
    ----------
    parameters : mapping
        Values by name, one number or one for each patient.
    first : int, optional
        Number of the first of these patients in the cohort.

    Raises
    ------
    InputError
        Where there is one.
    """
    import numpy as np

    for name, value in parameters.items():
        array = np.atleast_1d(np.asarray(value, dtype=np.float64))
        if not np.isfinite(array).all():
            patient = int(np.argmin(np.isfinite(array)))
            raise InputError(
                f"{name!r} is {array[patient]:g}", where=f"patient {first + patient}",
                expected="a finite number",
            )  # fmt: skip
