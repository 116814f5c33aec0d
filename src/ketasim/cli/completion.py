"""What the shell offers after a tab: the names that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketasim.errors import KetasimError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "controls", "drugs", "experiments", "hypotheses", "kinetic_models", "properties", "routes",
]  # fmt: skip


def hypotheses(incomplete: str) -> list[str]:
    """Return the hypotheses that begin with what was typed."""
    from ketasim.model import list_hypotheses

    return _beginning(incomplete, list_hypotheses)


def drugs(incomplete: str) -> list[str]:
    """Return the drugs that begin with what was typed."""
    from ketasim.model import list_drugs

    return _beginning(incomplete, list_drugs)


def routes(incomplete: str) -> list[str]:
    """Return the routes that begin with what was typed."""
    from ketasim.model.drug import ROUTES

    return _beginning(incomplete, lambda: ROUTES)


def controls(incomplete: str) -> list[str]:
    """Return the control types that begin with what was typed."""
    from ketasim.cli.observing import NO_CONTEXT
    from ketasim.instruments import CONTROL_TYPES

    return _beginning(incomplete, lambda: (*CONTROL_TYPES, NO_CONTEXT))


def experiments(incomplete: str) -> list[str]:
    """Return the experiments that begin with what was typed."""
    from ketasim.experiments import list_experiments

    return _beginning(incomplete, list_experiments)


def kinetic_models(incomplete: str) -> list[str]:
    """Return the kinetic models of PET that begin with what was typed."""
    from ketasim.instruments.pet.kinetics import MODELS

    return _beginning(incomplete, lambda: MODELS)


def properties(incomplete: str) -> list[str]:
    """Return the properties of a compound that begin with what was typed."""
    from ketasim.discovery import space

    return _beginning(incomplete, lambda: space().names)


def _beginning(incomplete: str, names: Callable[[], Iterable[str]]) -> list[str]:
    # A broken file of the user's must not break the shell's prompt.
    try:
        return [name for name in names() if name.startswith(incomplete)]
    except KetasimError:
        return []
