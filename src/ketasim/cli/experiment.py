"""`ketasim experiment`: one claim, every hypothesis, a verdict for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ketasim.cli import completion
from ketasim.cli.output import AsJson, print_frame, print_json, print_table, progress, say, write

if TYPE_CHECKING:
    from ketasim.experiments import Claim, ExperimentResult, StudyResult


def experiment(
    name: Annotated[
        str | None,
        typer.Argument(help="The experiment.", autocompletion=completion.experiments),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the experiments.")] = False,
    size: Annotated[
        Literal["quick", "full"], typer.Option(help="The report's cohort, or a large one.")
    ] = "quick",
    hypothesis: Annotated[
        list[str] | None,
        typer.Option(
            help="One hypothesis instead of all; may be given several times.",
            autocompletion=completion.hypotheses,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.", min=0)] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results bundle.", file_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run one of the article's claims as an experiment or a study and compute its verdicts."""
    from ketasim.experiments import Study, list_experiments
    from ketasim.experiments import experiment as find

    if list_ or name is None:
        found = [find(one) for one in list_experiments()]
        rows = [{"name": one.name, "title": one.title, "claim": one.claim.text} for one in found]
        if as_json:
            print_json(rows)
        else:
            print_table(rows, header=("name", "title", "claim"))
        return
    chosen = find(name)
    if isinstance(chosen, Study):
        with progress(f"Running {chosen.name}", unit="steps") as advance:
            studied = chosen.run(size, hypothesis, seed, advance)
        _show(studied, studied.study.claim, out, as_json)
        for line in () if as_json else studied.said():
            say(line)
        return
    result = chosen.run(size, hypothesis, seed)
    _show(result, result.experiment.claim, out, as_json)


def _show(
    result: ExperimentResult | StudyResult, claim: Claim, out: Path | None, as_json: bool
) -> None:
    if out is not None:
        result.save(out)
    if as_json:
        write(result.to_json())
        return
    say(claim.text)
    print_frame(result.summary(), as_json=False)
    for sentence in result.warnings:
        say(f"Note: {sentence}")
