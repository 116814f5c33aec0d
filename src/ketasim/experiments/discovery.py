"""Finding experiments: one module each in ``claims`` and ``studies``, and those of plug-ins."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Literal

from ketasim.errors import InputError, ModelError, unknown_name
from ketasim.experiments import claims, studies
from ketasim.experiments.design import Experiment
from ketasim.experiments.readouts import readout
from ketasim.experiments.study import Study

__all__ = ["GROUP", "experiment", "list_experiments"]

GROUP = "ketasim.experiments"
"""Entry points of this group are loaded too; each must be an `Experiment` or a `Study`."""

_ORDER = (
    "occupancy", "naltrexone", "mtor", "ampa", "serotonin", "camp",
    "pet_trial", "side_effects", "long_term", "better_drug", "populations",
)  # fmt: skip

_KINDS: dict[str, type[Experiment] | type[Study]] = {"claim": Experiment, "study": Study}


@cache
def _experiments() -> dict[str, Experiment | Study]:
    found = [(name, getattr(import_module(name), "EXPERIMENT", None)) for name in _modules(claims)]
    found += [(name, getattr(import_module(name), "STUDY", None)) for name in _modules(studies)]
    found += [(point.name, point.load()) for point in entry_points(group=GROUP)]
    checked: dict[str, Experiment | Study] = {}
    for where, one in found:
        made = one if isinstance(one, Study) else _checked(where, one)
        if made.name in checked:
            raise ModelError(f"there are two experiments {made.name!r}", where=where)
        checked[made.name] = made
    return checked


def _modules(package: object) -> list[str]:
    name, path = package.__name__, package.__path__  # type: ignore[attr-defined]
    return [f"{name}.{one.name}" for one in pkgutil.iter_modules(path)]


def _checked(where: str, one: object) -> Experiment:
    if not isinstance(one, Experiment):
        wanted = (
            "STUDY of the type Study"
            if ".studies." in where
            else ("EXPERIMENT of the type Experiment")
        )
        raise ModelError(f"there is no {wanted}", where=where)
    names = [arm.name for arm in one.arms]
    if len(set(names)) != len(names):
        raise ModelError(f"two arms of {one.name!r} have the same name", where=where)
    for arm in one.arms:
        if arm.reference not in names:
            raise ModelError(
                f"arm {arm.name!r} refers to {arm.reference!r}, which is no arm", where=where
            )
    for name in one.readouts:
        readout(name)
    return one


def list_experiments(kind: Literal["claim", "study"] | None = None) -> tuple[str, ...]:
    """Return the names of all experiments, those of the article first and in its order.

    Parameters
    ----------
    kind : {"claim", "study"}, optional
        Only those declared as arms and readouts (`Experiment`), or only those with a computation of
        their own (`Study`).

    Returns
    -------
    tuple of str

    Raises
    ------
    InputError
        If there is no such kind.
    """
    if kind is not None and kind not in _KINDS:
        raise InputError(f"there is no kind {kind!r}", expected="claim or study")
    order = {name: place for place, name in enumerate(_ORDER)}
    names = sorted(_experiments(), key=lambda name: (order.get(name, len(order)), name))
    if kind is None:
        return tuple(names)
    return tuple(name for name in names if isinstance(_experiments()[name], _KINDS[kind]))


def experiment(name: str) -> Experiment | Study:
    """Return an experiment by name.

    Parameters
    ----------
    name : str
        One of `list_experiments`.

    Returns
    -------
    Experiment or Study
        Ready to `run`.

    Raises
    ------
    UnknownNameError
        If there is none of that name; says the nearest.

    Examples
    --------
    >>> experiment("naltrexone").arm("naltrexone").title
    'naltrexone alone'
    """
    if name not in _experiments():
        raise unknown_name("experiment", name, _experiments())
    return _experiments()[name]
