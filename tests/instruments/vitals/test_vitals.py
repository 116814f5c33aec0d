"""Blood pressure and heart rate: closed forms of the noise, published maxima, covariates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError, UnknownNameError
from ketasim.instruments import measure, vital_sessions
from ketasim.instruments.vitals import (
    VITAL_SIGNS,
    expected_maximum,
    fit_vitals,
    vital_constants,
    vital_sign,
)
from ketasim.model import load_model
from ketasim.population import virtual_patients
from ketasim.simulate import simulate

SPRAY, PLACEBO = "esketamine 84 mg nasal", "saline 1 mg nasal"
TIMES = np.arange(0.0, 2.01, 1 / 12)
OUTPUTS = ("sbp_rise", "dbp_rise", "hr_rise", "dissociation")


@pytest.fixture(scope="module")
def people():
    return virtual_patients(load_model("article"), 1500, 3, clinical=True)


@pytest.fixture(scope="module")
def spray(people):
    return run(SPRAY, people)


@pytest.fixture(scope="module")
def placebo(people):
    return run(PLACEBO, people)


def run(regimen, people, times=TIMES):
    return simulate(
        load_model("article"), regimen, cohort=people, times=list(times), outputs=OUTPUTS,
        progress=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("readings", "expected"),
    # Two: 1 / sqrt(pi); three: 3 / (2 sqrt(pi)); four and five: tables of normal order statistics.
    [(1, 0.0), (2, np.pi**-0.5), (3, 1.5 * np.pi**-0.5), (4, 1.02938), (5, 1.16296)],
)
def test_the_expected_maximum_is_that_of_normal_order_statistics(readings, expected) -> None:
    assert expected_maximum(readings) == pytest.approx(expected, abs=1e-5)


def test_no_reading_has_no_maximum() -> None:
    with pytest.raises(InputError, match="0 readings"):
        expected_maximum(0)


def test_placebo_has_a_mean_of_maxima_from_noise_alone(placebo, people) -> None:
    young = (people.table["age"] < 65).to_numpy()
    seen = vital_sessions(placebo, "sbp")
    assert abs(seen.mean_at_a_time()["mean"]).max() < 1.0
    # Doherty 2020: 6.1 mmHg at 18 to 64 years, 11.1 from 65 on.
    assert seen.largest[young].mean() == pytest.approx(6.1, abs=0.6)
    assert seen.largest[~young].mean() == pytest.approx(11.1, abs=3.5)
    quiet = vital_sessions(placebo, "sbp", noise=False)
    assert np.abs(quiet.change).max() < 1e-6


def test_the_spray_has_the_published_means_of_maxima(spray, people) -> None:
    young = (people.table["age"] < 65).to_numpy()
    fifty_six = run("esketamine 56 mg nasal", people)
    for sign, published in (("sbp", 13.3), ("dbp", 8.7)):
        both = [vital_sessions(one, sign).largest[young].mean() for one in (spray, fifty_six)]
        assert np.mean(both) == pytest.approx(published, abs=0.8)


def test_a_mean_at_a_time_is_below_the_mean_of_maxima(spray) -> None:
    seen = vital_sessions(spray, "sbp")
    top = seen.mean_at_a_time()["mean"].max()
    assert 3.0 <= top <= 16.0
    assert top < seen.mean_of_maxima()["mean"].iloc[0]
    # What the two say of the drug: the maxima of placebo have to be taken off.
    assert np.array_equal(seen.largest, seen.change.max(axis=2))


def test_heart_rate_rises_by_two_to_six(spray) -> None:
    top = vital_sessions(spray, "heart_rate").mean_at_a_time()["mean"].max()
    assert 2.0 <= top <= 6.0


def test_older_and_hypertensive_people_have_higher_pressure_and_larger_rises() -> None:
    sign = vital_sign("sbp")
    cohort = pd.DataFrame(
        {"age": [40.0, 55.0, 40.0, 55.0], "hypertension": ["no", "no", "yes", "yes"]}
    )
    rise = np.full((4, 1), 10.0)
    same = {"seed": 1, "noise": False}
    # One patient under four covariates: the draws are equal.
    rows = [
        sign.readings(rise[:1], np.zeros(1), cohort.iloc[[k]].set_axis([7]), **same)[0, 0]
        - sign.readings(0 * rise[:1], np.zeros(1), cohort.iloc[[k]].set_axis([7]), **same)[0, 0]
        for k in range(4)
    ]
    assert rows[1] == pytest.approx(1.1 * rows[0])
    assert rows[2] == pytest.approx(1.2 * rows[0])
    assert rows[3] == pytest.approx(1.32 * rows[0])
    pulse = vital_sign("heart_rate")
    assert pulse.gain_hypertension < 1.0 < sign.gain_hypertension


def test_people_who_differ_do_not_differ_on_average() -> None:
    ages, none = np.full(20000, 30.0), np.zeros(20000, dtype=bool)
    gain = vital_sign("sbp").gain(ages, none, 5, np.arange(20000))
    assert gain.mean() == pytest.approx(1.0, abs=0.02)
    assert gain.std() == pytest.approx(vital_sign("sbp").gain_cv, rel=0.06)


def test_pressure_does_not_adapt_over_a_course(people) -> None:
    times = [84.0 * k + one for k in range(4) for one in (0.0, 2 / 3, 1.0, 1.5, 2.0)]
    seen = vital_sessions(run(f"{SPRAY} every 84 h x 4", people, times), "sbp")
    means = seen.mean_of_maxima()
    assert len(means) == 4
    assert np.ptp(means["mean"]) < 4.0 * means["standard_error"].max()


@pytest.mark.parametrize("name", VITAL_SIGNS)
def test_every_sign_is_measured_by_name(spray, name) -> None:
    seen = measure(spray, name, visits=[0.0, 2 / 3, 2.0])
    sign = vital_sign(name)
    assert seen.unit == sign.unit
    course = seen.summary()["mean"]
    assert course.iloc[1] > course.iloc[2] > course.iloc[0] - 1.0
    assert course.iloc[0] == pytest.approx(sign.rest, abs=8.0)
    assert any("assumed" in note for note in seen.notes())
    assert "doherty2020" in set(seen.citations()["key"])
    assert seen.plot().layout.yaxis.title.text.startswith(sign.title)


def test_a_reading_belongs_to_patient_and_time(spray, people) -> None:
    few = simulate(
        load_model("article"), SPRAY, cohort=people.select([3, 900]), times=list(TIMES),
        outputs=OUTPUTS, progress=False,
    )  # fmt: skip
    every = measure(spray, "sbp", visits=[0.5, 1.0]).table.set_index(["patient", "time_h"])
    for _, row in measure(few, "sbp", visits=[1.0]).table.iterrows():
        assert every.loc[(row["patient"], 1.0), "value"] == pytest.approx(row["value"], abs=1e-6)


def test_the_shipped_numbers_are_what_the_fit_gives() -> None:
    found = fit_vitals()
    constants, parameters = vital_constants()["value"], load_model("article").table["value"]
    for name, value in found.items():
        shipped = parameters[name] if name.endswith("_slope") else constants[name]
        assert shipped == pytest.approx(value, rel=0.01), name
    derived = vital_constants().query("status == 'derived'").index
    assert set(derived) <= set(found)


def test_wrong_questions_are_answered_in_one_sentence(spray, people) -> None:
    with pytest.raises(UnknownNameError, match="did you mean sbp"):
        vital_sessions(spray, "spb")
    with pytest.raises(InputError, match="no session with all its readings"):
        vital_sessions(spray, "sbp", readings_h=(1.0, 12.0))
    short = simulate(
        load_model("article"), SPRAY, patients=2, times=[0.0, 1.0], outputs=["relief"],
        progress=False,
    )  # fmt: skip
    with pytest.raises(InputError, match="hold no 'sbp_rise'"):
        vital_sessions(short, "sbp")
    with pytest.raises(InputError, match="no column 'age'"):
        vital_sign("sbp").readings(np.zeros((1, 1)), np.zeros(1), pd.DataFrame(index=[0]), 1)
