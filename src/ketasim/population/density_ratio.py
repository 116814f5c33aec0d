"""Accept-reject by density ratio (Allen, Rieger and Musante 2016).

A plausible patient enters the virtual population with a probability that is proportional to the
density of the target over the density of the plausible patients there (CPT Pharmacometrics Syst
Pharmacol 5:140-146). The density of the patients is read from the distance to the nearest ones. The
factor of proportion, which the authors search for by annealing, is one number here, so it is
searched on a grid: the larger it is, the more patients enter, and the more of them enter for sure,
which distorts the population.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError
from ketasim.population.truncation import truncated_normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from ketasim.population.target import TargetRow

__all__ = ["NEIGHBOURS", "density_ratio", "inclusion", "target_shares"]

NEIGHBOURS = 10
"""How many nearest patients the density is read from: 10 leave it a scatter of a third."""

_STEPS = 200


def target_shares(row: TargetRow, values: npt.NDArray[Any]) -> dict[str, float]:
    """Return the share of every level: as the target has it, or in the proportions of the cohort.

    Parameters
    ----------
    row : TargetRow
        With shares.
    values : ndarray, shape (n_patients,)
        The covariate.
    """
    levels, counts = np.unique(values, return_counts=True)
    left = {str(k): int(n) for k, n in zip(levels, counts, strict=True) if str(k) not in row.shares}
    rest = max(1.0 - sum(row.shares.values()), 0.0)
    others = {level: rest * count / sum(left.values()) for level, count in left.items()}
    return {**row.shares, **others}


def density_ratio(
    rows: Sequence[TargetRow],
    columns: dict[str, npt.NDArray[Any]],
    inside: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    """Return the density of the target over that of the patients, up to a factor.

    The target's covariates are taken as independent, its numbers as normal within their range.

    Parameters
    ----------
    rows : sequence of TargetRow
        The target.
    columns : dict of str to ndarray, shape (n_patients,)
        The covariates.
    inside : ndarray of bool, shape (n_patients,)
        Who lies within the ranges; the others get zero, and serve as neighbours.

    Returns
    -------
    ndarray, shape (n_patients,)
        Not negative.

    Raises
    ------
    InputError
        If a combination of levels has too few patients to read a density from, or no normal
        distribution within a range has the mean and the SD.
    """
    numbers = [row for row in rows if not row.shares and row.mean is not None]
    levels = [row for row in rows if row.shares]
    shares = [target_shares(row, columns[row.covariate]) for row in levels]
    points, log_target = _numbers(numbers, columns, len(inside))
    ratio = np.zeros(len(inside))
    for cell in product(*(one.items() for one in shares)):
        share = float(np.prod([part for _, part in cell]))
        members = np.ones(len(inside), dtype=bool)
        for row, (level, _) in zip(levels, cell, strict=True):
            members &= columns[row.covariate].astype(str) == level
        if share <= 0:
            continue
        if members.sum() <= 2 * NEIGHBOURS:
            named = ", ".join(
                f"{r.covariate} {level}" for r, (level, _) in zip(levels, cell, strict=True)
            )
            raise InputError(
                f"{members.sum()} patients are too few to read a density from"
                + (f" ({named})" if named else ""),
                where="accept-reject",
                expected=f"more than {2 * NEIGHBOURS}, or the method 'weights'",
            )
        # The share of the cell among the patients is in the distances, as their number is.
        volume = _volumes(points[members]) if numbers else np.full(members.sum(), 1 / members.sum())
        ratio[members] = share * np.exp(log_target[members]) * volume
    return np.where(inside, ratio, 0.0)


def _numbers(
    rows: list[TargetRow], columns: dict[str, npt.NDArray[Any]], patients: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    from scipy.stats import norm

    points, log_target = np.empty((patients, len(rows))), np.zeros(patients)
    for place, row in enumerate(rows):
        values = columns[row.covariate].astype(np.float64)
        own = float(np.std(values))
        if row.sd is None or not own > 0:
            raise InputError(
                "accept-reject needs an SD and patients who differ",
                where=f"target of '{row.covariate}'",
                expected="an SD, or the method 'weights'",
            )
        centre, scale = truncated_normal(
            float(row.mean or 0.0),
            row.sd,
            row.lower,
            row.upper,
            where=f"target of '{row.covariate}'",
        )
        points[:, place] = values / own
        log_target += norm.logpdf(values, centre, scale)
    return points, log_target - log_target.max(initial=-np.inf)


def _volumes(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the volume of the ball that reaches the nearest neighbours, up to a factor."""
    from scipy.spatial import cKDTree

    reach, _ = cKDTree(points).query(points, NEIGHBOURS + 1)
    return np.asarray(reach[:, -1] ** points.shape[1])


def inclusion(
    ratio: npt.NDArray[np.float64], moments: npt.NDArray[np.float64], tolerance: float
) -> npt.NDArray[np.float64]:
    """Choose the factor, and return with which probability each patient enters.

    Parameters
    ----------
    ratio : ndarray, shape (n_patients,)
        From `density_ratio`.
    moments : ndarray, shape (n_patients, n_moments)
        What must have a mean of zero among those who enter.
    tolerance : float
        How many standard errors the expected mean of a moment may be away.

    Returns
    -------
    ndarray, shape (n_patients,)
        Of the factors within the tolerance the one that lets most patients enter; where none is,
        the one whose worst moment is nearest.
    """
    best: tuple[bool, float] = (False, -np.inf)
    chosen = ratio / ratio.max()
    for factor in np.geomspace(1.0, 1e4, _STEPS) / ratio.max():
        entering = np.minimum(1.0, factor * ratio)
        size = entering.sum()
        expected = entering @ moments / size
        spread = np.sqrt(np.maximum(entering @ moments**2 / size - expected**2, 1e-12))
        worst = float(np.abs(expected / spread).max(initial=0.0) * np.sqrt(size))
        within = worst <= tolerance
        rank = (within, size if within else -worst)
        if rank > best:
            best, chosen = rank, entering
    return np.asarray(chosen)
