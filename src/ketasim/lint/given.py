"""Checks of what a user brings: a regimen in words, or a file of any kind ketasim reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ketasim.errors import InputError
from ketasim.lint.finding import Severity, faults
from ketasim.lint.mechanism import mechanism_faults
from ketasim.lint.names import drug_faults, hypothesis_faults
from ketasim.lint.table import table_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FileCheck", "RegimenCheck"]

Reader: TypeAlias = Callable[[Path, str], Iterable[str]]
"""Takes a file and its text; yields a sentence for each fault."""


@dataclass(frozen=True)
class RegimenCheck:
    """A regimen in words can be understood, and every drug can be given that way.

    Attributes
    ----------
    text : str
        For instance ``"ketamine 0.5 mg/kg iv over 40 min"``.
    """

    text: str
    name: str = "regimen"
    severity: Severity = Severity.ERROR

    def run(self) -> Iterator[str]:
        """Read the text."""
        from ketasim.dosing import regimen

        yield from faults([self.text], regimen)


@dataclass(frozen=True)
class FileCheck:
    """A user's file can be used, and every name in it is known.

    Attributes
    ----------
    path : Path
        A hypothesis, drug, parameter table, table of evidence, NONMEM table, mechanism, SBML model
        or manifest.
    """

    path: Path
    name: str = "file"
    severity: Severity = Severity.ERROR

    def run(self) -> Iterator[str]:
        """Find out what the file is, and read it as that."""
        for sentence in self._sentences():
            # A room that is given text, or names inside a file, may not know the file.
            named = self.path.name in sentence
            yield sentence if named else f"{self.path.name}: {sentence}"

    def _sentences(self) -> Iterator[str]:
        try:
            text = _text(self.path)
            yield from reader_of(self.path)(self.path, text)
        except InputError as error:
            yield str(error)


def reader_of(path: Path) -> Reader:
    """Choose how a file is read, by its ending.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    callable
        Takes the path and the text; yields a sentence for each fault, and raises InputError for
        one that hides the rest.

    Raises
    ------
    InputError
        If nobody reads files of that kind.
    """
    readers: dict[str, Reader] = {
        ".yaml": _yaml_faults,
        ".yml": _yaml_faults,
        ".csv": table_faults,
        ".ant": mechanism_faults,
        ".xml": _sbml_faults,
        ".sbml": _sbml_faults,
        ".json": _manifest_faults,
    }
    if path.suffix not in readers:
        raise InputError(
            "nothing here reads such a file",
            where=str(path),
            expected=f"a file that ends in {', '.join(readers)}",
        )
    return readers[path.suffix]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", where=str(path), expected="a text file") from error


def _yaml_faults(path: Path, text: str) -> Iterator[str]:
    opening = {line.split(":")[0] for line in text.splitlines() if line[:1].isalpha()}
    if {"routes", "molar_mass"} & opening:
        from ketasim.model.drug import read_drug

        yield from drug_faults(read_drug(path), path.name)
        return
    from ketasim.model import load_hypothesis, load_model

    hypothesis = load_hypothesis(path)
    yield from faults([hypothesis], load_model)
    yield from hypothesis_faults(hypothesis, path.name)


def _sbml_faults(_: Path, text: str) -> Iterator[str]:
    from ketasim.engine import compile_model

    yield from faults([text], compile_model)


def _manifest_faults(path: Path, _: str) -> Iterator[str]:
    from ketasim.provenance import Manifest

    yield from faults([path], Manifest.load)
