"""Parametric images on the brain, with nilearn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import require_extra, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ketasim.interop.bids_pet.maps import ParametricMaps

__all__ = ["plot_map"]

_TITLES = {"R1": "R1", "k2": "k2 (1/min)", "BPND": "BPND"}


def plot_map(
    maps: ParametricMaps,
    name: str = "BPND",
    *,
    cuts: Sequence[float] = (-30, -15, -8, 0, 12, 30),
    highest: float | None = None,
    file: Path | str | None = None,
) -> Any:
    """Draw a parametric image in axial cuts over the MNI brain.

    Parameters
    ----------
    maps : ParametricMaps
        The maps of a scan in MNI space; nothing is registered here.
    name : str, optional
        ``BPND``, ``R1`` or ``k2``.
    cuts : sequence of float, optional
        Heights of the cuts in millimetres.
    highest : float, optional
        Value of the brightest colour; by default the 99th percentile.
    file : path, optional
        Where the figure is written; its ending chooses the format.

    Returns
    -------
    nilearn display
        The figure; closed where it was written to a file.

    Raises
    ------
    UnknownNameError
        If there is no such map.
    MissingExtraError
        If nilearn, nibabel or matplotlib is not installed.
    """
    if name not in maps.maps:
        raise unknown_name("map", name, maps.maps)
    require_extra("matplotlib", "pet")
    nibabel = require_extra("nibabel", "pet")
    plotting = require_extra("nilearn.plotting", "pet")
    values = maps.maps[name]
    shown = np.where(np.isfinite(values), values, 0.0).astype(np.float32)
    top = highest
    if top is None:
        fitted = values[np.isfinite(values)]
        top = float(np.percentile(fitted, 99)) if fitted.size else 1.0
    display = plotting.plot_stat_map(
        nibabel.Nifti1Image(shown, maps.affine), display_mode="z", cut_coords=list(cuts),
        vmin=0.0, vmax=top, cmap="inferno", symmetric_cbar=False, threshold=1e-6, colorbar=True,
        title=f"{maps.scan.scan}: {_TITLES[name]}",
    )  # fmt: skip
    if file is not None:
        display.savefig(str(file))
        display.close()
    return display
