"""`ketasim pool`: studies of one outcome, and what they come to together."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ketasim.cli.output import AsJson, print_frame, print_json, print_table, say
from ketasim.errors import InputError, OutputError

if TYPE_CHECKING:
    from ketasim.synthesis import Pooled, Studies


def _measures(incomplete: str) -> list[str]:
    from ketasim.synthesis import MEASURES

    return [name for name in MEASURES if name.startswith(incomplete)]


def _methods(incomplete: str) -> list[str]:
    from ketasim.synthesis import METHODS

    return [name for name in METHODS if name.startswith(incomplete)]


def _models(incomplete: str) -> list[str]:
    from ketasim.synthesis import GLMM_MODELS

    return [name for name in GLMM_MODELS if name.startswith(incomplete.upper())]


def pool(
    table: Annotated[
        Path | None,
        typer.Argument(
            help="CSV, one row a study: study, and events_treatment, n_treatment, events_control,"
            " n_control; or mean_treatment, sd_treatment, n_treatment, mean_control, sd_control,"
            " n_control; or estimate, standard_error (ratios as logarithms); or events, n."
        ),
    ] = None,
    event: Annotated[
        str | None,
        typer.Option(help="Pool an event of the shipped table of adverse events instead."),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(
            help="rr, or, rd (events of two arms), md, smd (means), plo, pft (events of one group)."
            " For estimates it says what they are.",
            autocompletion=_measures,
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="fixed, dl, pm, reml, ml, eb, he, sj (inverse variance), mh, peto, glmm.",
            autocompletion=_methods,
        ),
    ] = "reml",
    hartung_knapp: Annotated[
        bool, typer.Option("--hartung-knapp", help="Hartung and Knapp's variance, with t.")
    ] = False,
    adhoc: Annotated[
        bool, typer.Option("--adhoc", help="Never let that variance be below Wald's.")
    ] = False,
    glmm_model: Annotated[
        str, typer.Option(help="UM.FS, UM.RS, CM.EL or CM.AL, for glmm.", autocompletion=_models)
    ] = "UM.FS",
    drop_double_zero: Annotated[
        bool,
        typer.Option(
            "--drop-double-zero", help="Leave out studies without an event in either arm."
        ),
    ] = False,
    level: Annotated[float, typer.Option(help="Coverage of the intervals.")] = 0.95,
    subgroup: Annotated[
        str | None, typer.Option(help="A column; each of its values is pooled by itself.")
    ] = None,
    moderator: Annotated[
        list[str] | None,
        typer.Option(help="A column to regress on; may be given several times."),
    ] = None,
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="Pool again without each study in turn.")
    ] = False,
    cumulative: Annotated[
        bool, typer.Option("--cumulative", help="Pool the first, the first two, and so on.")
    ] = False,
    small_studies: Annotated[
        bool, typer.Option("--small-studies", help="Test whether small studies find more.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="New folder for the numbers and the figures.", file_okay=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Pool the studies of a table: estimate, intervals, heterogeneity, on the analysis scale.

    Ratios are analysed as logarithms. Two rows of one 'family' share patients and are refused. Inverse
    variance adds a half to all cells of a study with an empty cell; mh, peto and glmm add nothing. The
    default of glmm is UM.FS. Conventions are those of metafor.
    """
    studies = _studies(table, event, measure)
    if drop_double_zero:
        studies = studies.without_double_zero()
    options = {"hartung_knapp": hartung_knapp, "adhoc": adhoc, "level": level,
               "glmm_model": glmm_model.upper()}  # fmt: skip
    from ketasim.synthesis import pool as pool_studies

    found = pool_studies(studies, method, **options)  # type: ignore[arg-type]
    more = _more(found, subgroup, moderator or [], leave_one_out, cumulative, small_studies)
    if out is not None:
        if out.exists():
            raise OutputError(f"{out} exists already; name a new folder")
        found.save(out)
    if as_json:
        print_json({**found.record(), **{name: _told(one) for name, one in more.items()}})
    else:
        _print(found, more)
        if out is not None:
            say(f"{out}: the numbers, and every figure in figures.html")
    if found.status:
        raise typer.Exit(1)


def _studies(table: Path | None, event: str | None, measure: str | None) -> Studies:
    from ketasim.synthesis import adverse_event_studies, read_studies

    if (table is None) == (event is None):
        what = "no table is named" if table is None else "a table and an event are named"
        raise InputError(what, where="ketasim pool", expected="a CSV file, or --event")
    if event is not None:
        return adverse_event_studies(event, measure or "rr")
    assert table is not None
    return read_studies(table, measure)


def _more(
    found: Pooled,
    subgroup: str | None,
    moderators: list[str],
    leave_one_out: bool,
    cumulative: bool,
    small_studies: bool,
) -> dict[str, Any]:
    """Return what was asked for besides the pool, by name."""
    from ketasim import synthesis

    options = found.options
    more: dict[str, Any] = {}
    if subgroup is not None:
        more["subgroups"] = synthesis.subgroups(found, subgroup)
    if moderators:
        more["meta_regression"] = synthesis.meta_regression(
            found.studies, moderators, options.method, hartung_knapp=options.hartung_knapp,
            level=options.level,
        )  # fmt: skip
    if leave_one_out:
        more["leave_one_out"] = synthesis.leave_one_out(found)
    if cumulative:
        more["cumulative"] = synthesis.cumulative(found)
    if small_studies:
        more["regression_test"] = synthesis.regression_test(found.studies)
        more["rank_test"] = synthesis.rank_test(found.studies)
    return more


def _told(one: Any) -> Any:
    """Return a further result as JSON values."""
    from dataclasses import asdict

    from ketasim.synthesis import AsymmetryTest, MetaRegression, Subgroups

    if isinstance(one, AsymmetryTest):
        return asdict(one)
    if isinstance(one, Subgroups):
        return {
            "pools": one.to_frame().to_dict("records"), "q_between": one.q_between,
            "q_df": one.q_df, "p_value": one.p_value,
        }  # fmt: skip
    if isinstance(one, MetaRegression):
        numbers = ("tau2", "i2", "h2", "r2", "q_moderators", "q_moderators_p", "q", "q_df")
        return {
            "coefficients": one.table.to_dict("records"),
            **{name: getattr(one, name) for name in numbers},
        }
    return one.to_dict("records")


def _print(found: Pooled, more: dict[str, Any]) -> None:
    measure, options = found.studies.measure, found.options
    model = f" {options.glmm_model}" if options.method == "glmm" else ""
    say(f"{found.k} studies, {measure.title}, {options.method}{model}")
    print_frame(found.to_frame(), as_json=False)
    say("")
    natural = found.natural()
    same = measure.back == ""
    rows = [
        (
            name, _shown(getattr(found, name)),
            "" if same or name not in natural else _shown(natural[name]),
        )
        for name in (
            "estimate", "ci_low", "ci_high", "pi_low", "pi_high", "standard_error", "p_value",
            "tau2", "tau2_low", "tau2_high", "i2", "q", "q_df", "q_p",
        )
    ]  # fmt: skip
    print_table(rows, header=("", measure.scale, "" if same else measure.natural))
    for one in (*found.warnings, *([found.status] if found.status else [])):
        say(f"Note: {one}.")
    for name, one in more.items():
        say(f"\n{name.replace('_', ' ')}")
        _print_more(one)


def _print_more(one: Any) -> None:
    told = _told(one)
    if isinstance(told, list):
        print_table([_row(row) for row in told], header=list(told[0]))
        return
    tables = {name: value for name, value in told.items() if isinstance(value, list)}
    for value in tables.values():
        print_table([_row(row) for row in value], header=list(value[0]))
    rest = {name: _shown(value) for name, value in told.items() if name not in tables}
    say(", ".join(_pair(name, value) for name, value in rest.items() if value != ""))


def _row(row: dict[str, Any]) -> list[object]:
    return [_shown(cell) for cell in row.values()]


def _shown(value: Any) -> Any:
    """Return a value for people; a number that there is not becomes an empty cell."""
    return "" if isinstance(value, float) and math.isnan(value) else value


def _pair(name: str, value: object) -> str:
    return f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
