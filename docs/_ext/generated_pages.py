"""Tables of the documentation that are read from the package, so that they cannot disagree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "generated"


def list_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (header, *rows):
        for place, cell in enumerate(row):
            mark = "   * - " if place == 0 else "     - "
            lines.append(mark + " ".join(str(cell).split()))
    return "\n".join(lines) + "\n"


def hypotheses() -> str:
    from ketasim import list_hypotheses, load_hypothesis

    chosen = [load_hypothesis(name) for name in list_hypotheses()]
    return list_table(
        ["name", "what it says", "what would refute it"],
        [(f"``{one.name}``", one.statement, one.refuted_by) for one in chosen],
    )


def drugs() -> str:
    from ketasim import list_drugs, load_drug

    chosen = [load_drug(name) for name in list_drugs()]
    return list_table(
        ["name", "drug", "g/mol", "routes"],
        [(f"``{one.name}``", one.title, one.molar_mass, ", ".join(one.routes)) for one in chosen],
    )


def mechanisms() -> str:
    from ketasim import load_model

    return list_table(
        ["file", "what it defines"],
        [
            (f"``{name}.ant``", ", ".join(f"``{one}``" for one in variables))
            for name, variables in load_model().mechanisms().items()
        ],
    )


def tables() -> str:
    from ketasim.evidence import describe, list_tables, load

    return list_table(
        ["table", "rows", "what"],
        [(f"``{name}``", len(load(name)), describe(name).title) for name in list_tables()],
    )


def experiments() -> str:
    from ketasim import experiment, list_experiments

    chosen = [experiment(name) for name in list_experiments()]
    return list_table(
        ["name", "the claim", "what stands against it"],
        [(f"``{one.name}``", one.claim.text, one.claim.against) for one in chosen],
    )


def rules() -> str:
    from ketasim.experiments import VERDICT_RULE
    from ketasim.experiments.rules import change_rule, share_rule

    words = ("blocked", "kept", "rescued", "down", "up", "none")
    rows = []
    for word in words:
        share, change = share_rule(word), change_rule(word)
        rows.append((word, share.text if share else "", change.text if change else ""))
    table = list_table(
        ["published as", "share of the reference effect", "departure from rest"], rows
    )
    return f"A verdict is: {VERDICT_RULE}.\n\n{table}"


def commands() -> str:
    import typer
    from typer.testing import CliRunner

    from ketasim.cli.application import application
    from ketasim.cli.examples import EXAMPLES

    runner, app = CliRunner(), application()
    assert isinstance(app, typer.Typer)
    parts = []
    for name in EXAMPLES:
        shown = runner.invoke(
            app, [*name.split(), "--help"], env={"COLUMNS": "96", "NO_COLOR": "1"}, color=False
        )
        title = f"ketasim {name}"
        parts += [title, "-" * len(title), "", ".. code-block:: text", ""]
        parts += ["   " + line.rstrip() for line in shown.output.strip().splitlines()]
        parts.append("")
    return "\n".join(parts)


def limits() -> str:
    from ketasim.model.files import known_limits

    return "\n".join(f"* {one}" for one in known_limits()) + "\n"


PAGES = {
    "limits": limits,
    "hypotheses": hypotheses,
    "drugs": drugs,
    "mechanisms": mechanisms,
    "tables": tables,
    "experiments": experiments,
    "rules": rules,
    "commands": commands,
}


def write_pages(_: Any) -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        text = make()
        path = FOLDER / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}
