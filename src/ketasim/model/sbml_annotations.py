"""What a reader of the SBML alone is told of each symbol: term, identifiers and source."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from ketasim.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import libsbml
    import pandas as pd

REGISTRY = "https://identifiers.org/"
"""How every identifier begins; these are names, never addresses that are fetched."""

SBO_PARAMETER = "SBO:0000002"
SBO_SIMPLE_CHEMICAL = "SBO:0000247"
SBO_EMPTY_SET = "SBO:0000291"
SBO_RATE_LAW = "SBO:0000001"

# Movement of a substance that stays what it is. SBO's "transport reaction" needs a transporter.
SBO_TRANSLOCATION = "SBO:0000185"
SBO_CONVERSION = "SBO:0000176"
SBO_DEGRADATION = "SBO:0000179"

# Beginning of the name, unit and term; the first that fits holds.
_TERMS = (
    (r"tau_", "h", "SBO:0000348"),  # exponential time constant
    (r"", "1/h", "SBO:0000009"),  # kinetic constant
    (r"ic50_", "umol/L", "SBO:0000288"),  # IC50
    (r"c50_|k_gs", "umol/L", "SBO:0000287"),  # EC50
    (r"ki_|k_mor_", "umol/L", "SBO:0000282"),  # dissociation constant
    (r"", "umol/L", "SBO:0000196"),  # concentration
    (r"", "L", "SBO:0000468"),  # volume
    (r"", "g/mol", "SBO:0000647"),  # molecular mass
    (r"n_(?!transit|promotion)", "dimensionless", "SBO:0000190"),  # Hill coefficient
    (r"f[mu]_|f_(gut|oral|nasal|muscle|subcutaneous|mucosa|ntx)$", "dimensionless", "SBO:0000540"),
)


def parameter_term(name: str, unit: str) -> str:
    """Return the SBO term of a number, from its unit and from what its name begins with."""
    for beginning, wanted, term in _TERMS:
        if unit == wanted and re.match(beginning, name):
            return term
    return SBO_PARAMETER


def reaction_term(model: libsbml.Model, reaction: libsbml.Reaction) -> str:
    """Return the SBO term of a reaction: loss, movement of one substance, or conversion."""
    sides = (reaction.getListOfReactants(), reaction.getListOfProducts())
    before, after = ([model.getSpecies(one.getSpecies()) for one in side] for side in sides)
    if all(one.getBoundaryCondition() for one in after):
        return SBO_DEGRADATION
    same = set(map(_substance, before)) == set(map(_substance, after))
    return SBO_TRANSLOCATION if same else SBO_CONVERSION


def _substance(species: libsbml.Species) -> tuple[str, ...]:
    # A drug that nobody has given an identifier is known by its name, in its depot too.
    return resources(species) or (str(species.getId()).removesuffix("_depot"),)


def resources(element: Any) -> tuple[str, ...]:
    """Return the identifiers an element was given, in their order."""
    terms = [element.getCVTerm(index) for index in range(element.getNumCVTerms())]
    return tuple(
        str(term.getResourceURI(index)) for term in terms for index in range(term.getNumResources())
    )


def identify(element: Any, identifiers: str) -> None:
    """Give an element its MIRIAM identifiers.

    Parameters
    ----------
    element : libsbml.SBase
        A species or parameter.
    identifiers : str
        Qualifier and identifier, several parted by semicolons, as in
        ``is pubchem.compound:644025; isVersionOf CHEBI:6121``.

    Raises
    ------
    ModelError
        A qualifier that BioModels.net does not define.
    """
    import libsbml

    for entry in filter(None, (one.strip() for one in identifiers.split(";"))):
        qualifier, _, identifier = entry.partition(" ")
        kind = libsbml.BiolQualifierType_fromString(qualifier)
        if kind == libsbml.BQB_UNKNOWN or not identifier:
            raise ModelError(
                f"'{entry}' is no identifier", where=f"variables.csv, {element.getId()}",
                expected="for instance 'is CHEBI:7465'",
            )  # fmt: skip
        if not element.isSetMetaId():
            element.setMetaId(f"meta_{element.getId()}")
        term = libsbml.CVTerm(libsbml.BIOLOGICAL_QUALIFIER)
        term.setBiologicalQualifierType(kind)
        term.addResource(REGISTRY + identifier)
        element.addCVTerm(term)


def remark(element: Any, *lines: str) -> None:
    """Add lines to the notes of an element, for people."""
    for line in lines:
        element.appendNotes(f"<p xmlns='http://www.w3.org/1999/xhtml'>{escape(line)}</p>")


def describe_number(element: Any, row: Mapping[str, Any]) -> None:
    """Write status, source and note of a number beside it, and the source's DOI as annotation."""
    source = str(row["source"])
    remark(element, f"{row['status']}; {source or 'no source'}; {row['note']}")
    identify(element, f"isDescribedBy {address}" if (address := _address(source)) else "")


def _address(key: str) -> str:
    """Return the identifier of a source in a registry, or nothing."""
    from ketasim.evidence import bibliography

    found = bibliography().get(key)
    if found is None:
        return ""
    registries = (("doi", "doi:"), ("pmid", "pubmed:"), ("pmcid", "pmc:"))
    known = (start + found.fields[name] for name, start in registries if name in found.fields)
    return next(known, "")


def describe_origins(model: libsbml.Model, parameters: pd.DataFrame) -> None:
    """Write beside each variable, species and reaction on which numbers it rests, and whose.

    Read from the formulas and the parameter table, so that it cannot disagree with either. A
    formula without numbers of its own rests on those of the variables it reads.
    """
    reads = [
        (element, list(dict.fromkeys(chain(*map(_names, formulas)))))
        for element, formulas in _formulas(model)
    ]
    ruled = {rule.getVariable() for rule in model.getListOfRules()}
    rules = {element.getId(): names for element, names in reads if element.getId() in ruled}
    for element, names in reads:
        own = [_stated(one, parameters) for one in names if one in parameters.index]
        keys = ", ".join(_keys(names, rules, parameters)) or "no source"
        remark(element, f"computed; {keys}; from {', '.join(own or names) or 'no other symbol'}")


def _formulas(model: libsbml.Model) -> Iterator[tuple[Any, list[Any]]]:
    for rule in model.getListOfRules():
        yield model.getElementBySId(rule.getVariable()), [rule.getMath()]
    touching: dict[str, list[Any]] = {one.getId(): [] for one in model.getListOfSpecies()}
    for reaction in model.getListOfReactions():
        law = reaction.getKineticLaw().getMath()
        yield reaction, [law]
        for side in (reaction.getListOfReactants(), reaction.getListOfProducts()):
            for one in side:
                touching[one.getSpecies()].append(law)
    for species in model.getListOfSpecies():
        if not species.getBoundaryCondition():
            yield species, touching[species.getId()]


def _names(node: Any) -> Iterator[str]:
    if node.isName():
        yield str(node.getName())
    for child in range(node.getNumChildren()):
        yield from _names(node.getChild(child))


def _keys(
    names: Sequence[str],
    rules: Mapping[str, Sequence[str]],
    parameters: pd.DataFrame,
    seen: frozenset[str] = frozenset(),
) -> list[str]:
    """Return the citation keys of the numbers among `names`, or of those behind its variables."""
    own = [one for one in names if one in parameters.index]
    if own:
        return sorted({str(parameters.at[one, "source"]) for one in own} - {""})
    ahead = [one for one in names if one in rules and one not in seen]
    behind = (_keys(rules[one], rules, parameters, seen.union(ahead)) for one in ahead)
    return sorted(set(chain(*behind)))


def _stated(name: str, parameters: pd.DataFrame) -> str:
    status, source = parameters.loc[name, ["status", "source"]].astype(str)
    return f"{name} ({status}{f', {source}' if source else ''})"


def list_sources(model: libsbml.Model, keys: Iterable[str]) -> None:
    """Write into the model's notes what each citation key stands for."""
    from ketasim.evidence import bibliography

    known = bibliography()
    wanted = sorted({key for key in keys if key in known})
    remark(model, *(f"{key}: {known[key].to_text()}" for key in wanted))
