"""What is said of properties and of known blockers: closed forms, and reasons taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ketasim.discovery import (
    RobustObjective,
    Scenarios,
    Settings,
    discover,
    draw_scenarios,
    felt_properties,
    known_compound,
    known_compounds,
    map_of,
    outcomes_of,
    reasons,
    sobol,
    space,
    worth_of_properties,
)
from ketasim.discovery.blockers import matched_exposure
from ketasim.discovery.sensitivity import indices_of
from ketasim.discovery.shipping import ship, shipped
from ketasim.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

    from ketasim.discovery import Discovery, Reasons, Worth


def ishigami(points: np.ndarray) -> np.ndarray:
    x = np.pi * (2.0 * points - 1.0)
    return np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_indices_are_those_of_ishigamis_function() -> None:
    from SALib.sample import sobol as sampler

    names = ("a", "b", "c")
    problem = {"num_vars": 3, "names": list(names), "bounds": [[0.0, 1.0]] * 3}
    points = sampler.sample(problem, 4096, calc_second_order=False, seed=1)
    table = indices_of(names, ishigami(points), 1).set_index("property")
    # Closed forms for the constants 7 and 0.1.
    assert table["s1"].tolist() == pytest.approx([0.3139, 0.4424, 0.0], abs=0.02)
    assert table["st"].tolist() == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.02)
    assert (table["st_low"] < table["st"]).all()
    assert (table["st"] < table["st_high"]).all()


@pytest.mark.parametrize(("fill", "why"), [(1.0, "does not vary"), (np.nan, "could not be solved")])
def test_an_outcome_without_an_index_says_why(fill: float, why: str) -> None:
    table = indices_of(("a", "b"), np.full(32, fill), 1)
    assert table["st"].isna().all()
    assert table["status"].str.contains(why).all()


def test_what_has_no_edge_moves_nothing(scenarios: Scenarios) -> None:
    few = draw_scenarios(["article"], draws=1)
    table = sobol(space(), few, samples=16, around=known_compound("ketamine"))
    moved = table.frame.query("hypothesis == 'all'").groupby("property")["st"].max()
    assert moved["kor_efficacy"] == pytest.approx(0.0, abs=1e-6)
    assert moved["off_rate"] < 0.01
    assert moved["dose"] > 0.1


def test_a_base_sample_that_is_no_power_of_two_is_refused(scenarios: Scenarios) -> None:
    with pytest.raises(InputError, match="power of two"):
        sobol(space(), scenarios, samples=100)


@pytest.fixture(scope="module")
def worth(objective: RobustObjective) -> Worth:
    return worth_of_properties(objective)


def test_every_property_has_a_worth_and_none_is_negative(worth: Worth) -> None:
    assert set(worth.frame["property"]) == set(space().names)
    assert (worth.frame["worth"] >= 0.0).all()
    assert worth.frame["worth"].is_monotonic_decreasing
    assert (worth.frame["low"] <= worth.frame["high"]).all()
    for _, rows in worth.frame.groupby("part"):
        assert rows["first_share"].sum() == pytest.approx(1.0)


def test_the_worth_is_the_gain_that_solving_the_compound_gives(
    worth: Worth, objective: RobustObjective
) -> None:
    most = worth.most()
    ketamine = known_compound("ketamine")
    better = ketamine.with_values({str(most["property"]): float(most["best"])}, "better")
    if most["property"] == "nmda_ic50":
        better = better.with_values({"dose": 2.1 * float(most["best"]) / 1.42})
    if most["property"] == "brain_penetration":
        better = better.with_values({"dose": 2.1 / float(most["best"])})
    # As anybody's compound, not as one of ketamine's family.
    plain = [
        one.__class__(**{**vars(one), "follows_ketamine": False}) for one in (ketamine, better)
    ]
    judged = objective.judge(outcomes_of(plain, objective.scenarios)).objectives
    assert (judged[0] - judged[1]).mean() == pytest.approx(float(most["worth"]), abs=1e-3)


def test_what_nothing_carries_is_worth_nothing(worth: Worth) -> None:
    rows = worth.frame.set_index("property")
    assert rows.loc["kor_efficacy", "worth"] == 0.0


@pytest.fixture(scope="module")
def blockers(scenarios: Scenarios) -> Reasons:
    return reasons(scenarios)


@pytest.mark.parametrize("name", ["memantine", "lanicemine"])
def test_blockers_land_below_ketamine_by_trapping_where_a_hypothesis_can_tell(
    blockers: Reasons, name: str
) -> None:
    rows = blockers.frame.query("compound == @name").set_index("hypothesis")
    assert rows["below"].all()
    assert set(blockers.telling(name)) | set(blockers.silent(name)) == set(rows.index)
    # In the misreading the effect is agonism, so that trapping cannot matter there.
    assert blockers.silent(name) == ("opioid_agonist",)
    told = rows.drop(index="opioid_agonist")
    assert (told["trapping_part"] > 0.9).all()
    assert (told["matched"] < 0.7 * told["ketamine"]).all()
    assert (told["matched_needed"] <= told["matched_not_needed"]).all()
    assert (told["matched_not_needed"] < told["ketamine"]).all()
    assert told["why"].str.startswith("trapping").all()
    assert rows.loc["opioid_agonist", "why"].startswith("not trapping")


def test_on_the_map_no_blocker_has_ketamines_robust_benefit(objective: RobustObjective) -> None:
    table = map_of(known_compounds(), objective, "known").set_index("compound")
    for name in ("memantine", "lanicemine"):
        assert table.loc[name, "benefit_24h"] < 0.5 * table.loc["ketamine", "benefit_24h"]
        assert table.loc[name, "hypotheses_better"] == 0.0


def test_matched_compounds_occupy_as_many_receptors(scenarios: Scenarios) -> None:
    ketamine = known_compound("ketamine")
    pair = [ketamine, matched_exposure(known_compound("memantine"), ketamine)]
    block = outcomes_of(pair, scenarios).side["nmda_block"]
    assert block[1] == pytest.approx(block[0], rel=0.02)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Discovery:
    return discover(
        Settings(12, 40, 1), draws=2, out=tmp_path_factory.mktemp("search"), progress=False
    )


def test_a_search_offers_what_every_result_does(found: Discovery, tmp_path: Path) -> None:
    assert {"known", "candidate"} == set(found.to_frame()["kind"])
    assert found.summary()["keeps_limits"].any()
    assert found.to_xarray()["pressure"].attrs["units"] == "mmHg"
    assert "gilling2009" in found.citations()
    assert found.course["hypervolume"].is_monotonic_increasing
    for kind in ("map", "front", "course"):
        assert found.plot(kind).to_dict()["data"]
    folder = found.save(tmp_path / "out")
    assert {one.name for one in folder.iterdir()} == {
        "map.csv", "tried.csv", "course.csv", "properties.csv", "figures.html", "manifest.json",
    }  # fmt: skip
    assert "candidate" in found._repr_html_()
    with pytest.raises(UnknownNameError, match="course"):
        found.plot("cours")


def test_nothing_on_the_front_is_beaten_or_breaks_a_limit(found: Discovery) -> None:
    front = found.found.judged.objectives[found.found.front()]
    for one in front:
        assert not ((front <= one).all(axis=1) & (front < one).any(axis=1)).any()
    assert (found.found.judged.violations[found.found.front()] <= 0.0).all()
    candidates = found.frame[found.frame["kind"] == "candidate"]
    assert candidates["keeps_limits"].all()


def test_a_shipped_front_is_read_as_it_was_written(found: Discovery, tmp_path: Path) -> None:
    again = shipped(ship(found, "ketasim discover", tmp_path))
    assert [one.record() for one in again.compounds] == [one.record() for one in found.candidates]
    assert again.about["tried"] == 480


def test_a_missing_front_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no front of a search; expected front.csv"):
        shipped(tmp_path)


def test_the_shipped_front_lies_within_the_bounds() -> None:
    kept = shipped()
    assert len(kept.compounds) > 10
    for one in kept.compounds:
        one.check_bounds()


def test_shipped_compounds_keep_more_benefit_or_less_harm_than_ketamine(
    objective: RobustObjective,
) -> None:
    # On other draws than those that were searched.
    table = map_of(shipped().compounds, objective, "candidate")
    assert table["beats_ketamine"].sum() >= 5
    ketamine = map_of(known_compounds()[:1], objective, "known")
    assert table["score"].mean() > ketamine["score"].iloc[0]


@pytest.mark.sweep
def test_a_part_of_the_shipped_search_gives_what_it_gave() -> None:
    kept = shipped()
    scenarios = draw_scenarios(draws=int(kept.about["draws"]))
    objective = RobustObjective(space(), scenarios, float(kept.about["quantile"]))
    judged = objective.judge(outcomes_of(list(kept.compounds), scenarios))
    # All of them were on the front of this search: none breaks a limit, none beats another.
    if kept.is_current():
        assert (judged.violations <= 1e-6).all()
        for one in judged.objectives:
            better = (judged.objectives <= one - 1e-6).all(axis=1)
            assert not better.any()
    assert (judged.objectives[:, 2:].max(axis=1) <= 1.0).all()


def test_a_compound_misses_what_an_objective_feels(objective: RobustObjective) -> None:
    ketamine = known_compound("ketamine")
    changed = ketamine.with_values({"trapping": 0.6, "off_rate": 5.0, "kor_efficacy": 0.0})
    assert felt_properties(changed, objective) == ("trapping",)
