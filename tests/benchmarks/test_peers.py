"""Engines agree where they are accurate, and one that fails takes nobody with it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from benchmarks.case import Case, Patients, doses, sbml_of
from benchmarks.curves import worst_error
from benchmarks.measure import CaseRun, Plan
from benchmarks.models import NAMES, load_case
from benchmarks.peers import ADAPTERS, NotMeasured, make_peer
from benchmarks.process import ROOT, Engine, started

from benchmarks import process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TWO = """
model two
  compartment V = 2
  substanceOnly species gut in V = 0; species central in V = 0
  ka = 1; cl = 0.5; effect = 0
  gut -> central; ka * gut
  central -> ; cl * central
  effect' = central / (0.3 + central) - effect
  doubled := 2 * effect
end
"""


def two(count: int) -> Patients:
    """A bolus by mouth, two infusions that overlap, and volumes and rates that vary."""
    spread = np.linspace(0.5, 2.0, count)
    rows = [
        ("gut", 0.0, 0.0, 10.0 * spread),
        ("central", 1.3 * spread, 2.0, 5.0),
        ("central", 2.0, 1.0, 3.0 / spread),
    ]
    return Patients(count, {"V": 2.0 * spread, "cl": 0.5 / spread}, doses(rows, count))


def small_case(name: str) -> Case:
    if name != "two":
        return load_case(name)
    return Case(
        name="two", title="Two", source="here", sbml=sbml_of(TWO), times=np.linspace(0.0, 8.0, 33),
        outputs=("gut", "central", "effect", "doubled"), absolute=1e-2, population=two,
    )  # fmt: skip


@pytest.fixture(scope="module", params=["two", "robertson"])
def values(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    """What each engine finds for three patients at tight tolerance."""
    case = small_case(request.param)
    found = {}
    for name in ("ketasim", "libroadrunner", "scipy LSODA"):
        peer = make_peer(name)
        peer.prepare(case, case.population(2))
        peer.load(case.population(3))
        found[name] = peer.solve(1e-10, case.atol(1e-10))
        assert found[name].shape == (3, len(case.times), len(case.outputs))
    return found


@pytest.mark.parametrize("peer", ["libroadrunner", "scipy LSODA"])
def test_engines_agree_at_tight_tolerance(values: dict[str, np.ndarray], peer: str) -> None:
    assert worst_error(values[peer], values["ketasim"], 1e-3) < 1e-5
    patients = values[peer]
    assert (np.ptp(patients, axis=0).max(axis=0) > 1e-6).all(), "the patients do not differ"


def test_an_engine_without_events_refuses_a_model_that_has_them() -> None:
    case = replace(small_case("two"), events=True)
    with pytest.raises(NotMeasured, match="no events that the state triggers"):
        make_peer("scipy LSODA").prepare(case, case.population(1))


def test_an_engine_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "nobody", "nobody:Nobody")
    with pytest.raises(NotMeasured, match=r"not installed: .*nobody"):
        make_peer("nobody")


@pytest.mark.parametrize("name", NAMES)
def test_every_model_of_the_suite_can_be_read(name: str) -> None:
    case = load_case(name)
    assert case.name == name
    assert (np.diff(case.times) > 0.0).all()
    some, more = case.population(2), case.population(3)
    for column, values in some.parameters.items():
        longer = np.asarray(more.parameters[column])
        assert np.array_equal(values, longer[:2] if longer.ndim else longer), column


# processes --------------------------------------------------------------------------------------
PACKAGE = """
__path__.append({real!r})
import benchmarks.models
import benchmarks.peers

benchmarks.peers.__path__.append({own!r})
benchmarks.peers.ADAPTERS.clear()
benchmarks.peers.ADAPTERS.update(
    ketasim="fakes:Good", noisy="fakes:Noisy", raises="fakes:Raises", hangs="fakes:Hangs",
    dies="fakes:Dies", absent="fakes:Absent",
)
benchmarks.models.load_case = lambda name: benchmarks.peers.adapter("ketasim").case
"""
FAKES = """
import os
import time

import numpy as np

from benchmarks.case import Case, Patients


class Good:
    configuration, threads = "", False
    case = Case("fake", "Fake", "here", "", np.linspace(0.0, 1.0, 5), ("y",), 1.0,
                lambda count: Patients(count, {}, None))
    off = 0.3

    def version(self):
        return "1"

    def prepare(self, case, sample):
        pass

    def load(self, patients):
        self.count = patients.count

    def solve(self, rtol, atol):
        values = np.exp(-self.case.times) * (1.0 + self.off * rtol)
        return np.repeat(values[None, :, None], self.count, axis=0)


class Noisy(Good):
    off = -0.9

    def solve(self, rtol, atol):
        print("this is no JSON")
        os.write(1, b"nor is this")
        return super().solve(rtol, atol)


class Raises(Good):
    def solve(self, rtol, atol):
        raise ValueError("no such\\n   thing")


class Hangs(Good):
    def solve(self, rtol, atol):
        time.sleep(600.0)


class Dies(Good):
    def solve(self, rtol, atol):
        os._exit(3)


class Absent(Good):
    def version(self):
        raise ImportError("no module here")
"""
LIMIT = 5.0
REASONS = {
    "raises": "ValueError: no such thing",
    "hangs": f"it took longer than {LIMIT:g} s",
    "dies": "its process ended with code 3",
    "absent": "not installed: no module here",
}


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Workers whose engines are the fakes above; yields the processes that were started."""
    own = tmp_path / "benchmarks"
    own.mkdir()
    (own / "__init__.py").write_text(PACKAGE.format(real=str(ROOT / "benchmarks"), own=str(own)))
    (own / "fakes.py").write_text(FAKES)
    monkeypatch.setattr(process, "ROOT", tmp_path)
    made: list[Any] = []

    class Recorded(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    yield made
    for one in made:
        one.kill()


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_engine_may_print_what_it_likes(children: list[Any], tmp_path: Path) -> None:
    engine = Engine("noisy", "fake", tmp_path)
    told = started(engine, 60.0)
    assert told["version"] == "1"
    assert told["seconds"] >= 0.0
    engine.ask("load", 60.0, begin=0, end=3)
    told = engine.ask("solve", 60.0, rtol=0.1, save=str(tmp_path / "values.npy"))
    assert told["failed"] == 0
    assert told["peak_bytes"] > 0
    assert np.load(tmp_path / "values.npy").shape == (3, 5, 1)
    engine.close()
    assert not is_there(children[0].pid)


def test_one_that_raises_hangs_or_dies_is_not_measured(children: list[Any], tmp_path: Path) -> None:
    plan = Plan(
        engines=("ketasim", "noisy", *REASONS), cases=("fake",), patients=4, compared=2,
        levels=(1e-2, 1e-3), rtols=(1e-1, 1e-2, 1e-3, 1e-4), repeats=2, point_seconds=0.05,
        limit_seconds=LIMIT, compile_limit_seconds=LIMIT,
    )  # fmt: skip
    said: list[str] = []
    found = CaseRun("fake", plan, tmp_path, said.append).measure()
    assert list(found["engines"]) == list(plan.engines)
    for name, reason in REASONS.items():
        assert found["engines"][name]["not_measured"] == reason
        assert any(name in line and reason in line for line in said)
    assert found["shape"] == {"compared": 2, "times": 5, "outputs": 1}
    # The errors of the two that work are known: their tolerance times what they are off by.
    errors = {
        name: [point["error"] for point in found["engines"][name]["points"]]
        for name in ("ketasim", "noisy")
    }
    assert errors["ketasim"] == pytest.approx([3e-2, 3e-3, 3e-4], rel=1e-6)
    assert errors["noisy"] == pytest.approx([9e-2, 9e-3, 9e-4], rel=1e-6)
    assert all(len(p["repeats"]) == 2 for p in found["engines"]["noisy"]["points"])
    # Each that came so far was started with and without its cache; none of them is left.
    assert len(children) >= 2 + 2 + len(REASONS)
    assert not any(is_there(one.pid) for one in children)
