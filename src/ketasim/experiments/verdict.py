"""The verdict on a hypothesis: computed from its comparisons, never typed in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from ketasim.experiments.published import ANIMAL_OR_CELL, HUMAN, REST
from ketasim.experiments.rules import DirectionRule, change_rule, share_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ketasim.experiments.comparison import Comparison
    from ketasim.experiments.published import Observation

__all__ = ["VERDICT_RULE", "GroupTally", "Outcome", "Verdict", "verdict"]

Outcome = Literal["supported", "contradicted", "undecided", "not testable with these data"]
"""The four verdicts there are."""

VERDICT_RULE = (
    "supported if every deciding observation agrees with the prediction, contradicted if more than "
    "half of the votes disagree, undecided between the two, not testable with these data if there is "
    "none; each study has one vote, divided among its observations, and of observations that "
    "contradict each other it is enough to agree with one"
)
"""How comparisons become a verdict."""


@dataclass(frozen=True)
class GroupTally:
    """The verdict from the observations of one group alone.

    Parameters
    ----------
    group : str
        People, or animals and cells.
    agree, deciding : int
        Observations.
    outcome : str
        By the same rule.
    """

    group: str
    agree: int
    deciding: int
    outcome: Outcome


@dataclass(frozen=True)
class Verdict:
    """What the published observations say about a hypothesis in one experiment.

    Parameters
    ----------
    hypothesis : str
        Name of the hypothesis.
    outcome : str
        One of `Outcome`.
    agree, disagree, disputed : tuple of str
        The observations that decided, by id; a disputed one is contradicted by another that agrees
        with the hypothesis, and does not count against it.
    by_group : tuple of GroupTally
        People, and animals and cells, each by itself.
    calibrated : bool
        Whether the hypothesis has a calibration of its own.
    rule : str
        The rule, with the reason where nothing could decide.
    """

    hypothesis: str
    outcome: Outcome
    agree: tuple[str, ...]
    disagree: tuple[str, ...]
    by_group: tuple[GroupTally, ...]
    calibrated: bool
    rule: str
    disputed: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = len(self.agree) + len(self.disagree) + len(self.disputed)
        mark = "" if self.calibrated else ", uncalibrated"
        return f"{self.outcome} ({len(self.agree)} of {count} observations agree{mark})"

    def record(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        groups = {
            one.group: {"agree": one.agree, "deciding": one.deciding, "outcome": one.outcome}
            for one in self.by_group
        }
        return {
            "outcome": self.outcome,
            "agree": list(self.agree),
            "disagree": list(self.disagree),
            "disputed": list(self.disputed),
            "by_group": groups,
            "calibrated": self.calibrated,
            "rule": self.rule,
        }


def verdict(
    hypothesis: str, comparisons: Sequence[Comparison], *, calibrated: bool, missing: str = ""
) -> Verdict:
    """Compute a verdict.

    Parameters
    ----------
    hypothesis : str
        Name of the hypothesis.
    comparisons : sequence of Comparison
        All comparisons of the hypothesis; those whose role is ``decides`` count.
    calibrated : bool
        Whether the hypothesis has a calibration of its own.
    missing : str, optional
        What is said when nothing decides.

    Returns
    -------
    Verdict
        By `VERDICT_RULE`.
    """
    deciding = [one for one in comparisons if one.role == "decides" and one.agrees is not None]
    against = _against(deciding)
    excused = [one for one in deciding if not one.agrees and one not in against]
    rule = VERDICT_RULE if deciding else f"{VERDICT_RULE}; here {missing or 'nothing decides'}"
    return Verdict(
        hypothesis=hypothesis,
        outcome=_outcome(deciding),
        agree=_ids(one for one in deciding if one.agrees),
        disagree=_ids(against),
        disputed=_ids(excused),
        by_group=tuple(_group(name, deciding) for name in (HUMAN, ANIMAL_OR_CELL)),
        calibrated=calibrated,
        rule=rule,
    )


def _ids(comparisons: Iterable[Comparison]) -> tuple[str, ...]:
    return tuple(one.observation.id for one in comparisons)


def _against(deciding: Sequence[Comparison]) -> list[Comparison]:
    """Return what disagrees and is not excused by another observation that contradicts it."""
    agreeing = [one for one in deciding if one.agrees]
    return [
        one
        for one in deciding
        if not one.agrees and not any(_contradict(one, other) for other in agreeing)
    ]


def _contradict(one: Comparison, other: Comparison) -> bool:
    """Say whether no hypothesis could agree with both: the same question, opposite answers."""
    first, second = one.observation, other.observation
    same = (one.arm, one.readout, first.contrast) == (other.arm, other.readout, second.contrast)
    # A time that was not reported is read at the readout's own, so only known times can differ.
    differ = not math.isnan(first.time_h + second.time_h) and first.time_h != second.time_h
    return same and not differ and _are_disjoint(first, second)


def _are_disjoint(first: Observation, second: Observation) -> bool:
    """Say whether the rules of two directions leave no number that meets both."""
    one, other = _rule_of(first), _rule_of(second)
    if one is None or other is None:
        return False
    return one.upper <= other.lower or other.upper <= one.lower


def _rule_of(seen: Observation) -> DirectionRule | None:
    at_rest = change_rule(seen.direction) if seen.contrast in REST else None
    return at_rest or share_rule(seen.direction)


def _outcome(deciding: Sequence[Comparison]) -> Outcome:
    if not deciding:
        return "not testable with these data"
    against = _against(deciding)
    if not against:
        return "supported"
    studies = [_study(one) for one in deciding]
    votes = sum(Fraction(1, studies.count(_study(one))) for one in against)
    return "contradicted" if votes > Fraction(len(set(studies)), 2) else "undecided"


def _study(one: Comparison) -> str:
    return one.study or one.observation.source


def _group(name: str, deciding: Sequence[Comparison]) -> GroupTally:
    inside = [one for one in deciding if one.observation.group == name]
    return GroupTally(name, sum(bool(one.agrees) for one in inside), len(inside), _outcome(inside))
