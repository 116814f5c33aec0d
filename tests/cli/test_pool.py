"""`ketasim pool`: a table of one's own, its answers, and sentences for what cannot be."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.cli.examples import EXAMPLES
from ketasim.synthesis import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNTS = """\
study,events_treatment,n_treatment,events_control,n_control,dose,family
first,14,60,5,58,low,A
second,9,41,3,40,high,B
third,22,90,11,92,low,C
fourth,3,25,0,26,high,
"""
KEYS = [
    "estimate",
    "standard_error",
    "ci_low",
    "ci_high",
    "pi_low",
    "pi_high",
    "tau2",
    "i2",
    "q",
    "q_df",
    "k",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trials.csv"
    path.write_text(COUNTS, "utf-8")
    return path


@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers_in_json(call: Callable[..., Any], file: Path, method: str) -> None:
    done = call("pool", str(file), "--measure", "or", "--method", method, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert set(KEYS) <= set(told)
    assert told["ci_low"] < told["estimate"] < told["ci_high"]
    assert (told["k"], told["q_df"], told["status"]) == (4, 3, "done")
    assert (told["pi_low"] is None) == (method in ("fixed", "mh", "peto"))
    assert told["natural"]["estimate"] > 1


def test_people_read_both_scales_and_the_rest(
    call: Callable[..., Any], file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = (
        "--subgroup",
        "dose",
        "--moderator",
        "dose",
        "--leave-one-out",
        "--cumulative",
        "--small-studies",
    )
    done = call("pool", str(file), "--measure", "rr", "--hartung-knapp", *words, "--out", str(out))
    assert done.exit_code == 0, done.output
    for part in ("4 studies, risk ratio, reml", "log risk ratio", "subgroups",
                 "meta regression", "dose: low",
                 "leave one out", "cumulative", "rank test", "--adhoc keeps it"):  # fmt: skip
        assert part in done.stdout
    assert "nan" not in done.stdout
    assert {path.name for path in out.iterdir()} == {
        "pooled.json",
        "studies.csv",
        "figures.html",
        "manifest.json",
    }
    again = call("pool", str(file), "--measure", "rr", "--out", str(out))
    assert again.exit_code == 1
    assert "exists already" in again.stderr


def test_json_holds_what_was_asked_besides(call: Callable[..., Any], file: Path) -> None:
    words = ("--subgroup", "dose", "--moderator", "dose", "--leave-one-out", "--small-studies")
    told = json.loads(call("pool", str(file), "--measure", "rd", *words, "--json").stdout)
    assert [one["subgroup"] for one in told["subgroups"]["pools"]] == ["low", "high"]
    assert told["meta_regression"]["coefficients"][1]["term"] == "dose: low"
    assert len(told["leave_one_out"]) == 4
    assert told["rank_test"]["kind"] == "rank"


def test_the_adhoc_interval_and_double_zeros(call: Callable[..., Any], file: Path) -> None:
    file.write_text(COUNTS + "fifth,0,30,0,30,low,\n", "utf-8")
    told = [
        json.loads(
            call("pool", str(file), "--measure", "rr", "--hartung-knapp", *more, "--json").stdout
        )
        for more in ((), ("--adhoc",), ("--drop-double-zero",))
    ]
    assert told[1]["standard_error"] >= told[0]["standard_error"]
    assert [one["k"] for one in told] == [5, 5, 4]
    assert "fifth" in told[0]["warnings"][0]


def test_a_pool_that_cannot_be_is_null_and_code_1(call: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text(
        "study,events_treatment,n_treatment,events_control,n_control\na,0,9,0,9\nb,0,8,0,8\n"
    )
    done = call("pool", str(path), "--measure", "or", "--method", "peto", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["estimate"] is None
    assert told["status"].startswith("no estimate")


@pytest.mark.parametrize("example", EXAMPLES["pool"])
def test_the_examples_run(call: Callable[..., Any], example: str) -> None:
    done = call(*shlex.split(example)[1:])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("old", "new", "words", "said"),
    [
        ("14,60", "64,60", (), "trials.csv, row 2, column 'events_treatment'"),
        (",B", ",A", (), "'first' (row 2) and 'second' (row 3) share patients"),
        ("", "", ("--method", "remll"), "did you mean reml"),
        ("", "", ("--measure", "orr"), "did you mean or"),
        ("", "", ("--measure", "smd"), "cannot be made of two arms with events"),
        ("", "", ("--subgroup", "dos"), "did you mean dose"),
        ("", "", ("--event", "Nausea"), "a table and an event are named"),
        ("", "", ("--level", "95"), "the level is 95"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    sentence: Callable[..., str], file: Path, tmp_path: Path, old: str, new: str,
    words: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    file.write_text(COUNTS.replace(old, new, 1), "utf-8")
    measure = () if "--measure" in words else ("--measure", "rr")
    assert said in sentence(2, "pool", str(file), *measure, *words, "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "no table is named"), (("nothing.csv", "--measure", "rr"), "the table cannot be read"),
     (("--event", "Nausee"), "did you mean Nausea")],
)  # fmt: skip
def test_bad_words_are_one_sentence(
    sentence: Callable[..., str], words: tuple[str, ...], said: str
) -> None:
    assert said in sentence(2, "pool", *words)


def test_the_shell_is_offered_what_exists() -> None:
    from ketasim.cli.pool import _measures, _methods, _models

    assert _measures("r") == ["rr", "rd"]
    assert _methods("gl") == ["glmm"]
    assert _models("cm") == ["CM.EL", "CM.AL"]
