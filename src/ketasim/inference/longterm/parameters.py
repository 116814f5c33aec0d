"""What the long-term course rests on beside the mechanism: the drift of a patient and the rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ketasim.errors import EvidenceError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PARAMETERS_FILE", "LongTermParameters", "load_parameters", "parameter_table"]

PARAMETERS_FILE = Path(__file__).with_name("parameters.csv")
"""The shipped table."""

_UNITS = {
    "drift_tau": "h",
    "relapse_share": "dimensionless",
    "relapse_score": "point",
    "relapse_visits": "dimensionless",
    "stable_score": "point",
    "stable_visits": "dimensionless",
    "stable_needed": "dimensionless",
    "follow_up": "h",
}


@dataclass(frozen=True)
class LongTermParameters:
    """Numbers of the long-term course, ready for use.

    Parameters
    ----------
    drift_tau_h : float
        Time constant with which a patient's own level, and the response to an antidepressant,
        drift away from what they were, h.
    relapse_share : float
        Loss of response is a score of at least this share of the baseline.
    relapse_score : float
        Relapse of a stable remitter is a score of at least this, MADRS points.
    relapse_visits : int
        Visits in a row that confirm a relapse.
    stable_score : float
        Highest MADRS score of a remission.
    stable_visits, stable_needed : int
        Weekly visits that decide on stable remission, and how many of them must be remissions.
    follow_up_h : float
        Follow-up after randomisation, h.
    """

    drift_tau_h: float
    relapse_share: float
    relapse_score: float
    relapse_visits: int
    stable_score: float
    stable_visits: int
    stable_needed: int
    follow_up_h: float


def parameter_table(path: Path | str | None = None) -> pd.DataFrame:
    """Read and check the table of long-term parameters.

    Parameters
    ----------
    path : path, optional
        A CSV with the columns id, value, unit, status, source and note; by default the shipped one.

    Returns
    -------
    DataFrame
        Indexed by ``id``.

    Raises
    ------
    EvidenceError
        If a row is missing, or its unit or number is wrong.
    """
    import pandas as pd

    file = Path(path) if path is not None else PARAMETERS_FILE
    table = pd.read_csv(file, dtype=str, keep_default_na=False).set_index("id")
    for name, unit in _UNITS.items():
        if name not in table.index:
            raise EvidenceError(f"there is no row {name!r}", where=file.name)
        if table.loc[name, "unit"] != unit:
            raise EvidenceError(
                f"row {name!r} has the unit {table.loc[name, 'unit']!r}",
                where=file.name,
                expected=unit,
            )
    numbers = pd.to_numeric(table["value"], errors="coerce")
    if not (numbers > 0).all():
        raise EvidenceError(
            f"row {numbers.index[~(numbers > 0)][0]!r} holds no number above 0", where=file.name
        )
    return table.assign(value=numbers)


@cache
def load_parameters() -> LongTermParameters:
    """Load the shipped long-term parameters.

    Returns
    -------
    LongTermParameters
        The values of `parameter_table`.
    """
    value = parameter_table()["value"].astype(float).to_dict()
    return LongTermParameters(
        drift_tau_h=value["drift_tau"],
        relapse_share=value["relapse_share"],
        relapse_score=value["relapse_score"],
        relapse_visits=int(value["relapse_visits"]),
        stable_score=value["stable_score"],
        stable_visits=int(value["stable_visits"]),
        stable_needed=int(value["stable_needed"]),
        follow_up_h=value["follow_up"],
    )
