"""Every calibration trial predicted with its whole family left out of all that is learnt.

Run as ``python -m benchmarks.left_out --ship`` to write the shipped table anew.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ketasim.evidence import calibration_rows
from ketasim.inference.predicting.predict import predict_trials
from ketasim.inference.predicting.rows import COLUMNS, read_trials
from ketasim.inference.predicting.scoring import Score, score_predictions
from ketasim.results import atomic_write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from ketasim.inference.predicting.draws import Sizes

__all__ = [
    "LEFT_OUT_FILE",
    "left_out_families",
    "predict_left_out",
    "score_left_out",
    "shipped_left_out",
    "was_given",
    "without_given",
    "write_left_out",
]

LEFT_OUT_FILE = Path(__file__).with_name("left_out.csv")
"""The shipped predictions of every calibration trial."""

SCHEDULES = {"Daly 2018": "days 1, 4", "TRANSFORM": "twice weekly x 4 weeks"}
"""When doses were given, by family, where the name of the arm does not say: what was planned."""

PUBLISHED = ("study", "arm", "scale", "timepoint_h", "kind", "value", "sd", "ci_low", "ci_high")


def _published() -> pd.DataFrame:
    rows = calibration_rows("clinical_arms").to_frame()
    return rows[rows["timepoint_h"].notna()]


def left_out_families() -> tuple[str, ...]:
    """Return the families of trials that may be fitted, in the order of the evidence."""
    return tuple(str(name) for name in _published()["family"].unique())


def _as_written(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows as a trialist would write them: no results but the baseline of each arm."""
    first = rows[(rows["kind"] == "mean") & (rows["timepoint_h"] == 0.0)]
    known = first.set_index(["study", "arm"])[["value", "sd"]].to_dict("index")
    table = rows[list(COLUMNS)].copy()
    table["schedule"] = [SCHEDULES.get(family, "") for family in rows["family"]]
    own = [
        known.get((study, arm.split(" vs ")[0]), {})
        for study, arm in zip(rows["study"], rows["arm"], strict=True)
    ]
    table["baseline_mean"] = [one.get("value", np.nan) for one in own]
    table["baseline_sd"] = [one.get("sd", np.nan) for one in own]
    return table


def predict_left_out(
    *, hypotheses: Sequence[str] | None = None, families: Sequence[str] | None = None,
    sizes: Sizes | None = None, seed: int = 1, progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Predict the calibration trials, each family blind to itself.

    Parameters
    ----------
    hypotheses : sequence of str, optional
        By default all that ship.
    families : sequence of str, optional
        By default all, see `left_out_families`.
    sizes : Sizes, optional
        How much is drawn.
    seed : int
    progress : callable, optional
        Called with the name of each family when it is done.

    Returns
    -------
    DataFrame
        The columns of a prediction and ``family``.
    """
    import pandas as pd

    rows, parts = _published(), []
    for family in families or left_out_families():
        some = rows[rows["family"] == family]
        found = predict_trials(
            read_trials(_as_written(some)), hypotheses=hypotheses, leave_out=[family],
            sizes=sizes, seed=seed,
        )  # fmt: skip
        parts.append(found.table.assign(family=family))
        if progress is not None:
            progress(family)
    return pd.concat(parts, ignore_index=True)


def score_left_out(predictions: pd.DataFrame | None = None) -> Score:
    """Score predictions of the calibration trials against what was published.

    Parameters
    ----------
    predictions : DataFrame, optional
        From `predict_left_out`; by default the shipped ones.
    """
    table = shipped_left_out() if predictions is None else predictions
    rows = _published()
    return score_predictions(table, rows.loc[rows["family"].isin(table["family"]), list(PUBLISHED)])


def without_given(score: Score) -> Score:
    """Return a score without the baselines that were given to their own prediction."""
    return Score(score.rows[~was_given(score.rows)], score.not_predicted)


def was_given(rows: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows are baselines that were given to their own prediction."""
    return (rows["kind"] == "mean") & (rows["timepoint_h"].astype(float) == 0.0)


def write_left_out(table: pd.DataFrame, path: Path = LEFT_OUT_FILE) -> Path:
    """Write predictions of the calibration trials, whole or not at all."""
    return atomic_write(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


@cache
def shipped_left_out() -> pd.DataFrame:
    """Return the shipped predictions of every calibration trial, by hypothesis and averaged."""
    import pandas as pd

    return pd.read_csv(LEFT_OUT_FILE, dtype={"dose": str, "schedule": str})
