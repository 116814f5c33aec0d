"""Fronts, hypervolumes and quantiles against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ketasim.discovery import (
    OUTCOMES,
    Outcomes,
    RobustObjective,
    Scenarios,
    hypervolume,
    known_compound,
    nondominated,
    outcomes_of,
    robust,
    space,
)
from ketasim.discovery.robustness import scaled, spread_out
from ketasim.errors import InputError


@given(arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(1, 4)),
              elements=st.integers(0, 5).map(float)))  # fmt: skip
def test_the_front_is_what_no_other_point_beats(points: np.ndarray) -> None:
    kept = nondominated(points)
    for place, one in enumerate(points):
        beaten = ((points <= one).all(axis=1) & (points < one).any(axis=1)).any()
        same = [k for k in np.flatnonzero((points == one).all(axis=1)) if k < place]
        assert kept[place] == (not beaten and not same)


@pytest.mark.parametrize(
    ("points", "volume"),
    [
        ([[0.0, 0.0, 0.0]], 1.0),
        ([[0.5, 0.5]], 0.25),
        ([[0.5, 0.0], [0.0, 0.5]], 0.75),
        ([[0.2, 0.3, 0.4, 0.5, 0.6, 0.7]], 0.8 * 0.7 * 0.6 * 0.5 * 0.4 * 0.3),
        ([[1.0, 0.0]], 0.0),
    ],
)
def test_hypervolumes_of_boxes(points: list[list[float]], volume: float) -> None:
    assert hypervolume(np.array(points)) == pytest.approx(volume, abs=0.002)


def test_no_point_no_volume() -> None:
    assert hypervolume(np.empty((0, 3))) == 0.0


def test_robust_is_the_quantile_over_cells_on_the_bad_side() -> None:
    values = np.tile(np.linspace(0.0, 1.0, 101)[None, :, None], (1, 1, len(OUTCOMES)))
    found = robust(Outcomes(values, {}, 0), 0.25)[0]
    assert found.tolist() == pytest.approx([0.25, 0.25, 0.75, 0.75, 0.75, 0.75])


def test_scales_end_where_they_say() -> None:
    best = np.array([one.worst if one.better > 0 else 0.0 for one in OUTCOMES])
    worst = np.array([0.0 if one.better > 0 else one.worst for one in OUTCOMES])
    assert scaled(best).tolist() == [0.0] * 6
    assert scaled(worst).tolist() == [1.0] * 6


def test_a_compound_that_failed_is_worst_and_breaks_the_limits(objective: RobustObjective) -> None:
    good = outcomes_of([known_compound("ketamine")], objective.scenarios)
    broken = good.values.copy()
    broken[0, 0] = np.nan
    judged = objective.judge(Outcomes(broken, good.side, 1))
    assert judged.objectives.tolist() == [[1.0] * 6]
    assert (judged.violations > 0).all()


def test_ketamine_keeps_its_own_limits_and_memantine_does_not(objective: RobustObjective) -> None:
    found = outcomes_of([known_compound("ketamine"), known_compound("memantine")],
                        objective.scenarios)  # fmt: skip
    violations = objective.judge(found).violations
    assert (violations[0] <= 0).all()
    # A block of days: the surge is longer than any that was measured.
    assert violations[1, 0] > 0


def test_points_of_a_line_are_spread_out() -> None:
    line = np.column_stack([np.linspace(0, 1, 101), np.linspace(1, 0, 101)])
    chosen = spread_out(line, 3)
    assert len(set(chosen.tolist())) == 3
    assert {0, 100} <= set(chosen.tolist())
    assert spread_out(line, 500).tolist() == list(range(101))


def test_a_quantile_beyond_a_half_is_refused(scenarios: Scenarios) -> None:
    with pytest.raises(InputError, match=r"0 to 0\.5"):
        RobustObjective(space(), scenarios, 0.7)
