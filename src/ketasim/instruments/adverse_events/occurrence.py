"""Who has which event in which session, drawn for simulated patients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.instruments.adverse_events.events import (
    AdverseEvent,
    event_names,
    load_event,
    propensity_variance,
    risk,
)
from ketasim.instruments.dosing_sessions import course_of, session_starts
from ketasim.instruments.draws import uniform_draws

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.simulate import Trajectories

__all__ = ["AdverseEvents", "draw_events", "had_event_by"]

_LONGEST_SESSION_H = 24.0
_PEAK_WITHIN_H = 2.0
_WEEK_H = 168.0


@dataclass(frozen=True, eq=False)
class AdverseEvents:
    """Events of simulated patients by session.

    Parameters
    ----------
    starts_h : ndarray, shape (n_sessions,)
        When the sessions begin.
    patients : ndarray of int, shape (n_patients,)
        Patient numbers.
    hazards : mapping of str to ndarray, shape (n_patients, n_sessions)
        By event, of a patient with the mean propensity; NaN for who was not solved.
    occurred : mapping of str to ndarray of bool, shape (n_patients, n_sessions)
        By event; false for who was not solved.
    """

    starts_h: NDArray[np.float64]
    patients: NDArray[np.int64] = field(repr=False)
    hazards: Mapping[str, NDArray[np.float64]] = field(repr=False)
    occurred: Mapping[str, NDArray[np.bool_]] = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each patient, session and event.

        Returns
        -------
        DataFrame
            Columns ``patient``, ``session`` (from 1), ``start_h``, ``event``, ``occurred`` (0 or 1;
            missing for a patient who was not solved).
        """
        import pandas as pd

        count = self.starts_h.size
        parts = [
            pd.DataFrame(
                {
                    "patient": np.repeat(self.patients, count),
                    "session": np.tile(np.arange(1, count + 1), self.patients.size),
                    "start_h": np.tile(self.starts_h, self.patients.size),
                    "event": name,
                    "occurred": np.where(np.isnan(self.hazards[name]), np.nan, seen).ravel(),
                }
            )
            for name, seen in self.occurred.items()
        ]
        return pd.concat(parts, ignore_index=True)

    def summary(self) -> pd.DataFrame:
        """Return how many have each event at least once.

        Returns
        -------
        DataFrame
            Indexed by ``event``; columns ``title``, ``category``, ``n`` (solved patients),
            ``patients`` (with the event), ``share``, ``expected`` (the same without the luck of the
            draw) and ``per_session``. The three shares are different quantities.
        """
        import pandas as pd

        rows = []
        for name, seen in self.occurred.items():
            hazard, event = self.hazards[name], load_event(name)
            solved = np.isfinite(hazard).all(axis=1)
            total = hazard[solved].sum(axis=1)
            rows.append(
                {
                    "event": name, "title": event.title, "category": event.category,
                    "n": int(solved.sum()), "patients": int(seen[solved].any(axis=1).sum()),
                    "share": float(seen[solved].any(axis=1).mean()),
                    "expected": float(risk(total, propensity_variance()).mean()),
                    "per_session": float(seen[solved].mean()),
                }
            )  # fmt: skip
        return pd.DataFrame(rows).set_index("event")

    def recurrence(self, event: str) -> pd.DataFrame:
        """Return how often an event comes back, by how often it came in the first week.

        Parameters
        ----------
        event : str
            One of the events of this result.

        Returns
        -------
        DataFrame
            Indexed by ``events_in_week_1``; columns ``n`` (patients) and ``later``, the share with
            the event in any later session.

        Raises
        ------
        InputError
            If there is no session after the first week, or the event is not in this result.
        """
        import pandas as pd

        if event not in self.occurred:
            raise InputError(f"this result holds no {event!r}", expected=", ".join(self.occurred))
        first = self.starts_h < self.starts_h[0] + _WEEK_H
        if first.all():
            raise InputError("there is no session after the first week")
        seen = self.occurred[event][np.isfinite(self.hazards[event]).all(axis=1)]
        early, late = seen[:, first].sum(axis=1), seen[:, ~first].any(axis=1)
        grouped = pd.DataFrame({"events_in_week_1": early, "later": late}).groupby(
            "events_in_week_1"
        )["later"]
        return pd.DataFrame({"n": grouped.size(), "later": grouped.mean()})


def draw_events(
    trajectories: Trajectories, events: Sequence[str] | None = None, *, seed: int | None = None
) -> AdverseEvents:
    """Draw which patient has which event in which session.

    Parameters
    ----------
    trajectories : Trajectories
        From `ketasim.simulate`; with the outputs that carry the events.
    events : sequence of str, optional
        Some of `event_names`; by default all.
    seed : int, optional
        Seed of the draws; by default that of the cohort. A patient's propensity to an event and
        the luck of a session are keyed by (seed, event, patient), whatever else is asked for.

    Returns
    -------
    AdverseEvents
        Under a placebo the background alone remains.

    Raises
    ------
    UnknownNameError
        If an event does not exist.
    InputError
        If the trajectories lack an output, or no simulated time follows a session closely.
    """
    chosen = [load_event(name) for name in (event_names() if events is None else events)]
    starts = session_starts(trajectories)
    starts = starts[starts < float(trajectories.dataset["time"].values[-1])]
    patients = np.asarray(trajectories.cohort.table.index, dtype=np.int64)
    key = int(trajectories.cohort.seed if seed is None else seed)
    peaks = {one.drive: _peaks(trajectories, one.drive, starts) for one in chosen}
    hazards = {one.name: one.hazard(peaks[one.drive]) for one in chosen}
    occurred = {one.name: _drawn(one, hazards[one.name], key, patients) for one in chosen}
    return AdverseEvents(starts, patients, hazards, occurred)


def had_event_by(
    trajectories: Trajectories, event: str, times_h: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """Return whether each patient has had an event by each time.

    Parameters
    ----------
    trajectories, event, seed
        As for `draw_events`.
    times_h : ndarray, shape (n_times,)
        Hours; a session counts once it has begun.

    Returns
    -------
    ndarray, shape (n_patients, n_times)
        0 or 1; NaN for a patient who was not solved.
    """
    found = draw_events(trajectories, (event,), seed=seed)
    begun = found.starts_h[:, None] < times_h[None, :]
    had = (found.occurred[event].astype(float) @ begun > 0).astype(float)
    return np.where(np.isnan(found.hazards[event]).any(axis=1, keepdims=True), np.nan, had)


def _peaks(
    trajectories: Trajectories, output: str, starts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the peak of an output in each session, shape (n_patients, n_sessions)."""
    times, course = course_of(trajectories, output)
    ends = np.minimum(np.append(starts[1:], np.inf), starts + _LONGEST_SESSION_H)
    peaks = np.empty((course.shape[0], starts.size))
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        inside = (times > start) & (times < end)
        if not (inside & (times <= start + _PEAK_WITHIN_H)).any():
            raise InputError(
                f"no simulated time lies within {_PEAK_WITHIN_H:g} h after the session at "
                f"{start:g} h, so its peak is not known",
                expected="times that follow each session closely, as the default ones do",
            )
        peaks[:, place] = course[:, inside].max(axis=1)
    return peaks


def _drawn(
    event: AdverseEvent, hazard: NDArray[np.float64], seed: int, patients: NDArray[np.int64]
) -> NDArray[np.bool_]:
    from scipy.stats import gamma

    variance = propensity_variance()
    own = uniform_draws(seed, f"propensity to {event.name}", patients)
    propensity = gamma.ppf(own, 1.0 / variance, scale=variance)
    luck = uniform_draws(seed, f"{event.name} in sessions", patients, hazard.shape[1])
    # A comparison with NaN is false: who was not solved has no event, and the hazard says why.
    return np.asarray(luck < -np.expm1(-propensity * hazard))
