"""Doses as the engine sees them: amounts that enter a state, at once or at a constant rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import RegimenError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class DoseSchedule:
    """Doses, the same for all patients or one row a patient.

    Attributes
    ----------
    targets : tuple of str
        State each dose enters, one a column.
    start_h : ndarray, shape (n_doses,) or (n_patients, n_doses)
        When each dose starts.
    duration_h : ndarray, the same shapes
        How long it lasts; 0 is a bolus.
    amount : ndarray, the same shapes
        How much, in the target's unit of substance; 0 is no dose. A duration spreads it
        evenly, and overlapping infusions add up.
    """

    targets: tuple[str, ...]
    start_h: NDArray[np.float64]
    duration_h: NDArray[np.float64]
    amount: NDArray[np.float64]

    @property
    def patients(self) -> int | None:
        """Number of patients the schedule is written for; None where all get the same."""
        rows = {len(a) for a in (self.start_h, self.duration_h, self.amount) if a.ndim == 2}
        rows.discard(1)
        if len(rows) > 1:
            raise RegimenError(f"doses are given for {sorted(rows)} patients at once")
        return rows.pop() if rows else None


@dataclass(frozen=True, eq=False)
class DoseTable:
    """A schedule checked and spread over patients, targets as places of states.

    Attributes
    ----------
    target : ndarray of int, shape (n_doses,)
        Places of the targets in the state vector.
    start, end, amount : ndarray, shape (n_patients, n_doses)
        When each dose starts and ends (the same: bolus), and how much it is.
    """

    target: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    amount: NDArray[np.float64]

    def rows(self, part: slice) -> DoseTable:
        """Return the doses of some patients, each row written out."""
        import numpy as np

        rows = (np.ascontiguousarray(table[part]) for table in (self.start, self.end, self.amount))
        return DoseTable(self.target, *rows)

    def first(self) -> NDArray[np.float64]:
        """Return when each patient's first dose starts; infinity where there is none."""
        import numpy as np

        when = np.where(self.amount != 0.0, self.start, np.inf)
        return np.asarray(when.min(axis=1, initial=np.inf))


def spread(schedule: DoseSchedule | None, states: Sequence[str], patients: int) -> DoseTable:
    """Return a schedule as tables with a row for each patient, shared where all get the same.

    Parameters
    ----------
    schedule : DoseSchedule or None
        The doses; None is none.
    states : sequence of str
        Names of the states, in order.
    patients : int
        Number of patients.

    Raises
    ------
    UnknownNameError
        For a target that is no state.
    RegimenError
        For a shape that does not fit, a value that is not finite, or a negative duration.
    """
    import numpy as np

    if schedule is None:
        empty = np.zeros((patients, 0))
        return DoseTable(np.zeros(0, dtype=np.int64), empty, empty, empty)
    for name in schedule.targets:
        if name not in states:
            raise unknown_name("dose target", name, states)
    shape = (patients, len(schedule.targets))
    tables = []
    for name in ("start_h", "duration_h", "amount"):
        given = np.asarray(getattr(schedule, name), dtype=np.float64)
        if given.shape not in ((shape[1],), (1, shape[1]), shape):
            raise RegimenError(
                f"{name} of the doses has the shape {given.shape}",
                expected=f"({shape[1]},) or {shape}",
            )
        if not np.isfinite(given).all():
            raise RegimenError(f"{name} of a dose is not a finite number")
        tables.append(np.atleast_2d(given))
    start, duration, amount = tables
    if (duration < 0).any():
        raise RegimenError("a dose has a negative duration", expected="0 for a bolus, or more")
    places = {name: index for index, name in enumerate(states)}
    target = np.array([places[name] for name in schedule.targets], dtype=np.int64)
    end = start + duration
    # An infusion too short to tell its end from its start is a bolus.
    sudden = duration <= 1e-11 * np.maximum(1.0, np.abs(start))
    end = np.where(sudden, start, end)
    return DoseTable(target, *(np.broadcast_to(table, shape) for table in (start, end, amount)))
