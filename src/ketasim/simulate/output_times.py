"""When a run is looked at: dense after every dose, then coarser, always at the trials' visits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.dosing.dose import hours
from ketasim.errors import InputError, RegimenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from ketasim.dosing import Regimen

__all__ = ["check_regimen_ends", "default_times", "read_times"]

# 40 min is the end of the usual infusion, 2 h the early visit, then days and weeks.
_VISITS_H = (0.0, 2 / 3, 1.0, 2.0, 4.0, 24.0, 48.0, 72.0, 168.0, 240.0, 288.0, 336.0)
_AFTER_A_DOSE_H = (1 / 12, 1 / 6, 0.25, 1 / 3, 0.5, 2 / 3, 5 / 6, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
_LATER_H = (5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 18.0, 21.0, 24.0)
_MANY_DOSES = 40
_SAME_H = 1e-6


def default_times(regimen: Regimen, days: float) -> npt.NDArray[np.float64]:
    """Return the times at which a run is looked at where the user names none.

    Parameters
    ----------
    regimen : Regimen
        What is given; time 0 is that of its texts, and doses at negative times come before.
    days : float
        Length of the run after time 0.

    Returns
    -------
    ndarray, shape (n_times,)
        Hours, rising: every start and end of a dose, 5 to 60 min apart in the first hours after
        it, 40 min, 2 h, 24 h, 72 h, 168 h ... after time 0, and at least one a day.
    """
    end = days * 24.0
    given = regimen.administrations()
    exact = {0.0, end, *(one.start_h for one in given), *(one.stop_h for one in given)}
    after = _AFTER_A_DOSE_H + _LATER_H if len(given) <= _MANY_DOSES else (0.5, 1.0, 4.0, 12.0)
    starts = {0.0, *(one.start_h for one in given)}
    every = np.arange(0.0, end, 12.0 if days <= 60 else 24.0)
    rest = {start + step for start in starts for step in after} | {*_VISITS_H, *every.tolist()}
    return _merged(exact, rest, min(starts), end)


def _merged(
    exact: set[float], rest: set[float], start: float, end: float
) -> npt.NDArray[np.float64]:
    # The moment of a dose is kept to the last bit, since the value there is the one after the dose;
    # a neighbour that differs by rounding is not another moment.
    kept = np.array(sorted(time for time in exact if start <= time <= end))
    more = np.array(sorted(time for time in rest if start <= time <= end))
    near = np.abs(more[:, None] - kept[None, :]).min(axis=1, initial=np.inf) < _SAME_H
    times = np.unique(np.concatenate([kept, more[~near]]))
    apart = np.append(True, np.diff(times) >= _SAME_H) | np.isin(times, kept)
    return times[apart]


def read_times(times: Sequence[float | str] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Read the times a user asks for.

    Parameters
    ----------
    times : sequence of float or str
        Hours, or texts such as ``"40 min"``; in any order.

    Returns
    -------
    ndarray, shape (n_times,)
        Hours, rising, each once.

    Raises
    ------
    InputError
        If there is none, or one is not finite.
    """
    read = np.array([hours(one, "times") for one in times], dtype=np.float64)
    if read.size == 0 or not np.isfinite(read).all():
        raise InputError("the output times are not finite", expected="at least one time in hours")
    return np.unique(read)


def check_regimen_ends(regimen: Regimen, end: float) -> None:
    """Refuse a dose that begins after the end of the run.

    Parameters
    ----------
    regimen : Regimen
        What is given.
    end : float
        The last output time, in hours.

    Raises
    ------
    RegimenError
        Naming the dose, and how long the run would have to be.
    """
    for dose in regimen.doses:
        if dose.last_start_h > end:
            raise RegimenError(
                f"it begins at {dose.last_start_h:g} h, after the end of the run at {end:g} h",
                where=f"dose '{dose}'",
                expected=f"a run of at least {np.ceil(dose.end_h / 24):g} days, or an earlier dose",
            )
