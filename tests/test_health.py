from __future__ import annotations

import pytest

from ketasim import health
from ketasim.errors import SimulationError
from ketasim.health import examine
from ketasim.model import list_hypotheses


def test_one_compartment_follows_its_closed_form() -> None:
    assert health.decay_error() < 1e-5


@pytest.mark.parametrize("hypothesis", list_hypotheses())
def test_every_hypothesis_rests_when_nothing_is_given(hypothesis: str) -> None:
    assert health.rest_error(hypothesis) < 1e-9


def test_a_sound_installation_passes_every_check() -> None:
    checks = examine()
    assert [one.name for one in checks if not one.passed] == []
    assert len({one.name for one in checks}) == len(checks)


def test_a_wrong_answer_is_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "decay_error", lambda: 0.1)
    wrong = [one for one in examine() if not one.passed]
    assert [one.found for one in wrong] == ["1.0e-01 (at most 1e-05)"]


def test_a_solver_that_cannot_work_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> float:
        raise SimulationError("no compiler")

    monkeypatch.setattr(health, "decay_error", refuse)
    assert [one.found for one in examine() if not one.passed] == ["no compiler"]


def test_a_missing_library_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "library_versions", lambda: {"numba": "not installed"})
    assert [one.name for one in examine() if not one.passed] == ["numba"]
