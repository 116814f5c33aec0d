"""Beside statsmodels and PyMARE, closed forms, and invariants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.stats import chi2, nchypergeom_fisher
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.meta_analysis import combine_effects

from ketasim.synthesis import GLMM_MODELS, METHODS, Studies, pool, read_studies
from ketasim.synthesis.glmm import _Hypergeometric
from ketasim.synthesis.heterogeneity import weighted
from ketasim.synthesis.quadrature import Integral

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("name", ["bcg", "egger2001"])
def test_statsmodels(published: Callable[..., Studies], name: str) -> None:
    studies = published(name, "or")
    for method, theirs in (("dl", "chi2"), ("pm", "iterated")):
        peer = combine_effects(studies.estimate, studies.variance, method_re=theirs)
        found = pool(studies, method)
        assert found.tau2 == pytest.approx(peer.tau2, rel=1e-6)
        assert found.estimate == pytest.approx(peer.mean_effect_re, rel=1e-6)
        assert found.standard_error == pytest.approx(peer.sd_eff_w_re, rel=1e-6)
        knapp = pool(studies, method, hartung_knapp=True)
        assert knapp.standard_error == pytest.approx(peer.sd_eff_w_re_hksj, rel=1e-6)
    assert pool(studies, "fixed").estimate == pytest.approx(peer.mean_effect_fe, rel=1e-9)
    assert pool(studies, "fixed").q == pytest.approx(peer.q, rel=1e-9)


def test_statsmodels_mantel_haenszel(published: Callable[..., Studies]) -> None:
    studies = published("bcg", "or")
    a, n, c, m = (
        studies.data[name]
        for name in ("events_treatment", "n_treatment", "events_control", "n_control")
    )
    tables = [np.array([[a[i], n[i] - a[i]], [c[i], m[i] - c[i]]]) for i in range(len(a))]
    peer, found = StratifiedTable(tables), pool(studies, "mh")
    assert found.estimate == pytest.approx(peer.logodds_pooled, rel=1e-10)
    assert found.standard_error == pytest.approx(peer.logodds_pooled_se, rel=1e-10)
    assert pool(published("bcg", "rr"), "mh").estimate == pytest.approx(
        np.log(peer.riskratio_pooled)
    )


def test_a_variance_is_never_below_zero(published: Callable[..., Studies]) -> None:
    # statsmodels' moment estimator is, and its standard error is then no number.
    studies = published("yusuf1985_table6", "or")
    with np.errstate(invalid="ignore"):
        assert combine_effects(studies.estimate, studies.variance, method_re="chi2").tau2 < 0.0
    assert pool(studies, "dl").tau2 == 0.0
    assert pool(studies, "dl").estimate == pool(studies, "fixed").estimate


@pytest.mark.parametrize("name", ["bcg", "viechtbauer2005"])
def test_pymare(published: Callable[..., Studies], name: str) -> None:
    estimators = pytest.importorskip("pymare.estimators")
    studies = published(name, "rr" if name == "bcg" else None)
    y, v = studies.estimate[:, None], studies.variance[:, None]
    ones = np.ones_like(y)
    peers = {
        "dl": estimators.DerSimonianLaird(), "he": estimators.Hedges(),
        "reml": estimators.VarianceBasedLikelihoodEstimator(method="REML"),
        "ml": estimators.VarianceBasedLikelihoodEstimator(method="ML"),
    }  # fmt: skip
    for method, peer in peers.items():
        peer.fit(y, v, ones)
        found = pool(studies, method)
        assert found.tau2 == pytest.approx(float(np.ravel(peer.params_["tau2"])[0]), rel=2e-3)
        assert found.estimate == pytest.approx(
            float(np.ravel(peer.params_["fe_params"])[0]), rel=2e-3
        )


def test_equal_variances_have_a_closed_form() -> None:
    y, v = np.array([0.1, 0.5, 0.9, 1.7]), 0.04
    table = pd.DataFrame({"study": list("abcd"), "estimate": y, "standard_error": np.sqrt(v)})
    studies = read_studies(table)
    for method in ("dl", "pm", "reml", "eb", "he"):
        found = pool(studies, method)
        assert found.tau2 == pytest.approx(np.var(y, ddof=1) - v, rel=1e-8)
        assert found.estimate == pytest.approx(y.mean())
        # Then Wald and Hartung-Knapp have one standard error, that of a mean.
        assert found.standard_error == pytest.approx(np.std(y, ddof=1) / 2.0)
        knapp = pool(studies, method, hartung_knapp=True)
        assert knapp.standard_error == pytest.approx(found.standard_error)
    assert pool(studies, "ml").tau2 == pytest.approx(np.var(y) - v, rel=1e-8)
    assert pool(studies, "fixed").standard_error == pytest.approx(np.sqrt(v / 4.0))


@pytest.mark.parametrize("name", ["bcg", "egger2001", "viechtbauer2005"])
def test_the_interval_of_the_variance_solves_its_equation(
    published: Callable[..., Studies], name: str
) -> None:
    studies = published(name, None if name == "viechtbauer2005" else "or")
    found, ones = pool(studies), np.ones((len(studies), 1))
    for end, tail in ((found.tau2_low, 0.975), (found.tau2_high, 0.025)):
        q = weighted(studies.estimate, studies.variance, ones, end).q
        assert q == pytest.approx(chi2.ppf(tail, len(studies) - 1), rel=1e-9)


def test_the_adhoc_error_is_never_below_walds(published: Callable[..., Studies]) -> None:
    studies = published("yusuf1985_table6", "or")
    wald, knapp = pool(studies), pool(studies, hartung_knapp=True)
    adhoc = pool(studies, hartung_knapp=True, adhoc=True)
    assert knapp.standard_error < wald.standard_error == adhoc.standard_error
    # The quantile is still that of t.
    assert adhoc.ci_high - adhoc.ci_low > wald.ci_high - wald.ci_low


@pytest.mark.parametrize("method", [name for name in METHODS if name != "glmm"])
def test_swapping_arms_turns_the_sign(published: Callable[..., Studies], method: str) -> None:
    studies = published("nielweise2007", "or")
    swapped = studies.table.rename(
        columns=lambda name: (
            name.replace("treatment", "x").replace("control", "treatment").replace("x", "control")
        )
    )
    one, two = pool(studies, method), pool(read_studies(swapped, "or"), method)
    assert one.estimate == pytest.approx(-two.estimate, rel=1e-7)
    assert one.standard_error == pytest.approx(two.standard_error, rel=1e-7)


@pytest.mark.parametrize("model", GLMM_MODELS)
def test_mixed_models_do_not_mind_the_names_of_the_arms(
    published: Callable[..., Studies], model: str
) -> None:
    studies = published("nielweise2007", "or")
    swapped = studies.table.rename(
        columns=lambda name: (
            name.replace("treatment", "x").replace("control", "treatment").replace("x", "control")
        )
    )
    one, two = (
        pool(some, "glmm", glmm_model=model) for some in (studies, read_studies(swapped, "or"))
    )
    assert one.estimate == pytest.approx(-two.estimate, abs=2e-5)
    assert one.tau2 == pytest.approx(two.tau2, abs=1e-4)


def test_the_exact_distribution_is_scipys() -> None:
    a, c = np.array([3.0, 0.0, 40.0]), np.array([1.0, 5.0, 70.0])
    first, second = np.array([20.0, 30.0, 200.0]), np.array([15.0, 40.0, 180.0])
    exact, psi = (
        _Hypergeometric(a, c, first, second),
        np.array([[-1.0, 0.3], [0.0, 2.0], [0.5, -0.5]]),
    )
    value, slope, curve = exact(psi)
    for i in range(3):
        for j in range(2):
            law = nchypergeom_fisher(
                int(first[i] + second[i]), int(first[i]), int(a[i] + c[i]), np.exp(psi[i, j])
            )
            assert value[i, j] == pytest.approx(law.logpmf(a[i]), rel=1e-8)
            assert slope[i, j] == pytest.approx(a[i] - law.mean(), rel=1e-7, abs=1e-7)
            assert -curve[i, j] == pytest.approx(law.var(), rel=1e-6)


def test_laplaces_approximation_is_that_of_lme4() -> None:
    # Simulated counts; lme4 1.1 with an inner tolerance of 1e-13 instead of 1e-7.
    table = pd.DataFrame({"study": list("abcd"), "events_treatment": [3, 13, 12, 5],
                          "n_treatment": [76, 98, 94, 60], "events_control": [2, 13, 3, 0],
                          "n_control": [104, 113, 90, 38]})  # fmt: skip
    found = pool(read_studies(table, "or"), "glmm", glmm_model="UM.RS")
    assert found.estimate == pytest.approx(0.7690987, abs=2e-6)
    assert found.standard_error == pytest.approx(0.3809896, abs=2e-6)
    assert found.tau2 == pytest.approx(0.07042209, abs=2e-6)
    assert found.sigma2 == pytest.approx(0.2637071, abs=5e-6)


def test_one_study_by_the_exact_model_is_its_conditional_estimate() -> None:
    table = pd.DataFrame({"study": ["a"], "events_treatment": [3], "n_treatment": [20],
                          "events_control": [8], "n_control": [22]})  # fmt: skip
    found = pool(read_studies(table, "or"), "glmm", glmm_model="CM.EL")
    expected = brentq(
        lambda psi: nchypergeom_fisher(42, 20, 11, np.exp(psi)).mean() - 3.0, -5.0, 3.0
    )
    assert found.estimate == pytest.approx(expected, abs=1e-5)


def test_the_integral_of_a_gaussian_is_known() -> None:
    # The logarithm of the integral of exp(-(u - 2)^2 / 2) over u ~ N(0.5, 0.7^2).
    def terms(u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return -((u - 2.0) ** 2) / 2.0, 2.0 - u, -np.ones_like(u)

    total = 1.0 + 0.49
    expected = -0.5 * np.log(total) - (2.0 - 0.5) ** 2 / (2.0 * total)
    found = Integral(terms, 1).logarithm(np.array([0.5]), 0.7)
    assert found == pytest.approx([expected], rel=1e-12)
