"""Intervals of what is known, and their expected width after one more study.

Every function of the second kind is preposterior: it averages over what the study could find, given
what is known now, and looks at no data that are not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "beta_width",
    "exact_interval",
    "expected_beta_width",
    "expected_difference_width",
    "expected_grid_width",
    "expected_median_width",
    "expected_normal_width",
    "expected_ratio_width",
    "median_interval",
    "moment_beta",
    "upper_bound",
]

_Z = 1.959963984540054
_TAIL = 1e-10
LEVELS = (0.025, 0.975)


def exact_interval(events: int, n: int) -> tuple[float, float]:
    """Return Clopper and Pearson's interval of a share; one-sided where there is no event.

    Parameters
    ----------
    events, n : int
        Counts.

    Returns
    -------
    tuple of float
        95 %; with no event from 0 to the one-sided upper bound, about ``3 / n``.
    """
    from scipy.stats import beta

    if events == 0:
        return 0.0, upper_bound(n)
    high = 1.0 if events == n else float(beta.ppf(LEVELS[1], events + 1, n - events))
    return float(beta.ppf(LEVELS[0], events, n - events + 1)), high


def upper_bound(n: int, level: float = 0.95) -> float:
    """Return the exact upper bound of a risk of which `n` patients showed no case.

    Parameters
    ----------
    n : int
        Patients without an event.
    level : float, optional
        Confidence.

    Returns
    -------
    float
        ``1 - (1 - level)^(1 / n)``, the exact form of the rule of three.
    """
    return float(-np.expm1(np.log1p(-level) / n))


def beta_width(a: float, b: float) -> float:
    """Return the width of the central 95 % of a beta distribution."""
    from scipy.stats import beta

    low, high = beta.ppf(LEVELS, a, b)
    return float(high - low)


def expected_beta_width(a: float, b: float, n: int) -> float:
    """Return the width to expect after `n` more patients, averaged over the beta-binomial.

    Parameters
    ----------
    a, b : float
        What is known now.
    n : int
        Patients of the study.

    Returns
    -------
    float
        Of the central 95 %; a sum over all counts that the study could find.
    """
    from scipy.stats import beta, betabinom

    count = np.arange(n + 1)
    weight = betabinom.pmf(count, n, a, b)
    kept = weight > _TAIL
    count, weight = count[kept], weight[kept]
    low, high = (beta.ppf(level, a + count, b + n - count) for level in LEVELS)
    return float(np.sum(weight * (high - low)) / weight.sum())


def expected_difference_width(
    treated: tuple[float, float], control: tuple[float, float], n: tuple[int, int]
) -> tuple[float, float]:
    """Return the width of a difference of risks now and, expected, after a study.

    Parameters
    ----------
    treated, control : tuple of float
        Parameters of their beta distributions.
    n : tuple of int
        Patients of the study in either arm.

    Returns
    -------
    tuple of float
        Normal 95 % intervals. The expected variance of a beta distribution after n more patients is
        its variance times ``(a + b) / (a + b + n)``.
    """
    now = later = 0.0
    for (a, b), more in zip((treated, control), n, strict=True):
        variance = a * b / ((a + b) ** 2 * (a + b + 1.0))
        now += variance
        later += variance * (a + b) / (a + b + more)
    return 2 * _Z * float(np.sqrt(now)), 2 * _Z * float(np.sqrt(later))


def expected_ratio_width(log_mean: float, log_sd: float, error: float) -> tuple[float, float]:
    """Return the width of a ratio that is normal on the log scale, now and expected.

    Parameters
    ----------
    log_mean, log_sd : float
        What is known now.
    error : float
        Standard error of the study's log ratio.

    Returns
    -------
    tuple of float
        On the scale of the ratio.
    """
    after = (log_sd**-2 + error**-2) ** -0.5

    def width(sd: float, mean: float) -> float:
        return float(2.0 * np.exp(mean) * np.sinh(_Z * sd))

    # The mean that the study will leave is itself normal around today's.
    return width(log_sd, log_mean), width(after, log_mean + (log_sd**2 - after**2) / 2.0)


def expected_normal_width(sd: float, error: float) -> tuple[float, float]:
    """Return the width of a normal interval now and after a study with a standard error."""
    after = (sd**-2 + error**-2) ** -0.5
    return 2 * _Z * sd, 2 * _Z * float(after)


def median_interval(median: float, events: int) -> tuple[float, float]:
    """Return the exact interval of an exponential median.

    Parameters
    ----------
    median : float
        As estimated.
    events : int
        Relapses behind it.

    Returns
    -------
    tuple of float
        95 %: twice the events over the estimate's ratio to the truth is chi-squared.
    """
    from scipy.stats import chi2

    high, low = 2.0 * events * median / chi2.ppf(LEVELS, 2 * events)
    return float(low), float(high)


def expected_median_width(median: float, events: int, more: int) -> tuple[float, float]:
    """Return the width of an exponential median now and after more relapses.

    Parameters
    ----------
    median : float
        As estimated.
    events, more : int
        Relapses now, and of the study.

    Returns
    -------
    tuple of float
        Under a gamma distribution of the hazard; the expected time at risk of the study is
        ``more`` times today's over ``events - 1``.
    """
    from scipy.stats import gamma

    at_risk = events * median / np.log(2.0)

    def width(shape: float, total: float) -> float:
        low, high = gamma.ppf(LEVELS, shape)
        return float(np.log(2.0) * total * (1.0 / low - 1.0 / high))

    after = at_risk * (1.0 + more / (events - 1.0))
    return width(events, at_risk), width(events + more, after)


def moment_beta(draws: NDArray[np.float64]) -> tuple[float, float]:
    """Return the beta distribution with the mean and the variance of some draws."""
    mean, variance = float(draws.mean()), float(draws.var())
    total = mean * (1.0 - mean) / variance - 1.0
    return mean * total, (1.0 - mean) * total


def expected_grid_width(
    grid: NDArray[np.float64],
    risk: NDArray[np.float64],
    seen: tuple[int, int],
    more: int,
) -> tuple[tuple[float, float], float, float]:
    """Return interval, width and expected width of a quantity seen through a count.

    Parameters
    ----------
    grid : ndarray, shape (n_grid,)
        Values of the quantity, all as likely before the data.
    risk : ndarray, shape (n_grid,)
        Risk of an event at each of them, from a simulation.
    seen : tuple of int
        Events and patients behind what is known.
    more : int
        Patients of the study.

    Returns
    -------
    interval : tuple of float
        95 %, on the grid.
    now, after : float
        Its width, and that to expect.
    """
    from scipy.stats import binom

    events, n = seen
    prior = binom.pmf(events, n, risk)
    prior = prior / prior.sum()
    chance = binom.pmf(np.arange(more + 1)[:, None], more, risk[None, :]) * prior[None, :]
    weight = chance.sum(axis=1)
    kept = weight > _TAIL
    posterior = chance[kept] / weight[kept, None]
    low, high = _grid_ends(grid, prior[None, :])[0]
    ends = _grid_ends(grid, posterior)
    after = float(np.sum(weight[kept] * (ends[:, 1] - ends[:, 0])) / weight[kept].sum())
    return (float(low), float(high)), float(high - low), after


def _grid_ends(grid: NDArray[np.float64], mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the central 95 % of masses on a grid, each spread evenly around its point."""
    step = grid[1] - grid[0]
    edges = np.concatenate([grid - step / 2, [grid[-1] + step / 2]])
    edges = np.clip(edges, grid[0], grid[-1])
    total = np.concatenate([np.zeros((mass.shape[0], 1)), np.cumsum(mass, axis=1)], axis=1)
    return np.array([np.interp(LEVELS, row / row[-1], edges) for row in total])
