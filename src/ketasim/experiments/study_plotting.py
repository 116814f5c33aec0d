"""Charts of a study as interactive figures: published results are black, hypotheses in colour."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ketasim.experiments.study import PUBLISHED
from ketasim.instruments.plotting import OKABE_ITO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from ketasim.experiments.study import Chart

__all__ = ["plot_chart"]

_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "star", "x")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_COLUMNS = 3


def plot_chart(chart: Chart, hypotheses: Sequence[str] = ()) -> Any:
    """Draw a chart.

    Parameters
    ----------
    chart : Chart
        What is drawn.
    hypotheses : sequence of str, optional
        Their order, so that a hypothesis has the same colour in every chart.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel for each value of the column ``panel``.
    """
    from plotly.subplots import make_subplots

    panels = _panels(chart.frame)
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = make_subplots(
        rows=rows, cols=columns, shared_xaxes="all", shared_yaxes="all",
        horizontal_spacing=0.04, vertical_spacing=0.14 / rows,
        subplot_titles=[name for name, _ in panels] if len(panels) > 1 else None,
    )  # fmt: skip
    column = "group" if chart.kind == "intervals" else "series"
    looks = _looks(chart.frame[column], hypotheses)
    draw = {"intervals": _intervals, "lines": _lines, "points": _points}[chart.kind]
    for number, (_, frame) in enumerate(panels):
        place = {"row": number // columns + 1, "col": number % columns + 1}
        for trace in draw(chart, frame, looks):
            trace.showlegend = not any(one.name == trace.name for one in figure.data)
            figure.add_trace(trace, **place)
    _grounds(figure, chart)
    figure.update_xaxes(title_text=chart.x, row=rows, type="log" if chart.log_x else None)
    figure.update_yaxes(title_text=chart.y, col=1, type="log" if chart.log_y else None)
    if chart.kind == "intervals":
        figure.update_yaxes(autorange="reversed", type="category")
        figure.update_layout(scattermode="group")
    figure.update_layout(
        template="plotly_white", title=chart.title, height=_height(chart, panels, rows),
        legend={"orientation": "h", "yanchor": "top", "y": -0.15}, margin={"t": 90, "b": 120},
    )  # fmt: skip
    return figure


def _panels(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    if "panel" not in frame.columns:
        return [("", frame)]
    return [(str(name), rows) for name, rows in frame.groupby("panel", sort=False)]


def _height(chart: Chart, panels: Sequence[tuple[str, pd.DataFrame]], rows: int) -> int:
    if chart.kind != "intervals":
        return 160 + 300 * rows
    longest = max(frame["label"].nunique() for _, frame in panels)
    groups = chart.frame["group"].nunique()
    return 200 + rows * max(160, longest * (14 + 10 * groups))


def _looks(names: Iterable[object], hypotheses: Sequence[str]) -> dict[str, int]:
    """Return the number of each series' colour: hypotheses first, in their own order."""
    found = [str(name) for name in dict.fromkeys(names)]
    series = [name for name in found if not name.startswith(PUBLISHED)]
    order = [name for name in hypotheses if name in series]
    # A series that is no hypothesis must not share a colour with one beside it.
    order += [name for name in series if name not in order]
    numbers = {name: place for place, name in enumerate(hypotheses)}
    start = len(hypotheses) if any(name in numbers for name in series) else 0
    others = (name for name in order if name not in numbers)
    return {**numbers, **{name: start + place for place, name in enumerate(others)}}


def _colour(number: int) -> str:
    usable = [one for one in OKABE_ITO if one != "#000000"]
    return usable[number % len(usable)]


def _numbers(frame: pd.DataFrame, name: str) -> list[float]:
    import pandas as pd

    if name not in frame.columns:
        return [math.nan] * len(frame)
    return [float(one) for one in pd.to_numeric(frame[name], errors="coerce")]


def _spread(frame: pd.DataFrame, value: str, low: str, high: str) -> dict[str, Any]:
    centre = _numbers(frame, value)
    above = [h - v for h, v in zip(_numbers(frame, high), centre, strict=True)]
    below = [v - w for w, v in zip(_numbers(frame, low), centre, strict=True)]
    known = [not math.isnan(one) for one in above]
    return {
        "type": "data", "symmetric": False, "thickness": 1.2, "visible": any(known),
        "array": [one if ok else 0.0 for one, ok in zip(above, known, strict=True)],
        "arrayminus": [0.0 if math.isnan(one) else one for one in below],
    }  # fmt: skip


def _intervals(chart: Chart, frame: pd.DataFrame, looks: Mapping[str, int]) -> list[Any]:
    import plotly.graph_objects as go

    traces: list[Any] = []
    for name, rows in frame.groupby("group", sort=False):
        number = looks.get(str(name), 0)
        traces.append(
            go.Scatter(
                x=_numbers(rows, "value"), y=rows["label"].tolist(), mode="markers", name=str(name),
                legendgroup=str(name), error_x=_spread(rows, "value", "low", "high"),
                marker={
                    "color": _colour(number), "size": 8, "symbol": _SYMBOLS[number % len(_SYMBOLS)],
                },
            )
        )  # fmt: skip
    if "published" in frame.columns and frame["published"].notna().any():
        rows = frame[frame["published"].notna()].drop_duplicates(["label", "published"])
        traces.append(
            go.Scatter(
                x=_numbers(rows, "published"), y=rows["label"].tolist(), mode="markers",
                name="published", legendgroup="published",
                error_x=_spread(rows, "published", "published_low", "published_high"),
                marker={"color": "#000000", "size": 10, "symbol": "diamond"},
            )
        )  # fmt: skip
    return traces


def _lines(chart: Chart, frame: pd.DataFrame, looks: Mapping[str, int]) -> list[Any]:
    traces: list[Any] = []
    for key, rows in frame.groupby("series", sort=False):
        name = str(key)
        if name.startswith(PUBLISHED):
            traces.append(_measured(chart, rows, frame, name))
            continue
        rows = rows.sort_values("x", kind="stable")
        colour = _colour(looks[name])
        if "low" in rows.columns and rows["low"].notna().any():
            traces.append(_band(rows, name, colour))
        dash = _DASHES[looks[name] % len(_DASHES)]
        beyond = _extrapolated(rows)
        known = rows[~beyond]
        if len(known):
            traces.append(_line(known, name, colour, dash))
        if beyond.any():
            first = rows[~beyond].tail(1).index.tolist()
            traces.append(_line(rows.loc[[*first, *rows[beyond].index]], name, colour, "dot"))
    return traces


def _extrapolated(rows: pd.DataFrame) -> Any:
    if "extrapolated" in rows.columns:
        return rows["extrapolated"].fillna(False).astype(bool)
    return rows["x"].isna() & rows["x"].notna()


def _line(rows: pd.DataFrame, name: str, colour: str, dash: str) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=_numbers(rows, "x"), y=_numbers(rows, "y"), mode="lines", name=name, legendgroup=name,
        line={"color": colour, "dash": dash, "width": 2},
    )  # fmt: skip


def _band(rows: pd.DataFrame, name: str, colour: str) -> Any:
    import plotly.graph_objects as go

    x, low, high = (_numbers(rows, one) for one in ("x", "low", "high"))
    return go.Scatter(
        x=[*x, *x[::-1]], y=[*high, *low[::-1]], fill="toself", opacity=0.15, fillcolor=colour,
        line={"width": 0}, hoverinfo="skip", name=f"{name}: interval", legendgroup=name,
    )  # fmt: skip


def _measured(chart: Chart, rows: pd.DataFrame, frame: pd.DataFrame, name: str) -> Any:
    import plotly.graph_objects as go

    if rows["x"].isna().all():
        ends = [float(frame["x"].min()), float(frame["x"].max())]
        level = float(rows["y"].iloc[0])
        return go.Scatter(
            x=ends, y=[level, level], mode="lines", name=name, legendgroup=name,
            line={"color": "#000000", "dash": "dot", "width": 1.5},
        )  # fmt: skip
    text = rows["label"].tolist() if "label" in rows.columns else None
    return go.Scatter(
        x=_numbers(rows, "x"), y=_numbers(rows, "y"), mode="markers", name=name, legendgroup=name,
        error_y=_spread(rows, "y", "low", "high"), text=text,
        marker={"color": "#000000", "size": 9, "symbol": "diamond"},
    )  # fmt: skip


def _points(chart: Chart, frame: pd.DataFrame, looks: Mapping[str, int]) -> list[Any]:
    import plotly.graph_objects as go

    traces: list[Any] = []
    for key, rows in frame.groupby("series", sort=False):
        name = str(key)
        if name.startswith(PUBLISHED):
            traces.append(_measured(chart, rows, frame, name))
            continue
        number = looks[name]
        traces.append(
            go.Scatter(
                x=_numbers(rows, "x"), y=_numbers(rows, "y"), mode="markers", name=name,
                legendgroup=name, text=rows["label"].tolist() if "label" in rows.columns else None,
                marker={
                    "color": _colour(number), "size": 7, "symbol": _SYMBOLS[number % len(_SYMBOLS)],
                },
            )
        )  # fmt: skip
    return traces


def _grounds(figure: Any, chart: Chart) -> None:
    """Shade where no data reach, and say so."""
    if chart.kind != "lines" or "extrapolated" not in chart.frame.columns:
        return
    beyond = chart.frame[_extrapolated(chart.frame)]
    if beyond.empty:
        return
    figure.add_vrect(
        x0=float(beyond["x"].min()), x1=float(beyond["x"].max()), fillcolor="#999999", opacity=0.15,
        line_width=0, annotation_text="no data here", annotation_position="top left",
    )  # fmt: skip
