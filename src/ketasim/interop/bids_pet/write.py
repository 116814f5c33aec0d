"""The files of a BIDS-PET data set: descriptions, participants, images with their sidecars."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketasim.errors import InputError, OutputError
from ketasim.interop.bids_pet.images import write_image
from ketasim.interop.bids_pet.names import ORDER, file_name, label
from ketasim.results import atomic_write, ensure_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike

    from ketasim.instruments.pet.scans import Scan

__all__ = [
    "BIDS_VERSION", "entities_of", "new_folder", "scan_folder", "write_description",
    "write_json", "write_participants", "write_pet", "write_table_text",
]  # fmt: skip

BIDS_VERSION = "1.10.0"
"""Version of BIDS that is written; nothing newer is used."""

_ENTITY = re.compile(r"([a-z]+)-([A-Za-z0-9]+)")


def new_folder(folder: Path | str, overwrite: bool) -> Path:
    """Make the folder of a data set.

    Parameters
    ----------
    folder : path
        The folder.
    overwrite : bool
        Whether files may be put into one that is not empty.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If it is not empty, or cannot be made.
    """
    path = Path(folder)
    if not overwrite and path.is_dir() and any(path.iterdir()):
        raise OutputError(f"{path} is not empty; choose another folder, or overwrite=True")
    return ensure_folder(path)


def write_json(path: Path, fields: Mapping[str, Any]) -> Path:
    """Write a file of metadata, whole or not at all."""
    return atomic_write(path, json.dumps(dict(fields), indent=2, ensure_ascii=False) + "\n")


def write_table_text(path: Path, table: pd.DataFrame) -> Path:
    """Write a table parted by tabs, whole or not at all; what is missing becomes ``n/a``."""
    return atomic_write(path, table.to_csv(sep="\t", index=False, na_rep="n/a",
                                           lineterminator="\n"))  # fmt: skip


def write_description(
    folder: Path, name: str, *, derivative: bool = False, further: Mapping[str, Any] | None = None
) -> Path:
    """Write ``dataset_description.json``.

    Parameters
    ----------
    folder : Path
        The data set, or one of its derivatives.
    name : str
        The name of the data set.
    derivative : bool, optional
        Whether it is a derivative.
    further : mapping, optional
        Other fields.

    Returns
    -------
    Path
        The file.
    """
    from ketasim import __version__

    made_by = [{"Name": "ketasim", "Version": __version__}]
    fields: dict[str, Any] = {
        "Name": name, "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative" if derivative else "raw", "GeneratedBy": made_by,
    }  # fmt: skip
    return write_json(folder / "dataset_description.json", fields | dict(further or {}))


def write_participants(
    folder: Path, participants: Iterable[str], table: pd.DataFrame | None = None
) -> Path:
    """Write ``participants.tsv`` and the description of its columns.

    Parameters
    ----------
    folder : Path
        The data set.
    participants : iterable of str
        The names of scans' participants.
    table : DataFrame, optional
        Further columns, such as group or age, by the same names in a column ``participant``.

    Returns
    -------
    Path
        The table.

    Raises
    ------
    InputError
        If that column is missing.
    """
    names = list(dict.fromkeys(participants))
    rows = pd.DataFrame({"participant_id": [_person(one) for one in names]})
    columns = {"participant_id": {"Description": "The participant"}}
    if table is not None:
        if "participant" not in table.columns:
            raise InputError("the column 'participant' is missing", where="table of participants")
        more = table.drop_duplicates("participant").set_index("participant").reindex(names)
        for column in more.columns:
            rows[str(column)] = more[column].to_numpy()
            columns[str(column)] = {"Description": f"{column}, as given"}
    write_json(folder / "participants.json", columns)
    return write_table_text(folder / "participants.tsv", rows)


def _person(participant: str) -> str:
    return f"sub-{label(participant.removeprefix('sub-'))}"


def entities_of(scan: Scan) -> dict[str, str]:
    """Return the entities of a scan's file.

    Parameters
    ----------
    scan : Scan
        One that came from BIDS keeps its entities; of another the participant becomes ``sub``, and
        what its name says beyond that ``ses``.

    Returns
    -------
    dict of str to str
        For instance ``{"sub": "Control1", "ses": "Placebo"}``.
    """
    stated = dict(_ENTITY.fullmatch(one).groups() for one in scan.scan.split("_")  # type: ignore[union-attr, misc]
                  if _ENTITY.fullmatch(one))  # fmt: skip
    if (
        "sub" in stated
        and set(stated) <= set(ORDER)
        and file_name(stated, "", "") == f"{scan.scan}_"
    ):
        return stated
    session = scan.scan
    if session != scan.participant and session.startswith(scan.participant):
        session = session[len(scan.participant) :]
    return {"sub": _person(scan.participant)[4:], "ses": label(session)}


def scan_folder(folder: Path, entities: Mapping[str, str], datatype: str = "pet") -> Path:
    """Return where the files of a scan belong.

    Parameters
    ----------
    folder : Path
        The data set.
    entities : mapping of str to str
        Of the scan.
    datatype : str, optional
        For instance ``"pet"`` or ``"anat"``.

    Returns
    -------
    Path
        For instance ``folder/sub-01/ses-before/pet``.
    """
    parts = [f"{key}-{entities[key]}" for key in ("sub", "ses") if entities.get(key)]
    return folder.joinpath(*parts, datatype)


def write_pet(
    folder: Path, scan: Scan, voxels: ArrayLike, affine: ArrayLike, fields: Mapping[str, Any],
    tracer: str,
) -> tuple[Path, Path]:  # fmt: skip
    """Write the image of a scan and its sidecar.

    Parameters
    ----------
    folder : Path
        The data set.
    scan : Scan
        Whose frames are written.
    voxels : array_like, shape (nx, ny, nz, n_frames)
        Activity in Bq/mL, corrected for decay to injection.
    affine : array_like, shape (4, 4)
        From voxels to millimetres.
    fields : mapping
        Fields of the sidecar beside unit and times.
    tracer : str
        Label of the tracer in the file's name.

    Returns
    -------
    tuple of Path
        Image and sidecar.

    Raises
    ------
    InputError
        If the image has another number of frames than the scan.
    OutputError
        If a file cannot be written.
    """
    shape = np.shape(voxels)
    if len(shape) != 4 or shape[3] != len(scan.frames):
        raise InputError(f"the image has the shape {shape}",
                         expected=f"a fourth dimension of {len(scan.frames)} frames")  # fmt: skip
    entities = {**entities_of(scan), "trc": label(tracer)}
    place = scan_folder(folder, entities)
    times = {
        "Units": "Bq/mL", "TimeZero": "12:00:00", "ScanStart": 0, "InjectionStart": 0,
        "FrameTimesStart": _seconds(scan.frames.start_min),
        "FrameDuration": _seconds(scan.frames.duration_min),
        "ImageDecayCorrected": True, "ImageDecayCorrectionTime": 0,
    }  # fmt: skip
    sidecar = write_json(place / file_name(entities, "pet", ".json"), times | dict(fields))
    return write_image(place / file_name(entities, "pet", ".nii.gz"), voxels, affine), sidecar


def _seconds(minutes: ArrayLike) -> list[float]:
    # A microsecond is far below what a scanner resolves, and above what a sum of floats loses.
    return [round(float(one) * 60.0, 6) + 0.0 for one in np.asarray(minutes)]  # no minus zero
