"""Figures of measured courses; colours that colour-blind readers can tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketasim.instruments.measures import parse_measure

if TYPE_CHECKING:
    import pandas as pd

    from ketasim.instruments.observations import Observations

__all__ = ["OKABE_ITO", "plot_observations"]

OKABE_ITO = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442",
)  # fmt: skip
"""The palette of Okabe and Ito, darkest tones first."""

_BAND = "rgba(0,114,178,0.18)"
_SYMBOLS = {"calibrate": "circle", "benchmark only": "circle-open"}
_LABELS = {"calibrate": "published (calibration)", "benchmark only": "published (benchmark only)"}


def plot_observations(observations: Observations) -> Any:
    """Draw a measured course: mean, interval over patients, and the published values.

    Parameters
    ----------
    observations : Observations
        From `measure`.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel; a score is drawn as change from baseline, because that is what is published.
    """
    import plotly.graph_objects as go

    instrument = parse_measure(observations.measure)
    summary = _drawn(observations).summary()
    figure = go.Figure(_band(summary))
    if instrument.kind in ("score", "change", "dissociation", "sedation", "vital"):
        figure.add_scatter(
            x=summary.index, y=summary["median"], name="median", mode="lines",
            line={"color": OKABE_ITO[0], "dash": "dot"},
        )  # fmt: skip
    figure.add_scatter(
        x=summary.index, y=summary["mean"], name="mean", mode="lines+markers",
        line={"color": OKABE_ITO[0]},
    )  # fmt: skip
    for role, points in _by_role(observations):
        figure.add_scatter(**_points(role, points))
    unit = {"score": "points, change from baseline", "change": "points"}.get(
        instrument.kind, observations.unit if instrument.scale is None else "share of patients"
    )
    figure.update_layout(
        template="plotly_white",
        title=f"{instrument.title}, hypothesis {observations.hypothesis or 'not named'}",
        xaxis_title="time after the first dose (h)",
        yaxis_title=f"{instrument.title} ({unit})",
        legend={"orientation": "h", "y": -0.2},
    )
    return figure


def _drawn(observations: Observations) -> Observations:
    from dataclasses import replace

    if parse_measure(observations.measure).kind != "score":
        return observations
    table = observations.table
    first = table[table["time_h"] <= 0.0].groupby("patient")["value"].first()
    if first.empty:
        return observations
    return replace(
        observations, table=table.assign(value=table["value"] - table["patient"].map(first))
    )


def _band(summary: pd.DataFrame) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[*summary.index, *summary.index[::-1]],
        y=[*summary["hi95"], *summary["lo95"][::-1]],
        fill="toself", fillcolor=_BAND, line={"width": 0}, hoverinfo="skip",
        name="95 % of patients",
    )  # fmt: skip


def _by_role(observations: Observations) -> list[tuple[str, pd.DataFrame]]:
    points = observations.published()
    return [(str(role), group) for role, group in points.groupby("role")]


def _points(role: str, points: pd.DataFrame) -> dict[str, Any]:
    spread = points["sd"].astype(float)
    words = points["study"] + ", " + points["arm"]
    return {
        "x": points["time_h"], "y": points["value"], "mode": "markers", "name": _LABELS[role],
        "text": words, "hovertemplate": "%{text}<br>%{x} h: %{y}<extra></extra>",
        "marker": {"symbol": _SYMBOLS[role], "size": 9, "color": OKABE_ITO[1]},
        "error_y": {"array": spread.fillna(0.0), "thickness": 1, "color": OKABE_ITO[1]},
    }  # fmt: skip
