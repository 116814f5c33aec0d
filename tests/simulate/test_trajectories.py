from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ketasim.errors import InputError, UnknownNameError
from ketasim.evidence import bibliography
from ketasim.results import Result
from ketasim.simulate import simulate
from ketasim.simulate.titles import tidy_unit


def test_it_is_a_result(infusion):
    assert isinstance(infusion, Result)
    with pytest.raises(FrozenInstanceError):
        infusion.notes = ()


def test_the_summary_is_of_the_patients(infusion):
    row = infusion.summary().loc["ketamine_ng_ml"]
    values = infusion.values("ketamine_ng_ml")
    assert row["peak"] == pytest.approx(np.median(values.max(axis=1)))
    assert row["peak_lo95"] <= row["peak"] <= row["peak_hi95"]
    assert row["end"] == pytest.approx(np.median(values[:, -1]))
    assert row["peak_time_h"] == pytest.approx(40 / 60)
    assert (row["unit"], row["patients"], row["start"]) == ("ng/mL", 8, 0.0)


def test_the_long_table_holds_every_number_once(infusion):
    frame = infusion.to_frame()
    assert list(frame.columns) == ["patient", "time_h", "variable", "value", "unit"]
    assert len(frame) == 8 * len(infusion.times) * len(infusion.outputs)
    one = frame[(frame["patient"] == 5) & (frame["variable"] == "mtorc1")]
    np.testing.assert_array_equal(one["value"], infusion.values("mtorc1")[5])
    np.testing.assert_array_equal(one["time_h"], infusion.times)
    assert set(one["unit"]) == {"dimensionless"}


def test_the_dataset_is_a_copy(infusion):
    copy = infusion.to_xarray()
    assert isinstance(copy, xr.Dataset)
    copy["relief"][:] = -1.0
    assert (infusion.values("relief") >= 0).all()
    assert copy["relief"].sel(time=24.0).dims == ("patient",)


def test_an_unknown_output_has_a_neighbour(infusion):
    with pytest.raises(UnknownNameError, match="did you mean relief"):
        infusion.values("releif")
    with pytest.raises(UnknownNameError, match="did you mean mtorc1"):
        infusion.plot("mtorc")
    with pytest.raises(InputError, match="nothing to draw"):
        infusion.plot([])


def test_the_figure_has_a_band_and_a_median_with_units(infusion):
    figure = infusion.plot(["ketamine_ng_ml", "mtorc1"])
    band, median = figure.data[:2]
    low, middle, high = np.percentile(infusion.values("ketamine_ng_ml"), [2.5, 50, 97.5], axis=0)
    np.testing.assert_allclose(median.y, middle)
    np.testing.assert_allclose(band.y, np.concatenate([high, low[::-1]]))
    assert len(figure.data) == 4
    assert figure.layout.yaxis.title.text == "ketamine_ng_ml (ng/mL)"
    assert figure.layout.yaxis2.title.text == "mtorc1"
    assert figure.layout.xaxis.title.text == "time after time zero (h)"
    assert "article" in figure.layout.title.text
    assert [one.name for one in figure.data if one.showlegend] == ["95 % of patients", "median"]


def test_a_long_run_is_drawn_in_days(tiny):
    run = simulate(tiny, "ketamine 1 mg iv", patients=2, days=14)
    figure = run.plot("drug")
    assert figure.layout.xaxis.title.text == "time after time zero (day)"
    assert figure.data[1].x[-1] == 14.0
    assert "uncalibrated" in figure.layout.title.text
    assert len(run.plot().data) == 2 * len(run.outputs)


def test_published_values_lie_on_top(infusion):
    observed = pd.DataFrame(
        {
            "variable": ["ketamine_ng_ml", "other"],
            "time_h": [2 / 3, 1.0],
            "value": [185.0, 1.0],
            "lower": [100.0, 0.0],
            "upper": [250.0, 2.0],
            "source": ["zarate2012", "x"],
        }
    )
    points = infusion.plot("ketamine_ng_ml", observed=observed).data[-1]
    assert list(points.y) == [185.0]
    assert (list(points.error_y.array), list(points.error_y.arrayminus)) == ([65.0], [85.0])
    assert points.name == "published"
    assert len(infusion.plot("mtorc1", observed=observed).data) == 2
    bare = observed[["variable", "time_h", "value"]]
    assert infusion.plot("ketamine_ng_ml", observed=bare).data[-1].error_y.array is None
    with pytest.raises(InputError, match="no column 'time_h'"):
        infusion.plot(observed=observed.drop(columns="time_h"))


def test_every_source_is_named_with_what_it_was_used_for(infusion, tiny):
    uses = infusion.citations()
    assert set(uses) <= set(bibliography())
    assert "drug ketamine" in uses["clements1982"]
    assert any(one.startswith("parameter ") for one in uses["simons2022"])
    run = simulate(tiny, "ketamine 1 mg iv", patients=1, days=1)
    assert run.citations() == {
        "kamp2020": ("drug ketamine",),
        "simons2022": ("parameter loss", "parameter room"),
    }


def test_what_it_shows_of_itself(infusion):
    text = repr(infusion)
    assert "ketamine 0.5 mg/kg iv over 40 min" in text
    assert "8, seed 1" in text
    html = infusion._repr_html_()
    assert html.count("<table") == html.count("</table>") == 2
    assert "mtorc1" in html


@pytest.mark.parametrize(
    ("unit", "tidy"),
    [
        ("ng / mL", "ng/mL"),
        ("nanogram / milliliter", "ng/mL"),
        ("(133.322 * pascal)", "mmHg"),
        ("umol / L", "umol/L"),
        ("1 / hour", "1/h"),
        ("1 / min", "1/min"),
        ("", "dimensionless"),
        ("dimensionless", "dimensionless"),
        ("(2 * dimensionless)", "(2 * dimensionless)"),
        ("furlong / fortnight", "furlong/fortnight"),
    ],
)
def test_units_are_written_as_people_do(unit, tidy):
    assert tidy_unit(unit) == tidy
