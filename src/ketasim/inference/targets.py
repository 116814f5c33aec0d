"""What is fitted: rows of the evidence turned into quantities that a simulation predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.evidence import calibration_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from ketasim.evidence import CalibrationData

__all__ = ["ACTIVE_ARMS", "TRIAL_SPREAD", "Target", "fit_targets"]

TRIAL_SPREAD = 2.0
"""SD between trials of the mean change of an arm, MADRS points (assumed; sites and raters)."""

POOLED_SD = 10.0
"""SD of the change at 24 h where a row gives none, MADRS points (9.5 to 11 in those that do)."""

EQUAL_SHARE = 10.0
"""Patients in an arm of Singh 2016a: a third of the 30, since the split was not read."""

GLUA1_SD = 0.65
"""Spread of GluA1 between preparations where a row gives none (0.54 and 0.76 in those that do)."""

IV = "ketamine 0.5 mg/kg iv over 40 min"

ACTIVE_ARMS: Mapping[str, str] = {
    "ketamine": IV,
    "esketamine 0.4": "esketamine 0.4 mg/kg iv over 40 min",
    "esketamine 28 P1": "esketamine 28 mg nasal",
    "esketamine 56 P1": "esketamine 56 mg nasal",
    "esketamine 84 P1": "esketamine 84 mg nasal",
}
"""Active arms of single doses whose mean change is fitted, with their regimen."""

SINGLE_DOSE_H = 72.0
"""Rows of Daly's arms after this time follow a second dose, on day 4."""

REPEATED_ARMS: Mapping[tuple[str, float], str] = {
    ("ketamine 2x/wk", 336.0): f"{IV} every 84 h x 4",
    ("ketamine 3x/wk", 336.0): f"{IV} every 56 h x 6",
    ("esketamine 28 P1", 168.0): "esketamine 28 mg nasal every 72 h x 2",
    ("esketamine 56 P1", 168.0): "esketamine 56 mg nasal every 72 h x 2",
    ("esketamine 84 P1", 168.0): "esketamine 84 mg nasal every 72 h x 2",
}
"""Arms and hours of repeated doses whose mean change is fitted, with their regimen.

TRANSFORM is not among them: every patient began an antidepressant too, and nothing in the trial says
how much of the active arms' change is its.
"""

OPEN_ARMS: Mapping[tuple[str, float], str] = {("ketamine x6 open-label", 2.0): IV}
"""Open-label arms whose mean change is fitted; how unsure their context is widens their error."""


@dataclass(frozen=True)
class Target:
    """One quantity that a fit must meet.

    Attributes
    ----------
    row_id : str
        Row of the evidence.
    regimen : str
        What was given.
    quantity : str
        ``change`` (MADRS points), ``effect_ratio`` (the difference from control at 7 d over that
        at 24 h), ``peak``, ``time of peak`` or ``at`` (of an output).
    output : str
        Model output that is read.
    time_h : float
        Hours after the start of the dose; NaN for a peak.
    value, sd : float
        Published value and its uncertainty, in `unit`.
    unit : str
    baseline : float
        Mean MADRS before treatment, for a change.
    citation : str
        Citation key.
    context : str
        Whose mean change is added to what the drug does, for a change.
    """

    row_id: str
    regimen: str
    quantity: str
    output: str
    time_h: float
    value: float
    sd: float
    unit: str
    baseline: float
    citation: str
    context: str = "active"


def fit_targets(*, leave_out: Collection[str] = ()) -> tuple[Target, ...]:
    """Return every quantity that the calibration of single doses is fitted to.

    Parameters
    ----------
    leave_out : collection of str, optional
        Families of trials that are not looked at.

    Returns
    -------
    tuple of Target
        Mean changes of active arms at 2 and 24 h (Murrough 2013, Singh 2016a, Daly 2018; open
        label Murrough 2013b) and under repeated doses (Daly 2018, Singh 2016b), the
        loss over a week (Zarate 2006), the peak of Glx (Milak 2016) and surface GluA1 at 1 h
        (Zaytseva 2023). None of them involves naltrexone, rapamycin, NBQX, depletion or PET.

    Raises
    ------
    RoleError
        Never with the shipped evidence: `calibration_rows` hands out no other rows.
    """
    rows = calibration_rows("clinical_arms").to_frame()
    rows = rows[~rows["family"].isin(list(leave_out))]
    return (
        *_changes(rows),
        *_loss(rows),
        *_network(calibration_rows("observations", ids=_NETWORK)),
    )


_NETWORK = (
    "glx-peak", "glx-peak-time", "glua1-culture-1h", "glua1-psd-male", "glua1-psd-female-10",
    "glua1-psd-female-5",
)  # fmt: skip


def _changes(rows: pd.DataFrame) -> list[Target]:
    baselines = baselines_of(rows)
    found = []
    for row in rows[rows["kind"] == "change"].to_dict("records"):
        place = (str(row["arm"]), float(row["timepoint_h"]))
        given = REPEATED_ARMS.get(place) or OPEN_ARMS.get(place)
        if given is None and place[1] <= SINGLE_DOSE_H:
            given = ACTIVE_ARMS.get(place[0])
        if given is not None:
            before = baselines.get((row["study"], row["arm"]), baselines[("", "")])
            found.append(_change(row, given, before))
    return found


def _change(row: Mapping[Any, Any], given: str, baseline: float) -> Target:
    arm, time_h = str(row["arm"]), float(row["timepoint_h"])
    return Target(
        row_id=str(row["row_id"]), regimen=given, quantity="change", output="relief",
        time_h=time_h, value=float(row["value"]),
        sd=float(np.hypot(standard_error(row), TRIAL_SPREAD)), unit="MADRS points",
        baseline=baseline, citation=str(row["citation"]),
        context="open_label" if (arm, time_h) in OPEN_ARMS else "active",
    )  # fmt: skip


def baselines_of(rows: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return mean baseline MADRS by study and arm; the key of two empty strings holds the mean."""
    means = rows[(rows["kind"] == "mean") & (rows["scale"] == "MADRS") & (rows["timepoint_h"] == 0)]
    found = {(row["study"], row["arm"]): float(row["value"]) for row in means.to_dict("records")}
    return {**found, ("", ""): float(np.mean(list(found.values())))}


def standard_error(row: Mapping[Any, Any]) -> float:
    """Return the standard error of an arm's mean change, MADRS points."""
    spread, count = float(str(row["sd"])), float(str(row["n"]))
    spread = POOLED_SD if np.isnan(spread) else spread
    return spread / float(np.sqrt(EQUAL_SHARE if np.isnan(count) else count))


def _loss(rows: pd.DataFrame) -> list[Target]:
    zarate = rows[(rows["kind"] == "effect_size") & (rows["arm"] == "ketamine vs saline")]
    if zarate.empty:
        return []
    day, week = (zarate[zarate["timepoint_h"] == time].iloc[0] for time in (24.0, 168.0))
    value = float(week["value"] / day["value"])
    relative = [(row["ci_high"] - row["ci_low"]) / 3.92 / row["value"] for row in (day, week)]
    return [Target(
        row_id=str(week["row_id"]), regimen=IV, quantity="effect_ratio", output="relief",
        time_h=168.0, value=value, sd=value * float(np.hypot(*relative)), unit="dimensionless",
        baseline=float("nan"), citation=str(week["citation"]),
    )]  # fmt: skip


PEAK_TIME_SD = 0.1
"""Spread of a time of peak that came without one, h: spectra were taken every few minutes (assumed)."""


def _network(data: CalibrationData) -> Sequence[Target]:
    return [_network_target(row) for row in data.to_frame().to_dict("records")]


def _network_target(row: Mapping[Any, Any]) -> Target:
    readout = str(row["readout"])
    quantity = {"glx": "peak", "glx_tmax_h": "time of peak"}.get(readout, "at")
    spread = {"glx_tmax_h": PEAK_TIME_SD}.get(readout, GLUA1_SD)
    return Target(
        row_id=str(row["id"]),
        regimen=IV,
        quantity=quantity,
        output="glx" if readout.startswith("glx") else readout,
        time_h=float(row["time_h"]) if quantity == "at" else float("nan"),
        value=float(row["value"]),
        sd=spread if np.isnan(row["sd"]) else float(row["sd"]),
        unit="h" if quantity == "time of peak" else "fold",
        baseline=float("nan"),
        citation=str(row["source"]),
    )
