"""Gathering what the page needs beside the experiments: hypotheses, numbers, sources, provenance."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from ketasim.evidence import Citations, evidence_hash, load, reference
from ketasim.experiments import scoreboard
from ketasim.instruments import load_context
from ketasim.instruments.context import context_table
from ketasim.model import list_drugs, load_drug
from ketasim.model.calibration import read_targets
from ketasim.model.files import known_limits
from ketasim.provenance import hash_mapping, hash_text, manifest_for
from ketasim.report.bundle import (
    INDEX_FILE,
    MODEL_FILE,
    OBSERVATIONS_FILE,
    PARAMETERS_FILE,
    TRIALS_FILE,
)
from ketasim.report.left_out import left_out_trials
from ketasim.results import atomic_write, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from ketasim.model import Hypothesis, Model

__all__ = ["write_index"]

_PARAMETER_COLUMNS = ("id", "value", "unit", "distribution", "status", "source", "note")


def write_index(
    folder: Path,
    records: Mapping[str, Mapping[str, Any]],
    models: Sequence[Model],
    *,
    seed: int,
    seconds: float,
) -> Path:
    """Write everything but the experiments into the bundle, the index last.

    Parameters
    ----------
    folder : Path
        The folder of the dossier.
    records : mapping of str to mapping
        The records of the experiments and studies, by name.
    models : sequence of Model
        One for each hypothesis.
    seed : int
        The seed of the run.
    seconds : float
        The time that the experiments took.

    Returns
    -------
    Path
        ``dossier.json``.
    """
    first = models[0]
    write_table(folder / PARAMETERS_FILE, _parameters(first))
    write_table(folder / OBSERVATIONS_FILE, load("observations"))
    trials = left_out_trials()
    write_table(folder / TRIALS_FILE, trials.table)
    atomic_write(folder / MODEL_FILE, first.sbml)
    claims = {name: one for name, one in records.items() if not _is_study(one)}
    studies = {name: one for name, one in records.items() if _is_study(one)}
    some = next(iter(records.values()))
    patients = next((one["patients"] for one in claims.values()), None)
    manifest = manifest_for(
        hypothesis=", ".join(model.hypothesis.name for model in models),
        seed=seed,
        parameter_hash=hash_mapping({one.hypothesis.name: one.values() for one in models}),
        evidence_hash=evidence_hash(),
        model_hash=hash_text(first.sbml),
        options={"size": some["size"], "patients": patients, "experiments": list(records)},
        seconds=seconds,
    )
    manifest.save(folder)
    board = scoreboard(claims.values()).reset_index()
    index = {
        "experiments": list(claims),
        "studies": list(studies),
        "size": some["size"],
        "patients": patients,
        "seed": seed,
        "hypotheses": [_hypothesis(one) for one in models],
        "mechanisms": {name: list(names) for name, names in first.mechanisms().items()},
        "drugs": {one.title: one.targets() for one in map(load_drug, list_drugs())},
        "context": _context(),
        "limits": list(known_limits()),
        "scoreboard": _records(board),
        "trials": dict(trials.summary),
        "references": _references(records, models, trials.table),
        "manifest": json.loads(manifest.to_json()),
    }
    return atomic_write(folder / INDEX_FILE, json.dumps(index, indent=1, ensure_ascii=False) + "\n")


def _is_study(record: Mapping[str, Any]) -> bool:
    return "answers" in record


def _parameters(model: Model) -> pd.DataFrame:
    return model.table.reset_index()[list(_PARAMETER_COLUMNS)]


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.to_dict("records")
    return [{str(name): _plain(cell) for name, cell in row.items()} for row in rows]


def _plain(cell: Any) -> Any:
    cell = cell.item() if hasattr(cell, "item") else cell
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _hypothesis(model: Model) -> dict[str, Any]:
    one: Hypothesis = model.hypothesis
    return {
        "name": one.name,
        "title": one.title,
        "statement": one.statement,
        "refuted_by": one.refuted_by,
        "supports": [list(pair) for pair in one.supports],
        "against": [list(pair) for pair in one.against],
        "switches": dict(one.switches),
        "overrides": dict(one.overrides),
        "calibrated": model.is_calibrated,
        "calibration_of": model.calibration.of,
        "fitted": _fitted(model),
        "targets": _targets(model.calibration.of),
    }


def _fitted(model: Model) -> list[dict[str, Any]]:
    """Return the fitted values with the 95 % interval of their Laplace posterior."""
    covariance = model.covariance()
    rows = []
    for name, value in model.calibration.values.items():
        spread = 1.96 * math.sqrt(float(covariance[name].to_dict()[name]))
        low, high = value * math.exp(-spread), value * math.exp(spread)
        rows.append({"id": name, "value": value, "lo95": low, "hi95": high})
    return rows


def _targets(calibration: str) -> list[dict[str, Any]]:
    return _records(read_targets(calibration))


def _context() -> dict[str, Any]:
    return {
        "assumed": list(load_context().assumed),
        "rows": _records(context_table().reset_index()),
    }


def _references(
    records: Mapping[str, Mapping[str, Any]], models: Sequence[Model], trials: pd.DataFrame
) -> dict[str, dict[str, Any]]:
    gathered = _cited(records, models, trials)
    known = {key: reference(key) for key in gathered}
    order = sorted(known, key=lambda key: (known[key].label.lower(), key))
    return {
        key: {
            "label": known[key].label,
            "text": known[key].to_text(),
            "url": known[key].url,
            "seen": known[key].seen,
            "because": gathered.reasons[key],
        }
        for key in order
    }


def _cited(
    records: Mapping[str, Mapping[str, Any]], models: Sequence[Model], trials: pd.DataFrame
) -> Citations:
    gathered = Citations()
    for name, record in records.items():
        gathered.add(record["claim_sources"], f"the claim of {name}")
        for one in record.get("answers", ()):
            gathered.add(one["sources"], f"an answer of {name}")
        gathered.add(record.get("sources", ()), f"the numbers of {name}")
        for seen in record.get("published", ()):
            gathered.add(seen["source"], f"observation {seen['id']}")
    for model in models:
        for text, key in (*model.hypothesis.supports, *model.hypothesis.against):
            gathered.add(key, f"{model.hypothesis.name}: {text}")
    for key, names in models[0].citations().items():
        gathered.add(key, f"the value of {', '.join(names)}")
    for row in _targets(models[0].calibration.of):
        gathered.add(str(row["citation"]), f"fitted: {row['row_id']}")
    for study, key in trials[["study", "citation"]].drop_duplicates().itertuples(index=False):
        gathered.add(str(key), f"predicted with its family left out: {study}")
    return gathered
