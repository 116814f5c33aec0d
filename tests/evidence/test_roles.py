"""Rows that judge, and figures that were recollected, cannot reach a fit."""

import dataclasses

import pytest

from ketasim.errors import RoleError, UnknownNameError
from ketasim.evidence import CalibrationData, calibration_rows, load

FITTED = {"clinical_arms": 107, "clinical_aux": 15, "observations": 68}
INTERVENTIONS = (
    "rapamycin",
    "nbqx",
    "pcpa",
    "cp94253",
    "gr127935",
    "rolipram",
    "forskolin",
    "raptor_blind",
    "morphine",
)


@pytest.mark.parametrize("name", list(FITTED))
def test_only_rows_that_may_be_fitted(name):
    rows = calibration_rows(name)
    column = "use" if name == "observations" else "role"
    assert len(rows) == FITTED[name]
    assert set(rows.to_frame()[column]) <= {"fit", "calibrate", "calibrate (scale map)"}


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("clinical_arms", {"role": "mechanism"}),
        ("clinical_arms", {"role": "benchmark only"}),
        ("clinical_arms", {"study": "Williams 2018"}),
        ("clinical_aux", {"study": "Tiger 2020"}),
        ("observations", {"use": "judge"}),
        ("observations", {"use": ["judge", "context"]}),
        ("observations", {"experiment": "naltrexone"}),
        ("observations", {"experiment": "camp"}),
    ],
)
def test_other_roles_are_refused(name, where):
    with pytest.raises(RoleError, match="may not be fitted, because") as caught:
        calibration_rows(name, where=where)
    assert str(caught.value).startswith(f"{name}.csv: ")


@pytest.mark.parametrize("name", ["adverse_events", "safety_timecourse", "table_sources"])
def test_tables_without_a_role_are_refused(name):
    with pytest.raises(RoleError, match="may not be fitted"):
        calibration_rows(name)


def test_one_forbidden_row_among_permitted_ones_is_refused_by_name():
    with pytest.raises(RoleError, match="'williams-response-ketamine' may not be fitted"):
        calibration_rows("observations", ids=["glx-peak", "williams-response-ketamine"])
    assert calibration_rows("observations", ids=["glx-peak"]).row_ids == ("glx-peak",)


def test_a_selection_keeps_only_the_permitted_rows():
    rows = calibration_rows("observations", where={"readout": ["glx", "glua1"], "species": "human"})
    assert rows.row_ids == ("glx-peak", "glx-3h-none", "glx-24h-none")


def test_the_type_refuses_other_rows_however_it_is_made():
    everything = load("observations")
    with pytest.raises(RoleError):
        CalibrationData("observations", everything)
    with pytest.raises(RoleError):
        CalibrationData("observations", everything.iloc[:0])
    permitted = calibration_rows("observations")
    with pytest.raises(dataclasses.FrozenInstanceError):
        permitted.name = "clinical_arms"


def test_a_change_of_what_was_handed_out_changes_nothing_inside():
    rows = calibration_rows("observations", ids=["glx-peak"])
    before = rows.hash
    copy = rows.to_frame()
    copy["value"] = 0.0
    assert rows.hash == before
    assert rows.to_frame()["value"].tolist() == [1.378]
    assert calibration_rows("observations").hash != before


def test_citations_of_the_rows():
    cited = calibration_rows("observations", where={"readout": "glua1"}).citations()
    assert cited.reasons == {"zaytseva2023": ["calibration on 4 rows of observations"]}


def test_unknown_rows_and_columns():
    with pytest.raises(UnknownNameError, match="did you mean glx-peak"):
        calibration_rows("observations", ids=["glx-peek"])
    with pytest.raises(UnknownNameError, match="did you mean readout"):
        calibration_rows("observations", where={"readot": "glx"})


def test_recollected_figures_are_marked_and_blanked():
    arms = load("clinical_arms").set_index("row_id")
    singh = arms[arms["study"].str.startswith("Singh 2016")]
    assert singh["n"].notna().any()
    assert singh["memory"].notna().all()
    fitted = calibration_rows("clinical_arms").to_frame().set_index("row_id")
    assert fitted.loc[singh.index, "n"].isna().all()
    assert fitted.loc[singh.index, "value"].equals(singh["value"])
    murrough = arms.index[arms["study"] == "Murrough 2013"]
    assert fitted.loc[murrough, "n"].tolist() == arms.loc[murrough, "n"].tolist()


@pytest.mark.parametrize(
    "name", ["clinical_arms", "clinical_aux", "adverse_events", "safety_timecourse"]
)
def test_every_row_that_says_memory_is_marked(name):
    frame = load(name)
    says = frame.drop(columns="memory").apply(
        lambda column: column.astype("str").str.contains("MEMORY", na=False)
    )
    assert frame.loc[says.any(axis=1), "memory"].notna().all()


def test_observations_hold_no_recollection():
    frame = load("observations")
    text = frame.drop(columns="memory").astype("str")
    assert not text.apply(lambda column: column.str.contains("MEMORY", na=False)).any().any()
    assert frame["memory"].isna().all()


def test_no_fitted_observation_involves_an_intervention_that_judges():
    fitted = calibration_rows("observations").to_frame()
    arms = fitted["arm"] + "+" + fitted["contrast"]
    assert not arms.str.contains("|".join(INTERVENTIONS)).any()
    # Naltrexone alone enters by its own concentration and occupancy; its effect never does.
    naltrexone = fitted[arms.str.contains("naltrexone|naloxone")]
    assert set(naltrexone["readout"].str.replace(r"^(mor|dor|kor)_", "", regex=True)) == {
        "naltrexone_cmax_ng_ml",
        "naltrexol_cmax_ng_ml",
        "occupancy_naltrexone",
        "occupancy_halftime_h",
    }
    assert set(naltrexone["arm"]) == {"naltrexone"}
    assert not fitted["readout"].str.startswith("ht1b").any()
    assert not fitted["source"].isin(["tiger2020", "yamanaka2014", "williams2018"]).any()
