"""How much each assumption of a trial matters: one at a time, at its low and its high end.

Every run has the people and the random numbers of the base run, so that what differs is the
assumption.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError
from ketasim.trial.care import arm_context
from ketasim.trial.operating import (
    named_hypotheses,
    one_contrast,
    pool_under,
    proportion_se,
    succeeded,
)
from ketasim.trial.operating_analysis import Conditions, analyse_design, unit_of
from ketasim.trial.pool import DEFAULT_PEOPLE
from ketasim.trial.rating import RATING_PRIORS, RatingModel
from ketasim.trial.results_search import Tornado

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.instruments import Context
    from ketasim.trial.analysis import BatchEstimate
    from ketasim.trial.design import TrialDesign
    from ketasim.trial.design_parts import TrialDropout
    from ketasim.trial.operating_analysis import Contrast
    from ketasim.trial.pool import TrialPool

__all__ = ["DROPOUT_BOUNDS", "tornado"]

DROPOUT_BOUNDS = (0.0, 2.0)
"""Low and high end of each cause of leaving and of missing, as multiples of what a design states."""

_CAUSES = ("lack_of_effect", "side_effects", "at_random", "intermittent")
_NORMAL_95 = 1.959964


@dataclass(frozen=True, eq=False)
class _Variant:
    """A design and its conditions with one assumption changed."""

    assumption: str
    bound: str
    value: float
    unit: str
    design: TrialDesign
    conditions: Conditions


def tornado(
    design: TrialDesign,
    replicates: int = 500,
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
    imputations: int = 20,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Tornado:
    """Change each assumption of a trial to its low and high end and see what becomes of it.

    Parameters
    ----------
    design : TrialDesign
        The trial.
    replicates, seed : int, optional
        Of every run.
    contrast : pair of str, optional
        Active and control arm; by default the first active arm and the first control.
    hypothesis, people, pool, rating, context, settings, alpha, imputations, threads
        As for `ketasim.trial.find_sample_size`.
    progress : callable, optional
        Called with (runs done, runs in all).

    Returns
    -------
    Tornado
        For each of `RATING_PRIORS`, for each cause of leaving that the design states (by
        `DROPOUT_BOUNDS`), and for the contexts of both arms (95 % of the uncertainty that the
        table or the design declares).
    """
    name = named_hypotheses(design, hypothesis)[0]
    pair = one_contrast(design, contrast)
    conditions = Conditions(
        replicates, seed, rating or RatingModel(), context, settings, alpha, imputations, threads
    )
    people_pool = pool or pool_under(design, name, people, seed)
    variants = list(_variants(design, pair, conditions))
    unit = unit_of(design.endpoint)
    base = analyse_design(design, people_pool, [pair], conditions).estimates[pair]
    rows = []
    for done, one in enumerate(variants, start=1):
        rows.append(_row(one, people_pool, pair, base, unit))
        if progress is not None:
            progress(done, len(variants))
    import pandas as pd

    won = succeeded(base, unit, alpha)
    return Tornado(
        design=design, hypothesis=name, contrast=f"{pair[0]} minus {pair[1]}", unit=unit,
        replicates=replicates, seed=seed, estimate=float(np.nanmean(base.estimate)),
        power=float(won.mean()), table=pd.DataFrame(rows),
    )  # fmt: skip


def _row(
    one: _Variant, pool: TrialPool, pair: Contrast, base: BatchEstimate, unit: str
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "assumption": one.assumption, "bound": one.bound, "value": one.value, "unit": one.unit,
    }  # fmt: skip
    alpha = one.conditions.alpha
    try:
        batch = analyse_design(one.design, pool, [pair], one.conditions).estimates[pair]
    except InputError as error:
        # Twice a share may be more than can leave for that reason: no number, and the reason.
        names = ("estimate", "estimate_change", "estimate_change_se")
        more = ("power", "power_se", "power_change", "power_change_se")
        return {**row, **dict.fromkeys((*names, *more), float("nan")), "note": str(error)}
    won, before = succeeded(batch, unit, alpha), succeeded(base, unit, alpha)
    change = batch.estimate - base.estimate
    gained = won.astype(np.float64) - before
    power = float(won.mean())
    return {
        **row,
        "estimate": float(np.nanmean(batch.estimate)),
        "estimate_change": float(np.nanmean(change)),
        "estimate_change_se": _error(change),
        "power": power,
        "power_se": proportion_se(power, won.size),
        "power_change": float(gained.mean()),
        "power_change_se": _error(gained),
        "note": "",
    }


def _error(values: NDArray[np.float64]) -> float:
    kept = values[~np.isnan(values)]
    return float(kept.std(ddof=1) / np.sqrt(kept.size)) if kept.size > 1 else float("nan")


def _variants(design: TrialDesign, pair: Contrast, base: Conditions) -> Iterator[_Variant]:
    for name, (_, low, high, _) in RATING_PRIORS.items():
        unit = "share" if name == "unmasking" else "points"
        for bound, value in (("low", low), ("high", high)):
            rating = replace(base.rating, **{name: value})  # type: ignore[arg-type]
            yield _Variant(name, bound, value, unit, design, replace(base, rating=rating))
    yield from _dropout_variants(design, base)
    yield from _context_variants(design, pair, base)


def _dropout_variants(design: TrialDesign, base: Conditions) -> Iterator[_Variant]:
    for cause in _CAUSES:
        stated = [getattr(design.dropout_of(arm), cause) for arm in design.arms]
        if not any(stated):
            continue
        for bound, factor in zip(("low", "high"), DROPOUT_BOUNDS, strict=True):
            what = f"dropout: {cause}" if cause != "intermittent" else "missed visits"
            mean = factor * float(np.mean(stated))
            changed = _with_dropout(design, cause, factor)
            if changed is not None:
                yield _Variant(what, bound, mean, "share of patients", changed, base)


def _with_dropout(design: TrialDesign, cause: str, factor: float) -> TrialDesign | None:
    def times(shares: TrialDropout) -> TrialDropout:
        return replace(shares, **{cause: factor * getattr(shares, cause)})

    try:
        arms = tuple(
            arm if arm.dropout is None else replace(arm, dropout=times(arm.dropout))
            for arm in design.arms
        )
        return replace(design, arms=arms, dropout=times(design.dropout))
    except InputError:
        # All of an arm would leave.
        return None


def _context_variants(design: TrialDesign, pair: Contrast, base: Conditions) -> Iterator[_Variant]:
    from ketasim.instruments import load_context
    from ketasim.instruments.context import context_table
    from ketasim.instruments.settings import settings_table

    context = load_context(base.context)
    spread = context_table()["sd"]
    arms = [design.arms[design.arm_index(name)] for name in pair]
    for name in dict.fromkeys(arm_context(design, arm) for arm in arms):
        what = f"context: {name}"
        own = next((one for one in design.contexts if one.name == name), None)
        for bound, sign in (("low", -1.0), ("high", 1.0)):
            if own is not None:
                value = own.change + sign * _NORMAL_95 * own.sd
                others = tuple(
                    replace(one, change=value) if one.name == name else one
                    for one in design.contexts
                )
                yield _Variant(what, bound, value, "points", replace(design, contexts=others), base)
            elif name in context.change:
                value = context.change[name] + sign * _NORMAL_95 * float(spread[name])
                moved = replace(context, change={**context.change, name: value})
                yield _Variant(what, bound, value, "points", design, replace(base, context=moved))
            elif base.settings is None:
                table = settings_table()
                row = table.loc[name, ["value", "sd"]].to_numpy(np.float64)
                value = float(row[0] + sign * _NORMAL_95 * row[1])
                table.loc[name, "value"] = value
                yield _Variant(what, bound, value, "points", design, replace(base, settings=table))
