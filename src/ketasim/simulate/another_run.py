"""Whether a folder holds another run, and a refusal to write over it where that is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ketasim.errors import InputError
from ketasim.provenance import FILE_NAME, Manifest, compare
from ketasim.simulate.plan import KIND

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["refuse_another_run", "same_run"]

# What a run is made with, not what it is made of: after an upgrade it is still the same run.
_TOOLS = ("ketasim", "python", "platform", "libraries", "evidence_hash")
_LONGEST = 150


def refuse_another_run(root: Path, manifest: Manifest, parts: Mapping[str, str]) -> None:
    """Stop before anything of another run is replaced.

    Parameters
    ----------
    root : path
        The folder.
    manifest : Manifest
        Of the run that is to be written.
    parts : mapping of str to str
        Keys of the parts that lie there, each with the key that this run would give it.

    Raises
    ------
    InputError
        If the folder holds a whole result that was made from other inputs, or parts of one that
        was interrupted.
    """
    why = _what_is_there(root, manifest, parts)
    if why:
        raise InputError(
            f"the folder holds {why}",
            where=str(root),
            expected="another folder, or --overwrite to replace what is there",
        )


def _what_is_there(root: Path, manifest: Manifest, parts: Mapping[str, str]) -> str:
    """Say in a few words what else a folder holds; empty for nothing, or for this very run."""
    try:
        stored = Manifest.load(root)
    except InputError:
        if (root / FILE_NAME).exists():
            return f"a {FILE_NAME} that this version of ketasim cannot read"
        own = not parts or any(found == key for found, key in parts.items())
        return "" if own else "parts of another run, which was interrupted"
    if stored.options.get("kind") != KIND:
        return "another result, which is no simulation"
    found = _other_inputs(stored, manifest)
    # A hash tells a reader nothing as long as anything else can be said.
    plain = [one for one in found if "_hash" not in one and len(one) <= _LONGEST]
    return f"another run: {(plain or ['its inputs were others'])[0]}" if found else ""


def same_run(root: Path, manifest: Manifest) -> bool:
    """Return whether a folder holds a whole bundle made from the same inputs.

    Parameters
    ----------
    root : path
        The folder.
    manifest : Manifest
        Of the run it is compared with; versions of the tools do not count.
    """
    try:
        return not _other_inputs(Manifest.load(root), manifest)
    except InputError:
        return False


def _other_inputs(stored: Manifest, manifest: Manifest) -> list[str]:
    tools = {name: getattr(manifest, name) for name in _TOOLS}
    before = replace(stored, **tools, options=_in_words(stored.options))
    return compare(before, replace(manifest, options=_in_words(manifest.options)))


def _in_words(options: Mapping[str, Any]) -> dict[str, Any]:
    times = options.get("times_h") or [0.0]
    return {**options, "times_h": f"{times[0]:g} to {times[-1]:g} h at {len(times)} times"}
