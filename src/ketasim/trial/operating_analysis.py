"""Running a design many times and analysing every replicate as its end point says.

The t test, the analysis of covariance, the mixed model and Cox's regression of two arms go through
their batch functions; every other analysis is that of one trial, called for each replicate.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ketasim.errors import InputError, nearest_names
from ketasim.trial.analysis import (
    BatchEstimate,
    ancova_batch,
    cox_batch,
    estimate,
    log_rank_batch,
    mmrm_batch,
    t_test_batch,
)
from ketasim.trial.conduct import run_trial
from ketasim.trial.dropout import Missing
from ketasim.trial.rating import RatingModel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.instruments import Context
    from ketasim.trial.design import TrialDesign, TrialEndpoint
    from ketasim.trial.pool import TrialPool
    from ketasim.trial.replicates import TrialReplicates

__all__ = [
    "Analysed", "Conditions", "Contrast", "analyse_design", "analyse_replicates", "benefit_of",
    "contrasts_of", "flow_of", "unit_of", "with_world",
]  # fmt: skip

Contrast: TypeAlias = tuple[str, str]
"""Names of an active and a control arm."""

_PATIENTS_AT_ONCE = 200_000
_BATCHED = ("t_test", "ancova", "mmrm", "cox", "log_rank")


@dataclass(frozen=True, eq=False)
class Conditions:
    """What the runs of one question share.

    Parameters
    ----------
    replicates, seed : int
        How often, and the seed of every random number.
    rating : RatingModel
        What stands between relief and scores.
    context, settings
        As for `ketasim.trial.run_trial`.
    alpha : float
        Level of the test.
    imputations : int
        For analyses by multiple imputation.
    threads : int
        Chunks that run at the same time.
    """

    replicates: int = 1000
    seed: int = 1
    rating: RatingModel = field(default_factory=RatingModel)
    context: Path | str | pd.DataFrame | Context | None = None
    settings: Path | str | pd.DataFrame | None = None
    alpha: float = 0.05
    imputations: int = 20
    threads: int = 1

    def __post_init__(self) -> None:
        if self.replicates < 2:
            raise InputError(
                f"{self.replicates} replicates have no spread",
                where="replicates",
                expected="2 or more",
            )
        if not 0.0 < self.alpha < 1.0:
            raise InputError(
                f"the level {self.alpha:g} is no probability", where="alpha", expected="0 to 1"
            )


@dataclass(frozen=True, eq=False)
class Analysed:
    """Every replicate of a design, analysed.

    Parameters
    ----------
    estimates : dict of (str, str) to BatchEstimate
        By contrast; arrays of shape (n_replicates,).
    left : dict of (str, str) to ndarray
        Share of the patients of both arms who had left by the end point, by replicate.
    flow : DataFrame
        From `flow_of`, over all replicates.
    runs : TrialReplicates
        The replicates that were in memory first, for figures.
    """

    estimates: dict[Contrast, BatchEstimate]
    left: dict[Contrast, NDArray[np.float64]]
    flow: pd.DataFrame
    runs: TrialReplicates


def contrasts_of(
    design: TrialDesign, contrasts: Sequence[Contrast] | None = None
) -> tuple[Contrast, ...]:
    """Return which arms are compared: what is asked, else every active arm with the first control.

    Parameters
    ----------
    design : TrialDesign
        The trial.
    contrasts : sequence of pairs of str, optional
        Names of an active and a control arm each.

    Returns
    -------
    tuple of (str, str)
        At least one.

    Raises
    ------
    InputError
        If an arm is unknown or there is nothing to compare.
    """
    names = design.arm_names
    for active, control in contrasts or ():
        for one in (active, control):
            if one not in names:
                near = nearest_names(one, names)
                raise InputError(f"there is no arm {one!r}", where=design.name, suggestions=near)
        if active == control:
            raise InputError(f"arm {active!r} cannot be compared with itself", where=design.name)
    if contrasts:
        return tuple((str(a), str(b)) for a, b in contrasts)
    place = design.reference
    control = names[-1 if place is None else place]
    actives = [arm.name for arm in design.arms if arm.role == "active" and arm.name != control]
    if not actives:
        raise InputError(
            f"the design has the arm {control!r} alone, so that nothing is compared",
            where=design.name,
            expected="an active and a control arm",
        )
    return tuple((one, control) for one in actives)


def unit_of(endpoint: TrialEndpoint) -> str:
    """Return the unit of the estimate of an end point."""
    if endpoint.measure == "change":
        return "points"
    if endpoint.measure == "relapse":
        return "log hazard ratio"
    return "fraction" if endpoint.analysis == "risk_difference" else "log odds ratio"


def benefit_of(unit: str) -> float:
    """Return the sign of a benefit: -1 for points and hazards, 1 for odds and shares."""
    return -1.0 if unit in ("points", "log hazard ratio") else 1.0


def analyse_design(
    design: TrialDesign,
    pool: TrialPool,
    contrasts: Sequence[Contrast],
    conditions: Conditions,
) -> Analysed:
    """Run a design many times and analyse every replicate.

    Parameters
    ----------
    design : TrialDesign
        The trial.
    pool : TrialPool
        Its people.
    contrasts : sequence of pairs of str
        From `contrasts_of`.
    conditions : Conditions
        How often, under which assumptions.

    Returns
    -------
    Analysed
        The same numbers however many replicates fit into memory.
    """
    import pandas as pd

    each = max(1, _PATIENTS_AT_ONCE // design.patients)
    parts: dict[Contrast, list[BatchEstimate]] = {one: [] for one in contrasts}
    left: dict[Contrast, list[NDArray[np.float64]]] = {one: [] for one in contrasts}
    flows, kept = [], None
    for first in range(0, conditions.replicates, each):
        runs = run_trial(
            design, min(each, conditions.replicates - first), conditions.seed, pool=pool,
            rating=conditions.rating, context=conditions.context, settings=conditions.settings,
            first=first, threads=conditions.threads,
        )  # fmt: skip
        kept = runs if kept is None else kept
        for one in contrasts:
            found = analyse_replicates(
                runs, design.endpoint, *one, seed=conditions.seed,
                imputations=conditions.imputations,
            )  # fmt: skip
            parts[one].append(found)
            left[one].append(_left_share(runs, one))
        flows.append(flow_of(runs).set_index("arm") * (len(runs) / conditions.replicates))
    assert kept is not None
    flow = pd.concat(flows).groupby(level=0, sort=False).sum().reset_index()
    return Analysed(
        {one: _joined(parts[one]) for one in contrasts},
        {one: np.concatenate(left[one]) for one in contrasts},
        flow,
        kept,
    )


def _joined(parts: list[BatchEstimate]) -> BatchEstimate:
    names = ("estimate", "se", "df", "ci_low", "ci_high", "p")
    return BatchEstimate(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))


def analyse_replicates(
    runs: TrialReplicates,
    endpoint: TrialEndpoint,
    active: str,
    control: str,
    *,
    seed: int = 0,
    imputations: int = 20,
) -> BatchEstimate:
    """Analyse every replicate as an end point says.

    Parameters
    ----------
    runs : TrialReplicates
        From `ketasim.trial.run_trial`.
    endpoint : TrialEndpoint
        What is estimated.
    active, control : str
        Names of the arms.
    seed, imputations : int, optional
        For analyses by multiple imputation.

    Returns
    -------
    BatchEstimate
        What `ketasim.trial.analysis.estimate` gives for each; NaN where it fails.
    """
    fast = _fast(runs, endpoint, active, control)
    if fast is not None:
        return fast
    found = [
        estimate(
            runs.one(k), endpoint, active=active, control=control,
            seed=seed + int(runs.replicate[k]), imputations=imputations,
        )
        for k in range(len(runs))
    ]  # fmt: skip
    names = ("estimate", "se", "df", "ci_low", "ci_high", "p")
    return BatchEstimate(*(np.array([getattr(one, name) for one in found]) for name in names))


def _fast(
    runs: TrialReplicates, endpoint: TrialEndpoint, active: str, control: str
) -> BatchEstimate | None:
    """Analyse all replicates at once where a batch function gives what `estimate` would."""
    design, kind = runs.design, endpoint.analysis
    policy = endpoint.estimand == "treatment_policy"
    if kind not in _BATCHED or design.periods is not None or not (policy or kind == "mmrm"):
        return None
    first, second = design.arm_index(active), design.arm_index(control)
    ours = (runs.arm == first) | (runs.arm == second)
    members = runs.arm == first
    stratum = runs.stratum if design.allocation.strata else None
    if kind in ("cox", "log_rank"):
        if runs.event is None or runs.event_h is None:
            return None
        hours = np.where(ours, runs.event_h, np.nan)
        compare = cox_batch if kind == "cox" else log_rank_batch
        return compare(hours, runs.event & ours, members, stratum=stratum)
    visit = runs.visit_names.index(design.visits[design.visit_index(endpoint.visit)].name)
    change = np.where(ours[:, :, None], runs.change, np.nan)
    if kind == "t_test":
        return t_test_batch(change[:, :, visit], members)
    if kind == "ancova":
        return ancova_batch(change[:, :, visit], runs.baseline, members, stratum=stratum)
    if len(design.arms) > 2:
        # All arms inform the covariance of the mixed model; its batch function knows two.
        return None
    if not policy:
        change = np.where(runs.visits_h > _event_h(runs)[:, :, None], np.nan, change)
    return mmrm_batch(change, runs.baseline, members, visit, stratum=stratum)


def _event_h(runs: TrialReplicates) -> NDArray[np.float64]:
    """Return when patients left the treatment: by leaving the trial, or by rescue medication."""
    if runs.design.rescue is None:
        return runs.stopped_h
    rescued = np.where(runs.rescued, runs.design.rescue.at_h, np.nan)
    return np.asarray(np.fmin(runs.stopped_h, rescued))


def _end_place(runs: TrialReplicates) -> int:
    """Return the place of the visit of the end point among those that were recorded."""
    design = runs.design
    return runs.visit_names.index(design.visits[design.visit_index(design.endpoint.visit)].name)


def _left_share(runs: TrialReplicates, contrast: Contrast) -> NDArray[np.float64]:
    places = [runs.design.arm_index(name) for name in contrast]
    ours = np.isin(runs.arm, places)
    gone = runs.stopped_h <= runs.visits_h[_end_place(runs)]
    return np.asarray((gone & ours).sum(axis=1) / np.maximum(ours.sum(axis=1), 1))


def flow_of(runs: TrialReplicates) -> pd.DataFrame:
    """Return how many patients of each arm come how far, on the mean of a trial.

    Parameters
    ----------
    runs : TrialReplicates
        From `ketasim.trial.run_trial`.

    Returns
    -------
    DataFrame
        Columns ``arm, screened`` (for the whole trial), ``randomised, lack_of_effect, side_effects,
        at_random`` (who left, by cause, up to the end point), ``missed_visit`` (at the end point),
        ``not_solved`` (no solution of the mechanism), ``relapsed``, ``analysed`` (who has a value at
        the end point; in a withdrawal design, everyone). In a crossover, rows are periods.
    """
    import pandas as pd

    why = runs.missing_why[:, :, _end_place(runs)]
    rows = []
    for place, arm in enumerate(runs.design.arms):
        here = runs.arm == place
        count = {
            one.name.lower(): float((here & (why == one)).sum()) / len(runs)
            for one in Missing
            if one is not Missing.SEEN and one is not Missing.AFTER_RELAPSE
        }
        relapsed = here & runs.event if runs.event is not None else np.zeros_like(here)
        seen = here if runs.event is not None else here & (why == Missing.SEEN)
        rows.append(
            {
                "arm": arm.name,
                "screened": float(runs.screened.mean()),
                "randomised": float(here.sum()) / len(runs),
                **count,
                "relapsed": float(relapsed.sum()) / len(runs),
                "analysed": float(seen.sum()) / len(runs),
            }
        )
    return pd.DataFrame(rows)


def with_world(conditions: Conditions, world: str) -> Conditions:
    """Return the same conditions in another world of `ketasim.trial.RatingModel`."""
    return replace(conditions, rating=replace(conditions.rating, world=world))  # type: ignore[arg-type]
