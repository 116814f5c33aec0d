"""What improving one property is worth, and whether that depends on how outcomes are weighed.

From ketamine, one property at a time goes along its whole range while everything else stays, but for
the dose, which follows affinity and penetration so that block stays too. The worth of a property is
the best gain in the weighed sum of the six objectives on the way that keeps the limits. Weights are a
judgement, so that they are drawn: every weighing of the six counts alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.discovery.compound import columns, known_compound
from ketasim.discovery.outcomes import OUTCOMES, outcomes_of
from ketasim.discovery.robustness import robust

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from ketasim.discovery.compound import Compound
    from ketasim.discovery.robustness import RobustObjective

__all__ = ["Worth", "felt_properties", "worth_of_properties"]


@dataclass(frozen=True, eq=False)
class Worth:
    """What each property is worth.

    Parameters
    ----------
    frame : DataFrame
        One row a property, most first: ``part`` (molecule or use), ``worth`` (gain in the mean of the
        objectives, each 0 to 1) with ``low`` and ``high`` over weighings (2.5 and 97.5 %), ``best``
        (value at equal weights), ``first_share`` (share of weighings in which it is worth most among
        its part), and the change of every outcome at ``best``.
    start : str
        The compound that was improved.
    """

    frame: pd.DataFrame
    start: str

    def most(self, part: str = "molecule") -> pd.Series:
        """Return the row of the property that is worth most.

        Parameters
        ----------
        part : {"molecule", "use"}
        """
        return self.frame[self.frame["part"] == part].iloc[0]


def worth_of_properties(
    objective: RobustObjective, *, start: Compound | None = None, levels: int = 9,
    weighings: int = 2000, seed: int = 1,
) -> Worth:  # fmt: skip
    """Return what improving each property by itself is worth.

    Parameters
    ----------
    objective : RobustObjective
    start : Compound, optional
        By default ketamine.
    levels : int, optional
        Places along each range.
    weighings : int, optional
        Weights drawn, evenly over all that add up to 1.
    seed : int, optional

    Returns
    -------
    Worth
    """
    import pandas as pd

    first = start or known_compound("ketamine")
    space = objective.space
    tried, owner = _ladder(first, objective, levels)
    found = outcomes_of(tried, objective.scenarios)
    judged, values = objective.judge(found), robust(found, objective.quantile)
    # The start itself is the first row; a step that breaks a limit is no improvement.
    gain = judged.objectives[0] - judged.objectives
    gain[(judged.violations > 0.0).any(axis=1)] = -np.inf
    gain[0] = 0.0
    equal = np.full(len(OUTCOMES), 1.0 / len(OUTCOMES))
    drawn = np.random.default_rng(seed).dirichlet(np.ones(len(OUTCOMES)), weighings)
    by_weight = np.stack([
        np.maximum(0.0, (gain[owner == k] @ drawn.T).max(axis=0)) for k in range(len(space.names))
    ])  # fmt: skip
    rows = []
    for k, one in enumerate(space.properties):
        mine = np.flatnonzero(owner == k)
        best = mine[int(np.argmax(gain[mine] @ equal))]
        if gain[best] @ equal <= 0.0:
            best = np.intp(0)
        low, high = np.quantile(by_weight[k], [0.025, 0.975])
        change = {f"{o.name}_change": values[best, j] - values[0, j]
                  for j, o in enumerate(OUTCOMES)}  # fmt: skip
        rows.append({
            "property": one.name, "part": one.part, "unit": one.unit, "edge": one.edge,
            "worth": float(gain[best] @ equal), "low": low, "high": high,
            "start": float(tried[one.name][0]), "best": float(tried[one.name][best]),
            **change,
        })  # fmt: skip
    table = pd.DataFrame(rows)
    table.insert(6, "first_share", _first_share(by_weight, table["part"].to_numpy()))
    table = table.sort_values("worth", ascending=False, kind="stable", ignore_index=True)
    return Worth(table, first.name)


def felt_properties(
    compound: Compound, objective: RobustObjective, least: float = 0.01
) -> tuple[str, ...]:
    """Return the properties of a compound that it would miss: any objective feels ketamine's instead.

    Parameters
    ----------
    compound : Compound
    objective : RobustObjective
    least : float, optional
        Change of an objective, 0 to 1, that counts.

    Returns
    -------
    tuple of str
    """
    ketamine, names = known_compound("ketamine"), objective.space.names
    tried = [compound, *(compound.with_values({name: getattr(ketamine, name)}) for name in names)]
    judged = objective.judge(outcomes_of(tried, objective.scenarios)).objectives
    moved = np.abs(judged[1:] - judged[0]).max(axis=1) >= least
    return tuple(name for name, one in zip(names, moved, strict=True) if one)


def _ladder(
    first: Compound, objective: RobustObjective, levels: int
) -> tuple[dict[str, npt.NDArray[np.float64]], npt.NDArray[np.int64]]:
    """Return the start and every step along every property, and whose step it is."""
    start = columns([first], objective.space)
    shares = np.linspace(0.0, 1.0, levels)
    names = objective.space.names
    count = 1 + levels * len(names)
    tried = {name: np.full(count, start[name][0]) for name in names}
    owner = np.full(count, -1)
    for k, one in enumerate(objective.space.properties):
        rows = slice(1 + k * levels, 1 + (k + 1) * levels)
        tried[one.name][rows] = one.at(shares)
        owner[rows] = k
    dose = objective.space["dose"]
    others = owner != names.index("dose")
    # Another affinity or penetration alone would be another dose by another name.
    kept = tried["dose"] * tried["nmda_ic50"] / tried["brain_penetration"]
    kept *= start["brain_penetration"][0] / start["nmda_ic50"][0]
    tried["dose"] = np.where(others, np.clip(kept, dose.lower, dose.upper), tried["dose"])
    return tried, owner


def _first_share(
    by_weight: npt.NDArray[np.float64], part: npt.NDArray[np.object_]
) -> npt.NDArray[np.float64]:
    share = np.zeros(len(by_weight))
    for name in set(part):
        rows = np.flatnonzero(part == name)
        winners = np.argmax(by_weight[rows], axis=0)
        share[rows] = np.bincount(winners, minlength=len(rows)) / by_weight.shape[1]
    return share
