"""Blood samples of a scan, ``*_recording-<label>_blood.tsv`` with its sidecar, in and out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketasim.errors import InputError
from ketasim.instruments.pet.kinetics.input_function import ArterialInput
from ketasim.interop.bids_pet.names import SHARED, BidsName, file_name, inherited, label, walk
from ketasim.interop.bids_pet.sidecar import Sidecar, unit_factor
from ketasim.interop.bids_pet.write import entities_of, scan_folder, write_json, write_table_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ketasim.instruments.pet.scans import Scan

__all__ = ["BLOOD_COLUMNS", "Blood", "read_blood", "read_inputs", "write_blood"]

FLAGS = ("PlasmaAvail", "MetaboliteAvail", "WholeBloodAvail", "DispersionCorrected")
"""Fields that BIDS asks of every recording of blood."""

BLOOD_COLUMNS = {
    "PlasmaAvail": "plasma_radioactivity", "MetaboliteAvail": "metabolite_parent_fraction",
    "WholeBloodAvail": "whole_blood_radioactivity",
    "MetaboliteRecoveryCorrectionApplied": "hplc_recovery_fractions",
}  # fmt: skip
"""Columns that have to be there where a field of the sidecar is true."""


@dataclass(frozen=True, eq=False)
class Blood:
    """The samples of one recording.

    Parameters
    ----------
    time_min : array, shape (n,)
        Minutes from injection.
    plasma, whole_blood : array, shape (n,), or None
        Activity in kBq/mL, corrected for decay to injection; NaN where a sample was not counted.
    parent_fraction : array, shape (n,), or None
        Share of unmetabolised tracer in plasma, 0 to 1; NaN where it was not measured.
    """

    time_min: NDArray[np.float64]
    plasma: NDArray[np.float64] | None = None
    whole_blood: NDArray[np.float64] | None = None
    parent_fraction: NDArray[np.float64] | None = None

    def arterial_input(self, *, metabolites: bool = True, where: str = "blood") -> ArterialInput:
        """Return the input function: parent activity in plasma, straight between samples.

        Parameters
        ----------
        metabolites : bool, optional
            Whether parent fractions are needed; False takes all activity in plasma as parent.
        where : str, optional
            The file, for errors.

        Returns
        -------
        ArterialInput
            At the times of the plasma samples; parent fraction and whole blood are interpolated
            to these, and stay what they were before the first and after the last.

        Raises
        ------
        InputError
            If there is no plasma, or no parent fraction where it is needed.
        """
        if self.plasma is None:
            raise InputError("there is no plasma", where=where,
                             expected="the column plasma_radioactivity")  # fmt: skip
        counted = np.isfinite(self.plasma) & (self.time_min >= 0)
        times, plasma = self.time_min[counted], self.plasma[counted]
        if metabolites:
            if self.parent_fraction is None:
                raise InputError("there is no parent fraction", where=where, expected=(
                    "the column metabolite_parent_fraction, or metabolites=False"))  # fmt: skip
            plasma = plasma * self._at(times, self.parent_fraction)
        whole = None if self.whole_blood is None else self._at(times, self.whole_blood)
        return ArterialInput(times, plasma, whole)

    def _at(self, times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        known = np.isfinite(values)
        return np.asarray(np.interp(times, self.time_min[known], values[known]))


def read_blood(
    name: BidsName, root: Path, injection_s: float = 0.0, decay_corrected: bool = True,
    half_life_min: float | None = None,
) -> Blood:  # fmt: skip
    """Read one recording of blood.

    Parameters
    ----------
    name : BidsName
        The table.
    root : Path
        The data set.
    injection_s : float, optional
        Seconds from ``TimeZero`` to injection.
    decay_corrected : bool, optional
        Whether activity was corrected for decay to injection; BIDS has no field for it.
    half_life_min : float, optional
        Half-life in minutes, needed where it was not.

    Returns
    -------
    Blood
        In minutes and kBq/mL.

    Raises
    ------
    InputError
        If the table or its sidecar lacks what BIDS requires, a cell is no number, a unit is
        unknown, or times do not rise.
    """
    content, path = inherited(name, root)
    sidecar = Sidecar(content, path)
    for flag in FLAGS:
        sidecar.need(flag, "true or false")
    try:
        table = pd.read_csv(name.path, sep="\t", dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError("the samples cannot be read", where=str(name.path)) from error
    for flag, column in BLOOD_COLUMNS.items():
        if content.get(flag) is True and column not in table.columns:
            raise InputError(f"the column {column!r} is missing, though {flag} is true",
                             where=str(name.path))  # fmt: skip
    time_s = _cells(table, "time", name.path, whole=True)
    if time_s is None or (np.diff(time_s) <= 0).any():
        raise InputError("the times are missing or do not rise", where=str(name.path),
                         expected="the column time, in seconds")  # fmt: skip
    time_min = (time_s - injection_s) / 60.0
    decay = np.ones(len(time_min))
    if not decay_corrected:
        if half_life_min is None:
            raise InputError("activity is not corrected for decay and there is no half-life",
                             where=str(name.path))  # fmt: skip
        decay = np.exp(np.log(2.0) / half_life_min * time_min)
    activity = {}
    for column in ("plasma_radioactivity", "whole_blood_radioactivity"):
        values = _cells(table, column, name.path)
        if values is not None:
            activity[column] = values * decay * _unit(sidecar, column)
    return Blood(time_min, activity.get("plasma_radioactivity"),
                 activity.get("whole_blood_radioactivity"),
                 _cells(table, "metabolite_parent_fraction", name.path, most=1.0))  # fmt: skip


def _unit(sidecar: Sidecar, column: str) -> float:
    """Return the factor to kBq/mL of a column, whose description has to state its unit."""
    described = sidecar.content.get(column)
    stated = described.get("Units") if isinstance(described, dict) else None
    if stated is None:
        raise InputError("the unit is missing", where=sidecar.where(column),
                         expected=f'"{column}": {{"Units": "kBq/mL"}}')  # fmt: skip
    return unit_factor(stated, f"{sidecar.where(column)}, 'Units'")


def _cells(
    table: pd.DataFrame, column: str, path: Path, *, whole: bool = False, most: float = np.inf
) -> NDArray[np.float64] | None:
    if column not in table.columns:
        return None
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64)
    bad = ~np.isfinite(values)
    if not whole:
        bad &= ~table[column].str.strip().str.lower().isin(["n/a", ""]).to_numpy()
    with np.errstate(invalid="ignore"):
        bad |= values > most
    if bad.any():
        row = int(np.argmax(bad))
        expected = "a number" + (f" of at most {most:g}" if np.isfinite(most) else "")
        raise InputError(f"it is {table[column].iloc[row]!r}", expected=expected,
                         where=f"{path}, row {row + 2}, column {column!r}")  # fmt: skip
    return values


def read_inputs(
    folder: Path | str, *, metabolites: bool = True, decay_corrected: bool = True
) -> dict[tuple[str, str], ArterialInput]:
    """Read the input functions of a data set.

    Parameters
    ----------
    folder : path
        The data set.
    metabolites : bool, optional
        As for `Blood.arterial_input`.
    decay_corrected : bool, optional
        Whether blood was corrected for decay to injection.

    Returns
    -------
    dict
        The input of each (participant, scan), by the names that `read_dataset` gives, as the
        kinetic models take it. Scans without plasma are left out.

    Raises
    ------
    InputError
        If a file cannot be used, or a scan has plasma in two recordings.
    """
    root = Path(folder)
    files = list(walk(root, derivatives=False))
    images = [one for one in files if one.suffix == "pet" and one.extension.startswith(".nii")]
    found: dict[tuple[str, str], ArterialInput] = {}
    for one in files:
        if one.suffix != "blood" or one.extension != ".tsv":
            continue
        content: dict[str, Any] = {}
        for image in images:
            if one.belongs_to(image):
                content, path = inherited(image, root)
                break
        else:
            path = one.path
        of_scan = Sidecar(content, path)
        blood = read_blood(one, root, of_scan.seconds("InjectionStart", 0.0), decay_corrected,
                           of_scan.half_life_min)  # fmt: skip
        if blood.plasma is None:
            continue
        entities = {key: one.entities.get(key, "") for key in SHARED if key != "trc"}
        key = (f"sub-{entities['sub']}", file_name(entities, "", "").rstrip("_"))
        if key in found:
            raise InputError(f"plasma of the scan {key[1]} stands in two recordings",
                             where=str(one.path))  # fmt: skip
        found[key] = blood.arterial_input(metabolites=metabolites, where=str(one.path))
    return found


def write_blood(
    folder: Path | str, scan: Scan, blood: Blood, *, recording: str = "manual",
    fields: Mapping[str, Any] | None = None,
) -> tuple[Path, Path]:  # fmt: skip
    """Write the blood samples of a scan.

    Parameters
    ----------
    folder : path
        The data set.
    scan : Scan
        Whose they are.
    blood : Blood
        The samples, in minutes and kBq/mL.
    recording : str, optional
        Label of the recording.
    fields : mapping, optional
        Further fields of the sidecar, such as the method by which metabolites were measured.

    Returns
    -------
    tuple of Path
        Table and sidecar.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    entities = {**entities_of(scan), "recording": label(recording)}
    place = scan_folder(Path(folder), entities)
    columns = {"time": np.round(blood.time_min * 60.0, 6)}
    unit = {"Units": "kBq/mL"}
    described: dict[str, Any] = {"time": {"Description": "Time from injection", "Units": "s"}}
    for name, values, detail in (
        ("plasma_radioactivity", blood.plasma, unit),
        ("whole_blood_radioactivity", blood.whole_blood, unit),
        ("metabolite_parent_fraction", blood.parent_fraction, {"Units": "arbitrary"}),
    ):
        if values is not None:
            columns[name] = values
            described[name] = {"Description": name.replace("_", " "), **detail}
    flags: dict[str, Any] = {
        "PlasmaAvail": blood.plasma is not None,
        "MetaboliteAvail": blood.parent_fraction is not None,
        "WholeBloodAvail": blood.whole_blood is not None, "DispersionCorrected": False,
    }  # fmt: skip
    if blood.parent_fraction is not None:
        flags |= {"MetaboliteMethod": "not stated", "MetaboliteRecoveryCorrectionApplied": False}
    sidecar = write_json(place / file_name(entities, "blood", ".json"),
                         {**flags, **described, **dict(fields or {})})  # fmt: skip
    table = pd.DataFrame(columns)
    return write_table_text(place / file_name(entities, "blood", ".tsv"), table), sidecar
