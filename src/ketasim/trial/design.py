"""What a trial is before anyone enters it: arms, visits, entry, masking, stages, end point.

Every type is frozen and checked when it is made, so that a `TrialDesign` that exists can be run.
Severity is in points of the design's scale, time in hours from the first dose.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from ketasim.errors import InputError, nearest_names
from ketasim.trial.design_checks import bad, check_arm, check_design, in_part
from ketasim.trial.design_parts import (
    STRICT,
    FlexibleDose,
    TrialAllocation,
    TrialContext,
    TrialDropout,
    TrialEntry,
    TrialInduction,
    TrialPeriods,
    TrialRescue,
    TrialSecondStage,
    TrialVisit,
)

if TYPE_CHECKING:
    from ketasim.dosing import Regimen

__all__ = [
    "Background", "Kind", "Masking", "Setting", "TrialArm", "TrialDesign",
    "TrialEndpoint",
]  # fmt: skip

Kind: TypeAlias = Literal["parallel", "crossover", "withdrawal", "rerandomised"]
Masking: TypeAlias = Literal["double_blind", "anaesthetised", "open_label", "single_blind"]
Setting: TypeAlias = Literal["outpatient", "inpatient"]
Background: TypeAlias = Literal["none", "continued", "new_antidepressant"]
Role: TypeAlias = Literal["active", "control"]
Measure: TypeAlias = Literal["change", "response", "remission", "relapse"]


@dataclass(frozen=True)
class TrialArm:
    """One arm; in a crossover, one treatment.

    Parameters
    ----------
    name : str
        The arm's name.
    regimen : str
        What is given, as `ketasim.dosing.regimen` reads it; empty for nothing.
    control : str
        Context that patients and raters bring to it: one of `ketasim.instruments.CONTROL_TYPES` or
        a context that the design declares.
    n : int
        Patients who are randomised to it; at least 2. In a crossover, patients who receive it.
    role : {"active", "control"}
        Whether it holds what is tested.
    add_on : str, optional
        Pretreatment or co-medication of this arm alone, as a regimen.
    flexible : FlexibleDose, optional
        A dose that is raised in patients who do not respond.
    dropout : TrialDropout, optional
        Who leaves; by default that of the design.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    name: str
    regimen: str
    control: str
    n: int
    role: Role
    add_on: str = ""
    flexible: FlexibleDose | None = None
    dropout: TrialDropout | None = None

    def __post_init__(self) -> None:
        check_arm(self)


@dataclass(frozen=True)
class TrialEndpoint:
    """What the trial is to estimate.

    Parameters
    ----------
    measure : {"change", "response", "remission", "relapse"}
        What is compared.
    visit : str or float
        Name or time of the visit; not used for relapse.
    estimand : str
        One of `ketasim.trial.analysis.estimands.ESTIMANDS`.
    analysis : str
        One of `ketasim.trial.analysis.estimands.ANALYSES`.
    cutoff : float, optional
        Highest score that counts as remission; by default the scale's own.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    measure: Measure = "change"
    visit: str | float = ""
    estimand: str = "treatment_policy"
    analysis: str = "ancova"
    cutoff: float | None = None

    def __post_init__(self) -> None:
        from ketasim.trial.analysis.estimands import check_endpoint

        try:
            check_endpoint(self.measure, self.estimand, self.analysis)
        except InputError as error:
            kinds = ("measure", "estimand", "analysis")
            named = next((one for one in kinds if error.what.startswith(f"unknown {one}")), "")
            field = f"endpoint.{named or 'analysis'}"
            raise type(error)(
                error.what,
                where=f"field '{field}'",
                expected=error.expected,
                suggestions=error.suggestions,
            ) from error


@dataclass(frozen=True)
class TrialDesign:
    """A trial, ready to be run by `ketasim.trial.run_trial`.

    Parameters
    ----------
    name, title : str
        In code and in print.
    arms : tuple of TrialArm
        At least one.
    visits : tuple of TrialVisit
        Rising.
    kind : {"parallel", "crossover", "withdrawal", "rerandomised"}
        The last three need `periods`, `induction` or `second_stage`.
    scale : str
        One of `ketasim.instruments.list_scales`.
    entry, allocation, dropout, rescue, endpoint
        See their types.
    masking : {"double_blind", "anaesthetised", "open_label", "single_blind"}
        Who knows what is given.
    setting : {"outpatient", "inpatient"}
        Where.
    background : {"none", "continued", "new_antidepressant"}
        The antidepressant that every arm takes.
    add_on : str
        Pretreatment that every arm receives, as a regimen.
    contexts : tuple of TrialContext
        Contexts that this design declares.
    citation : str
        BibTeX key of the trial that is replayed; empty for a new one.
    family : str
        Family of the evidence; trials of a family share patients.
    hypothesis : str
        Under which patients are simulated where nothing else is said.
    assumed : tuple of str
        What stands in no table of the evidence, one sentence each.

    Raises
    ------
    InputError
        One sentence about the first thing that is wrong, with its field.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
    name: str
    title: str
    arms: tuple[TrialArm, ...]
    visits: tuple[TrialVisit, ...]
    kind: Kind = "parallel"
    scale: str = "madrs"
    entry: TrialEntry = field(default_factory=TrialEntry)
    allocation: TrialAllocation = field(default_factory=TrialAllocation)
    masking: Masking = "double_blind"
    setting: Setting = "outpatient"
    background: Background = "none"
    dropout: TrialDropout = field(default_factory=TrialDropout)
    rescue: TrialRescue | None = None
    endpoint: TrialEndpoint = field(default_factory=TrialEndpoint)
    periods: TrialPeriods | None = None
    induction: TrialInduction | None = None
    second_stage: TrialSecondStage | None = None
    contexts: tuple[TrialContext, ...] = ()
    add_on: str = ""
    citation: str = ""
    family: str = ""
    hypothesis: str = "article"
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.endpoint.visit == "" and self.visits:
            last = TrialEndpoint(**{**self.endpoint.__dict__, "visit": self.visits[-1].name})
            object.__setattr__(self, "endpoint", last)
        check_design(self)

    @property
    def patients(self) -> int:
        """Patients who are randomised."""
        return self.arms[0].n if self.periods else sum(arm.n for arm in self.arms)

    @property
    def arm_names(self) -> tuple[str, ...]:
        """Names of the arms."""
        return tuple(arm.name for arm in self.arms)

    def arm_index(self, name: str) -> int:
        """Return the place of an arm by its name."""
        if name not in self.arm_names:
            raise in_part(
                InputError(
                    f"there is no arm {name!r}", suggestions=nearest_names(name, self.arm_names)
                ),
                self.name,
            )
        return self.arm_names.index(name)

    def visit_index(self, visit: str | float) -> int:
        """Return the place of a visit by its name or time in hours.

        Raises
        ------
        InputError
            If there is no such visit.
        """
        for place, one in enumerate(self.visits):
            if visit == one.name or (not isinstance(visit, str) and visit == one.time_h):
                return place
        names = [one.name for one in self.visits]
        raise bad(f"there is no visit {visit!r}", "endpoint.visit", "one of " + ", ".join(names))

    @property
    def reference(self) -> int | None:
        """Place of the first control arm; None where every arm is active."""
        return next((k for k, arm in enumerate(self.arms) if arm.role == "control"), None)

    def regimen_of(self, arm: TrialArm, *, raised: bool = False) -> Regimen:
        """Return everything an arm is given, co-medication included, from its own time 0."""
        from ketasim.dosing import Regimen, regimen

        text = arm.flexible.regimen if raised and arm.flexible else arm.regimen
        parts = [one for one in (self.add_on, arm.add_on, text) if one]
        return regimen(parts) if parts else Regimen()

    def dropout_of(self, arm: TrialArm) -> TrialDropout:
        """Return who leaves an arm: its own shares, or those of the design."""
        return self.dropout if arm.dropout is None else arm.dropout
