"""Radioactive decay: half-lives by radionuclide, and the factors that undo it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketasim.errors import InputError, nearest_names
from ketasim.instruments.pet.scans import HALF_LIFE_11C_MIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.instruments.pet.frames import Frames

__all__ = ["decay_factors", "half_life", "isotope_code"]

HALF_LIVES_FILE = Path(__file__).with_name("half_lives.csv")

_ELEMENTS = {
    "carbon": "C", "fluorine": "F", "fluor": "F", "oxygen": "O", "nitrogen": "N", "gallium": "Ga",
    "copper": "Cu", "rubidium": "Rb", "bromine": "Br", "scandium": "Sc", "zirconium": "Zr",
    "iodine": "I",
}  # fmt: skip


@cache
def _half_lives() -> dict[str, float]:
    table = pd.read_csv(HALF_LIVES_FILE)
    known = dict(zip(table["isotope"].astype(str), table["half_life_min"].astype(float),
                     strict=True))  # fmt: skip
    return known | {"C11": HALF_LIFE_11C_MIN}


def isotope_code(text: str) -> str:
    """Bring the name of a radionuclide into one form.

    Parameters
    ----------
    text : str
        For instance ``"C11"``, ``"[11C]"``, ``"C-11"``, ``"carbon-11"`` or DICOM's ``"^11^Carbon"``.

    Returns
    -------
    str
        Symbol and mass number, for instance ``"C11"``; the text itself where it has no such form.
    """
    mass = re.findall(r"\d+", text)
    letters = re.findall(r"[A-Za-z]+", text)
    if len(mass) != 1 or len(letters) != 1:
        return text
    word = str(letters[0])
    return _ELEMENTS.get(word.lower(), word.capitalize()) + str(mass[0])


def half_life(isotope: str, where: str) -> float:
    """Return the half-life of a radionuclide.

    Parameters
    ----------
    isotope : str
        Its name in any form that `isotope_code` knows.
    where : str
        File and field, for the error.

    Returns
    -------
    float
        In minutes, from ``half_lives.csv``.

    Raises
    ------
    InputError
        If it is not in that table.
    """
    known, code = _half_lives(), isotope_code(isotope)
    if code not in known:
        raise InputError(
            f"the half-life of the radionuclide {isotope!r} is not known", where=where,
            expected=f"one of {', '.join(known)}", suggestions=nearest_names(code, known),
        )  # fmt: skip
    return known[code]


def decay_factors(
    frames: Frames, half_life_min: float, corrected_to_min: float | None
) -> NDArray[np.float64]:
    """Return what activity has to be multiplied with to be corrected for decay to injection.

    Parameters
    ----------
    frames : Frames
        The frames, in minutes from injection.
    half_life_min : float
        Half-life in minutes.
    corrected_to_min : float or None
        Minutes from injection to which the activity was corrected already; None where it was not.

    Returns
    -------
    array, shape (n_frames,)
        For activity that was not corrected, the mean decay over a frame is undone, taking the
        corrected activity as constant in it:
        ``exp(lambda start) lambda duration / (1 - exp(-lambda duration))``.
    """
    rate = np.log(2.0) / half_life_min
    if corrected_to_min is not None:
        return np.full(len(frames), float(np.exp(rate * corrected_to_min)))
    lengths = rate * frames.duration_min
    return np.asarray(np.exp(rate * frames.start_min) * lengths / -np.expm1(-lengths))
