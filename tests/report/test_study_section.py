"""The section of a study: everything from its record, nothing as script, equal answers on one line."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from ketasim.experiments import Answer, Chart, Claim, Study, StudyParts, StudyVerdict
from ketasim.report import write_dossier
from ketasim.report.bundle import read_bundle
from ketasim.report.chart.study import Titles, looks_of, series_chart
from ketasim.report.chart.style import styles
from ketasim.report.page import render
from ketasim.report.sections import study as section

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ketasim.experiments import Request
    from ketasim.report import Bundle

HYPOTHESES = ("article", "no_opioid", "opioid_agonist")
NASTY = "<script>alert('x')</script> & co"


def conduct(request: Request) -> StudyParts:
    places = np.linspace(1.0, 9.0, 9)
    course = pd.DataFrame(
        {"series": "article", "x": places, "y": places, "extrapolated": places > 6}
    )
    other = pd.DataFrame({"series": "another", "x": places, "y": 10 - places})
    seen = pd.DataFrame({"series": "published: one", "x": [3.0], "y": [4.0], "label": NASTY})
    rows = [
        {"label": label, "group": group, "value": 1.0, "low": 0.0, "high": 2.0, "published": 1.5}
        for label in ("first", NASTY)
        for group in (*request.hypotheses, "no hypothesis")
    ]
    return StudyParts(
        answers=(
            Answer("Who?", "No one.", sources=("tiger2020",)),
            *(Answer("How?", "Alike, 5 % of them.", name) for name in request.hypotheses),
            Answer("When?", "Now.", "article"),
            Answer("When?", NASTY, "no_opioid"),
        ),
        tables={"some_table": pd.DataFrame({"name": [NASTY], "value": [1.23456], "yes": [True]})},
        charts=(
            Chart("lines", "Lines", "lines", pd.concat([course, other, seen]), "t (h)", "y (%)"),
            Chart("bars", "Bars", "intervals", pd.DataFrame(rows), "x (1)", "", note=NASTY),
        ),
        verdicts={name: StudyVerdict("contradicted", NASTY) for name in request.hypotheses},
        warnings=(NASTY,),
        sources=("nord2014",),
    )


CLAIM = Claim(NASTY, "Expected.", "Against it.", ("wangkaplin2019",))
STUDY = Study("made_up", "A made-up study", CLAIM, conduct)


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return json.loads(STUDY.run(hypotheses=HYPOTHESES).to_json())


@pytest.fixture
def shown(bundle: Bundle, record: dict[str, Any], parse: Callable[[str], Any]) -> Any:
    references = dict(bundle.index["references"])
    references |= dict.fromkeys(("tiger2020", "nord2014"), references["wangkaplin2019"])
    index = {**bundle.index, "references": references}
    text = render(replace(bundle, index=index, studies={"made_up": record}))
    return parse(text)


def test_the_page_has_claim_verdicts_and_warnings_of_the_study(shown: Any) -> None:
    part = shown.by_id("experiment-made_up")
    assert part.only("h2").text == "A made-up study"
    assert "Against it." in part.only("div", "contra").text
    assert [one.text for one in part.only("ul", "verdicts").every("b")] == list(HYPOTHESES)
    assert len(part.only("ul", "verdicts").every("span", "contradicted")) == len(HYPOTHESES)
    assert NASTY in part.only("div", "caution").text
    matrix = shown.by_id("verdicts").only("table").text
    assert "A made-up study" in matrix
    links = [one["href"] for one in shown.only("nav").every("a")]
    assert "#experiment-made_up" in links


def test_what_a_record_says_is_never_run(shown: Any) -> None:
    part = shown.by_id("experiment-made_up")
    assert not part.every("script")
    assert NASTY in part.text


def test_hypotheses_of_which_the_same_is_said_share_a_line(shown: Any) -> None:
    answers = [
        one.text for said in shown.by_id("experiment-made_up").every("ul", "said")
        for one in said.every("li")
    ]  # fmt: skip
    assert answers == ["every hypothesis: Alike, 5 % of them.", "article: Now.",
                       f"no_opioid: {NASTY}"]  # fmt: skip


def test_where_no_data_reach_the_chart_says_so(shown: Any) -> None:
    svgs = shown.by_id("experiment-made_up").every("svg", "study")
    lines = next(one for one in svgs if one["aria-label"] == "Lines")
    ground = lines.only("g", "beyond")
    assert ground.text == "no data here"
    assert float(ground.only("rect")["width"]) > 10
    dashed = [one for one in lines.every("path", "h0") if one.attributes.get("stroke-dasharray")]
    assert dashed
    assert f"published: one: {NASTY}" in lines.only("g", "measured").text


def test_a_series_that_is_no_hypothesis_has_a_look_of_its_own() -> None:
    known = styles(HYPOTHESES)
    looks = looks_of([*HYPOTHESES, "other", "third"], known)
    classes = [one.css_class for one in looks.values()]
    assert len(set(classes)) == len(classes)
    assert [one.hypothesis for one in looks.values()] == [True] * 3 + [False] * 2
    assert looks["other"].line.startswith("own")
    alone = looks_of(["other", "third"], known)
    assert [one.css_class for one in alone.values()] == ["h0", "h1"]


def test_intervals_stand_under_their_label_with_what_was_published_behind(
    record: dict[str, Any], parse: Callable[[str], Any]
) -> None:
    charts = section.content(record, styles(HYPOTHESES))["charts"]
    drawn = parse(str(charts[1]["panels"][0][1]))
    assert len(drawn.every("g", "published")) == 8
    names = [one.text for one in drawn.every("text", "row-name")]
    assert names == [*HYPOTHESES, "no hypothesis"] * 2
    assert "published" in charts[1]["measured"]
    assert [name for _, name in charts[1]["legend"]] == ["no hypothesis"]


def test_points_lie_where_the_scales_put_them(parse: Callable[[str], Any]) -> None:
    rows = [{"series": "a", "x": x, "y": y} for x, y in ((0.0, 0.0), (1.0, 1.0), (2.0, 2.0))]
    looks = looks_of(["a"], {})
    drawn = parse(str(series_chart(Titles("c", "x", "y"), rows, looks, cloud=True)))
    places = [
        tuple(float(one) for one in path["transform"][10:-1].split())
        for path in drawn.every("path", "symbol-own")
    ]
    (x0, y0), (x1, y1), (x2, y2) = places
    assert (x0 + x2) / 2 == pytest.approx(x1, abs=0.06)
    assert (y0 + y2) / 2 == pytest.approx(y1, abs=0.06)
    assert x2 > x0
    assert y2 < y0


def test_a_table_of_the_study_is_shown_whole(shown: Any) -> None:
    table = shown.by_id("experiment-made_up").only("table", "study-table")
    assert [one.text for one in table.every("th")] == ["name", "value", "yes"]
    assert [one.text for one in table.every("td")] == [NASTY, "1.235", "yes"]
    assert "number" in table.every("td")[1].classes


def test_a_dossier_of_a_study_alone_is_written_kept_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def counted(request: Request) -> StudyParts:
        ran.append(request.size)
        return conduct(request)

    made = replace(STUDY, conduct=counted)
    monkeypatch.setattr("ketasim.experiments.experiment", {"made_up": made}.__getitem__)
    call = {"experiments": ["made_up"], "hypotheses": ["article", "no_opioid"], "patients": 4}
    page = write_dossier(tmp_path, **call)
    assert '<section id="experiment-made_up"' in page.read_text("utf-8")
    kept = read_bundle(tmp_path)
    assert (list(kept.studies), kept.experiments, kept.index["patients"]) == (["made_up"], {}, None)
    assert {"tiger2020", "nord2014", "wangkaplin2019"} <= set(kept.index["references"])
    assert ran == ["quick"]
    write_dossier(tmp_path, **call)
    assert ran == ["quick"]
