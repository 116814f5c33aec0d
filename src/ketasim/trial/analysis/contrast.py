"""Two arms side by side, and the estimate that a comparison ends in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.trial.data import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.trial.data import TrialData

__all__ = ["Contrast", "contrast_of", "failure", "t_estimate", "too_few"]


@dataclass(frozen=True, eq=False)
class Contrast:
    """The patients of two arms.

    Parameters
    ----------
    label : str
        For instance ``"ketamine minus midazolam"``.
    patients : ndarray of int
        Rows of the trial data, in their order.
    active : ndarray of bool
        True for the active arm, in the order of `patients`.
    names : tuple of two str
        The active and the control arm.
    """

    label: str
    patients: NDArray[np.int64]
    active: NDArray[np.bool_]
    names: tuple[str, str]


def contrast_of(data: TrialData, active: str, control: str) -> Contrast:
    """Find the patients of two arms.

    Parameters
    ----------
    data : TrialData
        The trial.
    active, control : str
        Names of two different arms.

    Returns
    -------
    Contrast
        The patients, possibly none.

    Raises
    ------
    InputError
        If an arm is unknown or both are the same.
    """
    first, second = data.arm_index(active), data.arm_index(control)
    if first == second:
        raise InputError(f"arm {active!r} cannot be compared with itself", where="analysis")
    patients = np.flatnonzero((data.arm == first) | (data.arm == second))
    label = f"{active} minus {control}"
    return Contrast(label, patients, data.arm[patients] == first, (active, control))


def failure(analysis: str, contrast: str, unit: str, n: int, why: str) -> Estimate:
    """Return the estimate that could not be made: NaN everywhere, and the reason.

    Parameters
    ----------
    analysis, contrast, unit : str
        As in `Estimate`.
    n : int
        Patients that were looked at.
    why : str
        The reason, as a clause without a full stop.

    Returns
    -------
    Estimate
        With NaN for every number but `n`.
    """
    nan = float("nan")
    return Estimate("", analysis, contrast, nan, nan, nan, nan, nan, nan, unit, nan, n, why)


def t_estimate(
    analysis: str,
    contrast: str,
    unit: str,
    numbers: tuple[float, float, float],
    effect_size: float,
    n: int,
    note: str = "",
) -> Estimate:
    """Return an estimate with its t interval and p value.

    Parameters
    ----------
    analysis, contrast, unit : str
        As in `Estimate`.
    numbers : tuple of three float
        Estimate, standard error and degrees of freedom (infinite for a normal reference).
    effect_size : float
        Positive for a benefit.
    n : int
        Patients.
    note : str, optional
        What a reader should know.

    Returns
    -------
    Estimate
        With a 95 % interval and a two-sided p value.
    """
    from scipy.stats import t as student

    value, se, df = (float(one) for one in numbers)
    half = float(student.ppf(0.975, df)) * se
    p = float(2 * student.sf(abs(value) / se, df)) if se > 0 else float("nan")
    return Estimate(
        "", analysis, contrast, value, se, df, value - half, value + half, p, unit, effect_size,
        n, note,
    )  # fmt: skip


def too_few(contrast: Contrast, seen: NDArray[np.bool_], least: int = 2) -> str:
    """Say which arm has too few observed patients.

    Parameters
    ----------
    contrast : Contrast
        The two arms.
    seen : ndarray of bool
        Whether a patient counts, in the order of the contrast's patients.
    least : int, optional
        The fewest patients that an arm needs.

    Returns
    -------
    str
        The reason, or empty where both arms have enough.
    """
    for name, members in zip(contrast.names, (contrast.active, ~contrast.active), strict=True):
        count = int(np.sum(members & seen))
        if count < least:
            return f"arm {name!r} has {count} observed patients, and {least} are needed"
    return ""
