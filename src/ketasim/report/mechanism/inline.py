"""Inline the rules that no reader needs to see into the formulas that use them.

What is left are the states and the rules that are shown. The derivative of an inlined formula is
the total one, so that two paths of opposite sign inside a rule add up as they do in the model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ketasim.report.mechanism.formula import Formula
    from ketasim.report.mechanism.network import Network, Variable

__all__ = ["inline"]


def inline(network: Network, shown: frozenset[str]) -> Network:
    """Leave only the states and the shown rules.

    Parameters
    ----------
    network : Network
        All variables.
    shown : frozenset of str
        The rules to keep.

    Returns
    -------
    Network
        With the same values; the inputs of a variable are states and shown rules.
    """
    hidden = [rule for rule in network.rules if rule.id not in shown]
    reach: dict[str, Variable] = {}
    for rule in hidden:
        reach[rule.id] = _through(rule, reach)
    kept = {
        name: _inlined(one, reach, hidden)
        for name, one in network.variables.items()
        if name not in reach
    }
    return replace(network, variables=kept)


def _through(variable: Variable, reach: Mapping[str, Variable]) -> Variable:
    """Replace hidden inputs by what they depend on themselves."""
    direct = [reach[name] for name in variable.inputs if name in reach]
    return replace(
        variable,
        inputs=variable.inputs.difference(reach).union(*(one.inputs for one in direct)),
        parameters=variable.parameters.union(*(one.parameters for one in direct)),
    )


def _inlined(
    variable: Variable, reach: Mapping[str, Variable], hidden: Sequence[Variable]
) -> Variable:
    needed = _chain(variable, {rule.id: rule for rule in hidden})
    if not needed:
        return variable
    rules = [rule for rule in hidden if rule.id in needed]
    return replace(_through(variable, reach), formula=_recomputing(variable.formula, rules))


def _chain(variable: Variable, hidden: Mapping[str, Variable]) -> set[str]:
    """Return every hidden rule that the variable uses, directly or through another."""
    found: set[str] = set()
    waiting = list(variable.inputs & hidden.keys())
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(hidden[name].inputs & hidden.keys())
    return found


def _recomputing(formula: Formula, rules: Sequence[Variable]) -> Formula:
    def value(values: Mapping[str, float]) -> float:
        local = dict(values)
        for rule in rules:
            local[rule.id] = rule.formula(local)
        return formula(local)

    return value
