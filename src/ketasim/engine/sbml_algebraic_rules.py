"""Algebraic rules: which variable each determines, and its value as an assignment.

A rule says that a formula is zero at any time. The variable it determines is one that nothing
else moves (SBML Level 3 Version 2 Core, section 4.9.2). The formulas are written into a graph of
their own, in which whatever is not to be solved for is a leaf; the solution is then copied into
the model's graph wherever the variable is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from .expressions import Graph
from .sbml_algebra import rebuilt, solve_system
from .sbml_math import Scope, Translator, mentions
from .sbml_text import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from .sbml_elements import Elements

Leaf = tuple[str, str]
_TIME: Leaf = ("time", "")


@dataclass(frozen=True)
class Solution:
    """The value of a variable that an algebraic rule determines.

    Attributes
    ----------
    graph : Graph
        Where the value is written, its leaves being states.
    node : int
        The value.
    leaves : tuple of (str, str)
        What each state of `graph` stands for: the ``value`` or the ``amount`` of a symbol, a
        ``local`` parameter, or ``time``.
    """

    graph: Graph
    node: int
    leaves: tuple[Leaf, ...]

    def needs(self) -> list[Leaf]:
        """Return the leaves that the value depends on."""
        below = self.graph.reachable([self.node])
        places = sorted(int(self.graph.payload[n]) for n in below if self.graph.ops[n] == "state")
        return [self.leaves[place] for place in places]

    def write(self, target: Graph, meaning: Callable[[str, str], int]) -> int:
        """Copy the value into another graph, each leaf being what `meaning` returns for it."""

        def leaf(node: int) -> int | None:
            if self.graph.ops[node] != "state":
                return None
            return meaning(*self.leaves[int(self.graph.payload[node])])

        return rebuilt(self.graph, self.node, target, leaf)


def solve_algebraic_rules(elements: Elements) -> dict[str, Solution]:
    """Return the solution for each variable that algebraic rules determine.

    Parameters
    ----------
    elements : Elements
        The model, sorted as if there were no algebraic rules.

    Raises
    ------
    ModelError
        Where it is open which variable a rule determines, or the rule cannot be solved for it.
    """
    if not elements.algebraic:
        return {}
    return _Solver(elements).solutions()


class _Solver:
    """One model's algebraic rules."""

    def __init__(self, elements: Elements) -> None:
        self._elements = elements
        self._graph = Graph()
        self._translator = Translator(self._graph, elements.functions)
        self._leaves: dict[Leaf, int] = {}
        self._computed: dict[str, int] = {}

    def solutions(self) -> dict[str, Solution]:
        """Return the solution for each variable."""
        unknowns = self._unknowns()
        self._expand(unknowns)
        scope = self._scope("", "algebraic rule")
        residuals = [self._translator.number(rule, scope) for rule in self._elements.algebraic]
        variables = {name: self._leaf(("value", name)) for name in unknowns}
        solved = solve_system(self._graph, residuals, list(variables.values()))
        if solved is None:
            raise ModelError(
                f"{self._rules()} cannot be solved for {' and '.join(unknowns)} by formula"
            )
        leaves = tuple(self._leaves)
        return {
            name: Solution(self._graph, self._without(solved, solved[variable]), leaves)
            for name, variable in variables.items()
        }

    def _without(self, solved: dict[int, int], node: int) -> int:
        """Put the other variables' solutions into one, until none is left in it."""
        for _ in range(len(solved) + 1):
            if not set(self._graph.reachable([node])) & solved.keys():
                return node
            node = rebuilt(self._graph, node, self._graph, lambda leaf: solved.get(leaf, leaf))
        raise ModelError(f"{self._rules()} cannot be solved by formula")

    def _rules(self) -> str:
        import libsbml

        texts = ", ".join(f"0 = {libsbml.formulaToL3String(r)}" for r in self._elements.algebraic)
        return f"the algebraic rule {texts}"[:300]

    # which variables ------------------------------------------------------------------------
    def _unknowns(self) -> list[str]:
        """Return the variables that the rules determine: as many as there are rules."""
        names: set[str] = set()
        pending = [name for rule in self._elements.algebraic for name in _values(rule)]
        while pending:
            name = pending.pop()
            if name not in names:
                if not self._elements.is_symbol(name):
                    raise ModelError(
                        f"a formula mentions {shown(name)}, which the model does not define",
                        where="algebraic rule",
                    )
                names.add(name)
                pending.extend(self._mentioned_by(name))
        free = [name for name in self._elements.symbols() if name in names and self._is_free(name)]
        count = len(self._elements.algebraic)
        if len(free) != count:
            what = f"could determine any of {', '.join(free)}" if free else "determines nothing"
            raise ModelError(
                f"{self._rules()} {what}"[:400],
                expected=f"{count} variable{'s' * (count > 1)} that nothing else moves",
            )
        return free

    def _mentioned_by(self, name: str) -> set[str]:
        """Return the names that a symbol's value is computed from."""
        elements = self._elements
        if name in elements.assigned:
            return _values(elements.assigned[name])
        if name in elements.reactions:
            own = {parameter.getId() for parameter in elements.locals(name)}
            return _values(elements.law(name)) - own
        species = elements.species.get(name)
        if species is not None and not elements.is_amount(name) and not species.getConstant():
            return {species.getCompartment()}
        return set()

    def _is_free(self, name: str) -> bool:
        """Tell whether nothing but an algebraic rule moves a symbol."""
        elements = self._elements
        moved = {*elements.assigned, *elements.driven, *elements.event_targets}
        if name in moved or name in elements.reactions or name in elements.parts_of:
            return False
        for group in (elements.compartments, elements.species, elements.parameters):
            if name in group:
                return not group[name].getConstant()
        reference = elements.references.get(name)
        return reference is not None and elements.level >= 3 and not reference.getConstant()

    # equations ------------------------------------------------------------------------------
    def _expand(self, unknowns: list[str]) -> None:
        """Write what depends on the unknowns, in order."""
        elements = self._elements
        candidates = [*elements.assigned, *elements.reactions, *elements.species]
        mentioned = {name: self._mentioned_by(name) for name in candidates if name not in unknowns}
        try:
            order = list(TopologicalSorter(mentioned).static_order())
        except CycleError as error:
            circle = " -> ".join(dict.fromkeys(error.args[1]))
            raise ModelError(f"rules define each other in a circle: {circle}") from None
        dependent = set(unknowns)
        for name in order:
            if name in unknowns or not mentioned.get(name, set()) & dependent:
                continue
            dependent.add(name)
            self._computed[name] = self._write(name)

    def _write(self, name: str) -> int:
        elements = self._elements
        if name in elements.assigned:
            scope = self._scope("", f"assignment rule of {name}")
            return self._translator.number(elements.assigned[name], scope)
        if name in elements.reactions:
            scope = self._scope(name, f"rate of reaction {name}")
            return self._translator.number(elements.law(name), scope)
        size = self._value(elements.species[name].getCompartment())
        return self._graph.div(self._leaf(("amount", name)), size)

    def _scope(self, reaction: str, where: str) -> Scope:
        own = set()
        if reaction:
            own = {parameter.getId() for parameter in self._elements.locals(reaction)}

        def value(name: str) -> int:
            return self._leaf(("local", f"{reaction}.{name}")) if name in own else self._value(name)

        def rate(name: str) -> int:
            raise ModelError(f"rateOf {name} is not supported beside algebraic rules", where=where)

        return Scope(value, rate, self._leaf(_TIME), where)

    def _value(self, name: str) -> int:
        return self._computed[name] if name in self._computed else self._leaf(("value", name))

    def _leaf(self, leaf: Leaf) -> int:
        return self._graph.state(self._leaves.setdefault(leaf, len(self._leaves)))


def _values(formula: Any) -> set[str]:
    values, _ = mentions(formula)
    return values
