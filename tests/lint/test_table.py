"""A CSV file is told apart by its columns, and a copy of evidence is checked as evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ketasim.evidence import list_tables
from ketasim.evidence.tables import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable

    Lint = Callable[[str, str], list[str]]


def evidence(name: str) -> str:
    return (FOLDER / f"{name}.csv").read_text(encoding="utf-8")


def changed(name: str, before: str, after: str) -> str:
    text = evidence(name)
    assert before in text
    return text.replace(before, after, 1)


@pytest.mark.parametrize("name", list_tables())
@pytest.mark.parametrize("file", ["{}.csv", "mine.csv"])
def test_a_copy_of_evidence_is_right_whatever_its_name(lint: Lint, name: str, file: str) -> None:
    assert lint(file.format(name), evidence(name)) == []


@pytest.mark.parametrize("file", ["observations.csv", "copy of observations.csv"])
def test_a_bad_number_is_said_with_row_and_column(lint: Lint, file: str) -> None:
    found = lint(file, changed("observations", "value,185", "value,18S5"))
    assert found == [
        f"{file}, row 2, column 'value': the value '18S5' is not allowed; "
        "expected a number or an empty cell"
    ]


def test_a_bad_number_in_a_clinical_table(lint: Lint) -> None:
    found = lint("mine.csv", changed("clinical_arms", "24.89", "24.8.9"))
    assert len(found) == 1
    assert found[0].startswith("mine.csv, row 2, column 'value': the value '24.8.9'")


def test_a_misspelt_column_does_not_make_it_another_table(lint: Lint) -> None:
    found = lint("mine.csv", changed("observations", ",readout,", ",reedout,"))
    assert len(found) == 1
    assert found[0].startswith("mine.csv, row 1, column 'reedout'")
    assert found[0].endswith("did you mean readout?")


def test_by_its_own_name_a_table_is_known_with_several_columns_wrong(lint: Lint) -> None:
    header, rest = evidence("observations").split("\n", 1)
    halves = [name if place % 2 else f"{name}_" for place, name in enumerate(header.split(","))]
    text = "\n".join([",".join(halves), rest])
    assert "is not in the description" in lint("observations.csv", text)[0]
    assert "neither a regimen" in lint("mine.csv", text)[0]


def test_an_unknown_source_in_evidence(lint: Lint) -> None:
    found = lint("mine.csv", changed("observations", "zanos2018", "zanoss2018"))
    assert len(found) == 1
    assert found[0].startswith("mine.csv, row 2, column 'source': unknown citation 'zanoss2018'")
    found = lint("mine.csv", changed("clinical_arms", "Zarate 2006,2006", "Zarate 206,2006"))
    assert found == [
        "mine.csv, row 2, column 'study': unknown source 'Zarate 206': did you mean Zarate 2006?"
    ]


def test_a_parameter_table_without_all_its_columns_is_still_one(lint: Lint) -> None:
    assert lint("mine.csv", "id,value,unit\nk_mine,1,1/h\n") == [
        "mine.csv: column 'distribution' is missing"
    ]


def test_an_empty_table_is_no_table(lint: Lint) -> None:
    found = lint("mine.csv", "")
    assert len(found) == 1
    assert "neither a regimen nor a parameter table nor a table of evidence" in found[0]
