"""How far the work is, shown on a terminal and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Advance", "shown"]

Advance: TypeAlias = Callable[[int, int], None]


@contextmanager
def shown(progress: Advance | bool | None, total: int, what: str = "patients") -> Iterator[Advance]:
    """Show how many are done, how many are left and how many a second.

    Parameters
    ----------
    progress : callable, bool or None
        A callable is called with (done, total) instead. None shows a bar where the error output
        is a terminal; True and False too, but False never.
    total : int
        How many there are.
    what : str
        What is counted.

    Yields
    ------
    callable
        To be called with (done, total).
    """
    if callable(progress):
        yield progress
        return
    if progress is False:
        yield _silent
        return
    with _bar(total, what) as advance:
        yield advance


def _silent(done: int, total: int) -> None:
    """Show nothing."""


@contextmanager
def _bar(total: int, what: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    console = Console(stderr=True)
    columns = (
        TextColumn("Simulating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(what + " {task.fields[speed]}"),
        Remaining(),
    )
    began = time.perf_counter()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=total, speed="")

        def advance(done: int, total: int) -> None:
            speed = done / max(time.perf_counter() - began, 1e-6)
            bar.update(task, completed=done, total=total, speed=f"({speed:.3g}/s)")

        yield advance
