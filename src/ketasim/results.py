"""What every result offers, and how every file of a result is written: whole or not at all."""

from __future__ import annotations

import errno
import html
import io
import os
import tempfile
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ketasim.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    import xarray as xr

__all__ = [
    "Result", "atomic_write", "ensure_folder", "finished_figure", "html_table", "text_table",
    "write_table",
]  # fmt: skip


@runtime_checkable
class Result(Protocol):
    """The methods that every result of ketasim has.

    Trajectories, observations and the result of an experiment all satisfy it, so that what a
    reader learns on one of them holds for the others.
    """

    def plot(self, *args: Any, **options: Any) -> Any:
        """Draw the result; return the figure."""
        ...

    def summary(self, *args: Any, **options: Any) -> pd.DataFrame:
        """Return the few numbers that say what happened, units in the columns."""
        ...

    def to_frame(self, *args: Any, **options: Any) -> pd.DataFrame:
        """Return the whole result as a long table."""
        ...

    def to_xarray(self, *args: Any, **options: Any) -> xr.Dataset:
        """Return the whole result as a labelled dataset with units in ``attrs``."""
        ...

    def save(self, folder: Path | str, *args: Any, **options: Any) -> Path:
        """Write the results bundle into a folder; return the folder."""
        ...

    def citations(self, *args: Any, **options: Any) -> Any:
        """Return every source the result used, and for what."""
        ...


def html_table(
    rows: Iterable[Sequence[object]],
    *,
    header: Sequence[str] = (),
    caption: str | None = None,
) -> str:
    """Make the small table that a result shows in a notebook.

    Parameters
    ----------
    rows : iterable of sequence
        The cells; each is shown by ``str`` and escaped.
    header : sequence of str, optional
        The column titles.
    caption : str, optional
        A line above the table.

    Returns
    -------
    str
        One ``<table>`` element without styles of its own.
    """
    parts = ['<table class="ketasim">']
    if caption:
        parts.append(f"<caption>{html.escape(caption)}</caption>")
    if header:
        cells = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in header)
        parts.append(f"<thead><tr>{cells}</tr></thead>")
    body = "".join(_html_row(row) for row in rows)
    parts.append(f"<tbody>{body}</tbody></table>")
    return "".join(parts)


def _html_row(row: Sequence[object]) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"


def text_table(pairs: Mapping[str, object]) -> str:
    """Lay out names and values in two aligned columns, for a ``repr``.

    Parameters
    ----------
    pairs : mapping of str to object
        What stands left, and what stands right of it.

    Returns
    -------
    str
        One line a pair, without a trailing newline.
    """
    width = max((len(name) for name in pairs), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in pairs.items())


def finished_figure(figure: Any, title: str, *, height: int = 420) -> Any:
    """Give a figure its title, legend and margins.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        The figure.
    title : str
        In words.
    height : int, optional
        Pixels.

    Returns
    -------
    plotly.graph_objects.Figure
        The same.
    """
    figure.update_layout(
        template="plotly_white", title="<br>".join(textwrap.wrap(title, 90)), height=height,
        legend={"orientation": "h", "yanchor": "top", "y": -0.2}, margin={"t": 80, "b": 110},
    )  # fmt: skip
    return figure


def ensure_folder(folder: Path | str) -> Path:
    """Make sure that a folder exists and can be written to.

    Parameters
    ----------
    folder : path
        The folder; missing parents are made too.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If it cannot be made or written to.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise OutputError(_sentence(path, error)) from error
    return path


def atomic_write(path: Path | str, content: bytes | str) -> Path:
    """Write a file so that it is there whole or not at all.

    The content goes to a temporary file beside the target, is forced to the disk, and takes the
    target's name in one step; an interruption leaves what was there before.

    Parameters
    ----------
    path : path
        The file to write; its folder is made where it is missing.
    content : bytes or str
        What to write; text is encoded as UTF-8.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        If the disk is full, the folder read-only, or the path otherwise unusable.
    """
    target = Path(path)
    data = content.encode() if isinstance(content, str) else content
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(target, data)
    except OSError as error:
        raise OutputError(_sentence(target, error)) from error
    return target


def write_table(path: Path | str, table: pd.DataFrame) -> Path:
    """Write a table as Parquet, whole or not at all; the index is left out.

    Parameters
    ----------
    path : path
        The file to write.
    table : DataFrame
        What it holds.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        As for `atomic_write`.
    """
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return atomic_write(path, buffer.getvalue())


def _write_and_rename(target: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes a file only its owner may read; a result is for everyone the umask allows.
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    _sync_folder(target.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    # Without this the new name itself may be lost with the power; some systems cannot do it.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "there is no permission to write there",
    errno.EPERM: "there is no permission to write there",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "a file of that name is in the way",
    errno.ENAMETOOLONG: "the name is too long",
}


def _sentence(path: Path, error: OSError) -> str:
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    return f"{path} could not be written: {reason}; what was there before is unchanged"
