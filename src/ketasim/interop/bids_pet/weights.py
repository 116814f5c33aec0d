"""Weights of frames where a data set gives none: rules by name, so that none is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError, unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.instruments.pet.frames import Frames

__all__ = ["DEFAULT_RULE", "RULES", "frame_weights"]

RULES = {
    "counts": "duration x exp(-lambda t) / activity, activity being that of the whole of the"
    " regions and never less than a twentieth of its peak",
    "duration": "the length of the frame",
    "uniform": "1 in every frame",
}
"""Each rule in words. `counts` is the inverse of the variance of decay-corrected activity when
counts are Poisson's; the floor is assumed."""

DEFAULT_RULE = "counts"
"""The rule that is used, and noted, where nothing is given."""

_FLOOR = 0.05


def frame_weights(
    rule: str,
    frames: Frames,
    activity: NDArray[np.float64],
    half_life_min: float | None,
    where: str,
) -> NDArray[np.float64]:
    """Compute weights with a mean of 1.

    Parameters
    ----------
    rule : str
        One of `RULES`.
    frames : Frames
        The frames.
    activity : array, shape (n_frames,)
        Decay-corrected activity of the whole of the regions.
    half_life_min : float or None
        Half-life in minutes; None where no radionuclide is stated.
    where : str
        The file of metadata, for the error.

    Returns
    -------
    array, shape (n_frames,)
        The weights, the same for all regions.

    Raises
    ------
    InputError
        If the rule is unknown, or needs a half-life and there is none.
    """
    if rule not in RULES:
        raise unknown_name("rule of weights", rule, RULES)
    if rule == "uniform":
        return np.ones(len(frames))
    weight = np.array(frames.duration_min)
    if rule == "counts":
        if half_life_min is None:
            raise InputError("the field is missing", where=f"{where}, field 'TracerRadionuclide'",
                             expected="the radionuclide, such as 'C11'; or weights='duration'")  # fmt: skip
        known = np.where(np.isfinite(activity), activity, 0.0)
        if known.max() <= 0:
            return np.ones(len(frames))  # no curve: whatever is fitted gets a status, not a value
        weight *= np.exp(-np.log(2.0) / half_life_min * frames.mid_min)
        weight /= np.maximum(known, _FLOOR * known.max())
    return np.asarray(weight / weight.mean())
