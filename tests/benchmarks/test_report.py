"""The page says what the figures say, peers that are faster as plainly as others."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from copy import deepcopy
from pathlib import Path
from typing import Any

import docutils.core
import docutils.utils
import pytest
from benchmarks.plots import COLOURS, DASHES, Series, panel
from benchmarks.report import main, page
from benchmarks.solver import overall
from benchmarks.tables import level_text, literal, number, ratio_text, reason_text

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
LEVELS = (1e-2, 1e-3)
SVG = "{http://www.w3.org/2000/svg}"


def measured(milliseconds: float) -> dict[str, Any]:
    """An engine whose cost grows tenfold from an error of 1e-1 to one of 1e-5."""
    points = [
        {"rtol": 10.0**-power, "error": 10.0**-power, "failed": 0, "compared": 2, "patients": 8,
         "repeats": [], "seconds_per_patient": 1e-3 * milliseconds * 10 ** ((power - 1) / 4)}
        for power in range(1, 6)
    ]  # fmt: skip
    seconds = {"cold_seconds": 4.0, "warm_seconds": 0.5}
    return {"version": "1.2", "compile": seconds, "points": points}


def model(title: str, **engines: dict[str, Any]) -> dict[str, Any]:
    def cost(one: dict[str, Any]) -> float:
        return float(one["points"][0]["seconds_per_patient"])

    ours = cost(engines["ketasim"])
    ratios = {}
    for name, one in engines.items():
        if name == "ketasim":
            continue
        ratio = None if "not_measured" in one else cost(one) / ours
        levels = {} if ratio is None else {f"{level:.0e}": ratio for level in LEVELS}
        ratios[name] = {"levels": levels, "geometric_mean": ratio}
    return {
        "title": title, "source": "`here` and_there", "absolute": 1e-7, "events": False,
        "outputs": ["x"], "shape": {"compared": 2, "times": 11, "outputs": 1}, "engines": engines,
        "agreement": {"quick": 3e-9}, "ratios": ratios,
    }  # fmt: skip


def made_by_hand() -> dict[str, Any]:
    reason = "KeyError: no *such* |name_ here_"
    cases = {
        "first": model("Model one", ketasim=measured(1.0), quick=measured(0.25),
                       slow=measured(37.0), absent={"not_measured": reason}),
        "second": model("Model two", ketasim=measured(2.0), quick=measured(6.0),
                        slow=measured(8.0), absent={"not_measured": reason}),
    }  # fmt: skip
    names = ("ketasim", "quick", "slow", "absent")
    row = {"failed": 0, "peak_bytes": 2**30, "loaded_bytes": 2**29, "rtol": 1e-3, "cores": 3}
    whole = {
        "rtol": 1e-4,
        "error": 5e-5,
        "patients": 8,
        "seconds_per_patient": 2e-3,
        "speedup": 2.5,
    }
    return {
        "format": 1,
        "machine": {"processor": "Abacus 9", "cores": 3, "system": "Linux x86_64",
                    "python": "3.99.1", "packages": {"numpy": "7.7.7"}},
        "engines": {name: {"configuration": f"as {name}" if name != "slow" else ""}
                    for name in names},
        "plan": {"engines": names, "cases": ["first", "second", "third"], "patients": 8,
                 "compared": 2, "levels": LEVELS, "rtols": [0.1, 1e-5], "repeats": 5,
                 "point_seconds": 0.5, "limit_seconds": 60.0},
        "floor": 0.001, "reference_rtol": 1e-12, "check_rtol": 1e-11, "level": 1e-4,
        "cases": cases, "overall": overall(cases, names[1:]),
        "all_cores": {"case": "first", "engines": {
            "ketasim": whole, "quick": {**whole, "seconds_per_patient": 1e-3},
            "slow": {"not_measured": "it ran away"}}},
        "cohorts": {"case": "first", "rows": [
            {"patients": 100, "seconds": 0.5, "asked_bytes": 2**20, **row},
            {"patients": 1000, "seconds": 4.0, "asked_bytes": 10 * 2**20, **row}]},
    }  # fmt: skip


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    return made_by_hand()


def rows_of(text: str, title: str) -> list[list[str]]:
    """The rows of the first table below a heading."""
    below = text.split(f"\n{title}\n", 1)[1]
    lines = below.split(".. list-table::", 1)[1].splitlines()
    found: list[list[str]] = []
    for line in lines[3:]:
        if line.startswith("   * -"):
            found.append([line[6:].strip()])
        elif line.startswith("     -"):
            found[-1].append(line[6:].strip())
        else:
            break
    return found


def check(text: str) -> None:
    """A warning of docutils is an error."""
    docutils.core.publish_doctree(
        text, settings_overrides={"halt_level": 2, "report_level": 2, "warning_stream": False}
    )


def test_a_peer_that_is_faster_is_told_first_and_in_bold(content: dict[str, Any]) -> None:
    text, _ = page(content)
    check(text)
    plain = " ".join(text.split("On the whole\n")[0].split())
    assert (
        "Of the 4 pairs of a peer and a model that were compared, ketasim is faster in 3." in plain
    )
    assert "**A peer is faster in 1**: quick on *Model one* (**0.25**)." in plain
    assert "there are 8 comparisons" in plain
    assert "quick on *Model one* at 1e-2 (**0.25**) and 1e-3 (**0.25**)." in plain


def test_nobody_faster_is_said_too(content: dict[str, Any]) -> None:
    other = deepcopy(content)
    del other["engines"]["quick"]
    text = " ".join(page(other)[0].split())
    assert "No peer is faster on the whole of any model." in text
    assert "Nor is one at any of the 4 single errors." in text
    del other["engines"]["slow"]
    assert "No peer was measured" in page(other)[0]


def test_the_tables(content: dict[str, Any]) -> None:
    text, _ = page(content)
    whole = rows_of(text, "On the whole")
    assert whole[1] == ["quick", "2", "1", "**1**", "**0.87, the peer is faster**"]
    assert whole[2] == ["slow", "2", "2", "0", "12"]
    assert whole[3] == ["absent", "0", "0", "0", "not measured"]
    assert rows_of(text, "Model by model") == [
        ["model", "quick", "slow", "absent"],
        ["Model one", "**0.25, the peer is faster**", "37", "not measured (note 1)"],
        ["Model two", "3.00", "4.00", "not measured (note 1)"],
    ]
    levels = rows_of(text, "The first model, error by error")
    assert levels[0] == ["peer", "1e-2", "1e-3"]
    assert levels[2:] == [["slow", "37", "37"], ["absent", "not measured (note 1)", ""]]
    seconds = rows_of(text, "Milliseconds a patient")
    assert seconds[1] == ["Model one", "5.62", "1.41", "208", "not measured (note 1)"]
    compiled = rows_of(text, "Compile times")[1]
    assert compiled[1:4] == ["4.00\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}0.500"] * 3
    together = rows_of(text, "All cores")
    assert together[1] == ["ketasim", "2.00", "2.50", "1", "1e-4", "5.0e-5"]
    assert together[2][3] == "**0.50, the peer is faster**"
    assert together[3][:2] == ["slow", "not measured (note 2)"]
    assert rows_of(text, "Cohorts of growing size")[1:] == [
        ["100", "0.500", "5.00", "1,024", "512", "1.00", "0"],
        ["1,000", "4.00", "4.00", "1,024", "512", "10.0", "0"],
    ]
    assert rows_of(text, "How it was measured")[1:] == [
        ["Model one", "3e-9"],
        ["Model two", "3e-9"],
    ]


def test_what_is_not_measured_has_its_reason(content: dict[str, Any]) -> None:
    text, _ = page(content)
    shown = docutils.core.publish_doctree(text).astext()
    assert "Note 1: KeyError: no *such* |name_ here_." in shown
    assert "Note 2: it ran away." in shown
    below = " ".join(shown.split("What is not measured, and why", 1)[1].split())
    assert "absent, every model: KeyError: no *such* |name_ here_." in below
    assert "third: the run had not come to it." in below


def test_what_one_engine_alone_reaches_is_said(content: dict[str, Any]) -> None:
    other = deepcopy(content)
    first = other["cases"]["first"]
    del first["ratios"]["slow"]["levels"]["1e-03"]
    first["ratios"]["quick"] = {"levels": {}, "geometric_mean": None}
    for point in first["engines"]["quick"]["points"]:
        point.update(failed=3, error=None, seconds_per_patient=None)
    first["engines"]["slow"]["points"][0]["failed"] = 1
    text, files = page(other)
    row = rows_of(text, "Model by model")[1]
    assert row[1:3] == ["not measured (note 1)", "37 (1 of 2 levels)"]
    assert rows_of(text, "The first model, error by error")[2] == ["slow", "37", "not reached"]
    assert "* Note 1: patients failed at every tolerance tried." in text
    assert "* quick on *Model one*, every tolerance tried." in text
    assert "* slow on *Model one*, tolerance 1e-1." in text
    assert "quick" not in files["work-precision-first.svg"]


def test_an_engine_given_up_half_way_is_not_measured(content: dict[str, Any]) -> None:
    other = deepcopy(content)
    slow = other["cases"]["first"]["engines"]["slow"]
    slow["not_measured"] = "it took longer than 60 s"
    slow["points"][-1]["seconds_per_patient"] = None
    text, files = page(other)
    assert rows_of(text, "Model by model")[1][2] == "not measured (note 1)"
    assert rows_of(text, "On the whole")[2][1] == "1"
    assert "slow" not in files["work-precision-first.svg"]


def test_the_machine_and_the_plan_are_told(content: dict[str, Any]) -> None:
    text = " ".join(page(content)[0].split())
    for said in (
        "*Abacus 9*, of which the run had 3 cores", "Linux x86_64", "Python 3.99.1 and numpy 7.7.7",
        "in 5 rounds", "Up to 8 patients", "more than 0.5 s", "longer than 60 s",
        "first 2 patients", "0.001 of the output's largest", "at a tolerance of 1e-12",
        "engines at 1e-11", "``here`` and_there",
    ):  # fmt: skip
        assert said in text, said


@pytest.mark.parametrize(
    "missing", [("all_cores",), ("cohorts",), ("all_cores", "cohorts", "overall")]
)
def test_a_run_that_is_not_done_makes_a_page(
    content: dict[str, Any], missing: tuple[str, ...]
) -> None:
    other = {key: value for key, value in content.items() if key not in missing}
    text, files = page(other)
    check(text)
    assert ("cohort-memory.svg" in files) == ("cohorts" not in missing)
    assert ("\nAll cores\n" in text) == ("all_cores" not in missing)


LARGE = {
    "patients": 1_000_000, "outputs": 15, "times": 200, "seconds": 500.0, "peak_bytes": 2**29,
    "failed": 0, "rtol": 1e-4, "chunk": 2500, "compared_patients": 100_000, "identical": True,
    "machine": {"processor": "Abacus 9", "cores": 2},
    "parts": [
        {"seconds": 200.0, "peak_bytes": 2**28, "patients_done": 250_000, "stopped_by": "SIGINT"},
        {"seconds": 300.0, "peak_bytes": 2**29, "patients_done": 1_000_000, "stopped_by": None},
    ],
}  # fmt: skip


def test_the_large_run(content: dict[str, Any]) -> None:
    text, _ = page(content, LARGE)
    check(text)
    said = " ".join(text.split("\n1,000,000 patients\n")[1].split())
    assert "1,000,000 patients, 200 output times and 15 outputs, tolerance 1e-4" in said
    assert "In all it took 500 s, 0.500 ms a patient and needed 512 MiB" in said
    assert "It was stopped after 250,000 patients and gone on with." in said
    assert (
        "first 100,000 patients are byte for byte those of a run of these alone at one go." in said
    )
    assert rows_of(text, "1,000,000 patients")[1] == ["1", "200", "256", "250,000", "SIGINT"]
    differing = " ".join(page(content, {**LARGE, "identical": False})[0].split())
    assert "first 100,000 patients differ from those of a run of these alone" in differing


@pytest.mark.parametrize("key", sorted(LARGE))
def test_every_figure_of_the_large_run_may_be_missing(content: dict[str, Any], key: str) -> None:
    check(page(content, {name: value for name, value in LARGE.items() if name != key})[0])
    check(page(content, {key: LARGE[key]})[0])


# plots ------------------------------------------------------------------------------------------
def test_each_plot_is_there_small_and_described(content: dict[str, Any]) -> None:
    text, files = page(content)
    shown = re.findall(r"\.\. image:: _static/benchmarks/(\S+)\n   :alt: (.+)", text)
    assert [name for name, _ in shown] == list(files)
    assert set(files) == {"work-precision-first.svg", "work-precision-second.svg",
                          "cohort-seconds.svg", "cohort-memory.svg"}  # fmt: skip
    for name, about in shown:
        root = ET.fromstring(files[name])
        assert int(root.attrib["width"]) <= 360
        assert root.find(f"{SVG}desc").text == about  # type: ignore[union-attr]
        sizes = [float(one.attrib["font-size"]) for one in root.iter(f"{SVG}text")]
        assert min(sizes) >= 12.0
    first = ET.fromstring(files["work-precision-first.svg"])
    words = [one.text for one in first.iter(f"{SVG}text")]
    assert {"Model one", "ketasim", "quick", "slow"} <= set(words)
    assert "absent" not in words
    assert "worst relative error" in words
    assert "milliseconds a patient, one core" in words


def test_marks_lie_where_the_numbers_are() -> None:
    points = [(1e-3, 1.0), (1e-1, 100.0)]
    root = ET.fromstring(panel("t", "a", [Series("one", points, points, 0)], "x", "y"))
    circles = [
        (float(one.attrib["cx"]), float(one.attrib["cy"])) for one in root.iter(f"{SVG}circle")
    ]
    (low_x, low_y), (high_x, high_y) = circles[:2]
    axes = [one.attrib["points"] for one in root.iter(f"{SVG}polyline")
            if one.attrib["stroke"] == "#333333"]  # fmt: skip
    top, corner, right = [tuple(map(float, pair.split(","))) for pair in axes[0].split()]
    assert (low_x, low_y) == corner
    assert (high_x, high_y) == (right[0], top[1])
    with pytest.raises(ValueError, match="nothing to draw"):
        panel("t", "a", [], "x", "y")


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255.0 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_engines_are_told_apart_by_colour_marker_and_dashes() -> None:
    assert all(1.05 / (luminance(colour) + 0.05) >= 3.0 for colour in COLOURS)
    assert len(set(COLOURS)) == len(set(DASHES)) == len(COLOURS)
    drawn = set()
    for style in range(len(COLOURS)):
        text = panel("t", "a", [Series("one", [(1.0, 1.0)], [], style)], "x", "y")
        marks = [line for line in text.splitlines() if re.match("<(circle|polygon|path)", line)]
        drawn.add(marks[0].replace(COLOURS[style], "colour"))
    assert len(drawn) == len(COLOURS)


# words and numbers ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("ratio", "text"),
    [(45.2, "45"), (1234.5, "1,234"), (2.5, "2.50"), (1.0, "1.00"),
     (0.9987, "**0.9987, the peer is faster**"), (0.8, "**0.80, the peer is faster**"),
     (0.0123, "**0.012, the peer is faster**")],
)  # fmt: skip
def test_ratios_as_text(ratio: float, text: str) -> None:
    assert ratio_text(ratio) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (0.0262, "0.0262"), (14.86, "14.9"), (100.0, "100"), (1234.4, "1,234"),
     (2.5e-7, "2.5e-7"), (3.2e7, "3.2e7")],
)  # fmt: skip
def test_numbers_as_text(value: float, text: str) -> None:
    assert number(value) == text


def test_levels_as_text() -> None:
    assert [level_text(level) for level in (1e-2, 1e-12, 1.0)] == ["1e-2", "1e-12", "1e0"]


@pytest.mark.parametrize(
    "text", ["a * b", "foo_ bar__ x", "|a|", "it's `half", "`x_y`, `z`", "back\\slash", "a_b"]
)
def test_any_text_is_shown_as_it_is(text: str) -> None:
    shown = docutils.core.publish_doctree(f"Begin {literal(text)} end.")
    assert shown.astext() == f"Begin {text.replace('`', '') if text.count('`') > 1 else text} end."


def test_a_reason_names_no_folder_of_the_machine() -> None:
    reason = "OSError: /tmp/some-1/lib.so: not found, see 1/2 and https://example.org/a/b."
    assert reason_text(reason) == (
        "OSError: lib.so: not found, see 1/2 and https://example.org/a/b"
    )


# the page that is committed ---------------------------------------------------------------------
def test_the_same_figures_give_the_same_files(content: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "figures.json").write_text(json.dumps(content))
    (tmp_path / "large.json").write_text(json.dumps(LARGE))
    (tmp_path / "_static" / "benchmarks").mkdir(parents=True)
    (tmp_path / "_static" / "benchmarks" / "old.svg").write_text("of another run")
    patch = pytest.MonkeyPatch()
    patch.setattr("sys.argv", ["report", str(tmp_path / "figures.json"), "--million",
                               str(tmp_path / "large.json"), "--docs", str(tmp_path)])  # fmt: skip
    try:
        main()
    finally:
        patch.undo()
    text, files = page(json.loads(json.dumps(content)), LARGE)
    assert (tmp_path / "benchmarks.rst").read_text(encoding="utf-8") == text
    written = {one.name: one.read_text(encoding="utf-8") for one in tmp_path.glob("_static/*/*")}
    assert written == files


@pytest.mark.skipif(
    not (RESULTS / "solver.json").exists(), reason="no figures of a whole run are kept yet"
)
def test_the_committed_page_is_made_of_the_committed_figures() -> None:
    large = RESULTS / "million.json"
    text, files = page(
        json.loads((RESULTS / "solver.json").read_text(encoding="utf-8")),
        json.loads(large.read_text(encoding="utf-8")) if large.exists() else None,
    )
    docs = ROOT / "docs"
    assert (docs / "benchmarks.rst").read_text(encoding="utf-8") == text
    kept = sorted((docs / "_static" / "benchmarks").glob("*.svg"))
    assert {one.name: one.read_text(encoding="utf-8") for one in kept} == files
