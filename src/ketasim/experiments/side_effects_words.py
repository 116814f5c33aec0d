"""What `side_effects` says, computed from its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketasim.experiments.side_effects_events import TEN
from ketasim.experiments.side_effects_review import PLACEBO
from ketasim.experiments.study import Answer, StudyVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ketasim.experiments.side_effects_courses import Check
    from ketasim.experiments.side_effects_review import Review

__all__ = ["answers_of_checks", "answers_of_events", "answers_of_review", "verdict_of"]

_SAME = 1e-3
"""Courses that differ by less than this share of the peak are the same to any reader."""

_OUTCOMES = {
    "more": "More frequent than after placebo",
    "less": "Less frequent than after placebo",
    "not decided": "Not decided",
    "not reported": "No event of the category was reported by two families of trials or more",
}


def verdict_of(categories: pd.DataFrame, apart: float) -> StudyVerdict:
    """Judge a hypothesis: it predicts more events in all five categories.

    Every hypothesis has the same safety part, and its hazards under the drug are at least those
    under placebo; what decides is what was pooled.

    Parameters
    ----------
    categories : DataFrame
        From `ketasim.experiments.side_effects_review.review`.
    apart : float
        How far the courses of the hypothesis lie from those that were compared, as a share.

    Returns
    -------
    StudyVerdict
        Supported if every category is more frequent, contradicted if more than half are less
        frequent, not testable if no category was reported, else undecided.
    """
    outcome = categories["outcome"]
    more, less = int((outcome == "more").sum()), int((outcome == "less").sum())
    reported = int((outcome != "not reported").sum())
    count = len(outcome)
    sure = int((categories["more_frequent_holm"] > 0).sum())
    wide = int((categories["hk_low"] > 1.0).sum()) if "hk_low" in categories else 0
    why = (
        f"after nasal esketamine {more} of {count} categories are more frequent than after placebo "
        f"and {less} less; in {sure} an event stays more frequent after Holm's correction, in {wide} "
        "the deciding one by the interval of Hartung and Knapp"
    )
    if apart > _SAME:
        why += f"; the courses of this hypothesis lie {apart:.1%} of the peak apart"
    if reported == 0:
        return StudyVerdict("not testable with these data", why)
    if more == count:
        return StudyVerdict("supported", why)
    return StudyVerdict("contradicted" if 2 * less > count else "undecided", why)


def answers_of_review(told: Review) -> tuple[Answer, ...]:
    """Return one answer for each category, and one on what is not reported.

    Parameters
    ----------
    told : Review
        From `ketasim.experiments.side_effects_review.review`.
    """
    answers = [_of_category(str(name), row) for name, row in told.categories.iterrows()]
    arms = told.contrasts.arms
    arms = arms[arms["comparison"] == PLACEBO]
    silent = int((arms["state"] == "not reported").sum())
    alone = int((told.events[told.events["comparison"] == PLACEBO]["k"] == 1).sum())
    events = arms["event"].nunique()
    answers.append(
        Answer(
            "How much is not reported?",
            f"Of {events} events that some trial lists, {alone} are listed by one family of trials "
            f"only; {silent} of {len(arms)} cells of event and family are not reported, and none of "
            "them counts as zero.",
            value=silent / len(arms), unit="share of cells",
        )
    )  # fmt: skip
    return tuple(answers)


def _of_category(name: str, row: pd.Series) -> Answer:
    question = f"Are {name} side effects more frequent than after placebo?"
    if row["outcome"] == "not reported":
        return Answer(question, _OUTCOMES["not reported"] + ".")
    text = (
        f"{_OUTCOMES[str(row['outcome'])]}: {str(row['event']).lower()} has a risk ratio of "
        f"{row['ratio']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f}; "
        f"{row['hk_low']:.2f} to {row['hk_high']:.2f} by Hartung and Knapp) over "
        f"{int(row['k'])} families of trials, {100 * row['risk_difference']:.0f} more of 100 "
        f"patients ({100 * row['rd_low']:.0f} to {100 * row['rd_high']:.0f}), {row['nnh_text']}. "
        f"Of {int(row['events'])} events {int(row['more_frequent'])} are more frequent by their "
        f"own interval, {int(row['more_frequent_holm'])} after Holm's correction."
    )
    return Answer(
        question, text, value=float(row["ratio"]), low=float(row["ratio_low"]),
        high=float(row["ratio_high"]), unit="risk ratio",
    )  # fmt: skip


def answers_of_events(predicted: pd.DataFrame) -> tuple[Answer, ...]:
    """Return how the event model fares in trials that it was not fitted to.

    Parameters
    ----------
    predicted : DataFrame
        From `ketasim.experiments.side_effects_events.predict_trials`.
    """
    told = predicted[(predicted["state"] == "reported") & (predicted["rank"] <= TEN)]
    absent = predicted[(predicted["rank"] <= TEN)].groupby("event")["state"].agg(set)
    nobody = [str(name).lower() for name, states in absent.items() if states == {"not reported"}]
    answers = []
    for family, rows in told.groupby("family"):
        arms = rows[rows["dose"] != "all doses"]
        missed = arms[~arms["inside"].astype(bool)]
        names = [f"{one['event'].lower()}, {one['dose']}" for one in missed.to_dict("records")]
        inside, count = int(arms["inside"].sum()), len(arms)
        covered = int(arms["covers"].sum())
        text = (
            f"Of the {TEN} commonest events of the label {arms['event'].nunique()} are reported "
            f"there. Fitted on the label's pooled arms only, the risk against placebo lies inside "
            f"the published interval in {inside} of {count} arms and events, and the published "
            f"value inside the predicted interval in {covered}."
        )
        if names:
            text += f" Outside: {'; '.join(names)}."
        if nobody:
            text += f" No trial that was held out lists {', '.join(nobody)}."
        answers.append(
            Answer(
                f"Are the risks of {family} predicted?", text, value=inside / count,
                unit="share inside", sources=("spravatolabel", _KEYS[str(family)]),
            )
        )  # fmt: skip
    return tuple(answers)


_KEYS = {"Japan phase 2b": "japan2021", "ASPIRE I and II": "aspire2021"}


def answers_of_checks(checks: Sequence[Check]) -> tuple[Answer, ...]:
    """Return one answer for each number that the evidence gives a range for.

    Parameters
    ----------
    checks : sequence of Check
        From `ketasim.experiments.side_effects_courses.check_table`.
    """
    return tuple(
        Answer(
            f"{one.title}?",
            f"{one.value:.3g} {one.unit}, {'inside' if one.inside else 'outside'} "
            f"{one.low:.3g} to {one.high:.3g}; published: {one.published}.",
            value=one.value, low=one.low, high=one.high, unit=one.unit, sources=one.sources,
        )
        for one in checks
    )  # fmt: skip
