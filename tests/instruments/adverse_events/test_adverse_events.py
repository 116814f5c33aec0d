"""Adverse events by session: closed forms, the fit, recurrence in the same people, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import gamma

from ketasim.errors import EvidenceError, InputError, UnknownNameError
from ketasim.evidence import load
from ketasim.instruments import draw_events, measure
from ketasim.instruments.adverse_events import (
    DRIVE_OF,
    SessionDrives,
    counts_of,
    drug_hazard,
    event_names,
    fit_events,
    fit_propensity,
    hazard_of,
    label_risks,
    load_event,
    propensity_variance,
    risk,
    session_drives,
)
from ketasim.model import load_model
from ketasim.population import virtual_patients
from ketasim.simulate import simulate

COURSE = "{} nasal every 84 h x 8"
TIMES = [84.0 * k + one for k in range(8) for one in (0.0, 0.25, 0.5, 0.75, 1.0)]
OUTPUTS = ("dissociation", "sedation", "dizziness", "nausea", "sbp_rise", "relief")


@pytest.fixture(scope="module")
def drives():
    return session_drives()


@pytest.fixture(scope="module")
def people():
    return virtual_patients(load_model("article"), 3000, 2, sampling="random")


def run(dose, people, times=TIMES):
    return simulate(
        load_model("article"), COURSE.format(dose), cohort=people, times=list(times),
        outputs=OUTPUTS, progress=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def spray(people):
    return run("esketamine 84 mg", people)


@pytest.mark.parametrize("hazard", [0.01, 0.3, 2.0])
def test_the_risk_is_the_mean_over_propensities(hazard: float) -> None:
    variance = 1.7
    # By quadrature over quantiles of the gamma distribution, not by its Laplace transform.
    middle = (np.arange(200_000) + 0.5) / 200_000
    people = gamma.ppf(middle, 1 / variance, scale=variance)
    expected = np.mean(-np.expm1(-people * hazard))
    assert risk(np.array(hazard), variance) == pytest.approx(expected, abs=2e-5)
    assert hazard_of(risk(np.array(hazard), variance), variance) == pytest.approx(hazard)


def test_alike_people_are_the_limit_of_a_small_variance() -> None:
    assert risk(np.array(0.4), 1e-7) == pytest.approx(-np.expm1(-0.4), abs=1e-6)


def test_the_drug_hazard_gives_the_risks_it_came_from() -> None:
    peaks = np.random.default_rng(1).uniform(0.0, 5.0, 500)
    planted = np.array([0.02, 0.3])
    control = np.array([0.1, 0.2])
    theta = 2.0
    base = hazard_of(control, theta)[:, None]
    treated = risk(base + planted[:, None] * peaks, theta).mean(axis=1)
    np.testing.assert_allclose(drug_hazard(treated, control, peaks, theta), planted, rtol=1e-8)
    assert drug_hazard(np.array([0.05]), np.array([0.1]), peaks, theta)[0] == 0.0
    with pytest.raises(InputError, match="everybody"):
        drug_hazard(np.array([1.0]), np.array([0.1]), peaks, theta)


def test_the_shipped_numbers_are_what_the_fit_gives(drives) -> None:
    variance = fit_propensity(drives)
    assert propensity_variance() == pytest.approx(variance, rel=0.01)
    table = fit_events(drives, propensity_variance()).set_index("event")
    assert tuple(table.index) == event_names()
    for name in event_names():
        shipped = load_event(name)
        assert shipped.background == pytest.approx(table.at[name, "background"], rel=2e-3)
        assert shipped.drug == pytest.approx(table.at[name, "drug"], rel=2e-3)
        assert (shipped.title, shipped.category) == tuple(table.loc[name, ["title", "category"]])


def test_the_fit_meets_the_first_week_it_was_made_for(drives) -> None:
    rows = load("adverse_events")
    rows = rows[rows["study"] == "SUSTAIN-1+2 pooled longitudinal AE course"].set_index("event")
    theta, told = propensity_variance(), []
    for title in ("Dissociation", "Dizziness", "Nausea", "Vertigo"):
        event = load_event(title.lower())
        peaks = drives.of(event.drive, (56, 84), sessions=2)
        week = risk(2 * event.background + event.drug * peaks, theta).mean()
        told.append(week / (float(rows["percent"][title]) / 100.0))
    # Four events, one variance: 14 to 27 % where 12 to 21 % were seen.
    assert np.exp(np.mean(np.log(told))) == pytest.approx(1.0, abs=0.1)
    assert all(0.6 < one < 1.7 for one in told)


def test_drawn_risks_agree_with_the_expected_ones_and_the_label(spray, people) -> None:
    table = draw_events(spray).summary()
    error = np.sqrt(table["expected"] * (1 - table["expected"]) / table["n"])
    assert (np.abs(table["share"] - table["expected"]) < 4.0 * error).all()
    # Background alone under placebo: the shares of the label's placebo arm.
    plain = draw_events(run("saline 1 mg", people)).summary()
    for name, row in plain.iterrows():
        _, control, _ = label_risks(load_event(str(name)).title)
        assert row["expected"] == pytest.approx(control, rel=2e-3)
    assert (table["expected"] > plain["expected"]).all()


def test_the_three_shares_are_told_apart(spray) -> None:
    table = draw_events(spray, ["sedation"]).summary().loc["sedation"]
    assert table["per_session"] < 0.5 * table["share"]


@pytest.mark.parametrize("event", ["dissociation", "dizziness", "nausea", "vertigo"])
def test_events_repeat_in_the_same_people(spray, event: str) -> None:
    # JCP post hoc of 928 patients: recurrence likelier with 2 > 1 > 0 events in week 1.
    later = draw_events(spray, [event]).recurrence(event)["later"]
    assert later[2] > later[1] + 0.05
    assert later[1] > later[0] + 0.05


def test_alike_people_would_not_have_that(spray) -> None:
    found = draw_events(spray, ["nausea"])
    again = np.random.default_rng(3).random(found.occurred["nausea"].shape)
    alike = again < -np.expm1(-found.hazards["nausea"])
    early, late = alike[:, :2].sum(axis=1), alike[:, 2:].any(axis=1)
    assert abs(late[early > 0].mean() - late[early == 0].mean()) < 0.08


def test_dissociation_is_reported_less_in_later_sessions(spray) -> None:
    # The first week has the most events (JCP post hoc); pressure has no tolerance of its own.
    found = draw_events(spray, ["dissociation", "blood_pressure_increased"])
    felt = found.hazards["dissociation"].mean(axis=0)
    pressure = found.hazards["blood_pressure_increased"].mean(axis=0)
    assert (np.diff(felt) < 0).all()
    np.testing.assert_allclose(pressure, pressure[0], rtol=1e-3)


def test_more_drug_is_more_events(drives) -> None:
    for drive in set(DRIVE_OF.values()):
        sums = [drives.of(drive, (dose,)).mean() for dose in (28, 56, 84)]
        assert sums == sorted(sums)


def test_an_event_is_measured_by_name(spray) -> None:
    seen = measure(spray, "nausea_event", visits=[0.0, 24.0, 589.0])
    course = seen.summary()["mean"]
    assert course.iloc[0] == 0.0
    assert 0.0 < course.iloc[1] < course.iloc[2]
    assert course.iloc[2] == draw_events(spray, ["nausea"]).summary()["share"].iloc[0]
    assert any("fitted on the pooled arms" in note for note in seen.notes())
    assert seen.plot().layout.title.text.startswith("Nausea")


def test_a_patient_has_the_same_events_in_any_cohort(spray, people) -> None:
    few = run("esketamine 84 mg", people.select([5, 2000]))
    every = draw_events(spray, ["dizziness"])
    one = draw_events(few, ["dizziness"])
    np.testing.assert_array_equal(one.occurred["dizziness"], every.occurred["dizziness"][[5, 2000]])
    frame = one.to_frame()
    assert list(frame.columns) == ["patient", "session", "start_h", "event", "occurred"]
    assert len(frame) == 16


def test_shape_only_measures_refuse_a_height(spray) -> None:
    assert measure(spray, "sedation").table["value"].max() == pytest.approx(1.0)
    for name in ("cadss_score", "cadss_change"):
        with pytest.raises(EvidenceError, match="height"):
            measure(spray, name)


def test_wrong_questions_are_answered_in_one_sentence(spray, people) -> None:
    with pytest.raises(UnknownNameError, match="did you mean nausea"):
        draw_events(spray, ["nausae"])
    few = people.select([1])
    with pytest.raises(InputError, match="no simulated time lies within 2 h"):
        draw_events(run("esketamine 84 mg", few, [0.0, 24.0, 600.0]), ["nausea"])
    once = simulate(
        load_model("article"), "esketamine 84 mg nasal", cohort=few, times=[0.0, 0.5, 1.0],
        outputs=OUTPUTS, progress=False,
    )  # fmt: skip
    with pytest.raises(InputError, match="no session after the first week"):
        draw_events(once, ["nausea"]).recurrence("nausea")
    with pytest.raises(InputError, match="holds no 'vertigo'"):
        draw_events(once, ["nausea"]).recurrence("vertigo")


def test_every_event_is_on_the_label_with_counts() -> None:
    counts = counts_of("SPRAVATO US label, TRD pooled (TRANSFORM-1 + TRANSFORM-2)")
    assert set(DRIVE_OF) <= set(counts["event"])
    top = counts[counts["drug"] == "esketamine"].nlargest(10, "events")["event"]
    assert [load_event(name).title for name in event_names()[:10]] == list(top)


def test_drives_are_summed_by_dose_and_session() -> None:
    peaks = {("nausea", 56): np.array([[1.0, 2.0, 4.0]]), ("nausea", 84): np.array([[8.0, 16, 32]])}
    told = SessionDrives(peaks)
    assert told.of("nausea", (56, 84)).tolist() == [7.0, 56.0]
    assert told.of("nausea", (84,), sessions=1).tolist() == [8.0]
