"""The noise of the scanner against published test-retest, and what then follows unfitted.

One scale factor a region is found so that two simulated scans of a day, fitted with SRTM, differ as
two real ones did (`recalibrate`). MRTM2 and Logan's plot are then run on the same scans and put
beside what was published for them (`predict_test_retest`); nothing is fitted to that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.pet.binding import draw_truth
from ketasim.instruments.pet.frames import AZ10419369_93MIN
from ketasim.instruments.pet.noise import (
    NOISE_COLUMNS,
    NoiseLevels,
    load_noise,
    total_sd,
    within_sd,
)
from ketasim.instruments.pet.regions import (
    HIPPOCAMPUS_LEVELS,
    constant,
    load_regions,
    published_test_retest,
)
from ketasim.instruments.pet.scanner import simulate_scans

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.instruments.pet.frames import Frames
    from ketasim.instruments.pet.regions import RegionValues
    from ketasim.instruments.pet.scanner import ScanBlock

__all__ = [
    "MODELS",
    "TestRetestPrediction",
    "absolute_variability",
    "compare_variability",
    "predict_test_retest",
    "quantify",
    "recalibrate",
    "simulate_test_retest",
]

MODELS = ("srtm", "srtm2", "mrtm2", "logan_ref")
"""What `quantify` can run on a block of scans."""

_CHUNK = 500
"""Patients simulated and fitted at a time, so that memory does not grow with their number."""

_MRTM2_FRAMES, _LOGAN_FRAMES = 20, 10
"""Last frames that each uses, as published (tjerkaski2020)."""


def absolute_variability(bpnd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean distance of two scans over their mean.

    Parameters
    ----------
    bpnd : ndarray, shape (n_people, 2, ...)
        Two values a person; a person with a missing one does not count.

    Returns
    -------
    ndarray, shape (...)
        A share.
    """
    return np.asarray(np.nanmean(_distances(bpnd), axis=0))


def _distances(bpnd: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.abs(bpnd[:, 1] - bpnd[:, 0]) / ((bpnd[:, 1] + bpnd[:, 0]) / 2))


def quantify(block: ScanBlock, model: str = "srtm") -> NDArray[np.float64]:
    """Fit every curve of a block of scans.

    Parameters
    ----------
    block : ScanBlock
        The scans.
    model : {"srtm", "srtm2", "mrtm2", "logan_ref"}, optional
        SRTM2 takes as k2' of a scan the median over regions of that of SRTM; MRTM2 (last 20
        frames) and Logan's plot (last 10) take that of MRTM1 in the ventral striatum.

    Returns
    -------
    ndarray, shape (n_patients, n_scans, n_regions)
        BPND; NaN where a curve was not fitted.

    Raises
    ------
    InputError
        If there is no such model, or MRTM2 or Logan's plot is asked for without ventral striatum.
    """
    from ketasim.instruments.pet.kinetics import fit_srtm

    if model not in MODELS:
        raise unknown_name("model", model, MODELS)
    if model in ("mrtm2", "logan_ref"):
        return _multilinear(block, model)
    curves, references, which = block.curves()
    fits = fit_srtm(references, curves, block.frames, block.weights, which=which)
    if model == "srtm2":
        with np.errstate(invalid="ignore", divide="ignore"):
            own = block.shaped(fits.k2 / fits.r1)
        tied = np.repeat(np.nanmedian(own, axis=2).ravel(), len(block.regions))
        fits = fit_srtm(references, curves, block.frames, block.weights, which=which, k2_prime=tied)
    return block.shaped(fits.bp)


def _multilinear(block: ScanBlock, model: str) -> NDArray[np.float64]:
    from ketasim.instruments.pet.kinetics.batch import Batch
    from ketasim.instruments.pet.kinetics.multilinear import logan_ref, mrtm1, mrtm2

    if "VSTR" not in block.regions:
        raise InputError(f"{model} takes k2' from the ventral striatum", expected="VSTR scanned")
    curves, references, which = block.curves()
    weights = np.broadcast_to(block.weights, curves.shape)
    names = block.regions * len(references)
    batch = Batch(block.frames, references, curves, weights, which, names)
    striatum = slice(block.regions.index("VSTR"), None, len(block.regions))
    high = replace(
        batch, activity=curves[striatum], weights=weights[striatum], which=which[striatum],
        regions=("VSTR",) * len(references),
    )  # fmt: skip
    tied = np.repeat(mrtm1(high).blanked()["k2_prime"], len(block.regions))
    last = _MRTM2_FRAMES if model == "mrtm2" else _LOGAN_FRAMES
    start = float(block.frames.start_min[-last])
    found = mrtm2(batch, tied, start) if model == "mrtm2" else logan_ref(batch, tied, start)
    return block.shaped(found.blanked()["BPND"])


def simulate_test_retest(
    values: RegionValues,
    noise: NoiseLevels,
    pairs: int,
    *,
    seed: int,
    models: Sequence[str] = ("srtm",),
    frames: Frames = AZ10419369_93MIN,
    shift: bool = True,
    common_k2_prime: bool = False,
) -> dict[str, NDArray[np.float64]]:
    """Scan people twice on one day and fit the scans.

    Parameters
    ----------
    values : RegionValues
        The regions.
    noise : NoiseLevels
        For the same regions.
    pairs : int
        How many people.
    seed : int
        Of people and noise.
    models : sequence of str, optional
        As for `quantify`.
    frames : Frames, optional
        By default the 38 frames over 93 min.
    shift, common_k2_prime
        As for `draw_truth`.

    Returns
    -------
    dict of str to ndarray, shape (pairs, 2, n_regions)
        BPND by model.
    """
    parts: dict[str, list[NDArray[np.float64]]] = {model: [] for model in models}
    for first in range(0, pairs, _CHUNK):
        truth = draw_truth(
            values, np.arange(first, min(first + _CHUNK, pairs)), seed=seed,
            within_sd=noise.within_sd, shift=shift, common_k2_prime=common_k2_prime,
        )  # fmt: skip
        block = simulate_scans(truth, seed=seed, frames=frames, noise=noise)
        for model in models:
            parts[model].append(quantify(block, model))
    return {model: np.concatenate(found) for model, found in parts.items()}


def recalibrate(
    values: RegionValues | None = None,
    *,
    pairs: int = 6000,
    seed: int = 1,
    scan_share: float | None = None,
    tolerance: float = 1e-4,
) -> pd.DataFrame:
    """Find the scale factors with which simulated test-retest is as published.

    Parameters
    ----------
    values : RegionValues, optional
        Regions and the absolute variability aimed at; by default all regions, and the hippocampus
        at each of `HIPPOCAMPUS_LEVELS`.
    pairs : int, optional
        People scanned twice; the same random numbers serve every step of the search.
    seed : int, optional
        Of people and noise.
    scan_share : float, optional
        Share of the noise of a scan in the variance between scans; by default the declared one.
    tolerance : float, optional
        Relative distance from the aim at which the search ends.

    Returns
    -------
    DataFrame
        With the columns of `NOISE_COLUMNS`.

    Raises
    ------
    InputError
        If no scale gives the variability, for instance since the reference region's own noise
        already exceeds it.
    """
    import pandas as pd

    if values is not None:
        return _search(values, pairs, seed, scan_share, tolerance)
    parts = []
    for level in HIPPOCAMPUS_LEVELS:
        hippocampus = load_regions(("HIP",), hippocampus_variability=level)
        parts.append(_search(hippocampus, pairs, seed, scan_share, tolerance))
    others = load_regions([name for name in load_regions().names if name != "HIP"])
    parts.append(_search(others, pairs, seed, scan_share, tolerance))
    return pd.concat(parts, ignore_index=True)


def _search(
    values: RegionValues, pairs: int, seed: int, scan_share: float | None, tolerance: float
) -> pd.DataFrame:
    """Solve for all regions at once by secants of the squares, which are nearly linear.

    The shift is left out: where it is nearly all of the variability, as in the thalamus, what it
    leaves to the noise could not be found through it.
    """
    share = constant("scan_share") if scan_share is None else scan_share
    levels = NoiseLevels(
        values.names, np.full(len(values.names), 0.1), within_sd(values, share),
        constant("reference_scale"),
    )  # fmt: skip
    aim = np.sqrt(2 / np.pi) * total_sd(values)

    def shown(scale: NDArray[np.float64]) -> NDArray[np.float64]:
        pair = simulate_test_retest(
            values, replace(levels, scale=scale), pairs, seed=seed, shift=False
        )
        return absolute_variability(pair["srtm"])

    low = np.full(len(aim), 0.05)
    scale = levels.scale * np.clip(aim / 0.06, 0.5, 4)
    before, found = shown(low), shown(scale)
    for _ in range(30):
        there = np.abs(found / aim - 1) < tolerance
        if there.all():
            return _as_table(values, replace(levels, scale=scale), share, pairs, seed)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (found**2 - before**2) / (scale**2 - low**2)
            step = scale**2 + (aim**2 - found**2) / slope
        # A region that is there already stays where it is.
        new = np.where(there, scale, np.sqrt(np.clip(np.nan_to_num(step), 1e-6, 25.0)))
        low, before = np.where(there, low, scale), np.where(there, before, found)
        scale, found = new, shown(new)
    name = values.names[int(np.argmax(np.abs(found / aim - 1)))]
    raise InputError(f"no noise of a frame gives the variability of {name}",
                     expected="a larger variability or a larger share for the scan")  # fmt: skip


def _as_table(
    values: RegionValues, levels: NoiseLevels, share: float, pairs: int, seed: int
) -> pd.DataFrame:
    import pandas as pd

    pair = simulate_test_retest(values, levels, pairs, seed=seed)["srtm"]
    distance = _distances(pair)
    columns: dict[str, Any] = {
        "region": values.names,
        "absolute_variability": values.absolute_variability,
        "signed_change": values.signed_change,
        "scan_share": share,
        "scale": np.round(levels.scale, 6),
        "within_sd": np.round(levels.within_sd, 6),
        "achieved": np.round(np.nanmean(distance, axis=0), 6),
        "achieved_se": np.round(np.nanstd(distance, axis=0) / np.sqrt(pairs), 6),
        "pairs": pairs,
        "seed": seed,
        "status": "calibrated",
        "source": "",
        "note": "recalibrate: SRTM, 38 frames over 93 min; achieved with the shift between scans",
    }
    return pd.DataFrame(columns)[list(NOISE_COLUMNS)]


@dataclass(frozen=True, eq=False, repr=False)
class TestRetestPrediction:
    """Simulated variability beside the published one.

    Parameters
    ----------
    table : DataFrame
        ``region, model, fitted`` (whether the noise was calibrated to this row), ``published, n,
        simulated``, ``low, high`` (95 % of studies of n people), ``inside`` (whether the published
        value lies there) and ``ratio`` (simulated over published).
    pairs, seed : int
        How it was simulated.
    """

    __test__ = False  # the name begins as pytest's own classes do

    table: pd.DataFrame = field(repr=False)
    pairs: int
    seed: int

    def __repr__(self) -> str:
        return self.table.to_string(index=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the table (a copy)."""
        return self.table.copy()

    def plot(self) -> Any:
        """Draw published against simulated variability.

        Returns
        -------
        plotly.graph_objects.Figure
            Bars reach over 95 % of studies of that size.
        """
        import plotly.graph_objects as go

        from ketasim.instruments.plotting import OKABE_ITO

        figure = go.Figure()
        names = list(dict.fromkeys(self.table["model"]))
        for name, colour in zip(names, OKABE_ITO, strict=False):
            rows = self.table[self.table["model"] == name]
            simulated = 100 * rows["simulated"]
            figure.add_scatter(
                x=rows["region"], y=simulated, mode="markers", name=f"{name}, simulated",
                marker={"color": colour}, offsetgroup=name,
                error_y={"array": 100 * rows["high"] - simulated,
                         "arrayminus": simulated - 100 * rows["low"]},
            )  # fmt: skip
            figure.add_scatter(
                x=rows["region"], y=100 * rows["published"], mode="markers", offsetgroup=name,
                name=f"{name}, published", marker={"color": colour, "symbol": "x"},
            )  # fmt: skip
        figure.update_layout(
            template="plotly_white", title="Two scans of a day", scattermode="group",
            xaxis_title="region", yaxis_title="absolute variability of BPND, %",
        )  # fmt: skip
        return figure


def predict_test_retest(
    *, pairs: int = 4000, seed: int = 2, noise: NoiseLevels | None = None
) -> TestRetestPrediction:
    """Put simulated variability beside every published one.

    Parameters
    ----------
    pairs : int, optional
        People scanned twice.
    seed : int, optional
        Not that of the calibration, so that the rows of SRTM are a check too.
    noise : NoiseLevels, optional
        For all regions; by default the calibrated noise.

    Returns
    -------
    TestRetestPrediction
        Rows of SRTM were calibrated; those of MRTM2 and Logan's plot are predictions.
    """
    values, published = load_regions(), published_test_retest()
    levels = load_noise(values) if noise is None else noise
    models = tuple(dict.fromkeys(published["model"]))
    found = simulate_test_retest(values, levels, pairs, seed=seed, models=models)
    rows = []
    for row in published.to_dict("records"):
        pair = found[row["model"]][:, :, values.names.index(row["region"])]
        whole = float(absolute_variability(pair))
        low, high = _interval(pair, int(row["n"]), seed)
        reported = float(row["absolute_variability"])
        rows.append(
            {
                "region": row["region"], "model": row["model"], "fitted": row["model"] == "srtm",
                "published": reported, "n": int(row["n"]), "simulated": whole, "low": low,
                "high": high, "inside": low <= reported <= high, "ratio": whole / reported,
            }
        )  # fmt: skip
    import pandas as pd

    return TestRetestPrediction(pd.DataFrame(rows), pairs, seed)


def _interval(pair: NDArray[np.float64], n: int, seed: int) -> tuple[float, float]:
    """Return between what 95 % of studies of n people lie."""
    distance = _distances(pair)
    drawn = np.random.default_rng(seed).choice(distance[np.isfinite(distance)], (4000, n))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def compare_variability(
    *, pairs: int = 1000, seed: int = 3, regions: Sequence[str] | None = None
) -> pd.DataFrame:
    """Compare the scatter of models where the reference region has one k2' in truth.

    Parameters
    ----------
    pairs : int, optional
        People scanned twice.
    seed : int, optional
        Of people and noise.
    regions : sequence of str, optional
        Codes, VSTR among them; by default all.

    Returns
    -------
    DataFrame
        Index region; by model the SD of the log ratio of BPND between two scans of a person whose
        binding does not change: noise of the scans alone.
    """
    import pandas as pd

    values = load_regions(regions)
    calibrated = load_noise(values)
    noise = replace(calibrated, within_sd=np.zeros(len(values.names)))
    found = simulate_test_retest(
        values, noise, pairs, seed=seed, models=("srtm", "srtm2", "mrtm2"), shift=False,
        common_k2_prime=True,
    )  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = {model: np.log(pair[:, 1] / pair[:, 0]) for model, pair in found.items()}
    spread = {
        model: np.nanstd(np.where(np.isfinite(one), one, np.nan), axis=0)
        for model, one in ratios.items()
    }
    return pd.DataFrame(spread, index=pd.Index(values.names, name="region"))
