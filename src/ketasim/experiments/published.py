"""Published observations as the experiments see them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["ANIMAL_OR_CELL", "HUMAN", "REST", "Observation", "observations"]

REST = ("baseline", "none", "placebo", "saline", "")
"""Contrasts that mean the readout at rest, without a drug that acts."""

HUMAN = "people"
"""Group of observations made in people."""

ANIMAL_OR_CELL = "animals and cells"
"""Group of all other observations."""

_NUMBERS = ("time_h", "time_to_h", "value", "sd", "lower", "upper", "n")
_WORDS = (
    "id", "experiment", "contrast", "readout", "arm", "kind", "direction", "unit", "species",
    "dose", "use", "source", "assumed", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Observation:
    """One published observation; a number that was not reported is NaN.

    Parameters
    ----------
    id, experiment, contrast, readout, arm : str
        What was compared with what.
    time_h, time_to_h : float
        When, h after ketamine; the second is the end of a window.
    kind : str
        value, range, sign, share, count or correlation.
    value, sd, lower, upper, n : float
        The numbers.
    direction : str
        up, down, none, blocked, kept, rescued, or empty.
    unit, species, dose, use, source, assumed, note : str
        As in the table; ``use`` is fit, judge or context; ``assumed`` names columns not read.
    """

    id: str
    experiment: str
    contrast: str
    readout: str
    arm: str
    kind: str
    direction: str
    unit: str
    species: str
    dose: str
    use: str
    source: str
    assumed: str
    note: str
    time_h: float
    time_to_h: float
    value: float
    sd: float
    lower: float
    upper: float
    n: float

    @property
    def group(self) -> str:
        """People, or animals and cells."""
        return HUMAN if self.species == "human" else ANIMAL_OR_CELL

    @property
    def size(self) -> int | None:
        """Number of subjects, or None where it was not reported."""
        return None if math.isnan(self.n) else round(self.n)

    def text(self) -> str:
        """Return the published result in a few words."""
        if self.kind == "count":
            return f"{self.value:g} of {self.n:g} {self.unit}"
        if self.kind == "range":
            return f"{_range_text(self.lower, self.upper)} {self.unit}"
        if self.kind in ("value", "share", "correlation") and not math.isnan(self.value):
            spread = "" if math.isnan(self.sd) else f" (SD {self.sd:g})"
            return f"{self.value:g}{spread} {'' if self.unit == '1' else self.unit}".rstrip()
        return self.direction or "not reported"

    def record(self) -> dict[str, Any]:
        """Return the observation as JSON values, None where nothing was reported."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        clean = {name: None if math.isnan(number) else number for name, number in numbers.items()}
        return {**{name: getattr(self, name) for name in _WORDS}, **clean, "text": self.text()}


def _range_text(lower: float, upper: float) -> str:
    if math.isnan(lower) and math.isnan(upper):
        return "not reported in"
    if math.isnan(upper):
        return f">= {lower:g}"
    return f"<= {upper:g}" if math.isnan(lower) else f"{lower:g} to {upper:g}"


def observations(
    experiments: Iterable[str], table: pd.DataFrame | None = None
) -> tuple[Observation, ...]:
    """Return the published observations of some experiments.

    Parameters
    ----------
    experiments : iterable of str
        Values of the column ``experiment``, or ids of single rows.
    table : DataFrame, optional
        The table of observations; by default the shipped one.

    Returns
    -------
    tuple of Observation
        In the order of the table.
    """
    if table is None:
        from ketasim.evidence import load

        table = load("observations")
    wanted = set(experiments)
    records = table[table["experiment"].isin(wanted) | table["id"].isin(wanted)].to_dict("records")
    return tuple(_observation(record) for record in records)


def _observation(record: dict[Any, Any]) -> Observation:
    words: dict[str, Any] = {name: _word(record.get(name)) for name in _WORDS}
    numbers: dict[str, Any] = {name: _number(record.get(name)) for name in _NUMBERS}
    return Observation(**words, **numbers)


def _word(cell: object) -> str:
    missing = cell is None or cell != cell
    return "" if missing else str(cell)


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan
