"""A study runs its own function; what it returns is checked, saved, drawn and made again."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError, KetasimError, ModelError, UnknownNameError
from ketasim.experiments import (
    Answer,
    Chart,
    Claim,
    Request,
    Study,
    StudyParts,
    StudyVerdict,
    discovery,
    experiment,
    list_experiments,
    studies,
)
from ketasim.experiments.study import by_question
from ketasim.experiments.study_record import check_study_record
from ketasim.rerun import rerun

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("article", "no_opioid")
FILE = """
from dataclasses import replace
from ketasim.experiments.studies.pet_trial import STUDY as OTHER
STUDY = replace(OTHER, name="a_new_study")
"""


def lines() -> pd.DataFrame:
    places = np.linspace(1.0, 10.0, 5)
    table = pd.DataFrame({"series": "article", "x": places, "y": places**2})
    table = table.assign(low=table["y"] - 1, high=table["y"] + 1, extrapolated=places > 5)
    point = {"series": "published: a trial", "x": 2.0, "y": 3.0, "low": 2.0, "high": 4.0}
    across = {"series": "published: no time", "x": np.nan, "y": 5.0}
    return pd.concat([table, pd.DataFrame([point, across])], ignore_index=True)


def bars() -> pd.DataFrame:
    rows = [
        {"label": label, "group": group, "value": 1.0, "low": 0.5, "high": np.nan, "published": 2.0}
        for label in ("one", "two")
        for group in NAMES
    ]
    return pd.DataFrame(rows)


def cloud() -> pd.DataFrame:
    return pd.DataFrame(
        {"series": ["a", "b"], "x": [1.0, 2.0], "y": [3.0, 4.0], "panel": ["p", "q"]}
    )


def conduct(request: Request) -> StudyParts:
    rng = np.random.default_rng(request.seed)
    table = pd.DataFrame({"who": ["x", "y"], "how_much": rng.normal(size=2)})
    table.attrs["note"] = "A note."
    request.tell(1, 1)
    return StudyParts(
        answers=(
            Answer("How much?", "So much.", value=1.5, unit="%", sources=("tiger2020",)),
            *(Answer("Why?", "Because.", name) for name in request.hypotheses),
        ),
        tables={"some_numbers": table},
        charts=(
            Chart("bars", "Bars", "intervals", bars(), "x (%)", ""),
            Chart("lines", "Lines", "lines", lines(), "t (h)", "y (1)", log_x=True),
            Chart("cloud", "Cloud", "points", cloud(), "x (1)", "y (1)"),
        ),
        verdicts={name: StudyVerdict("undecided", "it is.") for name in request.hypotheses},
        warnings=("Mind this.",),
        sources=("nord2014",),
    )


CLAIM = Claim("A claim.", "Expected.", "Against.", ("wangkaplin2019",))
STUDY = Study("made_up", "A made-up study", CLAIM, conduct)


def unchecked(made: type, /, **fields: object) -> None:
    """Make a frozen object as a caller without type checks would, and let it check itself."""
    one = object.__new__(made)
    for name, value in fields.items():
        object.__setattr__(one, name, value)
    one.__post_init__()


@pytest.fixture
def afresh() -> Iterator[None]:
    discovery._experiments.cache_clear()
    yield
    discovery._experiments.cache_clear()


def test_the_result_holds_everything_the_function_returned() -> None:
    told: list[tuple[int, int]] = []
    result = STUDY.run("full", NAMES, 7, lambda done, total: told.append((done, total)))
    assert told == [(1, 1)]
    assert (result.size, result.seed, result.hypotheses) == ("full", 7, NAMES)
    assert result.summary().loc["article", "verdict"] == "undecided"
    assert result.to_frame()["hypothesis"].tolist() == ["", *NAMES]
    expected = np.random.default_rng(7).normal(size=2)
    assert result.to_frame("some_numbers")["how_much"].tolist() == expected.tolist()
    assert result.to_xarray("some_numbers")["who"].values.tolist() == ["x", "y"]
    assert set(result.citations()["key"]) == {"wangkaplin2019", "tiger2020", "nord2014"}
    assert result.manifest.options == {"study": "made_up", "size": "full"}
    assert "article              undecided: it is." in repr(result)
    assert "[article, no_opioid] Because." in repr(result)
    assert "<caption>A made-up study. A claim.</caption>" in result._repr_html_()


def test_a_copy_of_a_table_does_not_change_the_result() -> None:
    result = STUDY.run(hypotheses=NAMES)
    copy = result.to_frame("some_numbers")
    copy["how_much"] = 0.0
    assert (result.to_frame("some_numbers")["how_much"] != 0.0).all()


def test_a_saved_result_reads_back_and_is_made_again_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = STUDY.run(hypotheses=NAMES, seed=3)
    result.save(tmp_path)
    record = json.loads((tmp_path / "study.json").read_text("utf-8"))
    assert record == result.record()
    assert record["verdicts"]["article"] == {
        "outcome": "undecided", "why": "it is.", "calibrated": True
    }  # fmt: skip
    # A number that is missing is null, and a table keeps its note.
    assert record["charts"][0]["rows"][0]["high"] is None
    assert record["tables"]["some_numbers"]["note"] == "A note."
    assert pd.read_parquet(tmp_path / "some_numbers.parquet").shape == (2, 2)
    monkeypatch.setattr("ketasim.experiments.experiment", {"made_up": STUDY}.__getitem__)
    again = rerun(tmp_path)
    assert (again.largest_difference, again.differences) == (0.0, ())
    assert rerun(tmp_path, check_only=True).largest_difference is None
    moved = replace(STUDY, conduct=lambda request: conduct(replace(request, seed=4)))
    monkeypatch.setattr("ketasim.experiments.experiment", {"made_up": moved}.__getitem__)
    assert (rerun(tmp_path).largest_difference or 0.0) > 0.01


def test_a_record_that_breaks_the_schema_is_named_by_its_place() -> None:
    record = STUDY.run(hypotheses=NAMES).record()
    record["verdicts"]["article"]["outcome"] = "proven"
    with pytest.raises(KetasimError, match=r"\$\.verdicts\.article\.outcome"):
        check_study_record(record)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ({"size": "huge"}, InputError, "no size 'huge'"),
        ({"hypotheses": ()}, InputError, "no hypothesis is given"),
        ({"hypotheses": ("article", "article")}, InputError, "given twice"),
        ({"hypotheses": ("artcle",)}, UnknownNameError, "did you mean article"),
    ],
)
def test_what_cannot_be_run_is_refused(call: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        inspect.unwrap(Study.run)(STUDY, **call)


def test_a_verdict_must_be_one_of_four_and_there_for_every_hypothesis() -> None:
    with pytest.raises(ModelError, match="no verdict 'proven'"):
        unchecked(StudyVerdict, outcome="proven", why="x")
    short = replace(STUDY, conduct=lambda request: replace(conduct(request), verdicts={}))
    with pytest.raises(ModelError, match="'made_up': there are verdicts for nothing"):
        short.run(hypotheses=NAMES)


def test_two_charts_of_one_name_are_refused() -> None:
    def twice(request: Request) -> StudyParts:
        parts = conduct(request)
        return replace(parts, charts=(parts.charts[0], parts.charts[0]))

    with pytest.raises(ModelError, match="two charts have the name 'bars'"):
        replace(STUDY, conduct=twice).run(hypotheses=NAMES)


@pytest.mark.parametrize(
    ("kind", "frame", "words"),
    [
        ("pie", lines(), "no kind of chart 'pie'"),
        ("lines", lines().drop(columns="y"), "the column 'y' is missing"),
        ("intervals", lines(), "the column 'label' is missing"),
    ],
)
def test_a_chart_without_what_it_draws_is_refused(
    kind: str, frame: pd.DataFrame, words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        unchecked(Chart, name="c", kind=kind, frame=frame)


def test_every_chart_becomes_a_figure_with_titled_axes_and_black_published_points() -> None:
    figures = STUDY.run(hypotheses=NAMES).figures()
    assert list(figures) == ["bars", "lines", "cloud"]
    drawn = {name: {one.name: one for one in figure.data} for name, figure in figures.items()}
    assert figures["lines"].layout.xaxis.title.text == "t (h)"
    assert figures["lines"].layout.xaxis.type == "log"
    assert drawn["lines"]["published: a trial"].marker.color == "#000000"
    assert list(drawn["lines"]["published: no time"].y) == [5.0, 5.0]
    assert any("no data here" in one.text for one in figures["lines"].layout.annotations)
    assert list(drawn["bars"]["published"].x) == [2.0, 2.0]
    assert {one.text for one in figures["cloud"].layout.annotations} == {"p", "q"}
    colours = {drawn["bars"][name].marker.color for name in NAMES}
    assert len(colours) == 2
    with pytest.raises(UnknownNameError, match="unknown chart 'bar'"):
        STUDY.run(hypotheses=NAMES).plot("bar")


def test_answers_that_say_the_same_share_a_line_and_others_do_not() -> None:
    given = [("q", "", "x"), ("q", "a", "x"), ("q", "b", "x"), ("r", "a", "y"), ("q", "c", "z")]
    assert by_question(given) == {
        "q": [((), "x"), (("a", "b"), "x"), (("c",), "z")],
        "r": [(("a",), "y")],
    }


def test_both_kinds_are_listed_and_each_alone() -> None:
    claims, own = list_experiments("claim"), list_experiments("study")
    assert sorted(list_experiments()) == sorted((*claims, *own))
    assert "pet_trial" in own
    assert all(isinstance(experiment(name), Study) for name in own)
    with pytest.raises(InputError, match="no kind 'both'"):
        inspect.unwrap(list_experiments)("both")


def test_a_file_in_the_folder_of_studies_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, afresh: None
) -> None:
    monkeypatch.setattr(studies, "__path__", [*studies.__path__, str(tmp_path)])
    (tmp_path / "written_by_a_test_of_studies.py").write_text(FILE, "utf-8")
    assert "a_new_study" in list_experiments("study")
    (tmp_path / "empty_and_written_by_a_test.py").write_text("X = 1\n", "utf-8")
    discovery._experiments.cache_clear()
    with pytest.raises(ModelError, match="there is no STUDY of the type Study"):
        list_experiments()
