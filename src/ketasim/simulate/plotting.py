"""Trajectories drawn: the median and the middle 95 % of the patients, published values on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import plotly.graph_objects as go

    from ketasim.simulate.trajectories import Trajectories

__all__ = ["plot_trajectories"]

# What a reader asks for first; a generic model shows its first outputs instead.
_FIRST = ("ketamine_ng_ml", "nmda_occupancy", "glutamate", "mtorc1", "spines", "relief")
_PANELS = 6
_LINE, _BAND, _POINT = "#0072b2", "rgba(0,114,178,0.2)", "#d55e00"
_DAYS_FROM_H = 96.0


def plot_trajectories(
    run: Trajectories,
    outputs: str | Sequence[str] | None = None,
    *,
    observed: pd.DataFrame | None = None,
    columns: int = 2,
) -> go.Figure:
    """Draw trajectories; see `Trajectories.plot`.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel an output; days on the axis of a long run, hours on that of a short one.
    """
    from plotly.subplots import make_subplots

    names = _chosen(run, outputs)
    across = min(columns, len(names))
    down = -(-len(names) // across)
    shown = [run.dataset[name].attrs["long_name"] for name in names]
    figure = make_subplots(rows=down, cols=across, subplot_titles=shown)
    for place, name in enumerate(names):
        row, column = place // across + 1, place % across + 1
        _panel(figure, run, name, row, column, legend=place == 0)
        _points(figure, run, name, observed, row, column, legend=place == 0)
    _finish(figure, run, down)
    return figure


def _chosen(run: Trajectories, outputs: str | Sequence[str] | None) -> list[str]:
    if outputs is None:
        return [one for one in _FIRST if one in run.outputs] or list(run.outputs[:_PANELS])
    names = [outputs] if isinstance(outputs, str) else list(outputs)
    for name in names:
        if name not in run.outputs:
            raise unknown_name("output", name, run.outputs)
    if not names:
        raise InputError("there is nothing to draw", expected="at least one output")
    return names


def _scale(run: Trajectories) -> tuple[float, str]:
    return (24.0, "day") if run.times[-1] - run.times[0] > _DAYS_FROM_H else (1.0, "h")


def _panel(
    figure: go.Figure, run: Trajectories, name: str, row: int, column: int, *, legend: bool
) -> None:
    import plotly.graph_objects as go

    values = run.values(name)
    solved = values[~np.isnan(values).any(axis=1)]
    size, unit = _scale(run)
    if len(solved):
        low, middle, high = np.percentile(solved, [2.5, 50.0, 97.5], axis=0)
        times = run.times / size
        figure.add_trace(
            go.Scatter(
                x=np.concatenate([times, times[::-1]]),
                y=np.concatenate([high, low[::-1]]),
                fill="toself",
                fillcolor=_BAND,
                line={"width": 0},
                hoverinfo="skip",
                name="95 % of patients",
                legendgroup="band",
                showlegend=legend,
            ),
            row=row,
            col=column,
        )
        figure.add_trace(
            go.Scatter(
                x=times,
                y=middle,
                line={"color": _LINE, "width": 2},
                name="median",
                legendgroup="median",
                showlegend=legend,
            ),
            row=row,
            col=column,
        )
    figure.update_xaxes(title_text=f"time after time zero ({unit})", row=row, col=column)
    figure.update_yaxes(title_text=_axis_title(name, run.units[name]), row=row, col=column)


def _axis_title(name: str, unit: str) -> str:
    return name if unit in ("", "dimensionless") else f"{name} ({unit})"


def _points(
    figure: go.Figure,
    run: Trajectories,
    name: str,
    observed: pd.DataFrame | None,
    row: int,
    column: int,
    *,
    legend: bool,
) -> None:
    import plotly.graph_objects as go

    if observed is None:
        return
    missing = [one for one in ("variable", "time_h", "value") if one not in observed.columns]
    if missing:
        raise InputError(
            f"the published values have no column '{missing[0]}'",
            expected="variable, time_h, value, and where known lower, upper, source",
        )
    rows = observed[observed["variable"] == name]
    if rows.empty:
        return
    bars = None
    if {"lower", "upper"} <= set(rows.columns):
        above, below = rows["upper"] - rows["value"], rows["value"] - rows["lower"]
        bars = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
    figure.add_trace(
        go.Scatter(
            x=rows["time_h"] / _scale(run)[0],
            y=rows["value"],
            mode="markers",
            marker={"color": _POINT, "size": 8, "symbol": "diamond"},
            error_y=bars,
            text=rows["source"] if "source" in rows.columns else None,
            name="published",
            legendgroup="published",
            showlegend=legend,
        ),
        row=row,
        col=column,
    )


def _finish(figure: go.Figure, run: Trajectories, down: int) -> None:
    name = run.model.hypothesis.name
    words = [str(run.regimen), f"hypothesis {name}"]
    if not run.model.is_calibrated:
        words.append("uncalibrated")
    words.append(f"{len(run.cohort) - run.failed} of {len(run.cohort)} patients")
    figure.update_layout(
        title={"text": ", ".join(words), "font": {"size": 14}},
        template="plotly_white",
        height=110 + 290 * down,
        legend={"orientation": "h", "y": -0.15 / down},
    )
