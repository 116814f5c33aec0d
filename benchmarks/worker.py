"""One engine on one model in a process of its own, told what to do line by line.

A peer that crashes, hangs or prints takes nobody with it. Commands come as JSON lines on standard
input; answers go out as JSON lines on what was standard output when the process began.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

#: Patients an engine may look at while it compiles.
SAMPLE = 2


def peak_bytes() -> int:
    """Return the most memory this process has had so far."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class Worker:
    """An engine, a case and the patients at hand."""

    def __init__(self, engine: str, case: str) -> None:
        from benchmarks.models import load_case
        from benchmarks.peers import make_peer

        self.case = load_case(case)
        self.peer = make_peer(engine)

    def prepare(self) -> dict[str, Any]:
        """Compile, and solve one patient, since some compile no earlier than that."""
        sample = self.case.population(SAMPLE)
        begun = time.perf_counter()
        self.peer.prepare(self.case, sample)
        self.peer.load(sample.first(1))
        self.peer.solve(1e-3, self.case.atol(1e-3))
        seconds = time.perf_counter() - begun
        return {"seconds": seconds, "version": self.peer.version()}

    def load(self, begin: int, end: int) -> dict[str, Any]:
        """Bring patients into the engine's form; they are the same whoever asks for them."""
        self.peer.load(self.case.population(end).rows(begin, end))
        return {"peak_bytes": peak_bytes()}

    def solve(self, rtol: float, save: str | None = None) -> dict[str, Any]:
        """Solve the patients at hand; only this is timed as solving."""
        import numpy as np

        begun = time.perf_counter()
        values = self.peer.solve(rtol, self.case.atol(rtol))
        seconds = time.perf_counter() - begun
        peak = peak_bytes()
        failed = int((~np.isfinite(values).all(axis=(1, 2))).sum())
        if save is not None:
            np.save(save, values)
        return {"seconds": seconds, "failed": failed, "peak_bytes": peak, "bytes": values.nbytes}


def answer(worker: Worker, line: str) -> dict[str, Any]:
    """Do what a line says; whatever goes wrong is an answer too."""
    from benchmarks.peers import NotMeasured

    command = json.loads(line)
    work: Callable[..., dict[str, Any]] = getattr(worker, command.pop("do"))
    try:
        return work(**command)
    except NotMeasured as error:
        return {"not_measured": str(error)}
    except Exception as error:  # a peer's own exception, of whatever kind, is its reason
        text = " ".join(str(error).split())[:300]
        return {"not_measured": f"{type(error).__name__}: {text}"}


def quiet() -> Any:
    """Send what peers print nowhere, and return where answers go."""
    replies = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    if not os.environ.get("BENCH_LOUD"):
        os.dup2(nowhere, 2)
    return replies


def main() -> None:
    engine, case = sys.argv[1:3]
    replies = quiet()
    pinned = os.environ.get("BENCH_CPU")
    if pinned:
        os.sched_setaffinity(0, {int(pinned)})

    def say(content: dict[str, Any]) -> None:
        replies.write(json.dumps(content) + "\n")
        replies.flush()

    from benchmarks.peers import NotMeasured

    try:
        worker = Worker(engine, case)
    except NotMeasured as error:
        say({"not_measured": str(error)})
        return
    say({"ready": True})
    for line in sys.stdin:
        say(answer(worker, line))


if __name__ == "__main__":
    main()
