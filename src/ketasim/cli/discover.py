"""`ketasim discover`: the search for a compound that keeps the benefit and leaves the harm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ketasim.cli import completion
from ketasim.cli.output import AsJson, print_frame, print_json, progress, say
from ketasim.errors import InputError

if TYPE_CHECKING:
    from ketasim.discovery import Discovery, RobustObjective

_COLUMNS = [
    "compound", "kind", "benefit_24h", "benefit_7d", "dissociation", "pressure", "sedation",
    "opioid", "hypotheses_better", "keeps_limits",
]  # fmt: skip


def discover(
    generations: Annotated[int, typer.Option(help="Generations of the search.", min=1)] = 100,
    population: Annotated[int, typer.Option(help="Candidates in a generation.", min=8)] = 300,
    seed: Annotated[int, typer.Option(help="Seed of the search.", min=0)] = 1,
    hypothesis: Annotated[
        list[str] | None,
        typer.Option(
            help="Under which candidates are judged, by default all; may be given several times.",
            autocompletion=completion.hypotheses,
        ),
    ] = None,
    draws: Annotated[
        int, typer.Option(help="Draws of each hypothesis and of the open questions.", min=1)
    ] = 8,
    quantile: Annotated[
        float, typer.Option(help="Share of hypotheses and draws that may be worse.", min=0, max=0.5)
    ] = 0.25,
    bound: Annotated[
        list[str] | None,
        typer.Option(
            help="Narrow a property: half_life=2:8, or route=iv to fix it; may be given several times.",
            autocompletion=completion.properties,
        ),
    ] = None,
    compound: Annotated[
        list[str] | None,
        typer.Option(
            help='Put a compound on the map instead of searching: "ketamine, trapping=0.8".'
        ),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Put the known compounds on the map, without a search.")
    ] = False,
    properties: Annotated[
        bool, typer.Option("--properties", help="List the properties, their bounds and sources.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder. Every generation is kept there, and an interrupted search goes on.",
            file_okay=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search for compounds that are good under most of what may be true.

    A compound is a point within bounds that known compounds set. Benefit at a day and a week is as large,
    and dissociation, blood pressure, sedation and opioid occupancy as small, as can be had together.
    """
    from ketasim.discovery import RobustObjective, draw_scenarios, space

    bounds = dict(_bound(text) for text in bound or ())
    narrowed = space().narrowed(bounds)
    if properties:
        print_frame(narrowed.to_frame(), as_json)
    elif list_ or compound:
        scenarios = draw_scenarios(hypothesis, draws=draws)
        _map(RobustObjective(narrowed, scenarios, quantile), compound or [], as_json)
    else:
        found = _search(generations, population, seed, hypothesis, draws, quantile, bounds, out)
        _print(found, out, as_json)


def _search(
    generations: int,
    population: int,
    seed: int,
    hypothesis: list[str] | None,
    draws: int,
    quantile: float,
    bounds: dict[str, tuple[float, float]],
    out: Path | None,
) -> Discovery:
    from ketasim.discovery import Settings
    from ketasim.discovery import discover as run

    with progress("Searching", "generations") as advance:
        found = run(
            Settings(generations, population, seed), hypotheses=hypothesis, draws=draws,
            quantile=quantile, bounds=bounds, out=out, progress=advance,
        )  # fmt: skip
    if out is not None:
        found.save(out)
    return found


def _bound(text: str) -> tuple[str, tuple[float, float]]:
    from ketasim.discovery import ROUTES
    from ketasim.errors import unknown_name

    name, mark, ends = (one.strip() for one in text.partition("="))
    where = f"--bound {text!r}"
    if not mark or not ends:
        raise InputError("this is no bound", where=where, expected="property=low:high")
    low, _, high = ends.partition(":")
    if name == "route":
        for one in (low, high or low):
            if one not in ROUTES:
                raise unknown_name("route", one, ROUTES, where=where)
        return name, (float(ROUTES.index(low)), float(ROUTES.index(high or low)))
    try:
        return name, (float(low), float(high or low))
    except ValueError as error:
        raise InputError("a bound is no number", where=where,
                         expected="property=low:high") from error  # fmt: skip


def _map(objective: RobustObjective, texts: list[str], as_json: bool) -> None:
    import pandas as pd

    from ketasim.discovery import known_compounds, map_of, parse

    parts = [map_of(known_compounds(), objective, "known")]
    if texts:
        own = [parse(text, f"yours {k + 1}") for k, text in enumerate(texts)]
        for one in own:
            one.check_bounds(objective.space)
        parts.append(map_of(own, objective, "yours"))
    table = pd.concat(parts, ignore_index=True)
    print_frame(table if as_json else table[_COLUMNS], as_json)
    if not as_json:
        say(_NOTE)


_NOTE = (
    "Benefit is at least, harm at most, what is shown in most hypotheses and draws. excitation and"
    " impaired_h in --json; keeps_limits is false where a limit is broken or half of ketamine's"
    " benefit is not reached."
)


def _print(found: Discovery, out: Path | None, as_json: bool) -> None:
    if as_json:
        content: dict[str, Any] = found.record()
        print_json(content)
        return
    say(repr(found))
    print_frame(found.summary()[_COLUMNS].head(20), as_json=False)
    if out is not None:
        say(f"{out}: the map, everything that was tried, and every figure in figures.html")
