"""How much of the effect is left: one row an arm, one word a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.sections import shares

if TYPE_CHECKING:
    from ketasim.report import Bundle


def test_the_table_holds_every_share_at_a_day(bundle: Bundle) -> None:
    record = bundle.experiments["ampa"]
    found = {row["arm"]: row for row in shares.table(record)}
    for name, one in record["hypotheses"].items():
        for row in one["shares"]:
            if row["time_h"] == 24.0:
                cell = found[record["arms"][row["arm"]]["title"]]["cells"][
                    bundle.hypotheses.index(name)
                ]
                assert (cell["value"], cell["lo95"], cell["hi95"]) == (
                    row["value"], row["lo95"], row["hi95"],
                )  # fmt: skip
    assert len(found) == 2


def test_nbqx_takes_the_effect_away_where_ampa_carries_it(bundle: Bundle) -> None:
    [first, _] = shares.table(bundle.experiments["ampa"])
    assert [cell["word"] for cell in first["cells"]] == ["blocked", "blocked", "kept"]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, "no effect to share"),
        (-0.3, "blocked"),
        (0.19, "blocked"),
        (0.2, "weakened"),
        (0.6, "weakened"),
        (0.61, "kept"),
        (1.4, "kept"),
    ],
)
def test_a_share_is_told_in_a_word(doctored: Bundle, value: float | None, word: str) -> None:
    record: Any = doctored.experiments["ampa"]
    for row in record["hypotheses"]["article"]["shares"]:
        row["value"] = value
    assert shares.table(record)[0]["cells"][0]["word"] == word


def test_a_hypothesis_without_a_share_leaves_its_cell_empty(doctored: Bundle) -> None:
    record: Any = doctored.experiments["ampa"]
    record["hypotheses"]["no_opioid"]["shares"] = []
    for row in shares.table(record):
        assert row["cells"][1] is None
        assert row["cells"][0]["value"] is not None


def test_what_the_effect_is_compared_with_is_named(doctored: Bundle) -> None:
    record: Any = doctored.experiments["camp"]
    found = {row["arm"]: row["reference"] for row in shares.table(record)}
    assert found["Raptor blind to PKA, forskolin"] == "forskolin alone"
    assert found["rolipram, then ketamine"] == record["arms"]["ketamine"]["title"]
    record["hypotheses"]["article"]["shares"][0]["reference"] = "elsewhere"
    record["hypotheses"]["article"]["shares"][0]["time_h"] = 24.0
    assert shares.table(record)[0]["reference"] == "elsewhere"
