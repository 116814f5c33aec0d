"""Published observations as experiments see them: words, numbers, and what was not reported."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from ketasim.experiments import observations, readout
from ketasim.experiments.published import ANIMAL_OR_CELL, HUMAN
from ketasim.experiments.readouts import RATED, list_readouts, solved_outputs
from ketasim.experiments.rules import change_rule, share_rule

if TYPE_CHECKING:
    from types import SimpleNamespace

    import pandas as pd


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"kind": "count", "value": 7.0, "n": 12.0, "unit": "patients"}, "7 of 12 patients"),
        ({"kind": "value", "value": 185.0, "unit": "ng/mL"}, "185 ng/mL"),
        ({"kind": "value", "value": 22.8, "sd": 12.8, "unit": "ng/mL"}, "22.8 (SD 12.8) ng/mL"),
        ({"kind": "share", "value": 0.72, "unit": "1"}, "0.72"),
        ({"kind": "value", "value": 0.0, "unit": "%"}, "0 %"),
        ({"kind": "range", "lower": 100.0, "upper": 250.0, "unit": "ng/mL"}, "100 to 250 ng/mL"),
        ({"kind": "range", "lower": 80.0, "unit": "%"}, ">= 80 %"),
        ({"kind": "range", "upper": 20.0, "unit": "%"}, "<= 20 %"),
        ({"kind": "range", "lower": 0.0, "upper": 0.0, "unit": "%"}, "0 to 0 %"),
        ({"kind": "range", "unit": "h"}, "not reported in h"),
        ({"kind": "sign", "direction": "blocked"}, "blocked"),
        ({"kind": "value", "direction": "up"}, "up"),
        ({"kind": "value"}, "not reported"),
    ],
)
def test_a_result_is_said_in_a_few_words(
    by_hand: SimpleNamespace, parts: dict[str, object], words: str
) -> None:
    assert by_hand.seen(**parts).text() == words


def test_what_was_not_reported_is_null_in_the_record(by_hand: SimpleNamespace) -> None:
    record = by_hand.seen(kind="value", value=3.0, unit="h").record()
    assert (record["value"], record["sd"], record["n"], record["text"]) == (3.0, None, None, "3 h")


def test_only_people_are_people(by_hand: SimpleNamespace) -> None:
    groups = {one: by_hand.seen(species=one).group for one in ("human", "rat (FSL)", "HEK293A")}
    assert groups == {"human": HUMAN, "rat (FSL)": ANIMAL_OR_CELL, "HEK293A": ANIMAL_OR_CELL}


def test_a_size_that_was_not_reported_is_none(by_hand: SimpleNamespace) -> None:
    assert by_hand.seen(n=12.0).size == 12
    assert by_hand.seen().size is None


def test_rows_are_those_of_the_asked_experiments_in_the_tables_order(table: pd.DataFrame) -> None:
    found = observations(["mtor", "ampa"])
    rows = table[table["experiment"].isin(["ampa", "mtor"])]
    assert [one.id for one in found] == rows["id"].tolist()
    for one, row in zip(found, rows.itertuples(), strict=True):
        assert one.value == row.value or (math.isnan(one.value) and math.isnan(row.value))
        assert (one.source, one.use) == (row.source, row.use)
    assert observations(["nothing of that name"]) == ()


def test_single_rows_are_asked_for_by_id_and_come_once(table: pd.DataFrame) -> None:
    rows = ("naltrexone-mor-48h", "growth-needs-ampa", "naltrexone-mor-2mg-a")
    found = [one.id for one in observations(rows)]
    assert found == [one for one in table["id"] if one in rows]
    ampa = [one.id for one in observations(["ampa"])]
    assert [one.id for one in observations(["growth-needs-ampa", "ampa"])] == ampa


def test_an_own_table_is_read_instead(table: pd.DataFrame) -> None:
    mine = table[table["id"] == "growth-needs-ampa"].assign(direction="kept", n="not a number")
    (one,) = observations(["ampa"], mine)
    assert (one.direction, one.size, one.unit) == ("kept", None, "")


def test_readouts_rest_at_one_as_folds_and_at_nothing_otherwise() -> None:
    for name in list_readouts():
        one = readout(name)
        fold = one.is_fold or one.output == "glx"
        assert one.rest == (1.0 if fold else 0.0)
        assert one.output in solved_outputs()
        assert one.unit
        assert one.title
    assert set(RATED) <= set(list_readouts())


@pytest.mark.parametrize("direction", ["up", "down", "none"])
def test_a_departure_meets_the_directions_that_its_size_allows(direction: str) -> None:
    # 0.02 is where a sign begins and 0.1 where nothing ends; what lies between may be either.
    rule = change_rule(direction)
    assert rule is not None
    expected = {
        "up": [False, False, False, True, True],
        "down": [True, True, False, False, False],
        "none": [False, True, True, True, False],
    }
    assert rule.met([-0.2, -0.05, 0.01, 0.05, 0.2]).tolist() == expected[direction]


def test_not_a_number_meets_no_rule() -> None:
    for direction in ("blocked", "kept", "rescued", "down", "up", "none"):
        rule = share_rule(direction)
        assert rule is not None
        assert not rule.met(math.nan)
    assert share_rule("sideways") is None
    assert change_rule("rescued") is None
