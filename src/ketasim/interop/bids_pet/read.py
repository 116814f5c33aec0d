"""Scans from a BIDS-PET data set: images with a segmentation, or ready tables of curves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError
from ketasim.instruments.pet.frames import Frames
from ketasim.instruments.pet.scans import REFERENCE, Scan
from ketasim.interop.bids_pet.images import load_image, same_place
from ketasim.interop.bids_pet.names import SHARED, BidsName, chosen, file_name, inherited, walk
from ketasim.interop.bids_pet.regions import Curves, code_of, extract, read_lookup, split_reference
from ketasim.interop.bids_pet.sidecar import Sidecar, frames_of_seconds, missing_fields
from ketasim.interop.bids_pet.tables import Table, is_table, read_table
from ketasim.interop.bids_pet.weights import DEFAULT_RULE, RULES, frame_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["SOURCES", "UNIT", "Reading", "read_dataset", "read_scans"]

UNIT = "kBq/mL"
"""Unit of the activity of every scan that is read."""

SOURCES = ("auto", "tables", "segmentation")
"""Where curves come from; `auto` takes a ready table where a scan has one."""


@dataclass(frozen=True, eq=False)
class Reading:
    """A scan that was read, and how.

    Parameters
    ----------
    scan : Scan
        The curves.
    curves_from : Path
        The image or the table.
    image, segmentation : Path or None
        The files, where there are.
    volume_mm3 : array, shape (n_regions,)
        Volumes of the target regions; NaN for a table.
    factors : array, shape (n_frames,)
        What the file's numbers were multiplied with, for unit and decay.
    notes : tuple of str
        What was done to the numbers and what was assumed, one sentence each.
    """

    scan: Scan
    curves_from: Path
    image: Path | None
    segmentation: Path | None
    volume_mm3: NDArray[np.float64]
    factors: NDArray[np.float64]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Choice:
    """What a reader was asked for."""

    root: Path
    reference: str
    source: str
    select: Mapping[str, str]
    mapping: Mapping[str, str] | None
    weights: str
    strict: bool


def read_dataset(
    folder: Path | str,
    *,
    reference: str = REFERENCE,
    source: str = "auto",
    select: Mapping[str, str] | None = None,
    mapping: Mapping[str, str] | None = None,
    weights: str = DEFAULT_RULE,
    strict: bool = True,
) -> list[Scan]:
    """Read the scans of a BIDS-PET data set.

    Parameters
    ----------
    folder : path
        The data set, raw with its derivatives in it, or a derivative with tables of curves.
    reference : str, optional
        Code or name of the reference region.
    source : str, optional
        One of `SOURCES`.
    select : mapping of str to str, optional
        Entities that choose among several derivatives, for instance ``{"seg": "gtm"}``.
    mapping : mapping of str to str, optional
        Names of regions as they stand in the files, and the codes to give them, beside those of
        ``region_names.csv``.
    weights : str, optional
        The rule of weights where a data set gives none: ``counts`` (duration times decay over
        activity), ``duration`` or ``uniform``.
    strict : bool, optional
        Whether a sidecar without a field that BIDS requires is refused; otherwise only without
        those that are needed to read it.

    Returns
    -------
    list of Scan
        Sorted by file, in kBq/mL, corrected for decay to injection, minutes from injection. The
        name of a scan is that of its file without tracer and suffix.

    Raises
    ------
    InputError
        In one sentence, with file and field, for everything that cannot be read.
    """
    return [
        one.scan
        for one in read_scans(folder, reference=reference, source=source, select=select,
                              mapping=mapping, weights=weights, strict=strict)
    ]  # fmt: skip


def read_scans(
    folder: Path | str,
    *,
    reference: str = REFERENCE,
    source: str = "auto",
    select: Mapping[str, str] | None = None,
    mapping: Mapping[str, str] | None = None,
    weights: str = DEFAULT_RULE,
    strict: bool = True,
) -> list[Reading]:
    """Read the scans of a BIDS-PET data set, and say how each was read.

    Parameters
    ----------
    folder, reference, source, select, mapping, weights, strict
        As for `read_dataset`.

    Returns
    -------
    list of Reading
        One a scan.

    Raises
    ------
    InputError
        As for `read_dataset`.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError("the data set is no folder", where=str(root))
    if source not in SOURCES:
        raise InputError(f"unknown source of curves {source!r}",
                         expected=f"one of {', '.join(SOURCES)}")  # fmt: skip
    if weights not in RULES:
        frame_weights(weights, Frames.of_scheme("1x1min"), np.ones(1), None, str(root))
    choice = _Choice(root, reference, source, select or {}, mapping, weights, strict)
    everything = list(walk(root, derivatives=True))
    tables = [] if source == "segmentation" else [one for one in everything if is_table(one)]
    images = [one for one in everything if _is_raw_image(one, root)]
    if not images and not tables:
        raise InputError("there is no PET image and no table of curves", where=str(root), expected=(
            "*_pet.nii.gz in folders named pet, or *_tacs.tsv or *_timeseries.tsv"))  # fmt: skip
    if not images:
        return _named([_of_tables(group, choice, None) for group in _by_scan(tables)])
    segmentations = [one for one in everything
                     if one.suffix == "dseg" and one.extension in (".nii", ".nii.gz")]  # fmt: skip
    lookups = [one for one in everything if one.suffix == "dseg" and one.extension == ".tsv"]
    return _named([_of_image(one, tables, segmentations, lookups, choice) for one in images])


def _is_raw_image(name: BidsName, root: Path) -> bool:
    return (
        name.suffix == "pet" and name.extension in (".nii", ".nii.gz")
        and "derivatives" not in name.path.relative_to(root).parts
    )  # fmt: skip


def _by_scan(tables: list[BidsName]) -> list[list[BidsName]]:
    groups: dict[tuple[str | None, ...], list[BidsName]] = {}
    for one in tables:
        groups.setdefault(tuple(one.entities.get(key) for key in SHARED), []).append(one)
    return list(groups.values())


def _named(readings: list[Reading]) -> list[Reading]:
    names = [(one.scan.participant, one.scan.scan) for one in readings]
    twice = next((one for one in names if names.count(one) > 1), None)
    if twice:
        files = [str(one.curves_from) for one in readings if one.scan.scan == twice[1]]
        raise InputError(f"two files are of the scan {twice[1]}: {' and '.join(files[:2])}",
                         expected="names that differ in more than the tracer")  # fmt: skip
    return readings


def _of_image(
    image: BidsName, tables: list[BidsName], segmentations: list[BidsName],
    lookups: list[BidsName], choice: _Choice,
) -> Reading:  # fmt: skip
    """Read one scan that has an image."""
    content, path = inherited(image, choice.root)
    sidecar = Sidecar(content, path)
    if choice.strict:
        sidecar.check_required()
    own = [one for one in tables if one.belongs_to(image)]
    if own or choice.source == "tables":
        if not own:
            raise InputError("it has no table of curves", where=str(image.path),
                             expected="*_tacs.tsv or *_timeseries.tsv among the derivatives")  # fmt: skip
        return _of_tables(own, choice, (image, sidecar))
    frames = sidecar.frames()
    voxels = load_image(image.path)
    _check_frames(voxels, frames, image, sidecar)
    chosen_one = _segmentation(image, voxels, segmentations, choice)
    lookup = _lookup(chosen_one, lookups)
    curves = extract(voxels, load_image(chosen_one.path), lookup, choice.mapping)
    return _reading(image, curves, frames, sidecar, None, choice,
                    (image.path, image.path, chosen_one.path))  # fmt: skip


def _check_frames(voxels: Any, frames: Frames, image: BidsName, sidecar: Sidecar) -> None:
    if len(voxels.shape) != 4:
        raise InputError(f"the image has {len(voxels.shape)} dimensions", where=str(image.path),
                         expected="four: a scan with frames")  # fmt: skip
    if voxels.shape[3] != len(frames):
        raise InputError(
            f"it has {len(frames)} entries and the image {image.path.name} {voxels.shape[3]} frames",
            where=sidecar.where("FrameTimesStart"), expected="one of each a frame",
        )  # fmt: skip


def _segmentation(
    image: BidsName, voxels: Any, segmentations: list[BidsName], choice: _Choice
) -> BidsName:
    """Choose the segmentation of an image: that of the participant, on the grid of the scan."""
    own = chosen([one for one in segmentations if one.belongs_to(image)], choice.select)
    if not own:
        asked = f" with {_words(choice.select)}" if choice.select else ""
        raise InputError(f"there is no segmentation of this scan{asked}", where=str(image.path),
                         expected="*_dseg.nii.gz on the scan's grid, or a table of curves")  # fmt: skip
    if len(own) == 1:
        return own[0]
    opened = [(one, load_image(one.path)) for one in own]
    fitting = [one for one, grid in opened
               if grid.shape[:3] == voxels.shape[:3] and same_place(grid, voxels)]  # fmt: skip
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        shapes = ", ".join(f"{one.path.name} {grid.shape[:3]}" for one, grid in opened[:3])
        raise InputError(f"no segmentation has the scan's shape {voxels.shape[:3]}: {shapes}",
                         where=str(image.path))  # fmt: skip
    raise _ambiguous("segmentations", fitting, image.path)


def _ambiguous(what: str, found: list[BidsName], where: Path) -> InputError:
    names = ", ".join(one.path.name for one in found[:4])
    return InputError(f"it has {len(found)} {what}: {names}", where=str(where),
                      expected="one, chosen by an entity, as in select={'seg': 'gtm'}")  # fmt: skip


def _words(select: Mapping[str, str]) -> str:
    return " and ".join(f"{key}-{value}" for key, value in select.items())


def _lookup(segmentation: BidsName, lookups: list[BidsName]) -> dict[int, str]:
    """Read the names of the labels: the table that has most in common with the segmentation."""
    folders = segmentation.path.parents
    near = [one for one in lookups if one.describes(segmentation) and one.path.parent in folders]
    if not near:
        expected = segmentation.path.name.partition(".")[0] + ".tsv"
        raise InputError("the names of its labels are missing", where=str(segmentation.path),
                         expected=f"{expected} with the columns index and name")  # fmt: skip
    return read_lookup(max(near, key=lambda one: (len(one.path.parts), len(one.entities))).path)


def _of_tables(
    tables: list[BidsName], choice: _Choice, image: tuple[BidsName, Sidecar] | None
) -> Reading:
    """Read one scan from its table of curves."""
    found = chosen(tables, choice.select)
    main = [one for one in found if "ref" not in one.entities]
    if len(main) != 1:
        where = image[0].path if image else tables[0].path.parent
        if not main:
            raise InputError(f"no table of curves has {_words(choice.select) or 'target regions'}",
                             where=str(where))  # fmt: skip
        raise _ambiguous("tables of curves", main, where)
    table = read_table(main[0], choice.mapping)
    sidecar = _of_table(main[0], choice, image)
    curves = _with_reference(table, [one for one in found if "ref" in one.entities], choice)
    frames = frames_of_seconds(
        table.start_s - sidecar.seconds("InjectionStart", 0.0), table.duration_s,
        f"{main[0].path}, columns of time", sidecar.half_life_min,
    )  # fmt: skip
    name = image[0] if image else main[0]
    paths = (main[0].path, image[0].path if image else None, None)
    return _reading(name, curves, frames, sidecar, table.weights, choice, paths)


def _of_table(table: BidsName, choice: _Choice, image: tuple[BidsName, Sidecar] | None) -> Sidecar:
    """Return the metadata of a table: its own, and beneath them those of its image."""
    own, path = inherited(table, choice.root)
    if image is None:
        return Sidecar(own, path)
    nearest = path if own else image[1].path
    return Sidecar({**image[1].content, **own}, nearest)


def _with_reference(table: Table, references: list[BidsName], choice: _Choice) -> Curves:
    """Add the curve of a reference region that has a table of its own."""
    own = table.curves
    wanted = _reference_names(choice)
    if wanted & set(own.names) or not references:
        return own
    for one in references:
        other = read_table(one, choice.mapping)
        same = np.array_equal(other.start_s, table.start_s)
        if not same or not np.array_equal(other.duration_s, table.duration_s):
            raise InputError("its frames differ from those of the targets", where=str(one.path),
                             expected=f"those of {table.name.path.name}")  # fmt: skip
        labels = {*other.curves.names, code_of(one.entities["ref"], choice.mapping)}
        if len(other.curves.names) == 1 and wanted & labels:
            return Curves((*own.names, (wanted & labels).pop()),
                          np.vstack([own.activity, other.curves.activity]),
                          np.append(own.volume_mm3, np.nan), own.where)  # fmt: skip
    return own


def _reference_names(choice: _Choice) -> set[str]:
    return {choice.reference, code_of(choice.reference, choice.mapping)}


def _reading(
    name: BidsName, curves: Curves, frames: Frames, sidecar: Sidecar,
    weights: NDArray[np.float64] | None, choice: _Choice,
    paths: tuple[Path, Path | None, Path | None],
) -> Reading:  # fmt: skip
    """Bring curves into the unit and the decay correction of a scan."""
    code, targets, reference = split_reference(curves, choice.reference, choice.mapping)
    decay = sidecar.decay_factors(frames)
    factor = sidecar.unit_factor * decay
    notes = []
    lacking = missing_fields(sidecar.content) if paths[1] is not None else []
    if lacking:
        notes.append(f"The sidecar lacks what BIDS requires: {', '.join(lacking)}")
    if not (decay == 1).all():
        notes.append("Activity was corrected for decay to injection")
    activity, reference = targets.activity * factor, reference * factor
    if weights is None:
        whole = _whole(curves) * factor
        weights = frame_weights(choice.weights, frames, whole, sidecar.half_life_min,
                                str(sidecar.path))  # fmt: skip
        notes.append(f"Weights were not given and are {RULES[choice.weights]}")
    person = name.entities.get("sub")
    if person is None:
        raise InputError("its name does not say whose it is", where=str(name.path),
                         expected="a name that begins with sub-")  # fmt: skip
    scan = file_name({key: name.entities.get(key, "") for key in SHARED if key != "trc"}, "", "")
    try:
        made = Scan(f"sub-{person}", scan.rstrip("_"), frames, targets.names, activity, reference,
                    np.tile(weights, (len(targets.names), 1)), code, UNIT)  # fmt: skip
    except InputError as error:
        raise InputError(error.what, where=curves.where, expected=error.expected) from error
    return Reading(made, *paths, targets.volume_mm3, factor, tuple(notes))


def _whole(curves: Curves) -> NDArray[np.float64]:
    """Return the mean curve of all regions, by volume where it is known."""
    volume = curves.volume_mm3 if np.isfinite(curves.volume_mm3).all() else None
    return np.asarray(np.average(np.nan_to_num(curves.activity), axis=0, weights=volume))
