"""A study: an experiment that runs a computation of its own, where arms and readouts do not fit.

An `ketasim.experiments.design.Experiment` is declared as arms, readouts and published rows, and one
piece of code runs them all. A `Study` brings a function instead, and returns computed answers,
tables, charts and a verdict on each hypothesis. Both are found, run, saved and reported alike.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from ketasim.errors import InputError, ModelError
from ketasim.experiments.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from ketasim.experiments.design import Claim, Size
    from ketasim.experiments.study_result import StudyResult
    from ketasim.model import Hypothesis, Model

__all__ = [
    "CHART_COLUMNS",
    "PUBLISHED",
    "Answer",
    "Chart",
    "ChartKind",
    "Request",
    "Study",
    "StudyParts",
    "StudyVerdict",
    "by_question",
]

ChartKind = Literal["intervals", "lines", "points"]
"""Intervals below each other, lines over an axis, or a cloud of points."""

CHART_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "intervals": ("label", "group", "value", "low", "high"),
    "lines": ("series", "x", "y"),
    "points": ("series", "x", "y"),
}
"""The columns that the table of each kind of chart must have."""

PUBLISHED = "published"
"""A series that begins with this word is drawn as what was measured."""


@dataclass(frozen=True, eq=False)
class Chart:
    """One figure, as a table and the titles of its axes; how it is drawn is decided elsewhere.

    Parameters
    ----------
    name : str
        The name in code; file names and links are made from it.
    title : str
        The name in print.
    kind : {"intervals", "lines", "points"}
        How it is drawn.
    frame : DataFrame
        What is drawn. ``intervals``: columns ``label`` (the row), ``group`` (the colour, for
        instance a hypothesis), ``value, low, high`` and, where something was measured,
        ``published, published_low, published_high``. ``lines``: ``series, x, y`` and, where there
        are any, ``low, high`` and ``extrapolated`` (true where no data reach: drawn dashed on
        shaded ground). ``points``: ``series, x, y`` and optionally ``label``. In the last two, rows
        whose series begins with ``published`` are drawn as measured points, with their ``low`` and
        ``high``; without a place on the horizontal axis they are a line across. An optional column
        ``panel`` draws one panel for each of its values, on the same axes.
    x, y : str
        Titles of the axes, each with its unit; ``y`` may be empty for ``intervals``.
    note : str, optional
        What a reader must know.
    log_x, log_y : bool, optional
        Whether an axis is logarithmic.

    Raises
    ------
    ModelError
        If the kind is unknown or a column is missing.
    """

    name: str
    title: str
    kind: ChartKind
    frame: pd.DataFrame = field(repr=False)
    x: str
    y: str
    note: str = ""
    log_x: bool = False
    log_y: bool = False

    def __post_init__(self) -> None:
        if self.kind not in CHART_COLUMNS:
            raise ModelError(
                f"there is no kind of chart {self.kind!r}", where=f"chart {self.name!r}",
                expected=", ".join(CHART_COLUMNS),
            )  # fmt: skip
        missing = [one for one in CHART_COLUMNS[self.kind] if one not in self.frame.columns]
        if missing:
            raise ModelError(
                f"the column {missing[0]!r} is missing", where=f"chart {self.name!r}",
                expected=", ".join(CHART_COLUMNS[self.kind]),
            )  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a study says to one question.

    Parameters
    ----------
    question : str
        The question, as a reader would ask it.
    text : str
        The answer as a sentence, with its numbers computed.
    hypothesis : str, optional
        The hypothesis that it holds under; empty for all, or for none.
    value, low, high : float, optional
        The number that decides, and its interval; NaN where there is none.
    unit : str, optional
        Its unit.
    sources : tuple of str, optional
        BibTeX keys of what it rests on.
    """

    question: str
    text: str
    hypothesis: str = ""
    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    unit: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyVerdict:
    """What the published results say about a hypothesis in one study.

    Parameters
    ----------
    outcome : str
        One of the four of `ketasim.experiments.verdict.Outcome`.
    why : str
        The reason as one computed sentence.

    Raises
    ------
    ModelError
        If the outcome is none of the four.
    """

    outcome: Outcome
    why: str

    def __post_init__(self) -> None:
        if self.outcome not in get_args(Outcome):
            raise ModelError(
                f"there is no verdict {self.outcome!r}", expected=", ".join(get_args(Outcome))
            )

    def __str__(self) -> str:
        return f"{self.outcome}: {self.why}"


@dataclass(frozen=True, eq=False)
class StudyParts:
    """What the function of a study returns.

    Parameters
    ----------
    answers : tuple of Answer
        In the order in which they are read.
    tables : mapping of str to DataFrame
        By name; ``frame.attrs["title"]`` and ``frame.attrs["note"]`` are printed where they are
        set. Tables are printed whole, so a long one is better saved by the caller.
    charts : tuple of Chart
        In the order in which they are shown.
    verdicts : mapping of str to StudyVerdict
        One for each hypothesis of the request.
    warnings : tuple of str, optional
        What a reader must know before the numbers.
    sources : tuple of str, optional
        BibTeX keys of everything used that no answer names.
    """

    answers: tuple[Answer, ...]
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    charts: tuple[Chart, ...] = field(repr=False)
    verdicts: Mapping[str, StudyVerdict]
    warnings: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """What a study is asked for.

    Parameters
    ----------
    size : {"quick", "full"}
        ``quick`` ends within seconds, for the dossier; ``full`` may take minutes.
    hypotheses : tuple of str
        Names.
    seed : int
        Seed of every random number.
    progress : callable, optional
        Told how many steps are done, and of how many.
    models : mapping of str to Model, optional
        The model of each hypothesis, as loaded; a hypothesis of the user's own is only here.
    """

    size: Size
    hypotheses: tuple[str, ...]
    seed: int = 1
    progress: Callable[[int, int], None] | None = None
    models: Mapping[str, Model] = field(default_factory=dict, repr=False, compare=False)

    def tell(self, done: int, total: int) -> None:
        """Say how far it is, to whoever asked to be told."""
        if self.progress is not None:
            self.progress(done, total)


@dataclass(frozen=True)
class Study:
    """An experiment with a computation of its own.

    Parameters
    ----------
    name : str
        The id.
    title : str
        The name in print.
    claim : Claim
        What is claimed, what the article expects, and what stands against it.
    conduct : callable
        From a request to the parts of the result; the same request gives the same numbers.
    """

    name: str
    title: str
    claim: Claim
    conduct: Callable[[Request], StudyParts] = field(repr=False, compare=False)

    def run(
        self,
        size: Size = "quick",
        hypotheses: Sequence[str | Path | Hypothesis] | None = None,
        seed: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> StudyResult:
        """Run the study under every hypothesis.

        Parameters
        ----------
        size : {"quick", "full"}, optional
            How much is computed.
        hypotheses : sequence of str, path or Hypothesis, optional
            By default every hypothesis there is, the user's own files included.
        seed : int, optional
            Seed of every random number.
        progress : callable, optional
            Told how many steps are done, and of how many.

        Returns
        -------
        StudyResult
            Answers, tables, charts, verdicts.

        Raises
        ------
        InputError
            If the size is unknown, or no hypothesis or one twice is given.
        UnknownNameError
            If a hypothesis does not exist.
        ModelError
            If the study returns no verdict for a hypothesis, or one for another.
        """
        from ketasim.experiments.running import hypothesis_models
        from ketasim.experiments.study_result import StudyResult, study_manifest

        began = time.perf_counter()
        if size not in ("quick", "full"):
            raise InputError(f"there is no size {size!r}", expected="quick or full")
        models = hypothesis_models(hypotheses, {})
        parts = self.conduct(Request(size, tuple(models), seed, progress, models))
        _check_parts(self.name, parts, tuple(models))
        manifest = study_manifest(self, size, seed, models, time.perf_counter() - began)
        return StudyResult(
            study=self,
            size=size,
            seed=seed,
            answers=parts.answers,
            tables=parts.tables,
            charts=parts.charts,
            verdicts={name: parts.verdicts[name] for name in models},
            warnings=parts.warnings,
            sources=parts.sources,
            calibrated={name: one.is_calibrated for name, one in models.items()},
            manifest=manifest,
        )


def by_question(
    answers: Sequence[tuple[str, str, str]],
) -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Put answers together for a reader: by question, hypotheses with one answer in one line.

    Parameters
    ----------
    answers : sequence of tuple of str
        Question, hypothesis or "", and text, in the order in which they are read.

    Returns
    -------
    dict of str to list
        For each question the texts, each with the hypotheses that it holds under; those of no
        hypothesis have none.
    """
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for question, hypothesis, text in answers:
        lines = found.setdefault(question, [])
        names = (hypothesis,) if hypothesis else ()
        for place, (known, said) in enumerate(lines):
            if said == text and bool(known) == bool(names):
                lines[place] = ((*known, *names), said)
                break
        else:
            lines.append((names, text))
    return found


def _check_parts(name: str, parts: StudyParts, hypotheses: tuple[str, ...]) -> None:
    where = f"study {name!r}"
    if set(parts.verdicts) != set(hypotheses):
        raise ModelError(
            f"there are verdicts for {', '.join(sorted(parts.verdicts)) or 'nothing'}",
            where=where, expected=f"one for each of {', '.join(sorted(hypotheses))}",
        )  # fmt: skip
    names = [chart.name for chart in parts.charts]
    twice = [one for one in names if names.count(one) > 1]
    if twice:
        raise ModelError(f"two charts have the name {twice[0]!r}", where=where)
