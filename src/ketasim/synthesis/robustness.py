"""What a pooled estimate rests on: one study, the order of time, a subgroup, a moderator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2, f, norm, t

from ketasim.errors import InputError
from ketasim.synthesis.heterogeneity import estimate_tau2, share, weighted
from ketasim.synthesis.pooling import INVERSE_VARIANCE, PoolOptions, pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.synthesis.pooled import Pooled
    from ketasim.synthesis.studies import Studies

__all__ = [
    "MetaRegression", "Subgroups", "cumulative", "leave_one_out", "meta_regression", "subgroups",
]  # fmt: skip

_SHOWN = ("estimate", "standard_error", "ci_low", "ci_high", "tau2", "i2", "q", "q_df", "k")


def _again(studies: Studies, options: PoolOptions) -> Pooled:
    return pool(
        studies, options.method, hartung_knapp=options.hartung_knapp, adhoc=options.adhoc,
        glmm_model=options.glmm_model, level=options.level,
    )  # fmt: skip


def _row(pooled: Pooled) -> dict[str, float]:
    return {name: getattr(pooled, name) for name in _SHOWN}


def leave_one_out(pooled: Pooled) -> pd.DataFrame:
    """Pool again without each study in turn.

    Parameters
    ----------
    pooled : Pooled
        At least two studies.

    Returns
    -------
    DataFrame
        ``without`` and the numbers of the pool that is left, on the analysis scale.

    Raises
    ------
    InputError
        If there is one study only.
    """
    import pandas as pd

    studies, k = pooled.studies, len(pooled.studies)
    if k < 2:
        raise InputError("there is one study", where=studies.where, expected="at least 2")
    rows = []
    for out in range(k):
        left = studies.chosen([place for place in range(k) if place != out])
        rows.append({"without": studies.names[out], **_row(_again(left, pooled.options))})
    return pd.DataFrame(rows)


def cumulative(pooled: Pooled, order: str | None = None) -> pd.DataFrame:
    """Pool the first study, the first two, and so on.

    Parameters
    ----------
    pooled : Pooled
        The pool of all.
    order : str, optional
        A column by which studies are sorted, such as the year; by default the order of the table.

    Returns
    -------
    DataFrame
        ``added`` and the numbers of the pool so far, on the analysis scale.

    Raises
    ------
    InputError
        If there is no such column, or a cell of it is empty.
    """
    import pandas as pd

    studies = pooled.studies
    places = np.arange(len(studies), dtype=int)
    if order is not None:
        cells = studies.column(order)
        as_numbers = pd.to_numeric(cells, errors="coerce")
        keys = cells if as_numbers.isna().any() else as_numbers
        places = np.asarray(keys.reset_index(drop=True).sort_values(kind="stable").index, dtype=int)
    rows = [
        {"added": studies.names[place],
         **_row(_again(studies.chosen(places[: count + 1]), pooled.options))}
        for count, place in enumerate(places)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@dataclass(frozen=True, eq=False)
class Subgroups:
    """Pools of parts of the studies, and whether they differ.

    Attributes
    ----------
    pools : dict of str to Pooled
        By the value of the column, each with a heterogeneity of its own.
    q_between : float
        Weighted sum of squares of the pools about their mean.
    q_df : int
        Its degrees of freedom.
    p_value : float
        Of no difference between subgroups.
    """

    pools: dict[str, Pooled]
    q_between: float
    q_df: int
    p_value: float

    def to_frame(self) -> pd.DataFrame:
        """Return a row a subgroup, on the analysis scale."""
        import pandas as pd

        return pd.DataFrame([{"subgroup": name, **_row(one)} for name, one in self.pools.items()])


def subgroups(pooled: Pooled, column: str) -> Subgroups:
    """Pool the studies of each value of a column by themselves.

    Parameters
    ----------
    pooled : Pooled
        The pool of all; its method is used again.
    column : str
        A column of the table.

    Returns
    -------
    Subgroups
        The test takes the pools as independent estimates with their own standard errors.

    Raises
    ------
    InputError
        If there is no such column, or a cell of it is empty.
    """
    cells = pooled.studies.column(column).astype("str").str.strip().tolist()
    pools = {
        value: _again(
            pooled.studies.chosen([row for row, cell in enumerate(cells) if cell == value]),
            pooled.options,
        )
        for value in dict.fromkeys(cells)
    }
    told = [one for one in pools.values() if one.standard_error > 0.0]
    y = np.array([one.estimate for one in told])
    v = np.array([one.standard_error**2 for one in told])
    degrees = len(told) - 1
    q = weighted(y, v, np.ones((len(told), 1))).q if degrees > 0 else float("nan")
    return Subgroups(pools, q, max(degrees, 0), float(chi2.sf(q, degrees)) if degrees > 0 else q)


@dataclass(frozen=True, eq=False)
class MetaRegression:
    """A regression of estimates on properties of the studies.

    Attributes
    ----------
    table : DataFrame
        ``term, estimate, standard_error, ci_low, ci_high, p_value``, on the analysis scale.
    covariance : array, shape (p, p)
        Of the coefficients.
    tau2, i2, h2 : float
        Heterogeneity that is left.
    r2 : float
        Share of the between-study variance that the moderators explain, in per cent, not below 0.
    q_moderators, q_moderators_p : float
        Test of all moderators: chi-square, or F with Knapp-Hartung.
    q, q_df : float, int
        Residual Q.
    """

    table: pd.DataFrame
    covariance: NDArray[np.float64]
    tau2: float
    i2: float
    h2: float
    r2: float
    q_moderators: float
    q_moderators_p: float
    q: float
    q_df: int


def design_matrix(
    studies: Studies, columns: Sequence[str]
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the design matrix of moderators, and the names of its columns.

    Parameters
    ----------
    studies : Studies
        With these columns in their table.
    columns : sequence of str
        Numbers enter as they are; words as one column for each but the first in the alphabet.

    Returns
    -------
    tuple
        Array of shape (k, p), with ones first, and p names.

    Raises
    ------
    InputError
        If a column is not there, or a cell of it is empty.
    """
    import pandas as pd

    parts, names = [np.ones(len(studies))], ["intercept"]
    for column in columns:
        cells = studies.column(column)
        as_numbers = pd.to_numeric(cells, errors="coerce")
        if not as_numbers.isna().any():
            parts.append(as_numbers.to_numpy(float))
            names.append(column)
            continue
        words = cells.astype("str").str.strip().to_numpy()
        for word in sorted(set(words))[1:]:
            parts.append((words == word).astype(float))
            names.append(f"{column}: {word}")
    return np.column_stack(parts), names


def meta_regression(
    studies: Studies,
    columns: Sequence[str],
    method: str = "reml",
    *,
    hartung_knapp: bool = False,
    level: float = 0.95,
) -> MetaRegression:
    """Regress estimates on properties of the studies, with heterogeneity that is left.

    Parameters
    ----------
    studies : Studies
        More than the coefficients.
    columns : sequence of str
        Moderators: columns of the table, numbers or words.
    method : str, optional
        An inverse-variance method.
    hartung_knapp : bool, optional
        Knapp and Hartung's variance, with t and F.
    level : float, optional
        Coverage of the intervals.

    Returns
    -------
    MetaRegression
        Coefficients and what is left of the heterogeneity.

    Raises
    ------
    InputError
        If a column is not there, two say the same, or there are too few studies.
    """
    options = PoolOptions(method, hartung_knapp, level=level)
    if method not in INVERSE_VARIANCE:
        raise InputError(
            f"the method '{method}' takes no moderators",
            expected="one of " + ", ".join(INVERSE_VARIANCE),
        )
    x, names = design_matrix(studies, columns)
    y, v, (k, p) = studies.estimate, studies.variance, x.shape
    if k <= p:
        raise InputError(
            f"{k} studies cannot tell {p} coefficients", where=studies.where,
            expected="more studies than coefficients",
        )  # fmt: skip
    if np.linalg.matrix_rank(x) < p:
        raise InputError("a moderator is constant, or two say the same", where=studies.where)
    tau2 = estimate_tau2(method, y, v, x)
    fit = weighted(y, v, x, tau2)
    covariance = fit.covariance * (fit.q / (k - p) if hartung_knapp else 1.0)
    alone = estimate_tau2(method, y, v, np.ones((k, 1)))
    q = weighted(y, v, x).q
    i2, h2 = share(tau2, v, x)
    if method == "fixed":
        i2, h2 = max(0.0, 100.0 * (q - (k - p)) / q), q / (k - p)
    together, p_together = _omnibus(fit.beta, covariance, k - p, hartung_knapp)
    return MetaRegression(
        _coefficients(names, fit.beta, covariance, k - p, options), covariance, tau2, i2, h2,
        max(0.0, 100.0 * (alone - tau2) / alone) if alone > 0.0 else float("nan"),
        together, p_together, q, k - p,
    )  # fmt: skip


def _omnibus(
    beta: NDArray[np.float64], covariance: NDArray[np.float64], degrees: int, knapp: bool
) -> tuple[float, float]:
    m = len(beta) - 1
    if m == 0:
        return float("nan"), float("nan")
    q = float(beta[1:] @ np.linalg.solve(covariance[1:, 1:], beta[1:]))
    if knapp:
        return q / m, float(f.sf(q / m, m, degrees))
    return q, float(chi2.sf(q, m))


def _coefficients(
    names: list[str],
    beta: NDArray[np.float64],
    covariance: NDArray[np.float64],
    degrees: int,
    options: PoolOptions,
) -> pd.DataFrame:
    import pandas as pd

    law = t(degrees) if options.hartung_knapp else norm()
    error = np.sqrt(np.diag(covariance))
    half = law.ppf(0.5 + options.level / 2.0) * error
    return pd.DataFrame(
        {
            "term": names, "estimate": beta, "standard_error": error, "ci_low": beta - half,
            "ci_high": beta + half, "p_value": 2.0 * law.sf(np.abs(beta / error)),
        }
    )  # fmt: skip
