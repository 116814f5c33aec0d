"""Changes of a vital sign within sessions: mean at a time, and mean of maxima."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.instruments.dosing_sessions import course_of, read_course, session_starts
from ketasim.instruments.vitals.signs import VitalSign, vital_sign

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.simulate import Trajectories

__all__ = ["READINGS_H", "VitalSessions", "vital_sessions"]

READINGS_H = (2 / 3, 1.0, 1.5, 2.0)
"""When a cuff reads after the start of a session, h: 40, 60, 90 and 120 min (assumed)."""


@dataclass(frozen=True, eq=False)
class VitalSessions:
    """Readings of a vital sign before and in each session.

    Parameters
    ----------
    sign : VitalSign
        What is read.
    starts_h : ndarray, shape (n_sessions,)
        When the sessions begin.
    readings_h : ndarray, shape (n_readings,)
        When it is read after that.
    before : ndarray, shape (n_patients, n_sessions)
        The reading before each session.
    after : ndarray, shape (n_patients, n_sessions, n_readings)
        The readings in it; NaN for a patient who was not solved.
    """

    sign: VitalSign
    starts_h: NDArray[np.float64]
    readings_h: NDArray[np.float64]
    before: NDArray[np.float64] = field(repr=False)
    after: NDArray[np.float64] = field(repr=False)

    @property
    def change(self) -> NDArray[np.float64]:
        """Readings minus that before the session, shape (n_patients, n_sessions, n_readings)."""
        return np.asarray(self.after - self.before[:, :, None])

    @property
    def largest(self) -> NDArray[np.float64]:
        """The largest change of each patient in each session, shape (n_patients, n_sessions)."""
        return np.asarray(self.change.max(axis=2))

    def mean_at_a_time(self) -> pd.DataFrame:
        """Return the mean change at each reading: what a mean curve shows.

        Returns
        -------
        DataFrame
            Indexed by ``session`` (from 1) and ``reading_h``; columns ``mean``, ``sd``,
            ``standard_error``, ``n`` over patients, in the unit of the sign.
        """
        import pandas as pd

        shape = self.change.shape[1:]
        index = pd.MultiIndex.from_product(
            [range(1, shape[0] + 1), self.readings_h], names=["session", "reading_h"]
        )
        return _described(self.change.reshape(len(self.change), -1), index)

    def mean_of_maxima(self) -> pd.DataFrame:
        """Return the mean over patients of their largest change, by session.

        Returns
        -------
        DataFrame
            Indexed by ``session``; columns as in `mean_at_a_time`. Without drug it is the noise of
            the readings alone, and above 0 because it is the largest of several.
        """
        import pandas as pd

        index = pd.RangeIndex(1, self.starts_h.size + 1, name="session")
        return _described(self.largest, index)

    def share_above(self, *, change: float = np.inf, level: float = np.inf) -> float:
        """Return the share of patients with any reading that reaches a change or a level.

        Parameters
        ----------
        change, level : float, optional
            In the unit of the sign; what is not given is never reached.

        Returns
        -------
        float
            0 to 1, over solved patients and all sessions.
        """
        solved = np.isfinite(self.after).all(axis=(1, 2))
        reached = (self.change >= change) | (self.after >= level)
        return float(reached[solved].any(axis=(1, 2)).mean())


def vital_sessions(
    trajectories: Trajectories,
    name: str = "sbp",
    *,
    readings_h: Sequence[float] = READINGS_H,
    seed: int | None = None,
    noise: bool = True,
) -> VitalSessions:
    """Read a vital sign before and after the start of each session.

    Parameters
    ----------
    trajectories : Trajectories
        From `ketasim.simulate`; with the output that the sign reads, to the last reading.
    name : str, optional
        One of `VITAL_SIGNS`.
    readings_h : sequence of float, optional
        Hours after the start of a session.
    seed : int, optional
        Seed of the readings' errors; by default that of the cohort.
    noise : bool, optional
        False leaves the errors out.

    Returns
    -------
    VitalSessions
        Sessions without a reading inside the simulated time are left out.

    Raises
    ------
    UnknownNameError
        If there is no such vital sign.
    InputError
        If no session can be read, or the cohort has no age.
    """
    sign = vital_sign(name)
    simulated, rise = course_of(trajectories, sign.needs)
    reads = np.asarray(readings_h, dtype=np.float64)
    starts = session_starts(trajectories)
    starts = starts[(starts >= simulated[0]) & (starts + reads.max() <= simulated[-1])]
    if starts.size == 0:
        raise InputError(
            "the simulated time holds no session with all its readings",
            expected=f"at least {reads.max():g} h after the start of a session",
        )
    times = np.concatenate([np.concatenate([[one], one + reads]) for one in starts])
    key = int(trajectories.cohort.seed if seed is None else seed)
    table = trajectories.cohort.table
    values = sign.readings(read_course(simulated, rise, times), times, table, key, noise=noise)
    cube = values.reshape(len(values), starts.size, 1 + reads.size)
    return VitalSessions(sign, starts, reads, cube[:, :, 0], cube[:, :, 1:])


def _described(values: NDArray[np.float64], index: pd.Index) -> pd.DataFrame:
    import pandas as pd

    count = np.isfinite(values).sum(axis=0)
    sd = np.nanstd(values, axis=0, ddof=1) if len(values) > 1 else np.full(count.shape, np.nan)
    columns = {
        "mean": np.nanmean(values, axis=0), "sd": sd,
        "standard_error": sd / np.sqrt(count), "n": count,
    }  # fmt: skip
    return pd.DataFrame(columns, index=index)
