"""The rating scales: one module each, found in this folder; also those that are not predicted."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from ketasim.errors import unknown_name
from ketasim.instruments.scales.conversion import convert_scale, leucht_points
from ketasim.instruments.scales.scale import RESPONSE_FRACTION, RatingScale, remission, response
from ketasim.instruments.scales.unmapped import UnmappedScale

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "RESPONSE_FRACTION",
    "RatingScale",
    "UnmappedScale",
    "convert_scale",
    "leucht_points",
    "list_scales",
    "load_scale",
    "remission",
    "response",
    "unmapped_scales",
]


@cache
def _modules() -> tuple[ModuleType, ...]:
    return tuple(import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__))


@cache
def _scales() -> dict[str, RatingScale]:
    found = [getattr(module, "SCALE", None) for module in _modules()]
    return {scale.name: scale for scale in found if isinstance(scale, RatingScale)}


@cache
def _unmapped() -> dict[str, UnmappedScale]:
    found = [getattr(module, "UNMAPPED", None) for module in _modules()]
    return {scale.name: scale for scale in found if isinstance(scale, UnmappedScale)}


def list_scales() -> tuple[str, ...]:
    """Return the names of the rating scales that are predicted, in alphabetical order."""
    return tuple(sorted(_scales()))


def unmapped_scales() -> tuple[UnmappedScale, ...]:
    """Return the scales that trials use and the model cannot predict, in alphabetical order."""
    return tuple(_unmapped()[name] for name in sorted(_unmapped()))


def load_scale(name: str) -> RatingScale:
    """Return a rating scale by name.

    Parameters
    ----------
    name : str
        For instance ``"madrs"``.

    Returns
    -------
    RatingScale
        The scale.

    Raises
    ------
    EvidenceError
        If the scale is known and no map to it is in the evidence; says so.
    UnknownNameError
        If there is none of that name; says the nearest.
    """
    if name in _unmapped():
        raise _unmapped()[name].refusal()
    if name not in _scales():
        raise unknown_name("rating scale", name, _scales())
    return _scales()[name]
