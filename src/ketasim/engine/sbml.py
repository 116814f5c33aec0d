"""Reading SBML into a `Network`.

SBML core of levels 2 and 3 is understood: compartments, also of changing size, species as
amounts or concentrations, parameters, rules and initial assignments in any order, algebraic
rules that can be solved by formula, reactions with local parameters and stoichiometries that may
vary, function definitions, conversion factors and events (Hucka et al., *The Systems Biology
Markup Language (SBML): Language Specification for Level 3 Version 2 Core*, J. Integr. Bioinform.
16(2), 2019). The rest is refused by name (`sbml_text`, `sbml_checks`, `sbml_consistency`).

A species of which only substance units are used, or whose compartment changes its size, is a
state in amount; any other species is a state in concentration, as its symbol means in the
model's formulas. Doses are amounts, so the network carries for each state the factor from an
amount to the state.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .expressions import Graph
from .network import Network, SpeciesForms
from .sbml_algebraic_rules import solve_algebraic_rules
from .sbml_checks import refuse_unsupported
from .sbml_elements import Elements
from .sbml_events import read_events
from .sbml_meaning import Meanings
from .sbml_text import check_text
from .sbml_units import unit_texts

if TYPE_CHECKING:
    from .sbml_algebraic_rules import Solution


def read_sbml(sbml: str) -> Network:
    """Return a model's equations.

    Parameters
    ----------
    sbml : str
        The model as SBML text.

    Returns
    -------
    Network

    Raises
    ------
    ModelError
        Where the text is no SBML, or the model uses something the engine does not do.
    """
    import libsbml

    check_text(sbml)
    document = libsbml.readSBMLFromString(sbml)
    refuse_unsupported(document)
    model = document.getModel()
    solutions = solve_algebraic_rules(Elements(model))
    return _Reader(model, solutions).network()


class _Reader:
    """One reading: declares the inputs, then asks for the meaning of everything."""

    def __init__(self, model: Any, solutions: dict[str, Solution]) -> None:
        self._model = model
        self._graph = Graph()
        self._elements = Elements(model, solutions)
        self._meanings = Meanings(self._elements, self._graph, solutions)

    def network(self) -> Network:
        """Return the model as a network."""
        elements, meanings, inputs = self._elements, self._meanings, self._meanings.inputs
        parameters = self._declare_inputs()
        symbols = self._symbols(parameters)
        rules = {n: symbols[n] for n in (*elements.assigned, *sorted(elements.solved))}
        initial = tuple(meanings.initial(name) for name in elements.states)
        rates = tuple(meanings.flow(name) for name in elements.states)
        events = read_events(elements, meanings)
        units = unit_texts(self._model)
        known = {*elements.states, *parameters, *rules, "time"}
        return Network(
            name=self._model.getId() or "model",
            graph=self._graph,
            states=elements.states,
            parameters=parameters,
            inputs=tuple(inputs.places),
            defaults=tuple(inputs.defaults),
            initial=initial,
            rates=rates,
            dose_scale=tuple(self._amount_factor(name) for name in elements.states),
            rules=rules,
            constants={n: meanings.value(n, True) for n in parameters if n in elements.starts},
            cuts=(*rules.values(), *(symbols[name] for name in elements.reactions)),
            units={name: units.get(name, "") for name in known},
            events=events,
            symbols=symbols,
            species={name: self._forms(name) for name in elements.species},
        )

    def _declare_inputs(self) -> tuple[str, ...]:
        """Put the parameters first in the input vector, then the states' initial values."""
        elements, inputs = self._elements, self._meanings.inputs
        names = [*elements.compartments, *elements.parameters]
        names += [name for name, species in elements.species.items() if species.getConstant()]
        for name in names:
            if not elements.computed(name) and name not in elements.place:
                inputs.node(name, elements.declared(name))
        for reaction in elements.reactions:
            for parameter in elements.locals(reaction):
                value = parameter.getValue() if parameter.isSetValue() else math.nan
                inputs.node(f"{reaction}.{parameter.getId()}", value)
        public = tuple(inputs.places)
        for name in elements.states:
            inputs.node(name, elements.declared(name))
        return public

    def _symbols(self, parameters: tuple[str, ...]) -> dict[str, int]:
        """Return the node of everything that has a value."""
        elements, places = self._elements, self._meanings.inputs.places
        symbols = {name: self._graph.input(places[name]) for name in parameters if "." in name}
        for name in elements.symbols():
            if name in elements.references and self._is_left_open(name):
                continue
            symbols[name] = self._meanings.value(name)
        return symbols

    def _is_left_open(self, reference: str) -> bool:
        """Tell whether a stoichiometry has no value, which matters only where it is used."""
        elements = self._elements
        set_elsewhere = {*elements.assigned, *elements.solved, *elements.starts, *elements.place}
        return reference not in set_elsewhere and math.isnan(elements.declared(reference))

    def _forms(self, name: str) -> SpeciesForms:
        """Return a species as amount and as concentration."""
        elements, meanings, graph = self._elements, self._meanings, self._graph
        compartment = elements.species[name].getCompartment()
        if elements.compartments[compartment].getSpatialDimensionsAsDouble() == 0.0:
            return SpeciesForms(meanings.value(name), None, compartment)
        amount = meanings.amount(name)
        if not elements.is_amount(name):
            return SpeciesForms(amount, meanings.value(name), compartment)
        return SpeciesForms(amount, graph.div(amount, meanings.size(name)), compartment)

    def _amount_factor(self, state: str) -> int:
        """Return the factor from an amount to a state's own unit."""
        elements, one = self._elements, self._graph.const(1.0)
        if state not in elements.species:
            return one
        if elements.is_amount(state) or elements.diluted(state):
            return one
        return self._graph.div(one, self._meanings.size(state))
