"""The result of running a design many times, and what all results of trials have in common."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ketasim.results import atomic_write, ensure_folder, html_table, text_table, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    import xarray as xr

    from ketasim.provenance import Manifest
    from ketasim.trial.design import TrialDesign
    from ketasim.trial.replicates import TrialReplicates

__all__ = ["ALL", "OperatingCharacteristics", "Recorded", "figures_page", "short", "write_json"]

ALL = "all"
"""Name of the average over hypotheses."""

JSON_FILE = "trial.json"
FIGURES_FILE = "figures.html"

_MAIN = (
    "hypothesis", "contrast", "unit", "power", "power_se", "type_1_error", "type_1_error_se",
    "truth", "mean", "mean_se", "sd", "bias", "bias_se", "coverage", "coverage_se", "dropout",
    "dropout_se",
)  # fmt: skip
_SHOWN = (
    "hypothesis", "contrast", "power", "type_1_error", "truth", "mean", "bias", "coverage",
    "dropout",
)  # fmt: skip


class Recorded(ABC):
    """A result that can be told as JSON."""

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Return the result as JSON values; a number that is missing is NaN."""

    def to_json(self, indent: int | None = None) -> str:
        """Return `record` as JSON text."""
        return json.dumps(_plain(self.record()), indent=indent, allow_nan=False)


@dataclass(frozen=True, repr=False, eq=False)
class OperatingCharacteristics(Recorded):
    """How often a design succeeds and how well it estimates.

    Parameters
    ----------
    design : TrialDesign
        What was run.
    replicates, seed : int
        How often, and the seed.
    alpha : float
        Level of the two-sided test.
    world : str
        What was at work, see `RatingModel`.
    hypotheses : tuple of str
        Under which patients were simulated.
    table : DataFrame
        One row a hypothesis and contrast, see `summary`, and besides ``truth_se``, ``sd_se``,
        ``model_se`` (mean standard error that the analyses report), ``failed`` (share of replicates
        without an estimate), ``pool_se`` (error of a difference through the finite pool, points).
    estimates : DataFrame
        One row a hypothesis, world, contrast and replicate: ``estimate, se, df, ci_low, ci_high, p,
        left``.
    flow : DataFrame
        Patients by arm, on the mean of a trial under the first hypothesis; see
        `ketasim.trial.operating_analysis.flow_of`.
    runs : TrialReplicates
        Replicates under the first hypothesis.
    people : mapping of str to int
        Size of the pool by hypothesis.
    seconds : float
        Time it took.
    """

    design: TrialDesign
    replicates: int
    seed: int
    alpha: float
    world: str
    hypotheses: tuple[str, ...]
    table: pd.DataFrame
    estimates: pd.DataFrame
    flow: pd.DataFrame
    runs: TrialReplicates
    people: Mapping[str, int]
    seconds: float = 0.0

    def summary(self) -> pd.DataFrame:
        """Return what a protocol reports.

        Returns
        -------
        DataFrame
            ``hypothesis`` (``all``: the average), ``contrast``, ``unit`` of the estimate, ``power``
            (p below the level in favour of the active arm; averaged over hypotheses, the
            probability of success), ``type_1_error``, ``truth`` (what a trial of everybody would
            find), ``mean`` and ``sd`` of the estimate, ``bias``, ``coverage`` of the 95 % interval,
            ``dropout`` (share that left by the end point); ``*_se`` are Monte-Carlo errors.
        """
        return self.table[list(_MAIN)].copy()

    def to_frame(self) -> pd.DataFrame:
        """Return the estimates of every replicate as a long table (a copy)."""
        return self.estimates.copy()

    def to_xarray(self) -> xr.Dataset:
        """Return the estimates over (hypothesis, world, contrast, replicate)."""
        index = ["hypothesis", "world", "contrast", "replicate"]
        dataset = self.estimates.set_index(index).to_xarray()
        dataset.attrs["unit"] = str(self.table["unit"].iloc[0])
        return dataset

    def plot(self, kind: str = "estimates", **options: Any) -> Any:
        """Draw the result.

        Parameters
        ----------
        kind : str, optional
            ``timeline``, ``flow``, ``means``, ``spaghetti``, ``estimates`` (replicates and their
            intervals), ``distribution`` or ``forest`` (hypotheses beside each other).
        **options
            As for the function of `ketasim.trial.plotting`.

        Returns
        -------
        plotly.graph_objects.Figure
            Axis titles with units.
        """
        from ketasim.trial.plotting import plot_trial

        return plot_trial(self, kind, **options)

    def figures(self) -> dict[str, Any]:
        """Return every figure by the name of its kind."""
        from ketasim.trial.plotting import KINDS

        return {kind: self.plot(kind) for kind in KINDS}

    def record(self) -> dict[str, Any]:
        """Return design, options and summary as JSON values; a number that is missing is NaN."""
        return {
            "design": asdict(self.design),
            "replicates": self.replicates,
            "seed": self.seed,
            "alpha": self.alpha,
            "world": self.world,
            "hypotheses": list(self.hypotheses),
            "people": dict(self.people),
            "extrapolated_context": self.extrapolated,
            "characteristics": self.table.to_dict("records"),
            "flow": self.flow.to_dict("records"),
        }

    @property
    def extrapolated(self) -> bool:
        """Whether the design has a context that no calibration trial has."""
        from ketasim.trial.care import is_extrapolated

        return is_extrapolated(self.design)

    def manifest(self) -> Manifest:
        """Return where the numbers come from."""
        from ketasim.evidence import evidence_hash
        from ketasim.model import load_model
        from ketasim.provenance import hash_mapping, hash_text, manifest_for

        models = {name: load_model(name) for name in self.hypotheses}
        first = next(iter(models.values()))
        return manifest_for(
            hypothesis=", ".join(models),
            seed=self.seed,
            parameter_hash=hash_mapping({name: one.values() for name, one in models.items()}),
            evidence_hash=evidence_hash(),
            model_hash=hash_text(first.sbml),
            options={
                "design": self.design.name, "replicates": self.replicates, "alpha": self.alpha,
                "world": self.world, "people": dict(self.people),
            },
            seconds=self.seconds,
        )  # fmt: skip

    def save(self, folder: Path | str, *, figures: bool = True) -> Path:
        """Write the result into a folder, each file whole or not at all.

        Parameters
        ----------
        folder : path
            Made where it is missing.
        figures : bool, optional
            Whether ``figures.html`` is written, which needs nothing but a browser.

        Returns
        -------
        Path
            The folder, with ``trial.json``, ``characteristics.csv``, ``estimates.parquet`` and
            ``manifest.json``.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        # Everything is made before anything is written.
        text, table = self.to_json(indent=1) + "\n", self.table.to_csv(index=False)
        manifest = self.manifest()
        page = figures_page(self.figures(), repr(self)) if figures else ""
        target = ensure_folder(folder)
        atomic_write(target / JSON_FILE, text)
        atomic_write(target / "characteristics.csv", table)
        write_table(target / "estimates.parquet", self.estimates)
        if page:
            atomic_write(target / FIGURES_FILE, page)
        manifest.save(target)
        return target

    def citations(self) -> pd.DataFrame:
        """Return the sources of the design and of what was simulated.

        Returns
        -------
        DataFrame
            Columns ``key`` (BibTeX) and ``used_for``.
        """
        import pandas as pd

        from ketasim.instruments.context import context_table
        from ketasim.instruments.settings import settings_table

        rows = (
            [(self.design.citation, f"design {self.design.name}")] if self.design.citation else []
        )
        for what, table in (("context", context_table()), ("setting", settings_table())):
            rows += [(str(key), f"{what} {name}") for name, key in table["source"].items() if key]
        return pd.DataFrame(rows, columns=["key", "used_for"]).drop_duplicates("key")

    def __repr__(self) -> str:
        head = (
            f"Trial {self.design.name!r}, {self.design.patients} patients, "
            f"{self.replicates} replicates"
        )
        lines = {f"  {row['hypothesis']}, {row['contrast']}": _words(row) for row in self._rows()}
        return f"{head}\n{text_table(lines)}"

    def _rows(self) -> list[dict[str, Any]]:
        return [{str(k): cell for k, cell in row.items()} for row in self.table.to_dict("records")]

    def _repr_html_(self) -> str:
        rows = [[short(row[name]) for name in _SHOWN] for row in self._rows()]
        caption = (
            f"{self.design.title}: {self.design.patients} patients, {self.replicates} replicates, "
            f"estimate in {self.table['unit'].iloc[0]}"
        )
        return html_table(rows, header=_SHOWN, caption=caption)


def _words(row: Mapping[str, Any]) -> str:
    parts = [f"power {row['power']:.3f} ({row['power_se']:.3f})"]
    if not math.isnan(row["type_1_error"]):
        parts.append(f"type I error {row['type_1_error']:.3f} ({row['type_1_error_se']:.3f})")
    parts.append(f"estimate {row['mean']:.3g} {row['unit']}, truth {row['truth']:.3g}")
    parts.append(f"coverage {row['coverage']:.3f}")
    return ", ".join(parts)


def figures_page(figures: Mapping[str, Any], text: str) -> str:
    """Return one HTML page with every figure, which needs nothing but a browser.

    Parameters
    ----------
    figures : mapping of str to plotly.graph_objects.Figure
        By name.
    text : str
        What stands above them.

    Returns
    -------
    str
        The page.
    """
    import html

    parts = [
        figure.to_html(full_html=False, include_plotlyjs=place == 0)
        for place, figure in enumerate(figures.values())
    ]
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>ketasim trial</title>'
    return f"{head}<pre>{html.escape(text)}</pre>{''.join(parts)}</html>\n"


def write_json(folder: Path | str, name: str, text: str) -> Path:
    """Write one JSON file into a folder, whole or not at all.

    Parameters
    ----------
    folder : path
        Made where it is missing.
    name : str
        Of the file, without its ending.
    text : str
        What it holds.

    Returns
    -------
    Path
        The folder.
    """
    target = ensure_folder(folder)
    atomic_write(target / f"{name}.json", text + "\n")
    return target


def short(cell: object) -> str:
    """Return a cell of a table as text, a number with three digits."""
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
