"""One set of scenarios for the real objective."""

from __future__ import annotations

import pytest

from ketasim.discovery import RobustObjective, Scenarios, draw_scenarios, space


@pytest.fixture(scope="session")
def scenarios() -> Scenarios:
    return draw_scenarios(draws=4)


@pytest.fixture(scope="session")
def objective(scenarios: Scenarios) -> RobustObjective:
    return RobustObjective(space(), scenarios)
