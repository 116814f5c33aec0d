"""Where the dossier came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ketasim.report.bundle import Bundle

__all__ = ["content"]


def content(bundle: Bundle) -> dict[str, Any]:
    """Return what the section shows.

    Parameters
    ----------
    bundle : Bundle
        The bundle.

    Returns
    -------
    dict
        ``facts`` (name and value), ``files`` of the bundle, ``experiments`` and studies with
        their seconds.
    """
    made = bundle.index["manifest"]
    libraries = ", ".join(f"{name} {version}" for name, version in made["libraries"].items())
    facts = {
        "made": made["created"],
        "command": " ".join(made["command"]),
        "ketasim": made["ketasim"],
        "Python": made["python"],
        "machine": made["platform"],
        "libraries": libraries,
        "seed": made["seed"],
        "parameters (SHA-256)": made["parameter_hash"],
        "evidence (SHA-256)": made["evidence_hash"],
        "model (SHA-256)": made["model_hash"],
    }
    every = {**bundle.experiments, **bundle.studies}
    seconds = {name: record["manifest"]["seconds"] for name, record in every.items()}
    return {"facts": facts, "experiments": seconds}
