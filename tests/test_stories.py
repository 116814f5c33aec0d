"""Every user story names its risk and tests that exist."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
STORIES: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / "tests" / "stories.yaml").read_text(encoding="utf-8")
)
PROOFS = [(story["id"], test) for story in STORIES for test in story["tests"]]


@lru_cache(maxsize=256)
def names_in(path: Path) -> frozenset[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["id"])
def test_a_story_is_whole(story: dict[str, Any]) -> None:
    assert set(story) == {"id", "as", "story", "risk", "tests"}
    assert story["risk"] in {"high", "medium", "low"}
    assert story["tests"]


def test_no_story_is_told_twice() -> None:
    ids = [story["id"] for story in STORIES]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("story", "test"), PROOFS)
def test_the_tests_of_a_story_exist(story: str, test: str) -> None:
    file, _, name = test.partition("::")
    path = ROOT / "tests" / file
    assert path.is_file(), f"{story}: there is no {file}"
    assert name in names_in(path), f"{story}: {file} has no test {name}"
