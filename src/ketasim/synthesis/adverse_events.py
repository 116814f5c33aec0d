"""The shipped table of adverse events, pooled under the rules that its sources ask for.

Which trials share patients, which have no control, and which source of a family comes first stands with
its reason in ``families.csv``. One source of a family enters a pool: the most preferred one that reports
the event with counts in both arms. Doses of one trial are summed against its one control arm. Percentages
without counts, bounds and ranges are no counts. A family that does not list an event contributes ``not
reported`` and nothing else: most trials list only what is frequent.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ketasim.errors import EvidenceError, InputError, unknown_name
from ketasim.synthesis.number_needed import number_needed
from ketasim.synthesis.pooling import pool
from ketasim.synthesis.reading import read_studies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ketasim.synthesis.pooled import Pooled
    from ketasim.synthesis.studies import Studies

__all__ = [
    "CATEGORIES", "AdverseEventContrasts", "adverse_event_contrasts", "adverse_event_studies",
    "contrast_rows", "families", "number_needed",
]  # fmt: skip

CATEGORIES = ("psychiatric", "psychotomimetic", "cardiovascular", "neurological", "other")
"""The five categories of the article."""

CONTROLS = ("placebo", "ECT")
"""Drugs of a control arm."""

_FILE = Path(__file__).with_name("families.csv")
_COUNTS = ["events_treatment", "n_treatment", "events_control", "n_control"]


@functools.cache
def _families() -> pd.DataFrame:
    from ketasim.evidence import load

    table = pd.read_csv(_FILE, dtype={"preference": "Int64"}, keep_default_na=True)
    unknown = sorted(set(load("adverse_events")["study"]) ^ set(table["study"]))
    if unknown:
        raise EvidenceError(f"the source '{unknown[0]}' has no family", where=_FILE.name)
    return table


def families() -> pd.DataFrame:
    """Return which sources share patients.

    Returns
    -------
    DataFrame
        ``study`` (a source), ``family``, ``preference`` (1 first; missing: never in a ratio),
        ``comparison``, ``threshold_percent`` (events below are not listed), ``reason``; a copy.
    """
    return _families().copy()


@dataclass(frozen=True, repr=False, eq=False)
class AdverseEventContrasts:
    """What adverse events were more frequent, and what is not reported.

    Attributes
    ----------
    pooled : DataFrame
        One row a comparison and event: ``comparison, category, event, route, k, families,
        not_reported`` (families that do not list it), ``ratio, ratio_low, ratio_high, tau2, i2,
        risk_difference, rd_low, rd_high, nnh, nnh_low, nnh_high, nnh_text, status``. Risk differences
        are shares of patients; ``nnh`` is negative where fewer have the event.
    arms : DataFrame
        One row a comparison, event and family: ``state`` is ``reported`` or ``not reported``; counts
        are missing in the second, never zero; ``threshold_percent`` is what the source does not list.
    measure, method : str
        Of the ratio and the pool.
    pools : dict
        From (comparison, event) to the pool of ratios.
    """

    pooled: pd.DataFrame
    arms: pd.DataFrame
    measure: str
    method: str
    pools: dict[tuple[str, str], Pooled]

    def pool_of(self, event: str, comparison: str = "esketamine nasal against placebo") -> Pooled:
        """Return the pool of ratios of an event.

        Parameters
        ----------
        event : str
            As in the table.
        comparison : str, optional
            As in `pooled`.

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        found = self.pools.get((comparison, event))
        if found is None:
            known = [one for where, one in self.pools if where == comparison]
            raise unknown_name("event", event, known)
        return found

    def by_dose(self) -> pd.DataFrame:
        """Return each arm of a drug against the control arm of its own study.

        Returns
        -------
        DataFrame
            As `pooled`, with ``study, dose`` and the counts. Doses of one study share their control, so
            that their rows are not independent and are not pooled.
        """
        return _dose_table(self.measure)

    def to_frame(self) -> pd.DataFrame:
        """Return the pooled table (a copy)."""
        return self.pooled.copy()

    def citations(self) -> pd.DataFrame:
        """Return the sources that entered a ratio, columns ``key`` and ``used_for``."""
        rows = [
            (key.strip(), f"{one['event']}, {one['study']}")
            for one in self.arms[self.arms["state"] == "reported"].to_dict("records")
            for key in str(one["citation"]).split(";")
        ]
        return pd.DataFrame(rows, columns=["key", "used_for"]).drop_duplicates("key")

    def __repr__(self) -> str:
        return (
            f"{len(self.pooled)} events and comparisons, {self.measure}, {self.method}; "
            f"{int((self.arms['state'] == 'not reported').sum())} times a family does not list one"
        )


def adverse_event_contrasts(
    measure: str = "rr",
    method: str = "reml",
    *,
    hartung_knapp: bool = False,
    events: Sequence[str] | None = None,
) -> AdverseEventContrasts:
    """Pool the shipped table of adverse events.

    Parameters
    ----------
    measure : {'rr', 'or'}, optional
        The ratio.
    method : str, optional
        One of `ketasim.synthesis.METHODS` that pools the ratio; risk differences are pooled by the
        same, or, for ``peto`` and ``glmm``, by Mantel-Haenszel.
    hartung_knapp : bool, optional
        Whether intervals are those of Hartung and Knapp.
    events : sequence of str, optional
        Some of the events; by default all that a family reports with counts.

    Returns
    -------
    AdverseEventContrasts
        Pools, arms, and what is not reported.

    Raises
    ------
    InputError
        If the measure is no ratio.
    UnknownNameError
        If an event is not in the table.
    """
    if measure not in ("rr", "or"):
        raise InputError(f"'{measure}' is no ratio", expected="rr or or")
    known = contrast_rows()
    if events is not None:
        for asked in events:
            if asked not in set(known["event"]):
                raise unknown_name("event", asked, sorted(set(known["event"])))
        known = known[known["event"].isin(events)]
    arms = _with_silence(known)
    options: dict[str, Any] = {"method": method, "hartung_knapp": hartung_knapp}
    rows, pools = [], {}
    for (comparison, event), group in arms.groupby(["comparison", "event"], sort=False):
        told = group[group["state"] == "reported"]
        found = pool(_studies(told, measure), **options)
        pools[(str(comparison), str(event))] = found
        rows.append({**_head(group, told), **_numbers(found, told, options)})
    table = pd.DataFrame(rows)
    rank = table["category"].map({name: place for place, name in enumerate(CATEGORIES)})
    order = table.assign(rank=rank).sort_values(
        ["comparison", "rank", "risk_difference"], ascending=[True, True, False], kind="stable"
    )
    table = order.drop(columns="rank").reset_index(drop=True)
    return AdverseEventContrasts(table, arms, measure, method, pools)


def adverse_event_studies(
    event: str, measure: str = "rr", comparison: str = "esketamine nasal against placebo"
) -> Studies:
    """Return the trials that report an event, one source of each family.

    Parameters
    ----------
    event : str
        As in the table of evidence.
    measure : {'rr', 'or', 'rd'}, optional
        How arms are compared.
    comparison : str, optional
        As in ``families.csv``.

    Returns
    -------
    Studies
        To be pooled.

    Raises
    ------
    UnknownNameError
        If no family of the comparison reports the event with counts.
    """
    known = contrast_rows()
    known = known[known["comparison"] == comparison]
    told = known[known["event"] == event]
    if told.empty:
        raise unknown_name("event", event, sorted(set(known["event"])))
    return _studies(told, measure)


def _studies(told: pd.DataFrame, measure: str) -> Studies:
    table = told[["study", "family", "citation", *_COUNTS]].copy()
    for column in _COUNTS:
        table[column] = table[column].astype(int)
    return read_studies(table, measure)


def _head(group: pd.DataFrame, told: pd.DataFrame) -> dict[str, Any]:
    silent = group[group["state"] == "not reported"]
    first = told.iloc[0]
    return {
        "comparison": first["comparison"], "category": first["category"], "event": first["event"],
        "route": first["route"], "k": len(told), "families": "; ".join(told["family"]),
        "not_reported": "; ".join(silent["family"]),
        "patients_treatment": int(told["n_treatment"].sum()),
        "patients_control": int(told["n_control"].sum()),
    }  # fmt: skip


def _numbers(found: Pooled, told: pd.DataFrame, options: dict[str, Any]) -> dict[str, Any]:
    natural = found.natural()
    if options["method"] in ("peto", "glmm"):
        options = {**options, "method": "mh"}
    difference = pool(_studies(told, "rd"), **options)
    ends = difference.estimate, difference.ci_low, difference.ci_high
    needed = number_needed(*ends)
    return {
        "ratio": natural["estimate"], "ratio_low": natural["ci_low"],
        "ratio_high": natural["ci_high"], "tau2": found.tau2, "i2": found.i2,
        "risk_difference": ends[0], "rd_low": ends[1], "rd_high": ends[2],
        "nnh": needed.value if needed.kind != "benefit" else -needed.value,
        "nnh_low": needed.low, "nnh_high": needed.high, "nnh_text": needed.text,
        "status": found.status or "done",
    }  # fmt: skip


def contrast_rows() -> pd.DataFrame:
    """Return the counts that may enter a ratio: for every event the preferred source of each family.

    Returns
    -------
    DataFrame
        ``comparison, category, event, family, study, route, dose``, the four counts, ``row_ids`` (of
        the table of evidence), ``citation``, ``threshold_percent``; doses of a study are summed.
    """
    summed = [
        _summed(one, two)
        for one, two in _pairs(_counted())
    ]  # fmt: skip
    table = pd.DataFrame(summed).sort_values("preference", kind="stable")
    chosen = table.drop_duplicates(["comparison", "event", "family"])
    return chosen.sort_values(["comparison", "event", "family"]).reset_index(drop=True)


def _counted() -> pd.DataFrame:
    from ketasim.evidence import load

    rows = load("adverse_events").merge(_families(), on="study", how="left")
    usable = rows["preference"].notna() & rows["events_count"].notna() & rows["n"].notna()
    return rows[usable]


def _pairs(rows: pd.DataFrame) -> list[tuple[pd.DataFrame, pd.Series]]:
    """Return the arms of the drug and the one control arm, for every event of every source."""
    found = []
    for _, group in rows.groupby(["study", "event"], sort=False):
        control = group["drug"].isin(CONTROLS)
        if control.sum() == 1 and (~control).any():
            found.append((group[~control], group[control].iloc[0]))
    return found


def _summed(active: pd.DataFrame, control: pd.Series) -> dict[str, Any]:
    first = active.iloc[0]
    doses = "; ".join(dict.fromkeys(active["dose"].dropna().astype("str")))
    return {
        "comparison": first["comparison"], "category": first["category"], "event": first["event"],
        "family": first["family"], "study": first["study"], "route": first["route"],
        "dose": doses, "events_treatment": float(active["events_count"].sum()),
        "n_treatment": float(active["n"].sum()), "events_control": float(control["events_count"]),
        "n_control": float(control["n"]), "preference": int(first["preference"]),
        "threshold_percent": first["threshold_percent"],
        "row_ids": "; ".join([*active["row_id"], control["row_id"]]),
        "citation": ";".join(dict.fromkeys(active["citation"])),
    }  # fmt: skip


def _with_silence(known: pd.DataFrame) -> pd.DataFrame:
    """Add a row for every family of a comparison that does not list an event."""
    table = _families()
    first = table[table["preference"] == 1]
    parts = [known.assign(state="reported").drop(columns="preference")]
    silent = []
    for (comparison, event), group in known.groupby(["comparison", "event"], sort=False):
        rest = first[(first["comparison"] == comparison) & ~first["family"].isin(group["family"])]
        silent += [
            {
                "comparison": comparison, "event": event, "category": group["category"].iloc[0],
                "family": one["family"], "study": one["study"], "route": group["route"].iloc[0],
                "threshold_percent": one["threshold_percent"], "state": "not reported",
            }
            for one in rest.to_dict("records")
        ]  # fmt: skip
    if silent:
        parts.append(pd.DataFrame(silent))
    joined = pd.concat(parts, ignore_index=True)
    return joined.sort_values(["comparison", "event", "state", "family"]).reset_index(drop=True)


def _dose_table(measure: str) -> pd.DataFrame:
    rows = []
    for active, control in _pairs(_counted()):
        for place in range(len(active)):
            one = pd.DataFrame([_summed(active.iloc[[place]], control)])
            found = pool(_studies(one, measure), "fixed")
            head = one.iloc[0][["comparison", "category", "event", "study", "dose", *_COUNTS]]
            texts = {str(name): cell for name, cell in head.items()}
            rows.append({**texts, **_numbers(found, one, {"method": "fixed"})})
    return pd.DataFrame(rows).drop(columns=["tau2", "i2"])
