"""Hypotheses, methods and provenance: sentences whose numbers come from the bundle."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.experiments.verdict import VERDICT_RULE
from ketasim.model import load_hypothesis
from ketasim.report.sections import hypotheses, methods, provenance

if TYPE_CHECKING:
    from ketasim.report import Bundle


def test_a_hypothesis_says_what_its_file_says(bundle: Bundle) -> None:
    for one in hypotheses.content(bundle):
        file = load_hypothesis(one["name"])
        assert (one["title"], one["statement"]) == (file.title, file.statement)
        assert one["refuted_by"] == file.refuted_by
        assert [tuple(pair) for pair in one["supports"]] == list(file.supports)
        assert [tuple(pair) for pair in one["against"]] == list(file.against)


def test_promises_are_those_on_the_experiments_that_were_run(bundle: Bundle) -> None:
    for one in hypotheses.content(bundle):
        wanted = [
            e for e in load_hypothesis(one["name"]).expected if e.experiment in ("camp", "ampa")
        ]
        assert len(one["promises"]) == len(wanted)


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [(None, 0.2, "below 0.2"), (0.6, None, "above 0.6"), (0.9, 1.1, "0.9 to 1.1")],
)
def test_a_promise_is_told_with_its_bounds_and_what_came_out(
    doctored: Bundle, lower: float | None, upper: float | None, words: str
) -> None:
    row: dict[str, Any] = {
        "arm": "rolipram+ketamine", "readout": "ampa_drive", "quantity": "fold", "time_h": 24.0,
        "lower": lower, "upper": upper, "predicted": 0.05, "mc_error": 0.01, "met": True,
    }  # fmt: skip
    doctored.experiments["camp"]["hypotheses"]["article"]["expected"] = [row]
    doctored.experiments["ampa"]["hypotheses"]["article"]["expected"] = [{**row, "arm": "gone"}]
    first, second = hypotheses.content(doctored)[0]["promises"]
    assert (first["bounds"], first["predicted"], first["met"]) == (words, 0.05, True)
    assert (first["experiment"], first["arm"]) == ("camp", "rolipram, then ketamine")
    assert first["what"] == "ampa drive, fold over rest"
    assert second["arm"] == "gone"


def test_methods_count_parameters_observations_and_patients(bundle: Bundle) -> None:
    model, patients, fit, judgement = methods.content(bundle)
    assert f"with {len(bundle.parameters)} parameters" in model
    for status, count in bundle.parameters["status"].value_counts().items():
        assert f"{count} {status}" in model
    assert patients.startswith("4 virtual patients were drawn quasi-randomly (seed 1)")
    uses = bundle.observations["use"].value_counts()
    counted = [int(one) for one in re.findall(r"\d+", fit.partition("Of ")[2])]
    assert counted == [len(bundle.observations), uses["fit"], uses["judge"], uses["context"]]
    assert judgement.startswith(f"A hypothesis was called {VERDICT_RULE}. ")


def test_methods_follow_the_bundle(doctored: Bundle) -> None:
    doctored.index["patients"], doctored.index["seed"] = 987, 65
    doctored.index["hypotheses"][1]["calibrated"] = False
    fewer = replace(doctored, parameters=doctored.parameters.iloc[3:])
    text = " ".join(methods.content(fewer))
    assert "987 virtual patients were drawn quasi-randomly (seed 65)" in text
    assert f"with {len(fewer.parameters)} parameters" in text
    assert "(article, opioid_agonist) was calibrated" in text


def test_provenance_is_that_of_the_manifest(bundle: Bundle) -> None:
    made = provenance.content(bundle)
    manifest = bundle.index["manifest"]
    assert made["facts"]["made"] == manifest["created"]
    assert made["facts"]["seed"] == 1
    assert made["facts"]["model (SHA-256)"] == manifest["model_hash"]
    assert all(
        f"{name} {v}" in made["facts"]["libraries"] for name, v in manifest["libraries"].items()
    )
    assert list(made["experiments"]) == ["camp", "ampa"]
    assert all(seconds > 0 for seconds in made["experiments"].values())
