"""Figures of trials: arms over time, flow of patients, courses, estimates, power, assumptions.

Colours are those of Okabe and Ito; symbols repeat what a colour says. Axes carry units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.plotting import OKABE_ITO
from ketasim.results import finished_figure
from ketasim.trial.results import ALL

if TYPE_CHECKING:
    from collections.abc import Callable

    from ketasim.trial.design import TrialDesign
    from ketasim.trial.replicates import TrialReplicates
    from ketasim.trial.results import OperatingCharacteristics

__all__ = [
    "KINDS", "plot_distribution", "plot_estimates", "plot_flow", "plot_forest",
    "plot_means", "plot_spaghetti", "plot_timeline", "plot_trial",
]  # fmt: skip

KINDS = ("timeline", "flow", "means", "spaghetti", "estimates", "distribution", "forest")
"""What can be drawn of `OperatingCharacteristics`."""

_DOSES = ("circle", "diamond", "square", "triangle-up", "star", "cross")
_GREY = "#666666"
_NORMAL_95 = 1.959964
_LEFT = (
    ("lack_of_effect", "lack of effect"),
    ("side_effects", "side effects"),
    ("at_random", "other reasons"),
    ("missed_visit", "missed the visit"),
    ("not_solved", "not solved"),
)


def plot_trial(result: OperatingCharacteristics, kind: str, **options: Any) -> Any:
    """Draw one of the figures of a result.

    Parameters
    ----------
    result : OperatingCharacteristics
        What was run.
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
        "timeline": lambda **more: plot_timeline(result.design, **more),
        "flow": lambda **more: plot_flow(result, **more),
        "means": lambda **more: plot_means(result.runs, **more),
        "spaghetti": lambda **more: plot_spaghetti(result.runs, **more),
        "estimates": lambda **more: plot_estimates(result, **more),
        "distribution": lambda **more: plot_distribution(result, **more),
        "forest": lambda **more: plot_forest(result, **more),
    }
    if kind not in drawn:
        raise unknown_name("figure", kind, drawn)
    return drawn[kind](**options)


def plot_timeline(design: TrialDesign) -> Any:
    """Draw when each arm is dosed and rated.

    Parameters
    ----------
    design : TrialDesign
        The trial; in a crossover, rows are sequences.

    Returns
    -------
    plotly.graph_objects.Figure
        A row an arm, a symbol an administration, a dotted line a visit.
    """
    import plotly.graph_objects as go

    from ketasim.trial.paths import trial_paths

    paths = trial_paths(design)
    names = [path.key for path in paths]
    figure = go.Figure()
    drugs = sorted({dose.drug for path in paths for dose in path.regimen})
    for place, drug in enumerate(drugs):
        x, y, words = [], [], []
        for path in paths:
            for dose in path.regimen:
                if dose.drug == drug:
                    starts = dose.starts() / 24.0
                    x += starts.tolist()
                    y += [path.key] * starts.size
                    words += [str(dose)] * starts.size
        figure.add_scatter(
            x=x, y=y, text=words, mode="markers", name=drug,
            hovertemplate="%{text}<br>day %{x:.2f}<extra></extra>",
            marker={
                "size": 11, "symbol": _symbol(place), "color": _colour(place),
            },
        )  # fmt: skip
    for start in design.periods.starts_h if design.periods else (0.0,):
        for visit in design.visits:
            at = (start + visit.time_h) / 24.0
            figure.add_vline(x=at, line_dash="dot", line_color=_GREY, line_width=1)
            if visit.window_h:
                reach = visit.window_h / 24.0
                figure.add_vrect(
                    x0=at - reach, x1=at + reach, fillcolor="#999999", opacity=0.15, line_width=0
                )
    figure.add_scatter(
        x=[None], y=[names[0]], mode="lines", name="visit (grey: its window)",
        line={"dash": "dot", "color": _GREY},
    )  # fmt: skip
    _mark_stages(figure, design)
    figure.update_xaxes(title_text="time after the first dose (days)")
    figure.update_yaxes(title_text="arm", autorange="reversed", categoryarray=names)
    return finished_figure(figure, f"{design.title}: arms", height=240 + 60 * len(names))


def _colour(place: int) -> str:
    """Return the colour of an arm or a drug, by its place."""
    return OKABE_ITO[place % len(OKABE_ITO)]


def _symbol(place: int) -> str:
    """Return the marker of an arm or a drug, so that colour is not all that tells it."""
    return _DOSES[place % len(_DOSES)]


def _mark_stages(figure: Any, design: TrialDesign) -> None:
    marks = [
        (one, "next period") for one in (design.periods.starts_h[1:] if design.periods else ())
    ]
    if design.induction is not None:
        marks.append((design.induction.time_h, "randomisation"))
    if design.second_stage is not None:
        marks.append((design.second_stage.time_h, "second randomisation"))
    for time_h, words in marks:
        figure.add_vline(
            x=time_h / 24.0, line_color=OKABE_ITO[1], annotation_text=words,
            annotation_position="top",
        )  # fmt: skip


def plot_flow(result: OperatingCharacteristics) -> Any:
    """Draw how many patients come how far, as CONSORT asks; means of all replicates.

    Parameters
    ----------
    result : OperatingCharacteristics
        What was run.

    Returns
    -------
    plotly.graph_objects.Figure
        Boxes from screening to the analysis, one column an arm.
    """
    import plotly.graph_objects as go

    figure, flow = go.Figure(), result.flow.to_dict("records")
    columns = len(flow)
    middle = (columns - 1) / 2.0
    total = sum(row["randomised"] for row in flow)
    crossover = result.design.periods is not None
    if crossover:
        total /= len(result.design.periods.starts_h)  # type: ignore[union-attr]
    first = "began the induction" if result.design.induction else "screened (expected)"
    _box(figure, middle, 3.0, f"{flow[0]['screened']:.0f} {first}")
    _box(figure, middle, 2.0, f"{total:.0f} randomised")
    _arrow(figure, middle, 3.0, middle, 2.0)
    for place, row in enumerate(flow):
        given = "received" if crossover else "allocated to"
        _box(figure, place, 1.0, f"{row['randomised']:.1f} {given}<br>{row['arm']}")
        _arrow(figure, middle, 2.0, place, 1.0)
        lost = [f"{row[name]:.1f} {words}" for name, words in _LEFT if row[name] > 0]
        _box(figure, place, 0.0, "<br>".join(["without a value:", *(lost or ["nobody"])]))
        _arrow(figure, place, 1.0, place, 0.0)
        ending = f"{row['analysed']:.1f} analysed"
        if result.design.endpoint.measure == "relapse":
            ending += f"<br>{row['relapsed']:.1f} relapsed"
        _box(figure, place, -1.0, ending)
        _arrow(figure, place, 0.0, place, -1.0)
    figure.update_xaxes(visible=False, range=[-0.6, columns - 0.4])
    figure.update_yaxes(visible=False, range=[-1.5, 3.4])
    title = f"{result.design.title}: flow of patients, mean of {result.replicates} trials"
    return finished_figure(figure, title, height=620)


def _box(figure: Any, x: float, y: float, text: str) -> None:
    figure.add_annotation(
        x=x, y=y, text=text, showarrow=False, bordercolor=_GREY, borderpad=6, bgcolor="#ffffff"
    )


def _arrow(figure: Any, x0: float, y0: float, x1: float, y1: float) -> None:
    figure.add_annotation(
        x=x1, y=y1 + 0.28, ax=x0, ay=y0 - 0.28, xref="x", yref="y", axref="x", ayref="y", text="",
        showarrow=True, arrowhead=2, arrowcolor=_GREY,
    )  # fmt: skip


def plot_means(runs: TrialReplicates) -> Any:
    """Draw the mean change of each arm, with the range of 95 % of trials and the SD of patients.

    Parameters
    ----------
    runs : TrialReplicates
        What was run.

    Returns
    -------
    plotly.graph_objects.Figure
        Thick bars hold 95 % of the trials' means, thin ones one SD between patients.
    """
    import plotly.graph_objects as go

    figure, days = go.Figure(), np.concatenate([[0.0], runs.visits_h / 24.0])
    table = runs.summary()
    for place, arm in enumerate(runs.design.arms):
        rows = table[table["arm"] == arm.name]
        change = np.where((runs.arm == place)[:, :, None], runs.change, np.nan)
        count = np.sum(~np.isnan(change), axis=1)
        means = np.divide(np.nansum(change, axis=1), count, where=count > 0,
                          out=np.full(count.shape, np.nan))  # fmt: skip
        low, high = (
            np.concatenate([[0.0], np.nanpercentile(means, q, axis=0)]) for q in (2.5, 97.5)
        )
        middle = np.concatenate([[0.0], rows["change"]])
        colour = _colour(place)
        shift = 0.006 * days[-1] * place
        figure.add_scatter(
            x=days + shift, y=middle, mode="lines+markers", name=arm.name, legendgroup=arm.name,
            line={"color": colour}, marker={"symbol": _symbol(place), "size": 8},
            error_y={"array": high - middle, "arrayminus": middle - low, "thickness": 3},
        )  # fmt: skip
        figure.add_scatter(
            x=days[1:] + shift, y=rows["change"], mode="markers", showlegend=False,
            legendgroup=arm.name, marker={"color": colour, "size": 1}, hoverinfo="skip",
            error_y={"array": rows["change_sd"], "thickness": 0.7, "width": 2, "color": colour},
        )  # fmt: skip
    _change_axes(figure, runs)
    words = "mean change, 95 % of trials (thick) and SD between patients (thin)"
    return finished_figure(figure, f"{runs.design.title}: {words}")


def _change_axes(figure: Any, runs: TrialReplicates) -> None:
    start = "randomisation" if runs.design.induction else "the first dose"
    figure.update_xaxes(title_text=f"time after {start} (days)")
    figure.update_yaxes(title_text=f"change in {_scale(runs.design)} (points)")


def _scale(design: TrialDesign) -> str:
    from ketasim.instruments import load_scale

    return load_scale(design.scale).title


def plot_spaghetti(runs: TrialReplicates, replicate: int = 0, at_most: int = 60) -> Any:
    """Draw the patients of one trial, as they were recorded.

    Parameters
    ----------
    runs : TrialReplicates
        What was run.
    replicate : int, optional
        Place of the trial.
    at_most : int, optional
        Patients of each arm that are drawn.

    Returns
    -------
    plotly.graph_objects.Figure
        A line a patient, which ends where the patient left, and a thick one for the mean.
    """
    import plotly.graph_objects as go

    if not 0 <= replicate < len(runs):
        raise InputError(f"there is no replicate {replicate}", expected=f"0 to {len(runs) - 1}")
    figure, days = go.Figure(), np.concatenate([[0.0], runs.visits_h / 24.0])
    scores = np.concatenate([runs.baseline[replicate][:, None], runs.values[replicate]], axis=1)
    for place, arm in enumerate(runs.design.arms):
        own = scores[runs.arm[replicate] == place]
        x = [*days, None] * min(len(own), at_most)
        y = [cell for row in own[:at_most] for cell in (*row, None)]
        colour = _colour(place)
        figure.add_scatter(
            x=x, y=y, mode="lines", name=f"{arm.name}, patients", line={"color": colour, "width": 1},
            opacity=0.35,
        )  # fmt: skip
        seen = np.maximum(np.sum(~np.isnan(own), axis=0), 1)
        figure.add_scatter(
            x=days, y=np.nansum(own, axis=0) / seen, mode="lines+markers",
            name=f"{arm.name}, mean of who is seen", line={"color": colour, "width": 4},
            marker={"symbol": _symbol(place), "size": 10},
        )  # fmt: skip
    _change_axes(figure, runs)
    figure.update_yaxes(title_text=f"{_scale(runs.design)} (points)")
    return finished_figure(figure, f"{runs.design.title}: trial {replicate + 1} of {len(runs)}")


def _chosen(
    result: OperatingCharacteristics, contrast: str | None, hypothesis: str | None
) -> tuple[Any, Any]:
    """Return one row of the table, and the estimates of its replicates."""
    contrasts = list(dict.fromkeys(result.table["contrast"]))
    one, reading = contrast or contrasts[0], hypothesis or result.hypotheses[0]
    if one not in contrasts:
        raise unknown_name("contrast", one, contrasts)
    if reading not in result.hypotheses:
        raise unknown_name("hypothesis", reading, result.hypotheses)
    table, long = result.table, result.estimates
    row = table[(table["contrast"] == one) & (table["hypothesis"] == reading)].iloc[0]
    mine = (long["contrast"] == one) & (long["hypothesis"] == reading)
    return row, long[mine]


def plot_estimates(
    result: OperatingCharacteristics,
    contrast: str | None = None,
    hypothesis: str | None = None,
    at_most: int = 60,
) -> Any:
    """Draw the estimates of the first replicates with their intervals: which hold the truth.

    Parameters
    ----------
    result : OperatingCharacteristics
        What was run.
    contrast, hypothesis : str, optional
        By default the first.
    at_most : int, optional
        Replicates that are drawn.

    Returns
    -------
    plotly.graph_objects.Figure
        A row a replicate, the truth and no effect as lines.
    """
    import plotly.graph_objects as go

    row, long = _chosen(result, contrast, hypothesis)
    rows = long[long["world"] == "model"].head(at_most)
    inside = (rows["ci_low"] <= row["truth"]) & (row["truth"] <= rows["ci_high"])
    figure = go.Figure()
    for holds, words, place in ((True, "interval holds the truth", 0), (False, "it does not", 1)):
        some = rows[inside == holds]
        figure.add_scatter(
            x=some["estimate"], y=some["replicate"] + 1, mode="markers", name=words,
            marker={"color": OKABE_ITO[place], "symbol": _DOSES[place], "size": 7},
            error_x={
                "array": some["ci_high"] - some["estimate"],
                "arrayminus": some["estimate"] - some["ci_low"], "thickness": 1, "width": 0,
            },
        )  # fmt: skip
    _reference_lines(figure, float(row["truth"]))
    figure.update_xaxes(title_text=f"{row['contrast']} ({row['unit']})")
    figure.update_yaxes(title_text="replicate (number)")
    return finished_figure(
        figure, f"{result.design.title}: estimates of {len(rows)} trials", height=640
    )


def _reference_lines(figure: Any, truth: float) -> None:
    figure.add_vline(x=0.0, line_color=_GREY, line_width=1)
    if np.isfinite(truth):
        figure.add_vline(
            x=truth, line_dash="dash", line_color="#000000", annotation_text="truth",
            annotation_position="top",
        )  # fmt: skip


def plot_distribution(
    result: OperatingCharacteristics, contrast: str | None = None, hypothesis: str | None = None
) -> Any:
    """Draw the distribution of the estimate, with the drug's effect on and off.

    Parameters
    ----------
    result : OperatingCharacteristics
        What was run.
    contrast, hypothesis : str, optional
        By default the first.

    Returns
    -------
    plotly.graph_objects.Figure
        A histogram a world.
    """
    import plotly.graph_objects as go

    row, long = _chosen(result, contrast, hypothesis)
    figure = go.Figure()
    for place, world in enumerate(dict.fromkeys(long["world"])):
        words = {"model": "as simulated", "null": "drug effect off"}[world]
        figure.add_histogram(
            x=long.loc[long["world"] == world, "estimate"], name=words, opacity=0.6,
            histnorm="percent", nbinsx=40, marker_color=OKABE_ITO[place],
        )  # fmt: skip
    _reference_lines(figure, float(row["truth"]))
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(title_text=f"{row['contrast']} ({row['unit']})")
    figure.update_yaxes(title_text="share of trials (%)")
    return finished_figure(figure, f"{result.design.title}: what {result.replicates} trials find")


def plot_forest(result: OperatingCharacteristics) -> Any:
    """Draw hypotheses and contrasts beside each other: mean, 95 % of trials, truth.

    Parameters
    ----------
    result : OperatingCharacteristics
        What was run.

    Returns
    -------
    plotly.graph_objects.Figure
        A row a hypothesis and contrast; what follows the name is the power.
    """
    import plotly.graph_objects as go

    table, long = result.table, result.estimates[result.estimates["world"] == "model"]
    names, low, high = [], [], []
    for row in table.to_dict("records"):
        mine = long["contrast"] == row["contrast"]
        if row["hypothesis"] != ALL:
            mine &= long["hypothesis"] == row["hypothesis"]
        ends = np.nanpercentile(long.loc[mine, "estimate"], [2.5, 97.5])
        low.append(row["mean"] - ends[0])
        high.append(ends[1] - row["mean"])
        names.append(f"{row['hypothesis']}, {row['contrast']}: {row['power']:.0%}")
    figure = go.Figure()
    figure.add_scatter(
        x=table["mean"], y=names, mode="markers", name="mean, and 95 % of trials",
        marker={"color": OKABE_ITO[0], "size": 9, "symbol": "square"},
        error_x={"array": high, "arrayminus": low, "thickness": 1.5},
    )  # fmt: skip
    figure.add_scatter(
        x=table["truth"], y=names, mode="markers", name="truth",
        marker={"color": OKABE_ITO[1], "size": 10, "symbol": "x-thin", "line": {"width": 2}},
    )  # fmt: skip
    figure.add_vline(x=0.0, line_color=_GREY, line_width=1)
    figure.update_xaxes(title_text=f"active minus control ({table['unit'].iloc[0]})")
    figure.update_yaxes(title_text="hypothesis, contrast: power", autorange="reversed")
    height = 260 + 40 * len(names)
    return finished_figure(figure, f"{result.design.title}: estimates by hypothesis", height=height)
