"""`ketasim cite`: the sources, and what each was used for."""

from __future__ import annotations

from typing import Annotated

import typer

from ketasim.cli import completion
from ketasim.cli.output import AsJson, print_json, write


def cite(
    keys: Annotated[
        list[str] | None, typer.Argument(help="Citation keys; all sources where none is given.")
    ] = None,
    hypothesis: Annotated[
        str | None,
        typer.Option(
            help="Only the sources of this hypothesis' numbers, with the parameters they gave.",
            autocompletion=completion.hypotheses,
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Say what each source was used for.")
    ] = False,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="Print BibTeX entries.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the sources that the model and the evidence rest on."""
    from ketasim.evidence import Citations, bibliography
    from ketasim.evidence import cite as format_references

    if hypothesis is None:
        gathered = Citations().add(keys or tuple(bibliography()))
    else:
        from ketasim.model import load_model

        gathered = Citations()
        for key, names in load_model(hypothesis).citations().items():
            gathered = gathered.add(key, f"the value of {', '.join(names)}")
    if as_json:
        known = bibliography()
        print_json([{"key": key, **known[key].fields, "because": gathered.reasons[key]}
                    for key in gathered])  # fmt: skip
        return
    write(format_references(gathered, verbose, form="bibtex" if bibtex else "text"))
