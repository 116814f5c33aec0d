"""A result as JSON, and the schema that checks it."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketasim.errors import KetasimError
from ketasim.experiments.expected import check_expected
from ketasim.experiments.readouts import RATED, readout

if TYPE_CHECKING:
    import pandas as pd

    from ketasim.experiments.design import Experiment, Sweep
    from ketasim.experiments.result import ExperimentResult

__all__ = ["SCHEMA_FILE", "check_against", "check_record", "result_record", "schema"]

SCHEMA_FILE = Path(__file__).with_name("schema") / "experiment.schema.json"
"""The shipped JSON schema."""

INTERVAL_TEXT = (
    "value: median over the cohort; lo95 and hi95: 2.5 and 97.5 % over patients, each of whom has "
    "parameters of their own (cohort variability) and a draw of the calibrated parameters (posterior "
    "uncertainty); parameters that are assumed are held fixed, so an interval says nothing of them; "
    "mc_error: standard error of the median. For response and remission: share of "
    "patients and its interval"
)
"""What the interval is made of, printed with every result."""


@cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of an experiment's result."""
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


def check_record(record: dict[str, Any]) -> None:
    """Check a result against the schema.

    Parameters
    ----------
    record : dict
        From `result_record`, or read from a file.

    Raises
    ------
    KetasimError
        If it breaks the schema; says where.
    """
    check_against(record, schema())


def check_against(record: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Check JSON values against a schema; a breach says where it is."""
    import jsonschema

    try:
        jsonschema.validate(record, wanted)
    except jsonschema.ValidationError as error:
        raise KetasimError(
            f"the result breaks its schema at {error.json_path}: {error.message}"
        ) from error


def result_record(result: ExperimentResult) -> dict[str, Any]:
    """Return a result as JSON values.

    Parameters
    ----------
    result : ExperimentResult
        The result.

    Returns
    -------
    dict
        ``id, claim, hypotheses: {name: {arms: {arm: {readout: [...]}}, verdict, rule, ...}},
        published: [...]`` and more; see `SCHEMA_FILE`.
    """
    experiment = result.experiment
    return {
        "id": experiment.name,
        "title": experiment.title,
        "claim": experiment.claim.text,
        "article": experiment.claim.article,
        "against": experiment.claim.against,
        "claim_sources": list(experiment.claim.sources),
        "size": result.size,
        "patients": result.patients,
        "seed": result.seed,
        "interval": INTERVAL_TEXT,
        "notes": list(experiment.notes),
        "warnings": list(result.warnings),
        "arms": {arm.name: _arm(arm) for arm in experiment.main_arms},
        "hypotheses": {name: _hypothesis(result, name) for name in result.hypotheses},
        "published": [seen.record() for seen in result.published],
        "readouts": {name: _readout(name) for name in _readouts(experiment)},
        "sweeps": [_sweep(sweep) for sweep in experiment.sweeps],
        "manifest": json.loads(result.manifest.to_json()),
    }


def _arm(arm: Any) -> dict[str, Any]:
    return {
        "title": arm.title,
        "regimen": arm.regimen,
        "overrides": dict(arm.overrides),
        "reference": arm.reference,
        "control": arm.control,
    }


def _readouts(experiment: Experiment) -> tuple[str, ...]:
    swept = [name for sweep in experiment.sweeps for name in sweep.readouts]
    return tuple(dict.fromkeys([*experiment.readouts, *swept]))


def _readout(name: str) -> dict[str, Any]:
    one = readout(name)
    rated = name in RATED
    return {"title": one.title, "unit": one.unit, "rest": one.rest, "rated": rated}


def _sweep(sweep: Sweep) -> dict[str, Any]:
    points = {name: _number(place) for name, place in sweep.points.items()}
    kept = ("name", "title", "axis", "quantity", "logarithmic", "note", "time_h")
    plain = {name: getattr(sweep, name) for name in kept}
    return {**plain, "readouts": list(sweep.readouts), "points": points}


def _hypothesis(result: ExperimentResult, name: str) -> dict[str, Any]:
    one = result.verdicts[name]
    mine = result.predictions[result.predictions["hypothesis"] == name]
    compared = [made.record() for made in result.comparisons if made.hypothesis == name]
    return {
        "arms": _arms(mine),
        "verdict": one.outcome,
        "rule": one.rule,
        "verdict_detail": one.record(),
        "calibrated": one.calibrated,
        "shares": _records(result.shares, name, ("arm", "reference", "time_h")),
        "sweeps": _records(result.sweeps, name, ("sweep", "line", "readout", "at")),
        "comparisons": compared,
        "expected": _expected(result, name),
        "log_likelihood": _number(result.log_likelihood(name)),
    }


def _expected(result: ExperimentResult, name: str) -> list[dict[str, Any]]:
    if name not in result.readings:
        return []
    rows = check_expected(result, result.readings[name]).to_dict("records")
    return [{str(key): _cell(cell) for key, cell in row.items()} for row in rows]


def _arms(predictions: pd.DataFrame) -> dict[str, dict[str, list[dict[str, Any]]]]:
    arms: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for (arm, name), rows in predictions.groupby(["arm", "readout"], sort=False):
        points = [_point(row) for row in rows.to_dict("records")]
        arms.setdefault(str(arm), {})[str(name)] = points
    return arms


def _records(table: pd.DataFrame, name: str, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    if table.empty:
        return []
    rows = table[table["hypothesis"] == name].to_dict("records")
    return [{**{key: _cell(row[key]) for key in keys}, **_point(row)} for row in rows]


def _point(row: dict[Any, Any]) -> dict[str, Any]:
    numbers = {key: _number(row[key]) for key in ("time_h", "value", "lo95", "hi95", "mc_error")}
    return {**numbers, "unit": str(row["unit"])}


def _cell(cell: Any) -> Any:
    return _number(cell) if isinstance(cell, float) else cell


def _number(number: float) -> float | None:
    """Return a number that JSON can hold, at the precision that a median deserves."""
    return float(f"{number:.6g}") if math.isfinite(number) else None
