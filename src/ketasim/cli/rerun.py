"""`ketasim rerun`: the same numbers again, or what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ketasim.cli.output import AsJson, print_json, say


def rerun(
    manifest: Annotated[Path, typer.Argument(help="A manifest.json, or the bundle it lies in.")],
    check_only: Annotated[
        bool, typer.Option("--check-only", help="Compare versions and inputs; run nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a result again from its manifest, bit for bit, or say what differs."""
    from ketasim.rerun import rerun as run

    outcome = run(manifest, check_only=check_only)
    if as_json:
        print_json(outcome.record())
    else:
        for sentence in outcome.sentences():
            say(sentence)
    if not outcome.reproduced:
        raise typer.Exit(1)
