"""The engine against libRoadRunner (CVODE) at equal achieved error, on a model without a drug.

Fifty states: five two-compartment substances with oral and venous doses, fifteen receptors with
off-rates of up to 1800 an hour, and a cascade of twenty Hill-driven activities. Patients differ
in 25 parameters; 14 days, four infusions and a bolus, 337 output times. Errors are measured
against the engine at 1e-12, whose own agreement with libRoadRunner at 1e-11 is reported too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ketasim.engine import CompiledModel, DoseSchedule, compile_model

TIMES = np.linspace(0.0, 336.0, 337)
DOSES = DoseSchedule(
    ("C0", "C0", "C1", "C0", "G2", "C0"),
    np.array([0.0, 84.0, 100.0, 168.0, 200.0, 252.0]),
    np.array([2 / 3, 2 / 3, 0.0, 2 / 3, 0.0, 2 / 3]),
    np.array([100.0, 100.0, 30.0, 100.0, 50.0, 100.0]),
)


def substance(i: int) -> str:
    return f"""
    substanceOnly species G{i} in V = 0; substanceOnly species C{i} in V = 0
    substanceOnly species P{i} in W = 0; ka{i} = 1.5; cl{i} = {5 + i}; q{i} = 8; fu{i} = 0.4
    free{i} := fu{i} * P{i} / W
    G{i} -> C{i}; ka{i} * G{i}; C{i} -> ; cl{i} * C{i} / V; C{i} -> P{i}; q{i} * (C{i}/V - P{i}/W)
    """


def receptor(i: int) -> str:
    off = 1800 if i % 3 == 0 else 20 + i
    return f"""
    B{i} = 0; kon{i} = {50 + 10 * i}; koff{i} = {off}
    B{i}' = kon{i} * free{i % 5} * (1 - B{i}) - koff{i} * B{i}
    """


def activity(i: int, count: int) -> str:
    source = f"B{i % 15}" if i < 5 else f"X{i - 5}"
    rest = 0 if i < 5 else 1
    return f"""
    X{i} = 1; kx{i} = {0.1 + 0.05 * i}; em{i} = 1.5; ec{i} = 0.4; n{i} = 1.7; ki{i} = 2
    brake{i} := (1 + 1 / ki{i}^2) / (1 + (X{(7 * i + 3) % count} / ki{i})^2)
    drive{i} := (1 + em{i} * hill({source}, ec{i}, n{i})) / (1 + em{i} * hill({rest}, ec{i}, n{i}))
    X{i}' = kx{i} * (drive{i} * brake{i} - X{i})
    """


def model_text(count: int = 20) -> str:
    parts = [substance(i) for i in range(5)] + [receptor(i) for i in range(15)]
    parts += [activity(i, count) for i in range(count)]
    hill = "function hill(x, k, n)\n  x^n / (k^n + x^n)\nend\n"
    return f"{hill}model rival\ncompartment V = 5; compartment W = 20\n{''.join(parts)}\nend"


def model_sbml() -> str:
    import antimony

    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(model_text()) < 0:
        raise ValueError(antimony.getLastError())
    return str(antimony.getSBMLString("rival"))


def population(count: int) -> dict[str, Any]:
    centres = {f"kx{i}": 0.1 + 0.05 * i for i in range(20)} | {f"cl{i}": 5.0 + i for i in range(5)}
    # Drawn patient by patient, so that a smaller population is the beginning of a larger one.
    draws = np.random.default_rng(1).standard_normal((count, len(centres)))
    return {
        name: centre * np.exp(0.3 * draws[:, column])
        for column, (name, centre) in enumerate(centres.items())
    }


def error(found: Any, truth: Any) -> float:
    """Largest error relative to the value, or to a millionth of the largest value."""
    scale = np.abs(truth) + np.maximum(1e-12, 1e-6 * np.abs(truth).max(axis=(0, 1)))
    return float((np.abs(found - truth) / scale).max())


def compile_times(sbml: str) -> dict[str, float]:
    """Seconds to compile the model without and with its cache, driver left out."""
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KETASIM_CACHE"] = folder
        for name in ("cold", "warm"):
            begun = time.perf_counter()
            compile_model(sbml)
            seconds[name] = time.perf_counter() - begun
        del os.environ["KETASIM_CACHE"]
    return seconds


def timed(model: CompiledModel, patients: int, truth: Any, rtol: float) -> dict[str, Any]:
    # Tolerances must reach below the smallest concentrations that still bind.
    options = {
        "parameters": population(patients),
        "doses": DOSES,
        "rtol": rtol,
        "atol": rtol * 1e-3,
    }
    begun = time.perf_counter()
    run = model.solve(TIMES, **options)
    seconds = time.perf_counter() - begun
    few = len(truth)
    return {
        "rtol": rtol,
        "ms_per_patient": 1e3 * seconds / patients,
        "failed": run.failed,
        "largest_error": error(run.values[:few], truth),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("out/benchmarks/engine_vs_roadrunner.json")
    )
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--threads", default="1")
    chosen = parser.parse_args()
    os.environ["KETASIM_THREADS"] = chosen.threads
    sbml = model_sbml()
    seconds = compile_times(sbml)
    fast, slow = compile_model(sbml), compile_model(sbml, backend="roadrunner")
    begun = time.perf_counter()
    fast.solve(TIMES[:2])
    seconds["driver"] = time.perf_counter() - begun
    few = min(5, chosen.patients)
    some = {name: values[:few] for name, values in population(chosen.patients).items()}
    truth = fast.solve(TIMES, parameters=some, doses=DOSES, rtol=1e-12, atol=1e-16).values
    check = slow.solve(TIMES, parameters=some, doses=DOSES, rtol=1e-11, atol=1e-15).values
    rows = []
    for name, model, count in (("engine", fast, chosen.patients), ("libroadrunner", slow, 4 * few)):
        for rtol in (1e-4, 1e-6, 1e-8):
            row = {"solver": name, **timed(model, min(count, chosen.patients), truth, rtol)}
            rows.append(row)
            print(f"{name:>14} rtol {rtol:.0e}: {row['ms_per_patient']:7.2f} ms/patient, "
                  f"largest error {row['largest_error']:.1e}")  # fmt: skip
    content = {
        "machine": {"platform": platform.platform(), "threads": int(chosen.threads)},
        "seconds_to_compile": seconds,
        "agreement_with_libroadrunner": error(check, truth),
        "results": rows,
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(content, indent=2) + "\n")
    print(
        json.dumps({k: content[k] for k in ("seconds_to_compile", "agreement_with_libroadrunner")})
    )


if __name__ == "__main__":
    main()
