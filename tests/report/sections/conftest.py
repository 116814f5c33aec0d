"""Records of published results and comparisons put in by hand, with only what a test is about."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ketasim.report.chart.style import styles


def seen(**parts: Any) -> dict[str, Any]:
    """A published observation as an experiment's record holds it."""
    words = {
        "id": "row", "experiment": "mine", "contrast": "baseline", "readout": "bdnf",
        "arm": "ketamine", "kind": "value", "direction": "", "unit": "fold", "species": "human",
        "use": "judge", "source": "tiger2020", "text": "as published", "note": "",
    }  # fmt: skip
    numbers = dict.fromkeys(("time_h", "time_to_h", "value", "sd", "lower", "upper", "n"))
    return {**words, **numbers, **parts}


def made(**parts: Any) -> dict[str, Any]:
    """A comparison of an observation with one hypothesis."""
    rest = {
        "observation": "row", "hypothesis": "article", "arm": "ketamine", "readout": "bdnf",
        "region": None, "group": "people", "species": "human", "source": "tiger2020",
        "role": "decides", "reason": "", "quantity": "fold_of_ketamine", "agrees": True,
        "rule": "within 25 %", "predicted": 1.2, "low": 1.0, "high": 1.4, "observed": None,
        "published": "as published",
    }  # fmt: skip
    return {**rest, **parts}


def points(*values: float | None, times: tuple[float | None, ...] = (0.0, 1.0, 24.0)) -> list[Any]:
    """A predicted course, with an interval of 0.1 to both sides."""
    return [
        {
            "time_h": time,
            "value": value,
            "lo95": None if value is None else value - 0.1,
            "hi95": None if value is None else value + 0.1,
        }
        for time, value in zip(times, values, strict=True)
    ]


def record(
    published: list[dict[str, Any]],
    comparisons: dict[str, list[dict[str, Any]]] | None = None,
    arms: dict[str, Any] | None = None,
    **parts: Any,
) -> dict[str, Any]:
    """An experiment with the readout ``bdnf``, two arms and the hypotheses that are compared."""
    compared = comparisons or {"article": [made(observation=one["id"]) for one in published]}
    courses = arms or {"ketamine": {"bdnf": points(1.0, 2.0, 1.5)}}
    hypotheses = {
        name: {"comparisons": rows, "arms": courses, "sweeps": [], "shares": []}
        for name, rows in compared.items()
    }
    rest: dict[str, Any] = {
        "arms": {"ketamine": {"title": "ketamine"}, "none": {"title": "nothing given"}},
        "readouts": {"bdnf": {"title": "BDNF", "unit": "fold", "rest": 1.0}},
        "hypotheses": hypotheses,
        "published": published,
        "sweeps": [],
    }
    return {**rest, **parts}


@pytest.fixture(scope="session")
def by_hand() -> SimpleNamespace:
    looks = styles(["article", "rival"])
    return SimpleNamespace(seen=seen, made=made, points=points, record=record, looks=looks)
