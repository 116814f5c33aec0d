"""Multiple imputation of missing visits: at random, or by reference to the control arm.

The changes of a patient are normal with the mean of the arm, slopes on baseline and strata at each
visit, and any covariance. Parameters are drawn from their posterior under Jeffreys' prior by data
augmentation (Schafer 1997, Analysis of Incomplete Multivariate Data, chapter 5), and missing values
from the normal distribution given the values that were seen. The strategies of Carpenter, Roger and
Kenward (2013, J Biopharm Stat 23:1352-1371) change the mean of a patient of the active arm from the
visit after the intercurrent event on. Imputed trials are analysed by `ancova` and pooled by
Rubin's rules, whose variance under a reference-based strategy is that of the information a trial
would have lost at random, and wider than the spread of the estimate over repeated trials (Cro,
Carpenter and Kenward 2019, J R Stat Soc A 182:623-645).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.draws import key_of
from ketasim.trial.analysis.binary import fit_logistic
from ketasim.trial.analysis.contrast import contrast_of, failure, t_estimate, too_few
from ketasim.trial.analysis.linear import ancova_batch, standardised
from ketasim.trial.analysis.mmrm import never_seen
from ketasim.trial.analysis.reml import RemlError, fit_reml
from ketasim.trial.analysis.rubin import pool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.trial.analysis.contrast import Contrast
    from ketasim.trial.data import Estimate, TrialData

__all__ = ["STRATEGIES", "impute", "multiple_imputation"]

STRATEGIES = ("missing_at_random", "jump_to_reference", "copy_reference", "copy_increments")
"""The strategies of imputation."""


@dataclass(frozen=True)
class _Model:
    """The imputation model's data: patients of two arms with a baseline."""

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    x_reference: NDArray[np.float64]
    departed: NDArray[np.bool_]


def multiple_imputation(
    data: TrialData,
    visit: str | float,
    active: str,
    control: str,
    *,
    strategy: str = "missing_at_random",
    seed: int = 0,
    imputations: int = 50,
    outcome: str = "change",
    cutoff: float | None = None,
) -> Estimate:
    """Compare two arms at a visit after multiple imputation.

    Parameters
    ----------
    data : TrialData
        The trial.
    visit : str or float
        Name or hour of the visit.
    active, control : str
        Names of the arms; the control is the reference.
    strategy : str, optional
        One of `STRATEGIES`.
    seed : int, optional
        Seed of the draws; the same seed gives the same result bit for bit.
    imputations : int, optional
        Number of imputed trials, at least 2.
    outcome : {"change", "response", "remission"}, optional
        What is compared in the imputed trials, by `ancova` or by logistic regression.
    cutoff : float, optional
        Highest score that counts as remission.

    Returns
    -------
    Estimate
        Pooled by Rubin's rules with the degrees of freedom of Barnard and Rubin (1999); NaN and a
        reason where the imputation model or an analysis has no solution.
    """
    name = "multiple_imputation" if strategy == "missing_at_random" else strategy
    unit = "points" if outcome == "change" else "log odds ratio"
    pair = contrast_of(data, active, control)
    place = data.visit_index(visit)
    n = int(np.sum(~np.isnan(data.baseline[pair.patients])))
    seen = ~np.isnan(data.change[pair.patients, place])
    why = too_few(pair, seen) or never_seen(data, pair)
    if not why:
        try:
            filled = impute(
                data, active, control, strategy=strategy, seed=seed, imputations=imputations
            )
        except RemlError as error:
            why = str(error)
    if why:
        return failure(name, pair.label, unit, n, why)
    if outcome != "change":
        return _pooled_odds(data, pair, filled[:, :, place], (name, outcome), cutoff)
    y, before = filled[:, :, place], data.baseline[pair.patients]
    each = ancova_batch(y, before, pair.active, stratum=data.strata[pair.patients])
    if np.isnan(each.estimate).any():
        return failure(name, pair.label, unit, n, "an imputed trial has no estimate")
    pooled = pool(each.estimate, each.se, float(each.df[0]))
    effect = standardised(pooled[0], data.change[pair.patients, place], pair.active)
    return t_estimate(name, pair.label, unit, pooled, effect, n, f"{imputations} imputations")


def impute(
    data: TrialData,
    active: str,
    control: str,
    *,
    strategy: str = "missing_at_random",
    seed: int = 0,
    imputations: int = 50,
    burn: int = 20,
    thin: int = 5,
) -> NDArray[np.float64]:
    """Fill the missing changes of two arms several times.

    Parameters
    ----------
    data, active, control, strategy, seed, imputations
        As for `multiple_imputation`.
    burn, thin : int, optional
        Steps of the chain before the first imputation and from one to the next. The chain starts at
        the restricted maximum, so few are needed.

    Returns
    -------
    ndarray, shape (imputations, n_patients, n_visits)
        Changes of the patients of both arms in the order of the data. Seen values are as they
        were. A patient without a baseline stays NaN.

    Raises
    ------
    InputError
        If a number is too small or the strategy unknown.
    RemlError
        If the imputation model has no solution.
    """
    if strategy not in STRATEGIES:
        raise unknown_name("strategy", strategy, STRATEGIES)
    if imputations < 2 or burn < 0 or thin < 1:
        raise InputError(
            "multiple imputation needs at least two imputations, one step between them and no "
            "negative burn-in", where="analysis",
        )  # fmt: skip
    pair = contrast_of(data, active, control)
    change = data.change[pair.patients]
    kept = ~np.isnan(data.baseline[pair.patients])
    model = _model(data, pair, kept, strategy)
    # All strategies share their draws, so that they differ by their assumption and not by luck.
    key = np.array(key_of(seed, "multiple imputation"), dtype=np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key))
    chain = _Chain(model, generator)
    filled = np.repeat(change[None], imputations, axis=0)
    whole = change[kept]
    gaps = _patterns(whole)
    for _ in range(burn):
        chain.advance()
    for number in range(imputations):
        for _ in range(thin):
            chain.advance()
        mean = _mean(model, chain.b, strategy)
        filled[number, kept] = _fill(generator, whole, mean, chain.sigma, gaps)
    return filled


def _model(data: TrialData, pair: Contrast, kept: NDArray[np.bool_], strategy: str) -> _Model:
    rows = pair.patients[kept]
    y, members = data.change[rows], pair.active[kept]
    departed = _departed(data, rows)
    if strategy != "missing_at_random":
        # What the model learns of the active arm is the course on treatment.
        y = np.where(departed & data.after_stop[rows], np.nan, y)
    before, groups = data.baseline[rows], data.strata[rows]
    spread = before.std()
    if spread == 0:
        raise RemlError("every patient has the same baseline")
    dummies = [(groups == one) for one in np.unique(groups)[1:]]
    columns = [np.ones(rows.size), members, (before - before.mean()) / spread, *dummies]
    x = np.column_stack(columns).astype(np.float64)
    reference = x.copy()
    reference[:, 1] = 0.0
    return _Model(y, x, reference, departed & members[:, None])


def _departed(data: TrialData, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which visits come after the intercurrent event, or after the last value seen."""
    seen = ~np.isnan(data.values[rows])
    trailing = ~np.flip(np.cumsum(np.flip(seen, axis=1), axis=1) > 0, axis=1)
    stopped = ~np.isnan(data.stopped[rows])
    return np.where(stopped[:, None], data.after_stop[rows], trailing)


class _Chain:
    """Data augmentation: values given parameters, parameters given values."""

    def __init__(self, model: _Model, generator: np.random.Generator) -> None:
        self._generator = generator
        self._x = model.x
        self._y = model.y
        self._gaps = _patterns(model.y)
        n, p = model.x.shape
        visits = model.y.shape[1]
        self._free = n - p
        if self._free < visits:
            raise RemlError("too few patients for the covariance of the visits")
        fit = fit_reml(model.y, model.x)
        self.sigma = fit.sigma
        self.b = fit.beta.reshape(visits, p).T
        self._inverse = np.linalg.inv(model.x.T @ model.x)
        self._root = np.linalg.cholesky(self._inverse)

    def advance(self) -> None:
        """Draw the missing values, then the covariance, then the coefficients."""
        mean = self._x @ self.b
        y = _fill(self._generator, self._y, mean, self.sigma, self._gaps)
        b = self._inverse @ (self._x.T @ y)
        residual = y - self._x @ b
        self.sigma = _inverse_wishart(self._generator, self._free, residual.T @ residual)
        noise = self._generator.standard_normal(b.shape)
        self.b = b + self._root @ noise @ np.linalg.cholesky(self.sigma).T


def _inverse_wishart(
    generator: np.random.Generator, df: int, scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Draw from the inverse Wishart distribution by Bartlett's decomposition."""
    size = scale.shape[0]
    factor = np.tril(generator.standard_normal((size, size)), -1)
    np.fill_diagonal(factor, np.sqrt(generator.chisquare(df - np.arange(size))))
    half = np.linalg.solve(factor, np.linalg.cholesky(scale).T)
    return np.asarray(half.T @ half)


def _patterns(y: NDArray[np.float64]) -> list[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """Group the patients with gaps by the visits they miss."""
    missing = np.isnan(y)
    code = missing @ (1 << np.arange(y.shape[1]))
    return [
        (np.flatnonzero(code == one), missing[np.flatnonzero(code == one)[0]])
        for one in np.unique(code[code > 0])
    ]


def _fill(
    generator: np.random.Generator,
    y: NDArray[np.float64],
    mean: NDArray[np.float64],
    sigma: NDArray[np.float64],
    gaps: list[tuple[NDArray[np.int64], NDArray[np.bool_]]],
) -> NDArray[np.float64]:
    filled = y.copy()
    for rows, missing in gaps:
        seen = ~missing
        centre = mean[np.ix_(rows, missing)]
        spread = sigma[np.ix_(missing, missing)]
        if seen.any():
            slope = np.linalg.solve(sigma[np.ix_(seen, seen)], sigma[np.ix_(seen, missing)])
            centre = centre + (y[np.ix_(rows, seen)] - mean[np.ix_(rows, seen)]) @ slope
            spread = spread - sigma[np.ix_(missing, seen)] @ slope
        noise = generator.standard_normal(centre.shape) @ np.linalg.cholesky(spread).T
        filled[np.ix_(rows, missing)] = centre + noise
    return filled


def _mean(model: _Model, b: NDArray[np.float64], strategy: str) -> NDArray[np.float64]:
    """Return the mean of every patient and visit under a strategy."""
    own = model.x @ b
    if strategy == "missing_at_random":
        return np.asarray(own)
    reference = model.x_reference @ b
    if strategy == "jump_to_reference":
        return np.where(model.departed, reference, own)
    gone = np.any(model.departed, axis=1, keepdims=True)
    if strategy == "copy_reference":
        return np.where(gone, reference, own)
    # Increments run from the last visit before the event; the change at baseline is nil in all arms.
    last = np.argmax(model.departed, axis=1) - 1
    rows = np.arange(own.shape[0])
    ahead = np.where(last >= 0, (own - reference)[rows, np.maximum(last, 0)], 0.0)
    return np.where(model.departed, reference + ahead[:, None], own)


def _pooled_odds(
    data: TrialData,
    pair: Contrast,
    change: NDArray[np.float64],
    names: tuple[str, str],
    cutoff: float | None,
) -> Estimate:
    from ketasim.instruments.scales import load_scale, remission, response

    name, outcome = names
    before = data.baseline[pair.patients]
    kept = ~np.isnan(before)
    score = (change + before)[:, kept]
    if outcome == "response":
        met = response(score, before[kept])
    elif outcome == "remission":
        met = remission(
            score, load_scale(data.scale).remission_cutoff if cutoff is None else cutoff
        )
    else:
        raise unknown_name("outcome", outcome, ("change", "response", "remission"))
    groups = data.strata[pair.patients][kept]
    dummies = [(groups == one).astype(np.float64) for one in np.unique(groups)[1:]]
    covariates = np.column_stack([before[kept] - before[kept].mean(), *dummies])
    found = [fit_logistic(one, pair.active[kept], covariates) for one in met]
    n = int(kept.sum())
    for _, _, why in found:
        if why:
            return failure(name, pair.label, "log odds ratio", n, f"an imputed trial: {why}")
    pooled = pool(np.array([one[0] for one in found]), np.array([one[1] for one in found]), np.inf)
    effect = pooled[0] * np.sqrt(3) / np.pi
    note = f"{outcome}, {len(found)} imputations"
    return t_estimate(name, pair.label, "log odds ratio", pooled, effect, n, note)
