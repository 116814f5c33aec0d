"""Mixed-effects logistic models of odds ratios and proportions, for rare events.

The models are those of metafor's ``rma.glmm`` (Stijnen, Hamza and Ozdemir 2010, doi 10.1002/sim.4040;
Jackson 2018, doi 10.1002/sim.7588): ``UM.FS`` and ``UM.RS`` model both arms, with a fixed or a random
effect for each study; ``CM.EL`` conditions on the number of events, exactly, by the noncentral
hypergeometric distribution; ``CM.AL`` approximates that by a binomial one. Neither statsmodels nor PyMARE
has any of them. Arms are coded +1/2 and -1/2 in the random effects, which are independent.

Integrals are by adaptive quadrature; those of ``UM.RS`` by Laplace's approximation, as in ``lme4``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, gammaln, logsumexp, xlogy

from ketasim.errors import unknown_name
from ketasim.synthesis.quadrature import Integral, newton_covariance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["DEFAULT_MODEL", "GLMM_MODELS", "LogisticFit", "fit_logistic", "fit_proportion"]

GLMM_MODELS = ("UM.FS", "UM.RS", "CM.EL", "CM.AL")
"""The models of odds ratios."""

DEFAULT_MODEL = "UM.FS"
"""What ``glmm`` means where no model is named, as in metafor."""


@dataclass(frozen=True)
class LogisticFit:
    """A fitted model.

    Attributes
    ----------
    estimate, standard_error : float
        Log odds ratio, or log odds.
    tau2 : float
        Between-study variance.
    sigma2 : float
        Variance of the studies' levels, ``UM.RS`` only.
    q : float
        Likelihood ratio of the saturated model against that without heterogeneity.
    problem : str
        Why there is no estimate; empty where there is one.
    """

    estimate: float
    standard_error: float
    tau2: float
    q: float
    sigma2: float = float("nan")
    problem: str = ""


def _failed(problem: str) -> LogisticFit:
    nan = float("nan")
    return LogisticFit(nan, nan, nan, nan, problem=problem)


def _log_choose(n: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0), dtype=float)


def _binomial(
    x: NDArray[np.float64], n: NDArray[np.float64], eta: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return log-likelihood, without its constant, and derivatives in the log odds."""
    p = expit(eta)
    return x * eta - n * np.logaddexp(0.0, eta), x - n * p, -n * p * (1.0 - p)


def _saturated(x: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(xlogy(x, x / n) + xlogy(n - x, (n - x) / n), dtype=float)


class _Hypergeometric:
    """Events of the first arm given those of both: the noncentral hypergeometric distribution."""

    def __init__(
        self,
        a: NDArray[np.float64],
        c: NDArray[np.float64],
        first: NDArray[np.float64],
        second: NDArray[np.float64],
    ) -> None:
        events = a + c
        low, high = np.maximum(0.0, events - second), np.minimum(first, events)
        self.a, self.low, self.high = a, low, high
        self.own = _log_choose(first, a) + _log_choose(second, c)
        # Studies of about the same range share an array, so that a large one does not swell the rest.
        size = np.ceil(np.log2(high - low + 1.0)).astype(int)
        self.groups = []
        for one in np.unique(size):
            rows = np.flatnonzero(size == one)
            x = low[rows, None] + np.arange(int(np.max(high[rows] - low[rows])) + 1)
            inside = x <= high[rows, None]
            shown = np.where(inside, x, low[rows, None])
            log_count = _log_choose(first[rows, None], shown) + _log_choose(
                second[rows, None], events[rows, None] - shown
            )
            self.groups.append((rows, x, np.where(inside, log_count, -np.inf)))

    def __call__(
        self, psi: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        total, mean, spread = np.empty_like(psi), np.empty_like(psi), np.empty_like(psi)
        for rows, x, log_count in self.groups:
            logs = log_count[:, None, :] + x[:, None, :] * psi[rows][:, :, None]
            total[rows] = logsumexp(logs, axis=2)
            p = np.exp(logs - total[rows][:, :, None])
            mean[rows] = np.sum(p * x[:, None, :], axis=2)
            apart = x[:, None, :] - mean[rows][:, :, None]
            spread[rows] = np.sum(p * apart**2, axis=2)
        value = self.own[:, None] + self.a[:, None] * psi - total
        return value, self.a[:, None] - mean, -spread

    def saturated(self) -> float:
        """Return the highest log-likelihood, every study with an odds ratio of its own."""
        best = 0.0
        for rows, x, log_count in self.groups:
            for place, i in enumerate(rows):
                # At an end of its range the count has probability one in the limit.
                if self.low[i] < self.a[i] < self.high[i]:
                    best += self._best(int(i), x[place], log_count[place])
        return best

    def _best(self, i: int, x: NDArray[np.float64], log_count: NDArray[np.float64]) -> float:
        def loss(psi: float) -> float:
            return float(logsumexp(log_count + x * psi) - self.a[i] * psi - self.own[i])

        return -float(minimize_scalar(loss, bracket=(-2.0, 2.0)).fun)


def fit_logistic(
    data: Mapping[str, NDArray[np.float64]], model: str = DEFAULT_MODEL
) -> LogisticFit:
    """Fit a mixed-effects logistic model of the odds ratio by maximum likelihood.

    Parameters
    ----------
    data : mapping of str to array of float
        The four columns of counts, without studies that have no event or only events.
    model : str, optional
        One of `GLMM_MODELS`.

    Returns
    -------
    LogisticFit
        The log odds ratio.

    Raises
    ------
    UnknownNameError
        If there is no such model.
    """
    if model not in GLMM_MODELS:
        raise unknown_name("model", model, GLMM_MODELS)
    a, first = data["events_treatment"], data["n_treatment"]
    c, second = data["events_control"], data["n_control"]
    if min(a.sum(), (first - a).sum(), c.sum(), (second - c).sum()) <= 0.0:
        return _failed("one arm has no event, or nothing but events, in any study")
    if model == "UM.RS":
        return _random_studies(a, c, first, second)
    if model == "UM.FS":
        profile = _FixedStudies(a, c, first, second)
        top = float(np.sum(_saturated(a, first) + _saturated(c, second)))
        return _one_effect(profile, top)
    if model == "CM.EL":
        exact = _Hypergeometric(a, c, first, second)
        return _one_effect(_integrated(exact, len(a)), exact.saturated())
    events, offset = a + c, np.log(first / second)

    def terms(
        psi: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        return _binomial(a[:, None], events[:, None], offset[:, None] + psi)

    return _one_effect(_integrated(terms, len(a)), float(np.sum(_saturated(a, events))))


def fit_proportion(events: NDArray[np.float64], n: NDArray[np.float64]) -> LogisticFit:
    """Fit a mixed-effects logistic model of a proportion by maximum likelihood.

    Parameters
    ----------
    events, n : array of float, shape (k,)
        Events and sizes.

    Returns
    -------
    LogisticFit
        The log odds.
    """
    if min(events.sum(), (n - events).sum()) <= 0.0:
        return _failed("no study has an event, or all have nothing but events")

    def terms(
        eta: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        return _binomial(events[:, None], n[:, None], eta)

    return _one_effect(_integrated(terms, len(n)), float(np.sum(_saturated(events, n))))


def _integrated(
    terms: Callable[
        [NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    ],
    k: int,
) -> Callable[[float, float], float]:
    integral = Integral(terms, k)

    def value(theta: float, sigma: float) -> float:
        return float(np.sum(integral.logarithm(np.full(k, theta), sigma)))

    return value


class _FixedStudies:
    """The likelihood of both arms at the best level of every study."""

    def __init__(
        self,
        a: NDArray[np.float64],
        c: NDArray[np.float64],
        first: NDArray[np.float64],
        second: NDArray[np.float64],
    ) -> None:
        self.arms = a[:, None], c[:, None], first[:, None], second[:, None]
        share = (a + c + 0.5) / (first + second + 1.0)
        self.level = np.log(share / (1.0 - share))
        self.integral = Integral(self._terms, len(a))

    def _both(
        self, psi: NDArray[np.float64]
    ) -> tuple[tuple[NDArray[np.float64], ...], tuple[NDArray[np.float64], ...]]:
        a, c, first, second = self.arms
        level = self.level[:, None]
        return _binomial(a, first, level + psi / 2.0), _binomial(c, second, level - psi / 2.0)

    def _terms(
        self, psi: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        one, two = self._both(psi)
        return one[0] + two[0], (one[1] - two[1]) / 2.0, (one[2] + two[2]) / 4.0

    def __call__(self, theta: float, sigma: float) -> float:
        location = np.full(len(self.level), theta)
        for _ in range(50):
            psi, log_weight = self.integral.grid(location, sigma)
            one, two = self._both(psi)
            logs = one[0] + two[0] + log_weight
            total = logsumexp(logs, axis=1, keepdims=True)
            p = np.exp(logs - total)
            slope = one[1] + two[1]
            mean = np.sum(p * slope, axis=1)
            curve = np.sum(p * (one[2] + two[2] + slope**2), axis=1) - mean**2
            step = np.clip(mean / np.maximum(-curve, 1e-8), -1.0, 1.0)
            self.level = self.level + step
            if np.max(np.abs(step)) < 1e-9:
                break
        return float(np.sum(self.integral.logarithm(location, sigma)))


def _one_effect(value: Callable[[float, float], float], saturated: float) -> LogisticFit:
    """Maximise over the mean and the standard deviation of one random effect."""
    alone = minimize_scalar(lambda theta: -value(float(theta), 0.0), bracket=(-1.0, 0.0))
    theta, without = float(alone.x), -float(alone.fun)
    best, height = np.array([theta, 0.0]), without
    for sigma in (0.2, 1.0):
        found = minimize(
            lambda at: -value(float(at[0]), abs(float(at[1]))), np.array([theta, sigma]),
            method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-8, "maxiter": 400},
        )  # fmt: skip
        # The likelihood is even in the standard deviation; a tie is the simpler model.
        if -found.fun > height + 1e-7:
            best, height = np.abs(found.x) * [np.sign(found.x[0]), 1.0], -float(found.fun)
    q = max(0.0, 2.0 * (saturated - without))
    if best[1] < 1e-3:
        at, covariance = newton_covariance(lambda one: value(float(one[0]), 0.0), best[:1])
        return LogisticFit(float(at[0]), float(np.sqrt(covariance[0, 0])), 0.0, q)
    at, covariance = newton_covariance(lambda one: value(float(one[0]), abs(float(one[1]))), best)
    return LogisticFit(float(at[0]), float(np.sqrt(covariance[0, 0])), float(at[1] ** 2), q)


def _random_studies(
    a: NDArray[np.float64],
    c: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> LogisticFit:
    """Fit UM.RS: a level and an effect of every study, both random and independent."""

    def value(at: NDArray[np.float64]) -> float:
        return _laplace(a, c, first, second, np.asarray(at, dtype=float))

    fixed = fit_logistic(
        {"events_treatment": a, "n_treatment": first, "events_control": c, "n_control": second}
    )
    share = (a.sum() + c.sum()) / (first.sum() + second.sum())
    start = [np.log(share / (1.0 - share)), fixed.estimate]
    best, height = np.zeros(4), -np.inf
    for effect in (0.1, 0.8):
        found = minimize(
            lambda at: -value(at), np.array([*start, 0.8, effect]), method="Nelder-Mead",
            options={"xatol": 1e-5, "fatol": 1e-8, "maxiter": 2000, "maxfev": 4000},
        )  # fmt: skip
        if -found.fun > height:
            best, height = np.asarray(found.x), -float(found.fun)
    kept = [0, 1, *(place for place in (2, 3) if abs(best[place]) >= 1e-3)]
    best[[place for place in (2, 3) if place not in kept]] = 0.0

    def inner(some: NDArray[np.float64]) -> float:
        at = best.copy()
        at[kept] = some
        return value(at)

    some, covariance = newton_covariance(inner, best[kept])
    best[kept] = some
    error = float(np.sqrt(covariance[1, 1]))
    return LogisticFit(
        float(best[1]), error, float(best[3] ** 2), fixed.q, sigma2=float(best[2] ** 2)
    )


def _laplace(
    a: NDArray[np.float64],
    c: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    at: NDArray[np.float64],
) -> float:
    """Return the log-likelihood of UM.RS by Laplace's approximation, without constants."""
    middle, theta, spread, tau = at[0], at[1], at[2], at[3] / 2.0
    level, effect = np.zeros(len(a)), np.zeros(len(a))
    for _ in range(60):
        ground = middle + spread * level
        one = _binomial(a, first, ground + theta / 2.0 + tau * effect)
        two = _binomial(c, second, ground - theta / 2.0 - tau * effect)
        slope_level = spread * (one[1] + two[1]) - level
        slope_effect = tau * (one[1] - two[1]) - effect
        both, apart = -(one[2] + two[2]), -(one[2] - two[2])
        h_level, h_effect = 1.0 + spread**2 * both, 1.0 + tau**2 * both
        h_cross = spread * tau * apart
        determinant = h_level * h_effect - h_cross**2
        step_level = (h_effect * slope_level - h_cross * slope_effect) / determinant
        step_effect = (h_level * slope_effect - h_cross * slope_level) / determinant
        level = level + np.clip(step_level, -2.0, 2.0)
        effect = effect + np.clip(step_effect, -2.0, 2.0)
        if max(np.max(np.abs(step_level)), np.max(np.abs(step_effect))) < 1e-9:
            break
    height = one[0] + two[0] - (level**2 + effect**2) / 2.0 - np.log(determinant) / 2.0
    return float(np.sum(height))
