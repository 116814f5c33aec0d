from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from ketasim.dosing import Dose, Regimen, regimen
from ketasim.errors import InputError, RegimenError
from ketasim.simulate import default_times
from ketasim.simulate.output_times import check_regimen_ends, read_times

VISITS = [0.0, 40 / 60, 2.0, 24.0, 72.0, 168.0]


def test_the_visits_of_the_trials_are_always_there():
    times = default_times(regimen("ketamine 0.5 mg/kg iv over 40 min"), 14.0)
    assert set(VISITS) <= set(times)
    assert times[0] == 0.0
    assert times[-1] == 336.0
    assert len(times) < 100


def test_the_hours_after_a_dose_are_dense_and_the_days_are_not():
    steps = np.diff(times := default_times(regimen("ketamine 1 mg iv"), 14.0))
    assert steps[times[:-1] < 1].max() <= 0.25
    assert steps[times[:-1] < 4].max() <= 1.0
    assert steps.max() <= 24.0


def test_a_dose_before_time_zero_starts_the_run_earlier():
    times = default_times(regimen("naltrexone 50 mg oral at -45 min; ketamine 1 mg iv"), 1.0)
    assert times[0] == -0.75
    assert 0.0 in times


def test_a_long_course_does_not_drown_in_times():
    daily = Regimen((Dose("ketamine", 1, "mg", "iv", repeats=90, interval_h=24.0),))
    assert len(default_times(daily, 90.0)) < 600


@given(st.floats(0.01, 200), st.floats(0.001, 100), st.integers(1, 20), st.floats(0.1, 50))
def test_every_dose_is_met_to_the_last_bit(start, duration, repeats, interval):
    one = Dose(
        "ketamine", 1, "mg", "iv", start, duration, repeats, interval if repeats > 1 else 0.0
    )
    days = one.end_h / 24 + 1
    times = default_times(Regimen((one,)), days)
    starts = one.starts()
    assert np.isin(starts, times).all()
    assert np.isin(starts + duration, times).all()
    assert (np.diff(times) > 0).all()
    assert times[-1] == days * 24
    # Nothing but the doses themselves may lie closer together than a few milliseconds.
    exact = np.isin(times, np.concatenate([starts, starts + duration]))
    apart = np.diff(times) >= 1e-6
    assert (apart | (exact[1:] & exact[:-1])).all()


def test_times_may_be_written_with_their_unit():
    assert read_times(["40 min", 0, 2.0, "2 h", "1 day"]).tolist() == [0.0, 40 / 60, 2.0, 24.0]


@pytest.mark.parametrize(
    ("times", "words"),
    [([], "not finite"), ([float("nan")], "not finite"), (["40 mg"], "times: '40 mg' is not a")],
)
def test_times_that_are_none(times, words):
    with pytest.raises(InputError, match=words):
        read_times(times)


def test_a_dose_after_the_end_says_how_long_the_run_must_be():
    with pytest.raises(RegimenError) as caught:
        check_regimen_ends(regimen("esketamine 84 mg nasal every 84 h x 8"), 336.0)
    sentence = str(caught.value)
    assert "dose 'esketamine 84 mg nasal every 84 h x 8'" in sentence
    assert "it begins at 588 h, after the end of the run at 336 h" in sentence
    assert "a run of at least 25 days" in sentence
    check_regimen_ends(regimen("ketamine 1 mg iv at 336 h"), 336.0)
