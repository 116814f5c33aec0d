"""What decides, what is only shown, and what cannot be compared at all, and why."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from ketasim.experiments.comparison import NOT_GIVEN, compare
from ketasim.experiments.design import Arm

if TYPE_CHECKING:
    from types import SimpleNamespace


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"arm": "placebo"}, "there is no arm 'placebo'"),
        ({"readout": "dopamine"}, "the model has no readout 'dopamine'"),
        ({"kind": "correlation", "value": 0.4}, "no rule for a correlation of relief"),
        ({"direction": "up", "contrast": "a drug unknown here"}, "no rule for a sign"),
        ({"direction": "blocked", "contrast": "none"}, "no rule for a sign"),
        ({"direction": "sideways", "contrast": "ketamine"}, "no rule for a sign"),
        ({"readout": "response", "kind": "value", "value": 3.0}, "no rule for a value"),
        (
            {"readout": "response", "kind": "count", "value": 20.0, "n": 12.0, "time_h": 24.0},
            "no rule for a count of response",
        ),
        ({"kind": "value"}, "no rule for a value"),
        ({"kind": "range"}, "no rule for a range"),
        ({"kind": "share", "value": 0.7, "contrast": "ketamine"}, "no rule for a share"),
        (
            {"readout": "remission", "n": 39.0, "direction": "down", "contrast": "ketamine"},
            "no rule for a sign of remission",
        ),
    ],
)
def test_what_has_no_rule_says_so_and_decides_nothing(
    by_hand: SimpleNamespace, parts: dict[str, object], reason: str
) -> None:
    found = compare(by_hand.seen(**parts), by_hand.setting(by_hand.course(relief=0.4)))
    assert (found.role, found.agrees) == ("not comparable", None)
    assert reason in found.reason
    assert math.isnan(found.predicted)
    assert math.isnan(found.log_likelihood)


@pytest.mark.parametrize(
    "parts",
    [
        # The arm ends at 336 h; the observation was made later.
        {"time_h": 1000.0, "readout": "bdnf", "kind": "value", "value": 1.0},
        {"time_h": 1000.0, "readout": "response", "kind": "count", "value": 3.0, "n": 12.0},
        # Ketamine did nothing, and of nothing there is no share.
        {"time_h": 24.0, "direction": "blocked", "contrast": "ketamine"},
        {"time_h": 24.0, "direction": "kept", "contrast": "ketamine"},
    ],
)
def test_where_nothing_is_predicted_nothing_agrees_or_disagrees(
    by_hand: SimpleNamespace, parts: dict[str, object]
) -> None:
    arms = by_hand.setting(by_hand.course(relief=0.4), by_hand.course(relief=0.0))
    found = compare(by_hand.seen(**parts), arms)
    assert (found.role, found.agrees) == ("not comparable", None)
    assert found.reason == "mine predicts no value for it"
    assert math.isnan(found.predicted)
    assert math.isnan(found.probability)
    assert math.isnan(found.log_likelihood)
    assert found.record()["region"] is None


@pytest.mark.parametrize("more", ["", ": see the chart of doses"])
def test_a_dose_that_is_not_given_is_compared_with_nothing(
    by_hand: SimpleNamespace, more: str
) -> None:
    seen = by_hand.seen(direction="up", time_h=24.0, contrast="none")
    arms = by_hand.setting(by_hand.course(relief=0.4), arm_of={"row": f"{NOT_GIVEN}{more}"})
    found = compare(seen, arms)
    assert (found.role, found.agrees) == ("not comparable", None)
    assert found.reason == f"not given here{more}"


def test_an_arm_of_a_row_of_doses_is_compared_in_the_chart(by_hand: SimpleNamespace) -> None:
    arms = (Arm("ketamine", "ketamine"), Arm("blocked", "blocked", sweep="doses", at=1.0))
    seen = by_hand.seen(direction="up", time_h=24.0, contrast="none")
    found = compare(seen, by_hand.setting(by_hand.course(relief=0.4), arms=arms))
    assert (found.role, found.agrees) == ("not comparable", None)
    assert found.reason == "compared along a row of doses: see the chart"


@pytest.mark.parametrize(
    ("parts", "design", "role"),
    [
        ({}, {}, "decides"),
        ({"use": "fit"}, {}, "shown"),
        ({"use": "fit"}, {"fitted": ("another row", "row")}, "fitted"),
        ({"use": "fit"}, {"fitted": ("another row",)}, "shown"),
        ({"use": "fit", "experiment": "elsewhere"}, {"fitted": ("row",)}, "fitted"),
        ({"use": "context"}, {}, "shown"),
        ({"experiment": "elsewhere"}, {}, "shown"),
        ({}, {"set_aside": {"row": "in vitro"}}, "set aside"),
        ({}, {"deciding_arms": ("ketamine",)}, "indirect"),
        ({}, {"deciding_arms": ("blocked",)}, "decides"),
        ({}, {"fitted": ("row",)}, "fitted"),
        ({}, {"fitted": ("row",), "set_aside": {"row": "in vitro"}}, "fitted"),
    ],
)
def test_only_judging_rows_of_the_experiment_itself_decide(
    by_hand: SimpleNamespace, parts: dict[str, str], design: dict[str, object], role: str
) -> None:
    seen = by_hand.seen(direction="up", time_h=24.0, **parts)
    found = compare(seen, by_hand.setting(by_hand.course(relief=0.4), **design))
    assert found.role == role
    assert bool(found.reason) is (role != "decides")
    judged = parts.get("use", "judge") == "judge"
    assert math.isfinite(found.log_likelihood) is judged
    if judged:
        assert found.log_likelihood == pytest.approx(math.log(found.probability))


def test_a_row_that_was_fitted_and_one_behind_a_number_say_different_things(
    by_hand: SimpleNamespace,
) -> None:
    seen = by_hand.seen(direction="up", time_h=24.0, use="fit")
    reasons = {
        fitted: compare(seen, by_hand.setting(by_hand.course(relief=0.4), fitted=fitted)).reason
        for fitted in (("row",), ())
    }
    assert reasons == {
        ("row",): "used in the calibration",
        (): "stands behind a number of the model, so it does not judge",
    }


def test_a_row_is_compared_where_the_experiment_puts_it(by_hand: SimpleNamespace) -> None:
    seen = by_hand.seen(arm="rat", readout="density", contrast="saline and more", direction="kept")
    maps = {
        "arm_of": {"row": "blocked"},
        "readout_of": {"row": "bdnf"},
        "contrast_of": {"row": "ketamine"},
    }
    arms = by_hand.setting(by_hand.course(bdnf=1.3), by_hand.course(bdnf=1.4), **maps)
    found = compare(seen, arms)
    assert (found.predicted, found.agrees) == (pytest.approx(0.75), True)
    assert found.observation is seen
    assert (found.record()["arm"], found.record()["readout"]) == ("blocked", "bdnf")


def test_a_record_holds_numbers_that_json_can_hold(by_hand: SimpleNamespace) -> None:
    seen = by_hand.seen(direction="kept", time_h=24.0, contrast="ketamine")
    record = compare(seen, by_hand.setting(by_hand.course(relief=0.4))).record()
    # Kept begins at 0.6 of the effect and has no end; a sign is no number.
    assert record["region"] == [0.6, None]
    assert record["observed"] is None
    assert (record["predicted"], record["agrees"]) == (pytest.approx(0.8), True)
