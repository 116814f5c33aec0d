"""The GPU's backend against the processor's: in numba's simulator, and on a GPU where there is one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ketasim.engine import DoseSchedule, Solution, compile_model
from ketasim.model import load_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from ketasim.engine import CompiledModel

CASCADE = """
model cascade
  compartment V = 3; substanceOnly species G in V = 0; substanceOnly species C in V = 0
  ka = 1.2; cl = 2; kon = 300; koff = 900; n = 1.6; e = 0.2; B = 0; R = 1
  G -> C; ka*G; C -> ; cl*C/V
  B' = kon*(C/V)*(1 - B) - koff*B
  R' = 0.1*(1 + 2*B^n/(B^n + e^n) - R)
  effect := R - 1
end"""
BALL = """
model ball
  height = 10; speed = 0; lost = 0; g = 9.81; kept = 0.8; warned = 0
  height' = speed; speed' = -g; lost' = 0; warned' = 0
  bounce: at height < 0, priority=2: speed = -kept*speed, height = 0, lost = lost + 1
  warn: at 0.3 after speed > 3: warned = warned + speed
end"""
WAVES = """
model waves
  x = 1; y = 0; k = 1.3; z = 0.2
  x' = -k*sin(y) + tanh(z); y' = k*cos(x); z' = -0.1*z + 0.01*atan(x)
end"""
BREAKING = """
model breaking
  x = 1; k = 1; y = 1
  x' = -k; y' = -y*ln(x)
end"""


def factors(count: int, seed: int = 3) -> list[float]:
    return np.exp(0.4 * np.random.default_rng(seed).normal(size=count)).tolist()


def cascade(count: int) -> dict[str, Any]:
    """Doses of two kinds at times that differ, some of them left out."""
    start = [[0.0, 3.0 + 0.5 * (i % 3)] for i in range(count)]
    amount = [[5.0, 0.0 if i % 2 else 4.0] for i in range(count)]
    return {
        "times": np.linspace(0.0, 12.0, 13).tolist(),
        "parameters": {"ka": factors(count), "cl": factors(count, 4), "n": factors(count, 5)},
        "doses": [("G", "C"), start, [[0.0, 1.0]] * count, amount],
        "options": {"outputs": ["C", "R", "effect"], "rtol": 1e-6},
    }


@pytest.fixture(scope="session")
def cases(sbml: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    return {
        "doses": {"sbml": sbml(CASCADE), **cascade(9)},
        "chunks": {"sbml": sbml(CASCADE), "chunk_bytes": 2000, **cascade(9)},
        "events": {
            "sbml": sbml(BALL), "times": np.linspace(0.0, 2.0, 5).tolist(),
            "parameters": {"kept": [0.8, 0.7, 0.9, 0.75], "height": [10, 8, 6, 3]},
            "options": {"outputs": ["height", "speed", "lost", "warned"]},
        },
        "library": {
            "sbml": sbml(WAVES), "times": [0.0, 1.0, 5.0],
            "parameters": {"k": factors(3)}, "options": {"outputs": ["x", "y", "z"]},
        },
        "failures": {
            "sbml": sbml(BREAKING), "times": [0.0, 0.5, 3.0],
            "parameters": {"k": [0.1, 1.0, 0.2, 2.0, 0.0]}, "options": {"outputs": ["x", "y"]},
        },
        "limit": {
            "sbml": sbml(CASCADE), **cascade(3),
            "options": {"outputs": ["C"], "max_steps": 40},
        },
        "single": {
            "sbml": sbml(CASCADE), "precision": "single", **cascade(6),
            "options": {"outputs": ["C", "R", "B"], "rtol": 1e-4},
        },
        "shipped": {
            "sbml": load_model("article").sbml, "times": [0.0, 1.0, 12.0, 24.0],
            "options": {"patients": 2, "rtol": 1e-4},
        },
    }  # fmt: skip


def run(
    cases: dict[str, dict[str, Any]], folder: Path, simulate: bool
) -> dict[str, np.ndarray[Any, Any]]:
    asked, found = folder / "cases.json", folder / "results.npz"
    asked.write_text(json.dumps(cases), encoding="utf-8")
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1" if simulate else "0"}
    script = Path(__file__).with_name("cuda_run.py")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), str(asked), str(found)],
        env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(found) as stored:
        return {"log": np.array(done.stderr), **stored}


def no_gpu() -> str:
    """Return why the tests on a GPU cannot run; empty where they can."""
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed (`pip install ketasim[gpu]`)"
    look = "from numba import cuda; print(cuda.is_available())"
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
    return "" if "True" in told.stdout else "there is no NVIDIA GPU on this machine"


@pytest.fixture(scope="session", params=["simulator", "gpu"])
def place(request: pytest.FixtureRequest) -> str:
    if request.param == "gpu" and (reason := no_gpu()):
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture(scope="session")
def results(
    place: str, cases: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray[Any, Any]]:
    return run(cases, tmp_path_factory.mktemp(place), place == "simulator")


@pytest.fixture(scope="session")
def by_processor(cases: dict[str, Any]) -> Callable[[str], Solution]:
    def solve(name: str) -> Solution:
        case = cases[name]
        model: CompiledModel = compile_model(case["sbml"])
        given = dict(case.get("options", {}))
        if "doses" in case:
            targets, *tables = case["doses"]
            given["doses"] = DoseSchedule(tuple(targets), *(np.array(t) for t in tables))
        own = {key: np.array(value) for key, value in case.get("parameters", {}).items()}
        return model.solve(case["times"], parameters=own, **given)

    return solve


@pytest.mark.parametrize("name", ["doses", "events", "library", "shipped", "failures", "limit"])
def test_the_gpu_gives_what_the_processor_gives(
    name: str, results: dict[str, Any], by_processor: Callable[[str], Solution]
) -> None:
    expected = by_processor(name)
    np.testing.assert_array_equal(results[f"{name}.status"], expected.status)
    peak = np.nanmax(np.abs(expected.values), axis=1, keepdims=True, initial=1e-300)
    known = np.isfinite(expected.values)
    np.testing.assert_array_equal(np.isfinite(results[f"{name}.values"]), known)
    error = np.abs(results[f"{name}.values"] - expected.values) / np.where(peak > 0.0, peak, 1.0)
    assert error[known].max() <= 1e-6


@pytest.mark.parametrize("name", ["doses", "events", "library", "shipped", "failures", "limit"])
def test_the_simulator_gives_the_same_bits_and_steps(
    name: str, place: str, results: dict[str, Any], by_processor: Callable[[str], Solution]
) -> None:
    if place != "simulator":
        pytest.skip("a GPU's power function, which chooses step sizes, rounds in its own way")
    expected = by_processor(name)
    np.testing.assert_array_equal(results[f"{name}.steps"], expected.steps)
    np.testing.assert_array_equal(results[f"{name}.values"], expected.values)


def test_failures_name_patient_time_and_state(
    results: dict[str, Any], by_processor: Callable[[str], Solution]
) -> None:
    expected = by_processor("failures")
    assert 0 < expected.failed < len(expected.status)
    np.testing.assert_allclose(results["failures.failure_time"], expected.failure_time, rtol=1e-6)
    assert results["failures.sentences"].tolist() == list(expected.failures())
    assert results["limit.status"].tolist() == [1, 1, 1]


def test_events_happen(results: dict[str, Any]) -> None:
    assert (results["events.values"][:, -1, 2] >= 1.0).all()  # every ball has bounced
    assert (results["events.values"][:, -1, 3] > 0.0).any()  # delayed ones came


def test_chunks_change_nothing(results: dict[str, Any]) -> None:
    assert len(results["chunks.progress"]) > 2, "the patients went through in one chunk"
    assert results["chunks.progress"][-1] == 9
    assert results["doses.progress"].tolist() == [9]
    np.testing.assert_array_equal(results["chunks.values"], results["doses.values"])
    np.testing.assert_array_equal(results["chunks.steps"], results["doses.steps"])


def test_single_precision_tells_its_error(
    results: dict[str, Any], by_processor: Callable[[str], Solution]
) -> None:
    expected = by_processor("single")
    peak = np.abs(expected.values).max(axis=1, keepdims=True)
    error = float((np.abs(results["single.values"] - expected.values) / peak).max())
    told, patients, failed = results["single.error"]
    assert patients == 6
    assert failed == 0
    assert 1e-8 < error < 5e-4  # rounded to 24 bits, and not by much more than rtol off
    assert told == pytest.approx(error, rel=1e-3)
    assert "single precision differs from double by up to" in str(results["log"])
