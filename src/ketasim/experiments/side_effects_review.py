"""The review of `side_effects`: what was more frequent than after placebo, and what nobody lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.study import Chart
from ketasim.synthesis.adverse_events import CATEGORIES, adverse_event_contrasts

if TYPE_CHECKING:
    import pandas as pd

    from ketasim.synthesis import AdverseEventContrasts

__all__ = ["PLACEBO", "RULE", "Review", "review"]

PLACEBO = "esketamine nasal against placebo"
"""The comparison that decides."""

RULE = (
    "A category is more frequent than after placebo if the 95 % interval of the risk ratio of its "
    "commonest event (under esketamine, of those that two families of trials or more report) lies "
    "above 1, and no event of the category is less frequent after Holm's correction for their number"
)
"""How a category is judged: one event each, named by its frequency and not by its result."""

_AT_LEAST_FAMILIES = 2
_LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Review:
    """Pooled events, and a judgement on each category.

    Parameters
    ----------
    contrasts : AdverseEventContrasts
        Pooled under the rules of the sources.
    events : DataFrame
        One row a comparison and event, with ``p_holm`` within comparison and category, and
        ``found``: ``more frequent``, ``less frequent`` or ``not decided`` by the 95 % interval.
    categories : DataFrame
        Indexed by category: ``outcome`` (``more``, ``less``, ``not decided`` or ``not reported``),
        the deciding ``event`` with its numbers (``hk_low`` and ``hk_high`` by Hartung and Knapp), and
        how many events were more and less frequent.
    """

    contrasts: AdverseEventContrasts = field(repr=False)
    events: pd.DataFrame = field(repr=False)
    categories: pd.DataFrame = field(repr=False)


def review() -> Review:
    """Pool every event against its control, and judge the five categories by `RULE`."""
    contrasts = adverse_event_contrasts("rr", "reml")
    events = _judged(contrasts.to_frame())
    return Review(contrasts, events, _categories(events, contrasts.arms))


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    from scipy.stats import norm
    from statsmodels.stats.multitest import multipletests

    logs = np.log(table[["ratio", "ratio_low", "ratio_high"]].to_numpy(dtype=np.float64))
    error = (logs[:, 2] - logs[:, 1]) / (2.0 * norm.ppf(0.975))
    table = table.assign(p=2.0 * norm.sf(np.abs(logs[:, 0]) / error), p_holm=np.nan)
    for _, group in table[table["p"].notna()].groupby(["comparison", "category"]):
        table.loc[group.index, "p_holm"] = multipletests(group["p"], method="holm")[1]
    more, less = table["ratio_low"] > 1.0, table["ratio_high"] < 1.0
    found = np.where(more, "more frequent", np.where(less, "less frequent", "not decided"))
    return table.assign(found=found)


def _categories(events: pd.DataFrame, arms: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    told = arms[(arms["comparison"] == PLACEBO) & (arms["state"] == "reported")]
    with_it = told.groupby("event")["events_treatment"].sum()
    rows = []
    for category in CATEGORIES:
        own = events[(events["comparison"] == PLACEBO) & (events["category"] == category)]
        often = own[own["k"] >= _AT_LEAST_FAMILIES]
        less = int(((own["ratio"] < 1) & (own["p_holm"] < _LEVEL)).sum())
        row = {
            "category": category, "outcome": "not reported", "events": len(own),
            "more_frequent": int((own["found"] == "more frequent").sum()),
            "more_frequent_holm": int(((own["ratio"] > 1) & (own["p_holm"] < _LEVEL)).sum()),
            "less_frequent_holm": less,
        }  # fmt: skip
        if len(often):
            share = often["event"].map(with_it) / often["patients_treatment"]
            first = often.iloc[int(np.argmax(share))]
            names = (
                "event", "k", "ratio", "ratio_low", "ratio_high", "risk_difference", "rd_low",
                "rd_high", "nnh_text", "not_reported",
            )  # fmt: skip
            row |= {name: first[name] for name in names} | {"share": float(share.max())}
            row["outcome"] = _outcome(str(first["found"]), less)
            row |= _hartung_knapp(str(first["event"]))
        rows.append(row)
    return pd.DataFrame(rows).set_index("category")


def _hartung_knapp(event: str) -> dict[str, float]:
    """Return the wider interval of few studies, for the deciding events only."""
    table = adverse_event_contrasts("rr", "reml", hartung_knapp=True, events=[event]).pooled
    row = table[table["comparison"] == PLACEBO].iloc[0]
    return {"hk_low": float(row["ratio_low"]), "hk_high": float(row["ratio_high"])}


def _outcome(found: str, less: int) -> str:
    if found == "less frequent":
        return "less"
    return "more" if found == "more frequent" and less == 0 else "not decided"


def reporting(told: Review) -> pd.DataFrame:
    """Return how much of what any trial lists each family of trials lists.

    Parameters
    ----------
    told : Review
        From `review`.

    Returns
    -------
    DataFrame
        Columns ``comparison, family, threshold_percent`` (events below are not listed; missing
        where the source does not say), ``reported``, ``not_reported`` (events that another family
        of the comparison lists) and ``not_reported_events``. None of these counts as zero.
    """
    import pandas as pd

    rows = []
    for (comparison, family), group in told.contrasts.arms.groupby(["comparison", "family"]):
        silent = group[group["state"] == "not reported"]
        rows.append(
            {
                "comparison": comparison, "family": family,
                "threshold_percent": group["threshold_percent"].max(),
                "reported": int((group["state"] == "reported").sum()),
                "not_reported": len(silent),
                "not_reported_events": "; ".join(silent["event"]),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def review_charts(told: Review) -> tuple[Chart, ...]:
    """Return the pictures: ratios, absolute differences, and what is listed by how many.

    Parameters
    ----------
    told : Review
        From `review`.
    """
    rows = told.events[told.events["comparison"] == PLACEBO]
    families = told.contrasts.arms
    count = families[families["comparison"] == PLACEBO]["family"].nunique()
    label = rows["event"] + " (" + rows["k"].astype(str) + f" of {count})"
    known = np.isfinite(rows[["ratio_low", "ratio_high"]]).all(axis=1)
    ratio = rows.assign(label=label, group=rows["category"], value=rows["ratio"])[known]
    ratio = ratio.assign(low=rows["ratio_low"], high=rows["ratio_high"])
    columns = ["label", "group", "value", "low", "high"]
    absolute = rows.assign(
        label=label, group=rows["category"], value=100.0 * rows["risk_difference"],
        low=100.0 * rows["rd_low"], high=100.0 * rows["rd_high"],
    )  # fmt: skip
    note = (
        f"In brackets: how many of the {count} families of trials report the event. The others do "
        "not list it, which is not zero: they add nothing to the estimate."
    )
    return (
        Chart(
            "ratios", "Risk of each event against placebo", "intervals",
            ratio[columns].reset_index(drop=True), "risk ratio (dimensionless)", "",
            note=note, log_x=True,
        ),
        Chart(
            "differences", "Further patients with each event", "intervals",
            absolute[columns].reset_index(drop=True), "risk difference (patients of 100)", "",
            note=note,
        ),
    )  # fmt: skip
