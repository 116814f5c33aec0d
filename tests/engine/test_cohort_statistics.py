"""Statistics gathered piece by piece against numpy on all the values at once."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from tests.engine.cohort_cases import MODEL, TIMES, arrays

from ketasim.engine.cohort import Moments, Sketch, read_cohort, solve_cohort
from ketasim.engine.cohort.statistics import ChunkStatistics, Gathering
from ketasim.engine.cohort.tables import (
    read_statistics,
    statistics_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROBABILITIES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
NUMBERS = st.floats(-1e12, 1e12, allow_subnormal=False)


def draws(patients: int, seed: int = 1) -> np.ndarray:
    """Skewed, signed, tiny, huge, constant and partly zero values at two times of three outputs."""
    generator = np.random.default_rng(seed)
    normal = generator.normal(size=(patients, 6))
    columns = [
        np.exp(normal[:, 0]), normal[:, 1], 1e-250 * normal[:, 2], 1e150 * np.exp(normal[:, 3]),
        np.full(patients, 3.0), np.maximum(normal[:, 5], 0.0),
    ]  # fmt: skip
    return np.stack(columns, axis=1).reshape(patients, 2, 3)


def pieces(values: np.ndarray, sizes: tuple[int, ...]) -> list[np.ndarray]:
    return np.split(values, np.cumsum(sizes)[:-1])


@pytest.mark.parametrize("sizes", [(1000,), (1, 999), (250,) * 4, (3, 500, 497), (0, 1000, 0)])
def test_moments_merged_are_those_of_all_values(sizes: tuple[int, ...]) -> None:
    values = draws(1000)
    found = Moments.empty((2, 3))
    for piece in pieces(values, sizes):
        found = found.merge(Moments.of(piece))
    assert found.count == 1000
    assert found.mean == pytest.approx(values.mean(axis=0), rel=1e-12, abs=1e-300)
    assert found.variance() == pytest.approx(values.var(axis=0, ddof=1), rel=1e-11, abs=0.0)
    assert np.array_equal(found.minimum, values.min(axis=0))
    assert np.array_equal(found.maximum, values.max(axis=0))


def test_a_small_spread_on_a_large_mean_does_not_cancel() -> None:
    small = draws(5000)[:, :1, 1:2]
    found = Moments.of(1e9 + small[:100]).merge(Moments.of(1e9 + small[100:]))
    exact = small.var(axis=0, ddof=1)
    assert found.variance() == pytest.approx(exact, rel=1e-6)  # a number near 1e9 has 7 decimals
    squares = ((1e9 + small) ** 2).mean(axis=0) - (1e9 + small).mean(axis=0) ** 2
    assert np.abs(squares - exact) > exact  # as sums of squares would have it


def test_the_variance_of_one_patient_is_not_a_number() -> None:
    assert np.isnan(Moments.of(draws(1)).variance()).all()
    assert np.isnan(Moments.empty((2, 3)).variance()).all()


@pytest.mark.parametrize("bits", [0, 3, 8])
def test_quantiles_are_as_near_as_the_sketch_says(bits: int) -> None:
    values = draws(3001).reshape(3001, 6)  # no quantile falls between two patients
    sketch = Sketch.of(values, bits=bits)
    assert sketch.error == 2.0 ** -(bits + 1)
    for cell in range(6):
        exact = np.quantile(values[:, cell], PROBABILITIES, method="lower")
        found = sketch.quantiles(cell, PROBABILITIES)
        assert (np.abs(found - exact) <= sketch.error * np.abs(exact)).all()


def test_the_error_bound_is_sharp() -> None:
    """A bin's edge is as far from its middle as the bound says, so the bound is no guess."""
    edge = np.array([[1.0]])
    found = Sketch.of(edge, bits=4)
    assert found.quantiles(0, [0.5])[0] == pytest.approx(1.0 + found.error, rel=1e-12)


@given(
    arrays_of.arrays(np.float64, st.tuples(st.integers(1, 40), st.just(2)), elements=NUMBERS),
    st.integers(0, 8),
)
def test_any_values_are_found_within_the_bound(values: np.ndarray, bits: int) -> None:
    sketch, last = Sketch.of(values, bits=bits), len(values) - 1
    probabilities = np.linspace(0.0, 1.0, 3 * last + 1)
    rank = probabilities * last
    below = np.floor(rank).astype(int)
    for cell in range(2):
        ordered = np.sort(values[:, cell])
        low, high = ordered[below], ordered[np.minimum(below + 1, last)]
        exact = low + (rank - below) * (high - low)
        # Each of the two order statistics is within the bound; so is what lies between them.
        bound = (sketch.error + 1e-14) * np.maximum(np.abs(low), np.abs(high)) + 1e-300
        assert (np.abs(sketch.quantiles(cell, probabilities.tolist()) - exact) <= bound).all()


@pytest.mark.parametrize("largest", [10, 100, 700, 100_000])
def test_sketches_merge_to_the_same_counts_in_any_order(largest: int) -> None:
    values = draws(600).reshape(600, 6)
    whole = Sketch.of(values, largest=largest)
    parts = [Sketch.of(part, largest=largest) for part in pieces(values, (17, 283, 100, 200))]
    assert whole.counts.sum() == values.size
    assert len(whole.bins) <= largest or whole.bits == 0
    for order in itertools.permutations(parts):
        by_two = Sketch.merged(
            [Sketch.merged(order[:2], largest=largest), *order[2:]], largest=largest
        )
        for found in (by_two, Sketch.merged(order, largest=largest)):
            assert found.bits == whole.bits
            assert np.array_equal(found.bins, whole.bins)
            assert np.array_equal(found.counts, whole.counts)


def test_fewer_bins_are_wider_and_say_so() -> None:
    values = draws(600).reshape(600, 6)
    fine, coarse = Sketch.of(values), Sketch.of(values, largest=300)
    assert coarse.error > fine.error
    exact = np.quantile(values[:, 0], 0.5, method="lower")
    assert abs(coarse.quantiles(0, [0.5])[0] - exact) <= 2 * coarse.error * exact


@pytest.mark.parametrize("sketch", [True, False])
def test_a_chunk_s_statistics_come_back_from_their_file_bit_by_bit(
    tmp_path: Path, sketch: bool
) -> None:
    values = draws(100)
    sound = np.arange(100) % 7 != 0
    values[~sound] = np.nan
    before = ChunkStatistics.of(values, sound, sketch=sketch)
    path = tmp_path / "chunk.parquet"
    path.write_bytes(statistics_file(np.array([0.0, 1.0]), ["a", "b", "c"], before))
    after = read_statistics(path, (2, 3))
    assert (after.failed, after.moments.count) == (15, 85)
    for name in ("mean", "deviations", "minimum", "maximum"):
        assert np.array_equal(getattr(after.moments, name), getattr(before.moments, name))
    assert (after.sketch is None) == (before.sketch is None) == (not sketch)
    if before.sketch is not None and after.sketch is not None:
        assert np.array_equal(after.sketch.bins, before.sketch.bins)
        assert np.array_equal(after.sketch.counts, before.sketch.counts)


def test_many_sketches_are_merged_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    from ketasim.engine.cohort import statistics

    monkeypatch.setattr(statistics, "_WAITING", 50)
    values = draws(600)
    gathering = Gathering(Moments.empty((2, 3)))
    for piece in pieces(values, (50,) * 12):
        gathering.take(ChunkStatistics.of(piece, np.ones(50, dtype=bool), sketch=True))
    found, whole = gathering.sketch(), Sketch.of(values.reshape(600, 6))
    assert found is not None
    assert gathering.merged == 12
    assert np.array_equal(found.bins, whole.bins)
    assert np.array_equal(found.counts, whole.counts)


@pytest.fixture(scope="module")
def model(sbml: Callable[[str], str]) -> str:
    return sbml(MODEL)


@pytest.mark.parametrize("size", [7, 64, 300])
def test_a_cohort_s_statistics_are_those_of_its_trajectories(
    model: str, tmp_path: Path, size: int
) -> None:
    given: dict[str, Any] = {"probabilities": PROBABILITIES, "chunk_size": size, **arrays(300)}
    kept = solve_cohort(model, TIMES, out=tmp_path / "kept", **given)
    slim = solve_cohort(model, TIMES, out=tmp_path / "slim", keep="statistics", **given)
    values = np.concatenate([one.solution.values for one in kept.chunks()])
    for found in (kept.statistics, slim.statistics):
        assert (found.count, found.failed) == (300, 0)
        assert found.mean == pytest.approx(values.mean(axis=0), rel=1e-12)
        assert found.variance == pytest.approx(values.var(axis=0, ddof=1), rel=1e-9, abs=1e-25)
        assert np.array_equal(found.minimum, values.min(axis=0))
        assert np.array_equal(found.maximum, values.max(axis=0))
    exact = np.quantile(values, PROBABILITIES, axis=0)
    assert kept.statistics.quantile_error == 0.0
    assert np.array_equal(kept.statistics.quantiles, exact)
    error = slim.statistics.quantile_error
    assert error == 2.0**-9
    low, high = (np.quantile(values, PROBABILITIES, axis=0, method=m) for m in ("lower", "higher"))
    assert (slim.statistics.quantiles >= low - error * np.abs(low)).all()
    assert (slim.statistics.quantiles <= high + error * np.abs(high)).all()
    assert np.array_equal(slim.statistics.mean, kept.statistics.mean)


def test_quantiles_need_no_more_memory_than_some_times_at_once(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ketasim.engine.cohort import tables

    at_once = solve_cohort(model, TIMES, out=tmp_path / "a", chunk_size=16, **arrays(70))
    monkeypatch.setattr(tables, "_GATHERED", 5 * 70)  # five times of all patients
    in_parts = solve_cohort(model, TIMES, out=tmp_path / "b", chunk_size=16, **arrays(70))
    assert np.array_equal(at_once.statistics.quantiles, in_parts.statistics.quantiles)
    assert np.array_equal(at_once.patient(69).values, in_parts.patient(69).values)


def test_other_quantiles_of_a_cohort_need_no_solving(model: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"chunk_size": 16, "keep": "statistics", **arrays(70)}
    solve_cohort(model, TIMES, out=tmp_path, **given)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/part-*")}
    found = solve_cohort(model, TIMES, out=tmp_path, probabilities=[0.1], **given)
    assert found.statistics.quantiles.shape == (1, len(TIMES), 2)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_statistics_are_a_table_and_a_dataset(model: str, tmp_path: Path) -> None:
    found = solve_cohort(model, TIMES, out=tmp_path, **arrays(20)).statistics
    frame = found.to_frame()
    late = frame[(frame["output"] == "R") & (frame["time"] == 24.0)]
    assert late["mean"].item() == found.mean[-1, 1]
    assert late["quantile_0.95"].item() == found.quantiles[-1, -1, 1]
    data = found.to_xarray()
    assert data["variance"].sel(output="R", time=24.0).item() == found.variance[-1, 1]
    assert data["quantiles"].dims == ("probability", "time", "output")
    again = read_cohort(tmp_path).statistics
    for name in ("times", "mean", "variance", "minimum", "maximum", "quantiles"):
        assert np.array_equal(getattr(again, name), getattr(found, name), equal_nan=True)
    assert "20 patients (0 failed)" in repr(again)
