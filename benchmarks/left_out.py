"""Every calibration trial predicted with its whole family left out of all that is learnt.

Writes the score of every hypothesis, of their average and of two baselines from pooled evidence.
With ``--ship`` the predictions become the table that the package ships and the dossier shows.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ketasim.inference.predicting.left_out import (
    predict_left_out,
    score_left_out,
    shipped_left_out,
    without_given,
    write_left_out,
)

COLUMNS = [
    "study", "arm", "scale", "timepoint_h", "kind", "value", "standard_error", "predicted", "lo95",
    "hi95", "status",
]  # fmt: skip


def measure() -> dict[str, Any]:
    """Return the scores of the shipped predictions."""
    score = score_left_out()
    average = score.rows[score.rows["source"] == "all"]
    return {
        "hypotheses": sorted(set(shipped_left_out()["hypothesis"]) - {"all"}),
        "all rows": score.overall(),
        # A baseline was given to its own prediction, so the second set of figures leaves it out.
        "without baselines": without_given(score).overall(),
        "summary": score.summary().round(4).replace({np.nan: None}).to_dict("records"),
        "average": average[COLUMNS].round(4).astype(object).where(lambda t: t.notna(), None)
        .to_dict("records"),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/left_out.json"))
    parser.add_argument("--ship", action="store_true", help="predict anew, a quarter of an hour")
    chosen = parser.parse_args()
    from benchmarks.solver import machine, write

    if chosen.ship:
        write_left_out(predict_left_out(progress=lambda name: print(name, file=sys.stderr)))
    write({"machine": machine(), **measure()}, chosen.out)


if __name__ == "__main__":
    main()
