"""The parts of a design: visits, entry, allocation, dropout, stages. Each is checked when made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from ketasim.trial.design_checks import bad, check_share, in_part

__all__ = [
    "FlexibleDose", "TrialAllocation", "TrialContext", "TrialDropout", "TrialEntry",
    "TrialInduction", "TrialPeriods", "TrialRescue", "TrialSecondStage", "TrialStratum",
    "TrialVisit",
]  # fmt: skip

STRICT = {"extra": "forbid"}
"""Files of designs may hold no field that a type does not have."""


@dataclass(frozen=True)
class TrialDropout:
    """Shares of an arm that leave, by cause, up to the last visit; and single missed visits.

    Parameters
    ----------
    lack_of_effect : float, optional
        Share that leaves because the scores seen so far do not improve.
    side_effects : float, optional
        Share that leaves because of side effects; who dissociates more leaves sooner.
    at_random : float, optional
        Share that leaves for reasons that have nothing to do with the trial.
    intermittent : float, optional
        Probability that a single visit is missed by a patient who stays.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    lack_of_effect: float = 0.0
    side_effects: float = 0.0
    at_random: float = 0.0
    intermittent: float = 0.0

    def __post_init__(self) -> None:
        for name in ("lack_of_effect", "side_effects", "at_random", "intermittent"):
            check_share(name, getattr(self, name))
        if self.total >= 1.0:
            raise bad(f"{self.total:.0%} of an arm leave", "lack_of_effect", "less than all of it")

    @property
    def total(self) -> float:
        """Share of the arm that leaves for any cause."""
        return self.lack_of_effect + self.side_effects + self.at_random


@dataclass(frozen=True)
class FlexibleDose:
    """A second regimen for those whom the first does not help.

    Parameters
    ----------
    regimen : str
        The whole regimen of a patient whose dose is raised, from the first dose on.
    at_h : float
        Time of the visit at which it is decided; the doses before it must be those of the arm.
    below : float, optional
        The dose is raised where the score has fallen by less than this share of the baseline.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    regimen: str
    at_h: float
    below: float = 0.5

    def __post_init__(self) -> None:
        check_share("below", self.below)


@dataclass(frozen=True)
class TrialVisit:
    """One visit at which severity is rated.

    Parameters
    ----------
    time_h : float
        Hours from the first dose; the baseline is time 0 and is not listed. In a crossover, from
        the first dose of each period.
    window_h : float, optional
        The visit takes place up to this many hours earlier or later.
    name : str, optional
        What it is called; by default its time in words.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    time_h: float
    window_h: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        from ketasim.instruments.measuring import visit_label

        part = f"visit at {self.time_h:g} h"
        if not 0.0 < self.time_h < 1e6:
            raise in_part(bad("a visit is not after the first dose", "time_h", "more than 0"), part)
        if not 0.0 <= self.window_h < self.time_h:
            what = f"a window of {self.window_h:g} h would reach the first dose"
            expected = f"0 to less than {self.time_h:g} h"
            raise in_part(bad(what, "window_h", expected), part)
        if not self.name:
            object.__setattr__(self, "name", visit_label(self.time_h))


@dataclass(frozen=True)
class TrialEntry:
    """Who may enter, and the recorded baseline that those who entered had.

    Parameters
    ----------
    mean, sd : float, optional
        Of the recorded baseline after the entry criterion, points of the design's scale; by
        default those of the shipped table of covariates, on that scale.
    minimum, maximum : float, optional
        Lowest and highest recorded score of who may enter; by default the ends of the scale.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    mean: float | None = None
    sd: float | None = None
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        if (self.mean is None) != (self.sd is None):
            raise bad("the baseline has a mean or an SD, not both", "mean", "both or neither")
        if self.sd is not None and not self.sd > 0:
            raise bad(f"the SD of the baseline is {self.sd:g}", "sd", "more than 0")


@dataclass(frozen=True)
class TrialStratum:
    """One factor by which the randomisation is stratified.

    Parameters
    ----------
    by : str
        ``"baseline"``, ``"site"``, or a column of the cohort such as ``"sex"`` or ``"age"``.
    cuts : tuple of float, optional
        Where a number is cut; rising.
    levels : int, optional
        How many sites there are.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    by: str
    cuts: tuple[float, ...] = ()
    levels: int = 0

    def __post_init__(self) -> None:
        if self.by == "site" and self.levels < 2:
            raise bad(f"{self.levels} sites are no stratum", "levels", "at least 2")
        if list(self.cuts) != sorted(set(self.cuts)):
            raise bad("the cuts do not rise", "cuts")


@dataclass(frozen=True)
class TrialAllocation:
    """How patients come to their arms.

    Parameters
    ----------
    method : {"fixed", "simple", "block", "stratified"}
        ``fixed`` draws exactly the arms' sizes; ``simple`` tosses a coin for each patient;
        ``block`` permutes blocks; ``stratified`` permutes blocks within each stratum.
    ratio : tuple of float, optional
        One number an arm: whole numbers such as 2 and 1, or shares that sum to 1; by default the
        arms' sizes. In a crossover, one a sequence.
    block : int, optional
        Patients in a block; a multiple of the sum of the ratio.
    strata : tuple of TrialStratum, optional
        For ``stratified``.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    method: Literal["fixed", "simple", "block", "stratified"] = "fixed"
    ratio: tuple[float, ...] = ()
    block: int = 0
    strata: tuple[TrialStratum, ...] = ()


@dataclass(frozen=True)
class TrialRescue:
    """Rescue medication for patients who stay ill.

    Parameters
    ----------
    at_h : float
        Time of the visit at which it may be given.
    below : float
        It is given where the score has fallen by less than this share of the baseline.
    effect : float
        Points of MADRS by which later scores change through it; negative is better.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    at_h: float
    below: float = 0.25
    effect: float = 0.0

    def __post_init__(self) -> None:
        check_share("below", self.below)


@dataclass(frozen=True)
class TrialPeriods:
    """The periods of a crossover.

    Parameters
    ----------
    starts_h : tuple of float
        When each period's doses begin; the first is 0.
    sequences : tuple of tuple of str
        Names of arms in the order in which patients of each sequence receive them.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    starts_h: tuple[float, ...]
    sequences: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class TrialInduction:
    """What everyone receives before those who are well are randomised.

    Parameters
    ----------
    regimen : str
        Given to everyone from time 0; the arms' regimens are counted from `time_h`.
    control : str
        Context of the induction.
    time_h : float
        When patients are randomised.
    at_most : float
        Highest score, points of the scale, of who is randomised.
    relapse_score : float
        A relapse is a score of at least this ...
    relapse_visits : int, optional
        ... at this many visits in a row after randomisation.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    regimen: str
    control: str
    time_h: float
    at_most: float
    relapse_score: float
    relapse_visits: int = 1


@dataclass(frozen=True)
class TrialSecondStage:
    """A second randomisation of patients who did not respond to the first.

    Parameters
    ----------
    time_h : float
        Time of the visit at which it is decided; the regimens of `to` are counted from it.
    of : tuple of str
        Arms whose patients may be randomised again.
    to : tuple of str
        Arms to which they may come, with equal chances.
    below : float, optional
        A patient is randomised again where the score has fallen by less than this share.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    time_h: float
    of: tuple[str, ...]
    to: tuple[str, ...]
    below: float = 0.5

    def __post_init__(self) -> None:
        check_share("below", self.below)


@dataclass(frozen=True)
class TrialContext:
    """A context that no table holds, declared by the design as an assumption.

    Parameters
    ----------
    name : str
        What arms call it.
    change, sd : float
        Mean change at 24 h and its prior SD, MADRS points; negative is better.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    name: str
    change: float
    sd: float
