"""A scan as curves: decay-corrected activity by region and frame, and its reference region.

A table of curves has one row for each participant, scan, region and frame. Curves that cannot be
fitted (all zero, negative on the whole, or with missing values) are kept: the fit gives them a
status. A table that contradicts itself is refused in one sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.pet.frames import Frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["COLUMNS", "HALF_LIFE_11C_MIN", "REFERENCE", "REGIONS", "Scan", "read_tacs", "to_table"]

HALF_LIFE_11C_MIN = 20.364
"""Half-life of carbon-11 in minutes."""

REGIONS = ("VSTR", "HIP", "DBS", "ACC", "FC", "OC", "INS", "AMG", "THA", "CAU", "PUT")
"""Codes of the target regions of [11C]AZ10419369: ventral striatum, hippocampus, dorsal brain stem,
anterior cingulate, frontal, occipital, insula, amygdala, thalamus, caudate, putamen."""

REFERENCE = "CER"
"""Code of the reference region, the cerebellum."""

COLUMNS = ("participant", "scan", "region", "frame_mid_min", "frame_duration_min", "tac", "weight",
           "reference_tac")  # fmt: skip
"""Columns of a table of curves. `reference_tac` may be missing where the reference region has rows
of its own."""

_HAIR = 0.02
"""Tenths of a second; six digits of a mid-time in minutes keep it closer."""

_KEYS = ("participant", "scan", "region")
_TIMES = ("frame_mid_min", "frame_duration_min")


@dataclass(frozen=True, eq=False)
class Scan:
    """The curves of one scan.

    Parameters
    ----------
    participant, scan : str
        Whose scan it is, and which.
    frames : Frames
        The n frames.
    regions : tuple of str
        Codes of the target regions, each once.
    activity : array of float, shape (n_regions, n)
        Decay-corrected activity concentration in `unit`; a missing value is NaN.
    reference : array of float, shape (n,)
        Activity of the reference region in the same unit.
    weights : array of float, shape (n_regions, n)
        Weight of each frame in a fit, zero or more.
    reference_region : str, optional
        Code of the reference region.
    unit : str, optional
        Unit of the activity.

    Raises
    ------
    InputError
        If shapes disagree, a region stands twice, a weight is negative or not finite, or the
        reference curve is not finite, all zero, or negative on the whole.
    """

    participant: str
    scan: str
    frames: Frames
    regions: tuple[str, ...]
    activity: NDArray[np.float64]
    reference: NDArray[np.float64]
    weights: NDArray[np.float64]
    reference_region: str = REFERENCE
    unit: str = "arbitrary"

    def __post_init__(self) -> None:
        for name in ("activity", "reference", "weights"):
            values = np.array(getattr(self, name), dtype=np.float64)
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        _check_scan(self)

    def curve(self, region: str) -> NDArray[np.float64]:
        """Return the activity of a region, shape (n,).

        Raises
        ------
        UnknownNameError
            If the scan has no such region.
        """
        if region == self.reference_region:
            return self.reference
        if region not in self.regions:
            known = (*self.regions, self.reference_region)
            raise unknown_name("region", region, known, where=_place(self))
        return np.asarray(self.activity[self.regions.index(region)])


def read_tacs(source: Path | str | pd.DataFrame, reference: str = REFERENCE) -> list[Scan]:
    """Read a table of time-activity curves.

    Parameters
    ----------
    source : path or DataFrame
        A CSV file or a table with the columns of `COLUMNS`; others are not looked at. Where
        `reference_tac` is missing, the rows of the region `reference` are the reference curve.
    reference : str, optional
        Code of the reference region.

    Returns
    -------
    list of Scan
        In the order in which they first appear, their regions too; frames in order of time.

    Raises
    ------
    InputError
        For a file that cannot be read, a missing column or reference, a cell that is no number,
        a row that stands twice, frames that overlap, leave a gap or are in seconds, and curves of
        one scan that disagree on frames or reference.
    """
    table, where = _table(source)
    _check_columns(table, reference, where)
    table = _typed(table, where)
    _refuse_twice(table, where)
    groups = table.groupby(["participant", "scan"], sort=False)
    return [_scan(str(one), str(scan), rows, reference, where) for (one, scan), rows in groups]


def to_table(scans: Scan | Iterable[Scan]) -> pd.DataFrame:
    """Write scans as a table that `read_tacs` reads.

    Parameters
    ----------
    scans : Scan or iterable of Scan
        The scans.

    Returns
    -------
    DataFrame
        One row for each participant, scan, region and frame, with the columns of `COLUMNS`.
    """
    several = [scans] if isinstance(scans, Scan) else list(scans)
    parts = [_rows(scan) for scan in several]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def _rows(scan: Scan) -> pd.DataFrame:
    count, number = scan.activity.shape
    return pd.DataFrame(
        {
            "participant": scan.participant,
            "scan": scan.scan,
            "region": np.repeat(scan.regions, number),
            "frame_mid_min": np.tile(scan.frames.mid_min, count),
            "frame_duration_min": np.tile(scan.frames.duration_min, count),
            "tac": scan.activity.ravel(),
            "weight": scan.weights.ravel(),
            "reference_tac": np.tile(scan.reference, count),
        },
        columns=list(COLUMNS),
    )


def _place(scan: Scan) -> str:
    return f"scan {scan.scan!r} of {scan.participant!r}"


def _check_scan(scan: Scan) -> None:
    place, number = _place(scan), len(scan.frames)
    if not scan.regions:
        raise InputError("it has no target region", where=place)
    twice = [name for name in scan.regions if scan.regions.count(name) > 1]
    if twice:
        raise InputError(f"the region {twice[0]!r} stands twice", where=place)
    for name in ("activity", "weights"):
        shape = getattr(scan, name).shape
        if shape != (len(scan.regions), number):
            raise InputError(f"{name} has the shape {shape}", where=place,
                             expected=f"{len(scan.regions)} regions by {number} frames")  # fmt: skip
    if scan.reference.shape != (number,):
        raise InputError(f"the reference curve has the shape {scan.reference.shape}", where=place,
                         expected=f"{number} frames")  # fmt: skip
    if not np.isfinite(scan.weights).all() or (scan.weights < 0).any():
        raise InputError("a weight is negative or no number", where=place)
    problem = _reference_problem(scan.reference)
    if problem:
        raise InputError(f"the reference curve ({scan.reference_region}) {problem}", where=place,
                         expected="positive activity, frame by frame but for noise")  # fmt: skip


def _reference_problem(curve: NDArray[np.float64]) -> str | None:
    if not np.isfinite(curve).all():
        return f"has no number in frame {int(np.argmin(np.isfinite(curve))) + 1}"
    if not curve.any():
        return "is zero throughout"
    return "is negative on the whole" if curve.sum() <= 0 else None


def _table(source: Path | str | pd.DataFrame) -> tuple[pd.DataFrame, str]:
    if isinstance(source, pd.DataFrame):
        return source, "table of curves"
    file = Path(source)
    try:
        return pd.read_csv(file, dtype=str, keep_default_na=False), file.name
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"the curves cannot be read: {reason}", where=str(file)) from error


def _check_columns(table: pd.DataFrame, reference: str, where: str) -> None:
    needed = [name for name in COLUMNS if name != "reference_tac"]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        hint = " (1 in every row weighs frames alike)" if missing[0] == "weight" else ""
        raise InputError(f"the column {missing[0]!r} is missing", where=where,
                         expected="the columns " + ", ".join(COLUMNS) + hint)  # fmt: skip
    if table.empty:
        raise InputError("there is no row", where=where)
    if "reference_tac" not in table.columns and not (table["region"] == reference).any():
        raise InputError("the reference region is missing", where=where, expected=(
            f"a column 'reference_tac', or rows of the region {reference!r}"))  # fmt: skip


def _typed(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return text and numbers as such, with the line of the file, the header being the first."""
    columns: dict[str, Any] = {"line": np.arange(2, len(table) + 2)}
    for name in _KEYS:
        text = table[name].astype(str).str.strip()
        empty = np.flatnonzero(((text == "") | table[name].isna()).to_numpy())
        if empty.size:
            raise InputError("the cell is empty",
                             where=f"{where}, row {empty[0] + 2}, column {name!r}")  # fmt: skip
        columns[name] = text
    for name in COLUMNS[3:]:
        if name in table.columns:
            columns[name] = _numbers(table[name], name, where)
    return pd.DataFrame(columns)


_NO_NUMBER = ("", "nan", "na", "n/a", "null")


def _numbers(cells: pd.Series, name: str, where: str) -> NDArray[np.float64]:
    values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64)
    text = cells.astype(str).str.strip().str.lower()
    bad = ~np.isfinite(values)
    if name == "tac":  # a value that is missing belongs to its curve, which gets a status
        missing = text.isin([*_NO_NUMBER, "inf", "-inf"]) | cells.isna()
        bad &= ~missing.to_numpy(dtype=bool)
    if bad.any():
        at = int(np.argmax(bad))
        raise InputError(f"it is {str(cells.iloc[at])!r}", expected="a number",
                         where=f"{where}, row {at + 2}, column {name!r}")  # fmt: skip
    if name == "weight" and (values < 0).any():
        at = int(np.argmax(values < 0))
        raise InputError(f"it is {values[at]:g}", expected="zero or more",
                         where=f"{where}, row {at + 2}, column 'weight'")  # fmt: skip
    return values


def _refuse_twice(table: pd.DataFrame, where: str) -> None:
    keys = [*_KEYS, "frame_mid_min"]
    second = table.duplicated(keys)
    if second.any():
        row = table[second].iloc[0]
        same = (table[keys] == row[keys]).all(axis=1)
        raise InputError(
            f"row {row['line']} gives what row {table['line'][same].iloc[0]} gives: "
            f"{row['scan']}, {row['region']}, frame at {row['frame_mid_min']:g} min",
            where=where,
        )


def _scan(participant: str, name: str, rows: pd.DataFrame, reference: str, where: str) -> Scan:
    """Build one scan from its rows."""
    place = f"{where}, scan {name!r} of {participant!r}"
    curves = {
        str(region): one.sort_values("frame_mid_min", kind="stable")
        for region, one in rows.groupby("region", sort=False)
    }
    frames = _frames(curves, place)
    tac = _reference(curves, reference, place)
    if "reference_tac" not in rows.columns:
        del curves[reference]
    if not curves:
        raise InputError("it has no target region", where=place)
    problem = _reference_problem(tac)
    if problem:
        raise InputError(f"the reference curve {problem}", where=f"{place}, {_field(rows)}",
                         expected="positive activity, frame by frame but for noise")  # fmt: skip
    stack = {key: np.stack([one[key].to_numpy() for one in curves.values()])
             for key in ("tac", "weight")}  # fmt: skip
    return Scan(participant, name, frames, tuple(curves), stack["tac"], tac, stack["weight"],
                reference)  # fmt: skip


def _field(rows: pd.DataFrame) -> str:
    return "column 'reference_tac'" if "reference_tac" in rows.columns else "column 'tac'"


def _frames(curves: dict[str, pd.DataFrame], place: str) -> Frames:
    first_name, first = next(iter(curves.items()))
    times = first[list(_TIMES)].to_numpy()
    for region, one in curves.items():
        if not np.array_equal(one[list(_TIMES)].to_numpy(), times):
            raise InputError(
                f"the frames of {region} differ from those of {first_name}",
                where=f"{place}, row {one['line'].iloc[0]}",
                expected="the same frame_mid_min and frame_duration_min in every region of a scan",
            )
    try:
        return _whole(Frames.from_mid(times[:, 0], times[:, 1]))
    except InputError as error:
        lines: Sequence[int] = first["line"].tolist()
        raise InputError(
            error.what, expected=error.expected,
            where=f"{place}, rows {min(lines)} to {max(lines)}, columns {_TIMES[0]!r} and"
            f" {_TIMES[1]!r}",
        ) from error  # fmt: skip


def _whole(frames: Frames) -> Frames:
    """Undo the rounding of times that were printed: a hair's breadth from a tenth of a second."""
    tenths = [frames.start_min * 600, frames.duration_min * 600]
    near = [np.round(one) for one in tenths]
    if max(np.abs(one - two).max() for one, two in zip(tenths, near, strict=True)) > _HAIR:
        return frames
    return Frames(near[0] / 600, near[1] / 600)


def _reference(curves: dict[str, pd.DataFrame], reference: str, place: str) -> NDArray[np.float64]:
    first_name, first = next(iter(curves.items()))
    if "reference_tac" not in first.columns:
        if reference not in curves:
            raise InputError(f"the reference region {reference!r} is missing", where=place)
        return np.asarray(curves[reference]["tac"].to_numpy())
    tac = first["reference_tac"].to_numpy()
    for region, one in curves.items():
        differs = one["reference_tac"].to_numpy() != tac
        if differs.any():
            line = one["line"].to_numpy()[int(np.argmax(differs))]
            raise InputError(
                f"the reference curve beside {region} differs from that beside {first_name}",
                where=f"{place}, row {line}, column 'reference_tac'",
                expected="one reference curve a scan",
            )
    return np.asarray(tac)
