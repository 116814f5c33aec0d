"""Cohorts on a dask scheduler: the same files, also where a worker is killed in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import distributed
import numpy as np
import psutil
import pytest
from tests.engine.cohort_cases import EXPLOSION, MODEL, OUTPUTS, TIMES, arrays, contents, make

from ketasim.engine.cohort import crews, solve_cohort, storage, work
from ketasim.errors import InputError, MissingExtraError, OutputError, SimulationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

READY = 60.0  # seconds for a process of the cluster to be there


@pytest.fixture(scope="module")
def model(sbml: Callable[[str], str]) -> str:
    return sbml(MODEL)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class SmallCluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, f"tcp://127.0.0.1:{free_port()}"
        self.processes: list[subprocess.Popen[bytes]] = []
        port = self.address.rpartition(":")[2]
        self.start("dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")

    def start(self, tool: str, *options: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"KETASIM_THREADS": "1"}
        with (self.folder / f"{tool}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{tool}", *options], cwd=self.folder,
                stdout=log, stderr=subprocess.STDOUT, env=environment,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start(
            "dask_worker", self.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny",
            "--no-dashboard", "--local-directory", str(self.folder),
        )  # fmt: skip

    def wait(self, workers: int) -> None:
        until = time.monotonic() + READY
        while True:
            with contextlib.suppress(OSError):
                with distributed.Client(self.address, timeout=READY, set_as_default=False) as one:
                    one.wait_for_workers(workers, timeout=READY)
                return
            assert time.monotonic() < until, self.said()
            time.sleep(0.1)

    def said(self) -> str:
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait(timeout=READY)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    small = SmallCluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield small
    finally:
        small.close()


def kill_when_begun(process: subprocess.Popen[bytes], folder: Path, seen: list[int]) -> None:
    """Kill a worker as soon as the first chunk is there; note how many chunks were."""
    until = time.monotonic() + READY
    while not list(folder.glob("chunks/part-*")) and time.monotonic() < until:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    seen.append(len(storage.Storage(folder).recorded()))


@pytest.mark.parametrize("keep", ["trajectories", "statistics"])
def test_a_worker_that_is_killed_in_the_middle_changes_nothing(
    model: str, tmp_path: Path, cluster: SmallCluster, keep: Any
) -> None:
    workers = [cluster.worker(), cluster.worker()]
    cluster.wait(2)
    given: dict[str, Any] = {
        "chunk_size": 100, "rtol": 1e-10, "atol": 1e-12, "keep": keep, **arrays(3000),
    }  # fmt: skip
    seen: list[int] = []
    killer = threading.Thread(target=kill_when_begun, args=(workers[0], tmp_path / "dask", seen))
    killer.start()
    found = solve_cohort(
        model, TIMES, out=tmp_path / "dask", backend="dask", scheduler=cluster.address, **given
    )
    killer.join()
    assert workers[0].returncode == -signal.SIGKILL
    assert 1 <= seen[0] < 28, "the worker was to be killed in the middle"
    assert workers[1].poll() is None
    alone = solve_cohort(model, TIMES, out=tmp_path / "threads", **given)
    files, expected = contents(tmp_path / "dask"), contents(tmp_path / "threads")
    # What the killed worker was writing may be left; it has no part in the cohort.
    assert {n: c for n, c in files.items() if not n.endswith(".tmp")} == expected
    assert np.array_equal(found.statistics.mean, alone.statistics.mean)
    assert np.array_equal(found.statistics.quantiles, alone.statistics.quantiles)


def test_a_worker_compiles_once_and_two_of_them_share_the_work(
    model: str, tmp_path: Path, cluster: SmallCluster
) -> None:
    cluster.worker(), cluster.worker()
    cluster.wait(2)

    def made(first: int, stop: int) -> Any:
        draws = np.exp(0.4 * np.random.default_rng(first).normal(size=stop - first))
        return {"ka": draws}, None

    def used() -> tuple[int, int]:
        from ketasim.engine.cohort.work import solver_of

        counted = solver_of.cache_info()
        return counted.misses, counted.hits

    solve_cohort(
        model, TIMES, out=tmp_path / "out", parameters=made, patients=600, chunk_size=20,
        rtol=1e-9, start=-1.0, backend="dask", scheduler=cluster.address,
    )  # fmt: skip
    with distributed.Client(cluster.address, set_as_default=False) as client:
        counts = list(client.run(used).values())
    assert [misses for misses, _ in counts] == [1, 1]
    assert sum(misses + hits for misses, hits in counts) == 30
    solve_cohort(
        model, TIMES, out=tmp_path / "same", parameters=made, patients=600, chunk_size=20,
        rtol=1e-9, start=-1.0,
    )  # fmt: skip
    assert contents(tmp_path / "out") == contents(tmp_path / "same")


def test_a_scheduler_that_goes_away_leaves_a_folder_that_can_be_gone_on_with(
    model: str, tmp_path: Path, cluster: SmallCluster
) -> None:
    cluster.worker()
    cluster.wait(1)

    def kill(done: int, of: int) -> None:
        cluster.processes[0].kill()

    given: dict[str, Any] = {"chunk_size": 100, "rtol": 1e-10, **arrays(1500)}
    with pytest.raises(SimulationError, match=r"went away; the chunks that are done are kept"):
        solve_cohort(
            model, TIMES, out=tmp_path / "a", backend="dask", scheduler=cluster.address,
            progress=kill, **given,
        )  # fmt: skip
    solve_cohort(model, TIMES, out=tmp_path / "a", **given)
    solve_cohort(model, TIMES, out=tmp_path / "b", **given)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_scheduler_without_workers_is_told_in_a_sentence(
    model: str, tmp_path: Path, cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.worker()
    cluster.wait(1)
    cluster.processes[1].kill()
    monkeypatch.setattr(crews, "WORKERLESS", 0.5)
    with pytest.raises(SimulationError, match="has had no worker for 0 s"):
        solve_cohort(
            model, TIMES, out=tmp_path, backend="dask", scheduler=cluster.address, **arrays(3)
        )


def test_without_a_scheduler_dask_works_inside_the_process_and_is_closed(
    model: str, tmp_path: Path
) -> None:
    threads, listening = set(threading.enumerate()), set[str]()

    def look(done: int, of: int) -> None:
        open_now = psutil.Process().net_connections()
        listening.update(one.laddr.ip for one in open_now if one.status == psutil.CONN_LISTEN)

    solve_cohort(
        model, TIMES, out=tmp_path / "dask", chunk_size=16, backend="dask", progress=look,
        **arrays(70),
    )  # fmt: skip
    assert listening <= {"127.0.0.1"}  # nobody else can send it work
    solve_cohort(model, TIMES, out=tmp_path / "threads", chunk_size=16, **arrays(70))
    assert contents(tmp_path / "dask") == contents(tmp_path / "threads")
    with pytest.raises(ValueError, match="No global client"):
        distributed.get_client()
    until = time.monotonic() + 10
    while left := [one for one in set(threading.enumerate()) - threads if "orker" in one.name]:
        assert time.monotonic() < until, left
        time.sleep(0.1)


def test_an_interrupted_run_on_dask_goes_on(model: str, tmp_path: Path) -> None:
    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    given: dict[str, Any] = {"chunk_size": 8, **arrays(70)}
    with pytest.raises(KeyboardInterrupt):
        solve_cohort(model, TIMES, out=tmp_path / "a", backend="dask", progress=stop, **given)
    assert 1 <= len(storage.Storage(tmp_path / "a").recorded()) < 9
    solve_cohort(model, TIMES, out=tmp_path / "a", backend="dask", **given)
    solve_cohort(model, TIMES, out=tmp_path / "b", **given)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_failures_on_dask_are_statuses_too(sbml: Callable[[str], str], tmp_path: Path) -> None:
    found = solve_cohort(
        sbml(EXPLOSION), [0.0, 3.0], out=tmp_path, backend="dask", chunk_size=2,
        parameters={"k": np.array([0.01, 0.02, 1.0])},
    )  # fmt: skip
    assert [one.split(" at")[0] for one in found.failures()] == ["patient 2"]


def test_what_is_wrong_in_a_worker_is_told_here(model: str, tmp_path: Path) -> None:
    def made(first: int, stop: int) -> Any:
        return {"ka": np.where(np.arange(first, stop) == 13, np.nan, 1.0)}, None

    with pytest.raises(InputError, match="patient 13: 'ka' is nan"):
        solve_cohort(
            model, TIMES, out=tmp_path, parameters=made, patients=20, chunk_size=4, backend="dask"
        )


def test_without_dask_the_extra_is_named(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install ketasim\[cluster\]"):
        solve_cohort(model, TIMES, out=tmp_path / "new", backend="dask", **arrays(3))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{port}", "nonsense"])
def test_a_scheduler_that_does_not_answer_is_told_in_a_sentence(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(crews, "CONNECT", 1.0)
    address = address.format(port=free_port())
    with pytest.raises(InputError, match=f"no dask scheduler answers at '{address}'"):
        solve_cohort(model, TIMES, out=tmp_path, backend="dask", scheduler=address, **arrays(3))


def chunk_task(model: str, folder: Path) -> work.ChunkTask:
    """A chunk of a cohort whose folder is elsewhere or someone else's."""
    from ketasim.engine.cohort.inputs import cohort_inputs
    from ketasim.engine.cohort.question import Question

    question = Question(
        model, "numba", (0.0, 1.0), OUTPUTS, ("G", "C", "R"), None, 1e-6, 1e-9, 1000, 3, 3,
        "trajectories",
    )  # fmt: skip
    return work.ChunkTask(folder, question, 0, cohort_inputs(make, None, 3))


def test_a_worker_that_does_not_see_the_folder_says_so(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PATIENCE", 0.01)
    task = chunk_task(model, tmp_path)
    with pytest.raises(OutputError, match="must be on a disk that all workers share"):
        work.solve_chunk(task)
    with pytest.raises(OutputError, match=r"Chunk 0 was solved, and its files are not in"):
        work.check_written(storage.Storage(tmp_path), task.question, 0)


def test_a_worker_does_not_write_into_the_folder_of_another_cohort(
    model: str, tmp_path: Path
) -> None:
    solve_cohort(model, TIMES, out=tmp_path, **arrays(3))
    before = contents(tmp_path)
    with pytest.raises(OutputError, match="was given to another cohort"):
        work.solve_chunk(chunk_task(model, tmp_path))
    assert contents(tmp_path) == before


def test_a_chunk_that_kills_every_worker_is_told_in_a_sentence() -> None:
    crew = crews.Cluster("tcp://127.0.0.1:1", None)
    error = distributed.scheduler.KilledWorker("chunk", None, 3)
    told = crew.explain(error, 17)
    assert isinstance(told, SimulationError)
    assert "Every worker that took chunk 17 died" in str(told)
    other = OutputError("The disk is full.")
    assert crew.explain(other, 17) is other
