from __future__ import annotations

import pandas as pd
import pytest

from ketasim.dosing import regimen, regimen_from_nonmem, regimen_to_nonmem
from ketasim.errors import InputError, RegimenError

IV = {"drug": "ketamine", "route": "iv"}


def table(**columns):
    return pd.DataFrame(columns)


def test_rate_addl_and_ii():
    data = table(TIME=[0], AMT=[40], RATE=[60], ADDL=[3], II=[48], EVID=[1])
    assert regimen_from_nonmem(data, **IV) == regimen(
        "ketamine 40 mg iv over 40 min every 48 h x 4"
    )


def test_observations_are_passed_over():
    data = table(time=[0, 1, 2], amt=[40, ".", 0], evid=[1, 0, 2], dv=[".", 185, "."])
    assert regimen_from_nonmem(data, **IV) == regimen("ketamine 40 mg iv")
    assert regimen_from_nonmem(data.drop(columns="evid"), **IV) == regimen("ketamine 40 mg iv")


def test_drug_route_unit_and_salt_may_stand_in_the_rows():
    data = table(
        time=[-0.75, 0.0],
        amt=[50, 32.3],
        drug=["naltrexone", "esketamine"],
        route=["oral", "nasal"],
        salt=["", "hydrochloride"],
    )
    assert str(regimen_from_nonmem(data)) == (
        "naltrexone 50 mg oral at -45 min; esketamine hydrochloride 32.3 mg nasal"
    )


def test_compartments_stand_for_drug_and_route():
    data = table(time=[0, 0], amt=[50, 40], cmt=[1, 2])
    meaning = {1: ("naltrexone", "oral"), 2: ("ketamine", "iv")}
    assert regimen_from_nonmem(data, compartments=meaning).drugs == ("naltrexone", "ketamine")


def test_other_units_of_time_and_amount():
    data = table(time=[1], amt=[0.5], rate=[18.0])
    one = regimen_from_nonmem(data, **IV, unit="mg/kg", time_unit="day").doses[0]
    assert (one.start_h, one.unit) == (24.0, "mg/kg")
    assert one.duration_h == pytest.approx(40 / 60, rel=1e-14)


def test_a_csv_file_and_its_subjects(tmp_path):
    file = tmp_path / "doses.csv"
    file.write_text("ID,TIME,AMT\n1,0,10\n2,0,20\n")
    with pytest.raises(RegimenError, match="different doses; expected subject= one of 1, 2"):
        regimen_from_nonmem(file, **IV)
    assert regimen_from_nonmem(file, **IV, subject=2).doses[0].amount == 20
    with pytest.raises(InputError, match="unknown subject '3'"):
        regimen_from_nonmem(str(file), **IV, subject=3)


def test_subjects_with_the_same_doses_are_one_regimen():
    data = table(id=[1, 2], time=[0, 0], amt=[10, 10])
    assert len(regimen_from_nonmem(data, **IV)) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0,ten,0,0,0,1", "row 2, column amt: 'ten' is no number"),
        ("x,10,0,0,0,1", "row 2, column time: 'x' is no number"),
        ("0,-10,0,0,0,1", "row 2, column amt: the dose -10 is negative"),
        ("0,10,-2,0,0,1", "row 2, column rate: rate -2 asks for a modelled"),
        ("0,10,0,0,2,1", "row 2, column ii: 2 further doses need an interval"),
        ("0,10,0,24,1.5,1", "row 2, column addl: 1.5 is no whole number"),
        ("0,10,0,24,-1,1", "row 2, column addl: addl -1 is negative"),
        ("0,10,0,0,0,4", "row 2, column evid: evid 4 resets"),
        ("0,10,0,0,0,7", "row 2, column evid: unknown evid 7"),
        ("0,inf,0,0,0,1", "row 2, column amt: 'inf' is no number"),
    ],
)
def test_a_mistake_names_row_and_column(tmp_path, line, words):
    file = tmp_path / "doses.csv"
    file.write_text(f"time,amt,rate,ii,addl,evid\n{line}\n")
    with pytest.raises(RegimenError) as caught:
        regimen_from_nonmem(file, **IV)
    assert str(caught.value).startswith(f"doses.csv, {words}")


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(RegimenError, match="column 'amt' is missing"):
        regimen_from_nonmem(table(time=[0]))
    with pytest.raises(RegimenError, match="row 1, column drug: the row names no drug"):
        regimen_from_nonmem(table(time=[0], amt=[1]), route="iv")
    with pytest.raises(RegimenError, match="what compartment 3 stands for; expected one of 1"):
        regimen_from_nonmem(table(time=[0], amt=[1], cmt=[3]), compartments={1: ("nbqx", "ip")})
    with pytest.raises(RegimenError, match="cannot be read as a CSV"):
        regimen_from_nonmem(tmp_path / "absent.csv")
    with pytest.raises(RegimenError, match="column ss: a steady-state dose"):
        regimen_from_nonmem(table(time=[0], amt=[1], ss=[1]), **IV)
    with pytest.raises(InputError, match="row 1, column drug or route: unknown drug 'ketamin'"):
        regimen_from_nonmem(table(time=[0], amt=[1]), drug="ketamin", route="iv")
    with pytest.raises(RegimenError, match="row 1: unknown unit 'mgs'"):
        regimen_from_nonmem(table(time=[0], amt=[1]), **IV, unit="mgs")


def test_what_is_written_is_read_back():
    course = regimen(
        "naltrexone 50 mg oral at -45 min;"
        " ketamine hydrochloride 40 mg iv over 30 min every 48 h x 6"
    )
    frame = regimen_to_nonmem(course)
    assert frame["addl"].tolist() == [0, 5]
    assert regimen_from_nonmem(frame) == course
