"""A case and its patients as plain arrays, for engines that know equations but no doses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ketasim.engine.network import Network
from ketasim.engine.sbml import read_sbml
from ketasim.engine.schedule import spread

from .case import Case, Patients
from .columns import evaluate_columns


@dataclass(frozen=True, eq=False)
class Problem:
    """Patients of a case; between two breakpoints of their doses nothing jumps.

    `begin` and `end` have the shape (patients, segments); `bolus` and `rate` have the shape
    (patients, segments, dosed), in the unit of the state: what is added at the begin of a
    segment, and what enters a unit of time in it. `scale` (patients, dosed) is what an amount is
    multiplied with to come to that unit. Segments fill up with empty ones.
    """

    case: Case
    patients: Patients
    network: Network
    inputs: np.ndarray
    initial: np.ndarray
    dosed: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    bolus: np.ndarray
    rate: np.ndarray
    scale: np.ndarray

    @property
    def count(self) -> int:
        return len(self.inputs)

    @property
    def times(self) -> np.ndarray:
        return self.case.times

    @cached_property
    def dosed_names(self) -> tuple[str, ...]:
        return tuple(self.network.states[place] for place in self.dosed)

    @cached_property
    def first_time(self) -> np.ndarray:
        """First output time of each segment; the last real segment holds the very end too."""
        return np.searchsorted(self.times, self.begin, side="left")

    @cached_property
    def after_last_time(self) -> np.ndarray:
        last = self.end == self.times[-1]
        inside = np.searchsorted(self.times, self.end, side="left")
        return np.where(last, len(self.times), inside)

    def blank(self) -> np.ndarray:
        """Return room for the values of all patients."""
        return np.full((self.count, len(self.times), len(self.case.outputs)), np.nan)

    def segments(self, patient: int) -> Iterator[Segment]:
        """Yield the segments of a patient that take time."""
        for index in range(self.begin.shape[1]):
            begin, end = self.begin[patient, index], self.end[patient, index]
            if end > begin:
                first, after = self.first_time[patient, index], self.after_last_time[patient, index]
                yield Segment(
                    begin, end, first, after, self.bolus[patient, index], self.rate[patient, index],
                    self.times[first:after],
                )  # fmt: skip

    def computed(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return constants that the model computes from others, one number a patient."""
        nodes = [self.network.constants[name] for name in names]
        values = evaluate_columns(self.network.graph, nodes, self.inputs)
        return dict(zip(names, values.T, strict=True))


@dataclass(frozen=True, eq=False)
class Segment:
    """One stretch between breakpoints: output times `first` to `after` (excluded) lie in it."""

    begin: float
    end: float
    first: int
    after: int
    bolus: np.ndarray
    rate: np.ndarray
    times: np.ndarray

    @cached_property
    def grid(self) -> np.ndarray:
        """Begin, output times inside and end, each once."""
        early = [] if len(self.times) and self.times[0] == self.begin else [self.begin]
        late = [] if len(self.times) and self.times[-1] == self.end else [self.end]
        return np.concatenate([early, self.times, late])

    @cached_property
    def asked(self) -> slice:
        """Where the output times lie in the grid."""
        skip = 0 if len(self.times) and self.times[0] == self.begin else 1
        return slice(skip, skip + len(self.times))


def make_problem(case: Case, patients: Patients) -> Problem:
    """Return the patients of a case as arrays."""
    network = read_sbml(case.sbml)
    inputs = network.input_table(patients.parameters, patients.count)
    graph = network.graph
    initial = evaluate_columns(graph, network.initial, inputs)
    scale = evaluate_columns(graph, network.dose_scale, inputs)
    table = spread(patients.doses, network.states, patients.count)
    start, last = float(case.times[0]), float(case.times[-1])
    real = (table.amount != 0.0) & (table.start < last)
    marks = [np.where(real, np.clip(part, start, last), last) for part in (table.start, table.end)]
    ends = [np.full((patients.count, 1), start), np.full((patients.count, 1), last)]
    breaks = np.sort(np.concatenate([*marks, *ends], axis=1), axis=1)
    repeated = np.zeros_like(breaks, dtype=bool)
    repeated[:, 1:] = breaks[:, 1:] == breaks[:, :-1]
    breaks = np.sort(np.where(repeated, last, breaks), axis=1)
    # Columns in which every patient is done say nothing.
    keep = max(2, int((breaks < last).sum(axis=1).max()) + 1)
    begin, end = breaks[:, : keep - 1], breaks[:, 1:keep]
    dosed = np.unique(table.target[real.any(axis=0)])
    bolus, rate = (np.zeros((*begin.shape, len(dosed))) for _ in range(2))
    for column, place in enumerate(table.target):
        if not real[:, column].any():
            continue
        where = int(np.searchsorted(dosed, place))
        first, after = table.start[:, column, None], table.end[:, column, None]
        amount = np.where(real[:, column], table.amount[:, column] * scale[:, place], 0.0)[:, None]
        sudden = first == after
        bolus[:, :, where] += np.where(sudden & (begin == first), amount, 0.0)
        length = np.where(sudden, 1.0, after - first)
        inside = ~sudden & (first <= begin) & (end <= after)
        rate[:, :, where] += np.where(inside, amount / length, 0.0)
    return Problem(
        case, patients, network, inputs, initial, dosed, begin, end, bolus, rate, scale[:, dosed]
    )


def set_values(problem: Problem, renamed: Any = None) -> dict[str, np.ndarray]:
    """Return every parameter that differs from the model's own value, one number a patient.

    For engines that read the SBML themselves: computed constants are among them, since such
    engines do not renew an initial assignment when a parameter changes.
    """
    network = problem.network
    defaults = network.default_values()
    own = {name: problem.inputs[:, network.positions[name]] for name in network.parameters}
    own |= problem.computed([name for name in network.constants if name in own])
    changed = {name: values for name, values in own.items() if not np.all(values == defaults[name])}
    return {(renamed(name) if renamed else name): values for name, values in changed.items()}
