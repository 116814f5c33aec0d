"""The events that are predicted: what drives them, and the numbers of their hazard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EVENT_DIRECTION", "AdverseEvent", "event_names", "load_event", "propensity_variance"]

FOLDER = Path(__file__).parent

EVENT_DIRECTION = (
    "Hazards are fitted on the pooled arms of the label (56 or 84 mg and placebo, four weeks); the "
    "fixed-dose arms and every other trial are predicted."
)
"""What was fitted and what is predicted."""


@dataclass(frozen=True)
class AdverseEvent:
    """One event and its hazard in a session.

    Parameters
    ----------
    name, title : str
        Name in code, and the event as the table of evidence names it.
    category : str
        One of the five categories of the article.
    drive : str
        The model's output whose peak in a session carries the event (assumed).
    background : float
        Hazard in a session without drug, of a patient with the mean propensity.
    drug : float
        Further hazard for a drive of 1.
    """

    name: str
    title: str
    category: str
    drive: str
    background: float
    drug: float

    def hazard(self, peak: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the hazard in sessions with these peaks of the drive, of any shape."""
        return np.asarray(self.background + self.drug * peak)


def risk(hazard: NDArray[np.float64], variance: float) -> NDArray[np.float64]:
    """Return the chance of at least one event where people differ in propensity.

    Parameters
    ----------
    hazard : ndarray
        Summed over sessions, of a patient with the mean propensity.
    variance : float
        Of the propensity, which has a gamma distribution with mean 1; positive.

    Returns
    -------
    ndarray, the shape of `hazard`
        ``1 - (1 + variance * hazard)^(-1 / variance)``, the gamma distribution's Laplace transform.
    """
    return np.asarray(1.0 - (1.0 + variance * hazard) ** (-1.0 / variance))


def hazard_of(chance: NDArray[np.float64], variance: float) -> NDArray[np.float64]:
    """Return the hazard over all sessions that gives a chance of at least one event.

    Parameters
    ----------
    chance : ndarray
        From 0 to below 1.
    variance : float
        As for `risk`, of which this is the inverse.
    """
    return np.asarray(((1.0 - chance) ** (-variance) - 1.0) / variance)


@cache
def _events() -> dict[str, AdverseEvent]:
    import pandas as pd

    table = pd.read_csv(FOLDER / "events.csv")
    return {
        str(row["event"]): AdverseEvent(
            str(row["event"]), str(row["title"]), str(row["category"]), str(row["drive"]),
            float(row["background"]), float(row["drug"]),
        )
        for row in table.to_dict("records")
    }  # fmt: skip


def event_names() -> tuple[str, ...]:
    """Return the names of the events, the commonest first."""
    return tuple(_events())


def load_event(name: str) -> AdverseEvent:
    """Return an event by name.

    Parameters
    ----------
    name : str
        One of `event_names`, for instance ``"nausea"``.

    Raises
    ------
    UnknownNameError
        If there is none of that name; says the nearest.
    """
    if name not in _events():
        raise unknown_name("adverse event", name, _events())
    return _events()[name]


@cache
def propensity_variance() -> float:
    """Return the variance between people of the propensity to an event, whose mean is 1."""
    import pandas as pd

    table = pd.read_csv(FOLDER / "settings.csv", index_col="id")
    return float(table["value"]["propensity_variance"])
