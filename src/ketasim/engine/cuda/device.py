"""Which GPU is there, whether it can be used, and how much of it a run takes."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import InputError, require_extra

if TYPE_CHECKING:
    from types import ModuleType

#: Threads of a block, and of a multiprocessor: with 255 registers each, 65,536 are taken.
_BLOCK, _RESIDENT = 64, 256
#: Threads in the simulator, where each is one of Python's.
_SIMULATED = 4
#: Share of the GPU's free memory for one of two chunks in flight, and the most of it (bytes).
_SHARE, _LARGEST = 0.2, 2**30


def simulated() -> bool:
    """Tell whether numba was told to simulate a GPU (``NUMBA_ENABLE_CUDASIM=1``)."""
    return bool(importlib.import_module("numba").config.ENABLE_CUDASIM)


def need_device() -> ModuleType:
    """Return numba's module for GPUs, once it is sure that one can be used.

    Raises
    ------
    MissingExtraError
        Where numba-cuda is not installed.
    InputError
        Where there is no GPU, or no driver for it.
    """
    if simulated():
        return importlib.import_module("numba.cuda")
    require_extra("numba_cuda", "gpu")
    cuda = importlib.import_module("numba.cuda")
    if not cuda.is_available():
        raise InputError(
            'backend="cuda" found no NVIDIA GPU, or no driver for it, on this machine',
            expected="a GPU that `nvidia-smi` lists, beside `pip install ketasim[gpu]`",
        )
    return cuda


@dataclass(frozen=True)
class Device:
    """What a run may take of a GPU.

    Attributes
    ----------
    capability : tuple of (int, int)
        Compute capability.
    blocks, threads : int
        Blocks, and threads of each.
    chunk_bytes : int
        Memory for the patients of one chunk.
    """

    capability: tuple[int, int]
    blocks: int
    threads: int
    chunk_bytes: int

    @property
    def resident(self) -> int:
        """Threads in all: patients that are solved at once."""
        return self.blocks * self.threads


def this_device(cuda: Any, thread_bytes: int) -> Device:
    """Return what a run takes of the GPU at hand.

    Parameters
    ----------
    cuda : module
        What `need_device` returned.
    thread_bytes : int
        Memory that one thread works in.

    Raises
    ------
    InputError
        Where not even one block's memory is free.
    """
    if simulated():
        return Device((0, 0), 1, _SIMULATED, _LARGEST)
    device = cuda.get_current_device()
    free = int(cuda.current_context().get_memory_info().free)
    most = device.MULTIPROCESSOR_COUNT * (_RESIDENT // _BLOCK)
    blocks = min(most, int(0.5 * free) // (thread_bytes * _BLOCK))
    if blocks < 1:
        raise InputError(
            f"the GPU has {free / 2**20:.0f} MiB free, too little for this model",
            expected=f"{2 * thread_bytes * _BLOCK / 2**20:.0f} MiB",
        )
    share = min(int(_SHARE * free), _LARGEST)
    return Device(tuple(device.compute_capability), blocks, _BLOCK, share)


def blocks_for(device: Device, patients: int) -> int:
    """Return the blocks to start for a chunk: no more than have a patient.

    Parameters
    ----------
    device : Device
        The GPU.
    patients : int
        Patients of the chunk.
    """
    return max(1, min(device.blocks, -(-patients // device.threads)))
