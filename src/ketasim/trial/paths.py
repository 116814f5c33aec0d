"""The ways through a trial: which arms a patient passes, in which order, and what is given on each.

A mechanism remembers earlier doses. Each way through a trial is therefore one regimen from its first
dose to its last visit: both periods of a crossover, induction and maintenance, a raised dose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ketasim.dosing import Regimen, regimen

if TYPE_CHECKING:
    from ketasim.trial.design import TrialDesign

__all__ = ["TrialPath", "trial_paths"]


@dataclass(frozen=True)
class TrialPath:
    """One way through a trial.

    Parameters
    ----------
    key : str
        Its name, for instance ``"ketamine > saline"``.
    regimen : Regimen
        Everything that is given on it.
    arms : tuple of int
        Places of the arms that are passed, in order.
    starts_h : tuple of float
        When each of them begins; dissociation is read after each.
    """

    key: str
    regimen: Regimen
    arms: tuple[int, ...]
    starts_h: tuple[float, ...]


def trial_paths(design: TrialDesign) -> tuple[TrialPath, ...]:
    """Return every way through a trial.

    Parameters
    ----------
    design : TrialDesign
        The trial.

    Returns
    -------
    tuple of TrialPath
        For a crossover one a sequence; otherwise first one an arm, in the order of the arms, then
        raised doses (key ``"arm, raised"``), then second stages (key ``"first > second"``).
    """
    if design.periods is not None:
        return tuple(_sequence(design, one) for one in design.periods.sequences)
    paths = [_arm(design, place) for place in range(len(design.arms))]
    paths += [
        _arm(design, place, raised=True)
        for place, arm in enumerate(design.arms)
        if arm.flexible is not None
    ]
    return (*paths, *_second_stages(design))


def _sequence(design: TrialDesign, names: tuple[str, ...]) -> TrialPath:
    assert design.periods is not None
    places = tuple(design.arm_index(name) for name in names)
    starts = design.periods.starts_h
    given = Regimen()
    for place, start in zip(places, starts, strict=True):
        given = given + design.regimen_of(design.arms[place]).shift(start)
    return TrialPath(" > ".join(names), given, places, starts)


def _arm(design: TrialDesign, place: int, *, raised: bool = False) -> TrialPath:
    arm = design.arms[place]
    given = design.regimen_of(arm, raised=raised)
    key = f"{arm.name}, raised" if raised else arm.name
    if design.induction is None:
        return TrialPath(key, given, (place,), (0.0,))
    start = design.induction.time_h
    return TrialPath(
        key, regimen(design.induction.regimen) + given.shift(start), (place,), (0.0, start)
    )


def _second_stages(design: TrialDesign) -> list[TrialPath]:
    stage = design.second_stage
    if stage is None:
        return []
    paths = []
    for first in stage.of:
        for second in stage.to:
            places = (design.arm_index(first), design.arm_index(second))
            before, after = (design.regimen_of(design.arms[place]) for place in places)
            paths.append(
                TrialPath(
                    f"{first} > {second}",
                    _until(before, stage.time_h) + after.shift(stage.time_h),
                    places,
                    (0.0, stage.time_h),
                )
            )
    return paths


def _until(given: Regimen, time_h: float) -> Regimen:
    """Return the administrations of a regimen that begin before a time."""
    from dataclasses import replace

    doses = []
    for dose in given.doses:
        count = int((dose.starts() < time_h).sum())
        if count:
            interval = dose.interval_h if count > 1 else 0.0
            doses.append(replace(dose, repeats=count, interval_h=interval))
    return Regimen(tuple(doses))
