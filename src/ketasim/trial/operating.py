"""Operating characteristics: power, type I error, bias and coverage of a design, by hypothesis.

Replicates of every design, hypothesis and world share their people and random numbers, so that
differences between them are much more certain than each of them. Monte-Carlo errors are those of
Morris, White and Crowther (2019, Stat Med 38:2074-2102, table 6).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import unknown_name
from ketasim.trial.operating_analysis import (
    Conditions,
    analyse_design,
    benefit_of,
    contrasts_of,
    unit_of,
    with_world,
)
from ketasim.trial.operating_truth import truths_of
from ketasim.trial.pool import DEFAULT_PEOPLE, build_pool
from ketasim.trial.rating import RatingModel, entry_law
from ketasim.trial.results import ALL, OperatingCharacteristics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.instruments import Context
    from ketasim.trial.analysis import BatchEstimate
    from ketasim.trial.design import TrialDesign, TrialEndpoint
    from ketasim.trial.operating_analysis import Analysed, Contrast
    from ketasim.trial.operating_truth import Truth
    from ketasim.trial.pool import TrialPool

__all__ = [
    "named_hypotheses",
    "one_contrast",
    "operating_characteristics",
    "pool_under",
    "proportion_se",
    "succeeded",
]


def named_hypotheses(
    design: TrialDesign, hypotheses: Sequence[str] | str | None = None
) -> tuple[str, ...]:
    """Return the hypotheses under which a design is run.

    Parameters
    ----------
    design : TrialDesign
        The trial.
    hypotheses : sequence of str or str, optional
        Names; ``"all"`` for all that ship; by default that of the design.

    Returns
    -------
    tuple of str
        Without repetition.

    Raises
    ------
    UnknownNameError
        If there is no hypothesis of a name.
    """
    from ketasim.model import list_hypotheses

    known = list_hypotheses()
    asked = [hypotheses] if isinstance(hypotheses, str) else list(hypotheses or [design.hypothesis])
    names = [one for name in asked for one in (known if name == ALL else [name])]
    for name in names:
        if name not in known:
            raise unknown_name("hypothesis", name, (*known, ALL))
    return tuple(dict.fromkeys(names))


def one_contrast(design: TrialDesign, contrast: tuple[str, str] | None) -> tuple[str, str]:
    """Return the active and the control arm that a question about one comparison means.

    Parameters
    ----------
    design : TrialDesign
        The trial.
    contrast : pair of str or None
        The arms; None for the first active arm and the first control.
    """
    return contrasts_of(design, None if contrast is None else [contrast])[0]


def pool_under(design: TrialDesign, hypothesis: str, people: int, seed: int) -> TrialPool:
    """Return a pool of a design's patients under a hypothesis.

    Parameters
    ----------
    design : TrialDesign
        The trial.
    hypothesis : str
        In place of that of the design.
    people, seed : int
        As for `ketasim.trial.build_pool`.
    """
    return build_pool(replace(design, hypothesis=hypothesis), people, seed)


def operating_characteristics(
    design: TrialDesign,
    replicates: int = 1000,
    seed: int = 1,
    *,
    hypotheses: Sequence[str] | str | None = None,
    contrasts: Sequence[tuple[str, str]] | None = None,
    endpoint: TrialEndpoint | None = None,
    null: bool = True,
    people: int = DEFAULT_PEOPLE,
    pools: Mapping[str, TrialPool] | None = None,
    rating: RatingModel | None = None,
    context: Path | str | pd.DataFrame | Context | None = None,
    settings: Path | str | pd.DataFrame | None = None,
    alpha: float = 0.05,
    imputations: int = 20,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> OperatingCharacteristics:
    """Run a design many times and say how often it succeeds and how well it estimates.

    Parameters
    ----------
    design : TrialDesign
        The trial.
    replicates, seed : int, optional
        How often; same seed, same result, bit for bit.
    hypotheses : sequence of str or str, optional
        Under which patients are simulated; ``"all"`` for all; by default that of the design.
    contrasts : sequence of pairs of str, optional
        Arms to compare; by default every active arm with the first control. No correction is made
        for several contrasts; a smaller `alpha` is one.
    endpoint : TrialEndpoint, optional
        In place of that of the design.
    null : bool, optional
        Whether the type I error is found: the same trials with the drug's effect off and no
        difference of context between arms.
    people : int, optional
        Size of the pool of simulated patients, which all replicates draw from.
    pools : mapping of str to TrialPool, optional
        Pools by hypothesis, from `ketasim.trial.build_pool`, in place of new ones.
    rating, context, settings
        As for `ketasim.trial.run_trial`.
    alpha : float, optional
        Level of the two-sided test.
    imputations : int, optional
        Imputed trials, for analyses by multiple imputation.
    threads : int, optional
        Chunks of replicates that run at the same time; the numbers do not depend on it.
    progress : callable, optional
        Called with (steps done, steps in all).

    Returns
    -------
    OperatingCharacteristics
        By hypothesis and contrast, and averaged over hypotheses with equal weights.

    Raises
    ------
    InputError
        One sentence, if arms, hypotheses, end point or a number cannot be used.
    """
    began = time.perf_counter()
    asked = design if endpoint is None else replace(design, endpoint=endpoint)
    names = named_hypotheses(asked, hypotheses)
    pairs = contrasts_of(asked, contrasts)
    conditions = Conditions(
        replicates, seed, rating or RatingModel(), context, settings, alpha, imputations, threads
    )
    steps = _Steps(progress, len(names) * (3 + null))
    found = []
    for name in names:
        pool = (pools or {}).get(name)
        if pool is None:
            pool = pool_under(asked, name, people, seed)
        steps.next()
        found.append(_one_hypothesis(name, asked, pool, pairs, conditions, null, steps))
    table = _table(asked, found, pairs, alpha)
    first = found[0]
    return OperatingCharacteristics(
        design=asked,
        replicates=replicates,
        seed=seed,
        alpha=alpha,
        world=conditions.rating.world,
        hypotheses=names,
        table=table,
        estimates=_long(found, pairs),
        flow=first.model.flow,
        runs=first.model.runs,
        people={one.name: len(one.pool) for one in found},
        seconds=time.perf_counter() - began,
    )


class _Steps:
    """Counts what is done and tells it."""

    def __init__(self, tell: Callable[[int, int], None] | None, total: int) -> None:
        self._tell, self._total, self._done = tell, total, 0

    def next(self) -> None:
        self._done += 1
        if self._tell is not None:
            self._tell(self._done, self._total)


@dataclass(frozen=True, eq=False)
class _Found:
    """What the runs under one hypothesis gave."""

    name: str
    pool: TrialPool
    truth: dict[Contrast, Truth]
    model: Analysed
    null: Analysed | None


def _one_hypothesis(
    name: str,
    design: TrialDesign,
    pool: TrialPool,
    pairs: tuple[Contrast, ...],
    conditions: Conditions,
    null: bool,
    steps: _Steps,
) -> _Found:
    model = analyse_design(design, pool, pairs, conditions)
    steps.next()
    truth = truths_of(design, pool, pairs, conditions)
    steps.next()
    off = None
    if null:
        off = analyse_design(design, pool, pairs, with_world(conditions, "null"))
        steps.next()
    return _Found(name, pool, truth, model, off)


def succeeded(found: BatchEstimate, unit: str, alpha: float) -> NDArray[np.bool_]:
    """Say which replicates show a benefit: p below the level, in the right direction.

    Parameters
    ----------
    found : BatchEstimate
        Of a contrast.
    unit : str
        Of the estimate.
    alpha : float
        Level of the two-sided test.

    Returns
    -------
    ndarray of bool, shape (n_replicates,)
        A replicate without an estimate does not succeed.
    """
    return np.asarray((found.p < alpha) & (benefit_of(unit) * found.estimate > 0))


def proportion_se(share: float, count: int) -> float:
    """Return the Monte-Carlo error of a share.

    Parameters
    ----------
    share : float
        What was found, 0 to 1.
    count : int
        Of how many replicates.

    Returns
    -------
    float
        Of the share with half a success and half a failure added, so that a share of 0 or 1 is not
        taken for certain.
    """
    pulled = (share * count + 0.5) / (count + 1.0)
    return float(np.sqrt(pulled * (1.0 - pulled) / count))


def _table(
    design: TrialDesign, found: list[_Found], pairs: tuple[Contrast, ...], alpha: float
) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {"hypothesis": one.name, "contrast": _label(pair), **_row(design, one, pair, alpha)}
        for one in found
        for pair in pairs
    ]
    if len(found) > 1:
        rows += [
            {
                "hypothesis": ALL, "contrast": _label(pair),
                **_average(design, found, pair, alpha),
            }
            for pair in pairs
        ]  # fmt: skip
    return pd.DataFrame(rows)


def _label(pair: Contrast) -> str:
    return f"{pair[0]} minus {pair[1]}"


def _row(design: TrialDesign, one: _Found, pair: Contrast, alpha: float) -> dict[str, Any]:
    unit = unit_of(design.endpoint)
    batch, truth = one.model.estimates[pair], one.truth[pair]
    kept = ~np.isnan(batch.estimate)
    count = int(kept.sum())
    value = batch.estimate[kept]
    mean, sd = _mean(value), float(value.std(ddof=1)) if count > 1 else float("nan")
    covered = (batch.ci_low <= truth.value) & (truth.value <= batch.ci_high)
    known = count > 0 and not np.isnan(truth.value)
    coverage = float(covered[kept].mean()) if known else float("nan")
    power = float(succeeded(batch, unit, alpha).mean())
    mean_se = sd / np.sqrt(count) if count else float("nan")
    left = one.model.left[pair]
    return {
        "unit": unit,
        "truth": truth.value,
        "truth_se": truth.se,
        "mean": mean,
        "mean_se": mean_se,
        "sd": sd,
        "sd_se": sd / np.sqrt(2.0 * max(count - 1, 1)),
        "model_se": _mean(batch.se[kept]),
        "bias": mean - truth.value,
        "bias_se": float(np.hypot(mean_se, truth.se)),
        "coverage": coverage,
        "coverage_se": proportion_se(coverage, count) if known else float("nan"),
        "power": power,
        "power_se": proportion_se(power, batch.p.size),
        **_null(one, pair, alpha),
        "dropout": float(left.mean()),
        "dropout_se": float(left.std(ddof=1) / np.sqrt(left.size)),
        "failed": float(1.0 - kept.mean()),
        "pool_se": _pool_se(design, one, unit),
    }


def _null(one: _Found, pair: Contrast, alpha: float) -> dict[str, float]:
    """Return the share of replicates that find a difference, in either direction, without one."""
    nan = float("nan")
    if one.null is None:
        return {"type_1_error": nan, "type_1_error_se": nan}
    p = one.null.estimates[pair].p
    found = p[~np.isnan(p)]
    if not found.size:
        return {"type_1_error": nan, "type_1_error_se": nan}
    share = float((found < alpha).mean())
    return {"type_1_error": share, "type_1_error_se": proportion_se(share, found.size)}


def _pool_se(design: TrialDesign, one: _Found, unit: str) -> float:
    """Return the error that the finite pool leaves in a difference of means, in points."""
    if unit != "points":
        return float("nan")
    law = entry_law(design.entry, design.scale)
    baseline = float(law.quantile((np.arange(1024) + 0.5) / 1024).mean())
    return one.pool.error(design.patients).points(baseline)[1]


def _average(
    design: TrialDesign, found: list[_Found], pair: Contrast, alpha: float
) -> dict[str, Any]:
    """Return the row of the average over hypotheses, with equal weights.

    The hypotheses share their random numbers, so that errors are those of each replicate's mean.
    """
    rows = [_row(design, one, pair, alpha) for one in found]
    unit = rows[0]["unit"]
    each = {name: float(np.mean([row[name] for row in rows])) for name in rows[0] if name != "unit"}
    for name in ("mean", "power", "type_1_error", "dropout", "coverage"):
        values = [_per_replicate(one, pair, name, unit, alpha) for one in found]
        if all(one is not None for one in values):
            mean = np.nanmean(np.stack([one for one in values if one is not None]), axis=0)
            each[f"{name}_se"] = float(np.nanstd(mean, ddof=1) / np.sqrt(mean.size))
    spread = np.concatenate([one.model.estimates[pair].estimate for one in found])
    spread = spread[~np.isnan(spread)]
    # Over hypotheses the estimate scatters by chance and because nobody knows which one holds.
    each["sd"] = float(spread.std(ddof=1)) if spread.size > 1 else float("nan")
    each["bias_se"] = float(np.hypot(each["mean_se"], each["truth_se"]))
    return {"unit": unit, **each}


def _per_replicate(
    one: _Found, pair: Contrast, name: str, unit: str, alpha: float
) -> NDArray[np.float64] | None:
    batch = one.model.estimates[pair]
    if name == "mean":
        return batch.estimate
    if name == "power":
        return succeeded(batch, unit, alpha).astype(np.float64)
    if name == "dropout":
        return one.model.left[pair]
    if name == "coverage":
        truth = one.truth[pair].value
        inside = (batch.ci_low <= truth) & (truth <= batch.ci_high)
        return np.where(np.isnan(batch.estimate), np.nan, inside)
    if one.null is None:
        return None
    p = one.null.estimates[pair].p
    return np.where(np.isnan(p), np.nan, p < alpha)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float("nan")


def _long(found: list[_Found], pairs: tuple[Contrast, ...]) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for one in found:
        worlds = {"model": one.model, **({"null": one.null} if one.null is not None else {})}
        for world, runs in worlds.items():
            for pair in pairs:
                batch = runs.estimates[pair]
                parts.append(
                    pd.DataFrame(
                        {
                            "hypothesis": one.name, "world": world, "contrast": _label(pair),
                            "replicate": np.arange(batch.p.size), "estimate": batch.estimate,
                            "se": batch.se, "df": batch.df, "ci_low": batch.ci_low,
                            "ci_high": batch.ci_high, "p": batch.p, "left": runs.left[pair],
                        }
                    )
                )  # fmt: skip
    return pd.concat(parts, ignore_index=True)
