"""Reading SBML into a `Network`.

Compartments of constant size, species as amounts or concentrations, parameters, rate rules,
assignment rules and initial assignments in any order, reactions with local parameters and
stoichiometries, function definitions and conversion factors are understood, from level 3 and,
where they mean the same there, level 2 (Hucka et al., *The Systems Biology Markup Language
(SBML): Language Specification for Level 3 Version 2 Core*, J. Integr. Bioinform. 16(2), 2019).
The rest is refused by name (`sbml_checks`).

A species of which only substance units are used is a state in amount; any other species is a
state in concentration, as its symbol means in the model's formulas. Doses are amounts, so the
network carries for each state the factor from an amount to the state.
"""

from __future__ import annotations

import math
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from ..errors import ModelError, nearest_names
from .expressions import Graph
from .network import Network
from .sbml_checks import refuse_unsupported
from .sbml_math import Translator, names_in
from .sbml_units import unit_texts

if TYPE_CHECKING:
    from collections.abc import Callable


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

    document = libsbml.readSBMLFromString(sbml)
    refuse_unsupported(document)
    return _Reader(document.getModel()).network()


class _Reader:
    """One reading: collects the model's symbols, then resolves them into one graph.

    A symbol has up to two meanings: its value now, and its value at the start. They differ for
    states and for what depends on them. Keys are (symbol, at_start).
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._graph = Graph()
        functions = {f.getId(): f for f in model.getListOfFunctionDefinitions()}
        self._translator = Translator(self._graph, functions)
        self._resolved: dict[tuple[str, bool], int] = {}
        self._collect()
        self._inputs: list[str] = []
        self._defaults: list[float] = []

    def _collect(self) -> None:
        model = self._model
        self._compartments = {c.getId(): c for c in model.getListOfCompartments()}
        self._species = {s.getId(): s for s in model.getListOfSpecies()}
        self._parameters = {p.getId(): p for p in model.getListOfParameters()}
        self._reactions = {r.getId(): r for r in model.getListOfReactions()}
        self._references = {
            ref.getId(): ref
            for reaction in model.getListOfReactions()
            for ref in (*reaction.getListOfReactants(), *reaction.getListOfProducts())
            if ref.isSetId()
        }
        rules = [rule for rule in model.getListOfRules() if rule.getMath() is not None]
        self._assigned = {r.getVariable(): r.getMath() for r in rules if r.isAssignment()}
        self._driven = {r.getVariable(): r.getMath() for r in rules if r.isRate()}
        self._starts = {
            a.getSymbol(): a.getMath()
            for a in model.getListOfInitialAssignments()
            if a.getMath() is not None
        }
        moving = [
            name
            for name, species in self._species.items()
            if not species.getConstant() and name not in self._assigned
        ]
        self._states = moving + [name for name in self._driven if name not in self._species]
        self._place = {name: index for index, name in enumerate(self._states)}

    # inputs ---------------------------------------------------------------------------------
    def _input(self, name: str, default: float) -> int:
        if name in self._inputs:
            return self._graph.input(self._inputs.index(name))
        self._inputs.append(name)
        self._defaults.append(default)
        return self._graph.input(len(self._inputs) - 1)

    def _unless_given(self, name: str, computed: int) -> int:
        """Return a computed value that gives way to one the user sets."""
        flag = self._graph.condition(self._input(f"given:{name}", 0.0))
        return self._graph.select(flag, self._input(name, math.nan), computed)

    def _declare_inputs(self) -> tuple[str, ...]:
        """Put the parameters first in the input vector, then the states' initial values."""
        names = [*self._compartments, *self._parameters]
        names += [name for name, species in self._species.items() if species.getConstant()]
        public = [n for n in names if n not in self._assigned and n not in self._place]
        for name in public:
            self._input(name, self._declared(name))
        for key, parameter in self._local_parameters():
            self._input(key, parameter.getValue() if parameter.isSetValue() else math.nan)
        public_names = tuple(self._inputs)
        for name in self._states:
            self._input(name, self._declared(name))
        return public_names

    def _local_parameters(self) -> list[tuple[str, Any]]:
        found = []
        for reaction in self._reactions.values():
            for parameter in self._locals(reaction):
                found.append((f"{reaction.getId()}.{parameter.getId()}", parameter))
        return found

    def _locals(self, reaction: Any) -> list[Any]:
        law = reaction.getKineticLaw()
        level_three = self._model.getLevel() >= 3
        return list(law.getListOfLocalParameters() if level_three else law.getListOfParameters())

    def _declared(self, name: str) -> float:
        """Return the number written beside a symbol, NaN where it is computed or missing."""
        if name in self._starts:
            return math.nan
        if name in self._compartments:
            item = self._compartments[name]
            unset = 1.0 if self._model.getLevel() < 3 else math.nan
            return float(item.getSize()) if item.isSetSize() else unset
        if name in self._parameters:
            item = self._parameters[name]
            return float(item.getValue()) if item.isSetValue() else math.nan
        if name in self._references:
            item = self._references[name]
            return float(item.getStoichiometry()) if item.isSetStoichiometry() else math.nan
        species = self._species[name]
        if self._is_amount(species):
            return float(species.getInitialAmount()) if species.isSetInitialAmount() else math.nan
        if species.isSetInitialConcentration():
            return float(species.getInitialConcentration())
        return math.nan

    @staticmethod
    def _is_amount(species: Any) -> bool:
        return bool(species.getHasOnlySubstanceUnits())

    # symbols --------------------------------------------------------------------------------
    def _resolve(self, name: str, at_start: bool) -> int:
        key = (name, at_start)
        if key not in self._resolved:
            self._resolved[key] = self._meaning(name, at_start)
        return self._resolved[key]

    def _meaning(self, name: str, at_start: bool) -> int:
        if name in self._assigned:
            return self._formula(self._assigned[name], at_start, f"assignment rule of {name}")
        if name in self._place and not at_start:
            return self._graph.state(self._place[name])
        if name in self._reactions:
            return self._rate_of(self._reactions[name], at_start)
        known = (self._compartments, self._parameters, self._species, self._references)
        if not any(name in group for group in known):
            everything = [n for group in known for n in group]
            raise ModelError(
                f"a formula mentions {name!r}, which the model does not define",
                suggestions=nearest_names(name, everything),
            )
        return self._fixed(name)

    def _fixed(self, name: str) -> int:
        """Return the value of a constant, or of a state at the start."""
        if name in self._starts:
            where = f"initial assignment of {name}"
            return self._unless_given(name, self._formula(self._starts[name], True, where))
        declared = self._declared(name)
        if name in self._references and name not in self._place:
            return self._graph.const(declared)
        species = self._species.get(name)
        if species is not None and math.isnan(declared):
            converted = self._converted_start(species)
            if converted is not None:
                return self._unless_given(name, converted)
        return self._input(name, declared)

    def _converted_start(self, species: Any) -> int | None:
        """Return an initial value given in the other of amount and concentration."""
        size = self._resolve(species.getCompartment(), True)
        if self._is_amount(species) and species.isSetInitialConcentration():
            return self._graph.mul(self._graph.const(species.getInitialConcentration()), size)
        if not self._is_amount(species) and species.isSetInitialAmount():
            return self._graph.div(self._graph.const(species.getInitialAmount()), size)
        return None

    def _formula(
        self, math_node: Any, at_start: bool, where: str, local: dict[str, int] | None = None
    ) -> int:
        local = local or {}
        time = self._graph.const(0.0) if at_start else self._graph.time()

        def resolve(name: str) -> int:
            return local[name] if name in local else self._resolve(name, at_start)

        return self._translator.translate(math_node, resolve, time, where)

    def _rate_of(self, reaction: Any, at_start: bool) -> int:
        name = reaction.getId()
        local = {
            p.getId(): self._graph.input(self._inputs.index(f"{name}.{p.getId()}"))
            for p in self._locals(reaction)
        }
        law = reaction.getKineticLaw().getMath()
        return self._formula(law, at_start, f"rate of reaction {name}", local)

    # order ----------------------------------------------------------------------------------
    def _resolve_in_order(self) -> None:
        """Resolve computed symbols so that each finds what it needs done: no deep recursion."""
        computed = {**self._starts, **self._assigned}
        computed |= {n: r.getKineticLaw().getMath() for n, r in self._reactions.items()}
        sorter: TopologicalSorter[tuple[str, bool]] = TopologicalSorter()
        for name, formula in computed.items():
            for at_start in (False, True):
                running = name in self._assigned or name in self._reactions
                needs = {
                    (other, at_start or (other in self._starts and other not in self._place))
                    for other in names_in(formula)
                    if other in computed
                }
                if running or at_start:
                    sorter.add((name, at_start), *needs)
        try:
            order = list(sorter.static_order())
        except CycleError as error:
            names = " -> ".join(dict.fromkeys(name for name, _ in error.args[1]))
            raise ModelError(f"rules define each other in a circle: {names}") from None
        for name, at_start in order:
            if name in computed:
                self._resolve(name, at_start)

    # equations ------------------------------------------------------------------------------
    def network(self) -> Network:
        """Return the model as a network."""
        parameters = self._declare_inputs()
        self._resolve_in_order()
        model = self._model
        rates = self._rates()
        rules = {name: self._resolve(name, False) for name in self._assigned}
        initial = tuple(self._resolve(name, True) for name in self._states)
        scale = tuple(self._amount_factor(name) for name in self._states)
        laws = [self._resolve(name, False) for name in self._reactions]
        units = unit_texts(model)
        known = {*self._states, *parameters, *rules, "time"}
        return Network(
            name=model.getId() or "model",
            graph=self._graph,
            states=tuple(self._states),
            parameters=parameters,
            inputs=tuple(self._inputs),
            defaults=tuple(self._defaults),
            initial=initial,
            rates=rates,
            dose_scale=scale,
            rules=rules,
            constants={n: self._resolve(n, True) for n in parameters if n in self._starts},
            cuts=(*rules.values(), *laws),
            units={name: units.get(name, "") for name in known},
        )

    def _amount_factor(self, state: str) -> int:
        species = self._species.get(state)
        if species is None or self._is_amount(species):
            return self._graph.const(1.0)
        size = self._resolve(species.getCompartment(), False)
        return self._graph.div(self._graph.const(1.0), size)

    def _rates(self) -> tuple[int, ...]:
        """Return d(state)/dt: rate rules, else stoichiometry times reaction rates."""
        graph = self._graph
        amounts: dict[str, int] = {name: graph.const(0.0) for name in self._states}
        for reaction in self._reactions.values():
            self._add_reaction(reaction, amounts)
        rates = []
        for name in self._states:
            if name in self._driven:
                rates.append(self._formula(self._driven[name], False, f"rate rule of {name}"))
            else:
                rates.append(graph.mul(amounts[name], self._amount_factor(name)))
        return tuple(rates)

    def _add_reaction(self, reaction: Any, amounts: dict[str, int]) -> None:
        graph = self._graph
        rate = self._resolve(reaction.getId(), False)
        sides: tuple[tuple[Any, Callable[[int, int], int]], ...] = (
            (reaction.getListOfReactants(), graph.sub),
            (reaction.getListOfProducts(), graph.add),
        )
        for references, combine in sides:
            for reference in references:
                name = reference.getSpecies()
                if name not in amounts or self._species[name].getBoundaryCondition():
                    continue
                extent = graph.mul(self._stoichiometry(reference, reaction.getId()), rate)
                converted = graph.mul(self._conversion(name), extent)
                amounts[name] = combine(amounts[name], converted)

    def _stoichiometry(self, reference: Any, reaction: str) -> int:
        where = f"stoichiometry of {reference.getSpecies()} in {reaction}"
        if reference.isSetId() and reference.getId() in (
            self._assigned.keys() | self._starts.keys() | self._place.keys()
        ):
            return self._resolve(reference.getId(), False)
        if self._model.getLevel() < 3:
            if reference.isSetStoichiometryMath():
                return self._formula(reference.getStoichiometryMath().getMath(), False, where)
            return self._graph.const(reference.getStoichiometry())
        if not reference.isSetStoichiometry():
            raise ModelError("the stoichiometry has no value", where=where)
        return self._graph.const(reference.getStoichiometry())

    def _conversion(self, species: str) -> int:
        factor = self._species[species].getConversionFactor() or self._model.getConversionFactor()
        return self._resolve(factor, False) if factor else self._graph.const(1.0)
