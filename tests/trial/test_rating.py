"""Rating: entry, regression to the mean, context, unmasking, and the moments of the scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import truncnorm

from ketasim.errors import InputError
from ketasim.instruments import load_context, load_settings
from ketasim.trial import (
    RATING_PRIORS,
    RatingModel,
    TrialArm,
    TrialContext,
    TrialDesign,
    TrialEntry,
    TrialPool,
    TrialReplicates,
    is_extrapolated,
    run_trial,
)
from ketasim.trial.care import arm_context, care_of, expected_change
from ketasim.trial.rating import entry_law, record_baseline, regression_to_the_mean

from .conftest import KETAMINE, two_arms

NUMBERS = np.arange(60_000, dtype=np.uint64)
SEVERITY = np.random.default_rng(3).standard_normal(NUMBERS.size)
ONE_TRIAL = RatingModel(trial_sd=0.0, rater_sd=0.0)


@pytest.mark.parametrize(
    ("entry", "scale"),
    [
        (TrialEntry(34.0, 5.5, 28.0), "madrs"),
        (TrialEntry(37.0, 5.0), "madrs"),
        (TrialEntry(23.1, 4.6, 18.0), "hamd17"),
        (TrialEntry(33.0, 3.2, 28.0, 42.0), "madrs"),
    ],
)
def test_the_recorded_baseline_has_the_moments_of_the_target(entry: TrialEntry, scale: str) -> None:
    design = two_arms(entry=entry, scale=scale)
    recorded, _ = record_baseline(design, RatingModel(), SEVERITY, 1, NUMBERS)
    # Whole scores add 1/12 to the variance.
    assert recorded.mean() == pytest.approx(entry.mean, abs=0.08)
    assert recorded.std() == pytest.approx(np.sqrt(entry.sd**2 + 1 / 12), abs=0.08)
    assert recorded.min() >= (entry.minimum or 0.0)
    assert (recorded == np.round(recorded)).all()


def test_the_law_before_selection_is_a_normal_distribution_that_scipy_truncates_alike() -> None:
    law = entry_law(TrialEntry(32.0, 3.5, 28.0), "madrs")
    a, b = (law.low - law.mean) / law.sd, (law.high - law.mean) / law.sd
    mean, variance = truncnorm.stats(a, b, law.mean, law.sd)
    assert (float(mean), float(np.sqrt(variance))) == pytest.approx((32.0, 3.5), abs=5e-3)
    assert law.entered == pytest.approx(
        truncnorm.cdf(law.high, -8, 8, law.mean, law.sd)
        - truncnorm.cdf(law.low, -8, 8, law.mean, law.sd), abs=1e-6,
    )  # fmt: skip


def test_scores_fall_towards_the_mean_as_selection_says() -> None:
    """Simulated without our copula: draw everybody, keep who meets the criterion."""
    design = two_arms(entry=TrialEntry(32.0, 3.5, 28.0))
    rating = RatingModel(baseline_error_sd=3.0)
    recorded, true = record_baseline(design, rating, SEVERITY, 1, NUMBERS)
    law = entry_law(design.entry, "madrs")
    draws = np.random.default_rng(5)
    severity = law.mean + np.sqrt(law.sd**2 - 9.0) * draws.standard_normal(400_000)
    score = severity + 3.0 * draws.standard_normal(severity.size)
    kept = (score > law.low) & (score < law.high)
    fall = (score - severity)[kept].mean()
    assert fall > 0.5
    assert (recorded - true).mean() == pytest.approx(fall, abs=0.08)
    assert true.std() == pytest.approx(severity[kept].std(), abs=0.08)
    assert regression_to_the_mean(design, rating) == pytest.approx(fall, abs=0.03)
    assert abs(regression_to_the_mean(two_arms(entry=TrialEntry(36.0, 5.0)), rating)) < 0.02


def test_contexts_follow_masking_setting_and_declaration() -> None:
    design = two_arms()
    names = {
        "double_blind": "active",
        "single_blind": "active",
        "open_label": "open_label",
        "anaesthetised": "anaesthesia",
    }
    for masking, name in names.items():
        changed = replace(design, masking=masking)
        assert arm_context(changed, design.arms[0]) == name
        assert is_extrapolated(changed) == (name not in ("active",))
    assert is_extrapolated(replace(design, setting="inpatient"))


def changes(design: TrialDesign, felt: list[float], arm: int = 0, **rating: float) -> np.ndarray:
    care = care_of(design, load_context(), load_settings())
    return expected_change(
        design, care, RatingModel(**rating), arm, np.array([24.0]), np.array(felt)
    )[:, 0]


def test_a_ward_and_a_declared_context_add_what_they_say() -> None:
    lamp = (TrialContext("lamp", -4.0, 3.0),)
    design = two_arms(contexts=lamp)
    design = replace(design, arms=(design.arms[0], replace(design.arms[1], control="lamp")))
    assert changes(design, [0.0], 1)[0] == pytest.approx(-4.0)
    ward = replace(design, setting="inpatient")
    assert changes(ward, [0.0], 1)[0] == pytest.approx(-4.0 + load_settings().inpatient_change)


def test_unmasking_works_through_the_patients_own_dissociation() -> None:
    context = load_context()
    active, saline = context.change["active"], context.change["saline"]
    design = two_arms()
    assert changes(design, [1.0])[0] == pytest.approx(active)
    assert changes(design, [0.0], unmasking=1.0)[0] == pytest.approx(saline)
    none, usual, much = changes(design, [0.0, 1.0, 1.8])
    assert none > usual > much
    np.testing.assert_allclose(changes(design, [0.0, 2.0], unmasking=0.0), active)
    # Nobody can be unmasked who knows, sleeps, or is in the control arm.
    for masking in ("open_label", "anaesthetised"):
        assert np.ptp(changes(replace(design, masking=masking), [0.0, 2.0])) == 0.0
    assert np.ptp(changes(design, [0.0, 2.0], 1)) == 0.0


def test_without_drug_all_arms_have_the_context_of_the_control() -> None:
    context = load_context()
    got = changes(two_arms(), [0.0, 2.0], world="null")
    np.testing.assert_allclose(got, context.change["saline"])


@pytest.fixture(scope="module")
def many(design: TrialDesign, pool: TrialPool) -> TrialReplicates:
    wide = replace(design, entry=TrialEntry(34.0, 5.2, 20.0))
    return run_trial(wide, 100, 2, pool=pool, rating=RatingModel(trial_sd=0.0))


@pytest.mark.parametrize("arm", [0, 1])
def test_moments_lie_in_the_published_ranges(many: TrialReplicates, arm: int) -> None:
    rows = many.arm == arm
    table = np.column_stack([many.baseline[rows], many.values[rows]])
    change = table[:, 1] - table[:, 0]
    together = np.corrcoef(table.T)
    assert 4.0 < table[:, 0].std() < 7.0
    assert 8.5 < change.std() < 12.0
    assert 3.0 < table[:, 1].var() / table[:, 0].var() < 5.2
    assert ((together[0, 1:] > 0.0) & (together[0, 1:] < 0.4)).all()
    assert ((together[1:, 1:] > 0.6) & (together[1:, 1:] < 0.81) | np.eye(3, dtype=bool)).all()


def test_control_arms_are_ordered_as_published(pool: TrialPool) -> None:
    means = []
    for control in ("saline", "nasal_placebo_with_antidepressant", "midazolam"):
        design = two_arms(entry=TrialEntry(36.0, 5.0))
        design = replace(design, arms=(design.arms[0], replace(design.arms[1], control=control)))
        table = run_trial(design, 100, 4, pool=pool, rating=ONE_TRIAL).summary()
        means.append(table.set_index(["arm", "visit"]).loc[("saline", "24 h"), "change"])
        # The context alone, since nothing was given and the entry cuts nothing off.
        assert means[-1] == pytest.approx(load_context().change[control], abs=0.6)
    assert means[0] > means[1] > means[2]


def test_a_new_antidepressant_comes_slowly_and_spreads_patients(
    design: TrialDesign, pool: TrialPool
) -> None:
    plain = run_trial(design, 50, 1, pool=pool, rating=ONE_TRIAL).complete
    both = replace(design, background="new_antidepressant")
    added = run_trial(both, 50, 1, pool=pool, rating=ONE_TRIAL).complete - plain
    settings = load_settings()
    # Scores of the control arm are far from floor and ceiling, where nothing is cut off.
    rows = run_trial(design, 50, 1, pool=pool).arm == 1
    share = settings.antidepressant_course([24.0])[0]
    assert added[rows][:, 0].mean() == pytest.approx(
        share * settings.antidepressant_change, abs=0.1
    )
    assert added[rows][:, 2].std() > 3.0 * added[rows][:, 0].std()


def test_an_antidepressant_acts_on_what_the_drug_leaves(
    design: TrialDesign, pool: TrialPool
) -> None:
    both = replace(design, background="new_antidepressant")
    plain = run_trial(design, 50, 1, pool=pool, rating=ONE_TRIAL)
    added = run_trial(both, 50, 1, pool=pool, rating=ONE_TRIAL).complete - plain.complete
    active, control = (added[plain.arm == arm][:, 2].mean() for arm in (0, 1))
    # Two independent treatments (Bliss): the active arm gains less, by the share the drug removed.
    assert control < active < 0.4 * control


def test_scores_are_whole_and_within_the_scale(many: TrialReplicates) -> None:
    scores = many.complete
    assert (scores == np.round(scores)).all()
    assert scores.min() == 0.0
    assert scores.max() <= 60.0


def test_raters_of_a_trial_differ_as_stated(design: TrialDesign, pool: TrialPool) -> None:
    alike, apart = (
        run_trial(design, 200, 1, pool=pool, rating=RatingModel(rater_sd=sd, trial_sd=0.0)).complete
        for sd in (0.0, 2.0)
    )
    rows = run_trial(design, 200, 1, pool=pool).arm == 1
    assert (apart - alike)[rows].std() == pytest.approx(2.0 * np.sqrt(3 / 4), rel=0.1)


def test_trials_differ_as_stated(design: TrialDesign, pool: TrialPool) -> None:
    got = run_trial(design, 300, 1, pool=pool, rating=RatingModel(trial_sd=4.0, rater_sd=0.0))
    same = run_trial(design, 300, 1, pool=pool, rating=ONE_TRIAL)
    shift = np.where(got.arm == 1, got.complete[:, :, 0] - same.complete[:, :, 0], np.nan)
    assert np.nanmean(shift, axis=1).std() == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize(
    "given", [{"unmasking": 1.5}, {"rater_sd": -1.0}, {"raters": 0}, {"trial_sd": -2.0}]
)
def test_a_rating_that_cannot_be_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(InputError):
        RatingModel(**given)  # type: ignore[arg-type]


def test_every_assumption_has_a_range_around_its_value() -> None:
    for value, low, high, reason in RATING_PRIORS.values():
        assert low < value < high
        assert reason


def test_the_control_arm_of_an_open_trial_is_no_reference() -> None:
    open_arm = TrialArm("open", KETAMINE, "active", 20, "active")
    design = two_arms(arms=(open_arm,), masking="open_label")
    assert design.reference is None
    expected = load_settings().declared["open_label"]
    assert changes(design, [0.4])[0] == pytest.approx(expected)
