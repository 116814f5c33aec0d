"""What a check is, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from ketasim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Check", "Finding", "Severity", "faults", "run_checks"]

Item = TypeVar("Item")


class Severity(Enum):
    """How much a finding matters; the value is the word a user reads."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing a check has to say.

    Attributes
    ----------
    check : str
        The check that says it.
    severity : Severity
        How much it matters.
    message : str
        One sentence, with the place.
    """

    check: str
    severity: Severity
    message: str


@runtime_checkable
class Check(Protocol):
    """One question about the input."""

    @property
    def name(self) -> str:
        """A few words, shown with every finding."""
        ...

    @property
    def severity(self) -> Severity:
        """How much its findings matter."""
        ...

    def run(self) -> Iterable[str]:
        """Yield one sentence for every fault; nothing where all is well."""
        ...


def faults(items: Iterable[Item], read: Callable[[Item], object]) -> Iterator[str]:
    """Yield what a room says against each of many items.

    Parameters
    ----------
    items : iterable
        Names or files.
    read : callable
        The room's own reader; raises InputError where something is wrong.

    Yields
    ------
    str
        One sentence for each item that cannot be read.
    """
    for item in items:
        try:
            read(item)
        except InputError as error:
            yield str(error)


def run_checks(checks: Iterable[Check]) -> tuple[Finding, ...]:
    """Run checks, each to its end, whatever the others find.

    Parameters
    ----------
    checks : iterable of Check
        In the order in which their findings shall stand.

    Returns
    -------
    tuple of Finding
        Each sentence once, under the first check that says it.
    """
    found: dict[str, Finding] = {}
    for check in checks:
        try:
            for message in check.run():
                found.setdefault(message, Finding(check.name, check.severity, message))
        except InputError as error:
            # What a check needs in order to begin is itself broken, which is always an error.
            found.setdefault(str(error), Finding(check.name, Severity.ERROR, str(error)))
    return tuple(found.values())
