"""The sidecar of a PET image, ``*_pet.json``: what it must state, and what is read from it.

BIDS gives times in seconds relative to ``TimeZero``; a scan here has minutes from injection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError, nearest_names
from ketasim.instruments.pet.frames import LONGEST_SCAN_MIN, Frames
from ketasim.interop.bids_pet.decay import decay_factors, half_life

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["KBQ_PER_ML", "REQUIRED", "Sidecar", "kbq_per_ml", "missing_fields", "unit_factor"]

REQUIRED = (
    "Manufacturer", "ManufacturersModelName", "Units",
    "TracerName", "TracerRadionuclide", "InjectedRadioactivity", "InjectedRadioactivityUnits",
    "InjectedMass", "InjectedMassUnits", "SpecificRadioactivity", "SpecificRadioactivityUnits",
    "ModeOfAdministration",
    "TimeZero", "ScanStart", "InjectionStart", "FrameTimesStart", "FrameDuration",
    "AcquisitionMode", "ImageDecayCorrected", "ImageDecayCorrectionTime", "ReconMethodName",
    "ReconMethodParameterLabels", "ReconFilterType", "AttenuationCorrection",
)  # fmt: skip
"""Fields that BIDS asks of every PET image (a test compares them with the schema)."""

REQUIRED_WITH_METHOD = ("ReconMethodParameterValues", "ReconMethodParameterUnits")
"""Asked for unless `ReconMethodParameterLabels` holds "none"."""

REQUIRED_WITH_FILTER = ("ReconFilterSize",)
"""Asked for unless `ReconFilterType` is "none"."""

REQUIRED_WITH_INFUSION = (
    "InfusionRadioactivity", "InfusionStart", "InfusionSpeed", "InfusionSpeedUnits",
    "InjectedVolume",
)  # fmt: skip
"""Asked for where `ModeOfAdministration` is "bolus-infusion"."""

KBQ_PER_ML = {
    "Bq/mL": 1e-3, "kBq/mL": 1.0, "MBq/mL": 1e3, "BQML": 1e-3, "Bq/cc": 1e-3, "kBq/cc": 1.0,
    "nCi/mL": 0.037, "uCi/mL": 37.0, "µCi/mL": 37.0, "nCi/cc": 0.037, "uCi/cc": 37.0,
}  # fmt: skip
"""kBq/mL in one of each unit; a curie is 37 GBq by definition."""

_SHORTEST_SCAN_S = 300.0
"""Seconds; a dynamic scan that ends earlier was probably written in minutes (assumed)."""

_LONG_LIVED_MIN = 5.0
"""Minutes; with a shorter half-life (15O, 82Rb) a scan may well end within `_SHORTEST_SCAN_S`."""


def missing_fields(content: Mapping[str, Any]) -> list[str]:
    """Find the fields that BIDS requires and a sidecar lacks.

    Parameters
    ----------
    content : mapping
        The sidecar's fields.

    Returns
    -------
    list of str
        Their names, in the order of `REQUIRED`.
    """
    wanted = list(REQUIRED)
    if "none" not in _texts(content.get("ReconMethodParameterLabels")):
        wanted += REQUIRED_WITH_METHOD
    if "none" not in _texts(content.get("ReconFilterType")):
        wanted += REQUIRED_WITH_FILTER
    if content.get("ModeOfAdministration") == "bolus-infusion":
        wanted += REQUIRED_WITH_INFUSION
    return [name for name in wanted if name not in content]


def _texts(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


def unit_factor(unit: object, where: str) -> float:
    """Return how many kBq/mL one of a unit is.

    Parameters
    ----------
    unit : object
        What the file states, for instance ``"Bq/mL"``.
    where : str
        File and field, for the error.

    Returns
    -------
    float
        The factor.

    Raises
    ------
    InputError
        If the unit is none of `KBQ_PER_ML`; capitals count, for mBq and MBq differ.
    """
    text = str(unit).strip()
    for known, factor in KBQ_PER_ML.items():
        if text in (known, known.replace("mL", "ml")):
            return factor
    raise InputError(f"unknown unit of activity {unit!r}", where=where,
                     expected=f"one of {', '.join(KBQ_PER_ML)}",
                     suggestions=nearest_names(text, KBQ_PER_ML))  # fmt: skip


def kbq_per_ml(unit: str) -> float:
    """Return how many kBq/mL are written for one of a scan's unit.

    Parameters
    ----------
    unit : str
        The scan's unit; ``"arbitrary"`` is declared to be kBq/mL.

    Returns
    -------
    float
        The factor.
    """
    return 1.0 if unit == "arbitrary" else unit_factor(unit, "unit of the scan")


@dataclass(frozen=True)
class Sidecar:
    """Metadata of an image or of a table of curves, and where they stand.

    Parameters
    ----------
    content : mapping
        The fields.
    path : Path
        The file, for errors.
    """

    content: Mapping[str, Any]
    path: Path

    def where(self, field: str) -> str:
        """Return the place of a field."""
        return f"{self.path}, field {field!r}"

    def need(self, field: str, why: str) -> Any:
        """Return a field that has to be there.

        Parameters
        ----------
        field : str
            Its name.
        why : str
            What would have been right, for the error.

        Raises
        ------
        InputError
            If it is missing.
        """
        if self.content.get(field) is None:
            raise InputError("the field is missing", where=self.where(field), expected=why)
        return self.content[field]

    def check_required(self) -> None:
        """Refuse a sidecar without every field that BIDS requires.

        Raises
        ------
        InputError
            Naming the first that is missing, and how many others are.
        """
        missing = missing_fields(self.content)
        if missing:
            others = f", and so {'is' if len(missing) == 2 else 'are'} {', '.join(missing[1:])}"
            raise InputError(
                "the field, which BIDS requires, is missing" + (others if missing[1:] else ""),
                where=self.where(missing[0]),
                expected="every required field; strict=False reads without those that are not used",
            )

    def seconds(self, field: str, default: float | None = None) -> float:
        """Return a field that is one number of seconds.

        Raises
        ------
        InputError
            If it is missing without a default, or no finite number.
        """
        value = self.content.get(field, default)
        if value is None:
            value = self.need(field, "a number of seconds")
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise InputError(f"it is {value!r}", where=self.where(field),
                             expected="a number of seconds")  # fmt: skip
        return float(value)

    @property
    def unit_factor(self) -> float:
        """How many kBq/mL one of the image's unit is."""
        return unit_factor(self.need("Units", "a unit such as 'Bq/mL'"), self.where("Units"))

    @property
    def half_life_min(self) -> float | None:
        """Half-life in minutes; None where no radionuclide is stated."""
        stated = self.content.get("TracerRadionuclide")
        if stated is None:
            return None
        return half_life(str(stated), self.where("TracerRadionuclide"))

    def frames(self) -> Frames:
        """Return the frames in minutes from injection.

        Raises
        ------
        InputError
            If times or durations are missing, are no numbers, differ in number, overlap, leave a
            gap, or are not in seconds.
        """
        starts, lengths = self._times("FrameTimesStart"), self._times("FrameDuration")
        if len(starts) != len(lengths):
            raise InputError(f"it has {len(lengths)} entries, FrameTimesStart {len(starts)}",
                             where=self.where("FrameDuration"), expected="one of each a frame")  # fmt: skip
        return frames_of_seconds(
            starts - self.seconds("InjectionStart", 0.0), lengths,
            f"{self.path}, fields 'FrameTimesStart' and 'FrameDuration'", self.half_life_min,
        )  # fmt: skip

    def _times(self, field: str) -> NDArray[np.float64]:
        values = self.need(field, "a list of seconds, one a frame")
        try:
            times = np.array(values, dtype=np.float64, ndmin=1)
        except (TypeError, ValueError):
            times = np.array([np.nan])
        if times.ndim != 1 or not times.size or not np.isfinite(times).all():
            raise InputError("it is no list of numbers", where=self.where(field),
                             expected="seconds, one a frame")  # fmt: skip
        return times

    def decay_factors(self, frames: Frames) -> NDArray[np.float64]:
        """Return what activity is multiplied with to be corrected for decay to injection.

        Raises
        ------
        InputError
            If it is not stated whether the image was corrected, or the correction needs a half-life
            that is not known.
        """
        stated = self.need("ImageDecayCorrected", "true or false: nothing is assumed")
        if not isinstance(stated, bool):
            raise InputError(f"it is {stated!r}", where=self.where("ImageDecayCorrected"),
                             expected="true or false")  # fmt: skip
        to_min = None
        if stated:
            time = self.seconds("ImageDecayCorrectionTime", 0.0)
            to_min = (time - self.seconds("InjectionStart", 0.0)) / 60.0
            if to_min == 0:
                return np.ones(len(frames))
        life = self.half_life_min
        if life is None:
            self.need("TracerRadionuclide", "the radionuclide, such as 'C11', to correct for decay")
        assert life is not None
        return decay_factors(frames, life, to_min)


def frames_of_seconds(
    starts_s: NDArray[np.float64],
    lengths_s: NDArray[np.float64],
    where: str,
    half_life_min: float | None = None,
) -> Frames:
    """Make frames from seconds, and refuse numbers that cannot be seconds.

    Parameters
    ----------
    starts_s, lengths_s : array, shape (n,)
        Begin, from injection, and length of each frame in seconds.
    where : str
        File and fields, for errors.
    half_life_min : float, optional
        Half-life in minutes; a long scan is expected unless it is short.

    Returns
    -------
    Frames
        In minutes.

    Raises
    ------
    InputError
        If frames overlap, leave a gap, have no length, or end so early or late that the numbers
        must be minutes or milliseconds.
    """
    end = float(np.max(starts_s + lengths_s))
    long_lived = half_life_min is None or half_life_min > _LONG_LIVED_MIN
    if 0 < end < _SHORTEST_SCAN_S and long_lived:
        raise InputError(f"frames end at {end:g} s; did you mean minutes?", where=where,
                         expected="seconds, as in all of BIDS")  # fmt: skip
    if end > LONGEST_SCAN_MIN * 60:
        raise InputError(f"frames end at {end:g} s, which is {end / 60:g} min", where=where,
                         expected=f"seconds, and a scan of {LONGEST_SCAN_MIN:g} min or less")  # fmt: skip
    try:
        return Frames(starts_s / 60.0, lengths_s / 60.0)
    except InputError as error:
        raise InputError(error.what, where=where, expected=error.expected) from error
