"""From libSBML's syntax tree to the expression graph.

A model file is untrusted: its formulas are walked as trees, node type by node type, and never
turned into text that something would run. What `sbml_functions` does not list is refused by
name. The walk keeps its own stack, so a formula may be nested as deeply as a file allows, and it
counts what the model's own functions unfold to, so that a file of a few lines cannot ask for
more work than a machine can do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from .sbml_functions import apply_operation, constant
from .sbml_text import shown

if TYPE_CHECKING:
    from .expressions import Graph

#: Most operations that the formulas of a model may unfold to, its functions written out.
MOST_OPERATIONS = 5_000_000

Resolver = Callable[[str], int]


@cache
def _type_names() -> dict[int, str]:
    """Return the name of each node type: ``AST_FUNCTION_EXP`` -> ``exp``."""
    import libsbml

    names: dict[int, str] = {}
    for attribute in sorted(dir(libsbml)):
        if attribute.startswith("AST_") and isinstance(getattr(libsbml, attribute), int):
            short = attribute.removeprefix("AST_")
            for prefix in ("FUNCTION_", "RELATIONAL_", "LOGICAL_"):
                short = short.removeprefix(prefix)
            names.setdefault(int(getattr(libsbml, attribute)), short.lower())
    # Two types share the short name "power"; a call of a user's function is plain "function".
    names[libsbml.AST_FUNCTION] = "function"
    names[libsbml.AST_MINUS] = "minus"
    return names


def type_name(node: Any) -> str:
    """Return the short name of a syntax tree node's type."""
    return _type_names().get(int(node.getType()), f"type {node.getType()}")


def children(node: Any) -> Iterator[Any]:
    """Yield the children of a syntax tree node."""
    for index in range(node.getNumChildren()):
        yield node.getChild(index)


def nodes_of(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield every node of a formula with the name of its type, parents first."""
    pending = [node]
    while pending:
        item = pending.pop()
        yield type_name(item), item
        pending.extend(children(item))


def names_in(node: Any) -> set[str]:
    """Return the identifiers whose values a formula mentions, functions' names excepted."""
    values, _ = mentions(node)
    return values


def mentions(node: Any) -> tuple[set[str], set[str]]:
    """Return the identifiers whose values, and those whose rates, a formula mentions.

    Parameters
    ----------
    node : libsbml.ASTNode
        Root of the formula.
    """
    values: set[str] = set()
    rates: set[str] = set()
    pending = [node]
    while pending:
        item = pending.pop()
        kind = type_name(item)
        if kind == "name":
            values.add(item.getName())
        elif kind == "rate_of":
            rates.update(child.getName() or "" for child in children(item))
            continue
        pending.extend(children(item))
    return values, rates


def functions_called(node: Any) -> set[str]:
    """Return the names of the model's own functions that a formula calls."""
    return {item.getName() for kind, item in nodes_of(node) if kind == "function"}


@dataclass(frozen=True)
class Scope:
    """What the names in a formula mean.

    Attributes
    ----------
    value : callable
        Returns the graph node of an identifier.
    rate : callable
        Returns the graph node of an identifier's rate of change.
    time : int
        Graph node that stands for the simulation's time.
    where : str
        What the formula belongs to, for messages.
    """

    value: Resolver
    rate: Resolver
    time: int
    where: str


class Translator:
    """Writes formulas into a graph.

    Parameters
    ----------
    graph : Graph
        Where nodes are added.
    functions : mapping of str to libsbml.FunctionDefinition
        The model's own functions, inlined where they are called; none calls itself.
    """

    def __init__(self, graph: Graph, functions: Mapping[str, Any]) -> None:
        self._graph = graph
        self._functions = functions
        self._calls: dict[tuple[str, tuple[int, ...], int], int] = {}
        self._operations = 0

    def number(self, node: Any, scope: Scope) -> int:
        """Return the graph node of a formula, as a number.

        Parameters
        ----------
        node : libsbml.ASTNode
            Root of the formula.
        scope : Scope
            What its names mean.

        Raises
        ------
        ModelError
            For an operation the engine does not know, named in the message.
        """
        return self._graph.number(self._translate(node, scope))

    def condition(self, node: Any, scope: Scope) -> int:
        """Return the graph node of a formula, as a truth value; see `number`."""
        return self._graph.condition(self._translate(node, scope))

    def _translate(self, root: Any, scope: Scope) -> int:
        """Walk a formula: operands are written first, then what is done with them."""
        written: list[int] = []
        tasks: list[tuple[str, Any, Scope]] = [("enter", root, scope)]
        while tasks:
            task, item, scope = tasks.pop()
            if task == "remember":
                self._calls[item] = written[-1]
                continue
            if task == "enter":
                leaf = self._leaf(item, scope)
                if leaf is not None:
                    written.append(leaf)
                    continue
                tasks.append(("leave", item, scope))
                tasks += [("enter", child, scope) for child in reversed(list(children(item)))]
                continue
            count = item.getNumChildren()
            args = written[len(written) - count :]
            del written[len(written) - count :]
            if type_name(item) == "function":
                tasks += self._call(item.getName(), args, scope, written)
            else:
                written.append(self._apply(type_name(item), args, scope))
        return written[0]

    def _leaf(self, node: Any, scope: Scope) -> int | None:
        """Return the node of what needs no operands, None for the rest."""
        self._operations += 1
        if self._operations > MOST_OPERATIONS:
            raise ModelError(
                "the formulas unfold to too many operations",
                where=scope.where, expected=f"at most {MOST_OPERATIONS:,}",
            )  # fmt: skip
        kind = type_name(node)
        if kind in ("integer", "real", "real_e", "rational"):
            return self._graph.const(float(node.getValue()))
        if kind == "name":
            return scope.value(node.getName())
        if kind == "name_time":
            return scope.time
        if kind == "rate_of":
            return self._rate(node, scope)
        if kind == "delay":
            raise ModelError("delays are not supported", where=scope.where)
        return constant(self._graph, kind)

    @staticmethod
    def _rate(node: Any, scope: Scope) -> int:
        of = list(children(node))
        if len(of) != 1 or type_name(of[0]) != "name":
            raise ModelError("rateOf is asked of something that is no name", where=scope.where)
        return scope.rate(of[0].getName())

    def _apply(self, kind: str, args: list[int], scope: Scope) -> int:
        try:
            return apply_operation(self._graph, kind, args)
        except ModelError as error:
            raise ModelError(error.what, where=scope.where, expected=error.expected) from None

    def _call(
        self, name: str, args: list[int], scope: Scope, written: list[int]
    ) -> list[tuple[str, Any, Scope]]:
        """Return the tasks of a call of the model's own function; none where it is known."""
        definition = self._functions.get(name)
        if definition is None or definition.getBody() is None:
            raise ModelError(f"the function {shown(name)} is not defined", where=scope.where)
        count = definition.getNumArguments()
        if len(args) != count:
            raise ModelError(
                f"the function {name!r} is called with {len(args)} arguments",
                where=scope.where,
                expected=str(count),
            )
        key = (name, tuple(args), scope.time)
        if key in self._calls:
            written.append(self._calls[key])
            return []
        bound = {definition.getArgument(i).getName(): args[i] for i in range(count)}
        inner = Scope(_lookup(name, bound), _no_rates(name), scope.time, f"function {name}")
        return [("remember", key, scope), ("enter", definition.getBody(), inner)]


def _lookup(function: str, bound: Mapping[str, int]) -> Resolver:
    def value(argument: str) -> int:
        if argument not in bound:
            raise ModelError(
                f"the function {function!r} mentions {shown(argument)}, which is not its argument"
            )
        return bound[argument]

    return value


def _no_rates(function: str) -> Resolver:
    def rate(_: str) -> int:
        raise ModelError(f"the function {function!r} uses rateOf, which is not supported there")

    return rate
