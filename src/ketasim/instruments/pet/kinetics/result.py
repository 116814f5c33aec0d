"""What a fit returns: estimates, absolute standard errors, diagnostics and a status a curve."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import plotly.graph_objects as go
    import xarray as xr

    from ketasim.instruments.pet.scans import Scan

Array = NDArray[np.float64]

__all__ = ["Estimates", "Fits", "Status", "curve_statuses"]


class Status(Enum):
    """How the fit of a curve ended; the value is the sentence a user reads.

    A curve that was not fitted has NaN in every estimate. One that ended at a bound keeps its
    values and has no standard errors.
    """

    CONVERGED = "converged"
    AT_BOUND = "a parameter ended at its bound, which is not an estimate of it"
    NON_FINITE = "not fitted: the curve has a value that is missing or not finite"
    ALL_ZERO = "not fitted: the curve is zero throughout"
    NEGATIVE = "not fitted: the curve is negative on the whole"
    TOO_FEW_FRAMES = "not fitted: no more frames have a weight than the model has parameters"
    SINGULAR = "not fitted: the curve does not tell the model's parameters apart"
    IMPOSSIBLE = "not fitted: the best line has a washout or a distribution that is not positive"
    NOT_CONVERGED = "not fitted: the search did not converge"
    NO_K2_PRIME = "not fitted: no washout of the reference, k2', could be had from this scan"

    @property
    def fitted(self) -> bool:
        """Whether there are estimates."""
        return self in (Status.CONVERGED, Status.AT_BOUND)


def curve_statuses(
    curves: Array, weights: Array, duration_min: Array, parameters: int
) -> list[Status]:
    """Find the curves that no model can be fitted to.

    Parameters
    ----------
    curves, weights : array, shape (n, n_frames)
        Activity and weights.
    duration_min : array, shape (n_frames,)
        Lengths of the frames.
    parameters : int
        How many numbers the model has.

    Returns
    -------
    list of Status
        `Status.CONVERGED` for a curve without such a fault.
    """
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(curves).all(axis=1))
    with np.errstate(invalid="ignore", over="ignore"):
        area = np.nan_to_num(curves) @ duration_min
    few = np.asarray(np.count_nonzero(weights > 0, axis=1) <= parameters)
    found = []
    for place, curve in enumerate(curves):
        if not finite[place]:
            found.append(Status.NON_FINITE)
        elif not curve.any():
            found.append(Status.ALL_ZERO)
        elif area[place] <= 0:
            found.append(Status.NEGATIVE)
        else:
            found.append(Status.TOO_FEW_FRAMES if few[place] else Status.CONVERGED)
    return found


@dataclass(frozen=True)
class Estimates:
    """Estimates of one model for the curves of one scan.

    Parameters
    ----------
    values : dict of str to array, shape (n_regions,)
        Parameters and standard errors by their column.
    status : tuple of Status
        One a region.
    observed, fitted, weights : array, shape (n_regions, n_points)
        What the model was fitted to, what it gave, and the weights; the weight is zero where a
        frame was not used. For a graphical model these are the points of the plot.
    parameters : int
        How many numbers were fitted to each curve.
    """

    values: dict[str, Array]
    status: tuple[Status, ...]
    observed: Array
    fitted: Array
    weights: Array
    parameters: int

    def blanked(self) -> dict[str, Array]:
        """Return the values, NaN where a curve was not fitted."""
        lost = np.array([not one.fitted for one in self.status], dtype=bool)
        return {name: np.where(lost, np.nan, one) for name, one in self.values.items()}


@dataclass(frozen=True)
class Fits:
    """Fits of one model to the regions of one or more scans.

    Parameters
    ----------
    model : str
        Name of the model.
    table : DataFrame
        One row a curve, in the order of the scans and their regions.
    scans : tuple of Scan
        What was fitted.
    estimates : tuple of Estimates
        Those of each scan.
    notes : tuple of str, optional
        What a reader must know beside the numbers.
    """

    model: str
    table: pd.DataFrame = field(repr=False)
    scans: tuple[Scan, ...] = field(repr=False)
    estimates: tuple[Estimates, ...] = field(repr=False)
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return one row a curve.

        Returns
        -------
        DataFrame
            participant, scan, region, R1, k2 (1/min), BPND, se_BPND (absolute), status, then what
            the model has besides and the diagnostics: wrmse (root of the weighted mean square of
            the residuals), runs_p (probability of so few or so many runs of signs if residuals
            were independent), aic, n_frames.
        """
        return self.table.copy()

    def to_xarray(self) -> xr.Dataset:
        """Return the table as a dataset over the curves, with units in ``attrs``."""
        dataset = self.table.rename_axis("curve").to_xarray()
        for name in dataset.data_vars:
            dataset[name].attrs["units"] = _unit(str(name))
        return dataset

    def failures(self) -> pd.DataFrame:
        """Return the curves that were not fitted, with the sentence that says why."""
        lost = self.table["status"].str.startswith("not fitted")
        return self.table.loc[lost, ["participant", "scan", "region", "status"]]

    def summary(self) -> pd.DataFrame:
        """Return, by region, the number of curves and of fits, and mean and SD of BPND."""
        import pandas as pd

        groups = self.table.groupby("region", sort=False)["BPND"]
        return pd.DataFrame({"curves": groups.size(), "fitted": groups.count(),
                             "BPND_mean": groups.mean(), "BPND_sd": groups.std()})  # fmt: skip

    def save(self, file: Path | str) -> Path:
        """Write the table as a CSV file, whole or not at all.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        from ketasim.results import atomic_write

        return atomic_write(file, self.table.to_csv(index=False))

    def plot(self, scan: int = 0) -> go.Figure:
        """Draw the points of one scan and the model's lines.

        Parameters
        ----------
        scan : int, optional
            Which of the scans.

        Returns
        -------
        plotly Figure
            One colour a region.
        """
        import plotly.graph_objects as go
        from plotly.colors import qualitative

        shown, found = self.scans[scan], self.estimates[scan]
        figure = go.Figure()
        times = shown.frames.mid_min
        for place, region in enumerate(shown.regions):
            colour = qualitative.Safe[place % len(qualitative.Safe)]
            used = found.weights[place] > 0
            figure.add_scatter(x=times[used], y=found.observed[place][used], mode="markers",
                               name=region, marker={"color": colour}, legendgroup=region)  # fmt: skip
            figure.add_scatter(x=times[used], y=found.fitted[place][used], mode="lines",
                               line={"color": colour}, legendgroup=region, showlegend=False)  # fmt: skip
        figure.update_layout(xaxis_title="time from injection (min)",
                             yaxis_title=f"activity ({shown.unit})",
                             title=f"{self.model}: {shown.participant}, {shown.scan}")  # fmt: skip
        return figure

    def _repr_html_(self) -> str:
        from ketasim.results import html_table

        rows = self.summary().reset_index()
        cells = [[f"{one:.3g}" if isinstance(one, float) else one for one in row]
                 for row in rows.to_numpy().tolist()]  # fmt: skip
        return html_table(cells, header=list(rows.columns), caption=f"{self.model} fits")


def _unit(column: str) -> str:
    name = column.removeprefix("se_")
    if name in ("k2", "k2a", "k2_prime", "k3", "k4"):
        return "1/min"
    if name == "delay_min":
        return "min"
    return "mL/cm3/min" if name == "K1" else "mL/cm3" if name == "VT" else "1"
