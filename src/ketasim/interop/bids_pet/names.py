"""Names of files in BIDS: entities, what belongs to an image, and inherited metadata."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ketasim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = [
    "ORDER", "SHARED", "BidsName", "chosen", "file_name", "inherited", "label", "parse_name",
    "read_json", "walk",
]  # fmt: skip

SHARED = ("sub", "ses", "task", "trc", "rec", "run")
"""Entities in which a derivative has to agree with its image, where it states them."""

ORDER = ("sub", "ses", "task", "trc", "rec", "run", "recording", "space", "seg", "ref", "pvc", "model",
         "meas", "desc")  # fmt: skip
"""Entities that are written here, in the order of their names in BIDS; `ref`, `pvc`, `model` and
`meas` are those of derivatives of PET."""

_SKIPPED = ("sourcedata", "code", "node_modules")


@dataclass(frozen=True)
class BidsName:
    """A file's name in its parts.

    Parameters
    ----------
    path : Path
        The file.
    entities : dict of str to str
        For instance ``{"sub": "01", "ses": "before"}``, in the order of the name.
    suffix : str
        What stands after the last underscore, for instance ``"pet"``.
    extension : str
        With its dot, for instance ``".nii.gz"``.
    """

    path: Path
    entities: dict[str, str]
    suffix: str
    extension: str

    def belongs_to(self, other: BidsName) -> bool:
        """Whether this file is about the scan of another: same participant, nothing contradicts."""
        mine, others = self.entities, other.entities
        same_person = mine.get("sub") in (None, others.get("sub"))
        return same_person and all(
            name not in mine or mine[name] == others.get(name) for name in SHARED
        )

    def describes(self, other: BidsName) -> bool:
        """Whether the metadata in this file hold for another, by BIDS' principle of inheritance."""
        return self.suffix == other.suffix and all(
            other.entities.get(name) == value for name, value in self.entities.items()
        )


def parse_name(path: Path) -> BidsName | None:
    """Take a file's name apart.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    BidsName or None
        None for a name that is not one of BIDS.
    """
    stem, dot, extension = path.name.partition(".")
    *pairs, suffix = stem.split("_")
    parts = [one.partition("-") for one in pairs]
    if not suffix or not dot or any(not (key and dash and value) for key, dash, value in parts):
        return None
    return BidsName(path, {key: value for key, _, value in parts}, suffix, dot + extension)


def walk(folder: Path, *, derivatives: bool) -> Iterator[BidsName]:
    """Yield the files of a data set that have names of BIDS, sorted by path.

    Parameters
    ----------
    folder : Path
        The data set.
    derivatives : bool
        Whether to look into its folder of derivatives too.

    Yields
    ------
    BidsName
        One file.
    """
    skipped = _SKIPPED if derivatives else (*_SKIPPED, "derivatives")
    for path in sorted(folder.rglob("*.*")):
        parts = path.relative_to(folder).parts
        if any(part in skipped or part.startswith(".") for part in parts):
            continue
        name = parse_name(path)
        # A link into nowhere, as git-annex leaves it, is a file that is missing: its reader says so.
        if name is not None and (path.is_file() or path.is_symlink()):
            yield name


def inherited(name: BidsName, root: Path) -> tuple[dict[str, Any], Path]:
    """Collect the metadata of a file: from the data set's root down, the nearest wins.

    Parameters
    ----------
    name : BidsName
        The file.
    root : Path
        The folder of the data set.

    Returns
    -------
    tuple of dict and Path
        The metadata, and the nearest file they come from; where there is none, the one that was
        expected.

    Raises
    ------
    InputError
        If a file of metadata cannot be read.
    """
    content: dict[str, Any] = {}
    nearest = name.path.with_name(name.path.name.partition(".")[0] + ".json")
    found = None
    for folder in _downwards(root, name.path.parent):
        near = [one for one in map(parse_name, sorted(folder.glob("*.json"))) if one is not None]
        for one in sorted((one for one in near if one.describes(name)),
                          key=lambda one: len(one.entities)):  # fmt: skip
            content |= read_json(one.path)
            found = one.path
    return content, found or nearest


def _downwards(root: Path, folder: Path) -> list[Path]:
    steps = [folder, *folder.parents]
    within = [one for one in steps if one == root or root in one.parents]
    return within[::-1] or [folder]


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of metadata.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        Its fields.

    Raises
    ------
    InputError
        If it cannot be read, is no JSON, or holds something else than fields.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InputError(f"it is no JSON: {error.msg}", where=f"{path}, line {error.lineno}") from (
            error
        )
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError(f"it cannot be read: {reason}", where=str(path)) from error
    if not isinstance(content, dict):
        raise InputError("it holds no fields", where=str(path), expected="one object of fields")
    return content


def label(text: str) -> str:
    """Make a label of BIDS, letters and digits only, from any name.

    Parameters
    ----------
    text : str
        For instance ``"Control_1"``.

    Returns
    -------
    str
        For instance ``"Control1"``.

    Raises
    ------
    InputError
        If no letter or digit is left.
    """
    found = re.sub(r"[^A-Za-z0-9]", "", text)
    if not found:
        raise InputError(f"{text!r} has no letter or digit to make a label of")
    return found


def file_name(entities: Mapping[str, str], suffix: str, extension: str) -> str:
    """Put a name together.

    Parameters
    ----------
    entities : mapping of str to str
        Entities of `ORDER`; empty values are left out.
    suffix, extension : str
        For instance ``"pet"`` and ``".nii.gz"``.

    Returns
    -------
    str
        For instance ``"sub-01_ses-before_pet.nii.gz"``.
    """
    pairs = [f"{key}-{entities[key]}" for key in ORDER if entities.get(key)]
    return "_".join([*pairs, suffix]) + extension


def chosen(names: list[BidsName], select: Mapping[str, str]) -> list[BidsName]:
    """Return the files whose entities are as asked for.

    Parameters
    ----------
    names : list of BidsName
        The files.
    select : mapping of str to str
        Entities and their values, for instance ``{"seg": "gtm"}``.

    Returns
    -------
    list of BidsName
        Those that fit.
    """
    return [
        one for one in names
        if all(one.entities.get(key) == value for key, value in select.items())
    ]  # fmt: skip
