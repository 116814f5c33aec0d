"""What every test of ketasim runs under: types checked at run time, and one way to draw examples.

The package's own functions are checked by beartype at every call. Heavy libraries are imported
under ``TYPE_CHECKING`` in the source, so that ``import ketasim`` stays quick; the finder below
makes those names resolvable for the checks.
"""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import sys
import typing
from importlib.machinery import PathFinder
from importlib.util import resolve_name
from typing import TYPE_CHECKING, Any

import hypothesis
import pandas as pd
import pytest
from beartype import BeartypeConf
from beartype.claw import beartype_package

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

PACKAGE = "ketasim"


class AnnotationNames:
    """Finder that lets annotations be resolved although their imports are for type checkers only.

    Names of other libraries are bound before a module runs. Names of ketasim itself are bound when
    they are first asked for, so that no circular import arises.
    """

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.split(".")[0] != PACKAGE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None or not (spec.origin or "").endswith(".py"):
            return spec
        run_module = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            bind_names(module, spec.origin or "")
            run_module(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def bind_names(module: ModuleType, origin: str) -> None:
    own: dict[str, tuple[str, str]] = {}
    with open(origin, encoding="utf-8") as file:
        found = list(names_for_type_checkers(file.read(), module.__package__ or ""))
    for name, home, attribute in found:
        if home.split(".")[0] == PACKAGE and attribute:
            own[name] = (home, attribute)
        else:
            source = importlib.import_module(home)
            setattr(module, name, getattr(source, attribute) if attribute else source)

    def resolve(name: str) -> object:
        if name not in own:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        home, attribute = own[name]
        return getattr(importlib.import_module(home), attribute)

    if own and module.__name__ != PACKAGE:
        module.__getattr__ = resolve  # type: ignore[method-assign]


def names_for_type_checkers(source: str, room: str) -> Iterator[tuple[str, str, str | None]]:
    for node in ast.parse(source).body:
        guarded = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body if guarded and isinstance(node, ast.If) else ():
            if isinstance(statement, ast.ImportFrom):
                home = resolve_name("." * statement.level + (statement.module or ""), room)
                yield from ((one.asname or one.name, home, one.name) for one in statement.names)
            elif isinstance(statement, ast.Import):
                yield from ((one.asname or one.name, one.name, None) for one in statement.names)


def make_annotations_resolvable() -> None:
    """Two places where Python or pandas knows less at run time than a type checker does."""
    # The constructor of a named tuple claims to live in a module that does not exist.
    make = typing.NamedTupleMeta.__new__  # type: ignore[attr-defined]

    def make_and_place(*args: Any, **options: Any) -> Any:
        made = make(*args, **options)
        made.__new__.__module__ = made.__module__
        return made

    typing.NamedTupleMeta.__new__ = staticmethod(make_and_place)  # type: ignore[attr-defined]
    # pandas' stubs make Series and Index generic; the classes themselves are not.
    for kind in (pd.Series, pd.Index):
        if not hasattr(kind, "__class_getitem__"):
            kind.__class_getitem__ = classmethod(lambda cls, _: cls)  # type: ignore[attr-defined]


if os.environ.get("KETASIM_TYPE_CHECKS", "1") != "0":
    sys.meta_path.insert(0, AnnotationNames)  # type: ignore[arg-type]
    # A whole number is welcome where a float is asked for, as PEP 484 has it. Annotations of
    # variables are never evaluated by Python; those of functions and classes are checked.
    conf = BeartypeConf(is_pep484_tower=True, claw_is_pep526=False)
    make_annotations_resolvable()
    beartype_package(PACKAGE, conf=conf)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; the test is skipped without one, and fails where one is required."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = "no Chromium here; scripts/ensure_chromium.sh says how to get one"
        if os.environ.get("KETASIM_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


hypothesis.settings.register_profile("default", deadline=None, max_examples=50, derandomize=True)
hypothesis.settings.register_profile("long", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
