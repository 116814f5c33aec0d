"""A user's file, checked as `ketasim lint FILE` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ketasim.lint import FileCheck, run_checks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def lint(tmp_path: Path) -> Callable[[str, str], list[str]]:
    def check(name: str, text: str) -> list[str]:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return [one.message for one in run_checks([FileCheck(tmp_path / name)])]

    return check
