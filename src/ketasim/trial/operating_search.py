"""Questions that need a design more than once: how many patients, what matters, which design.

All runs of a question share people and random numbers: replicate k holds the same patients, in the
same order, whatever the size of the trial and whatever is assumed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError
from ketasim.trial.operating import (
    named_hypotheses,
    one_contrast,
    pool_under,
    proportion_se,
    succeeded,
)
from ketasim.trial.operating_analysis import Conditions, analyse_design, unit_of
from ketasim.trial.pool import DEFAULT_PEOPLE
from ketasim.trial.rating import RatingModel
from ketasim.trial.results_search import DesignComparison, SampleSize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.instruments import Context
    from ketasim.trial.design import TrialDesign
    from ketasim.trial.operating_analysis import Contrast
    from ketasim.trial.pool import TrialPool

__all__ = ["compare_designs", "find_sample_size", "sized"]

_LEAST = 4
_MOST_ROUNDS = 40


def sized(design: TrialDesign, n: int) -> TrialDesign:
    """Return a design with another number of patients.

    Parameters
    ----------
    design : TrialDesign
        The trial.
    n : int
        Patients in the smallest arm; the others keep their ratio. In a crossover, patients in all.

    Returns
    -------
    TrialDesign
        Otherwise the same.

    Raises
    ------
    InputError
        If an arm would have fewer than two.
    """
    if n < 2:
        raise InputError(f"{n} patients in an arm", where=design.name, expected="2 or more")
    plan = design.allocation
    if plan.ratio and design.periods is None:
        weights = np.array(plan.ratio)
    elif plan.method in ("block", "stratified") or design.periods is not None:
        weights = np.ones(len(design.arms))
    else:
        weights = np.array([arm.n for arm in design.arms], dtype=np.float64)
    sizes = np.round(n * weights / weights.min()).astype(int)
    arms = tuple(replace(arm, n=int(size)) for arm, size in zip(design.arms, sizes, strict=True))
    return replace(design, arms=arms)


def find_sample_size(
    design: TrialDesign,
    power: float = 0.8,
    replicates: int = 1000,
    seed: int = 1,
    *,
    contrast: Contrast | None = None,
    hypothesis: str | None = None,
    people: int = DEFAULT_PEOPLE,
    pool: TrialPool | None = None,
    rating: RatingModel | None = None,
    context: Path | str | pd.DataFrame | Context | None = None,
    settings: Path | str | pd.DataFrame | None = None,
    alpha: float = 0.05,
    at_most: int = 2000,
    imputations: int = 20,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> SampleSize:
    """Find how many patients a design needs, by bisection with common random numbers.

    Parameters
    ----------
    design : TrialDesign
        The trial; its own size is where the search begins.
    power : float, optional
        Wanted probability of success: p below `alpha` in favour of the active arm.
    replicates, seed : int, optional
        At every size.
    contrast : pair of str, optional
        Active and control arm; by default the first active arm and the first control.
    hypothesis : str, optional
        By default that of the design.
    people : int, optional
        Size of the pool.
    pool : TrialPool, optional
        In place of a new one.
    rating, context, settings, alpha, imputations, threads
        As for `operating_characteristics`.
    at_most : int, optional
        Largest size of the smallest arm that is tried.
    progress : callable, optional
        Called with (sizes tried, most sizes that can be tried).

    Returns
    -------
    SampleSize
        With the power at every size that was tried; NaN and a reason where `at_most` is too small.

    Raises
    ------
    InputError
        If the power is no probability between the level and 1.
    """
    if not alpha < power < 1.0:
        raise InputError(
            f"a power of {power:g}", where="sample size", expected=f"more than {alpha:g}, under 1"
        )
    name = named_hypotheses(design, hypothesis)[0]
    pair = one_contrast(design, contrast)
    conditions = Conditions(
        replicates, seed, rating or RatingModel(), context, settings, alpha, imputations, threads
    )
    people_pool = pool or pool_under(design, name, people, seed)
    search = _Search(design, people_pool, pair, conditions, progress)
    found, reason = search.bisect(power, at_most)
    return SampleSize(
        design=design,
        hypothesis=name,
        contrast=f"{pair[0]} minus {pair[1]}",
        power=power,
        alpha=alpha,
        replicates=replicates,
        seed=seed,
        n=float("nan") if found is None else float(found),
        patients=float("nan") if found is None else float(sized(design, found).patients),
        curve=search.table(),
        reason=reason,
    )


class _Search:
    """Powers by size, each found once."""

    def __init__(
        self,
        design: TrialDesign,
        pool: TrialPool,
        pair: Contrast,
        conditions: Conditions,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._design, self._pool, self._pair = design, pool, pair
        self._conditions, self._progress = conditions, progress
        self._known: dict[int, float] = {}

    def power(self, n: int) -> float:
        """Return the power with n patients in the smallest arm."""
        if n not in self._known:
            design = sized(self._design, n)
            found = analyse_design(design, self._pool, [self._pair], self._conditions)
            won = succeeded(
                found.estimates[self._pair], unit_of(design.endpoint), self._conditions.alpha
            )
            self._known[n] = float(won.mean())
            if self._progress is not None:
                self._progress(len(self._known), _MOST_ROUNDS)
        return self._known[n]

    def bisect(self, wanted: float, at_most: int) -> tuple[int | None, str]:
        """Return the smallest size that has the power, or why there is none."""
        begin = max(_LEAST, min(arm.n for arm in self._design.arms))
        low, high = _LEAST - 1, min(begin, at_most)
        while self.power(high) < wanted:
            if high >= at_most:
                return None, f"the power with {at_most} is {self.power(high):.3f}"
            low, high = high, min(2 * high, at_most)
        while high - low > 1:
            middle = (low + high) // 2
            if self.power(middle) >= wanted:
                high = middle
            else:
                low = middle
        return high, ""

    def table(self) -> pd.DataFrame:
        """Return the sizes that were tried, with their power."""
        import pandas as pd

        count = self._conditions.replicates
        rows: list[dict[str, Any]] = [
            {
                "n": n,
                "patients": sized(self._design, n).patients,
                "power": power,
                "power_se": proportion_se(power, count),
            }
            for n, power in sorted(self._known.items())
        ]
        return pd.DataFrame(rows)


def compare_designs(
    designs: Sequence[TrialDesign],
    replicates: int = 1000,
    seed: int = 1,
    *,
    contrasts: Mapping[str, Contrast] | None = None,
    hypothesis: str | None = None,
    people: int = DEFAULT_PEOPLE,
    rating: RatingModel | None = None,
    context: Path | str | pd.DataFrame | Context | None = None,
    settings: Path | str | pd.DataFrame | None = None,
    alpha: float = 0.05,
    imputations: int = 20,
    threads: int = 1,
) -> DesignComparison:
    """Compare designs in the same people with the same random numbers.

    Parameters
    ----------
    designs : sequence of TrialDesign
        At least two, of different names; the first is the one that others are compared with.
    replicates, seed : int, optional
        Of each.
    contrasts : mapping of str to pair of str, optional
        Active and control arm by name of the design; by default the first contrast of each.
    hypothesis : str, optional
        By default that of the first design, for all.
    people, rating, context, settings, alpha, imputations, threads
        As for `operating_characteristics`.

    Returns
    -------
    DesignComparison
        Differences by replicate, and how much more certain they are than those of independent runs.

    Raises
    ------
    InputError
        If there are fewer than two designs, a name stands twice, or their units differ.
    """
    names = [one.name for one in designs]
    if len(designs) < 2 or len(set(names)) < len(names):
        raise InputError(
            f"{len(designs)} designs of {len(set(names))} names cannot be compared",
            where="designs", expected="at least two, of different names",
        )  # fmt: skip
    units = [unit_of(one.endpoint) for one in designs]
    if len(set(units)) > 1 or len({one.scale for one in designs}) > 1:
        raise InputError("the estimates of the designs have different units", where="designs")
    reading = named_hypotheses(designs[0], hypothesis)[0]
    conditions = Conditions(
        replicates, seed, rating or RatingModel(), context, settings, alpha, imputations, threads
    )
    estimates: dict[str, NDArray[np.float64]] = {}
    won: dict[str, NDArray[np.bool_]] = {}
    for one, unit in zip(designs, units, strict=True):
        asked = (contrasts or {}).get(one.name)
        pair = one_contrast(one, asked)
        pool = pool_under(one, reading, people, seed)
        batch = analyse_design(one, pool, [pair], conditions).estimates[pair]
        estimates[one.name] = batch.estimate
        won[one.name] = succeeded(batch, unit, alpha)
    return DesignComparison(
        designs=tuple(designs), hypothesis=reading, replicates=replicates, seed=seed,
        unit=units[0], estimates=estimates, won=won,
    )  # fmt: skip
