"""Running the experiments of a dossier, each only where it is not there already."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ketasim
from ketasim.experiments.result import JSON_FILE
from ketasim.provenance import hash_bytes, hash_mapping, library_versions
from ketasim.report.bundle import EXPERIMENTS
from ketasim.results import atomic_write, ensure_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ketasim.experiments import Experiment
    from ketasim.experiments.design import Size
    from ketasim.model import Model

__all__ = ["run_missing"]

KEY_FILE = "key.txt"
"""Written last into an experiment's folder: a hash of all that its numbers depend on."""


def run_missing(
    folder: Path,
    experiments: Sequence[Experiment],
    models: Sequence[Model],
    size: Size,
    seed: int,
    patients: int | None,
    tell: Callable[[int, int], None],
) -> dict[str, dict[str, Any]]:
    """Run every experiment that is not stored yet, and return the records of all.

    Parameters
    ----------
    folder : Path
        The folder of the dossier.
    experiments : sequence of Experiment
        What is asked for.
    models : sequence of Model
        One for each hypothesis.
    size, seed, patients
        As for `Experiment.run`.
    tell : callable
        Told how many steps are done, and of how many; the page is the last one.

    Returns
    -------
    dict of str to dict
        By name, as the JSON schema of experiments says.
    """
    records = {}
    tell(0, len(experiments) + 1)
    for done, one in enumerate(experiments, start=1):
        key = _key(one, models, size, seed, patients)
        home = folder / EXPERIMENTS / one.name
        stored = _stored(home, key)
        records[one.name] = stored or _run(home, key, one, models, size, seed, patients)
        tell(done, len(experiments) + 1)
    return records


def _run(
    home: Path,
    key: str,
    one: Experiment,
    models: Sequence[Model],
    size: Size,
    seed: int,
    patients: int | None,
) -> dict[str, Any]:
    ensure_folder(home)
    result = one.run(size, [model.hypothesis for model in models], seed, patients=patients)
    (home / KEY_FILE).unlink(missing_ok=True)
    result.save(home)
    atomic_write(home / KEY_FILE, key + "\n")
    # What was written, so that the record is not built and checked a second time.
    return _record(home)


def _stored(home: Path, key: str) -> dict[str, Any] | None:
    """Return the record of an experiment that was finished with the same key."""
    try:
        if (home / KEY_FILE).read_text(encoding="utf-8").strip() != key:
            return None
        return _record(home)
    except (OSError, ValueError):
        return None


def _record(home: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((home / JSON_FILE).read_text(encoding="utf-8"))
    return record


def _key(
    one: Experiment, models: Sequence[Model], size: Size, seed: int, patients: int | None
) -> str:
    return hash_mapping(
        {
            "package": _package_hash(),
            "libraries": dict(library_versions()),
            "experiment": repr(one),
            "hypotheses": [_about(model) for model in models],
            "call": [size, seed, patients],
        }
    )


def _about(model: Model) -> str:
    values = sorted(model.values().items())
    return repr((model.hypothesis, values, model.covariance().to_numpy().tolist()))


@cache
def _package_hash() -> str:
    """Return a hash of every file of the package: code, numbers, evidence."""
    home = Path(ketasim.__file__).parent
    files = sorted(one for one in home.rglob("*") if one.is_file() and one.suffix != ".pyc")
    # Only the page is made in the report's own room: it changes no number.
    aside = {"__pycache__", "report"}
    kept = [one for one in files if not aside & set(one.relative_to(home).parts)]
    return hash_bytes(
        b"\0".join(str(one.relative_to(home)).encode() + one.read_bytes() for one in kept)
    )
