"""The observations: what was published about each claim, in a form that a verdict can use."""

import numpy as np
import pytest

from ketasim.evidence import load
from ketasim.units import convert

SIX = ["occupancy", "naltrexone", "mtor", "ampa", "serotonin", "camp"]


@pytest.fixture(scope="module")
def rows():
    return load("observations").set_index("id")


@pytest.mark.parametrize("experiment", SIX)
def test_every_experiment_has_something_to_judge_by(rows, experiment):
    judged = rows[(rows["experiment"] == experiment) & (rows["use"] == "judge")]
    assert len(judged) >= 4
    assert judged["source"].notna().all()
    assert judged["direction"].notna().sum() + judged["value"].notna().sum() > 0


def test_each_kind_has_what_it_needs(rows):
    kinds = {kind: rows[rows["kind"] == kind] for kind in rows["kind"].unique()}
    assert set(kinds) == {"value", "range", "sign", "share", "count", "correlation"}
    assert kinds["value"]["value"].notna().all()
    assert (kinds["range"]["lower"].notna() | kinds["range"]["upper"].notna()).all()
    assert kinds["sign"]["direction"].notna().all()
    assert kinds["sign"]["value"].isna().all()
    assert kinds["share"]["value"].between(0, 1).all()
    counts = kinds["count"]
    assert (counts["value"] <= counts["n"]).all()
    assert (counts["value"] % 1 == 0).all()
    known = kinds["correlation"]["value"].dropna()
    assert known.between(-1, 1).all()
    assert rows.loc[rows["value"].notna() & (rows["kind"] != "correlation"), "unit"].notna().all()


def test_units_can_be_read(rows):
    for unit in set(rows["unit"].dropna()) - {"fold", "%", "patients", "1"}:
        assert convert(2.0, unit, unit) == 2.0


def test_times_are_in_order_and_windows_closed(rows):
    window = rows[rows["time_to_h"].notna()]
    assert (window["time_h"] < window["time_to_h"]).all()


def test_assumed_names_columns_of_the_row(rows):
    for row in rows.dropna(subset="assumed").itertuples():
        for column in row.assumed.split(";"):
            assert getattr(row, column) is not None
            assert str(getattr(row, column)) != "nan"


@pytest.mark.parametrize(
    ("name", "value", "n"),
    [
        ("williams-response-ketamine", 7, 12),
        ("williams-response-naltrexone", 0, 12),
        ("rapamycin-14d-response", 41, 20),
        ("ketamine-14d-response", 13, 20),
        ("jelen-mood-share", 0.72, 26),
        ("ht1b-vst-improvement", -0.644, 20),
        ("hnk-inverse", 0.37, 53),
    ],
)
def test_values_of_the_mechanism_trials(rows, name, value, n):
    assert (rows.loc[name, "value"], rows.loc[name, "n"]) == (value, n)
    assert rows.loc[name, "use"] == "judge"


def test_mechanism_rows_of_the_clinical_tables_agree(rows):
    arms = load("clinical_arms")
    mechanism = arms[arms["role"] == "mechanism"].set_index(["citation", "arm", "kind"])["value"]
    naltrexone = "ketamine + naltrexone 50 mg PO"
    assert (
        mechanism["williams2018", naltrexone, "remission"]
        == (rows.loc["williams-remission-naltrexone", "value"])
    )
    assert mechanism["williams2018", "ketamine + placebo", "response"] == round(
        100 * rows.loc["williams-response-ketamine", "value"] / 12
    )
    for arm, name in (
        ("rapamycin 6 mg + ketamine", "rapamycin"),
        ("placebo + ketamine", "ketamine"),
    ):
        for kind in ("response", "remission"):
            assert mechanism["abdallah2020", arm, kind] == rows.loc[f"{name}-14d-{kind}", "value"]
    cited = set(arms.loc[arms["role"] == "mechanism", "citation"].str.split(";").explode())
    aux = load("clinical_aux")
    cited |= set(aux.loc[aux["role"] == "mechanism", "citation"])
    assert cited <= set(rows.loc[rows["use"] == "judge", "source"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("glx-peak", 1.378),
        ("glua1-culture-1h", 1.598),
        ("glua1-psd-male", 2.057),
        ("glua1-psd-female-10", 1.224),
        ("glua1-psd-female-5", 1.420),
        ("ketamine-iv-venous-end", 185),
        ("esketamine-nasal-28-cmax", 43.8),
        ("esketamine-nasal-84-auc24", 362),
        ("noresketamine-nasal-56-cmax", 120),
        ("naltrexone-mor-2mg-a", 0.27),
    ],
)
def test_values_of_the_fit(rows, name, value):
    assert rows.loc[name, "value"] == value
    assert rows.loc[name, "use"] == "fit"


def test_the_contradictions_are_all_there(rows):
    naltrexone = rows[
        (rows["experiment"] == "naltrexone")
        & (rows["arm"] == "naltrexone+ketamine")
        & (rows["use"] == "judge")
    ]
    said = naltrexone.groupby("source")["direction"].agg(set)
    assert said["williams2018"] >= {"blocked", "down"}
    assert said["jelen2025"] == {"down"}
    assert "kept" in said["yoon2025"]
    assert said["yoon2019"] == said["zhang2019"] == {"kept"}
    assert said["jiang2024"] == {"blocked"}
    assert rows.loc["klein-agonist-alone", "direction"] == "none"
    assert rows.loc["rapamycin-24h-human", "direction"] == "kept"
    assert rows.loc["rapamycin-blocks-relief-li2010", "direction"] == "blocked"
    assert rows.loc["pcpa-1h-yin", "direction"] == "kept"
    assert rows.loc["pcpa-acute-dujardin", "direction"] == "blocked"
    assert rows.loc["ketamine-raises-camp", "direction"] == "up"


def test_glutamate_against_dose_has_the_inverted_u(rows):
    rat = [f"glutamate-rat-{dose}" for dose in (10, 20, 30, 50, 200)]
    assert rows.loc[rat, "direction"].tolist() == ["up", "up", "up", "none", "down"]


def test_derived_rows_follow_from_what_was_read(rows):
    ic50 = rows.loc["nmda-ic50-ketamine", "value"]
    for concentration in (100, 185, 250):
        row = rows.loc[f"nmda-occupancy-derived-{concentration}"]
        free = np.array([0.55, 0.30, 0.75]) * concentration / 237.73
        expected = free / (free + ic50)
        assert row[["value", "lower", "upper"]].to_numpy(float) == pytest.approx(
            expected, abs=0.006
        )
        assert row["use"] == "context"
        assert "DERIVED" in row["note"]
    for receptor in ("mor", "kor", "dor"):
        ki = rows.loc[f"{receptor}-ki-ketamine", "value"]
        share = 0.428 / (0.428 + ki)
        assert rows.loc[f"{receptor}-occupancy-derived", "value"] == pytest.approx(share, abs=6e-4)
