"""What a run may be differentiated by, and which models are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import InputError, ModelError, RegimenError
from ..expressions import INPUT, STATE, TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..network import Network
    from ..schedule import DoseTable

_STEPS = frozenset({"floor", "ceil", "trunc"})


@dataclass(frozen=True)
class Request:
    """What the caller wants to differentiate by.

    Attributes
    ----------
    names : tuple of str
        Parameters and states (their initial values).
    amounts, starts, durations : tuple of int
        Places of doses in the schedule.
    """

    names: tuple[str, ...] = ()
    amounts: tuple[int, ...] = ()
    starts: tuple[int, ...] = ()
    durations: tuple[int, ...] = ()

    def labels(self) -> tuple[str, ...]:
        """Return the names of all directions, in order."""
        doses = (("amount", self.amounts), ("start", self.starts), ("duration", self.durations))
        told = [f"{what} of dose {place}" for what, places in doses for place in places]
        return (*self.names, *told)

    def places(self, network: Network, table: DoseTable) -> tuple[list[int], list[int]]:
        """Return what each direction varies (see `driver`), and the place of that.

        Parameters
        ----------
        network : Network
            The model.
        table : DoseTable
            The doses.

        Raises
        ------
        UnknownNameError
            For a name that is neither a parameter nor a state.
        InputError
            Where nothing is asked, something twice, a dose that does not exist, or the duration
            of a bolus.
        """
        from .driver import AMOUNT, BEGINNING, DURATION, INPUT

        labels = self.labels()
        if not labels:
            raise InputError("there is nothing to differentiate by", expected="a name or a dose")
        twice = next((name for name in labels if labels.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"the derivative by {twice!r} is asked for twice")
        doses = (*self.amounts, *self.starts, *self.durations)
        self._check(doses, table)
        kinds = [INPUT] * len(self.names) + [AMOUNT] * len(self.amounts)
        kinds += [BEGINNING] * len(self.starts) + [DURATION] * len(self.durations)
        return kinds, [*(network._column(name) for name in self.names), *doses]

    def _check(self, doses: Sequence[int], table: DoseTable) -> None:
        count = len(table.target)
        for place in doses:
            if not 0 <= place < count:
                known = f"a number from 0 to {count - 1}" if count else "a schedule of doses"
                raise InputError(f"there is no dose {place}", expected=known)
        for place in self.durations:
            sudden = (table.start == table.end) & (table.amount != 0.0)
            if sudden[:, place].any():
                patient = int(sudden[:, place].argmax())
                raise RegimenError(
                    f"dose {place} of patient {patient} is a bolus, so it has no duration to vary"
                )


def require_smooth(network: Network) -> None:
    """Stop on a model whose derivatives would be wrong.

    Parameters
    ----------
    network : Network
        The model.

    Raises
    ------
    ModelError
        Where it has events, or rates that switch at times which move with the state or with a
        parameter and are not known before the run: steps that do not know of the switch have
        derivatives of their own, which are not those of the solution.
    """
    name, graph = repr(network.name), network.graph
    if network.events:
        told = ", ".join(sorted(repr(event.name) for event in network.events)[:3])
        raise ModelError(f"{name} has events ({told}); its solution cannot be differentiated")
    moving = [node for node in network.rate_guards if graph.depends[node] & (STATE | INPUT)]
    for node in graph.reachable(network.rates):
        depends = graph.depends[node]
        by_input = depends & TIME and depends & INPUT
        if graph.ops[node] in _STEPS and (depends & STATE or by_input):
            moving.append(node)
    if moving:
        raise ModelError(
            f"the rates of {name} switch at times that depend on the state; its solution cannot "
            "be differentiated"
        )
