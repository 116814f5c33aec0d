"""`ketasim pet`: the scan of the serotonin receptor 5-HT1B, quantified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ketasim.cli import completion
from ketasim.cli.output import AsJson, print_frame, print_json, say
from ketasim.errors import InputError, SimulationError

if TYPE_CHECKING:
    from ketasim.instruments.pet.kinetics import ArterialInput, Fits
    from ketasim.instruments.pet.scans import Scan

_SENTENCES = 10
"""Curves that were not fitted and are named one by one; more are only counted."""


def fit(
    curves: Annotated[
        Path,
        typer.Argument(
            help="CSV, one row a frame: participant, scan, region, frame_mid_min,"
            " frame_duration_min, tac (decay-corrected), weight, reference_tac. Or the folder of a"
            " BIDS-PET data set."
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="srtm, srtm2, mrtm1, mrtm2, logan_ref, suvr; with --input 1tcm, 2tcm, logan, ma1.",
            autocompletion=completion.kinetic_models,
        ),
    ] = "srtm",
    out: Annotated[
        Path | None,
        typer.Option(help="CSV to write, one row a curve; without it a table is printed."),
    ] = None,
    reference: Annotated[
        str, typer.Option(help="Region whose rows are the reference, without reference_tac.")
    ] = "CER",
    k2_prime: Annotated[
        str,
        typer.Option(
            help="For srtm2, mrtm2, logan_ref: washout of the reference in 1/min, or mrtm1, srtm"
            " (median over regions) or coupled (fitted with all regions)."
        ),
    ] = "mrtm1",
    k2_prime_region: Annotated[
        list[str] | None,
        typer.Option(help="Region whose k2' counts; may be given several times."),
    ] = None,
    t_star: Annotated[
        float | None, typer.Option(help="Minutes; frames that start earlier are not used.")
    ] = None,
    window: Annotated[
        tuple[float, float], typer.Option(help="For suvr: begin and end in minutes.")
    ] = (63.0, 93.0),
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help="CSV of blood: time_min, plasma (parent); whole_blood, participant, scan if known.",
        ),
    ] = None,
    blood_fraction: Annotated[
        str, typer.Option(help="Share of blood in the tissue for 1tcm and 2tcm, or fit.")
    ] = "fit",
    delay: Annotated[
        str, typer.Option(help="Minutes by which tissue sees blood late for 1tcm and 2tcm, or fit.")
    ] = "0",
    regularised: Annotated[
        bool,
        typer.Option(
            "--regularised",
            help="For srtm: draw each curve towards what all curves of the file say together.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fit a kinetic model to time-activity curves, region by region.

    Written are participant, scan, region, R1, k2 (1/min), BPND, se_BPND (absolute), status, what the
    model has besides, and diagnostics. A curve that cannot be fitted has a status and no numbers.
    """
    from ketasim.instruments.pet.kinetics import fit as fit_scans
    from ketasim.instruments.pet.kinetics import learn_pool

    if out is not None and out.exists() and not overwrite:
        raise InputError("the file is there already", where=str(out),
                         expected="another name, or --overwrite to replace it")  # fmt: skip
    scans = _read(curves, reference)
    found = fit_scans(
        scans,
        model,
        k2_prime=_number_or_word(k2_prime),
        k2_prime_regions=k2_prime_region,
        t_star_min=t_star,
        window_min=window,
        input_function=_inputs(curves, model, input_file),
        blood_fraction=_number_or_fit(blood_fraction, "--blood-fraction"),
        delay_min=_number_or_fit(delay, "--delay"),
        pool=learn_pool(scans) if regularised else None,
    )
    if out is not None:
        found.save(out)
    _show(found, out, as_json)
    _name_failures(found, curves)


def _read(curves: Path, reference: str) -> list[Scan]:
    from ketasim.instruments.pet.scans import read_tacs

    if not curves.is_dir():
        return read_tacs(curves, reference)
    from ketasim.interop.bids_pet import read_dataset

    return read_dataset(curves, reference=reference)


def _inputs(
    curves: Path, model: str, file: Path | None
) -> dict[tuple[str, str], ArterialInput] | None:
    """Return the inputs of a file of blood, or those that a data set has; only where needed."""
    from ketasim.instruments.pet.kinetics import read_input
    from ketasim.instruments.pet.kinetics.fitting import ARTERIAL

    if file is not None:
        return read_input(file)
    if model not in ARTERIAL or not curves.is_dir():
        return None
    from ketasim.interop.bids_pet import read_inputs

    return read_inputs(curves) or None


def _number_or_word(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _number_or_fit(text: str, option: str) -> float | Literal["fit"]:
    if text == "fit":
        return "fit"
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{option} is {text!r}", expected="a number, or fit") from error


def _show(found: Fits, out: Path | None, as_json: bool) -> None:
    table = found.to_frame()
    if as_json:
        rows = table.to_dict("records")
        print_json({"file": None if out is None else str(out), "model": found.model,
                    "notes": list(found.notes), "fits": rows})  # fmt: skip
        return
    print_frame(found.summary() if out is not None else table, as_json=False)
    for note in found.notes:
        say(note)
    if out is not None:
        say(f"{out}: {found.model} of {len(table)} curves of {len(found.scans)} scans")


def _name_failures(found: Fits, curves: Path) -> None:
    """Name the curves that were not fitted; where none was, the work has failed."""
    lost = found.failures()
    for row in lost.head(_SENTENCES).itertuples():
        typer.echo(f"{curves.name}, scan {row.scan!r} of {row.participant!r}, region {row.region}:"
                   f" {row.status}", err=True)  # fmt: skip
    if len(lost) > _SENTENCES:
        typer.echo(f"{len(lost) - _SENTENCES} more curves were not fitted.", err=True)
    if len(lost) == len(found.table):
        raise SimulationError(f"{curves}: none of the curves could be fitted")
