"""Whether the parts of a model fit together: ids, what they point to, and who moves what.

libSBML reads a file without asking this. A model that breaks one of these rules of SBML has no
meaning, or two, and is refused by the names concerned.
"""

from __future__ import annotations

from collections import Counter
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from .sbml_math import functions_called
from .sbml_text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def _references(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield each reaction's id with its reactants, products and modifiers."""
    for reaction in model.getListOfReactions():
        for reference in (*reaction.getListOfReactants(), *reaction.getListOfProducts()):
            yield reaction.getId(), reference
        for reference in reaction.getListOfModifiers():
            yield reaction.getId(), reference


def _rules(model: Any, kind: str) -> list[Any]:
    return [rule for rule in model.getListOfRules() if getattr(rule, kind)()]


def _movable(model: Any) -> dict[str, Any]:
    """Return what rules, initial assignments and events may set, by id."""
    groups = (model.getListOfCompartments(), model.getListOfSpecies(), model.getListOfParameters())
    found = {item.getId(): item for group in groups for item in group}
    if model.getLevel() >= 3:
        found |= {
            reference.getId(): reference
            for _, reference in _references(model)
            if not reference.isModifier() and reference.isSetId()
        }
    return found


class Identifiers:
    """Every part has an id, and no two share one."""

    def run(self, document: Any) -> Iterator[str]:
        """Yield what has no id, and ids given twice."""
        model = document.getModel()
        named = (
            model.getListOfFunctionDefinitions(), model.getListOfCompartments(),
            model.getListOfSpecies(), model.getListOfParameters(), model.getListOfReactions(),
        )  # fmt: skip
        for group in named:
            for item in group:
                if not item.getId():
                    yield f"a {item.getElementName()} has no id"
        optional = [event.getId() for event in model.getListOfEvents()]
        optional += [reference.getId() for _, reference in _references(model)]
        ids = [item.getId() for group in named for item in group]
        yield from _repeated("the id", [*ids, *filter(None, optional)])
        for reaction in model.getListOfReactions():
            law = reaction.getKineticLaw()
            level_three = model.getLevel() >= 3
            own = law.getListOfLocalParameters() if level_three else law.getListOfParameters()
            local = [parameter.getId() for parameter in own]
            yield from _repeated(f"in reaction {reaction.getId()!r} the local parameter", local)


def _repeated(what: str, names: Iterable[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{what} {shown(name)} is given {count} times"


class References:
    """Whatever a part points to is in the model."""

    def run(self, document: Any) -> Iterator[str]:
        """Yield each reference to nothing."""
        model = document.getModel()
        compartments = {item.getId() for item in model.getListOfCompartments()}
        species = {item.getId() for item in model.getListOfSpecies()}
        for item in model.getListOfSpecies():
            if item.getCompartment() not in compartments:
                yield (
                    f"the species {item.getId()!r} is in the compartment "
                    f"{shown(item.getCompartment())}, which the model does not define"
                )
        for reaction, reference in _references(model):
            if reference.getSpecies() not in species:
                yield (
                    f"the reaction {reaction!r} mentions the species "
                    f"{shown(reference.getSpecies())}, which the model does not define"
                )
        parameters = {item.getId() for item in model.getListOfParameters()}
        for item in (model, *model.getListOfSpecies()):
            factor = item.getConversionFactor()
            if factor and factor not in parameters:
                yield f"the conversion factor {shown(factor)} is no parameter of the model"
        yield from _undefined_targets(model)


def _undefined_targets(model: Any) -> Iterator[str]:
    movable = _movable(model)
    for rule in (*_rules(model, "isAssignment"), *_rules(model, "isRate")):
        if rule.getVariable() not in movable:
            yield f"a rule sets {shown(rule.getVariable())}, which the model does not define"
    for start in model.getListOfInitialAssignments():
        if start.getSymbol() not in movable:
            yield (
                f"an initial assignment sets {shown(start.getSymbol())}, "
                "which the model does not define"
            )
    for event in model.getListOfEvents():
        for assignment in event.getListOfEventAssignments():
            if assignment.getVariable() not in movable:
                yield (
                    f"the event {event.getId()!r} sets {shown(assignment.getVariable())}, "
                    "which the model does not define"
                )


class OneMover:
    """Each symbol is set in one way."""

    def run(self, document: Any) -> Iterator[str]:
        """Yield each symbol that two things set, or that is constant and set."""
        model = document.getModel()
        movable = _movable(model)
        assigned = [rule.getVariable() for rule in _rules(model, "isAssignment")]
        driven = [rule.getVariable() for rule in _rules(model, "isRate")]
        yield from _repeated("the variable of a rule", [*assigned, *driven])
        starts = [item.getSymbol() for item in model.getListOfInitialAssignments()]
        yield from _repeated("the symbol of an initial assignment", starts)
        for name in sorted({*assigned} & {*starts}):
            yield f"{name!r} has both an assignment rule and an initial assignment"
        for name in dict.fromkeys([*assigned, *driven]):
            if movable[name].getConstant():
                yield f"{name!r} is constant and has a rule"
        yield from _events(model, movable, set(assigned))
        yield from _reactions(model, {*assigned, *driven})


def _events(model: Any, movable: dict[str, Any], assigned: set[str]) -> Iterator[str]:
    for event in model.getListOfEvents():
        names = [item.getVariable() for item in event.getListOfEventAssignments()]
        yield from _repeated(f"in the event {event.getId()!r} the variable", names)
        for name in names:
            if movable[name].getConstant():
                yield f"{name!r} is constant and the event {event.getId()!r} sets it"
            if name in assigned:
                yield f"{name!r} has an assignment rule and the event {event.getId()!r} sets it"


def _reactions(model: Any, ruled: set[str]) -> Iterator[str]:
    for reaction, reference in _references(model):
        species = model.getSpecies(reference.getSpecies())
        if reference.isModifier() or species.getBoundaryCondition():
            continue
        if species.getConstant():
            yield f"the species {species.getId()!r} is constant and the reaction {reaction!r} moves it"
        elif species.getId() in ruled:
            yield f"the species {species.getId()!r} has a rule and the reaction {reaction!r} moves it"


class Functions:
    """No function of the model calls itself, directly or by others."""

    def run(self, document: Any) -> Iterator[str]:
        """Yield the functions that call each other in a circle."""
        calls = {
            definition.getId(): functions_called(definition.getBody())
            for definition in document.getModel().getListOfFunctionDefinitions()
            if definition.getBody() is not None
        }
        try:
            TopologicalSorter(calls).prepare()
        except CycleError as error:
            circle = " -> ".join(shown(name) for name in error.args[1])
            yield f"a function definition calls itself: {circle}"


#: The checks in an order in which each may rely on those before it.
CONSISTENCY = (Identifiers(), References(), OneMover(), Functions())
