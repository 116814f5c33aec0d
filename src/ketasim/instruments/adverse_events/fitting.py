"""Hazards of events from counts of a trial: fitted on some arms, and predicted for others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.instruments.adverse_events.events import hazard_of, risk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.model import Model

__all__ = [
    "DRIVE_OF",
    "FITTED_ON",
    "SessionDrives",
    "drug_hazard",
    "fit_events",
    "fit_propensity",
    "session_drives",
]

FITTED_ON = "SPRAVATO US label, TRD pooled (TRANSFORM-1 + TRANSFORM-2)"
"""The source whose arms are fitted."""

DRIVE_OF: Mapping[str, str] = {
    "Dissociation": "dissociation", "Dizziness": "dizziness", "Nausea": "nausea",
    "Sedation": "sedation", "Vertigo": "dizziness", "Headache": "nausea", "Dysgeusia": "nausea",
    "Hypoesthesia": "dizziness", "Anxiety": "dissociation", "Lethargy": "sedation",
    "Blood pressure increased": "sbp_rise", "Vomiting": "nausea", "Insomnia": "nausea",
    "Diarrhea": "nausea", "Feeling drunk": "dissociation",
}  # fmt: skip
"""The model's output that carries each event. Where it is not the event's own name it is assumed."""

_DRIVES = ("dissociation", "sedation", "dizziness", "nausea", "sbp_rise")
_DOSES_MG = (28, 56, 84)
_LABEL_DOSES_MG = (56, 84)
_SESSIONS, _INTERVAL_H = 8, 84.0
_OFFSETS_H = tuple(minute / 60.0 for minute in (10, 20, 30, 40, 50, 60))
_WEEK_SESSIONS = 2
_WEEK_SOURCE = "SUSTAIN-1+2 pooled longitudinal AE course"
_WEEK_EVENTS = ("Dissociation", "Dizziness", "Nausea", "Vertigo")
_LARGEST_VARIANCE = 60.0
_BISECTIONS = 45


@dataclass(frozen=True, eq=False)
class SessionDrives:
    """Peaks of what carries events, by dose, patient and session.

    Parameters
    ----------
    peaks : mapping of (str, int) to ndarray, shape (n_patients, n_sessions)
        By output of the model and dose of nasal esketamine in mg; eight sessions in four weeks.
    """

    peaks: Mapping[tuple[str, int], NDArray[np.float64]] = field(repr=False)

    def of(
        self, drive: str, doses: Sequence[int], sessions: int = _SESSIONS
    ) -> NDArray[np.float64]:
        """Return peaks summed over the first sessions, the doses below each other in equal parts.

        Parameters
        ----------
        drive : str
            Output of the model.
        doses : sequence of int
            In mg.
        sessions : int, optional
            How many of the eight.

        Returns
        -------
        ndarray, shape (n_doses * n_patients,)
            Sums of peaks.
        """
        return np.concatenate([self.peaks[drive, dose][:, :sessions].sum(axis=1) for dose in doses])


def session_drives(model: Model | None = None, patients: int = 300, seed: int = 1) -> SessionDrives:
    """Simulate four weeks of nasal esketamine twice a week at 28, 56 and 84 mg.

    Parameters
    ----------
    model : Model, optional
        By default the article's.
    patients : int, optional
        Size of the cohort.
    seed : int, optional
        Its seed.

    Returns
    -------
    SessionDrives
        Peaks in the first hour of each session.
    """
    from ketasim.model import load_model
    from ketasim.population import virtual_patients
    from ketasim.simulate import simulate

    chosen = load_model("article") if model is None else model
    cohort = virtual_patients(chosen, patients, seed)
    times = sorted(_INTERVAL_H * k + after for k in range(_SESSIONS) for after in _OFFSETS_H)
    peaks = {}
    for dose in _DOSES_MG:
        run = simulate(
            chosen, f"esketamine {dose} mg nasal every {_INTERVAL_H:g} h x {_SESSIONS}",
            cohort=cohort, times=times, outputs=_DRIVES, progress=False,
        )  # fmt: skip
        for drive in _DRIVES:
            course = np.asarray(run.dataset[drive].values, dtype=np.float64)
            cube = course.reshape(patients, _SESSIONS, len(_OFFSETS_H))
            solved = np.isfinite(course).all(axis=1)
            peaks[drive, dose] = cube[solved].max(axis=2)
    return SessionDrives(peaks)


def drug_hazard(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    drives: NDArray[np.float64],
    variance: float,
) -> NDArray[np.float64]:
    """Find the hazard for a drive of 1 that explains two risks of a trial.

    Parameters
    ----------
    treated, control : ndarray, shape (n,)
        Shares of patients with the event; below 1.
    drives : ndarray, shape (n_patients,)
        Peaks of the drive, summed over the sessions.
    variance : float
        Of the propensity.

    Returns
    -------
    ndarray, shape (n,)
        By bisection; 0 where no more have the event under the drug.

    Raises
    ------
    InputError
        If everybody has the event.
    """
    if np.any(treated >= 1.0) or np.any(control >= 1.0):
        raise InputError("everybody has the event", expected="a share below 1")
    background = hazard_of(control, variance)[:, None]
    most = hazard_of(treated, variance) / max(float(np.mean(drives)), 1e-300)
    low, high = np.zeros_like(treated), most
    while np.any(risk(background + high[:, None] * drives, variance).mean(axis=1) < treated):
        high = 2.0 * high
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        below = risk(background + middle[:, None] * drives, variance).mean(axis=1) < treated
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(treated <= control, 0.0, 0.5 * (low + high))


def counts_of(source: str) -> pd.DataFrame:
    """Return the counts of a source of the table of adverse events.

    Parameters
    ----------
    source : str
        As the table names it.

    Returns
    -------
    DataFrame
        Columns ``arm, drug, dose, event, category, events, n``; rows without a count are left out.
    """
    from ketasim.evidence import load

    rows = load("adverse_events")
    rows = rows[(rows["study"] == source) & rows["events_count"].notna() & rows["n"].notna()]
    kept = rows[["arm", "drug", "dose", "event", "category"]].copy()
    kept["events"] = rows["events_count"].astype(float)
    kept["n"] = rows["n"].astype(float)
    return kept.reset_index(drop=True)


def fit_events(drives: SessionDrives | None = None, variance: float | None = None) -> pd.DataFrame:
    """Fit every event on the pooled arms of the label.

    Parameters
    ----------
    drives : SessionDrives, optional
        By default simulated now.
    variance : float, optional
        Of the propensity; by default fitted by `fit_propensity`.

    Returns
    -------
    DataFrame
        Columns of ``events.csv``: ``event, title, category, drive, background, drug``, the
        commonest event first.
    """
    import pandas as pd

    told = session_drives() if drives is None else drives
    theta = fit_propensity(told) if variance is None else variance
    rows = []
    for title, drive in DRIVE_OF.items():
        treated, control, category = label_risks(title)
        excess = drug_hazard(
            np.array([treated]), np.array([control]), told.of(drive, _LABEL_DOSES_MG), theta
        )
        rows.append(
            {
                "event": title.lower().replace(" ", "_"), "title": title, "category": category,
                "drive": drive,
                "background": float(hazard_of(np.array(control), theta)) / _SESSIONS,
                "drug": float(excess[0]), "treated": treated,
            }
        )  # fmt: skip
    table = pd.DataFrame(rows).sort_values("treated", ascending=False, kind="stable")
    return table.drop(columns="treated").reset_index(drop=True)


def label_risks(title: str) -> tuple[float, float, str]:
    """Return an event's shares of patients under esketamine and placebo on the label, and its category.

    Parameters
    ----------
    title : str
        As the table of evidence names the event.
    """
    counts = counts_of(FITTED_ON)
    rows = counts[counts["event"] == title]
    share = (rows["events"] / rows["n"]).groupby(rows["drug"]).sum()
    return float(share["esketamine"]), float(share["placebo"]), str(rows["category"].iloc[0])


def fit_propensity(drives: SessionDrives) -> float:
    """Fit how much people differ from the first week beside four weeks.

    If everybody were alike, four weeks would have about four times the events of the first. The
    variance is that with which the week-1 shares of dissociation, dizziness, nausea and vertigo
    (single terms, other trials) are met best, on the logit, while the label's four weeks are met.
    Sedation and blood pressure are left out: the two sources count them differently by far.

    Parameters
    ----------
    drives : SessionDrives
        From `session_drives`.

    Returns
    -------
    float
        The variance of a gamma distribution with mean 1.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logit

    from ketasim.evidence import load

    rows = load("adverse_events")
    rows = rows[rows["study"] == _WEEK_SOURCE].set_index("event")
    week = {title: float(rows["percent"][title]) / 100.0 for title in _WEEK_EVENTS}
    label = {title: label_risks(title) for title in _WEEK_EVENTS}

    def distance(log_variance: float) -> float:
        theta = float(np.exp(log_variance))
        total = 0.0
        for title, seen in week.items():
            treated, control, _ = label[title]
            drive = DRIVE_OF[title]
            excess = drug_hazard(
                np.array([treated]), np.array([control]), drives.of(drive, _LABEL_DOSES_MG), theta
            )[0]
            base = float(hazard_of(np.array(control), theta)) * _WEEK_SESSIONS / _SESSIONS
            peaks = drives.of(drive, _LABEL_DOSES_MG, _WEEK_SESSIONS)
            total += float(logit(risk(base + excess * peaks, theta).mean()) - logit(seen)) ** 2
        return total

    bounds = (np.log(0.05), np.log(_LARGEST_VARIANCE))
    return float(np.exp(minimize_scalar(distance, bounds=bounds, method="bounded").x))
