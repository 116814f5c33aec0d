"""What the mechanism asks of each experiment: its arms, doses, readouts and evidence are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ketasim.dosing import compile_regimen, regimen
from ketasim.evidence import bibliography
from ketasim.experiments import (
    ArmCache,
    ExperimentResult,
    experiment,
    list_experiments,
    list_readouts,
    readout,
)
from ketasim.experiments.comparison import NOT_GIVEN
from ketasim.experiments.rules import change_rule
from ketasim.model import load_model

if TYPE_CHECKING:
    import pandas as pd

    from ketasim.experiments.comparison import Comparison
    from ketasim.experiments.design import Arm, Experiment

Run = Callable[..., ExperimentResult]


def drugs(arm: Arm) -> set[str]:
    return {dose.drug for dose in regimen(arm.regimen).doses} if arm.regimen else set()


def arms_of(name: str, *given: str) -> list[Arm]:
    return [arm for arm in experiment(name).arms if drugs(arm) == set(given)]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("naltrexone", {"naltrexone"}),
        ("naltrexone", {"morphine"}),
        ("naltrexone", {"naltrexone", "ketamine"}),
        ("naltrexone", {"midazolam"}),
        ("mtor", {"rapamycin"}),
        ("mtor", {"rapamycin", "ketamine"}),
        ("mtor", {"rapamycin", "arketamine"}),
        ("mtor", {"rapamycin", "esketamine"}),
        ("ampa", {"nbqx"}),
        ("ampa", {"nbqx", "ketamine"}),
        ("serotonin", {"pcpa"}),
        ("serotonin", {"pcpa", "ketamine"}),
        ("serotonin", {"pcpa", "ketamine", "cp94253"}),
        ("serotonin", {"gr127935", "ketamine"}),
        ("serotonin", {"cp94253"}),
        ("camp", {"rolipram", "ketamine"}),
        ("camp", {"forskolin", "ketamine"}),
        ("camp", {"rolipram"}),
        ("camp", {"forskolin"}),
        ("occupancy", {"esketamine"}),
        ("occupancy", {"ketamine"}),
    ],
)
def test_the_arms_that_the_mechanism_asks_for_are_given(name: str, given: set[str]) -> None:
    assert arms_of(name, *given)


@pytest.mark.parametrize("name", list_experiments("claim"))
def test_every_experiment_gives_ketamine_as_in_the_trials(name: str) -> None:
    arm = experiment(name).arm("ketamine")
    (dose,) = regimen(arm.regimen).doses
    assert "0.5 mg/kg iv over 40 min" in arm.regimen
    assert (dose.drug, arm.reference) == ("ketamine", "ketamine")


def test_naltrexone_is_given_in_several_doses_up_to_the_clinical_one() -> None:
    doses = sorted(arm.at for arm in experiment("naltrexone").arms if arm.sweep == "dose")
    alone = sorted(arm.at for arm in experiment("naltrexone").arms if arm.sweep == "occupancy")
    assert doses == alone
    assert len(doses) >= 4
    assert doses[-1] == 50.0


def test_opioid_tone_is_swept_from_its_lower_to_the_assumed_value_and_beyond() -> None:
    table = load_model("article").table.loc["opioid_tone"]
    tones = [arm.overrides["opioid_tone"] for arm in experiment("naltrexone").arms if arm.overrides
             and "opioid_tone" in arm.overrides]  # fmt: skip
    assert min(tones) == table["lower"]
    assert min(tones) < table["value"] < max(tones) <= table["upper"]


def test_a_raptor_blind_to_pka_stands_beside_the_arms_it_explains() -> None:
    for name, arm, twin in (
        ("naltrexone", "raptor_blind+naltrexone+ketamine", "naltrexone+ketamine"),
        ("camp", "raptor_blind+rolipram+ketamine", "rolipram+ketamine"),
        ("camp", "raptor_blind+forskolin", "forskolin"),
    ):
        blind, seeing = experiment(name).arm(arm), experiment(name).arm(twin)
        assert blind.overrides == {"raptor_pka_blind": 1.0}
        assert blind.regimen == seeing.regimen
        assert not seeing.overrides


def test_occupancy_goes_from_less_than_the_antidepressant_dose_to_anaesthesia() -> None:
    arms = [arm for arm in experiment("occupancy").arms if arm.sweep == "dose"]
    doses = [arm.at for arm in arms]
    assert min(doses) < 0.5 < 2.0 <= max(doses)
    assert any("over 1 min" in arm.regimen and "2 mg/kg" in arm.regimen for arm in arms)
    routes = {dose.route for arm in arms_of("occupancy", "esketamine")
              for dose in regimen(arm.regimen).doses}  # fmt: skip
    assert {"iv", "nasal"} <= routes
    assert {"nmda_occupancy", "mor_occupancy_ketamine", "kor_occupancy_ketamine"} <= set(
        experiment("occupancy").readouts
    )


def test_the_agonist_that_rescues_comes_two_hours_before_its_test() -> None:
    for arm, test_h in (("pcpa+cp94253+ketamine", 24.0), ("pcpa+cp94253 early+ketamine", 1.0)):
        doses = regimen(experiment("serotonin").arm(arm).regimen).doses
        (start,) = [dose.start_h for dose in doses if dose.drug == "cp94253"]
        assert start == test_h - 2.0


def test_inhibitors_are_given_before_ketamine() -> None:
    for name in ("naltrexone", "mtor", "ampa", "camp"):
        for arm in experiment(name).main_arms:
            doses = regimen(arm.regimen).doses
            ketamine = [one.start_h for one in doses if "ketamine" in one.drug]
            others = [one.start_h for one in doses if "ketamine" not in one.drug]
            if ketamine and others:
                assert min(others) < min(ketamine)


@pytest.mark.parametrize("name", list_experiments("claim"))
def test_every_dose_of_every_arm_can_be_given(name: str) -> None:
    model = load_model("article")
    for arm in experiment(name).arms:
        changed = model.with_values(arm.overrides)
        assert compile_regimen(regimen(arm.regimen), changed).targets
        assert arm.control in ("active", "midazolam")


@pytest.mark.parametrize("name", list_experiments())
def test_a_claim_says_what_stands_against_it_and_cites_what_exists(name: str) -> None:
    claim = experiment(name).claim
    assert min(len(claim.text), len(claim.article), len(claim.against)) > 40
    assert claim.sources
    assert set(claim.sources) <= set(bibliography())


def rows_named(design: Experiment) -> set[str]:
    maps = (design.arm_of, design.contrast_of, design.readout_of, design.set_aside)
    return {row for one in maps for row in one} | {
        row for sweep in design.sweeps for row in sweep.points
    }


@pytest.mark.parametrize("name", list_experiments("claim"))
def test_every_row_that_an_experiment_names_is_in_its_evidence(
    name: str, table: pd.DataFrame
) -> None:
    design = experiment(name)
    shown = [*design.evidence, *design.shown]
    assert set(shown) <= {*table["experiment"], *table["id"]}
    used = table[table["experiment"].isin(shown) | table["id"].isin(shown)]
    assert rows_named(design) <= set(used["id"])
    assert set(design.scale_of) | set(design.crossover) <= set(used["source"])


@pytest.mark.parametrize("name", list_experiments("claim"))
def test_every_name_inside_an_experiment_is_one_of_its_own(name: str) -> None:
    design = experiment(name)
    arms = {arm.name for arm in design.arms}
    assert set(design.deciding_arms) | set(design.contrast_of.values()) <= arms
    elsewhere = {one for one in design.arm_of.values() if not one.startswith(NOT_GIVEN)}
    assert elsewhere <= arms
    read = {*design.readouts, *design.readout_of.values()}
    read |= {one for sweep in design.sweeps for one in sweep.readouts}
    assert read <= set(list_readouts())
    assert {arm.sweep for arm in design.arms} - {""} == {sweep.name for sweep in design.sweeps}


@pytest.mark.parametrize("name", list_experiments("claim"))
def test_arms_of_a_sweep_have_places_and_a_line(name: str) -> None:
    for arm in experiment(name).arms:
        assert np.isfinite(arm.at) == bool(arm.sweep and not arm.hidden)
        assert bool(arm.line) == bool(arm.sweep and not arm.hidden)
        assert arm.hidden or arm not in experiment(name).main_arms or not arm.sweep


def median_at(result: ExperimentResult, arm: str, name: str, time_h: float) -> float:
    rows = result.to_frame()
    rows = rows[rows["hypothesis"] == "article"]
    rows = rows[(rows["arm"] == arm) & (rows["readout"] == name) & (rows["time_h"] == time_h)]
    return float(rows["value"].iloc[0])


@pytest.mark.parametrize(
    ("name", "arm", "what", "bounds"),
    [
        # Each tool does in the model what it is given for, and ketamine alone does not.
        ("naltrexone", "naltrexone+ketamine", "mor_occupancy_naltrexone", (0.8, 1.0)),
        ("naltrexone", "ketamine", "mor_occupancy_ketamine", (0.0, 0.05)),
        ("naltrexone", "naltrexone+ketamine", "mtorc1", (0.0, 1.2)),
        ("naltrexone", "raptor_blind+naltrexone+ketamine", "mtorc1", (1.3, 9.0)),
        ("mtor", "rapamycin", "mtorc1", (0.0, 0.2)),
        ("ampa", "nbqx", "ampa_drive", (-0.2, 0.05)),
        ("serotonin", "pcpa", "serotonin", (0.0, 0.15)),
        ("camp", "rolipram", "camp", (1.2, 9.0)),
        ("camp", "forskolin", "camp", (1.2, 9.0)),
        ("occupancy", "ketamine", "nmda_occupancy", (0.1, 0.4)),
    ],
)
def test_a_tool_does_what_it_is_given_for(
    name: str, arm: str, what: str, bounds: tuple[float, float], run: Run
) -> None:
    assert bounds[0] <= median_at(run(name), arm, what, 1.0) <= bounds[1]
    assert readout(what).unit


def test_more_ketamine_means_more_occupancy(run: Run) -> None:
    swept = run("occupancy", sweeps=True).sweeps
    for what in ("nmda_occupancy", "mor_occupancy_ketamine"):
        rows = swept[(swept["readout"] == what) & (swept["line"] == "iv over 40 min")]
        assert (rows.sort_values("at")["value"].diff().dropna() > 0).all()
        assert rows["value"].between(0.0, 1.0).all()


def test_glutamate_of_rats_is_an_inverted_u_of_the_dose(run: Run, table: pd.DataFrame) -> None:
    result = run("occupancy", sweeps=True)
    (design,) = [one for one in result.experiment.sweeps if one.name == "rat"]
    rows = result.sweeps[
        (result.sweeps["sweep"] == "rat") & (result.sweeps["hypothesis"] == "article")
    ]
    glutamate = rows[rows["readout"] == "glutamate"].set_index("at")
    assert set(glutamate["time_h"]) == {design.time_h}
    assert 0.0 < design.time_h < 1.0
    departure = glutamate["value"] - 1.0
    for dose, way in ((10.0, "up"), (20.0, "up"), (30.0, "up"), (50.0, "none"), (200.0, "down")):
        row = table[table["id"] == f"glutamate-rat-{dose:g}"].iloc[0]
        assert (row["direction"], row["dose"]) == (way, f"{dose:g} mg/kg")
        rule = change_rule(way)
        assert rule is not None
        assert rule.met(departure[dose]), dose
    assert abs(departure[50.0]) < 0.1
    # More ketamine all along, and most glutamate at none of the ends.
    free = rows[rows["readout"] == "ketamine_free_brain"].sort_values("at")["value"]
    assert (free.diff().dropna() > 0).all()
    assert departure.idxmax() in (10.0, 20.0, 30.0)


def test_an_arm_of_a_rat_is_a_bolus_of_its_dose_by_body_surface() -> None:
    arms = [arm for arm in experiment("occupancy").arms if arm.sweep == "rat"]
    assert [arm.at for arm in arms] == [10.0, 20.0, 30.0, 50.0, 200.0]
    for arm in arms:
        (dose,) = regimen(arm.regimen).doses
        assert dose.amount == pytest.approx(arm.at / 6.2, abs=1e-4)
        assert (dose.drug, dose.route, dose.duration_h) == ("ketamine", "iv", 0.0)


def compared(result: ExperimentResult, row: str, hypothesis: str = "article") -> Comparison:
    (one,) = [
        one for one in result.comparisons
        if one.observation.id == row and one.hypothesis == hypothesis
    ]  # fmt: skip
    return one


def test_an_assay_without_activation_tells_an_agonist_from_none(run: Run) -> None:
    result = run("occupancy", ("article", "opioid_agonist"), brief=True)
    for name, agrees in (("article", True), ("opioid_agonist", False)):
        none = compared(result, "opioid-no-agonism", name)
        assert (none.role, none.agrees, none.readout) == ("decides", agrees, "mor_agonism_assay")
        assert none.observation.id in getattr(
            result.verdicts[name], "agree" if agrees else "disagree"
        )
        # The rats whose mu receptors S-ketamine activated say the opposite.
        assert compared(result, "opioid-s-activation", name).agrees is not agrees
    # Of 2 mmol/L and a constant of 41.7 umol/L.
    agonist = compared(result, "opioid-no-agonism", "opioid_agonist")
    assert agonist.predicted == pytest.approx(2000.0 / (2000.0 + 41.7), abs=0.02)
    assert compared(result, "opioid-no-agonism").predicted == 0.0


def test_a_scan_is_compared_with_the_dose_that_it_gave(run: Run, table: pd.DataFrame) -> None:
    result = run("occupancy")
    pk209 = compared(result, "nmda-pet-pk209")
    assert table.set_index("id").loc["nmda-pet-pk209", "dose"] == "0.5 mg/kg iv over 40 min"
    assert (pk209.role, pk209.arm) == ("decides", "esketamine 0.5 mg/kg")
    assert experiment("occupancy").arm(pk209.arm).regimen == "esketamine 0.5 mg/kg iv over 40 min"
    half = compared(result, "nmda-pet-gmom")
    assert experiment("occupancy").arm(half.arm).regimen == "esketamine 0.25 mg/kg iv over 40 min"
    # Twice the dose at receptors that are a quarter occupied is less than twice the occupancy.
    assert 1.3 * half.predicted < pk209.predicted < 2.0 * half.predicted


def test_rows_of_other_doses_of_naltrexone_neither_agree_nor_disagree(run: Run) -> None:
    made = run("naltrexone", ("article", "no_opioid"), brief=True).comparisons
    scanned = [one for one in made if one.observation.readout == "mor_occupancy_naltrexone"]
    other = [one for one in scanned if not one.observation.dose.startswith("50 mg")]
    assert {one.observation.dose for one in other} == {"2 mg oral", "5 mg oral", "15 mg oral"}
    assert len(other) == 2 * 5
    for one in other:
        assert (one.role, one.agrees) == ("not comparable", None)
        assert one.reason == "not given here: see the chart of doses"
        assert np.isnan(one.predicted)
    # Each of them stands at its dose in the chart.
    points = {
        row: at for sweep in experiment("naltrexone").sweeps for row, at in sweep.points.items()
    }
    for one in other:
        assert f"{points[one.observation.id]:g} mg oral" == one.observation.dose
    # Those of the dose that is given are compared.
    assert all(one.agrees is not None for one in scanned if one not in other)


def test_without_an_opioid_edge_morphine_leaves_camp_alone(cache: ArmCache) -> None:
    few = replace(
        experiment("naltrexone"),
        arms=tuple(experiment("naltrexone").arm(name) for name in ("ketamine", "morphine")),
        readouts=("camp", "pka", "raptor_p", "mtorc1"),
        sweeps=(), evidence=(), shown=(),
    )  # fmt: skip
    result = few.run(hypotheses=["article", "no_opioid"], patients=8, cache=cache)
    rows = result.to_frame()
    rows = rows[(rows["arm"] == "morphine") & (rows["hypothesis"] == "no_opioid")]
    for name in few.readouts:
        mine = rows[rows["readout"] == name]
        assert len(mine) > 20
        assert mine[["value", "lo95", "hi95"]].to_numpy() == pytest.approx(1.0, abs=1e-6)
    # With the edge it lowers cAMP and so frees mTORC1.
    assert median_at(result, "morphine", "camp", 1.0) < 0.95
    assert median_at(result, "morphine", "mtorc1", 1.0) > 1.1


def test_a_raptor_blind_to_pka_is_not_phosphorylated_further(run: Run) -> None:
    result = run("naltrexone")
    blind, seeing = "raptor_blind+naltrexone+ketamine", "naltrexone+ketamine"
    for arm in (blind, seeing):
        assert median_at(result, arm, "pka", 1.0) > 1.2
    assert median_at(result, blind, "raptor_p", 1.0) == pytest.approx(1.0, abs=1e-6)
    assert median_at(result, seeing, "raptor_p", 1.0) > 1.2
