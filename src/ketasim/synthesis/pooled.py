"""The result of pooling studies."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import chi2, norm, t

from ketasim.results import atomic_write, ensure_folder, html_table, text_table

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import xarray as xr

    from ketasim.provenance import Manifest
    from ketasim.synthesis.pooling import PoolOptions
    from ketasim.synthesis.studies import Studies

__all__ = ["Pooled", "plain"]


@dataclass(frozen=True, repr=False, eq=False)
class Pooled:
    """One estimate from several studies.

    Attributes
    ----------
    studies : Studies
        What was pooled.
    options : PoolOptions
        How.
    estimate, standard_error : float
        On the analysis scale; NaN where there is none, see `status`.
    quantile : float
        By which the standard error is multiplied for the interval.
    tau2, tau2_low, tau2_high : float
        Between-study variance, and its Q-profile interval (inverse-variance methods only).
    i2, h2 : float
        I2 in per cent, and H2: from tau2 and the typical variance for a random-effects method, from Q
        otherwise.
    q : float
        Cochran's Q; for ``glmm`` the likelihood ratio of the saturated model (with ``UM.RS`` that of
        fixed study effects); for ``mh`` about its own estimate.
    q_df : int
        Degrees of freedom of Q.
    k : int
        Studies that were pooled.
    predicts : bool
        Whether the method has a prediction interval.
    warnings : tuple of str
        What a reader must know.
    status : str
        Why there is no estimate; empty where there is one.
    sigma2 : float
        Variance of the studies' levels, model ``UM.RS`` only.
    """

    studies: Studies
    options: PoolOptions
    estimate: float
    standard_error: float
    quantile: float
    tau2: float
    tau2_low: float
    tau2_high: float
    i2: float
    h2: float
    q: float
    q_df: int
    k: int
    predicts: bool
    warnings: tuple[str, ...] = field(default=())
    status: str = ""
    sigma2: float = float("nan")

    @property
    def ci_low(self) -> float:
        """Lower end of the confidence interval."""
        return self.estimate - self.quantile * self.standard_error

    @property
    def ci_high(self) -> float:
        """Upper end of the confidence interval."""
        return self.estimate + self.quantile * self.standard_error

    @property
    def _spread(self) -> float:
        if not self.predicts:
            return float("nan")
        return self.quantile * math.sqrt(self.standard_error**2 + self.tau2)

    @property
    def pi_low(self) -> float:
        """Lower end of the prediction interval; NaN for a method that has none."""
        return self.estimate - self._spread

    @property
    def pi_high(self) -> float:
        """Upper end of the prediction interval; NaN for a method that has none."""
        return self.estimate + self._spread

    @property
    def p_value(self) -> float:
        """Two-sided p of no effect; NaN for a proportion."""
        if np.isnan(self.studies.measure.neutral) or not self.standard_error > 0.0:
            return float("nan")
        statistic = abs(self.estimate / self.standard_error)
        if self.options.hartung_knapp:
            return float(2.0 * t.sf(statistic, self.k - 1))
        return float(2.0 * norm.sf(statistic))

    @property
    def q_p(self) -> float:
        """P of Q under homogeneity."""
        return float(chi2.sf(self.q, self.q_df)) if self.q_df > 0 else float("nan")

    @property
    def weights(self) -> np.ndarray:
        """Share of each study, in per cent, by inverse variance; for drawing."""
        w = 1.0 / (self.studies.variance + (0.0 if np.isnan(self.tau2) else self.tau2))
        return np.asarray(100.0 * w / w.sum())

    def natural(self) -> dict[str, float]:
        """Return estimate and intervals on the natural scale.

        Returns
        -------
        dict of str to float
            ``estimate, ci_low, ci_high, pi_low, pi_high``: ratios for log ratios, proportions for
            their transforms, else the same numbers.
        """
        sizes = self.studies.data.get("n")
        names = ("estimate", "ci_low", "ci_high", "pi_low", "pi_high")
        return {
            name: self.studies.measure.natural_value(getattr(self, name), sizes) for name in names
        }

    def record(self) -> dict[str, Any]:
        """Return the numbers as JSON values; one that is missing is NaN.

        Returns
        -------
        dict
            On the analysis scale, and under ``natural`` on the natural one.
        """
        plain_names = (
            "estimate", "standard_error", "ci_low", "ci_high", "pi_low", "pi_high", "tau2", "i2", "q",
            "q_df", "k", "tau2_low", "tau2_high", "h2", "q_p", "p_value",
        )  # fmt: skip
        options = self.options
        return {
            **{name: getattr(self, name) for name in plain_names},
            "measure": self.studies.measure.name,
            "scale": self.studies.measure.scale,
            "method": options.method,
            "model": options.glmm_model if options.method == "glmm" else None,
            "hartung_knapp": options.hartung_knapp,
            "adhoc": options.adhoc,
            "level": options.level,
            "natural": self.natural(),
            "studies": self.to_frame().to_dict("records"),
            "warnings": list(self.warnings),
            "status": self.status or "done",
        }

    def to_json(self, indent: int | None = None) -> str:
        """Return `record` as JSON text; a missing number is null."""
        return json.dumps(plain(self.record()), indent=indent, allow_nan=False)

    def summary(self) -> pd.DataFrame:
        """Return the pooled numbers, on the analysis and the natural scale.

        Returns
        -------
        DataFrame
            Columns ``quantity``, ``value`` (analysis scale) and ``natural``.
        """
        import pandas as pd

        natural = self.natural()
        names = [*natural, "standard_error", "p_value", "tau2", "tau2_low", "tau2_high", "i2", "h2",
                 "q", "q_df", "q_p", "k"]  # fmt: skip
        return pd.DataFrame(
            {
                "quantity": names,
                "value": [float(getattr(self, name)) for name in names],
                "natural": [natural.get(name, float("nan")) for name in names],
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the studies, one row each.

        Returns
        -------
        DataFrame
            ``study, estimate, standard_error, ci_low, ci_high`` on the analysis scale, ``natural``
            (the estimate on the natural scale), ``weight`` (per cent).
        """
        import pandas as pd

        measure, sizes = self.studies.measure, self.studies.data.get("n")
        error = np.sqrt(self.studies.variance)
        half = float(norm.ppf(0.5 + self.options.level / 2.0)) * error
        one = [
            measure.natural_value(float(y), None if sizes is None else sizes[[place]])
            for place, y in enumerate(self.studies.estimate)
        ]
        return pd.DataFrame(
            {
                "study": list(self.studies.names), "estimate": self.studies.estimate,
                "standard_error": error, "ci_low": self.studies.estimate - half,
                "ci_high": self.studies.estimate + half, "natural": one, "weight": self.weights,
            }
        )  # fmt: skip

    def to_xarray(self) -> xr.Dataset:
        """Return the studies over ``study``, the pooled numbers in ``attrs``."""
        dataset = self.to_frame().set_index("study").to_xarray()
        kept = {
            name: one for name, one in self.record().items() if isinstance(one, str | int | float)
        }
        dataset.attrs.update(kept)
        return dataset

    def plot(self, kind: str = "forest", **options: Any) -> Any:
        """Draw the result.

        Parameters
        ----------
        kind : str, optional
            ``forest``, ``funnel``, ``labbe`` (events of both arms) or ``baujat`` (who makes the
            heterogeneity).
        **options
            As for the function of `ketasim.synthesis.plotting`.

        Returns
        -------
        plotly.graph_objects.Figure
            The figure.
        """
        from ketasim.synthesis.plotting import plot_pooled

        return plot_pooled(self, kind, **options)

    def manifest(self) -> Manifest:
        """Return where the numbers come from; the evidence is the table that was read."""
        from ketasim.provenance import hash_text, manifest_for

        return manifest_for(
            hypothesis="",
            seed=0,
            evidence_hash=hash_text(self.studies.table.to_csv(index=False)),
            options={
                "table": self.studies.where,
                "measure": self.studies.measure.name,
                **asdict(self.options),
            },
        )

    def save(self, folder: Path | str, *, figures: bool = True) -> Path:
        """Write the result into a folder, each file whole or not at all.

        Parameters
        ----------
        folder : path
            Made where it is missing.
        figures : bool, optional
            Whether ``figures.html`` is written.

        Returns
        -------
        Path
            The folder, with ``pooled.json``, ``studies.csv`` and ``manifest.json``.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        from ketasim.synthesis.plotting import figures_page

        text, table = self.to_json(indent=1) + "\n", self.to_frame().to_csv(index=False)
        page = figures_page(self) if figures else ""
        manifest = self.manifest()
        target = ensure_folder(folder)
        atomic_write(target / "pooled.json", text)
        atomic_write(target / "studies.csv", table)
        if page:
            atomic_write(target / "figures.html", page)
        manifest.save(target)
        return target

    def citations(self) -> pd.DataFrame:
        """Return the sources that the table names in a column ``citation``.

        Returns
        -------
        DataFrame
            Columns ``key`` and ``used_for`` (the study); empty for a table without sources.
        """
        import pandas as pd

        table = self.studies.table
        keys = table["citation"] if "citation" in table else [""] * len(self.studies)
        rows = [
            (key.strip(), name)
            for cell, name in zip(keys, self.studies.names, strict=True)
            for key in str(cell).split(";")
            if key.strip()
        ]
        return pd.DataFrame(rows, columns=["key", "used_for"])

    def _words(self) -> dict[str, object]:
        natural = self.natural()
        measure = self.studies.measure
        lines: dict[str, object] = {
            measure.natural: _interval(natural, ("estimate", "ci_low", "ci_high")),
            measure.scale: _interval(
                {name: getattr(self, name) for name in ("estimate", "ci_low", "ci_high")},
                ("estimate", "ci_low", "ci_high"),
            ),
            "heterogeneity": f"tau2 {self.tau2:.4g}, I2 {self.i2:.1f} %, Q {self.q:.2f}"
            f" on {self.q_df} df",
        }
        if self.predicts:
            lines["prediction"] = f"{natural['pi_low']:.4g} to {natural['pi_high']:.4g}"
        return lines

    def __repr__(self) -> str:
        head = f"{self.k} studies, {self.studies.measure.title}, {self.options.method}"
        if self.status:
            return f"{head}: {self.status}"
        return f"{head}\n" + text_table({f"  {name}": one for name, one in self._words().items()})

    def _repr_html_(self) -> str:
        caption = f"{self.k} studies, {self.studies.measure.title}, {self.options.method}"
        if self.status:
            return html_table([(self.status,)], caption=caption)
        return html_table(self._words().items(), caption=caption)


def _interval(numbers: dict[str, float], names: tuple[str, str, str]) -> str:
    middle, low, high = (numbers[name] for name in names)
    return f"{middle:.4g} ({low:.4g} to {high:.4g})"


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it; a number that is missing becomes None.

    Parameters
    ----------
    value : object
        Mappings, sequences, numbers, text.

    Returns
    -------
    object
        The same of plain kinds.
    """
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
