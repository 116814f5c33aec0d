from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ketasim.errors import ModelError
from ketasim.lint import SHIPPED, FileCheck, Finding, RegimenCheck, Severity, run_checks
from ketasim.model.files import DRUGS, HYPOTHESES, MECHANISMS, PARAMETERS
from ketasim.provenance import manifest_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def messages(path: Path) -> list[str]:
    return [one.message for one in run_checks([FileCheck(path)])]


@pytest.mark.parametrize("check", SHIPPED, ids=lambda check: check.name)
def test_everything_that_ships_is_without_error(check: object) -> None:
    found = run_checks([check])  # type: ignore[list-item]
    assert [one.message for one in found if one.severity is Severity.ERROR] == []


class Complaint:
    name = "complaint"
    severity = Severity.NOTE

    def run(self) -> Iterator[str]:
        yield "something is odd"


class Broken:
    name = "broken"
    severity = Severity.NOTE

    def run(self) -> Iterator[str]:
        yield "one thing"
        raise ModelError("the table is gone", where="table.csv")


def test_a_finding_carries_its_check_and_severity() -> None:
    assert run_checks([Complaint()]) == (Finding("complaint", Severity.NOTE, "something is odd"),)


def test_a_sentence_is_said_once() -> None:
    assert len(run_checks([Complaint(), Complaint()])) == 1


def test_a_check_that_cannot_begin_is_an_error_and_stops_no_other() -> None:
    found = run_checks([Broken(), Complaint()])
    assert [(one.check, one.severity) for one in found] == [
        ("broken", Severity.NOTE),
        ("broken", Severity.ERROR),
        ("complaint", Severity.NOTE),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ketamin 0.5 mg/kg iv", "did you mean ketamine"),
        ("ketamine 0.5 mgkg iv", "mgkg"),
        ("ketamine -0.5 mg/kg iv", "-0.5"),
        ("ketamine 0.5 mg/kg by courier", "courier"),
    ],
)
def test_a_wrong_regimen_is_one_sentence(text: str, words: str) -> None:
    found = run_checks([RegimenCheck(text)])
    assert len(found) == 1
    assert found[0].severity is Severity.ERROR
    assert words in found[0].message


def test_a_right_regimen_is_silent() -> None:
    assert run_checks([RegimenCheck("ketamine 0.5 mg/kg iv over 40 min")]) == ()


@pytest.mark.parametrize(
    "path",
    [
        HYPOTHESES / "no_opioid.yaml",
        DRUGS / "naltrexone.yaml",
        MECHANISMS / "mood.ant",
        *sorted(PARAMETERS.glob("*.csv"))[:1],
    ],
    ids=lambda path: path.name,
)
def test_a_copy_of_what_ships_is_right(tmp_path: Path, path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    assert messages(copy) == []


def test_a_manifest_and_a_nonmem_table_are_read(tmp_path: Path) -> None:
    assert messages(manifest_for(hypothesis="article", seed=1).save(tmp_path)) == []
    table = tmp_path / "doses.csv"
    table.write_text("ID,TIME,AMT,RATE,DRUG,UNIT,ROUTE\n1,0,30,45,ketamine,mg,iv\n")
    assert messages(table) == []


def test_a_hypothesis_that_switches_no_edge(tmp_path: Path) -> None:
    text = (HYPOTHESES / "no_opioid.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("sw_", "sw_no_such_", 1).replace("no_opioid", "mine"))
    found = messages(path)
    assert len(found) == 1
    assert "sw_no_such_" in found[0]


def test_a_mechanism_with_an_unknown_symbol(tmp_path: Path) -> None:
    path = tmp_path / "mood.ant"
    path.write_text((MECHANISMS / "mood.ant").read_text(encoding="utf-8") + "\nhope := k_nobody;\n")
    found = messages(path)
    assert len(found) == 1
    assert "k_nobody" in found[0]


def test_a_mechanism_whose_units_do_not_balance(tmp_path: Path) -> None:
    (tmp_path / "extra.csv").write_text(
        "id,value,unit,distribution,cv,lower,upper,status,source,note\n"
        "extra_a,1,1/h,fixed,,0,2,assumed,,a rate\n"
        "extra_b,1,umol/L,fixed,,0,2,assumed,,a concentration\n"
    )
    path = tmp_path / "extra.ant"
    path.write_text("extra_sum := extra_a + extra_b\n")
    found = messages(path)
    assert len(found) == 1
    assert "unit" in found[0]


def test_a_parameter_without_a_unit(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "id,value,unit,distribution,cv,lower,upper,status,source,note\n"
        "k_mine,1,,fixed,,0,2,assumed,,a rate\n"
    )
    found = messages(path)
    assert len(found) == 1
    assert found[0].startswith("mine.csv, row 2, column unit")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("notes.txt", "hello", "nothing here reads such a file"),
        ("table.csv", "a,b\n1,2\n", "neither a regimen nor a parameter table"),
        ("empty.yaml", "", "empty.yaml: holds no fields"),
        ("model.xml", "<sbml", "model.xml"),
        ("manifest.json", "{}", "no manifest"),
        ("binary.yaml", "\udcff", "cannot be read"),
    ],
)
def test_a_file_nobody_can_read(tmp_path: Path, name: str, text: str, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    found = messages(path)
    assert len(found) == 1
    assert words in found[0]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read" in messages(tmp_path / "nothing.yaml")[0]
