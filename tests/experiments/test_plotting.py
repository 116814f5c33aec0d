"""Figures hold what the tables and the evidence hold; none of them is rendered here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ketasim.errors import UnknownNameError
from ketasim.experiments import ArmCache, ExperimentResult, experiment, readout
from ketasim.experiments.plotting import plot_readout, plot_shares, plot_sweep
from ketasim.experiments.rules import BLOCKED_BELOW, KEPT_ABOVE
from ketasim.instruments.plotting import OKABE_ITO
from ketasim.model import list_hypotheses

if TYPE_CHECKING:
    import pandas as pd

Run = Callable[..., ExperimentResult]
UNIT = re.compile(r"\([^)]+\)$")


@pytest.fixture(scope="module")
def ampa(cache: ArmCache) -> ExperimentResult:
    readouts = ("relief", "bdnf", "glx", "glua1", "ht1b_ventral_striatum")
    return replace(experiment("ampa"), readouts=readouts, shown=()).run(patients=8, cache=cache)


@pytest.fixture(scope="module")
def naltrexone(cache: ArmCache) -> ExperimentResult:
    readouts = ("relief", "mor_occupancy_naltrexone", "madrs_change", "response", "remission")
    small = replace(experiment("naltrexone"), readouts=readouts)
    return small.run(hypotheses=["article", "no_opioid"], patients=8, cache=cache)


@pytest.fixture(scope="module")
def occupancy(run: Run) -> ExperimentResult:
    return run("occupancy", sweeps=True)


@pytest.fixture(scope="module")
def figures(naltrexone: ExperimentResult) -> dict[str, Any]:
    return naltrexone.figures()


def sweep_of(result: ExperimentResult, name: str) -> Any:
    return next(one for one in result.experiment.sweeps if one.name == name)


def published(figure: Any, panel: int | None = None) -> Iterator[SimpleNamespace]:
    """The published points of a figure, or of one of its panels, counted from 1."""
    axis = {None: None, 1: "x"}.get(panel, f"x{panel}")
    for trace in figure.data:
        if trace.name != "published" or axis not in (None, trace.xaxis):
            continue
        symbols = trace.marker.symbol
        for place, (x, y, text) in enumerate(zip(trace.x, trace.y, trace.text, strict=True)):
            symbol = symbols if isinstance(symbols, str) else symbols[place]
            error = trace.error_y.array[place] if trace.error_y.array is not None else 0.0
            yield SimpleNamespace(x=x, y=y, text=text, symbol=symbol, error=error)


def panel_of(result: ExperimentResult, arm: str) -> int:
    return [one.name for one in result.experiment.main_arms].index(arm) + 1


def line(figure: Any, name: str, axis: str = "x") -> Any:
    wanted = (name, axis)
    return next(one for one in figure.data if (one.name, one.xaxis or "x") == wanted)


def titles(figure: Any, letter: str) -> list[str]:
    axes = figure.select_xaxes() if letter == "x" else figure.select_yaxes()
    return [one.title.text for one in axes if one.title.text]


def test_every_figure_of_every_kind_is_there(
    figures: dict[str, Any], naltrexone: ExperimentResult, ampa: ExperimentResult
) -> None:
    sweeps = {"sweep:tone", "sweep:dose", "sweep:occupancy"}
    assert set(figures) == {"shares", *naltrexone.experiment.readouts, *sweeps}
    assert set(ampa.figures()) == {"shares", *ampa.experiment.readouts}
    for figure in figures.values():
        assert naltrexone.experiment.title in figure.layout.title.text
        assert '"data"' in figure.to_json()


@pytest.mark.parametrize("name", ["relief", "bdnf", "glx", "glua1"])
def test_both_axes_of_a_course_say_their_units(name: str, ampa: ExperimentResult) -> None:
    figure, one = plot_readout(ampa, name), readout(name)
    assert titles(figure, "y") == [f"{one.title} ({one.unit})"]
    assert set(titles(figure, "x")) == {"time after ketamine (h)"}


def test_every_axis_title_of_every_figure_ends_with_a_unit(figures: dict[str, Any]) -> None:
    for name, figure in figures.items():
        assert titles(figure, "x")
        assert all(UNIT.search(title) for title in titles(figure, "x"))
        if name != "shares" and not name.startswith("sweep:"):
            assert titles(figure, "y")
            assert all(UNIT.search(title) for title in titles(figure, "y"))


def test_a_panel_of_a_sweep_is_titled_by_what_is_read_and_its_unit(
    naltrexone: ExperimentResult, occupancy: ExperimentResult
) -> None:
    figure = plot_sweep(occupancy, sweep_of(occupancy, "rat"))
    words = [one.text for one in figure.layout.annotations[:2]]
    assert words == ["prefrontal glutamate", "ketamine, free in brain"]
    assert titles(figure, "y") == ["fold", "umol/L"]
    shares = plot_sweep(naltrexone, sweep_of(naltrexone, "tone"))
    assert set(titles(shares, "y")) == {"share of the effect left"}


def test_every_hypothesis_has_a_line_with_a_look_of_its_own(ampa: ExperimentResult) -> None:
    figure = plot_readout(ampa, "bdnf", band=False)
    for number in range(len(ampa.experiment.main_arms)):
        axis = f"x{number + 1}" if number else "x"
        lines = [one for one in figure.data if one.xaxis == axis and one.name != "published"]
        assert [one.name for one in lines] == list(list_hypotheses())
        assert len({one.line.color for one in lines}) == len(lines)
        assert {one.line.color for one in lines} <= set(OKABE_ITO)
        assert len({(one.line.color, one.line.dash) for one in lines}) == len(lines)
        assert len({one.line.dash for one in lines}) == 6


def test_one_legend_serves_all_panels(ampa: ExperimentResult) -> None:
    figure = plot_readout(ampa, "ht1b_ventral_striatum", band=False)
    shown = [one.name for one in figure.data if one.showlegend is not False]
    assert sorted(shown) == sorted([*list_hypotheses(), "published"])


def test_a_line_is_the_prediction(ampa: ExperimentResult) -> None:
    rows = ampa.to_frame()
    rows = rows[(rows["readout"] == "bdnf") & (rows["hypothesis"] == "no_opioid")]
    drawn = line(plot_readout(ampa, "bdnf"), "no_opioid", "x2")
    mine = rows[rows["arm"] == "nbqx+ketamine"]
    assert list(drawn.x) == mine["time_h"].tolist()
    assert list(drawn.y) == mine["value"].tolist()


def test_the_band_is_the_interval_of_the_first_hypothesis(ampa: ExperimentResult) -> None:
    rows = ampa.to_frame()
    rows = rows[(rows["readout"] == "bdnf") & (rows["hypothesis"] == "article")]
    mine = rows[rows["arm"] == "ketamine"]
    figure = plot_readout(ampa, "bdnf", arms=["ketamine"])
    band = line(figure, "article: 95 % over cohort and posterior")
    assert list(band.y) == [*mine["hi95"], *mine["lo95"][::-1]]
    assert list(band.x) == [*mine["time_h"], *mine["time_h"][::-1]]
    without = plot_readout(ampa, "bdnf", arms=["ketamine"], band=False)
    assert len(without.data) == len(figure.data) - 1


def test_chosen_arms_are_the_only_panels(ampa: ExperimentResult) -> None:
    figure = ampa.plot("bdnf", arms=["nbqx"])
    assert [one.text for one in figure.layout.annotations] == ["NBQX alone"]


@pytest.mark.parametrize(
    ("name", "arms", "words"),
    [
        ("bdnf", ["nbqx and ketamine"], "unknown arm 'nbqx and ketamine'"),
        ("bdnf", ["ketamine", "nbqx+ketamin"], "did you mean nbqx"),
        ("bdnff", None, "unknown readout 'bdnff': did you mean bdnf"),
        # A readout that there is, but not in this result.
        ("mtorc1", None, "unknown readout 'mtorc1'"),
    ],
)
def test_a_plot_of_what_is_not_there_is_answered_in_one_sentence(
    name: str, arms: list[str] | None, words: str, ampa: ExperimentResult
) -> None:
    with pytest.raises(UnknownNameError, match=re.escape(words)):
        ampa.plot(name, arms=arms)


def test_every_panel_has_a_title_of_its_own_and_whole(run: Run) -> None:
    result = run("serotonin", brief=True)
    words = [one.text.replace("<br>", " ") for one in result.plot("relief").layout.annotations]
    assert words == [arm.title for arm in result.experiment.main_arms]
    assert len(set(words)) == len(words)
    lines = [
        part for one in result.plot("relief").layout.annotations for part in one.text.split("<br>")
    ]
    assert max(map(len, lines)) <= 40


def test_every_arm_has_a_place_of_its_own_among_the_shares(run: Run) -> None:
    drawn = plot_shares(run("serotonin", brief=True)).data[0]
    assert len(set(drawn.y)) == len(drawn.y)


def test_by_default_the_deciding_readout_is_drawn(occupancy: ExperimentResult) -> None:
    assert set(titles(occupancy.plot(), "y")) == {"NMDA receptor occupancy (fraction)"}


def test_one_number_a_patient_is_a_point_with_its_interval(occupancy: ExperimentResult) -> None:
    figure = occupancy.plot("esketamine_cmax_ng_ml", arms=["esketamine 28 mg"])
    rows = occupancy.to_frame()
    rows = rows[(rows["arm"] == "esketamine 28 mg") & (rows["readout"] == "esketamine_cmax_ng_ml")]
    drawn = line(figure, "article")
    assert (drawn.mode, list(drawn.y)) == ("markers", rows["value"].tolist())
    assert drawn.y[0] + drawn.error_y.array[0] == pytest.approx(rows["hi95"].iloc[0])
    assert drawn.y[0] - drawn.error_y.arrayminus[0] == pytest.approx(rows["lo95"].iloc[0])


def test_every_published_value_is_drawn_where_it_belongs(
    occupancy: ExperimentResult, table: pd.DataFrame
) -> None:
    design = occupancy.experiment
    arms = {one.name for one in design.main_arms}
    count = 0
    drawn = {name: occupancy.plot(name, band=False) for name in design.readouts}
    for row in table[table["experiment"].isin(["occupancy", "glutamate"])].itertuples():
        arm = design.arm_of.get(row.id, row.arm)
        if row.kind != "value" or arm not in arms or row.readout not in design.readouts:
            continue
        points = list(published(drawn[row.readout], panel_of(occupancy, arm)))
        mine = [one for one in points if one.y == row.value and row.source in one.text]
        assert mine, row.id
        assert mine[0].symbol == "circle"
        if np.isfinite(row.time_h) and np.isnan(row.time_to_h):
            assert row.time_h in [one.x for one in mine]
        count += 1
    assert count >= 15


@pytest.mark.parametrize(
    ("name", "arm", "words", "x", "y"),
    [
        ("response", "naltrexone+ketamine", "0 of 12 patients<br>williams2018", 24.0, 0.0),
        ("response", "ketamine", "7 of 12 patients<br>williams2018", 24.0, 7 / 12),
        ("remission", "ketamine", "42 %<br>williams2018", 24.0, 0.42),
        ("remission", "weekly midazolam", ">= 80 %<br>yoon2025", 672.0, 0.8),
    ],
)
def test_a_published_count_or_percentage_is_drawn_as_a_share_of_patients(
    naltrexone: ExperimentResult, name: str, arm: str, words: str, x: float, y: float
) -> None:
    points = published(naltrexone.plot(name), panel_of(naltrexone, arm))
    found = [(one.x, one.y) for one in points if words in one.text]
    assert (x, pytest.approx(y)) in found


def test_a_published_spread_or_range_is_an_error_bar(
    naltrexone: ExperimentResult, occupancy: ExperimentResult
) -> None:
    drawn = published(naltrexone.plot("mor_occupancy_naltrexone"))
    weerts = next(one for one in drawn if "weerts2008" in one.text)
    assert (weerts.y, weerts.error) == (0.949, 0.049)
    levels = published(occupancy.plot("ketamine_ng_ml"))
    bounds = next(one for one in levels if "100 to 250" in one.text)
    assert (bounds.y, bounds.error, bounds.x) == (175.0, 75.0, 0.667)


def test_a_sign_is_no_circle_and_says_that_its_height_means_nothing(
    ampa: ExperimentResult,
) -> None:
    points = list(published(ampa.plot("bdnf"), panel_of(ampa, "nbqx+ketamine")))
    assert points
    for one in points:
        assert one.symbol == "x"
        assert one.y == readout("bdnf").rest
        assert "rat culture: blocked (a sign only" in one.text
        assert "lepack2015, judge" in one.text


def test_shares_are_drawn_beside_the_bounds_of_the_rule(ampa: ExperimentResult) -> None:
    figure = plot_shares(ampa)
    rows = ampa.shares[(ampa.shares["time_h"] == 24.0) & (ampa.shares["hypothesis"] == "no_opioid")]
    drawn = next(one for one in figure.data if one.name == "no_opioid")
    assert list(drawn.x) == rows["value"].tolist()
    shown = {arm.name: arm.title for arm in ampa.experiment.main_arms}
    assert list(drawn.y) == [shown[arm] for arm in rows["arm"]]
    marks = [one for one in figure.data if one.name != "published"]
    assert len({(one.marker.color, one.marker.symbol) for one in marks}) == len(list_hypotheses())
    edges = {(one.x0, one.x1) for one in figure.layout.shapes}
    assert edges == {(-0.1, BLOCKED_BELOW), (KEPT_ABOVE, KEPT_ABOVE)}
    assert "24 h" in titles(figure, "x")[0]


def test_shares_at_another_time_are_those_of_that_time(ampa: ExperimentResult) -> None:
    rows = ampa.shares[(ampa.shares["time_h"] == 168.0) & (ampa.shares["hypothesis"] == "article")]
    drawn = plot_shares(ampa, 168.0).data[0]
    assert list(drawn.x) == rows["value"].tolist()


def test_published_shares_stand_at_their_value(naltrexone: ExperimentResult) -> None:
    points = list(published(plot_shares(naltrexone)))
    jelen = next(one for one in points if "jelenpress2025" in one.text)
    assert (jelen.x, jelen.y, jelen.symbol) == (0.72, "naltrexone, then ketamine", "circle")
    blocked = {one.x for one in points if "blocked" in one.text}
    assert blocked == {0.0}


@pytest.mark.parametrize(
    ("time_h", "words"),
    [(24.0, {"blocked", "rescued"}), (2.0, set()), (1.0, {"kept", "blocked", "rescued"})],
)
def test_a_published_share_is_drawn_at_its_own_time_only(
    time_h: float, words: set[str], run: Run
) -> None:
    # Yin's mice kept the effect at 1 h; at 24 h it was blocked.
    result = run("serotonin", brief=True)
    drawn = list(published(plot_shares(result, time_h)))
    assert {
        way for one in drawn for way in ("kept", "blocked", "rescued") if way in one.text
    } == words


def test_a_published_share_stands_at_its_share_of_ketamines_change(
    naltrexone: ExperimentResult,
) -> None:
    figure = naltrexone.plot("madrs_change", arms=["naltrexone+ketamine"])
    (jelen,) = [one.y for one in published(figure) if "jelenpress2025" in one.text]
    rows = naltrexone.to_frame()
    rows = rows[(rows["readout"] == "madrs_change") & (rows["arm"] == "ketamine")]
    # Two hypotheses: the median of their falls at 24 h, and at no other visit.
    assert len(rows[rows["time_h"] == 24.0]) == 2
    assert jelen == pytest.approx(0.72 * rows["value"][rows["time_h"] == 24.0].median())


@pytest.mark.parametrize("sweep", ["tone", "dose"])
def test_a_point_of_a_sweep_stands_beside_its_own_readout(
    sweep: str, naltrexone: ExperimentResult
) -> None:
    figure = plot_sweep(naltrexone, sweep_of(naltrexone, sweep))
    if sweep == "dose":
        places = {panel: list(published(figure, panel)) for panel in (1, 2)}
        assert [(one.x, one.y) for one in places[1]] == [(50.0, 0.0)]
        assert [(one.x, one.y) for one in places[2]] == [(50.0, 0.72)]
        return
    # Responders beside relief, the share of the fall of MADRS beside the fall of MADRS.
    heights = {one.yref.split()[0]: one.y0 for one in figure.layout.shapes}
    assert heights == {"y": 0.0, "y2": 0.72}


@pytest.mark.parametrize(
    ("at", "value", "source"),
    [(2.0, 0.27, "rabiner2011"), (15.0, 0.61, "rabiner2011"), (50.0, 0.949, "weerts2008")],
)
def test_published_occupancies_stand_at_their_dose(
    naltrexone: ExperimentResult, at: float, value: float, source: str
) -> None:
    figure = plot_sweep(naltrexone, sweep_of(naltrexone, "occupancy"))
    points = [(one.x, one.y) for one in published(figure) if source in one.text]
    assert (at, value) in points
    assert figure.layout.xaxis.type == "log"
    assert [one.showlegend for one in figure.data if one.name == "published"].count(True) == 1


def test_a_sweep_draws_a_line_for_each_hypothesis_and_readout(naltrexone: ExperimentResult) -> None:
    figure = plot_sweep(naltrexone, sweep_of(naltrexone, "tone"))
    rows = naltrexone.sweeps[naltrexone.sweeps["sweep"] == "tone"]
    for axis, name in (("x", "relief"), ("x2", "madrs_change")):
        for hypothesis in naltrexone.hypotheses:
            drawn = line(figure, hypothesis, axis)
            mine = rows[(rows["readout"] == name) & (rows["hypothesis"] == hypothesis)]
            assert list(drawn.x) == [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0]
            assert list(drawn.y) == mine["value"].tolist()
    looks = {(one.line.color, one.line.dash) for one in figure.data if one.xaxis == "x"}
    assert len(looks) == len(naltrexone.hypotheses)


def test_what_has_no_place_on_the_axis_is_a_line_across(naltrexone: ExperimentResult) -> None:
    figure = plot_sweep(naltrexone, sweep_of(naltrexone, "tone"))
    assert not list(published(figure))
    assert {one.y0 for one in figure.layout.shapes} == {0.72, 0.0}
    words = [one.text for one in figure.layout.annotations]
    assert any("jelenpress2025 0.72" in one for one in words)


def test_a_sign_in_a_sweep_stands_at_rest(occupancy: ExperimentResult) -> None:
    points = list(published(plot_sweep(occupancy, sweep_of(occupancy, "rat"))))
    assert {one.x for one in points} == {10.0, 20.0, 30.0, 50.0, 200.0}
    for one in points:
        assert (one.y == 1.0) is (one.symbol != "circle")
        assert "moghaddam1997" in one.text


def test_without_published_outcomes_only_predictions_are_drawn(ampa: ExperimentResult) -> None:
    bare = replace(ampa, published=())
    assert "published" not in {one.name for one in plot_shares(bare).data}
    assert "published" not in {one.name for one in plot_readout(bare, "relief").data}
    assert len(plot_shares(bare).data) == len(list_hypotheses())


def test_a_hypothesis_without_rows_is_left_out_of_a_panel(ampa: ExperimentResult) -> None:
    rows = ampa.predictions[ampa.predictions["hypothesis"] != "no_opioid"]
    figure = plot_readout(replace(ampa, predictions=rows), "bdnf", arms=["ketamine"])
    assert "no_opioid" not in {one.name for one in figure.data}
