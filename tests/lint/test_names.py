"""Names that a file uses and another defines: each unknown one is found, with place and nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ketasim.lint import Severity, run_checks, shipped
from ketasim.model.files import DRUGS, HYPOTHESES, PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Lint = Callable[[str, str], list[str]]


def changed(path: Path, before: str, after: str) -> str:
    text = path.read_text(encoding="utf-8")
    assert before in text
    return text.replace(before, after, 1)


@pytest.mark.parametrize("folder", [DRUGS, HYPOTHESES, PARAMETERS], ids=lambda one: one.name)
def test_every_shipped_file_is_right_as_a_copy(lint: Lint, folder: Path) -> None:
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in (".yaml", ".csv")]
    assert len(paths) > 5
    assert [lint(path.name, path.read_text(encoding="utf-8")) for path in paths] == [[]] * len(
        paths
    )


def test_a_source_nobody_knows_in_a_parameter_table(lint: Lint) -> None:
    rows = (PARAMETERS / "mood.csv").read_text(encoding="utf-8").splitlines()
    number = next(row for row, line in enumerate(rows, 1) if "murrough2013" in line)
    found = lint("mine.csv", changed(PARAMETERS / "mood.csv", "murrough2013", "murough2013"))
    assert len(found) == 1
    assert found[0].startswith(
        f"mine.csv, row {number}, column source: unknown citation 'murough2013'"
    )
    assert "did you mean murrough2013" in found[0]


def test_a_source_nobody_knows_in_a_drug(lint: Lint) -> None:
    found = lint("mine.yaml", changed(DRUGS / "naltrexone.yaml", "licko1981", "liko1981"))
    assert len(found) == 1
    assert found[0].startswith("mine.yaml, sources, entry 2: unknown citation 'liko1981'")
    assert "did you mean licko1981" in found[0]


@pytest.mark.parametrize(("side", "key"), [("supports", "zhang2019"), ("against", "williams2018")])
def test_a_source_nobody_knows_in_a_hypothesis(lint: Lint, side: str, key: str) -> None:
    found = lint("mine.yaml", changed(HYPOTHESES / "no_opioid.yaml", key, f"{key}x"))
    assert len(found) == 1
    assert found[0].startswith(f"mine.yaml, {side}, entry ")
    assert f"unknown citation '{key}x': did you mean {key}" in found[0]


EXPECTED = """expected:
  - {experiment: camp, arm: ARM_OF_CAMP, readout: camp}
  - {experiment: EXPERIMENT, arm: ARM, readout: READOUT, quantity: QUANTITY}
"""
RIGHT = {
    "ARM_OF_CAMP": "ketamine",
    "EXPERIMENT": "naltrexone",
    "ARM": "morphine",
    "READOUT": "mtorc1",
    "QUANTITY": "fold",
}


def expecting(**words: str) -> str:
    text = (HYPOTHESES / "no_opioid.yaml").read_text(encoding="utf-8").split("expected:")[0]
    expected = EXPECTED
    for name, word in {**RIGHT, **words}.items():
        expected = expected.replace(f"{name},", f"{word},").replace(f"{name}}}", f"{word}}}")
    return text + expected


def test_an_expectation_that_can_be_read_out_is_right(lint: Lint) -> None:
    assert lint("mine.yaml", expecting()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"EXPERIMENT": "naltrexon"}, "unknown experiment 'naltrexon': did you mean naltrexone?"),
        ({"ARM": "morfine"}, "unknown arm of naltrexone 'morfine': did you mean morphine?"),
        # An arm of a sweep has no row in the predictions, so nothing could ever be found there.
        ({"ARM": "tone 0.1 ketamine"}, "unknown arm of naltrexone 'tone 0.1 ketamine'"),
        ({"READOUT": "mtorc"}, "unknown readout of naltrexone 'mtorc': did you mean mtorc1"),
        # Known elsewhere, but not read in this experiment.
        ({"READOUT": "nmda_occupancy"}, "unknown readout of naltrexone 'nmda_occupancy'"),
    ],
)
def test_an_expectation_that_names_what_is_not_there(
    lint: Lint, words: dict[str, str], sentence: str
) -> None:
    found = lint("mine.yaml", expecting(**words))
    assert len(found) == 1
    assert found[0].startswith(f"mine.yaml, expected, entry 2: {sentence}")


def test_an_expectation_of_an_unknown_quantity(lint: Lint) -> None:
    found = lint("mine.yaml", expecting(QUANTITY="fould"))
    assert len(found) == 1
    assert found[0].startswith("mine.yaml: field 'expected.1.quantity'")
    assert "'fold'" in found[0]


def test_all_that_is_wrong_with_a_hypothesis_is_said_at_once(lint: Lint) -> None:
    text = expecting(ARM="morfine").replace("zhang2019", "zhang20199").replace("sw_gi", "sw_gj")
    found = lint("mine.yaml", text)
    assert len(found) == 3
    assert all(one.startswith("mine.yaml") for one in found)


@pytest.mark.parametrize(
    ("drug", "before", "after", "sentence"),
    [
        ("naltrexone", "ntx_gut", "ntx_gutt", "route oral, leg 1: unknown state 'ntx_gutt'"),
        (
            "naltrexone",
            "target: ntx}",
            "target: f_nasal}",
            "route iv, leg 1: unknown state 'f_nasal'",
        ),
        ("esketamine", "f_mucosa}", "f_mukosa}", "route sublingual, leg 1: unknown parameter"),
        ("esketamine", "f_nasal_repeat", "f_nasal_repat", "route nasal, leg 1: unknown parameter"),
        (
            "esketamine",
            "oral_delay",
            "orl_delay",
            "route oral, leg 1: unknown parameter 'orl_delay'",
        ),
        ("ssri", "sert_block", "sert_blok", "acts_on: unknown site 'sert_blok'"),
    ],
)
def test_a_drug_that_names_what_the_model_lacks(
    lint: Lint, drug: str, before: str, after: str, sentence: str
) -> None:
    found = lint("mine.yaml", changed(DRUGS / f"{drug}.yaml", before, after))
    assert len(found) == 1
    assert found[0].startswith(f"mine.yaml, {sentence}")


def test_a_nearest_name_is_offered_for_a_target(lint: Lint) -> None:
    text = changed(DRUGS / "naltrexone.yaml", "ntx_gut", "ntx_gutt")
    assert lint("mine.yaml", text)[0].endswith("did you mean ntx_gut or ntx?")


def test_a_new_drug_may_enter_its_own_compartment(lint: Lint) -> None:
    text = changed(DRUGS / "ssri.yaml", "name: ssri", "name: fluoxetine")
    found = lint("fluoxetine.yaml", text.replace("ssri_depot", "fluoxetine_depot"))
    assert found == []


def test_what_ships_is_looked_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ketasim.evidence.bibliography", dict)
    cited = run_checks([shipped.Citations(), shipped.Hypotheses()])
    assert {one.check for one in cited} == {"citations", "hypotheses"}
    assert {one.severity for one in cited} == {Severity.ERROR}
    assert any("licko1981" in one.message and "drug naltrexone" in one.message for one in cited)
