"""Antimony to SBML Level 3 Version 2 with units, annotations and a consistency check."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from ketasim.errors import ModelError, nearest_names
from ketasim.model.files import VARIABLES
from ketasim.model.sbml_annotations import (
    SBO_EMPTY_SET,
    SBO_PARAMETER,
    SBO_RATE_LAW,
    SBO_SIMPLE_CHEMICAL,
    describe_number,
    describe_origins,
    identify,
    list_sources,
    parameter_term,
    reaction_term,
)
from ketasim.model.sbml_units import define_unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import libsbml
    import pandas as pd


@functools.cache
def variable_table() -> pd.DataFrame:
    """Units, titles and identifiers of the model's variables, indexed by id."""
    import pandas as pd

    return pd.read_csv(VARIABLES, dtype=str, keep_default_na=False).set_index("id")


def to_sbml(text: str, parameters: pd.DataFrame) -> str:
    """Translate the joined Antimony text and give every symbol its unit, meaning and source.

    Parameters
    ----------
    text : str
        Antimony.
    parameters : DataFrame
        Parameter table, indexed by id.

    Returns
    -------
    str
        SBML Level 3 Version 2.

    Raises
    ------
    ModelError
        The text cannot be read, a symbol has no value or no unit, or units do not balance.
    """
    import libsbml

    document = libsbml.readSBMLFromString(_translate(text))
    if not document.setLevelAndVersion(3, 2, False, True):
        raise ModelError("the model cannot be written as SBML Level 3 Version 2")
    model = document.getModel()
    _set_model_units(model)
    for element in _math_elements(model):
        _literals_are_dimensionless(element.getMath())
    _describe_parameters(model, parameters)
    _describe_species(model)
    for reaction in model.getListOfReactions():
        reaction.setSBOTerm(reaction_term(model, reaction))
        reaction.getKineticLaw().setSBOTerm(SBO_RATE_LAW)
    describe_origins(model, parameters)
    list_sources(model, map(str, parameters["source"]))
    check(document)
    return str(libsbml.writeSBMLToString(document))


def _translate(text: str) -> str:
    import antimony

    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(text) < 0:
        problem = " ".join(str(antimony.getLastError()).split())
        raise ModelError(f"a mechanism cannot be read ({problem})", where="mechanisms")
    return str(antimony.getSBMLString("ketasim"))


def _set_model_units(model: libsbml.Model) -> None:
    model.setTimeUnits(define_unit(model, "h"))
    model.setSubstanceUnits(define_unit(model, "umol"))
    model.setExtentUnits(define_unit(model, "umol"))
    model.setVolumeUnits(define_unit(model, "L"))
    for compartment in model.getListOfCompartments():
        compartment.setSBOTerm("SBO:0000290")
        compartment.setUnits(define_unit(model, "L"))


def _math_elements(model: libsbml.Model) -> Iterator[Any]:
    yield from model.getListOfRules()
    yield from model.getListOfInitialAssignments()
    for reaction in model.getListOfReactions():
        yield reaction.getKineticLaw()


def _literals_are_dimensionless(node: Any) -> None:
    # A bare 1 in a formula has undeclared units, and one of them blinds the whole check.
    if node is None:
        return
    if node.isNumber() and not node.isSetUnits():
        node.setUnits("dimensionless")
    for child in range(node.getNumChildren()):
        _literals_are_dimensionless(node.getChild(child))


def _describe_parameters(model: libsbml.Model, parameters: pd.DataFrame) -> None:
    variables = variable_table()
    for parameter in model.getListOfParameters():
        name = parameter.getId()
        if name in parameters.index:
            row = parameters.loc[name].to_dict()
            unit = str(row["unit"])
            parameter.setUnits(define_unit(model, unit))
            parameter.setSBOTerm(parameter_term(name, unit))
            describe_number(parameter, row)
            continue
        if parameter.getConstant():
            raise ModelError(
                f"'{name}' is used but has no value",
                where="mechanisms",
                expected="a row in a parameter table, or a rule that defines it",
                suggestions=nearest_names(
                    name, [p.getId() for p in model.getListOfParameters() if p.getId() != name]
                ),
            )
        known = name in variables.index
        parameter.setUnits(define_unit(model, str(variables.at[name, "unit"]) if known
                                       else "dimensionless"))  # fmt: skip
        _annotate(parameter, variables.loc[name].to_dict() if known else None, SBO_PARAMETER)


def _describe_species(model: libsbml.Model) -> None:
    variables = variable_table()
    for species in model.getListOfSpecies():
        name = species.getId()
        species.setSubstanceUnits(define_unit(model, "umol"))
        species.setInitialAmount(0.0)
        known = variables.loc[name].to_dict() if name in variables.index else None
        outside = species.getBoundaryCondition()
        _annotate(species, known, SBO_EMPTY_SET if outside else SBO_SIMPLE_CHEMICAL)


def _annotate(element: Any, row: Mapping[str, Any] | None, term: str) -> None:
    element.setSBOTerm((row["sbo"] if row is not None else "") or term)
    if row is not None:
        element.setName(str(row["title"]))
        identify(element, str(row["identifiers"]))


def check(document: libsbml.SBMLDocument) -> None:
    """Raise ModelError for any error or warning of libSBML's consistency check, units included."""
    document.checkConsistency()
    for index in range(document.getNumErrors()):
        problem = document.getError(index)
        if problem.getSeverity() >= 1:
            message = " ".join(problem.getMessage().split())
            raise ModelError(
                f"the assembled model is inconsistent: {message}",
                where=f"SBML rule {problem.getErrorId()}",
            )
