"""Figures of questions that need a design more than once: power curve, tornado, comparison."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import unknown_name
from ketasim.instruments.plotting import OKABE_ITO
from ketasim.results import finished_figure

if TYPE_CHECKING:
    from ketasim.trial.results_search import DesignComparison, SampleSize, Tornado

__all__ = ["plot_comparison", "plot_power", "plot_tornado"]


def plot_power(result: SampleSize) -> Any:
    """Draw the power against the number of patients.

    Parameters
    ----------
    result : SampleSize
        From `ketasim.trial.find_sample_size`.

    Returns
    -------
    plotly.graph_objects.Figure
        Every size that was tried with its 95 % Monte-Carlo interval; the answer as a line.
    """
    import plotly.graph_objects as go

    curve, figure = result.curve, go.Figure()
    figure.add_scatter(
        x=curve["n"], y=100.0 * curve["power"], mode="lines+markers",
        name="power, 95 % Monte-Carlo interval", line={"color": OKABE_ITO[0]},
        error_y={"array": 196.0 * curve["power_se"], "thickness": 1},
    )  # fmt: skip
    figure.add_scatter(
        x=[curve["n"].min(), curve["n"].max()], y=[100.0 * result.power] * 2, mode="lines",
        name="wanted", line={"dash": "dash", "color": "#666666"},
    )  # fmt: skip
    if not math.isnan(result.n):
        words = f"{result.n:.0f}"
        figure.add_vline(x=result.n, line_color=OKABE_ITO[1], annotation_text=words)
    figure.update_xaxes(title_text="patients in the smallest arm (number)")
    figure.update_yaxes(title_text="power (%)", range=[0, 101])
    return finished_figure(figure, f"{result.design.title}: power by size, {result.contrast}")


def plot_tornado(result: Tornado, quantity: str = "power") -> Any:
    """Draw how far each assumption moves a design.

    Parameters
    ----------
    result : Tornado
        From `ketasim.trial.tornado`.
    quantity : {"power", "estimate"}, optional
        What is drawn.

    Returns
    -------
    plotly.graph_objects.Figure
        A pair of bars an assumption, from the run without a change.
    """
    import plotly.graph_objects as go

    if quantity not in ("power", "estimate"):
        raise unknown_name("quantity", quantity, ("power", "estimate"))
    table = result.summary()
    span = table[[f"{quantity}_low", f"{quantity}_high"]]
    base = result.power if quantity == "power" else result.estimate
    order = (span.max(axis=1) - span.min(axis=1)).sort_values().index
    factor, unit = (100.0, "%") if quantity == "power" else (1.0, result.unit)
    figure = go.Figure()
    for place, bound in enumerate(("low", "high")):
        rows = table.loc[order]
        values = rows[f"{quantity}_{bound}"] - base
        figure.add_bar(
            y=rows["assumption"], x=factor * values, base=factor * base, orientation="h",
            name=f"{bound} end", marker_color=OKABE_ITO[place], text=[f"{v:.3g}" for v in rows[bound]],
            customdata=rows["unit"],
            hovertemplate="%{y} = %{text} (%{customdata})<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=factor * base, line_color="#000000")
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(title_text=f"{quantity}, {result.contrast} ({unit})")
    figure.update_yaxes(title_text="assumption (value on the bar)")
    title = f"{result.design.title}: what each assumption changes"
    return finished_figure(figure, title, height=280 + 36 * len(table))


def plot_comparison(result: DesignComparison) -> Any:
    """Draw the differences from the first design, replicate by replicate.

    Parameters
    ----------
    result : DesignComparison
        From `ketasim.trial.compare_designs`.

    Returns
    -------
    plotly.graph_objects.Figure
        A box a design.
    """
    import plotly.graph_objects as go

    first, figure = result.designs[0].name, go.Figure()
    for place, one in enumerate(result.designs[1:]):
        gap = result.estimates[one.name] - result.estimates[first]
        figure.add_box(
            y=gap[~np.isnan(gap)], name=one.name, boxpoints=False,
            marker_color=OKABE_ITO[place % len(OKABE_ITO)],
        )  # fmt: skip
    figure.add_hline(y=0.0, line_color="#666666")
    figure.update_xaxes(title_text="design")
    figure.update_yaxes(title_text=f"estimate minus that of {first} ({result.unit})")
    return finished_figure(figure, f"Designs in the same people, against {first}")
