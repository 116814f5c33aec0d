"""Who solves the chunks: threads of this process, or workers of a dask scheduler.

A crew takes chunks one by one; a few are in flight at a time, so that neither the patients nor
the results of a cohort are ever in memory together.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ...errors import InputError, SimulationError, require_extra
from .work import solve_chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from .work import ChunkTask

_BEAT = 1.0  # seconds between looks at whether there is still somebody at work
#: Seconds for a scheduler to answer.
CONNECT = 20.0
#: Seconds for a worker to join, at the beginning or when all are gone.
WORKERLESS = 300.0
_THREADS_IN_FLIGHT = 2  # one is solved while the other is written


@runtime_checkable
class Crew(Protocol):
    """Somebody who solves chunks."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def submit(self, task: ChunkTask) -> Any:
        """Take a chunk; return a future that knows ``add_done_callback`` and ``result``."""
        ...

    def in_flight(self) -> int:
        """Return how many chunks may be in flight."""
        ...

    def watch(self) -> None:
        """Stop where nobody is left to work; called while nothing comes back."""
        ...

    def explain(self, error: Exception, number: int) -> Exception:
        """Return what to tell of a chunk that could not be solved."""
        ...

    def cancel(self, futures: Iterable[Any]) -> None:
        """Give up what is in flight."""
        ...


def work_off(
    crew: Crew,
    numbers: Iterable[int],
    make: Callable[[int], ChunkTask],
    finished: Callable[[int], None],
) -> None:
    """Have chunks solved, a few at a time.

    Parameters
    ----------
    crew : Crew
        Who solves them.
    numbers : iterable of int
        The chunks, in the order in which they are begun.
    make : callable
        From a chunk's number to what is needed to solve it; called when its turn comes.
    finished : callable
        Called with the number of each chunk that is solved and written, in any order.
    """
    waiting, done = list(reversed(list(numbers))), queue.SimpleQueue[int]()
    pending: dict[int, Any] = {}
    try:
        while waiting or pending:
            while waiting and len(pending) < crew.in_flight():
                number = waiting.pop()
                pending[number] = crew.submit(make(number))
                pending[number].add_done_callback(lambda _, number=number: done.put(number))
            try:
                number = done.get(timeout=_BEAT)
            except queue.Empty:
                crew.watch()
                continue
            try:
                pending.pop(number).result()
            except Exception as error:
                raise crew.explain(error, number) from error
            finished(number)
    except BaseException:
        crew.cancel(pending.values())
        raise


class Threads:
    """Threads of this process: one chunk is solved on all its threads while another is written.

    Parameters
    ----------
    in_flight : int, optional
        Chunks in flight.
    """

    def __init__(self, in_flight: int | None) -> None:
        self._in_flight = in_flight or _THREADS_IN_FLIGHT
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(self._in_flight, thread_name_prefix="ketasim-cohort")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, task: ChunkTask) -> Any:
        """Take a chunk."""
        return self._pool.submit(solve_chunk, task, self._stop.is_set)

    def in_flight(self) -> int:
        """Return how many chunks may be in flight."""
        return self._in_flight

    def watch(self) -> None:
        """Do nothing: threads do not die alone."""

    def explain(self, error: Exception, number: int) -> Exception:
        """Return the error itself."""
        return error

    def cancel(self, futures: Iterable[Any]) -> None:
        """Give up what is in flight; a chunk that is being written is still written whole."""
        self._stop.set()
        for future in futures:
            future.cancel()


class Cluster:
    """The workers of a dask scheduler, or one worker in this process.

    Parameters
    ----------
    scheduler : str, optional
        Address of the scheduler, for instance ``tcp://10.0.0.1:8786``; without one a scheduler
        and a worker are started in this process and closed afterwards.
    in_flight : int, optional
        Chunks in flight; by default two for each thread of the workers.

    Raises
    ------
    MissingExtraError
        Where dask.distributed is not installed.
    """

    def __init__(self, scheduler: str | None, in_flight: int | None) -> None:
        self._distributed: Any = require_extra("distributed", "cluster")
        self._scheduler, self._fixed = scheduler, in_flight
        self._client: Any = None
        self._own: Any = None
        self._run = uuid.uuid4().hex
        self._deserted: float | None = None

    def __enter__(self) -> Self:
        if self._scheduler is None:
            # Without an address its status page would be open to the whole network.
            page = "127.0.0.1:0"
            self._own = self._distributed.LocalCluster(
                n_workers=1, threads_per_worker=_THREADS_IN_FLIGHT, processes=False,
                memory_limit=0, dashboard_address=page, worker_dashboard_address=page,
                scheduler_kwargs={"dashboard": False},
            )  # fmt: skip
        try:
            self._client = self._distributed.Client(
                self._own or self._scheduler, timeout=CONNECT, set_as_default=False
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise InputError(
                f"no dask scheduler answers at {self._scheduler!r}",
                expected="the address that `dask scheduler` prints, for instance "
                "tcp://127.0.0.1:8786",
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()
        if self._own is not None:
            self._own.close()

    def submit(self, task: ChunkTask) -> Any:
        """Take a chunk."""
        # A key of its own: the answer is a file, which no earlier result may stand for.
        key = f"ketasim-cohort-{self._run}-{task.number}"
        return self._client.submit(solve_chunk, task, key=key, pure=False)

    def in_flight(self) -> int:
        """Return how many chunks may be in flight, with the workers that are there now."""
        return self._fixed or max(_THREADS_IN_FLIGHT, 2 * sum(self._threads().values()))

    def _threads(self) -> dict[str, int]:
        try:
            return dict(self._client.nthreads())
        except (OSError, TimeoutError) as error:
            raise self._gone() from error

    def _gone(self) -> SimulationError:
        return SimulationError(
            f"The scheduler at {self._scheduler} went away; the chunks that are done are kept, and "
            f"the same call goes on from there."
        )

    def watch(self) -> None:
        """Stop where no worker has been there for long."""
        if self._threads():
            self._deserted = None
            return
        self._deserted = self._deserted or time.monotonic()
        if time.monotonic() - self._deserted > WORKERLESS:
            raise SimulationError(
                f"The scheduler at {self._scheduler} has had no worker for {WORKERLESS:.0f} s; "
                f"the chunks that are done are kept, and the same call goes on from there."
            )

    def explain(self, error: Exception, number: int) -> Exception:
        """Return a sentence where workers or the scheduler died, else the error itself."""
        if isinstance(error, self._distributed.scheduler.KilledWorker):
            return SimulationError(
                f"Every worker that took chunk {number} died over it, perhaps for want of memory; "
                f"the chunks that are done are kept, and a smaller chunk_size needs less memory."
            )
        return self._gone() if isinstance(error, self._distributed.CancelledError) else error

    def cancel(self, futures: Iterable[Any]) -> None:
        """Give up what is in flight; a chunk that a worker is at is still written whole."""
        # Where the scheduler is gone there is nothing to cancel, and another error to tell.
        with contextlib.suppress(OSError, TimeoutError, RuntimeError):
            self._client.cancel(list(futures))
