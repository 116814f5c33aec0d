"""The benchmark page of the documentation, made of what was measured and of nothing else.

`python -m benchmarks.report benchmarks/results/solver.json --docs docs` writes ``benchmarks.rst``
and its plots. The same figures give the same bytes, so a test can tell whether the page is stale.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import tables
from .measure import OURS
from .tables import (
    FOLDER,
    MEBIBYTE,
    Content,
    Figures,
    enumeration,
    heading,
    level_text,
    literal,
    number,
    paragraph,
    setting,
    table,
)  # fmt: skip


def machine_text(machine: Content | str) -> str:
    """Return one sentence about the machine."""
    if isinstance(machine, str):
        return f"The machine was {literal(machine).rstrip('.')}."
    parts = [f"The processor is *{literal(machine.get('processor') or 'not known')}*"]
    cores = machine.get("cores")
    if cores:
        parts[0] += f", of which the run had {cores} {'core' if cores == 1 else 'cores'}"
    if "system" in machine:
        parts.append(f"the system is {literal(machine['system'])}")
    used = [f"Python {machine['python']}"] if "python" in machine else []
    used += [f"{name} {found}" for name, found in machine.get("packages", {}).items()]
    versions = f" Versions: {literal(enumeration(used))}." if used else ""
    return "; ".join(parts) + "." + versions


# sections ---------------------------------------------------------------------------------------
def begin(figures: Figures) -> str:
    levels = figures.levels
    return "\n".join(
        [
            heading("Benchmarks", "="),
            paragraph(
                f"How long {OURS} takes to solve a population, beside "
                f"{enumeration(map(literal, figures.peers)) if figures.peers else 'nobody'}, on "
                f"{len(figures.cases)} models. Engines are compared at equal *achieved* error, "
                "since the same tolerance means another error in another solver.",
                f"The errors are {enumeration(map(level_text, levels))}.",
                "Every number on this page is read from the figures of a run; `How it was "
                "measured`_ tells what they mean.",
            ),
            tables.verdict(figures),
        ]
    )


def results(figures: Figures) -> str:
    first = figures.title(figures.first)
    level = level_text(figures.content["level"])
    parts = [
        heading("On the whole"),
        paragraph(
            "How many times our time a peer takes: the geometric mean over the models on which "
            "both were measured. Above 1 we are faster, below 1 the peer is."
        ),
        tables.summary(figures),
        heading("Model by model"),
        paragraph(
            "The peer's time divided by ours: the geometric mean over the errors that both reach. "
            "Where these are not all the levels, the table says how many."
        ),
        tables.ratio_table(figures),
        heading("The first model, error by error"),
        paragraph(f"The same for *{first}*, at each error by itself."),
        tables.level_table(figures),
        heading("Milliseconds a patient"),
        paragraph(
            f"On one core, at an error of {level}, read off between the measured points. Less is faster."
        ),
        tables.seconds_table(figures),
        heading("Compile times"),
        paragraph(
            "Seconds until the first patient is solved, without and with what the engine keeps on "
            "disk from one process to the next (*cold* / *warm*). Imports are left out. "
            "They are in none of the other tables."
        ),
        tables.compile_table(figures),
    ]
    told = tables.new_notes(figures)
    if told:
        parts += [paragraph("The notes say why something is not measured:"), told]
    return "\n".join(parts)


def curves(figures: Figures) -> tuple[str, dict[str, str]]:
    drawn, files = tables.work_precision(figures)
    if not files:
        return "", {}
    text = [
        heading("Work and precision"),
        paragraph(
            "Each mark is one tolerance: the worst relative error that an engine achieved with it, "
            "and the milliseconds that it took for a patient. Further left is more accurate, "
            "further down is faster. The line joins the tolerances that no other one of the same "
            "engine beats in both; the ratios above are read off these lines and nowhere beyond "
            "their ends."
        ),
        drawn,
    ]
    return "\n".join(text), files


def all_cores(figures: Figures) -> str:
    found = figures.content.get("all_cores")
    if not found or found["case"] not in figures.cases:
        return ""
    cores = figures.content["machine"]["cores"]
    level = level_text(figures.content["level"])
    return "\n".join(
        [
            heading("All cores"),
            paragraph(
                f"*{figures.title(found['case'])}* on all {cores} cores at once. An engine with "
                "threads of its own gets one process; another gets a process for each core, with "
                "the patients divided among them. Each engine runs at the cheapest tolerance tried "
                f"that achieves an error of {level} or less, so the errors are not quite equal "
                "here: they are in the last column."
            ),
            tables.all_cores(figures),
            tables.new_notes(figures),
        ]
    )


def cohorts(figures: Figures) -> tuple[str, dict[str, str]]:
    rows = tables.cohort_rows(figures)
    if not rows:
        return "", {}
    drawn, files = tables.cohort_plots(rows)
    case, one = figures.content["cohorts"]["case"], rows[0]
    text = [
        heading("Cohorts of growing size"),
        paragraph(
            f"{OURS} alone, on *{figures.title(case)}*, all {one['cores']} cores, tolerance "
            f"{level_text(one['rtol'])}, each size in a fresh process. The peak is that of the "
            "whole process, Python and its libraries included. *Before the first step* is the "
            "peak once the patients' parameters and doses are in memory. *Values returned* is the "
            "size of the array that was asked for: patients, times and outputs."
        ),
        tables.cohort_table(rows),
        drawn,
    ]
    return "\n".join(text), files


def million(found: Content) -> str:
    """Return the section on the large run; every key of its figures may be missing."""
    if not found:
        return ""
    patients = found.get("patients")
    title = f"{patients:,} patients" if patients else "A large cohort"
    sentences = [_what(found), _cost(found), _interruptions(found), _sameness(found)]
    if "machine" in found:
        sentences.append(machine_text(found["machine"]))
    parts = [heading(title), paragraph(*sentences)]
    if found.get("parts"):
        parts.append(_parts(found["parts"]))
    return "\n".join(parts)


def _what(found: Content) -> str:
    named = {"patients": "patients", "times": "output times", "outputs": "outputs"}
    sizes = [f"{found[key]:,} {name}" for key, name in named.items() if key in found]
    text = f"One run of the shipped model: {enumeration(sizes)}" if sizes else "One large run"
    if "rtol" in found:
        text += f", tolerance {level_text(found['rtol'])}"
    if "chunk" in found:
        text += f", in chunks of {found['chunk']:,} patients"
    if "failed" in found:
        text += f"; {found['failed']:,} patients failed"
    return text + "."


def _cost(found: Content) -> str:
    parts = []
    if "seconds" in found:
        parts.append(f"took {number(found['seconds'])} s")
        if found.get("patients"):
            parts[-1] += f", {number(1e3 * found['seconds'] / found['patients'])} ms a patient"
    if "peak_bytes" in found:
        parts.append(f"needed {number(found['peak_bytes'] / MEBIBYTE)} MiB of memory at its peak")
    if "disk_bytes" in found:
        parts.append(f"left {number(found['disk_bytes'] / MEBIBYTE)} MiB on disk")
    return f"In all it {enumeration(parts)}." if parts else ""


def _interruptions(found: Content) -> str:
    given = found.get("interrupted_at")
    if given is None:
        stopped = [one for one in found.get("parts", ()) if one.get("stopped_by")]
        given = [one["patients_done"] for one in stopped if "patients_done" in one]
    places = given if isinstance(given, list) else [given]
    if not places:
        return ""
    counted = enumeration(f"{place:,}" for place in places)
    again = "each time gone on with" if len(places) > 1 else "gone on with"
    return f"It was stopped after {counted} patients and {again}."


def _sameness(found: Content) -> str:
    same = found.get("identical", found.get("statistics_identical"))
    if same is None:
        return ""
    few = found.get("compared_patients")
    whose = f"The figures of its first {few:,} patients" if few else "Its figures"
    other = "a run of these alone at one go" if few else "a run at one go"
    if same:
        return f"{whose} are byte for byte those of {other}."
    return f"**{whose} differ from those of {other}.**"


def _parts(parts: list[Mapping[str, Any]]) -> str:
    rows = [
        [str(place), number(one["seconds"]) if "seconds" in one else "unknown",
         number(one["peak_bytes"] / MEBIBYTE) if "peak_bytes" in one else "unknown",
         f"{one['patients_done']:,}" if "patients_done" in one else "unknown",
         literal(one.get("stopped_by") or "its end")]
        for place, one in enumerate(parts, 1)
    ]  # fmt: skip
    return table(["part", "seconds", "peak memory, MiB", "patients done", "ended by"], rows)


# how it was measured ------------------------------------------------------------------------------
def method(figures: Figures) -> str:
    content, plan = figures.content, figures.content["plan"]
    check, reference = level_text(content["check_rtol"]), level_text(content["reference_rtol"])
    counts = {
        point["patients"]
        for case in figures.cases
        for engine in figures.engines
        for point in figures.measured(case, engine).get("points", ())
        if point.get("patients")
    }
    given = f"; here they got between {min(counts):,} and {max(counts):,}" if counts else ""
    parts = [
        heading("How it was measured"),
        paragraph(machine_text(content["machine"])),
        paragraph(
            "**One core.** Every engine runs in a process of its own, pinned to the same core, with "
            "one thread. Only solving is timed: imports, compiling, and bringing patients' "
            f"parameters and doses into a peer's form are not; {OURS} does the last within its own "
            "call, so for it that is timed. Engines take turns, tolerance by "
            f"tolerance, in {plan['repeats']} rounds; of its rounds the fastest counts.",
            f"Up to {plan['patients']:,} patients are solved together, all different. An engine "
            f"that would need more than {setting(plan['point_seconds'])} s for a tolerance gets "
            f"fewer{given}. One that takes longer than {setting(plan['limit_seconds'])} s for a "
            "single answer is not measured.",
        ),
        paragraph(
            "**Achieved error.** Each engine solves with tolerances from "
            f"{level_text(max(plan['rtols']))} down, as far as the errors compared need them. The "
            "absolute tolerance is the relative one times a size that belongs to the model. The "
            f"error is the worst over the first {plan['compared']:,} patients (fewer where an engine "
            "got fewer), all output times and all outputs. It is relative to the value, or to "
            f"{setting(content['floor'])} of the output's largest value where that is more. "
            "Seconds at an error are interpolated between measured tolerances, linearly in the "
            "logarithms of both, and never beyond the last one.",
        ),
        paragraph(
            "**Doses.** Between two breakpoints of a patient's doses nothing jumps. The peers are "
            "begun anew at each of them, so that none steps over a dose; all engines return the "
            "same outputs at the same given times.",
        ),
        paragraph(
            f"**Reference.** The true values are {OURS}'s own at a tolerance of {reference}. "
            f"Independent engines at {check} are held against them; the table says the worst error "
            "between them, measured as above.",
        ),
        agreement(figures),
        paragraph("The engines:"),
        engines(figures),
        paragraph("The models:"),
        models(figures),
    ]
    return "\n".join(parts)


def agreement(figures: Figures) -> str:
    """Return how far independent engines are from the reference."""
    names = {name for one in figures.cases.values() for name in one["agreement"]}
    checkers = [name for name in figures.peers if name in names]
    if not checkers:
        return paragraph("No independent engine was measured.")

    def cell(case: str, engine: str) -> str:
        found = figures.cases[case]["agreement"]
        if engine not in found:
            return "not measured"
        return "a patient failed" if found[engine] is None else level_text(found[engine])

    return figures.by_model(cell, checkers)


def engines(figures: Figures) -> str:
    rows = []
    for engine in figures.engines:
        known = figures.content["engines"].get(engine, {})
        found = [figures.measured(case, engine).get("version") for case in figures.cases]
        versions = list(dict.fromkeys(one for one in found if one))
        rows.append(
            [literal(engine), literal(enumeration(versions)) if versions else "none ran",
             literal(known.get("configuration") or "not described")]
        )  # fmt: skip
    return table(["engine", "version", "how it is run"], rows)


def models(figures: Figures) -> str:
    rows = []
    for case, one in figures.cases.items():
        shape = one["shape"]
        events = "yes" if one["events"] else "no"
        rows.append(
            [figures.title(case), literal(one["source"]), str(shape["times"]),
             str(shape["outputs"]), events, setting(one["absolute"])]
        )  # fmt: skip
    header = ["model", "source", "output times", "outputs", "events that the state triggers",
              "absolute tolerance, times the relative one"]  # fmt: skip
    return table(header, rows)


def not_measured(figures: Figures) -> str:
    """Return what is missing, by engine, and what was never meant to be measured."""
    parts = [heading("What is not measured, and why")]
    lines = []
    for engine in figures.engines:
        reasons: dict[str, list[str]] = {}
        for case in figures.cases:
            reason = figures.measured(case, engine).get("not_measured")
            if reason is not None:
                reasons.setdefault(str(reason), []).append(f"*{figures.title(case)}*")
        for reason, where in reasons.items():
            everywhere = len(where) == len(figures.cases)
            place = "every model" if everywhere else enumeration(where)
            lines.append(f"* {literal(engine)}, {place}: {tables.reason_text(reason)}.")
    missing = [name for name in figures.content["plan"]["cases"] if name not in figures.cases]
    if missing:
        lines.append(f"* {literal(enumeration(missing))}: the run had not come to it.")
    if lines:
        parts += [paragraph("In this run:"), "\n".join(lines) + "\n"]
    parts += [
        tables.failures(figures),
        paragraph(
            "The suite calls engines from Python, so solvers of other languages are not in it. "
            "Memory is measured for our engine only. Sensitivities, fits and graphics processors "
            "are not part of it. The models and the ways in which the peers are run were chosen by "
            f"the authors of {OURS}; the adapters are in ``benchmarks/peers``, where they can be "
            "read and bettered. All figures are of one machine.",
        ),
    ]
    return "\n".join(parts)


def again() -> str:
    return "\n".join(
        [
            heading("How to run it"),
            paragraph(
                "In a checkout, on a machine that does nothing else. The first installs the peers "
                "and measures everything, which takes hours; the second is the same with two peers "
                "and three models, in minutes; the third writes this page:"
            ),
            ".. code-block:: text\n",
            "   make bench\n   make bench-quick\n"
            "   python -m benchmarks.report out/benchmarks/solver.json \\\n"
            "       --million out/benchmarks/million.json --docs docs\n",
            paragraph(
                "``python -m benchmarks.solver --help`` says how to choose engines, models and the "
                "number of patients. What a run finds out is written after every model."
            ),
        ]
    )


# the page -----------------------------------------------------------------------------------------
def page(content: Content, large: Content | None = None) -> tuple[str, dict[str, str]]:
    """Return the page and its plots.

    Parameters
    ----------
    content : mapping
        What `benchmarks.solver` wrote.
    large : mapping, optional
        What `benchmarks.million` wrote.

    Returns
    -------
    str, dict of str to str
        The page as reStructuredText, and the plots' texts by name of file.
    """
    figures = Figures(content)
    drawn, files = curves(figures)
    growth, more = cohorts(figures)
    parts = [
        ".. Written by benchmarks/report.py from the figures in benchmarks/results; do not edit.\n",
        begin(figures), results(figures), drawn, all_cores(figures), growth, million(large or {}),
        method(figures), not_measured(figures), again(),
    ]  # fmt: skip
    return "\n".join(part for part in parts if part), {**files, **more}


def write(content: Content, large: Content | None, docs: Path) -> None:
    """Write the page and its plots; plots of an earlier run go."""
    text, files = page(content, large)
    folder = docs / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        if old.name not in files:
            old.unlink()
    for name, drawing in files.items():
        (folder / name).write_text(drawing, encoding="utf-8")
    (docs / "benchmarks.rst").write_text(text, encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path, help="what benchmarks.solver wrote")
    parser.add_argument("--million", type=Path, default=None, help="what benchmarks.million wrote")
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    chosen = parser.parse_args()
    large = read(chosen.million) if chosen.million is not None else None
    write(read(chosen.figures), large, chosen.docs)


if __name__ == "__main__":
    main()
