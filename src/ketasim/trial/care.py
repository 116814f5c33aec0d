"""What surrounds the drug in a trial: expectancy, care, unmasking, a ward, a new antidepressant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import unknown_name
from ketasim.instruments import normal_draws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ketasim.instruments import Context
    from ketasim.instruments.settings import Settings
    from ketasim.trial.design import TrialArm, TrialDesign
    from ketasim.trial.rating import RatingModel

__all__ = [
    "Care",
    "antidepressant_change",
    "arm_context",
    "care_of",
    "expected_change",
    "is_extrapolated",
]

_DISSOCIATION_CAP = 2.0
_MASKED = ("double_blind", "single_blind")


@dataclass(frozen=True, eq=False)
class Care:
    """Expectancy, care and setting of a design.

    Parameters
    ----------
    context : Context
        Control types, course, spread between patients and of ratings.
    settings : Settings
        Declared contexts, wards, a new antidepressant, spread between trials.
    own : mapping of str to float
        Contexts that the design itself declares, MADRS points at 24 h.
    """

    context: Context
    settings: Settings
    own: Mapping[str, float]

    def change(self, name: str, where: str) -> float:
        """Return the mean change at 24 h that a context brings, MADRS points.

        Raises
        ------
        UnknownNameError
            If no table and no design declares it.
        """
        known = {**self.context.change, **self.settings.declared, **self.own}
        if name not in known:
            raise unknown_name("context", name, known, where=where)
        return known[name]


def care_of(design: TrialDesign, context: Context, settings: Settings) -> Care:
    """Return the context parameters of a design: the tables' and those that it declares itself."""
    return Care(context, settings, {one.name: one.change for one in design.contexts})


def arm_context(design: TrialDesign, arm: TrialArm) -> str:
    """Return the name of the context that an arm has under the design's masking.

    Parameters
    ----------
    design : TrialDesign
        With its masking.
    arm : TrialArm
        An arm that says ``active`` is one whose patients know only that they may receive the drug;
        without masking, or asleep, it has the context of that instead.
    """
    if arm.control != "active":
        return arm.control
    return {"open_label": "open_label", "anaesthetised": "anaesthesia"}.get(
        design.masking, "active"
    )


def is_extrapolated(design: TrialDesign) -> bool:
    """Say whether a design has a context that no calibration trial has."""
    from ketasim.instruments.settings import DECLARED_CONTEXTS

    declared = {one.name for one in design.contexts} | set(DECLARED_CONTEXTS)
    used = {arm_context(design, arm) for arm in design.arms}
    return bool(used & declared) or design.setting == "inpatient"


def expected_change(
    design: TrialDesign,
    care: Care,
    rating: RatingModel,
    arm: int,
    times: NDArray[np.float64],
    dissociation: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return what expectancy and care change in each patient of an arm.

    Parameters
    ----------
    design : TrialDesign
        With masking, setting and the control arm.
    care : Care
        Expectancy and care.
    rating : RatingModel
        With the weight of unmasking.
    arm : int
        Place of the arm.
    times : ndarray, shape (n_visits,) or (n, n_visits)
        Hours from the start of the session.
    dissociation : ndarray, shape (n,)
        Each patient's own peak, as a multiple of the usual one.

    Returns
    -------
    ndarray, shape (n, n_visits)
        MADRS points; negative is better.
    """
    place = design.reference
    control = design.arms[arm if place is None else place]
    mine = control if rating.world == "null" else design.arms[arm]
    change = _change(design, mine, care)
    total = np.full(dissociation.size, change)
    if _can_be_unmasked(design, mine) and place is not None:
        # Who feels nothing expects less, never more, than who feels what the drug usually does.
        gap = min(change - _change(design, control, care), 0.0)
        felt = np.clip(dissociation, 0.0, _DISSOCIATION_CAP) - 1.0
        total = total + rating.unmasking * gap * felt
    if design.setting == "inpatient":
        total = total + care.settings.inpatient_change
    return np.asarray(total[:, None] * _flat(care.context.course, times))


def _change(design: TrialDesign, arm: TrialArm, care: Care) -> float:
    return care.change(arm_context(design, arm), f"arm '{arm.name}'")


def _can_be_unmasked(design: TrialDesign, arm: TrialArm) -> bool:
    return arm.role == "active" and design.masking in _MASKED


def _flat(function: object, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evaluate a function of one-dimensional times for times of any shape, rows first."""
    assert callable(function)
    rows = np.atleast_2d(times)
    return np.asarray(function(rows.ravel())).reshape(rows.shape)


def antidepressant_change(
    design: TrialDesign,
    care: Care,
    seed: int,
    numbers: NDArray[np.uint64],
    times: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return what an antidepressant begun with the trial alone changes in each patient.

    Parameters
    ----------
    design : TrialDesign
        With its background.
    care : Care
        With the antidepressant's mean, SD and course.
    seed : int
        Seed of the trial.
    numbers : ndarray of uint64, shape (n,)
        Numbers that key the draws.
    times : ndarray, shape (n_visits,) or (n, n_visits)
        Hours from the start of the trial.

    Returns
    -------
    ndarray, shape (n, n_visits)
        MADRS points; 0 where none is begun.
    """
    rows = np.atleast_2d(times)
    if design.background != "new_antidepressant":
        return np.zeros((numbers.size, rows.shape[1]))
    own = normal_draws(seed, "own response to the antidepressant", numbers)
    change = care.settings.antidepressant_change + care.settings.antidepressant_sd * own
    return np.asarray(change * _flat(care.settings.antidepressant_course, rows))
