"""Pooling: from studies to one estimate, its interval, and how much the studies differ.

Conventions are those of metafor. Where nothing else is said, intervals are those of Wald, from the normal
distribution; with Hartung-Knapp from t with k - 1 degrees of freedom. The prediction interval takes the
same quantile and the variance se² + tau2, so that it is the confidence interval where tau2 is zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm, t

from ketasim.errors import InputError, unknown_name
from ketasim.synthesis.counts import double_zero, mantel_haenszel, peto
from ketasim.synthesis.glmm import DEFAULT_MODEL, GLMM_MODELS, LogisticFit
from ketasim.synthesis.heterogeneity import (
    TAU2_ESTIMATORS,
    estimate_tau2,
    share,
    tau2_interval,
    weighted,
)
from ketasim.synthesis.pooled import Pooled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.synthesis.studies import Studies

__all__ = ["INVERSE_VARIANCE", "METHODS", "PoolOptions", "pool"]

INVERSE_VARIANCE = ("fixed", *TAU2_ESTIMATORS)
METHODS = (*INVERSE_VARIANCE, "mh", "peto", "glmm")
"""Every method of `pool`."""

_MEASURES_OF = {
    "mh": ("rr", "or", "rd"), "peto": ("or",), "glmm": ("or", "plo"),
}  # fmt: skip
NAN = float("nan")


@dataclass(frozen=True)
class PoolOptions:
    """How studies are pooled.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    hartung_knapp : bool
        Whether the variance is that of Hartung and Knapp, with the t distribution.
    adhoc : bool
        Whether that variance is never below that of Wald, which needs `hartung_knapp`.
    glmm_model : str
        Model of the method ``glmm``.
    level : float
        Coverage of all intervals.
    """

    method: str = "reml"
    hartung_knapp: bool = False
    adhoc: bool = False
    glmm_model: str = DEFAULT_MODEL
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown_name("method", self.method, METHODS)
        if self.glmm_model not in GLMM_MODELS:
            raise unknown_name("model", self.glmm_model, GLMM_MODELS)
        if self.adhoc and not self.hartung_knapp:
            raise InputError(
                "the ad-hoc correction is one of Hartung-Knapp, which is not asked for"
            )
        if self.hartung_knapp and self.method not in INVERSE_VARIANCE:
            raise InputError(
                f"Hartung-Knapp does not go with the method '{self.method}'",
                expected="one of " + ", ".join(INVERSE_VARIANCE),
            )
        if not 0.0 < self.level < 1.0:
            raise InputError(f"the level is {self.level:g}", expected="a number between 0 and 1")


def pool(
    studies: Studies,
    method: str = "reml",
    *,
    hartung_knapp: bool = False,
    adhoc: bool = False,
    glmm_model: str = DEFAULT_MODEL,
    level: float = 0.95,
) -> Pooled:
    """Pool studies.

    Parameters
    ----------
    studies : Studies
        From `read_studies`.
    method : str, optional
        ``fixed`` (inverse variance, no heterogeneity); by inverse variance with the heterogeneity of
        DerSimonian and Laird (``dl``), Paule and Mandel (``pm``), restricted (``reml``) or full
        (``ml``) likelihood, empirical Bayes (``eb``), Hedges (``he``), Sidik and Jonkman (``sj``);
        Mantel-Haenszel (``mh``), Peto (``peto``), a mixed-effects logistic model (``glmm``).
    hartung_knapp : bool, optional
        Take the variance of Hartung and Knapp, and t with k - 1 degrees of freedom.
    adhoc : bool, optional
        Never let that variance be below that of Wald.
    glmm_model : str, optional
        ``UM.FS`` (metafor's default), ``UM.RS``, ``CM.EL`` or ``CM.AL``.
    level : float, optional
        Coverage of all intervals.

    Returns
    -------
    Pooled
        On the analysis scale: logarithms for ratios.

    Raises
    ------
    InputError
        If method and measure do not go together.
    """
    options = PoolOptions(method, hartung_knapp, adhoc, glmm_model, level)
    _check_method(studies, options)
    if method in INVERSE_VARIANCE:
        return _inverse_variance(studies, options)
    if method == "glmm":
        return _mixed(studies, options)
    return _of_counts(studies, options)


def _check_method(studies: Studies, options: PoolOptions) -> None:
    allowed = _MEASURES_OF.get(options.method)
    if allowed is None:
        return
    if studies.measure.name not in allowed:
        raise InputError(
            f"the method '{options.method}' does not pool the measure '{studies.measure.name}'",
            where=studies.where, expected="one of " + ", ".join(allowed),
        )  # fmt: skip
    if "estimate" in studies.data:
        raise InputError(
            f"the method '{options.method}' needs the counts of events, and the table has estimates",
            where=studies.where,
        )


def _inverse_variance(studies: Studies, options: PoolOptions) -> Pooled:
    y, v = studies.estimate, studies.variance
    k = len(y)
    x = np.ones((k, 1))
    tau2 = estimate_tau2(options.method, y, v, x)
    fit = weighted(y, v, x, 0.0 if np.isnan(tau2) else tau2)
    q = weighted(y, v, x).q
    error, quantile = standard_error(fit.covariance[0, 0], fit.q, k - 1, options)
    fixed = options.method == "fixed"
    low, high = (NAN, NAN) if fixed else tau2_interval(y, v, x, options.level)
    i2, h2 = _of_q(q, k - 1) if fixed else share(tau2, v, x)
    return Pooled(
        studies=studies, options=options, estimate=float(fit.beta[0]), standard_error=error,
        quantile=quantile, tau2=tau2, tau2_low=low, tau2_high=high, i2=i2, h2=h2, q=q, q_df=k - 1,
        k=k, predicts=not fixed, warnings=_few(studies, k, options),
    )  # fmt: skip


def standard_error(
    variance: float, q: float, degrees: int, options: PoolOptions
) -> tuple[float, float]:
    """Return the standard error of a pooled estimate, and the quantile for its interval.

    Parameters
    ----------
    variance : float
        That of Wald.
    q : float
        Weighted sum of squares about the estimate, at the weights of the fit.
    degrees : int
        Its degrees of freedom.
    options : PoolOptions
        Whether it is that of Hartung and Knapp.

    Returns
    -------
    tuple of float
        Both NaN for Hartung-Knapp without a degree of freedom.
    """
    tail = 0.5 + options.level / 2.0
    if not options.hartung_knapp:
        return float(np.sqrt(variance)), float(norm.ppf(tail))
    if degrees < 1:
        return NAN, NAN
    factor = q / degrees
    if options.adhoc:
        factor = max(factor, 1.0)
    return float(np.sqrt(variance * factor)), float(t.ppf(tail, degrees))


def _of_q(q: float, degrees: int) -> tuple[float, float]:
    """Return I2 and H2 from Q, for methods without a between-study variance."""
    if degrees < 1:
        return NAN, NAN
    return (max(0.0, 100.0 * (q - degrees) / q) if q > 0.0 else 0.0), q / degrees


def _few(studies: Studies, k: int, options: PoolOptions) -> tuple[str, ...]:
    found = studies.warnings
    if k > 1 and options.hartung_knapp and not options.adhoc and k < 5:
        found += (
            f"with {k} studies the Hartung-Knapp interval may be much too wide or, where they agree,"
            " too narrow; --adhoc keeps it from being narrower than Wald's",
        )
    return found


def _of_counts(studies: Studies, options: PoolOptions) -> Pooled:
    if options.method == "mh":
        estimate, error, q, degrees = mantel_haenszel(studies.measure.name, studies.data)
    else:
        estimate, error, q, degrees = peto(studies.data)
    i2, h2 = _of_q(q, degrees)
    problem = "" if np.isfinite(estimate) and np.isfinite(error) else (
        "no estimate: an arm has no event, or nothing but events, in any study"
    )  # fmt: skip
    if problem:
        estimate = error = q = i2 = h2 = NAN
    return Pooled(
        studies=studies, options=options, estimate=estimate, standard_error=error,
        quantile=_normal(options), tau2=0.0, tau2_low=NAN, tau2_high=NAN, i2=i2, h2=h2, q=q,
        q_df=degrees, k=len(studies), predicts=False, warnings=studies.warnings, status=problem,
    )  # fmt: skip


def _normal(options: PoolOptions) -> float:
    return float(norm.ppf(0.5 + options.level / 2.0))


def _mixed(studies: Studies, options: PoolOptions) -> Pooled:
    from ketasim.synthesis.glmm import fit_logistic, fit_proportion

    warnings, kept = studies.warnings, np.arange(len(studies))
    if studies.measure.name == "or":
        # Under the conditional models such a study has no likelihood; metafor leaves it out of all.
        kept = np.flatnonzero(~double_zero(studies.data))
        if len(kept) < len(studies):
            warnings += ("they are left out of the model, and of k",)
    used = studies.chosen(kept)
    if not len(kept):
        fit = LogisticFit(NAN, NAN, NAN, NAN, problem="no study has both events and others")
    elif studies.measure.name == "or":
        fit = fit_logistic(used.data, options.glmm_model)
    else:
        fit = fit_proportion(used.data["events"], used.data["n"])
    if not fit.problem and not np.isfinite(fit.standard_error):
        fit = LogisticFit(NAN, NAN, NAN, fit.q, problem="the likelihood has no curved maximum")
    k = len(kept)
    i2, h2 = (NAN, NAN) if fit.problem else _typical(fit.tau2, used.variance)
    status = f"no estimate: {fit.problem}" if fit.problem else ""
    return Pooled(
        studies=studies, options=options, estimate=fit.estimate,
        standard_error=fit.standard_error, quantile=_normal(options), tau2=fit.tau2, tau2_low=NAN,
        tau2_high=NAN, i2=i2, h2=h2, q=fit.q, q_df=max(k - 1, 0), k=k, predicts=True,
        warnings=warnings, status=status, sigma2=fit.sigma2,
    )  # fmt: skip


def _typical(tau2: float, v: NDArray[np.float64]) -> tuple[float, float]:
    return share(tau2, v, np.ones((len(v), 1)))
