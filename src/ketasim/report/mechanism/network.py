"""Read who influences whom out of an SBML model.

Every state (species or rate rule) and every assignment rule that depends on a state becomes a
variable; its inputs are the names in its rate law or rule. Nothing about ketamine is known here:
another model gives another map.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ketasim.errors import ModelError
from ketasim.report.mechanism.formula import (
    Formula,
    compile_formula,
    names_in,
    weighted_sum,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Network", "Variable", "read_network"]


@dataclass(frozen=True)
class Variable:
    """One node of the full network.

    Parameters
    ----------
    id : str
        The identifier in the SBML model.
    title : str
        The name a reader sees; the identifier with spaces where the model gives none.
    kind : {"species", "rate", "rule"}
        An amount changed by reactions, a quantity with a rate rule, or an assignment rule.
    mechanism : str
        The mechanism (or SBML group) it belongs to, "" where the model has none.
    unit : str
        The unit the model declares, "" where none.
    start : float
        The value the model starts from; NaN where it is computed.
    inputs : frozenset of str
        The variables in its rate law or rule.
    parameters : frozenset of str
        The constants in it.
    formula : callable
        Of all values by name: the rate of change of a state, the value of a rule.
    """

    id: str
    title: str
    kind: Literal["species", "rate", "rule"]
    mechanism: str
    unit: str
    start: float
    inputs: frozenset[str]
    parameters: frozenset[str]
    formula: Formula

    @property
    def is_state(self) -> bool:
        """Whether it is integrated over time."""
        return self.kind != "rule"


@dataclass(frozen=True)
class Network:
    """The variables of a model in the order in which rules can be computed.

    Parameters
    ----------
    variables : mapping of str to Variable
        States first, then rules, each after the rules it uses.
    constants : mapping of str to float
        Every parameter and compartment with its value in the file.
    conversions : frozenset of frozenset of str
        Pairs of species that one reaction turns into each other.
    """

    variables: Mapping[str, Variable]
    constants: Mapping[str, float]
    conversions: frozenset[frozenset[str]]

    @cached_property
    def rules(self) -> tuple[Variable, ...]:
        """The assignment rules in computing order."""
        return tuple(one for one in self.variables.values() if not one.is_state)

    def values(
        self, states: Mapping[str, float], parameters: Mapping[str, float]
    ) -> dict[str, float]:
        """Compute every value of the model at given states and parameters.

        Parameters
        ----------
        states : mapping of str to float
            The states that differ from the model's start.
        parameters : mapping of str to float
            The parameters that differ from the file.

        Returns
        -------
        dict of str to float
            Constants, states and rules.
        """
        started = {one.id: one.start for one in self.variables.values() if one.is_state}
        values = {**self.constants, **parameters, **started, **states}
        for rule in self.rules:
            values[rule.id] = rule.formula(values)
        return values


def read_network(sbml: str, mechanisms: Mapping[str, Sequence[str]] | None = None) -> Network:
    """Read the network of influences from SBML text.

    Parameters
    ----------
    sbml : str
        An SBML document.
    mechanisms : mapping of str to sequence of str, optional
        The variables that each mechanism defines; by default the model's SBML groups.

    Returns
    -------
    Network
        With every state and every rule that follows a state.

    Raises
    ------
    ModelError
        If the text is no SBML model, or uses what the map cannot evaluate.
    """
    import libsbml

    document = libsbml.readSBMLFromString(sbml)
    if document.getModel() is None:
        raise ModelError("the model of the bundle is no SBML document")
    promoted = libsbml.ConversionProperties()
    promoted.addOption("promoteLocalParameters", True)
    document.convert(promoted)
    model = document.getModel()
    return _Reader(model, _homes(mechanisms) or _groups(model)).network()


class _Reader:
    """Walks one libSBML model once; the results are plain values."""

    def __init__(self, model: Any, groups: Mapping[str, str]) -> None:
        self.model = model
        self.groups = groups
        self.functions = {
            one.getId(): one.getMath() for one in model.getListOfFunctionDefinitions()
        }
        self.species = {one.getId(): one for one in model.getListOfSpecies()}
        rules = list(model.getListOfRules())
        self.rate_rules = {one.getVariable(): one for one in rules if one.isRate()}
        self.assignments = {one.getVariable(): one for one in rules if one.isAssignment()}

    def network(self) -> Network:
        constants = self._constants()
        states = {one.id: one for one in (*self._species_states(), *self._rate_states())}
        rules = {name: self._rule(name) for name in self.assignments}
        ordered = _following_states(rules, set(states))
        static = _static_rules(rules, ordered)
        kept = {**states, **ordered}
        # Rules of constants alone (a volume scaled by weight) are constants to the map.
        for rule in static:
            constants[rule.id] = rule.formula(constants)
        variables = {name: _restricted(one, kept) for name, one in kept.items()}
        return Network(variables, constants, self._conversions(set(states)))

    def _constants(self) -> dict[str, float]:
        values = {one.getId(): one.getSize() for one in self.model.getListOfCompartments()}
        values |= {one.getId(): one.getValue() for one in self.model.getListOfParameters()}
        unset = {name: value if value == value else 0.0 for name, value in values.items()}
        moving = set(self.assignments) | set(self.rate_rules)
        return {name: value for name, value in unset.items() if name not in moving}

    def _species_states(self) -> Iterator[Variable]:
        for name, one in self.species.items():
            if one.getBoundaryCondition() or one.getConstant() or name in self.assignments:
                continue
            if name in self.rate_rules:
                continue
            terms, names = self._reaction_terms(name)
            if terms:
                yield self._variable(one, "species", weighted_sum(terms), names)

    def _reaction_terms(self, name: str) -> tuple[list[tuple[float, Formula]], frozenset[str]]:
        terms: list[tuple[float, Formula]] = []
        names: frozenset[str] = frozenset()
        for reaction in self.model.getListOfReactions():
            weight = _stoichiometry(reaction, name)
            if weight:
                law = reaction.getKineticLaw().getMath()
                terms.append((weight, compile_formula(law, self.functions)))
                names |= names_in(law)
        return terms, names

    def _rate_states(self) -> Iterator[Variable]:
        for name, rule in self.rate_rules.items():
            formula = compile_formula(rule.getMath(), self.functions)
            yield self._variable(self._element(name), "rate", formula, names_in(rule.getMath()))

    def _rule(self, name: str) -> Variable:
        math = self.assignments[name].getMath()
        formula = compile_formula(math, self.functions)
        return self._variable(self._element(name), "rule", formula, names_in(math))

    def _element(self, name: str) -> Any:
        return self.species.get(name) or self.model.getElementBySId(name)

    def _variable(
        self,
        element: Any,
        kind: Literal["species", "rate", "rule"],
        formula: Formula,
        names: frozenset[str],
    ) -> Variable:
        return Variable(
            id=element.getId(),
            title=_title(element),
            kind=kind,
            mechanism=self.groups.get(element.getId(), ""),
            unit=_unit(element),
            start=_start(element),
            inputs=names,
            parameters=frozenset(),
            formula=formula,
        )

    def _conversions(self, states: set[str]) -> frozenset[frozenset[str]]:
        pairs = set()
        for reaction in self.model.getListOfReactions():
            left = {one.getSpecies() for one in reaction.getListOfReactants()} & states
            right = {one.getSpecies() for one in reaction.getListOfProducts()} & states
            pairs |= {frozenset({a, b}) for a in left for b in right if a != b}
        return frozenset(pairs)


def _homes(mechanisms: Mapping[str, Sequence[str]] | None) -> dict[str, str]:
    return {name: home for home, names in (mechanisms or {}).items() for name in names}


def _groups(model: Any) -> dict[str, str]:
    plugin = model.getPlugin("groups")
    if plugin is None:
        return {}
    return {
        member.getIdRef(): group.getName() or group.getId()
        for group in plugin.getListOfGroups()
        for member in group.getListOfMembers()
    }


def _stoichiometry(reaction: Any, name: str) -> float:
    made = sum(o.getStoichiometry() for o in reaction.getListOfProducts() if o.getSpecies() == name)
    used = sum(
        o.getStoichiometry() for o in reaction.getListOfReactants() if o.getSpecies() == name
    )
    return float(made - used)


def _title(element: Any) -> str:
    # A unit in brackets says nothing on a map.
    name = str(element.getName() or element.getId().replace("_", " "))
    return name.split(" (")[0]


def _unit(element: Any) -> str:
    getter = getattr(element, "getUnits", None) or getattr(element, "getSubstanceUnits", None)
    return str(getter()) if getter else ""


def _start(element: Any) -> float:
    if hasattr(element, "getInitialAmount"):
        amount = element.getInitialAmount()
        return float(amount) if amount == amount else 0.0
    value = element.getValue()
    return float(value) if value == value else 0.0


def _following_states(rules: Mapping[str, Variable], states: set[str]) -> dict[str, Variable]:
    """Return the rules that depend on a state, each after those it uses."""
    done: dict[str, Variable] = {}
    moving = set(states)
    grown = True
    while grown:
        fresh = {n for n, rule in rules.items() if n not in moving and rule.inputs & moving}
        grown = bool(fresh)
        moving |= fresh
    waiting = [rule for name, rule in rules.items() if name in moving]
    while waiting:
        ready = [one for one in waiting if one.inputs & (moving - states) <= set(done)]
        if not ready:
            names = ", ".join(sorted(one.id for one in waiting))
            raise ModelError(f"the assignment rules of {names} depend on each other in a circle")
        done |= {one.id: one for one in ready}
        waiting = [one for one in waiting if one.id not in done]
    return done


def _static_rules(rules: Mapping[str, Variable], moving: Mapping[str, Variable]) -> list[Variable]:
    static = {name: rule for name, rule in rules.items() if name not in moving}
    ordered: dict[str, Variable] = {}
    while len(ordered) < len(static):
        ready = [
            one
            for name, one in static.items()
            if name not in ordered and one.inputs & set(static) <= set(ordered)
        ]
        if not ready:
            raise ModelError("the assignment rules of the model depend on each other in a circle")
        ordered |= {one.id: one for one in ready}
    return list(ordered.values())


def _restricted(variable: Variable, known: Iterable[str]) -> Variable:
    from dataclasses import replace

    names = frozenset(known)
    return replace(
        variable,
        inputs=variable.inputs & names,
        parameters=variable.inputs - names,
    )
