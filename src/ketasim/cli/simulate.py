"""`ketasim simulate`: give a regimen to virtual patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ketasim.cli import completion
from ketasim.cli.output import AsJson, print_frame, say
from ketasim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ketasim.simulate import Trajectories


def simulate(
    drug: Annotated[
        str | None, typer.Option(help="What is given.", autocompletion=completion.drugs)
    ] = None,
    dose: Annotated[str | None, typer.Option(help="How much, as '0.5 mg/kg' or '28 mg'.")] = None,
    route: Annotated[
        str, typer.Option(help="How it is given.", autocompletion=completion.routes)
    ] = "iv",
    over: Annotated[str | None, typer.Option(help="How long it takes, as '40 min'.")] = None,
    at: Annotated[str | None, typer.Option(help="When it begins, as '-45 min'.")] = None,
    every: Annotated[str | None, typer.Option(help="Doses, as '84 h x 8'.")] = None,
    regimen: Annotated[
        str | None, typer.Option(help="The whole regimen in words, instead of the parts.")
    ] = None,
    hypothesis: Annotated[
        str,
        typer.Option(
            help="The reading of the evidence: a name or a YAML file.",
            autocompletion=completion.hypotheses,
        ),
    ] = "article",
    patients: Annotated[int, typer.Option(help="Number of virtual patients.", min=1)] = 200,
    days: Annotated[float, typer.Option(help="Length of the run in days.", min=0.01)] = 14.0,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.", min=0)] = 1,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter's value, as opioid_tone=0.1.")
    ] = None,
    backend: Annotated[Literal["numba", "roadrunner"], typer.Option(help="The solver.")] = "numba",
    control: Annotated[
        str | None,
        typer.Option(
            help="The arm whose expectancy the scores carry, as 'active' or 'saline', or 'none';"
            " by default it follows from the drugs.",
            autocompletion=completion.controls,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the results bundle: patients, trajectories, and MADRS, HAM-D,"
            " response, remission and CADSS at the visits of a trial."
            " The same run again goes on where it stopped.",
            file_okay=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another run that is in the folder.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give a regimen to virtual patients and write what happens to them."""
    from ketasim.cli.observing import control_of
    from ketasim.dosing import regimen as read_regimen
    from ketasim.model import load_model
    from ketasim.simulate import simulate as run

    parts = {"drug": drug, "dose": dose, "over": over, "at": at, "every": every}
    given = read_regimen(_words(regimen, route, parts))
    setting = control_of(given, control)
    result = run(
        load_model(hypothesis),
        given,
        patients=patients,
        days=days,
        seed=seed,
        overrides=dict(map(_setting, set_ or ())),
        backend=backend,
        out=out,
        overwrite=overwrite,
    )
    notes = _save_measured(result, out, setting)
    print_frame(result.summary(), as_json)
    if out is not None and not as_json:
        say(f"The results bundle is in {out}")
        for sentence in notes:
            say(f"Note: {sentence}")


def _save_measured(run: Trajectories, out: Path | None, control: str | None) -> tuple[str, ...]:
    from ketasim.cli.observing import observe

    if out is None:
        return ()
    table, notes = observe(run, control)
    run.save(out, observations=table)
    return notes


def _words(regimen: str | None, route: str, parts: Mapping[str, str | None]) -> str:
    named = {name: text for name, text in parts.items() if text}
    if regimen is not None:
        if named:
            raise InputError(
                f"--{next(iter(named))} is given as well",
                where="--regimen",
                expected="the whole regimen in words, or its parts",
            )
        return regimen
    if not {"drug", "dose"} <= named.keys():
        raise InputError("nothing is given", expected="--drug and --dose, or --regimen")
    _check_duration(named.get("over"))
    words = [named.pop("drug"), named.pop("dose"), route]
    return " ".join([*words, *(f"{name} {text}" for name, text in named.items())])


def _check_duration(over: str | None) -> None:
    from ketasim.dosing.dose import hours

    # Said here, where the text is still the user's own; a dose knows its hours only.
    if over and hours(over, where="--over") < 0:
        raise InputError(f"{over!r} is negative", where="--over", expected="0 or more, as '40 min'")


def _setting(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError as error:
        raise InputError(
            f"{text!r} sets nothing", where="--set", expected="name=number, as opioid_tone=0.1"
        ) from error
