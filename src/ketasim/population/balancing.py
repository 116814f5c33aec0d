"""Weights by entropy balancing (Hainmueller 2012, Political Analysis 20:25).

Of all weights that meet the target's moments these are nearest, in relative entropy, to those the
patients had. For targets that are shares alone they are the weights that raking converges to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from ketasim.population.target import TargetRow

__all__ = ["balancing_weights", "moment_columns"]

_TOLERANCE = 1e-7


def moment_columns(row: TargetRow, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return what must have a weighted mean of zero so that a row of the target is met.

    Parameters
    ----------
    row : TargetRow
        Of one covariate.
    values : ndarray, shape (n_patients,)
        The covariate.

    Returns
    -------
    ndarray, shape (n_patients, n_moments)
        In units of the target's SD, or of one patient for shares. With shares that add up to one
        the last is left out, since it follows from the others.
    """
    if row.shares:
        named = list(row.shares.items())
        whole = sum(row.shares.values()) > 1 - 1e-9
        kept = named[:-1] if whole and len(named) > 1 else named
        return np.column_stack([(values == level) - share for level, share in kept])
    numbers = values.astype(np.float64)
    if row.mean is None:
        return np.empty((len(numbers), 0))
    away = (numbers - row.mean) / (float(np.std(numbers)) or 1.0 if row.sd is None else row.sd)
    return away[:, None] if row.sd is None else np.column_stack([away, away**2 - 1.0])


def balancing_weights(
    moments: npt.NDArray[np.float64], base: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    """Find the weights under which every moment is zero.

    Parameters
    ----------
    moments : ndarray, shape (n_patients, n_moments)
        From `moment_columns`.
    base : ndarray, shape (n_patients,)
        Weights that the patients have already, above 0.

    Returns
    -------
    ndarray, shape (n_patients,), or None
        Summing to one; None where no weights meet all the moments.
    """
    from scipy.optimize import minimize

    if not moments.shape[1]:
        return np.asarray(base / base.sum())

    def tilted(point: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], float]:
        score = np.log(base) + moments @ point
        top = float(score.max())
        raw = np.exp(score - top)
        return raw / raw.sum(), top + float(np.log(raw.sum()))

    def slope(point: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(tilted(point)[0] @ moments)

    def curvature(point: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        weights = tilted(point)[0]
        mean = weights @ moments
        return np.asarray((moments * weights[:, None]).T @ moments - np.outer(mean, mean))

    # The dual problem is convex and has no constraints; it runs away where the primal has no answer.
    found = minimize(
        lambda point: tilted(point)[1],
        np.zeros(moments.shape[1]),
        jac=slope,
        hess=curvature,
        method="trust-exact",
        options={"gtol": _TOLERANCE, "maxiter": 500},
    )
    weights = tilted(found.x)[0]
    return weights if np.abs(weights @ moments).max() < 10 * _TOLERANCE else None
