"""The effect of an arm, and its share of the reference arm's effect, patient by patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.readouts import RATED, readout
from ketasim.instruments import load_context

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.experiments.arms import ArmCourse
    from ketasim.instruments import Context

__all__ = ["SMALLEST_EFFECT", "effect", "rated_effect", "share"]

SMALLEST_EFFECT = 1e-4
"""A reference effect below this is no effect, and nothing is a share of it."""


def effect(
    course: ArmCourse, name: str, start_h: float | None, end_h: float | None = None
) -> NDArray[np.float64]:
    """Return what an arm did to a readout: its difference from no drug.

    Parameters
    ----------
    course : ArmCourse
        The solved arm.
    name : str
        Name of the readout.
    start_h, end_h : float or None
        Time, window, or None for the peak.

    Returns
    -------
    ndarray, shape (n_patients,)
        In the unit of the readout. Without drug the model rests exactly, so the value at rest
        stands for the no-drug arm.
    """
    return course.at(name, start_h, end_h) - readout(name).rest


def rated_effect(
    course: ArmCourse, start_h: float, control: str | None, context: Context
) -> NDArray[np.float64]:
    """Return the mean fall of MADRS that a patient would show, expectancy included.

    Parameters
    ----------
    course : ArmCourse
        The solved arm.
    start_h : float
        Hours after ketamine.
    control : str or None
        Context of the arm.
    context : Context
        The context parameters.

    Returns
    -------
    ndarray, shape (n_patients,)
        MADRS points, positive is better; without error of rating.
    """
    added = context.mean_change(control, [start_h])[0]
    return np.asarray(course.baseline * course.at("relief", start_h) - added)


def share(
    course: ArmCourse,
    reference: ArmCourse,
    name: str,
    start_h: float | None,
    end_h: float | None = None,
    *,
    context: Context | None = None,
    controls: tuple[str | None, str | None] = ("active", "active"),
) -> NDArray[np.float64]:
    """Return the share of each patient's own reference effect that an arm leaves.

    Parameters
    ----------
    course, reference : ArmCourse
        The arm and the arm whose effect counts as 1, of the same patients.
    name : str
        Name of the readout; a rated one is a share of the fall of MADRS, expectancy included.
    start_h, end_h : float or None
        Time, window, or None for the peak.
    context : Context, optional
        Context parameters for a rated readout; by default the shipped ones.
    controls : tuple, optional
        Context of the arm and of the reference.

    Returns
    -------
    ndarray, shape (n_patients,)
        NaN where the reference has no effect in that patient.
    """
    if name in RATED:
        at, parameters = 24.0 if start_h is None else start_h, load_context(context)
        above = rated_effect(course, at, controls[0], parameters)
        below = rated_effect(reference, at, controls[1], parameters)
    else:
        above = effect(course, name, start_h, end_h)
        below = effect(reference, name, start_h, end_h)
    known = np.abs(below) > SMALLEST_EFFECT
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=known))
