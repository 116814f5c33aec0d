"""The page as a browser, a screen reader and a suspicious reader see it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.experiments import list_experiments
from ketasim.model import list_hypotheses
from ketasim.report import Bundle, render
from ketasim.report.page import _interval, _number, _percent, _quantity

if TYPE_CHECKING:
    from collections.abc import Callable

BAD = "</style></script><script>alert(1)</script>"


def section(page: Any, name: str) -> Any:
    return page.by_id(f"experiment-{name}")


def test_every_id_is_there_once(page: Any) -> None:
    counts = Counter(one["id"] for one in page.inside() if "id" in one.attributes)
    assert len(counts) > 100
    assert not [name for name, count in counts.items() if count > 1]


def test_every_link_inside_the_page_has_its_target(page: Any) -> None:
    ids = {one.attributes.get("id") for one in page.inside()}
    links = [one["href"] for one in page.every("a") if one["href"].startswith("#")]
    assert len(links) > 50
    assert not [link for link in links if link.removeprefix("#") not in ids]


@pytest.mark.parametrize("attribute", ["aria-labelledby", "aria-describedby", "for"])
def test_what_names_something_else_names_something_that_is_there(page: Any, attribute: str) -> None:
    ids = {one.attributes.get("id") for one in page.inside()}
    for one in page.inside():
        assert set(one.attributes.get(attribute, "").split()) <= ids


def test_opening_the_page_loads_nothing(page: Any, page_text: str) -> None:
    for one in page.inside():
        assert one.tag not in ("link", "img", "iframe", "object", "embed", "base", "audio", "video")
        assert "src" not in one.attributes
        assert "xlink:href" not in one.attributes
        assert not [name for name in one.attributes if name.startswith("on")]
        if "href" in one.attributes:
            assert one.tag == "a"
    assert "@import" not in page_text
    assert "url(" not in page_text.replace("url(#end-", "")


def test_there_is_one_small_script_and_no_plotting_library(page: Any, page_text: str) -> None:
    assert len(page.only("script").text) < 10_000
    assert "plotly" not in page_text.lower()


def test_language_viewport_and_title_are_set(page: Any, page_text: str) -> None:
    assert page_text.lstrip().lower().startswith("<!doctype html>")
    assert page.only("html")["lang"] == "en"
    meta = {one.attributes.get("name"): one.attributes for one in page.every("meta")}
    assert "width=device-width" in meta["viewport"]["content"]
    assert meta[None]["charset"] == "utf-8"
    assert "ketasim" in page.only("head").only("title").text


def test_there_is_one_headline_and_the_first_thing_is_a_way_around_the_menu(page: Any) -> None:
    assert len(page.every("h1")) == 1
    first = page.only("body").elements[0]
    assert (first.tag, first["href"]) == ("a", "#main")
    assert page.by_id("main").tag == "main"


def test_every_section_is_named_by_its_heading(page: Any) -> None:
    sections = page.every("section")
    assert len(sections) == 10 + 2
    for one in sections:
        assert one.only("h2")["id"] == one["aria-labelledby"]


def test_the_menu_leads_to_every_section(page: Any) -> None:
    linked = [one["href"].removeprefix("#") for one in page.only("nav").every("a")]
    assert linked == [one["id"] for one in page.every("section")]


def test_every_chart_says_its_values_to_a_screen_reader(page: Any) -> None:
    charts = page.every("svg", "chart")
    assert len(charts) > 50
    for one in charts:
        assert one["role"] == "img"
        assert one["aria-label"] == one.elements[0].text
        assert any(letter.isdigit() for letter in one["aria-label"])
        assert "nan" not in one["aria-label"].split()
    silent = [one for one in page.every("svg") if "chart" not in one.classes]
    assert all({"aria-hidden", "aria-labelledby"} & one.attributes.keys() for one in silent)


def test_every_table_has_header_cells_with_a_scope(page: Any) -> None:
    tables = page.every("table")
    assert len(tables) > 10
    for table in tables:
        heads = table.only("thead").every("th")
        assert heads
        assert all(one["scope"] in ("col", "row") for one in table.every("th"))
        for row in table.only("tbody").every("tr"):
            assert len(row.elements) == len(heads)


def test_no_number_is_shown_as_a_computer_writes_it(page: Any) -> None:
    for table in page.every("table"):
        for cell in table.every("td"):
            words = cell.text.split()
            assert not {"nan", "None", "inf", "-inf", "NaN", "True", "False"} & set(words)


def test_the_page_stays_small(page_text: str) -> None:
    share = len(page_text.encode()) / (2 * 3)
    assert share * len(list_experiments("claim")) * len(list_hypotheses()) < 8e6


def test_nothing_here_is_medical_advice(page: Any) -> None:
    assert "nothing here is medical advice" in page.only("header").text
    assert "nothing here is medical advice" in page.only("footer").text


def test_every_claim_stands_beside_what_speaks_against_it(page: Any, bundle: Bundle) -> None:
    for name, record in bundle.experiments.items():
        text = section(page, name).text
        for part in ("claim", "article", "against"):
            assert " ".join(record[part].split()) in text


def test_every_hypothesis_is_in_every_experiment_with_its_verdict(
    page: Any, bundle: Bundle
) -> None:
    for name, record in bundle.experiments.items():
        rows = section(page, name).only("ul", "verdicts").every("li")
        assert [one.only("b").text for one in rows] == list(bundle.hypotheses)
        for row, found in zip(rows, record["hypotheses"].values(), strict=True):
            shown = row.only("span", "verdict").text[1:]
            assert found["verdict"].startswith(shown)
            for disagreeing in found["verdict_detail"]["disagree"]:
                assert disagreeing in row.text


def test_the_matrix_of_verdicts_is_that_of_the_bundle(page: Any, bundle: Bundle) -> None:
    rows = page.by_id("verdicts").only("tbody").every("tr")
    for row, record in zip(rows, bundle.experiments.values(), strict=True):
        shown = [one.text[1:] for one in row.every("span", "verdict")]
        wanted = [one["verdict"] for one in record["hypotheses"].values()]
        assert all(full.startswith(short) for full, short in zip(wanted, shown, strict=True))
        assert row.only("th").text == record["title"]


def test_every_deciding_result_is_printed_with_its_source(
    page: Any, bundle: Bundle, verdicts_of: Callable[..., list[Any]]
) -> None:
    for name, record in bundle.experiments.items():
        panels = [one.text for one in section(page, name).every("div", "panel")]
        for made in verdicts_of(record):
            label = bundle.index["references"][made["source"]]["label"]
            assert any(made["published"] in text and label in text for text in panels)


def test_every_observation_has_its_row(page: Any, bundle: Bundle) -> None:
    for name, record in bundle.experiments.items():
        for seen in record["published"]:
            row = page.by_id(f"{name}-{seen['id']}")
            assert seen["text"] in row.text
            assert len(row.every("td")) == 5 + len(bundle.hypotheses)


def test_every_reference_can_be_told_apart(page: Any, bundle: Bundle) -> None:
    for key, one in bundle.index["references"].items():
        entry = page.by_id(f"ref-{key}")
        assert entry.only("strong").text == one["label"]


def test_a_calibrated_dossier_bears_no_flag_and_an_uncalibrated_one_many(
    page: Any, doctored: Bundle, parse: Callable[[str], Any]
) -> None:
    assert not page.every("span", "flag")
    doctored.index["hypotheses"][1]["calibrated"] = False
    for record in doctored.experiments.values():
        record["hypotheses"]["no_opioid"]["calibrated"] = False
    marked = parse(render(doctored))
    for name in doctored.experiments:
        rows = section(marked, name).only("ul", "verdicts").every("li")
        assert [len(row.every("span", "flag")) for row in rows] == [0, 1, 0]
    heads = marked.by_id("verdicts").only("thead").every("th")
    assert [len(one.every("span", "flag")) for one in heads] == [0, 0, 1, 0]
    assert len(marked.by_id("hypothesis-no_opioid").every("span", "flag")) == 1


def test_the_page_comes_from_the_bundle_alone(
    doctored: Bundle, parse: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ketasim.evidence.load", None)
    monkeypatch.setattr("ketasim.model.load_model", None)
    record = doctored.experiments["ampa"]
    seen = next(one for one in record["published"] if one["id"] == "ht1b-hippocampus")
    seen["text"] = "4.321 fold, altered"
    record["hypotheses"]["article"]["verdict"] = "undecided"
    for row in record["hypotheses"]["article"]["shares"]:
        row["value"] = 0.4567
    doctored.index["manifest"]["created"] = "1999-12-31"
    altered = parse(render(doctored))
    ampa = section(altered, "ampa")
    assert "4.321 fold, altered" in altered.by_id("ampa-ht1b-hippocampus").text
    assert any("4.321 fold, altered" in one["aria-label"] for one in ampa.every("svg", "chart"))
    assert ampa.only("ul", "verdicts").every("li")[0].only("span", "verdict").text == "≈undecided"
    assert "46 %" in ampa.text
    row = altered.by_id("verdicts").only("tbody").every("tr")[1]
    assert row.every("span", "verdict")[0].text == "≈undecided"
    assert "1999-12-31" in altered.by_id("provenance").text


@pytest.fixture(scope="module")
def hostile(bundle: Bundle, parse: Callable[[str], Any]) -> Any:
    """The page of a bundle in which somebody wrote markup wherever a person writes words."""

    def spoilt(value: Any) -> Any:
        return json.loads(json.dumps(value).replace("no_opioid", json.dumps(BAD)[1:-1]))

    index, experiments = spoilt(bundle.index), spoilt(bundle.experiments)
    index["hypotheses"][0].update(title=BAD, statement=BAD, supports=[[BAD, "maeng2008"]])
    record = experiments["camp"]
    record.update(title=BAD, claim=BAD, notes=[BAD], warnings=[BAD])
    record["arms"]["ketamine"].update(title=BAD, regimen=BAD)
    record["published"][0].update(text=BAD, species=BAD, note=BAD)
    parameters = bundle.parameters.assign(note=BAD)
    return parse(
        render(replace(bundle, index=index, experiments=experiments, parameters=parameters))
    )


def test_markup_in_a_title_or_a_name_stays_text(hostile: Any) -> None:
    assert len(hostile.every("script")) == 1
    assert len(hostile.every("style")) == 1
    assert hostile.by_id(f"hypothesis-{BAD}").text == f"No opioid edge {BAD}"
    assert hostile.by_id("hypothesis-article").text == f"{BAD} article"
    assert hostile.by_id("camp-title").text == BAD
    assert hostile.only("select").every("option")[2]["value"] == BAD


def test_markup_in_the_data_does_not_break_the_page(hostile: Any, page: Any) -> None:
    assert [one.tag for one in hostile.only("body").elements] == [
        one.tag for one in page.only("body").elements
    ]
    assert len(hostile.every("section")) == len(page.every("section"))
    assert len(hostile.every("svg", "chart")) == len(page.every("svg", "chart"))


def test_each_hypothesis_can_be_highlighted(page: Any, bundle: Bundle) -> None:
    options = [one["value"] for one in page.by_id("only").every("option")]
    assert options == ["", *bundle.hypotheses]
    css = page.only("style").text
    assert all(f'[data-only="{name}"] .chart .line:not(' in css for name in bundle.hypotheses)


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (float("nan"), "–"), (-0.5, "−0.5"), (1234.5, "1.23e+03"), (1e-5, "1e−05")],
)
def test_a_number_is_short_and_has_a_true_minus(value: float | None, words: str) -> None:
    assert _number(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (0.724, "72 %"), (-1e-9, "0 %"), (-0.25, "−25 %"), (1.0, "100 %")],
)
def test_a_share_is_a_percentage(value: float | None, words: str) -> None:
    assert _percent(value) == words


def test_units_and_intervals_are_shown_where_there_are_some() -> None:
    assert _quantity(2.0, "ng/mL") == "2 ng/mL"
    assert _quantity(2.0, "dimensionless") == _quantity(2.0, "1") == "2"
    assert _interval(-1.0, 2.5) == "−1 to 2.5"
    assert _interval(None, 2.5) == ""
