"""Variability that goes together: a Gaussian copula over the numbers the patients are drawn with."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import ModelError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd

__all__ = ["correlate", "correlation_matrix", "correlation_table"]

_NEEDED = ("first", "second", "value")


@cache
def _shipped() -> pd.DataFrame:
    import pandas as pd

    path = Path(__file__).parent / "correlations.csv"
    return pd.read_csv(path, keep_default_na=False).astype({"value": float})


def correlation_table() -> pd.DataFrame:
    """Return the correlations between people that the evidence gives, and those assumed zero.

    Returns
    -------
    DataFrame
        One row a pair: first, second, value, status, source, note. A pair that is not listed has
        no correlation. Pass the table, or rows of it, to `virtual_patients`.
    """
    return _shipped().copy()


def correlation_matrix(table: pd.DataFrame, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Turn a table of pairs into a matrix.

    Parameters
    ----------
    table : DataFrame
        Columns first, second, value.
    names : sequence of str
        Everything that is drawn, in the order of the matrix.

    Returns
    -------
    ndarray, shape (n_names, n_names)
        Symmetric, with ones on the diagonal.

    Raises
    ------
    ModelError
        If a column is missing, a value is no correlation, a pair stands twice, or no people can
        have all of them at once.
    UnknownNameError
        If a name is not drawn.
    """
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        raise ModelError(
            f"the column '{missing[0]}' is missing",
            where="table of correlations",
            expected=", ".join(_NEEDED),
        )
    place = {name: number for number, name in enumerate(names)}
    matrix, seen = np.eye(len(place)), set()
    for row, (one, other, value) in enumerate(table[list(_NEEDED)].itertuples(index=False), 2):
        where = f"table of correlations, row {row}"
        for name in (one, other):
            if name not in place:
                raise unknown_name("name that varies", str(name), place, where=where)
        if not -1 < float(value) < 1 or one == other:
            raise ModelError(
                f"{float(value):g} is no correlation of '{one}' and '{other}'",
                where=where,
                expected="two names, and a number above -1 and below 1",
            )
        if frozenset((one, other)) in seen:
            raise ModelError(f"'{one}' and '{other}' stand twice", where=where)
        seen.add(frozenset((one, other)))
        matrix[place[one], place[other]] = matrix[place[other], place[one]] = float(value)
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    if smallest <= 0:
        raise ModelError(
            "the correlations contradict each other",
            where="table of correlations",
            expected=f"a positive definite matrix, not a smallest eigenvalue of {smallest:.3g}",
        )
    return matrix


def correlate(
    uniform: npt.NDArray[np.float64], matrix: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Give independent numbers the dependence of a Gaussian copula.

    The correlations are those of the normal scores: where a distribution is log-normal, of the
    logarithms.

    Parameters
    ----------
    uniform : ndarray, shape (n_patients, n_names)
        Independent, in the open interval (0, 1).
    matrix : ndarray, shape (n_names, n_names)
        From `correlation_matrix`.

    Returns
    -------
    ndarray, shape (n_patients, n_names)
        Each column uniform as before. Of two names that go together the first keeps its numbers
        bit for bit, and so does every name that goes with no earlier one.
    """
    from scipy.special import ndtr, ndtri

    factor = np.linalg.cholesky(matrix)
    changed = np.flatnonzero(np.abs(np.tril(factor, -1)).sum(axis=1))
    drawn, result = ndtri(uniform), uniform.copy()
    for place in changed:
        # Added one by one: a matrix product rounds differently with the number of patients.
        total = np.zeros(len(uniform))
        for other in np.flatnonzero(factor[place]):
            total += factor[place, other] * drawn[:, other]
        result[:, place] = ndtr(total)
    # Of a score beyond eight standard deviations the probability rounds to 1.
    tiny = np.finfo(np.float64)
    return np.clip(result, tiny.tiny, 1.0 - tiny.epsneg)
