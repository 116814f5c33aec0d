"""Integrals over a normal random effect, by adaptive Gauss-Hermite quadrature for all studies at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Terms = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

__all__ = ["POINTS", "Integral", "newton_covariance"]

POINTS = 25
"""Nodes; with seven, as metafor has by default, estimates differ in the fourth digit."""


class Integral:
    """The logarithm of the integral of exp(g(location + sigma z)) over a standard normal z.

    Parameters
    ----------
    terms : callable
        From values of shape (k, m) to g and its first two derivatives, each of shape (k, m).
    k : int
        Number of studies.
    points : int, optional
        Nodes.
    """

    def __init__(
        self, terms: Callable[[NDArray[np.float64]], Terms], k: int, points: int = POINTS
    ) -> None:
        self.terms, self.k = terms, k
        self.nodes, weights = np.polynomial.hermite.hermgauss(points)
        self.log_weights = np.log(weights) + self.nodes**2

    def mode(
        self, location: NDArray[np.float64], sigma: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where the integrand is highest, and how wide it is there, in units of z.

        Parameters
        ----------
        location : array, shape (k,)
            Centre of the random effect.
        sigma : float
            Its standard deviation.

        Returns
        -------
        tuple of array
            Mode and width of every study.
        """
        z = np.zeros(self.k)
        for _ in range(60):
            _, slope, curve = self.terms((location + sigma * z)[:, None])
            down = 1.0 - sigma**2 * curve[:, 0]
            step = np.clip((sigma * slope[:, 0] - z) / down, -2.0, 2.0)
            z = z + step
            if np.max(np.abs(step)) < 1e-10:
                break
        curve = self.terms((location + sigma * z)[:, None])[2][:, 0]
        return z, 1.0 / np.sqrt(1.0 - sigma**2 * curve)

    def grid(
        self, location: NDArray[np.float64], sigma: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the values at which g is wanted, and the logarithms of their weights.

        Parameters
        ----------
        location : array, shape (k,)
            Centre of the random effect.
        sigma : float
            Its standard deviation.

        Returns
        -------
        tuple of array, shape (k, m)
            Values, and what is added to g before the exponentials are summed.
        """
        if sigma == 0.0:
            return location[:, None], np.zeros((self.k, 1))
        middle, width = self.mode(location, sigma)
        z = middle[:, None] + np.sqrt(2.0) * width[:, None] * self.nodes
        log_weight = self.log_weights + np.log(width)[:, None] - 0.5 * np.log(np.pi) - z**2 / 2.0
        return location[:, None] + sigma * z, log_weight

    def logarithm(self, location: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
        """Return the logarithm of the integral for every study.

        Parameters
        ----------
        location : array, shape (k,)
            Centre of the random effect.
        sigma : float
            Its standard deviation.

        Returns
        -------
        array, shape (k,)
            Logarithms.
        """
        from scipy.special import logsumexp

        values, log_weight = self.grid(location, sigma)
        return np.asarray(logsumexp(self.terms(values)[0] + log_weight, axis=1), dtype=float)


def newton_covariance(
    value: Callable[[NDArray[np.float64]], float], start: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Improve a maximum by Newton steps, and return it with the inverse of the information there.

    Parameters
    ----------
    value : callable
        The log-likelihood.
    start : array, shape (p,)
        Near the maximum.

    Returns
    -------
    tuple of array
        The maximum, and the covariance of its coordinates; NaN where the likelihood is not curved.
    """
    at = np.asarray(start, dtype=float)
    for _ in range(3):
        slope, curve = _differences(value, at)
        try:
            covariance = np.asarray(np.linalg.inv(-curve), dtype=float)
        except np.linalg.LinAlgError:
            return at, np.full((len(at), len(at)), np.nan)
        step = covariance @ slope
        if not np.all(np.isfinite(step)) or value(at + step) < value(at):
            break
        at = at + step
    if np.any(np.diag(covariance) <= 0.0):
        covariance = np.full_like(covariance, np.nan)
    return at, covariance


def _differences(
    value: Callable[[NDArray[np.float64]], float], at: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gradient and Hessian by central differences."""
    p, h = len(at), 1e-3
    steps = h * np.eye(p)
    centre = value(at)
    up = np.array([value(at + one) for one in steps])
    down = np.array([value(at - one) for one in steps])
    curve: NDArray[np.float64] = np.diag((up - 2.0 * centre + down) / h**2)
    for i in range(p):
        for j in range(i):
            cross = (
                value(at + steps[i] + steps[j]) - value(at + steps[i] - steps[j])
                - value(at - steps[i] + steps[j]) + value(at - steps[i] - steps[j])
            )  # fmt: skip
            curve[i, j] = curve[j, i] = cross / (4.0 * h**2)
    return np.asarray((up - down) / (2.0 * h), dtype=float), np.asarray(curve, dtype=float)
