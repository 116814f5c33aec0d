"""The calibration trials on the page: every arm, predicted against published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ketasim.inference.predicting.left_out import left_out_families
from ketasim.report import Bundle, render
from ketasim.report.sections import trials

if TYPE_CHECKING:
    from collections.abc import Callable

UNIT = {"points": "points of", "percent": "percent of patients", "SD": "SD units"}


@pytest.fixture(scope="module")
def section(page: Any) -> Any:
    return page.by_id("trials")


@pytest.fixture(scope="module")
def average(bundle: Bundle) -> Any:
    return bundle.trials[bundle.trials["source"] == "all"]


def said(text: str) -> float:
    return float(text.split()[0].replace("−", "-"))


def test_there_is_one_group_for_each_family_named_by_its_heading(section: Any) -> None:
    groups = section.every("div", "family")
    assert [one.only("h4").text for one in groups] == list(left_out_families())
    for one in groups:
        assert one["role"] == "group"
        assert one["aria-labelledby"] == one.only("h4")["id"]
        assert one.every("svg", "chart")


def test_every_published_result_has_its_row_in_a_table(section: Any, average: Any) -> None:
    for group, (name, rows) in zip(
        section.every("div", "family"), average.groupby("family", sort=False), strict=True
    ):
        lines = group.only("details").only("tbody").every("tr")
        assert len(lines) == len(rows), name
        for line, row in zip(lines, rows.to_dict("records"), strict=True):
            cells = line.every("td")
            assert row["arm"] in line.only("th").text
            assert said(cells[2].text) == pytest.approx(row["value"], rel=0.01, abs=0.01)
            if row["predicted"] == row["predicted"]:
                assert said(cells[4].text) == pytest.approx(row["predicted"], rel=0.01, abs=0.01)


def test_every_published_result_is_drawn_once(section: Any, average: Any) -> None:
    figures = [one for one in section.every("svg", "trials") if "sample" not in one.classes]
    points = [shape for one in figures for shape in one.every("path", "point")]
    assert len(points) == len(average)


def test_units_never_mix_on_an_axis(section: Any, bundle: Bundle) -> None:
    made = trials.content(bundle)
    for group, family in zip(section.every("div", "family"), made["families"], strict=True):
        for panel, drawn in zip(group.every("div", "panel"), family["panels"], strict=True):
            heading = drawn["title"].partition(",")[0].lower()
            own = [one for one in family["rows"] if one["what"].startswith(heading)]
            [unit] = {one["unit"] for one in own}
            assert UNIT[unit] in panel.only("text", "axis-title").text


def test_contradictions_are_counted_drawn_and_told(section: Any, average: Any) -> None:
    judged = average[~average["given"] & average["predicted"].notna()]
    outside = judged[(judged["value"] < judged["lo95"]) | (judged["value"] > judged["hi95"])]
    signs = [one.text for one in section.every("text", "glyph")]
    assert signs.count("✗") == len(outside)
    assert signs.count("✓") == len(judged) - len(outside)
    told = [one for group in section.every("ul", "misses") for one in group.every("li")]
    assert len(told) == len(outside)
    assert f"Of {len(judged)} published results {len(judged) - len(outside)} lie" in section.text


def test_the_words_say_what_was_left_out_and_what_the_baselines_may_have_seen(
    section: Any,
) -> None:
    assert "predicted with itself left out of everything that learns" in section.text
    assert "they may have seen the answers" in section.text


def test_every_source_of_a_trial_is_among_the_references(bundle: Bundle, average: Any) -> None:
    for study, key in zip(average["study"], average["citation"], strict=True):
        because = bundle.index["references"][key]["because"]
        assert f"predicted with its family left out: {study}" in because


def test_every_hypothesis_that_ships_has_its_scores(section: Any, bundle: Bundle) -> None:
    table = section.every("table", "scores")[2]
    names = [row.only("th").text for row in table.only("tbody").every("tr")]
    assert names == ["average of all", *bundle.index["trials"]["hypotheses"]]


@pytest.mark.parametrize(
    ("own", "other", "words", "css"),
    [
        (1.0, 2.0, "better by 50 %", "agrees"),
        (3.0, 2.0, "worse by 50 %", "disagrees"),
        (2.0, 2.0, "as good", "unknown"),
    ],
)
def test_better_or_worse_than_a_baseline_is_said(
    doctored: Bundle, parse: Callable[[str], Any], own: float, other: float, words: str, css: str
) -> None:
    for row in doctored.index["trials"]["baselines"]:
        row.update(crps=other, crps_of_average=own)
    table = parse(render(doctored)).by_id("trials").every("table", "scores")[1]
    rows = table.only("tbody").every("tr")
    assert len(rows) == len(doctored.index["trials"]["baselines"])
    for row in rows:
        assert row.every("td")[0].only("strong").text == words
        assert row.every("td")[0].classes == [css]


def test_a_result_that_leaves_its_interval_becomes_a_contradiction(
    doctored: Bundle, parse: Callable[[str], Any]
) -> None:
    table = doctored.trials
    first = table.index[(table["source"] == "all") & ~table["given"]][0]
    table.loc[first, ["value", "lo95", "hi95"]] = [4.2, -9.0, -3.0]
    table.loc[first, "in95"] = False
    group = parse(render(doctored)).by_id("trials").every("div", "family")[0]
    assert any("published 4.2" in one.text for one in group.only("ul", "misses").every("li"))
    assert "✗" in [one.text for one in group.every("text", "glyph")]


def test_what_was_not_predicted_says_why(doctored: Bundle, parse: Callable[[str], Any]) -> None:
    table = doctored.trials
    first = table.index[(table["source"] == "all") & ~table["given"]][0]
    levels = ["predicted", *(f"{end}{share}" for share in (50, 80, 95) for end in ("lo", "hi"))]
    table.loc[first, levels] = float("nan")
    table.loc[first, "status"] = "not_predicted: <b>no</b> map"
    page = parse(render(doctored))
    group = page.by_id("trials").every("div", "family")[0]
    lines = [one.text for one in group.only("tbody").every("tr")]
    [line] = [one for one in lines if "<b>no</b> map" in one]
    assert "– not predicted" in line
    assert "nan" not in line


def test_a_number_has_few_digits_and_a_true_minus() -> None:
    numbers = [-12.345, 71.0, 0.456, 0.0, -0.001, float("nan")]
    assert [trials._number(one) for one in numbers] == ["−12.3", "71", "0.46", "0", "0", "–"]
