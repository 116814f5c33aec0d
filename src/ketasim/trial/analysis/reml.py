"""A normal model of repeated values with any covariance, by restricted likelihood.

A patient's values at T visits have the mean ``B' x`` (one column of B a visit, ``vec(B) = C beta``)
and the covariance Sigma, any positive definite matrix. Missing values are ignorable: a patient adds
the likelihood of what was seen. Patients who miss the same visits share their sums of squares, so
one step costs the same for any number of patients.

Sigma is linear in its elements, so every derivative is in closed form. With ``W`` the inverse of
the observed part of Sigma, filled with zeros, ``R`` the residual sums of squares and ``H`` the part
of the uncertain mean, the restricted log-likelihood has the gradient
``-1/2 sum(n W - W R W - W H W)``; its Hessian follows Jennrich and Schluchter (1986) and Harville
(1977). Steps are Newton's where the observed information is positive definite, else Fisher's.

References
----------
Jennrich RI, Schluchter MD (1986). Unbalanced repeated-measures models with structured covariance
matrices. Biometrics 42:805-820.
Harville DA (1977). Maximum likelihood approaches to variance component estimation and to related
problems. JASA 72:320-338.
Fai AHT, Cornelius PL (1996). Approximate F-tests of multiple degree of freedom hypotheses in
generalized least squares analyses of unbalanced split-plot experiments. J Stat Comput Simul
54:363-378.
Kuznetsova A, Brockhoff PB, Christensen RHB (2017). lmerTest package: tests in linear mixed effects
models. J Stat Softw 82(13).
Kenward MG, Roger JH (1997). Small sample inference for fixed effects from restricted maximum
likelihood. Biometrics 53:983-997.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Degrees", "RemlError", "RemlFit", "Structure", "contrast_test", "fit_reml"]

Degrees = Literal["satterthwaite", "kenward-roger"]
"""How the degrees of freedom of a contrast are found."""

Structure = Literal["unstructured", "compound_symmetry"]
"""What is assumed of the covariance of a patient's values."""

_STEPS = 60
_DECREMENT = 1e-14
"""Newton decrement at which the fit counts as converged; it has no unit and no scale."""


class RemlError(ArithmeticError):
    """The model has no restricted maximum; the text says why."""


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over the patients of each pattern of seen visits."""

    seen: NDArray[np.bool_]
    n: NDArray[np.float64]
    xx: NDArray[np.float64]
    xy: NDArray[np.float64]
    yy: NDArray[np.float64]
    basis: NDArray[np.float64]
    constraint: NDArray[np.float64] | None

    def by_visit(self, beta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the coefficients as B, shape (p, n_visits)."""
        full = beta if self.constraint is None else self.constraint @ beta
        return full.reshape(self.seen.shape[1], -1).T

    def reduce(self, full: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bring matrices over vec(B), shape (..., p T, p T), down to beta."""
        c = self.constraint
        return full if c is None else np.matmul(np.matmul(c.T, full), c)


@dataclass(frozen=True, eq=False)
class _State:
    """Everything at one Sigma."""

    sigma: NDArray[np.float64]
    inverse: NDArray[np.float64]
    phi: NDArray[np.float64]
    beta: NDArray[np.float64]
    residual: NDArray[np.float64]
    xr: NDArray[np.float64]
    deviance: float


@dataclass(frozen=True, eq=False)
class _Workings:
    """The last step: sums, state, expected information, and X'V^-1 E V^-1 X for every element."""

    sums: _Sums
    state: _State
    expected: NDArray[np.float64]
    bend: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RemlFit:
    """A fitted model.

    Parameters
    ----------
    beta : ndarray, shape (q,)
        Coefficients of the mean. Without a constraint they are ``vec(B)``, visit by visit.
    covariance : ndarray, shape (q, q)
        Their covariance, Sigma taken as known.
    sigma : ndarray, shape (n_visits, n_visits)
        The covariance of a patient's values.
    deviance : float
        Minus two times the restricted log-likelihood, with its constant ``(N - q) log(2 pi)``.
    steps : int
        Steps that the search took.
    information : ndarray, shape (m, m)
        Observed information of the elements of Sigma; m = T (T + 1) / 2 where unstructured.
    workings : object
        What the degrees of freedom are computed from.
    """

    beta: NDArray[np.float64]
    covariance: NDArray[np.float64]
    sigma: NDArray[np.float64]
    deviance: float
    steps: int
    information: NDArray[np.float64]
    workings: _Workings


def fit_reml(
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    *,
    constraint: NDArray[np.float64] | None = None,
    start: NDArray[np.float64] | None = None,
    structure: Structure = "unstructured",
) -> RemlFit:
    """Fit the model.

    Parameters
    ----------
    y : ndarray, shape (n_patients, n_visits)
        Values; NaN for missing. Patients without any value are left out.
    x : ndarray, shape (n_patients, p)
        Covariates of a patient, the constant included.
    constraint : ndarray, shape (p * n_visits, q), optional
        ``vec(B) = C beta`` with the coefficients of the first visit first; every covariate has a
        coefficient of its own at every visit if left out.
    start : ndarray, shape (n_visits, n_visits), optional
        Sigma to begin from, for instance of a similar trial. The result does not depend on it
        beyond the tolerance of the search.
    structure : {"unstructured", "compound_symmetry"}, optional
        Compound symmetry has one variance and one covariance, as a random intercept has.

    Returns
    -------
    RemlFit
        The fit.

    Raises
    ------
    RemlError
        If the mean or the covariance cannot be estimated, or the search does not converge.
    """
    sums = _sums(y, x, constraint, structure)
    ordinary = _evaluate(sums, np.eye(y.shape[1]))
    if ordinary is None:
        raise RemlError("the covariates determine the arm or each other")
    # The search works on the least-squares residuals, so that sums of squares lose no figures to a
    # mean that is large beside the spread.
    residual = y - x @ sums.by_visit(ordinary.beta)
    first = _start(residual, y, x.shape[1]) if start is None else start
    if structure == "compound_symmetry":
        first = _averaged(first)
    sums = _sums(residual, x, constraint, structure)
    state = _evaluate(sums, first)
    if state is None:
        raise RemlError("the covariance to start from is not positive definite")
    for step in range(1, _STEPS + 1):
        gradient, observed, expected, bend = _derivatives(sums, state)
        direction = _direction(gradient, observed, expected)
        decrement = -float(gradient @ direction)
        if decrement < _DECREMENT:
            beta = ordinary.beta + state.beta
            workings = _Workings(sums, state, expected, bend)
            return RemlFit(beta, state.phi, state.sigma, state.deviance, step, observed, workings)
        # Near the optimum rounding hides a fall of the deviance, so a step may rise by that much.
        state = _advance(sums, state, direction, 1e-11 * (1 + abs(state.deviance)))
    raise RemlError(f"the search for the covariance did not converge in {_STEPS} steps")


def _direction(
    gradient: NDArray[np.float64], observed: NDArray[np.float64], expected: NDArray[np.float64]
) -> NDArray[np.float64]:
    for information in (observed, expected):
        try:
            np.linalg.cholesky(information)
        except np.linalg.LinAlgError:
            continue
        return np.asarray(-np.linalg.solve(information, gradient))
    raise RemlError("some pair of visits was never seen in enough patients")


def _advance(sums: _Sums, state: _State, direction: NDArray[np.float64], slack: float) -> _State:
    move = (sums.basis @ direction).reshape(state.sigma.shape)
    length = 1.0
    for _ in range(40):
        tried = _evaluate(sums, state.sigma + length * move)
        if tried is not None and tried.deviance <= state.deviance + slack:
            return tried
        length /= 2
    raise RemlError("the search for the covariance ran into its edge")


def _sums(
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    constraint: NDArray[np.float64] | None,
    structure: Structure,
) -> _Sums:
    seen = ~np.isnan(y)
    kept = seen.any(axis=1)
    y, x, seen = np.where(seen, y, 0.0)[kept], x[kept], seen[kept]
    visits = y.shape[1]
    if not seen.any(axis=0).all():
        raise RemlError("a visit was seen in no patient")
    code = seen @ (1 << np.arange(visits))
    _, first, pattern = np.unique(code, return_index=True, return_inverse=True)
    member = (pattern[None, :] == np.arange(first.size)[:, None]).astype(np.float64)
    weighted = member[:, :, None] * x
    return _Sums(
        seen[first],
        member.sum(axis=1),
        np.matmul(weighted.transpose(0, 2, 1), x),
        np.matmul(weighted.transpose(0, 2, 1), y),
        np.matmul((member[:, :, None] * y).transpose(0, 2, 1), y),
        _basis(visits, structure),
        constraint,
    )


def _basis(visits: int, structure: Structure) -> NDArray[np.float64]:
    """Return the matrices that Sigma is a sum of, one a column, flattened."""
    if structure == "compound_symmetry":
        return np.array([np.eye(visits).ravel(), np.ones(visits**2)]).T
    basis = []
    for row in range(visits):
        for column in range(row + 1):
            element = np.zeros((visits, visits))
            element[row, column] = element[column, row] = 1.0
            basis.append(element.ravel())
    return np.array(basis).T


def _averaged(sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    visits = sigma.shape[0]
    variance = np.trace(sigma) / visits
    shared = (sigma.sum() - np.trace(sigma)) / max(visits * (visits - 1), 1)
    return np.asarray((variance - shared) * np.eye(visits) + shared)


def _start(residual: NDArray[np.float64], y: NDArray[np.float64], p: int) -> NDArray[np.float64]:
    """Return the covariance of least-squares residuals, shrunk until it is positive definite."""
    visits = y.shape[1]
    seen = np.isfinite(residual).sum(axis=0)
    spread = np.nansum(residual**2, axis=0) / np.maximum(seen - p, 1)
    if np.any(spread <= 1e-20 * np.nansum(y**2, axis=0)):
        raise RemlError("the values do not vary within the arms")
    both = np.isfinite(residual).astype(np.float64)
    filled = np.where(np.isfinite(residual), residual, 0.0)
    sd = np.sqrt(np.maximum(np.sum(filled**2, axis=0), 1e-300) / both.sum(axis=0))
    scaled = filled / sd
    correlation = (scaled.T @ scaled) / np.maximum(both.T @ both, 1.0)
    np.fill_diagonal(correlation, 1.0)
    while np.linalg.eigvalsh(correlation)[0] < 0.05:
        correlation = 0.8 * correlation + 0.2 * np.eye(visits)
    return np.asarray(correlation * np.sqrt(np.outer(spread, spread)))


def _evaluate(sums: _Sums, sigma: NDArray[np.float64]) -> _State | None:
    """Return the state at a Sigma, None where Sigma or the mean is not definite."""
    visits, p = sums.seen.shape[1], sums.xx.shape[1]
    # Unseen visits become rows of the identity, which leaves the determinant and the inverse of the
    # seen part as they are.
    both = sums.seen[:, :, None] & sums.seen[:, None, :]
    filled = np.where(both, sigma, np.eye(visits))
    try:
        factor = np.linalg.cholesky(filled)
        inverse = np.where(both, np.linalg.inv(filled), 0.0)
        joint = np.tensordot(inverse, sums.xx, (0, 0)).transpose(0, 2, 1, 3)
        gram = sums.reduce(joint.reshape(visits * p, visits * p))
        root = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        return None
    phi: NDArray[np.float64] = np.asarray(np.linalg.inv(gram))
    side = np.matmul(sums.xy, inverse).sum(axis=0).T.ravel()
    c = sums.constraint
    beta = phi @ (side if c is None else c.T @ side)
    b = sums.by_visit(beta)
    xr = sums.xy - np.matmul(sums.xx, b)
    cross = np.matmul(sums.xy.transpose(0, 2, 1), b)
    residual = sums.yy - cross - cross.transpose(0, 2, 1) + np.matmul(b.T, np.matmul(sums.xx, b))
    logs = 2 * np.log(np.einsum("ktt->kt", factor)).sum(axis=1) @ sums.n
    logs += 2 * np.log(np.diag(root)).sum()
    constant = (sums.n @ sums.seen.sum(axis=1) - beta.size) * np.log(2 * np.pi)
    deviance = float(logs + np.sum(inverse * residual) + constant)
    return _State(sigma, inverse, phi, beta, residual, xr, deviance)


def _derivatives(
    sums: _Sums, state: _State
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return gradient and information of minus the log-likelihood, and X'V^-1 E V^-1 X.

    The informations are the observed and the expected one; the last array has the shape (m, q, q)
    and is minus the derivative of the inverse covariance of beta by each element of Sigma.
    """
    w, phi, c = state.inverse, state.phi, sums.constraint
    visits, p = sums.seen.shape[1], sums.xx.shape[1]
    m, k = sums.basis.shape[1], w.shape[0]
    whole = phi if c is None else c @ phi @ c.T
    uncertain = np.einsum("kpr,sptr->kst", sums.xx, whole.reshape(visits, p, visits, p))
    wrw = np.matmul(np.matmul(w, state.residual), w)
    whw = np.matmul(np.matmul(w, uncertain), w)
    slope = (sums.n[:, None, None] * w - wrw - whw).sum(axis=0)
    gradient = 0.5 * sums.basis.T @ slope.ravel()

    elements = sums.basis.T.reshape(m, 1, visits, visits)
    wew = np.matmul(np.matmul(w, elements), w)
    turned = np.matmul(wew.transpose(0, 2, 3, 1).reshape(-1, k), sums.xx.reshape(k, p * p))
    turned = turned.reshape(m, visits, visits, p, p).transpose(0, 1, 3, 2, 4)
    bend = sums.reduce(turned.reshape(m, visits * p, visits * p))
    rows = wew.transpose(0, 2, 1, 3).reshape(m * visits, k * visits)
    lean = (rows @ state.xr.transpose(0, 2, 1).reshape(k * visits, p)).reshape(m, visits * p)
    lean = lean if c is None else lean @ c
    turn = np.matmul(phi, bend)
    square = turn.reshape(m, -1) @ turn.transpose(0, 2, 1).reshape(m, -1).T

    def paired(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum tr(E_i W E_j S) over the patterns."""
        joint = weights.reshape(k, -1).T @ w.reshape(k, -1)
        shaped = joint.reshape((visits,) * 4).transpose(0, 2, 1, 3).reshape(visits**2, visits**2)
        return np.asarray(sums.basis.T @ shaped @ sums.basis)

    trace = paired(sums.n[:, None, None] * w)
    mean_part = paired(whw)
    expected = 0.5 * (trace - (mean_part + mean_part.T) + square)
    sample = paired(wrw)
    observed = 0.5 * (sample + sample.T) - lean @ phi @ lean.T - expected
    return gradient, 0.5 * (observed + observed.T), expected, bend


def contrast_test(
    fit: RemlFit, weights: NDArray[np.float64], *, degrees: Degrees = "satterthwaite"
) -> tuple[float, float, float]:
    """Return estimate, standard error and degrees of freedom of a combination of coefficients.

    Parameters
    ----------
    fit : RemlFit
        The fit.
    weights : ndarray, shape (q,)
        Weights of the coefficients.
    degrees : {"satterthwaite", "kenward-roger"}, optional
        Satterthwaite's method with the observed information of Sigma (Fai and Cornelius 1996,
        Kuznetsova et al. 2017): twice the squared variance over the variance of the variance.
        Kenward and Roger (1997) widen the standard error for the estimated Sigma too, and use the
        expected information.

    Returns
    -------
    tuple of float
        Estimate, standard error, degrees of freedom.
    """
    bend, expected = fit.workings.bend, fit.workings.expected
    estimate = float(weights @ fit.beta)
    spread = fit.covariance @ weights
    variance = float(weights @ spread)
    slope = np.einsum("mab,a,b->m", bend, spread, spread)
    information = fit.information if degrees == "satterthwaite" else expected
    df = 2 * variance**2 / float(slope @ np.linalg.solve(information, slope))
    if degrees == "kenward-roger":
        variance += _widening(fit, np.asarray(np.linalg.inv(expected)), spread)
    return estimate, float(np.sqrt(variance)), df


def _widening(fit: RemlFit, theta: NDArray[np.float64], spread: NDArray[np.float64]) -> float:
    """Return what Kenward and Roger add to a variance; Sigma is linear, so its second part is nil.

    That is ``2 Phi (sum theta_ij (Q_ij - P_i Phi P_j)) Phi`` with ``P_i = -bend_i``.
    """
    sums, w = fit.workings.sums, fit.workings.state.inverse
    visits, p = w.shape[1], sums.xx.shape[1]
    elements = sums.basis.T.reshape(-1, visits, visits)
    # sum_ij theta_ij E_i W E_j for every pattern
    inner = np.einsum("mn,mab,kbc,ncd->kad", theta, elements, w, elements, optimize=True)
    outer = np.matmul(np.matmul(w, inner), w)
    q = np.tensordot(outer, sums.xx, (0, 0)).transpose(0, 2, 1, 3)
    part = sums.reduce(q.reshape(visits * p, visits * p))
    bent = fit.workings.bend @ spread
    return float(2 * (spread @ part @ spread - np.sum(theta * (bent @ fit.covariance @ bent.T))))
