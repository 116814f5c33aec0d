"""A regimen: the doses of one arm, which can be added, shifted, written and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ketasim.dosing.dose import Dose, hours

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NOTHING", "Administration", "Regimen"]

NOTHING = "nothing"
"""How a regimen without a dose is written."""


class Administration(NamedTuple):
    """One giving of a dose: the dose it belongs to, and when it starts and stops, in hours."""

    dose: Dose
    start_h: float
    stop_h: float


@dataclass(frozen=True)
class Regimen:
    """What one group of patients is given.

    Parameters
    ----------
    doses : tuple of Dose, optional
        In any order; doses that overlap in time are summed.

    Examples
    --------
    >>> from ketasim.dosing import regimen
    >>> both = regimen("naltrexone 50 mg oral at -45 min") + regimen("ketamine 40 mg iv")
    >>> str(both)
    'naltrexone 50 mg oral at -45 min; ketamine 40 mg iv'
    """

    doses: tuple[Dose, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "doses", tuple(self.doses))

    @property
    def drugs(self) -> tuple[str, ...]:
        """The drugs given, each once, in the order of the doses."""
        return tuple(dict.fromkeys(dose.drug for dose in self.doses))

    @property
    def start_h(self) -> float:
        """When the first dose begins, in hours; 0 where there is none."""
        return min((dose.start_h for dose in self.doses), default=0.0)

    @property
    def last_start_h(self) -> float:
        """When the last administration begins, in hours; 0 where there is none."""
        return max((dose.last_start_h for dose in self.doses), default=0.0)

    @property
    def end_h(self) -> float:
        """When the last administration has ended, in hours; 0 where there is none."""
        return max((dose.end_h for dose in self.doses), default=0.0)

    def administrations(self) -> tuple[Administration, ...]:
        """Return every single giving of a drug, in the order of time."""
        found = [
            Administration(dose, float(start), float(start) + dose.duration_h)
            for dose in self.doses
            for start in dose.starts()
        ]
        return tuple(sorted(found, key=lambda one: one.start_h))

    def shift(self, by: float | str) -> Regimen:
        """Return the same regimen at another time.

        Parameters
        ----------
        by : float or str
            Hours, or a text such as ``"-45 min"``.

        Raises
        ------
        RegimenError
            If the text is no time.
        """
        step = hours(by)
        return Regimen(tuple(dose.shift(step) for dose in self.doses))

    def __add__(self, other: object) -> Regimen:
        if not isinstance(other, Regimen):
            return NotImplemented
        return Regimen(self.doses + other.doses)

    def __len__(self) -> int:
        return len(self.doses)

    def __iter__(self) -> Iterator[Dose]:
        return iter(self.doses)

    def __str__(self) -> str:
        return "; ".join(map(str, self.doses)) or NOTHING

    def __repr__(self) -> str:
        return f"Regimen({str(self)!r})"

    def _repr_html_(self) -> str:
        from ketasim.dosing.drawing import timeline

        return timeline(self)
