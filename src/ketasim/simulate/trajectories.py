"""The result of a run: a labelled dataset over patients and times, with where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import unknown_name
from ketasim.results import html_table, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt
    import pandas as pd
    import plotly.graph_objects as go
    import xarray as xr

    from ketasim.dosing import Regimen
    from ketasim.model import Model
    from ketasim.population import Cohort
    from ketasim.provenance import Manifest

__all__ = ["SOLVED", "Trajectories"]

SOLVED = "OK"
"""The status of a patient who was solved; any other status is a sentence."""

_ABOUT = ("status", "failure_time")


@dataclass(frozen=True, eq=False)
class Trajectories:
    """What happens to every patient of a cohort under a regimen.

    Parameters
    ----------
    dataset : xarray.Dataset
        One variable an output over (patient, time), with ``units`` and ``long_name`` in its
        attributes; ``status`` and ``failure_time`` over (patient). A patient who could not be
        solved has NaN from the failure on.
    cohort : Cohort
        The patients.
    model : Model
        The model, under one hypothesis.
    regimen : Regimen
        What was given.
    manifest : Manifest
        Where the numbers come from.
    notes : tuple of str, optional
        What a reader should know, for instance that a loaded result was made by another version.
    """

    dataset: xr.Dataset = field(repr=False)
    cohort: Cohort
    model: Model = field(repr=False)
    regimen: Regimen
    manifest: Manifest = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return tuple(str(name) for name in self.dataset.data_vars if name not in _ABOUT)

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """The output times, shape (n_times,), in hours."""
        return np.asarray(self.dataset["time"].values, dtype=np.float64)

    @property
    def units(self) -> dict[str, str]:
        """Unit of each output."""
        return {name: str(self.dataset[name].attrs["units"]) for name in self.outputs}

    @property
    def failed(self) -> int:
        """How many patients could not be solved."""
        return int((self.dataset["status"].values != SOLVED).sum())

    def failures(self) -> pd.DataFrame:
        """Return the patients that could not be solved.

        Returns
        -------
        DataFrame
            Index patient; the status as a sentence and the time reached, in hours.
        """
        about = self.dataset[list(_ABOUT)].to_dataframe()
        about = about.rename(columns={"failure_time": "failure_time_h"})
        return about[about["status"] != SOLVED]

    def values(self, output: str) -> npt.NDArray[np.float64]:
        """Return one output, shape (n_patients, n_times).

        Raises
        ------
        UnknownNameError
            If the run has no such output.
        """
        if output not in self.outputs:
            raise unknown_name("output", output, self.outputs)
        found = self.dataset[output].transpose("patient", "time").values
        return np.asarray(found, dtype=np.float64)

    def summary(self) -> pd.DataFrame:
        """Return the few numbers that say what happened.

        Returns
        -------
        DataFrame
            One row an output: its unit; at the start of the run the median; of each patient's
            largest departure from the start (``peak``) the median and the 2.5 and 97.5
            percentiles, and the median of its time in hours; at the end of the run the median and
            the percentiles; and how many patients these rest on.
        """
        import pandas as pd

        return pd.DataFrame([self._summary_row(name) for name in self.outputs]).set_index("output")

    def _summary_row(self, name: str) -> dict[str, object]:
        values = self.values(name)
        solved = values[~np.isnan(values).any(axis=1)]
        row: dict[str, object] = {"output": name, "unit": self.units[name]}
        if not len(solved):
            return {**row, "patients": 0}
        where = np.abs(solved - solved[:, :1]).argmax(axis=1)
        peak = np.take_along_axis(solved, where[:, None], axis=1)[:, 0]
        low, high = np.percentile(peak, [2.5, 97.5])
        low_end, high_end = np.percentile(solved[:, -1], [2.5, 97.5])
        return {
            **row,
            "start": float(np.median(solved[:, 0])),
            "peak": float(np.median(peak)),
            "peak_lo95": float(low),
            "peak_hi95": float(high),
            "peak_time_h": float(np.median(self.times[where])),
            "end": float(np.median(solved[:, -1])),
            "end_lo95": float(low_end),
            "end_hi95": float(high_end),
            "patients": len(solved),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the run as a long table.

        Returns
        -------
        DataFrame
            patient, time_h, variable, value and unit; one row a patient, time and output.
        """
        import pandas as pd

        patients, times = self.dataset["patient"].values, self.times
        count = len(patients) * len(times)
        names = self.outputs
        return pd.DataFrame(
            {
                "patient": np.tile(np.repeat(patients, len(times)), len(names)),
                "time_h": np.tile(times, len(patients) * len(names)),
                "variable": np.repeat(np.array(names, dtype=object), count),
                "value": np.concatenate([self.values(name).ravel() for name in names]),
                "unit": np.repeat(np.array(list(self.units.values()), dtype=object), count),
            }
        )

    def to_xarray(self) -> xr.Dataset:
        """Return a copy of the dataset."""
        return self.dataset.copy(deep=True)

    def plot(
        self,
        outputs: str | Sequence[str] | None = None,
        *,
        observed: pd.DataFrame | None = None,
        columns: int = 2,
    ) -> go.Figure:
        """Draw the median and the middle 95 % of the patients over time.

        Parameters
        ----------
        outputs : str or sequence of str, optional
            What to draw; by default a few of the run's outputs.
        observed : DataFrame, optional
            Published values to draw on top: variable, time_h, value, and where known lower, upper
            and source.
        columns : int, optional
            Panels side by side.

        Returns
        -------
        plotly.graph_objects.Figure
            One panel an output, units in the titles of the axes.

        Raises
        ------
        UnknownNameError
            If the run has no such output.
        """
        from ketasim.simulate.plotting import plot_trajectories

        return plot_trajectories(self, outputs, observed=observed, columns=columns)

    def save(self, folder: Path | str, *, observations: pd.DataFrame | None = None) -> Path:
        """Write the results bundle.

        Parameters
        ----------
        folder : path
            Gets ``manifest.json``, ``patients.parquet``, ``status.parquet`` and
            ``trajectories/part-*.parquet`` (patient, time_h, variable, value; units in the
            metadata). Files that are already there from the same run are kept.
        observations : DataFrame, optional
            What instruments measured; written as ``observations.parquet``.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        OutputError
            If the disk is full or the folder cannot be written to; each file is there whole or
            not at all.
        """
        from ketasim.simulate.bundle import save_bundle

        return save_bundle(self, folder, observations=observations)

    def citations(self) -> dict[str, tuple[str, ...]]:
        """Return every source the run used, and for what.

        Returns
        -------
        dict of str to tuple of str
            Citation key to the parameters, drugs and the hypothesis that rest on it.
        """
        found: dict[str, list[str]] = {
            key: [f"parameter {name}" for name in names]
            for key, names in self.model.citations().items()
        }
        for drug in self.regimen.drugs:
            for key in self.model.drugs[drug].sources:
                found.setdefault(key, []).append(f"drug {drug}")
        for _, key in (*self.model.hypothesis.supports, *self.model.hypothesis.against):
            if key:
                found.setdefault(key, []).append(f"hypothesis {self.model.hypothesis.name}")
        return {key: tuple(dict.fromkeys(uses)) for key, uses in sorted(found.items())}

    def _facts(self) -> dict[str, Any]:
        times = self.times
        facts: dict[str, Any] = {
            "hypothesis": self.model.hypothesis.name
            + ("" if self.model.is_calibrated else " (uncalibrated)"),
            "regimen": str(self.regimen),
            "patients": f"{len(self.cohort)}, seed {self.cohort.seed}",
            "time": f"{times[0]:g} to {times[-1]:g} h, {len(times)} times",
            "outputs": f"{len(self.outputs)}: {', '.join(self.outputs[:6])}"
            + (" ..." if len(self.outputs) > 6 else ""),
        }
        if self.failed:
            facts["failed"] = f"{self.failed} of {len(self.cohort)} patients could not be solved"
        for number, note in enumerate((*self.cohort.notes, *self.notes)):
            facts[f"note {number + 1}"] = note
        return facts

    def __repr__(self) -> str:
        return "Trajectories\n" + text_table(self._facts())

    def _repr_html_(self) -> str:
        facts = html_table(self._facts().items(), caption="Trajectories")
        summary = self.summary().reset_index()
        rows = [[_short(cell) for cell in row] for row in summary.to_numpy().tolist()]
        return f"<div>{facts}{html_table(rows, header=[str(one) for one in summary.columns])}</div>"


def _short(cell: object) -> str:
    if isinstance(cell, float):
        return "" if np.isnan(cell) else f"{cell:.4g}"
    return str(cell)
