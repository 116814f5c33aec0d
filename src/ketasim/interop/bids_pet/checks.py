"""Is a folder a BIDS-PET data set? The BIDS validator where it is installed, and own checks.

The validator is that of the package bids-validator-deno (MIT licence), which carries its schema
and runs without a network: it is started without permission to use one. The own check goes by the
schema in the package bidsschematools (MIT licence): required fields of sidecars, numbers of frames,
columns of blood, and the description of the data set.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ketasim.errors import InputError, KetasimError, require_extra
from ketasim.interop.bids_pet.images import load_image
from ketasim.interop.bids_pet.names import BidsName, inherited, read_json, walk
from ketasim.interop.bids_pet.sidecar import missing_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Problem", "check_dataset", "required_by_schema", "validate", "validator_installed"]

_SECONDS = 300.0


@dataclass(frozen=True)
class Problem:
    """What is wrong with a data set.

    Parameters
    ----------
    code : str
        The validator's code, or that of the own check.
    field : str
        The field or column; empty where it is the file as a whole.
    file : str
        The file, relative to the data set.
    error : bool
        Whether the data set is not BIDS for it; otherwise it is a recommendation.
    """

    code: str
    field: str
    file: str
    error: bool


def validator_installed() -> bool:
    """Whether the BIDS validator and the runtime that it needs are installed."""
    return all(importlib.util.find_spec(name) is not None
               for name in ("bids_validator_deno", "deno"))  # fmt: skip


def validate(folder: Path | str, *, derivatives: bool = False) -> list[Problem]:
    """Run the BIDS validator on a data set, without a network.

    Parameters
    ----------
    folder : path
        The data set.
    derivatives : bool, optional
        Whether the data sets in its folder of derivatives are looked at too.

    Returns
    -------
    list of Problem
        Errors first.

    Raises
    ------
    InputError
        If there is no such folder.
    MissingExtraError
        If the validator is not installed.
    KetasimError
        If it gives no answer.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError("the data set is no folder", where=str(root))
    deno = require_extra("deno", "pet").find_deno_bin()
    bundle = Path(str(require_extra("bids_validator_deno", "pet").__file__)).with_name(
        "bids-validator.js"
    )
    # No --allow-net: deno then refuses any connection.
    command = [str(deno), "run", "--no-prompt", "--allow-read", "--allow-env", str(bundle),
               str(root), "--format", "json", *(["-r"] if derivatives else [])]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS,
                              check=False)  # fmt: skip
        report = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise KetasimError(f"the BIDS validator gave no answer: {error}") from error
    parts = [("", report), *report.get("derivativesSummary", {}).items()]
    found = [_problem(place, one) for place, part in parts for one in part["issues"]["issues"]]
    return sorted(found, key=lambda one: not one.error)


def _problem(place: str, issue: dict[str, Any]) -> Problem:
    return Problem(str(issue.get("code")), str(issue.get("subCode") or ""),
                   (place.rstrip("/") + str(issue.get("location", ""))).lstrip("/"),
                   issue.get("severity") == "error")  # fmt: skip


def required_by_schema(selector: str = "suffix == 'pet'") -> tuple[str, ...]:
    """Return the fields that the BIDS schema requires of every PET image or recording of blood.

    Parameters
    ----------
    selector : str, optional
        ``suffix == 'pet'`` or ``suffix == 'blood'``.

    Returns
    -------
    tuple of str
        Those without a further condition.

    Raises
    ------
    MissingExtraError
        If bidsschematools is not installed.
    """
    schema = require_extra("bidsschematools.schema", "pet").load_schema()
    found: list[str] = []
    for group in schema.rules.sidecars.pet.values():
        conditions = {one.replace('"', "'") for one in group["selectors"]}
        if conditions <= {"datatype == 'pet'", "modality == 'pet'", selector} and selector in (
            conditions
        ):
            fields = group["fields"].to_dict()
            found += [name for name, level in fields.items() if _level(level) == "required"]
    return tuple(found)


def _level(stated: object) -> object:
    return stated.get("level") if isinstance(stated, dict) else stated


def check_dataset(folder: Path | str) -> list[Problem]:
    """Check a data set by the BIDS schema, without the validator.

    Parameters
    ----------
    folder : path
        The data set.

    Returns
    -------
    list of Problem
        What BIDS calls an error: fields that are missing, numbers of frames that disagree, columns
        that are missing. Names of files are not checked.

    Raises
    ------
    InputError
        If there is no such folder, or a file cannot be read.
    MissingExtraError
        If bidsschematools or nibabel is not installed.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError("the data set is no folder", where=str(root))
    return [*_description(root), *(problem for one in walk(root, derivatives=False)
                                   for problem in _file(one, root))]  # fmt: skip


def _description(root: Path) -> Iterator[Problem]:
    path = root / "dataset_description.json"
    content = read_json(path) if path.is_file() else None
    if content is None:
        yield Problem("MISSING_DATASET_DESCRIPTION", "", path.name, True)
        return
    for field in ("Name", "BIDSVersion"):
        if field not in content:
            yield Problem("JSON_KEY_REQUIRED", field, path.name, True)


def _file(name: BidsName, root: Path) -> Iterator[Problem]:
    place = str(name.path.relative_to(root))
    if name.suffix == "pet" and name.extension.startswith(".nii"):
        content, _ = inherited(name, root)
        wanted = dict.fromkeys((*required_by_schema(), *missing_fields(content)))
        for field in wanted:
            if field not in content:
                yield Problem("SIDECAR_KEY_REQUIRED", field, place, True)
        shape = load_image(name.path).shape
        for field in ("FrameTimesStart", "FrameDuration"):
            stated = content.get(field)
            if isinstance(stated, list) and (len(shape) != 4 or len(stated) != shape[3]):
                yield Problem("PET_FRAME_CONSISTENCY", field, place, True)
    if name.suffix == "blood" and name.extension == ".tsv":
        content, _ = inherited(name, root)
        for field in required_by_schema("suffix == 'blood'"):
            if field not in content:
                yield Problem("SIDECAR_KEY_REQUIRED", field, place, True)
        yield from _blood_columns(name, content, place)


def _blood_columns(name: BidsName, content: dict[str, Any], place: str) -> Iterator[Problem]:
    from ketasim.interop.bids_pet.blood import BLOOD_COLUMNS

    columns = list(pd.read_csv(name.path, sep="\t", nrows=0).columns)
    if columns[:1] != ["time"]:
        yield Problem("TSV_COLUMN_ORDER_INCORRECT", "time", place, True)
    for flag, column in BLOOD_COLUMNS.items():
        if content.get(flag) is True and column not in columns:
            yield Problem("TSV_COLUMN_MISSING", column, place, True)
