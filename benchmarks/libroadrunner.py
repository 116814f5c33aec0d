"""Patients a second against libRoadRunner (CVODE), at equal accuracy asked, on the article's model.

Both solve the same patients, one infusion, 14 days, restarted at every dose; the time to compile is
left out and given by itself. The error of each is measured against libRoadRunner at 1e-10.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from ketasim.dosing import compile_regimen, regimen
from ketasim.model import load_model
from ketasim.population import virtual_patients
from ketasim.provenance import manifest_for
from ketasim.results import atomic_write

OUTPUTS = ("relief", "ketamine_ng_ml", "glutamate", "mtorc1", "spines")


def parameters_of(cohort: Any, compiled: Any, values: dict[str, float]) -> dict[str, Any]:
    known = {name: one for name, one in values.items() if name in compiled.parameters}
    columns = [name for name in cohort.table.columns if name in compiled.parameters]
    return {**known, **{name: cohort.table[name].to_numpy(float) for name in columns}}


def timed(backend: str, patients: int, rtol: float, atol: float) -> dict[str, Any]:
    model = load_model("article")
    begun = time.perf_counter()
    compiled = model.compiled(backend)  # type: ignore[arg-type]
    cohort = virtual_patients(model, patients, seed=1)
    doses = compile_regimen(regimen("ketamine 0.5 mg/kg iv over 40 min"), model, cohort)
    parameters = parameters_of(cohort, compiled, model.values())
    times = np.linspace(0.0, 336.0, 337)
    options = {"parameters": parameters, "doses": doses, "outputs": OUTPUTS}
    compiled.solve(times[:2], patients=patients, rtol=rtol, atol=atol, **options)
    ready = time.perf_counter()
    solution = compiled.solve(times, patients=patients, rtol=rtol, atol=atol, **options)
    seconds = time.perf_counter() - ready
    return {
        "backend": backend,
        "rtol": rtol,
        "patients_per_second": patients / seconds,
        "seconds_to_compile": ready - begun,
        "values": solution.values,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/libroadrunner.json"))
    parser.add_argument("--patients", type=int, default=200)
    chosen = parser.parse_args()
    few = min(chosen.patients, 20)
    oracle = timed("roadrunner", few, 1e-10, 1e-12)["values"]
    rows = []
    for backend, rtol in (("numba", 1e-6), ("numba", 1e-4), ("roadrunner", 1e-6)):
        row = timed(backend, chosen.patients, rtol, rtol * 1e-3)
        found = row.pop("values")[:few]
        row["largest_error"] = float((np.abs(found - oracle) / (1e-3 + np.abs(oracle))).max())
        rows.append(row)
        print(f"{backend:>10} rtol {rtol:.0e}: {row['patients_per_second']:8.1f} patients/s, "
              f"largest error {row['largest_error']:.1e}")  # fmt: skip
    manifest = manifest_for(hypothesis="article", seed=1, options={"patients": chosen.patients})
    import json

    content = {"machine": json.loads(manifest.to_json()), "results": rows}
    atomic_write(chosen.out, json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
