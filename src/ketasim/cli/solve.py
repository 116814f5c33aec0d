"""`ketasim solve`: run any SBML model with the engine."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ketasim.cli.output import AsJson, print_json, say, write
from ketasim.errors import InputError, KetasimError, SimulationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ketasim.engine.network import Form, Network

_LARGEST_FILE = 32 * 2**20
"""Bytes; the engine refuses a longer text too, and a longer file is not even read."""

_MOST_NUMBERS = 20_000_000
"""Numbers in a table; its text is made in memory before a file is touched."""


def solve(
    model: Annotated[Path, typer.Argument(help="The model, a file of SBML level 2 or 3.")],
    end: Annotated[float, typer.Option(help="Time of the last row, in the model's unit.")],
    start: Annotated[
        float, typer.Option(help="Time of the first row; the initial values hold there.")
    ] = 0.0,
    steps: Annotated[
        int, typer.Option(help="Equal steps from start to end; the table has one row more.")
    ] = 100,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of the error of a step.")] = 1e-8,
    atol: Annotated[float, typer.Option(help="Absolute tolerance of the error of a step.")] = 1e-12,
    max_steps: Annotated[
        int, typer.Option(help="Steps of the method after which it gives up.")
    ] = 1_000_000,
    outputs: Annotated[
        str | None,
        typer.Option(
            help="Ids of the columns after time, as 'a,b', in this order: species, parameters,"
            " compartments, reactions. By default the floating species, in the model's order."
        ),
    ] = None,
    amounts: Annotated[
        bool,
        typer.Option(
            "--amounts/--concentrations", help="Species as amounts, or as amount per size."
        ),
    ] = False,
    table: Annotated[
        Path | None,
        typer.Option(
            "--csv", help="The file to write, whole or not at all; without it, it is printed."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Solve an SBML model, whatever it describes, and write its course as a table.

    At the time of an event stands the value after it. On failure the exit code is 1 and no file is written.
    """
    try:
        names, values = _course(
            _text(model),
            _times(start, end, steps),
            outputs,
            "amount" if amounts else "concentration",
            (rtol, atol, max_steps),
        )
    except KetasimError as error:
        # Programs that run many models tell an unsolved model by this code, whatever the reason.
        raise SimulationError(f"{model}: {error}") from error
    if table is not None:
        _save(table, _as_csv(names, values))
    if as_json:
        columns = dict(enumerate(values.T.tolist()))
        content = [{"id": name, "values": columns[place]} for place, name in enumerate(names)]
        print_json({"file": None if table is None else str(table), "columns": content})
    elif table is None:
        write(_as_csv(names, values))
    else:
        say(f"{table}: {len(values)} rows of {', '.join(names)}")


def _save(file: Path, content: str) -> None:
    from ketasim.results import atomic_write

    atomic_write(file, content)


def _text(file: Path) -> str:
    """Return the content of a model's file."""
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        reason = error.strerror or "it is unreadable"
        raise InputError(
            f"it cannot be read ({reason})", expected="a file with an SBML model"
        ) from error
    if len(content) > _LARGEST_FILE:
        raise InputError(f"it is larger than {_LARGEST_FILE // 2**20} MB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "it is no text in UTF-8", expected="SBML, whose encoding that is"
        ) from error


def _times(start: float, end: float, steps: int) -> NDArray[np.float64]:
    """Return the times of the rows."""
    import numpy as np

    for name, time in (("start", start), ("end", end)):
        if not math.isfinite(time):
            raise InputError(f"--{name} is {time}", expected="a finite number")
    if not end > start:
        raise InputError(f"--end is {end:g}", expected=f"a time after --start, which is {start:g}")
    if not 1 <= steps < _MOST_NUMBERS:
        raise InputError(f"--steps is {steps}", expected=f"1 to {_MOST_NUMBERS - 1}")
    return np.linspace(start, end, steps + 1)


def _course(
    sbml: str,
    times: NDArray[np.float64],
    outputs: str | None,
    form: Form,
    limits: tuple[float, float, int],
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the titles of the columns, ``time`` first, and the table."""
    import numpy as np

    from ketasim.engine import compile_model
    from ketasim.engine.compiled import check_tolerances
    from ketasim.engine.sbml import read_sbml

    rtol, atol, max_steps = limits
    check_tolerances(rtol, atol, max_steps)
    network = read_sbml(sbml)
    names = _floating(sbml, network) if outputs is None else _ids(outputs)
    network.output_nodes(names, form)  # says what cannot be asked before anything is compiled
    if len(times) * (1 + len(names)) > _MOST_NUMBERS:
        raise InputError(
            f"{len(times)} rows of {1 + len(names)} columns are too many for one table",
            expected=f"at most {_MOST_NUMBERS:,} numbers",
        )
    solution = compile_model(sbml).solve(
        times, outputs=names, species=form, rtol=rtol, atol=atol, max_steps=max_steps
    )
    if solution.failed:
        raise SimulationError(solution.failures()[0].removeprefix("patient 0 "))
    return ("time", *names), np.column_stack([times, solution.values[0]])


def _ids(outputs: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in outputs.split(","))
    if not all(names):
        raise InputError(f"--outputs is {outputs!r}", expected="ids with commas between, as 'a,b'")
    return names


def _floating(sbml: str, network: Network) -> tuple[str, ...]:
    """Return the species that are no boundary species; without any, all that changes."""
    import libsbml

    document = libsbml.readSBMLFromString(sbml)  # its parts live as long as it does
    species = document.getModel().getListOfSpecies()
    floating = tuple(one.getId() for one in species if not one.getBoundaryCondition())
    return floating or network.observables


def _as_csv(names: Sequence[str], rows: Iterable[NDArray[np.float64]]) -> str:
    """Return a table as text; each number in the fewest digits that say it exactly."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(map(repr, row.tolist()) for row in rows)
    return text.getvalue()
