"""What is compiled for a model: which kernels, and what is computed once a patient.

Everything that depends on a patient's inputs only is *hoisted*: computed by `initialise` once a
patient and read from an array of constants afterwards. The kernels are

``initialise(start, inputs)``
    constants, initial state, factors from amounts to states, switching times; a patient at once;
``rates(t, y, q)``
    the right-hand side, added to what is there;
``linearise(t, y, q)``
    right-hand side, the Jacobian's entries and the derivatives by time, sharing all they can;
``factor(shift, jacobian)`` and ``solve(right, factors)``
    the linear algebra of a step, as straight-line code (`sparse`);
``observe(t, y, q)``
    the outputs asked for; compiled for each set of outputs;
``triggers(t, y, q)`` and ``effects(t, y, q)``
    of a model with events: its triggers, and the delays, priorities and new values
    of its events; a patient at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .differentiation import jacobian
from .layout import Layout
from .lowering import Kernel
from .sparse import plan_elimination
from .stepping import Stepping, Viewing, needed_states

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .expressions import Graph
    from .network import Network
    from .rodas import Tableau


@dataclass(frozen=True)
class KernelPlan:
    """The kernels of one model, and the sizes of what passes between them.

    Attributes
    ----------
    kernels : tuple of Kernel
        Everything but ``observe``.
    stepping : Stepping
        Writer of the functions around them.
    hoisted : dict of int to int
        Place of each hoisted node among a patient's constants.
    pattern : tuple of (int, int)
        Row and column of each entry of the Jacobian.
    layout : Layout
        Rows of the block of memory of a step.
    switches : int
        Number of switching times.
    width : int
        Patients at once.
    """

    kernels: tuple[Kernel, ...]
    stepping: Stepping
    hoisted: dict[int, int]
    pattern: tuple[tuple[int, int], ...]
    layout: Layout
    switches: int
    width: int


def hoistable(graph: Graph, roots: Iterable[int]) -> list[int]:
    """Return the nodes below `roots` that are constant in a run but not plain numbers.

    Only the uppermost are returned: those that a changing node, or the caller, uses directly.
    """
    wanted: set[int] = set()
    roots = list(roots)
    for node in graph.reachable(roots):
        if graph.varies(node):
            wanted.update(arg for arg in graph.args[node] if not graph.varies(arg))
    wanted.update(root for root in roots if not graph.varies(root))
    return sorted(node for node in wanted if graph.depends[node])


def plan_kernels(network: Network, method: Tableau, width: int) -> KernelPlan:
    """Return what to compile for a model.

    Parameters
    ----------
    network : Network
        The model.
    method : Tableau
        The Rosenbrock method.
    width : int
        Patients at once.
    """
    graph, size = network.graph, len(network.states)
    entries, by_time = jacobian(graph, network.rates, network.cuts)
    pattern = tuple(sorted(entries))
    zero = graph.const(0.0)
    timed = any(node != zero for node in by_time)
    slopes = (*network.rates, *(entries[position] for position in pattern))
    running = (*slopes, *by_time) if timed else slopes
    constants = _numbers_only(graph, hoistable(graph, [*running, *network.rules.values()]))
    hoisted = {node: place for place, node in enumerate(constants)}
    switches = network.breakpoints()
    elimination = plan_elimination(size, list(pattern))
    layout = Layout(
        size, len(pattern), len(elimination.factor), len(hoisted), len(network.inputs),
        method.stages, timed,
    )  # fmt: skip
    start = (*constants, *network.initial, *network.dose_scale, *switches)
    kernels = (
        Kernel("initialise", graph, start, {}),
        Kernel("rates", graph, network.rates, hoisted, width, accumulate=True),
        Kernel("linearise", graph, running, hoisted, width, checked=True),
        Kernel("factor", elimination.factor_graph, elimination.factor, {}, width),
        Kernel("solve", elimination.solve_graph, elimination.solve, {}, width),
        *_event_kernels(network, hoisted),
    )
    stepping = Stepping(layout, method, width)
    return KernelPlan(kernels, stepping, hoisted, pattern, layout, len(switches), width)


def _event_kernels(network: Network, hoisted: dict[int, int]) -> tuple[Kernel, ...]:
    if not network.events:
        return ()
    graph = network.graph
    triggers = [graph.number(event.trigger) for event in network.events]
    effects: list[int] = []
    for event in network.events:
        nothing = graph.const(0.0)
        effects.append(nothing if event.delay is None else event.delay)
        effects.append(nothing if event.priority is None else event.priority)
        effects += [node for _, node in event.assignments]
    named = (("triggers", tuple(triggers)), ("effects", tuple(effects)))
    return tuple(
        Kernel(name, graph, roots, hoisted, inputs_at=len(hoisted)) for name, roots in named
    )


def _numbers_only(graph: Graph, nodes: Sequence[int]) -> list[int]:
    """Replace hoistable truth values by what they compare: only numbers can be kept."""
    kept: set[int] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if graph.is_boolean(node):
            pending.extend(arg for arg in graph.args[node] if graph.depends[arg])
        else:
            kept.add(node)
    return sorted(kept)


def plan_outputs(
    plan: KernelPlan, network: Network, nodes: Sequence[int]
) -> tuple[Kernel, Viewing]:
    """Return what to compile for some outputs.

    Parameters
    ----------
    plan : KernelPlan
        The kernels of the model.
    network : Network
        The model.
    nodes : sequence of int
        The outputs.
    """
    kernel = Kernel(
        "observe", network.graph, tuple(nodes), plan.hoisted, plan.width,
        inputs_at=len(plan.hoisted),
    )  # fmt: skip
    needed = needed_states(nodes, network.graph)
    return kernel, Viewing(plan.layout, plan.stepping.method, plan.width, needed)
