"""The programmes and the calibration of stable remission."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import EvidenceError
from ketasim.inference.longterm import (
    RelapseRule,
    fit_long_term,
    follow,
    hazard_ratio,
    load_parameters,
    parameter_table,
    programme,
    simulate_programme,
    withdrawal_trial,
)
from ketasim.inference.longterm.calibrate import FITTED, consolidated_relief
from ketasim.inference.longterm.programmes import PROGRAMMES
from ketasim.model import load_model
from ketasim.population import virtual_patients
from ketasim.simulate import simulate

if TYPE_CHECKING:
    from pathlib import Path

    from ketasim.inference.longterm.programmes import Courses

MODEL = load_model("article")


@pytest.fixture(scope="module")
def courses() -> dict[str, Courses]:
    cohort = virtual_patients(MODEL, 128, 1)
    return {name: simulate_programme(MODEL, cohort, programme(name)) for name in PROGRAMMES}


@pytest.mark.parametrize(
    ("name", "doses", "start_h"),
    [("one dose", 1, 0.0), ("six infusions", 6, 264.0), ("stopped", 20, 2688.0),
     ("continued", 47, 2688.0)],
)  # fmt: skip
def test_programmes_give_what_the_designs_give(name: str, doses: int, start_h: float) -> None:
    what = programme(name)
    assert sum(dose.repeats for dose in what.regimen.doses) == doses
    assert what.start_h == start_h
    assert (np.diff(what.times_h) > 0).all()


def test_the_trial_is_read_from_the_rows_that_may_be_fitted() -> None:
    trial = withdrawal_trial()
    assert (trial.relapsed, trial.n) == ((24, 39), (90, 86))
    assert (trial.hazard_ratio, trial.low, trial.high) == (0.49, 0.29, 0.84)
    assert (trial.median_d, trial.median_low_d) == (273.0, 97.0)


def test_relapse_after_one_dose_and_six_infusions_is_where_it_was_seen(
    courses: dict[str, Courses],
) -> None:
    assert 3.0 <= follow(courses["one dose"]).median_d <= 14.0
    assert 12.0 <= follow(courses["six infusions"]).median_d <= 26.0


def test_stable_remitters_relapse_as_in_the_trial(courses: dict[str, Courses]) -> None:
    stopped, continued = (follow(courses[name]) for name in ("stopped", "continued"))
    end = load_parameters().follow_up_h / 24.0
    trial = withdrawal_trial()
    assert stopped.share(end) == pytest.approx(trial.shares[1], abs=0.06)
    assert stopped.median_d == pytest.approx(trial.median_d, rel=0.25)
    assert 0.35 <= hazard_ratio(continued, stopped, end) <= 0.68


def test_one_noisy_visit_relapses_too_early(courses: dict[str, Courses]) -> None:
    naive = follow(courses["six infusions"], rule=RelapseRule("share", 0.5, 1)).median_d
    assert naive < 12.0 <= follow(courses["six infusions"]).median_d


def test_without_drift_who_was_well_stays_well(courses: dict[str, Courses]) -> None:
    from dataclasses import replace

    still = replace(load_parameters(), drift_tau_h=np.inf)
    assert follow(courses["stopped"], parameters=still).share(280.0) < 0.3


def test_tolerance_brings_relapse_forward(courses: dict[str, Courses]) -> None:
    shares = [follow(courses["continued"], lost_by_year=x).share(280.0) for x in (0.0, 0.5, 1.0)]
    assert shares[0] < shares[1] < shares[2] <= follow(courses["stopped"]).share(280.0)


def test_a_patient_who_was_not_solved_is_left_out(courses: dict[str, Courses]) -> None:
    from dataclasses import replace

    one = courses["one dose"]
    relief = one.relief.copy()
    relief[:64] = np.nan
    found = follow(replace(one, relief=relief), repeats=1)
    assert 0 < found.days.size < 64


def test_consolidation_adds_to_a_course_as_the_model_does() -> None:
    given = "esketamine 84 mg nasal every 84 h x 8"
    cohort = virtual_patients(MODEL, 8, 1)
    times = np.arange(0.0, 2001.0, 4.0)

    def course(on: float) -> dict[str, np.ndarray]:
        run = simulate(
            MODEL, given, cohort=cohort, times=times,
            outputs=("relief", "spines", "mood_benefit"),
            overrides={"background_antidepressant": on}, progress=False,
        )  # fmt: skip
        names = ("relief", "spines", "mood_benefit")
        return {name: run.dataset[name].transpose("patient", "time").to_numpy() for name in names}

    without, with_it = course(0.0), course(1.0)
    values = MODEL.values()
    mine = consolidated_relief(
        times, without["mood_benefit"], without["spines"], values["consolidation_rate"],
        values["tau_consolidation"],
    )  # fmt: skip
    assert mine == pytest.approx(with_it["relief"], abs=2e-3)
    assert (with_it["relief"] - without["relief"]).max() > 0.02


def test_consolidation_is_nothing_without_an_antidepressant() -> None:
    cohort = virtual_patients(MODEL, 8, 1)
    runs = [
        simulate(
            MODEL, "ketamine 0.5 mg/kg iv over 40 min", cohort=cohort, times=[24.0, 168.0],
            outputs=("relief",), overrides={"consolidation_rate": rate}, progress=False,
        ).dataset["relief"].to_numpy()
        for rate in (0.0, 0.01)
    ]  # fmt: skip
    assert (runs[0] == runs[1]).all()


@pytest.mark.sweep
def test_the_shipped_values_are_those_of_the_fit() -> None:
    fit = fit_long_term()
    shipped = {**load_model("article").values(), "drift_tau": load_parameters().drift_tau_h}
    for name in FITTED:
        # Nelder and Mead stop within a few percent, and other acute fits move them a little.
        assert shipped[name] == pytest.approx(fit.values[name], rel=0.15), name
    z = (fit.targets["predicted"] - fit.targets["published"]) / fit.targets["sd"]
    assert z.abs().max() < 1.0


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [("value", "-3", "no number above 0"), ("unit", "d", "has the unit 'd'"),
     ("id", "drift", "no row 'drift_tau'")],
)  # fmt: skip
def test_a_wrong_table_is_refused_with_its_row(
    tmp_path: Path, column: str, cell: str, words: str
) -> None:
    table = parameter_table().reset_index().astype(str)
    table.loc[0, column] = cell
    path = tmp_path / "parameters.csv"
    table.to_csv(path, index=False)
    with pytest.raises(EvidenceError, match=words):
        parameter_table(path)


def test_every_assumed_row_says_so() -> None:
    table = parameter_table()
    assumed = table[table["status"] == "assumed"]
    assert (assumed["source"] == "").all()
    assert set(table["status"]) == {"assumed", "calibrated"}
    assert isinstance(table, pd.DataFrame)
