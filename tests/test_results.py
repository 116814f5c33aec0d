from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest

from ketasim.errors import OutputError
from ketasim.results import Result, atomic_write, ensure_folder, html_table, text_table

if TYPE_CHECKING:
    from pathlib import Path


def test_text_and_bytes_arrive_whole(tmp_path: Path) -> None:
    assert atomic_write(tmp_path / "a" / "b.txt", "µmol\n").read_bytes() == b"\xc2\xb5mol\n"
    assert atomic_write(tmp_path / "c.bin", b"\x00\x01").read_bytes() == b"\x00\x01"


def test_no_temporary_file_stays(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a.txt", "one")
    atomic_write(tmp_path / "a.txt", "two")
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "two"


def test_a_written_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    written = atomic_write(tmp_path / "written", "x")
    assert stat.S_IMODE(written.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "no permission"),
        (errno.EIO, "error"),
    ],
)
def test_a_disk_that_refuses_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    target = atomic_write(tmp_path / "a.txt", "before")

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError) as caught:
        atomic_write(target, "after")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert target.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_an_interruption_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = atomic_write(tmp_path / "a.txt", "before")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(target, "after")
    assert target.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="could not be written"):
        atomic_write(tmp_path / "file" / "inside.txt", "x")
    with pytest.raises(OutputError, match="could not be written"):
        ensure_folder(tmp_path / "file")


def test_a_folder_is_made_with_its_parents_and_left_empty(tmp_path: Path) -> None:
    folder = ensure_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []


def test_html_cells_are_escaped() -> None:
    table = html_table([("<b>", 1.5)], header=("name", "a & b"), caption="x < y")
    assert "<td>&lt;b&gt;</td><td>1.5</td>" in table
    assert "a &amp; b" in table
    assert "<caption>x &lt; y</caption>" in table


def test_text_table_aligns_its_values() -> None:
    assert text_table({"patients": 200, "days": 14}) == "patients  200\ndays      14"
    assert text_table({}) == ""


def test_anything_with_the_six_methods_is_a_result() -> None:
    class Complete:
        plot = summary = to_frame = to_xarray = save = citations = lambda self: None

    class Lacking:
        plot = lambda self: None  # noqa: E731

    assert isinstance(Complete(), Result)
    assert not isinstance(Lacking(), Result)
