"""The same patients in every arm, the same numbers for the same seed, and who failed is left out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError, UnknownNameError
from ketasim.experiments import ArmCache, ArmCourse, ExperimentResult, experiment, list_experiments
from ketasim.experiments import running as running_module
from ketasim.experiments.arms import shared_cache, solve_arm, time_grid
from ketasim.model import Model, load_model
from ketasim.population import Cohort, virtual_patients

if TYPE_CHECKING:
    from pathlib import Path
    from types import SimpleNamespace

    from ketasim.experiments.design import Arm

Run = Callable[..., ExperimentResult]
AMPA = replace(experiment("ampa"), readouts=("relief",))
SWEPT = replace(
    experiment("naltrexone"),
    arms=tuple(
        one for one in experiment("naltrexone").arms
        if one.sweep == "occupancy" or one.name in ("ketamine", "naltrexone")
    ),
    sweeps=experiment("naltrexone").sweeps[2:],
    readouts=("mor_occupancy_naltrexone",),
    evidence=(), shown=(),
)  # fmt: skip
MINE = """
name: mine
title: Mine
statement: Half of the PKA brake, and mTORC1 does nothing.
refuted_by: Anything.
switches: {sw_camp: 0.5}
overrides: {mtorc1_share_fast: 0.0, mtorc1_share_slow: 0.0}
expected:
  - {experiment: mtor, arm: rapamycin+ketamine, lower: 0.9}
"""


SOLVED = ArmCache()


def ampa(**options: object) -> ExperimentResult:
    """A small run; what is not about solving shares the solved arms."""
    asked = {"hypotheses": ["article"], "patients": 6, "cache": SOLVED, **options}
    return AMPA.run(**asked)  # type: ignore[arg-type]


def assert_same(first: ExperimentResult, second: ExperimentResult) -> None:
    for name in ("predictions", "shares", "sweeps"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name), check_exact=True)
    pd.testing.assert_frame_equal(
        first.comparison_frame(), second.comparison_frame(), check_exact=True
    )


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    first = ampa(cache=ArmCache())
    assert_same(first, ampa(cache=ArmCache()))
    other = ampa(seed=2)
    rows = first.predictions["time_h"] == 24.0
    assert (first.predictions["value"][rows] != other.predictions["value"][rows]).any()


def test_numbers_from_the_cache_are_those_of_a_fresh_solve() -> None:
    cache = ArmCache()
    first = ampa(cache=cache)
    solved, hits = len(cache), cache.hits
    assert_same(first, ampa(cache=cache))
    assert len(cache) == solved == len(AMPA.arms)
    assert cache.hits == hits + len(AMPA.arms)


def test_an_arm_that_two_experiments_share_is_solved_once() -> None:
    cache = ArmCache()
    ampa(cache=cache)
    mtor = replace(experiment("mtor"), readouts=("relief",), evidence=(), shown=())
    mtor.run(hypotheses=["article"], patients=6, cache=cache)
    assert len(cache) == len(AMPA.arms) + len(mtor.arms) - 1


def test_without_a_cache_of_its_own_an_experiment_fills_the_processes_own() -> None:
    before = shared_cache().hits, len(shared_cache())
    ampa(cache=None)
    ampa(cache=None)
    assert shared_cache().hits >= before[0] + len(AMPA.arms)


def test_a_patient_does_not_depend_on_how_many_there_are(cache: ArmCache) -> None:
    model, arm = load_model("article"), AMPA.arm("ketamine")
    few, many = (solve_arm(model, arm, virtual_patients(model, n), cache) for n in (4, 12))
    assert np.array_equal(few.course("relief"), many.course("relief")[:4])


def test_the_sweep_of_a_larger_cohort_is_over_its_first_patients(run: Run) -> None:
    # 24 patients carry a sweep of the quick size, whatever the cohort.
    cache = ArmCache()
    small, large = (
        SWEPT.run(hypotheses=["article"], patients=n, cache=cache).sweeps for n in (24, 30)
    )
    pd.testing.assert_frame_equal(small, large, check_exact=True)
    assert (small["value"].diff().dropna() > 0).all()


@pytest.fixture
def one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patient 2 cannot be solved when NBQX is given before ketamine, and only then."""

    def solved(model: Model, arm: Arm, cohort: Cohort, cache: ArmCache) -> ArmCourse:
        course = solve_arm(model, arm, cohort, cache)
        if arm.name != "nbqx+ketamine":
            return course
        values = {name: one.copy() for name, one in course.values.items()}
        for one in values.values():
            one[2, 5:] = np.nan
        return replace(course, values=values, failed=1)

    monkeypatch.setattr(running_module, "solve_arm", solved)


@pytest.mark.usefixtures("one_fails")
def test_who_fails_in_one_arm_is_left_out_of_all(cache: ArmCache) -> None:
    result = ampa(cache=cache)
    model = load_model("article")
    cohort = virtual_patients(model, 6)
    others = cohort.select([0, 1, 3, 4, 5])
    table = result.to_frame()
    table = table[table["readout"] == "relief"]
    effects = {}
    for arm in AMPA.arms:
        kept = solve_arm(model, arm, others, cache).course("relief")
        effects[arm.name] = kept[:, time_grid(336.0) == 24.0]
        mine = table["value"][table["arm"] == arm.name].to_numpy()
        assert mine == pytest.approx(np.median(kept, axis=0), rel=1e-9, abs=1e-12)
    share = np.median(effects["nbqx+ketamine"] / effects["ketamine"])
    rows = result.shares[result.shares["arm"] == "nbqx+ketamine"].set_index("time_h")
    assert rows.loc[24.0, "value"] == pytest.approx(share)
    assert any("1 of 6 patients could not be solved" in one for one in result.warnings)


def test_who_fails_in_a_sweep_only_is_mentioned_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def solved(model: Model, arm: Arm, cohort: Cohort, cache: ArmCache) -> ArmCourse:
        course = solve_arm(model, arm, cohort, cache)
        if arm.sweep != "occupancy" or arm.at != 5.0:
            return course
        relief = course.values["relief"].copy()
        relief[[0, 3]] = np.nan
        return replace(course, values={**course.values, "relief": relief})

    monkeypatch.setattr(running_module, "solve_arm", solved)
    result = SWEPT.run(hypotheses=["article"], patients=6, cache=ArmCache())
    assert any("2 of 6 patients could not be solved" in one for one in result.warnings)
    # Who failed at 5 mg is left out at every dose.
    alone = solve_arm(
        load_model("article"),
        SWEPT.arm("naltrexone 50 mg alone"),
        virtual_patients(load_model("article"), 6).select([1, 2, 4, 5]),
        ArmCache(),
    )
    rows = result.sweeps.set_index("at")["value"]
    assert rows[50.0] == pytest.approx(np.median(alone.at("mor_occupancy_naltrexone", 4.0)))


def test_without_failures_nothing_is_said_of_them(run: Run) -> None:
    assert not [one for one in run("ampa").warnings if "could not be solved" in one]


def test_a_change_of_parameters_is_said_and_kept() -> None:
    result = ampa(overrides={"opioid_tone": 0.2})
    assert "parameters were changed for this run: opioid_tone = 0.2" in result.warnings
    assert result.manifest.options["overrides"] == {"opioid_tone": 0.2}
    assert result.manifest.parameter_hash != ampa().manifest.parameter_hash


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"patients": 3}, "3 patients are too few for an interval; expected at least 4"),
        ({"overrides": {"opioid_tune": 0.2}}, "no parameter 'opioid_tune'.*opioid_tone"),
        ({"overrides": {"opioid_tone": 7.0}}, "opioid_tone = 7 is outside its bounds"),
        ({"hypotheses": []}, "no hypothesis is given; expected at least one, or None for all"),
        ({"hypotheses": ["article", "no_opioid", "article"]}, "'article' is given twice"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence(
    options: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        ampa(**options)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "article.yaml"
    path.write_text("{name: article, title: x, statement: x, refuted_by: x}", "utf-8")
    with pytest.raises(InputError, match="'article' is given twice; expected different names"):
        ampa(hypotheses=["article", str(path)])


def test_other_evidence_is_seen_in_manifest_and_warnings(table: pd.DataFrame) -> None:
    shipped = ampa()
    hashes = {shipped.manifest.evidence_hash}
    said = "the observations are not the shipped ones"
    assert said not in shipped.warnings
    for other in (table.assign(use="fit"), table.iloc[1:], table.assign(use="context")):
        result = ampa(evidence=other)
        assert said in result.warnings
        hashes.add(result.manifest.evidence_hash)
    assert len(hashes) == 4


def test_assumed_parameters_of_the_context_are_said_and_no_others(
    by_hand: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (said,) = [one for one in ampa().warnings if "assumed" in one]
    assert said.startswith("context parameters that are assumed: ")
    monkeypatch.setattr(running_module, "load_context", by_hand.context)
    assert ampa().warnings == ()


def test_an_unknown_size_is_refused_in_one_sentence() -> None:
    unchecked = inspect.unwrap(running_module.run_experiment)
    with pytest.raises(InputError, match="there is no size 'huge'; expected quick or full"):
        unchecked(AMPA, "huge")


def test_an_unknown_hypothesis_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean article"):
        ampa(hypotheses=["artikle"])


def test_the_two_sizes_are_a_cohort_for_reading_and_a_large_one() -> None:
    assert dict(running_module.PATIENTS) == {"quick": 64, "full": 1000}
    full = ampa(size="full")
    assert (full.size, full.patients) == ("full", 6)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "mine.yaml"
    path.write_text(MINE, "utf-8")
    return path


@pytest.mark.parametrize("name", list_experiments("claim"))
def test_a_hypothesis_in_one_file_appears_in_every_experiment(
    name: str, own: Path, cache: ArmCache
) -> None:
    small = replace(
        experiment(name),
        sweeps=experiment(name).sweeps[-1:],
        readouts=experiment(name).readouts[:1],
    )
    result = small.run(hypotheses=["article", str(own)], patients=4, cache=cache)
    assert result.hypotheses == ("article", "mine")
    assert set(result.summary().index) == {"article", "mine"}
    for table in (result.predictions, result.shares, result.comparison_frame()):
        assert set(table["hypothesis"]) == {"article", "mine"}
    assert result.sweeps.empty or set(result.sweeps["hypothesis"]) == {"article", "mine"}
    assert "mine" in result.record()["hypotheses"]
    assert "uncalibrated" in str(result.verdicts["mine"])
    assert any("mine has no calibration of its own" in one for one in result.warnings)
    figure = result.plot(arms=["ketamine"])
    assert "mine (uncalibrated)" in {one.name for one in figure.data}


def test_a_hypothesis_in_a_file_predicts_by_its_own_parameters(own: Path, cache: ArmCache) -> None:
    mtor = replace(experiment("mtor"), readouts=("relief",), evidence=(), shown=())
    result = mtor.run(hypotheses=["article", own], patients=4, cache=cache)
    shares = result.shares.set_index(["hypothesis", "arm", "time_h"])["value"]
    assert shares["article", "rapamycin+ketamine", 24.0] < 0.2
    # Without any need of mTORC1 rapamycin leaves everything.
    assert shares["mine", "rapamycin+ketamine", 24.0] == pytest.approx(1.0, abs=0.01)
    expected = result.record()["hypotheses"]["mine"]["expected"]
    assert [one["met"] for one in expected] == [True]
