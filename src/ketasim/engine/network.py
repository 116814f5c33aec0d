"""The engine's own form of a model: states, inputs and one graph of equations.

A `Network` is what is left of an SBML model once names are resolved, functions inlined and
rules put in order. Everything behind it (derivatives, code, backends) is free of SBML.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import ModelError, unknown_name
from .expressions import INPUT, Graph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


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
        Names of the states, in the order of the state vector.
    parameters : tuple of str
        Constants that may be set for each patient.
    inputs : tuple of str
        Names of the input vector: the parameters, then initial values of states (named as the
        state), then flags ``given:name`` that tell a set value from a computed one.
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

    @cached_property
    def observables(self) -> tuple[str, ...]:
        """Names that may be asked as outputs: states, then rule variables."""
        return (*self.states, *(name for name in self.rules if name not in self.states))

    @cached_property
    def positions(self) -> dict[str, int]:
        """Place of each input's name in the input vector."""
        return {name: index for index, name in enumerate(self.inputs)}

    def output_nodes(self, outputs: Sequence[str]) -> tuple[int, ...]:
        """Return the nodes of the named outputs.

        Raises
        ------
        UnknownNameError
            For a name that is neither a state nor a rule variable.
        """
        places = {name: index for index, name in enumerate(self.states)}
        nodes = []
        for name in outputs:
            if name in places:
                nodes.append(self.graph.state(places[name]))
            elif name in self.rules:
                nodes.append(self.rules[name])
            else:
                raise unknown_name("output", name, self.observables)
        return tuple(nodes)

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

        These are the bounds that time is compared with in piecewise expressions, where they
        depend on inputs only.
        """
        graph = self.graph
        found: set[int] = set()
        for node in graph.reachable([*self.rates, *self.rules.values()]):
            if graph.ops[node] in ("lt", "le", "eq"):
                for side, other in (graph.args[node], graph.args[node][::-1]):
                    if graph.ops[side] == "time" and not graph.depends[other] & ~INPUT:
                        found.add(other)
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
        roots = [*self.rates, *self.initial, *self.rules.values()]
        flagged = {name.removeprefix("given:") for name in self.inputs if name.startswith("given:")}
        return frozenset(
            int(graph.payload[node])
            for node in graph.reachable(roots)
            if graph.ops[node] == "input" and self.inputs[int(graph.payload[node])] not in flagged
        )
