"""The other side of `benchmarks.worker`: starts engines, asks them, and gives up on them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .peers import NotMeasured

ROOT = Path(__file__).resolve().parents[1]
_ONE_THREAD = (
    "KETASIM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS", "AMICI_NUM_THREADS",
)  # fmt: skip


def environment(cache: Path, threads: int, cpu: int | None) -> dict[str, str]:
    """Return a worker's environment: how many threads, which processor, which caches."""
    own = dict.fromkeys(_ONE_THREAD, str(threads))
    own |= {
        "KETASIM_CACHE": str(cache / "ketasim"),
        "NUMBA_CACHE_DIR": str(cache / "numba"),
        "BENCH_CACHE": str(cache / "equations"),
        "XDG_CACHE_HOME": str(cache / "xdg"),
        "JAX_COMPILATION_CACHE_DIR": str(cache / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": "1",
        "PYTHONPATH": str(ROOT),
        # What pip installed to build with stands beside the interpreter.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONHASHSEED": "0",
    }
    if cpu is not None:
        own["BENCH_CPU"] = str(cpu)
    return {**os.environ, **own}


class Engine:
    """An engine on a case, running in a process of its own."""

    def __init__(
        self, name: str, case: str, cache: Path, *, threads: int = 1, cpu: int | None = None
    ) -> None:
        self.name, self.case = name, case
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name, case],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env=environment(cache, threads, cpu),
        )  # fmt: skip

    def send(self, do: str, **options: Any) -> None:
        """Send a command without waiting for the answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **options}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; `receive` says how

    def receive(self, limit: float) -> dict[str, Any]:
        """Return the next answer.

        Raises
        ------
        NotMeasured
            With the engine's own reason, or because it ended or took too long.
        """
        stream = self._process.stdout
        assert stream is not None
        ready, _, _ = select.select([stream], [], [], limit)
        if not ready:
            self.close()
            raise NotMeasured(f"it took longer than {limit:g} s")
        line = stream.readline()
        if not line:
            code = self._process.wait()
            self.close()
            raise NotMeasured(f"its process ended with code {code}")
        found: dict[str, Any] = json.loads(line)
        if "not_measured" in found:
            raise NotMeasured(found["not_measured"])
        return found

    def ask(self, do: str, limit: float, **options: Any) -> dict[str, Any]:
        """Send a command and return its answer."""
        self.send(do, **options)
        return self.receive(limit)

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._process.kill()
        self._process.wait()


def started(engine: Engine, limit: float) -> dict[str, Any]:
    """Wait until an engine has compiled; return how long it took, imports told apart."""
    begun = time.perf_counter()
    engine.receive(limit)
    imported = time.perf_counter()
    told = engine.ask("prepare", limit)
    return {**told, "start_seconds": imported - begun}


@contextmanager
def empty_folder() -> Iterator[Path]:
    """Yield a folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
