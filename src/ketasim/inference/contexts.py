"""First stage: expectancy and care, from control arms alone, before any pharmacology is fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.evidence import calibration_rows
from ketasim.inference.targets import POOLED_SD, standard_error
from ketasim.instruments.context import CONTEXT_COLUMNS, CONTEXT_FILE, context_table
from ketasim.results import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["CONTROL_ARMS", "VISIT_CORRELATION", "fit_contexts", "write_contexts"]

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

WITHIN_SD = 3.0
"""Between-trial SD of a control type that one trial alone informs, MADRS points (assumed)."""


def fit_contexts() -> pd.DataFrame:
    """Fit one change for each control type, the common time course and the spread.

    Returns
    -------
    DataFrame
        Indexed by id, with the columns of a context table. The change in active arms cannot be
        fitted without pharmacology; its prior is the mean of the control types, with their SD.
    """
    import pandas as pd

    rows = _control_rows()
    decay, stays, errors = _course(rows)
    changes = {
        kind: (float(row["value"]), float(np.hypot(standard_error(row), WITHIN_SD)), row)
        for kind, row in _at_24_h(rows).items()
    }
    means = np.array([value for value, _, _ in changes.values()])
    spread = float(np.sqrt(np.mean(rows["sd"].dropna() ** 2))) or POOLED_SD
    records = [
        (kind, value, sd, "MADRS points", "calibrated", row["citation"])
        for kind, (value, sd, row) in changes.items()
    ]
    citation = "daly2018"
    records += [
        ("active", means.mean(), means.std(ddof=1), "MADRS points", "assumed", ""),
        ("rise", RISE_H, RISE_H / 2, "h", "assumed", ""),
        ("decay", decay, errors[0], "h", "calibrated", citation),
        ("persisting_share", stays, errors[1], "dimensionless", "calibrated", citation),
        ("between_patient_sd", spread * np.sqrt(VISIT_CORRELATION), 1.0, "MADRS points",
         "calibrated", citation),
        ("visit_sd", spread * np.sqrt(1 - VISIT_CORRELATION), 1.0, "MADRS points", "calibrated",
         citation),
    ]  # fmt: skip
    table = pd.DataFrame.from_records(records, columns=list(CONTEXT_COLUMNS)).set_index("id")
    return table.loc[list(context_table().index)]


def _control_rows() -> pd.DataFrame:
    rows = calibration_rows("clinical_arms", where={"kind": "change"}).to_frame()
    keys = list(zip(rows["study"], rows["arm"], strict=True))
    kinds = [CONTROL_ARMS.get((str(study), str(arm)), "") for study, arm in keys]
    return rows.assign(control=kinds)[[bool(kind) for kind in kinds]]


def _at_24_h(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    day = rows[rows["timepoint_h"] == 24.0]
    return {str(row["control"]): row for row in _records(day)}


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def _course(rows: pd.DataFrame) -> tuple[float, float, NDArray[np.float64]]:
    """Fit decay and persisting share to the three visits of the nasal placebo arm (Daly 2018)."""
    from scipy.optimize import least_squares

    nasal = rows[rows["control"] == "nasal_placebo_with_antidepressant"].sort_values("timepoint_h")
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
    """Write a context table beside the instruments, whole or not at all."""
    rounded = table.assign(value=table["value"].astype(float).round(4), sd=table["sd"].round(4))
    return atomic_write(path, rounded.reset_index().to_csv(index=False, lineterminator="\n"))
