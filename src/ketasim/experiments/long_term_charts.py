"""The figures of `long_term`; whatever lies beyond the data carries the mark ``extrapolated``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.long_term_courses import DATA_END_D, TRIAL_SIZE
from ketasim.experiments.long_term_words import published
from ketasim.experiments.study import Chart
from ketasim.inference.longterm.ignorance import durability_draws, list_outcomes
from ketasim.inference.longterm.intervals import exact_interval, upper_bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from ketasim.experiments.long_term_courses import Followed
    from ketasim.experiments.long_term_words import Numbers, Published

__all__ = ["charts"]

_NO_DATA = "Dashed: no data here."
_FIGURES = (
    ("weeks_after_one_dose", ("one dose",), "after one dose"),
    ("weeks_after_six_infusions", ("six infusions",), "after six infusions"),
    ("months_in_stable_remitters", ("stopped", "continued"), "on stopping and on going on"),
)
_JUST_AFTER = 1.0001
"""A point this much past the last datum, so that the ground without data begins there."""


def charts(
    found: Followed, numbers: Mapping[str, Numbers], known: pd.DataFrame, values: pd.DataFrame
) -> tuple[Chart, ...]:
    """Return the figures.

    Parameters
    ----------
    found : Followed
        The hypothesis whose curves are drawn.
    numbers : mapping of str to mapping
        Of every hypothesis, from `ketasim.experiments.long_term_words.predicted`.
    known, values : DataFrame
        From `ketasim.inference.longterm.value`.

    Returns
    -------
    tuple of Chart
        Courses, medians, shares, ignorance, months of data and value of information.
    """
    return (
        *(_curves(found, *one) for one in _FIGURES),
        *_forests(numbers),
        durability_chart(),
        cystitis_chart(),
        *_risks(known),
        _months(known),
        _value(values),
    )


def _curves(found: Followed, name: str, names: tuple[str, ...], when: str) -> Chart:
    import pandas as pd

    rows: list[dict[str, object]] = []
    for one in names:
        rows += _curve(found, one)
    marks = [one for one in published() if one.name in ("six infusions", "median stopped")]
    for mark in marks:
        series = {"six infusions": "six infusions", "median stopped": "stopped"}[mark.name]
        if series in names:
            rows.append(_point(f"published: median, {series}", mark.value, 50.0))
    return Chart(
        name, f"Patients without relapse {when} ({found.hypothesis})", "lines",
        pd.DataFrame(rows), "days since the last dose or the randomisation", "without relapse (%)",
        note=f"{_NO_DATA} Bands: 95 % of trials of the published size. The rule of relapse, the "
        "visits and what is left of expectancy are assumed.",
    )  # fmt: skip


def _curve(found: Followed, name: str) -> list[dict[str, object]]:
    end, n = DATA_END_D[name], TRIAL_SIZE[name]
    times = found.times[name]
    visits = np.array(found.courses[name].programme.visits_h)
    start = found.courses[name].programme.start_h
    days = np.unique(np.concatenate([[0.0, end, end * _JUST_AFTER], (visits - start) / 24.0]))
    alive = times.survival(days)
    half = 1.96 * np.sqrt(alive * (1.0 - alive) / n)
    return [
        {
            "series": name, "x": float(day), "y": 100.0 * float(y),
            "low": 100.0 * max(float(y - h), 0.0), "high": 100.0 * min(float(y + h), 1.0),
            "extrapolated": bool(day > end), "kind": "line",
        }
        for day, y, h in zip(days, alive, half, strict=True)
    ]  # fmt: skip


def _point(series: str, x: float, y: float) -> dict[str, object]:
    nothing = float("nan")
    return {
        "series": series, "x": x, "y": y, "low": nothing, "high": nothing, "extrapolated": False,
        "kind": "point",
    }  # fmt: skip


def _forests(numbers: Mapping[str, Numbers]) -> list[Chart]:
    import pandas as pd

    rows = [
        {
            "label": f"{what.title}{' (fitted)' if what.fitted else ''}",
            "group": name,
            "value": mine[what.name][0], "low": mine[what.name][1], "high": mine[what.name][2],
            "published": _middle(what), "published_low": what.low, "published_high": what.high,
            "unit": what.unit,
        }
        for name, mine in numbers.items()
        for what in published()
    ]  # fmt: skip
    table = pd.DataFrame(rows).replace([np.inf], np.nan)
    kinds = (
        ("medians", "Median time to relapse", "d", "days", True),
        ("shares", "Relapse of stable remitters within 40 weeks", "%", "relapsed (%)", False),
        ("ratio", "Hazard ratio of going on against stopping", "ratio", "hazard ratio", True),
    )
    return [
        Chart(
            name, title, "intervals", table[table["unit"] == unit].drop(columns="unit"), axis, "",
            note="Intervals: 95 % of trials of the published size; an end that is missing was not "
            "reached. The printed range after one dose is drawn around its middle.", log_x=log,
        )
        for name, title, unit, axis, log in kinds
    ]  # fmt: skip


def _middle(what: Published) -> float:
    """Return where a published number is drawn: a printed range has none, so its middle is."""
    return float(np.sqrt(what.low * what.high)) if np.isnan(what.value) else what.value


def durability_chart() -> Chart:
    """Return how little is known of going on for three years."""
    import dataclasses

    import pandas as pd

    outcome = next(one for one in list_outcomes() if one.kind == "durability")
    rows = []
    end = outcome.months_any
    for month in (1.0, 3.0, 6.0, end, end * _JUST_AFTER, 12.0, 18.0, 24.0, 30.0, 36.0):
        drawn = durability_draws(dataclasses.replace(outcome, horizon_months=max(month, end)))
        if month < end:
            drawn = -np.expm1(np.log1p(-drawn) * month / end)
        low, middle, high = 100.0 * np.quantile(drawn, [0.025, 0.5, 0.975])
        rows.append(
            {
                "series": "relapsed on going on", "x": month, "y": float(middle),
                "low": float(low), "high": float(high),
                "extrapolated": month > end, "kind": "line",
            }
        )  # fmt: skip
    events, n = outcome.counts
    low, high = exact_interval(events, n)
    mark = _point("published: 24 of 90", end, 100.0 * events / n)
    rows.append({**mark, "low": 100 * low, "high": 100 * high})
    return Chart(
        "durability", "Relapse of stable remitters who go on, by month", "lines",
        pd.DataFrame(rows), "months since the randomisation", "relapsed (%)",
        note=f"{_NO_DATA} {outcome.assumption}.",
    )  # fmt: skip


def cystitis_chart() -> Chart:
    """Return what no case among some hundred patients says, and where it says nothing."""
    import pandas as pd

    outcome = next(one for one in list_outcomes() if one.id == "cystitis_medical")
    end, bound = outcome.months_any, upper_bound(outcome.counts[1])
    rows = []
    for month in (0.0, 12.0, 24.0, 36.0, end, end * _JUST_AFTER, 60.0, 84.0, 120.0):
        beyond = month > end
        steady = 1.0 - (1.0 - bound) ** (month / end) if beyond else bound
        rows += [
            {
                "series": series, "x": month, "y": 100.0 * y, "extrapolated": beyond,
                "kind": "line",
            }
            for series, y in (
                ("upper bound, hazard as before", steady),
                ("upper bound, nothing assumed", 1.0 if beyond else bound),
            )
        ]  # fmt: skip
    return Chart(
        "cystitis", "Interstitial cystitis under medical use, long open trials: upper bound of the risk",
        "lines", pd.DataFrame(rows), "months of treatment", "risk, at most (%)",
        note=f"{_NO_DATA} {outcome.data} cases; exact one-sided 95 % bound. {outcome.assumption}.",
        log_y=True,
    )  # fmt: skip


def _risks(known: pd.DataFrame) -> list[Chart]:
    import pandas as pd

    percent = known[known["unit"] == "%"]
    made = []
    for topic in ("urinary", "dependence", "tolerance", "durability"):
        rows = percent[percent["topic"] == topic]
        frame = pd.DataFrame(
            {
                "label": [_label({str(k): v for k, v in row.items()}) for row in rows.to_dict("records")],
                "group": rows["population"],
                "value": rows["value"].fillna(rows["high"]), "low": rows["low"],
                "high": rows["high"], "single_number": rows["value"].notna(),
                "extrapolated": rows["extrapolated"],
            }
        ).reset_index(drop=True)  # fmt: skip
        made.append(
            Chart(
                f"known_{topic}", f"What is known: {topic}", "intervals", frame,
                "risk or share (%)", "",
                note="Where a single number would mislead or none was read, the mark is the upper end of "
                "the interval. Recreational use is another population and says nothing of a "
                "medical dose.",
            )
        )  # fmt: skip
    return made


def _label(row: dict[str, object]) -> str:
    """Return a title with its interval, since a small risk cannot be read off a common axis."""
    beyond = ", beyond the data" if row["extrapolated"] else ""
    low, high = (float(str(row[name])) for name in ("low", "high"))
    return f"{row['title']}: {_plain(low)} to {_plain(high)} %{beyond}"


def _months(known: pd.DataFrame) -> Chart:
    import pandas as pd

    rows = [
        {"label": row["title"], "group": group, "value": row[name], "low": 0.0, "high": row[name]}
        for row in known.to_dict("records")
        for group, name in (
            ("with a control arm", "months_controlled"), ("of any kind", "months_any")
        )
    ]  # fmt: skip
    return Chart(
        "months_of_data", "Months of data behind each outcome", "intervals", pd.DataFrame(rows),
        "months", "", note="Longest follow-up that a number was read of.",
    )  # fmt: skip


def _value(values: pd.DataFrame) -> Chart:
    import pandas as pd

    rows = values[values["study"].notna()]
    frame = pd.DataFrame(
        {
            "label": rows["title"], "group": rows["study_title"],
            "value": rows["reduction_pct"], "low": 0.0, "high": rows["reduction_pct"],
        }
    ).reset_index(drop=True)  # fmt: skip
    return Chart(
        "value_of_information", "By how much a study would narrow the interval", "intervals", frame,
        "expected reduction of the interval's width (%)", "",
        note="Averaged over what the study could find, given what is known now; nobody leaves it.",
    )  # fmt: skip


def _plain(value: float) -> str:
    """Return two digits, and whole numbers from 10 on, never a power of ten."""
    return f"{value:.0f}" if value >= 10.0 else f"{value:.2g}"
