"""Charts and tables of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.pet_trial.findings import interval
from ketasim.experiments.pet_trial.needed import (
    correlation_needed,
    effect_on_days,
    group_needed,
    hippocampus_sd,
    paired_needed,
    region_times,
)
from ketasim.experiments.pet_trial.published import ALPHA, KETAMINE, REGION_NAMES, SALINE
from ketasim.experiments.pet_trial.scanning import NULL, PUBLISHED_TRUE
from ketasim.experiments.pet_trial.significance import share_of
from ketasim.experiments.study import Chart
from ketasim.instruments.pet.power import power_test_retest
from ketasim.instruments.pet.regions import constants_table, regions_table
from ketasim.instruments.pet.scans import REGIONS

if TYPE_CHECKING:
    import pandas as pd

    from ketasim.experiments.pet_trial.findings import Findings
    from ketasim.instruments.pet.separation import Separation

__all__ = ["charts", "tables"]

_TAILS = "Share of trials at least as far out as published; ± is its Monte-Carlo standard error."
_SIZES = (4, 6, 8, 10, 14, 20, 30, 45, 70, 100, 150, 250, 400, 700, 1000, 2000, 4000, 8000, 16000)
_TITLES = {
    "ketamine": "ketamine",
    "ketamine after NBQX": "ketamine after NBQX",
    "transporter block": "block of the transporter",
}


def charts(found: Findings, apart: Separation) -> tuple[Chart, ...]:
    """Return the charts.

    Parameters
    ----------
    found : Findings
        The tests on all replicates.
    apart : Separation
        Serotonin released against receptors gained.

    Returns
    -------
    tuple of Chart
    """
    return (
        _hippocampus(found),
        _difference(found),
        _correlations(found),
        _p_by_level(found),
        _times(found),
        _power(found),
        _regions(found),
        _release(apart),
    )


def _frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)


def _row(
    label: str, group: str, values: np.ndarray, seen: float | None = None
) -> dict[str, object]:
    middle, low, high = interval(values)
    row: dict[str, object] = {
        "label": label, "group": group, "value": middle, "low": low, "high": high,
    }  # fmt: skip
    return row if seen is None else {**row, "published": seen}


def _hippocampus(found: Findings) -> Chart:
    rows = [
        _row(
            f"test-retest variability {100 * level:g} %", name, found.hip[name].change[:, place],
            found.published.change,
        )
        for place, level in enumerate(found.levels)
        for name in (*found.names, NULL, PUBLISHED_TRUE)
    ]  # fmt: skip
    return Chart(
        "hippocampus", "Mean change of the hippocampus within the ketamine arm", "intervals",
        _frame(rows), "mean change of BPND (%)", "",
        f"Median and 95 % of {len(found.scanned)} trials of {KETAMINE} patients. The test-retest "
        "variability of the hippocampus is not published and is swept.",
    )  # fmt: skip


def _correlations(found: Findings) -> Chart:
    said = found.published
    rows = [
        _row(f"binding and improvement, {KETAMINE} patients", name, found.improvement[name],
             said.improvement)
        for name in (*found.names, NULL)
    ]  # fmt: skip
    label = f"binding and symptoms, {KETAMINE + SALINE} patients"
    rows += [_row(label, "all worlds", found.symptoms, said.symptoms)]
    return Chart(
        "correlations", "Binding in the ventral striatum before the dose", "intervals",
        _frame(rows), "correlation (r)", "", "Median and 95 % of trials.",
    )  # fmt: skip


def _difference(found: Findings) -> Chart:
    rows = [
        _row(f"test-retest variability {100 * level:g} %", name,
             found.hip[name].difference[:, place])
        for place, level in enumerate(found.levels)
        for name in (*found.names, NULL, PUBLISHED_TRUE)
    ]  # fmt: skip
    return Chart(
        "difference", "Hippocampus, ketamine minus saline", "intervals", _frame(rows),
        "difference of mean changes (percentage points)", "",
        "Median and 95 % of trials. Published: no significant difference, no number.",
    )  # fmt: skip


def _p_by_level(found: Findings) -> Chart:
    rows: list[dict[str, object]] = []
    for name in (*found.names, NULL, PUBLISHED_TRUE):
        for place, level in enumerate(found.levels):
            here = found.as_significant(name, place)
            low, high = here.interval
            rows.append({"series": name, "x": 100 * level, "y": 100 * here.value,
                         "low": 100 * low, "high": 100 * high})  # fmt: skip
    return Chart(
        "p_by_variability", f"A rise with p of {found.published.change_p:g} or less", "lines",
        _frame(rows), "test-retest variability of the hippocampus (%)", "trials (%)",
        "Bands: 95 % Monte-Carlo interval.",
    )  # fmt: skip


def _regions(found: Findings) -> Chart:
    rows: list[dict[str, object]] = []
    worlds = {
        "two scans alike": found.region_p,
        "second scan shifted, as on one day": found.shifted_p,
    }
    names = [REGION_NAMES[one] for one in REGIONS]
    for panel, p in worlds.items():
        hits = [("at least one", (p < ALPHA).any(axis=1)), *zip(names, (p < ALPHA).T, strict=True)]
        for label, hit in hits:
            share = share_of(hit)
            low, high = share.interval
            rows.append(
                {
                    "panel": panel,
                    "label": label,
                    "group": "trials",
                    "value": 100 * share.value,
                    "low": 100 * low,
                    "high": 100 * high,
                }
            )
    return Chart(
        "regions", f"Regions with p below {ALPHA:g} within the ketamine arm where nothing is true",
        "intervals", _frame(rows), "trials (%)", "",
        "With 95 % Monte-Carlo interval; without a shift each region should be at 5 %. Shifts as "
        "between two scans of one day (Tjerkaski 2020).",
    )  # fmt: skip


def _power(found: Findings) -> Chart:
    rows: list[dict[str, object]] = []
    ends = (found.levels[0], found.levels[-1])
    for level in ends:
        panel = f"test-retest variability {100 * level:g} %"
        for world in found.worlds:
            effect = effect_on_days(world)
            rows += [
                {"panel": panel, "series": world.name, "x": n,
                 "y": 100 * power_test_retest(effect.relative, n, level, effect_sd=effect.sd)}
                for n in _SIZES
            ]  # fmt: skip
        rows += [
            {"panel": panel, "series": PUBLISHED_TRUE, "x": n,
             "y": 100 * power_test_retest(found.published.change / 100, n, level)}
            for n in _SIZES
        ]  # fmt: skip
    return Chart(
        "power", "Power to find a change of the hippocampus within one arm", "lines", _frame(rows),
        "patients scanned twice", "power (%)",
        f"Paired t test at {ALPHA:g}; the published trial had {KETAMINE} patients. Lines that lie on "
        "each other belong to hypotheses that predict the same.", log_x=True,
    )  # fmt: skip


def _times(found: Findings) -> Chart:
    table = region_times(found.worlds[0])
    kept = [name for name in ("HIP", "VSTR", "ACC", "FC", "OC", "INS", "DBS") if name in REGIONS]
    rows: list[dict[str, object]] = [
        {"series": REGION_NAMES[row["region"]], "x": row["time_h"], "y": row["effect_size"]}
        for row in table.to_dict("records")
        if row["region"] in kept
    ]
    return Chart(
        "times", "Which region and which time of the second scan", "lines", _frame(rows),
        "second scan after the dose (h)", "change over its noise (SD)",
        f"Under {found.worlds[0].name}. Early on serotonin lowers binding, later receptors raise it. "
        "The trial scanned at 24 to 72 h.", log_x=True,
    )  # fmt: skip


def _release(apart: Separation) -> Chart:
    table = apart.to_frame()
    table = table[table["time_h"] <= 72.0]
    rows: list[dict[str, object]] = [
        {"panel": {"HIP": "hippocampus", "VSTR": "ventral striatum"}.get(row["region"], row["region"]),
         "series": _TITLES.get(row["intervention"], row["intervention"]), "x": row["time_h"],
         "y": row["change_percent"]}
        for row in table.to_dict("records")
    ]  # fmt: skip
    return Chart(
        "release", "Serotonin released against receptors gained", "lines", _frame(rows),
        "time after the dose (h)", "change of binding (%)",
        "A release lowers binding at once and is gone with the serotonin; receptors raise it for days. "
        f"Serotonin at rest is taken to occupy {100 * apart.occupancy / (1 + apart.occupancy):.0f} % of "
        "the sites (assumed), and the size of the release is declared. In monkeys fenfluramine alone "
        "lowered binding (Yamanaka 2014).",
    )  # fmt: skip


def tables(found: Findings) -> dict[str, pd.DataFrame]:
    """Return the tables: facts, tails, regions, patients needed, times, assumed constants."""
    made = {
        "published_and_predicted": _facts(found),
        "tail_probabilities": _tails(found),
        "regions_nothing_true": _region_table(found),
        "patients_needed": _patients(found),
        "regions_and_times": _time_table(found),
        "assumed_constants": _assumed(),
    }
    notes = {
        "published_and_predicted": "Tail: two-sided probability of a result as far out as the published "
        "one. The hippocampus is at the swept variability that suits the world best. A direction agrees "
        "by the rule of all experiments; no difference agrees with at least 5 % of trials without one.",
        "tail_probabilities": _TAILS,
        "regions_nothing_true": "SD of each patient's own change, and how often its mean is significant.",
        "patients_needed": "80 % power at a two-sided level of 0.05; no correction for many regions.",
        "regions_and_times": f"Under {found.worlds[0].name}; the hippocampus at 12 %.",
        "assumed_constants": "Numbers of the virtual scanner that no source gives.",
    }
    for name, note in notes.items():
        made[name].attrs["note"] = note
    return made


def _facts(found: Findings) -> pd.DataFrame:
    rows = []
    for name in (*found.names, NULL):
        for fact in found.facts(name):
            unit = "%" if fact.name in ("change", "overall") else ""
            rows.append(
                {
                    "world": name, "published": fact.words, "predicted": fact.median,
                    "low_95": fact.low, "high_95": fact.high, "unit": unit, "tail": fact.tail,
                    "agrees": fact.agrees, "source": fact.study,
                }
            )  # fmt: skip
    return _frame(rows)


def _tails(found: Findings) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for name in (*found.names, NULL, PUBLISHED_TRUE):
        for place, level in enumerate(found.levels):
            rise, p = found.at_least(name, place), found.as_significant(name, place)
            none = found.no_difference(name, place)
            rows.append(
                {
                    "world": name, "hippocampus_test_retest_%": 100 * level,
                    "rise_as_published": rise.text(), "p_as_published": p.text(),
                    "no_difference_from_saline": none.text(), "trials": rise.total,
                }
            )  # fmt: skip
    return _frame(rows)


def _region_table(found: Findings) -> pd.DataFrame:
    sds = found.region_sd()
    rows: list[dict[str, object]] = [
        {
            "region": name, "sd_of_change_%": float(sds[place]),
            "significant": share_of(found.region_p[:, place] < ALPHA).text(),
            "significant_if_shifted": share_of(found.shifted_p[:, place] < ALPHA).text(),
        }
        for place, name in enumerate(REGIONS)
    ]  # fmt: skip
    return _frame(rows)


def _patients(found: Findings) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for world in found.worlds:
        effect = effect_on_days(world)
        r = float(np.nanmean(found.improvement[world.name]))
        for level in found.levels:
            sd = hippocampus_sd(level)
            rows.append(
                {
                    "hypothesis": world.name, "hippocampus_test_retest_%": 100 * level,
                    "true_change_%": 100 * effect.relative, "on_ketamine": paired_needed(effect, sd),
                    "in_two_arms": group_needed(effect, sd), "r_with_improvement": r,
                    "for_the_correlation": correlation_needed(r),
                }
            )  # fmt: skip
    return _frame(rows)


def _time_table(found: Findings) -> pd.DataFrame:
    table = region_times(found.worlds[0])
    return table[table["time_h"].isin((2.0, 12.0, 24.0, 48.0, 72.0, 168.0))].reset_index(drop=True)


def _assumed() -> pd.DataFrame:
    import pandas as pd

    regions = regions_table().reset_index()
    regions = regions.assign(name=regions["region"] + " " + regions["quantity"])
    constants = constants_table().reset_index().rename(columns={"id": "name"})
    columns = ["name", "value", "unit", "note"]
    parts = [one[one["status"] == "assumed"][columns] for one in (constants, regions)]
    return pd.concat(parts, ignore_index=True)
