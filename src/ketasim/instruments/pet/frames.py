"""The frames of a scan: when each begins and how long it lasts, in minutes from injection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["AZ10419369_93MIN", "LONGEST_SCAN_MIN", "TOLERANCE_MIN", "Frames"]

LONGEST_SCAN_MIN = 300.0
"""Minutes; frames that end later are taken for seconds. Fifteen half-lives of 11C (assumed)."""

TOLERANCE_MIN = 0.02
"""Minutes by which neighbouring frames may seem to overlap or to leave a gap: mid-times and
durations that were printed with two decimals move a border by up to 0.015 min."""

_BLOCK = re.compile(r"(\d+)\s*[x×*]\s*(\d+(?:\.\d+)?)\s*(s|sec|m|min)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames that follow each other without a gap.

    Parameters
    ----------
    start_min : array of float, shape (n,)
        Begin of each frame in minutes from injection.
    duration_min : array of float, shape (n,)
        Length of each frame in minutes.

    Raises
    ------
    InputError
        If the arrays differ in length or are empty, a number is not finite, a frame has no
        length or begins before injection, two frames overlap or leave a gap, or the scan ends so
        late that the times must be seconds.
    """

    start_min: NDArray[np.float64]
    duration_min: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("start_min", "duration_min"):
            values = np.array(getattr(self, name), dtype=np.float64, ndmin=1)
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        _check(self.start_min, self.duration_min)

    def __len__(self) -> int:
        return len(self.start_min)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frames):
            return NotImplemented
        same = np.array_equal(self.start_min, other.start_min)
        return bool(same and np.array_equal(self.duration_min, other.duration_min))

    def __hash__(self) -> int:
        return hash((self.start_min.tobytes(), self.duration_min.tobytes()))

    @property
    def end_min(self) -> NDArray[np.float64]:
        """End of each frame in minutes, shape (n,)."""
        return np.asarray(self.start_min + self.duration_min)

    @property
    def mid_min(self) -> NDArray[np.float64]:
        """Middle of each frame in minutes, shape (n,)."""
        return np.asarray(self.start_min + self.duration_min / 2)

    @classmethod
    def from_mid(cls, mid_min: ArrayLike, duration_min: ArrayLike) -> Frames:
        """Make frames from their middles.

        Parameters
        ----------
        mid_min, duration_min : array_like of float, shape (n,)
            Middle and length of each frame in minutes.

        Returns
        -------
        Frames
            The frames.

        Raises
        ------
        InputError
            As for the class.
        """
        mid = np.atleast_1d(np.asarray(mid_min, dtype=np.float64))
        duration = np.atleast_1d(np.asarray(duration_min, dtype=np.float64))
        if mid.shape != duration.shape:
            raise InputError(f"there are {mid.size} mid-times and {duration.size} durations",
                             where="frames", expected="one of each a frame")  # fmt: skip
        return cls(mid - duration / 2, duration)

    @classmethod
    def of_scheme(cls, scheme: str) -> Frames:
        """Make frames from a scheme as it is written in print.

        Parameters
        ----------
        scheme : str
            Blocks of equal frames, such as ``"9x10s 2x15s 4x1min"``; the first begins at
            injection. Commas may stand between blocks.

        Returns
        -------
        Frames
            The frames.

        Raises
        ------
        InputError
            If a part of the text is no block, and as for the class.

        Examples
        --------
        >>> Frames.of_scheme("2x30s 2x1min").end_min.tolist()
        [0.5, 1.0, 2.0, 3.0]
        """
        rest = _BLOCK.sub(" ", scheme).replace(",", " ").replace("+", " ").split()
        blocks = _BLOCK.findall(scheme)
        if rest or not blocks:
            raise InputError(f"{rest[0] if rest else scheme!r} is no block of frames",
                             where=f"frame scheme {scheme!r}",
                             expected="a count, an x and a length, as in 9x10s 4x1min")  # fmt: skip
        # In seconds the sums are exact, so that the ends of minutes are too.
        lengths_s = [
            float(length) * (60.0 if unit.lower().startswith("m") else 1.0)
            for count, length, unit in blocks
            for _ in range(int(count))
        ]
        ends_s = np.cumsum(lengths_s)
        return cls((ends_s - lengths_s) / 60.0, np.asarray(lengths_s) / 60.0)


def _check(start: NDArray[np.float64], duration: NDArray[np.float64]) -> None:
    """Refuse frames that no scanner could have made."""
    if start.ndim != 1 or start.shape != duration.shape or start.size == 0:
        raise InputError(f"there are {start.size} starts and {duration.size} durations",
                         where="frames", expected="one of each a frame")  # fmt: skip
    if not (np.isfinite(start).all() and np.isfinite(duration).all()):
        bad = int(np.argmin(np.isfinite(start) & np.isfinite(duration)))
        raise InputError(f"the time of frame {bad + 1} is not a number", where="frames")
    if (duration <= 0).any():
        bad = int(np.argmax(duration <= 0))
        raise InputError(f"frame {bad + 1} lasts {duration[bad]:g} min", where="frames",
                         expected="a positive duration")  # fmt: skip
    ends = start + duration
    if ends.max() > LONGEST_SCAN_MIN:
        raise InputError(f"frames end at {ends.max():g} min; did you mean seconds?")
    steps = start[1:] - ends[:-1]
    wrong = np.flatnonzero(np.abs(steps) > TOLERANCE_MIN)
    if wrong.size:
        at = int(wrong[0])
        what = (f"frames {at + 1} and {at + 2} overlap" if steps[at] < 0
                else f"frames {at + 1} and {at + 2} leave a gap")  # fmt: skip
        raise InputError(
            f"{what}: frame {at + 1} ends at {ends[at]:g} min and frame {at + 2} starts at"
            f" {start[at + 1]:g} min",
            where="frames",
        )
    if start[0] < -TOLERANCE_MIN:
        raise InputError(f"the first frame starts at {start[0]:g} min", where="frames",
                         expected="times in minutes from injection")  # fmt: skip


AZ10419369_93MIN = Frames.of_scheme("9x10s 2x15s 3x20s 4x30s 4x1min 4x3min 12x6min")
"""The 38 frames over 93 min of the simulated [11C]AZ10419369-like data set (SiMBA reference-tissue
materials, Matheson and others 2024)."""
