"""The parts of an SBML model by id, and what moves each of them.

A symbol of a model is moved by one thing at most: an assignment rule, an algebraic rule, a rate
rule, reactions, or events alone. `Elements` sorts the symbols by that and says which are states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


@dataclass(frozen=True)
class Part:
    """One reactant or product.

    Attributes
    ----------
    reaction : str
        Id of its reaction.
    reference : libsbml.SpeciesReference
        The species and its stoichiometry.
    produced : bool
        True for a product.
    """

    reaction: str
    reference: Any
    produced: bool


class Elements:
    """A model's parts by id.

    Parameters
    ----------
    model : libsbml.Model
        The model.
    solved : collection of str
        Symbols that algebraic rules determine.

    Attributes
    ----------
    compartments, species, parameters, reactions, references, functions : dict
        libSBML's objects by id; `references` holds the species references that have one.
    assigned, driven, starts : dict of str to libsbml.ASTNode
        Formulas of assignment rules, rate rules and initial assignments by symbol.
    """

    def __init__(self, model: Any, solved: Collection[str] = ()) -> None:
        self.model = model
        self.solved = frozenset(solved)
        self.level = int(model.getLevel())
        self.functions = {f.getId(): f for f in model.getListOfFunctionDefinitions()}
        self.compartments = {c.getId(): c for c in model.getListOfCompartments()}
        self.species = {s.getId(): s for s in model.getListOfSpecies()}
        self.parameters = {p.getId(): p for p in model.getListOfParameters()}
        self.reactions = {r.getId(): r for r in model.getListOfReactions()}
        self.references = {
            part.reference.getId(): part.reference
            for part in self.parts
            if part.reference.isSetId()
        }
        rules = [rule for rule in model.getListOfRules() if rule.getMath() is not None]
        self.assigned = {r.getVariable(): r.getMath() for r in rules if r.isAssignment()}
        self.driven = {r.getVariable(): r.getMath() for r in rules if r.isRate()}
        self.algebraic = [rule.getMath() for rule in rules if rule.isAlgebraic()]
        self.starts = {
            a.getSymbol(): a.getMath()
            for a in model.getListOfInitialAssignments()
            if a.getMath() is not None
        }

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All reactants, then products, reaction by reaction."""
        found = []
        for name, reaction in self.reactions.items():
            found += [Part(name, one, False) for one in reaction.getListOfReactants()]
            found += [Part(name, one, True) for one in reaction.getListOfProducts()]
        return tuple(found)

    @cached_property
    def parts_of(self) -> dict[str, list[Part]]:
        """The reactants and products that change each species."""
        found: dict[str, list[Part]] = {}
        for part in self.parts:
            name = part.reference.getSpecies()
            if not self.species[name].getBoundaryCondition():
                found.setdefault(name, []).append(part)
        return found

    @cached_property
    def event_targets(self) -> tuple[str, ...]:
        """Symbols that events assign, each once."""
        names = (
            assignment.getVariable()
            for event in self.model.getListOfEvents()
            for assignment in event.getListOfEventAssignments()
            if assignment.getMath() is not None
        )
        return tuple(dict.fromkeys(names))

    # what moves what ------------------------------------------------------------------------
    @cached_property
    def changing(self) -> frozenset[str]:
        """Compartments whose size changes."""
        moved = {*self.assigned, *self.solved, *self.driven, *self.event_targets}
        return frozenset(moved & self.compartments.keys())

    @cached_property
    def states(self) -> tuple[str, ...]:
        """Symbols that are states: species first, then what rate rules and events change."""
        moving = [
            name
            for name, species in self.species.items()
            if not species.getConstant() and not self.computed(name)
        ]
        driven = [name for name in self.driven if name not in self.species]
        return tuple(dict.fromkeys([*moving, *driven, *self.event_targets]))

    @cached_property
    def place(self) -> dict[str, int]:
        """Place of each state in the state vector."""
        return {name: index for index, name in enumerate(self.states)}

    def computed(self, name: str) -> bool:
        """Tell whether a rule gives a symbol's value at any time."""
        return name in self.assigned or name in self.solved

    def is_amount(self, species: str) -> bool:
        """Tell whether a species' symbol means an amount in formulas, not a concentration."""
        item = self.species[species]
        compartment = self.compartments[item.getCompartment()]
        # Without dimensions there is no size to divide by (SBML L2V4 section 4.8.5).
        points = compartment.getSpatialDimensionsAsDouble() == 0.0
        return bool(item.getHasOnlySubstanceUnits()) or points

    def diluted(self, name: str) -> bool:
        """Tell whether a symbol is a concentration in a compartment whose size changes."""
        species = self.species.get(name)
        if species is None or self.is_amount(name):
            return False
        return species.getCompartment() in self.changing

    def is_symbol(self, name: str) -> bool:
        """Tell whether a name has a value in formulas."""
        groups = (self.compartments, self.parameters, self.species, self.references)
        return any(name in group for group in groups) or name in self.reactions

    def symbols(self) -> Iterator[str]:
        """Yield every name that has a value in formulas."""
        yield from self.compartments
        yield from self.species
        yield from self.parameters
        yield from self.reactions
        yield from self.references

    # numbers written in the file ------------------------------------------------------------
    def law(self, reaction: str) -> Any:
        """Return the formula of a reaction's rate."""
        return self.reactions[reaction].getKineticLaw().getMath()

    def locals(self, reaction: str) -> list[Any]:
        """Return the local parameters of a reaction's rate."""
        law = self.reactions[reaction].getKineticLaw()
        return list(
            law.getListOfLocalParameters() if self.level >= 3 else law.getListOfParameters()
        )

    def declared(self, name: str) -> float:
        """Return the number written beside a symbol, NaN where it is computed or missing."""
        if name in self.starts:
            return math.nan
        if name in self.compartments:
            item = self.compartments[name]
            unset = 1.0 if self.level < 3 else math.nan
            return float(item.getSize()) if item.isSetSize() else unset
        if name in self.parameters:
            item = self.parameters[name]
            return float(item.getValue()) if item.isSetValue() else math.nan
        if name in self.references:
            return self.declared_stoichiometry(self.references[name])
        species = self.species[name]
        if self.is_amount(name):
            return float(species.getInitialAmount()) if species.isSetInitialAmount() else math.nan
        if species.isSetInitialConcentration():
            return float(species.getInitialConcentration())
        return math.nan

    def declared_stoichiometry(self, reference: Any) -> float:
        """Return the stoichiometry written at a reference: 1 by default in level 2, else NaN."""
        if self.level < 3 or reference.isSetStoichiometry():
            return float(reference.getStoichiometry())
        return math.nan
