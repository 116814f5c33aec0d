"""What the engine does not do, refused by name before anything is computed.

Each check is one small class with a `run` that yields sentences; a wrong number is far worse
than a refusal, so a construct nobody has taught the engine stops here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..errors import ModelError
from .sbml_consistency import CONSISTENCY

if TYPE_CHECKING:
    from collections.abc import Iterator

#: SBML packages that only describe or draw a model and so change no number.
HARMLESS_PACKAGES = frozenset({"layout", "render", "groups"})

#: Where libSBML cites the specification; what it says of the file at hand follows.
_REFERENCE = re.compile(r"Reference: L\dV\d Section [\d.]+")

_TOLD = 5  # findings that one sentence holds


@runtime_checkable
class Check(Protocol):
    """A reason why a model cannot be simulated."""

    def run(self, document: Any) -> Iterator[str]:
        """Yield one sentence for every construct that is refused."""
        ...


class Readable:
    """The file is well-formed SBML of level 2 or 3 with a model in it."""

    def run(self, document: Any) -> Iterator[str]:
        """Yield libSBML's own errors."""
        import libsbml

        if document.getModel() is not None and document.getLevel() < 2:
            yield "SBML level 1 is not supported"
            return
        for index in range(document.getNumErrors()):
            error = document.getError(index)
            if error.getSeverity() >= libsbml.LIBSBML_SEV_ERROR:
                yield f"line {error.getLine()}: {_told(error)}"
                return
        if document.getModel() is None:
            yield "there is no model in the file"


def _told(error: Any) -> str:
    """Return what libSBML says of this file, without the rule's whole text where it can be told."""
    message = " ".join(error.getMessage().split()).rstrip(".")
    here = _REFERENCE.split(message)[-1].strip()
    short = error.getShortMessage().rstrip(".")
    return f"{short}: {here}" if here and here != message else message


class Packages:
    """No package that changes the meaning of the model."""

    def run(self, document: Any) -> Iterator[str]:
        """Yield the packages in use."""
        for index in range(document.getNumPlugins()):
            name = document.getPlugin(index).getPackageName()
            if name not in HARMLESS_PACKAGES and not name.startswith("l3v2"):
                yield f"the SBML package {name!r} is not supported"
        for index in range(document.getNumUnknownPackages()):
            prefix = document.getUnknownPackagePrefix(index)
            if document.getPackageRequired(document.getUnknownPackageURI(index)):
                yield f"the SBML package {prefix!r} is not supported"


class Reactions:
    """Every reaction has a rate of its own, and none is fast."""

    def run(self, document: Any) -> Iterator[str]:
        """Yield each reaction that is fast or has no kinetic law."""
        for reaction in document.getModel().getListOfReactions():
            if reaction.isSetFast() and reaction.getFast():
                yield f"the fast reaction {reaction.getId()!r} is not supported"
            if not reaction.isSetKineticLaw() or reaction.getKineticLaw().getMath() is None:
                yield f"the reaction {reaction.getId()!r} has no rate"


CHECKS: tuple[Check, ...] = (Packages(), Readable(), Reactions(), *CONSISTENCY)


def refuse_unsupported(document: Any) -> None:
    """Stop at the first check that finds something, naming what it found.

    Parameters
    ----------
    document : libsbml.SBMLDocument
        The file as read.

    Raises
    ------
    ModelError
        With one sentence.
    """
    for check in CHECKS:
        found = list(check.run(document))
        if found:
            model = document.getModel()
            where = f"model {model.getId()}" if model is not None and model.getId() else "SBML"
            more = f" (and {len(found) - _TOLD} more)" if len(found) > _TOLD else ""
            raise ModelError("; ".join(found[:_TOLD]) + more, where=where)
