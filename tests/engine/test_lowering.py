"""Machine code computes what the graph says, bit for bit where the library allows it."""

from __future__ import annotations

import ctypes
import math
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ketasim.engine import cache
from ketasim.engine.expressions import UNARY, Graph
from ketasim.engine.lowering import Kernel, compile_kernels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIGNATURE = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)


def run(
    graph: Graph,
    roots: list[int],
    state: list[float],
    inputs: list[float],
    time: float = 0.0,
    width: int = 1,
) -> NDArray[np.float64]:
    """Run a kernel with the same numbers in every lane, and return the first lane."""
    code = compile_kernels([Kernel("kernel", graph, tuple(roots), {}, width)])
    given = [[time], state or [0.0], inputs or [0.0], [0.0] * len(roots)]
    arrays = [np.repeat(np.array(values)[:, None], width, axis=1) for values in given]
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
    SIGNATURE(code.addresses["kernel"])(*pointers)
    for lane in range(1, width):
        assert np.array_equal(arrays[3][:, lane], arrays[3][:, 0], equal_nan=True)
    return arrays[3][:, 0]


def busy_graph() -> tuple[Graph, list[int]]:
    graph = Graph()
    x, y, k, t = graph.state(0), graph.state(1), graph.input(0), graph.time()
    roots = [graph.unary(op, x) for op in sorted(UNARY)]
    roots += [graph.add(x, k), graph.sub(y, t), graph.mul(x, y), graph.div(x, y)]
    roots += [graph.power(x, k), graph.power_slope(x, graph.sub(k, graph.const(3.0)))]
    roots += [graph.power(graph.neg(x), graph.const(3.0)), graph.power(y, x)]
    tests = [graph.compare(op, x, y) for op in ("lt", "le", "gt", "ge", "eq", "ne")]
    roots += [graph.number(test) for test in tests]
    roots.append(graph.select(graph.both(tests[0], graph.not_(tests[4])), x, k))
    roots += [graph.const(2.5), graph.number(graph.truth(True)), t]
    return graph, roots


@pytest.mark.parametrize("width", [1, 4, 8])
@pytest.mark.parametrize("state", [[0.4, 1.7], [1.3, 0.2], [0.0, 1.0], [2.0, 2.0], [-0.3, 0.5]])
def test_every_operation_agrees_with_plain_python(state: list[float], width: int) -> None:
    graph, roots = busy_graph()
    found = run(graph, roots, state, [1.6], time=0.9, width=width)
    expected = graph.evaluate(roots, [1.6], state, 0.9)
    assert found == pytest.approx(expected, rel=4e-16 * 4, abs=0.0, nan_ok=True)


def test_a_patients_numbers_do_not_depend_on_the_number_of_lanes() -> None:
    graph, roots = busy_graph()
    one, four, eight = (run(graph, roots, [0.4, 1.7], [1.6], 0.9, w) for w in (1, 4, 8))
    assert np.array_equal(one, four, equal_nan=True)
    assert np.array_equal(one, eight, equal_nan=True)


def test_a_slight_undershoot_and_a_broken_power() -> None:
    graph = Graph()
    x, n = graph.state(0), graph.input(0)
    roots = [graph.power(x, n), graph.power_slope(x, graph.sub(n, graph.const(1.0)))]
    assert run(graph, roots, [-1e-12], [1.5]).tolist() == [0.0, 0.0]
    assert run(graph, roots, [-1e-12], [2.0]).tolist() == pytest.approx([1e-24, -1e-12])
    assert math.isnan(run(graph, roots, [-0.5], [1.5])[0])


def test_long_code_is_split_and_still_right() -> None:
    graph = Graph()
    x = graph.state(0)
    nodes = [x]
    for i in range(3000):
        nodes.append(graph.add(graph.mul(nodes[-1], graph.const(0.999)), graph.const(1e-3 * i)))
    roots = nodes[::500]
    # Equal but for the products that are rounded once with the sum they stand in.
    assert run(graph, roots, [1.0], []) == pytest.approx(
        graph.evaluate(roots, state=[1.0]), rel=1e-14
    )


def fresh_kernel(value: float) -> Kernel:
    graph = Graph()
    return Kernel("kernel", graph, (graph.add(graph.state(0), graph.const(value)),), {})


def test_the_second_compilation_comes_from_the_cache() -> None:
    assert not compile_kernels([fresh_kernel(0.123)]).from_cache
    assert compile_kernels([fresh_kernel(0.123)]).from_cache


def test_a_damaged_cache_file_is_compiled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KETASIM_CACHE", str(tmp_path))
    compile_kernels([fresh_kernel(0.456)])
    (file,) = (tmp_path / "kernels").iterdir()
    file.write_bytes(file.read_bytes()[:-20] + b"x" * 20)
    assert not compile_kernels([fresh_kernel(0.456)]).from_cache


def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    obstacle = tmp_path / "file"
    obstacle.write_text("not a folder")
    monkeypatch.setenv("KETASIM_CACHE", str(obstacle))
    assert compile_kernels([fresh_kernel(0.789)]).addresses["kernel"] > 0
    assert not cache.write("key", b"content")
    assert cache.read("key") is None


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("KETASIM_CACHE", str(tmp_path))
    assert compile_kernels([fresh_kernel(0.321)]).addresses["kernel"] > 0


def test_an_empty_variable_switches_the_cache_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETASIM_CACHE", "")
    assert cache.cache_directory() is None
    assert not cache.write("key", b"content")
    assert not compile_kernels([fresh_kernel(0.99)]).from_cache
    assert not compile_kernels([fresh_kernel(0.99)]).from_cache


def test_without_the_variable_the_users_cache_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KETASIM_CACHE")
    folder = cache.cache_directory()
    assert folder is not None
    assert folder.parts[-2:] == ("ketasim", "kernels")
