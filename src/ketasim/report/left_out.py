"""The calibration trials, each family predicted with itself left out, as the bundle keeps them.

The predictions are those that the package ships: they are read and scored here, and nothing is
simulated. The baseline of an arm was given to its own prediction; such rows are kept and marked, and
no score counts them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.evidence import calibration_rows
from ketasim.inference.predicting.baselines import BASELINES
from ketasim.inference.predicting.left_out import (
    LEFT_OUT_FILE,
    score_left_out,
    shipped_left_out,
    was_given,
    without_given,
)
from ketasim.inference.predicting.predict import ALL, INTERVALS
from ketasim.inference.predicting.scoring import LARGE_ARM, UNITS, Score, standard_errors
from ketasim.provenance import hash_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = ["LeftOut", "left_out_trials"]

_KEY = ["study", "arm", "scale", "timepoint_h", "kind"]
_ENDS = [f"{end}{share}" for share in INTERVALS for end in ("lo", "hi")]
_COLUMNS = [
    "source", "family", *_KEY, "unit", "n", "value", "low", "high", "basis", "imputed", "given",
    "standard_error", "predicted", *_ENDS, *(f"in{share}" for share in INTERVALS), "error",
    "crps", "sign_agrees", "status", "citation",
]  # fmt: skip
UNKNOWN_N = 20.0
"""Patients of an arm that does not tell them, as `standard_errors` takes it."""


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Predicted and published results of the calibration trials.

    Parameters
    ----------
    table : DataFrame
        A row for each published result and each ``source`` (a hypothesis, ``all``, a baseline),
        in the order of the evidence, with the 95 % interval of the published value (``low``,
        ``high``), what that rests on (``basis``, ``imputed``) and whether the row is a baseline that
        its own prediction was given (``given``).
    summary : mapping
        Counts and scores, ready for JSON.
    """

    table: pd.DataFrame = field(repr=False)
    summary: Mapping[str, Any] = field(repr=False)


def left_out_trials(predictions: pd.DataFrame | None = None) -> LeftOut:
    """Put published results beside predictions that were blind to their family.

    Parameters
    ----------
    predictions : DataFrame, optional
        Columns as `ketasim.inference.predicting.left_out.predict_left_out` makes them; by default
        the shipped ones.

    Returns
    -------
    LeftOut
    """
    foreseen = shipped_left_out() if predictions is None else predictions
    score = score_left_out(foreseen)
    table = _beside(foreseen, score)
    counted = without_given(score)
    names = [str(name) for name in foreseen["hypothesis"].unique() if name != ALL]
    digest = hash_text(_text(predictions))
    return LeftOut(table, {"sha256": digest, **_summary(counted, score, table, names)})


def _text(predictions: pd.DataFrame | None) -> str:
    if predictions is None:
        return LEFT_OUT_FILE.read_text(encoding="utf-8")
    return str(predictions.to_csv(index=False, lineterminator="\n"))


def _hours(rows: pd.DataFrame) -> pd.Series[float]:
    import pandas as pd

    return pd.to_numeric(rows["timepoint_h"])


def _beside(foreseen: pd.DataFrame, score: Score) -> pd.DataFrame:
    """Return every row with what was published, rows that nobody predicted included."""
    import pandas as pd

    silent = foreseen[foreseen["predicted"].isna() & (foreseen["hypothesis"] == ALL)]
    silent = silent.rename(columns={"hypothesis": "source"}).assign(unit=silent["kind"].map(UNITS))
    rows = pd.concat([part for part in (score.rows, silent) if len(part)], ignore_index=True)
    rows = rows.assign(timepoint_h=_hours(rows), n=pd.to_numeric(rows["n"], errors="coerce"))
    known = calibration_rows("clinical_arms").to_frame()
    known = known[[*_KEY, "value", "sd", "ci_low", "ci_high", "citation"]].assign(
        place=np.arange(len(known))
    )
    rows = rows.drop(columns="value").merge(known, on=_KEY, how="left", validate="many_to_one")
    truth = {f"true_{name}": rows[name] for name in ("value", "sd", "ci_low", "ci_high")}
    rows = rows.assign(standard_error=standard_errors(rows.assign(**truth)))
    spread = [_spread(row) for row in rows.to_dict("records")]
    for place, name in enumerate(("low", "high", "basis", "imputed")):
        rows[name] = [one[place] for one in spread]
    rows["given"] = was_given(rows)
    for name in (f"in{share}" for share in INTERVALS):
        rows[name] = rows[name].astype("boolean")
    rows["sign_agrees"] = rows["sign_agrees"].astype(float)
    return rows.sort_values("place", kind="stable")[_COLUMNS].reset_index(drop=True)


def _spread(row: Mapping[Any, Any]) -> tuple[float, float, str, bool]:
    """Return the 95 % interval of a published value, what it rests on, and if that is imputed."""
    if not math.isnan(row["ci_low"] + row["ci_high"]):
        return float(row["ci_low"]), float(row["ci_high"]), "95 % interval as published", False
    reach = 1.96 * row["standard_error"]
    low, high = row["value"] - reach, row["value"] + reach
    counted = not math.isnan(row["n"])
    n = row["n"] if counted else UNKNOWN_N
    size = "published n" if counted else f"n taken as {n:g}"
    if row["unit"] == "percent":
        # A share ends at 0 and 100; its normal interval does not know that.
        return max(low, 0.0), min(high, 100.0), f"binomial, {size}", not counted
    if row["kind"] == "effect_size":
        return low, high, f"effect size, {size}", not counted
    if math.isnan(row["sd"]):
        # The SD that the score took, out of its standard error.
        sd = row["standard_error"] / math.sqrt((4.0 if row["kind"] == "diff" else 1.0) / n)
        return low, high, f"SD taken as {sd:g} points, {size}", True
    return low, high, "published SD and n" if counted else f"published SD, {size}", not counted


def _summary(
    counted: Score, score: Score, table: pd.DataFrame, names: Sequence[str]
) -> dict[str, Any]:
    average = table[table["source"] == ALL]
    overall, every = counted.overall(), score.overall()
    by_unit = counted.summary()
    units = by_unit[by_unit["source"] == ALL]
    return {
        "hypotheses": list(names),
        "families": int(average["family"].nunique()),
        "given": int(average["given"].sum()),
        "not_predicted": int(average["predicted"].isna().sum()),
        "imputed": int(average["imputed"].sum()),
        "with_given": {"rows": every["rows"], "cover95": _plain(every["cover95"])},
        "overall": {name: _plain(value) for name, value in overall.items()}
        | {"large_arm": LARGE_ARM},
        "units": _records(units.drop(columns=["source", "crps_of_average"])),
        "baselines": _records(by_unit[by_unit["source"].isin(BASELINES)]),
        "by_hypothesis": _records(by_unit[by_unit["source"].isin([*names, ALL])]),
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.to_dict("records")
    return [{str(name): _plain(cell) for name, cell in row.items()} for row in rows]


def _plain(cell: Any) -> Any:
    cell = cell.item() if isinstance(cell, np.generic) else cell
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
