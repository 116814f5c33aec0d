"""Tables of time-activity curves in derivatives: ``*_tacs.tsv`` and ``*_timeseries.tsv``.

Both names are in use. A table has one row a frame, columns of time in seconds, and one column a
region; the reference region may stand in a file of its own whose name has the entity ``ref``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketasim.errors import InputError
from ketasim.interop.bids_pet.names import BidsName, parse_name
from ketasim.interop.bids_pet.regions import Curves, code_of
from ketasim.interop.bids_pet.sidecar import kbq_per_ml
from ketasim.results import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from ketasim.instruments.pet.scans import Scan

__all__ = ["SUFFIXES", "Table", "is_table", "read_table", "write_tacs"]

SUFFIXES = ("tacs", "timeseries")
"""Suffixes of a table of curves."""

_STARTS = ("framestart", "frametimesstart", "framestarts")
_ENDS = ("frameend", "frametimesend", "frametimesends", "frameends")
_LENGTHS = ("frameduration", "framedurations")
_MIDS = ("framemid", "frametimesmid", "framemids", "frametimesmiddle")
_WEIGHTS = ("weight", "weights")


@dataclass(frozen=True, eq=False)
class Table:
    """The curves of a table, as they stand in it.

    Parameters
    ----------
    name : BidsName
        The file.
    start_s, duration_s : array, shape (n_frames,)
        Times in seconds.
    curves : Curves
        In the unit of the file.
    weights : array, shape (n_frames,), or None
        Where the table has a column of weights.
    """

    name: BidsName
    start_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]
    curves: Curves
    weights: NDArray[np.float64] | None


def _plain(column: str) -> str:
    return re.sub(r"[^a-z]", "", column.lower())


def _times(columns: Iterable[str]) -> dict[str, str]:
    """Return which column has which time."""
    found = {}
    for column in columns:
        for kind, names in (("start", _STARTS), ("end", _ENDS), ("duration", _LENGTHS),
                            ("mid", _MIDS), ("weight", _WEIGHTS)):  # fmt: skip
            if _plain(column) in names:
                found[kind] = column
    return found


def is_table(name: BidsName) -> bool:
    """Whether a file is a table of curves: by its suffix, and by a column of frame starts.

    Parameters
    ----------
    name : BidsName
        The file; a time series of something else, such as confounds, has no frame starts.

    Returns
    -------
    bool
        True where `read_table` can be expected to read it.
    """
    if name.suffix not in SUFFIXES or name.extension != ".tsv":
        return False
    if name.suffix == "tacs":
        return True
    try:
        with name.path.open(encoding="utf-8-sig") as file:
            header = file.readline().rstrip("\r\n").split("\t")
    except (OSError, UnicodeDecodeError):
        return False
    return "start" in _times(header)


def read_table(name: BidsName, mapping: Mapping[str, str] | None = None) -> Table:
    """Read a table of curves.

    Parameters
    ----------
    name : BidsName
        The file.
    mapping : mapping of str to str, optional
        As for `ketasim.interop.bids_pet.regions.code_of`. Columns that would get the same code
        keep their names, for a table does not tell their volumes.

    Returns
    -------
    Table
        The curves.

    Raises
    ------
    InputError
        If the file cannot be read, has no times or no region, or a cell is no number.
    """
    table = _read(name.path)
    times = _times(table.columns)
    start, length = _frame_times(table, times, name.path)
    regions = [one for one in table.columns
               if one not in times.values() and _plain(one) not in (*_ENDS, *_MIDS)]  # fmt: skip
    if not regions:
        raise InputError("there is no column of a region", where=str(name.path),
                         expected="one column a region beside those of time")  # fmt: skip
    activity = np.stack([_numbers(table, one, name.path, missing=True) for one in regions])
    codes = [code_of(one, mapping) for one in regions]
    names = tuple(one if codes.count(code) > 1 else code
                  for one, code in zip(regions, codes, strict=True))  # fmt: skip
    weights = _numbers(table, times["weight"], name.path) if "weight" in times else None
    curves = Curves(names, activity, np.full(len(names), np.nan), str(name.path))
    return Table(name, start, length, curves, weights)


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"the curves cannot be read: {reason}", where=str(path)) from error
    if table.empty:
        raise InputError("there is no row", where=str(path), expected="one row a frame")
    return table


def _frame_times(
    table: pd.DataFrame, times: Mapping[str, str], path: Path
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if "start" not in times or not {"end", "duration"} & set(times):
        missing = "frame starts" if "start" not in times else "frame ends or durations"
        raise InputError(f"there is no column of {missing}", where=str(path),
                         expected="frame_start and frame_end, in seconds")  # fmt: skip
    start = _numbers(table, times["start"], path)
    if "duration" in times:
        return start, _numbers(table, times["duration"], path)
    return start, _numbers(table, times["end"], path) - start


def _numbers(
    table: pd.DataFrame, column: str, path: Path, *, missing: bool = False
) -> NDArray[np.float64]:
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64)
    bad = ~np.isfinite(values)
    if missing:  # a value that is not there belongs to its curve, which gets a status
        bad &= ~table[column].str.strip().str.lower().isin(["n/a", "nan", "na", ""]).to_numpy()
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(f"it is {table[column].iloc[row]!r}", expected="a number",
                         where=f"{path}, row {row + 2}, column {column!r}")  # fmt: skip
    return values


def write_tacs(
    path: Path | str, scan: Scan, metadata: Mapping[str, Any] | None = None
) -> tuple[Path, Path]:
    """Write the curves of a scan as a table of BIDS derivatives, with its sidecar.

    Parameters
    ----------
    path : path
        The file; its name ends in ``_tacs.tsv`` or ``_timeseries.tsv``.
    scan : Scan
        The curves; the reference region is a column like the others. Weights are written where
        they are the same in all regions, and left out otherwise.
    metadata : mapping, optional
        Further fields of the sidecar.

    Returns
    -------
    tuple of Path
        Table and sidecar.

    Raises
    ------
    InputError
        If the file's name is none of those.
    OutputError
        If a file cannot be written.
    """
    target = Path(path)
    name = parse_name(target)
    if name is None or name.suffix not in SUFFIXES or name.extension != ".tsv":
        raise InputError(f"{target.name!r} is no name of a table of curves",
                         expected="a name that ends in _tacs.tsv or _timeseries.tsv")  # fmt: skip
    columns: dict[str, NDArray[np.float64]] = {
        "frame_start": np.round(scan.frames.start_min * 60.0, 6),
        "frame_end": np.round(scan.frames.end_min * 60.0, 6),
    }
    if (scan.weights == scan.weights[0]).all():
        columns["weight"] = scan.weights[0]
    factor = kbq_per_ml(scan.unit)
    columns |= dict(zip(scan.regions, factor * scan.activity, strict=True))
    columns[scan.reference_region] = factor * scan.reference
    text = pd.DataFrame(columns).to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n")
    fields = {"ImageDecayCorrected": True, "ImageDecayCorrectionTime": 0, "InjectionStart": 0,
              "Units": "kBq/mL"} | dict(metadata or {})  # fmt: skip
    sidecar = target.with_suffix(".json")
    atomic_write(sidecar, json.dumps(fields, indent=2) + "\n")
    return atomic_write(target, text), sidecar
