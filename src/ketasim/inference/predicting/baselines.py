"""Two predictions without a mechanism, from pooled evidence alone.

They are what a careful reader of meta-analyses would say. The analyses pool trials that overlap with
those being predicted, so they may have seen the answer, which the model has not: where a baseline
wins, this may be why.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.evidence import load
from ketasim.inference.predicting.predict import LEVELS
from ketasim.inference.targets import POOLED_SD

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["BASELINES", "baseline_predictions"]

BASELINES = ("baseline: constant effect", "baseline: response table")
_DAY_AND_HALF = 36.0


def baseline_predictions(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Predict rows from pooled evidence.

    Parameters
    ----------
    name : str
        One of `BASELINES`. The first has one effect for each control type, whatever the time:
        d of Wilkinson 2019 for saline and midazolam, the differences of An 2021 for a nasal
        placebo; it predicts comparisons. The second has one response and remission rate for
        each arm: Wilkinson 2019 and Han 2016.
    rows : DataFrame
        With ``arm``, ``drug``, ``dose``, ``route``, ``kind``, ``timepoint_h`` and ``n``.

    Returns
    -------
    DataFrame
        ``predicted`` and the interval columns; NaN where pooled evidence says nothing.
    """
    import pandas as pd

    pooled = _pooled()
    found = [_one(name, row, pooled) for row in rows.to_dict("records")]
    records = [_columns(*one) for one in found]
    return pd.DataFrame.from_records(records, index=rows.index)


def _one(name: str, row: dict[Any, Any], pooled: Mapping[str, Any]) -> tuple[float, float]:
    """Return mean and SD of a prediction; NaN for none."""
    kind, control = str(row["kind"]), control_type(row)
    n = float(row["n"]) if row.get("n") is not None and not np.isnan(float(row["n"])) else 20.0
    if name == BASELINES[0] and kind in ("diff", "effect_size"):
        size, error = pooled[control]
        scale = -POOLED_SD if kind == "diff" else 1.0
        noise = float(np.sqrt(4.0 / n + size**2 / (2.0 * n)))
        return scale * size, abs(scale) * float(np.hypot(error, noise))
    if name == BASELINES[1] and kind in ("response", "remission"):
        share, error = pooled[f"{kind}: {_arm_type(row)}"]
        p = min(max(share / 100.0, 0.01), 0.99)
        return share, float(np.hypot(error, 100.0 * np.sqrt(p * (1.0 - p) / n)))
    return float("nan"), float("nan")


def control_type(row: Mapping[Any, Any]) -> str:
    """Return ``midazolam``, ``nasal`` or ``saline``: what a row's control is."""
    words = " ".join(str(row.get(name, "")) for name in ("control_type", "control_drug", "arm"))
    if "midazolam" in words.lower():
        return "midazolam"
    return "nasal" if str(row.get("route", "")).lower() in ("in", "nasal") else "saline"


def _arm_type(row: Mapping[Any, Any]) -> str:
    drug = str(row["drug"]).lower()
    if drug in ("saline", "placebo", "midazolam") or str(row.get("dose", "")) in ("0", "0.0"):
        return "midazolam" if drug == "midazolam" else "saline"
    return "active"


def _pooled() -> dict[str, tuple[float, float]]:
    """Return what is pooled: effects as d, rates in percent, each with a standard error."""
    rows = load("clinical_arms")
    rows = rows[rows["role"] == "benchmark only"]
    found = {
        "midazolam": _effect(rows, "Wilkinson 2019 IPD", "ketamine vs midazolam"),
        "saline": _effect(rows, "Wilkinson 2019 IPD", "ketamine vs saline"),
        "nasal": _points(rows),
    }
    for arm, kind in (("ketamine (midazolam trials)", "active"), ("midazolam", "midazolam"),
                      ("saline", "saline")):  # fmt: skip
        found[f"response: {kind}"] = _effect(rows, "Wilkinson 2019 IPD", arm)
    active = rows[
        rows["study"].str.fullmatch("Han 2016")
        & (rows["kind"] == "remission")
        & (rows["timepoint_h"] < _DAY_AND_HALF)
    ]
    share = float(active["value"].iloc[0])
    found["remission: active"] = (share, 10.0)
    # No pooled rate of remission under a control: in proportion to response, as under the drug.
    per_response = share / found["response: active"][0]
    for kind in ("midazolam", "saline"):
        rate, error = found[f"response: {kind}"]
        found[f"remission: {kind}"] = (rate * per_response, error * per_response)
    return found


def _effect(rows: pd.DataFrame, study: str, arm: str) -> tuple[float, float]:
    row = rows[(rows["study"] == study) & (rows["arm"] == arm)].iloc[0]
    return float(row["value"]), float(row["ci_high"] - row["ci_low"]) / 3.92


def _points(rows: pd.DataFrame) -> tuple[float, float]:
    """Return An 2021's difference at 24 h as d, with the spread of its three times."""
    nasal = rows[
        rows["study"].str.contains(re.escape("An 2021")) & (rows["kind"] == "diff")
    ].sort_values("timepoint_h")
    values: NDArray[np.float64] = nasal["value"].to_numpy(float)
    day = float(values[int(np.argmin(np.abs(nasal["timepoint_h"].to_numpy(float) - 24.0)))])
    return -day / POOLED_SD, float(np.std(values, ddof=1)) / POOLED_SD


def _columns(mean: float, sd: float) -> dict[str, float]:
    from scipy.special import ndtri

    return {name: mean + sd * float(ndtri(level)) for name, level in LEVELS.items()}
