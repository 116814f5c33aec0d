"""The folder of a cohort: what is in it, and how every file comes to be there whole.

::

    manifest.json                    the question, and the key that every chunk repeats
    trajectories/part-00000.parquet  patient, time and the outputs (where trajectories are kept)
    patients/part-00000.parquet      patient, status, failure time, culprit, steps
    statistics/part-00000.parquet    what the chunk adds to the statistics
    chunks/part-00000.json           written last: the checksums of the files above
    statistics.parquet               written last of all, and taken away when a run begins

A file is written under another name and renamed in one step. A chunk counts only with its record
in ``chunks``, and only if each of its files has the checksum written there; so a worker may end
at any moment, a file may be torn, and two workers may solve the same chunk.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST, SUMMARY = "manifest.json", "statistics.parquet"
TRAJECTORIES, PATIENTS, STATISTICS, CHUNKS = "trajectories", "patients", "statistics", "chunks"
_ROOMS = (TRAJECTORIES, PATIENTS, STATISTICS, CHUNKS)
#: Seconds after which a file that was never renamed is taken for left behind.
_LEFT_BEHIND = 3600.0


@dataclass(frozen=True)
class Storage:
    """The folder of a cohort.

    Attributes
    ----------
    root : Path
        The folder.
    """

    root: Path

    def part(self, room: str, number: int) -> Path:
        """Return the file of a chunk in one of the subfolders.

        Parameters
        ----------
        room : str
            The subfolder.
        number : int
            The chunk.
        """
        return self.root / room / f"part-{number:05d}.{'json' if room == CHUNKS else 'parquet'}"

    def prepare(self) -> None:
        """Make the folders, and remove the statistics and what interrupted writers left.

        Raises
        ------
        OutputError
            If they cannot be made.
        """
        try:
            for room in _ROOMS:
                (self.root / room).mkdir(parents=True, exist_ok=True)
            (self.root / SUMMARY).unlink(missing_ok=True)
            # A young one may belong to a worker that is still writing.
            for left in self.root.rglob(".*.tmp"):
                if time.time() - left.stat().st_mtime > _LEFT_BEHIND:
                    left.unlink(missing_ok=True)
        except OSError as error:
            raise _refusal(self.root, error) from error

    def clear(self) -> None:
        """Remove the files of a cohort, and nothing else."""
        (self.root / MANIFEST).unlink(missing_ok=True)
        (self.root / SUMMARY).unlink(missing_ok=True)
        # Records first: a chunk whose files go while it has a record would count as torn.
        for room in reversed(_ROOMS):
            for path in (self.root / room).glob("part-*"):
                path.unlink(missing_ok=True)

    def is_empty(self) -> bool:
        """Return whether the folder is missing or holds nothing."""
        return not self.root.is_dir() or not any(self.root.iterdir())

    def manifest(self) -> dict[str, Any] | None:
        """Return the manifest; None where there is none that can be read."""
        return _read_json(self.root / MANIFEST)

    def write_manifest(self, content: Mapping[str, Any]) -> None:
        """Write the manifest.

        Parameters
        ----------
        content : mapping
            What it says.
        """
        write_whole(self.root / MANIFEST, json.dumps(dict(content), indent=1).encode())

    def write_chunk(self, number: int, files: Mapping[str, bytes], **about: Any) -> None:
        """Write a chunk's files and then its record.

        Parameters
        ----------
        number : int
            The chunk.
        files : mapping
            Content by subfolder.
        **about
            What else the record says.
        """
        for room, content in files.items():
            write_whole(self.part(room, number), content)
        sums = {room: hashlib.sha256(content).hexdigest() for room, content in files.items()}
        record = json.dumps({**about, "sha256": sums}, indent=1)
        write_whole(self.part(CHUNKS, number), record.encode())

    def record(self, number: int) -> dict[str, Any] | None:
        """Return a chunk's record; None where there is none that can be read.

        Parameters
        ----------
        number : int
            The chunk.
        """
        return _read_json(self.part(CHUNKS, number))

    def recorded(self) -> list[int]:
        """Return the numbers of the chunks with a record, rising."""
        names = (path.stem.removeprefix("part-") for path in (self.root / CHUNKS).glob("part-*"))
        return sorted(int(name) for name in names if name.isdecimal())

    def is_sound(self, number: int, rooms: tuple[str, ...]) -> bool:
        """Return whether a chunk's files are those that its record tells of.

        Parameters
        ----------
        number : int
            The chunk.
        rooms : tuple of str
            The subfolders it must have a file in.
        """
        record = self.record(number)
        sums = record.get("sha256") if record else None
        if not isinstance(sums, dict) or set(sums) != set(rooms):
            return False
        return all(_checksum(self.part(room, number)) == sums[room] for room in rooms)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all.

    Parameters
    ----------
    path : Path
        The file; its folder is made where it is missing.
    content : bytes
        What it holds.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(
            prefix=f".{path.stem}.", suffix=".tmp", dir=path.parent
        )
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # mkstemp makes a file that only its owner may read; a result is for the group as well.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        if isinstance(error, OSError):
            raise _refusal(path, error) from error
        raise


def parquet_bytes(table: Any, **options: Any) -> bytes:
    """Return an Arrow table as the bytes of a Parquet file.

    Parameters
    ----------
    table : pyarrow.Table
        The table.
    **options
        Passed to ``pyarrow.parquet.write_table``.
    """
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", compression_level=1, **options)
    return buffer.getvalue()


def _checksum(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _refusal(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path} cannot be written: {error.strerror or error}.")
