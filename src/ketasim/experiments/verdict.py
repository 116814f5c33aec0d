"""The verdict on a hypothesis: computed from its comparisons, never typed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ketasim.experiments.published import ANIMAL_OR_CELL, HUMAN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ketasim.experiments.comparison import Comparison

__all__ = ["VERDICT_RULE", "Outcome", "Verdict", "verdict"]

Outcome = Literal["supported", "contradicted", "undecided", "not testable with these data"]
"""The four verdicts there are."""

VERDICT_RULE = (
    "supported if every deciding observation agrees with the prediction, contradicted if more than "
    "half of them disagree, undecided between the two, not testable with these data if there is none"
)
"""How comparisons become a verdict."""


@dataclass(frozen=True)
class Verdict:
    """What the published observations say about a hypothesis in one experiment.

    Parameters
    ----------
    hypothesis : str
        Name of the hypothesis.
    outcome : str
        One of `Outcome`.
    agree, disagree : tuple of str
        The observations that decided, by id.
    by_group : mapping of str to tuple of int
        Agreeing and deciding observations among people, and among animals and cells.
    calibrated : bool
        Whether the hypothesis has a calibration of its own.
    rule : str
        The rule, with the reason where nothing could decide.
    """

    hypothesis: str
    outcome: Outcome
    agree: tuple[str, ...]
    disagree: tuple[str, ...]
    by_group: tuple[tuple[str, int, int], ...]
    calibrated: bool
    rule: str

    def __str__(self) -> str:
        count = len(self.agree) + len(self.disagree)
        mark = "" if self.calibrated else ", uncalibrated"
        return f"{self.outcome} ({len(self.agree)} of {count} observations agree{mark})"

    def record(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        groups = {name: {"agree": agree, "deciding": of} for name, agree, of in self.by_group}
        return {
            "outcome": self.outcome,
            "agree": list(self.agree),
            "disagree": list(self.disagree),
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
    agree = tuple(one.observation.id for one in deciding if one.agrees)
    disagree = tuple(one.observation.id for one in deciding if not one.agrees)
    rule = VERDICT_RULE if deciding else f"{VERDICT_RULE}; here {missing or 'nothing decides'}"
    return Verdict(
        hypothesis=hypothesis,
        outcome=_outcome(len(agree), len(disagree)),
        agree=agree,
        disagree=disagree,
        by_group=tuple(_group(name, deciding) for name in (HUMAN, ANIMAL_OR_CELL)),
        calibrated=calibrated,
        rule=rule,
    )


def _outcome(agree: int, disagree: int) -> Outcome:
    if agree + disagree == 0:
        return "not testable with these data"
    if disagree == 0:
        return "supported"
    return "contradicted" if disagree > agree else "undecided"


def _group(name: str, deciding: Sequence[Comparison]) -> tuple[str, int, int]:
    inside = [one for one in deciding if one.observation.group == name]
    return name, sum(bool(one.agrees) for one in inside), len(inside)
