"""Every calibration trial predicted with its whole family left out of all that is learnt.

Writes the score of every hypothesis, of their average and of two baselines from pooled evidence.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ketasim.evidence import calibration_rows
from ketasim.inference.predicting import predict_trials, read_trials, score_predictions
from ketasim.inference.predicting.rows import COLUMNS
from ketasim.model import list_hypotheses

RESULTS = ("study", "arm", "scale", "timepoint_h", "kind", "value", "sd", "ci_low", "ci_high")


def trials_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows as a trialist would write them: no results but the baseline of each arm."""
    first = rows[(rows["kind"] == "mean") & (rows["timepoint_h"] == 0.0)]
    known = first.set_index(["study", "arm"])[["value", "sd"]].to_dict("index")
    table = rows[list(COLUMNS)].copy()
    own = [
        known.get((study, arm.split(" vs ")[0]), {})
        for study, arm in zip(rows["study"], rows["arm"], strict=True)
    ]
    table["baseline_mean"] = [one.get("value", np.nan) for one in own]
    table["baseline_sd"] = [one.get("sd", np.nan) for one in own]
    return table


def predicted(rows: pd.DataFrame, hypotheses: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the predictions of all families, each blind to itself, and the digests."""
    parts, digests = [], []
    for family in rows["family"].unique():
        begun = time.perf_counter()
        some = rows[rows["family"] == family]
        found = predict_trials(
            read_trials(trials_of(some)), hypotheses=hypotheses, leave_out=[str(family)]
        )
        parts.append(found.table.assign(family=family))
        digests.append(found.digest)
        print(f"{family}: {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    return pd.concat(parts, ignore_index=True), digests


def measure(hypotheses: list[str]) -> dict[str, Any]:
    """Return the scores."""
    rows = calibration_rows("clinical_arms").to_frame()
    rows = rows[rows["timepoint_h"].notna()]
    table, digests = predicted(rows, hypotheses)
    score = score_predictions(table, rows[list(RESULTS)])
    average = score.rows[score.rows["source"] == "all"]
    arms = average["kind"].isin(["mean", "change", "diff"]) & (average["n"].astype(float) >= 20)
    width = (average["hi95"] - average["lo95"]) / 2.0
    return {
        "hypotheses": hypotheses, "digests": digests, "rows": len(average),
        "cover95": float(average["in95"].mean()),
        "median_half_width95_points": float(width[arms].median()),
        "median_abs_error_in_se": float((average["error"].abs() / average["standard_error"]).median()),
        "sign_agreement": float(average["sign_agrees"].dropna().astype(float).mean()),
        "summary": score.summary().round(4).replace({np.nan: None}).to_dict("records"),
        "average": average[[*RESULTS[:5], "value", "predicted", "lo95", "hi95", "status"]]
        .round(4).astype(object).where(lambda t: t.notna(), None).to_dict("records"),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/left_out.json"))
    parser.add_argument("--hypothesis", nargs="+", default=None)
    chosen = parser.parse_args()
    from benchmarks.solver import machine, write

    content = measure(chosen.hypothesis or list(list_hypotheses()))
    write({"machine": machine(), **content}, chosen.out)


if __name__ == "__main__":
    main()
