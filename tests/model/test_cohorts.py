"""The table of published findings over cohorts of virtual patients, not for one typical patient.

Patients differ in size, clearance, free fraction, opioid tone, GluA1 insertion, 5-HT1B and benefit,
and each has a draw from the posterior of the calibrated parameters.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr

from ketasim.experiments import experiment
from ketasim.model import list_hypotheses, load_model
from ketasim.population import virtual_patients
from ketasim.simulate import simulate

IV = "ketamine 0.5 mg/kg iv over 40 min"
COURSE = np.unique(
    np.concatenate([np.arange(0, 4.01, 1 / 6), np.arange(5, 49.0), np.arange(72.0, 289.0, 24)])
)
OUTPUTS = ("relief", "ketamine_ng_ml")
# A correlation among 64 patients has a standard error of 0.12: too many for a sign near -0.2.
MANY, FEW, SEED = 256, 64, 1
Courses = dict[str, NDArray[np.float64]]
Share = Callable[..., NDArray[np.float64]]
EVERY_HYPOTHESIS = pytest.mark.parametrize("hypothesis", list_hypotheses())


def at(hours: float) -> int:
    return int(np.argmin(np.abs(COURSE - hours)))


@pytest.fixture(scope="module")
def courses() -> Callable[[str], Courses]:
    """Courses of every patient after one infusion, by hypothesis, and their 5-HT1B at baseline."""

    @cache
    def run(hypothesis: str) -> Courses:
        model = load_model(hypothesis)
        cohort = virtual_patients(model, MANY, seed=SEED)
        found = simulate(model, IV, cohort=cohort, times=COURSE, outputs=OUTPUTS, progress=False)
        assert found.failed == 0
        baseline = cohort.table["ht1b_vst_baseline"].to_numpy(float)
        return {"baseline": baseline, **{name: found.dataset[name].values for name in OUTPUTS}}

    return run


@pytest.fixture(scope="module")
def relief() -> Share:
    """Effect of every patient at 24 h in an arm of an experiment, under the article's reading."""
    model = load_model("article")
    cohort = virtual_patients(model, FEW, seed=SEED)

    @cache
    def run(name: str, arm: str) -> NDArray[np.float64]:
        chosen = next(one for one in experiment(name).arms if one.name == arm)
        found = simulate(
            model, chosen.regimen, cohort=cohort, times=[24.0], outputs=["relief"],
            overrides=dict(chosen.overrides), progress=False,
        )  # fmt: skip
        assert found.failed == 0
        return found.dataset["relief"].values[:, 0]

    return run


def test_venous_ketamine_at_the_end_of_the_infusion(courses) -> None:
    # Mean of a depression trial 185 ng/mL; 100 to 250 where people dissociate (Zanos 2018).
    end = courses("article")["ketamine_ng_ml"][:, at(2 / 3)]
    assert 160 <= np.median(end) <= 215
    low, high = np.quantile(end, [0.025, 0.975])
    assert low >= 100
    assert high <= 250
    assert high / low > 1.3


@EVERY_HYPOTHESIS
def test_time_course_of_the_median_effect(courses, hypothesis: str) -> None:
    effect = np.median(courses(hypothesis)["relief"], axis=0)
    day = effect[at(24)]
    assert 0.45 <= effect[at(2)] / day <= 0.80
    assert 0.30 <= effect[at(168)] / day <= 0.65
    assert effect[at(288)] / day <= 0.30
    assert 18 <= COURSE[effect.argmax()] <= 36


@EVERY_HYPOTHESIS
def test_those_with_less_5ht1b_at_baseline_improve_more(courses, hypothesis: str) -> None:
    # Tiger 2020: r = -0.644 over 20 patients. A gate that rose with density would turn the sign.
    found = courses(hypothesis)
    improvement = found["relief"][:, at(24)]
    for correlation in (pearsonr, spearmanr):
        r, p = correlation(found["baseline"], improvement)
        assert r < -0.1
        assert p < 0.01


@EVERY_HYPOTHESIS
def test_patients_differ_in_how_much_they_gain(courses, hypothesis: str) -> None:
    improvement = courses(hypothesis)["relief"][:, at(24)]
    assert np.quantile(improvement, 0.9) > 2 * np.quantile(improvement, 0.1) > 0


@pytest.mark.parametrize(
    ("name", "arm"),
    [
        ("ampa", "nbqx+ketamine"), ("mtor", "rapamycin+ketamine"),
        ("naltrexone", "naltrexone+ketamine"), ("serotonin", "pcpa+ketamine"),
        ("serotonin", "gr127935+ketamine"), ("camp", "forskolin+ketamine"),
        ("camp", "rolipram+ketamine"),
    ],
)  # fmt: skip
def test_what_the_article_says_blocks_leaves_under_a_fifth(relief, name: str, arm: str) -> None:
    share = relief(name, arm) / relief(name, "ketamine")
    assert np.median(share) < 0.20


@pytest.mark.parametrize(
    ("name", "arm"),
    [
        ("naltrexone", "raptor_blind+naltrexone+ketamine"),
        ("camp", "raptor_blind+rolipram+ketamine"), ("serotonin", "pcpa+cp94253+ketamine"),
    ],
)  # fmt: skip
def test_what_the_article_says_rescues_leaves_more_than_three_fifths(
    relief, name: str, arm: str
) -> None:
    share = relief(name, arm) / relief(name, "ketamine")
    assert np.median(share) > 0.60


@pytest.mark.parametrize(
    ("name", "arm"),
    [
        ("naltrexone", "morphine"), ("naltrexone", "naltrexone"), ("ampa", "nbqx"),
        ("mtor", "rapamycin"), ("serotonin", "cp94253"), ("camp", "rolipram"),
        ("camp", "forskolin"),
    ],
)  # fmt: skip
def test_no_patient_gains_from_a_tool_alone(relief, name: str, arm: str) -> None:
    assert np.abs(relief(name, arm)).max() < 1e-6


def test_attenuation_by_naltrexone_grows_with_the_tone_of_a_cohort(relief) -> None:
    # Jelen 2025 lost about 28 % of the effect, Williams 2018 all of it: one curve holds both.
    tones = [0.05, 0.1, 0.25, 0.4]
    lost = [
        np.median(
            1 - relief("naltrexone", f"tone {tone:g} naltrexone+ketamine")
            / relief("naltrexone", f"tone {tone:g} ketamine")
        )
        for tone in tones
    ]  # fmt: skip
    assert np.all(np.diff(lost) > 0)
    assert 0.15 <= lost[1] <= 0.41
    assert lost[3] > 0.9
