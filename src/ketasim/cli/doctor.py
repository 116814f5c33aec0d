"""`ketasim doctor`: is everything here, and does it give the known answers?"""

from __future__ import annotations

import typer

from ketasim.cli.output import AsJson, print_json, print_table


def doctor(as_json: AsJson = False) -> None:
    """Print versions, threads and GPU, and check known answers."""
    from ketasim.health import examine

    checks = examine()
    if as_json:
        print_json({"healthy": all(one.passed for one in checks), "checks": [
            {"name": one.name, "found": one.found, "passed": one.passed} for one in checks
        ]})  # fmt: skip
    else:
        rows = [("ok" if one.passed else "WRONG", one.name, one.found) for one in checks]
        print_table(rows, header=("", "what", "found"))
    if not all(one.passed for one in checks):
        raise typer.Exit(1)
