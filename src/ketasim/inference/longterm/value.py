"""Value of information: by how much a stated study would narrow what is known, on average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.inference.longterm.calibrate import withdrawal_trial
from ketasim.inference.longterm.ignorance import (
    COGNITION_SD,
    JEFFREYS,
    durability_draws,
    interval_of,
    list_outcomes,
    list_studies,
)
from ketasim.inference.longterm.intervals import (
    beta_width,
    expected_beta_width,
    expected_difference_width,
    expected_grid_width,
    expected_median_width,
    expected_normal_width,
    expected_ratio_width,
    moment_beta,
)

if TYPE_CHECKING:
    import pandas as pd

    from ketasim.inference.longterm.ignorance import (
        HypotheticalStudy,
        LongTermOutcome,
        Tolerance,
    )

__all__ = ["ignorance_table", "narrowing", "value_table"]

_DAYS_IN_MONTH = 30.4375
_Z = 1.959963984540054


def narrowing(
    outcome: LongTermOutcome, study: HypotheticalStudy, tolerance: Tolerance
) -> tuple[float, float]:
    """Return the width of an outcome's interval now and, expected, after a study.

    Parameters
    ----------
    outcome : LongTermOutcome
        What is asked.
    study : HypotheticalStudy
        What is done; nobody leaves it (assumed).
    tolerance : Tolerance
        From a simulation.

    Returns
    -------
    now, after : float
        In the outcome's unit. Both are equal where the study does not measure it.
    """
    share = dict(study.informs).get(outcome.id, 0.0)
    scale = 100.0 if outcome.unit == "%" else 1.0
    more = round(share * study.n)
    now, after = _widths(outcome, study, tolerance, more)
    return now * scale, (after if more else now) * scale


def _widths(
    outcome: LongTermOutcome, study: HypotheticalStudy, tolerance: Tolerance, more: int
) -> tuple[float, float]:
    more = max(more, 1)
    if outcome.kind in ("binomial", "none", "durability"):
        durable = outcome.kind == "durability"
        a_b = moment_beta(durability_draws(outcome)) if durable else outcome.beta
        return beta_width(*a_b), expected_beta_width(*a_b, more)
    if outcome.kind == "time":
        relapsed = -np.expm1(-np.log(2.0) * study.months * _DAYS_IN_MONTH / outcome.value)
        return expected_median_width(outcome.value, int(outcome.events), round(more * relapsed))
    if outcome.kind == "difference":
        arms = (more // 2, more - more // 2)
        return expected_difference_width(outcome.beta, _control(outcome), arms)
    if outcome.kind == "effect":
        return expected_normal_width(COGNITION_SD, 2.0 / float(np.sqrt(more)))
    if outcome.kind == "tolerance":
        _, now, after = expected_grid_width(*tolerance.fine(), outcome.counts, more)
        return now, after
    log_sd = float(np.log(outcome.high / outcome.low) / (2 * _Z))
    error = _ratio_error(more) if outcome.kind == "ratio" else 1.0 / float(np.sqrt(more))
    return expected_ratio_width(float(np.log(outcome.value)), log_sd, error)


def _control(outcome: LongTermOutcome) -> tuple[float, float]:
    return (
        outcome.events_control + JEFFREYS,
        outcome.n_control - outcome.events_control + JEFFREYS,
    )


def _ratio_error(n: int) -> float:
    """Return the standard error of a log hazard ratio; as many relapse as in the trial there is."""
    return float(2.0 / np.sqrt(n * np.mean(withdrawal_trial().shares)))


def value_table(tolerance: Tolerance) -> pd.DataFrame:
    """Return by how much each study would narrow each outcome.

    Parameters
    ----------
    tolerance : Tolerance
        From a simulation.

    Returns
    -------
    DataFrame
        One row for each outcome and study that measures it: widths, ``reduction_pct``, and the
        same per 1000 patient-months, since studies differ in size. An outcome that no study of
        the list measures has one row without a study.
    """
    import pandas as pd

    rows = []
    for outcome in list_outcomes():
        measured = [one for one in list_studies() if outcome.id in dict(one.informs)]
        rows += [_value_row(outcome, study, tolerance) for study in measured]
        if not measured:
            rows.append({"outcome": outcome.id, "title": outcome.title, "reduction_pct": 0.0})
    return pd.DataFrame(rows)


def _value_row(
    outcome: LongTermOutcome, study: HypotheticalStudy, tolerance: Tolerance
) -> dict[str, object]:
    now, after = narrowing(outcome, study, tolerance)
    reduction = 100.0 * (1.0 - after / now)
    return {
        "outcome": outcome.id,
        "title": outcome.title,
        "study": study.id,
        "study_title": study.title,
        "n": study.n,
        "months": study.months,
        "unit": outcome.unit,
        "width_now": now,
        "width_after": after,
        "reduction_pct": reduction,
        "reduction_pct_per_1000_patient_months": 1000.0 * reduction / study.patient_months,
    }


def ignorance_table(tolerance: Tolerance, values: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return what is known of every outcome, and which study would narrow it most.

    Parameters
    ----------
    tolerance : Tolerance
        From a simulation.
    values : DataFrame, optional
        From `value_table`, where it is there already.

    Returns
    -------
    DataFrame
        Indexed by outcome.
    """
    import pandas as pd

    table = value_table(tolerance) if values is None else values
    return pd.DataFrame([_known(one, tolerance, table) for one in list_outcomes()]).set_index(
        "outcome"
    )


def _known(
    outcome: LongTermOutcome, tolerance: Tolerance, values: pd.DataFrame
) -> dict[str, object]:
    value, low, high = interval_of(outcome, tolerance)
    mine = values[(values["outcome"] == outcome.id) & values["study"].notna()]
    best = mine.sort_values("reduction_pct", ascending=False).head(1).to_dict("records")
    return {
        "outcome": outcome.id,
        "topic": outcome.topic,
        "title": outcome.title,
        "population": outcome.population,
        "data": outcome.data,
        "value": value,
        "low": low,
        "high": high,
        "unit": outcome.unit,
        "months_controlled": outcome.months_controlled,
        "months_any": outcome.months_any,
        "horizon_months": outcome.horizon_months,
        "extrapolated": outcome.extrapolated,
        "assumption": outcome.assumption,
        "best_study": str(best[0]["study_title"]) if best else "none of those listed",
        "reduction_pct": float(best[0]["reduction_pct"]) if best else 0.0,
        "source": ";".join(outcome.sources),
    }
