"""What instruments return: one row for each patient, visit and measure."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ketasim.instruments.measures import parse_measure
from ketasim.results import atomic_write, ensure_folder, html_table

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import xarray as xr

__all__ = ["OBSERVATION_COLUMNS", "Observations"]

OBSERVATION_COLUMNS = ("patient", "arm", "visit", "time_h", "measure", "value", "missing_why")
"""The columns of the long table."""

FILE_NAME = "observations.parquet"
"""The name of the table inside a results bundle."""


@dataclass(frozen=True)
class Observations:
    """What was measured in simulated patients.

    Parameters
    ----------
    table : DataFrame
        The long table with `OBSERVATION_COLUMNS`.
    measure : str
        Name of the measure.
    unit : str
        Unit of ``value``.
    control : str or None
        Control type whose context was added.
    seed : int
        Seed of error and context.
    hypothesis : str
        The hypothesis that was simulated.
    drugs : tuple of str
        The drugs that were given.
    repeated : bool
        Whether one of them was given more than once.
    assumed : tuple of str
        Context parameters that no calibration stands behind.
    """

    table: pd.DataFrame = field(repr=False)
    measure: str
    unit: str
    control: str | None
    seed: int
    hypothesis: str = ""
    drugs: tuple[str, ...] = ()
    repeated: bool = False
    assumed: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the long table (a copy)."""
        return self.table.copy()

    def published(self) -> pd.DataFrame:
        """Return the published values that stand beside this course (`published_points`)."""
        from ketasim.instruments.published import published_points

        return published_points(self.measure, self.drugs, self.control, repeated=self.repeated)

    def to_xarray(self) -> xr.Dataset:
        """Return the values over (patient, time), with units in ``attrs``."""
        wide = self.table.pivot(index="patient", columns="time_h", values="value")
        array = wide.rename_axis(columns="time").stack(future_stack=True).to_xarray()
        array.attrs["units"] = self.unit
        array["time"].attrs["units"] = "h"
        return array.to_dataset(name=self.measure)

    def summary(self) -> pd.DataFrame:
        """Return mean, spread and missing patients of each visit.

        Returns
        -------
        DataFrame
            Indexed by ``time_h``; columns ``visit``, ``n``, ``missing``, ``mean``, ``sd``,
            ``lo95``, ``median``, ``hi95``, ``unit``; the interval is over patients. For response
            and remission the mean is the share of patients.
        """
        import pandas as pd

        rows = []
        for time_h, group in self.table.groupby("time_h"):
            value = group["value"]
            low, middle, high = value.quantile([0.025, 0.5, 0.975])
            rows.append(
                {
                    "time_h": time_h,
                    "visit": group["visit"].iloc[0],
                    "n": int(value.count()),
                    "missing": int(value.isna().sum()),
                    "mean": value.mean(),
                    "sd": value.std(),
                    "lo95": low,
                    "median": middle,
                    "hi95": high,
                    "unit": self.unit,
                }
            )
        return pd.DataFrame(rows).set_index("time_h")

    def citations(self) -> pd.DataFrame:
        """Return the sources of the instrument and of the published values beside it.

        Returns
        -------
        DataFrame
            Columns ``key`` (BibTeX) and ``used_for``.
        """
        import pandas as pd

        instrument = parse_measure(self.measure)
        scale = instrument.scale
        rows = (
            [(scale.source, f"map from MADRS to {scale.title}")] if scale and scale.source else []
        )
        rows += [(key, f"numbers of {self.measure}") for key in instrument.sources]
        points = self.published()
        rows += [(key, f"published {self.measure}") for key in dict.fromkeys(points["citation"])]
        return pd.DataFrame(rows, columns=["key", "used_for"])

    def notes(self) -> tuple[str, ...]:
        """Return what a reader must know beside the numbers."""
        note = parse_measure(self.measure).note
        notes = [note] if note else []
        if self.assumed:
            notes.append("context parameters that are assumed: " + ", ".join(self.assumed))
        missing = self.table.loc[self.table["missing_why"] != "", "patient"].nunique()
        if missing:
            notes.append(f"{missing} patients have no value")
        return tuple(notes)

    def plot(self) -> Any:
        """Draw the measured course with the published values beside it.

        Returns
        -------
        plotly.graph_objects.Figure
            Median and interval over patients, the mean, published points with their SD.
        """
        from ketasim.instruments.plotting import plot_observations

        return plot_observations(self)

    def save(self, folder: Path | str) -> Path:
        """Write ``observations.parquet`` into a folder, units in its metadata.

        Parameters
        ----------
        folder : path
            Made where it is missing.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        target = ensure_folder(folder)
        table = pa.Table.from_pandas(self.table, preserve_index=False)
        units = {b"unit:value": self.unit.encode(), b"unit:time_h": b"h"}
        buffer = io.BytesIO()
        pq.write_table(
            table.replace_schema_metadata({**(table.schema.metadata or {}), **units}), buffer
        )
        atomic_write(target / FILE_NAME, buffer.getvalue())
        return target

    def _repr_html_(self) -> str:
        summary = self.summary().reset_index()
        shown = ("visit", "n", "mean", "sd", "lo95", "median", "hi95")
        rows = [[_short(row[name]) for name in shown] for _, row in summary.iterrows()]
        title = f"{parse_measure(self.measure).title} ({self.unit}), {self.hypothesis}"
        return html_table(rows, header=shown, caption=" · ".join([title, *self.notes()]))


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
