"""The published values that stand beside a measured course."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketasim.instruments.measures import parse_measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["POINT_COLUMNS", "published_points"]

POINT_COLUMNS = ("study", "arm", "drug", "time_h", "value", "sd", "n", "role", "citation")
"""The columns of `published_points`."""

_SHOWN_ROLES = ("calibrate", "benchmark only")
_CONTROL_DRUGS = {
    "saline": "saline",
    "midazolam": "midazolam",
    "nasal_placebo_with_antidepressant": "placebo",
}


_ONE_DOSE = ("Zarate 2006", "Su 2017")
"""Studies that followed patients for more than a day after a single dose (their notes)."""

_NO_SECOND_DOSE_BEFORE_H = 48.0
"""No trial of the table repeats a dose earlier (three times a week is the densest course)."""


def published_points(
    measure: str,
    drugs: Sequence[str] = (),
    control: str | None = None,
    *,
    repeated: bool = False,
) -> pd.DataFrame:
    """Return published means or shares for a measure, for drawing only.

    Parameters
    ----------
    measure : str
        Name of the measure; a score is compared as change from baseline.
    drugs : sequence of str, optional
        The drugs that were given; rows of other drugs are left out.
    control : str or None, optional
        Control type; where no active drug was given, rows of that control are returned.
    repeated : bool, optional
        Whether the drug was given more than once. Rows of later days follow a course of doses in
        most trials, and stand beside a course only; rows of a single dose beside a single dose.

    Returns
    -------
    DataFrame
        Columns `POINT_COLUMNS`; ``value`` in points, or a share from 0 to 1 for response and
        remission. Rows that judge the rival mechanisms are never among them.
    """
    from ketasim.evidence import load

    instrument = parse_measure(measure)
    table = load("clinical_arms")
    if instrument.scale is None:
        return table.iloc[:0].assign(time_h=[]).reindex(columns=list(POINT_COLUMNS))
    kind = "change" if instrument.kind in ("score", "change") else instrument.kind
    names = set(drugs) - set(_CONTROL_DRUGS) or {_CONTROL_DRUGS.get(control or "", "")}
    rows = table[
        (table["kind"] == kind)
        & (table["scale"] == instrument.scale.title)
        & table["drug"].isin(names)
        & table["role"].isin(_SHOWN_ROLES)
        & _same_course(table, repeated)
    ]
    points = rows.rename(columns={"timepoint_h": "time_h"})[list(POINT_COLUMNS)].copy()
    if kind in ("response", "remission"):
        points["value"] = points["value"].astype(float) / 100.0
    return points.dropna(subset=["time_h", "value"]).reset_index(drop=True)


def _same_course(table: pd.DataFrame, repeated: bool) -> pd.Series[bool]:
    early = table["timepoint_h"] < _NO_SECOND_DOSE_BEFORE_H
    single = table["study"].isin(_ONE_DOSE)
    return early | (~single if repeated else single)
