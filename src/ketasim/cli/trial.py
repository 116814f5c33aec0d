"""`ketasim trial`: a design run many times, and what becomes of it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ketasim.cli import completion
from ketasim.cli.output import AsJson, print_frame, print_json, print_table, progress, say
from ketasim.errors import InputError

if TYPE_CHECKING:
    from ketasim.trial import OperatingCharacteristics, SampleSize, Tornado, TrialDesign

_COLUMNS = [
    "hypothesis", "contrast", "unit", "power", "power_se", "type_1_error", "truth", "mean", "sd",
    "bias", "bias_se", "coverage", "dropout",
]  # fmt: skip


def _designs(incomplete: str) -> list[str]:
    """Return the shipped designs that begin with what was typed."""
    from ketasim.trial import list_designs

    return [name for name in list_designs() if name.startswith(incomplete)]


def trial(
    design: Annotated[
        str | None,
        typer.Argument(
            help="A YAML file, or the name of a design that ships.",
            autocompletion=_designs,
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the designs that ship.")] = False,
    replicates: Annotated[int, typer.Option(help="How often the trial is run.", min=2)] = 1000,
    hypothesis: Annotated[
        list[str] | None,
        typer.Option(
            help="Under which patients are simulated, by default that of the design; may be given"
            " several times; 'all' for all, and their average.",
            autocompletion=completion.hypotheses,
        ),
    ] = None,
    null: Annotated[
        bool, typer.Option("--null", help="Run it with the drug off too, for the type I error.")
    ] = False,
    size: Annotated[
        int | None, typer.Option(help="Patients in the smallest arm; the others in ratio.", min=2)
    ] = None,
    power: Annotated[
        float | None,
        typer.Option(help="Find the size that has this power, for instance 0.8.", min=0, max=1),
    ] = None,
    tornado: Annotated[
        bool, typer.Option("--tornado", help="Change each assumption to its low and high end.")
    ] = False,
    people: Annotated[
        int, typer.Option(help="Simulated people from whom patients are drawn.", min=2)
    ] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.", min=0)] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Folder for tables and figures.", file_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a trial many times: power, type I error, bias and coverage of its own analysis.

    Patients are simulated through the mechanism; what the analysis sees has passed through expectancy,
    masking, raters, visits and dropout. `ketasim.trial` documents the fields of a design.
    """
    from ketasim.trial import load_design, sized

    if list_:
        _list(as_json)
        return
    if design is None:
        raise InputError("no design is named", where="ketasim trial", expected="a file, or --list")
    asked = load_design(design)
    if size is not None:
        asked = sized(asked, size)
    found, needed, moved = _run(asked, replicates, seed, hypothesis, null, power, tornado, people)
    if out is not None:
        found.save(out)
        for more in (needed, moved):
            if more is not None:
                more.save(out)
    _print(found, needed, moved, as_json)
    if out is not None and not as_json:
        say(f"{out}: tables, and every figure in figures.html")


def _list(as_json: bool) -> None:
    from ketasim.trial import list_designs, load_design

    rows = [
        {"name": one.name, "kind": one.kind, "patients": one.patients, "title": one.title}
        for one in map(load_design, list_designs())
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, header=("name", "kind", "patients", "title"))


def _run(
    design: TrialDesign,
    replicates: int,
    seed: int,
    hypothesis: list[str] | None,
    null: bool,
    power: float | None,
    with_tornado: bool,
    people: int,
) -> tuple[OperatingCharacteristics, SampleSize | None, Tornado | None]:
    """Run everything that was asked for, on one pool for each hypothesis."""
    from ketasim.trial import build_pool, find_sample_size, operating_characteristics, tornado
    from ketasim.trial.operating import named_hypotheses

    names = named_hypotheses(design, hypothesis)
    pool = build_pool(replace(design, hypothesis=names[0]), people, seed)
    shared: dict[str, Any] = {"threads": len(os.sched_getaffinity(0))}
    one = {"hypothesis": names[0], "pool": pool, **shared}
    needed = moved = None
    with progress("Running", "steps") as advance:
        if power is not None:
            needed = find_sample_size(design, power, replicates, seed, progress=advance, **one)
        if with_tornado:
            moved = tornado(design, replicates, seed, progress=advance, **one)
        found = operating_characteristics(
            design, replicates, seed, hypotheses=names, null=null, people=people,
            pools={names[0]: pool}, progress=advance, **shared,
        )  # fmt: skip
    return found, needed, moved


def _print(
    found: OperatingCharacteristics, needed: SampleSize | None, moved: Tornado | None, as_json: bool
) -> None:
    if as_json:
        content = found.record()
        if needed is not None:
            content["sample_size"] = needed.record()
        if moved is not None:
            content["tornado"] = moved.record()
        print_json(content)
        return
    design = found.design
    say(f"{design.title}: {design.patients} patients, {found.replicates} replicates")
    print_frame(found.table[_COLUMNS], as_json=False)
    if found.extrapolated:
        say(
            "Note: a context of this design is in no calibration trial; it rests on a declared prior."
        )
    if needed is not None:
        say(repr(needed))
    if moved is not None:
        print_frame(moved.summary(), as_json=False)
