"""A two-arm trial of 100 an arm over 28 days, a thousand times, from a pool that is simulated first.

Everything but the pool is fresh in each replicate: entry, allocation, context, ratings, dropout, and
the analysis by the mixed model. The issue asks for less than two minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from ketasim.trial import (
    RatingModel,
    TrialArm,
    TrialDesign,
    TrialDropout,
    TrialEndpoint,
    TrialEntry,
    TrialVisit,
    build_pool,
    operating_characteristics,
    run_trial,
)
from ketasim.trial.operating_analysis import analyse_replicates

LIMIT_S = 120.0
PAIR = ("ketamine", "saline")


def design(n: int) -> TrialDesign:
    """Return the trial: four weeks, two infusions a week, one arm in ten leaves."""
    every = "over 40 min every 84 h x 8"
    return TrialDesign(
        name="two arms",
        title="Two arms over four weeks",
        arms=(
            TrialArm("ketamine", f"ketamine 0.5 mg/kg iv {every}", "active", n, "active"),
            TrialArm("saline", f"saline 0 mg/kg iv {every}", "saline", n, "control"),
        ),
        visits=tuple(TrialVisit(24.0 * day) for day in (1, 7, 14, 21, 28)),
        entry=TrialEntry(34.0, 5.5, 24.0),
        dropout=TrialDropout(0.05, 0.03, 0.02, 0.02),
        endpoint=TrialEndpoint("change", "day 28", "treatment_policy", "mmrm"),
    )


def measure(people: int, n: int, replicates: int) -> dict[str, Any]:
    """Return the seconds of every step, and what came out."""
    trial, threads = design(n), len(os.sched_getaffinity(0))
    begun = time.perf_counter()
    pool = build_pool(trial, people, 1)
    simulated = time.perf_counter()
    runs = run_trial(trial, replicates, 1, pool=pool, threads=threads)
    conducted = time.perf_counter()
    analyse_replicates(runs, trial.endpoint, *PAIR)
    analysed = time.perf_counter()
    found = operating_characteristics(
        trial, replicates, 1, pools={trial.hypothesis: pool}, rating=RatingModel(), threads=threads
    )
    finished = time.perf_counter()
    error = pool.error(trial.patients)
    return {
        "people": people, "patients_per_arm": n, "replicates": replicates, "days": 28,
        "cores": threads, "limit_s": LIMIT_S,
        "seconds": {
            "pool": simulated - begun, "conduct": conducted - simulated,
            "mixed_model": analysed - conducted, "trial": analysed - begun,
            "operating_characteristics": finished - analysed,
        },
        "met": analysed - begun < LIMIT_S,
        "pool_error_points": error.points(34.0)[1], "repeated_patients": error.repeated,
        "characteristics": found.table.to_dict("records"),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/trial.json"))
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--patients", type=int, default=100, help="in each arm")
    parser.add_argument("--replicates", type=int, default=1000)
    chosen = parser.parse_args()
    from benchmarks.solver import machine, write

    content = measure(chosen.people, chosen.patients, chosen.replicates)
    write({"machine": machine(), **content}, chosen.out)
    for name, seconds in content["seconds"].items():
        print(f"{name:>26}: {seconds:.1f} s")


if __name__ == "__main__":
    main()
