"""What a user meets: the names, that they are documented, and that importing them is light."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

import ketasim

NAMES = [name for name in ketasim.__all__ if name != "__version__"]
HEAVY = (
    *("antimony", "duckdb", "jinja2", "libsbml", "llvmlite", "numba", "numpy", "pandas", "pandera"),
    *("pint", "plotly", "pyarrow", "pybtex", "pydantic", "roadrunner", "scipy", "statsmodels"),
    *("sympy", "xarray", "yaml"),
)
# No docstring; no summary; parameters and returns that are missing, unknown, or without a type.
CODES = {"GL08", "SS01", "PR01", "PR02", "PR04", "RT01", "YD01"}


def test_all_is_sorted_complete_and_short() -> None:
    assert sorted(ketasim.__all__) == ketasim.__all__
    assert set(NAMES) == set(ketasim._HOME_OF)
    assert 20 <= len(NAMES) <= 30


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_can_be_used_and_is_listed(name: str) -> None:
    found = getattr(ketasim, name)
    assert not isinstance(found, ModuleType)
    assert name in dir(ketasim)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_documented_in_numpydoc(name: str) -> None:
    found = getattr(ketasim, name)
    home = f"{found.__module__}.{found.__qualname__}"
    wrong = [text for code, text in validate(home)["errors"] if code in CODES]
    if inspect.isclass(found) and {one.name for one in ClassDoc(found)["Attributes"]}:
        # A frozen dataclass may describe its fields as attributes, which its parameters are.
        wrong = [text for text in wrong if not text.startswith("Parameters {")]
    assert not wrong, f"{home}: {wrong}"


@pytest.mark.parametrize("name", NAMES)
def test_every_public_method_is_documented(name: str) -> None:
    found = getattr(ketasim, name)
    if not inspect.isclass(found):
        return
    bare = [
        method
        for method, value in vars(found).items()
        if not method.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, property | classmethod))
        and not inspect.getdoc(getattr(found, method))
    ]
    assert not bare


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        _ = ketasim.simulat  # type: ignore[attr-defined]


def test_the_function_wins_over_the_module_of_its_name() -> None:
    module = importlib.import_module("ketasim.simulate")
    assert isinstance(sys.modules["ketasim.simulate"], ModuleType)
    assert ketasim.simulate is module.simulate
    assert callable(ketasim.simulate)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, ketasim; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_errors_and_units_alone_load_nothing_heavy() -> None:
    code = (
        "import sys, ketasim.errors, ketasim.units, ketasim.results, ketasim.provenance; "
        f"print([n for n in {HEAVY!r} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_in_the_reference() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "api.rst").read_text(encoding="utf-8")
    listed = {line.strip().split(".")[-1] for line in page.splitlines()}
    assert set(NAMES) <= listed
