"""Running trials: the same bits whatever runs beside them, kinds of design, worlds without effect."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from ketasim.errors import InputError
from ketasim.trial import (
    FlexibleDose,
    Missing,
    RatingModel,
    TrialAllocation,
    TrialArm,
    TrialDesign,
    TrialDropout,
    TrialPool,
    TrialReplicates,
    TrialRescue,
    TrialSecondStage,
    TrialStratum,
    TrialVisit,
    build_pool,
    load_design,
    run_trial,
)

from .conftest import KETAMINE, two_arms

LEAVING = TrialDropout(0.05, 0.05, 0.05, 0.03)


def assert_same(one: TrialReplicates, other: TrialReplicates) -> None:
    for field in fields(TrialReplicates):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if isinstance(first, np.ndarray):
            np.testing.assert_array_equal(first, second, err_msg=field.name)


@pytest.mark.parametrize("way", [{"rows": 81}, {"rows": 400}, {"rows": 100, "threads": 3}])
def test_same_seed_same_bits_whatever_the_chunks_and_threads(
    design: TrialDesign, pool: TrialPool, way: dict[str, int]
) -> None:
    full = replace(
        design,
        dropout=LEAVING,
        rescue=TrialRescue(72.0, 0.1, -4.0),
        allocation=TrialAllocation(
            "stratified", (1.0, 1.0), 4, (TrialStratum("sex"), TrialStratum("site", levels=2))
        ),
    )
    assert_same(run_trial(full, 12, 5, pool=pool), run_trial(full, 12, 5, pool=pool, **way))


def test_a_replicate_is_the_same_alone(design: TrialDesign, pool: TrialPool) -> None:
    whole = run_trial(replace(design, dropout=LEAVING), 6, 5, pool=pool)
    alone = run_trial(replace(design, dropout=LEAVING), 1, 5, pool=pool, first=4)
    np.testing.assert_array_equal(whole.values[4], alone.values[0])
    other = run_trial(replace(design, dropout=LEAVING), 6, 6, pool=pool)
    assert not np.array_equal(whole.complete, other.complete)


def test_a_further_arm_does_not_change_patients_of_the_others(
    design: TrialDesign, pool: TrialPool
) -> None:
    third = TrialArm("low", "ketamine 0.1 mg/kg iv over 40 min", "active", 40, "active")
    more = replace(design, arms=(*design.arms, third))
    rating = RatingModel(rater_sd=0.0)
    one = run_trial(design, 40, 2, pool=pool, rating=rating)
    two = run_trial(more, 40, 2, pool=build_pool(more, 400, 1), rating=rating)
    np.testing.assert_array_equal(one.person, two.person[:, : design.patients])
    np.testing.assert_array_equal(one.baseline, two.baseline[:, : design.patients])
    same = one.arm == two.arm[:, : design.patients]
    assert same.sum() > 500
    np.testing.assert_array_equal(one.complete[same], two.complete[:, : design.patients][same])


def test_the_analysis_sees_what_was_recorded(design: TrialDesign, pool: TrialPool) -> None:
    got = run_trial(replace(design, dropout=LEAVING), 3, 5, pool=pool)
    data = got.one(2)
    np.testing.assert_array_equal(data.values, got.values[2])
    assert data.arms == ("ketamine", "saline")
    assert data.visit_names == ("24 h", "day 3", "day 7")
    assert data.missing_why is not None
    assert ((data.missing_why == "") == ~np.isnan(data.values)).all()
    frame = data.to_frame()
    assert len(frame) == 80 * 4
    assert set(frame["missing_why"]) <= {one.words for one in Missing}
    with pytest.raises(InputError, match="no replicate 3"):
        got.one(3)


def test_the_mean_difference_is_that_of_relief_and_context(
    design: TrialDesign, pool: TrialPool
) -> None:
    from ketasim.instruments import load_context

    wide = replace(design, entry=replace(design.entry, mean=36.0, sd=4.5, minimum=20.0))
    table = run_trial(wide, 300, 1, pool=pool, rating=RatingModel(unmasking=0.0)).summary()
    change = table.set_index(["arm", "visit"])["change"]
    context = load_context().change
    found = change["ketamine", "24 h"] - change["saline", "24 h"]
    expected = -36.0 * pool.relief[0, :, 1].mean() + context["active"] - context["saline"]
    # The floor of the scale holds back a few patients of the active arm.
    assert expected - 0.3 < found < expected + 0.9


@pytest.mark.parametrize("kind", ["parallel", "zarate2006"])
def test_without_drug_effect_arms_do_not_differ(
    design: TrialDesign, pool: TrialPool, kind: str
) -> None:
    asked = design if kind == "parallel" else load_design(kind)
    people = pool if kind == "parallel" else build_pool(asked, 60, 1)
    got = run_trial(asked, 400, 1, pool=people, rating=RatingModel(world="null"))
    table = got.summary().set_index(["arm", "visit"])
    gap = table.loc[("ketamine", "24 h"), "change"] - table.loc[("saline", "24 h"), "change"]
    rows = 400 * (got.arm[0] == 0).sum()
    assert abs(gap) < 4.0 * table["change_sd"].max() * np.sqrt(2 / rows)


def test_patients_leave_alike_without_drug_effect(design: TrialDesign, pool: TrialPool) -> None:
    """Or the patients who are left would differ, and every test of them would be wrong too often."""
    from scipy.stats import ttest_ind

    leaving = replace(design, dropout=TrialDropout(lack_of_effect=0.15, side_effects=0.05))
    got = run_trial(leaving, 600, 1, pool=pool, rating=RatingModel(world="null"))
    left = got.missing_why[:, :, -1] == Missing.LACK_OF_EFFECT
    shares = [left[got.arm == arm].mean() for arm in (0, 1)]
    assert abs(shares[0] - shares[1]) < 4.0 * np.sqrt(2 * 0.15 * 0.85 / (600 * 40))
    change = got.change[:, :, -1]
    rejected = np.mean([
        ttest_ind(one[arm == 0], one[arm == 1], nan_policy="omit").pvalue < 0.05
        for one, arm in zip(change, got.arm, strict=True)
    ])  # fmt: skip
    assert rejected == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / 600))


def test_expectancy_alone_leaves_the_difference_of_contexts(
    design: TrialDesign, pool: TrialPool
) -> None:
    from ketasim.instruments import load_context

    rating = RatingModel(world="expectancy", unmasking=0.0)
    table = run_trial(design, 300, 1, pool=pool, rating=rating).summary()
    change = table.set_index(["arm", "visit"])["change"]
    context = load_context().change
    expected = context["active"] - context["saline"]
    assert change["ketamine", "24 h"] - change["saline", "24 h"] == pytest.approx(expected, abs=0.4)


def test_a_crossover_has_one_row_a_patient_and_period() -> None:
    design = load_design("zarate2006")
    got = run_trial(design, 100, 1, pool=build_pool(design, 100, 1))
    data = got.one(0)
    assert data.period is not None
    assert data.patient is not None
    assert data.period.tolist() == [0, 1] * 18
    assert data.patient.tolist() == [k for k in range(18) for _ in range(2)]
    assert (np.sort(data.arm.reshape(18, 2), axis=1) == [0, 1]).all()
    # Who had ketamine first begins the second period with some of its effect.
    first = got.arm[:, 0::2].ravel() == 0
    second = got.baseline[:, 1::2].ravel()
    assert second[first].mean() < second[~first].mean() - 1.0


def test_a_dose_is_raised_in_those_who_did_not_respond() -> None:
    low = "ketamine 0.1 mg/kg iv over 40 min every 48 h x 3"
    high = (
        "ketamine 0.1 mg/kg iv over 40 min; ketamine 1 mg/kg iv over 40 min at 48 h every 48 h x 2"
    )
    arm = TrialArm("flex", low, "active", 30, "active", flexible=FlexibleDose(high, 24.0, 0.5))
    design = two_arms(30, arms=(arm, two_arms(30).arms[1]))
    pool = build_pool(design, 60, 1)
    got = run_trial(design, 60, 1, pool=pool)
    gained = (got.baseline - got.complete[:, :, 0]) / got.baseline
    np.testing.assert_array_equal(got.raised, (got.arm == 0) & (gained < 0.5))
    fixed = replace(design, arms=(replace(arm, flexible=None), design.arms[1]))
    plain = run_trial(fixed, 60, 1, pool=pool)
    np.testing.assert_array_equal(got.complete[:, :, 0], plain.complete[:, :, 0])
    np.testing.assert_array_equal(got.complete[~got.raised], plain.complete[~got.raised])
    better = got.complete[got.raised][:, 1] - plain.complete[got.raised][:, 1]
    assert better.mean() < -2.0


def test_rescue_helps_those_who_stay_ill_and_is_an_event_of_the_estimand(
    design: TrialDesign, pool: TrialPool
) -> None:
    rule = TrialRescue(24.0, 0.25, -6.0)
    got = run_trial(replace(design, rescue=rule), 50, 1, pool=pool)
    plain = run_trial(design, 50, 1, pool=pool)
    change = got.complete - plain.complete
    gained = (plain.baseline - plain.complete[:, :, 0]) / plain.baseline
    np.testing.assert_array_equal(got.rescued, gained < 0.25)
    assert not change[~got.rescued].any()
    assert change[got.rescued][:, 1:].mean() == pytest.approx(-6.0, abs=0.2)
    stopped = got.one(0).stopped_h
    assert stopped is not None
    np.testing.assert_array_equal(stopped == 24.0, got.rescued[0])


def test_non_responders_are_randomised_again() -> None:
    visits = (TrialVisit(24.0), TrialVisit(72.0), TrialVisit(96.0), TrialVisit(168.0))
    design = two_arms(
        visits=visits,
        kind="rerandomised",
        second_stage=TrialSecondStage(72.0, ("saline",), ("ketamine", "saline")),
    )
    got = run_trial(design, 60, 1, pool=build_pool(design, 100, 1))
    again = got.second_arm >= 0
    gained = (got.baseline - got.complete[:, :, 1]) / got.baseline
    np.testing.assert_array_equal(again, (got.arm == 1) & (gained < 0.5))
    assert (got.second_arm[again] == 0).mean() == pytest.approx(0.5, abs=0.05)
    data = got.one(0, stage=2)
    assert data.n_patients == again[0].sum()
    np.testing.assert_array_equal(data.baseline, got.values[0][again[0], 1])
    assert data.visits_h.tolist() == [96.0, 168.0]
    change = got.complete[:, :, 2] - got.complete[:, :, 1]
    active, control = (change[got.second_arm == arm].mean() for arm in (0, 1))
    assert active < control - 4.0
    with pytest.raises(InputError, match="no second stage"):
        run_trial(two_arms(), 1, 1, people=8).one(0, stage=2)


def test_a_withdrawal_randomises_who_is_well_and_counts_relapses() -> None:
    from ketasim.trial import TrialEndpoint, TrialInduction

    arms = (
        TrialArm("go on", f"{KETAMINE} every 84 h x 8", "active", 20, "active"),
        TrialArm("stop", "", "saline", 20, "control"),
    )
    design = two_arms(
        arms=arms,
        kind="withdrawal",
        induction=TrialInduction(f"{KETAMINE} every 84 h x 4", "open_label", 336.0, 12.0, 20.0),
        visits=tuple(TrialVisit(time) for time in (336.0, 504.0, 672.0, 840.0, 1008.0)),
        endpoint=TrialEndpoint("relapse", analysis="cox"),
        dropout=TrialDropout(at_random=0.1),
    )
    pool = build_pool(design, 100, 1)
    got = run_trial(design, 60, 1, pool=pool)
    assert got.event is not None
    assert got.event_h is not None
    assert (got.baseline <= 12.0).all()
    assert (got.screened > design.patients).all()
    going, stopping = (got.event[got.arm == arm].mean() for arm in (0, 1))
    assert 0.02 < going < stopping - 0.1
    data = got.one(0)
    assert data.event is not None
    assert data.event_h is not None
    assert data.visits_h.tolist() == [168.0, 336.0, 504.0, 672.0]
    place = np.searchsorted(data.visits_h, data.event_h[data.event])
    assert (data.values[data.event][np.arange(place.size), place] >= 20.0).all()
    later = data.visits_h[None, :] > np.where(data.event, data.event_h, np.inf)[:, None]
    assert np.isnan(data.values[later]).all()
    assert data.event_h.max() <= 672.0
    null = run_trial(design, 60, 1, pool=pool, rating=RatingModel(world="null"))
    assert null.event is not None
    shares = [null.event[null.arm == arm].mean() for arm in (0, 1)]
    assert abs(shares[0] - shares[1]) < 0.06


def test_naltrexone_before_ketamine_takes_effect_away_under_the_article() -> None:
    blocked = TrialArm(
        "blocked", KETAMINE, "active", 20, "active", add_on="naltrexone 50 mg oral at -45 min"
    )
    design = two_arms(20, arms=(*two_arms(20).arms, blocked))
    got = run_trial(design, 20, 1, people=60)
    change = got.summary().set_index(["arm", "visit"])["change"]
    assert change["blocked", "24 h"] > change["ketamine", "24 h"] + 2.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"replicates": 0}, "0 replicates"),
        ({"first": -1}, "from -1 on"),
        ({"rows": 0}, "a chunk or the threads"),
        ({"threads": 0}, "a chunk or the threads"),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    design: TrialDesign, pool: TrialPool, given: dict[str, int], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        run_trial(design, pool=pool, **given)  # type: ignore[arg-type]


def test_a_pool_of_another_design_is_refused(design: TrialDesign, pool: TrialPool) -> None:
    with pytest.raises(InputError, match="does not hold the way 'midazolam'"):
        run_trial(load_design("murrough2013"), pool=pool)
    with pytest.raises(InputError, match="does not hold some of the visits"):
        run_trial(replace(design, visits=(*design.visits, TrialVisit(200.0))), pool=pool)


def test_a_thousand_trials_of_two_hundred_patients_take_seconds() -> None:
    import time

    visits = tuple(TrialVisit(time_h) for time_h in (24.0, 168.0, 336.0, 504.0, 672.0))
    design = two_arms(100, visits=visits, dropout=LEAVING)
    pool = build_pool(design, 50, 1)
    began = time.perf_counter()
    got = run_trial(design, 1000, 1, pool=pool)
    assert got.values.shape == (1000, 200, 5)
    assert time.perf_counter() - began < 30.0
