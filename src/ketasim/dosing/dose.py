"""One dose, as it is ordered: drug, amount, route, when, for how long and how often."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from ketasim.errors import InputError, RegimenError
from ketasim.units import parse, quantity

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["AmountKind", "Dose", "amount_kind", "hours", "number_text", "time_text"]

AmountKind: TypeAlias = Literal["mass", "mass_per_mass", "amount"]

_KINDS: tuple[AmountKind, ...] = ("mass_per_mass", "mass", "amount")
_WORD = re.compile(r"[^\W\d][\w.+-]*(?: [^\W\d][\w.+-]*)*")
_MOST_REPEATS = 10_000


@dataclass(frozen=True)
class Dose:
    """A dose of one drug, given once or at a fixed interval.

    Parameters
    ----------
    drug : str
        A name from `ketasim.list_drugs`.
    amount : float
        The amount of one administration, in `unit`; not negative. A mass is free base unless
        `salt` names a salt.
    unit : str
        Of a mass (``"mg"``), a mass by body weight (``"mg/kg"``) or an amount of substance
        (``"umol"``).
    route : str
        One of the drug's routes, for instance ``"iv"``.
    start_h : float, optional
        When the first administration begins, in hours. Negative is before time zero, as for a
        tablet given ahead of an infusion.
    duration_h : float, optional
        How long an administration lasts, in hours; 0 is a bolus, or the route's own input.
    repeats : int, optional
        How many times it is given in all.
    interval_h : float, optional
        Hours from the start of one administration to the start of the next.
    salt : str, optional
        The salt that the mass was weighed as, for instance ``"hydrochloride"``.

    Raises
    ------
    RegimenError
        If a number is negative or not finite, a unit does not measure a dose, or repeats and
        interval do not fit together.

    Examples
    --------
    >>> str(Dose("esketamine", 84, "mg", "nasal", repeats=8, interval_h=84))
    'esketamine 84 mg nasal every 84 h x 8'
    """

    drug: str
    amount: float
    unit: str
    route: str
    start_h: float = 0.0
    duration_h: float = 0.0
    repeats: int = 1
    interval_h: float = 0.0
    salt: str | None = None

    def __post_init__(self) -> None:
        for name in ("amount", "start_h", "duration_h", "interval_h"):
            # Adding zero turns -0.0 into 0.0, which would be written otherwise and mean the same.
            object.__setattr__(self, name, float(getattr(self, name)) + 0.0)
        object.__setattr__(self, "unit", re.sub(r"\s*([/*])\s*", r"\1", self.unit.strip()))
        self._check_words()
        self._check_numbers()
        amount_kind(self.unit)

    def _check_words(self) -> None:
        words = {"drug": self.drug, "route": self.route}
        for name, word in words.items():
            if not _WORD.fullmatch(word) or " " in word:
                raise RegimenError(f"{word!r} is no name of a {name}", expected="one word")
        if " " in self.unit:
            raise RegimenError(f"the unit {self.unit!r} has a space", expected="for instance mg/kg")
        if self.salt is not None and not _WORD.fullmatch(self.salt):
            raise RegimenError(f"{self.salt!r} is no name of a salt")

    def _check_numbers(self) -> None:
        where = f"dose of {self.drug}"
        for name in ("amount", "start_h", "duration_h", "interval_h"):
            value = getattr(self, name)
            if not math.isfinite(value) or (name != "start_h" and value < 0):
                wrong = "negative" if value < 0 and math.isfinite(value) else "not finite"
                given = name.endswith("_h") and math.isfinite(value)
                shown = time_text(value) if given else number_text(value)
                raise RegimenError(
                    f"the {name.removesuffix('_h')} {shown} is {wrong}",
                    where=where,
                    expected="a finite number" + (", 0 or more" if name != "start_h" else ""),
                )
        if not 1 <= self.repeats <= _MOST_REPEATS:
            raise RegimenError(
                f"{self.repeats} administrations are not possible",
                where=where,
                expected=f"1 to {_MOST_REPEATS}",
            )
        if self.repeats > 1 and self.interval_h == 0:
            raise RegimenError(
                "a repeated dose needs an interval", where=where, expected="'every 84 h x 8'"
            )
        if self.repeats == 1 and self.interval_h:
            raise RegimenError(
                "an interval was given, but not how often the dose is repeated",
                where=where,
                expected="'every 84 h x 8', counting the first dose",
            )

    @property
    def kind(self) -> AmountKind:
        """What the amount measures: ``mass``, ``mass_per_mass`` or ``amount``."""
        return amount_kind(self.unit)

    @property
    def last_start_h(self) -> float:
        """When the last administration begins, in hours."""
        return float(self.starts()[-1])

    @property
    def end_h(self) -> float:
        """When the last administration has ended, in hours."""
        return self.last_start_h + self.duration_h

    def starts(self) -> npt.NDArray[np.float64]:
        """Return when each administration begins, shape (repeats,), in hours."""
        return self.start_h + self.interval_h * np.arange(self.repeats, dtype=np.float64)

    def shift(self, by: float | str) -> Dose:
        """Return the same dose at another time.

        Parameters
        ----------
        by : float or str
            Hours, or a text such as ``"-45 min"``.
        """
        return replace(self, start_h=self.start_h + hours(by))

    def __str__(self) -> str:
        words = [self.drug, self.salt or "", number_text(self.amount), self.unit, self.route]
        if self.duration_h:
            words.append(f"over {time_text(self.duration_h)}")
        if self.repeats > 1:
            words.append(f"every {time_text(self.interval_h)} x {self.repeats}")
        if self.start_h:
            words.append(f"at {time_text(self.start_h)}")
        return " ".join(word for word in words if word)


@lru_cache(maxsize=256)
def amount_kind(unit: str) -> AmountKind:
    """Say what a unit of a dose measures.

    Parameters
    ----------
    unit : str
        For instance ``"mg/kg"``.

    Returns
    -------
    str
        ``"mass"``, ``"mass_per_mass"`` or ``"amount"``.

    Raises
    ------
    RegimenError
        If the unit is unknown or measures something else.
    """
    text = f"1 {unit}"
    try:
        quantity(text)
    except InputError as error:
        raise RegimenError(
            error.what, expected=error.expected, suggestions=error.suggestions
        ) from error
    for kind in _KINDS:
        try:
            parse(text, kind)
        except InputError:
            continue
        return kind
    raise RegimenError(
        f"a dose cannot be measured in {unit!r}", expected="a unit such as 'mg/kg', 'mg' or 'umol'"
    )


def hours(time: float | str, where: str | None = None) -> float:
    """Read a time: a number of hours, or a text with its unit.

    Parameters
    ----------
    time : float or str
        For instance ``1.5`` or ``"90 min"``.
    where : str, optional
        The place it was read from, for the error.

    Returns
    -------
    float
        In hours.

    Raises
    ------
    RegimenError
        If the text is no time.
    """
    if not isinstance(time, str):
        return float(time)
    try:
        return float(parse(time, "time").magnitude)
    except InputError as error:
        raise RegimenError(
            error.what, where=where, expected=error.expected, suggestions=error.suggestions
        ) from error


def number_text(value: float) -> str:
    """Write a number as short as it can be read back exactly."""
    short = f"{value:.12g}"
    return short if float(short) == value else repr(value)


@lru_cache(maxsize=1024)
def time_text(value: float) -> str:
    """Write a time so that reading it gives the same number of hours, bit for bit.

    Parameters
    ----------
    value : float
        In hours.

    Returns
    -------
    str
        In the unit, hours, minutes or seconds, that makes the shortest text.
    """
    exact = f"{number_text(value)} h"
    scaled = (exact, f"{value * 60:.12g} min", f"{value * 3600:.12g} s")
    same = [text for text in scaled if hours(text) == value]
    return min(same, key=lambda text: text.index(" "), default=exact)
