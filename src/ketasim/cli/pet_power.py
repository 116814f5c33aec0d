"""`ketasim pet power`: what a PET trial of given size can show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ketasim.cli.output import AsJson, print_json, print_table, say

if TYPE_CHECKING:
    from ketasim.instruments.pet.power_design import PetPower


def _designs(incomplete: str) -> list[str]:
    """Return the designs that begin with what was typed."""
    from ketasim.instruments.pet.power_design import DESIGNS

    return [name for name in DESIGNS if name.startswith(incomplete)]


def _regions(incomplete: str) -> list[str]:
    """Return the codes of regions that begin with what was typed."""
    from ketasim.instruments.pet.scans import REGIONS

    return [name for name in REGIONS if name.startswith(incomplete.upper())]


def power(
    design: Annotated[
        str,
        typer.Option(
            help="change: two scans of one group. group: two groups compared. correlation: with"
            " binding at one scan.",
            autocompletion=_designs,
        ),
    ],
    region: Annotated[
        str, typer.Option(help="Code of the region, such as HIP.", autocompletion=_regions)
    ],
    effect: Annotated[
        float,
        typer.Option(help="Change or difference as a share, 0.167 for 16.7 %; or a correlation."),
    ],
    n: Annotated[int, typer.Option(help="People; with two groups, those of the first.")],
    n_control: Annotated[int, typer.Option(help="People of the second group.")] = 0,
    absolute_variability: Annotated[
        float | None,
        typer.Option(help="Mean distance of two scans over their mean; by default the stored one."),
    ] = None,
    between_sd: Annotated[
        float | None,
        typer.Option(help="SD of log binding between people; by default the stored one."),
    ] = None,
    effect_sd: Annotated[
        float, typer.Option(help="SD between people of the true effect, as a logarithm.")
    ] = 0.0,
    single_scan: Annotated[
        bool,
        typer.Option("--single-scan", help="Compare groups at one scan, not their changes."),
    ] = False,
    alpha: Annotated[float, typer.Option(help="Two-sided level.")] = 0.05,
    tests: Annotated[
        int, typer.Option(help="Regions tested; the level is divided by their number.")
    ] = 1,
    wanted: Annotated[
        float, typer.Option("--power", help="Power for which people and effect are sought.")
    ] = 0.8,
    simulate: Annotated[
        int, typer.Option(help="Trials to run through scanner and fit as well; 0 for none.", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the simulated trials.", min=0)] = 1,
    as_json: AsJson = False,
) -> None:
    """Compute the power of a PET trial from how much two scans differ by themselves.

    The variability of the hippocampus is not published: where none is given, 12 % is assumed and
    the power is shown from 8 to 20 %.
    """
    from ketasim.instruments.pet.power_design import PetDesign, pet_power

    asked = PetDesign(
        design, region, effect, n, n_control, absolute_variability, between_sd, single_scan,
        effect_sd, alpha, tests,
    )  # fmt: skip
    found = pet_power(asked, wanted=wanted, replicates=simulate, seed=seed)
    if as_json:
        print_json(found.record())
    else:
        _print(found)


def _print(found: PetPower) -> None:
    about = found.design
    groups = f"{about.n} and {about.n_control}" if about.n_control else str(about.n)
    say(f"{about.design} in {about.region}, effect {about.effect:g}, people {groups}")
    rows = [
        ("power", f"{found.power:.3f}"),
        ("absolute variability", f"{about.variability[0]:g}"),
        (f"smallest effect with power {found.wanted:g}", f"{found.smallest_effect:.3f}"),
        (f"people needed for power {found.wanted:g}", _needed(found)),
    ]
    if found.simulated is not None:
        shown = f"{found.simulated:.3f} ± {found.simulated_se:.3f}"
        rows.insert(1, (f"power in {found.replicates} simulated trials", shown))
    print_table(rows, header=("what", "value"))
    if found.swept:
        say("No variability of the hippocampus is published. By absolute variability:")
        print_table(
            [(f"{key:.2f}", f"{value:.3f}") for key, value in found.swept.items()],
            header=("absolute variability", "power"),
        )


def _needed(found: PetPower) -> str:
    if found.n_needed is None:
        return "more than 100000"
    if found.n_control_needed is None:
        return str(found.n_needed)
    return f"{found.n_needed} and {found.n_control_needed}"
