"""The command line, called as a user does, and a small run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from ketasim.cli.application import application

if TYPE_CHECKING:
    from collections.abc import Callable

WIDE = {"COLUMNS": "240", "NO_COLOR": "1", "TERM": "dumb"}


def ketasim(*words: str) -> Any:
    return CliRunner().invoke(application(), list(words), env=WIDE)


@pytest.fixture
def call() -> Callable[..., Any]:
    return ketasim


@pytest.fixture
def sentence() -> Callable[..., str]:
    """Call the command, expect its code, and return the one line that it said."""

    def said(code: int, *words: str) -> str:
        done = ketasim(*words)
        assert done.exit_code == code, done.output
        assert done.stdout == ""
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        assert "Traceback" not in done.stderr
        return str(lines[0])

    return said
