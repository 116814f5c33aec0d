"""Network meta-analysis: more than two treatments compared at once, by generalised least squares.

The contrasts of each study against its first arm are regressed on treatments, with the covariance that
the shared arm makes; heterogeneity is one variance for all contrasts, halved between two of one study.
That is the frequentist contrast-based model (Lu and Ades 2006; Rücker 2012, doi 10.1002/jrsm.1058); the
graph-theoretical one of netmeta gives the same numbers. Neither statsmodels nor PyMARE has networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import chi2, norm

from ketasim.errors import InputError, unknown_name
from ketasim.synthesis.network_data import Contrasts, read_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["NetworkPooled", "pool_network", "read_network"]

NETWORK_METHODS = ("fixed", "dl", "reml")


@dataclass(frozen=True, repr=False, eq=False)
class NetworkPooled:
    """Every treatment against every other.

    Attributes
    ----------
    contrasts : Contrasts
        What was pooled.
    treatments : tuple of str
        The first is the reference.
    effects : array, shape (t,)
        Against the reference, whose own is 0, on the analysis scale.
    covariance : array, shape (t, t)
        Of `effects`.
    method : str
        ``fixed``, ``dl`` or ``reml``.
    tau2, i2 : float
        Between-study variance of a contrast, and its share in per cent.
    q, q_df, q_p : float
        Heterogeneity and inconsistency together, at the weights of the fixed model.
    q_within, q_within_df : float
        Heterogeneity between studies that compare the same treatments.
    q_between, q_between_df, q_between_p : float
        Inconsistency between designs.
    level : float
        Coverage of intervals.
    """

    contrasts: Contrasts
    treatments: tuple[str, ...]
    effects: NDArray[np.float64]
    covariance: NDArray[np.float64]
    method: str
    tau2: float
    i2: float
    q: float
    q_df: int
    q_within: float
    q_within_df: int
    level: float = 0.95

    @property
    def q_p(self) -> float:
        """P of Q under homogeneity and consistency."""
        return float(chi2.sf(self.q, self.q_df)) if self.q_df else float("nan")

    @property
    def q_between(self) -> float:
        """Q between designs."""
        return max(0.0, self.q - self.q_within)

    @property
    def q_between_df(self) -> int:
        """Degrees of freedom of `q_between`."""
        return self.q_df - self.q_within_df

    @property
    def q_between_p(self) -> float:
        """P of consistency; NaN where no loop of evidence can be inconsistent."""
        return (
            float(chi2.sf(self.q_between, self.q_between_df)) if self.q_between_df else float("nan")
        )

    def compare(self, treatment: str, against: str) -> dict[str, float]:
        """Compare two treatments.

        Parameters
        ----------
        treatment, against : str
            Two of `treatments`.

        Returns
        -------
        dict of str to float
            ``estimate, standard_error, ci_low, ci_high, p_value`` on the analysis scale, positive where
            `treatment` has more.

        Raises
        ------
        UnknownNameError
            If there is no such treatment.
        """
        for name in (treatment, against):
            if name not in self.treatments:
                raise unknown_name("treatment", name, self.treatments)
        one, two = self.treatments.index(treatment), self.treatments.index(against)
        estimate = float(self.effects[one] - self.effects[two])
        cov = self.covariance
        error = float(np.sqrt(max(cov[one, one] + cov[two, two] - 2.0 * cov[one, two], 0.0)))
        half = float(norm.ppf(0.5 + self.level / 2.0)) * error
        p = float(2.0 * norm.sf(abs(estimate) / error)) if error > 0.0 else float("nan")
        return {
            "estimate": estimate, "standard_error": error, "ci_low": estimate - half,
            "ci_high": estimate + half, "p_value": p,
        }  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """Return every pair of treatments.

        Returns
        -------
        DataFrame
            ``treatment, against``, the numbers of `compare`, and ``natural`` with its interval.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        measure = self.contrasts.measure
        for place, against in enumerate(self.treatments):
            for treatment in self.treatments[place + 1 :]:
                found = self.compare(treatment, against)
                natural = {
                    f"natural{end}": measure.natural_value(found[name])
                    for end, name in (("", "estimate"), ("_low", "ci_low"), ("_high", "ci_high"))
                }
                rows.append({"treatment": treatment, "against": against, **found, **natural})
        return pd.DataFrame(rows)

    def league(self) -> pd.DataFrame:
        """Return the league table.

        Returns
        -------
        DataFrame
            Text: the row's treatment against the column's, on the natural scale with its interval.
        """
        import pandas as pd

        def cell(row: str, column: str) -> str:
            if row == column:
                return row
            found, value = self.compare(row, column), self.contrasts.measure.natural_value
            ends = f"{value(found['ci_low']):.2f} to {value(found['ci_high']):.2f}"
            return f"{value(found['estimate']):.2f} ({ends})"

        names = list(self.treatments)
        return pd.DataFrame(
            [[cell(row, column) for column in names] for row in names], index=names, columns=names
        )

    def p_scores(self, small_is_good: bool = True) -> pd.Series:
        """Return how certain it is, on the mean over the others, that a treatment is better.

        Parameters
        ----------
        small_is_good : bool, optional
            Whether less of the outcome is better, as of a side effect.

        Returns
        -------
        Series
            Between 0 and 1, the best first (Rücker and Schwarzer 2015).
        """
        import pandas as pd

        sign = -1.0 if small_is_good else 1.0
        scores = []
        for one in self.treatments:
            wins = [self.compare(one, other) for other in self.treatments if other != one]
            scores.append(
                np.mean([norm.cdf(sign * win["estimate"] / win["standard_error"]) for win in wins])
            )
        found = pd.Series(scores, index=list(self.treatments), name="p_score")
        return found.sort_values(ascending=False)

    def record(self) -> dict[str, Any]:
        """Return the numbers as JSON values; one that is missing is NaN."""
        names = ("method", "tau2", "i2", "q", "q_df", "q_p", "q_within", "q_within_df", "q_between",
                 "q_between_df", "q_between_p", "level")  # fmt: skip
        return {
            **{name: getattr(self, name) for name in names},
            "measure": self.contrasts.measure.name,
            "treatments": list(self.treatments),
            "comparisons": self.to_frame().to_dict("records"),
        }

    def plot(self, kind: str = "network") -> Any:
        """Draw who was compared with whom (``network``), or all against the reference (``forest``)."""
        from ketasim.synthesis.plotting_network import plot_network

        return plot_network(self, kind)

    def __repr__(self) -> str:
        head = f"{len(self.contrasts.studies)} studies of {len(self.treatments)} treatments"
        return f"{head}, {self.contrasts.measure.title}, {self.method}, tau2 {self.tau2:.4g}"

    def _repr_html_(self) -> str:
        return str(self.league().to_html())


def pool_network(
    contrasts: Contrasts, method: str = "reml", reference: str | None = None, level: float = 0.95
) -> NetworkPooled:
    """Pool a network.

    Parameters
    ----------
    contrasts : Contrasts
        From `read_network`.
    method : {'fixed', 'dl', 'reml'}, optional
        Of the heterogeneity: none, moments, restricted likelihood.
    reference : str, optional
        Treatment that the others are compared with; by default the first of the table.
    level : float, optional
        Coverage of intervals.

    Returns
    -------
    NetworkPooled
        Effects on the analysis scale.

    Raises
    ------
    InputError
        If method or reference are unknown, or no study links some treatments with the others.
    """
    if method not in NETWORK_METHODS:
        raise unknown_name("method", method, NETWORK_METHODS)
    names = contrasts.treatments
    chosen = names[0] if reference is None else reference
    if chosen not in names:
        raise unknown_name("treatment", chosen, names)
    _check_connected(contrasts)
    order = (chosen, *(name for name in names if name != chosen))
    x = contrasts.design(order)
    y, v, s = contrasts.estimate, contrasts.covariance, contrasts.sharing
    degrees = len(y) - x.shape[1]
    fixed = _fit(y, v, x)
    tau2 = 0.0 if method == "fixed" or degrees < 1 else _tau2(method, y, v, s, x)
    fit = _fit(y, v + tau2 * s, x)
    q_within, within_df = _within(contrasts)
    effects = np.concatenate([[0.0], fit.beta])
    covariance = np.zeros((len(order), len(order)))
    covariance[1:, 1:] = fit.covariance
    return NetworkPooled(
        contrasts, order, effects, covariance, method, tau2,
        max(0.0, 100.0 * (fixed.q - degrees) / fixed.q) if degrees > 0 and fixed.q > 0 else 0.0,
        fixed.q, degrees, q_within, within_df, level,
    )  # fmt: skip


@dataclass(frozen=True)
class _Fit:
    beta: NDArray[np.float64]
    covariance: NDArray[np.float64]
    projection: NDArray[np.float64]
    q: float


def _fit(y: NDArray[np.float64], v: NDArray[np.float64], x: NDArray[np.float64]) -> _Fit:
    w = np.asarray(np.linalg.inv(v), dtype=float)
    covariance = np.asarray(np.linalg.inv(x.T @ w @ x), dtype=float)
    beta = covariance @ x.T @ w @ y
    residual = y - x @ beta
    return _Fit(beta, covariance, w - w @ x @ covariance @ x.T @ w, float(residual @ w @ residual))


def _tau2(
    method: str,
    y: NDArray[np.float64],
    v: NDArray[np.float64],
    s: NDArray[np.float64],
    x: NDArray[np.float64],
) -> float:
    start = _fit(y, v, x)
    excess = start.q - float(len(y) - x.shape[1])
    moments = max(0.0, excess / float(np.trace(start.projection @ s)))
    if method == "dl":
        return moments

    def loss(root: float) -> float:
        total = v + root**2 * s
        fit = _fit(y, total, x)
        half = np.linalg.slogdet(total)[1] - np.linalg.slogdet(fit.covariance)[1] + fit.q
        return float(0.5 * half)

    top = 10.0 * float(np.sqrt(max(moments, float(np.var(y)), float(np.max(np.diag(v))))))
    grid = np.linspace(0.0, top, 200)
    best = int(np.argmin([loss(one) for one in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-10})
    return float(found.x**2) if found.fun < loss(0.0) else 0.0


def _within(contrasts: Contrasts) -> tuple[float, int]:
    """Return Q among studies that compare the same treatments, summed over such designs."""
    q, degrees = 0.0, 0
    for rows in contrasts.designs():
        names = contrasts.treatments_of(rows)
        x = contrasts.design(names)[rows]
        fit = _fit(contrasts.estimate[rows], contrasts.covariance[np.ix_(rows, rows)], x)
        q += fit.q
        degrees += len(rows) - x.shape[1]
    return q, degrees


def _check_connected(contrasts: Contrasts) -> None:
    known = {contrasts.treatments[0]}
    pairs: Sequence[tuple[str, str]] = list(
        zip(contrasts.treatment, contrasts.against, strict=True)
    )
    for _ in contrasts.treatments:
        known |= {name for pair in pairs if set(pair) & known for name in pair}
    apart = [name for name in contrasts.treatments if name not in known]
    if apart:
        raise InputError(
            f"no study links {', '.join(apart)} with {contrasts.treatments[0]}",
            where=contrasts.where, expected="one connected network",
        )  # fmt: skip
