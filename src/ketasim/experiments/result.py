"""The result of an experiment: predictions, comparisons, verdicts, and where they came from."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ketasim.results import atomic_write, ensure_folder, html_table, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    import xarray as xr

    from ketasim.experiments.comparison import Comparison
    from ketasim.experiments.design import Experiment
    from ketasim.experiments.published import Observation
    from ketasim.experiments.verdict import Verdict
    from ketasim.model import Hypothesis
    from ketasim.provenance import Manifest

__all__ = ["ARMS_FILE", "JSON_FILE", "ExperimentResult"]

JSON_FILE = "experiment.json"
"""The name of the JSON file in a saved result."""

ARMS_FILE = "arms.parquet"
"""The name of the table of predictions in a saved result."""


@dataclass(frozen=True)
class ExperimentResult:
    """What an experiment gave.

    Parameters
    ----------
    experiment : Experiment
        What was run.
    size : str
        ``quick`` or ``full``.
    patients, seed : int
        Size and seed of the cohort.
    predictions : DataFrame
        ``hypothesis, arm, readout, time_h, value, lo95, hi95, mc_error, unit``: median over the
        cohort; the interval holds cohort variability and the posterior draw of every patient.
    shares : DataFrame
        The same for the share of each patient's own reference effect.
    sweeps : DataFrame
        The rows of arms along an axis.
    comparisons : tuple of Comparison
        Every published observation beside every hypothesis.
    verdicts : mapping of str to Verdict
        By hypothesis.
    published : tuple of Observation
        The published observations.
    warnings : tuple of str
        What a reader must know.
    manifest : Manifest
        Where the result came from.
    readings : mapping of str to Hypothesis
        The hypotheses that were run, for what each of them expects here.
    """

    experiment: Experiment
    size: str
    patients: int
    seed: int
    predictions: pd.DataFrame = field(repr=False)
    shares: pd.DataFrame = field(repr=False)
    sweeps: pd.DataFrame = field(repr=False)
    comparisons: tuple[Comparison, ...] = field(repr=False)
    verdicts: Mapping[str, Verdict]
    published: tuple[Observation, ...] = field(repr=False)
    warnings: tuple[str, ...]
    manifest: Manifest = field(repr=False)
    readings: Mapping[str, Hypothesis] = field(default_factory=dict, repr=False)

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """Names of the hypotheses that were run."""
        return tuple(self.verdicts)

    def to_frame(self) -> pd.DataFrame:
        """Return the predictions as a long table (a copy)."""
        return self.predictions.copy()

    def to_xarray(self) -> xr.Dataset:
        """Return the predictions over (hypothesis, arm, readout, time), units in ``attrs``."""
        index = ["hypothesis", "arm", "readout", "time_h"]
        dataset = self.predictions.drop(columns="unit").set_index(index).to_xarray()
        units = self.predictions.drop_duplicates("readout").set_index("readout")["unit"]
        dataset.attrs["units"] = {str(name): str(unit) for name, unit in units.items()}
        return dataset.rename(time_h="time")

    def summary(self) -> pd.DataFrame:
        """Return the verdicts.

        Returns
        -------
        DataFrame
            Indexed by ``hypothesis``; columns ``verdict``, ``agree``, ``deciding``, ``people``,
            ``animals and cells``, ``log_likelihood``, ``calibrated``.
        """
        import pandas as pd

        rows = []
        for name, one in self.verdicts.items():
            groups = {tally.group: f"{tally.agree} of {tally.deciding}" for tally in one.by_group}
            deciding = len(one.agree) + len(one.disagree) + len(one.disputed)
            rows.append(
                {
                    "hypothesis": name, "verdict": one.outcome, "agree": len(one.agree),
                    "deciding": deciding, **groups, "log_likelihood": self.log_likelihood(name),
                    "calibrated": one.calibrated,
                }
            )  # fmt: skip
        return pd.DataFrame(rows).set_index("hypothesis")

    def log_likelihood(self, hypothesis: str) -> float:
        """Return the summed predictive log likelihood of the observations that judge.

        Parameters
        ----------
        hypothesis : str
            Name of a hypothesis.

        Returns
        -------
        float
            Over all comparable rows that were kept from the fit, set-aside ones left out; NaN
            where there is none.
        """
        found = [
            one.log_likelihood
            for one in self.comparisons
            if one.hypothesis == hypothesis
            and one.role in ("decides", "indirect")
            and math.isfinite(one.log_likelihood)
        ]
        return sum(found) if found else math.nan

    def comparison_frame(self) -> pd.DataFrame:
        """Return the comparisons as a table, one row for each observation and hypothesis."""
        import pandas as pd

        return pd.DataFrame([one.record() for one in self.comparisons])

    def record(self) -> dict[str, Any]:
        """Return the result as JSON values; `experiment.schema.json` describes them."""
        from ketasim.experiments.serialise import result_record

        return result_record(self)

    def to_json(self, indent: int | None = None) -> str:
        """Return the result as JSON text, checked against the shipped schema."""
        from ketasim.experiments.serialise import check_record

        record = self.record()
        check_record(record)
        return json.dumps(record, indent=indent, allow_nan=False, ensure_ascii=False)

    def plot(self, readout: str | None = None, **options: Any) -> Any:
        """Draw one readout: every hypothesis' prediction and the published points in one plot.

        Parameters
        ----------
        readout : str, optional
            By default the first of the experiment.
        **options
            As for `ketasim.experiments.plotting.plot_readout`.

        Returns
        -------
        plotly.graph_objects.Figure
            One panel an arm.
        """
        from ketasim.experiments.plotting import plot_readout

        return plot_readout(self, readout or self.experiment.readouts[0], **options)

    def figures(self) -> dict[str, Any]:
        """Return every figure of the experiment by name: shares, readouts, sweeps."""
        from ketasim.experiments.plotting import all_figures

        return all_figures(self)

    def save(self, folder: Path | str) -> Path:
        """Write ``experiment.json``, ``manifest.json`` and the tables as Parquet into a folder.

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
        for name, table in self.tables().items():
            write_table(target / name, table)
        atomic_write(target / JSON_FILE, self.to_json(indent=1) + "\n")
        self.manifest.save(target)
        return target

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables of a saved result by the name of their file."""
        compared = self.comparison_frame()
        if not compared.empty:
            # A pair of bounds is a list, which Parquet holds but plain SQL reads with pain.
            bounds = [pair or (None, None) for pair in compared.pop("region")]
            compared["region_low"] = [low for low, _ in bounds]
            compared["region_high"] = [high for _, high in bounds]
        every = {
            ARMS_FILE: self.predictions,
            "shares.parquet": self.shares,
            "sweeps.parquet": self.sweeps,
            "comparisons.parquet": compared,
        }
        return {name: table for name, table in every.items() if not table.empty}

    def citations(self) -> pd.DataFrame:
        """Return the sources of claim and observations, and what each was used for.

        Returns
        -------
        DataFrame
            Columns ``key`` (BibTeX) and ``used_for``.
        """
        import pandas as pd

        rows = [(key, f"claim of {self.experiment.name}") for key in self.experiment.claim.sources]
        rows += [(seen.source, f"observation {seen.id}") for seen in self.published if seen.source]
        return pd.DataFrame(rows, columns=["key", "used_for"]).drop_duplicates("key")

    def __repr__(self) -> str:
        lines = [f"Experiment {self.experiment.name!r}, {self.size}, {self.patients} patients"]
        lines += [f"  {name:<20} {one}" for name, one in self.verdicts.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        summary = self.summary().reset_index()
        rows = [[_short(cell) for cell in row] for row in summary.itertuples(index=False)]
        claim = f"{self.experiment.title}. {self.experiment.claim.text}"
        return html_table(rows, header=list(summary.columns), caption=claim)


def _short(cell: object) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)
