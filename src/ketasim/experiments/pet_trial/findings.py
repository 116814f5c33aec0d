"""What the replicates show, put beside what was published: tests, tails, agreement, patients needed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.pet_trial.published import ALPHA, KETAMINE
from ketasim.experiments.pet_trial.scanning import NULL, USUAL, VST
from ketasim.experiments.pet_trial.significance import (
    Share,
    change_percent,
    paired_p,
    pearson,
    share_of,
    two_sample_p,
)
from ketasim.experiments.rules import AGREEMENT, change_rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.experiments.pet_trial.published import PublishedTrial
    from ketasim.experiments.pet_trial.scanning import Scanned
    from ketasim.experiments.pet_trial.worlds import World

__all__ = ["Fact", "Findings", "Hippocampus", "findings", "interval", "tail"]


@dataclass(frozen=True, eq=False)
class Hippocampus:
    """The tests of the hippocampus in one world; arrays of shape (n_replicates, n_levels).

    Parameters
    ----------
    change : ndarray
        Mean change within the ketamine arm, per cent.
    p : ndarray
        Of its paired t test.
    difference : ndarray
        Change under ketamine minus change under saline, percentage points.
    difference_p : ndarray
        Of its t test.
    """

    change: NDArray[np.float64]
    p: NDArray[np.float64]
    difference: NDArray[np.float64]
    difference_p: NDArray[np.float64]

    def rises(self, p: float) -> NDArray[np.bool_]:
        """Return where there is a rise with a p value of at most `p`."""
        return np.asarray((self.change > 0) & (self.p <= p))


@dataclass(frozen=True)
class Fact:
    """One published result beside one world.

    Parameters
    ----------
    name : str
        Short name of the row.
    words : str
        The published result.
    median, low, high : float
        Of the prediction; the interval is that of 95 % of the trials.
    tail : float
        Two-sided probability of a result as far out as the published one.
    agrees : bool
        Whether that is at least 5 %, or the rule of a direction is met.
    study : str
        BibTeX key: facts of one study share one vote.
    """

    name: str
    words: str
    median: float
    low: float
    high: float
    tail: float
    agrees: bool
    study: str


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything that answers, tables and charts are made from.

    Parameters
    ----------
    published : PublishedTrial
        The published results.
    scanned : Scanned
        The replicates.
    worlds : tuple of World
        The hypotheses.
    hip : mapping of str to Hippocampus
        By world.
    improvement : mapping of str to ndarray, shape (n_replicates,)
        Correlation of binding before with the fall of MADRS under ketamine, by world.
    symptoms : ndarray, shape (n_replicates,)
        Correlation of binding before with MADRS before; the same in all worlds.
    region_p, shifted_p, region_change : ndarray, shape (n_replicates, n_regions)
        Within the ketamine arm where nothing is true, without and with the shift between scans.
    """

    published: PublishedTrial
    scanned: Scanned
    worlds: tuple[World, ...]
    hip: dict[str, Hippocampus] = field(repr=False)
    improvement: dict[str, NDArray[np.float64]] = field(repr=False)
    symptoms: NDArray[np.float64] = field(repr=False)
    region_p: NDArray[np.float64] = field(repr=False)
    shifted_p: NDArray[np.float64] = field(repr=False)
    region_change: NDArray[np.float64] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the hypotheses."""
        return tuple(world.name for world in self.worlds)

    @property
    def levels(self) -> tuple[float, ...]:
        """Absolute variability of the hippocampus that is swept."""
        return self.scanned.levels

    @property
    def usual(self) -> int:
        """Place of the level that the table of regions holds."""
        return self.levels.index(USUAL)

    def change_sd(self) -> NDArray[np.float64]:
        """Return the SD between patients of the change in per cent, nothing true, by level.

        Returns
        -------
        ndarray, shape (n_levels,)
            Median over trials: a first scan close to zero makes a change in per cent without bounds.
        """
        before = self.scanned.hip_before[:, :KETAMINE]
        change = change_percent(before, self.scanned.hip_after[NULL][:, :KETAMINE])
        return _typical_sd(change)

    def region_sd(self) -> NDArray[np.float64]:
        """Return the same for every region, shape (n_regions,)."""
        change = change_percent(self.scanned.before[:, :KETAMINE], self.scanned.after[:, :KETAMINE])
        return _typical_sd(change)

    def at_least(self, world: str, level: int) -> Share:
        """Return how often the hippocampus rose by at least what was published."""
        return share_of(self.hip[world].change[:, level] >= self.published.change)

    def as_significant(self, world: str, level: int) -> Share:
        """Return how often it rose with a p value of at most the published one."""
        return share_of(self.hip[world].rises(self.published.change_p)[:, level])

    def no_difference(self, world: str, level: int) -> Share:
        """Return how often ketamine did not differ from saline in the hippocampus."""
        return share_of(self.hip[world].difference_p[:, level] > ALPHA)

    def improvement_tail(self, world: str) -> Share:
        """Return how often the correlation with improvement was as negative as published."""
        return share_of(self.improvement[world] <= self.published.improvement)

    def likelihood_ratio(self, world: str) -> float:
        """Return how much more probable the published r with improvement is than if nothing is true.

        Returns
        -------
        float
            From normal distributions of Fisher's z with the mean and SD of the replicates.
        """
        seen = math.atanh(self.published.improvement)
        return math.exp(_log_density(self.improvement[world], seen)
                        - _log_density(self.improvement[NULL], seen))  # fmt: skip

    def facts(self, world: str) -> tuple[Fact, ...]:
        """Put every published result beside one world.

        Parameters
        ----------
        world : str
            A hypothesis, or the world where nothing is true.

        Returns
        -------
        tuple of Fact
            The hippocampus at the swept variability that suits it best.
        """
        said = self.published
        change = self.hip[world].change
        best = max(range(len(self.levels)), key=lambda one: tail(change[:, one], said.change))
        difference = self.no_difference(world, self.usual)
        spread = interval(self.hip[world].difference[:, self.usual])
        trial = said.rows["change"].source
        made = [
            _fact("change", f"hippocampus {said.change:+.1f} %", change[:, best], said.change, trial),
            Fact("overall", "no difference from saline", *spread, difference.value,
                 difference.value >= AGREEMENT, trial),
            _fact("improvement", f"r = {said.improvement:g} with improvement",
                  self.improvement[world], said.improvement, trial),
            _fact("symptoms", f"r = {said.symptoms:g} with symptoms", self.symptoms,
                  said.symptoms, trial),
        ]  # fmt: skip
        return (*made, self._monkey(world))

    def _monkey(self, world: str) -> Fact:
        """Return the sign seen in monkeys, read at the largest departure of the first day."""
        row = self.published.rows["monkey"]
        rule = change_rule(row.direction)
        found = next((one for one in self.worlds if one.name == world), None)
        departure = np.zeros(1) if found is None else found.first_day()
        median, low, high = interval(departure)
        agrees = rule is not None and bool(rule.met(median))
        words = f"monkeys: density in the ventral striatum {row.direction}"
        return Fact("monkey", words, median, low, high, math.nan, agrees, row.source)


def _typical_sd(change: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.nanmedian(np.nanstd(change, axis=1, ddof=1), axis=0))


def _fact(name: str, words: str, predicted: NDArray[np.float64], seen: float, study: str) -> Fact:
    found = tail(predicted, seen)
    return Fact(name, words, *interval(predicted), found, found >= AGREEMENT, study)


def _log_density(r: NDArray[np.float64], z: float) -> float:
    known = np.arctanh(r[np.isfinite(r)])
    sd = float(known.std(ddof=1))
    return -0.5 * ((z - float(known.mean())) / sd) ** 2 - math.log(sd)


def interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return median and 2.5 and 97.5 % quantiles; NaN is left out."""
    middle, low, high = np.nanquantile(values, [0.5, 0.025, 0.975])
    return float(middle), float(low), float(high)


def tail(predicted: NDArray[np.float64], seen: float) -> float:
    """Return the two-sided probability of a value as far out as the one that was seen.

    Parameters
    ----------
    predicted : ndarray, shape (n_replicates,)
        NaN is left out.
    seen : float
        The published value.

    Returns
    -------
    float
        Twice the smaller tail, at most 1.
    """
    known = predicted[np.isfinite(predicted)]
    return min(1.0, 2 * min(float(np.mean(known >= seen)), float(np.mean(known <= seen))))


def findings(published: PublishedTrial, scanned: Scanned, worlds: tuple[World, ...]) -> Findings:
    """Run the tests of the trial on every replicate.

    Parameters
    ----------
    published : PublishedTrial
        The published results.
    scanned : Scanned
        The replicates.
    worlds : tuple of World
        The hypotheses that were scanned.

    Returns
    -------
    Findings
    """
    own = slice(0, KETAMINE)
    first = scanned.before[:, own]
    striatum = scanned.before[:, :, VST]
    return Findings(
        published=published,
        scanned=scanned,
        worlds=worlds,
        hip={name: _hippocampus(scanned, after) for name, after in scanned.hip_after.items()},
        improvement={
            name: pearson(striatum[:, own], fall[:, own]) for name, fall in scanned.fall.items()
        },
        symptoms=pearson(striatum, scanned.madrs),
        region_p=paired_p(first, scanned.after[:, own]),
        shifted_p=paired_p(first, scanned.shifted[:, own]),
        region_change=np.nanmean(change_percent(first, scanned.after[:, own]), axis=1),
    )


def _hippocampus(scanned: Scanned, after: NDArray[np.float64]) -> Hippocampus:
    before = scanned.hip_before
    change = change_percent(before, after)
    own, other = change[:, :KETAMINE], change[:, KETAMINE:]
    return Hippocampus(
        change=np.nanmean(own, axis=1),
        p=paired_p(before[:, :KETAMINE], after[:, :KETAMINE]),
        difference=np.nanmean(own, axis=1) - np.nanmean(other, axis=1),
        difference_p=two_sample_p(own, other),
    )
