"""What is not known of the long term: for each outcome the data, the interval, and its assumption."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import EvidenceError
from ketasim.inference.longterm.intervals import (
    exact_interval,
    expected_grid_width,
    expected_normal_width,
    median_interval,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "COGNITION_SD",
    "JEFFREYS",
    "HypotheticalStudy",
    "LongTermOutcome",
    "Tolerance",
    "durability_draws",
    "interval_of",
    "list_outcomes",
    "list_studies",
]

JEFFREYS = 0.5
"""Both parameters of Jeffreys' prior of a share."""

COGNITION_SD = 0.5
"""SD of the prior of a change of cognition, in SD units between people (assumed)."""

LATER_HAZARD = 4.0
"""The hazard beyond the data is between a quarter and this many times that before (assumed)."""

NO_SINGLE_NUMBER = ("urinary", "dependence")
"""Topics of which only intervals are given, with their population."""

KINDS = (
    "binomial", "none", "range", "time", "ratio", "difference", "effect", "durability", "tolerance",
)  # fmt: skip

_FOLDER = Path(__file__).parent
_NUMBERS = (
    "events", "n", "events_control", "n_control", "value", "low", "high", "months_controlled",
    "months_any", "horizon_months",
)  # fmt: skip
_DRAWS = 4000


@dataclass(frozen=True)
class LongTermOutcome:
    """One outcome of the long term, and all that is known of it; a missing number is NaN.

    Parameters
    ----------
    id, topic, title : str
        Names; topics are relapse, durability, tolerance, urinary, cognition and dependence.
    population : str
        Whom the number is about; begins with ``medical`` or ``recreational``.
    kind : str
        What the number is, one of `KINDS`.
    events, n, events_control, n_control : float
        Counts behind it.
    value, low, high : float
        As printed, where no counts were.
    unit : str
        %, d, ratio or SD.
    months_controlled, months_any : float
        Months of data with and without a control arm.
    horizon_months : float
        The time that the outcome is about; beyond the data it is extrapolated.
    assumption : str
        What drives the interval.
    sources : tuple of str
        Citation keys.
    study, event, note : str
        The row of the evidence behind it, and what else to know.
    """

    id: str
    topic: str
    title: str
    population: str
    kind: str
    events: float
    n: float
    events_control: float
    n_control: float
    value: float
    low: float
    high: float
    unit: str
    months_controlled: float
    months_any: float
    horizon_months: float
    assumption: str
    sources: tuple[str, ...]
    study: str
    event: str
    note: str

    @property
    def extrapolated(self) -> bool:
        """Whether it is about a time beyond the data."""
        return self.horizon_months > max(self.months_any, self.months_controlled)

    @property
    def counts(self) -> tuple[int, int]:
        """Events and patients."""
        return int(self.events), int(self.n)

    @property
    def beta(self) -> tuple[float, float]:
        """Parameters of the beta distribution of a share, Jeffreys' prior included."""
        events, n = (0, 0) if self.kind == "none" else self.counts
        return events + JEFFREYS, n - events + JEFFREYS

    @property
    def data(self) -> str:
        """What was counted, in a few words."""
        if self.kind in ("none", "effect"):
            return "no number was read"
        if self.kind == "range":
            return f"a printed range, {self.low:g} to {self.high:g} {self.unit}"
        if self.kind == "difference":
            return (
                f"{self.events:.0f} of {self.n:.0f} against "
                f"{self.events_control:.0f} of {self.n_control:.0f}"
            )
        return f"{self.events:.0f} of {self.n:.0f}"


@dataclass(frozen=True)
class HypotheticalStudy:
    """A study that nobody has done.

    Parameters
    ----------
    id, title : str
        Names.
    n : int
        Patients.
    months : float
        How long each is followed.
    informs : tuple of (str, float)
        Outcomes that it measures, and the share of its patients that count for each.
    note : str
        What else to know.
    """

    id: str
    title: str
    n: int
    months: float
    informs: tuple[tuple[str, float], ...]
    note: str

    @property
    def patient_months(self) -> float:
        """Its size in months of follow-up."""
        return self.n * self.months


@dataclass(frozen=True, eq=False)
class Tolerance:
    """Risk of relapse on going on, for each loss of relief per year, from a simulation.

    Parameters
    ----------
    loss : ndarray, shape (n_grid,)
        Evenly spaced shares of the relief lost per year.
    risk : ndarray, shape (n_grid,)
        Share that relapses within the follow-up.
    """

    loss: NDArray[np.float64]
    risk: NDArray[np.float64]

    def fine(self, points: int = 201) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a finer grid, straight between the simulated points."""
        grid = np.linspace(self.loss[0], self.loss[-1], points)
        return grid, np.interp(grid, self.loss, self.risk)


@cache
def list_outcomes() -> tuple[LongTermOutcome, ...]:
    """Return the outcomes of the long term.

    Returns
    -------
    tuple of LongTermOutcome
        From ``outcomes.csv``.

    Raises
    ------
    EvidenceError
        If a row holds no known kind, or counts that cannot be.
    """
    return tuple(_outcome(row) for row in _rows("outcomes.csv"))


def _rows(name: str) -> list[dict[str, Any]]:
    import pandas as pd

    table = pd.read_csv(_FOLDER / name, dtype=str, keep_default_na=False)
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _outcome(row: dict[str, Any]) -> LongTermOutcome:
    numbers = {name: float(row[name]) if row[name] else float("nan") for name in _NUMBERS}
    where = f"outcomes.csv, row {row['id']!r}"
    if row["kind"] not in KINDS:
        raise EvidenceError(
            f"there is no kind {row['kind']!r}", where=where, expected=", ".join(KINDS)
        )
    if numbers["events"] > numbers["n"] or numbers["events_control"] > numbers["n_control"]:
        raise EvidenceError("more events than patients", where=where, expected="at most n")
    sources = tuple(str(row["source"]).split(";"))
    words: dict[str, Any] = {
        key: value for key, value in row.items() if key not in (*_NUMBERS, "source")
    }
    return LongTermOutcome(**{**words, **numbers, "sources": sources})


@cache
def list_studies() -> tuple[HypotheticalStudy, ...]:
    """Return the hypothetical studies.

    Returns
    -------
    tuple of HypotheticalStudy
        From ``studies.csv``.

    Raises
    ------
    EvidenceError
        If one informs an outcome that is not there, or that is about a time after its end.
    """
    known = {one.id: one for one in list_outcomes()}
    found = []
    for row in _rows("studies.csv"):
        pairs = [one.split(":") for one in str(row["informs"]).split(";")]
        informs = tuple((name, float(share)) for name, share in pairs)
        for name, _ in informs:
            if name not in known or known[name].horizon_months > float(row["months"]):
                raise EvidenceError(
                    f"the study cannot inform {name!r}",
                    where=f"studies.csv, row {row['id']!r}",
                    expected="an outcome that lies within its follow-up",
                )
        found.append(
            HypotheticalStudy(
                row["id"], row["title"], int(row["n"]), float(row["months"]), informs, row["note"]
            )
        )
    return tuple(found)


def durability_draws(outcome: LongTermOutcome, seed: int = 1) -> NDArray[np.float64]:
    """Draw the risk of relapse at a horizon beyond the data.

    Parameters
    ----------
    outcome : LongTermOutcome
        Of the kind ``durability``.
    seed : int, optional
        Seed.

    Returns
    -------
    ndarray, shape (n_draws,)
        Within the data a beta distribution; beyond them the monthly hazard is multiplied by a
        number between a quarter and four, all as likely on the log scale (assumed).
    """
    generator = np.random.Generator(np.random.Philox(key=seed))
    within = generator.beta(*outcome.beta, size=_DRAWS)
    factor = LATER_HAZARD ** generator.uniform(-1.0, 1.0, size=_DRAWS)
    later = (outcome.horizon_months - outcome.months_any) / outcome.months_any
    return np.asarray(-np.expm1(np.log1p(-within) * (1.0 + factor * later)))


def interval_of(outcome: LongTermOutcome, tolerance: Tolerance) -> tuple[float, float, float]:
    """Return value and 95 % interval of an outcome, in its unit.

    Parameters
    ----------
    outcome : LongTermOutcome
        What is asked.
    tolerance : Tolerance
        From a simulation.

    Returns
    -------
    value, low, high : float
        The value is NaN where no number was read, where a simulation gives an interval alone, and
        for urinary symptoms and dependence, of which a single number would mislead.
    """
    scale = 100.0 if outcome.unit == "%" else 1.0
    value, low, high = _interval(outcome, tolerance)
    value = float("nan") if outcome.topic in NO_SINGLE_NUMBER else value
    return value * scale, low * scale, high * scale


def _interval(outcome: LongTermOutcome, tolerance: Tolerance) -> tuple[float, float, float]:
    nothing = float("nan")
    if outcome.kind == "binomial":
        return outcome.events / outcome.n, *exact_interval(*outcome.counts)
    if outcome.kind == "none":
        return nothing, *_beta_ends(outcome)
    if outcome.kind == "time":
        return outcome.value, *median_interval(outcome.value, int(outcome.events))
    if outcome.kind == "difference":
        return _difference(outcome)
    if outcome.kind == "effect":
        half = expected_normal_width(COGNITION_SD, 1.0)[0] / 2.0
        return nothing, -half, half
    if outcome.kind == "durability":
        low, high = np.quantile(durability_draws(outcome), [0.025, 0.975])
        return nothing, float(low), float(high)
    if outcome.kind == "tolerance":
        (low, high), _, _ = expected_grid_width(*tolerance.fine(), outcome.counts, 1)
        return nothing, low, high
    return outcome.value, outcome.low, outcome.high


def _beta_ends(outcome: LongTermOutcome) -> tuple[float, float]:
    from scipy.stats import beta

    low, high = beta.ppf([0.025, 0.975], *outcome.beta)
    return float(low), float(high)


def _difference(outcome: LongTermOutcome) -> tuple[float, float, float]:
    from statsmodels.stats.proportion import confint_proportions_2indep

    given = (outcome.events, outcome.n, outcome.events_control, outcome.n_control)
    low, high = confint_proportions_2indep(*given, method="newcomb", compare="diff")
    value = outcome.events / outcome.n - outcome.events_control / outcome.n_control
    return value, float(low), float(high)
