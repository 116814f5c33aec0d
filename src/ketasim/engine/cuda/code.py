"""A model's functions as PTX: the text the processor runs, laid out for threads side by side.

A warp is 32 threads that go in step. Its patients' blocks lie interleaved, element i of all 32 next
to each other, so that the warp reads and writes whole lines of memory: each thread computes plain
numbers, and its next element is 32 numbers further. Functions that are called for a patient alone
(the start, triggers and effects of events) keep their arrays in one piece.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ...errors import InputError
from ..ir_math import DOUBLE, SINGLE, Storage
from ..kernels import plan_kernels, plan_outputs
from ..lowering import module_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..kernels import KernelPlan
    from ..lowering import Kernel
    from ..network import Network
    from ..rodas import Tableau

Precision = Literal["double", "single"]
#: Threads that go in step.
WARP = 32
#: Kernels whose arrays lie in one piece; see the head of this file.
_ALONE = ("initialise", "triggers", "effects", "guards")
#: The newest processor that llvmlite's oldest supported release writes PTX for; newer ones run it.
_NEWEST = (9, 0)
_TRIPLE = "nvptx64-nvidia-cuda"
_DECLARED = re.compile(r'^declare double @"([a-z0-9]+)"\(', re.MULTILINE)


@dataclass(frozen=True)
class DeviceCode:
    """The functions of a model and of some outputs, before they are compiled.

    Attributes
    ----------
    text : str
        LLVM's intermediate language, one lane wide.
    names : tuple of str
        Functions that the driver calls.
    precision : {"double", "single"}
        Numbers of the steps.
    """

    text: str
    names: tuple[str, ...]
    precision: Precision

    @property
    def library(self) -> tuple[str, ...]:
        """Functions of the mathematics library that are called, in order."""
        return tuple(sorted(set(_DECLARED.findall(self.text))))


def device_plan(network: Network, method: Tableau, precision: Precision) -> KernelPlan:
    """Return what to compile for a model on a GPU.

    Parameters
    ----------
    network : Network
        The model.
    method : Tableau
        The Rosenbrock method.
    precision : {"double", "single"}
        Numbers of the steps.

    Raises
    ------
    InputError
        For single precision of a model whose equations need the time exactly.
    """
    plan = plan_kernels(network, method, 1)
    if precision == "single":
        needs = [
            (bool(network.events), "has events"),
            (plan.layout.timed, "has rates that depend on time"),
            (plan.switches > 0, "switches at times of its own"),
        ]
        for so, what in needs:
            if so:
                raise InputError(
                    f"the model {what}, and a time of weeks in single precision is off by seconds",
                    expected='precision="double" for this model',
                )
    kernels = tuple(_stored(kernel, precision) for kernel in plan.kernels)
    return replace(
        plan, kernels=kernels, stepping=replace(plan.stepping, storage=_storage(precision))
    )


def device_code(
    plan: KernelPlan, network: Network, nodes: Sequence[int], precision: Precision
) -> DeviceCode:
    """Return the functions of a model and of some outputs.

    Parameters
    ----------
    plan : KernelPlan
        What `device_plan` returned.
    network : Network
        The model.
    nodes : sequence of int
        The outputs.
    precision : {"double", "single"}
        Numbers of the steps, as in the plan.
    """
    observe, viewing = plan_outputs(plan, network, nodes)
    viewing = replace(viewing, storage=_storage(precision))
    kernels = (*plan.kernels, _stored(observe, precision))
    alone = tuple(kernel.name for kernel in kernels if kernel.name in _ALONE)
    text = module_text(kernels, [plan.stepping, viewing], fused=True)
    return DeviceCode(text, (*alone, *plan.stepping.names, *viewing.names), precision)


def _storage(precision: Precision) -> Storage:
    return Storage(WARP, DOUBLE if precision == "double" else SINGLE)


def _stored(kernel: Kernel, precision: Precision) -> Kernel:
    if kernel.name in _ALONE:
        return kernel
    return replace(kernel, storage=_storage(precision))


def to_ptx(code: DeviceCode, capability: tuple[int, int]) -> str:
    """Return the functions as PTX.

    Parameters
    ----------
    code : DeviceCode
        The functions.
    capability : tuple of (int, int)
        Compute capability of the GPU, for instance (9, 0).
    """
    from llvmlite import binding

    machine = _target(min(capability, _NEWEST))
    module = binding.parse_assembly(code.text)
    module.triple = _TRIPLE
    module.data_layout = str(machine.target_data)
    module.verify()
    return str(machine.emit_assembly(module))


def _target(capability: tuple[int, int]) -> Any:
    from llvmlite import binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = binding.Target.from_triple(_TRIPLE)
    return target.create_target_machine(cpu=f"sm_{capability[0]}{capability[1]}", opt=2)
