"""The parameter tables, and the sentence for whatever is wrong in one."""

from pathlib import Path

import pytest

from ketasim.errors import ModelError
from ketasim.model.files import PARAMETERS
from ketasim.model.parameters import COLUMNS, STATUSES, parameter_table, read_parameters

HEADER = ",".join(COLUMNS)
GOOD = "alpha,1.5,1/h,lognormal,0.3,0,9,published,milak2016,note"


def table_with(folder: Path, row: str) -> Path:
    path = folder / "demo.csv"
    path.write_text(f"{HEADER}\n{row}\n", "utf-8")
    return path


def test_a_good_row_is_read_with_its_numbers(tmp_path: Path) -> None:
    table = read_parameters(table_with(tmp_path, GOOD))
    assert table.loc["alpha", "value"] == 1.5
    assert table.loc["alpha", "group"] == "demo"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("alpha,1.5,,fixed,,,,assumed,,", ["row 2", "column unit", "no unit", "1/h"]),
        ("alpha,abc,1/h,fixed,,,,assumed,,", ["row 2", "column value", "'abc' is no number"]),
        ("alpha,1,furlong,fixed,,,,assumed,,", ["column unit", "unknown unit 'furlong'"]),
        ("alpha,1,1/h,fixd,,,,assumed,,", ["unknown distribution 'fixd'", "did you mean fixed"]),
        ("alpha,1,1/h,lognormal,,,,assumed,,", ["a distribution needs a cv"]),
        ("alpha,1,1/h,fixed,,,,published,,", ["published but names no source", "column source"]),
        ("al pha,1,1/h,fixed,,,,assumed,,", ["'al pha' is no name", "column id"]),
        ("alpha,1,1/h,fixed,,,,guessed,,", ["unknown status 'guessed'"]),
    ],
)
def test_a_bad_row_is_answered_with_its_place(tmp_path: Path, row: str, words: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        read_parameters(table_with(tmp_path, row))
    for word in words:
        assert word in str(caught.value)


def test_an_unknown_citation_is_answered_with_the_nearest(tmp_path: Path) -> None:
    table_with(tmp_path, GOOD.replace("milak2016", "milak2061"))
    with pytest.raises(ModelError, match=r"unknown citation 'milak2061' .*milak2016"):
        parameter_table(tmp_path)


def test_a_name_defined_twice_is_refused(tmp_path: Path) -> None:
    table_with(tmp_path, GOOD)
    (tmp_path / "other.csv").write_text(f"{HEADER}\n{GOOD}\n", "utf-8")
    with pytest.raises(ModelError, match="stands twice, in demo and other"):
        parameter_table(tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "demo.csv"
    path.write_text("id,value\nalpha,1\n", "utf-8")
    with pytest.raises(ModelError, match="column 'unit' is missing"):
        read_parameters(path)


@pytest.mark.parametrize("path", sorted(PARAMETERS.glob("*.csv")), ids=lambda path: path.stem)
def test_every_shipped_table_holds_values_within_its_bounds(path: Path) -> None:
    table = read_parameters(path)
    assert set(table["status"]) <= set(STATUSES)
    low, value, high = (table[column].to_numpy(float) for column in ("lower", "value", "upper"))
    assert not ((value < low) | (value > high)).any()


def test_published_numbers_stand_as_their_sources_print_them() -> None:
    table = parameter_table()
    printed = {
        "v_arterial_70": 11.6, "v_fast_70": 39.0, "v_slow_70": 174.0, "cl_nk_70": 60.0,
        "fm_norketamine": 0.80, "fm_hydroxynorketamine": 0.70, "ki_mor_ketamine": 41.7,
        "ki_kor_ketamine": 28.2, "ki_dor_ketamine": 269.0, "ic50_nmda_racemic": 1.42,
        "gi_max": 0.717, "f_nasal": 0.54, "f_nasal_repeat": 0.62, "allometric_exponent": 0.75,
    }  # fmt: skip
    assert {name: table.loc[name, "value"] for name in printed} == printed
    # 2.43, 1.21 and 2.63 L/min, 20.1 min and a half-life of 8.3 min, converted here again.
    assert table.loc["q_fast_70", "value"] == pytest.approx(2.43 * 60)
    assert table.loc["q_slow_70", "value"] == pytest.approx(1.21 * 60)
    assert table.loc["q_nk_70", "value"] == pytest.approx(2.63 * 60)
    assert table.loc["mtt_norketamine", "value"] == pytest.approx(20.1 / 60, rel=1e-3)
    assert table.loc["ke0_brain", "value"] == pytest.approx(0.693147 / (8.3 / 60), rel=1e-3)
    assert table.loc["cl_s_70", "value"] == pytest.approx(0.024 * 60 * 70)


def test_the_enantiomers_keep_the_racemic_potency_and_their_ratio() -> None:
    value = parameter_table()["value"]
    s, r = value["ic50_nmda_s"], value["ic50_nmda_r"]
    assert r / s == pytest.approx(1.4 / 0.3, rel=1e-3)
    assert 1 / (0.5 / s + 0.5 / r) == pytest.approx(1.42, rel=1e-3)


def test_a_number_that_was_set_by_hand_or_computed_is_not_called_published() -> None:
    table = parameter_table()
    notes = table["note"].str.lower()
    by_hand = notes.str.contains("(?<!its cv )set by hand|computed, not measured")
    assert by_hand.sum() > 25
    assert set(table.loc[by_hand, "status"]) <= {"derived", "assumed", "calibrated"}


def test_time_constants_are_half_rises_of_the_published_model_over_ln_2() -> None:
    value = parameter_table()["value"]
    for name, seconds in {
        "tau_trkb": 90, "tau_akt": 144, "tau_mtorc1": 176, "tau_s6k": 380, "tau_4ebp": 208,
        "tau_eef2": 11 * 60,
    }.items():  # fmt: skip
        assert value[name] == pytest.approx(seconds / 3600 / 0.693147, rel=0.02), name
        assert parameter_table().loc[name, "status"] == "derived"


def test_the_half_life_that_a_note_states_is_the_table_s() -> None:
    table = parameter_table()
    value = table["value"]
    half_life = 0.693147 * value["v_naltrexol_70"] / value["cl_naltrexol_70"]
    assert f"{half_life:.1f} h" in table.loc["cl_naltrexol_70", "note"]


def test_what_no_source_holds_is_called_assumed() -> None:
    # Signs only (Li 2010), a setting of simulated scans, a judgement, an estimate of a share.
    names = ["mtorc1_reference", "ht1b_vst_baseline", "kpuu_brain", "fm_naltrexol", "tau_glutamate"]
    assert set(parameter_table().loc[names, "status"]) == {"assumed"}
