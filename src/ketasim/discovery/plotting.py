"""Figures of a search: the map with known compounds, all six outcomes, and the course.

Colours are those of Okabe and Ito; symbols repeat what a colour says.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ketasim.discovery.outcomes import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ketasim.discovery.result import Discovery

__all__ = ["FIGURES", "figures_page", "plot_course", "plot_front", "plot_map"]

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"


def plot_map(found: Discovery) -> Any:
    """Draw benefit at 24 h against dissociation: known compounds by name, candidates beside them."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for kind, colour, symbol in (("candidate", BLUE, "circle"), ("known", ORANGE, "diamond")):
        part = found.frame[found.frame["kind"] == kind]
        figure.add_scatter(
            x=part["dissociation"], y=part["benefit_24h"], mode="markers+text" if kind == "known"
            else "markers", text=part["compound"], textposition="top center", name=kind,
            marker={"color": colour, "symbol": symbol, "size": 9},
        )  # fmt: skip
    return _finished(
        figure, found, "largest dissociation (share of the largest)",
        "benefit at 24 h (share of severity)",
    )  # fmt: skip


def plot_front(found: Discovery) -> Any:
    """Draw all six robust outcomes of every compound side by side."""
    import plotly.graph_objects as go

    table = found.frame
    known = (table["kind"] == "known").astype(float)
    figure = go.Figure(go.Parcoords(
        line={"color": known, "colorscale": [[0.0, BLUE], [1.0, ORANGE]]},
        dimensions=[
            {"label": f"{one.title} ({one.unit})", "values": table[one.name]} for one in OUTCOMES
        ],
    ))  # fmt: skip
    return _finished(figure, found, "", "")


def plot_course(found: Discovery) -> Any:
    """Draw how the front grew."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=found.course["generation"], y=found.course["hypervolume"], mode="lines+markers",
        line={"color": BLUE}, showlegend=False,
    )  # fmt: skip
    return _finished(figure, found, "generation", "hypervolume (share of the box)")


FIGURES: Mapping[str, Callable[[Discovery], Any]] = MappingProxyType(
    {"map": plot_map, "front": plot_front, "course": plot_course}
)
"""What can be drawn."""


def _finished(figure: Any, found: Discovery, x: str, y: str) -> Any:
    scenarios = found.objective.scenarios
    names = ", ".join(scenarios.hypotheses)
    figure.update_layout(
        template="plotly_white", margin={"t": 70}, font={"color": "#222222"},
        title={"text": f"Robust over {names}<br><sup>{scenarios.draws} draws of each; benefit at"
               f" least, harm at most, in {1 - found.objective.quantile:.0%}</sup>",
               "font": {"size": 13}},
    )  # fmt: skip
    if x:
        figure.update_xaxes(title=x)
        figure.update_yaxes(title=y)
    return figure


def figures_page(found: Discovery) -> str:
    """Return one page with every figure, which needs nothing but a browser."""
    parts = [
        draw(found).to_html(full_html=False, include_plotlyjs=k == 0)
        for k, draw in enumerate(FIGURES.values())
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Compounds</title>'
        f"<body><h1>Search for a compound</h1><p>A research tool: no medical advice.</p>"
        f"{body}</body></html>"
    )
