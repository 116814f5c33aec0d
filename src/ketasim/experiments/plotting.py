"""Figures of an experiment: prediction by hypothesis and published points in one plot.

Colours are those of Okabe and Ito, line styles repeat the distinction for print, published points
are black, and a result that is only a sign is drawn as a triangle or cross at a place that the
hover text explains.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

from ketasim.errors import unknown_name
from ketasim.experiments.readouts import RATED, readout
from ketasim.experiments.rules import BLOCKED_BELOW, KEPT_ABOVE
from ketasim.instruments.plotting import OKABE_ITO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from ketasim.experiments.design import Arm, Sweep
    from ketasim.experiments.published import Observation
    from ketasim.experiments.result import ExperimentResult

__all__ = ["all_figures", "plot_readout", "plot_shares", "plot_sweep"]

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")
_SYMBOLS = {
    "up": "triangle-up", "down": "triangle-down", "none": "line-ew-open", "blocked": "x",
    "kept": "diamond", "rescued": "diamond", "": "circle",
}  # fmt: skip
_COLUMNS = 3
_FAST = {"relief", "spines", "synaptic_protein", "glua1"}


def all_figures(result: ExperimentResult) -> dict[str, Any]:
    """Return every figure of a result by name.

    Parameters
    ----------
    result : ExperimentResult
        The result.

    Returns
    -------
    dict of str to plotly.graph_objects.Figure
        ``shares``, each readout, and ``sweep:NAME`` for each sweep.
    """
    figures = {"shares": plot_shares(result)} if not result.shares.empty else {}
    figures |= {name: plot_readout(result, name) for name in result.experiment.readouts}
    sweeps = {f"sweep:{one.name}": plot_sweep(result, one) for one in result.experiment.sweeps}
    return {**figures, **sweeps}


def plot_readout(
    result: ExperimentResult, name: str, *, arms: Sequence[str] | None = None, band: bool = True
) -> Any:
    """Draw one readout over time: a panel an arm, a line a hypothesis, published points in black.

    Parameters
    ----------
    result : ExperimentResult
        The result.
    name : str
        Name of the readout.
    arms : sequence of str, optional
        Which arms; by default all that are no part of a sweep.
    band : bool, optional
        Whether the 95 % interval of the first hypothesis is drawn.

    Returns
    -------
    plotly.graph_objects.Figure
        Shared axes, titles with units, one legend.
    """
    from plotly.subplots import make_subplots

    known = {arm.name: arm for arm in result.experiment.main_arms}
    shown = [_arm(known, one) for one in (known if arms is None else arms)]
    if name not in result.experiment.readouts:
        raise unknown_name("readout", name, result.experiment.readouts)
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    figure = make_subplots(
        rows=rows, cols=columns, shared_yaxes=True, horizontal_spacing=0.03,
        vertical_spacing=0.16 / rows, subplot_titles=[_short(arm.title) for arm in shown],
    )  # fmt: skip
    table = result.predictions[result.predictions["readout"] == name]
    for number, arm in enumerate(shown):
        place = {"row": number // columns + 1, "col": number % columns + 1}
        mine = table[table["arm"] == arm.name]
        for trace in _lines(result, mine, band=band, legend=number == 0):
            figure.add_trace(trace, **place)
        points = _points(result, name, arm.name, table)
        if points is not None:
            points.showlegend = not any(one.name == points.name for one in figure.data)
            figure.add_trace(points, **place)
    one = readout(name)
    figure.update_yaxes(title_text=f"{one.title} ({one.unit})", col=1)
    figure.update_xaxes(title_text="time after ketamine (h)", row=rows)
    if name not in RATED and name not in _FAST and one.reduction == "course":
        figure.update_xaxes(range=[-1.0, 8.0])
    return _finished(figure, f"{result.experiment.title}: {one.title}", height=120 + 260 * rows)


def _arm(known: Mapping[str, Arm], name: str) -> Arm:
    if name not in known:
        raise unknown_name("arm", name, known)
    return known[name]


def _lines(result: ExperimentResult, table: pd.DataFrame, *, band: bool, legend: bool) -> list[Any]:
    import plotly.graph_objects as go

    traces: list[Any] = []
    for number, name in enumerate(result.hypotheses):
        rows = table[table["hypothesis"] == name].sort_values("time_h")
        if rows.empty:
            continue
        colour = OKABE_ITO[number % len(OKABE_ITO)]
        times = rows["time_h"].fillna(0.0)
        if band and number == 0 and len(rows) > 1:
            traces.append(_band(times, rows, name, legend))
        spread = {"array": rows["hi95"] - rows["value"], "arrayminus": rows["value"] - rows["lo95"]}
        single = len(rows) == 1
        traces.append(
            go.Scatter(
                x=times + (0.02 * number if single else 0.0), y=rows["value"],
                name=_label(result, name), legendgroup=name, showlegend=legend,
                mode="markers" if single else "lines",
                error_y={**spread, "thickness": 1} if single else None,
                line={"color": colour, "dash": _DASHES[number % len(_DASHES)], "width": 2},
                hovertemplate=f"{name}<br>%{{x:.3g}} h: %{{y:.3g}}<extra></extra>",
            )
        )  # fmt: skip
    return traces


def _band(times: pd.Series[float], rows: pd.DataFrame, name: str, legend: bool) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[*times, *times[::-1]], y=[*rows["hi95"], *rows["lo95"][::-1]], fill="toself",
        fillcolor="rgba(0,114,178,0.15)", line={"width": 0}, hoverinfo="skip",
        name=f"{name}: 95 % over cohort and posterior", legendgroup=name, showlegend=legend,
    )  # fmt: skip


def _points(result: ExperimentResult, name: str, arm: str, table: pd.DataFrame) -> Any:
    import plotly.graph_objects as go

    found = [_place(seen, arm, result, table) for seen in result.published]
    drawn = [one for one in found if one is not None and one["readout"] == name]
    if not drawn:
        return None
    return go.Scatter(
        x=[one["x"] for one in drawn], y=[one["y"] for one in drawn], mode="markers",
        name="published", legendgroup="published",
        marker={
            "color": "#000000", "size": 9, "symbol": [one["symbol"] for one in drawn],
            "line": {"color": "#000000", "width": 1.5},
        },
        error_y={"array": [one["error"] for one in drawn], "thickness": 1.2, "color": "#000000"},
        text=[one["text"] for one in drawn], hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _place(
    seen: Observation, arm: str, result: ExperimentResult, table: pd.DataFrame
) -> dict[str, Any] | None:
    experiment = result.experiment
    if experiment.arm_of.get(seen.id, seen.arm) != arm:
        return None
    name = experiment.readout_of.get(seen.id, seen.readout)
    if name not in experiment.readouts:
        return None
    start = 24.0 if readout(name).read_at_h else 0.5
    x = start if math.isnan(seen.time_h) else seen.time_h
    x = x if math.isnan(seen.time_to_h) else (x + seen.time_to_h) / 2.0
    y, error, exact = _height(seen, name, table, x)
    mark = "" if exact else " (a sign only: the height is no measurement)"
    return {
        "readout": name, "x": x, "y": y, "error": error,
        "symbol": "circle" if exact else _SYMBOLS.get(seen.direction, "circle"),
        "text": f"{seen.species}: {seen.text()}{mark}<br>{seen.source}, {seen.use}",
    }  # fmt: skip


def _height(
    seen: Observation, name: str, table: pd.DataFrame, x: float
) -> tuple[float, float, bool]:
    if seen.readout in ("response", "remission"):
        if seen.kind == "count":
            return seen.value / seen.n, 0.0, True
        level = seen.value if not math.isnan(seen.value) else seen.lower
        if not math.isnan(level):
            return level / 100.0, 0.0, True
    if seen.kind == "value" and not math.isnan(seen.value):
        return seen.value, 0.0 if math.isnan(seen.sd) else seen.sd, True
    if seen.kind == "range" and not math.isnan(seen.lower) and not math.isnan(seen.upper):
        return (seen.lower + seen.upper) / 2.0, (seen.upper - seen.lower) / 2.0, True
    rest = readout(name).rest
    if seen.direction in ("kept", "rescued", "up", "down") or seen.kind == "share":
        rows = table[table["arm"] == "ketamine"]
        # Every hypothesis has a row at the nearest time: their middle.
        apart = (rows["time_h"] - x).abs()
        near = rows.loc[apart == apart.min(), "value"].median()
        part = seen.value if seen.kind == "share" else 1.0
        return rest + part * (float(near) - rest), 0.0, False
    return rest, 0.0, False


def plot_shares(result: ExperimentResult, time_h: float = 24.0) -> Any:
    """Draw the share of the reference effect that every arm leaves, by hypothesis.

    Parameters
    ----------
    result : ExperimentResult
        The result.
    time_h : float, optional
        Hours after ketamine.

    Returns
    -------
    plotly.graph_objects.Figure
        Median and 95 % interval; published outcomes as black marks; the bands of the rule.
    """
    import plotly.graph_objects as go

    table = result.shares[result.shares["time_h"] == time_h]
    titles = {arm.name: _short(arm.title) for arm in result.experiment.main_arms}
    figure = go.Figure()
    for number, name in enumerate(result.hypotheses):
        rows = table[table["hypothesis"] == name]
        figure.add_scatter(
            x=rows["value"], y=[titles[arm] for arm in rows["arm"]], mode="markers",
            name=_label(result, name),
            marker={"color": OKABE_ITO[number % len(OKABE_ITO)], "size": 9, "symbol": number},
            error_x={
                "array": rows["hi95"] - rows["value"],
                "arrayminus": rows["value"] - rows["lo95"], "thickness": 1,
            },
        )  # fmt: skip
    _published_shares(figure, result, titles, time_h)
    figure.add_vrect(x0=-0.1, x1=BLOCKED_BELOW, fillcolor="#999999", opacity=0.15, line_width=0)
    figure.add_vline(x=KEPT_ABOVE, line_dash="dot", line_color="#666666")
    figure.update_layout(scattermode="group")
    figure.update_xaxes(
        title_text=f"share of the reference effect left at {time_h:g} h (grey: blocked, dotted: kept)",
        range=[-0.2, 1.8],
    )
    return _finished(
        figure, f"{result.experiment.title}: effect left at {time_h:g} h",
        height=160 + 90 * max(1, len(titles)),
    )  # fmt: skip


_SHARE_PLACE = {"blocked": 0.0, "none": 0.0, "kept": 1.0, "rescued": 1.0}


def _published_shares(
    figure: Any, result: ExperimentResult, titles: dict[str, str], time_h: float
) -> None:
    experiment = result.experiment
    drawn = [
        (seen, experiment.arm_of.get(seen.id, seen.arm))
        for seen in result.published
        if seen.readout in ("relief", *RATED)
        and (seen.kind == "share" or seen.direction in _SHARE_PLACE)
        and (math.isnan(seen.time_h) or seen.time_h == time_h)
    ]
    drawn = [(seen, arm) for seen, arm in drawn if arm in titles]
    if not drawn:
        return
    figure.add_scatter(
        x=[seen.value if seen.kind == "share" else _SHARE_PLACE[seen.direction] for seen, _ in drawn],
        y=[titles[arm] for _, arm in drawn], mode="markers", name="published",
        marker={
            "color": "#000000", "size": 10, "line": {"color": "#000000", "width": 1.5},
            "symbol": [
                "circle" if seen.kind == "share" else _SYMBOLS[seen.direction] for seen, _ in drawn
            ],
        },
        text=[f"{seen.species}: {seen.text()}<br>{seen.source}" for seen, _ in drawn],
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def plot_sweep(result: ExperimentResult, sweep: Sweep) -> Any:
    """Draw a sweep: a panel a readout, a line a hypothesis, published points in black.

    Parameters
    ----------
    result : ExperimentResult
        The result.
    sweep : Sweep
        One of the experiment's.

    Returns
    -------
    plotly.graph_objects.Figure
        Axis titles with units.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=1, cols=len(sweep.readouts), horizontal_spacing=0.08,
        subplot_titles=[readout(name).title for name in sweep.readouts],
    )  # fmt: skip
    table = result.sweeps[result.sweeps["sweep"] == sweep.name]
    for column, name in enumerate(sweep.readouts, start=1):
        for number, hypothesis in enumerate(result.hypotheses):
            rows = table[(table["readout"] == name) & (table["hypothesis"] == hypothesis)]
            colour = OKABE_ITO[number % len(OKABE_ITO)]
            figure.add_trace(
                go.Scatter(
                    x=rows["at"], y=rows["value"], name=_label(result, hypothesis),
                    legendgroup=hypothesis, showlegend=column == 1, mode="lines+markers",
                    line={"color": colour, "dash": _DASHES[number % len(_DASHES)]},
                    text=rows["line"], hovertemplate="%{text}<br>%{x}: %{y:.3g}<extra></extra>",
                ),
                row=1, col=column,
            )  # fmt: skip
        _sweep_points(figure, result, sweep, name, column)
        unit = "share of the effect left" if sweep.quantity == "share" else readout(name).unit
        figure.update_yaxes(title_text=unit, row=1, col=column)
    figure.update_xaxes(title_text=sweep.axis, type="log" if sweep.logarithmic else "linear")
    return _finished(figure, f"{result.experiment.title}: {sweep.title}", height=420)


def _sweep_points(
    figure: Any, result: ExperimentResult, sweep: Sweep, name: str, column: int
) -> None:
    import plotly.graph_objects as go

    for seen in result.published:
        if seen.id not in sweep.points or not _belongs(seen, sweep, name):
            continue
        at = sweep.points[seen.id]
        y, exact = _sweep_height(seen, sweep, name)
        words = f"{seen.species}: {seen.text()} ({seen.source})"
        if math.isnan(at):
            figure.add_hline(
                y=y, line_dash="dot", line_color="#000000", row=1, col=column,
                annotation_text=f"published: {seen.source} {seen.text()}", annotation_font_size=10,
            )  # fmt: skip
            continue
        shown = any(trace.name == "published" for trace in figure.data)
        figure.add_trace(
            go.Scatter(
                x=[at], y=[y], mode="markers", name="published", legendgroup="published",
                showlegend=not shown, text=[words], hovertemplate="%{text}<extra></extra>",
                marker={
                    "color": "#000000", "size": 10,
                    "symbol": "circle" if exact else _SYMBOLS.get(seen.direction, "circle"),
                },
            ),
            row=1, col=column,
        )  # fmt: skip


def _belongs(seen: Observation, sweep: Sweep, name: str) -> bool:
    """Say where a point is drawn: beside its own readout, a count of responders beside relief."""
    shown = "relief" if sweep.quantity == "share" and seen.kind == "count" else seen.readout
    return shown == name


def _sweep_height(seen: Observation, sweep: Sweep, name: str) -> tuple[float, bool]:
    if seen.kind == "count":
        return seen.value / seen.n, True
    if not math.isnan(seen.value):
        return seen.value, True
    return readout(name).rest, False


def _label(result: ExperimentResult, name: str) -> str:
    return name if result.verdicts[name].calibrated else f"{name} (uncalibrated)"


def _short(title: str) -> str:
    """Break a long title into lines; cutting it could make two arms look like one."""
    return "<br>".join(textwrap.wrap(title, 40))


def _finished(figure: Any, title: str, *, height: int) -> Any:
    figure.update_layout(
        template="plotly_white", title=title, height=height,
        legend={"orientation": "h", "yanchor": "top", "y": -0.12}, margin={"t": 90, "b": 120},
    )  # fmt: skip
    return figure
