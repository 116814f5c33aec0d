"""`ketasim export`: the model in formats that other tools read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ketasim.cli import completion
from ketasim.cli.output import AsJson, print_json, say


def sbml(
    out: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)],
    hypothesis: Annotated[
        str, typer.Option(help="The reading of the evidence.", autocompletion=completion.hypotheses)
    ] = "article",
    as_json: AsJson = False,
) -> None:
    """Write the model as SBML Level 3 Version 2, with a hypothesis' values in it."""
    from ketasim.interop import write_sbml
    from ketasim.model import load_model

    file = write_sbml(load_model(hypothesis), out)
    if as_json:
        print_json({"file": str(file), "hypothesis": hypothesis})
    else:
        say(f"{file}: SBML Level 3 Version 2 of the hypothesis {hypothesis}")
