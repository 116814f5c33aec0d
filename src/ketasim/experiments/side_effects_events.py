"""Four-week risks that the event model predicts for trials it was not fitted to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.study import Chart
from ketasim.instruments.adverse_events import (
    DRIVE_OF,
    FITTED_ON,
    counts_of,
    drug_hazard,
    event_names,
    hazard_of,
    load_event,
    propensity_variance,
    risk,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.instruments.adverse_events import SessionDrives

__all__ = ["HELD_OUT", "TEN", "event_charts", "predict_trials"]

HELD_OUT = {
    "Japan phase 2b": "Japanese TRD phase 2b (Takahashi)",
    "ASPIRE I and II": "ASPIRE I+II pooled (J Clin Psychopharmacol 41:516)",
}
"""Families that were not fitted, and the source that is read of each."""

TEN = 10
"""How many events of the label count as the commonest."""

_LABEL_DOSES_MG = (56, 84)
_DOSES_MG = (28, 56, 84)
_ALL = "all doses"


def predict_trials(drives: SessionDrives, *, draws: int = 200, seed: int = 1) -> pd.DataFrame:
    """Predict, for every event and arm of the trials held out, the risk against their placebo.

    The hazard of the drug comes from the label; the background is that of the trial's own placebo
    arm, because trials count events differently. The interval holds the sampling error of the
    label's counts and that of arms of the trial's size.

    Parameters
    ----------
    drives : SessionDrives
        Peaks of what carries the events.
    draws : int, optional
        How many trials are drawn for an interval.
    seed : int, optional
        Seed of the draws.

    Returns
    -------
    DataFrame
        One row an event, family and dose (``all doses`` where there are several): ``rank`` on the
        label, ``state`` (``reported`` or ``not reported``), ``control``, ``predicted`` and
        ``published`` shares, and the differences against placebo: ``difference, difference_low,
        difference_high`` predicted for a trial of that size, ``seen, seen_low, seen_high``
        published (Newcombe), ``inside`` (the prediction lies in the published interval) and
        ``covers`` (the published difference lies in the predicted one).
    """
    import pandas as pd

    random = np.random.Generator(np.random.Philox(seed))
    rows = []
    for rank, name in enumerate(event_names(), start=1):
        event = load_event(name)
        hazards = _hazards(event.title, drives, draws, random)
        for family, source in HELD_OUT.items():
            counts = counts_of(source)
            own = counts[counts["event"] == event.title]
            head = {
                "rank": rank, "event": event.title, "category": event.category, "family": family,
            }  # fmt: skip
            if own.empty:
                rows.append({**head, "dose": "", "state": "not reported"})
                continue
            for dose, arms in _doses(own):
                peaks = [drives.of(event.drive, (mg,)) for mg in arms]
                rows.append(
                    {
                        **head, "dose": dose, "state": "reported",
                        **_predicted(own, arms, peaks, hazards, random),
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def _hazards(
    title: str, drives: SessionDrives, draws: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return the drug's hazard: the estimate first, then draws of the label's sampling error."""
    counts = counts_of(FITTED_ON)
    rows = counts[counts["event"] == title].set_index("drug")
    numbers = rows[["events", "n"]].to_dict("index")
    shares = {}
    for drug in ("esketamine", "placebo"):
        seen, n = numbers[drug]["events"], numbers[drug]["n"]
        drawn = random.beta(seen + 0.5, n - seen + 0.5, draws)
        shares[drug] = np.concatenate([[seen / n], drawn])
    return drug_hazard(
        shares["esketamine"], shares["placebo"],
        drives.of(DRIVE_OF[title], _LABEL_DOSES_MG), propensity_variance(),
    )  # fmt: skip


def _doses(own: pd.DataFrame) -> list[tuple[str, tuple[int, ...]]]:
    found = []
    for text in own.loc[own["drug"] != "placebo", "dose"]:
        number = re.match(r"(\d+) mg", str(text))
        if number and int(number[1]) in _DOSES_MG:
            found.append(int(number[1]))
    each: list[tuple[str, tuple[int, ...]]] = [(f"{mg} mg", (mg,)) for mg in found]
    return [*each, (_ALL, tuple(found))] if len(found) > 1 else each


def _predicted(
    own: pd.DataFrame,
    doses: tuple[int, ...],
    peaks: list[NDArray[np.float64]],
    hazards: NDArray[np.float64],
    random: np.random.Generator,
) -> dict[str, object]:
    from statsmodels.stats.proportion import confint_proportions_2indep

    theta = propensity_variance()
    control = own[own["drug"] == "placebo"].iloc[0]
    rows = [own[own["dose"].astype(str).str.match(rf"{mg} mg")].iloc[0] for mg in doses]
    without, n_without = float(control["events"]), float(control["n"])
    sizes = np.array([float(row["n"]) for row in rows])
    events = sum(float(row["events"]) for row in rows)
    base = float(hazard_of(np.array(without / n_without), theta))
    shares = np.stack([risk(base + hazards[:, None] * one, theta).mean(axis=1) for one in peaks])
    drawn = random.binomial(sizes[:, None].astype(int), shares[:, 1:]).sum(axis=0) / sizes.sum()
    placebo = random.binomial(int(n_without), without / n_without, drawn.size) / n_without
    low, high = np.quantile(drawn - placebo, [0.025, 0.975])
    predicted = float(sizes @ shares[:, 0] / sizes.sum())
    seen_low, seen_high = confint_proportions_2indep(
        events, sizes.sum(), without, n_without, method="newcomb", compare="diff"
    )
    seen = events / sizes.sum() - without / n_without
    difference = predicted - without / n_without
    return {
        "n": int(sizes.sum()), "n_control": int(n_without), "control": without / n_without,
        "predicted": predicted, "published": events / sizes.sum(),
        "difference": difference, "difference_low": float(low), "difference_high": float(high),
        "seen": seen, "seen_low": float(seen_low), "seen_high": float(seen_high),
        "inside": bool(seen_low <= difference <= seen_high), "covers": bool(low <= seen <= high),
    }  # fmt: skip


def event_charts(table: pd.DataFrame) -> tuple[Chart, ...]:
    """Return predictions beside what was published: over all doses, and by dose.

    Parameters
    ----------
    table : DataFrame
        From `predict_trials`.
    """
    import pandas as pd

    told = table[table["state"] == "reported"]
    whole = told[(told["dose"] == _ALL) | (told["family"] != "Japan phase 2b")]
    columns = {
        "difference": "value", "difference_low": "low", "difference_high": "high",
        "seen": "published", "seen_low": "published_low", "seen_high": "published_high",
    }  # fmt: skip
    frame = whole.rename(columns={**columns, "event": "label", "family": "panel", "published": "p"})
    frame = frame.assign(group="predicted")
    numbers = list(columns.values())
    frame[numbers] = 100.0 * frame[numbers].astype(float)
    by_dose = told[(told["family"] == "Japan phase 2b") & (told["dose"] != _ALL)]
    by_dose = by_dose.assign(x=by_dose["dose"].str.removesuffix(" mg").astype(float))
    lines = [
        pd.DataFrame(
            {
                "panel": by_dose["event"], "series": series, "x": by_dose["x"],
                "y": 100.0 * by_dose[middle].astype(float),
                "low": 100.0 * by_dose[f"{middle}_low"].astype(float),
                "high": 100.0 * by_dose[f"{middle}_high"].astype(float),
            }
        )
        for series, middle in (("predicted", "difference"), ("published: fixed doses", "seen"))
    ]  # fmt: skip
    return (
        Chart(
            "predicted_events", "Four-week risk against placebo, predicted and published",
            "intervals", frame[["panel", "label", "group", *numbers]].reset_index(drop=True),
            "risk difference (patients of 100)", "",
            note="Fitted on the pooled arms of the label only. Predicted intervals are those of a "
            "trial of that size; the background is the trial's own placebo arm.",
        ),
        Chart(
            "dose", "Risk against placebo by dose of nasal esketamine", "lines",
            pd.concat(lines, ignore_index=True), "dose (mg)", "risk difference (patients of 100)",
            note="The fixed-dose trial has about forty patients an arm; it was not fitted.",
        ),
    )  # fmt: skip
