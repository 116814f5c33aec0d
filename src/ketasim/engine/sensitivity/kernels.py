"""What is compiled to differentiate a model's solution: which kernels, and where they read.

The tangent of every number of a step lies in a second block of memory, the *mirror*, of the same
layout as the block itself (`layout`) and just before it: the tangent of a row is found a fixed
number of rows below it, wherever it is. A lane is a direction here: all lanes hold the same
patient, and their mirrors differ. The kernels are

``initialise_tangent(t, -, inputs)``
    tangents of what ``initialise`` computes;
``rates_tangent(t, y, q)``
    tangents of the right-hand side, added to what is there;
``linearise_tangent(t, y, q)``
    tangents of what ``linearise`` computes, those of the Jacobian's entries among them;
``bend(-, k, entries)``
    the tangent of the Jacobian times a stage, added to what is there;
``observe_tangent(t, y, q)``
    tangents of the outputs; compiled for each set of outputs.

Each reads the block through the pointers it is given and the mirror at places before them. The
tangent of the time a kernel is called with is the mirror of the row ``AT``.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..expressions import Graph
from ..layout import AT
from ..lowering import Kernel
from ..stepping import needed_states
from ..tangents import tangents
from .stepping import TangentStepping, TangentViewing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..kernels import KernelPlan
    from ..network import Network


@dataclass(frozen=True)
class TangentPlan:
    """What to compile once a model.

    Attributes
    ----------
    kernels : tuple of Kernel
        Everything but ``observe_tangent``.
    stepping : TangentStepping
        Writer of the functions around them.
    """

    kernels: tuple[Kernel, ...]
    stepping: TangentStepping


class _Leaves:
    """Tangents of a model's leaves as places in the mirror.

    Parameters
    ----------
    plan, network : KernelPlan, Network
        The model.
    graph : Graph
        A copy of the model's graph, to which the places are added.
    """

    def __init__(self, plan: KernelPlan, network: Network, graph: Graph) -> None:
        self._plan, self._network, self._graph = plan, network, graph
        self._down = -plan.layout.rows()["end"]

    def inputs(self) -> dict[int, int]:
        """Return the tangents of the inputs, for a kernel that is given inputs only."""
        graph = self._graph
        count = len(self._network.inputs)
        return {graph.input(i): graph.input(self._down + i) for i in range(count)}

    def running(self) -> dict[int, int]:
        """Return the tangents of all a kernel reads during a run."""
        graph, constants = self._graph, self._plan.layout.constants
        known = self.inputs()
        for node, place in self._plan.hoisted.items():
            known[node] = graph.input(self._down + place - constants)
        for i in range(len(self._network.states)):
            known[graph.state(i)] = graph.state(self._down + i)
        clock = self._down + AT - self._plan.layout.row("q")
        known[graph.time()] = graph.input(clock - constants)
        return known

    def choices(self) -> dict[int, int]:
        """Return the flags of values that the model computes unless they are given."""
        graph, positions = self._graph, self._network.positions
        return {
            graph.input(place): graph.input(positions[name.removeprefix("given:")])
            for name, place in positions.items()
            if name.startswith("given:")
        }


def plan_tangents(plan: KernelPlan, network: Network) -> TangentPlan:
    """Return what to compile for a model.

    Parameters
    ----------
    plan : KernelPlan
        The model's kernels.
    network : Network
        The model.
    """
    graph = copy.deepcopy(network.graph)  # numbers of nodes stay what they are
    leaves = _Leaves(plan, network, graph)
    known = {kernel.name: kernel for kernel in plan.kernels}
    running, constants = leaves.running(), plan.layout.constants
    started = tangents(graph, known["initialise"].roots, leaves.inputs(), leaves.choices())
    rates = tangents(graph, known["rates"].roots, running)
    slopes = tangents(graph, known["linearise"].roots, running)
    moving = [slope != graph.const(0.0) for slope in slopes[len(network.states) :]]
    kernels = (
        Kernel("initialise_tangent", graph, started, {}, plan.width),
        Kernel("rates_tangent", graph, rates, plan.hoisted, plan.width, True, False, constants),
        Kernel("linearise_tangent", graph, slopes, plan.hoisted, plan.width, inputs_at=constants),
        _bend(plan, moving),
        known["solve"],
    )
    return TangentPlan(kernels, TangentStepping(plan.layout, plan.stepping.method, plan.width))


def _bend(plan: KernelPlan, moving: Sequence[bool]) -> Kernel:
    """Return the kernel of the Jacobian's tangent times a vector; constant entries fall out."""
    graph = Graph()
    sums = [graph.const(0.0)] * plan.layout.states
    for place, (row, column) in enumerate(plan.pattern):
        if moving[place]:
            product = graph.mul(graph.input(place), graph.state(column))
            sums[row] = graph.add(sums[row], product)
    return Kernel("bend", graph, tuple(sums), {}, plan.width, accumulate=True)


def plan_output_tangents(
    plan: KernelPlan, network: Network, nodes: Sequence[int]
) -> tuple[Kernel, TangentViewing]:
    """Return what to compile for some outputs.

    Parameters
    ----------
    plan : KernelPlan
        The model's kernels.
    network : Network
        The model.
    nodes : sequence of int
        The outputs.
    """
    graph = copy.deepcopy(network.graph)
    leaves = _Leaves(plan, network, graph)
    roots = tangents(graph, nodes, leaves.running(), leaves.choices())
    kernel = Kernel(
        "observe_tangent", graph, roots, plan.hoisted, plan.width,
        inputs_at=plan.layout.constants,
    )  # fmt: skip
    needed = needed_states(nodes, network.graph)
    return kernel, TangentViewing(plan.layout, plan.stepping.method, plan.width, needed, len(nodes))
