"""Cohorts in chunks: the same numbers however they are cut, and a folder that can be gone on with."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pytest
from tests.engine.cohort_cases import EXPLOSION, MODEL, OUTPUTS, TIMES, arrays, contents, make

from ketasim.engine import DoseSchedule, Status, compile_model
from ketasim.engine.cohort import read_cohort, solve_cohort, storage
from ketasim.errors import InputError, OutputError, RegimenError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ketasim.engine import Solution

PATIENTS = 70


@pytest.fixture(scope="module")
def model(sbml: Callable[[str], str]) -> str:
    return sbml(MODEL)


@pytest.fixture(scope="module")
def explosion(sbml: Callable[[str], str]) -> str:
    return sbml(EXPLOSION)


@pytest.fixture(scope="module")
def whole(model: str) -> Solution:
    """All patients at once, without a folder."""
    return compile_model(model).solve(TIMES, **arrays(PATIENTS))


def stop_at(wanted: int) -> Callable[[int, int], None]:
    def tell(done: int, of: int) -> None:
        if done >= wanted:
            raise KeyboardInterrupt

    return tell


@pytest.mark.parametrize("size", [1, 16, 70, 1000, None])
@pytest.mark.parametrize("threads", ["1", "3"])
def test_a_patient_is_the_same_however_the_cohort_is_cut(
    model: str,
    whole: Solution,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int | None,
    threads: str,
) -> None:
    monkeypatch.setenv("KETASIM_THREADS", threads)
    found = solve_cohort(model, TIMES, out=tmp_path, chunk_size=size, **arrays(PATIENTS))
    assert [one.first for one in found.chunks()] == list(range(0, PATIENTS, found.chunk_size))
    for chunk in found.chunks():
        assert np.array_equal(chunk.solution.values, whole.values[chunk.patients])
        assert np.array_equal(chunk.solution.steps, whole.steps[chunk.patients])
    assert np.array_equal(found.patient(33).values[0], whole.values[33])


def test_a_patient_is_the_same_in_a_cohort_of_any_size(
    model: str, whole: Solution, tmp_path: Path
) -> None:
    for patients in (1, 9, PATIENTS):
        found = solve_cohort(
            model, TIMES, out=tmp_path / str(patients), chunk_size=8, **arrays(patients)
        )
        for patient in {0, patients // 2, patients - 1}:
            assert np.array_equal(found.patient(patient).values[0], whole.values[patient])


def test_a_function_that_makes_patients_is_asked_for_a_few_at_a_time(
    model: str, whole: Solution, tmp_path: Path
) -> None:
    begun: list[int] = []
    finished: list[int] = []
    ahead: list[int] = []

    def made(first: int, stop: int) -> Any:
        assert stop - first <= 5
        begun.append(first)
        ahead.append(len(set(begun)) - len(finished))
        return make(first, stop)

    found = solve_cohort(
        model, TIMES, out=tmp_path, parameters=made, patients=PATIENTS, outputs=OUTPUTS,
        chunk_size=5, in_flight=3, progress=lambda done, of: finished.append(done),
    )  # fmt: skip
    assert sorted(set(begun)) == list(range(0, PATIENTS, 5))
    assert max(ahead) <= 3
    assert finished == list(range(5, PATIENTS + 1, 5))
    assert all(np.array_equal(c.solution.values, whole.values[c.patients]) for c in found.chunks())


def test_arrays_and_a_function_that_makes_the_same_are_one_cohort(
    model: str, tmp_path: Path
) -> None:
    first = solve_cohort(model, TIMES, out=tmp_path, chunk_size=16, **arrays(PATIENTS))
    before = contents(tmp_path)
    calls: list[int] = []
    again = solve_cohort(
        model, TIMES, out=tmp_path, chunk_size=16, parameters=make, patients=PATIENTS,
        outputs=OUTPUTS, progress=lambda done, of: calls.append(done),
    )  # fmt: skip
    assert calls == [PATIENTS]  # told once, of what was there
    assert contents(tmp_path) == before
    assert np.array_equal(first.statistics.mean, again.statistics.mean)


@pytest.mark.parametrize("keep", ["trajectories", "statistics"])
def test_a_run_that_was_interrupted_goes_on_to_the_same_files(
    model: str, tmp_path: Path, keep: Any
) -> None:
    given = {"chunk_size": 8, "keep": keep, **arrays(PATIENTS)}
    solve_cohort(model, TIMES, out=tmp_path / "at once", **given)
    with pytest.raises(KeyboardInterrupt):
        solve_cohort(model, TIMES, out=tmp_path / "parts", progress=stop_at(24), **given)
    there = storage.Storage(tmp_path / "parts").recorded()
    assert 3 <= len(there) < 9
    with pytest.raises(InputError, match=f"not complete: {len(there)} of 9 chunks"):
        read_cohort(tmp_path / "parts")
    kept = {n: (tmp_path / f"parts/chunks/part-{n:05d}.json").stat().st_mtime_ns for n in there}
    solve_cohort(model, TIMES, out=tmp_path / "parts", **given)
    assert contents(tmp_path / "parts") == contents(tmp_path / "at once")
    for n, when in kept.items():  # kept, not solved again
        assert (tmp_path / f"parts/chunks/part-{n:05d}.json").stat().st_mtime_ns == when


SCRIPT = """
import signal, sys
import numpy as np
from ketasim.engine.cohort import solve_cohort
signal.signal(signal.SIGINT, signal.default_int_handler)  # not as a background job inherits it
sbml, table, out = sys.argv[1:]
solve_cohort(open(sbml).read(), np.linspace(0, 24, 13), out=out, parameters=dict(np.load(table)),
             chunk_size=50, rtol=1e-11, atol=1e-13, start=0.0)
"""


def test_control_c_leaves_a_folder_that_can_be_gone_on_with(model: str, tmp_path: Path) -> None:
    table, out = {"C": np.linspace(0.1, 5.0, 6000)}, tmp_path / "stopped"
    (tmp_path / "model.xml").write_text(model)
    np.savez(tmp_path / "table.npz", **table)
    command = [sys.executable, "-c", SCRIPT, "model.xml", "table.npz", str(out)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        try:
            until = time.monotonic() + 60
            while not list(out.glob("chunks/part-*")) and time.monotonic() < until:
                assert process.poll() is None, process.stderr and process.stderr.read()
                time.sleep(0.002)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode != 0
    assert "KeyboardInterrupt" in said
    assert 1 <= len(storage.Storage(out).recorded()) < 120
    given: dict[str, Any] = {"chunk_size": 50, "rtol": 1e-11, "atol": 1e-13, "start": 0.0}
    solve_cohort(model, TIMES, out=out, parameters=table, **given)
    solve_cohort(model, TIMES, out=tmp_path / "at once", parameters=table, **given)
    assert contents(out) == contents(tmp_path / "at once")


@pytest.mark.parametrize("room", ["trajectories", "patients", "statistics", "chunks"])
def test_a_torn_chunk_is_noticed_and_solved_anew(model: str, tmp_path: Path, room: str) -> None:
    solve_cohort(model, TIMES, out=tmp_path, chunk_size=16, **arrays(PATIENTS))
    before = contents(tmp_path)
    torn = next((tmp_path / room).glob("part-00002*"))
    torn.write_bytes(torn.read_bytes()[:-40])
    others = {
        path: path.stat().st_mtime_ns for path in tmp_path.glob("trajectories/*[013].parquet")
    }
    solve_cohort(model, TIMES, out=tmp_path, chunk_size=16, **arrays(PATIENTS))
    assert contents(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in others} == others


def test_a_missing_file_is_noticed_and_leftovers_are_removed(model: str, tmp_path: Path) -> None:
    solve_cohort(model, TIMES, out=tmp_path, chunk_size=16, **arrays(PATIENTS))
    before = contents(tmp_path)
    (tmp_path / "patients/part-00001.parquet").unlink()
    old, young = (tmp_path / f"trajectories/.part-00001.{age}.tmp" for age in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    solve_cohort(model, TIMES, out=tmp_path, chunk_size=16, **arrays(PATIENTS))
    assert not old.exists()
    young.unlink()  # it may have belonged to a worker
    assert contents(tmp_path) == before


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"rtol": 1e-5}, r"another cohort \(rtol\)"),
    ({"times": TIMES[:5]}, r"another cohort \(times\)"),
    ({"outputs": ("C",)}, r"another cohort \(outputs\)"),
    ({"chunk_size": 8, "keep": "statistics"}, r"another cohort \(chunk_size, keep\)"),
    ({"doses": None}, "its patients differ"),
    ({"parameters": {"ka": np.full(PATIENTS, 1.2)}}, "its patients differ"),
]


@pytest.mark.parametrize(("other", "message"), OTHERS)
def test_the_folder_of_another_cohort_is_refused_unless_it_may_be_emptied(
    model: str, tmp_path: Path, other: dict[str, Any], message: str
) -> None:
    given = {"times": TIMES, "chunk_size": 16, **arrays(PATIENTS)}
    solve_cohort(model, out=tmp_path, **given)
    before = contents(tmp_path)
    with pytest.raises(InputError, match=message):
        solve_cohort(model, out=tmp_path, **(given | other))
    assert contents(tmp_path) == before
    solve_cohort(model, out=tmp_path, overwrite=True, **(given | other))
    changed = contents(tmp_path)
    storage.Storage(tmp_path).clear()
    assert not contents(tmp_path)
    solve_cohort(model, out=tmp_path, overwrite=True, **(given | other))
    assert contents(tmp_path) == changed


def test_overwrite_removes_a_cohort_and_nothing_else(model: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="no manifest of a cohort"):
        solve_cohort(model, TIMES, out=tmp_path, **arrays(3))
    solve_cohort(model, TIMES, out=tmp_path, overwrite=True, **arrays(3))
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert read_cohort(tmp_path).patients == 3


def test_a_failed_patient_is_a_status_and_a_sentence(explosion: str, tmp_path: Path) -> None:
    k = np.array([0.01, 0.02, 1.0, 0.03, 0.5, 0.04])
    found = solve_cohort(
        explosion, [0.0, 1.5, 3.0], out=tmp_path, parameters={"k": k}, chunk_size=2
    )
    direct = compile_model(explosion).solve([0.0, 1.5, 3.0], parameters={"k": k})
    assert tuple(found.failures()) == direct.failures()
    assert [one.split(" at")[0] for one in found.failures()] == ["patient 2", "patient 4"]
    fates = found.fates()
    assert fates["patient"][fates["status"] != Status.OK.code].tolist() == [2, 4]
    assert fates["failure_time"][4] == pytest.approx(2.0, abs=1e-4)
    assert fates["culprit"][2] == "x"
    chunk = found.chunk(1).solution
    assert np.array_equal(chunk.values, direct.values[2:4], equal_nan=True)
    assert chunk.statuses() == direct.statuses()[2:4]
    assert chunk.culprit.tolist() == direct.culprit[2:4].tolist()
    sound = direct.values[[0, 1, 3, 5]]
    assert (found.statistics.count, found.statistics.failed, found.failed) == (4, 2, 2)
    assert found.statistics.mean == pytest.approx(sound.mean(axis=0), rel=1e-14)
    assert np.array_equal(found.statistics.maximum, sound.max(axis=0))


@pytest.mark.parametrize("keep", ["trajectories", "statistics"])
def test_where_all_patients_fail_there_are_no_numbers(
    explosion: str, tmp_path: Path, keep: Any
) -> None:
    found = solve_cohort(
        explosion, [0.0, 3.0], out=tmp_path, parameters={"k": np.ones(3)}, keep=keep
    )
    assert (found.statistics.count, found.failed, len(list(found.failures()))) == (0, 3, 3)
    for name in ("mean", "variance", "minimum", "maximum", "quantiles"):
        assert np.isnan(getattr(found.statistics, name)).all()


def test_the_trajectories_are_a_table_for_pandas_arrow_and_sql(
    model: str, whole: Solution, tmp_path: Path
) -> None:
    found = solve_cohort(model, TIMES, out=tmp_path, chunk_size=16, **arrays(PATIENTS))
    frame = found.to_frame(patients=[3, 40], outputs=["R"])
    assert frame.columns.tolist() == ["patient", "time", "R"]
    assert frame["patient"].tolist() == [3] * 13 + [40] * 13
    assert np.array_equal(frame["R"].to_numpy(), whole.values[[3, 40], :, 1].ravel())
    assert len(found.to_frame()) == found.dataset().count_rows() == PATIENTS * 13
    query = f"SELECT max(C) FROM '{tmp_path}/trajectories/*.parquet' WHERE patient = 40"
    assert duckdb.sql(query).fetchall() == [(whole.values[40, :, 0].max(),)]
    with pytest.raises(UnknownNameError, match="unknown output 'Q'"):
        found.to_frame(outputs=["Q"])
    for ask, message in ((found.chunk, "no chunk 99"), (found.patient, "no patient 99")):
        with pytest.raises(InputError, match=message):
            ask(99)


def test_outputs_that_are_named_like_the_columns(
    sbml: Callable[[str], str], tmp_path: Path
) -> None:
    text = sbml("model m; patient = 1; patient_output = 5; patient' = -patient; "
                "patient_output' = 1; end")  # fmt: skip
    found = solve_cohort(text, [0.0, 1.0], out=tmp_path, patients=2)
    direct = compile_model(text).solve([0.0, 1.0], patients=2)
    assert np.array_equal(found.chunk(0).solution.values, direct.values)
    assert found.dataset().schema.names[:2] == ["patient", "time"]


def test_a_cohort_without_trajectories_says_so(model: str, tmp_path: Path) -> None:
    found = solve_cohort(model, TIMES, out=tmp_path, keep="statistics", **arrays(PATIENTS))
    assert not list((tmp_path / "trajectories").iterdir())
    for ask in (found.dataset, lambda: found.patient(0), lambda: found.chunk(0), found.to_frame):
        with pytest.raises(InputError, match="kept statistics and no trajectories"):
            ask()
    assert found.fates()["steps"].min() > 0


BAD: list[tuple[dict[str, Any], str]] = [
    ({"chunk_size": 0}, "chunk size is 0"),
    ({"in_flight": 0}, "0 chunks may be in flight"),
    ({"outputs": ()}, "no outputs"),
    ({"outputs": ("C", "C")}, "'C' is asked for twice"),
    ({"outputs": ("Q",)}, "'Q'"),
    ({"probabilities": (0.5, 1.5)}, "quantile is asked for at 1.5"),
    ({"probabilities": (0.5, 0.5)}, "asked for twice"),
    ({"times": [1.0, 0.0]}, "decrease"),
    ({"rtol": -1.0}, "rtol is -1"),
    ({"start": 5.0}, "start 5 is after"),
    ({"scheduler": "tcp://127.0.0.1:1"}, "scheduler is named for threads"),
    ({"patients": 3}, "number of patients is given as"),
    ({"parameters": {"kaa": 1.0}}, "kaa"),
    ({"parameters": {"ka": np.array([1.0] * 69 + [np.nan])}}, "patient 69: 'ka' is nan"),
    ({"parameters": make}, "nobody says how many"),
    ({"parameters": make, "patients": 9}, "doses are given beside a function"),
    ({"parameters": lambda a, b: {}, "patients": 9, "doses": None}, "returned dict"),
    ({"parameters": lambda a, b: make(a, b + 1), "patients": 9, "doses": None}, "patients 0 to 8"),
]


@pytest.mark.parametrize(("bad", "message"), BAD)
def test_bad_input_is_told_before_a_folder_is_made(
    model: str, tmp_path: Path, bad: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        solve_cohort(model, out=tmp_path / "new", **({"times": TIMES, **arrays(PATIENTS)} | bad))
    assert not (tmp_path / "new").exists()


def test_a_bad_dose_is_told_before_a_folder_is_made(model: str, tmp_path: Path) -> None:
    duration = np.zeros((PATIENTS, 1))
    duration[55] = -1.0
    bad = DoseSchedule(("G",), np.zeros(1), duration, np.ones(1))
    with pytest.raises(RegimenError, match="negative duration"):
        solve_cohort(model, TIMES, out=tmp_path / "new", doses=bad)
    assert not (tmp_path / "new").exists()


def test_what_a_function_makes_later_is_told_with_the_patient(model: str, tmp_path: Path) -> None:
    def made(first: int, stop: int) -> Any:
        return {"ka": np.array([np.nan if n == 13 else 1.0 for n in range(first, stop)])}, None

    with pytest.raises(InputError, match="patient 13: 'ka' is nan"):
        solve_cohort(model, TIMES, out=tmp_path, parameters=made, patients=20, chunk_size=4)
    assert storage.Storage(tmp_path).recorded() in ([], [0], [0, 1], [0, 1, 2])


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(model: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        solve_cohort(model, TIMES, out=tmp_path / "file", **arrays(3))


def test_a_folder_without_a_cohort_is_told_in_a_sentence(model: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no cohort"):
        read_cohort(tmp_path)
    solve_cohort(model, TIMES, out=tmp_path / "c", **arrays(3))
    manifest = json.loads((tmp_path / "c/manifest.json").read_text())
    (tmp_path / "c/manifest.json").write_text(json.dumps(manifest | {"format": 0}))
    with pytest.raises(InputError, match="has the format 0; expected 1"):
        read_cohort(tmp_path / "c")


def test_a_cohort_may_be_solved_by_the_other_solver(
    model: str, whole: Solution, tmp_path: Path
) -> None:
    found = solve_cohort(
        model, TIMES, out=tmp_path, solver="roadrunner", rtol=1e-9, atol=1e-12, **arrays(5)
    )
    assert found.chunk(0).solution.values == pytest.approx(whole.values[:5], rel=1e-4, abs=1e-6)


TWO_STATES = """
model m
  gut = 0; central = 0; ka = 1; cl = 1
  gut' = -ka*gut; central' = ka*gut - cl*central
end"""


def python_of(page: str) -> list[str]:
    """The Python blocks of a page of the documentation, for fewer patients."""
    blocks = re.findall(r"^\.\. code-block:: python\n((?:\n|   .*\n)+)", page, re.MULTILINE)
    fewer = {"1_000_000": "40", "123_456": "39"}
    return [
        re.sub("|".join(fewer), lambda hit: fewer[hit[0]], textwrap.dedent(one)) for one in blocks
    ]


def test_the_examples_of_the_documentation_run(
    sbml: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "cohorts.rst").read_text(encoding="utf-8")
    run, cluster, read = python_of(page)
    monkeypatch.chdir(tmp_path)
    Path("model.xml").write_text(sbml(TWO_STATES))
    names: dict[str, Any] = {"times": [0.0, 1.0]}
    exec(run, names)
    assert len(names["found"].statistics.to_frame()) == 49 * 2
    # The address of the page is nobody's here: without one, dask works in this process.
    exec(cluster.replace(', scheduler="tcp://10.0.0.1:8786"', "").replace("/shared/", ""), names | {
        "solve_cohort": lambda *args, **more: solve_cohort(*args, **more, overwrite=True)
    })  # fmt: skip
    exec(read, names)
    assert names["chunk"].patients[-1] == 39


MEMORY = """
import resource, sys
import numpy as np
from ketasim.engine.cohort import solve_cohort

def made(first, stop):
    return {"k": np.exp(0.3 * np.random.default_rng(first).normal(size=stop - first))}, None

found = solve_cohort(
    open("model.xml").read(), np.linspace(0, 10, 50), out=sys.argv[1], parameters=made,
    patients=int(sys.argv[1]), chunk_size=5000, keep="statistics", rtol=1e-3,
)
assert found.failed == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.sweep
def test_memory_does_not_grow_with_the_cohort(sbml: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "model.xml").write_text(sbml("model m; x = 1; k = 1; x' = -k*x; end"))
    peaks = []
    for patients in (250_000, 1_000_000):
        command = [sys.executable, "-c", MEMORY, str(patients)]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout) / 1024)  # MiB, where the system counts in KiB
    # The largest array of all patients, one output at all times, would be 381 MiB.
    assert peaks[1] < peaks[0] + 200
