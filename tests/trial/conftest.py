"""Small trials and pools that several tests share."""

from __future__ import annotations

import pytest

from ketasim.trial import TrialArm, TrialDesign, TrialEntry, TrialPool, TrialVisit, build_pool

KETAMINE = "ketamine 0.5 mg/kg iv over 40 min"


def two_arms(n: int = 40, **more: object) -> TrialDesign:
    fields: dict[str, object] = {
        "name": "two",
        "title": "Two arms",
        "arms": (
            TrialArm("ketamine", KETAMINE, "active", n, "active"),
            TrialArm("saline", "saline 0 mg/kg iv over 40 min", "saline", n, "control"),
        ),
        "visits": (TrialVisit(24.0), TrialVisit(72.0), TrialVisit(168.0)),
        "entry": TrialEntry(34.0, 5.5, 24.0),
    }
    return TrialDesign(**{**fields, **more})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def design() -> TrialDesign:
    return two_arms()


@pytest.fixture(scope="session")
def pool(design: TrialDesign) -> TrialPool:
    return build_pool(design, 400, 1)
