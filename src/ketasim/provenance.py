"""Where a result came from: the manifest that stands beside it."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketasim import __version__
from ketasim.errors import InputError
from ketasim.results import atomic_write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Manifest",
    "compare",
    "hash_bytes",
    "hash_mapping",
    "hash_text",
    "library_versions",
    "manifest_for",
]

FILE_NAME = "manifest.json"
"""The name of a manifest inside a results bundle."""

_LIBRARIES = ("numpy", "numba", "llvmlite", "pandas", "scipy", "xarray", "libroadrunner")
_LABELS = {
    "ketasim": "ketasim's version",
    "python": "the Python version",
    "platform": "the platform",
    "hypothesis": "the hypothesis",
    "parameter_hash": "the parameters",
    "evidence_hash": "the evidence",
    "model_hash": "the model's structure",
    "seed": "the seed",
}


@dataclass(frozen=True)
class Manifest:
    """Everything needed to make a result again, or to say why it would differ.

    Parameters
    ----------
    ketasim, python, platform : str
        Versions, and the kind of machine.
    libraries : mapping of str to str
        Versions of the libraries that numbers pass through.
    hypothesis : str
        Name of the hypothesis.
    parameter_hash, evidence_hash, model_hash : str
        SHA-256 of the parameter values, the tables of evidence and the SBML text.
    seed : int
        The seed of every random number.
    command : tuple of str
        The command, or the call, that made the result.
    options : mapping of str to JSON value
        The call's arguments, units included, as JSON can hold them.
    seconds : float
        The time it took, in seconds.
    created : str
        When, in UTC, ISO 8601.
    """

    ketasim: str
    python: str
    platform: str
    libraries: Mapping[str, str]
    hypothesis: str
    parameter_hash: str
    evidence_hash: str
    model_hash: str
    seed: int
    command: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    created: str = ""

    def to_json(self) -> str:
        """Return the manifest as indented JSON text with sorted keys."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str | None = None) -> Manifest:
        """Read a manifest from JSON text.

        Parameters
        ----------
        text : str
            What `to_json` wrote.
        where : str, optional
            The file it was read from, for the error.

        Returns
        -------
        Manifest
            Equal to the one that was written.

        Raises
        ------
        InputError
            If the text is no JSON, or a field is missing or unknown.
        """
        try:
            content = json.loads(text)
        except ValueError as error:
            raise InputError(f"this is no JSON ({error})", where=where) from error
        names = {one.name for one in fields(cls)}
        if not isinstance(content, dict) or set(content) != names:
            given = set(content) if isinstance(content, dict) else set()
            wrong = ", ".join(sorted(names ^ given))
            raise InputError(
                f"this is no manifest: missing or unknown are {wrong}",
                where=where,
                expected=f"a {FILE_NAME} written by ketasim",
            )
        return cls(**{**content, "command": tuple(content["command"])})

    def save(self, folder: Path | str) -> Path:
        """Write ``manifest.json`` into a folder and return the file."""
        return atomic_write(Path(folder) / FILE_NAME, self.to_json())

    @classmethod
    def load(cls, path: Path | str) -> Manifest:
        """Read a manifest from a file, or from the bundle folder that holds it.

        Raises
        ------
        InputError
            If there is no such file or it is no manifest.
        """
        file = Path(path)
        file = file / FILE_NAME if file.is_dir() else file
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                "there is no readable manifest", where=str(file), expected=f"a {FILE_NAME}"
            ) from error
        return cls.from_json(text, where=str(file))


def manifest_for(
    *,
    hypothesis: str,
    seed: int,
    options: Mapping[str, Any] | None = None,
    parameter_hash: str = "",
    evidence_hash: str = "",
    model_hash: str = "",
    command: Sequence[str] = (),
    seconds: float = 0.0,
) -> Manifest:
    """Make the manifest of a result on this machine, now.

    Parameters
    ----------
    hypothesis : str
        Name of the hypothesis.
    seed : int
        The seed of every random number.
    options : mapping, optional
        The arguments of the call, as JSON can hold them.
    parameter_hash, evidence_hash, model_hash : str, optional
        From `hash_mapping`, `hash_text` or `hash_bytes`.
    command : sequence of str, optional
        The command that made the result; by default the words this process was started with,
        the program's own path shortened to its name.
    seconds : float, optional
        The time it took, in seconds.

    Returns
    -------
    Manifest
        With the versions and the machine filled in.
    """
    return Manifest(
        ketasim=__version__,
        python=platform.python_version(),
        platform=f"{platform.system()}-{platform.machine()}",
        libraries=library_versions(),
        hypothesis=hypothesis,
        parameter_hash=parameter_hash,
        evidence_hash=evidence_hash,
        model_hash=model_hash,
        seed=int(seed),
        command=tuple(command) or _started_with(),
        options=dict(options or {}),
        seconds=round(float(seconds), 3),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _started_with() -> tuple[str, ...]:
    program, *words = sys.argv or [""]
    return (Path(program).name or "python", *words)


@cache
def _version(name: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def library_versions(names: Sequence[str] = _LIBRARIES) -> dict[str, str]:
    """Return the installed versions of libraries, without importing them.

    Parameters
    ----------
    names : sequence of str, optional
        Names as the package index knows them.

    Returns
    -------
    dict of str to str
        The version, or ``"not installed"``.
    """
    return {name: _version(name) for name in names}


def hash_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def hash_text(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, line ends made equal on every system."""
    return hash_bytes("\n".join(text.splitlines()).encode())


def hash_mapping(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of named values, whatever their order.

    Parameters
    ----------
    values : mapping of str to JSON value
        Floats are written in full (``repr``), so that a change in the last bit changes the hash.

    Returns
    -------
    str
        In hexadecimal.
    """
    text = json.dumps(dict(values), sort_keys=True, separators=(",", ":"), default=_as_json)
    return hash_bytes(text.encode())


def _as_json(value: object) -> object:
    # numpy scalars and arrays know how to become plain Python values.
    for name in ("tolist", "item"):
        if hasattr(value, name):
            return getattr(value, name)()
    raise TypeError(f"{type(value).__name__} cannot be hashed by value")


def compare(first: Manifest, second: Manifest) -> list[str]:
    """Say in sentences where two manifests differ.

    Parameters
    ----------
    first, second : Manifest
        The original, and the one it is compared with.

    Returns
    -------
    list of str
        One sentence a difference; empty where the two must give the same numbers. The command,
        the time it took and the date do not count.
    """
    found = []
    for name, label in _LABELS.items():
        before, after = getattr(first, name), getattr(second, name)
        if before != after:
            verb = "were" if name == "parameter_hash" else "was"
            found.append(f"{label} {verb} {_short(before)}; now {_short(after)}")
    found += _differences("the version of", first.libraries, second.libraries)
    found += _differences("the option", first.options, second.options)
    return found


def _differences(label: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [
        f"{label} {name} was {_short(before.get(name))}; now {_short(after.get(name))}"
        for name in sorted({*before, *after})
        if _plain(before.get(name)) != _plain(after.get(name))
    ]


def _plain(value: object) -> object:
    # A tuple comes back from JSON as a list; that is no difference.
    return json.loads(json.dumps(value, default=_as_json))


def _short(value: object) -> str:
    text = "absent" if value is None else str(value)
    looks_hashed = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return text[:12] if looks_hashed else text
