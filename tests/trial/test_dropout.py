"""Dropout: published shares, what each cause depends on, missed visits and windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ketasim.errors import InputError
from ketasim.trial import (
    Missing,
    TrialDesign,
    TrialDropout,
    TrialPool,
    TrialReplicates,
    TrialVisit,
    build_pool,
    load_design,
    run_trial,
)
from ketasim.trial.dropout import Reasons, calibrate_hazards, visit_times


def share(got: TrialReplicates, arm: int, *why: Missing) -> float:
    here = got.arm == arm
    last = got.missing_why[:, :, -1][here]
    return float(np.isin(last, why).mean())


ALL = (Missing.LACK_OF_EFFECT, Missing.SIDE_EFFECTS, Missing.AT_RANDOM)


def test_murrough_loses_the_published_shares() -> None:
    design = load_design("murrough2013")
    got = run_trial(design, 300, 1, pool=build_pool(design, 100, 1))
    # Published: 4.3 and 12.0 %; tolerances are 4 standard errors of 300 replicates.
    for arm, published in ((0, 0.043), (1, 0.12)):
        error = np.sqrt(published * (1 - published) / (300 * design.arms[arm].n))
        assert share(got, arm, *ALL) == pytest.approx(published, abs=4 * error + 2e-4)


def test_transform_2_loses_the_published_shares() -> None:
    design = load_design("transform2")
    got = run_trial(design, 60, 1, pool=build_pool(design, 200, 1))
    assert share(got, 0, Missing.SIDE_EFFECTS) == pytest.approx(0.070, abs=0.013)
    assert share(got, 1, Missing.SIDE_EFFECTS) == pytest.approx(0.009, abs=0.006)
    completed = float(np.isnan(got.stopped_h).mean())
    assert completed == pytest.approx(197 / 227, abs=0.012)


@pytest.fixture(scope="module")
def leaving(design: TrialDesign, pool: TrialPool) -> TrialReplicates:
    shares = TrialDropout(0.15, 0.15, 0.1, intermittent=0.05)
    return run_trial(replace(design, dropout=shares), 200, 3, pool=pool)


@pytest.mark.parametrize(
    ("why", "stated"),
    [(Missing.LACK_OF_EFFECT, 0.15), (Missing.SIDE_EFFECTS, 0.15), (Missing.AT_RANDOM, 0.1)],
)
@pytest.mark.parametrize("arm", [0, 1])
def test_each_cause_has_its_share(
    leaving: TrialReplicates, arm: int, why: Missing, stated: float
) -> None:
    assert share(leaving, arm, why) == pytest.approx(stated, abs=0.022)


def test_who_leaves_depends_on_what_the_cause_says(leaving: TrialReplicates) -> None:
    last = leaving.missing_why[:, :, -1]
    active = leaving.arm == 0
    gained = leaving.baseline - leaving.complete[:, :, 1]
    ill, random, stayed = (
        (last == why) & active for why in (Missing.LACK_OF_EFFECT, Missing.AT_RANDOM, Missing.SEEN)
    )
    assert gained[ill].mean() < gained[stayed].mean() - 5.0
    assert abs(gained[random].mean() - gained[active].mean()) < 1.5
    felt = leaving.dissociation
    dizzy = (last == Missing.SIDE_EFFECTS) & active
    # A hazard in proportion to what is felt draws a mean that is higher by variance over mean.
    higher = felt[active].var() / felt[active].mean()
    assert felt[dizzy].mean() - felt[active].mean() == pytest.approx(higher, rel=0.7)
    assert higher > 0.01


def test_who_has_left_is_not_seen_again(leaving: TrialReplicates) -> None:
    gone = leaving.visits_h[None, None, :] > leaving.stopped_h[:, :, None]
    assert np.isnan(leaving.values[gone]).all()
    assert np.isin(leaving.missing_why[gone], ALL).all()
    kept = ~gone & (leaving.missing_why == Missing.SEEN)
    np.testing.assert_array_equal(leaving.values[kept], leaving.complete[kept])
    missed = (leaving.missing_why == Missing.MISSED_VISIT)[~gone].mean()
    assert missed == pytest.approx(0.05, abs=0.006)


def test_nobody_leaves_before_the_dose_or_after_the_end(leaving: TrialReplicates) -> None:
    stopped = leaving.stopped_h[~np.isnan(leaving.stopped_h)]
    assert stopped.min() > 0.0
    assert stopped.max() < 168.0


def test_a_lack_of_effect_that_nobody_can_see_is_refused(
    design: TrialDesign, pool: TrialPool
) -> None:
    one_visit = replace(
        design,
        visits=design.visits[:1],
        endpoint=replace(design.endpoint, visit="24 h"),
        dropout=TrialDropout(lack_of_effect=0.1),
    )
    with pytest.raises(InputError, match="cannot leave for this reason"):
        run_trial(one_visit, 1, 1, pool=pool)


def test_hazards_of_a_constant_cause_are_those_of_the_exponential() -> None:
    times = np.array([24.0, 240.0])
    pilot = Reasons(np.full((50, 2), 30.0), np.full(50, 30.0), np.ones(50), times)
    level = calibrate_hazards(TrialDropout(at_random=0.2), pilot, "a")
    assert level[2] == pytest.approx(-np.log(0.8) / 10.0, rel=1e-3)
    assert level[:2].tolist() == [0.0, 0.0]


def test_visits_take_place_within_their_windows() -> None:
    visits = (TrialVisit(24.0), TrialVisit(168.0, 24.0))
    times = visit_times(visits, 1, np.arange(5000, dtype=np.uint64))
    assert (times[:, 0] == 24.0).all()
    assert 144.0 <= times[:, 1].min() < 146.0
    assert 190.0 < times[:, 1].max() <= 192.0
    assert times[:, 1].mean() == pytest.approx(168.0, abs=0.8)
    assert visit_times(visits[:1], 1, np.arange(9, dtype=np.uint64)).shape == (1, 1)
