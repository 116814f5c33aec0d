"""The application: its commands, and what becomes of an error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from ketasim import __version__
from ketasim.cli import INTERRUPTED, STOPPED
from ketasim.cli.usage import is_usage_error, usage_sentence
from ketasim.errors import KetasimError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["application"]

HELP = """How ketamine works in depression, as a model that answers its claims.

A research tool: nothing it prints is medical advice."""


class SentenceGroup(TyperGroup):
    """A group of commands in which an error is a sentence, not a traceback."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line and leave with its code; a wrong word is one sentence too."""
        try:
            code = super().main(*args, **{**options, "standalone_mode": False})
        except typer.Abort:
            code = INTERRUPTED
        except Exception as error:
            if not is_usage_error(error):
                raise
            _print(usage_sentence(error))
            code = error.exit_code  # type: ignore[attr-defined]
        if code == INTERRUPTED:
            _print(STOPPED)
        # Outside its standalone mode typer returns the code of an exit, and None when all is done.
        sys.exit(code or 0)

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; turn what a user can mend into one sentence and a code."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise typer.Exit(0) from error
        except KetasimError as error:
            if ctx.params.get("debug"):
                raise
            raise _end(str(error), error.exit_code) from error
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            if ctx.params.get("debug") or not _is_fault(error):
                raise
            sentence = f"This is a fault in ketasim, not in your input: {error!r}; --debug shows it"
            raise _end(sentence, 1) from error


def _is_fault(error: Exception) -> bool:
    # Usage errors of the command line carry their own message and code.
    return not hasattr(error, "exit_code")


def _end(sentence: str, code: int) -> typer.Exit:
    _print(sentence)
    return typer.Exit(code)


def _print(sentence: str) -> None:
    if sentence:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(sentence, markup=False, emoji=False)


def _show_version(wanted: bool) -> bool:
    if wanted:
        Console(highlight=False).print(f"ketasim {__version__}")
        raise typer.Exit
    return wanted


def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Options that every command has."""


def _commands() -> dict[str, Callable[..., None]]:
    from ketasim.cli import (
        cite,
        discover,
        doctor,
        dossier,
        experiment,
        lint,
        pool,
        predict,
        rerun,
        simulate,
        solve,
        trial,
    )

    return {
        "lint": lint.lint,
        "simulate": simulate.simulate,
        "solve": solve.solve,
        "experiment": experiment.experiment,
        "trial": trial.trial,
        "predict": predict.predict,
        "score": predict.score,
        "pool": pool.pool,
        "discover": discover.discover,
        "dossier": dossier.dossier,
        "cite": cite.cite,
        "rerun": rerun.rerun,
        "doctor": doctor.doctor,
    }


def application() -> typer.Typer:
    """Build the application with every command.

    Returns
    -------
    typer.Typer
        Called with ``args=[...]``, it runs a command and exits.
    """
    from ketasim.cli import export, pet, pet_power
    from ketasim.cli.examples import epilog

    app = typer.Typer(
        name="ketasim",
        help=HELP,
        cls=SentenceGroup,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name, command in _commands().items():
        app.command(name, epilog=epilog(name))(command)
    exports = typer.Typer(help="Write the model in a format that other tools read.")
    exports.command("sbml", epilog=epilog("export sbml"))(export.sbml)
    app.add_typer(exports, name="export")
    scans = typer.Typer(help="Quantify PET scans of the serotonin receptor 5-HT1B.")
    scans.command("fit", epilog=epilog("pet fit"))(pet.fit)
    scans.command("power", epilog=epilog("pet power"))(pet_power.power)
    app.add_typer(scans, name="pet")
    return app
