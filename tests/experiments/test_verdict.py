"""From comparisons to a verdict: the vote of a study, what is excused, and where outcomes begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.experiments import ExperimentResult
from ketasim.experiments.comparison import Comparison
from ketasim.experiments.published import ANIMAL_OR_CELL, HUMAN
from ketasim.experiments.verdict import VERDICT_RULE, Verdict, verdict

if TYPE_CHECKING:
    from types import SimpleNamespace

Run = Callable[..., ExperimentResult]
Compared = Callable[..., Comparison]


@pytest.fixture
def compared(by_hand: SimpleNamespace) -> Compared:
    """A comparison of one study; unless told otherwise its rows ask different questions."""
    count = 0

    def made(study: str, agrees: bool | None, *, role: str = "decides", **parts: Any) -> Comparison:
        nonlocal count
        count += 1
        seen = by_hand.seen(**{"id": f"row {count}", "arm": f"arm {count}", **parts}, source=study)
        return Comparison(
            seen, "mine", role, agrees=agrees, arm=seen.arm, readout=seen.readout  # type: ignore[arg-type]
        )  # fmt: skip

    return made


def decided(made: list[Comparison]) -> Verdict:
    return verdict("mine", made, calibrated=True, missing="nobody looked")


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        # Rows that agree and disagree, by study; in the comment the votes against, of all.
        ({"a": (1, 0)}, "supported"),
        ({"a": (3, 0), "b": (1, 0)}, "supported"),
        ({"a": (0, 1)}, "contradicted"),
        # 1/2 of 1, then 2/3 of 1.
        ({"a": (1, 1)}, "undecided"),
        ({"a": (1, 2)}, "contradicted"),
        # 1 of 2, however many rows a study has.
        ({"a": (0, 1), "b": (8, 0)}, "undecided"),
        ({"a": (0, 8), "b": (1, 0)}, "undecided"),
        # 2 of 3, although five of nine rows agree.
        ({"a": (0, 3), "b": (0, 1), "c": (5, 0)}, "contradicted"),
        # 1 of 3, although five of seven rows disagree.
        ({"a": (0, 5), "b": (1, 0), "c": (1, 0)}, "undecided"),
        # 1/4 + 1, then 3/4 + 1, of 3.
        ({"a": (3, 1), "b": (0, 1), "c": (1, 0)}, "undecided"),
        ({"a": (1, 3), "b": (0, 1), "c": (1, 0)}, "contradicted"),
        # 3/4 + 3/4 of 3 is no more than half.
        ({"a": (1, 3), "b": (1, 3), "c": (2, 0)}, "undecided"),
        ({"a": (1, 3), "b": (1, 4), "c": (2, 0)}, "contradicted"),
        ({}, "not testable with these data"),
    ],
)
def test_each_study_has_one_vote(
    rows: dict[str, tuple[int, int]], outcome: str, compared: Compared
) -> None:
    made = [
        compared(study, place < agree)
        for study, (agree, disagree) in rows.items()
        for place in range(agree + disagree)
    ]
    found = decided(made)
    assert found.outcome == outcome
    assert decided(made[::-1]).outcome == outcome
    assert len(found.agree) == sum(agree for agree, _ in rows.values())
    assert len(found.disagree) == sum(disagree for _, disagree in rows.values())
    assert found.disputed == ()
    assert found.rule == (VERDICT_RULE if rows else f"{VERDICT_RULE}; here nobody looked")
    assert found.record()["outcome"] == outcome


def test_the_rule_says_what_is_done() -> None:
    for words in ("each study has one vote", "more than half of the votes", "enough to agree with"):
        assert words in VERDICT_RULE


@pytest.mark.parametrize("pair", [("kept", "down"), ("none", "blocked"), ("none", "down")])
def test_what_one_number_can_meet_is_no_contradiction(
    pair: tuple[str, str], compared: Compared
) -> None:
    # A share of 0.7 is kept and down, one of 0.1 is none, blocked and down.
    lost, met = (
        compared(name, agrees, direction=way, **QUESTION)
        for name, agrees, way in (("a", False, pair[0]), ("b", True, pair[1]))
    )
    assert decided([lost, met]).disputed == ()


@pytest.mark.parametrize("role", ["indirect", "set aside", "fitted", "shown", "not comparable"])
def test_only_deciding_comparisons_count(role: str, compared: Compared) -> None:
    made = [compared("a", True), compared("a", False, role=role), compared("b", None)]
    assert decided(made).outcome == "supported"
    assert len(decided(made).agree) == 1


QUESTION = {"arm": "blocked", "readout": "relief", "contrast": "ketamine", "time_h": 24.0}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("kept", "blocked"),
        ("kept", "none"),
        ("none", "up"),
        ("up", "down"),
        ("rescued", "blocked"),
        ("rescued", "none"),
    ],
)
def test_of_two_rows_that_contradict_each_other_one_is_enough(
    first: str, second: str, compared: Compared
) -> None:
    for against, agreeing in ((first, second), (second, first)):
        lost = compared("a", False, direction=against, **QUESTION)
        met = compared("b", True, direction=agreeing, **QUESTION)
        found = decided([lost, met])
        assert found.outcome == "supported"
        assert (found.agree, found.disagree) == ((met.observation.id,), ())
        assert found.disputed == (lost.observation.id,)
        assert found.record()["disputed"] == [lost.observation.id]
        assert str(found) == "supported (1 of 2 observations agree)"


@pytest.mark.parametrize(
    ("other", "excused"),
    [
        ({}, True),
        # A time that was not reported may be the same one.
        ({"time_h": float("nan")}, True),
        ({"time_h": 1.0}, False),
        ({"arm": "blocked twice"}, False),
        ({"readout": "bdnf"}, False),
        ({"contrast": "esketamine"}, False),
        # These two can both be so.
        ({"direction": "kept"}, False),
        ({"direction": "rescued"}, False),
    ],
)
def test_only_the_opposite_answer_to_the_same_question_excuses(
    other: dict[str, object], excused: bool, compared: Compared
) -> None:
    lost = compared("a", False, direction="kept", **QUESTION)
    met = compared("b", True, **{**QUESTION, "direction": "blocked", **other})
    found = decided([lost, met])
    assert bool(found.disputed) is excused
    assert found.disagree == (() if excused else (lost.observation.id,))
    assert found.outcome == ("supported" if excused else "undecided")


def test_a_question_is_where_the_experiment_puts_it(by_hand: SimpleNamespace) -> None:
    places = {"arm": "blocked", "readout": "relief"}
    kept, blocked = (
        Comparison(
            by_hand.seen(id=way, source=way, direction=way, arm=f"theirs: {way}", time_h=24.0),
            "mine", "decides", agrees=way == "blocked", **places,
        )
        for way in ("kept", "blocked")
    )  # fmt: skip
    assert decided([kept, blocked]).disputed == ("kept",)


@pytest.mark.parametrize("role", ["indirect", "set aside", "fitted", "shown"])
def test_what_does_not_decide_does_not_excuse(role: str, compared: Compared) -> None:
    lost = compared("a", False, direction="kept", **QUESTION)
    met = compared("b", True, role=role, direction="blocked", **QUESTION)
    assert decided([lost, met]).disputed == ()
    assert decided([lost, met]).outcome == "contradicted"


def test_who_agrees_with_neither_is_not_excused(compared: Compared) -> None:
    made = [compared("a", False, direction=way, **QUESTION) for way in ("kept", "blocked")]
    assert decided(made).disputed == ()
    assert decided(made).outcome == "contradicted"


def test_a_row_that_is_excused_keeps_its_part_of_the_vote(compared: Compared) -> None:
    met = compared("c", True, direction="blocked", **QUESTION)
    lost = compared("a", False, direction="kept", **QUESTION)
    # Against are one of the two rows of a and all of b: 1 1/2 of 3 votes, no more than half.
    made = [met, lost, compared("a", False), compared("b", False)]
    assert len(decided(made).disputed) == 1
    assert decided(made).outcome == "undecided"
    # With the row itself against, 2 of 3.
    assert decided([compared("c", True), *made[1:]]).outcome == "contradicted"


def test_people_and_animals_are_judged_by_the_same_rule_apart(compared: Compared) -> None:
    mouse = {"species": "mouse"}
    made = [
        compared("a", False, direction="kept", **QUESTION),
        compared("b", True, **mouse, direction="blocked", **QUESTION),
        compared("b", True, **mouse),
        compared("c", False, **mouse),
    ]
    found = decided(made)
    people, animals = found.by_group
    # Together the trial in people is excused by the mice; by itself it is all there is.
    assert found.outcome == "undecided"
    assert (people.group, people.agree, people.deciding, people.outcome) == (
        HUMAN, 0, 1, "contradicted",
    )  # fmt: skip
    assert (animals.group, animals.agree, animals.deciding, animals.outcome) == (
        ANIMAL_OR_CELL, 2, 3, "undecided",
    )  # fmt: skip
    assert found.record()["by_group"] == {
        "people": {"agree": 0, "deciding": 1, "outcome": "contradicted"},
        "animals and cells": {"agree": 2, "deciding": 3, "outcome": "undecided"},
    }


def test_a_group_without_observations_is_not_testable(compared: Compared) -> None:
    people, animals = decided([compared("a", True)]).by_group
    assert (people.outcome, animals.outcome) == ("supported", "not testable with these data")
    assert (animals.agree, animals.deciding) == (0, 0)


def test_the_groups_of_a_shipped_verdict_hold_its_rows(run: Run) -> None:
    found = run("naltrexone").verdicts["article"]
    human = {one.id: one.species == "human" for one in run("naltrexone").published}
    groups = {tally.group: tally for tally in found.by_group}
    deciding = {*found.agree, *found.disagree, *found.disputed}
    assert groups[HUMAN].deciding == sum(human[one] for one in deciding)
    assert groups[ANIMAL_OR_CELL].agree == sum(not human[one] for one in found.agree)
    assert sum(tally.deciding for tally in found.by_group) == len(deciding)
    assert found.outcome == "undecided"


def test_a_verdict_without_calibration_says_so(compared: Compared) -> None:
    found = verdict("mine", [compared("a", True)], calibrated=False)
    assert str(found) == "supported (1 of 1 observations agree, uncalibrated)"
