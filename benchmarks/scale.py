"""All cores together, and cohorts of growing size."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .measure import OURS, Say, cache_folder
from .peers import NotMeasured, adapter
from .process import Engine, started

#: Achieved error at which all cores are compared, and at which cohorts grow.
LEVEL = 1e-4
#: Compiling was timed before; here it may take what it needs.
COMPILE_SECONDS = 600.0


def chosen_rtol(measured: Mapping[str, Any], level: float = LEVEL) -> float | None:
    """Return the cheapest tolerance measured that achieves an error."""
    fit = [
        (one["seconds_per_patient"], one["rtol"])
        for one in measured.get("points", ())
        if not one["failed"] and one["seconds_per_patient"] and one["error"] <= level
    ]
    return min(fit)[1] if fit else None


def measure_all_cores(
    case: str, measured: Mapping[str, Any], repeats: int, limit: float, folder: Path, say: Say
) -> dict[str, Any]:
    """Return seconds a patient of each engine on all processors.

    One process where an engine has threads of its own; else a process a processor, patients
    divided among them.
    """
    cores = len(os.sched_getaffinity(0))
    found: dict[str, Any] = {}
    for name, one in measured.items():
        rtol = chosen_rtol(one)
        if rtol is None:
            continue
        own = next(p for p in one["points"] if p["rtol"] == rtol)
        try:
            cache = cache_folder(folder, name)
            seconds, patients = _crew(name, case, rtol, own["patients"], repeats, limit, cache)
        except NotMeasured as error:
            found[name] = {"not_measured": str(error)}
            continue
        found[name] = {
            "rtol": rtol, "error": own["error"], "patients": patients,
            "seconds_per_patient": seconds / patients,
            "speedup": own["seconds_per_patient"] * patients / seconds,
        }  # fmt: skip
        say(f"{case:>16} {name:>18}: {1e3 * seconds / patients:.3f} ms a patient on {cores} cores")
    return found


def _crew(
    name: str, case: str, rtol: float, patients: int, repeats: int, limit: float, cache: Path
) -> tuple[float, int]:
    """Return the least seconds that all processors took for their patients."""
    cores = sorted(os.sched_getaffinity(0))
    whole = adapter(name).threads
    crew = [Engine(name, case, cache, threads=len(cores))] if whole else []
    if not whole:
        crew = [Engine(name, case, cache, cpu=cpu) for cpu in cores]
    share = patients * len(cores) // len(crew)
    try:
        for place, engine in enumerate(crew):
            started(engine, COMPILE_SECONDS)
            engine.ask("load", limit, begin=place * share, end=(place + 1) * share)
        best = float("inf")
        for _ in range(repeats):
            begun = time.perf_counter()
            for engine in crew:
                engine.send("solve", rtol=rtol)
            for engine in crew:
                engine.receive(limit)
            best = min(best, time.perf_counter() - begun)
        return best, share * len(crew)
    finally:
        for engine in crew:
            engine.close()


def measure_cohorts(
    case: str, rtol: float, sizes: Sequence[int], limit: float, folder: Path, say: Say
) -> list[dict[str, Any]]:
    """Return time and peak memory of our engine, each size in a fresh process on all cores.

    `loaded_bytes` is the peak before the first step, patients' parameters and doses included;
    `asked_bytes` are the values returned.
    """
    rows = []
    cores = len(os.sched_getaffinity(0))
    for size in sizes:
        engine = Engine(OURS, case, cache_folder(folder, OURS), threads=cores)
        try:
            started(engine, COMPILE_SECONDS)
            loaded = engine.ask("load", limit, begin=0, end=size)
            told = engine.ask("solve", limit, rtol=rtol)
        finally:
            engine.close()
        rows.append(
            {"patients": size, "seconds": told["seconds"], "failed": told["failed"],
             "peak_bytes": told["peak_bytes"], "loaded_bytes": loaded["peak_bytes"],
             "asked_bytes": told["bytes"], "rtol": rtol, "cores": cores}
        )  # fmt: skip
        say(f"{case:>16} {size:>18,} patients: {told['seconds']:.2f} s, "
            f"peak {told['peak_bytes'] / 2**20:,.0f} MiB")  # fmt: skip
    return rows
