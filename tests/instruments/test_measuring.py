"""Measuring: from courses put in by hand to the long table."""

from __future__ import annotations

import numpy as np
import pytest

from ketasim.errors import EvidenceError, InputError, UnknownNameError
from ketasim.instruments import CADSS_NOTE, list_measures, measure
from ketasim.instruments.measures import parse_measure
from ketasim.instruments.observations import OBSERVATION_COLUMNS

COURSE = [0.0, 0.0, 0.2, 0.6, 0.3]


def test_a_noise_free_measurement_is_baseline_times_what_is_left(trajectories):
    seen = measure(trajectories([COURSE]), "madrs", control=None, noise=False)
    assert seen.table["value"].tolist() == [34, 27, 14, 24]
    assert seen.table["visit"].tolist() == ["baseline", "2 h", "24 h", "day 7"]
    assert tuple(seen.table.columns) == OBSERVATION_COLUMNS


def test_hamd_shows_the_same_percent_change(trajectories):
    run = trajectories([COURSE], baseline=39.0)
    # 39 MADRS points stand for 30 of HAM-D-17 (Leucht 2018); 40 % of 30 is 12.
    assert measure(run, "hamd17", control=None, noise=False).table["value"].tolist()[0] == 30
    left = measure(run, "hamd17", control=None, noise=False, visits=[24.0]).table["value"]
    assert left.tolist() == [12]


def test_response_and_remission_follow_the_recorded_score(trajectories):
    run = trajectories([COURSE, [0, 0, 0.2, 0.72, 0.5]])
    response = measure(run, "response", control=None, noise=False, visits=[24.0, 168.0])
    assert response.table["value"].tolist() == [1, 0, 1, 1]
    remission = measure(run, "remission", control=None, noise=False, visits=[24.0])
    assert remission.table["value"].tolist() == [0, 1]
    loose = measure(run, "remission", control=None, noise=False, visits=[24.0], remission_cutoff=14)
    assert loose.table["value"].tolist() == [1, 1]


def test_the_change_of_an_arm_is_relief_plus_context(trajectories):
    run = trajectories(np.tile([0, 0, 0.1, 0.2, 0.1], (3000, 1)))
    change = measure(run, "madrs_change", control="midazolam", visits=[24.0]).table["value"]
    without = measure(run, "madrs_change", control=None, visits=[24.0]).table["value"]
    # 34 x 0.2 of relief, and the midazolam arm of Murrough 2013 moved by -8.8 (SD 9.5, n 25).
    assert without.mean() == pytest.approx(-6.8, abs=0.4)
    assert change.mean() - without.mean() == pytest.approx(-8.8, abs=3.8)
    assert change.std() > 1.5 * without.std()


def test_a_patient_is_measured_alike_in_any_cohort(trajectories):
    every = measure(trajectories([COURSE] * 20), "madrs").table.set_index(["patient", "time_h"])
    one = measure(trajectories([COURSE], patients=[17]), "madrs").table
    for _, row in one.iterrows():
        assert every.loc[(17, row["time_h"]), "value"] == row["value"]


def test_a_failed_patient_is_missing_and_says_why(trajectories):
    seen = measure(trajectories([COURSE, [0, 0, np.nan, np.nan, np.nan]]), "madrs_response")
    failed = seen.table[seen.table["patient"] == 1]
    assert failed["value"].isna().tolist() == [False, True, True, True]
    assert failed["missing_why"].iloc[-1] == "the step became too small"
    assert seen.table.loc[seen.table["patient"] == 0, "missing_why"].eq("").all()
    assert any("1 patients" in note for note in seen.notes())


def test_cadss_is_a_shape_without_a_height(trajectories):
    course = [[0, 0, 0.5, 0.1, 0], [0, 0, 0.05, 0.01, 0], [0, 0, 0, 0, 0]]
    seen = measure(trajectories([COURSE] * 3, course), "cadss")
    assert seen.table["value"].to_numpy().reshape(3, 4).tolist() == pytest.approx(
        np.array([[0, 1, 0.2, 0], [0, 1, 0.2, 0], [0, 0, 0, 0]])
    )
    assert CADSS_NOTE in seen.notes()
    assert "share of own peak" in seen.unit


def test_every_measure_can_be_measured(trajectories):
    for name in list_measures():
        seen = measure(trajectories([COURSE] * 3), name)
        assert len(seen.table) == 12
        assert seen.table["value"].notna().all()


def test_wrong_names_and_times_are_answered_in_one_sentence(trajectories):
    run = trajectories([COURSE])
    with pytest.raises(UnknownNameError, match="did you mean madrs"):
        measure(run, "madr")
    with pytest.raises(UnknownNameError, match="did you mean saline"):
        measure(run, control="salin")
    with pytest.raises(InputError, match="a visit at 200 h lies outside"):
        measure(run, visits=[24.0, 200.0])
    del run.cohort.table["madrs_baseline"]
    with pytest.raises(InputError, match="no column 'madrs_baseline'"):
        measure(run)


def test_trajectories_without_relief_are_refused(trajectories):
    run = trajectories([COURSE])
    object.__setattr__(run, "dataset", run.dataset.drop_vars("relief"))
    with pytest.raises(InputError, match="hold no 'relief'"):
        measure(run)


@pytest.mark.parametrize("name", ["qids", "hamd6_change", "moaas"])
def test_a_scale_without_a_map_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(EvidenceError, match="map"):
        parse_measure(name)
