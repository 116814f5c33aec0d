"""Figures of pooled studies: forest, funnel, L'Abbé, Baujat.

Colours are those of Okabe and Ito; symbols repeat what a colour says. Ratios stand on a log axis.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm

from ketasim.errors import InputError, unknown_name
from ketasim.results import finished_figure

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ketasim.synthesis.pooled import Pooled

__all__ = [
    "BLUE", "GREY", "KINDS", "ORANGE", "baujat", "figures_page", "plot_baujat",
    "plot_forest", "plot_funnel", "plot_labbe", "plot_pooled",
]  # fmt: skip

KINDS = ("forest", "funnel", "labbe", "baujat")
"""What can be drawn of `Pooled`."""

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"


def plot_pooled(pooled: Pooled, kind: str = "forest", **options: Any) -> Any:
    """Draw one of the figures of a pool.

    Parameters
    ----------
    pooled : Pooled
        What was pooled.
    kind : str
        One of `KINDS`.
    **options
        Passed on to the function.

    Returns
    -------
    plotly.graph_objects.Figure
        The figure.

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    """
    drawn: dict[str, Callable[..., Any]] = {
        "forest": plot_forest, "funnel": plot_funnel, "labbe": plot_labbe, "baujat": plot_baujat,
    }  # fmt: skip
    if kind not in drawn:
        raise unknown_name("figure", kind, drawn)
    return drawn[kind](pooled, **options)


def _title(pooled: Pooled) -> str:
    model = f" {pooled.options.glmm_model}" if pooled.options.method == "glmm" else ""
    knapp = ", Hartung-Knapp" if pooled.options.hartung_knapp else ""
    return (
        f"{pooled.k} studies, {pooled.studies.measure.title}, {pooled.options.method}{model}{knapp}"
    )


def plot_forest(pooled: Pooled) -> Any:
    """Draw studies and what they come to.

    Parameters
    ----------
    pooled : Pooled
        What was pooled.

    Returns
    -------
    plotly.graph_objects.Figure
        A square a study, its area the weight; a diamond for the pooled estimate; a bar for where a new
        study is expected.
    """
    import plotly.graph_objects as go

    table, measure = pooled.to_frame(), pooled.studies.measure
    ratio = measure.back == "exp"
    change: Callable[[Any], Any] = np.exp if ratio else np.asarray
    figure = go.Figure()
    middle = change(table["estimate"])
    size = 6.0 + 22.0 * np.sqrt(table["weight"] / max(float(table["weight"].max()), 1e-12))
    figure.add_scatter(
        x=middle, y=table["study"], mode="markers", name="study, 95 % interval",
        marker={"symbol": "square", "size": size, "color": BLUE, "sizemode": "diameter"},
        error_x={
            "array": change(table["ci_high"]) - middle, "arrayminus": middle - change(table["ci_low"]),
            "thickness": 1.5, "color": BLUE,
        },
        customdata=table["weight"],
        hovertemplate="%{y}: %{x:.3g}, weight %{customdata:.1f} %<extra></extra>",
    )  # fmt: skip
    ends = [change(getattr(pooled, name)) for name in ("ci_low", "estimate", "ci_high")]
    figure.add_scatter(
        x=[ends[0], ends[1], ends[2]], y=["pooled"] * 3, mode="lines+markers",
        name="pooled, confidence interval", line={"color": ORANGE, "width": 3},
        marker={"symbol": ["line-ns", "diamond", "line-ns"], "size": [8, 14, 8], "color": ORANGE},
    )  # fmt: skip
    if np.isfinite(pooled.pi_low):
        figure.add_scatter(
            x=[change(pooled.pi_low), change(pooled.pi_high)], y=["prediction"] * 2,
            mode="lines+markers", name="where a new study is expected",
            line={"color": GREEN, "width": 2, "dash": "dot"}, marker={"symbol": "line-ns-open", "size": 9},
        )  # fmt: skip
    if not np.isnan(measure.neutral):
        figure.add_vline(x=1.0 if ratio else 0.0, line_color=GREY, line_width=1)
    figure.update_xaxes(
        title_text=measure.natural if ratio else measure.scale, type="log" if ratio else "linear"
    )
    figure.update_yaxes(autorange="reversed", title_text="study")
    return finished_figure(figure, _title(pooled), height=240 + 28 * (len(table) + 2))


def plot_funnel(pooled: Pooled) -> Any:
    """Draw estimates against their standard errors.

    Parameters
    ----------
    pooled : Pooled
        What was pooled.

    Returns
    -------
    plotly.graph_objects.Figure
        The lines are where 95 % of studies would lie without heterogeneity.
    """
    import plotly.graph_objects as go

    studies = pooled.studies
    error = np.sqrt(studies.variance)
    reach = 1.05 * float(error.max())
    quantile, centre = float(norm.ppf(0.975)), pooled.estimate
    figure = go.Figure()
    figure.add_scatter(
        x=[centre - quantile * reach, centre, centre + quantile * reach], y=[reach, 0.0, reach],
        mode="lines", name="95 % without heterogeneity", line={"color": GREY, "dash": "dash"},
    )  # fmt: skip
    figure.add_scatter(
        x=studies.estimate, y=error, mode="markers", name="study", text=list(studies.names),
        marker={"size": 9, "color": BLUE}, hovertemplate="%{text}: %{x:.3g}<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=centre, line_color=ORANGE, line_width=2)
    figure.update_xaxes(title_text=studies.measure.scale)
    figure.update_yaxes(title_text=f"standard error ({studies.measure.scale})", range=[reach, 0.0])
    return finished_figure(figure, f"Funnel of {_title(pooled)}")


def plot_labbe(pooled: Pooled) -> Any:
    """Draw the share with an event under treatment against that under control.

    Parameters
    ----------
    pooled : Pooled
        Of two arms with counts.

    Returns
    -------
    plotly.graph_objects.Figure
        A circle a study, its area the patients; the diagonal is no difference.

    Raises
    ------
    InputError
        If there are no counts of two arms.
    """
    import plotly.graph_objects as go

    data = pooled.studies.data
    if "events_treatment" not in data:
        raise InputError("a L'Abbé plot needs the events of two arms", where=pooled.studies.where)
    x = 100.0 * data["events_control"] / data["n_control"]
    y = 100.0 * data["events_treatment"] / data["n_treatment"]
    people = data["n_treatment"] + data["n_control"]
    top = 1.1 * float(max(x.max(), y.max(), 1e-6))
    figure = go.Figure()
    figure.add_scatter(
        x=[0.0, top], y=[0.0, top], mode="lines", name="no difference",
        line={"color": GREY, "dash": "dash"},
    )  # fmt: skip
    grid = np.linspace(0.0, top, 200)
    line = _expected(pooled, grid / 100.0)
    if line is not None:
        figure.add_scatter(
            x=grid, y=100.0 * line, mode="lines", name="pooled estimate", line={"color": ORANGE}
        )
    figure.add_scatter(
        x=x, y=y, mode="markers", name="study (area: patients)", text=list(pooled.studies.names),
        marker={"size": 8.0 + 30.0 * np.sqrt(people / people.max()), "color": BLUE, "opacity": 0.6},
        hovertemplate="%{text}: %{y:.1f} % against %{x:.1f} %<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title_text="event under control (% of patients)", range=[0.0, top])
    figure.update_yaxes(title_text="event under treatment (% of patients)", range=[0.0, top])
    return finished_figure(figure, f"L'Abbé plot of {_title(pooled)}", height=560)


def _expected(pooled: Pooled, control: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the share under treatment that the pooled estimate makes of one under control."""
    name = pooled.studies.measure.name
    if not np.isfinite(pooled.estimate):
        return None
    if name == "rd":
        return np.clip(control + pooled.estimate, 0.0, 1.0)
    ratio = float(np.exp(pooled.estimate))
    if name == "rr":
        return np.clip(control * ratio, 0.0, 1.0)
    odds = ratio * control / np.maximum(1.0 - control, 1e-12)
    return np.asarray(odds / (1.0 + odds))


def baujat(pooled: Pooled) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what each study adds to heterogeneity, and how far it moves the estimate.

    Parameters
    ----------
    pooled : Pooled
        At least three studies.

    Returns
    -------
    tuple of array, shape (k,)
        Squared Pearson residuals, and squared changes of the estimate when the study is left out, in
        units of its variance without the study (Baujat 2002; metafor's ``baujat``).

    Raises
    ------
    InputError
        If there are fewer than three studies.
    """
    from ketasim.synthesis.robustness import leave_one_out

    studies = pooled.studies
    if len(studies) < 3:
        raise InputError(
            f"there are {len(studies)} studies", where=studies.where, expected="at least 3"
        )
    total = studies.variance + (0.0 if np.isnan(pooled.tau2) else pooled.tau2)
    share = (studies.estimate - pooled.estimate) ** 2 / total
    left = leave_one_out(pooled)
    moved = (left["estimate"].to_numpy() - pooled.estimate) ** 2
    return share, moved / left["standard_error"].to_numpy() ** 2


def plot_baujat(pooled: Pooled) -> Any:
    """Draw which studies make the heterogeneity and which move the estimate.

    Parameters
    ----------
    pooled : Pooled
        At least three studies.

    Returns
    -------
    plotly.graph_objects.Figure
        What stands to the right disagrees, what stands high matters.
    """
    import plotly.graph_objects as go

    x, y = baujat(pooled)
    figure = go.Figure()
    figure.add_scatter(
        x=x, y=y, mode="markers+text", text=list(pooled.studies.names), textposition="top center",
        marker={"size": 9, "color": BLUE}, name="study", cliponaxis=False,
    )  # fmt: skip
    figure.update_xaxes(title_text="squared Pearson residual (1)")
    figure.update_yaxes(title_text="influence (squared standard errors)")
    return finished_figure(figure, f"Baujat plot of {_title(pooled)}")


def figures_page(pooled: Pooled) -> str:
    """Return one HTML page with every figure that can be drawn, which needs only a browser.

    Parameters
    ----------
    pooled : Pooled
        What was pooled.

    Returns
    -------
    str
        The page.
    """
    kinds = ["forest", "funnel"]
    if "events_treatment" in pooled.studies.data:
        kinds.append("labbe")
    if len(pooled.studies) >= 3 and not pooled.status:
        kinds.append("baujat")
    parts = [
        plot_pooled(pooled, kind).to_html(full_html=False, include_plotlyjs=place == 0)
        for place, kind in enumerate(kinds)
    ]
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>ketasim pool</title>'
    return f"{head}<pre>{html.escape(repr(pooled))}</pre>{''.join(parts)}</html>\n"
