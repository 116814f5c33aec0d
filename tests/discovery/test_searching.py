"""The search: planted optima are found, a stop loses nothing, other folders are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from ketasim.discovery import (
    Judged,
    RobustObjective,
    Settings,
    draw_scenarios,
    hypervolume,
    parse,
    search,
    space,
)
from ketasim.discovery.compound import columns
from ketasim.errors import InputError

from .planted import Problem, zdt

if TYPE_CHECKING:
    from pathlib import Path

SHORT = Settings(generations=6, population=20, seed=3)


@pytest.mark.parametrize(("number", "volume"), [(1, 2 / 3), (2, 1 / 3)])
def test_the_front_of_a_test_problem_is_found(number: int, volume: float) -> None:
    # Under f2 = 1 - sqrt(f1) two thirds of the box are dominated, under 1 - f1^2 a third.
    settings = Settings(generations=250, population=60, seed=1)
    found = search(zdt(number), settings, progress=False)
    front = found.judged.objectives[found.front()]
    assert hypervolume(front, np.ones(2)) == pytest.approx(volume, rel=0.02)


def planted() -> tuple[Problem, npt.NDArray[np.float64]]:
    """Six conflicting aims around one compound: the middle of them is known."""
    compound = parse("nmda_ic50=4, trapping=0.9, half_life=6, dose=3, brain_penetration=0.6, "
                     "interneuron_preference=2, glun2b_preference=8, route=nasal")  # fmt: skip
    place = space().points(columns([compound]))[0]
    weights = np.random.default_rng(5).dirichlet(np.ones(len(place)), 6)

    def distance(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(((points[:, None, :] - place) ** 2 * weights).sum(axis=2))

    return Problem(distance, len(place), tuple("abcdef")), place


def test_a_planted_compound_is_found() -> None:
    problem, place = planted()
    found = search(problem, Settings(120, 60, 1), progress=False)
    front = found.front()
    best = found.points[front][np.argmin(found.judged.objectives[front].sum(axis=1))]
    # All six aims are met at once by the planted compound and by no other.
    assert best == pytest.approx(place, abs=0.05)
    made = space().values(best[None, :])
    assert made["route"][0] == 2.0
    assert made["nmda_ic50"][0] == pytest.approx(4.0, rel=0.25)


def test_a_seed_is_a_search(tmp_path: Path) -> None:
    first, again = (search(zdt(1), SHORT, progress=False) for _ in range(2))
    other = search(zdt(1), Settings(6, 20, 4), progress=False)
    assert np.array_equal(first.points, again.points)
    assert not np.array_equal(first.points, other.points)


@pytest.mark.parametrize("stop", [0, 1, 4])
def test_an_interrupted_search_goes_on_and_gives_the_same_front(tmp_path: Path, stop: int) -> None:
    whole = search(zdt(1), SHORT, progress=False)
    halted = zdt(1)
    halted.stop_at = stop
    with pytest.raises(KeyboardInterrupt):
        search(halted, SHORT, out=tmp_path / "search", progress=False)
    assert len(list((tmp_path / "search").rglob("generation-*.parquet"))) == stop
    going_on = zdt(1)
    done = search(going_on, SHORT, out=tmp_path / "search", progress=False)
    assert (done.resumed, going_on.calls) == (stop, SHORT.generations - stop)
    assert np.array_equal(done.points, whole.points)
    assert np.array_equal(done.judged.objectives, whole.judged.objectives)
    assert np.array_equal(done.front(), whole.front())


def test_more_generations_go_on_from_the_same_folder(tmp_path: Path) -> None:
    search(zdt(1), SHORT, out=tmp_path, progress=False)
    longer = Settings(SHORT.generations + 2, SHORT.population, SHORT.seed)
    done = search(zdt(1), longer, out=tmp_path, progress=False)
    assert done.resumed == SHORT.generations
    assert np.array_equal(done.points, search(zdt(1), longer, progress=False).points)


def test_what_others_draw_in_between_changes_nothing() -> None:
    problem = zdt(1)
    plain = problem.function
    problem.function = lambda x: plain(x) + 0.0 * np.random.random()
    np.random.seed(11)
    before = np.random.get_state()[1].copy()
    assert np.array_equal(
        search(problem, SHORT, progress=False).points, search(zdt(1), SHORT, progress=False).points
    )
    np.random.seed(11)
    assert np.array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize(
    ("change", "part"),
    [({"seed": 9}, "seed"), ({"population": 24}, "population"), ({}, "objective")],
)
def test_the_folder_of_another_search_is_refused(
    tmp_path: Path, change: dict[str, int], part: str
) -> None:
    search(zdt(1), SHORT, out=tmp_path, progress=False)
    other = zdt(1)
    if not change:
        other.fingerprint = "another model"
    with pytest.raises(InputError, match=part):
        search(other, Settings(**{**vars(SHORT), **change}), out=tmp_path, progress=False)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(InputError, match="something else"):
        search(zdt(1), SHORT, out=tmp_path, progress=False)
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_broken_generation_is_one_sentence(tmp_path: Path) -> None:
    search(zdt(1), SHORT, out=tmp_path, progress=False)
    (tmp_path / "generations" / "generation-00002.parquet").write_bytes(b"no")
    with pytest.raises(InputError, match=r"generation-00002.parquet: the file is no generation"):
        search(zdt(1), SHORT, out=tmp_path, progress=False)


@pytest.mark.parametrize("words", [{"generations": 0}, {"population": 2}, {"seed": -1}])
def test_settings_that_cannot_be(words: dict[str, int]) -> None:
    with pytest.raises(InputError, match="or more"):
        Settings(**words)


def test_limits_keep_points_off_the_front() -> None:
    problem = zdt(1)
    plain = problem.function

    def limited(points: npt.NDArray[np.float64]) -> Judged:
        return Judged(plain(points), (0.4 - points[:, :1]))

    limited_problem = Problem(plain, 8, ("a", "b"))
    limited_problem.__class__ = type("Limited", (Problem,), {"__call__": lambda _, x: limited(x)})
    found = search(limited_problem, Settings(30, 20, 1), progress=False)
    front = found.points[found.front()]
    assert len(front) > 3
    assert (front[:, 0] >= 0.4).all()


def test_progress_counts_generations() -> None:
    told: list[tuple[int, int]] = []
    search(zdt(1), SHORT, progress=lambda done, total: told.append((done, total)))
    assert told == [(k, 6) for k in range(1, 7)]


NARROW = {
    "off_rate": (0.22, 0.22), "glun2b_preference": (1.05, 1.05), "kor_efficacy": (1.0, 1.0),
    "kor_ki": (28.2, 28.2), "hnk_ec50": (1000.0, 1000.0), "ht1b_ec50": (100.0, 100.0),
    "mor_efficacy": (0.0, 0.0), "ampa_potentiation": (0.0, 0.0), "route": (0.0, 0.0),
}  # fmt: skip


def spread(objective: RobustObjective, settings: list[Settings]) -> float:
    volumes = []
    for one in settings:
        found = search(objective, one, progress=False)
        volumes.append(hypervolume(found.judged.objectives[found.front()]))
    return float(np.ptp(volumes) / np.mean(volumes))


@pytest.mark.sweep
def test_fronts_of_three_seeds_are_the_same_front() -> None:
    # Blockers given as an infusion: what is left is affinity, trapping, preference, penetration,
    # half-life, mu affinity and dose.
    scenarios = draw_scenarios(["article", "mtor_sparing", "no_opioid"], draws=2)
    objective = RobustObjective(space().narrowed(NARROW), scenarios)
    assert spread(objective, [Settings(50, 160, seed) for seed in (1, 2, 3)]) < 0.03


@pytest.mark.sweep
def test_fronts_of_the_whole_search_are_the_same_front() -> None:
    objective = RobustObjective(space(), draw_scenarios(draws=2))
    assert spread(objective, [Settings(100, 300, seed) for seed in (1, 2, 3)]) < 0.03
