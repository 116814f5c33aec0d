"""How the commands speak: tables for people, JSON for programs, progress on a terminal."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from rich.console import Console, ConsoleOptions
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pandas as pd

__all__ = ["AsJson", "print_frame", "print_json", "print_table", "progress", "say", "write"]

_SHORT = 60
"""Characters; a cell that is longer is a sentence and may be folded."""

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def say(sentence: str) -> None:
    """Print one line for people."""
    Console(highlight=False, soft_wrap=True).print(sentence, markup=False, emoji=False)


def print_json(content: object) -> None:
    """Print JSON; a number that is missing becomes null.

    Parameters
    ----------
    content : object
        Mappings, sequences, numbers, text; numpy's and pandas' own kinds of these too.
    """
    write(json.dumps(_plain(content), indent=2, allow_nan=False))


def write(text: str) -> None:
    """Print text exactly as it is, whatever the width of the terminal."""
    sys.stdout.write(text.rstrip("\n") + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def print_table(
    rows: Iterable[Sequence[object] | Mapping[str, object]],
    header: Sequence[str],
    title: str | None = None,
) -> None:
    """Print a table; one with long sentences is folded, one of numbers is as wide as it must be.

    Parameters
    ----------
    rows : iterable of sequence or of mapping
        The cells, in the order of `header` or named by it.
    header : sequence of str
        The column titles.
    title : str, optional
        A line above the table.
    """
    table = Table(*header, title=title, title_justify="left", box=None, pad_edge=False)
    longest = 0
    for row in rows:
        cells = [row[name] for name in header] if isinstance(row, Mapping) else row
        texts = [_cell(cell) for cell in cells]
        longest = max(longest, *map(len, texts))
        table.add_row(*texts)
    console = Console(highlight=False)
    if longest <= _SHORT or not console.is_terminal:
        # A number that is cut off is worse than a line the terminal breaks.
        console.width = max(
            console.width, console.measure(table, options=_endless(console)).maximum
        )
    console.print(table)


def _endless(console: Console) -> ConsoleOptions:
    return console.options.update(max_width=100_000, width=100_000)


def print_frame(frame: pd.DataFrame, as_json: bool) -> None:
    """Print a table of results, for people or as JSON records.

    Parameters
    ----------
    frame : DataFrame
        The table; a named index becomes the first columns.
    as_json : bool
        JSON and nothing else.
    """
    shown = frame.reset_index() if any(frame.index.names) else frame
    records = [
        {str(name): value for name, value in row.items()} for row in shown.to_dict("records")
    ]
    if as_json:
        print_json(records)
    else:
        print_table(records, header=[str(name) for name in shown.columns])


def _cell(value: object) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text.replace("[", r"\[")


@contextmanager
def progress(what: str, unit: str = "patients") -> Iterator[Callable[[int, int], None]]:
    """Show how much is done, how much is left and how fast, on a terminal only.

    Parameters
    ----------
    what : str
        What is being done.
    unit : str, optional
        What is counted.

    Yields
    ------
    callable
        Takes the number done and the number in all.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TextColumn("{task.fields[speed]}"),
        Remaining(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=None, speed="")

        def advance(done: int, total: int) -> None:
            speed = bar.tasks[0].speed if bar.tasks else None
            shown = f"{speed:.0f} a second" if speed else ""
            bar.update(task, completed=done, total=total, speed=shown)

        yield advance
