"""What a pool offers: figures, files, tables, subgroups, the order of time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError
from ketasim.results import Result
from ketasim.synthesis import (
    Studies,
    cumulative,
    leave_one_out,
    meta_regression,
    pool,
    rank_test,
    read_studies,
    regression_test,
    subgroups,
    trim_and_fill,
)
from ketasim.synthesis.plotting import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_pool_is_a_result(published: Callable[..., Studies], tmp_path: Path) -> None:
    found = pool(published("bcg", "rr"))
    assert isinstance(found, Result)
    assert found.to_xarray()["estimate"].sizes == {"study": 13}
    assert found.to_xarray().attrs["method"] == "reml"
    summary = found.summary().set_index("quantity")
    assert summary.loc["estimate", "natural"] == pytest.approx(
        np.exp(summary.loc["estimate", "value"])
    )
    assert found.weights.sum() == pytest.approx(100.0)
    folder = found.save(tmp_path / "out")
    told = json.loads((folder / "pooled.json").read_text("utf-8"))
    assert {"estimate", "standard_error", "ci_low", "ci_high", "pi_low", "pi_high", "tau2", "i2", "q",
            "q_df", "k"} <= set(told)  # fmt: skip
    assert told["estimate"] == found.estimate
    assert len(pd.read_csv(folder / "studies.csv")) == 13
    assert "Plotly" in (folder / "figures.html").read_text("utf-8")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert (manifest["options"]["method"], manifest["options"]["table"]) == ("reml", "bcg.csv")
    assert len(manifest["evidence_hash"]) == 64
    assert "risk ratio" in repr(found)
    assert "<table" in found._repr_html_()
    fixed = json.loads(pool(published("bcg", "rr"), "fixed").to_json())
    assert (fixed["pi_low"], fixed["tau2"]) == (None, 0.0)


def test_sources_of_the_table_are_cited() -> None:
    table = pd.DataFrame({"study": ["a", "b"], "estimate": [0.1, 0.2], "standard_error": [0.1, 0.1],
                          "citation": ["daly2018; popova2019", ""]})  # fmt: skip
    keys = pool(read_studies(table)).citations()
    assert keys.to_numpy().tolist() == [["daly2018", "a"], ["popova2019", "a"]]


@pytest.mark.parametrize("kind", KINDS)
def test_figures(published: Callable[..., Studies], kind: str) -> None:
    found = pool(published("bcg", "rr"))
    figure = found.plot(kind)
    shown = [trace for trace in figure.data if trace.name and trace.name.startswith("study")]
    assert len(shown[0].x) == 13
    assert figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text


def test_figures_show_the_numbers(published: Callable[..., Studies]) -> None:
    found = pool(published("bcg", "or"))
    forest = found.plot()
    assert forest.layout.xaxis.type == "log"
    pooled = next(trace for trace in forest.data if trace.name.startswith("pooled"))
    assert list(pooled.x) == pytest.approx(
        [np.exp(found.ci_low), np.exp(found.estimate), np.exp(found.ci_high)]
    )
    labbe = found.plot("labbe")
    study = labbe.data[-1]
    assert study.x[0] == pytest.approx(100 * 11 / 139)
    assert study.y[0] == pytest.approx(100 * 4 / 123)
    # The drawn line has the pooled odds ratio everywhere.
    line = labbe.data[1]
    x, y = np.array(line.x[1:]) / 100, np.array(line.y[1:]) / 100
    assert (y / (1 - y)) / (x / (1 - x)) == pytest.approx(np.exp(found.estimate))
    with pytest.raises(InputError, match="forest"):
        found.plot("forrest")
    with pytest.raises(InputError, match="events of two arms"):
        pool(published("viechtbauer2005")).plot("labbe")


def test_subgroups_are_pools_of_their_own(published: Callable[..., Studies]) -> None:
    found = pool(published("bcg", "rr"), "dl")
    groups = subgroups(found, "allocation")
    assert {name: one.k for name, one in groups.pools.items()} == {
        "random": 7,
        "alternate": 2,
        "systematic": 4,
    }
    alone = found.studies.chosen([4, 5])
    assert groups.pools["alternate"].estimate == pool(alone, "dl").estimate
    y = np.array([one.estimate for one in groups.pools.values()])
    w = np.array([one.standard_error for one in groups.pools.values()]) ** -2
    assert groups.q_between == pytest.approx(np.sum(w * (y - np.sum(w * y) / w.sum()) ** 2))
    assert groups.q_df == 2
    # With the fixed model what is within and what is between make the whole.
    fixed = pool(published("bcg", "rr"), "fixed")
    parts = subgroups(fixed, "allocation")
    within = sum(one.q for one in parts.pools.values())
    assert within + parts.q_between == pytest.approx(fixed.q)


def test_the_order_of_time(published: Callable[..., Studies]) -> None:
    studies = published("bcg", "rr")
    studies.table["year"] = [name.split()[-1] for name in studies.names]
    found = pool(studies)
    table = cumulative(found, "year")
    assert table["added"].iloc[0] == "Aronson 1948"
    assert [name.split()[-1] for name in table["added"]] == sorted(studies.table["year"])
    assert table["k"].to_list() == list(range(1, 14))
    assert table["estimate"].iloc[-1] == pytest.approx(found.estimate, rel=1e-9)
    assert cumulative(found)["added"].to_list() == list(studies.names)


def test_a_funnel_without_its_left_is_filled_there() -> None:
    error = np.array([0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45])
    table = pd.DataFrame(
        {"study": list("abcdefgh"), "estimate": 0.1 + 2.0 * error, "standard_error": error}
    )
    studies = read_studies(table)
    filled = trim_and_fill(pool(studies, "fixed"))
    assert (filled.side, filled.missing > 0) == ("left", True)
    assert filled.pooled.estimate < pool(studies, "fixed").estimate
    # Mirrored, it is filled on the other side by as much.
    other = trim_and_fill(pool(read_studies(table.assign(estimate=-table["estimate"])), "fixed"))
    assert (other.side, other.missing) == ("right", filled.missing)
    assert other.pooled.estimate == pytest.approx(-filled.pooled.estimate)
    # Estimates that are a straight line of their error are found to be one.
    line = regression_test(read_studies(table), "lm")
    assert line.limit == pytest.approx(0.1)


def test_what_cannot_be_asked(published: Callable[..., Studies]) -> None:
    studies = published("bcg", "rr")
    two = studies.chosen([0, 1])
    for ask, said in (
        (lambda: regression_test(two), "at least 3"),
        (lambda: rank_test(two), "at least 3"),
        (lambda: leave_one_out(pool(studies.chosen([0]))), "there is one study"),
        (lambda: subgroups(pool(studies), "alocation"), "did you mean allocation"),
        (lambda: meta_regression(studies, ["latitude"], "mh"), "takes no moderators"),
        (lambda: meta_regression(two, ["latitude"]), "cannot tell"),
        (lambda: meta_regression(studies, ["latitude", "latitude"]), "two say the same"),
        (lambda: trim_and_fill(pool(studies, "mh")), "no funnel"),
        (lambda: two and pool(two).plot("baujat"), "at least 3"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            ask()
    studies.table.loc[3, "latitude"] = ""
    with pytest.raises(InputError, match="row 5, column 'latitude'"):
        meta_regression(studies, ["latitude"])
