import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ketasim.errors import InputError
from ketasim.instruments.pet.noise import difference_sd
from ketasim.instruments.pet.power import (
    _t_power,
    power_correlation,
    power_group_difference,
    power_test_retest,
    seen_correlation,
)
from ketasim.instruments.pet.power_design import PetDesign, pet_power, simulate_power

SD = difference_sd(0.12)


def shares(standardised):
    """The relative effect that is so many SDs of the log ratio of two scans."""
    return math.expm1(standardised * SD)


# Cohen (1988), table 2.4.1: 64 a group for d = 0.5 and power 0.80, two-sided 5 %; 26 for d = 0.8.
# One sample of 34 with d = 0.5 has power 0.808, as G*Power gives it.
def test_closed_forms_agree_with_published_tables():
    assert power_group_difference(shares(0.5), 64, 64, 0.12) == pytest.approx(0.80, abs=0.005)
    assert power_group_difference(shares(0.8), 26, 26, 0.12) == pytest.approx(0.81, abs=0.01)
    assert power_test_retest(shares(0.5), 34, 0.12) == pytest.approx(0.808, abs=0.001)


@pytest.mark.parametrize("n", [8, 20, 85])
@pytest.mark.parametrize("correlation", [0.3, -0.644])
def test_a_correlation_has_the_power_that_normal_numbers_have(n, correlation):
    drawn = np.random.default_rng(n).multivariate_normal(
        [0, 0], [[1, correlation], [correlation, 1]], (20000, n)
    )
    x, y = drawn[..., 0], drawn[..., 1]
    r = stats.pearsonr(x, y, axis=1)
    # Binding that is measured almost without error.
    closed = power_correlation(correlation, n, 1e-6, 0.27)
    assert closed == pytest.approx(np.mean(r.pvalue < 0.05), abs=0.012)


def test_without_an_effect_power_is_the_level():
    for level in (0.05, 0.005):
        assert power_test_retest(0.0, 20, 0.12, alpha=level) == pytest.approx(level)
        assert power_group_difference(0.0, 20, 10, 0.12, alpha=level) == pytest.approx(level)
        assert power_correlation(0.0, 20, 0.12, 0.27, alpha=level) == pytest.approx(level)


@pytest.mark.parametrize("noncentrality", [0.0, 0.5, 2.8, 6.0])
@pytest.mark.parametrize("freedom", [1, 5, 28, 500])
def test_the_integral_is_the_noncentral_t_distribution(noncentrality, freedom):
    critical = stats.t.isf(0.025, freedom)
    exact = stats.nct.sf(critical, freedom, noncentrality)
    exact += stats.nct.cdf(-critical, freedom, noncentrality)
    assert _t_power(noncentrality, freedom, 0.05) == pytest.approx(exact, abs=1e-8)


def test_power_is_a_number_however_large_the_effect():
    for n in (2, 20, 640, 5000):
        assert power_group_difference(0.167, n, n, 0.12) <= 1
        assert power_group_difference(10.0, n, n, 0.12) >= power_group_difference(0.1, n, n, 0.12)
    assert power_group_difference(0.167, 640, 320, 0.12) == pytest.approx(1)


def test_error_of_measurement_shrinks_a_correlation_by_the_root_of_its_reliability():
    between = SD / math.sqrt(2)  # as much between people as between scans: reliability a half
    assert seen_correlation(0.6, 0.12, between) == pytest.approx(0.6 * math.sqrt(0.5))
    assert seen_correlation(0.6, 0.12, between, reliability=0.5) == pytest.approx(0.3)


def test_a_true_effect_that_differs_between_people_costs_power():
    assert power_test_retest(0.1, 15, 0.12, effect_sd=SD) == pytest.approx(
        power_test_retest(math.expm1(math.log1p(0.1) / math.sqrt(2)), 15, 0.12)
    )
    both = power_group_difference(0.1, 15, 15, 0.12, effect_sd=0.1)
    assert both < power_group_difference(0.1, 15, 15, 0.12)


def test_binding_of_one_scan_is_compared_with_the_spread_of_people():
    # Hippocampus 32 % lower in 10 patients than in 10 controls (Tiger 2016).
    spread = math.hypot(SD / math.sqrt(2), 0.27)
    alike = power_group_difference(math.expm1(math.log(0.68) / spread * SD), 10, 10, 0.12)
    assert power_group_difference(-0.32, 10, 10, 0.12, between_sd=0.27) == pytest.approx(alike)


DESIGNS = [
    PetDesign("change", "HIP", 0.08, 20, absolute_variability=0.12),
    PetDesign("change", "FC", -0.05, 12),
    PetDesign("group", "HIP", 0.167, 20, 10, absolute_variability=0.12),
    PetDesign("group", "ACC", -0.2, 10, 10, single_scan=True),
    PetDesign("correlation", "VSTR", -0.644, 20),
    PetDesign("correlation", "THA", 0.5, 30),
]


@pytest.mark.sweep
@pytest.mark.parametrize("design", DESIGNS, ids=lambda one: f"{one.design} {one.region}")
def test_scans_that_are_simulated_and_fitted_have_the_closed_power(design):
    replicates = 400
    found, error = simulate_power(design, replicates, seed=1)
    closed = design.power()
    assert 0.2 < closed < 0.99
    # Three errors of the simulation, and what a normal log ratio leaves out of a fitted curve.
    assert found == pytest.approx(closed, abs=3 * math.sqrt(closed * (1 - closed) / 400) + 0.04)
    assert error == pytest.approx(math.sqrt(found * (1 - found) / replicates))


def test_a_quick_trial_of_simulated_scans_has_the_closed_power():
    design = PetDesign("change", "FC", -0.05, 12)
    found, _ = simulate_power(design, 200, seed=3)
    assert found == pytest.approx(design.power(), abs=3 * math.sqrt(0.25 / 200))


@pytest.mark.sweep
def test_scans_without_an_effect_are_found_to_differ_at_the_level():
    found, _ = simulate_power(PetDesign("group", "HIP", 0.0, 20, 10), 400, seed=2)
    assert found == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 400))


@pytest.mark.parametrize("design", DESIGNS, ids=lambda one: f"{one.design} {one.region}")
def test_the_number_of_people_and_the_smallest_effect_have_the_power(design):
    result = pet_power(design, wanted=0.9)
    enough = design.sized(result.n_needed)
    assert enough.power() >= 0.9
    assert design.sized(result.n_needed - 1).power() < 0.9
    assert replace(design, effect=result.smallest_effect).power() == pytest.approx(0.9, abs=1e-4)
    assert result.smallest_effect * design.effect > 0


def test_more_regions_tested_lower_the_level():
    one, many = (PetDesign("change", "HIP", 0.1, 20, tests=tests) for tests in (1, 11))
    assert many.level == pytest.approx(0.05 / 11)
    assert many.power() == pytest.approx(power_test_retest(0.1, 20, 0.12, alpha=0.05 / 11))
    assert many.power() < one.power()


def test_the_hippocampus_is_swept_unless_its_variability_is_given():
    swept = pet_power(PetDesign("change", "HIP", 0.1, 20)).swept
    assert list(swept) == [0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2]
    assert list(swept.values()) == sorted(swept.values(), reverse=True)
    assert pet_power(PetDesign("change", "HIP", 0.1, 20, absolute_variability=0.1)).swept == {}
    assert pet_power(PetDesign("change", "OC", 0.1, 20)).swept == {}


def test_an_effect_of_nothing_needs_people_without_end():
    assert pet_power(PetDesign("change", "HIP", 0.0, 20)).n_needed is None


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"design": "paired"}, "unknown design 'paired'"),
        ({"region": "HPI"}, "unknown region 'HPI': did you mean HIP"),
        ({"effect": -1.0}, "an effect of -1"),
        ({"n": 1}, "n is 1; expected 2 people"),
        ({"n_control": 5}, "a second group in the design 'change'"),
        ({"design": "group"}, "n_control is 0"),
        ({"design": "correlation", "effect": 1.0}, "a correlation of 1"),
        ({"design": "correlation", "n": 3}, "4 people or more"),
        ({"absolute_variability": 12.0}, "0.12 for 12 %"),
        ({"between_sd": -0.1}, "between_sd is -0.1"),
        ({"alpha": 1.0}, "a level of 1"),
        ({"tests": 0}, "0 regions are tested"),
    ],
)
def test_a_design_that_cannot_be_is_one_sentence(parts, sentence):
    given = {"design": "change", "region": "HIP", "effect": 0.1, "n": 20, **parts}
    with pytest.raises(InputError) as found:
        PetDesign(**given)
    assert sentence in str(found.value)


def test_a_power_that_cannot_be_wanted_is_refused():
    with pytest.raises(InputError, match=r"a wanted power of 0\.01"):
        pet_power(PetDesign("change", "HIP", 0.1, 20), wanted=0.01)
    with pytest.raises(InputError, match="1 simulated trials"):
        simulate_power(PetDesign("change", "HIP", 0.1, 20), 1)
