"""How many patients would have been needed, by test, region and time of the second scan."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.experiments.pet_trial.published import ALPHA, DAYS_H
from ketasim.experiments.pet_trial.scanning import HIP
from ketasim.experiments.pet_trial.worlds import COURSE_H
from ketasim.instruments.pet.noise import difference_sd, total_sd
from ketasim.instruments.pet.regions import load_regions
from ketasim.instruments.pet.scans import REGIONS

if TYPE_CHECKING:
    import pandas as pd

    from ketasim.experiments.pet_trial.worlds import World

__all__ = [
    "POWER", "Effect", "best_by", "correlation_needed", "effect_on_days", "group_needed",
    "hippocampus_sd", "paired_needed", "region_times",
]  # fmt: skip

POWER = 0.8
"""Power that is wanted."""


@dataclass(frozen=True)
class Effect:
    """The true change of a region that a hypothesis predicts.

    Parameters
    ----------
    mean, sd : float
        Over patients, of log binding after over before.
    """

    mean: float
    sd: float

    @property
    def relative(self) -> float:
        """As a share of binding."""
        return math.expm1(self.mean)


def effect_on_days(world: World, region: int = HIP) -> Effect:
    """Return the true change over patients and the days of the second scan.

    Parameters
    ----------
    world : World
        The hypothesis.
    region : int, optional
        Place of the region; by default the hippocampus.
    """
    log = np.log(world.on_days()[:, :, region])
    return Effect(float(np.nanmean(log)), float(np.nanstd(log, ddof=1)))


def _normal_sum() -> tuple[float, float]:
    from scipy.stats import norm

    level = float(norm.isf(ALPHA / 2))
    return level + float(norm.isf(1 - POWER)), level


def paired_needed(effect: Effect, noise_sd: float) -> float:
    """Return the patients with which a paired t test finds a change with 80 % power.

    Parameters
    ----------
    effect : Effect
        The change.
    noise_sd : float
        SD of the log ratio of two scans by themselves.

    Returns
    -------
    float
        ``(z_a + z_b)^2 / d^2 + z_a^2 / 2`` (the normal approximation with Guenther's correction for
        the t distribution); infinite without a change.
    """
    both, level = _normal_sum()
    size = abs(effect.mean) / math.hypot(noise_sd, effect.sd)
    return math.inf if size == 0 else both**2 / size**2 + level**2 / 2


def group_needed(effect: Effect, noise_sd: float) -> float:
    """Return the patients of both arms, two to one, with which a difference is found with 80 % power.

    Parameters
    ----------
    effect, noise_sd
        As for `paired_needed`; the control arm does not change.

    Returns
    -------
    float
        By the normal approximation.
    """
    both, _ = _normal_sum()
    if effect.mean == 0:
        return math.inf
    variance = noise_sd**2 + effect.sd**2 + 2 * noise_sd**2
    return 1.5 * both**2 * variance / effect.mean**2


def correlation_needed(r: float) -> float:
    """Return the pairs with which a correlation is found with 80 % power, by Fisher's z."""
    both, _ = _normal_sum()
    return math.inf if r == 0 else (both / math.atanh(r)) ** 2 + 3


def hippocampus_sd(level: float) -> float:
    """Return the SD of the log ratio of two scans at an absolute variability."""
    return difference_sd(level)


def region_times(world: World) -> pd.DataFrame:
    """Return for every region and time of the second scan what a trial could see.

    Parameters
    ----------
    world : World
        The hypothesis.

    Returns
    -------
    DataFrame
        ``region, time_h, change_percent`` (true, median patient), ``noise_percent`` (SD of the
        change by itself), ``effect_size`` and ``patients`` (paired t test, 80 % power).
    """
    import pandas as pd

    mean, sd = world.log_fold()
    noise = total_sd(load_regions())
    rows = []
    for place, region in enumerate(REGIONS):
        for at, hours in enumerate(COURSE_H):
            effect = Effect(float(mean[at, place]), float(sd[at, place]))
            spread = math.hypot(float(noise[place]), effect.sd)
            rows.append(
                {
                    "region": region, "time_h": hours, "change_percent": 100 * effect.relative,
                    "noise_percent": 100 * float(noise[place]),
                    "effect_size": effect.mean / spread,
                    "patients": paired_needed(effect, float(noise[place])),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def best_by(table: pd.DataFrame, *, within: bool) -> dict[str, Any]:
    """Return the row with the fewest patients.

    Parameters
    ----------
    table : DataFrame
        From `region_times`.
    within : bool
        Only on the days of the published trial; else at any time.

    Returns
    -------
    dict
        The row.
    """
    kept = table[table["time_h"].isin(DAYS_H)] if within else table
    place = int(np.argmin(kept["patients"].to_numpy(np.float64)))
    return {str(name): cell for name, cell in kept.iloc[place].items()}
