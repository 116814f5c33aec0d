"""`ketasim dossier`: the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ketasim.cli import completion
from ketasim.cli.output import AsJson, print_json, progress, say


def dossier(
    out: Annotated[
        Path, typer.Option(help="Folder for the report and its results bundle.", file_okay=False)
    ] = Path("out/dossier"),
    size: Annotated[
        Literal["quick", "full"], typer.Option(help="The usual cohort, or a large one.")
    ] = "quick",
    experiment: Annotated[
        list[str] | None,
        typer.Option(help="One experiment instead of all.", autocompletion=completion.experiments),
    ] = None,
    hypothesis: Annotated[
        list[str] | None,
        typer.Option(help="One hypothesis instead of all.", autocompletion=completion.hypotheses),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.", min=0)] = 1,
    as_json: AsJson = False,
) -> None:
    """Answer every claim in one self-contained HTML file; a stopped run goes on where it was."""
    from ketasim.report import write_dossier

    with progress("Running experiments", unit="steps") as advance:
        file = write_dossier(
            out,
            size=size,
            experiments=experiment,
            hypotheses=hypothesis,
            seed=seed,
            progress=advance,
        )
    if as_json:
        print_json({"file": str(file)})
    else:
        say(f"The report is {file}")
