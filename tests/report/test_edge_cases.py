"""What once went wrong at the edges: missing parts, odd values, files in the way."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ketasim
from ketasim.errors import InputError, OutputError
from ketasim.experiments import Experiment
from ketasim.report import Bundle, read_bundle, render, running, write_dossier
from ketasim.report.chart.axis import linear_scale, log_scale, time_scale
from ketasim.report.chart.course import Course, course_chart
from ketasim.report.chart.frame import Frame
from ketasim.report.chart.style import styles
from ketasim.report.mechanism import influences, read_network
from ketasim.report.sections import hypotheses, sweeps

if TYPE_CHECKING:
    from collections.abc import Callable

NAN = float("nan")


def test_a_value_that_reaches_just_beyond_the_last_tick_is_drawn_there() -> None:
    x = linear_scale([0.0, 2.075], 0.0, 100.0, count=3)
    assert x.low == 0.0
    assert x(2.075) == pytest.approx(100.0 * 2.075 / x.high)


def test_a_logarithmic_axis_has_more_than_one_label() -> None:
    assert len(log_scale([2.1, 8.1], 0.0, 100.0).ticks) > 1


def test_times_before_the_dose_bear_a_true_minus() -> None:
    assert time_scale([-24.0, 24.0], 0.0, 1.0).labels[0] == "−1 d"


def test_the_day_after_the_dose_is_labelled_on_two_weeks(parse: Callable[[str], Any]) -> None:
    frame = Frame()
    x, y = time_scale([-1, 336], *frame.x_range), linear_scale([0, 1], *frame.y_range)
    drawn = parse(frame.axes(x, y, x_title="time", y_title="fold"))
    assert "1 d" in [one.text for one in drawn.every("text", "tick")]


def test_a_hypothesis_that_failed_draws_no_broken_path(parse: Callable[[str], Any]) -> None:
    one, other = styles(["article", "rival"]).values()
    times, failed = [0.0, 24.0], [NAN, NAN]
    good = Course(one, times, [1.0, 2.0], [0.9, 1.8], [1.1, 2.2])
    drawn = parse(course_chart("t", "u", [good, Course(other, times, failed, failed, failed)], []))
    assert all(len(shape["d"]) > 1 for shape in drawn.every("path"))


def test_the_ninth_hypothesis_can_be_highlighted_alone() -> None:
    looks = styles(f"h{index}" for index in range(9)).values()
    assert len({one.css_class for one in looks}) == 9


def rats(**parts: Any) -> Any:
    """The chart of a sweep beside which one result in rats was published."""
    about = {
        "name": "rat", "title": "Inverted U", "axis": "dose", "quantity": "value", "note": "",
        "logarithmic": False, "time_h": None, "readouts": ["glutamate"], "points": {"row": 10.0},
    }  # fmt: skip
    published = {
        **dict.fromkeys(("value", "sd", "lower", "upper", "n")), "id": "row", "direction": "up",
        "readout": "glutamate", "species": "rat", "text": "up", "source": "moghaddam1997", **parts,
    }  # fmt: skip
    record = {
        "sweeps": [about], "published": [published], "hypotheses": {},
        "readouts": {"glutamate": {"title": "glutamate", "unit": "fold"}},
    }  # fmt: skip
    [found] = sweeps.charts(record, {})
    return found.panels[0][1]


def test_a_sweep_tells_animals_from_people(parse: Callable[[str], Any]) -> None:
    drawn = parse(rats(kind="value", value=1.5))
    assert drawn.only("g", "measured").classes == ["measured", "animal"]


def test_a_sweep_draws_what_was_published_as_a_direction(parse: Callable[[str], Any]) -> None:
    assert parse(rats(kind="sign")).every("g", "measured")


def test_no_level_of_heading_is_skipped(page: Any) -> None:
    levels = [int(one.tag[1]) for one in page.inside() if one.tag in ("h1", "h2", "h3", "h4", "h5")]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_promise_without_bounds_does_not_stop_the_page(doctored: Bundle) -> None:
    row = {
        "arm": "ketamine", "readout": "relief", "quantity": "share", "time_h": 24.0, "lower": None,
        "upper": None, "predicted": 0.5, "mc_error": 0.01, "met": True,
    }  # fmt: skip
    doctored.experiments["camp"]["hypotheses"]["article"]["expected"] = [row]
    assert hypotheses.content(doctored)[0]["promises"][0]["predicted"] == 0.5


def test_a_hypothesis_without_any_score_does_not_stop_the_page(doctored: Bundle) -> None:
    # The scoreboard gives NaN where nothing was scored, and the bundle holds that as null.
    doctored.index["scoreboard"][-1].update(total=None, people=None, observations=0)
    assert "Scoreboard" in render(doctored)


@pytest.mark.parametrize("part", ["parameters.parquet", "observations.parquet"])
def test_a_missing_table_is_named(dossier: Path, tmp_path: Path, part: str) -> None:
    copy = Path(shutil.copytree(dossier, tmp_path / "copy"))
    (copy / part).unlink()
    with pytest.raises(InputError) as raised:
        read_bundle(copy)
    assert part in str(raised.value)


@pytest.mark.parametrize("part", ["parameters.parquet", "dossier.json", "model.xml"])
def test_a_part_with_other_content_is_named(dossier: Path, tmp_path: Path, part: str) -> None:
    copy = Path(shutil.copytree(dossier, tmp_path / "copy"))
    (copy / part).write_bytes(b"\xff" if part == "model.xml" else b"{}")
    with pytest.raises(InputError) as raised:
        read_bundle(copy)
    assert part in str(raised.value)


@pytest.mark.parametrize("way", ["experiments", "experiments/camp"])
def test_a_file_in_the_way_of_an_experiment_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(Experiment, "run", lambda *_, **__: None)
    (tmp_path / way).parent.mkdir(exist_ok=True)
    (tmp_path / way).write_text("in the way", encoding="utf-8")
    with pytest.raises(OutputError):
        write_dossier(tmp_path, experiments=["camp"], hypotheses=["article"], patients=4)


def test_a_package_in_a_folder_named_report_is_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "report" / "site-packages" / "ketasim"
    home.mkdir(parents=True)
    monkeypatch.setattr(ketasim, "__file__", str(home / "__init__.py"))
    hashes = set()
    for content in ("x = 1", "x = 2"):
        (home / "numbers.py").write_text(content, encoding="utf-8")
        hashes.add(running._package_hash.__wrapped__())
    assert len(hashes) == 2


LOCAL = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"><model id="m">
<listOfCompartments><compartment id="c" size="1" constant="true"/></listOfCompartments>
<listOfSpecies><species id="s" compartment="c" initialAmount="1" hasOnlySubstanceUnits="true"
 boundaryCondition="false" constant="false"/></listOfSpecies>
<listOfParameters><parameter id="y" value="1" constant="false"/></listOfParameters>
<listOfRules><rateRule variable="y"><math xmlns="http://www.w3.org/1998/Math/MathML">
<ci> s </ci></math></rateRule></listOfRules>
<listOfReactions><reaction id="r" reversible="false"><listOfReactants>
<speciesReference species="s" stoichiometry="1" constant="true"/></listOfReactants>
<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">
<apply><times/><ci> k </ci><ci> s </ci><ci> y </ci></apply></math><listOfLocalParameters>
<localParameter id="k" value="2"/></listOfLocalParameters></kineticLaw></reaction></listOfReactions>
</model></sbml>
"""


def test_a_parameter_of_one_reaction_is_read() -> None:
    found = influences(read_network(LOCAL), {"mine": {}})
    assert {(one.source, one.target) for one in found} == {("s", "y"), ("y", "s")}
