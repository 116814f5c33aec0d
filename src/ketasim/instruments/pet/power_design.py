"""A whole PET design: its power, what it would need, and the same test on simulated scans."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.draws import normal_draws
from ketasim.instruments.pet.noise import difference_sd, load_noise
from ketasim.instruments.pet.power import (
    check_numbers,
    log_fold,
    power_correlation,
    power_group_difference,
    power_test_retest,
)
from ketasim.instruments.pet.regions import HIPPOCAMPUS_LEVELS, load_regions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DESIGNS", "PetDesign", "PetPower", "pet_power", "simulate_power"]

DESIGNS = ("change", "group", "correlation")
"""A change in one group, a difference between two groups, a correlation."""

_MOST = 100_000
"""Patients; a design that needs more is said to need more than that."""


@dataclass(frozen=True)
class PetDesign:
    """A design, all of it.

    Parameters
    ----------
    design : {"change", "group", "correlation"}
        What is tested.
    region : str
        Code of the region.
    effect : float
        Relative change or difference of binding; for a correlation the true correlation.
    n : int
        People; in a design with two groups those of the first.
    n_control : int, optional
        People of the second group.
    absolute_variability : float, optional
        By default that of the table of regions.
    between_sd : float, optional
        SD of log binding between people; by default that of the table of regions.
    single_scan : bool, optional
        Whether two groups are compared on one scan and not on a change.
    effect_sd : float, optional
        SD of the true effect between people, on the scale of the logarithm.
    alpha : float, optional
        Two-sided level.
    tests : int, optional
        How many regions are tested; the level is divided by it (Bonferroni).
    """

    design: str
    region: str
    effect: float
    n: int
    n_control: int = 0
    absolute_variability: float | None = None
    between_sd: float | None = None
    single_scan: bool = False
    effect_sd: float = 0.0
    alpha: float = 0.05
    tests: int = 1

    def __post_init__(self) -> None:
        if self.design not in DESIGNS:
            raise unknown_name("design", self.design, DESIGNS)
        load_regions((self.region,))
        check_numbers(
            n=self.n, alpha=self.alpha, effect_sd=self.effect_sd, between_sd=self.between_sd
        )
        if self.design == "group":
            check_numbers(n_control=self.n_control)
        elif self.n_control or self.single_scan:
            raise InputError(
                f"a second group in the design {self.design!r}", expected="the design 'group'"
            )
        if self.design == "correlation" and (self.n < 4 or self.effect_sd):
            raise InputError(
                "a correlation", expected="4 people or more, and no SD of an effect on binding"
            )
        if self.design == "correlation":
            check_numbers(correlation=self.effect)
        else:
            log_fold(self.effect)
        if self.tests < 1:
            raise InputError(f"{self.tests} regions are tested", expected="1 or more")
        if self.absolute_variability is not None:
            difference_sd(self.absolute_variability)

    @property
    def level(self) -> float:
        """The two-sided level of one test."""
        return self.alpha / self.tests

    @property
    def variability(self) -> tuple[float, float]:
        """Absolute variability, and the shift that is contained in it."""
        if self.absolute_variability is not None:
            return self.absolute_variability, 0.0
        values = load_regions((self.region,))
        return float(values.absolute_variability[0]), float(values.signed_change[0])

    @property
    def spread(self) -> float:
        """SD of log binding between people."""
        if self.between_sd is not None:
            return self.between_sd
        return float(load_regions((self.region,)).between_sd[0])

    def power(self) -> float:
        """Return the power in closed form."""
        distance, shift = self.variability
        options: dict[str, Any] = {"signed_change": shift, "alpha": self.level}
        if self.design == "change":
            return power_test_retest(
                self.effect, self.n, distance, effect_sd=self.effect_sd, **options
            )
        if self.design == "group":
            return power_group_difference(
                self.effect, self.n, self.n_control, distance, effect_sd=self.effect_sd,
                between_sd=self.spread if self.single_scan else None, **options,
            )  # fmt: skip
        return power_correlation(self.effect, self.n, distance, self.spread, **options)

    def sized(self, n: int) -> PetDesign:
        """Return the design with another number of people, the groups in the same ratio."""
        control = max(2, math.ceil(self.n_control * n / self.n)) if self.n_control else 0
        return replace(self, n=n, n_control=control)


@dataclass(frozen=True)
class PetPower:
    """The power of a design, and what it rests on.

    Parameters
    ----------
    design : PetDesign
        What was asked.
    power : float
        In closed form.
    smallest_effect : float
        The effect of the same sign that is found with `wanted` power; NaN if none is.
    wanted : float
        The power that is wanted.
    n_needed, n_control_needed : int or None
        People with which the effect is found with that power; None beyond 100,000.
    simulated, simulated_se : float or None
        Power in simulated scans, and its Monte-Carlo error.
    replicates : int
        Trials simulated.
    swept : dict of float to float
        Power by absolute variability where the region has no published one.
    """

    design: PetDesign
    power: float
    smallest_effect: float
    wanted: float
    n_needed: int | None
    n_control_needed: int | None
    simulated: float | None
    simulated_se: float | None
    replicates: int
    swept: dict[float, float]

    def record(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        distance, shift = self.design.variability
        given = asdict(self.design)
        given.update(absolute_variability=distance, between_sd=self.design.spread)
        return {
            **given,
            "level_of_one_test": self.design.level,
            "sd_of_log_ratio": difference_sd(distance, shift),
            "power": self.power,
            "wanted_power": self.wanted,
            "smallest_effect": self.smallest_effect,
            "n_needed": self.n_needed,
            "n_control_needed": self.n_control_needed,
            "simulated_power": self.simulated,
            "simulated_power_se": self.simulated_se,
            "replicates": self.replicates,
            "power_by_absolute_variability": [
                {"absolute_variability": key, "power": value} for key, value in self.swept.items()
            ],
        }


def pet_power(
    design: PetDesign, *, wanted: float = 0.8, replicates: int = 0, seed: int = 1
) -> PetPower:
    """Compute what a design can show.

    Parameters
    ----------
    design : PetDesign
        The design.
    wanted : float, optional
        The power for which the smallest effect and the number of people are sought.
    replicates : int, optional
        Trials to simulate through scanner and fit; by default none.
    seed : int, optional
        Of the simulated trials.

    Returns
    -------
    PetPower
        The hippocampus, whose variability is not published, is swept from 8 to 20 % where none is
        given.

    Raises
    ------
    InputError
        If the power that is wanted does not lie between the level and 1.
    """
    if not design.level < wanted < 1:
        raise InputError(
            f"a wanted power of {wanted:g}", expected=f"between the level {design.level:g} and 1"
        )
    simulated = error = None
    if replicates:
        simulated, error = simulate_power(design, replicates, seed=seed)
    needed = _people_needed(design, wanted)
    larger = None if needed is None else design.sized(needed)
    swept = {}
    if design.region == "HIP" and design.absolute_variability is None:
        swept = {
            one: replace(design, absolute_variability=one).power() for one in HIPPOCAMPUS_LEVELS
        }
    return PetPower(
        design, design.power(), _smallest_effect(design, wanted), wanted, needed,
        larger.n_control if larger is not None and design.design == "group" else None,
        simulated, error, replicates, swept,
    )  # fmt: skip


def _people_needed(design: PetDesign, wanted: float) -> int | None:
    """Return the fewest people of the first group that have the power, by halving."""
    least = 4 if design.design == "correlation" else 2
    if design.effect == 0 or design.sized(_MOST).power() < wanted:
        return None
    low, high = least, _MOST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if design.sized(middle).power() >= wanted else (middle + 1, high)
    return low


def _smallest_effect(design: PetDesign, wanted: float) -> float:
    from scipy.optimize import brentq

    sign = -1.0 if design.effect < 0 else 1.0
    most = 0.999 if design.design == "correlation" or sign < 0 else 20.0

    def gap(effect: float) -> float:
        return replace(design, effect=sign * effect).power() - wanted

    if gap(most) < 0:
        return math.nan
    return sign * float(brentq(gap, 0.0, most, xtol=1e-6))


def simulate_power(
    design: PetDesign, replicates: int = 1000, *, seed: int = 1
) -> tuple[float, float]:
    """Run a design many times through scanner, fit and test.

    Parameters
    ----------
    design : PetDesign
        The design.
    replicates : int, optional
        How many trials.
    seed : int, optional
        Of people and scans.

    Returns
    -------
    power, error : float
        Share of trials with a p value below the level, and its Monte-Carlo error.

    Raises
    ------
    InputError
        If fewer than two trials are asked for.
    """
    if replicates < 2:
        raise InputError(f"{replicates} simulated trials", expected="2 or more")
    size = design.n + design.n_control
    # People are simulated some trials at a time, so that memory does not grow with the trials.
    chunk = max(1, 4000 // size)
    found = [
        _p_values(design, first, min(first + chunk, replicates), seed)
        for first in range(0, replicates, chunk)
    ]
    share = float(np.mean(np.concatenate(found) < design.level))
    return share, math.sqrt(share * (1 - share) / replicates)


def _p_values(design: PetDesign, first: int, last: int, seed: int) -> NDArray[np.float64]:
    """Return the p value of each trial; a curve that was not fitted is left out of its test."""
    from scipy import stats

    size = design.n + design.n_control
    people = np.arange(first * size, last * size, dtype=np.int64)
    treated = np.tile(np.arange(size) < design.n, last - first)
    measured, true = _measured(design, people, treated, seed)
    if design.design == "correlation":
        other = normal_draws(seed, "pet power, other", people)[:, 0]
        other = design.effect * true + math.sqrt(1 - design.effect**2) * other
        x, y = (one.reshape(-1, size) for one in (measured[:, 0], other))
        return np.array([_pearson(*one) for one in zip(x, y, strict=True)])
    value = measured[:, 0] if design.single_scan else measured[:, 1] - measured[:, 0]
    rows = value.reshape(-1, size)
    own, control = rows[:, : design.n], rows[:, design.n :]
    if design.design == "change":
        return np.asarray(stats.ttest_1samp(own, 0.0, axis=1, nan_policy="omit").pvalue)
    return np.asarray(stats.ttest_ind(own, control, axis=1, nan_policy="omit").pvalue)


def _pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    from scipy import stats

    there = np.isfinite(x)
    return float(stats.pearsonr(x[there], y[there]).pvalue)


def _measured(
    design: PetDesign, people: NDArray[np.int64], treated: NDArray[np.bool_], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log BPND as fitted, shape (n_people, n_scans), and true binding in SDs of people."""
    from ketasim.instruments.pet.binding import draw_truth
    from ketasim.instruments.pet.calibration import quantify
    from ketasim.instruments.pet.scanner import simulate_scans

    distance, shift = design.variability
    values = load_regions((design.region,)).with_values("between_sd", design.spread)
    values = values.with_values("absolute_variability", distance)
    values = values.with_values("signed_change", shift)
    noise = load_noise(values)
    scans = 1 if design.single_scan or design.design == "correlation" else 2
    fold = np.ones((len(people), scans, 1))
    if design.design != "correlation":
        own = normal_draws(seed, "pet power, effect", people)[:, 0] * design.effect_sd
        fold[treated, -1, 0] = np.exp(math.log1p(design.effect) + own[treated])
    rest = draw_truth(values, people, 1, seed=seed)
    truth = draw_truth(values, people, scans, seed=seed, within_sd=noise.within_sd, change=fold)
    fitted = quantify(simulate_scans(truth, seed=seed, noise=noise))[:, :, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        measured = np.where(fitted > 0, np.log(fitted), np.nan)
    # The mean of the logarithm lies half a variance below that of binding.
    centre = math.log(float(values.bpnd[0])) - design.spread**2 / 2
    true = (np.log(rest.bpnd[:, 0, 0]) - centre) / max(design.spread, 1e-12)
    return measured, true
