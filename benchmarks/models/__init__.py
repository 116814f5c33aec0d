"""The models of the suite: the shipped one, and ten others that know no ketamine."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from ..case import Case

#: Each is a module beside this one with a function ``case()``.
NAMES = (
    "shipped",
    "effect_site",
    "target_mediated",
    "robertson",
    "oregonator",
    "insulin",
    "chain",
    "mapk",
    "pbpk",
    "goldbeter",
    "rescue",
)


@lru_cache(maxsize=len(NAMES))
def load_case(name: str) -> Case:
    """Return a model of the suite."""
    if name not in NAMES:
        raise ValueError(f"there is no model {name!r}; there are {', '.join(NAMES)}")
    found: Case = import_module(f"{__name__}.{name}").case()
    return found
