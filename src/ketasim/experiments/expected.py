"""Whether a hypothesis keeps its own promises: its expected table beside what it predicts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.readouts import readout

if TYPE_CHECKING:
    import pandas as pd

    from ketasim.experiments.result import ExperimentResult
    from ketasim.model import Hypothesis
    from ketasim.model.hypothesis import Expectation

__all__ = ["check_expected"]


def check_expected(result: ExperimentResult, hypothesis: Hypothesis) -> pd.DataFrame:
    """Check the expectations that a hypothesis states in its file.

    Parameters
    ----------
    result : ExperimentResult
        Of the experiment that the expectations name; others are skipped.
    hypothesis : Hypothesis
        With ``expected`` entries: experiment, arm, readout, quantity (share of the reference
        effect, fold over rest, fold of the reference arm's rise), time, bounds.

    Returns
    -------
    DataFrame
        ``arm, readout, quantity, time_h, lower, upper, predicted, mc_error, met``; empty where the
        hypothesis expects nothing here. ``met`` compares the median over the cohort.
    """
    import pandas as pd

    rows = []
    for entry in hypothesis.expected:
        if entry.experiment != result.experiment.name:
            continue
        predicted, error = _predicted(result, hypothesis.name, entry)
        lower = -math.inf if entry.lower is None else entry.lower
        upper = math.inf if entry.upper is None else entry.upper
        rows.append(
            {
                "arm": entry.arm, "readout": entry.readout, "quantity": entry.quantity,
                "time_h": entry.time_h, "lower": lower, "upper": upper, "predicted": predicted,
                "mc_error": error, "met": bool(lower <= predicted <= upper),
            }
        )  # fmt: skip
    columns = (
        "arm", "readout", "quantity", "time_h", "lower", "upper", "predicted", "mc_error", "met",
    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(columns))


def _predicted(result: ExperimentResult, name: str, entry: Expectation) -> tuple[float, float]:
    arm, quantity, wanted, time_h = entry.arm, entry.quantity, entry.readout, entry.time_h
    if quantity == "share" and wanted == "relief":
        rows = result.shares
        rows = rows[(rows["hypothesis"] == name) & (rows["arm"] == arm)]
        return _at(rows, time_h)
    value, error = _at(_rows(result, name, arm, wanted), time_h)
    if quantity == "fold":
        return value, error
    reference = result.experiment.arm(arm).reference
    rest = readout(wanted).rest
    rise, _ = _at(_rows(result, name, reference, wanted), time_h)
    left = (value - rest) / (rise - rest) if rise != rest else math.nan
    return left, error / abs(rise - rest) if rise != rest else math.nan


def _rows(result: ExperimentResult, name: str, arm: str, wanted: str) -> pd.DataFrame:
    table = result.predictions
    return table[
        (table["hypothesis"] == name) & (table["arm"] == arm) & (table["readout"] == wanted)
    ]


def _at(rows: pd.DataFrame, time_h: float) -> tuple[float, float]:
    if rows.empty:
        return math.nan, math.nan
    ordered = rows.sort_values("time_h")
    times = ordered["time_h"].to_numpy(dtype=float)
    found = [
        float(np.interp(time_h, times, ordered[name].to_numpy(float), math.nan, math.nan))
        for name in ("value", "mc_error")
    ]
    return found[0], found[1]
