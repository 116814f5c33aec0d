"""Checks of what a user brings: a regimen in words, or a file of any kind ketasim reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ketasim.errors import InputError
from ketasim.lint.finding import Severity, faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["FileCheck", "RegimenCheck"]

NONMEM_COLUMNS = {"time", "amt"}
PARAMETER_COLUMNS = {"id", "value", "unit"}


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
    """A user's file can be used.

    Attributes
    ----------
    path : Path
        A hypothesis, drug, parameter table, NONMEM table, mechanism, SBML model or manifest.
    """

    path: Path
    name: str = "file"
    severity: Severity = Severity.ERROR

    def run(self) -> Iterator[str]:
        """Find out what the file is, and read it as that."""
        yield from faults([self.path], reader_of(self.path))


def reader_of(path: Path) -> Callable[[Path], object]:
    """Choose the room that reads a file, by its ending and its first lines.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    callable
        Takes the path; raises InputError where the file is wrong.

    Raises
    ------
    InputError
        If the file is missing or of a kind nobody reads.
    """
    readers: dict[str, Callable[[str], Callable[[Path], object]]] = {
        ".yaml": _yaml_reader,
        ".yml": _yaml_reader,
        ".csv": _table_reader,
        ".ant": lambda _: _read_mechanism,
        ".xml": lambda _: _read_sbml,
        ".sbml": lambda _: _read_sbml,
        ".json": lambda _: _read_manifest,
    }
    if path.suffix not in readers:
        raise InputError(
            "nothing here reads such a file",
            where=str(path),
            expected=f"a file that ends in {', '.join(readers)}",
        )
    return readers[path.suffix](_text(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", where=str(path), expected="a text file") from error


def _yaml_reader(text: str) -> Callable[[Path], object]:
    from ketasim.model import load_model
    from ketasim.model.drug import read_drug

    opening = {line.split(":")[0] for line in text.splitlines() if line[:1].isalpha()}
    return read_drug if {"routes", "molar_mass"} & opening else load_model


def _table_reader(text: str) -> Callable[[Path], object]:
    first = next(iter(text.splitlines()), "")
    columns = {name.strip().strip('"').lower() for name in first.split(",")}
    if columns >= NONMEM_COLUMNS:
        from ketasim.dosing import regimen_from_nonmem

        return regimen_from_nonmem
    if columns >= PARAMETER_COLUMNS:
        from ketasim.model.parameters import read_parameters

        return read_parameters
    return _refuse_table


def _refuse_table(path: Path) -> None:
    raise InputError(
        "this table is neither a regimen nor a parameter table",
        where=f"{path}, row 1",
        expected="columns time and amt, or id, value and unit",
    )


def _read_mechanism(path: Path) -> None:
    """Join a mechanism with the shipped ones; it takes the place of one of the same name.

    A parameter table of the same name beside it is read with it.
    """
    import pandas as pd

    from ketasim.model import list_drugs, load_drug
    from ketasim.model.assembly import assemble
    from ketasim.model.files import mechanism_texts
    from ketasim.model.parameters import parameter_table, read_parameters
    from ketasim.model.sbml import to_sbml

    table, numbers = parameter_table(), path.with_suffix(".csv")
    if numbers.is_file():
        shipped = table[table["group"] != path.stem]
        table = pd.concat([shipped, read_parameters(numbers)])
    values = {str(name): float(value) for name, value in table["value"].items()}
    texts = {**mechanism_texts(), path.stem: _text(path)}
    to_sbml(assemble(texts, values, map(load_drug, list_drugs())), table)


def _read_sbml(path: Path) -> None:
    from ketasim.engine import compile_model

    text = _text(path)
    try:
        compile_model(text)
    except InputError as error:
        # The engine reads text and does not know the file's name.
        raise InputError(str(error), where=str(path)) from error


def _read_manifest(path: Path) -> None:
    from ketasim.provenance import Manifest

    Manifest.load(path)
