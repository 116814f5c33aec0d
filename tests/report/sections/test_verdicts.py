"""The matrix of verdicts and the scoreboard say what the experiments decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.sections import verdicts

if TYPE_CHECKING:
    from ketasim.report import Bundle


def test_every_experiment_is_a_row_and_every_hypothesis_a_cell(bundle: Bundle) -> None:
    rows = verdicts.content(bundle)["rows"]
    assert [row["name"] for row in rows] == ["camp", "ampa"]
    for row in rows:
        found = bundle.experiments[row["name"]]["hypotheses"]
        assert [cell["verdict"] for cell in row["cells"]] == [
            found[name]["verdict"] for name in bundle.hypotheses
        ]


def test_a_cell_counts_what_decided(bundle: Bundle) -> None:
    [_, ampa] = verdicts.content(bundle)["rows"]
    for name, cell in zip(bundle.hypotheses, ampa["cells"], strict=True):
        made = [
            one["agrees"]
            for one in bundle.experiments["ampa"]["hypotheses"][name]["comparisons"]
            if one["role"] == "decides"
        ]
        assert (cell["agree"], cell["deciding"]) == (sum(made), len(made))
        assert cell["people"]["deciding"] == 0


@pytest.mark.parametrize(
    ("verdict", "sign", "css"),
    [
        ("supported", "✓", "supported"),
        ("contradicted", "✗", "contradicted"),
        ("undecided", "≈", "undecided"),
        ("not testable with these data", "○", "not-testable"),
    ],
)
def test_each_verdict_has_its_sign(doctored: Bundle, verdict: str, sign: str, css: str) -> None:
    doctored.experiments["camp"]["hypotheses"]["article"]["verdict"] = verdict
    cell = verdicts.content(doctored)["rows"][0]["cells"][0]
    assert (cell["verdict"], cell["sign"], cell["css"]) == (verdict, sign, css)


def test_the_board_is_the_sum_of_what_was_foreseen(bundle: Bundle) -> None:
    board = {row["hypothesis"]: row for row in verdicts.content(bundle)["board"]}
    assert set(board) == set(bundle.hypotheses)
    for name, row in board.items():
        scored = [
            made["log_likelihood"]
            for record in bundle.experiments.values()
            for made in record["hypotheses"][name]["comparisons"]
            if made["role"] in ("decides", "indirect") and made["log_likelihood"] is not None
        ]
        assert row["total"] == pytest.approx(sum(scored))
        assert row["observations"] == len(scored)


def test_the_worst_total_has_the_longest_bar(bundle: Bundle) -> None:
    made = verdicts.content(bundle)
    assert made["longest"] == max(abs(row["total"]) for row in made["board"])
    assert made["board_experiments"] == ["camp", "ampa"]


def test_experiments_without_a_score_have_no_column(doctored: Bundle) -> None:
    for row in doctored.index["scoreboard"]:
        row["camp"] = None
    assert verdicts.content(doctored)["board_experiments"] == ["ampa"]


def test_the_rule_is_printed_without_a_reason_of_one_experiment(bundle: Bundle) -> None:
    said: Any = verdicts.content(bundle)["rule"]
    assert said.startswith("supported if every deciding observation agrees")
    assert "; here" not in said


def test_what_people_alone_say_has_its_own_sign(doctored: Bundle) -> None:
    detail = doctored.experiments["ampa"]["hypotheses"]["article"]["verdict_detail"]
    detail["by_group"]["people"] = {"agree": 1, "deciding": 3, "outcome": "contradicted"}
    cell = verdicts.content(doctored)["rows"][1]["cells"][0]
    assert (cell["people"]["agree"], cell["people"]["deciding"]) == (1, 3)
    assert cell["people_sign"] == "✗"


def test_a_disputed_observation_is_one_that_decides(doctored: Bundle) -> None:
    detail = doctored.experiments["ampa"]["hypotheses"]["article"]["verdict_detail"]
    count = verdicts.content(doctored)["rows"][1]["cells"][0]["deciding"]
    detail["disputed"].append("one-more")
    assert verdicts.content(doctored)["rows"][1]["cells"][0]["deciding"] == count + 1
