"""The rating scales: one module each, found in this folder."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from ketasim.errors import unknown_name
from ketasim.instruments.scales.conversion import convert_scale, leucht_points
from ketasim.instruments.scales.scale import RESPONSE_FRACTION, RatingScale, remission, response

__all__ = [
    "RESPONSE_FRACTION",
    "RatingScale",
    "convert_scale",
    "leucht_points",
    "list_scales",
    "load_scale",
    "remission",
    "response",
]


@cache
def _scales() -> dict[str, RatingScale]:
    modules = (import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__))
    found = [
        scale
        for module in modules
        if isinstance(scale := getattr(module, "SCALE", None), RatingScale)
    ]
    return {scale.name: scale for scale in found}


def list_scales() -> tuple[str, ...]:
    """Return the names of the rating scales, in alphabetical order."""
    return tuple(sorted(_scales()))


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
    UnknownNameError
        If there is none of that name; says the nearest.
    """
    if name not in _scales():
        raise unknown_name("rating scale", name, _scales())
    return _scales()[name]
