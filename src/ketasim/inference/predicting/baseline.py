"""How ill patients are before treatment, and what is taken for it where a trial does not tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.evidence import calibration_rows
from ketasim.inference.predicting.rows import SCALES
from ketasim.instruments import convert_scale

if TYPE_CHECKING:
    from collections.abc import Collection

    from ketasim.instruments.scales import RatingScale

__all__ = ["USUAL_SD", "Baseline", "baseline_of", "usual_baseline"]

USUAL_SD = 5.6
"""SD between patients, MADRS points, where no trial tells (the covariate table of populations)."""
LEAST_SPREAD = 2.0
"""Least SD between trials of their mean baseline: a few of them may agree by chance (assumed)."""


@dataclass(frozen=True)
class Baseline:
    """Severity before treatment, MADRS points.

    Parameters
    ----------
    mean, sd : float
        Of the patients.
    spread : float
        SD of the mean between trials: 0 where the trial tells it.
    """

    mean: float
    sd: float
    spread: float


def usual_baseline(*, leave_out: Collection[str] = ()) -> Baseline:
    """Return the severity before treatment in trials of the evidence, each family counted once.

    Parameters
    ----------
    leave_out : collection of str, optional
        Families of trials that are not looked at.

    Returns
    -------
    Baseline
        Mean and SD between families of their mean, and the SD between patients.
    """
    rows = calibration_rows("clinical_arms", where={"kind": "mean"}).to_frame()
    rows = rows[(rows["timepoint_h"] == 0.0) & ~rows["family"].isin(list(leave_out))]
    points = [
        float(convert_scale([value], SCALES[scale], "madrs")[0])
        for value, scale in zip(rows["value"], rows["scale"], strict=True)
    ]
    families = rows.assign(points=points).groupby("family")["points"].mean()
    spreads = rows.loc[rows["scale"] == "MADRS", "sd"].dropna().to_numpy(float)
    sd = float(np.sqrt(np.mean(spreads**2))) if len(spreads) else USUAL_SD
    return Baseline(float(families.mean()), sd, max(float(families.std(ddof=1)), LEAST_SPREAD))


def baseline_of(scale: RatingScale, mean: float, sd: float, usual: Baseline) -> Baseline:
    """Return the severity before treatment from what a trial tells of it, in its own points.

    Parameters
    ----------
    scale : RatingScale
    mean, sd : float
        Points of that scale; NaN where the trial does not tell.
    usual : Baseline
        What is taken then.
    """
    if math.isnan(mean):
        return usual
    centre = float(convert_scale([mean], scale.name, "madrs")[0])
    if math.isnan(sd):
        return Baseline(centre, usual.sd, 0.0)
    low, high = convert_scale([mean - sd, mean + sd], scale.name, "madrs")
    return Baseline(centre, float(high - low) / 2.0, 0.0)
