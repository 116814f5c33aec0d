"""What the residuals say: their size, the order of their signs, and Akaike's criterion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

__all__ = ["diagnose", "runs_test"]


def runs_test(residuals: Array) -> float:
    """Test whether signs follow each other as if drawn without memory (Wald and Wolfowitz 1940).

    Parameters
    ----------
    residuals : array, shape (n,)
        In the order of time; zeros are left out.

    Returns
    -------
    float
        Two-sided probability by the normal approximation; NaN where all signs are alike or fewer
        than two are left.
    """
    from scipy.special import ndtr

    signs = residuals[residuals != 0] > 0
    above = int(signs.sum())
    below, number = signs.size - above, signs.size
    if above == 0 or below == 0:
        return float("nan")
    runs = 1 + int(np.count_nonzero(signs[1:] != signs[:-1]))
    mean = 1 + 2 * above * below / number
    variance = (mean - 1) * (mean - 2) / (number - 1)
    if variance <= 0:
        return float("nan")
    return float(2 * ndtr(-abs(runs - mean) / np.sqrt(variance)))


def diagnose(observed: Array, fitted: Array, weights: Array, parameters: int) -> dict[str, Array]:
    """Compute the diagnostics of many fits.

    Parameters
    ----------
    observed, fitted, weights : array, shape (n, n_points)
        What was fitted, what the model gave, and the weights; points of weight zero are left out.
    parameters : int
        How many numbers were fitted to each curve.

    Returns
    -------
    dict of str to array, shape (n,)
        ``wrmse``, the root of the weighted mean square of the residuals; ``runs_p``; ``aic`` as
        R's `AIC` gives it for weighted least squares, the variance counted as a number of its own;
        ``n_frames``. The criterion compares models of the same points only: not a graphical model
        with one of the curve.
    """
    used = weights > 0
    number = used.sum(axis=1)
    rest = np.where(used, observed - fitted, 0.0)
    squares = np.sum(weights * rest**2, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        wrmse = np.sqrt(squares / np.sum(weights, axis=1))
        logs = np.sum(np.where(used, np.log(np.where(used, weights, 1.0)), 0.0), axis=1)
        likelihood = -0.5 * (number * (np.log(2 * np.pi * squares / number) + 1) - logs)
        aic = 2 * (parameters + 1) - 2 * likelihood
    runs = np.array([runs_test(one[mask]) if np.isfinite(one[mask]).all() else np.nan
                     for one, mask in zip(rest, used, strict=True)])  # fmt: skip
    return {"wrmse": wrmse, "runs_p": runs, "aic": aic, "n_frames": number.astype(np.float64)}
