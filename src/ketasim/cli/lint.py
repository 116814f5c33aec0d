"""`ketasim lint`: is every input sound?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ketasim.cli.output import AsJson, print_json, print_table, say


def lint(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Hypotheses, drugs, tables of parameters, doses or evidence, mechanisms, SBML, manifests."
        ),
    ] = None,
    regimen: Annotated[
        list[str] | None, typer.Option(help="A regimen in words; may be given several times.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check models, parameter tables, hypotheses, drugs, evidence and regimens.

    Without a file or a regimen, everything that ships with ketasim is checked.
    """
    from ketasim.lint import SHIPPED, Check, FileCheck, RegimenCheck, Severity, run_checks

    given: list[Check] = [*map(FileCheck, files or ()), *map(RegimenCheck, regimen or ())]
    checks = given or SHIPPED
    findings = run_checks(checks)
    if as_json:
        rows = [{"check": one.check, "severity": one.severity.value, "message": one.message}
                for one in findings]  # fmt: skip
        print_json({"checks": [one.name for one in checks], "findings": rows})
    else:
        if findings:
            print_table([(one.severity.value, one.check, one.message) for one in findings],
                        header=("", "check", "finding"))  # fmt: skip
        say(f"{len(checks)} checks, {len(findings)} findings")
    if any(one.severity is Severity.ERROR for one in findings):
        raise typer.Exit(2)
