"""Rubin's rules: many imputed trials, one estimate.

References
----------
Rubin DB (1987). Multiple Imputation for Nonresponse in Surveys. Wiley.
Barnard J, Rubin DB (1999). Small-sample degrees of freedom with multiple imputation.
Biometrika 86:948-955.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["pool"]


def pool(estimates: ArrayLike, errors: ArrayLike, complete_df: float) -> tuple[float, float, float]:
    """Pool the estimates of imputed trials.

    Parameters
    ----------
    estimates, errors : array_like, shape (m,)
        Estimates and their standard errors; m is at least 2.
    complete_df : float
        Degrees of freedom that the analysis would have without missing values; may be infinite.

    Returns
    -------
    tuple of float
        Pooled estimate, standard error, and the degrees of freedom of Barnard and Rubin (1999).

    Raises
    ------
    InputError
        If there are fewer than two estimates or the lengths differ.
    """
    values, se = np.asarray(estimates, np.float64), np.asarray(errors, np.float64)
    if values.ndim != 1 or values.shape != se.shape or values.size < 2:
        raise InputError(
            f"{values.size} estimates and {se.size} standard errors cannot be pooled",
            where="Rubin's rules",
            expected="as many of one as of the other, at least two",
        )
    m = values.size
    within, between = float(np.mean(se**2)), float(np.var(values, ddof=1))
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * between / total
    seen = np.inf
    if np.isfinite(complete_df):
        seen = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - share)
    of_imputing = np.inf if between == 0 else (m - 1) / share**2
    inverse = 1 / of_imputing + 1 / seen
    df = np.inf if inverse == 0 else 1 / inverse
    return float(values.mean()), float(np.sqrt(total)), float(df)
