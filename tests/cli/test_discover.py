"""`ketasim discover`: the map, a search that goes on, and sentences for what cannot be."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHORT = ("discover", "--generations", "3", "--population", "24", "--draws", "1",
         "--hypothesis", "article")  # fmt: skip


def test_the_list_is_the_map_of_known_compounds(call: Callable[..., Any]) -> None:
    told = json.loads(call("discover", "--list", "--draws", "2", "--json").stdout)
    names = [one["compound"] for one in told]
    assert names[0] == "ketamine"
    assert len(names) == 9
    assert all(0.0 <= one["benefit_24h"] <= 1.0 for one in told)


def test_ones_own_compound_stands_beside_them(call: Callable[..., Any]) -> None:
    done = call("discover", "--compound", "ketamine, trapping=0.8", "--draws", "2", "--json")
    told = {one["compound"]: one for one in json.loads(done.stdout)}
    assert told["yours 1"]["trapping"] == 0.8
    assert told["yours 1"]["benefit_24h"] < told["ketamine"]["benefit_24h"]


def test_properties_are_listed_with_their_bounds(call: Callable[..., Any]) -> None:
    told = json.loads(call("discover", "--properties", "--bound", "half_life=3:5", "--json").stdout)
    half_life = next(one for one in told if one["property"] == "half_life")
    assert (half_life["lower"], half_life["upper"]) == (3.0, 5.0)
    assert all(one["lower_status"] for one in told)


def test_a_search_is_written_and_goes_on(call: Callable[..., Any], tmp_path: Path) -> None:
    words = [*SHORT, "--bound", "route=nasal", "--out", str(tmp_path / "out"), "--json"]
    first, again = (json.loads(call(*words).stdout) for _ in range(2))
    assert (first["resumed_generations"], again["resumed_generations"]) == (0, 3)
    assert first["compounds"] == again["compounds"]
    assert (tmp_path / "out" / "figures.html").is_file()
    assert {one["route"] for one in again["compounds"] if one["kind"] == "candidate"} <= {"nasal"}


def test_a_seed_that_differs_is_another_search(
    call: Callable[..., Any], sentence: Callable[..., str], tmp_path: Path
) -> None:
    assert call(*SHORT, "--out", str(tmp_path)).exit_code == 0
    said = sentence(2, *SHORT, "--seed", "2", "--out", str(tmp_path))
    assert "holds another search (seed differ)" in said


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--compound", "nmda_ic50=-1"], "nmda_ic50 = -1 umol/L is not possible"),
        (["--compound", "traping=0.5"], "did you mean trapping?"),
        (["--compound", "half_life=200"], "outside its bounds; expected 2"),
        (["--bound", "half_life=9:3"], "9 to 3 is no range"),
        (["--bound", "half_live=2:3"], "did you mean half_life?"),
        (["--bound", "half_life=a:b"], "no number"),
        (["--bound", "half_life"], "property=low:high"),
        (["--bound", "route=rectal"], "unknown route 'rectal'"),
        (["--hypothesis", "artcle", "--list"], "did you mean article?"),
    ],
)
def test_bad_input_is_one_sentence(
    sentence: Callable[..., str], words: list[str], part: str
) -> None:
    assert part in sentence(2, "discover", *words)


@pytest.mark.scenario
def test_an_interrupted_search_loses_nothing(call: Callable[..., Any], tmp_path: Path) -> None:
    words = ["discover", "--generations", "400", "--population", "60", "--draws", "2", "--out",
             str(tmp_path / "out")]  # fmt: skip
    # A job in the background may be started deaf to Ctrl-C, and hands that down.
    hear = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "ketasim", *words], stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, hear)
    kept = tmp_path / "out" / "search" / "generations"
    for _ in range(1200):
        if kept.is_dir() and len(list(kept.glob("*.parquet"))) >= 4:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.startswith("Stopped.")
    done = len(list(kept.glob("*.parquet")))
    assert done >= 4
    # Asked for as many as there are, the search takes all of them and solves nothing.
    short = ["400" if one == "400" else one for one in words]
    short[2] = str(done)
    told = json.loads(call(*short, "--json").stdout)
    assert told["resumed_generations"] == done
