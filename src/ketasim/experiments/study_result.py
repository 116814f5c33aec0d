"""The result of a study: answers, tables, charts, verdicts, and where they came from."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ketasim.errors import unknown_name
from ketasim.experiments.study import by_question
from ketasim.results import atomic_write, ensure_folder, html_table, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    import xarray as xr

    from ketasim.experiments.study import Answer, Chart, Study, StudyVerdict
    from ketasim.model import Model
    from ketasim.provenance import Manifest

__all__ = ["ANSWERS", "STUDY_FILE", "StudyResult", "study_manifest"]

STUDY_FILE = "study.json"
"""The name of the JSON file in a saved result."""

ANSWERS = "answers"
"""The name under which the answers are a table."""


@dataclass(frozen=True, eq=False)
class StudyResult:
    """What a study gave.

    Parameters
    ----------
    study : Study
        What was run.
    size : str
        ``quick`` or ``full``.
    seed : int
        Seed of every random number.
    answers, tables, charts, verdicts, warnings, sources
        As `ketasim.experiments.study.StudyParts` has them.
    calibrated : mapping of str to bool
        Whether each hypothesis has a calibration of its own.
    manifest : Manifest
        Where the result came from.
    """

    study: Study
    size: str
    seed: int
    answers: tuple[Answer, ...] = field(repr=False)
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    charts: tuple[Chart, ...] = field(repr=False)
    verdicts: Mapping[str, StudyVerdict]
    warnings: tuple[str, ...]
    sources: tuple[str, ...]
    calibrated: Mapping[str, bool]
    manifest: Manifest = field(repr=False)

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """Names of the hypotheses that were run."""
        return tuple(self.verdicts)

    def summary(self) -> pd.DataFrame:
        """Return the verdicts.

        Returns
        -------
        DataFrame
            Indexed by ``hypothesis``; columns ``verdict``, ``why``, ``calibrated``.
        """
        import pandas as pd

        rows = [
            {
                "hypothesis": name, "verdict": one.outcome, "why": one.why,
                "calibrated": self.calibrated[name],
            }
            for name, one in self.verdicts.items()
        ]  # fmt: skip
        return pd.DataFrame(rows).set_index("hypothesis")

    def to_frame(self, name: str | None = None) -> pd.DataFrame:
        """Return a table of the result (a copy).

        Parameters
        ----------
        name : str, optional
            One of `tables`; by default the answers.

        Raises
        ------
        UnknownNameError
            If there is no such table.
        """
        if name is None or name == ANSWERS:
            return self._answers()
        if name not in self.tables:
            raise unknown_name("table", name, (ANSWERS, *self.tables))
        return self.tables[name].copy()

    def _answers(self) -> pd.DataFrame:
        import pandas as pd

        columns = ["question", "hypothesis", "text", "value", "low", "high", "unit"]
        rows = [[getattr(one, column) for column in columns] for one in self.answers]
        return pd.DataFrame(rows, columns=columns)

    def to_xarray(self, name: str | None = None) -> xr.Dataset:
        """Return a table of the result as a dataset over its rows.

        Parameters
        ----------
        name : str, optional
            As for `to_frame`.
        """
        return self.to_frame(name).rename_axis("row").to_xarray()

    def plot(self, name: str | None = None) -> Any:
        """Draw one chart.

        Parameters
        ----------
        name : str, optional
            By default the first.

        Returns
        -------
        plotly.graph_objects.Figure
            Axis titles with units.

        Raises
        ------
        UnknownNameError
            If there is no such chart.
        """
        from ketasim.experiments.study_plotting import plot_chart

        known = {chart.name: chart for chart in self.charts}
        chosen = name or next(iter(known), "")
        if chosen not in known:
            raise unknown_name("chart", chosen, known)
        return plot_chart(known[chosen], self.hypotheses)

    def figures(self) -> dict[str, Any]:
        """Return every chart as a figure, by name."""
        return {chart.name: self.plot(chart.name) for chart in self.charts}

    def record(self) -> dict[str, Any]:
        """Return the result as JSON values; ``study.schema.json`` describes them."""
        from ketasim.experiments.study_record import study_record

        return study_record(self)

    def to_json(self, indent: int | None = None) -> str:
        """Return the result as JSON text, checked against the shipped schema."""
        from ketasim.experiments.study_record import check_study_record

        record = self.record()
        check_study_record(record)
        return json.dumps(record, indent=indent, allow_nan=False, ensure_ascii=False)

    def save(self, folder: Path | str) -> Path:
        """Write ``study.json``, ``manifest.json`` and every table as Parquet into a folder.

        Parameters
        ----------
        folder : path
            Made where it is missing; each file is there whole or not at all.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        target = ensure_folder(folder)
        for name in (ANSWERS, *self.tables):
            write_table(target / f"{name}.parquet", self.to_frame(name))
        atomic_write(target / STUDY_FILE, self.to_json(indent=1) + "\n")
        self.manifest.save(target)
        return target

    def citations(self) -> pd.DataFrame:
        """Return the sources of claim, answers and numbers, and what each was used for.

        Returns
        -------
        DataFrame
            Columns ``key`` (BibTeX) and ``used_for``.
        """
        import pandas as pd

        rows = [(key, f"claim of {self.study.name}") for key in self.study.claim.sources]
        rows += [(key, f"answer: {one.question}") for one in self.answers for key in one.sources]
        rows += [(key, f"numbers of {self.study.name}") for key in self.sources]
        return pd.DataFrame(rows, columns=["key", "used_for"]).drop_duplicates("key")

    def __repr__(self) -> str:
        lines = [f"Study {self.study.name!r}, {self.size}, seed {self.seed}"]
        lines += [f"  {name:<20} {one}" for name, one in self.verdicts.items()]
        return "\n".join([*lines, *self.said()])

    def said(self) -> list[str]:
        """Return questions and answers as lines to print."""
        plain = [(one.question, one.hypothesis, one.text) for one in self.answers]
        lines = []
        for question, those in by_question(plain).items():
            lines.append(question)
            for names, text in those:
                who = f"[{', '.join(names)}] " if names else ""
                lines.append(f"  {who}{text}")
        return lines

    def _repr_html_(self) -> str:
        rows = [
            [one.question, one.hypothesis, one.text, _number(one.value), one.unit]
            for one in self.answers
        ]
        rows += [["verdict", name, str(one), "", ""] for name, one in self.verdicts.items()]
        claim = f"{self.study.title}. {self.study.claim.text}"
        header = ["question", "hypothesis", "answer", "value", "unit"]
        return html_table(rows, header=header, caption=claim)


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else ""


def study_manifest(
    study: Study, size: str, seed: int, models: Mapping[str, Model], seconds: float
) -> Manifest:
    """Make the manifest of a study that was run on these models.

    Parameters
    ----------
    study : Study
        What was run.
    size : str
        How much.
    seed : int
        The seed.
    models : mapping of str to Model
        By hypothesis.
    seconds : float
        The time it took.

    Returns
    -------
    Manifest
        `ketasim.rerun` knows it by the option ``study``.
    """
    from ketasim.evidence import evidence_hash
    from ketasim.provenance import hash_mapping, hash_text, manifest_for

    return manifest_for(
        hypothesis=", ".join(models),
        seed=seed,
        parameter_hash=hash_mapping({name: one.values() for name, one in models.items()}),
        evidence_hash=evidence_hash(),
        model_hash=hash_text(next(iter(models.values())).sbml),
        options={"study": study.name, "size": size},
        seconds=seconds,
    )
