"""From relief to what a rater writes down.

``severity = baseline (1 - relief) + context + the patient's own departure + error of the rating``

The baseline that is recorded is not the true one: it has an error of its own, and who enters was
chosen by it, so that scores fall back towards the mean by themselves. The context parameters were
fitted to arms that contain the fall after a usual, wide entry criterion, where it is close to zero;
what a strict criterion adds comes on top of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from ketasim.errors import InputError
from ketasim.instruments import load_scale, normal_draws, uniform_draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.trial.care import Care
    from ketasim.trial.design import TrialDesign
    from ketasim.trial.design_parts import TrialEntry

__all__ = [
    "RATING_PRIORS",
    "EntryLaw",
    "RatingModel",
    "World",
    "entry_law",
    "patient_numbers",
    "rated",
    "record_baseline",
    "regression_to_the_mean",
    "to_madrs",
]  # fmt: skip

World: TypeAlias = Literal["model", "expectancy", "null"]
"""``model``: all of it. ``expectancy``: no pharmacology. ``null``: nor any difference of context."""

RATING_PRIORS: dict[str, tuple[float, float, float, str]] = {
    "unmasking": (0.5, 0.0, 1.0, "no trial of the evidence separates it; half, from none to all"),
    "baseline_error_sd": (3.0, 1.5, 4.0, "leaves most of a baseline SD of 4 to 7 to the patients"),
    "rater_sd": (1.0, 0.0, 2.0, "raters differ by less than the rating error of 5.5 points"),
}
"""Assumed parameters of the rating: value, low and high end for a sensitivity analysis, reason."""

_PATIENT_BITS = 20
_PERIOD_BITS = 58


@dataclass(frozen=True)
class RatingModel:
    """What stands between a patient's relief and the recorded scores. All of it is assumed.

    Parameters
    ----------
    unmasking : float, optional
        How far a masked patient's expectancy follows what is felt: at 0 all of an active arm
        expect alike; at 1 a patient without any dissociation expects what the control arm does.
        The mean at the usual dissociation stays that of the context table.
    baseline_error_sd : float, optional
        SD of the rating error of the recorded baseline, MADRS points.
    rater_sd : float, optional
        SD between raters of the score that they give after treatment, MADRS points.
    raters : int, optional
        Raters in a trial.
    trial_sd : float or None, optional
        SD between trials of the context's change at 24 h, shared by the arms; None for that of the
        context table. It cancels in a difference of arms.
    world : {"model", "expectancy", "null"}, optional
        What is at work.

    Raises
    ------
    InputError
        If a number cannot be used.
    """

    unmasking: float = RATING_PRIORS["unmasking"][0]
    baseline_error_sd: float = RATING_PRIORS["baseline_error_sd"][0]
    rater_sd: float = RATING_PRIORS["rater_sd"][0]
    raters: int = 4
    trial_sd: float | None = None
    world: World = "model"

    def __post_init__(self) -> None:
        if not 0.0 <= self.unmasking <= 1.0:
            raise InputError(f"unmasking is {self.unmasking:g}", expected="a number from 0 to 1")
        if min(self.baseline_error_sd, self.rater_sd, self.trial_sd or 0.0) < 0:
            raise InputError("an SD of the rating is negative", expected="0 or more")
        if self.raters < 1:
            raise InputError("a trial needs a rater", expected="at least 1")


def patient_numbers(replicates: NDArray[np.int64], patients: int) -> NDArray[np.uint64]:
    """Return the numbers that key the random numbers of patients, shape (n_replicates, patients)."""
    base = replicates.astype(np.uint64)[:, None] << np.uint64(_PATIENT_BITS)
    return np.asarray(base + np.arange(patients, dtype=np.uint64)[None, :])


@dataclass(frozen=True)
class EntryLaw:
    """The distribution of recorded scores before the entry criterion cuts it.

    Parameters
    ----------
    mean, sd : float
        Of the recorded score among all who are screened, points of the design's scale.
    low, high : float
        Where the criterion cuts, half a point outside the whole scores that may enter.
    """

    mean: float
    sd: float
    low: float
    high: float

    @property
    def entered(self) -> float:
        """Share of those screened who may enter."""
        from scipy.special import ndtr

        a, b = ((one - self.mean) / self.sd for one in (self.low, self.high))
        return float(ndtr(b) - ndtr(a))

    def quantile(self, uniform: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the recorded scores, not rounded, of who entered."""
        from scipy.special import ndtr, ndtri

        a, b = (ndtr((one - self.mean) / self.sd) for one in (self.low, self.high))
        return np.asarray(self.mean + self.sd * ndtri(a + uniform * (b - a)))


@lru_cache(maxsize=256)
def entry_law(entry: TrialEntry, scale: str) -> EntryLaw:
    """Find the distribution whose part within the entry criterion has the stated mean and SD.

    Parameters
    ----------
    entry : TrialEntry
        Criterion and targets; without targets, those of the shipped covariates.
    scale : str
        Name of the design's scale.

    Returns
    -------
    EntryLaw
        A normal distribution, to be truncated.

    Raises
    ------
    InputError
        If no truncated normal distribution has them.
    """
    low, high = _cuts(entry, scale)
    mean, sd = (entry.mean, entry.sd) if entry.mean and entry.sd else _usual_baseline(scale)
    found = _solve_truncated(mean, sd, low, high)
    if found is None:
        raise InputError(
            f"no distribution within {low + 0.5:g} to {high - 0.5:g} points has mean {mean:g} and "
            f"SD {sd:g}",
            where="field 'entry.sd'",
            expected="a smaller SD, or a wider entry criterion",
        )
    return EntryLaw(*found, low, high)


def _cuts(entry: TrialEntry, scale: str) -> tuple[float, float]:
    low = 0.0 if entry.minimum is None else entry.minimum
    high = float(load_scale(scale).maximum) if entry.maximum is None else entry.maximum
    return float(np.ceil(low)) - 0.5, float(np.floor(high)) + 0.5


def _usual_baseline(scale: str) -> tuple[float, float]:
    from ketasim.population import covariate_table

    value, spread = covariate_table().loc["madrs_baseline", ["value", "cv"]].to_numpy(np.float64)
    mean, sd = float(value), float(value * spread)
    low, middle, high = load_scale(scale).from_madrs([mean - sd, mean, mean + sd])
    return float(middle), float(high - low) / 2.0


def _solve_truncated(mean: float, sd: float, low: float, high: float) -> tuple[float, float] | None:
    from scipy.optimize import least_squares
    from scipy.stats import truncnorm

    def residual(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        centre, width = parameters[0], np.exp(parameters[1])
        a, b = (low - centre) / width, (high - centre) / width
        first, second = truncnorm.stats(a, b, centre, width, moments="mv")
        return np.array([(first - mean) / sd, np.log(max(second, 1e-12)) / 2.0 - np.log(sd)])

    # A parent distribution further away than this is no longer a plausible group of patients.
    limits = ([mean - 6.0 * sd, np.log(sd) - 1.0], [mean + 6.0 * sd, np.log(sd) + 1.1])
    solved = least_squares(residual, [mean, np.log(sd)], bounds=limits)
    if float(np.max(np.abs(solved.fun))) > 1e-3:
        return None
    return float(solved.x[0]), float(np.exp(solved.x[1]))


def record_baseline(
    design: TrialDesign,
    rating: RatingModel,
    severity: NDArray[np.float64],
    seed: int,
    numbers: NDArray[np.uint64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return recorded and true baseline of patients who met the entry criterion.

    Parameters
    ----------
    design : TrialDesign
        With scale and entry criterion.
    rating : RatingModel
        With the error of the recorded baseline.
    severity : ndarray, shape (n,)
        Each person's severity among all, a standard normal number.
    seed : int
        Seed of the trial.
    numbers : ndarray of uint64, shape (n,)
        Numbers that key the draws.

    Returns
    -------
    recorded : ndarray, shape (n,)
        Whole points of the design's scale, all within the criterion.
    true_madrs : ndarray, shape (n,)
        MADRS points, which no rater sees. Given the recorded score it has the distribution that
        selection by that score leaves: nearer to the mean.
    """
    from scipy.special import ndtr

    scale = load_scale(design.scale)
    law = entry_law(design.entry, design.scale)
    slope = _slope(design.scale, law.mean)
    error = min(rating.baseline_error_sd * slope, 0.95 * law.sd)
    own = float(np.sqrt(law.sd**2 - error**2))
    mistake = normal_draws(seed, "error of the baseline", numbers)[:, 0]
    # Two independent numbers: one decides the recorded score, the other what it hides.
    seen = (own * severity + error * mistake) / law.sd
    hidden = (error * severity - own * mistake) / law.sd
    score = law.quantile(np.asarray(ndtr(seen)))
    share = own**2 / law.sd**2
    true = law.mean + share * (score - law.mean) + own * error / law.sd * hidden
    return scale.record(score), to_madrs(true, design.scale)


def regression_to_the_mean(design: TrialDesign, rating: RatingModel) -> float:
    """Return the points of MADRS by which scores fall towards the mean by themselves.

    Parameters
    ----------
    design : TrialDesign
        With its entry criterion.
    rating : RatingModel
        With the error of the recorded baseline.

    Returns
    -------
    float
        Mean recorded minus mean true baseline; 0 where the criterion cuts nothing off.
    """
    law = entry_law(design.entry, design.scale)
    slope = _slope(design.scale, law.mean)
    error = min(rating.baseline_error_sd * slope, 0.95 * law.sd)
    middle = law.quantile((np.arange(4096) + 0.5) / 4096).mean()
    return float(error**2 / law.sd**2 * (middle - law.mean) / slope)


def to_madrs(points: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    """Convert points of a scale to the MADRS points of equal severity."""
    from ketasim.instruments import convert_scale

    return points if scale == "madrs" else convert_scale(points, scale, "madrs")


def _slope(scale: str, points: float) -> float:
    if scale == "madrs":
        return 1.0
    low, high = to_madrs(np.array([points - 1.0, points + 1.0]), scale)
    return float(2.0 / (high - low))


def rated(
    design: TrialDesign,
    care: Care,
    rating: RatingModel,
    severity: NDArray[np.float64],
    seed: int,
    numbers: NDArray[np.uint64],
    *,
    times: NDArray[np.float64],
    period: int = 0,
) -> NDArray[np.float64]:
    """Return the scores that a rater records for patients of known severity.

    Parameters
    ----------
    design : TrialDesign
        With scale and visits.
    care : Care
        With the spread between patients and of ratings.
    rating : RatingModel
        With the raters.
    severity : ndarray, shape (n, n_visits)
        MADRS points that treatment, expectancy and care leave.
    seed : int
        Seed of the trial.
    numbers : ndarray of uint64, shape (n,)
        Numbers that key the draws.
    times : ndarray, shape (n_visits,)
        Planned hours from the start of the period; errors belong to (patient, period, visit).
    period : int, optional
        Sessions of a crossover share the patient's own departure and not the rating error.

    Returns
    -------
    ndarray, shape (n, n_visits)
        Whole points of the design's scale, NaN where the patient was not solved.
    """
    scale = load_scale(design.scale)
    latent = severity + care.context.patient_change(times, seed, numbers)
    latent = latent + care.context.visit_error(
        times, seed, numbers + np.uint64(period << _PERIOD_BITS)
    )
    trial, rater = _offsets(care, rating, seed, numbers)
    latent = latent + trial[:, None] * care.context.course(times)[None, :] + rater[:, None]
    return scale.record(scale.from_madrs(latent))


def _offsets(
    care: Care, rating: RatingModel, seed: int, numbers: NDArray[np.uint64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    replicate, place = np.unique(numbers >> np.uint64(_PATIENT_BITS), return_inverse=True)
    spread = care.settings.between_trial_sd if rating.trial_sd is None else rating.trial_sd
    trial = spread * normal_draws(seed, "trial", replicate)[place, 0]
    who = (uniform_draws(seed, "rater", numbers)[:, 0] * rating.raters).astype(np.int64)
    means = normal_draws(seed, "raters", replicate, rating.raters)
    # The raters of a trial differ from their own mean: their mean is part of the trial's.
    means = means - means.mean(axis=1, keepdims=True)
    return trial, rating.rater_sd * means[place, who]
