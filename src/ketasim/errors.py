"""Every error a user can meet, and the sentence it says.

The tree::

    KetasimError                 exit code 1: the work failed
    ├── SimulationError          too many patients failed, or the solver gave up
    ├── OutputError              a result could not be written
    └── InputError               exit code 2: what was given cannot be used
        ├── UnknownNameError     a name nobody knows, answered with the nearest ones
        ├── ModelError           a model file, parameter table, drug or hypothesis
        ├── RegimenError         a dose or a regimen
        ├── EvidenceError        a table of published values
        │   └── RoleError        evidence asked for a purpose its role forbids
        └── MissingExtraError    an optional library that is not installed
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

__all__ = [
    "EvidenceError",
    "InputError",
    "KetasimError",
    "MissingExtraError",
    "ModelError",
    "OutputError",
    "RegimenError",
    "RoleError",
    "SimulationError",
    "UnknownNameError",
    "nearest_names",
    "require_extra",
    "unknown_name",
]


class KetasimError(Exception):
    """Something a user should read as one sentence, not as a traceback.

    Attributes
    ----------
    exit_code : int
        What the command line returns: 1 the work failed, 2 the input was bad.
    """

    exit_code: ClassVar[int] = 1


class SimulationError(KetasimError):
    """The solver, or too large a share of the patients, failed."""


class OutputError(KetasimError):
    """A result could not be written, for instance to a full or read-only disk."""


class InputError(KetasimError):
    """What was given cannot be used.

    Parameters
    ----------
    what : str
        What is wrong, as the opening of a sentence and without a full stop.
    where : str, optional
        The place: file, row, column, or the text that was read.
    expected : str, optional
        What would have been right.
    suggestions : sequence of str, optional
        The nearest valid names, best first.

    Attributes
    ----------
    what, where, expected, suggestions
        The four parts, as given.
    """

    exit_code: ClassVar[int] = 2

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        suggestions: Sequence[str] = (),
    ) -> None:
        self.what = what
        self.where = where
        self.expected = expected
        self.suggestions = tuple(suggestions)
        super().__init__(what)

    def __str__(self) -> str:
        sentence = self.what.rstrip(".")
        if self.where:
            sentence = f"{self.where}: {sentence}"
        if self.expected:
            sentence += f"; expected {self.expected.rstrip('.')}"
        if self.suggestions:
            mark = ";" if self.expected else ":"
            sentence += f"{mark} did you mean {_alternatives(self.suggestions)}?"
        return sentence

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions pickle their positional arguments only; the named parts must survive a
        # journey from a worker process.
        state = {"where": self.where, "expected": self.expected, "suggestions": self.suggestions}
        return (type(self), (self.what,), state)


class UnknownNameError(InputError):
    """A name that nobody knows; `suggestions` holds the nearest ones."""


class ModelError(InputError):
    """A model file, a parameter table, a drug or a hypothesis cannot be used."""


class RegimenError(InputError):
    """A dose or a regimen cannot be understood or given."""


class EvidenceError(InputError):
    """A table of published values breaks its schema."""


class RoleError(EvidenceError):
    """A row of evidence was asked for a purpose that its role forbids."""


class MissingExtraError(InputError):
    """An optional library is needed and not installed."""


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """Find the known names that look most like a given one.

    Parameters
    ----------
    name : str
        The name as it was given.
    known : iterable of str
        The names that exist.
    count : int, optional
        How many to return at most.

    Returns
    -------
    tuple of str
        The nearest names, best first; empty where nothing is near. Case does not count, and a
        known name that contains the given one (or is contained in it) counts as near.
    """
    wanted = name.strip().lower()
    scores = {one: _likeness(wanted, one.lower()) for one in dict.fromkeys(known)}
    near = [one for one, score in scores.items() if score >= 0.6]
    return tuple(sorted(near, key=lambda one: (-scores[one], one))[:count])


def _likeness(wanted: str, known: str) -> float:
    ratio = difflib.SequenceMatcher(None, wanted, known).ratio()
    if len(wanted) >= 3 and (wanted in known or known in wanted):
        ratio = max(ratio, 0.6)
    return ratio


def unknown_name(
    kind: str, name: str, known: Iterable[str], where: str | None = None
) -> UnknownNameError:
    """Make the error for a name that does not exist.

    Parameters
    ----------
    kind : str
        What the name names, for instance ``"drug"``.
    name : str
        The name as it was given.
    known : iterable of str
        The names that exist.
    where : str, optional
        The place where the name was read.

    Returns
    -------
    UnknownNameError
        To be raised by the caller; says the three nearest names, or, where none is near and
        there are few, all of them.

    Examples
    --------
    >>> str(unknown_name("drug", "ketamin", ["ketamine", "saline"]))
    "unknown drug 'ketamin': did you mean ketamine?"
    """
    names = tuple(known)
    near = nearest_names(name, names)
    expected = None
    if not near and names:
        shown = ", ".join(sorted(names)[:20])
        expected = f"one of {shown}" + (" and others" if len(names) > 20 else "")
    return UnknownNameError(
        f"unknown {kind} {name!r}", where=where, expected=expected, suggestions=near
    )


def require_extra(module: str, extra: str) -> ModuleType:
    """Import an optional library, or say which extra installs it.

    Parameters
    ----------
    module : str
        Name of the module to import, for instance ``"numba.cuda"``.
    extra : str
        The extra of ketasim that installs it, for instance ``"gpu"``.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingExtraError
        If the module, or the package it lives in, is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"this needs the library {error.name or module!r}, which is not installed",
            expected=f"`pip install ketasim[{extra}]` to have been run",
        ) from error


def _alternatives(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} or {names[-1]}"
