"""Tables and plots of the benchmark page, from the figures that `benchmarks.solver` wrote."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .curves import cost_at, front, geometric_mean, points_of
from .measure import OURS
from .plots import Series, panel

FOLDER = "_static/benchmarks"
MEBIBYTE = 2.0**20
Content = Mapping[str, Any]


# how things are written ------------------------------------------------------------------------
def literal(text: object) -> str:
    """Return a text from the figures so that reStructuredText shows it as it is.

    What stands between backticks becomes code.
    """
    parts = " ".join(str(text).split()).split("`")
    if len(parts) % 2 == 0:  # a backtick without its fellow is no mark of code
        return _escaped("`".join(parts))
    return "".join(
        f"``{part}``" if place % 2 and part.strip() else _escaped(part)
        for place, part in enumerate(parts)
    )


def reason_text(reason: object) -> str:
    """Return why something was not measured, without the folders of the machine it ran on."""
    return literal(re.sub(r"(?<![\w./:])/(?:[\w.+-]+/)+", "", str(reason))).rstrip(".")


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*|]|_(?!\w))", r"\\\1", text)


def number(value: float) -> str:
    """Return three digits of a number, without an exponent where it is of ordinary size."""
    if value != 0.0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")
    if abs(value) >= 100.0:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def ratio_number(ratio: float) -> str:
    """Return a ratio with two decimals, or none where it is large."""
    if ratio < 0.095:
        return f"{ratio:.2g}"
    if 0.995 <= ratio < 1.0:
        return f"{ratio:.4f}"  # two decimals would hide on which side of one it lies
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:,.0f}"


def ratio_text(ratio: float) -> str:
    """Return how many times our time a peer takes; a peer that is faster is in bold and words."""
    return ratio_number(ratio) if ratio >= 1.0 else f"**{ratio_number(ratio)}, the peer is faster**"


def level_text(level: float) -> str:
    return f"{level:.0e}".replace("e-0", "e-").replace("e+0", "e")


def setting(value: float) -> str:
    """Return a number that somebody chose, as they would write it."""
    return f"{value:g}".replace("e-0", "e-").replace("e+0", "e")


def level_key(level: float) -> str:
    """Return the name under which the figures keep a level."""
    return f"{level:.0e}"


def milliseconds(seconds: float) -> str:
    return number(1e3 * seconds)


def enumeration(names: Iterable[str]) -> str:
    """Return names as a sentence lists them."""
    *most, last = list(names)
    return f"{', '.join(most)} and {last}" if most else last


def paragraph(*sentences: str) -> str:
    text = " ".join(sentence for sentence in sentences if sentence)
    lines = textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines) + "\n"


def heading(text: str, line: str = "-") -> str:
    return f"{text}\n{line * len(text)}\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (header, *rows):
        for place, cell in enumerate(row):
            lines.append(f"{'   * - ' if place == 0 else '     - '}{cell}".rstrip())
    return "\n".join(lines) + "\n"


def image(name: str, about: str) -> str:
    return f".. image:: {FOLDER}/{name}\n   :alt: {' '.join(about.split())}\n"


# the figures ------------------------------------------------------------------------------------
@dataclass
class Figures:
    """What was measured, and the notes that its tables refer to."""

    content: Content
    notes: dict[str, int] = field(default_factory=dict)
    noted: int = 0

    @property
    def cases(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.content["cases"]
        return found

    @cached_property
    def engines(self) -> tuple[str, ...]:
        """All engines, ours first."""
        return (OURS, *self.peers)

    @cached_property
    def peers(self) -> tuple[str, ...]:
        return tuple(name for name in self.content["engines"] if name != OURS)

    @property
    def levels(self) -> tuple[float, ...]:
        return tuple(self.content["plan"]["levels"])

    @property
    def first(self) -> str:
        """The model that is looked at most closely."""
        return str(self.content["plan"]["cases"][0])

    def title(self, case: str) -> str:
        return _escaped(self.cases[case]["title"])

    def measured(self, case: str, engine: str) -> Mapping[str, Any]:
        """Return what is known of an engine on a model."""
        found: Mapping[str, Any] = self.cases[case]["engines"].get(
            engine, {"not_measured": "it was left out of the run"}
        )
        return found

    def curve(self, case: str, engine: str) -> list[tuple[float, float]]:
        one = self.measured(case, engine)
        return [] if "not_measured" in one else points_of(one)

    def ratio(self, case: str, engine: str) -> float | None:
        """Return how many times our time an engine takes on a model, on the whole."""
        if "not_measured" in self.measured(case, engine):
            return None
        found: float | None = self.cases[case]["ratios"].get(engine, {}).get("geometric_mean")
        return found

    def level_ratios(self, case: str, engine: str) -> Mapping[str, float]:
        if "not_measured" in self.measured(case, engine):
            return {}
        found: Mapping[str, float] = self.cases[case]["ratios"].get(engine, {}).get("levels", {})
        return found

    def absent(self, reason: str) -> str:
        """Return what a table says where nothing was measured: the reason is a note below it."""
        place = self.notes.setdefault(reason, len(self.notes) + 1)
        return f"not measured (note {place})"

    def unless(self, case: str, engine: str, otherwise: str) -> str:
        """Return the cell of an engine that was not measured or always failed, or another reason."""
        known = self.measured(case, engine)
        points = known.get("points", ())
        if points and all(one["failed"] for one in points):
            otherwise = "patients failed at every tolerance tried"
        return self.absent(str(known.get("not_measured", otherwise)))

    def by_model(self, cell: Any, engines: Sequence[str]) -> str:
        """Return a table with a row for each model and a column for each engine."""
        rows = [
            [self.title(case), *(cell(case, engine) for engine in engines)] for case in self.cases
        ]
        return table(["model", *map(literal, engines)], rows)


# results ----------------------------------------------------------------------------------------
def faster_peers(figures: Figures) -> tuple[list[tuple[str, str, float]], int]:
    """Return the cases in which a peer is faster on the whole, and how many there are at all."""
    known = [
        (case, engine, ratio)
        for case in figures.cases
        for engine in figures.peers
        if (ratio := figures.ratio(case, engine)) is not None
    ]
    return [one for one in known if one[2] < 1.0], len(known)


def faster_at(figures: Figures) -> tuple[list[str], int]:
    """Return the single errors at which a peer is faster, and how many there are at all."""
    said, count = [], 0
    for case in figures.cases:
        for engine in figures.peers:
            known = figures.level_ratios(case, engine)
            count += len(known)
            slow = [
                f"{level_text(float(level))} (**{ratio_number(ratio)}**)"
                for level, ratio in known.items()
                if ratio < 1.0
            ]
            if slow:
                said.append(f"{literal(engine)} on *{figures.title(case)}* at {enumeration(slow)}")
    return said, count


def verdict(figures: Figures) -> str:
    """Return paragraphs that say who is faster, and where it is not us."""
    faster, pairs = faster_peers(figures)
    if not pairs:
        return paragraph("No peer was measured, so there is nothing to compare with.")
    said = (
        f"Of the {pairs} pairs of a peer and a model that were compared, {OURS} is faster in "
        f"{pairs - len(faster)}."
    )
    if faster:
        named = [
            f"{literal(engine)} on *{figures.title(case)}* (**{ratio_number(ratio)}**)"
            for case, engine, ratio in sorted(faster, key=lambda one: one[2])
        ]
        whole = paragraph(
            said,
            f"**A peer is faster in {len(faster)}**: {enumeration(named)}.",
            "The numbers are the peer's time divided by ours.",
        )
    else:
        whole = paragraph(said, "No peer is faster on the whole of any model.")
    single, count = faster_at(figures)
    if not single:
        return whole + "\n" + paragraph(f"Nor is one at any of the {count} single errors.")
    return whole + "\n" + paragraph(
        f"Error by error there are {count} comparisons. A peer is faster in these: "
        f"{'; '.join(single)}."
    )  # fmt: skip


def summary(figures: Figures) -> str:
    """Return the table that counts, for each peer, on how many models we are ahead."""
    rows = []
    for engine in figures.peers:
        found = [figures.ratio(case, engine) for case in figures.cases]
        known = [ratio for ratio in found if ratio is not None]
        behind = sum(ratio < 1.0 for ratio in known)
        mean = geometric_mean(known)
        rows.append(
            [literal(engine), str(len(known)), str(len(known) - behind),
             f"**{behind}**" if behind else "0",
             "not measured" if mean is None else ratio_text(mean)]
        )  # fmt: skip
    header = [
        "peer", f"compared on, of {len(figures.cases)} models", "ketasim is faster on",
        "the peer is faster on", "peer's time divided by ours",
    ]  # fmt: skip
    return table(header, rows)


def ratio_table(figures: Figures) -> str:
    total = len(figures.levels)

    def cell(case: str, engine: str) -> str:
        ratio = figures.ratio(case, engine)
        if ratio is None:
            return figures.unless(case, engine, "it and we reached no level in common")
        count = len(figures.level_ratios(case, engine))
        return ratio_text(ratio) + (f" ({count} of {total} levels)" if count < total else "")

    return figures.by_model(cell, figures.peers)


def level_table(figures: Figures) -> str:
    """Return the ratios of the first model, level by level."""
    case, rows = figures.first, []
    for engine in figures.peers:
        known = figures.level_ratios(case, engine)
        if not known:
            reason = figures.unless(case, engine, "it and we reached no level in common")
            rows.append([literal(engine), reason, *[""] * (len(figures.levels) - 1)])
            continue
        cells = [known.get(level_key(level)) for level in figures.levels]
        rows.append(
            [literal(engine), *("not reached" if c is None else ratio_text(c) for c in cells)]
        )
    return table(["peer", *(level_text(level) for level in figures.levels)], rows)


def seconds_table(figures: Figures) -> str:
    level = figures.content["level"]

    def cell(case: str, engine: str) -> str:
        cost = cost_at(level, figures.curve(case, engine))
        if cost is None:
            reason = f"its tolerances do not bracket an error of {level_text(level)}"
            return figures.unless(case, engine, reason)
        return milliseconds(cost)

    return figures.by_model(cell, figures.engines)


def compile_table(figures: Figures) -> str:
    def cell(case: str, engine: str) -> str:
        found = figures.measured(case, engine).get("compile")
        if not found:
            return figures.unless(case, engine, "its compile time is not known")
        cold, warm = number(found["cold_seconds"]), number(found["warm_seconds"])
        return f"{cold}\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}{warm}"

    return figures.by_model(cell, figures.engines)


def new_notes(figures: Figures) -> str:
    """Return the reasons that tables refer to and that no list has told yet; nothing of none."""
    lines = [
        f"* Note {place}: {reason_text(reason)}."
        for reason, place in figures.notes.items()
        if place > figures.noted
    ]
    figures.noted = len(figures.notes)
    return "\n".join(lines) + "\n" if lines else ""


def failures(figures: Figures) -> str:
    """Return which tolerances count for nothing since patients failed at them."""
    lines = []
    for case in figures.cases:
        for engine in figures.engines:
            points = figures.measured(case, engine).get("points", ())
            failed = [level_text(one["rtol"]) for one in points if one["failed"]]
            if failed:
                every = len(failed) == len(points)
                where = "every tolerance tried" if every else f"tolerance {enumeration(failed)}"
                lines.append(f"* {literal(engine)} on *{figures.title(case)}*, {where}.")
    if not lines:
        return paragraph("No patient failed at any tolerance that was tried.")
    said = paragraph("At these tolerances some patients failed, so they make no point of a curve:")
    return said + "\n" + "\n".join(lines) + "\n"


def work_precision(figures: Figures) -> tuple[str, dict[str, str]]:
    """Return the plots of all models: the page's part, and the files."""
    parts, files = [], {}
    for case in figures.cases:
        series = []
        for style, engine in enumerate(figures.engines):
            points = [(error, 1e3 * cost) for error, cost in figures.curve(case, engine)]
            points = [point for point in points if min(point) > 0.0]
            if points:
                series.append(Series(engine, points, front(points), style))
        if not series:
            continue
        plain = figures.cases[case]["title"]
        about = (
            f"Work and precision on {plain}: milliseconds a patient against the worst relative "
            f"error, for {enumeration(one.name for one in series)}."
        )
        name = f"work-precision-{case.replace('_', '-')}.svg"
        files[name] = panel(
            plain, about, series, "worst relative error", "milliseconds a patient, one core"
        )
        parts.append(image(name, about))
    return "\n".join(parts), files


def all_cores(figures: Figures) -> str:
    """Return the table of all cores together."""
    found = figures.content["all_cores"]
    case, engines = found["case"], found["engines"]
    ours = engines.get(OURS, {}).get("seconds_per_patient")
    rows = []
    for engine in figures.engines:
        one = engines.get(engine)
        if one is None or "not_measured" in one:
            reason = "no tolerance of it achieves the error" if one is None else one["not_measured"]
            rows.append([literal(engine), figures.unless(case, engine, reason), *[""] * 4])
            continue
        seconds = one["seconds_per_patient"]
        ratio = "1" if engine == OURS else "unknown" if ours is None else ratio_text(seconds / ours)
        rows.append(
            [literal(engine), milliseconds(seconds), f"{one['speedup']:.2f}", ratio,
             level_text(one["rtol"]), number(one["error"])]
        )  # fmt: skip
    header = ["engine", "milliseconds a patient", "times faster than on one core",
              "its time divided by ours", "tolerance", "achieved error"]  # fmt: skip
    return table(header, rows)


def cohort_rows(figures: Figures) -> list[Mapping[str, Any]]:
    return list(figures.content.get("cohorts", {}).get("rows", ()))


def cohort_table(rows: Sequence[Mapping[str, Any]]) -> str:
    header = ["patients", "seconds", "milliseconds a patient", "peak memory, MiB",
              "before the first step, MiB", "values returned, MiB", "patients that failed"]  # fmt: skip
    return table(
        header,
        [
            [f"{one['patients']:,}", number(one["seconds"]),
             milliseconds(one["seconds"] / one["patients"]),
             *(number(one[f"{kind}_bytes"] / MEBIBYTE) for kind in ("peak", "loaded", "asked")),
             str(one["failed"])]
            for one in rows
        ],
    )  # fmt: skip


def cohort_plots(rows: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, str]]:
    """Return how time and memory grow with the cohort: the page's part, and the files."""

    def series(name: str, key: str, unit: float, style: int) -> Series:
        points = [(one["patients"], one[key] / unit) for one in rows if one[key] > 0]
        return Series(name, points, points, style)

    about = ("Seconds that our engine takes for cohorts of growing size.",
             "Memory of our engine for cohorts of growing size.")  # fmt: skip
    memory = [
        series("peak", "peak_bytes", MEBIBYTE, 0),
        series("before the first step", "loaded_bytes", MEBIBYTE, 1),
        series("values returned", "asked_bytes", MEBIBYTE, 2),
    ]
    files = {
        "cohort-seconds.svg": panel(
            "Time", about[0], [series(OURS, "seconds", 1.0, 0)], "patients", "seconds, all cores"
        ),
        "cohort-memory.svg": panel("Memory", about[1], memory, "patients", "MiB"),
    }
    text = "\n".join(image(name, one) for name, one in zip(files, about, strict=True))
    return text, files
