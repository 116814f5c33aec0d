"""A mechanism of the user's: each fault is one sentence with the file and, where known, its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ketasim.errors import ModelError
from ketasim.lint import mechanism
from ketasim.model.files import MECHANISMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Lint = Callable[[str, str], list[str]]

NUMBERS = """id,value,unit,distribution,cv,lower,upper,status,source,note
extra_rate,1,1/h,fixed,,0,2,assumed,,a rate
extra_level,1,umol/L,fixed,,0,2,assumed,,a concentration
"""


@pytest.fixture
def extra(lint: Lint, tmp_path: Path) -> Callable[[str], list[str]]:
    (tmp_path / "extra.csv").write_text(NUMBERS, encoding="utf-8")
    return lambda text: lint("extra.ant", f"// a comment\n\n{text}\n")


def test_every_shipped_mechanism_is_right_as_a_copy(lint: Lint) -> None:
    paths = sorted(MECHANISMS.glob("*.ant"))
    assert len(paths) > 5
    assert [lint(one.name, one.read_text(encoding="utf-8")) for one in paths] == [[]] * len(paths)


def test_a_new_mechanism_with_its_own_numbers_is_right(extra: Callable[[str], list[str]]) -> None:
    assert extra("extra_loss: ket_s -> $void; extra_rate*ket_s") == []


@pytest.mark.parametrize(
    ("text", "start", "part"),
    [
        ("extra_sum := relif*2", "extra.ant, line 3: 'relif' is used", "did you mean relief"),
        (
            "extra_move: ket_s -> kets; extra_rate*ket_s",
            "extra.ant, line 3: the species 'kets' is not declared",
            "did you mean ket_s",
        ),
        ("extra_sum := extra_rate*(2", "extra.ant, line 3: cannot be read: syntax error", "')'"),
        ("extra_a := 1\nextra_b := 2 +* 3", "extra.ant, line 4: cannot be read", "2+*3"),
        ("extra_a := frob(3)", "extra.ant, line 3: cannot be read: 'frob' was used", "function"),
        ("extra_a := extra_b\nextra_b := extra_a", "extra.ant, line ", "Loop detected"),
    ],
)
def test_a_wrong_line_is_named(
    extra: Callable[[str], list[str]], text: str, start: str, part: str
) -> None:
    found = extra(text)
    assert len(found) == 1
    assert found[0].startswith(start)
    assert part in found[0]
    assert is_one_sentence(found[0])


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("extra_sum := extra_rate + extra_level", 3, "'extra_rate + extra_level'"),
        ("extra_x = 0\nextra_x' = extra_level", 4, "expected units are 1/h"),
        ("extra_x := 1\nextra_y := exp(extra_level)", 4, "'exp(extra_level)'"),
        ("extra_r: ket_s -> ket_r; extra_level*3", 3, "id 'extra_r'"),
    ],
)
def test_units_that_do_not_balance(
    extra: Callable[[str], list[str]], text: str, line: int, part: str
) -> None:
    found = extra(text)
    assert len(found) == 1
    assert found[0].startswith(f"extra.ant, line {line}: units do not balance: ")
    assert part in found[0]
    assert "exponent" not in found[0]
    assert is_one_sentence(found[0])


def is_one_sentence(text: str) -> bool:
    return "\n" not in text and ". " not in text.replace("i.e. ", "") and len(text) < 260


def test_units_are_written_as_the_tables_write_them(extra: Callable[[str], list[str]]) -> None:
    assert extra("extra_x = 0\nextra_x' = extra_level")[0].endswith("are umol/L")


def test_a_fault_elsewhere_in_the_model_still_names_the_file(lint: Lint) -> None:
    # Without its own rule the symbol is missing in another mechanism, at no line of this one.
    text = (MECHANISMS / "mtor.ant").read_text(encoding="utf-8")
    found = lint("mtor.ant", re.sub(r"\bmtorc1\b", "mtorc9", text))
    assert len(found) == 1
    assert found[0].startswith("mtor.ant: 'mtorc1' is used but has no value")


def test_what_libsbml_says_in_other_words_is_kept(
    lint: Lint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise ModelError("something new", where="SBML rule 1")

    monkeypatch.setattr("ketasim.model.sbml.to_sbml", refuse)
    assert lint("extra.ant", "extra_a := 1\n") == ["extra.ant: something new"]


def test_a_wrong_table_beside_the_mechanism_is_named(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "extra.csv").write_text(NUMBERS.replace("1/h", ""), encoding="utf-8")
    found = lint("extra.ant", "extra_a := 1\n")
    assert len(found) == 1
    assert "extra.csv, row 2, column unit" in found[0]


def test_a_unit_of_several_kinds_and_powers_is_one_text() -> None:
    said = (
        "mole (exponent = 1, multiplier = 1, scale = -6), litre (exponent = -1, multiplier = 1,"
        " scale = 0), second (exponent = -2, multiplier = 3600, scale = 0) and more"
    )
    assert mechanism._units_short(said) == "umol/L/h^2 and more"


@pytest.fixture(autouse=True)
def fresh_antimony() -> Iterator[None]:
    import antimony

    yield
    antimony.clearPreviousLoads()
