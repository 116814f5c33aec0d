"""The engine's own form of a model: states, inputs and one graph of equations.

A `Network` is what is left of an SBML model once names are resolved, functions inlined and
rules put in order. Everything behind it (derivatives, code, backends) is free of SBML.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ..errors import InputError, ModelError, unknown_name
from .expressions import INPUT, STATE, TIME, Graph
from .sbml_algebra import linear

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

#: How a species may be asked for: as its symbol means in formulas, as amount, as concentration.
Form = Literal["own", "amount", "concentration"]
FORMS: tuple[Form, ...] = ("own", "amount", "concentration")
_COMPARISONS = frozenset({"lt", "le", "eq"})


@dataclass(frozen=True)
class Event:
    """Something that happens at once when a condition comes true.

    Attributes
    ----------
    name : str
        Its id, for messages.
    trigger : int
        Node of the condition, a truth value.
    initially : bool
        The trigger's value before the start: an event whose trigger holds at the start fires
        there only where this is false.
    persistent : bool
        A waiting event is executed although its trigger has become false again.
    from_trigger : bool
        The new values are those computed when the event fires, not when it is executed.
    delay : int or None
        Node of the time from firing to execution; None for no delay.
    priority : int or None
        Node of what decides between events due at one time, the greater first.
    assignments : tuple of (int, int)
        Place of each state that is set, and the node of its new value in the state's own unit.
    """

    name: str
    trigger: int
    initially: bool
    persistent: bool
    from_trigger: bool
    delay: int | None
    priority: int | None
    assignments: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class SpeciesForms:
    """A species as amount and as concentration, whatever it is in the state vector.

    Attributes
    ----------
    amount : int
        Node of its amount.
    concentration : int or None
        Node of its concentration; None in a compartment without dimensions.
    compartment : str
        Where it is.
    """

    amount: int
    concentration: int | None
    compartment: str


@dataclass(frozen=True)
class Network:
    """A model as ordinary differential equations.

    Attributes
    ----------
    name : str
        The model's id, for messages.
    graph : Graph
        All equations.
    states : tuple of str
        Names of the states, in the order of the state vector. A species whose compartment
        changes its size is an amount there; by name it is what its symbol means in formulas.
    parameters : tuple of str
        Constants that may be set for each patient.
    inputs : tuple of str
        Names of the input vector: the parameters, then initial values of states (named as the
        state, and in the unit of its symbol), then flags ``given:name`` that tell a set value
        from a computed one.
    defaults : tuple of float
        Value of each input where the user sets none; NaN where the model has none.
    initial : tuple of int
        Node of each state's initial value; depends on inputs only.
    rates : tuple of int
        Node of each state's derivative.
    dose_scale : tuple of int
        Node of the factor from an amount to the state's own unit (1, or 1/volume).
    rules : mapping of str to int
        Node of each variable defined by an assignment rule.
    constants : mapping of str to int
        Node of each parameter that an initial assignment computes.
    cuts : tuple of int
        Nodes worth differentiating once: rules and reaction rates.
    units : mapping of str to str
        Unit of each state, parameter and rule variable, readable by pint; empty if undeclared.
    events : tuple of Event
        What happens at once.
    symbols : mapping of str to int
        Node of the value of everything that has one: compartments, species, parameters (a local
        one as ``reaction.parameter``), reactions (their rates) and stoichiometries.
    species : mapping of str to SpeciesForms
        Every species as amount and as concentration.
    """

    name: str
    graph: Graph
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    inputs: tuple[str, ...]
    defaults: tuple[float, ...]
    initial: tuple[int, ...]
    rates: tuple[int, ...]
    dose_scale: tuple[int, ...]
    rules: Mapping[str, int]
    constants: Mapping[str, int]
    cuts: tuple[int, ...]
    units: Mapping[str, str]
    events: tuple[Event, ...] = ()
    symbols: Mapping[str, int] = field(default_factory=dict)
    species: Mapping[str, SpeciesForms] = field(default_factory=dict)

    @cached_property
    def observables(self) -> tuple[str, ...]:
        """Names that may be asked as outputs: states, then rule variables."""
        return (*self.states, *(name for name in self.rules if name not in self.states))

    @cached_property
    def positions(self) -> dict[str, int]:
        """Place of each input's name in the input vector."""
        return {name: index for index, name in enumerate(self.inputs)}

    def output_nodes(self, outputs: Sequence[str], species: Form = "own") -> tuple[int, ...]:
        """Return the nodes of the named outputs.

        Parameters
        ----------
        outputs : sequence of str
            `observables`, and whatever else has a value: compartments, constants, reactions.
        species : {"own", "amount", "concentration"}
            What a species is asked as; ``own`` is what its symbol means in formulas.

        Raises
        ------
        UnknownNameError
            For a name that has no value.
        InputError
            For the concentration of a species where there is no size to divide by.
        """
        if species not in FORMS:
            raise unknown_name("form of species", species, FORMS)
        return tuple(self._output_node(name, species) for name in outputs)

    def _output_node(self, name: str, form: Form) -> int:
        if name not in self.symbols:
            near = self.observables if self.observables else tuple(self.symbols)
            raise unknown_name("output", name, near)
        if form == "own" or name not in self.species:
            return self.symbols[name]
        forms = self.species[name]
        node = forms.amount if form == "amount" else forms.concentration
        if node is None:
            raise InputError(
                f"{name!r} has no concentration: its compartment {forms.compartment!r} has no size"
            )
        if node != self.symbols[name]:  # it takes the size to get there
            self._require_size(name, forms.compartment)
        return node

    def _require_size(self, species: str, compartment: str) -> None:
        size = self.symbols[compartment]
        if self.graph.varies(size):
            return
        value = self.graph.evaluate([size], self.defaults)[0]
        if value == 0.0 or value != value:
            told = "no size" if value != value else "the size 0"
            raise InputError(
                f"{species!r} cannot be turned from amount to concentration or back: its "
                f"compartment {compartment!r} has {told}"
            )

    def default_values(self) -> dict[str, float]:
        """Return the model's own value of each parameter, computed ones included."""
        graph, values = self.graph, {}
        for name in self.parameters:
            place = self.positions[name]
            node = self.constants.get(name)
            value = self.defaults[place]
            if node is not None:
                value = graph.evaluate([node], self.defaults)[0]
            values[name] = value
        return values

    def breakpoints(self) -> tuple[int, ...]:
        """Return nodes of the times at which the equations switch, known before the run.

        These are the times at which the two sides of a comparison are equal, in the rates, rules
        and triggers, where the sides depend on inputs and, linearly, on time only.
        """
        roots = [*self.rates, *self.rules.values(), *(event.trigger for event in self.events)]
        found = (
            self._switching_time(node)
            for node in self.graph.reachable(roots)
            if self.graph.ops[node] in _COMPARISONS
        )
        return tuple(sorted({time for time in found if time is not None}))

    def _switching_time(self, comparison: int) -> int | None:
        """Return the node of the time at which a comparison changes, None where unknown."""
        graph = self.graph
        a, b = graph.args[comparison]
        if not (graph.depends[a] | graph.depends[b]) & TIME:
            return None
        if (graph.depends[a] | graph.depends[b]) & STATE:
            return None
        for side, other in ((a, b), (b, a)):
            if graph.ops[side] == "time" and not graph.depends[other] & ~INPUT:
                return other
        clock = graph.time()
        left, right = linear(graph, a, clock), linear(graph, b, clock)
        if left is None or right is None:
            return None
        slope = graph.sub(left.slope, right.slope)
        if graph.varies(slope) or graph.value(slope) == 0.0:
            return None
        return graph.div(graph.sub(right.rest, left.rest), slope)

    @cached_property
    def rate_guards(self) -> tuple[int, ...]:
        """Nodes whose change of sign switches the rates at a time that is not known before.

        One for each comparison (left side minus right side), those apart that only choose
        between the two numbers they compare: a minimum or a maximum has no jump.
        """
        graph = self.graph
        seen: set[int] = set()
        pending = list(self.rates)
        found: set[int] = set()
        while pending:
            node = pending.pop()
            if node in seen:
                continue
            seen.add(node)
            args = graph.args[node]
            if graph.ops[node] in _COMPARISONS:
                found.add(node)
            if graph.ops[node] == "select" and set(args[1:]) == set(graph.args[args[0]]):
                pending.extend(args[1:])
            else:
                pending.extend(args)
        return self._guards(found)

    @cached_property
    def trigger_guards(self) -> tuple[int, ...]:
        """Nodes whose change of sign may turn a trigger at a time that is not known before."""
        graph = self.graph
        below = graph.reachable([event.trigger for event in self.events])
        return self._guards({node for node in below if graph.ops[node] in _COMPARISONS})

    @property
    def guards(self) -> tuple[int, ...]:
        """All guards, of the rates and of the triggers."""
        return tuple(sorted({*self.rate_guards, *self.trigger_guards}))

    def _guards(self, comparisons: set[int]) -> tuple[int, ...]:
        graph = self.graph
        found = {
            graph.sub(*graph.args[node])
            for node in sorted(comparisons)
            if graph.varies(node) and self._switching_time(node) is None
        }
        return tuple(sorted(found))

    def input_table(
        self, parameters: Mapping[str, float | NDArray[np.float64]], patients: int
    ) -> NDArray[np.float64]:
        """Return the input vectors of all patients.

        Parameters
        ----------
        parameters : mapping
            Values by name: one number, or one for each patient. A state's name sets its
            initial value.
        patients : int
            Number of patients.

        Returns
        -------
        ndarray, shape (patients, inputs)

        Raises
        ------
        UnknownNameError
            For a name that is neither a parameter nor a state.
        ModelError
            Where a value is missing or not a finite number.
        """
        import numpy as np

        table = np.tile(np.array(self.defaults, dtype=np.float64), (patients, 1))
        for name, value in parameters.items():
            column = self._column(name)
            table[:, column] = value
            flag = self.positions.get(f"given:{name}")
            if flag is not None:
                table[:, flag] = 1.0
            if not np.isfinite(table[:, column]).all():
                patient = int(np.argmin(np.isfinite(table[:, column])))
                raise ModelError(
                    f"{name!r} is {table[patient, column]:g}", where=f"patient {patient}",
                    expected="a finite number",
                )  # fmt: skip
        self._require_values(table)
        return table

    def _column(self, name: str) -> int:
        if name in self.positions and not name.startswith("given:"):
            return self.positions[name]
        if name in self.rules:
            raise ModelError(f"{name!r} is computed by an assignment rule and cannot be set")
        raise unknown_name("parameter", name, (*self.parameters, *self.states))

    def _require_values(self, table: NDArray[np.float64]) -> None:
        import numpy as np

        for column in np.flatnonzero(np.isnan(table).any(axis=0)):
            if int(column) in self._needed_inputs:
                raise ModelError(
                    f"{self.inputs[column]!r} has no value in the model", expected="one to be given"
                )

    @cached_property
    def _needed_inputs(self) -> frozenset[int]:
        """Inputs without which something is undefined: not those behind a ``given`` flag."""
        graph = self.graph
        roots = [*self.rates, *self.initial, *self.rules.values(), *self._event_nodes()]
        flagged = {name.removeprefix("given:") for name in self.inputs if name.startswith("given:")}
        return frozenset(
            int(graph.payload[node])
            for node in graph.reachable(roots)
            if graph.ops[node] == "input" and self.inputs[int(graph.payload[node])] not in flagged
        )

    def _event_nodes(self) -> list[int]:
        found = []
        for event in self.events:
            timing = (event.trigger, event.delay, event.priority)
            found += [node for node in timing if node is not None]
            found += [node for _, node in event.assignments]
        return found
