"""The results bundle: a folder of Parquet files that plain SQL reads, each whole or absent.

Trajectories are written in parts of `CHUNK` patients. A part carries the key of what it was made
from, so that an interrupted run, started again, keeps the parts it finds and solves the rest.
"""

from __future__ import annotations

import io
import json
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.engine import Status
from ketasim.errors import InputError
from ketasim.population import PATIENT, Cohort
from ketasim.provenance import FILE_NAME, Manifest, hash_mapping
from ketasim.results import atomic_write, ensure_folder
from ketasim.simulate.another_run import refuse_another_run, same_run
from ketasim.simulate.running import Solved, dataset_of, describe, solve
from ketasim.simulate.trajectories import SOLVED, Trajectories

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt
    import pandas as pd

    from ketasim.model import Model
    from ketasim.simulate.plan import Plan
    from ketasim.simulate.progress import Advance

__all__ = ["CHUNK", "load_bundle", "part_key", "read_cohort", "save_bundle", "solve_into"]

CHUNK = 200
"""Patients in one part."""

_PARTS, _PATIENTS, _STATUS = "trajectories", "patients.parquet", "status.parquet"
_OBSERVATIONS = "observations.parquet"
_ABOUT, _UNITS = b"ketasim", b"units"
# What differs between the parts of one run, or does not change its numbers.
_NOT_IN_KEY = ("cohort", "cohort_hash", "patients", "overrides")


def _chunks(patients: int) -> Iterator[tuple[int, int, int]]:
    for number, start in enumerate(range(0, patients, CHUNK)):
        yield number, start, min(start + CHUNK, patients)


def _part_path(folder: Path, number: int) -> Path:
    return folder / _PARTS / f"part-{number:05d}.parquet"


def part_key(manifest: Manifest, cohort: Cohort, start: int, stop: int) -> str:
    """Return a hash of all that the numbers of some patients depend on.

    Parameters
    ----------
    manifest : Manifest
        Of the run.
    cohort : Cohort
        Of the run.
    start, stop : int
        The first position in the cohort, and the one after the last.

    Returns
    -------
    str
        Equal keys mean equal numbers, bit for bit: versions and kind of machine, hashes of the
        model and the patients, and the options belong to it; the date and the time taken do not.
    """
    options = manifest.options
    overrides = {
        name: value[start:stop] if isinstance(value, list) else value
        for name, value in options["overrides"].items()
    }
    return hash_mapping(
        {
            "software": [manifest.ketasim, manifest.python, manifest.platform],
            "libraries": dict(manifest.libraries),
            "model": [manifest.parameter_hash, manifest.model_hash],
            "options": {k: v for k, v in options.items() if k not in _NOT_IN_KEY},
            "overrides": overrides,
            "patients": cohort.part(start, stop).content_hash(),
        }
    )


def solve_into(
    plan: Plan, folder: Path | str, advance: Advance, *, overwrite: bool = True
) -> Solved:
    """Solve a plan part by part, each written as soon as it is done.

    Parameters
    ----------
    plan : Plan
        What to solve.
    folder : path
        The bundle. Parts of the same run that lie there already are read instead of solved.
    advance : callable
        Called with (patients done, patients in all).
    overwrite : bool, optional
        Whether another run that lies in the folder is replaced.

    Returns
    -------
    Solved
        As `solve` gives it.

    Raises
    ------
    OutputError
        If the folder cannot be written to; said before anything is solved.
    InputError
        If the folder holds another run that must not be replaced.
    """
    manifest, total = plan.manifest(), len(plan.cohort)
    root = Path(folder)
    if not overwrite:
        refuse_another_run(root, manifest, _parts_left(root, manifest, plan.cohort))
    ensure_folder(root)
    ensure_folder(root / _PARTS)
    found: list[Solved] = []
    for number, start, stop in _chunks(total):
        path, key = _part_path(root, number), part_key(manifest, plan.cohort, start, stop)
        part = plan.part(start, stop)
        solved = _read_part(path, key)
        if solved is None:
            _forget(root)
            solved = solve(part, partial(_advance_from, advance, start, total))
            _write_part(path, key, part.cohort, plan.times, describe(plan), solved)
        found.append(solved)
        advance(stop, total)
    return _joined(found)


def _advance_from(advance: Advance, before: int, total: int, done: int, _: int) -> None:
    advance(before + done, total)


def _joined(parts: list[Solved]) -> Solved:
    return Solved(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.status for part in parts]),
        np.concatenate([part.failure_time for part in parts]),
    )


def _forget(root: Path) -> None:
    # A manifest says that the bundle is whole; while parts change it is not, and what was
    # measured in the patients of before belongs to nothing any more.
    for name in (FILE_NAME, _OBSERVATIONS):
        with suppress(OSError):
            (root / name).unlink()


def _parts_left(root: Path, manifest: Manifest, cohort: Cohort) -> dict[str, str]:
    """Return the key of each part that lies there, with the key this run would give it."""
    keys = {
        _key_of(_part_path(root, number)): part_key(manifest, cohort, start, stop)
        for number, start, stop in _chunks(len(cohort))
    }
    return {found: own for found, own in keys.items() if found}


def _key_of(path: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return str(json.loads(pq.read_schema(path).metadata[_ABOUT])["key"])
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return ""


def save_bundle(
    run: Trajectories, folder: Path | str, *, observations: pd.DataFrame | None = None
) -> Path:
    """Write the results bundle of a run; see `Trajectories.save`.

    Parameters
    ----------
    run : Trajectories
        What was simulated.
    folder : path
        The bundle.
    observations : DataFrame, optional
        What was measured; ``attrs["units"]`` names the unit of each measure, and all of ``attrs``
        goes into the metadata of the file. Without it, the observations of this very run that lie
        there already are kept, and those of another run are removed.

    Returns
    -------
    Path
        The folder. The manifest is written last: where it lies, the bundle is whole.
    """
    root = ensure_folder(folder)
    ensure_folder(root / _PARTS)
    about = {name: dict(run.dataset[name].attrs) for name in run.outputs}
    last = -1
    for number, start, stop in _chunks(len(run.cohort)):
        path, last = _part_path(root, number), number
        key = part_key(run.manifest, run.cohort, start, stop)
        if _read_part(path, key) is None:
            _forget(root)
            part = run.cohort.part(start, stop)
            _write_part(path, key, part, run.times, about, _solved_part(run, start, stop))
    if not same_run(root, run.manifest):
        _forget(root)
    _write_tables(run, root, observations)
    _drop_other_parts(root, last)
    run.manifest.save(root)
    return root


def _solved_part(run: Trajectories, start: int, stop: int) -> Solved:
    codes = {SOLVED: Status.OK.code, **{one.value: one.code for one in Status if one.code}}
    words = run.dataset["status"].values[start:stop]
    return Solved(
        np.stack([run.values(name)[start:stop] for name in run.outputs], axis=2),
        np.array([codes[str(word)] for word in words], dtype=np.int64),
        run.dataset["failure_time"].values[start:stop],
    )


def _drop_other_parts(root: Path, last: int) -> None:
    """Remove parts of an earlier, larger run, which would be read together with this one's."""
    for path in sorted((root / _PARTS).glob("part-*.parquet")):
        if path > _part_path(root, last):
            with suppress(OSError):
                path.unlink()


def _write_tables(run: Trajectories, root: Path, observations: pd.DataFrame | None) -> None:
    import pandas as pd

    cohort = run.cohort
    about: dict[str, Any] = {"seed": cohort.seed, "notes": list(cohort.notes)}
    if cohort.rows is not None:
        about["rows"] = json.loads(cohort.rows.to_json(orient="split", double_precision=15))
    _write_parquet(root / _PATIENTS, cohort.table.reset_index(), about, cohort.units)
    sentences = {SOLVED: Status.OK, **{one.value: one for one in Status}}
    statuses = [sentences[str(one)] for one in run.dataset["status"].values]
    status = pd.DataFrame(
        {
            PATIENT: cohort.table.index,
            "status": [one.name for one in statuses],
            "sentence": [one.value for one in statuses],
            "failure_time_h": run.dataset["failure_time"].values,
        }
    )
    _write_parquet(root / _STATUS, status, {}, {"failure_time_h": "h"})
    if observations is not None:
        about = {str(name): value for name, value in observations.attrs.items()}
        units = {"time_h": "h", **about.pop("units", {})}
        _write_parquet(root / _OBSERVATIONS, observations, about, units)


def _write_parquet(
    path: Path, frame: pd.DataFrame, about: Mapping[str, Any], units: Mapping[str, str]
) -> None:
    import pyarrow as pa

    _write_arrow(path, pa.Table.from_pandas(frame, preserve_index=False), about, units)


def _write_arrow(
    path: Path, table: Any, about: Mapping[str, Any], units: Mapping[str, str]
) -> None:
    import pyarrow.parquet as pq

    metadata = {
        **(table.schema.metadata or {}),
        _ABOUT: json.dumps(dict(about)).encode(),
        _UNITS: json.dumps(dict(units)).encode(),
    }
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), buffer, compression="zstd")
    atomic_write(path, buffer.getvalue())


def _write_part(
    path: Path,
    key: str,
    cohort: Cohort,
    times: npt.NDArray[np.float64],
    about: Mapping[str, Mapping[str, str]],
    solved: Solved,
) -> None:
    import pyarrow as pa

    patients = cohort.table.index.to_numpy(dtype=np.int64)
    names, count = list(about), len(patients) * len(times)
    variable = pa.DictionaryArray.from_arrays(
        np.repeat(np.arange(len(names), dtype=np.int32), count), pa.array(names, type=pa.string())
    )
    table = pa.table(
        {
            PATIENT: np.tile(np.repeat(patients, len(times)), len(names)),
            "time_h": np.tile(times, len(patients) * len(names)),
            "variable": variable,
            "value": np.moveaxis(solved.values, 2, 0).ravel(),
        }
    )
    description = {
        "key": key,
        "outputs": {name: dict(attributes) for name, attributes in about.items()},
        "shape": list(solved.values.shape),
        "status": solved.status.tolist(),
        "failure_time_h": [None if np.isnan(one) else float(one) for one in solved.failure_time],
    }
    units = {"time_h": "h", **{name: one.get("units", "") for name, one in about.items()}}
    _write_arrow(path, table, description, units)


def _read_part(path: Path, key: str | None) -> Solved | None:
    """Read a part, or None where it is absent, broken, or of another run."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = json.loads(pq.read_schema(path).metadata[_ABOUT])
        if key is not None and about["key"] != key:
            return None
        flat = pq.read_table(path, columns=["value"])["value"].to_numpy()
        patients, times, outputs = about["shape"]
        values = np.moveaxis(flat.reshape(outputs, patients, times), 0, 2)
        reached = [np.nan if one is None else one for one in about["failure_time_h"]]
        return Solved(values, np.array(about["status"], np.int64), np.array(reached, np.float64))
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def read_cohort(folder: Path | str) -> Cohort:
    """Read the patients of a bundle.

    Parameters
    ----------
    folder : path
        The bundle.

    Returns
    -------
    Cohort
        The same patients, to the last bit.

    Raises
    ------
    InputError
        If the bundle has no readable table of patients.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(folder) / _PATIENTS
    try:
        table = pq.read_table(path)
        about = json.loads(table.schema.metadata[_ABOUT])
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise InputError(
            "there is no readable table of patients", where=str(path), expected="a results bundle"
        ) from error
    rows = None
    if "rows" in about:
        split = about["rows"]
        rows = pd.DataFrame(split["data"], index=split["index"], columns=split["columns"])
    frame = table.to_pandas().set_index(PATIENT)
    return Cohort(frame, int(about["seed"]), rows, tuple(about["notes"]))


def load_bundle(folder: Path | str, *, model: Model | None = None) -> Trajectories:
    """Read a results bundle.

    Parameters
    ----------
    folder : path
        What `Trajectories.save` or ``simulate(out=...)`` wrote.
    model : Model, optional
        The model it was made with; by default it is loaded again from the manifest.

    Returns
    -------
    Trajectories
        The numbers as they were written. Where the model has changed since, a note says so.

    Raises
    ------
    InputError
        If the folder is no bundle, or one that is not complete.
    """
    from ketasim.dosing import regimen
    from ketasim.simulate.remaking import model_notes, model_of

    root = Path(folder)
    manifest = Manifest.load(root)
    cohort = read_cohort(root)
    parts = []
    for number, start, stop in _chunks(len(cohort)):
        path = _part_path(root, number)
        part = _read_part(path, part_key(manifest, cohort, start, stop))
        if part is None:
            raise InputError(
                "the part is missing, broken or of another run",
                where=str(path),
                expected="a complete bundle; run again with the same folder to complete it",
            )
        parts.append(part)
    about = _outputs_of(_part_path(root, 0))
    times = np.array(manifest.options["times_h"], dtype=np.float64)
    used = model_of(manifest) if model is None else model
    return Trajectories(
        dataset=dataset_of(cohort, times, about, _joined(parts), manifest),
        cohort=cohort,
        model=used,
        regimen=regimen(manifest.options["regimen"]),
        manifest=manifest,
        notes=model_notes(manifest, used),
    )


def _outputs_of(path: Path) -> dict[str, dict[str, str]]:
    import pyarrow.parquet as pq

    outputs: dict[str, dict[str, str]] = json.loads(pq.read_schema(path).metadata[_ABOUT])[
        "outputs"
    ]
    return outputs
