"""Figures of a network: who was compared with whom, and all treatments against one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import unknown_name
from ketasim.results import finished_figure
from ketasim.synthesis.plotting import BLUE, GREY

if TYPE_CHECKING:
    from ketasim.synthesis.network import NetworkPooled

__all__ = ["plot_network"]


def plot_network(pooled: NetworkPooled, kind: str = "network") -> Any:
    """Draw a network.

    Parameters
    ----------
    pooled : NetworkPooled
        What was pooled.
    kind : {'network', 'forest'}
        The comparisons that were made, or the estimates against the reference.

    Returns
    -------
    plotly.graph_objects.Figure
        The figure.

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    """
    drawn = {"network": _graph, "forest": _forest}
    if kind not in drawn:
        raise unknown_name("figure", kind, drawn)
    return drawn[kind](pooled)


def _pairs(pooled: NetworkPooled) -> Counter[frozenset[str]]:
    """Count the studies that compared each pair of treatments."""
    found: Counter[frozenset[str]] = Counter()
    contrasts = pooled.contrasts
    for study in contrasts.studies:
        rows = np.array([row for row, one in enumerate(contrasts.study) if one == study])
        names = contrasts.treatments_of(rows)
        found.update(
            frozenset((one, two)) for place, one in enumerate(names) for two in names[place + 1 :]
        )
    return found


def _graph(pooled: NetworkPooled) -> Any:
    import plotly.graph_objects as go

    names = pooled.treatments
    angle = np.pi / 2.0 - 2.0 * np.pi * np.arange(len(names)) / len(names)
    place = dict(zip(names, zip(np.cos(angle), np.sin(angle), strict=True), strict=True))
    figure = go.Figure()
    for pair, count in _pairs(pooled).items():
        one, two = sorted(pair)
        figure.add_scatter(
            x=[place[one][0], place[two][0]], y=[place[one][1], place[two][1]], mode="lines",
            line={"color": GREY, "width": 1.0 + 2.0 * count}, showlegend=False,
            hovertext=f"{one}, {two}: {count} studies", hoverinfo="text",
        )  # fmt: skip
    figure.add_scatter(
        x=np.cos(angle), y=np.sin(angle), mode="markers+text", text=list(names),
        textposition="top center", marker={"size": 18, "color": BLUE}, showlegend=False,
    )  # fmt: skip
    figure.update_xaxes(visible=False, range=[-1.5, 1.5])
    figure.update_yaxes(visible=False, range=[-1.4, 1.4], scaleanchor="x")
    return finished_figure(
        figure, f"{len(pooled.contrasts.studies)} studies: the comparisons that were made"
    )


def _forest(pooled: NetworkPooled) -> Any:
    import plotly.graph_objects as go

    measure, reference = pooled.contrasts.measure, pooled.treatments[0]
    ratio = measure.back == "exp"
    found = [pooled.compare(name, reference) for name in pooled.treatments[1:]]
    middle, low, high = (
        np.array([measure.natural_value(one[name]) for one in found])
        for name in ("estimate", "ci_low", "ci_high")
    )
    figure = go.Figure()
    figure.add_scatter(
        x=middle, y=list(pooled.treatments[1:]), mode="markers", name="estimate, 95 % interval",
        marker={"symbol": "square", "size": 10, "color": BLUE},
        error_x={"array": high - middle, "arrayminus": middle - low, "thickness": 1.5},
    )  # fmt: skip
    figure.add_vline(x=1.0 if ratio else 0.0, line_color=GREY, line_width=1)
    figure.update_xaxes(
        title_text=f"{measure.natural} against {reference}", type="log" if ratio else "linear"
    )
    figure.update_yaxes(title_text="treatment", autorange="reversed")
    return finished_figure(figure, f"Treatments against {reference}", height=240 + 30 * len(found))
