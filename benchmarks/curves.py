"""Work-precision curves, and what one engine costs against another at equal achieved error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

#: A point of a curve: worst relative error achieved, and seconds a patient.
Point = tuple[float, float]


def worst_error(found: np.ndarray, truth: np.ndarray, floor: float) -> float:
    """Return the largest error over patients, times and outputs.

    It is relative to the value, or to `floor` times the output's largest value where that is
    more. Infinite where a value is missing.
    """
    largest = np.abs(truth).max(axis=(0, 1))
    scale = np.maximum(np.abs(truth), floor * np.where(largest > 0.0, largest, 1.0))
    if not np.isfinite(found).all():
        return math.inf
    return float((np.abs(found - truth) / scale).max())


def front(points: Iterable[Point]) -> list[Point]:
    """Return the points that no other beats in both, from the loosest to the most accurate.

    A tolerance that costs more and gets less than another is one that nobody would choose.
    """
    kept: list[Point] = []
    for error, seconds in sorted(points):
        if error > 0.0 and math.isfinite(error) and (not kept or seconds < kept[-1][1]):
            kept.append((error, seconds))
    return kept[::-1]


def cost_at(level: float, points: Iterable[Point]) -> float | None:
    """Return the seconds a patient at an achieved error, between measured points only.

    Interpolated linearly in the logarithms; None outside what was measured.
    """
    best = front(points)
    for (loose, cheap), (tight, dear) in pairwise(best):
        if tight <= level <= loose:
            share = math.log(level / loose) / math.log(tight / loose)
            return cheap * (dear / cheap) ** share
    return None


def ratios(
    ours: Sequence[Point], theirs: Sequence[Point], levels: Sequence[float]
) -> dict[str, Any]:
    """Return how many times longer they take than we do, at each level and on the whole."""
    found: dict[str, float] = {}
    for level in levels:
        mine, other = cost_at(level, ours), cost_at(level, theirs)
        if mine is not None and other is not None:
            found[f"{level:.0e}"] = other / mine
    return {"levels": found, "geometric_mean": geometric_mean(found.values())}


def geometric_mean(values: Iterable[float]) -> float | None:
    """Return the geometric mean; None of nothing."""
    known = [math.log(value) for value in values]
    return math.exp(sum(known) / len(known)) if known else None


def points_of(measured: Mapping[str, Any]) -> list[Point]:
    """Return the curve of an engine's measurements: those in which no patient failed."""
    if "not_measured" in measured:
        return []  # given up on the way: some points were never timed
    return [
        (one["error"], one["seconds_per_patient"])
        for one in measured.get("points", ())
        if not one["failed"] and one["error"] is not None
    ]
