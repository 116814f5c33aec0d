"""The tests of the trial, for many replicates at once; a missing value is left out of its test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Share",
    "change_percent",
    "paired_p",
    "pearson",
    "pearson_p",
    "share_of",
    "two_sample_p",
]


@dataclass(frozen=True)
class Share:
    """A share of replicates, with its Monte-Carlo interval.

    Parameters
    ----------
    count, total : int
        Replicates in which it was so, and all in which it could be told.
    """

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share; NaN of nothing."""
        return self.count / self.total if self.total else float("nan")

    @property
    def error(self) -> float:
        """Monte-Carlo standard error."""
        return float(np.sqrt(self.value * (1 - self.value) / self.total)) if self.total else np.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of Clopper and Pearson."""
        from scipy.stats import beta

        k, n = self.count, self.total
        low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
        high = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
        return low, high

    def text(self) -> str:
        """Return the share in per cent with its Monte-Carlo standard error, or a bound."""
        if self.count in (0, self.total):
            # Nothing, or all, of n: the 95 % bound is 3 in n.
            edge = 100 * min(3.0 / max(self.total, 1), 1.0)
            return f"below {edge:.2g} %" if not self.count else f"above {100 - edge:.3g} %"
        return f"{_two_digits(100 * self.value)} % (± {100 * self.error:.2g})"


def _two_digits(percent: float) -> str:
    return f"{percent:.0f}" if percent >= 10 else f"{percent:.2g}"


def share_of(what: NDArray[np.bool_], told: NDArray[np.bool_] | None = None) -> Share:
    """Return the share of replicates in which something is so.

    Parameters
    ----------
    what : ndarray of bool, shape (n_replicates,)
        Where it is so.
    told : ndarray of bool, optional
        Where it can be told; by default everywhere.

    Returns
    -------
    Share
    """
    known = np.ones(what.shape, dtype=bool) if told is None else told
    return Share(int((what & known).sum()), int(known.sum()))


def change_percent(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each patient's change in per cent of the first scan; NaN where one is missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(before > 0, 100 * (after / before - 1), np.nan)


def paired_p(
    before: NDArray[np.float64], after: NDArray[np.float64], axis: int = 1
) -> NDArray[np.float64]:
    """Return two-sided p values of paired t tests along an axis."""
    from scipy.stats import ttest_1samp

    found = ttest_1samp(after - before, 0.0, axis=axis, nan_policy="omit")
    return np.asarray(np.ma.filled(found.pvalue, np.nan), dtype=np.float64)


def two_sample_p(
    one: NDArray[np.float64], other: NDArray[np.float64], axis: int = 1
) -> NDArray[np.float64]:
    """Return two-sided p values of t tests of two groups with a common variance."""
    from scipy.stats import ttest_ind

    found = ttest_ind(one, other, axis=axis, nan_policy="omit")
    return np.asarray(np.ma.filled(found.pvalue, np.nan), dtype=np.float64)


def pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return correlations along the second axis, shape (n_replicates, ...).

    Parameters
    ----------
    x, y : ndarray, shape (n_replicates, n_patients, ...)
        They broadcast; a pair with a missing number is left out.

    Returns
    -------
    ndarray
        NaN where one of them does not vary.
    """
    there = np.isfinite(x) & np.isfinite(y)
    count = there.sum(axis=1)
    a, b = (np.where(there, one, 0.0) for one in np.broadcast_arrays(x, y))
    a = np.where(there, a - (a.sum(axis=1) / count)[:, None], 0.0)
    b = np.where(there, b - (b.sum(axis=1) / count)[:, None], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1)))


def pearson_p(r: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return two-sided p values of correlations of n pairs."""
    from scipy.stats import t

    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.abs(r) * np.sqrt((n - 2) / (1 - r**2))
    return np.asarray(2 * t.sf(statistic, n - 2))
