"""Where a trial takes place and what else its patients get: what is known beside the control types.

`ketasim.instruments.context` holds what the trials of the calibration have: a masked session with
saline, midazolam or a nasal placebo. This table holds the rest of a trial's setting: contexts that
none of them has and that rest on a declared prior alone, a ward, an antidepressant begun with the
trial and its slow response, and how far one trial lies from another.

The numbers are not in this code but in ``settings.csv`` beside it, which a calibration writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ketasim.instruments.context import assumed_of, checked_table, read_table, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "DECLARED_CONTEXTS",
    "SETTINGS_FILE",
    "Settings",
    "load_settings",
    "settings_table",
]

SETTINGS_FILE = Path(__file__).with_name("settings.csv")
"""The shipped table of settings."""

DECLARED_CONTEXTS = ("open_label", "active_placebo", "anaesthesia")
"""Contexts that no trial of the calibration has."""

_UNITS: Mapping[str, str] = {
    **dict.fromkeys(DECLARED_CONTEXTS, "MADRS points"),
    "inpatient": "MADRS points",
    "new_antidepressant": "MADRS points",
    "new_antidepressant_tau": "h",
    "new_antidepressant_sd": "MADRS points",
    "between_trial_sd": "MADRS points",
}
_POSITIVE = ("new_antidepressant_tau", "new_antidepressant_sd", "between_trial_sd")


@dataclass(frozen=True)
class Settings:
    """The parameters of a trial's setting, ready for use.

    Parameters
    ----------
    declared : mapping of str to float
        Mean change in MADRS points at 24 h for each of `DECLARED_CONTEXTS`; negative is better.
    inpatient_change : float
        Further mean change at 24 h on a ward, MADRS points.
    antidepressant_change : float
        Mean change that an antidepressant begun with the trial brings in the end, MADRS points.
    antidepressant_tau_h : float
        Time constant of that change, h.
    antidepressant_sd : float
        SD between patients of that change, MADRS points.
    between_trial_sd : float
        SD between trials of the change that one context brings, MADRS points.
    assumed : tuple of str
        The parameters without a calibration behind them.
    """

    declared: Mapping[str, float]
    inpatient_change: float
    antidepressant_change: float
    antidepressant_tau_h: float
    antidepressant_sd: float
    between_trial_sd: float
    assumed: tuple[str, ...] = ()

    def antidepressant_course(self, times_h: ArrayLike) -> NDArray[np.float64]:
        """Return the share of its change that an antidepressant begun at 0 has brought.

        Parameters
        ----------
        times_h : array_like, shape (n_times,)
            Hours after the first session.

        Returns
        -------
        ndarray, shape (n_times,)
            ``1 - exp(-t / tau)``, from 0 to 1.
        """
        times = np.maximum(np.asarray(times_h, dtype=np.float64), 0.0)
        return np.asarray(-np.expm1(-times / self.antidepressant_tau_h))


def settings_table(path: Path | str | None = None) -> pd.DataFrame:
    """Read and check a table of settings.

    Parameters
    ----------
    path : path, optional
        A CSV with the columns of a context table; by default the shipped one.

    Returns
    -------
    DataFrame
        Indexed by ``id``.

    Raises
    ------
    EvidenceError
        If a column, a row or a number is missing or wrong; names the place.
    """
    file = Path(path) if path is not None else SETTINGS_FILE
    return checked_table(read_table(file, "settings table"), _UNITS, file.name, "settings table")


@cache
def _shipped() -> Settings:
    return settings_from_table(settings_table())


def load_settings(source: Path | str | pd.DataFrame | None = None) -> Settings:
    """Load the parameters of a trial's setting.

    Parameters
    ----------
    source : path or DataFrame, optional
        Where they come from; by default the shipped table.

    Returns
    -------
    Settings
        The parameters.

    Raises
    ------
    EvidenceError
        If the table cannot be used.
    """
    if source is None:
        return _shipped()
    if isinstance(source, (str, Path)):
        return settings_from_table(settings_table(source))
    table = source.astype({"value": str, "sd": str})
    return settings_from_table(checked_table(table, _UNITS, "settings table", "settings table"))


def settings_from_table(table: pd.DataFrame) -> Settings:
    """Make the parameters from a checked table indexed by ``id``."""
    value = values_of(table, _POSITIVE, "setting")
    return Settings(
        declared={name: value[name] for name in DECLARED_CONTEXTS},
        inpatient_change=value["inpatient"],
        antidepressant_change=value["new_antidepressant"],
        antidepressant_tau_h=value["new_antidepressant_tau"],
        antidepressant_sd=value["new_antidepressant_sd"],
        between_trial_sd=value["between_trial_sd"],
        assumed=assumed_of(table),
    )
