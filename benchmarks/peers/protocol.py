"""What an adapter does, and how it says that it cannot."""

from __future__ import annotations

from importlib.metadata import version
from typing import Protocol

import numpy as np

from ..case import Case, Patients
from ..problem import Problem

#: Steps an engine may take between two outputs.
MAX_STEPS = 1_000_000


class NotMeasured(Exception):  # noqa: N818 - an outcome that is reported, no error
    """An engine cannot be timed on a model; the message is the reason."""


class Peer(Protocol):
    """An engine that solves patients.

    `configuration` says how it is run, and `threads` whether one process of it uses all the
    processors it may; another gets a process a processor. `prepare` compiles, `load` brings
    patients into the form that the engine likes, and `solve` integrates them: only the last is
    timed as solving. A patient that fails is NaN from there on.
    """

    configuration: str
    threads: bool

    def version(self) -> str:
        """Return the engine's version."""
        ...

    def prepare(self, case: Case, sample: Patients) -> None:
        """Compile a model; `sample` are the first patients."""
        ...

    def load(self, patients: Patients) -> None:
        """Take patients."""
        ...

    def solve(self, rtol: float, atol: float) -> np.ndarray:
        """Return the outputs of the patients, shape (patients, times, outputs)."""
        ...


class Adapter:
    """What most adapters share: a case, a problem and a package's version."""

    package = ""
    configuration = ""
    threads = False
    case: Case
    problem: Problem

    def version(self) -> str:
        return version(self.package)

    def load(self, patients: Patients) -> None:
        from ..problem import make_problem

        self.problem = make_problem(self.case, patients)

    def refuse_events(self) -> None:
        """Refuse a model with events, for an engine that integrates between fixed times only."""
        if self.case.events:
            raise NotMeasured("the engine has no events that the state triggers")
