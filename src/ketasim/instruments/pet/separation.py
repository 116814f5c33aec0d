"""Serotonin released against receptors gained: two ways to move binding, told apart by the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.instruments.pet.binding import OUTPUTS, binding_fold, density_table, model_binding
from ketasim.instruments.pet.regions import constant, select_regions

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.model import Model

__all__ = ["INTERVENTIONS", "Separation", "tell_apart"]

INTERVENTIONS = {
    "ketamine": "ketamine 0.5 mg/kg iv over 40 min",
    "ketamine after NBQX": "nbqx 10 mg/kg iv at -30 min; ketamine 0.5 mg/kg iv over 40 min",
    "transporter block": "ssri 20 mg oral",
}
"""What is simulated, by the name in the table."""


@dataclass(frozen=True, eq=False, repr=False)
class Separation:
    """What a scan would see of serotonin released and of receptors gained.

    Parameters
    ----------
    table : DataFrame
        ``intervention, region, time_h, serotonin, density, binding`` (folds of rest, medians over
        patients) and ``change_percent`` of binding.
    occupancy : float
        Serotonin at rest over its inhibition constant, as used.
    """

    table: pd.DataFrame = field(repr=False)
    occupancy: float

    def __repr__(self) -> str:
        return self.summary().to_string()

    def to_frame(self) -> pd.DataFrame:
        """Return the table behind the figure (a copy)."""
        return self.table.copy()

    def summary(self) -> pd.DataFrame:
        """Return the largest fall and rise of binding, and when, by intervention and region."""
        rows = []
        for (name, region), one in self.table.groupby(["intervention", "region"], sort=False):
            low, high = (
                one.iloc[int(place)] for place in (one["binding"].argmin(), one["binding"].argmax())
            )
            rows.append(
                {
                    "intervention": name, "region": region,
                    "lowest_percent": low["change_percent"], "lowest_h": low["time_h"],
                    "highest_percent": high["change_percent"], "highest_h": high["time_h"],
                }
            )  # fmt: skip
        import pandas as pd

        return pd.DataFrame(rows).set_index(["intervention", "region"])

    def plot(self) -> Any:
        """Draw the courses.

        Returns
        -------
        plotly.graph_objects.Figure
            One line an intervention, one panel a region; binding in per cent of rest.
        """
        from plotly.subplots import make_subplots

        from ketasim.instruments.plotting import OKABE_ITO

        regions = list(dict.fromkeys(self.table["region"]))
        names = list(dict.fromkeys(self.table["intervention"]))
        figure = make_subplots(1, len(regions), shared_yaxes=True, subplot_titles=regions)
        for column, region in enumerate(regions, start=1):
            for name, colour in zip(names, OKABE_ITO, strict=False):
                here = (self.table["region"] == region) & (self.table["intervention"] == name)
                one = self.table[here]
                figure.add_scatter(
                    x=one["time_h"], y=one["change_percent"], name=name, mode="lines",
                    line={"color": colour}, legendgroup=name, showlegend=column == 1,
                    row=1, col=column,
                )  # fmt: skip
        figure.update_xaxes(title="time after the dose, h")
        figure.update_yaxes(title="change of binding, %", col=1)
        figure.update_layout(template="plotly_white", title="Serotonin released, receptors gained")
        return figure


def tell_apart(
    model: Model,
    *,
    regions: Iterable[str] = ("HIP", "VSTR"),
    patients: int = 50,
    days: float = 4.0,
    seed: int = 1,
    occupancy: float | None = None,
) -> Separation:
    """Compare what ketamine and a release of serotonin do to binding.

    Ketamine, ketamine with an AMPA antagonist and a block of the serotonin transporter are
    simulated. The model knows no fenfluramine: its release is a declared fold of serotonin that
    decays, at the density of an untreated person.

    Parameters
    ----------
    model : Model
        Under one hypothesis.
    regions : iterable of str, optional
        Codes.
    patients : int, optional
        Virtual patients; medians are reported.
    days : float, optional
        Length of the runs.
    seed : int, optional
        Of the patients.
    occupancy : float, optional
        As for `competition`.

    Returns
    -------
    Separation
        Table and figure.
    """
    import pandas as pd

    names = select_regions(regions)
    used = constant("serotonin_occupancy") if occupancy is None else occupancy
    frames = [
        _simulated(model, label, given, names, patients, days, seed, used)
        for label, given in INTERVENTIONS.items()
    ]
    frames.append(_released(frames[0], used))
    return Separation(pd.concat(frames, ignore_index=True), used)


def _simulated(
    model: Model,
    label: str,
    given: str,
    names: tuple[str, ...],
    patients: int,
    days: float,
    seed: int,
    occupancy: float,
) -> pd.DataFrame:
    from ketasim.simulate import simulate

    run = simulate(
        model, given, patients=patients, days=days, seed=seed, outputs=OUTPUTS, progress=False
    )
    times = run.times[run.times >= 0]
    binding = np.nanmedian(model_binding(run, times, names, occupancy), axis=0)
    serotonin = np.nanmedian(run.values("serotonin"), axis=0)[run.times >= 0]
    parts = []
    for place, name in enumerate(names):
        variable = str(density_table().at[name, "variable"])
        density = np.nanmedian(run.values(variable), axis=0)[run.times >= 0]
        parts.append(_courses(label, name, times, serotonin, density, binding[:, place]))
    return _joined(parts)


def _released(like: pd.DataFrame, occupancy: float) -> pd.DataFrame:
    """Return the courses of a declared release, at the times of another run."""
    parts = []
    for name, one in like.groupby("region", sort=False):
        times = one["time_h"].to_numpy(dtype=np.float64)
        gain = constant("released_serotonin") - 1
        serotonin = 1 + gain * np.exp(-times / constant("release_tau"))
        density = np.ones_like(times)
        fold = binding_fold(density, serotonin, occupancy)
        label = "release, fenfluramine-like"
        parts.append(_courses(label, str(name), times, serotonin, density, fold))
    return _joined(parts)


def _courses(
    label: str,
    region: str,
    times: NDArray[np.float64],
    serotonin: NDArray[np.float64],
    density: NDArray[np.float64],
    binding: NDArray[np.float64],
) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "intervention": label, "region": region, "time_h": times, "serotonin": serotonin,
            "density": density, "binding": binding, "change_percent": 100 * (binding - 1),
        }
    )  # fmt: skip


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(parts, ignore_index=True)
