"""The measures of the house: layers, sizes, documentation, annotations, and no machine's paths."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[1]
SOURCE = sorted((ROOT / "src" / "ketasim").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@lru_cache(maxsize=1024)
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> list[Function]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, Function)]


def body_lines(function: Function) -> int:
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]


def test_data_flows_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == EXIT_STATUS_SUCCESS


def test_the_layers_have_no_exceptions() -> None:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "ignore_imports" not in settings
    assert "unmatched_ignore" not in settings


@pytest.mark.parametrize("path", [*SOURCE, *TESTS], ids=relative)
def test_no_file_is_over_500_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


@pytest.mark.parametrize("path", SOURCE, ids=relative)
def test_no_function_body_is_over_60_lines(path: Path) -> None:
    long = {one.name: body_lines(one) for one in functions(path) if body_lines(one) > 60}
    assert not long


def test_functions_are_short_on_the_whole() -> None:
    lengths = [body_lines(one) for path in SOURCE for one in functions(path)]
    assert statistics.median(lengths) <= 8
    assert statistics.quantiles(lengths, n=10)[-1] <= 30


def is_overload(node: Function | ast.ClassDef) -> bool:
    return any(ast.unparse(one).endswith("overload") for one in node.decorator_list)


def public(path: Path) -> list[Function | ast.ClassDef]:
    """The module's public functions and classes, and the public methods of those classes."""
    top = [
        node
        for node in tree(path).body
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")
    ]
    methods = [
        node
        for owner in top
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, Function) and not node.name.startswith("_")
    ]
    return [*top, *methods]


@pytest.mark.parametrize("path", SOURCE, ids=relative)
def test_every_module_and_public_name_has_a_docstring(path: Path) -> None:
    assert ast.get_docstring(tree(path)), "the module says nothing of itself"
    bare = [one.name for one in public(path) if not ast.get_docstring(one) and not is_overload(one)]
    assert not bare


@pytest.mark.parametrize("path", SOURCE, ids=relative)
def test_every_function_is_annotated(path: Path) -> None:
    bare = []
    for one in functions(path):
        given = [*one.args.posonlyargs, *one.args.args, *one.args.kwonlyargs]
        missing = [a.arg for a in given if a.annotation is None and a.arg not in ("self", "cls")]
        if missing or one.returns is None:
            bare.append(one.name)
    assert not bare


@pytest.mark.parametrize("path", SOURCE, ids=relative)
def test_no_room_is_a_drawer_for_everything(path: Path) -> None:
    assert not {"utils", "common", "core", "base", "helpers", "misc"} & {
        path.stem,
        *(part.name for part in path.parents),
    }


@pytest.mark.parametrize("path", SOURCE, ids=relative)
def test_no_text_is_evaluated(path: Path) -> None:
    called = [
        node.func.id
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert "eval" not in called


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


# Written apart, so that this file does not hold what it forbids.
FORBIDDEN = re.compile(
    "|".join(
        [
            r"(?<![\w.<}])/" + r"(?:work|root|home|Users|opt|mnt|private)/[\w.-]+",
            r"[A-Z]:\\" + r"Users\\",
            "pypi" + r"\.org",
            "pythonhosted" + r"\.org",
            "index" + r"-url",
            "find" + r"-links",
        ]
    )
)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout: nothing is tracked")
def test_no_file_holds_a_path_of_a_machine_or_a_package_registry() -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{relative(path)}: {hit}" for hit in FORBIDDEN.findall(text)]
    assert not found


def test_versions_are_pinned_without_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!]+", pin) for pin in pins)
    assert pins == sorted(pins, key=str.lower)


def test_every_dependency_is_pinned() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {re.split(r"[\[><=~! ]", one)[0].lower().replace("_", "-") for one in wanted}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    assert names - {"ketasim"} <= pinned


IMPORTED_AS = {
    "python-libsbml": "libsbml",
    "libroadrunner": "roadrunner",
    "pyyaml": "yaml",
    "salib": "SALib",
}
COMES_WITH = {"markupsafe": "jinja2", "click": "typer"}


def imported_by(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found


def asked_for(path: Path) -> set[str]:
    """Return the libraries of extras that a file asks for, by a sentence if they are missing."""
    return set(re.findall(r'require_extra\("(\w+)', path.read_text(encoding="utf-8")))


def test_every_library_that_is_imported_is_declared() -> None:
    import sys
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [re.split(r"[\[><=~! ]", one)[0].lower() for one in project["dependencies"]]
    declared = {IMPORTED_AS.get(name, name) for name in wanted}
    imported = {name for path in SOURCE for name in imported_by(path) - asked_for(path)}
    imported -= {*sys.stdlib_module_names, "ketasim"}
    assert {COMES_WITH.get(name, name) for name in imported} <= declared


def test_the_extras_are_the_six_and_the_tools() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    assert extras == {"gpu", "fit", "web", "pet", "cluster", "discover", "test", "docs", "dev"}
