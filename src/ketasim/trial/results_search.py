"""Results of questions that need a design more than once: sample size, tornado, comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.results import html_table, text_table
from ketasim.trial.results import Recorded, short, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.trial.design import TrialDesign

__all__ = ["DesignComparison", "SampleSize", "Tornado"]


@dataclass(frozen=True, repr=False, eq=False)
class SampleSize(Recorded):
    """How many patients a design needs.

    Parameters
    ----------
    design : TrialDesign
        What was sized.
    hypothesis, contrast : str
        Under which, and between which arms.
    power, alpha : float
        Wanted power and level of the two-sided test.
    replicates, seed : int
        At every size.
    n : float
        Patients in the smallest arm (in a crossover, in all); NaN where none was large enough.
    patients : float
        In all arms.
    curve : DataFrame
        Columns ``n, patients, power, power_se``: every size that was tried.
    reason : str
        Why there is no number; empty where there is one.
    """

    design: TrialDesign
    hypothesis: str
    contrast: str
    power: float
    alpha: float
    replicates: int
    seed: int
    n: float
    patients: float
    curve: pd.DataFrame
    reason: str = ""

    @property
    def n_se(self) -> float:
        """Monte-Carlo error of `n`: that of the power over the slope of the power at that size.

        The slope is that of a probit line in the root of the size, fitted to the curve.
        """
        from scipy.stats import norm

        curve = self.curve[(self.curve["power"] > 0.02) & (self.curve["power"] < 0.98)]
        if math.isnan(self.n) or len(curve) < 2:
            return math.nan
        root, probit = np.sqrt(curve["n"].to_numpy()), norm.ppf(curve["power"].to_numpy())
        # Sizes near the answer are tried most often, so that the line is that of their surroundings.
        slope = float(np.polyfit(root, probit, 1)[0])
        if slope <= 0:
            return math.nan
        density = float(norm.pdf(norm.ppf(self.power)))
        error = math.sqrt(self.power * (1 - self.power) / self.replicates)
        return error / (density * slope / (2.0 * math.sqrt(self.n)))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Monte-Carlo interval of `n`."""
        half = 1.959964 * self.n_se
        return self.n - half, self.n + half

    def summary(self) -> pd.DataFrame:
        """Return the answer as a table of one row, with its Monte-Carlo error."""
        import pandas as pd

        low, high = self.interval
        return pd.DataFrame(
            [
                {
                    "hypothesis": self.hypothesis, "contrast": self.contrast, "power": self.power,
                    "n": self.n, "n_se": self.n_se, "n_low": low, "n_high": high,
                    "patients": self.patients, "reason": self.reason,
                }
            ]
        )  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """Return the power at every size that was tried (a copy)."""
        return self.curve.copy()

    def plot(self) -> Any:
        """Draw the power against the size."""
        from ketasim.trial.plotting_search import plot_power

        return plot_power(self)

    def record(self) -> dict[str, Any]:
        """Return the result as JSON values; a number that is missing is NaN."""
        answer = {str(name): value for name, value in self.summary().to_dict("records")[0].items()}
        return {
            "design": self.design.name, "alpha": self.alpha, "replicates": self.replicates,
            "seed": self.seed, **answer, "curve": self.curve.to_dict("records"),
        }  # fmt: skip

    def save(self, folder: Path | str) -> Path:
        """Write ``sample_size.json`` into a folder, whole or not at all; return the folder."""
        return write_json(folder, "sample_size", self.to_json(indent=1))

    def __repr__(self) -> str:
        if self.reason:
            return f"No size up to the limit has a power of {self.power:g}: {self.reason}"
        low, high = self.interval
        return (
            f"{self.n:.0f} patients in the smallest arm ({low:.0f} to {high:.0f} by Monte-Carlo "
            f"error), {self.patients:.0f} in all, for a power of {self.power:g} "
            f"({self.contrast}, {self.hypothesis})"
        )

    def _repr_html_(self) -> str:
        rows = [[short(cell) for cell in row] for row in self.curve.itertuples(index=False)]
        return html_table(rows, header=list(self.curve.columns), caption=repr(self))


@dataclass(frozen=True, repr=False, eq=False)
class Tornado(Recorded):
    """How much each assumption of a trial matters.

    Parameters
    ----------
    design : TrialDesign
        What was run.
    hypothesis, contrast, unit : str
        Under which, between which arms, unit of the estimate.
    replicates, seed : int
        Of every run.
    estimate, power : float
        Of the run without a change.
    table : DataFrame
        Two rows an assumption: ``assumption, bound`` (low, high), ``value, unit``, ``estimate``,
        ``power`` and their changes with Monte-Carlo errors, and ``note`` where there is no number.
    """

    design: TrialDesign
    hypothesis: str
    contrast: str
    unit: str
    replicates: int
    seed: int
    estimate: float
    power: float
    table: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """Return one row an assumption, the one that moves the power most first.

        Returns
        -------
        DataFrame
            Columns ``assumption, unit, low, high`` (its values), ``power_low, power_high``,
            ``estimate_low, estimate_high``, ``swing`` (range of the power, the base run included).
        """
        import pandas as pd

        rows = []
        for name, pair in self.table.groupby("assumption", sort=False):
            ends = pair.set_index("bound")
            row = {"assumption": name, "unit": pair["unit"].iloc[0]}
            for word, column in (("", "value"), ("power_", "power"), ("estimate_", "estimate")):
                for bound in ("low", "high"):
                    known = bound in ends.index
                    row[f"{word}{bound}"] = float(ends[column][bound]) if known else math.nan
            powers = [self.power, row["power_low"], row["power_high"]]
            rows.append({**row, "swing": float(np.nanmax(powers) - np.nanmin(powers))})
        return pd.DataFrame(rows).sort_values("swing", ascending=False, ignore_index=True)

    def to_frame(self) -> pd.DataFrame:
        """Return the table (a copy)."""
        return self.table.copy()

    def plot(self, quantity: str = "power") -> Any:
        """Draw a bar an assumption, of the ``power`` or of the ``estimate``."""
        from ketasim.trial.plotting_search import plot_tornado

        return plot_tornado(self, quantity)

    def record(self) -> dict[str, Any]:
        """Return the result as JSON values; a number that is missing is NaN."""
        return {
            "design": self.design.name, "hypothesis": self.hypothesis, "contrast": self.contrast,
            "replicates": self.replicates, "seed": self.seed, "unit": self.unit,
            "estimate": self.estimate, "power": self.power,
            "assumptions": self.table.to_dict("records"),
        }  # fmt: skip

    def save(self, folder: Path | str) -> Path:
        """Write ``tornado.json`` into a folder, whole or not at all; return the folder."""
        return write_json(folder, "tornado", self.to_json(indent=1))

    def __repr__(self) -> str:
        lines = {
            f"  {row.assumption}": f"power {row.power_low:.3f} to {row.power_high:.3f}"
            for row in self.summary().itertuples()
        }
        head = f"Tornado of {self.design.name!r}: power {self.power:.3f}"
        return f"{head}\n{text_table(lines)}"

    def _repr_html_(self) -> str:
        summary = self.summary()
        rows = [[short(cell) for cell in row] for row in summary.itertuples(index=False)]
        return html_table(rows, header=list(summary.columns), caption=f"Power {self.power:.3f}")


@dataclass(frozen=True, repr=False, eq=False)
class DesignComparison(Recorded):
    """Designs in the same people with the same random numbers.

    Parameters
    ----------
    designs : tuple of TrialDesign
        The first is the one that others are compared with.
    hypothesis, unit : str
        Under which, and the unit of the estimates.
    replicates, seed : int
        Of each.
    estimates : mapping of str to ndarray, shape (n_replicates,)
        By name of the design.
    won : mapping of str to ndarray of bool, shape (n_replicates,)
        Whether a replicate succeeds, by name of the design.
    """

    designs: tuple[TrialDesign, ...]
    hypothesis: str
    unit: str
    replicates: int
    seed: int
    estimates: Mapping[str, NDArray[np.float64]]
    won: Mapping[str, NDArray[np.bool_]]

    def summary(self) -> pd.DataFrame:
        """Return every design beside the first.

        Returns
        -------
        DataFrame
            Columns ``design, patients, power, mean, power_gain, power_gain_se, difference,
            difference_se`` (from replicate to replicate) and ``independent_se`` (what it would be
            without common random numbers).
        """
        import pandas as pd

        first = self.designs[0].name
        rows = []
        for one in self.designs:
            gap = self.estimates[one.name] - self.estimates[first]
            gain = self.won[one.name].astype(float) - self.won[first]
            apart = np.hypot(
                np.nanstd(self.estimates[one.name], ddof=1),
                np.nanstd(self.estimates[first], ddof=1),
            )
            root = math.sqrt(self.replicates)
            rows.append(
                {
                    "design": one.name, "patients": one.patients,
                    "power": float(self.won[one.name].mean()),
                    "mean": float(np.nanmean(self.estimates[one.name])),
                    "power_gain": float(gain.mean()),
                    "power_gain_se": float(gain.std(ddof=1) / root),
                    "difference": float(np.nanmean(gap)),
                    "difference_se": float(np.nanstd(gap, ddof=1) / root),
                    "independent_se": float(apart / root) if one.name != first else 0.0,
                }
            )  # fmt: skip
        return pd.DataFrame(rows)

    def to_frame(self) -> pd.DataFrame:
        """Return ``design, replicate, estimate, success`` as a long table."""
        import pandas as pd

        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "design": name, "replicate": np.arange(values.size), "estimate": values,
                        "success": self.won[name],
                    }
                )
                for name, values in self.estimates.items()
            ],
            ignore_index=True,
        )  # fmt: skip

    def plot(self) -> Any:
        """Draw the differences from the first design, replicate by replicate."""
        from ketasim.trial.plotting_search import plot_comparison

        return plot_comparison(self)

    def record(self) -> dict[str, Any]:
        """Return the result as JSON values; a number that is missing is NaN."""
        return {
            "hypothesis": self.hypothesis, "unit": self.unit, "replicates": self.replicates,
            "seed": self.seed, "designs": self.summary().to_dict("records"),
        }  # fmt: skip

    def save(self, folder: Path | str) -> Path:
        """Write ``comparison.json`` into a folder, whole or not at all; return the folder."""
        return write_json(folder, "comparison", self.to_json(indent=1))

    def __repr__(self) -> str:
        lines = {
            f"  {row.design}": f"power {row.power:.3f}, {row.power_gain:+.3f} ({row.power_gain_se:.3f})"
            for row in self.summary().itertuples()
        }
        return f"{len(self.designs)} designs, {self.replicates} replicates\n{text_table(lines)}"

    def _repr_html_(self) -> str:
        summary = self.summary()
        rows = [[short(cell) for cell in row] for row in summary.itertuples(index=False)]
        return html_table(rows, header=list(summary.columns), caption="Common random numbers")
