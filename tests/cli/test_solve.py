"""`ketasim solve`: the table, what stands in it, and one sentence and no file where it fails."""

from __future__ import annotations

import csv
import io
import json
import math
import shlex
from typing import TYPE_CHECKING, Any

import antimony
import numpy as np
import pytest

from ketasim.cli.examples import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Call = Callable[..., Any]
    Sentence = Callable[..., str]

DECAY = """
model decay
  compartment V = 2; species S2 in V, S1 in V; substanceOnly species S3 in V; species $X in V
  S1 = 10; S2 = 0; S3 = 8; X = 5; k = 0.5
  J: S1 -> S2; k*S1*V
  half := S1/2
end"""
EVENT = """
model refilled
  species A in C; compartment C = 1; A = 1; n = 0; A' = -A
  at time >= 1: A = 5, n = n + 1
end"""
SINGULAR = "model blows; x = 1; x' = x^2; end"  # its solution 1/(1 - t) ends at t = 1
DELAY = """<?xml version='1.0' encoding='UTF-8'?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"><model id="late">
<listOfParameters><parameter id="x" value="1" constant="false"/></listOfParameters><listOfRules>
<rateRule variable="x"><math xmlns="http://www.w3.org/1998/Math/MathML"><apply>
<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay">d</csymbol>
<ci>x</ci><cn>1</cn></apply></math></rateRule></listOfRules></model></sbml>"""


def sbml(text: str) -> str:
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


@pytest.fixture
def model(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "model.xml"
        path.write_text(sbml(text), encoding="utf-8")
        return str(path)

    return write


def table(text: str) -> tuple[list[str], np.ndarray[Any, Any]]:
    header, *rows = csv.reader(io.StringIO(text))
    return header, np.array([[float(cell) for cell in row] for row in rows])


def test_the_floating_species_come_as_concentrations_in_the_models_order(
    call: Call, model: Callable[[str], str], tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "course.csv"
    done = call("solve", model(DECAY), "--end", "4", "--steps", "8", "--csv", str(out))
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{out}: 9 rows of time, S2, S1, S3\n"
    header, values = table(out.read_text("utf-8"))
    assert header == ["time", "S2", "S1", "S3"]
    t = np.linspace(0, 4, 9)
    left = 10 * np.exp(-0.5 * t)
    expected = np.column_stack([t, 10 - left, left, np.full(9, 4.0)])
    np.testing.assert_allclose(values, expected, rtol=1e-7, atol=1e-9)
    assert list(values[:, 0]) == list(t)


def test_amounts_are_concentrations_times_the_size(call: Call, model: Callable[[str], str]) -> None:
    words = ("solve", model(DECAY), "--end", "4", "--outputs", "S3,X,half,k,V, S1 ,J")
    header, amounts = table(call(*words, "--amounts").stdout)
    _, concentrations = table(call(*words, "--concentrations").stdout)
    assert header == ["time", "S3", "X", "half", "k", "V", "S1", "J"]
    assert len(amounts) == 101
    assert (amounts[0] == [0, 8, 10, 5, 0.5, 2, 20, 10]).all()
    # Only species are divided by the size.
    np.testing.assert_array_equal(amounts, concentrations * [1, 2, 2, 1, 1, 1, 2, 1])


def test_without_floating_species_all_that_changes_is_printed(
    call: Call, model: Callable[[str], str]
) -> None:
    text = "model m; species $S; y := 2*x; k = 1; x = 1; x' = -k*x; S = 3; end"
    done = call("solve", model(text), "--end", "1", "--steps", "1")
    header, values = table(done.stdout)
    assert header == ["time", "S", "x", "y"]
    np.testing.assert_allclose(values[1], [1, 3, math.exp(-1), 2 * math.exp(-1)], rtol=1e-7)


def test_at_the_time_of_an_event_stands_the_value_after_it(
    call: Call, model: Callable[[str], str]
) -> None:
    done = call("solve", model(EVENT), "--end", "2", "--steps", "4", "--outputs", "n,A")
    assert done.exit_code == 0, done.output
    _, values = table(done.stdout)
    assert values[:, 1].tolist() == [0, 0, 1, 1, 1]
    assert values[2].tolist() == [1, 1, 5]
    np.testing.assert_allclose(values[[1, 4], 2], [math.exp(-0.5), 5 * math.exp(-1)], rtol=1e-7)


def test_the_run_begins_at_the_start(call: Call, model: Callable[[str], str]) -> None:
    path = model("model m; x = 1; x' = time; end")
    done = call("solve", path, "--start", "-1", "--end", "3", "--steps", "2", "--outputs", "x")
    _, values = table(done.stdout)
    np.testing.assert_allclose(values, [[-1, 1], [1, 1], [3, 5]], rtol=1e-9)


def test_numbers_are_written_in_the_digits_that_say_them_exactly(
    call: Call, model: Callable[[str], str]
) -> None:
    path = model("model m; x = 0.1; x' = -x; end")
    words = ("solve", path, "--end", "0.3", "--steps", "3", "--outputs", "x")
    lines = call(*words).stdout.splitlines()
    assert lines[:2] == ["time,x", "0.0,0.1"]
    records = json.loads(call(*words, "--json").stdout)
    assert records["file"] is None
    assert [one["id"] for one in records["columns"]] == ["time", "x"]
    for place, column in enumerate(records["columns"]):
        assert [repr(value) for value in column["values"]] == [
            line.split(",")[place] for line in lines[1:]
        ]


def test_tighter_tolerances_come_closer(call: Call, model: Callable[[str], str]) -> None:
    path = model("model m; x = 1; y = 0; x' = y; y' = -x; end")
    errors = []
    for rtol in ("1e-3", "1e-6", "1e-9"):
        words = ("--end", "20", "--steps", "1", "--rtol", rtol, "--atol", rtol, "--outputs", "x")
        _, values = table(call("solve", path, *words).stdout)
        errors.append(abs(values[1, 1] - math.cos(20)))
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert errors[2] < 1e-7


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--end", "-1"), "--end is -1; expected a time after --start, which is 0"),
        (("--end", "0"), "--end is 0; expected a time after --start, which is 0"),
        (("--start", "5", "--end", "2"), "expected a time after --start, which is 5"),
        (("--end", "nan"), "--end is nan; expected a finite number"),
        (("--end", "1", "--start", "-inf"), "--start is -inf; expected a finite number"),
        (("--end", "1", "--steps", "0"), "--steps is 0; expected 1 to"),
        (("--end", "1", "--steps", "1000000000"), "--steps is 1000000000; expected 1 to"),
        (("--end", "1", "--steps", "9000000"), "9000001 rows of 4 columns are too many"),
        (("--end", "1", "--rtol", "0"), "rtol is 0; expected a number from 1e-13"),
        (("--end", "1", "--atol", "-1"), "atol is -1; expected a positive number"),
        (("--end", "1", "--outputs", "S1,halve"), "unknown output 'halve': did you mean half?"),
        (("--end", "1", "--outputs", "S1,,S2"), "--outputs is 'S1,,S2'; expected ids with commas"),
        (("--end", "1", "--outputs", ""), "--outputs is ''; expected ids with commas"),
    ],
)
def test_a_bad_value_is_one_sentence_and_no_file(
    sentence: Sentence,
    model: Callable[[str], str],
    tmp_path: Path,
    words: tuple[str, ...],
    said: str,
) -> None:
    path, out = model(DECAY), tmp_path / "out" / "course.csv"
    line = sentence(1, "solve", path, *words, "--csv", str(out))
    assert line.startswith(f"{path}: ")
    assert said in line
    assert not out.parent.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no element found"),
        (b"not SBML", "SBML: line 1: "),
        (b"<html/>", "SBML"),
        (b"<?xml version='1.0'?><sbml", "SBML: line 1: "),
        (sbml(DECAY)[:-60].encode(), "SBML: line "),
        (b"\xff\xfe\x00<\x00s", "it is no text in UTF-8"),
        (DELAY.encode(), "delay"),
        (b"<!DOCTYPE b [<!ENTITY a 'aaaa'><!ENTITY c '&a;&a;'>]><b>&c;</b>", "ENTITY"),
        (b" " * (50 * 2**20), "larger than 32 MB"),
    ],
    ids=["empty", "text", "html", "broken", "cut", "bytes", "delay", "entities", "50 MB"],
)
def test_a_file_that_is_no_model_is_one_sentence_and_the_old_table_stays(
    sentence: Sentence, tmp_path: Path, content: bytes, said: str
) -> None:
    path, out = tmp_path / "model.xml", tmp_path / "course.csv"
    path.write_bytes(content)
    out.write_text("mine", encoding="utf-8")
    line = sentence(1, "solve", str(path), "--end", "1", "--csv", str(out))
    assert line.startswith(f"{path}: ")
    assert said in line
    assert out.read_text("utf-8") == "mine"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["course.csv", "model.xml"]


def test_a_mark_of_the_byte_order_does_no_harm(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "marked.xml"
    path.write_bytes(b"\xef\xbb\xbf" + sbml(DECAY).encode())
    done = call("solve", str(path), "--end", "1", "--steps", "1")
    assert done.exit_code == 0, done.output


def test_a_file_that_cannot_be_read_is_one_sentence(sentence: Sentence, tmp_path: Path) -> None:
    said = sentence(1, "solve", str(tmp_path / "none.xml"), "--end", "1")
    assert said.endswith(
        "none.xml: it cannot be read (No such file or directory); expected a file with an SBML model"
    )
    assert "Is a directory" in sentence(1, "solve", str(tmp_path), "--end", "1")


def test_an_integration_that_fails_says_when_and_why_and_leaves_no_file(
    sentence: Sentence, model: Callable[[str], str], tmp_path: Path
) -> None:
    path, out = model(SINGULAR), tmp_path / "course.csv"
    said = sentence(1, "solve", path, "--end", "3", "--outputs", "x", "--csv", str(out))
    assert said.startswith(f"{path}: at time 1, in 'x': ")
    assert not out.exists()
    out.write_text("mine", encoding="utf-8")
    sentence(1, "solve", path, "--end", "3", "--outputs", "x", "--csv", str(out))
    assert out.read_text("utf-8") == "mine"


def test_a_table_that_cannot_be_written_is_one_sentence(
    sentence: Sentence, model: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    words = ("solve", model(DECAY), "--end", "1", "--csv")
    assert "folder could not be written" in sentence(1, *words, str(tmp_path / "folder"))
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    assert "could not be written" in sentence(1, *words, str(tmp_path / "file" / "course.csv"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder", "model.xml"]


@pytest.mark.parametrize("example", EXAMPLES["solve"])
def test_the_examples_run(
    call: Call,
    model: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    example: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    model(DECAY)
    done = call(*shlex.split(example)[1:])
    assert done.exit_code == 0, done.output
    assert "S1" in done.stdout
    assert done.stderr == ""


def test_the_step_limit_is_an_option(
    call: Call, sentence: Sentence, model: Callable[[str], str]
) -> None:
    words = ("solve", model(DECAY), "--end", "1", "--steps", "1", "--max-steps")
    said = sentence(1, *words, "3")
    assert ": at time " in said
    assert "more steps than allowed; raise max_steps" in said
    assert call(*words, "3000").exit_code == 0
    assert "max_steps is 0" in sentence(1, *words, "0")
