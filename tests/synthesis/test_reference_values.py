"""Every published value that the evidence notes list for meta-analysis, at print precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from ketasim.synthesis import Studies, pool, rank_test, read_studies, regression_test
from ketasim.synthesis.heterogeneity import weighted

if TYPE_CHECKING:
    from collections.abc import Callable


def digits(text: str) -> float:
    """Half a unit of the last digit that is printed, and a little for the printer's own rounding."""
    return 0.501 * 10.0 ** -len(text.partition(".")[2])


def agrees(found: float, printed: str) -> None:
    assert found == pytest.approx(float(printed), abs=digits(printed)), printed


@pytest.mark.parametrize(
    ("measure", "method", "expected"),
    [
        ("rr", "fixed", {"estimate": "-0.4303", "q": "152.2330"}),
        ("rr", "dl", {"tau2": "0.3088", "estimate": "-0.7141", "ci_low": "-1.0644",
                      "ci_high": "-0.3638", "i2": "92.1173"}),
        ("rr", "reml", {"tau2": "0.313243", "estimate": "-0.714532"}),
        ("rr", "mh", {"estimate": "-0.4537"}),
        ("or", "mh", {"estimate": "-0.4734"}),
        ("or", "peto", {"estimate": "-0.4744", "ci_low": "-0.5541"}),
        ("or", "fixed", {"estimate": "-0.4361"}),
        ("or", "dl", {"estimate": "-0.7474", "tau2": "0.3663"}),
    ],
)  # fmt: skip
def test_bcg(
    published: Callable[..., Studies], measure: str, method: str, expected: dict[str, str]
) -> None:
    found = pool(published("bcg", measure), method)
    assert (found.k, found.q_df) == (13, 12)
    for name, printed in expected.items():
        agrees(getattr(found, name), printed)


def test_fifteen_printed_digits_are_where_a_search_stopped(
    published: Callable[..., Studies],
) -> None:
    studies = published("bcg", "rr")
    y, v, ones = studies.estimate, studies.variance, np.ones((13, 1))
    tau2, step = pool(studies, "he").tau2, np.inf
    # Fisher scoring that begins at Hedges' estimate and ends at steps below 1e-5.
    while abs(step) >= 1e-5:
        p = weighted(y, v, ones, tau2).projection
        step = float((y @ p @ p @ y - np.trace(p)) / np.trace(p @ p))
        tau2 += step
    agrees(tau2, "0.313243325980895")
    # The maximum itself is in the eighth digit, and there the slope is nothing.
    exact = pool(studies).tau2
    assert exact == pytest.approx(tau2, abs=1e-7)
    p = weighted(y, v, ones, exact).projection
    assert y @ p @ p @ y == pytest.approx(np.trace(p), rel=1e-11)


def test_bcg_on_the_natural_scale_and_by_hartung_knapp(
    published: Callable[..., Studies],
) -> None:
    studies = published("bcg", "rr")
    agrees(pool(studies).natural()["estimate"], "0.4894209")
    knapp = pool(studies, hartung_knapp=True)
    for found, printed in (
        (knapp.standard_error, "0.1808"), (knapp.ci_low, "-1.1084"), (knapp.ci_high, "-0.3206"),
        (knapp.natural()["pi_low"], "0.14"), (knapp.natural()["pi_high"], "1.76"),
    ):  # fmt: skip
        agrees(found, printed)


def test_bcg_regression_test(published: Callable[..., Studies]) -> None:
    test = regression_test(published("bcg", "rr"), "rma", hartung_knapp=True)
    agrees(test.statistic, "-0.7812")
    agrees(test.limit, "-0.5104")
    assert test.degrees == 11


@pytest.mark.parametrize(
    ("method", "printed"),
    [("he", ".1484"), ("dl", ".2768"), ("ml", ".1967"), ("reml", ".2232"), ("eb", ".192"),
     ("sj", ".1992")],
)  # fmt: skip
def test_viechtbauer_example_1(
    published: Callable[..., Studies], method: str, printed: str
) -> None:
    agrees(pool(published("viechtbauer2005"), method).tau2, printed)


def test_yusuf_table_6_by_peto(published: Callable[..., Studies]) -> None:
    found = pool(published("yusuf1985_table6", "or"), "peto").natural()
    for name, printed in (("estimate", ".9332"), ("ci_low", ".7385"), ("ci_high", "1.1792")):
        agrees(found[name], printed)


@pytest.mark.parametrize(
    ("arm", "normal", "mixed"),
    [
        ("control", "-3.3018", ("-3.4964", ".2570", ".8124")),
        ("treatment", "-4.2604", ("-4.8121", ".3555", ".8265")),
    ],
)
def test_stijnen_proportions(
    published: Callable[..., Studies], arm: str, normal: str, mixed: tuple[str, str, str]
) -> None:
    table = published("nielweise2007", "or").table
    group = pd.DataFrame(
        {"study": table["study"], "events": table[f"events_{arm}"], "n": table[f"n_{arm}"]}
    )
    studies = read_studies(group, "plo")
    agrees(pool(studies).estimate, normal)
    found = pool(studies, "glmm")
    # Integrals of mixed models differ between programs: 0.0004 in the mean, 0.0013 in the variance.
    assert found.estimate == pytest.approx(float(mixed[0]), abs=4.01e-4)
    assert found.standard_error == pytest.approx(float(mixed[1]), abs=4.01e-4)
    assert found.tau2 == pytest.approx(float(mixed[2]), abs=1.301e-3)


def test_stijnen_odds_ratio_of_normal_models(published: Callable[..., Studies]) -> None:
    # The printed value leaves out the study without an event in either arm.
    found = pool(published("nielweise2007", "or").without_double_zero())
    agrees(found.estimate, "-.9804")
    assert found.k == 17
    assert "left out" in found.warnings[0]
    assert pool(published("nielweise2007", "or")).k == 18


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("CM.EL", {"estimate": -1.3532, "standard_error": 0.3511, "tau": 0.8327}),
        ("UM.FS", {"estimate": -1.2370}),
        ("UM.RS", {"estimate": -1.2812}),
    ],
)
def test_stijnen_odds_ratio_of_mixed_models(
    published: Callable[..., Studies], model: str, expected: dict[str, float]
) -> None:
    found = pool(published("nielweise2007", "or"), "glmm", glmm_model=model)
    numbers: dict[str, Any] = {
        "estimate": found.estimate, "standard_error": found.standard_error,
        "tau": np.sqrt(found.tau2),
    }  # fmt: skip
    for name, value in expected.items():
        # UM.FS is printed with seven nodes; with more it is -1.2365.
        assert numbers[name] == pytest.approx(value, abs=6e-4 if model == "UM.FS" else 1e-4)
    assert found.k == 17
    assert not found.status


def test_miller_back_transformation(published: Callable[..., Studies]) -> None:
    found = pool(published("miller1978", "pft"), "fixed")
    agrees(found.natural()["estimate"], ".3595")
    # Twice the mean, as Miller himself prints it.
    agrees(2 * found.estimate, "1.3093")


def test_egger_small_study_tests(published: Callable[..., Studies]) -> None:
    studies = published("egger2001", "or")
    agrees(regression_test(studies).statistic, "-4.6686")
    agrees(rank_test(studies).statistic, "0.15")
