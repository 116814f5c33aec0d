"""Designs that tests of operating characteristics share."""

from __future__ import annotations

from ketasim.trial import (
    RatingModel,
    TrialArm,
    TrialDesign,
    TrialDropout,
    TrialEndpoint,
    TrialInduction,
    TrialVisit,
)

from .conftest import KETAMINE, two_arms

LEAVING = TrialDropout(0.08, 0.04, 0.04, 0.03)
PAIR = ("ketamine", "saline")
ALONE = RatingModel(trial_sd=0.0, rater_sd=0.0)
"""Patients of a trial who have nothing in common, as closed forms assume."""


def ending(measure: str, analysis: str, estimand: str = "treatment_policy") -> TrialEndpoint:
    cutoff = 20.0 if measure == "remission" else None
    return TrialEndpoint(measure, "day 7", estimand, analysis, cutoff)  # type: ignore[arg-type]


def withdrawal(n: int, estimand: str = "treatment_policy", analysis: str = "cox") -> TrialDesign:
    arms = (
        TrialArm("ketamine", f"{KETAMINE} every 84 h x 8", "active", n, "active"),
        TrialArm("saline", "", "saline", n, "control"),
    )
    return two_arms(
        arms=arms,
        kind="withdrawal",
        induction=TrialInduction(f"{KETAMINE} every 84 h x 4", "open_label", 336.0, 12.0, 20.0),
        visits=tuple(TrialVisit(time) for time in (336.0, 504.0, 672.0, 840.0, 1008.0)),
        endpoint=TrialEndpoint("relapse", "", estimand, analysis),
        dropout=TrialDropout(at_random=0.1),
    )
