"""Finding experiments: one module each in the folder ``claims``, and those of plug-ins."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from ketasim.errors import ModelError, unknown_name
from ketasim.experiments import claims
from ketasim.experiments.design import Experiment
from ketasim.experiments.readouts import readout

__all__ = ["GROUP", "experiment", "list_experiments"]

GROUP = "ketasim.experiments"
"""Entry points of this group are loaded too; each must be an `Experiment`."""

_ORDER = ("occupancy", "naltrexone", "mtor", "ampa", "serotonin", "camp")


@cache
def _experiments() -> dict[str, Experiment]:
    modules = [f"{claims.__name__}.{one.name}" for one in pkgutil.iter_modules(claims.__path__)]
    found = [(name, getattr(import_module(name), "EXPERIMENT", None)) for name in modules]
    found += [(point.name, point.load()) for point in entry_points(group=GROUP)]
    checked: dict[str, Experiment] = {}
    for where, one in found:
        made = _checked(where, one)
        if made.name in checked:
            raise ModelError(f"there are two experiments {made.name!r}", where=where)
        checked[made.name] = made
    return checked


def _checked(where: str, one: object) -> Experiment:
    if not isinstance(one, Experiment):
        raise ModelError("there is no EXPERIMENT of the type Experiment", where=where)
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


def list_experiments() -> tuple[str, ...]:
    """Return the names of all experiments, those of the article first and in its order.

    Returns
    -------
    tuple of str
    """
    order = {name: place for place, name in enumerate(_ORDER)}
    return tuple(sorted(_experiments(), key=lambda name: (order.get(name, len(order)), name)))


def experiment(name: str) -> Experiment:
    """Return an experiment by name.

    Parameters
    ----------
    name : str
        One of `list_experiments`.

    Returns
    -------
    Experiment
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
