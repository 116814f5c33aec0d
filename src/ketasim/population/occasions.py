"""The same person on another day: what differs between occasions of dosing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ketasim.errors import InputError, ModelError
from ketasim.population.distributions import Spread
from ketasim.population.draws import normal_draws

if TYPE_CHECKING:
    import pandas as pd

    from ketasim.population.cohort import Cohort

__all__ = ["inter_occasion_table", "on_occasion"]


@cache
def _shipped() -> pd.DataFrame:
    import pandas as pd

    path = Path(__file__).parent / "inter_occasion.csv"
    return pd.read_csv(path, index_col="id", keep_default_na=False).astype({"cv": float})


def inter_occasion_table() -> pd.DataFrame:
    """Return how much parameters differ between two occasions of one person.

    Returns
    -------
    DataFrame
        Indexed by id: cv (with the meaning of the parameter's own distribution), status, source,
        note. All are assumed: no inter-occasion variance is in the evidence.
    """
    return _shipped().copy()


def on_occasion(cohort: Cohort, occasion: int, table: pd.DataFrame | None = None) -> Cohort:
    """Return the same patients on one of several occasions.

    A patient's value on an occasion lies around the patient's own value, in the family and within
    the bounds of the parameter. It is keyed by (seed, patient, occasion, parameter): another
    occasion is independent, and the same one is the same.

    Parameters
    ----------
    cohort : Cohort
        From `virtual_patients`; its values are the patients' own.
    occasion : int
        Number of the occasion, from 1 on.
    table : DataFrame, optional
        Indexed by parameter, with a column `cv`; by default `inter_occasion_table`.

    Returns
    -------
    Cohort
        The same patients; only the columns of `table` differ. A model's parameter keeps its value
        for a whole run, so one run is one occasion.

    Raises
    ------
    InputError
        If the occasion is not a number from 1 on, or the cohort does not say how its columns are
        distributed.
    ModelError
        If a parameter does not vary in the cohort.
    """
    import numpy as np
    from scipy.special import ndtr

    if occasion < 1:
        raise InputError(f"there is no occasion {occasion}", expected="numbers from 1 on")
    if cohort.rows is None:
        raise InputError(
            "the cohort does not say how its columns are distributed",
            expected="a cohort from virtual_patients",
        )
    spreads = inter_occasion_table() if table is None else table
    about = dict(cohort.rows.rename(columns={"typical": "value"}).iterrows())
    frame, numbers = cohort.to_frame(), cohort.table.index.to_numpy(np.int64)
    for name, cv in spreads["cv"].items():
        if name not in frame.columns or about[name]["distribution"] == "fixed":
            raise ModelError(
                f"'{name}' does not vary between these patients", where="inter-occasion table"
            )
        spread = replace(Spread.from_row(str(name), about[name]), cv=float(cv))
        draws = normal_draws(cohort.seed, f"occasion {occasion} of {name}", numbers, 1)[:, 0]
        frame[name] = spread.quantile(ndtr(draws), frame[name].to_numpy(np.float64))
    notes = (*cohort.notes, f"occasion {occasion}")
    return replace(cohort, table=frame, notes=notes)
