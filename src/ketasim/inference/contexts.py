"""First stage: expectancy and care, from control arms alone, before any pharmacology is fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ketasim.evidence import calibration_rows
from ketasim.inference.targets import POOLED_SD, TRIAL_SPREAD, standard_error
from ketasim.instruments.context import CONTEXT_COLUMNS, CONTEXT_FILE, load_context
from ketasim.results import atomic_write

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "CONTROL_ARMS",
    "VISIT_CORRELATION",
    "fit_contexts",
    "fit_settings",
    "write_contexts",
]

CONTROL_ARMS = {
    ("Murrough 2013", "midazolam"): "midazolam",
    ("Singh 2016a (esketamine IV)", "saline"): "saline",
    ("Daly 2018", "placebo IN P1"): "nasal_placebo_with_antidepressant",
}
"""Control arms with a single session, and the control type each of them is."""

VISIT_CORRELATION = 0.7
"""Correlation between visits after the dose: 0.6 to 0.8 is the declared assumption."""

RISE_H = 0.5
"""The context is there at the first visit, 2 h; a faster rise cannot be told from the data."""

LEAST_SD = 2.0
"""Least SD of the change in active arms, MADRS points: two control types may agree by chance."""

NEW_ANTIDEPRESSANT_ARMS = ("AD+placebo women", "AD+placebo men")
"""Control arms in which every patient began an antidepressant (TRANSFORM-1 and -2, by sex)."""

COURSE_PRIOR = (12.0, 0.5, 6.0, 0.25)
"""Decay (h) and persisting share where no trial tells, and their SDs (assumed)."""

_NASAL = "nasal_placebo_with_antidepressant"
_KINDS = ("saline", "midazolam", _NASAL)

DECLARED = {
    "open_label": (-8.0, 4.0),
    "active_placebo": (-8.0, 4.0),
    "anaesthesia": (-6.0, 4.0),
    "inpatient": (-2.0, 2.5),
}
"""Mean and SD, MADRS points at 24 h, of contexts that no trial of the calibration has (assumed).

Nothing in the evidence says what they bring. Who knows that a drug is given, or feels one, expects
about as much as under the control that brings most, midazolam; under anaesthesia an arm expects what
the control types expect on the mean; a ward adds some care. The SDs leave room for little and for
twice as much.
"""

ANTIDEPRESSANT = (-8.0, 5.0, 336.0, 168.0, 8.0, 4.0)
"""Declared prior of the response to a new antidepressant: mean, SD (points); time constant, SD (h);
SD between patients, SD of that (points). Two weeks: it takes weeks and is there after four (assumed).
"""


def fit_contexts(*, leave_out: Collection[str] = ()) -> pd.DataFrame:
    """Fit one change for each control type, the common time course and the spread.

    Parameters
    ----------
    leave_out : collection of str, optional
        Families of trials that are not looked at. A control type that no other trial has falls
        back on the mean of the others, with their spread; what nothing else informs, on its
        declared prior.

    Returns
    -------
    DataFrame
        Indexed by id, with the columns of a context table. The change in active arms cannot be
        fitted without pharmacology; its prior is the mean of the control types, with their SD.
    """
    rows = _control_rows(leave_out)
    decay, stays, errors = _course(rows)
    changes = _changes(rows)
    means = np.array([change.value for change in changes.values()])
    active = (means.mean(), max(means.std(ddof=1), LEAST_SD))
    other = _Change(means.mean(), float(np.hypot(active[1], TRIAL_SPREAD)), "")
    changes |= {kind: other for kind in _KINDS if kind not in changes}
    seen = rows["sd"].dropna()
    spread = float(np.sqrt(np.mean(seen**2))) if len(seen) else POOLED_SD
    nasal = "daly2018" if _has_nasal(rows) else ""
    records = [(kind, *changes[kind], "MADRS points") for kind in _KINDS]
    records += [
        ("active", *active, "", "MADRS points"),
        ("rise", RISE_H, RISE_H / 2, "", "h"),
        ("decay", decay, errors[0], nasal, "h"),
        ("persisting_share", stays, errors[1], nasal, "dimensionless"),
        ("between_patient_sd", spread * np.sqrt(VISIT_CORRELATION), 1.0, nasal, "MADRS points"),
        ("visit_sd", spread * np.sqrt(1 - VISIT_CORRELATION), 1.0, nasal, "MADRS points"),
    ]
    return _table(records)


def fit_settings(contexts: pd.DataFrame, *, leave_out: Collection[str] = ()) -> pd.DataFrame:
    """Fit what a new antidepressant brings beside the sessions; the rest is declared.

    Parameters
    ----------
    contexts : DataFrame
        From `fit_contexts`, with the same families left out.
    leave_out : collection of str, optional
        Families of trials that are not looked at.

    Returns
    -------
    DataFrame
        Indexed by id, with the columns of a table of settings.
    """
    return _table(
        [
            *((name, *prior, "", "MADRS points") for name, prior in DECLARED.items()),
            *_antidepressant(contexts, leave_out),
            ("between_trial_sd", TRIAL_SPREAD, TRIAL_SPREAD / 3.0, "", "MADRS points"),
        ]
    )


def _table(records: list[tuple[str, float, float, str, str]]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame.from_records(records, columns=["id", "value", "sd", "source", "unit"])
    table["status"] = np.where(table["source"] == "", "assumed", "calibrated")
    return table.set_index("id")[list(CONTEXT_COLUMNS[1:])]


class _Change(NamedTuple):
    """Mean change at 24 h, its SD, and the citation it comes from."""

    value: float
    sd: float
    citation: str


def _control_rows(leave_out: Collection[str]) -> pd.DataFrame:
    rows = calibration_rows("clinical_arms", where={"kind": "change"}).to_frame()
    rows = rows[~rows["family"].isin(list(leave_out))]
    keys = list(zip(rows["study"], rows["arm"], strict=True))
    kinds = [CONTROL_ARMS.get((str(study), str(arm)), "") for study, arm in keys]
    return rows.assign(control=kinds)[[bool(kind) for kind in kinds]]


def _changes(rows: pd.DataFrame) -> dict[str, _Change]:
    """Return the change at 24 h of each control type with a trial of its own."""
    day = rows[rows["timepoint_h"] == 24.0]
    return {
        str(row["control"]): _Change(
            float(row["value"]), float(np.hypot(standard_error(row), TRIAL_SPREAD)),
            str(row["citation"]),
        )
        for row in _records(day)
    }  # fmt: skip


def _antidepressant(
    contexts: pd.DataFrame, leave_out: Collection[str]
) -> list[tuple[str, float, float, str, str]]:
    """Return what a new antidepressant brings beside the sessions, from TRANSFORM's control arms."""
    mean, mean_sd, tau, tau_sd, people, people_sd = ANTIDEPRESSANT
    rows = calibration_rows("clinical_arms", where={"kind": "change"}).to_frame()
    rows = rows[rows["arm"].isin(NEW_ANTIDEPRESSANT_ARMS) & ~rows["family"].isin(list(leave_out))]
    source = ""
    if len(rows):
        source = str(rows["citation"].iloc[0])
        count, time_h = rows["n"].to_numpy(float), float(rows["timepoint_h"].iloc[0])
        change = float(np.average(rows["value"].to_numpy(float), weights=count))
        widest = float(np.sqrt(np.average(rows["sd"].to_numpy(float) ** 2, weights=count)))
        there = float(-np.expm1(-time_h / tau))
        context = load_context(contexts)
        mean = (change - float(context.mean_change(_NASAL, [time_h])[0])) / there
        error = widest / np.sqrt(count.sum())
        mean_sd = float(np.hypot(error, TRIAL_SPREAD)) / there
        people = float(np.sqrt(max(widest**2 - context.change_sd() ** 2, 1.0))) / there
        people_sd = people / 4.0
    return [
        ("new_antidepressant", mean, mean_sd, source, "MADRS points"),
        ("new_antidepressant_tau", tau, tau_sd, "", "h"),
        ("new_antidepressant_sd", people, people_sd, source, "MADRS points"),
    ]


def _has_nasal(rows: pd.DataFrame) -> bool:
    return bool((rows["control"] == _NASAL).any())


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def _course(rows: pd.DataFrame) -> tuple[float, float, NDArray[np.float64]]:
    """Fit decay and persisting share to the three visits of the nasal placebo arm (Daly 2018)."""
    from scipy.optimize import least_squares

    nasal = rows[rows["control"] == _NASAL].sort_values("timepoint_h")
    if nasal.empty:
        return COURSE_PRIOR[0], COURSE_PRIOR[1], np.array(COURSE_PRIOR[2:])
    times, seen = nasal["timepoint_h"].to_numpy(float), nasal["value"].to_numpy(float)
    errors = np.array([standard_error(row) for row in _records(nasal)])

    def residual(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        size, decay, stays = parameters[0], np.exp(parameters[1]), parameters[2]
        rise = -np.expm1(-times / RISE_H)
        predicted = size * rise * (stays + (1 - stays) * np.exp(-times / decay))
        # A weak prior: a decay of about half a day, which three visits hardly inform.
        return np.append((predicted - seen) / errors, (parameters[1] - np.log(12.0)) / 0.5)

    found = least_squares(residual, [-10.0, np.log(12.0), 0.5], bounds=([-30, 0, 0], [0, 5, 1]))
    spread = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
    decay = float(np.exp(found.x[1]))
    return decay, float(found.x[2]), np.array([decay * spread[1], spread[2]])


def write_contexts(table: pd.DataFrame, path: Path = CONTEXT_FILE) -> Path:
    """Write a table of contexts or settings beside the instruments, whole or not at all."""
    rounded = table.assign(value=table["value"].astype(float).round(4), sd=table["sd"].round(4))
    return atomic_write(path, rounded.reset_index().to_csv(index=False, lineterminator="\n"))
