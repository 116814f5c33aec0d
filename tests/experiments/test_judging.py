"""Directions against answers worked out by hand, with patients who do exactly what they are told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ketasim.experiments.design import Arm
from ketasim.experiments.judging import ANIMALS, Judgement, judge
from ketasim.experiments.trials import TRIALS

if TYPE_CHECKING:
    from types import SimpleNamespace

# A laboratory reports the wrong direction once in twenty.
ALWAYS = 0.95
NEVER = 0.05


def made(found: Judgement | None) -> Judgement:
    assert found is not None
    return found


def chance(share: float) -> float:
    """Chance of a report of what a share of the groups shows."""
    return 0.05 + 0.9 * share


def near(share: float) -> float:
    """Four standard errors of a chance that was drawn."""
    return 4.0 * math.sqrt(share * (1.0 - share) / TRIALS)


@pytest.mark.parametrize(
    ("level", "direction", "agrees"),
    [
        (1.03, "up", True),
        (1.01, "up", False),
        (0.97, "up", False),
        (0.97, "down", True),
        (0.99, "down", False),
        (1.09, "none", True),
        (0.91, "none", True),
        (1.11, "none", False),
        (0.89, "none", False),
    ],
)
def test_a_sign_is_a_departure_from_rest(
    by_hand: SimpleNamespace, level: float, direction: str, agrees: bool
) -> None:
    seen = by_hand.seen(readout="bdnf", time_h=1.0, direction=direction, contrast="baseline")
    found = made(judge(seen, by_hand.setting(by_hand.course(bdnf=level))))
    assert found.predicted == pytest.approx(level - 1.0)
    assert found.agrees is agrees
    assert found.probability == pytest.approx(ALWAYS if agrees else NEVER)


@pytest.mark.parametrize(
    ("left", "direction", "agrees"),
    [
        (0.19, "blocked", True),
        (0.21, "blocked", False),
        (-0.5, "blocked", True),
        (0.61, "kept", True),
        (0.59, "kept", False),
        (0.89, "down", True),
        (0.91, "down", False),
        (1.11, "up", True),
        (1.09, "up", False),
        (0.19, "none", True),
        (-0.21, "none", False),
    ],
)
def test_beside_another_arm_a_direction_is_a_share_of_its_effect(
    by_hand: SimpleNamespace, left: float, direction: str, agrees: bool
) -> None:
    seen = by_hand.seen(readout="bdnf", time_h=24.0, direction=direction, contrast="ketamine")
    arms = by_hand.setting(by_hand.course(bdnf=1 + 0.4 * left), by_hand.course(bdnf=1.4))
    found = made(judge(seen, arms))
    assert found.predicted == pytest.approx(left)
    assert found.agrees is agrees
    assert found.probability == pytest.approx(ALWAYS if agrees else NEVER)


@pytest.mark.parametrize(
    ("left", "of_the_depleted", "agrees"),
    [
        (0.61, 0.0, True),
        (0.59, 0.0, False),
        (0.61, 0.59, True),
        # Where more than 0.6 of the effect is kept without it, nothing is left to rescue.
        (0.61, 0.61, False),
        (1.5, 1.0, False),
        (0.0, 1.0, False),
    ],
)
@pytest.mark.parametrize("readout", ["bdnf", "madrs_change"])
def test_only_what_was_lost_can_be_rescued(
    by_hand: SimpleNamespace, left: float, of_the_depleted: float, agrees: bool, readout: str
) -> None:
    seen = by_hand.seen(
        readout=readout, time_h=24.0, direction="rescued", contrast="depleted", n=20.0
    )
    rescued, depleted, full = (
        by_hand.course(bdnf=1 + 0.4 * share, relief=0.4 * share)
        for share in (left, of_the_depleted, 1.0)
    )
    arms = by_hand.setting(rescued, full, others={"depleted": depleted})
    found = made(judge(seen, arms))
    assert found.predicted == pytest.approx(left)
    assert found.agrees is agrees
    assert found.probability == pytest.approx(ALWAYS if agrees else NEVER)
    lost = of_the_depleted < 0.6
    assert ("nothing was lost with depleted" in found.rule) is not lost


@pytest.mark.parametrize(("left", "agrees"), [(0.39, True), (0.41, False), (-0.2, True)])
def test_to_rescue_from_the_reference_itself_leaves_little_of_it(
    by_hand: SimpleNamespace, left: float, agrees: bool
) -> None:
    # The reference is the inhibition, which lowers mTORC1 by a half.
    seen = by_hand.seen(readout="mtorc1", time_h=1.0, direction="rescued", contrast="ketamine")
    arms = by_hand.setting(by_hand.course(mtorc1=1 - 0.5 * left), by_hand.course(mtorc1=0.5))
    found = made(judge(seen, arms))
    assert (found.predicted, found.agrees) == (pytest.approx(left), agrees)
    assert found.probability == pytest.approx(ALWAYS if agrees else NEVER)


def test_the_share_is_the_median_of_each_patients_own(by_hand: SimpleNamespace) -> None:
    seen = by_hand.seen(time_h=24.0, direction="blocked", contrast="ketamine")
    blocked = by_hand.course(relief=[0.06, 0.1, 0.0, 0.3, 0.05])
    ketamine = by_hand.course(relief=[0.1, 0.5, 0.4, 0.6, 0.5])
    found = made(judge(seen, by_hand.setting(blocked, ketamine)))
    assert found.predicted == pytest.approx(np.median([0.6, 0.2, 0.0, 0.5, 0.1]))


def test_a_failed_patient_is_left_out(by_hand: SimpleNamespace) -> None:
    seen = by_hand.seen(readout="bdnf", time_h=1.0, direction="up", contrast="none")
    found = made(judge(seen, by_hand.setting(by_hand.course(bdnf=[1.1, np.nan, 1.3, 1.2]))))
    assert found.predicted == pytest.approx(0.2)
    assert found.agrees


def test_a_patient_without_a_reference_effect_has_no_share(by_hand: SimpleNamespace) -> None:
    seen = by_hand.seen(time_h=24.0, direction="kept", contrast="ketamine")
    arms = by_hand.setting(by_hand.course(relief=[0.3, 0.2]), by_hand.course(relief=[0.4, 0.0]))
    assert made(judge(seen, arms)).predicted == pytest.approx(0.75)


def test_the_share_of_a_score_without_a_size_holds_each_arms_own_context(
    by_hand: SimpleNamespace,
) -> None:
    context = by_hand.context(change={"active": -8.0, "midazolam": -2.0})
    seen = by_hand.seen(
        readout="madrs_change", time_h=24.0, direction="blocked", contrast="ketamine"
    )
    none, some = by_hand.course(relief=0.0), by_hand.course(relief=0.4)
    for control, fall, agrees in (("midazolam", 2.0, True), ("active", 8.0, False)):
        arms = (Arm("ketamine", "ketamine"), Arm("blocked", "blocked", control=control))
        found = made(judge(seen, by_hand.setting(none, some, context=context, arms=arms)))
        # Ketamine: 16 points of drug and 8 of expectancy.
        assert (found.predicted, found.agrees) == (pytest.approx(fall / 24.0), agrees)


@pytest.mark.parametrize("size", [1, 3])
def test_the_chance_of_a_sign_is_that_of_a_group_of_the_studys_size(
    by_hand: SimpleNamespace, size: int
) -> None:
    # One patient in four rises; the median of a group rises with the binomial chance of a majority.
    seen = by_hand.seen(readout="bdnf", time_h=1.0, direction="up", contrast="none", n=float(size))
    found = made(judge(seen, by_hand.setting(by_hand.course(bdnf=[1.5, 1.0, 1.0, 1.0]))))
    exact = {1: 1 / 4, 3: 3 * (1 / 16) * (3 / 4) + 1 / 64}[size]
    assert found.probability == pytest.approx(chance(exact), abs=near(exact))


def test_a_group_without_a_size_is_one_of_ten(by_hand: SimpleNamespace) -> None:
    arms = by_hand.setting(by_hand.course(bdnf=[1.5, 1.0, 1.0, 1.6]))
    words = {"readout": "bdnf", "time_h": 1.0, "direction": "up", "contrast": "none"}
    without, ten = (
        made(judge(by_hand.seen(**words, n=n), arms)) for n in (float("nan"), float(ANIMALS))
    )
    assert without.probability == ten.probability
    assert NEVER < ten.probability < ALWAYS


def test_a_sign_and_its_opposite_are_never_both_likely(by_hand: SimpleNamespace) -> None:
    arms = by_hand.setting(by_hand.course(bdnf=[1.5, 1.5, 0.5, 0.5]))
    words = {"readout": "bdnf", "time_h": 1.0, "contrast": "none", "n": 1.0}
    up, down = (
        made(judge(by_hand.seen(**words, direction=way), arms)).probability
        for way in ("up", "down")
    )
    assert up + down == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("paired", "direction", "share"),
    [
        # Each patient keeps a half; of strangers the shares are 0.5, 0.0625, 4 and 0.5.
        (True, "down", 1.0),
        (False, "down", 0.75),
        (True, "kept", 0.0),
        (False, "kept", 0.25),
        (True, "blocked", 0.0),
        (False, "blocked", 0.25),
    ],
)
def test_in_a_crossover_each_patient_is_their_own_control(
    by_hand: SimpleNamespace, paired: bool, direction: str, share: float
) -> None:
    seen = by_hand.seen(
        time_h=24.0, direction=direction, contrast="ketamine", n=1.0, source="trial"
    )
    blocked, ketamine = by_hand.course(relief=[0.05, 0.4]), by_hand.course(relief=[0.1, 0.8])
    crossover = ("another trial", "trial") if paired else ("another trial",)
    found = made(judge(seen, by_hand.setting(blocked, ketamine, crossover=crossover)))
    assert found.predicted == pytest.approx(0.5)
    assert found.probability == pytest.approx(chance(share), abs=near(share) + 1e-12)


@pytest.mark.parametrize(("direction", "share"), [("kept", 0.5), ("up", 0.25), ("blocked", 0.0)])
def test_a_group_whose_reference_did_nothing_reports_no_direction(
    by_hand: SimpleNamespace, direction: str, share: float
) -> None:
    # Of the shares 0.75 and 1.25 of 0.4; those of 0.00005 are thousands and mean nothing.
    seen = by_hand.seen(time_h=24.0, direction=direction, contrast="ketamine", n=1.0)
    arms = by_hand.setting(by_hand.course(relief=[0.3, 0.5]), by_hand.course(relief=[0.4, 5e-5]))
    assert made(judge(seen, arms)).probability == pytest.approx(
        chance(share), abs=near(share) + 1e-12
    )


def test_a_ratio_of_rounding_errors_has_no_chance_to_agree(by_hand: SimpleNamespace) -> None:
    seen = by_hand.seen(readout="mtorc1", time_h=1.0, direction="kept", contrast="ketamine")
    noise = by_hand.course(mtorc1=1 + 1e-12)
    found = made(judge(seen, by_hand.setting(noise, noise)))
    assert math.isnan(found.predicted)
    assert not found.agrees
    assert found.probability == pytest.approx(NEVER)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(
    ("relief", "chances"),
    [(0.2, (1.0, 0.0, 0.0)), (0.4, (0.0, 1.0, 0.0)), (0.7, (0.0, 0.0, 1.0))],
)
def test_a_direction_of_a_score_is_a_replayed_trial(
    by_hand: SimpleNamespace, relief: float, chances: tuple[float, float, float], paired: bool
) -> None:
    blocked = by_hand.course(baseline=[40.0, 50.0, 30.0, 20.0], relief=relief)
    ketamine = by_hand.course(baseline=[40.0, 50.0, 30.0, 20.0], relief=0.4)
    arms = by_hand.setting(blocked, ketamine, crossover=("trial",) if paired else ())
    for direction, share in zip(("down", "kept", "up"), chances, strict=True):
        seen = by_hand.seen(
            readout="madrs_change", time_h=24.0, direction=direction, contrast="ketamine",
            n=40.0, source="trial",
        )  # fmt: skip
        found = made(judge(seen, arms))
        assert found.predicted == pytest.approx(relief / 0.4)
        # Groups apart differ by chance too, and then 5 % of the trials are significant.
        assert found.probability == pytest.approx(share, abs=0.002 if paired else 0.06)
        assert found.agrees is (share == 1.0)
        assert ("crossover" in found.rule) is paired


def test_equal_shares_of_remitters_are_no_difference_and_others_are(
    by_hand: SimpleNamespace,
) -> None:
    seen = by_hand.seen(
        readout="remission", time_h=24.0, direction="kept", contrast="ketamine", n=39.0
    )
    well, ill = by_hand.course(relief=np.full(4, 0.9)), by_hand.course(relief=np.full(4, 0.1))
    same = made(judge(seen, by_hand.setting(well, well)))
    assert (same.predicted, same.agrees) == (0.0, True)
    other = made(judge(seen, by_hand.setting(ill, well)))
    assert (other.predicted, other.agrees) == (-1.0, False)


def test_a_score_falls_by_what_the_context_adds(by_hand: SimpleNamespace) -> None:
    seen = by_hand.seen(
        readout="madrs_change", time_h=24.0, direction="down", contrast="ketamine", n=20.0
    )
    context = by_hand.context(change={"active": -8.0})
    arms = by_hand.setting(by_hand.course(relief=0.0), by_hand.course(relief=0.4), context=context)
    # 8 points of expectancy beside 16 of drug and 8 of expectancy.
    assert made(judge(seen, arms)).predicted == pytest.approx(8 / 24)
