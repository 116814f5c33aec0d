"""Networks: closed forms of a loop and a star, generalised least squares, and inconsistency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError
from ketasim.synthesis import pool, pool_network, read_network, read_studies

if TYPE_CHECKING:
    from pathlib import Path

LOOP = [
    ("one", "placebo", 10, 100), ("one", "28 mg", 20, 100),
    ("two", "placebo", 12, 110), ("two", "84 mg", 35, 105),
    ("three", "28 mg", 30, 150), ("three", "84 mg", 45, 140),
]  # fmt: skip
STAR = [
    ("a", "placebo", 10, 100), ("a", "28 mg", 20, 100), ("b", "placebo", 8, 90), ("b", "28 mg", 21, 95),
    ("c", "placebo", 12, 110), ("c", "84 mg", 35, 105), ("d", "placebo", 9, 80), ("d", "84 mg", 16, 85),
]  # fmt: skip


def arms(rows: list[tuple[str, str, int, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["study", "treatment", "events", "n"])


def direct(rows: list[tuple[str, str, int, int]]) -> tuple[float, float]:
    """Log odds ratio of two arms, and its variance."""
    (_, _, c, m), (_, _, a, n) = rows
    estimate = np.log(a * (m - c) / (c * (n - a)))
    return float(estimate), 1 / a + 1 / (n - a) + 1 / c + 1 / (m - c)


def test_a_loop_of_three_is_direct_and_indirect_evidence_weighted() -> None:
    found = pool_network(read_network(arms(LOOP), "or"), "fixed")
    (ab, v_ab), (ac, v_ac), (bc, v_bc) = (direct(LOOP[i : i + 2]) for i in (0, 2, 4))
    indirect, v_indirect = ab + bc, v_ab + v_bc
    weight = 1 / v_ac + 1 / v_indirect
    both = found.compare("84 mg", "placebo")
    assert both["estimate"] == pytest.approx(
        (ac / v_ac + indirect / v_indirect) / weight, rel=1e-10
    )
    assert both["standard_error"] == pytest.approx(np.sqrt(1 / weight), rel=1e-10)
    # What is left is the inconsistency of the one loop.
    expected = (ac - indirect) ** 2 / (v_ac + v_indirect)
    assert found.q == pytest.approx(expected, rel=1e-9)
    assert (found.q_within, found.q_within_df, found.q_between_df) == (
        pytest.approx(0, abs=1e-12),
        0,
        1,
    )
    assert found.q_between == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("method", ["fixed", "dl", "reml"])
def test_a_star_of_one_arm_is_a_pair(method: str) -> None:
    pair = arms(STAR[:4])
    wide = pd.DataFrame({"study": ["a", "b"], "events_treatment": [20, 21], "n_treatment": [100, 95],
                         "events_control": [10, 8], "n_control": [100, 90]})  # fmt: skip
    network, two = (
        pool_network(read_network(pair, "or"), method),
        pool(read_studies(wide, "or"), method),
    )
    found = network.compare("28 mg", "placebo")
    assert found["estimate"] == pytest.approx(two.estimate, rel=1e-8)
    assert found["standard_error"] == pytest.approx(two.standard_error, rel=1e-6)
    assert network.tau2 == pytest.approx(two.tau2, abs=1e-8)


def test_a_star_compares_its_ends_through_the_middle() -> None:
    found = pool_network(read_network(arms(STAR), "or"), "fixed")
    ends = found.compare("84 mg", "28 mg")
    low, high = found.compare("28 mg", "placebo"), found.compare("84 mg", "placebo")
    assert ends["estimate"] == pytest.approx(high["estimate"] - low["estimate"], rel=1e-10)
    # No study has both, so that their errors add.
    assert ends["standard_error"] ** 2 == pytest.approx(
        low["standard_error"] ** 2 + high["standard_error"] ** 2, rel=1e-10
    )
    assert found.q_between_df == 0
    assert np.isnan(found.q_between_p)


@pytest.mark.parametrize("measure", ["or", "rr", "rd"])
def test_a_trial_of_three_arms_is_itself_whatever_its_first_arm(measure: str) -> None:
    rows = [("x", "placebo", 9, 80), ("x", "56 mg", 15, 41), ("x", "84 mg", 22, 40)]
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        table = arms([rows[place] for place in order])
        found = pool_network(read_network(table, measure), "fixed", reference="placebo")
        wide = pd.DataFrame({"study": ["x"], "events_treatment": [22], "n_treatment": [40],
                             "events_control": [9], "n_control": [80]})  # fmt: skip
        studies = read_studies(wide, measure)
        pair = found.compare("84 mg", "placebo")
        assert pair["estimate"] == pytest.approx(studies.estimate[0], rel=1e-10)
        assert pair["standard_error"] ** 2 == pytest.approx(studies.variance[0], rel=1e-10)


def test_the_shared_arm_is_counted_once() -> None:
    table = arms([*LOOP, ("x", "placebo", 9, 80), ("x", "28 mg", 15, 41), ("x", "84 mg", 22, 40)])
    found = pool_network(read_network(table, "or"), "dl")
    # All at once, with dense matrices written from the definition.
    y, blocks, design = [], [], []
    column = {"placebo": [0, 0], "28 mg": [1, 0], "84 mg": [0, 1]}
    for _, group in table.groupby("study", sort=False):
        odds = np.log(group["events"] / (group["n"] - group["events"])).to_numpy()
        variance = (1 / group["events"] + 1 / (group["n"] - group["events"])).to_numpy()
        c = np.hstack([-np.ones((len(odds) - 1, 1)), np.eye(len(odds) - 1)])
        y.append(c @ odds)
        blocks.append((c @ np.diag(variance) @ c.T, 0.5 * c @ c.T))
        design.append(c @ np.array([column[name] for name in group["treatment"]], dtype=float))
    from scipy.linalg import block_diag

    y_all, x = np.concatenate(y), np.vstack(design)
    v = block_diag(*(one[0] for one in blocks)) + found.tau2 * block_diag(
        *(one[1] for one in blocks)
    )
    information = x.T @ np.linalg.solve(v, x)
    beta = np.linalg.solve(information, x.T @ np.linalg.solve(v, y_all))
    assert found.effects[1:] == pytest.approx(beta, rel=1e-9)
    assert found.covariance[1:, 1:] == pytest.approx(np.linalg.inv(information), rel=1e-9)
    # Moments: at that variance Q would have its expectation, were the weights kept.
    w = np.linalg.inv(block_diag(*(one[0] for one in blocks)))
    p = w - w @ x @ np.linalg.inv(x.T @ w @ x) @ x.T @ w
    expected = (float(y_all @ p @ y_all) - 3) / np.trace(
        p @ block_diag(*(one[1] for one in blocks))
    )
    assert found.tau2 == pytest.approx(max(0.0, expected), abs=1e-10)


def test_means_and_the_league() -> None:
    table = pd.DataFrame(
        [("p", "ketamine", "0.5 mg/kg", -15.0, 8.0, 30), ("p", "saline", "", -7.0, 9.0, 31),
         ("q", "ketamine", "1 mg/kg", -16.0, 8.0, 25), ("q", "saline", "", -6.0, 9.0, 26)],
        columns=["study", "drug", "dose", "mean", "sd", "n"],
    )  # fmt: skip
    found = pool_network(read_network(table, "md"), "fixed", reference="saline")
    assert found.treatments == ("saline", "ketamine 0.5 mg/kg", "ketamine 1 mg/kg")
    assert found.compare("ketamine 1 mg/kg", "ketamine 0.5 mg/kg")["estimate"] == pytest.approx(
        -2.0
    )
    assert found.league().loc["ketamine 0.5 mg/kg", "saline"].startswith("-8.00 (")
    scores = found.p_scores(small_is_good=True)
    assert scores.index[0] == "ketamine 1 mg/kg"
    assert scores.sum() == pytest.approx(1.5)
    assert len(found.to_frame()) == 3
    for kind in ("network", "forest"):
        assert len(found.plot(kind).data) >= 1
    assert "2 studies of 3 treatments" in repr(found)
    wide = pd.DataFrame([("p", -15.0, 8.0, 30, -7.0, 9.0, 31)],
                        columns=["study", "mean_treatment", "sd_treatment", "n_treatment",
                                 "mean_control", "sd_control", "n_control"])  # fmt: skip
    standard = pool_network(read_network(table.iloc[:2], "smd"), "fixed", reference="saline")
    pair, studies = standard.compare("ketamine 0.5 mg/kg", "saline"), read_studies(wide, "smd")
    assert pair["estimate"] == pytest.approx(studies.estimate[0], rel=1e-10)
    assert pair["standard_error"] ** 2 == pytest.approx(studies.variance[0], rel=1e-10)


@pytest.mark.parametrize(
    ("rows", "measure", "said"),
    [
        (
            [*LOOP, ("four", "saline", 1, 10), ("four", "ECT", 2, 10)],
            "or",
            "no study links saline, ECT",
        ),
        (LOOP[:3], "or", "the study 'two' has one arm"),
        ([*LOOP, ("one", "28 mg", 3, 30)], "or", "has the arm '28 mg' in row 3 too"),
        ([("one", "placebo", 11, 10), ("one", "28 mg", 1, 10)], "or", "row 2, column 'events'"),
        (LOOP, "md", "the column 'mean' is missing"),
        (LOOP, "plo", "does not take the measure"),
    ],
)
def test_bad_networks_are_one_sentence(
    rows: list[tuple[str, str, int, int]], measure: str, said: str, tmp_path: Path
) -> None:
    arms(rows).to_csv(tmp_path / "arms.csv", index=False)
    with pytest.raises(InputError, match=r"arms\.csv|measure") as raised:
        pool_network(read_network(tmp_path / "arms.csv", measure))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("method", "reference"), [("ml", None), ("dl", "saline")])
def test_unknown_words(method: str, reference: str | None) -> None:
    with pytest.raises(InputError, match="unknown"):
        pool_network(read_network(arms(LOOP), "or"), method, reference)
