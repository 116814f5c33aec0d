"""Figures of trials: what they show is what the tables hold, and every axis says its unit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ketasim.errors import InputError
from ketasim.trial import (
    OperatingCharacteristics,
    TrialDropout,
    TrialPool,
    compare_designs,
    find_sample_size,
    list_designs,
    load_design,
    operating_characteristics,
    tornado,
)
from ketasim.trial.plotting import KINDS, plot_timeline
from ketasim.trial.results import figures_page

from .conftest import two_arms

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def found(pool: TrialPool) -> OperatingCharacteristics:
    design = two_arms(30, dropout=TrialDropout(0.05, 0.05, 0.05, 0.03))
    return operating_characteristics(design, 40, 1, pools={"article": pool})


def titles(figure: Any) -> list[str]:
    return [str(axis.title.text) for axis in (figure.layout.xaxis, figure.layout.yaxis)]


def words(figure: Any) -> str:
    return " ".join(str(one.text) for one in figure.layout.annotations)


UNITS = {
    "timeline": ("(days)", "arm"),
    "means": ("(days)", "(points)"),
    "spaghetti": ("(days)", "(points)"),
    "estimates": ("(points)", "(number)"),
    "distribution": ("(points)", "(%)"),
    "forest": ("(points)", "power"),
}


@pytest.mark.parametrize("kind", UNITS)
def test_axes_say_what_they_are_and_traces_have_names(
    found: OperatingCharacteristics, kind: str
) -> None:
    figure = found.plot(kind)
    for title, unit in zip(titles(figure), UNITS[kind], strict=True):
        assert unit in title
    assert figure.layout.title.text
    assert all(trace.name for trace in figure.data if trace.showlegend is not False)


def test_every_kind_is_drawn(found: OperatingCharacteristics) -> None:
    assert set(UNITS) | {"flow"} == set(KINDS) == set(found.figures())


def test_a_wrong_kind_is_answered_with_the_nearest(found: OperatingCharacteristics) -> None:
    with pytest.raises(InputError, match="did you mean forest"):
        found.plot("forrest")
    with pytest.raises(InputError, match="did you mean ketamine minus saline"):
        found.plot("estimates", contrast="ketamine minus salin")
    with pytest.raises(InputError, match="unknown hypothesis"):
        found.plot("distribution", hypothesis="nobody")
    with pytest.raises(InputError, match="no replicate 40"):
        found.plot("spaghetti", replicate=40)


def test_means_are_those_of_the_summary(found: OperatingCharacteristics) -> None:
    figure = found.plot("means")
    table = found.runs.summary()
    for name in ("ketamine", "saline"):
        trace = next(one for one in figure.data if one.name == name)
        expected = [0.0, *table.loc[table["arm"] == name, "change"]]
        np.testing.assert_allclose(trace.y, expected)
        assert (np.array(trace.error_y.array)[1:] > 0).all()


def test_spaghetti_ends_where_a_patient_leaves(found: OperatingCharacteristics) -> None:
    figure = found.plot("spaghetti", replicate=3, at_most=5)
    line = next(one for one in figure.data if one.name == "ketamine, patients")
    y = np.array([np.nan if one is None else one for one in line.y], dtype=float).reshape(5, -1)
    who = np.flatnonzero(found.runs.arm[3] == 0)[:5]
    np.testing.assert_array_equal(y[:, 0], found.runs.baseline[3, who])
    np.testing.assert_array_equal(y[:, 1:-1], found.runs.values[3, who])


def test_estimates_tell_which_intervals_hold_the_truth(found: OperatingCharacteristics) -> None:
    figure = found.plot("estimates")
    holding = next(one for one in figure.data if one.name == "interval holds the truth")
    missing = next(one for one in figure.data if one.name == "it does not")
    assert len(holding.x) + len(missing.x) == 40
    assert len(holding.x) / 40 == found.table["coverage"][0]


def test_the_flow_has_the_numbers_of_the_table(found: OperatingCharacteristics) -> None:
    text = words(found.plot("flow"))
    for row in found.flow.to_dict("records"):
        assert f"{row['analysed']:.1f} analysed" in text
        assert f"{row['lack_of_effect']:.1f} lack of effect" in text
    assert "60 randomised" in text


@pytest.mark.parametrize("name", list_designs())
def test_every_shipped_design_has_a_timeline(name: str) -> None:
    design = load_design(name)
    figure = plot_timeline(design)
    rows = {row for trace in figure.data if trace.mode == "markers" for row in trace.y}
    expected = (
        {" > ".join(one) for one in design.periods.sequences}
        if design.periods
        else {arm.name for arm in design.arms if arm.regimen}
    )
    assert expected <= rows
    doses = sum(len(trace.x) for trace in figure.data if trace.mode == "markers")
    assert doses >= len(rows)
    visits = [one for one in figure.layout.shapes if one.type == "line"]
    assert len(visits) >= len(design.visits)


def test_stages_are_marked_on_the_timeline() -> None:
    assert "randomisation" in words(plot_timeline(load_design("sustain1")))
    assert "next period" in words(plot_timeline(load_design("zarate2006")))


def test_relapses_and_periods_are_in_the_flow() -> None:
    relapse = operating_characteristics(load_design("sustain1"), 4, people=20, null=False)
    text = words(relapse.plot("flow"))
    assert "relapsed" in text
    assert "began the induction" in text
    crossover = operating_characteristics(load_design("zarate2006"), 4, people=20, null=False)
    assert "18 randomised" in words(crossover.plot("flow"))
    assert "received" in words(crossover.plot("flow"))


def test_power_curve_tornado_and_comparison(pool: TrialPool, tmp_path: Path) -> None:
    design = two_arms(20)
    size = find_sample_size(design, 0.8, 60, 1, pool=pool)
    figure = size.plot()
    assert titles(figure) == ["patients in the smallest arm (number)", "power (%)"]
    np.testing.assert_allclose(figure.data[0].y, 100 * size.curve["power"])
    assert f"{size.n:.0f}" in words(figure)
    moved = tornado(design, 20, 1, pool=pool)
    for quantity, unit in (("power", "(%)"), ("estimate", "(points)")):
        bars = moved.plot(quantity)
        assert unit in titles(bars)[0]
        assert set(bars.data[0].y) == set(moved.table["assumption"])
        ends = np.array(bars.data[1].base) + np.array(bars.data[1].x)
        factor = 100.0 if quantity == "power" else 1.0
        table = moved.table[moved.table["bound"] == "high"].set_index("assumption")
        np.testing.assert_allclose(ends, factor * table.loc[list(bars.data[1].y), quantity])
    with pytest.raises(InputError, match="unknown quantity"):
        moved.plot("bias")
    compared = compare_designs([design, replace(design, name="again")], 20, 1, people=40)
    box = compared.plot()
    assert not np.any(box.data[0].y)
    assert "(points)" in titles(box)[1]
    for one, name in ((size, "sample_size"), (moved, "tornado"), (compared, "comparison")):
        assert (one.save(tmp_path) / f"{name}.json").read_text("utf-8").startswith("{")
        assert repr(one)
        assert "<table" in one._repr_html_()


def test_one_page_holds_every_figure(found: OperatingCharacteristics, tmp_path: Path) -> None:
    page = (found.save(tmp_path) / "figures.html").read_text("utf-8")
    assert page.count('class="plotly-graph-div"') == len(KINDS)
    # The library is in it once, and nothing is fetched.
    assert page.count("<script src=") == 0
    assert figures_page({}, "a < b").count("a &lt; b") == 1
