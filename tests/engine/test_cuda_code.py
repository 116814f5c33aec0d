"""The GPU's code as it is written: what it holds, what it calls, and that NVIDIA's tools take it."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ketasim.engine import compile_model
from ketasim.engine.cuda.code import WARP, DeviceCode, device_code, device_plan, to_ptx
from ketasim.engine.cuda.device import need_device
from ketasim.engine.cuda.solver import alike
from ketasim.engine.expressions import UNARY, Graph
from ketasim.engine.ir_math import DOUBLE, SINGLE, Storage
from ketasim.engine.lowering import Kernel, compile_kernels
from ketasim.engine.rodas import METHODS
from ketasim.engine.sbml import read_sbml
from ketasim.engine.schedule import DoseSchedule, DoseTable, spread
from ketasim.errors import InputError, MissingExtraError
from ketasim.model import load_model

if TYPE_CHECKING:
    from collections.abc import Callable

HILL = """
model hill
  compartment wombat = 3; substanceOnly species quokka in wombat = 0
  numbat = 1.2; echidna = 2; bandicoot = 1.6; bilby = 0.2; dingo = 1
  quokka -> ; echidna*quokka/wombat
  dingo' = 0.1*(1 + 2*quokka^bandicoot/(quokka^bandicoot + bilby^bandicoot) - exp(numbat*dingo))
end"""
SWITCHED = """
model switched
  kookaburra = 1; galah = 0; kookaburra' = -0.3*kookaburra; galah' = piecewise(1, kookaburra > 0.5, 2)
  cockatoo: at 2 after kookaburra < 0.4: galah = 5
end"""
TRIGONOMETRIC = "model t\n  emu = 1; emu' = sin(emu)*acosh(2 + emu)*log10(emu)*cos(time)\nend"
MODELS = {"hill": HILL, "switched": SWITCHED, "trigonometric": TRIGONOMETRIC, "shipped": ""}
ARGUMENTS = {
    "initialise": 4, "rates": 4, "linearise": 4, "factor": 4, "solve": 4, "observe": 4,
    "triggers": 4, "effects": 4, "guards": 4, "begin": 1, "attempt": 1, "adopt": 1,
    "interpolant": 1, "look_inside": 1, "look_now": 1,
}  # fmt: skip
ALONE = ("initialise", "triggers", "effects", "guards")
FUNCTION = re.compile(
    r"^\.visible \.func (?P<name>\w+)\((?P<given>.*?)\)\n\{(?P<body>.*?)^\}",
    re.MULTILINE | re.DOTALL,
)
LOADS = re.compile(r"\b(?:ld|st)\.b(?:32|64) .*?\[%rd\d+(?:\+(-?\d+))?\]")


@pytest.fixture(scope="module")
def written(sbml: Callable[[str], str]) -> Callable[..., tuple[DeviceCode, str]]:
    def write(name: str, precision: Any = "double") -> tuple[DeviceCode, str]:
        text = load_model("article").sbml if name == "shipped" else sbml(MODELS[name])
        network = read_sbml(text)
        plan = device_plan(network, METHODS["rodas5p"], precision)
        nodes = network.output_nodes(network.states, "own")
        code = device_code(plan, network, nodes, precision)
        return code, to_ptx(code, (9, 0))

    return write


def functions(ptx: str) -> dict[str, re.Match[str]]:
    return {found["name"]: found for found in FUNCTION.finditer(ptx)}


@pytest.mark.parametrize("name", MODELS)
def test_every_function_is_there_with_its_arguments(
    name: str, written: Callable[..., tuple[DeviceCode, str]]
) -> None:
    code, ptx = written(name)
    found = functions(ptx)
    assert {*code.names, "rates", "linearise", "factor", "solve", "observe"} <= found.keys()
    for one, function in found.items():
        assert function["given"].count(".param .b64") == ARGUMENTS[one]
    assert ".target sm_90" in ptx
    assert ".entry" not in ptx


@pytest.mark.parametrize("name", MODELS)
def test_arithmetic_is_in_double_precision_and_rounded_as_written(
    name: str, written: Callable[..., tuple[DeviceCode, str]]
) -> None:
    _, ptx = written(name)
    assert "f32" not in ptx
    assert "f16" not in ptx
    assert "fma.rn.f64" in ptx
    # Without .rn NVIDIA's assembler may fuse a product with a sum as it likes.
    assert not re.search(r"\b(?:add|sub|mul|div|rcp|sqrt)\.f64", ptx)
    assert not re.search(r"\.(?:ftz|approx|sat)\b", ptx)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_called_but_what_is_declared(
    name: str, written: Callable[..., tuple[DeviceCode, str]]
) -> None:
    code, ptx = written(name)
    called = set(re.findall(r"call\.uni\s+(?:\(\w+\),\s*)?(\w+)", ptx))
    assert called <= {*functions(ptx), *code.library}
    assert set(re.findall(r"^\.extern \.func .*?(\w+)\s*\n?\(", ptx, re.MULTILINE)) == set(
        code.library
    )
    assert set(code.library) <= UNARY
    assert bool(code.library) == (name == "trigonometric")


def test_nothing_of_a_model_is_in_its_code(
    written: Callable[..., tuple[DeviceCode, str]],
) -> None:
    for name, model in MODELS.items():
        _, ptx = written(name)
        for animal in re.findall(r"[a-z]{3,}", model):
            if animal in ARGUMENTS or animal in UNARY or animal in ("end", "time"):
                continue
            assert not re.search(rf"\b{animal}\b", ptx), animal


def test_a_warp_reads_neighbouring_numbers(
    written: Callable[..., tuple[DeviceCode, str]],
) -> None:
    for precision, size in (("double", 8), ("single", 4)):
        _, ptx = written("shipped", precision)
        for name, function in functions(ptx).items():
            offsets = [int(found or 0) for found in LOADS.findall(function["body"])]
            assert offsets or name == "look_now"
            if name not in ALONE:
                assert all(offset % (WARP * size) == 0 for offset in offsets)


def test_single_precision_is_single_throughout_the_steps(
    written: Callable[..., tuple[DeviceCode, str]],
) -> None:
    _, ptx = written("hill", "single")
    for name, function in functions(ptx).items():
        unlike = "f32" if name == "initialise" else "f64"
        assert unlike not in function["body"], name


@pytest.mark.parametrize(
    ("name", "reason"), [("switched", "has events"), ("trigonometric", "rates that depend on time")]
)
def test_single_precision_is_refused_where_time_must_be_exact(
    name: str, reason: str, written: Callable[..., tuple[DeviceCode, str]]
) -> None:
    with pytest.raises(InputError, match=reason):
        written(name, "single")


@pytest.mark.parametrize("width", [1, 8])
@pytest.mark.parametrize(("op", "reach"), [("exp", 80.0), ("exp", 0.3), ("ln", 80.0), ("ln", 0.1)])
def test_functions_in_single_precision_are_right_to_two_units(
    op: str, reach: float, width: int
) -> None:
    graph = Graph()
    root = graph.unary(op, graph.state(0))
    storage = Storage(format=SINGLE)
    code = compile_kernels([Kernel("kernel", graph, (root,), {}, width, storage=storage)])
    x = np.random.default_rng(2).uniform(-reach, reach, 1600).astype(np.float32)
    x = np.exp(x) if op == "ln" else x
    out = np.zeros_like(x)
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(code.addresses["kernel"])
    for first in range(0, len(x), width):
        place = x[first : first + width].copy()
        here = np.zeros(width, dtype=np.float32)
        call(*(a.ctypes.data for a in (here, place, place, here)))
        out[first : first + width] = here
    exact = (np.exp if op == "exp" else np.log)(x.astype(np.float64))
    units = np.abs(out - exact) / np.spacing(np.abs(exact).astype(np.float32))
    assert units.max() < 2.0


def test_constants_of_the_two_formats_are_what_they_are() -> None:
    assert DOUBLE.bias == 1023
    assert SINGLE.bias == 127
    half = np.sqrt(0.5)
    assert np.float64(half).view(np.int64) == DOUBLE.sqrt_half_bits
    assert np.float32(half).view(np.int32) == SINGLE.sqrt_half_bits
    assert np.float64(DOUBLE.rounder).view(np.int64) == DOUBLE.rounder_bits
    assert np.float32(SINGLE.rounder).view(np.int32) == SINGLE.rounder_bits
    for form in (DOUBLE, SINGLE):
        assert sum(form.ln2) == pytest.approx(np.log(2.0), rel=1e-15)


def table(rows: list[list[float]]) -> DoseTable:
    start = np.array(rows)
    schedule = DoseSchedule(("a",) * start.shape[1], start, 0 * start, np.ones_like(start))
    return spread(schedule, ("a",), len(rows))


def test_patients_with_the_same_doses_become_neighbours() -> None:
    rows = [[0.0, 24.0], [0.0, 48.0], [0.0, 24.0], [1.0, 24.0], [0.0, 48.0]]
    order = alike(table(rows), np.zeros(5))
    assert sorted(order.tolist()) == list(range(5))
    assert [rows[i] for i in order] == sorted(rows)
    same = alike(table([[0.0, 24.0]] * 4), np.zeros(4))
    assert same.tolist() == [0, 1, 2, 3]


def test_without_the_extra_the_backend_names_it(
    monkeypatch: pytest.MonkeyPatch, sbml: Callable[[str], str]
) -> None:
    monkeypatch.setitem(sys.modules, "numba_cuda", None)
    with pytest.raises(MissingExtraError, match=r"pip install ketasim\[gpu\]"):
        compile_model(sbml(HILL), backend="cuda")


def test_without_a_gpu_the_backend_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba import cuda

    monkeypatch.setitem(sys.modules, "numba_cuda", ModuleType("numba_cuda"))
    monkeypatch.setattr(cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="found no NVIDIA GPU"):
        need_device()


def has_compilers() -> bool:
    """Tell whether numba-cuda and the compilers it needs can be loaded."""
    if importlib.util.find_spec("cuda") is None:
        return False
    from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib

    try:
        for name in ("nvrtc", "nvvm"):
            load_nvidia_dynamic_lib(name)
    except DynamicLibNotFoundError:
        return False
    return True


def assembler() -> str | None:
    """Return NVIDIA's assembler, from the path or from its wheel."""
    found = shutil.which("ptxas")
    if found is None and (home := importlib.util.find_spec("nvidia")) is not None:
        places = [Path(p) for p in home.submodule_search_locations or ()]
        found = next((str(f) for p in places for f in p.glob("**/bin/ptxas")), None)
    return found


@pytest.mark.parametrize(
    ("name", "precision"),
    [*((name, "double") for name in MODELS), ("hill", "single"), ("shipped", "single")],
)
def test_the_assembler_takes_the_code(
    name: str, precision: str, written: Callable[..., tuple[DeviceCode, str]], tmp_path: Path
) -> None:
    program = assembler()
    if program is None:
        pytest.skip("no ptxas here (the wheel nvidia-cuda-nvcc has one)")
    _, ptx = written(name, precision)
    (tmp_path / "code.ptx").write_text(ptx, encoding="utf-8")
    command = [
        program,
        "-c",
        "-arch=sm_90",
        "-o",
        str(tmp_path / "code.o"),
        str(tmp_path / "code.ptx"),
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("events", [False, True])
@pytest.mark.parametrize("precision", ["double", "single"])
def test_numba_compiles_the_driver_for_a_gpu_that_is_not_here(
    events: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_compilers():
        pytest.skip("NVIDIA's compilers are not here (the wheels of numba-cuda[cu13] have them)")
    from numba import cuda
    from numba.cuda import dispatcher, types

    from ketasim.engine import driver, machine
    from ketasim.engine.cuda import binding, kernel

    here = SimpleNamespace(compute_capability=(9, 0))
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: here)
    real, whole, step = (
        types.float64,
        types.int64,
        getattr(types, {"double": "float64"}.get(precision, "float32")),
    )

    def arrays(kind: Any, *dimensions: int) -> list[Any]:
        return [types.Array(kind, d, "C") for d in dimensions]

    def of(owner: Any, *kinds: Any) -> Any:
        if len(set(kinds)) == 1:
            return types.NamedUniTuple(kinds[0], len(kinds), owner)
        return types.NamedTuple(kinds, owner)

    asked = [
        of(machine.Machine, *[whole] * len(machine.Machine._fields)),
        of(kernel.Memory, *arrays(step, 3), *arrays(real, 3), *arrays(whole, 3), *arrays(real, 2, 2)),
        of(driver.Control, whole, whole), of(kernel.Tolerance, real, real, whole),
        of(kernel.Cohort, *arrays(real, 2, 1, 1)),
        of(driver.Doses, *arrays(whole, 1), *arrays(real, 2, 2, 2)),
        of(driver.Results, *arrays(real, 3), *arrays(whole, 1), *arrays(real, 1), *arrays(whole, 1, 1)),
    ]  # fmt: skip
    function = kernel.population
    if events:
        function = kernel.population_with_events
        asked += [
            of(kernel.EventTables, *arrays(whole, 1, 1, 1, 1, 1, 1, 1), *arrays(real, 2)),
            of(kernel.EventMemory, *arrays(real, 3, 3, 2, 3, 2, 2), *arrays(whole, 2), *arrays(real, 3),
               *arrays(whole, 3), *arrays(real, 4)),
        ]  # fmt: skip
    bound = binding.Binder(binding.by_name()).kernel(function)
    made, _ = cuda.compile(bound, types.void(*asked), device=False, abi="numba", cc=(9, 0))
    text = made if isinstance(made, str) else made.decode()
    outside = set(re.findall(r"^\.extern \.func (\w+)", text, re.MULTILINE))
    needed = {"initialise", "begin", "attempt", "adopt", "interpolant", "look_inside", "look_now"}
    assert outside == (needed | {"triggers", "effects"} if events else needed)
    assert text.count(".visible .entry") == 1
