"""The mixed model against R, statsmodels, closed forms, and the dense equations."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ketasim.trial.analysis import (
    RemlError,
    ancova,
    contrast_test,
    fit_mmrm,
    fit_reml,
    mmrm,
    mmrm_batch,
)
from ketasim.trial.data import TrialData

# Potthoff and Roy (1964), Biometrika 51:313-326: distance in mm at 8, 10, 12 and 14 years.
GIRLS = """21 20 21.5 23  21 21.5 24 25.5  20.5 24 24.5 26  23.5 24.5 25 26.5  21.5 23 22.5 23.5
20 21 21 22.5  21.5 22.5 23 25  23 23 23.5 24  20 21 22 21.5  16.5 19 19 19.5  24.5 25 28 28"""
BOYS = """26 25 29 31  21.5 22.5 23 26.5  23 22.5 24 27.5  25.5 27.5 26.5 27  20 23.5 22.5 26
24.5 25.5 27 28.5  22 22 24.5 26.5  24 21.5 24.5 25.5  23 20.5 31 26  27.5 28 31 31.5
23 23 23.5 25  21.5 23.5 24 28  17 24.5 26 29.5  22.5 25.5 25.5 26  23 24.5 26 30  22 21.5 23.5 25"""
GAPS = {2: [2, 5, 8, 9, 12, 15, 22, 23, 26], 3: [4, 19], 4: [4, 13, 19]}  # visit: children


def children(gaps: bool) -> np.ndarray:
    y = np.array(f"{GIRLS} {BOYS}".split(), float).reshape(27, 4)
    for visit, rows in (GAPS if gaps else {}).items():
        y[rows, visit - 1] = np.nan
    return y


FEMALE = (np.arange(27) < 11).astype(float)
SEX = np.column_stack([np.ones(27), FEMALE])
AGES = np.array([8.0, 10.0, 12.0, 14.0])


def lines() -> np.ndarray:
    """Constraint: each sex has an intercept and a slope on age."""
    c = np.zeros((4, 2, 4))
    c[:, 0, 0] = c[:, 1, 1] = 1
    c[:, 0, 2] = c[:, 1, 3] = AGES
    return c.reshape(8, 4)


# R 4.2.2, nlme 3.1.162: gls with corSymm and varIdent by age, method "REML".
@pytest.mark.parametrize(
    ("gaps", "beta", "se", "deviance", "variances"),
    [
        (False, [15.842282631677, 1.583086325228, 0.826803688704, -0.350438999020],
         [0.9723038112267, 1.5233073150162, 0.0822177139261, 0.1288104022647],
         424.546800199, [5.425231282, 4.190604779, 6.263231509, 4.986234349]),
        (True, [16.776208110680, 0.340768796043, 0.764807729304, -0.260037664311],
         [1.1182312862837, 1.7645399188776, 0.0974477865567, 0.1534724234818],
         351.996256919, [5.347544654, 5.187815518, 5.727313635, 5.479925963]),
    ],
    ids=["complete", "gaps"],
)  # fmt: skip
def test_growth_lines_agree_with_nlme(gaps, beta, se, deviance, variances) -> None:
    fit = fit_reml(children(gaps), SEX, constraint=lines())
    # nlme stops its search at about five figures; the deviance is flat there and agrees to ten.
    assert fit.deviance == pytest.approx(deviance, rel=1e-9)
    assert fit.deviance <= deviance + 1e-7
    assert fit.beta == pytest.approx(beta, rel=2e-5)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(se, rel=2e-5)
    assert np.diag(fit.sigma) == pytest.approx(variances, rel=2e-5)


def test_means_by_visit_with_gaps_agree_with_nlme() -> None:
    fit = fit_reml(children(True), SEX)
    first = 22.875
    later = first + np.array([0.457618081682, 2.379543184119, 4.504018231674])
    girls = -1.693181818182 + np.array([0, 0.412435166354, -0.344856408574, -1.484104737487])
    b = fit.beta.reshape(4, 2)
    assert b[:, 0] == pytest.approx([first, *later], rel=1e-6)
    assert b[:, 1] == pytest.approx(girls, rel=1e-5)
    assert fit.deviance == pytest.approx(337.802108563, rel=1e-9)
    assert fit.sigma[2, 3] == pytest.approx(4.807027381, rel=1e-5)


@pytest.mark.parametrize("gaps", [False, True])
def test_compound_symmetry_is_a_random_intercept(gaps: bool) -> None:
    sm = pytest.importorskip("statsmodels.api")
    y = children(gaps)
    fit = fit_reml(y, SEX, constraint=lines(), structure="compound_symmetry")
    seen = ~np.isnan(y)
    design = np.stack([np.kron(np.eye(4), row) @ lines() for row in SEX])[seen]
    child = np.repeat(np.arange(27), 4).reshape(27, 4)[seen]
    other = sm.MixedLM(y[seen], design, groups=child).fit(reml=True, method="bfgs", gtol=1e-10)
    assert fit.beta == pytest.approx(other.fe_params, rel=1e-6)
    assert fit.sigma[0, 1] == pytest.approx(float(other.cov_re[0, 0]), rel=1e-4)
    assert fit.sigma[0, 0] - fit.sigma[0, 1] == pytest.approx(other.scale, rel=1e-5)
    # statsmodels takes the standard errors from the joint information of means and variances, which
    # is the same for complete data only.
    errors = np.sqrt(np.diag(fit.covariance))
    assert errors == pytest.approx(other.bse_fe, rel=1e-3 if gaps else 1e-5)


def test_complete_data_have_the_closed_form_of_multivariate_regression() -> None:
    rng = np.random.default_rng(11)
    x = np.column_stack([np.ones(40), np.arange(40) % 2, rng.normal(size=40)])
    y = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3)) + 5
    fit = fit_reml(y, x)
    b = np.linalg.lstsq(x, y, rcond=None)[0]
    residual = y - x @ b
    sigma = residual.T @ residual / (40 - 3)
    assert fit.beta == pytest.approx(b.T.ravel(), rel=1e-10)
    assert fit.sigma == pytest.approx(sigma, rel=1e-9)
    assert fit.covariance == pytest.approx(np.kron(sigma, np.linalg.inv(x.T @ x)), rel=1e-9)
    weights = np.zeros(9)
    weights[4] = 1.0
    for degrees in ("satterthwaite", "kenward-roger"):
        _, se, df = contrast_test(fit, weights, degrees=degrees)
        # A contrast at one visit of complete data is that visit's own regression.
        assert df == pytest.approx(37, rel=1e-8)
        assert se == pytest.approx(np.sqrt(fit.covariance[4, 4]), rel=1e-9)


def dense(y: np.ndarray, x: np.ndarray) -> SimpleNamespace:
    """The same model patient by patient, with whole matrices and no shared sums."""
    visits = y.shape[1]
    seen = ~np.isnan(y)
    pairs = [(i, j) for i in range(visits) for j in range(i + 1)]
    basis = []
    for i, j in pairs:
        e = np.zeros((visits, visits))
        e[i, j] = e[j, i] = 1
        basis.append(e)
    keep = np.flatnonzero(seen.ravel())
    design = np.kron(np.eye(visits), x).reshape(visits, len(x), -1).transpose(1, 0, 2)
    design = design.reshape(-1, visits * x.shape[1])[keep]

    def wide(sigma: np.ndarray) -> np.ndarray:
        return np.kron(np.eye(len(x)), sigma)[np.ix_(keep, keep)]

    def matrix(theta: np.ndarray) -> np.ndarray:
        return sum(t * e for t, e in zip(theta, basis, strict=True))

    def phi(theta: np.ndarray) -> np.ndarray:
        return np.linalg.inv(design.T @ np.linalg.solve(wide(matrix(theta)), design))

    def loss(theta: np.ndarray) -> float:
        v = wide(matrix(theta))
        cov = phi(theta)
        beta = cov @ design.T @ np.linalg.solve(v, y.ravel()[keep])
        r = y.ravel()[keep] - design @ beta
        logs = np.linalg.slogdet(v)[1] - np.linalg.slogdet(cov)[1]
        return 0.5 * (logs + r @ np.linalg.solve(v, r))

    return SimpleNamespace(pairs=pairs, basis=basis, wide=wide, phi=phi, loss=loss, design=design)


@pytest.fixture(scope="module")
def small() -> SimpleNamespace:
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(18), np.arange(18) % 2, rng.normal(size=18)])
    y = rng.normal(size=(18, 1)) + rng.normal(size=(18, 3)) * [1, 2, 3]
    y[2:7, 2] = y[5, 1] = y[8, 0] = y[11, 1] = np.nan
    return SimpleNamespace(x=x, y=y, fit=fit_reml(y, x), dense=dense(y, x))


def theta_of(small: SimpleNamespace) -> np.ndarray:
    return np.array([small.fit.sigma[i, j] for i, j in small.dense.pairs])


def test_the_fit_is_the_maximum_of_the_dense_likelihood(small: SimpleNamespace) -> None:
    theta = theta_of(small)
    constant = (np.sum(~np.isnan(small.y)) - 9) * np.log(2 * np.pi)
    assert small.fit.deviance == pytest.approx(2 * small.dense.loss(theta) + constant, rel=1e-12)
    for direction in np.eye(6):
        step = 1e-4 * direction
        slope = (small.dense.loss(theta + step) - small.dense.loss(theta - step)) / 2e-4
        assert slope == pytest.approx(0, abs=1e-6)


def test_satterthwaite_agrees_with_numerical_derivatives(small: SimpleNamespace) -> None:
    theta, h = theta_of(small), 1e-3
    weights = np.zeros(9)
    weights[7] = 1.0
    eye = np.eye(6) * h
    loss = small.dense.loss
    hessian = np.array(
        [[(loss(theta + a + b) - loss(theta + a - b) - loss(theta - a + b) + loss(theta - a - b))
          / (4 * h * h) for b in eye] for a in eye]
    )  # fmt: skip
    variance = [
        weights @ (small.dense.phi(theta + a) - small.dense.phi(theta - a)) @ weights / (2 * h)
        for a in eye
    ]
    expected = 2 * small.fit.covariance[7, 7] ** 2 / (variance @ np.linalg.solve(hessian, variance))
    estimate, se, df = contrast_test(small.fit, weights)
    assert df == pytest.approx(expected, rel=1e-3)
    assert (estimate, se**2) == pytest.approx((small.fit.beta[7], small.fit.covariance[7, 7]))


def test_kenward_roger_agrees_with_the_equations_of_1997(small: SimpleNamespace) -> None:
    d, theta = small.dense, theta_of(small)
    v = np.linalg.inv(d.wide(small.fit.sigma))
    x, phi = d.design, small.fit.covariance
    derivative = [d.wide(e) for e in d.basis]
    p = [-x.T @ v @ e @ v @ x for e in derivative]
    q = [[x.T @ v @ a @ v @ b @ v @ x for b in derivative] for a in derivative]
    information = np.array(
        [[0.5 * (np.trace(v @ derivative[i] @ v @ derivative[j])
                 - np.trace(2 * phi @ q[i][j] - phi @ p[i] @ phi @ p[j]))
          for j in range(theta.size)] for i in range(theta.size)]
    )  # fmt: skip
    w = np.linalg.inv(information)
    inner = sum(
        w[i, j] * (q[i][j] - p[i] @ phi @ p[j])
        for i in range(theta.size)
        for j in range(theta.size)
    )
    adjusted = phi + 2 * phi @ inner @ phi
    weights = np.zeros(9)
    weights[7], weights[4] = 1.0, -0.5
    slope = np.array([-weights @ phi @ one @ phi @ weights for one in p])
    df = 2 * (weights @ phi @ weights) ** 2 / (slope @ w @ slope)
    _, se, found = contrast_test(small.fit, weights, degrees="kenward-roger")
    assert se**2 == pytest.approx(weights @ adjusted @ weights, rel=1e-9)
    assert found == pytest.approx(df, rel=1e-9)


def trial(seed: int = 3, n: int = 60, visits: int = 3, **changes: object) -> TrialData:
    rng = np.random.default_rng(seed)
    arm = np.arange(n) % 2
    baseline = rng.normal(32, 5, n).round()
    person = rng.normal(0, 6, (n, 1))
    change = -8 - 4 * (arm == 0)[:, None] - 0.2 * baseline[:, None] + person
    values = baseline[:, None] + change + rng.normal(0, 5, (n, visits))
    values[rng.random((n, visits)) < 0.1] = np.nan
    given = {
        "arm": arm, "baseline": baseline, "values": values,
        "visits_h": np.array([24.0, 168.0, 672.0][:visits]), "arms": ("drug", "placebo"),
        "stratum": rng.integers(0, 3, n),
    }  # fmt: skip
    return TrialData(**{**given, **changes})


def test_one_complete_visit_is_the_analysis_of_covariance() -> None:
    data = trial(visits=1)
    mixed, plain = mmrm(data, 24.0, "drug", "placebo"), ancova(data, 24.0, "drug", "placebo")
    for field in ("estimate", "se", "df", "ci_low", "ci_high", "p", "effect_size", "n"):
        assert getattr(mixed, field) == pytest.approx(getattr(plain, field), rel=1e-8), field


def test_batch_agrees_with_the_single_trial() -> None:
    data = [trial(seed) for seed in range(4)]
    single = [mmrm(one, 672.0, "drug", "placebo", degrees="kenward-roger") for one in data]
    many = mmrm_batch(
        [one.change for one in data],
        [one.baseline for one in data],
        data[0].arm == 0,
        stratum=[one.stratum for one in data],
        degrees="kenward-roger",
    )
    for field in ("estimate", "se", "df", "ci_low", "ci_high", "p"):
        expected = [getattr(one, field) for one in single]
        assert getattr(many, field) == pytest.approx(expected, rel=1e-8), field


@settings(max_examples=15, deadline=None)
@given(shift=st.floats(-20, 20), scale=st.floats(0.1, 10))
def test_shift_and_scale(shift: float, scale: float) -> None:
    data = trial()
    moved = trial(values=scale * data.values + shift, baseline=scale * data.baseline + shift)
    before, after = mmrm(data, 672.0, "drug", "placebo"), mmrm(moved, 672.0, "drug", "placebo")
    assert after.estimate == pytest.approx(scale * before.estimate, rel=1e-6)
    assert after.se == pytest.approx(scale * before.se, rel=1e-6)
    assert (after.df, after.p) == pytest.approx((before.df, before.p), rel=1e-5)


def test_swapping_the_arms_turns_the_sign() -> None:
    one = mmrm(trial(), 168.0, "drug", "placebo")
    other = mmrm(trial(), 168.0, "placebo", "drug")
    assert (other.estimate, other.ci_low) == pytest.approx((-one.estimate, -one.ci_high), rel=1e-9)
    assert (other.p, other.effect_size) == pytest.approx((one.p, -one.effect_size), rel=1e-7)


def test_the_start_of_the_search_does_not_matter() -> None:
    data = trial()
    usual = fit_mmrm(data).reml
    far = fit_mmrm(data, start=np.diag([4.0, 900.0, 30.0])).reml
    assert far.sigma == pytest.approx(usual.sigma, rel=1e-5)
    assert far.deviance == pytest.approx(usual.deviance, abs=1e-8)


def test_a_third_arm_informs_the_covariance_and_not_the_means_of_complete_data() -> None:
    data = trial(arm=np.arange(60) % 3, arms=("drug", "placebo", "other"), stratum=None)
    fit = fit_mmrm(data)
    assert fit.arms.tolist() == [0, 1, 2]
    est = mmrm(data, 672.0, "drug", "other")
    assert est.n == 40
    assert est.contrast == "drug minus other"
    assert np.isfinite(est.p)


def hidden(rows: slice, visit: int) -> np.ndarray:
    values = trial().values.copy()
    values[rows, visit] = np.nan
    return values


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"values": np.full((60, 3), np.nan)}, "arm 'drug' has 0 observed patients"),
        ({"arm": np.ones(60, int)}, "arm 'drug' has 0 observed patients"),
        ({"values": hidden(slice(0, None, 2), 1)}, "arm 'drug' has no value at 168 h"),
        ({"baseline": np.full(60, 30.0)}, "every patient has the same baseline"),
        ({"stratum": np.arange(60) % 2}, "the covariates determine the arm or each other"),
        ({"values": np.full((60, 3), 20.0)}, "the values do not vary within the arms"),
    ],
)
def test_no_solution_is_nan_and_a_reason(changes: dict[str, np.ndarray], reason: str) -> None:
    found = mmrm(trial(**changes), 672.0, "drug", "placebo")
    assert found.failed
    assert np.isnan([found.se, found.df, found.p, found.effect_size]).all()
    assert reason in found.note


def test_visits_never_seen_together_are_refused() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(40, 2))
    y[:20, 0] = y[20:, 1] = np.nan
    with pytest.raises(RemlError, match="pair of visits"):
        fit_reml(y, np.ones((40, 1)))


def test_a_failed_replicate_is_nan_and_leaves_the_others() -> None:
    data = trial()
    change = np.stack([data.change, np.full_like(data.change, np.nan)])
    many = mmrm_batch(change, data.baseline, data.arm == 0)
    assert np.isnan(many.estimate).tolist() == [False, True]
    assert np.isnan(many.p).tolist() == [False, True]
