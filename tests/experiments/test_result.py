"""A result as tables, as JSON, as files: the same numbers everywhere, and their sources."""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from ketasim.errors import KetasimError, OutputError
from ketasim.evidence import bibliography
from ketasim.experiments import (
    ExperimentResult,
    check_record,
    list_experiments,
    readout,
    schema,
)
from ketasim.experiments.result import ARMS_FILE, JSON_FILE
from ketasim.experiments.verdict import VERDICT_RULE
from ketasim.provenance import Manifest
from ketasim.results import Result

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., ExperimentResult]
COUNTED = ("response", "remission")
COLUMNS = ["hypothesis", "arm", "readout", "time_h", "value", "lo95", "hi95", "mc_error", "unit"]


@pytest.fixture(scope="module")
def result(run: Run) -> ExperimentResult:
    return run("mtor", ("article", "mtor_sparing"))


@pytest.fixture(scope="module")
def record(result: ExperimentResult) -> dict[str, Any]:
    return result.record()


@pytest.fixture(scope="module")
def small(record: dict[str, Any]) -> dict[str, Any]:
    """The same record with one hypothesis, one arm and few points, quick to check."""
    made = copy.deepcopy({**record, "hypotheses": {"article": record["hypotheses"]["article"]}})
    mine = made["hypotheses"]["article"]
    mine["arms"] = {"ketamine": {"relief": mine["arms"]["ketamine"]["relief"][:3]}}
    check_record(made)
    return made


def test_it_has_what_every_result_has(result: ExperimentResult) -> None:
    assert isinstance(result, Result)
    assert result.hypotheses == ("article", "mtor_sparing")


def test_the_frame_is_long_ordered_and_a_copy(result: ExperimentResult) -> None:
    frame = result.to_frame()
    assert list(frame.columns) == COLUMNS
    assert not frame.duplicated(COLUMNS[:4]).any()
    assert set(frame["readout"]) == set(result.experiment.readouts)
    assert set(frame["arm"]) == {one.name for one in result.experiment.main_arms}
    frame.loc[:, "value"] = 0.0
    assert (result.to_frame()["value"] != 0.0).any()


def test_a_median_lies_inside_its_interval(result: ExperimentResult) -> None:
    frame = result.to_frame()
    slack = 1e-12
    assert (frame["lo95"] <= frame["value"] + slack).all()
    assert (frame["value"] <= frame["hi95"] + slack).all()
    assert (frame["mc_error"] >= 0.0).all()


def test_before_any_dose_everything_rests(result: ExperimentResult) -> None:
    frame = result.to_frame()
    early = frame[(frame["time_h"] < 0) & (frame["arm"] == "ketamine")]
    for name in ("mtorc1", "akt", "bdnf", "camp", "glx", "relief"):
        rows = early[early["readout"] == name]
        assert len(rows) == 4 * len(result.hypotheses)
        assert rows[["value", "lo95", "hi95"]].to_numpy() == pytest.approx(readout(name).rest)


def test_the_dataset_holds_the_numbers_of_the_frame(result: ExperimentResult) -> None:
    dataset = result.to_xarray()
    for row in result.to_frame().iloc[::97].itertuples():
        place = {"hypothesis": row.hypothesis, "arm": row.arm, "readout": row.readout}
        one = dataset.sel(**place, time=row.time_h)
        numbers = [float(one[name]) for name in ("value", "lo95", "hi95", "mc_error")]
        assert numbers == [row.value, row.lo95, row.hi95, row.mc_error]
    assert dataset.attrs["units"]["madrs_change"] == "points"
    assert dataset.attrs["units"]["mtorc1"] == "fold"


def test_the_summary_counts_what_the_comparisons_say(result: ExperimentResult) -> None:
    summary = result.summary()
    for name in result.hypotheses:
        made = [one for one in result.comparisons if one.hypothesis == name]
        deciding = [one for one in made if one.role == "decides"]
        people = [one for one in deciding if one.observation.species == "human"]
        row = summary.loc[name]
        assert row["deciding"] == len(deciding)
        assert row["agree"] == sum(bool(one.agrees) for one in deciding)
        assert row["people"] == f"{sum(bool(one.agrees) for one in people)} of {len(people)}"
        logs = [math.log(one.probability) for one in deciding]
        assert row["log_likelihood"] == pytest.approx(sum(logs))
        assert row["calibrated"]


def test_every_published_row_is_compared_once_with_every_hypothesis(
    result: ExperimentResult, table: pd.DataFrame
) -> None:
    rows = table[table["experiment"].isin(["mtor", "synapse"])]
    frame = result.comparison_frame()
    assert len(frame) == 2 * len(rows)
    for _, mine in frame.groupby("hypothesis"):
        assert mine["observation"].tolist() == rows["id"].tolist()


@pytest.mark.parametrize("name", list_experiments("claim"))
def test_the_record_of_every_experiment_obeys_the_schema(name: str, run: Run) -> None:
    # Those with readouts of every kind are checked in full.
    record = run(name, brief=name not in ("occupancy", "naltrexone")).record()
    check_record(record)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["id"] == name


def test_no_record_is_written_that_breaks_the_schema(run: Run) -> None:
    ampa = run("ampa", brief=True)
    assert json.loads(ampa.to_json()) == ampa.record()
    with pytest.raises(KetasimError, match=r"\$\.size"):
        replace(ampa, size="huge").to_json()


def test_the_record_holds_the_numbers_of_the_frame(
    result: ExperimentResult, record: dict[str, Any]
) -> None:
    frame = result.to_frame()
    wanted = {"hypothesis": "mtor_sparing", "arm": "rapamycin+ketamine", "readout": "spines"}
    rows = frame[(frame[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    points = record["hypotheses"]["mtor_sparing"]["arms"]["rapamycin+ketamine"]["spines"]
    assert [one["time_h"] for one in points] == pytest.approx(rows["time_h"].tolist(), rel=1e-5)
    for name in ("value", "lo95", "hi95", "mc_error"):
        assert [one[name] for one in points] == pytest.approx(rows[name].tolist(), rel=1e-5)


def test_the_record_says_claim_verdicts_rule_and_what_stands_against(
    result: ExperimentResult, record: dict[str, Any]
) -> None:
    claim = result.experiment.claim
    assert (record["claim"], record["against"]) == (claim.text, claim.against)
    for name, one in result.verdicts.items():
        mine = record["hypotheses"][name]
        assert mine["verdict"] == one.outcome
        assert mine["rule"] == VERDICT_RULE
        assert mine["verdict_detail"]["agree"] == list(one.agree)
        assert {row["met"] for row in mine["expected"]} == {True}
    unreported = [one for one in record["published"] if one["value"] is None]
    assert unreported


def test_the_record_says_what_each_readout_and_sweep_is(run: Run) -> None:
    result = run("occupancy", sweeps=True)
    record = result.record()
    swept = {one for sweep in result.experiment.sweeps for one in sweep.readouts}
    assert set(record["readouts"]) == {*result.experiment.readouts, *swept}
    for name, words in record["readouts"].items():
        one = readout(name)
        assert (words["title"], words["unit"], words["rest"]) == (one.title, one.unit, one.rest)
    (rat,) = [one for one in record["sweeps"] if one["name"] == "rat"]
    assert (rat["time_h"], rat["logarithmic"]) == (0.5, True)
    assert rat["points"]["glutamate-rat-50"] == 50.0
    mine = record["hypotheses"]["article"]["sweeps"]
    assert len(mine) == len(result.sweeps)
    assert {one["sweep"] for one in mine} == {one["name"] for one in record["sweeps"]}
    json.dumps(record, allow_nan=False)


def test_the_record_says_where_a_prediction_would_agree(
    result: ExperimentResult, record: dict[str, Any]
) -> None:
    made = {one["observation"]: one for one in record["hypotheses"]["article"]["comparisons"]}
    assert made["growth-needs-mtor"]["region"] == [None, 0.2]
    assert made["rapamycin-spares-akt"]["region"] == [0.6, None]
    assert made["ketamine-14d-response"]["region"] is None
    # 13 % of 20 patients.
    assert made["ketamine-14d-response"]["observed"] == 3.0
    for one in result.comparisons:
        if one.role == "not comparable" and one.hypothesis == "article":
            mine = made[one.observation.id]
            assert (mine["region"], mine["predicted"], mine["agrees"]) == (None, None, None)
            assert mine["reason"]


def test_the_record_holds_what_is_disputed(run: Run) -> None:
    detail = run("serotonin").record()["hypotheses"]["article"]["verdict_detail"]
    assert detail["disputed"] == ["pcpa-acute-dujardin"]
    assert detail["disputed"][0] not in detail["disagree"]
    assert detail["by_group"]["people"]["outcome"] == "not testable with these data"


def test_a_hypothesis_that_is_not_at_hand_expects_nothing(run: Run) -> None:
    record = replace(run("ampa"), readings={}).record()
    assert record["hypotheses"]["article"]["expected"] == []


def test_a_bare_infinity_becomes_null(run: Run) -> None:
    expected = run("ampa").record()["hypotheses"]["article"]["expected"]
    assert [(one["lower"], one["upper"]) for one in expected] == [(None, 0.2)]


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("hypotheses", "article", "verdict"), "proven", "$.hypotheses.article.verdict"),
        (("patients",), 0, "$.patients"),
        (("size",), "huge", "$.size"),
        (("published", 0, "use"), "decoration", "$.published[0].use"),
        (("hypotheses", "article", "comparisons", 2, "agrees"), "yes", ".comparisons[2].agrees"),
        (("hypotheses",), {}, "$.hypotheses"),
    ],
)
def test_a_broken_record_is_refused_with_the_place(
    place: tuple[str | int, ...], value: object, says: str, small: dict[str, Any]
) -> None:
    broken: Any = copy.deepcopy(small)
    inside = broken
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    with pytest.raises(KetasimError) as caught:
        check_record(broken)
    assert says in str(caught.value)


def test_a_record_that_lacks_or_adds_a_part_is_refused(small: dict[str, Any]) -> None:
    for name in schema()["required"]:
        with pytest.raises(KetasimError, match=f"{name!r} is a required property"):
            check_record({key: one for key, one in small.items() if key != name})
    with pytest.raises(KetasimError, match="surprise"):
        check_record({**small, "surprise": 1})


def test_a_saved_result_is_read_back(
    result: ExperimentResult, record: dict[str, Any], tmp_path: Path
) -> None:
    folder = result.save(tmp_path / "new" / "folder")
    names = {one.name for one in folder.iterdir()}
    assert {ARMS_FILE, JSON_FILE, "manifest.json"} <= names
    assert {"shares.parquet", "comparisons.parquet"} <= names
    # Without sweeps there is no table of them.
    assert result.sweeps.empty
    assert "sweeps.parquet" not in names
    assert not [one for one in names if one.startswith(".") or one.endswith(".tmp")]
    pd.testing.assert_frame_equal(pd.read_parquet(folder / ARMS_FILE), result.to_frame())
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "shares.parquet"), result.shares)
    assert json.loads((folder / JSON_FILE).read_text("utf-8")) == record
    assert Manifest.load(folder) == result.manifest


def test_a_table_without_rows_is_not_saved(run: Run, table: pd.DataFrame, tmp_path: Path) -> None:
    nothing = run("ampa", evidence=table.iloc[:0])
    assert nothing.comparison_frame().empty
    assert {one.name for one in nothing.save(tmp_path).iterdir()} == {
        ARMS_FILE, JSON_FILE, "manifest.json", "shares.parquet",
    }  # fmt: skip


def test_saved_sweeps_are_those_of_the_result(run: Run, tmp_path: Path) -> None:
    occupancy = run("occupancy", sweeps=True)
    folder = occupancy.save(tmp_path)
    swept = pd.read_parquet(folder / "sweeps.parquet")
    pd.testing.assert_frame_equal(swept, occupancy.sweeps)
    assert set(swept["sweep"]) == {one.name for one in occupancy.experiment.sweeps}


def test_saved_comparisons_are_asked_in_sql(run: Run, tmp_path: Path) -> None:
    result = run("mtor", ("article", "mtor_sparing"), brief=True)
    folder = result.save(tmp_path)
    file = str(folder / "comparisons.parquet")
    with duckdb.connect() as connection:
        kept = connection.execute(
            "select observation, region_low, region_high from read_parquet(?) where hypothesis = "
            "'article' and role = 'decides' and predicted between coalesce(region_low, predicted) "
            "and coalesce(region_high, predicted) and agrees",
            [file],
        ).fetchall()
        total = connection.execute("select count(*) from read_parquet(?)", [file]).fetchall()
        columns = connection.execute("describe select * from read_parquet(?)", [file]).fetchall()
    assert total == [(len(result.comparisons),)]
    kinds = {name: kind for name, kind, *_ in columns}
    assert (kinds["region_low"], kinds["region_high"], kinds["agrees"]) == (
        "DOUBLE", "DOUBLE", "BOOLEAN",
    )  # fmt: skip
    bounds = {row: (low, high) for row, low, high in kept}
    assert set(bounds) == set(result.verdicts["article"].agree)
    # Blocked: less than a fifth is left; kept: more than three fifths; a count has no interval.
    assert bounds["growth-needs-mtor"] == (None, 0.2)
    assert bounds["rapamycin-spares-akt"] == (0.6, None)
    assert bounds["ketamine-14d-response"] == (None, None)


def test_a_disk_that_refuses_leaves_the_saved_result_as_it_was(
    result: ExperimentResult, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("ampa", brief=True).save(tmp_path)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError, match="the disk is full"):
        result.save(tmp_path)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_the_manifest_says_how_to_make_it_again(result: ExperimentResult) -> None:
    manifest = result.manifest
    assert manifest.hypothesis == "article, mtor_sparing"
    assert (manifest.seed, manifest.options["patients"]) == (1, 8)
    assert (manifest.options["experiment"], manifest.options["size"]) == ("mtor", "quick")


@pytest.mark.parametrize("name", list_experiments("claim"))
def test_every_source_is_cited_once_and_is_in_the_bibliography(name: str, run: Run) -> None:
    result = run(name)
    cited = result.citations()
    assert set(cited["key"]) <= set(bibliography())
    assert cited["key"].is_unique
    sources = {*result.experiment.claim.sources, *(one.source for one in result.published)}
    assert set(cited["key"]) == sources - {""}
    first = len(result.experiment.claim.sources)
    assert cited["key"].tolist()[:first] == list(result.experiment.claim.sources)
    assert set(cited["used_for"][:first]) == {f"claim of {name}"}


def test_it_shows_itself_as_a_table_and_as_text(result: ExperimentResult) -> None:
    html = result._repr_html_()
    assert f"<caption>{result.experiment.title}. " in html
    assert "<td>mtor_sparing</td>" in html
    assert html.count("<tr>") == 1 + len(result.hypotheses)
    lines = repr(result).splitlines()
    assert lines[0] == "Experiment 'mtor', quick, 8 patients"
    assert str(result.verdicts["article"]) in lines[1]


def test_the_share_table_is_for_arms_with_another_reference(result: ExperimentResult) -> None:
    shares = result.shares
    assert (shares["arm"] != shares["reference"]).all()
    design = {arm.name: arm.reference for arm in result.experiment.main_arms}
    assert all(design[row.arm] == row.reference for row in shares.itertuples())
    assert set(shares["time_h"]) == {2.0, 24.0, 168.0, 336.0}
    assert np.isfinite(shares["value"]).all()


@pytest.mark.parametrize("name", list_experiments("claim"))
def test_a_prediction_agrees_where_its_region_says(name: str, run: Run) -> None:
    for one in run(name).comparisons:
        lower, upper = one.region
        # Of a count, agreement is a chance and no interval; what was not lost is never rescued.
        if one.agrees is None or one.readout in COUNTED or "nothing was lost" in one.rule:
            continue
        if not math.isnan(lower):
            assert one.agrees is bool(lower <= one.predicted <= upper), one.observation.id
