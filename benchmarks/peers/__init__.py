"""One small adapter for each engine, all behind `Peer`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .protocol import NotMeasured, Peer

#: Name of the engine, and the module and class of its adapter.
ADAPTERS = {
    "ketasim": "ours:Ours",
    "libroadrunner": "libroadrunner:LibRoadRunner",
    "numbalsoda": "lsoda:NumbaLsoda",
    "scipy LSODA": "lsoda:ScipyLsoda",
    "scikit-sundae": "sundae:Sundae",
    "bngsim": "bngsim_:Bngsim",
    "COPASI": "copasi:Copasi",
    "AMICI": "amici_:Amici",
    "diffrax Kvaerno5": "diffrax_:Kvaerno5",
    "diffrax Tsit5": "diffrax_:Tsit5",
}

__all__ = ["ADAPTERS", "NotMeasured", "Peer", "adapter", "make_peer"]


def adapter(name: str) -> type[Any]:
    """Return the class of an engine's adapter."""
    module, kind = ADAPTERS[name].split(":")
    found: type[Any] = getattr(import_module(f"{__name__}.{module}"), kind)
    return found


def make_peer(name: str) -> Peer:
    """Return an engine's adapter.

    Raises
    ------
    NotMeasured
        Where the engine is not installed.
    """
    try:
        peer: Peer = adapter(name)()
        peer.version()
    except (ImportError, OSError) as error:
        raise NotMeasured(f"not installed: {error}") from error
    return peer
