"""Runs cases of the GPU's backend in a process of its own: numba decides at import what it simulates.

``python cuda_run.py CASES.json RESULTS.npz``; what a case is, `test_cuda_backend` says.
"""

from __future__ import annotations

import json
import pickle
import sys
from typing import Any

import numpy as np

from ketasim.engine import CompiledModel, DoseSchedule
from ketasim.engine.cuda import device
from ketasim.engine.cuda.solver import CudaSolver


def arguments(case: dict[str, Any]) -> dict[str, Any]:
    given = dict(case.get("options", {}))
    given["parameters"] = {name: np.array(v) for name, v in case.get("parameters", {}).items()}
    if "doses" in case:
        targets, *tables = case["doses"]
        given["doses"] = DoseSchedule(tuple(targets), *(np.array(t, dtype=float) for t in tables))
    return given


def main(cases: str, results: str) -> None:
    found: dict[str, Any] = {}
    with open(cases, encoding="utf-8") as file:
        asked = json.load(file)
    for name, case in asked.items():
        device._LARGEST = case.get("chunk_bytes", 2**30)
        solver = CudaSolver(case["sbml"], precision=case.get("precision", "double"))
        assert isinstance(solver, CompiledModel)
        solver = pickle.loads(pickle.dumps(solver))
        told: list[int] = []
        solution = solver.solve(
            case["times"], progress=lambda done, _, told=told: told.append(done), **arguments(case)
        )
        for field in ("values", "status", "steps", "failure_time", "culprit"):
            found[f"{name}.{field}"] = getattr(solution, field)
        found[f"{name}.progress"] = np.array(told)
        found[f"{name}.sentences"] = np.array(solution.failures())
        if solver.precision_error is not None:
            error = solver.precision_error
            found[f"{name}.error"] = np.array([error.worst, error.patients, error.failed])
    np.savez(results, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
