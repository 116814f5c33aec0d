"""A user's mechanism, joined with the shipped ones: what is wrong, at which line of the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ketasim.errors import ModelError, nearest_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

__all__ = ["mechanism_faults"]

_NAME = re.compile(r"[A-Za-z_]\w*")
_QUOTED = re.compile(r"'([^']+)'")
_ANTIMONY = re.compile(r"\(Error in model string, line (?P<line>\d+): (?P<what>.*)\)$")
# What libSBML says of its rule in general, before it comes to the case.
_RULE = re.compile(
    r"^the assembled model is inconsistent: (?:.*Reference: L\dV\d Sections? [\d., AND]+ )?"
)
# Numbers of libSBML's rules on units.
_UNIT_RULE = re.compile(r"SBML rule (?:105\d\d|99505)$")
_ONE_UNIT = r"\w+ \(exponent = -?[\d.]+, multiplier = [\d.e+-]+, scale = -?\d+\)"
_UNITS = re.compile(f"{_ONE_UNIT}(?:, {_ONE_UNIT})*")
_UNIT = re.compile(
    r"(?P<kind>\w+) \(exponent = (?P<exponent>.+?), multiplier = (?P<size>.+?), scale = (?P<scale>.+?)\)"
)


def mechanism_faults(path: Path, text: str) -> Iterator[str]:
    """Yield what is wrong with a mechanism; it takes the place of a shipped one of the same name.

    A parameter table of the same name beside it is read with it.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        What it holds.

    Raises
    ------
    ModelError
        With the line of the file, where what is wrong can be found there.
    """
    from ketasim.model import list_drugs, load_drug
    from ketasim.model.assembly import assemble
    from ketasim.model.files import mechanism_texts
    from ketasim.model.sbml import to_sbml

    table = _numbers_with(path)
    values = {str(name): float(value) for name, value in table["value"].items()}
    texts = {**mechanism_texts(), path.stem: text}
    joined = assemble(texts, values, map(load_drug, list_drugs()))
    before = joined[: joined.index(f"// {path.stem}\n{text}")].count("\n") + 1
    try:
        sbml = to_sbml(joined, table)
    except ModelError as error:
        raise _in_the_file(error, path, text, before) from error
    yield from _undeclared(sbml, path, text)


def _numbers_with(path: Path) -> pd.DataFrame:
    import pandas as pd

    from ketasim.model.parameters import parameter_table, read_parameters

    table, numbers = parameter_table(), path.with_suffix(".csv")
    if not numbers.is_file():
        return table
    return pd.concat([table[table["group"] != path.stem], read_parameters(numbers)])


def _in_the_file(error: ModelError, path: Path, text: str, before: int) -> ModelError:
    """Say an error of the joined model as one of the file; `before` lines are joined ahead of it."""
    what, line = _units_short(_RULE.sub("", error.what)), 0
    if _UNIT_RULE.match(error.where or ""):
        what = f"units do not balance: {what[:1].lower()}{what[1:]}"
    found = _ANTIMONY.search(what)
    if found:
        what = f"cannot be read: {re.split(r'[.] (?=[A-Z])', found['what'])[0]}"
        line = int(found["line"]) - before
    if not 1 <= line <= len(text.splitlines()):
        line = _line_of(what, text)
    return ModelError(
        what[:1].lower() + what[1:],
        where=_place(path, line),
        expected=error.expected,
        suggestions=error.suggestions,
    )


def _place(path: Path, line: int) -> str:
    return f"{path.name}, line {line}" if line else path.name


def _line_of(what: str, text: str) -> int:
    """Return the line that defines something quoted, or the first that holds its names, or 0."""
    lines = [line.split("//")[0] for line in text.splitlines()]
    for quoted in _QUOTED.findall(what):
        names = set(_NAME.findall(quoted))
        holding = [
            number
            for number, line in enumerate(lines, 1)
            if names and names <= set(_NAME.findall(line))
        ]
        defining = re.compile(rf"\s*{re.escape(quoted)}\s*('|:)")
        for number in sorted(holding, key=lambda one: not defining.match(lines[one - 1])):
            return number
    return 0


def _units_short(what: str) -> str:
    """Write libSBML's units as the tables do: ``umol/L``."""
    return _UNITS.sub(lambda found: _unit_text(found[0]), what)


def _unit_text(text: str) -> str:
    from ketasim.model.sbml_units import SYMBOLS

    symbols = {(kind, scale, size): name for name, (kind, scale, size) in SYMBOLS.items()}
    above: list[str] = []
    below: list[str] = []
    for unit in _UNIT.finditer(text):
        kind, exponent = unit["kind"], float(unit["exponent"])
        name = symbols.get((kind, int(unit["scale"]), float(unit["size"])), kind)
        power = "" if abs(exponent) == 1 else f"^{abs(exponent):g}"
        (above if exponent > 0 else below).append(name + power)
    return "/".join(["*".join(above) or "1", *below])


def _undeclared(sbml: str, path: Path, text: str) -> Iterator[str]:
    """Yield species that a reaction names and nothing declares: Antimony makes them up silently."""
    import libsbml

    # libSBML frees a model with its document, so the document has to be kept.
    document = libsbml.readSBMLFromString(sbml)
    species = list(document.getModel().getListOfSpecies())
    declared = [one.getId() for one in species if one.getHasOnlySubstanceUnits()]
    for name in (one.getId() for one in species if not one.getHasOnlySubstanceUnits()):
        yield str(
            ModelError(
                f"the species '{name}' is not declared",
                where=_place(path, _line_of(f"'{name}'", text)),
                expected=f"'substanceOnly species {name} in body'",
                suggestions=nearest_names(name, declared),
            )
        )
