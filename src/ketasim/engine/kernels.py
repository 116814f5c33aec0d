"""What is compiled for a model: which kernels, and what is computed once a patient.

Everything that depends on a patient's inputs only is *hoisted*: computed by `initialise` once a
patient and read from an array of constants afterwards. The kernels are

``initialise(start, inputs)``
    constants, initial state, factors from amounts to states, switching times;
``rates(t, y, q)``
    the right-hand side;
``linearise(t, y, q)``
    right-hand side, the Jacobian's entries and the derivatives by time, sharing all they can;
``factor(shift, jacobian)`` and ``solve(right, factors)``
    the linear algebra of a step, as straight-line code (`sparse`);
``observe(t, y, q)``
    the outputs asked for; compiled for each set of outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .differentiation import jacobian
from .lowering import Kernel
from .sparse import plan_elimination

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .expressions import Graph
    from .network import Network


@dataclass(frozen=True)
class KernelPlan:
    """The kernels of one model, and the sizes of what passes between them.

    Attributes
    ----------
    kernels : tuple of Kernel
        Everything but ``observe``.
    hoisted : dict of int to int
        Place of each hoisted node among a patient's constants.
    pattern : tuple of (int, int)
        Row and column of each entry of the Jacobian.
    factors : int
        Number of entries of the factors.
    switches : int
        Number of switching times.
    """

    kernels: tuple[Kernel, ...]
    hoisted: dict[int, int]
    pattern: tuple[tuple[int, int], ...]
    factors: int
    switches: int


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


def plan_kernels(network: Network) -> KernelPlan:
    """Return what to compile for a model.

    Parameters
    ----------
    network : Network
        The model.
    """
    graph = network.graph
    entries, by_time = jacobian(graph, network.rates, network.cuts)
    pattern = tuple(sorted(entries))
    slopes = [entries[position] for position in pattern]
    running = (*network.rates, *slopes, *by_time)
    constants = _numbers_only(graph, hoistable(graph, [*running, *network.rules.values()]))
    hoisted = {node: place for place, node in enumerate(constants)}
    switches = network.breakpoints()
    elimination = plan_elimination(len(network.states), list(pattern))
    start = (*constants, *network.initial, *network.dose_scale, *switches)
    kernels = (
        Kernel("initialise", graph, start, {}),
        Kernel("rates", graph, network.rates, hoisted),
        Kernel("linearise", graph, running, hoisted),
        Kernel("factor", elimination.factor_graph, elimination.factor, {}),
        Kernel("solve", elimination.solve_graph, elimination.solve, {}),
    )
    return KernelPlan(kernels, hoisted, pattern, len(elimination.factor), len(switches))


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


def observe_kernel(network: Network, plan: KernelPlan, outputs: Sequence[str]) -> Kernel:
    """Return the kernel of some outputs.

    Raises
    ------
    UnknownNameError
        For a name that is no output.
    """
    return Kernel("observe", network.graph, network.output_nodes(outputs), plan.hoisted)
