"""What every symbol of an SBML model means, as a node of the expression graph.

A symbol has up to three meanings: its value now, its value at the start, and its rate of change.
They need each other in an order that no file has to keep, so each meaning is written once all it
needs is written; the way there is a stack of our own, and a need that comes back to itself is a
circle in the model.

A species is a state in amount where it is one in formulas, or where the size of its compartment
changes: then amounts are what a change of size leaves alone, and the symbol is amount over size.
Any other species is a state in concentration, as in formulas.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ModelError, nearest_names
from .differentiation import Differentiator
from .expressions import STATE
from .sbml_math import Scope, Translator, mentions
from .sbml_text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .expressions import Graph
    from .sbml_algebraic_rules import Solution
    from .sbml_elements import Elements, Part


class Key(NamedTuple):
    """One meaning: ``value`` or ``rate`` of a symbol, or ``flow``, a state's derivative."""

    kind: str
    name: str
    at_start: bool


class Inputs:
    """The input vector as it is built: names and default values."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.places: dict[str, int] = {}
        self.defaults: list[float] = []

    def node(self, name: str, default: float) -> int:
        """Return the node of an input, declared with a default where it is new."""
        if name not in self.places:
            self.places[name] = len(self.defaults)
            self.defaults.append(default)
        return self._graph.input(self.places[name])


class Meanings:
    """Resolves symbols into nodes.

    Parameters
    ----------
    elements : Elements
        The model.
    graph : Graph
        Where nodes are added.
    solutions : mapping of str to Solution
        What algebraic rules make of their variables.
    """

    def __init__(self, elements: Elements, graph: Graph, solutions: dict[str, Solution]) -> None:
        self._elements = elements
        self._graph = graph
        self._solutions = solutions
        self._translator = Translator(graph, elements.functions)
        self._differentiator = Differentiator(graph)
        self._known: dict[Key, int] = {}
        self.inputs = Inputs(graph)

    # questions ------------------------------------------------------------------------------
    def value(self, name: str, at_start: bool = False) -> int:
        """Return the node of a symbol's value, now or at the start."""
        return self._get(Key("value", name, at_start))

    def flow(self, state: str) -> int:
        """Return the node of a state's derivative, in the state's own unit."""
        return self._get(Key("flow", state, False))

    def initial(self, state: str) -> int:
        """Return the node of a state's value at the start, in the state's own unit."""
        return self._own(state, self.value(state, True), True)

    def size(self, species: str, at_start: bool = False) -> int:
        """Return the node of the size of a species' compartment."""
        return self.value(self._elements.species[species].getCompartment(), at_start)

    def own_unit(self, state: str, value: int) -> int:
        """Return a value of a state's symbol in the state's own unit, at the size of now."""
        return self._own(state, value, False)

    def amount(self, species: str) -> int:
        """Return the node of a species' amount now."""
        elements, value = self._elements, self.value(species)
        if elements.is_amount(species):
            return value
        if elements.diluted(species) and species in elements.place:
            return self._graph.state(elements.place[species])
        return self._graph.mul(value, self.size(species))

    def number(self, formula: Any, where: str) -> int:
        """Return the node of a formula's value now."""
        self._prepare(self._needs_of(formula, False, where))
        return self._translator.number(formula, self._scope(False, where))

    def condition(self, formula: Any, where: str) -> int:
        """Return the node of a formula's truth now."""
        self._prepare(self._needs_of(formula, False, where))
        return self._translator.condition(formula, self._scope(False, where))

    def varies(self, node: int) -> bool:
        """Tell whether a node changes within a run."""
        return self._graph.varies(node)

    def states_below(self, node: int) -> list[str]:
        """Return the states that a node depends on."""
        graph = self._graph
        found = {int(graph.payload[n]) for n in graph.reachable([node]) if graph.ops[n] == "state"}
        return [self._elements.states[place] for place in sorted(found)]

    # order ----------------------------------------------------------------------------------
    def _get(self, key: Key) -> int:
        self._prepare([key])
        return self._known[key]

    def _prepare(self, keys: Iterable[Key]) -> None:
        """Write the meanings asked for, those they need first."""
        pending = list(keys)
        opened: dict[Key, None] = {}
        while pending:
            key = pending[-1]
            if key in self._known:
                pending.pop()
                continue
            missing = [need for need in self._needs(key) if need not in self._known]
            if missing:
                opened[key] = None
                circle = next((need for need in missing if need in opened), None)
                if circle is not None:
                    raise _circle(list(opened), circle)
                pending.extend(missing)
                continue
            self._known[key] = self._write(key)
            opened.pop(key, None)
            pending.pop()

    def _needs(self, key: Key) -> list[Key]:
        if key.kind == "value":
            return self._needs_of_value(key.name, key.at_start)
        if key.kind == "rate":
            return self._needs_of_rate(key.name, key.at_start)
        return self._needs_of_flow(key.name, key.at_start)

    def _write(self, key: Key) -> int:
        if key.kind == "value":
            return self._write_value(key.name, key.at_start)
        if key.kind == "rate":
            return self._write_rate(key.name, key.at_start)
        return self._write_flow(key.name, key.at_start)

    def _needs_of(self, formula: Any, at_start: bool, where: str, reaction: str = "") -> list[Key]:
        values, rates = mentions(formula)
        if reaction:
            own = {parameter.getId() for parameter in self._elements.locals(reaction)}
            values, rates = values - own, rates - own
        for name in sorted(values | rates):
            if not self._elements.is_symbol(name):
                raise ModelError(
                    f"a formula mentions {shown(name)}, which the model does not define",
                    where=where,
                    suggestions=nearest_names(name[:80], self._elements.symbols()),
                )
        for name in sorted(rates):
            if self._elements.computed(name) or name in self._elements.reactions:
                raise _refused_rate(name)
        return [Key("value", name, at_start) for name in sorted(values)] + [
            Key("rate", name, at_start) for name in sorted(rates)
        ]

    def _scope(self, at_start: bool, where: str, reaction: str = "") -> Scope:
        own = {}
        if reaction:
            for parameter in self._elements.locals(reaction):
                key = f"{reaction}.{parameter.getId()}"
                own[parameter.getId()] = self._graph.input(self.inputs.places[key])

        def value(name: str) -> int:
            return own[name] if name in own else self._known[Key("value", name, at_start)]

        def rate(name: str) -> int:
            return (
                self._graph.const(0.0) if name in own else self._known[Key("rate", name, at_start)]
            )

        time = self._graph.const(0.0) if at_start else self._graph.time()
        return Scope(value, rate, time, where)

    # values ---------------------------------------------------------------------------------
    def _formula_of(self, name: str, at_start: bool) -> tuple[Any, str, str] | None:
        """Return formula, place and reaction of what a formula gives; None for the rest."""
        elements = self._elements
        if name in elements.assigned:
            return elements.assigned[name], f"assignment rule of {name}", ""
        if name in elements.reactions:
            return elements.law(name), f"rate of reaction {name}", name
        if at_start and name in elements.starts:
            return elements.starts[name], f"initial assignment of {name}", ""
        return None

    def _needs_of_value(self, name: str, at_start: bool) -> list[Key]:
        elements = self._elements
        if name in self._solutions:
            return self._needs_of_solution(name, at_start)
        found = self._formula_of(name, at_start)
        if found is not None:
            formula, where, reaction = found
            return self._needs_of(formula, at_start, where, reaction)
        moving = name in elements.place and not at_start
        needs = [] if moving or at_start else [Key("value", name, True)]
        if elements.diluted(name) and not at_start:
            needs += self._sizes(name, False) + ([] if moving else self._sizes(name, True))
        if at_start and self._is_converted(name):
            needs += self._sizes(name, True)
        return needs

    def _needs_of_solution(self, name: str, at_start: bool) -> list[Key]:
        needs = []
        for kind, leaf in self._solutions[name].needs():
            if kind == "value":
                needs.append(Key("value", leaf, at_start))
            elif kind == "amount" and (at_start or leaf not in self._elements.place):
                needs += [Key("value", leaf, True), *self._sizes(leaf, True)]
        return needs

    def _sizes(self, species: str, at_start: bool) -> list[Key]:
        return [Key("value", self._elements.species[species].getCompartment(), at_start)]

    def _write_value(self, name: str, at_start: bool) -> int:
        elements, graph = self._elements, self._graph
        if name in self._solutions:
            leaf = partial(self._leaf, at_start=at_start)
            return self._solutions[name].write(graph, leaf)
        found = self._formula_of(name, at_start)
        if found is not None:
            formula, where, reaction = found
            node = self._translator.number(formula, self._scope(at_start, where, reaction))
            computed = name in elements.assigned or name in elements.reactions
            return node if computed else self._unless_given(name, node)
        if at_start:
            return self._declared(name)
        if name in elements.place:
            state = graph.state(elements.place[name])
            return graph.div(state, self._size(name, False)) if elements.diluted(name) else state
        start = self._known[Key("value", name, True)]
        if elements.diluted(name):  # a constant species keeps its amount
            held = graph.mul(start, self._size(name, True))
            return graph.div(held, self._size(name, False))
        return start

    def _leaf(self, kind: str, name: str, *, at_start: bool) -> int:
        """Return the node of a leaf of a solved algebraic rule."""
        if kind == "time":
            return self._graph.const(0.0) if at_start else self._graph.time()
        if kind == "local":
            return self._graph.input(self.inputs.places[name])
        if kind == "amount" and not at_start and name in self._elements.place:
            return self._graph.state(self._elements.place[name])
        value = self._known[Key("value", name, at_start or kind == "amount")]
        if kind == "amount":
            return self._graph.mul(value, self._size(name, True))
        return value

    def _size(self, species: str, at_start: bool) -> int:
        compartment = self._elements.species[species].getCompartment()
        return self._known[Key("value", compartment, at_start)]

    def _own(self, state: str, value: int, at_start: bool) -> int:
        if not self._elements.diluted(state):
            return value
        return self._graph.mul(value, self.size(state, at_start))

    def _is_converted(self, name: str) -> bool:
        """Tell whether a species' start is given in the other of amount and concentration."""
        species = self._elements.species.get(name)
        if species is None or not math.isnan(self._elements.declared(name)):
            return False
        if self._elements.is_amount(name):
            return bool(species.isSetInitialConcentration())
        return bool(species.isSetInitialAmount())

    def _declared(self, name: str) -> int:
        """Return the start of what the file gives a number, or nothing."""
        elements, graph = self._elements, self._graph
        declared = elements.declared(name)
        if name in elements.references and name not in elements.place:
            if math.isnan(declared):
                raise ModelError(
                    "the stoichiometry has no value", where=f"species reference {name}"
                )
            return graph.const(declared)
        if self._is_converted(name):
            species, size = elements.species[name], self._size(name, True)
            if elements.is_amount(name):
                start = graph.mul(graph.const(species.getInitialConcentration()), size)
            else:
                start = graph.div(graph.const(species.getInitialAmount()), size)
            return self._unless_given(name, start)
        return self.inputs.node(name, declared)

    def _unless_given(self, name: str, computed: int) -> int:
        """Return a computed value that gives way to one the user sets."""
        flag = self._graph.condition(self.inputs.node(f"given:{name}", 0.0))
        return self._graph.select(flag, self.inputs.node(name, math.nan), computed)

    # rates of symbols -----------------------------------------------------------------------
    def _needs_of_rate(self, name: str, at_start: bool) -> list[Key]:
        elements = self._elements
        if elements.computed(name):  # the size of a compartment: formulas may not ask for others
            if at_start:
                raise _refused_rate(name)
            value = Key("value", name, False)
            if value not in self._known:
                return [value]
            return [Key("flow", state, False) for state in self.states_below(self._known[value])]
        needs = [Key("flow", name, at_start)] if name in elements.place else []
        if elements.diluted(name):
            compartment = elements.species[name].getCompartment()
            needs += [Key("value", name, at_start), *self._sizes(name, at_start)]
            needs += [Key("rate", compartment, at_start)]
        return needs

    def _write_rate(self, name: str, at_start: bool) -> int:
        elements, graph = self._elements, self._graph
        if elements.computed(name):
            return self._rate_along_flow(self._known[Key("value", name, False)])
        zero = graph.const(0.0)
        flow = self._known[Key("flow", name, at_start)] if name in elements.place else zero
        if not elements.diluted(name):
            return flow
        compartment = elements.species[name].getCompartment()
        dilution = graph.mul(
            self._known[Key("value", name, at_start)],
            self._known[Key("rate", compartment, at_start)],
        )
        return graph.div(graph.sub(flow, dilution), self._size(name, at_start))

    def _rate_along_flow(self, node: int) -> int:
        """Return the time derivative of a rule's value, by the chain rule."""
        graph = self._graph
        terms = []
        for leaf, slope in self._differentiator.row(node).items():
            if graph.depends[leaf] & STATE:
                state = self._elements.states[int(graph.payload[leaf])]
                terms.append(graph.mul(slope, self._known[Key("flow", state, False)]))
            else:
                terms.append(slope)
        return graph.total(terms)

    # derivatives of states ------------------------------------------------------------------
    def _needs_of_flow(self, name: str, at_start: bool) -> list[Key]:
        elements = self._elements
        if name in elements.driven:
            where = f"rate rule of {name}"
            needs = self._needs_of(elements.driven[name], at_start, where)
            if elements.diluted(name):
                compartment = elements.species[name].getCompartment()
                needs += [Key("value", name, at_start), *self._sizes(name, at_start)]
                needs += [Key("rate", compartment, at_start)]
            return needs
        needs = []
        for part in elements.parts_of.get(name, ()):
            needs.append(Key("value", part.reaction, at_start))
            needs += self._needs_of_stoichiometry(part, at_start)
            factor = self._factor(name)
            needs += [Key("value", factor, at_start)] if factor else []
        if name in elements.species and not elements.is_amount(name):
            needs += self._sizes(name, at_start)
        return needs

    def _write_flow(self, name: str, at_start: bool) -> int:
        elements, graph = self._elements, self._graph
        if name in elements.driven:
            scope = self._scope(at_start, f"rate rule of {name}")
            rate = self._translator.number(elements.driven[name], scope)
            return self._in_amount(name, rate, at_start) if elements.diluted(name) else rate
        total = graph.const(0.0)
        for part in elements.parts_of.get(name, ()):
            rate = self._known[Key("value", part.reaction, at_start)]
            extent = graph.mul(self._stoichiometry(part, at_start), rate)
            factor = self._factor(name)
            if factor:
                extent = graph.mul(self._known[Key("value", factor, at_start)], extent)
            total = graph.add(total, extent) if part.produced else graph.sub(total, extent)
        if name not in elements.species or elements.is_amount(name) or elements.diluted(name):
            return total
        return graph.mul(total, graph.div(graph.const(1.0), self._size(name, at_start)))

    def _in_amount(self, name: str, rate: int, at_start: bool) -> int:
        """Return the rate of an amount whose concentration has the given rate."""
        graph = self._graph
        compartment = self._elements.species[name].getCompartment()
        grown = graph.mul(
            self._known[Key("value", name, at_start)],
            self._known[Key("rate", compartment, at_start)],
        )
        return graph.add(graph.mul(rate, self._size(name, at_start)), grown)

    def _factor(self, species: str) -> str:
        own = self._elements.species[species].getConversionFactor()
        return str(own or self._elements.model.getConversionFactor())

    def _is_variable(self, reference: Any) -> bool:
        """Tell whether something else than its attribute sets a stoichiometry."""
        elements = self._elements
        if not reference.isSetId():
            return False
        name = reference.getId()
        return elements.computed(name) or name in elements.starts or name in elements.place

    def _needs_of_stoichiometry(self, part: Part, at_start: bool) -> list[Key]:
        if self._is_variable(part.reference):
            return [Key("value", part.reference.getId(), at_start)]
        if part.reference.isSetStoichiometryMath():
            formula = part.reference.getStoichiometryMath().getMath()
            return self._needs_of(formula, at_start, _place_of(part))
        return []

    def _stoichiometry(self, part: Part, at_start: bool) -> int:
        if self._is_variable(part.reference):
            return self._known[Key("value", part.reference.getId(), at_start)]
        if part.reference.isSetStoichiometryMath():
            formula = part.reference.getStoichiometryMath().getMath()
            return self._translator.number(formula, self._scope(at_start, _place_of(part)))
        value = self._elements.declared_stoichiometry(part.reference)
        if math.isnan(value):
            raise ModelError("the stoichiometry has no value", where=_place_of(part))
        return self._graph.const(value)


def _place_of(part: Part) -> str:
    return f"stoichiometry of {part.reference.getSpecies()} in {part.reaction}"


def _refused_rate(name: str) -> ModelError:
    return ModelError(f"the rate of change of {name!r}, which a formula computes, is not supported")


def _circle(opened: list[Key], closing: Key) -> ModelError:
    names = list(dict.fromkeys(key.name for key in opened[opened.index(closing) :]))
    return ModelError(f"rules define each other in a circle: {' -> '.join([*names, names[0]])}")
