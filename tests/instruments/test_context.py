"""Context: a parameter for each control type, a time course, and a table that can be replaced."""

from __future__ import annotations

import numpy as np
import pytest

from ketasim.errors import EvidenceError, InputError, UnknownNameError
from ketasim.instruments import CONTROL_TYPES, context_table, load_context


def test_every_control_type_has_a_row_with_unit_and_status():
    table = context_table()
    assert set(CONTROL_TYPES) <= set(table.index)
    assert (table["unit"] != "").all()
    assert table["status"].isin(["assumed", "calibrated"]).all()


def test_the_course_is_one_at_24_h_and_nothing_before_the_session():
    assert load_context().course([-1.0, 0.0, 24.0]).tolist() == [0.0, 0.0, 1.0]


def written(tmp_path, **changes):
    table = context_table()
    for row, value in changes.items():
        table.loc[row, "value"] = value
    path = tmp_path / "context.csv"
    table.reset_index().to_csv(path, index=False)
    return path


def test_the_course_can_follow_the_placebo_arm_of_daly(tmp_path):
    # LS mean changes at 2 h, 24 h and day 8 in the placebo arm, with their standard errors.
    published, error = np.array([-9.7, -5.7, -4.9]), np.array([1.76, 1.79, 1.74])
    path = written(
        tmp_path,
        nasal_placebo_with_antidepressant=-5.7,
        rise=0.5,
        decay=11.9,
        persisting_share=0.45,
    )
    course = load_context(path).mean_change("nasal_placebo_with_antidepressant", [2, 24, 168])
    assert np.all(np.abs(course - published) < 0.5 * error)


def test_a_control_type_reads_its_own_row(tmp_path):
    context = load_context(written(tmp_path, saline=-3.0, midazolam=-9.0))
    assert context.mean_change("saline", [24.0])[0] == pytest.approx(-3.0)
    assert context.mean_change("midazolam", [24.0])[0] == pytest.approx(-9.0)
    assert context.mean_change(None, [24.0])[0] == 0.0


def test_the_spread_between_patients_and_visits_is_the_tables(tmp_path):
    context = load_context(written(tmp_path, between_patient_sd=8.0, visit_sd=6.0))
    patients = np.arange(20_000)
    level = context.patient_change([24.0, 168.0], 1, patients)
    total = level + context.visit_error([24.0, 168.0], 1, patients)
    # Pythagoras: 8 and 6 make 10; two visits share the 64 of the 100.
    assert total.std(axis=0) == pytest.approx([10.0, 10.0], rel=0.02)
    assert np.corrcoef(total.T)[0, 1] == pytest.approx(0.64, abs=0.02)
    assert context.change_sd() == pytest.approx(10.0)
    assert context.visit_correlation() == pytest.approx(0.64)


def test_a_visit_keeps_its_error_whatever_else_is_asked_for():
    context = load_context()
    alone = context.visit_error([24.0], 5, [3, 4])
    among = context.visit_error([2.0, 24.0, 48.0], 5, [4, 3, 9])
    assert alone[:, 0].tolist() == among[[1, 0], 1].tolist()


def test_a_table_with_a_bad_number_names_the_row(tmp_path):
    path = tmp_path / "context.csv"
    context_table().assign(value=lambda t: t["value"].astype(object)).reset_index().replace(
        {"value": {-8.8: "eight"}}
    ).to_csv(path, index=False)
    with pytest.raises(EvidenceError, match=r"row 'midazolam', column 'value' holds 'eight'"):
        load_context(path)


def test_a_table_that_lacks_something_says_what(tmp_path):
    path = tmp_path / "context.csv"
    context_table().reset_index().drop(columns="unit").to_csv(path, index=False)
    with pytest.raises(EvidenceError, match="lacks the column 'unit'"):
        load_context(path)
    context_table().drop(index="saline").reset_index().to_csv(path, index=False)
    with pytest.raises(EvidenceError, match="no row 'saline'"):
        load_context(path)
    with pytest.raises(EvidenceError, match="cannot be read"):
        load_context(tmp_path / "absent.csv")


def test_impossible_parameters_are_refused(tmp_path):
    with pytest.raises(InputError, match="'decay'"):
        load_context(written(tmp_path, decay=0.0))
    with pytest.raises(InputError, match="persisting share"):
        load_context(written(tmp_path, persisting_share=1.5))


def test_a_wrong_unit_is_refused():
    table = context_table()
    table.loc["rise", "unit"] = "min"
    with pytest.raises(EvidenceError, match="'rise' has the unit 'min'"):
        load_context(table)


def test_a_table_in_memory_serves_as_well_as_a_file():
    assert load_context(context_table()) == load_context()
    assert load_context(context_table().reset_index()) == load_context()
    assert load_context(load_context()) is load_context()


def test_an_unknown_control_type_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean midazolam"):
        load_context().mean_change("midazolan", [24.0])
