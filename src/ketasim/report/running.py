"""Running the experiments of a dossier, each only where it is not there already."""

from __future__ import annotations

import inspect
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ketasim
from ketasim.experiments import Study
from ketasim.experiments.result import JSON_FILE
from ketasim.experiments.study_result import STUDY_FILE
from ketasim.provenance import hash_bytes, hash_mapping, library_versions
from ketasim.report.bundle import EXPERIMENTS
from ketasim.results import atomic_write, ensure_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ketasim.experiments import Experiment, ExperimentResult, StudyResult
    from ketasim.experiments.design import Size
    from ketasim.model import Model

__all__ = ["run_missing"]

KEY_FILE = "key.txt"
"""Written last into an experiment's folder: a hash of all that its numbers depend on."""


def run_missing(
    folder: Path,
    experiments: Sequence[Experiment | Study],
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
    experiments : sequence of Experiment or Study
        What is asked for.
    models : sequence of Model
        One for each hypothesis.
    size, seed, patients
        As for `Experiment.run`; a study chooses its own number of patients.
    tell : callable
        Told how many steps are done, and of how many; the page is the last one.

    Returns
    -------
    dict of str to dict
        By name, as the JSON schema of experiments, or that of studies, says.
    """
    records = {}
    tell(0, len(experiments) + 1)
    for done, one in enumerate(experiments, start=1):
        key = _key(one, models, size, seed, patients)
        home = folder / EXPERIMENTS / one.name
        stored = _stored(home / _file(one), key)
        records[one.name] = stored or _run(home, key, one, models, size, seed, patients)
        tell(done, len(experiments) + 1)
    return records


def _run(
    home: Path,
    key: str,
    one: Experiment | Study,
    models: Sequence[Model],
    size: Size,
    seed: int,
    patients: int | None,
) -> dict[str, Any]:
    ensure_folder(home)
    hypotheses = [model.hypothesis for model in models]
    result: ExperimentResult | StudyResult
    if isinstance(one, Study):
        result = one.run(size, hypotheses, seed)
    else:
        result = one.run(size, hypotheses, seed, patients=patients)
    (home / KEY_FILE).unlink(missing_ok=True)
    result.save(home)
    atomic_write(home / KEY_FILE, key + "\n")
    # What was written, so that the record is not built and checked a second time.
    return _record(home / _file(one))


def _file(one: Experiment | Study) -> str:
    return STUDY_FILE if isinstance(one, Study) else JSON_FILE


def _stored(file: Path, key: str) -> dict[str, Any] | None:
    """Return the record of an experiment that was finished with the same key."""
    try:
        if file.with_name(KEY_FILE).read_text(encoding="utf-8").strip() != key:
            return None
        return _record(file)
    except (OSError, ValueError):
        return None


def _record(file: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return record


def _key(
    one: Experiment | Study, models: Sequence[Model], size: Size, seed: int, patients: int | None
) -> str:
    return hash_mapping(
        {
            "package": _package_hash(),
            "libraries": dict(library_versions()),
            "experiment": [repr(one), _code(one)],
            "hypotheses": [_about(model) for model in models],
            "call": [size, seed, patients],
        }
    )


def _code(one: Experiment | Study) -> str:
    """Return the hash of a study's own file; that of a plug-in is no file of the package."""
    if not isinstance(one, Study):
        return ""
    file = inspect.getsourcefile(one.conduct)
    return hash_bytes(Path(file).read_bytes()) if file else ""


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
