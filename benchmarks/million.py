"""A million patients of the shipped model on one machine, stopped twice and gone on with.

The cohort is solved by a process of its own. It is interrupted (SIGINT) after some chunks, begun
again, killed (SIGKILL), and begun again. Another cohort, the first patients of it, is solved at
one go; the files of its chunks have to be those of the large one, byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PATIENTS, CHUNK = 1_000_000, 2_500
RTOL = 1e-4
#: Shares of the cohort at which the run is stopped, and how.
STOPS = ((0.25, signal.SIGINT), (0.6, signal.SIGKILL))


# the process that solves -------------------------------------------------------------------------
def solve(out: Path, patients: int, told: Path) -> None:
    """Solve the cohort, and write how far it is into `told`."""
    from benchmarks.models.shipped import HYPOTHESIS, REGIMEN, case
    from ketasim.dosing import compile_regimen, regimen
    from ketasim.engine import solve_cohort
    from ketasim.engine.sbml import read_sbml
    from ketasim.model import load_model
    from ketasim.population import virtual_patients

    # Whoever was started in the background has inherited that interruptions are ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    one, model = case(), load_model(HYPOTHESIS)
    settable = set(read_sbml(model.sbml).parameters)
    values = {name: value for name, value in model.values().items() if name in settable}
    given = regimen(REGIMEN)

    def people(first: int, stop: int) -> tuple[dict[str, Any], Any]:
        cohort = virtual_patients(model, stop - first, seed=1, first=first)
        own = {
            name: cohort.table[name].to_numpy(float)
            for name in cohort.table.columns
            if name in settable
        }
        return {**values, **own}, compile_regimen(given, model, cohort)

    def progress(done: int, _: int) -> None:
        new = told.with_suffix(".new")
        new.write_text(str(done), encoding="utf-8")
        os.replace(new, told)

    found = solve_cohort(
        model.sbml, one.times, out=out, parameters=people, patients=patients, outputs=one.outputs,
        start=float(one.times[0]), rtol=RTOL, atol=one.atol(RTOL), keep="statistics",
        chunk_size=CHUNK, progress=progress,
    )  # fmt: skip
    print(json.dumps({"failed": int(found.failed), "outputs": len(one.outputs),
                      "times": len(one.times)}))  # fmt: skip


# the process that watches ------------------------------------------------------------------------
def peak_bytes(process: int) -> int:
    """Return the most memory a process has had so far; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return 1024 * found[0] if found else 0


def done_so_far(told: Path) -> int:
    """Return how many patients are done."""
    return int(told.read_text(encoding="utf-8")) if told.exists() else 0


def attempt(
    out: Path, patients: int, told: Path, stop: tuple[float, int] | None
) -> tuple[dict[str, Any], str]:
    """Run the solving process until it ends or is stopped; return the figures and what it said."""
    begun, peak, stopped = time.perf_counter(), 0, None
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.million", "--solve", str(out), str(patients), str(told)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    while process.poll() is None:
        peak = max(peak, peak_bytes(process.pid))
        if stop is not None and stopped is None and done_so_far(told) >= stop[0] * patients:
            process.send_signal(stop[1])
            stopped = signal.Signals(stop[1]).name
        time.sleep(0.2)
    said, _ = process.communicate()
    if stop is None and process.returncode != 0:
        raise RuntimeError(f"the run ended with code {process.returncode}")
    figures = {
        "seconds": time.perf_counter() - begun, "peak_bytes": peak, "stopped_by": stopped,
        "patients_done": done_so_far(told),
    }  # fmt: skip
    return figures, said


def digests(out: Path) -> dict[str, str]:
    """Return the checksum of each chunk's files."""
    return {
        f"{kind}/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest()
        for kind in ("patients", "statistics")
        for file in sorted((out / kind).glob("part-*.parquet"))
    }


def measure(patients: int, folder: Path) -> dict[str, Any]:
    """Run everything and return the figures."""
    from benchmarks.solver import machine

    parts, said = [], ""
    for stop in (*STOPS, None):
        figures, said = attempt(folder / "run", patients, folder / "told", stop)
        parts.append(figures)
        print(json.dumps(figures), file=sys.stderr, flush=True)
    few = patients // CHUNK // 10 * CHUNK
    attempt(folder / "whole", few, folder / "told_whole", None)
    whole, all_parts = digests(folder / "whole"), digests(folder / "run")
    same = len(whole) == 2 * few // CHUNK and all(all_parts[k] == v for k, v in whole.items())
    return {
        "machine": machine(), "patients": patients, "chunk": CHUNK, "rtol": RTOL,
        **json.loads(said.splitlines()[-1]), "parts": parts,
        "seconds": sum(part["seconds"] for part in parts),
        "peak_bytes": max(part["peak_bytes"] for part in parts),
        "compared_patients": few, "identical": same,
        "disk_bytes": sum(f.stat().st_size for f in (folder / "run").rglob("*") if f.is_file()),
    }  # fmt: skip


def main() -> None:
    if sys.argv[1:2] == ["--solve"]:
        out, patients, told = sys.argv[2:5]
        solve(Path(out), int(patients), Path(told))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/million.json"))
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--commit", action="store_true", help="copy to benchmarks/results too")
    chosen = parser.parse_args()
    if chosen.patients < 20 * CHUNK:
        parser.error(f"--patients is {chosen.patients}; expected {20 * CHUNK} or more")
    from benchmarks.process import empty_folder
    from benchmarks.solver import write

    with empty_folder() as folder:
        write(measure(chosen.patients, folder), chosen.out)
    if chosen.commit:
        kept = Path(__file__).parent / "results" / chosen.out.name
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(chosen.out, kept)


if __name__ == "__main__":
    main()
