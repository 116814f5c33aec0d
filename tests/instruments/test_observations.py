"""What a measurement offers: summary, frames, a figure with published points, a file."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from ketasim.evidence import reference
from ketasim.instruments import measure, published_points
from ketasim.results import Result

COURSE = [0.0, 0.0, 0.1, 0.25, 0.1]


@pytest.fixture
def seen(trajectories):
    return measure(trajectories([COURSE] * 50), "madrs")


def test_observations_are_a_result(seen):
    assert isinstance(seen, Result)


def test_the_summary_is_the_tables_own(seen):
    at_24 = seen.table.loc[seen.table["time_h"] == 24.0, "value"]
    row = seen.summary().loc[24.0]
    assert row["mean"] == pytest.approx(at_24.mean())
    assert row["sd"] == pytest.approx(at_24.std())
    assert row["median"] == np.median(at_24)
    assert row["n"] == 50


def test_the_dataset_carries_the_same_values_and_units(seen):
    dataset = seen.to_xarray()
    assert dataset["madrs"].attrs["units"] == "points"
    wide = seen.table.pivot(index="patient", columns="time_h", values="value")
    assert np.array_equal(dataset["madrs"].transpose("patient", "time").values, wide.to_numpy())


def test_the_figure_shows_published_points_beside_the_course(seen):
    figure = seen.plot()
    names = [trace.name for trace in figure.data]
    assert "published (calibration)" in names
    points = next(trace for trace in figure.data if trace.name == "published (calibration)")
    # Murrough 2013, ketamine arm: -16.5 at 24 h.
    assert (24.0, -16.5) in list(zip(points.x, points.y, strict=True))
    assert "(h)" in figure.layout.xaxis.title.text
    assert "points" in figure.layout.yaxis.title.text


def test_published_shares_are_fractions_and_never_those_that_judge():
    points = published_points("madrs_response", ["ketamine"])
    assert points["value"].between(0, 1).all()
    assert not set(points["study"]) & {"Williams 2018", "Abdallah 2020 (rapamycin)"}
    murrough = points[(points["study"] == "Murrough 2013") & (points["time_h"] == 24)]
    assert murrough["value"].tolist() == [0.64]


def test_a_course_of_doses_is_not_compared_with_a_single_dose():
    once = published_points("madrs_change", ["ketamine"])
    course = published_points("madrs_change", ["ketamine"], repeated=True)
    # Singh 2016b, day 15 of infusions two or three times a week: -18.4 and -17.7.
    assert once["time_h"].max() <= 24.0
    assert {-18.4, -17.7} <= set(course.loc[course["time_h"] == 336.0, "value"])
    # Su 2017 gave one infusion and looked for response until day 5.
    after = published_points("hamd17_response", ["ketamine"])
    assert 96.0 in set(after.loc[after["study"] == "Su 2017", "time_h"])


def test_a_control_arm_is_shown_beside_its_own_kind():
    points = published_points("madrs_change", ["saline"], "saline")
    assert set(points["drug"]) == {"saline"}
    assert published_points("cadss", ["ketamine"]).empty


def test_the_file_is_read_back_with_its_unit(seen, tmp_path):
    seen.save(tmp_path / "bundle")
    table = pq.read_table(tmp_path / "bundle" / "observations.parquet")
    assert table.schema.metadata[b"unit:value"] == b"points"
    assert table.to_pandas()["value"].tolist() == seen.table["value"].tolist()


def test_the_notebook_and_the_citations_name_their_sources(seen, trajectories):
    assert "<table" in seen._repr_html_()
    assert "article" in seen._repr_html_()
    cited = seen.citations()
    assert "published madrs" in set(cited["used_for"])
    assert all(reference(key).key == key for key in cited["key"])
    hamd = measure(trajectories([COURSE]), "hamd17").citations()
    assert "leucht2018" in set(hamd["key"])
