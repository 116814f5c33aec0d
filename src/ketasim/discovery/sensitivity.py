"""Which property moves which outcome: Sobol indices over the whole space, with intervals (SALib).

A first-order index is the share of an outcome's variance over the space that a property explains by
itself, a total one the share that is gone once the property is known with all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.discovery.compound import columns
from ketasim.discovery.outcomes import OUTCOMES, outcomes_of
from ketasim.errors import InputError, require_extra
from ketasim.simulate.progress import Advance, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import pandas as pd

    from ketasim.discovery.compound import Compound
    from ketasim.discovery.properties import Space
    from ketasim.discovery.scenarios import Scenarios

__all__ = ["EVERY", "SobolTable", "indices_of", "sobol"]

EVERY = "all"
"""What stands for all hypotheses: the mean over them and their draws."""
_PIECE = 200


@dataclass(frozen=True, eq=False)
class SobolTable:
    """Sobol indices of every outcome.

    Parameters
    ----------
    frame : DataFrame
        One row an outcome, hypothesis and property: ``s1, s1_low, s1_high, st, st_low, st_high``;
        NaN, with a ``status``, where an outcome does not vary. Columns name the unit of none: shares.
    samples : int
        Base sample; (properties + 2) times as many compounds were solved.
    """

    frame: pd.DataFrame
    samples: int

    def largest(self, outcome: str, hypothesis: str = EVERY) -> str:
        """Return the property with the largest total index; empty where the outcome is constant."""
        chosen = self.frame[
            (self.frame["outcome"] == outcome) & (self.frame["hypothesis"] == hypothesis)
        ].dropna(subset="st")
        ranked = chosen.sort_values("st", ascending=False)["property"]
        return "" if ranked.empty else str(ranked.iloc[0])


def sobol(
    space: Space, scenarios: Scenarios, *, samples: int = 128, seed: int = 1,
    around: Compound | None = None, reach: float = 0.25, progress: Advance | bool | None = False,
) -> SobolTable:  # fmt: skip
    """Return Sobol indices of every outcome, over all hypotheses and under each.

    Parameters
    ----------
    space : Space
    scenarios : Scenarios
    samples : int, optional
        Base sample, a power of two.
    seed : int, optional
    around : Compound, optional
        Only compounds near this one: in much of the whole space nothing works, and where nothing
        works nothing moves the benefit.
    reach : float, optional
        How near: this share of each range to either side, and every route.
    progress : callable, bool or None, optional
        Compounds are counted.

    Returns
    -------
    SobolTable

    Raises
    ------
    InputError
        If the base sample is no power of two.
    """
    import pandas as pd

    points = _points(space, samples, seed)
    if around is not None:
        points = _near(points, space, around, reach)
    values: dict[str, list[npt.NDArray[np.float64]]] = {}
    cells = scenarios.hypothesis_of_cell()
    with shown(progress, len(points), "compounds") as advance:
        for first in range(0, len(points), _PIECE):
            part = outcomes_of(space.values(points[first : first + _PIECE]), scenarios)
            values.setdefault(EVERY, []).append(part.values.mean(axis=1))
            for name in scenarios.hypotheses:
                values.setdefault(name, []).append(part.values[:, cells == name].mean(axis=1))
            advance(min(first + _PIECE, len(points)), len(points))
    frames = [
        indices_of(_names(space), np.concatenate(parts)[:, k], seed).assign(
            outcome=one.name, hypothesis=name)
        for name, parts in values.items()
        for k, one in enumerate(OUTCOMES)
    ]  # fmt: skip
    return SobolTable(pd.concat(frames, ignore_index=True), samples)


def _names(space: Space) -> tuple[str, ...]:
    return tuple(one.name for one in space.free)


def _points(space: Space, samples: int, seed: int) -> npt.NDArray[np.float64]:
    if samples < 8 or samples & (samples - 1):
        raise InputError(f"the base sample is {samples}", where="Sobol indices",
                         expected="a power of two, at least 8")  # fmt: skip
    require_extra("SALib", "discover")
    from SALib.sample import sobol as sampler

    problem = _problem(_names(space))
    return np.asarray(
        sampler.sample(problem, samples, calc_second_order=False, seed=seed), dtype=np.float64
    )


def _near(
    points: npt.NDArray[np.float64], space: Space, around: Compound, reach: float
) -> npt.NDArray[np.float64]:
    """Squeeze the unit cube into the part of it that is near a compound."""
    middle = space.points(columns([around], space))[0]
    low, high = np.clip(middle - reach, 0.0, 1.0), np.clip(middle + reach, 0.0, 1.0)
    routes = np.array([one.scale == "route" for one in space.free])
    low, high = np.where(routes, 0.0, low), np.where(routes, 1.0, high)
    return np.asarray(low + (high - low) * points)


def _problem(names: tuple[str, ...]) -> dict[str, Any]:
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


def indices_of(names: tuple[str, ...], values: npt.NDArray[np.float64], seed: int) -> pd.DataFrame:
    """Return the indices of one outcome over SALib's sample.

    Parameters
    ----------
    names : tuple of str
        Properties, in the order of the sample's columns.
    values : ndarray, shape (samples * (n_names + 2),)
    seed : int
        Of the bootstrap of the intervals (95 %).

    Returns
    -------
    DataFrame
        One row a property: property, s1, s1_low, s1_high, st, st_low, st_high, status.
    """
    import pandas as pd
    from SALib.analyze import sobol as analyser

    table = pd.DataFrame({"property": names})
    parts = ("s1", "s1_low", "s1_high", "st", "st_low", "st_high")
    if not np.isfinite(values).all() or np.ptp(values) < 1e-12:
        missing = not np.isfinite(values).all()
        why = "some compounds could not be solved" if missing else "the outcome does not vary"
        return table.assign(**dict.fromkeys(parts, np.nan), status=why)
    analyse: Callable[..., Any] = analyser.analyze
    told = analyse(_problem(names), values, calc_second_order=False, num_resamples=200, seed=seed)
    for short, key in (("s1", "S1"), ("st", "ST")):
        table[short] = told[key]
        table[f"{short}_low"] = told[key] - told[f"{key}_conf"]
        table[f"{short}_high"] = told[key] + told[f"{key}_conf"]
    return table.assign(status="done")
