"""Designs: what is refused, in which words and where; that every shipped file can be run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ketasim.errors import InputError, UnknownNameError
from ketasim.evidence import calibration_rows, reference
from ketasim.trial import (
    FlexibleDose,
    TrialAllocation,
    TrialArm,
    TrialContext,
    TrialDesign,
    TrialDropout,
    TrialEndpoint,
    TrialEntry,
    TrialInduction,
    TrialPeriods,
    TrialRescue,
    TrialSecondStage,
    TrialStratum,
    TrialVisit,
    build_pool,
    list_designs,
    load_design,
    read_design,
    run_trial,
)
from ketasim.trial.paths import trial_paths

if TYPE_CHECKING:
    from pathlib import Path

KETAMINE = "ketamine 0.5 mg/kg iv over 40 min"
ARMS = (
    TrialArm("ketamine", KETAMINE, "active", 20, "active"),
    TrialArm("saline", "", "saline", 20, "control"),
)
VISITS = (TrialVisit(24.0), TrialVisit(168.0))
BASE = TrialDesign("t", "T", ARMS, VISITS)
INDUCTION = TrialInduction(KETAMINE, "open_label", 24.0, 12.0, 22.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: TrialArm("a", "", "active", 20, "active"),
            "arm 'a', field 'regimen': an active arm has no dose",
        ),
        (lambda: TrialArm("a", "ketamin 1 mg iv", "active", 20, "active"), "did you mean ketamine"),
        (lambda: TrialArm("a", KETAMINE, "active", 0, "active"), "0 patients make no arm"),
        (lambda: TrialArm("a", KETAMINE, "active", 1, "active"), "1 patients make no arm"),
        (lambda: TrialVisit(0.0), "visit at 0 h, field 'time_h': a visit is not after the first dose"),
        (lambda: TrialVisit(-2.0), "visit at -2 h"),
        (lambda: TrialVisit(2.0, 3.0), "a window of 3 h would reach the first dose"),
        (lambda: TrialEntry(mean=30.0), "has a mean or an SD, not both"),
        (lambda: TrialDropout(0.5, 0.4, 0.3), "120% of an arm leave"),
        (lambda: TrialDropout(at_random=-0.1), "at_random is -0.1"),
        (lambda: TrialStratum("site"), "0 sites are no stratum"),
        (lambda: TrialEndpoint(analysis="cox"), "does not compare change"),
        (lambda: TrialEndpoint(analysis="ancova", estimand="composite"), "cannot give the estimand"),
        (lambda: TrialEndpoint(analysis="ancovva"), "did you mean ancova"),
        (lambda: TrialEndpoint(estimand="policy"), "field 'endpoint.estimand': unknown estimand 'policy'"),
    ],
)  # fmt: skip
def test_a_bad_part_is_refused_in_a_sentence(make: object, words: str) -> None:
    with pytest.raises(InputError) as caught:
        make()  # type: ignore[operator]
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arms": ()}, "a trial has no arm"),
        ({"visits": ()}, "a trial has no visit"),
        ({"arms": (ARMS[0], ARMS[0])}, "two arms are called 'ketamine'"),
        ({"scale": "madrz"}, "did you mean madrs"),
        ({"scale": "qids"}, "cannot be predicted"),
        ({"hypothesis": "articel"}, "did you mean article"),
        ({"visits": VISITS[::-1]}, "do not follow each other"),
        ({"visits": (TrialVisit(24.0, 20.0), TrialVisit(48.0, 20.0))}, "overlap"),
        ({"arms": (replace(ARMS[0], control="salin"),)}, "did you mean saline"),
        ({"entry": TrialEntry(minimum=70.0)}, "scores from 70 to 60 may enter"),
        ({"entry": TrialEntry(20.0, 4.0, 22.0)}, "lies outside the entry criterion"),
        ({"entry": TrialEntry(24.0, 12.0, 22.0)}, "no distribution within 22 to 60"),
        ({"allocation": TrialAllocation(ratio=(0.5, 0.4))}, "the shares sum to 0.9"),
        ({"allocation": TrialAllocation(ratio=(1.0, 1.0, 1.0))}, "3 numbers for 2 arms"),
        ({"allocation": TrialAllocation(ratio=(3.0, 1.0))}, "20 patients do not fit the ratio"),
        ({"allocation": TrialAllocation("block", (1.0, 1.0), 3)}, "a block of 3 cannot hold"),
        ({"allocation": TrialAllocation("stratified", (1.0, 1.0), 4)}, "0 strata do not fit"),
        ({"endpoint": TrialEndpoint(visit="day 9")}, "there is no visit 'day 9'"),
        ({"endpoint": TrialEndpoint("relapse", 24.0, analysis="cox")}, "not judged by relapse"),
        ({"endpoint": TrialEndpoint(analysis="crossover")}, "the design is no crossover"),
        ({"kind": "crossover"}, "has no field 'periods'"),
        ({"induction": INDUCTION}, "has a field 'induction'"),
        ({"rescue": TrialRescue(100.0)}, "nothing can be decided at 100 h"),
        ({"rescue": TrialRescue(168.0)}, "nothing can be decided at 168 h"),
        ({"add_on": "naltrexon 50 mg oral at -45 min"}, "did you mean naltrexone"),
        (
            {"kind": "crossover", "periods": TrialPeriods((0.0, 100.0), (("ketamine", "saline"),))},
            "the visit at 168 h lies in the next period",
        ),
        (
            {"kind": "crossover", "periods": TrialPeriods((0.0, 200.0), (("ketamine", "salin"),))},
            "did you mean saline",
        ),
        (
            {
                "kind": "withdrawal",
                "induction": replace(INDUCTION, time_h=30.0),
                "endpoint": TrialEndpoint("relapse", analysis="cox"),
            },
            "nobody is rated at randomisation",
        ),
        (
            {"kind": "rerandomised", "second_stage": TrialSecondStage(24.0, ("saline",), ("saline",))},
            "nobody is randomised again",
        ),
    ],
)  # fmt: skip
def test_a_bad_design_is_refused_in_a_sentence(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught:
        replace(BASE, **change)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_a_design_may_declare_a_context_of_its_own() -> None:
    own = replace(
        BASE,
        contexts=(TrialContext("lamp", -4.0, 3.0),),
        arms=(ARMS[0], replace(ARMS[1], control="lamp")),
    )
    assert own.reference == 1


GOOD = """\
title: A trial
arms:
  - name: ketamine
    regimen: ketamine 0.5 mg/kg iv over 40 min
    control: active
    role: active
    n: 20
  - {name: saline, regimen: "", control: saline, role: control, n: 20}
visits:
  - time_h: 24
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "title: A trial",
            "titel: A trial",
            "trial.yaml, line 1, field 'titel': unknown field 'titel': did you mean title?",
        ),
        ("    n: 20", "    m: 20", "line 7, field 'arms.0.m': unknown field 'm'"),
        ("    n: 20", "    n: 1", "trial.yaml, line 7, arm 'ketamine', field 'n': 1 patients make no arm"),
        ("    n: 20", "    n: twenty", "trial.yaml, line 7, field 'arms.0.n'"),
        ("  - time_h: 24", "  - time_h: -1", "trial.yaml, line 10, visit at -1 h, field 'time_h'"),
        ("title: A trial", "title: A trial\nentry: {mean: 30}", "trial.yaml, line 2, field 'mean'"),
        ("ketamine 0.5 mg/kg", "ketamime 0.5 mg/kg", "trial.yaml, line 4, arm 'ketamine', field 'regimen'"),
        ("control: active", "control: activ", "trial.yaml, line 5, arm 'ketamine', field 'control'"),
        ("role: active", "role: actives", "line 6, field 'arms.0.role': unknown role 'actives'"),
        (
            "title: A trial",
            "title: A trial\nmasking: double_blinded",
            "line 2, field 'masking': unknown masking 'double_blinded'",
        ),
        ("title: A trial", "title: A trial\nscale: madrz", "trial.yaml, line 2, field 'scale'"),
        (
            "title: A trial",
            "title: A trial\ntitle: B",
            "trial.yaml, line 2: the field 'title' stands twice",
        ),
        ("title: A trial\n", "", "the field 'title' is missing"),
        ("title: A trial", "title: [", "is not valid YAML"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    file = tmp_path / "trial.yaml"
    file.write_text(GOOD.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError) as caught:
        read_design(file)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_gives_the_design_that_code_gives(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(GOOD, "utf-8")
    assert read_design(file) == replace(
        BASE, title="A trial", visits=VISITS[:1], endpoint=TrialEndpoint()
    )


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="murrough2013"):
        load_design("murough2013")
    with pytest.raises(InputError, match="cannot be read"):
        load_design("no/such/file.yaml")


def test_every_family_of_the_calibration_has_a_design() -> None:
    families = set(calibration_rows("clinical_arms").to_frame()["family"])
    assert families == {load_design(name).family for name in list_designs()}


@pytest.mark.parametrize("name", list_designs())
def test_a_shipped_design_runs(name: str) -> None:
    design = load_design(name)
    assert reference(design.citation)
    assert design.assumed
    paths = trial_paths(design)
    assert all(path.regimen.doses for path in paths)
    pool = build_pool(design, 24, 3)
    got = run_trial(design, 2, 3, pool=pool)
    rows = design.patients * (len(design.periods.starts_h) if design.periods else 1)
    assert got.arm.shape == (2, rows)
    assert not np.isnan(got.complete).any()
    assert got.one(1).n_patients == rows


@pytest.mark.parametrize("name", list_designs())
def test_sizes_of_arms_are_those_of_the_evidence(name: str) -> None:
    design = load_design(name)
    rows = calibration_rows("clinical_arms", where={"citation": design.citation}).to_frame()
    known = {float(n) for n in rows["n"].dropna()}
    stated = " ".join(design.assumed)
    for arm in design.arms:
        assert arm.n in known or "split was not" in stated or design.kind == "withdrawal"


def test_the_arms_of_a_crossover_follow_each_other_in_one_regimen() -> None:
    first, second = trial_paths(load_design("zarate2006"))
    assert [dose.drug for dose in first.regimen] == ["ketamine", "saline"]
    assert [dose.start_h for dose in second.regimen] == [0.0, 168.0]


def test_a_raised_dose_begins_like_the_arm() -> None:
    flexible = FlexibleDose("ketamine 0.5 mg/kg iv; ketamine 1 mg/kg iv at 48 h", 24.0)
    design = replace(BASE, arms=(replace(ARMS[0], flexible=flexible), ARMS[1]))
    assert [path.key for path in trial_paths(design)] == ["ketamine", "saline", "ketamine, raised"]


def test_pretreatment_is_part_of_each_regimen() -> None:
    design = replace(BASE, add_on="rapamycin 6 mg oral at -2 h")
    assert [path.regimen.drugs for path in trial_paths(design)] == [
        ("rapamycin", "ketamine"),
        ("rapamycin",),
    ]
