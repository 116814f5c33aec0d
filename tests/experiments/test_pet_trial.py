"""The PET trial: tests and sizes against other libraries, worlds that come out as they went in."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from ketasim.evidence.bibliography import bibliography
from ketasim.experiments.pet_trial import needed, published, scanning, significance, worlds
from ketasim.experiments.pet_trial.findings import Fact, findings, tail
from ketasim.experiments.studies import pet_trial
from ketasim.instruments.pet.noise import log_shift
from ketasim.instruments.pet.regions import load_regions
from ketasim.instruments.pet.scans import REGIONS
from ketasim.model import load_model

if TYPE_CHECKING:
    from ketasim.experiments.pet_trial.findings import Findings
    from ketasim.experiments.study_result import StudyResult

NAMES = ("article", "mtor_sparing")
LEVELS = (0.08, 0.12, 0.20)
REPLICATES = 60
SAID = published.published_trial()


@pytest.fixture(scope="module")
def people() -> tuple[worlds.World, ...]:
    models = {name: load_model(name) for name in NAMES}
    return worlds.simulate_worlds(models, 120, 1, lambda: None)


@pytest.fixture(scope="module")
def scanned(people: tuple[worlds.World, ...]) -> scanning.Scanned:
    rise = worlds.PublishedWorld(1 + SAID.change / 100)
    return scanning.scan_replicates(people, rise, REPLICATES, 1, LEVELS, threads=2)


@pytest.fixture(scope="module")
def found(scanned: scanning.Scanned, people: tuple[worlds.World, ...]) -> Findings:
    return findings(SAID, scanned, people)


def small() -> StudyResult:
    """Run the study with so few trials that only its form can be looked at."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setitem(pet_trial.REPLICATES, "quick", 20)
        changed.setitem(pet_trial.PEOPLE, "quick", 60)
        return pet_trial.STUDY.run("quick", NAMES, 2)


@pytest.fixture(scope="module")
def result() -> StudyResult:
    return small()


def test_the_published_values_are_those_of_the_evidence() -> None:
    assert SAID.change == pytest.approx(16.7)
    values = {
        "change": SAID.change_p,
        "improvement": SAID.improvement_p,
        "symptoms": SAID.symptoms_p,
    }
    for name, p in values.items():
        assert f"p={p:.3f}".replace("0.", ".").rstrip("0") in SAID.rows[name].note
    assert (SAID.improvement, SAID.symptoms) == (-0.644, -0.426)
    assert SAID.rows["overall"].direction == "none"
    sizes = [round(SAID.rows[name].n) for name in ("improvement", "symptoms")]
    assert sizes == [published.KETAMINE, published.KETAMINE + published.SALINE]


@pytest.mark.parametrize(("r", "n", "p"), [(-0.644, 20, 0.002), (-0.426, 30, 0.019)])
def test_the_published_correlations_and_p_values_belong_together(
    r: float, n: int, p: float
) -> None:
    assert float(significance.pearson_p(np.array([r]), n)[0]) == pytest.approx(p, abs=6e-4)


def test_the_implied_spread_gives_back_the_published_p_value() -> None:
    n = published.KETAMINE
    shape = np.random.default_rng(1).normal(size=n)
    shape = (shape - shape.mean()) / shape.std(ddof=1)
    change = SAID.change + SAID.implied_sd() * shape
    assert stats.ttest_1samp(change, 0.0).pvalue == pytest.approx(SAID.change_p, rel=1e-9)


def gaps(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=shape), rng.normal(size=shape)
    x[0, 2], y[1, 4] = np.nan, np.nan
    return x, y


def test_the_tests_are_those_of_scipy_and_leave_out_what_is_missing() -> None:
    x, y = gaps((4, 12))
    for k in range(4):
        there = np.isfinite(x[k]) & np.isfinite(y[k])
        a, b = x[k][there], y[k][there]
        assert significance.paired_p(x, y)[k] == pytest.approx(stats.ttest_rel(b, a).pvalue)
        r = stats.pearsonr(a, b)
        assert significance.pearson(x, y)[k] == pytest.approx(r.statistic)
        assert significance.pearson_p(significance.pearson(x, y), len(a))[k] == pytest.approx(
            r.pvalue
        )
        alone = stats.ttest_ind(x[k][np.isfinite(x[k])], y[k][np.isfinite(y[k])]).pvalue
        assert significance.two_sample_p(x, y)[k] == pytest.approx(alone)


def test_a_share_has_the_interval_of_clopper_and_pearson_and_a_bound_at_its_ends() -> None:
    exact = stats.binomtest(7, 150).proportion_ci(method="exact")
    assert significance.Share(7, 150).interval == pytest.approx((exact.low, exact.high))
    assert significance.Share(0, 150).text() == "below 2 %"
    assert significance.Share(150, 150).text() == "above 98 %"
    assert significance.Share(75, 150).text() == "50 % (± 4.1)"


@pytest.mark.parametrize("size", [0.15, 0.4, 0.9])
def test_the_patients_needed_are_those_of_statsmodels(size: float) -> None:
    effect, noise = needed.Effect(0.1, 0.03), math.sqrt((0.1 / size) ** 2 - 0.03**2)
    exact = TTestPower().solve_power(effect_size=size, alpha=0.05, power=0.8)
    assert needed.paired_needed(effect, noise) == pytest.approx(exact, rel=0.02)
    # Without spread of the effect both groups have one SD, and the library's two to one holds.
    alike = needed.Effect(0.1, 0.0)
    first = TTestIndPower().solve_power(effect_size=size, alpha=0.05, power=0.8, ratio=0.5)
    assert needed.group_needed(alike, 0.1 / size) == pytest.approx(1.5 * first, rel=0.08)


def test_a_correlation_of_three_tenths_needs_85_pairs_and_none_needs_no_end() -> None:
    # Hulley and others, Designing Clinical Research: 85 for r = 0.30.
    assert round(needed.correlation_needed(-0.3)) == 85
    assert math.isinf(needed.correlation_needed(0.0))
    assert math.isinf(needed.paired_needed(needed.Effect(0.0, 0.1), 0.1))


def test_the_same_numbers_come_out_for_any_threads_and_any_number_of_replicates(
    people: tuple[worlds.World, ...], scanned: scanning.Scanned
) -> None:
    rise = worlds.PublishedWorld(1 + SAID.change / 100)
    fewer = scanning.scan_replicates(people, rise, 20, 1, LEVELS, threads=1)
    for name in ("before", "after", "shifted", "hip_before", "madrs"):
        assert np.array_equal(getattr(fewer, name), getattr(scanned, name)[:20], equal_nan=True)
    for name in scanned.hip_after:
        assert np.array_equal(fewer.hip_after[name], scanned.hip_after[name][:20], equal_nan=True)


def test_the_arms_differ_only_by_what_ketamine_does(scanned: scanning.Scanned) -> None:
    null = scanned.hip_after[scanning.NULL]
    for after in scanned.hip_after.values():
        assert np.array_equal(after[:, published.KETAMINE :], null[:, published.KETAMINE :])
    place = LEVELS.index(scanning.USUAL)
    assert np.array_equal(null[:, :, place], scanned.after[:, :, scanning.HIP])
    assert np.array_equal(scanned.hip_before[:, :, place], scanned.before[:, :, scanning.HIP])
    assert scanned.failed < 0.01 * scanned.curves


def test_a_rise_that_is_true_is_found_again(scanned: scanning.Scanned) -> None:
    own = slice(0, published.KETAMINE)
    null, risen = (
        np.log(scanned.hip_after[name][:, own, 0])
        for name in (scanning.NULL, scanning.PUBLISHED_TRUE)
    )
    rise = np.exp(np.nanmedian(risen - null)) - 1
    assert rise == pytest.approx(SAID.change / 100, abs=0.01)


def test_the_declared_shift_between_scans_is_found_again(scanned: scanning.Scanned) -> None:
    with np.errstate(invalid="ignore"):
        ratio = np.log(scanned.shifted / scanned.after)[:, : published.KETAMINE]
    shift = log_shift(load_regions().signed_change)
    assert np.nanmedian(ratio, axis=(0, 1)) == pytest.approx(shift, abs=0.012)


def test_more_variable_scans_spread_more_and_nothing_true_stays_nothing(found: Findings) -> None:
    spread = found.change_sd()
    assert (np.diff(spread) > 0).all()
    # 660 tests at 5 %; the regions of a trial are nearly independent.
    rate = float((found.region_p < 0.05).mean())
    assert abs(rate - 0.05) < 4 * math.sqrt(0.05 * 0.95 / found.region_p.size)
    some = float((found.region_p < 0.05).any(axis=1).mean())
    expected = 1 - 0.95 ** len(REGIONS)
    assert abs(some - expected) < 4 * math.sqrt(expected * (1 - expected) / REPLICATES)


def test_low_binding_in_the_striatum_goes_with_more_relief(
    people: tuple[worlds.World, ...],
) -> None:
    for world in people:
        relief = world.pool.relief[0, :, world.pool.times.searchsorted(24.0)]
        r = stats.spearmanr(world.pool.people["ht1b_vst_baseline"], relief).statistic
        assert r < -0.15


def test_symptoms_and_binding_are_not_tied_in_any_world(found: Findings) -> None:
    error = float(np.std(found.symptoms)) / math.sqrt(REPLICATES)
    assert abs(float(np.mean(found.symptoms))) < 4 * error
    assert found.likelihood_ratio(scanning.NULL) == 1.0


def test_worlds_whose_people_differ_at_rest_are_scanned_apart(
    people: tuple[worlds.World, ...],
) -> None:
    first = people[0]
    table = first.pool.people.assign(ht1b_vst_baseline=1.0)
    other = replace(first, name="other", pool=replace(first.pool, people=table))
    assert [len(group) for group in worlds.groups((*people, other))] == [2, 1]


@pytest.mark.parametrize(("factor", "leader"), [(1.001, "article"), (1.02, "moved")])
def test_only_hypotheses_that_binding_cannot_tell_apart_share_scans(
    people: tuple[worlds.World, ...], factor: float, leader: str
) -> None:
    moved = replace(people[0], name="moved", fold=people[0].fold * factor)
    assert worlds.leaders((people[0], moved))["moved"] == leader


def test_a_tail_has_two_sides() -> None:
    predicted = np.arange(100.0)
    assert tail(predicted, 97.5) == pytest.approx(0.04)
    assert tail(predicted, 1.5) == pytest.approx(0.04)
    assert tail(predicted, 49.5) == 1.0
    assert tail(np.append(predicted, np.nan), 1e9) == 0.0


def fact(name: str, agrees: bool, study: str) -> Fact:
    return Fact(name, name, 0.0, -1.0, 1.0, 0.5, agrees, study)


@pytest.mark.parametrize(
    ("agreeing", "outcome"),
    [
        ((True, True, True), "supported"),
        ((False, True, True), "undecided"),
        ((True, True, False), "undecided"),
        ((False, True, False), "contradicted"),
        ((False, False, False), "contradicted"),
    ],
)
def test_each_study_has_one_vote(agreeing: tuple[bool, ...], outcome: str) -> None:
    studies = ("tiger2020", "tiger2020", "yamanaka2014")
    facts = [
        fact(f"f{k}", ok, of) for k, (ok, of) in enumerate(zip(agreeing, studies, strict=True))
    ]
    found = pet_trial.judged(facts, facts[:1])
    assert found.outcome == outcome
    assert found.why.startswith(f"{sum(agreeing)} of 3 published results agree")
    for one in facts:
        assert (one.words in found.why) == (not one.agrees)


def test_the_study_answers_its_questions_and_shows_what_stands_against(result: StudyResult) -> None:
    asked = " ".join(one.question for one in result.answers)
    for words in ("no difference from saline", "one of 11 regions", "80 % power", "regression"):
        assert words in asked
    assert set(result.verdicts) == set(NAMES)
    named = {one.name for one in result.charts}
    assert {"hippocampus", "correlations", "regions", "power", "times", "release"} <= named
    facts = result.to_frame("published_and_predicted")
    assert set(facts["world"]) == {*NAMES, scanning.NULL}
    votes = facts[facts["world"] == "article"]
    assert result.verdicts["article"].why.startswith(f"{votes['agrees'].sum()} of 5")
    assert any("not published" in one for one in result.warnings)
    assumed = result.to_frame("assumed_constants")["name"]
    assert {"CAU r1", "CAU k2_prime", "PUT r1", "PUT k2_prime"} <= set(assumed)
    assert set(result.citations()["key"]) <= set(bibliography())
    assert result.figures()["release"].data


def test_every_p_value_stands_beside_the_variability_of_the_hippocampus(
    result: StudyResult,
) -> None:
    table = result.to_frame("tail_probabilities")
    swept = table.groupby("world")["hippocampus_test_retest_%"].apply(sorted)
    assert all(levels == pytest.approx([8.0, 12.0, 20.0]) for levels in swept)
    for one in result.answers:
        if "p of 0.036" in one.question:
            assert all(f"at {level} %" in one.text for level in (8, 12, 20))


def test_the_same_request_gives_the_same_record(result: StudyResult) -> None:
    again, before = small().record(), result.record()
    assert again.pop("manifest")["options"] == before.pop("manifest")["options"]
    assert again == before
