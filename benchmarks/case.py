"""What is solved: a model, who its patients are, what they get and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ketasim.engine import DoseSchedule

#: An output is compared relative to its value, or to this share of its largest value.
FLOOR = 1e-3


@dataclass(frozen=True)
class Patients:
    """Values that differ from patient to patient, and doses."""

    count: int
    parameters: Mapping[str, Any]
    doses: DoseSchedule | None

    def first(self, count: int) -> Patients:
        """Return the first patients."""
        return self.rows(0, min(count, self.count))

    def rows(self, begin: int, end: int) -> Patients:
        """Return patients `begin` to `end`."""
        some = {
            name: values[begin:end] if np.ndim(values) else values
            for name, values in self.parameters.items()
        }
        doses = self.doses
        if doses is not None and doses.patients is not None:
            parts = [doses.start_h, doses.duration_h, doses.amount]
            parts = [a[begin:end] if a.ndim == 2 and len(a) > 1 else a for a in parts]
            doses = DoseSchedule(doses.targets, *parts)
        return Patients(end - begin, some, doses)


@dataclass(frozen=True)
class Case:
    """One model of the suite.

    `absolute` is the absolute tolerance for a relative tolerance of 1: both are tied, so that one
    number names an engine's tolerance. It is a thousandth of the smallest size a state that
    matters reaches. `events` tells whether the state triggers events.
    """

    name: str
    title: str
    source: str
    sbml: str
    times: np.ndarray
    outputs: tuple[str, ...]
    absolute: float
    population: Callable[[int], Patients]
    events: bool = False

    def atol(self, rtol: float) -> float:
        """Return the absolute tolerance that goes with a relative one."""
        return rtol * self.absolute


def sbml_of(antimony_text: str) -> str:
    """Return a model written in Antimony as SBML."""
    import antimony

    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(antimony_text) < 0:
        raise ValueError(antimony.getLastError())
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


class Draws:
    """Random numbers patient by patient: a smaller cohort is the beginning of a larger one."""

    def __init__(self, count: int, columns: int, seed: int) -> None:
        self._normal = np.random.default_rng(seed).standard_normal((count, columns))
        self._next = 0

    def normal(self) -> np.ndarray:
        """Return the next column, standard normal."""
        self._next += 1
        return self._normal[:, self._next - 1]

    def around(self, centre: float, spread: float) -> np.ndarray:
        """Return log-normal values: the median and the standard deviation of the logarithm."""
        return centre * np.exp(spread * self.normal())

    def between(self, low: float, high: float) -> np.ndarray:
        """Return values spread evenly between two bounds."""
        from scipy.special import ndtr

        return low + (high - low) * ndtr(self.normal())


def vary(draws: Draws, centres: Mapping[str, float], spread: float) -> dict[str, np.ndarray]:
    """Return log-normal values around each centre."""
    return {name: draws.around(centre, spread) for name, centre in centres.items()}


def doses(rows: Sequence[tuple[str, Any, float, Any]], count: int) -> DoseSchedule:
    """Return a schedule of (target, start, duration, amount), each a number or one a patient."""
    columns = [
        np.stack(
            [np.broadcast_to(np.asarray(row[place], dtype=float), (count,)) for row in rows], 1
        )
        for place in (1, 2, 3)
    ]
    return DoseSchedule(tuple(row[0] for row in rows), *columns)
