"""Units at the boundary: text and quantities in, plain numbers in the model's units out.

Inside the model time is in hours, amount in micromoles and volume in litres. Everything a user
gives carries its unit, as text ("0.5 mg/kg") or as a pint quantity, and is converted here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from ketasim.errors import InputError, nearest_names

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pint

__all__ = [
    "AMOUNT",
    "DIMENSIONS",
    "TIME",
    "VOLUME",
    "Dimension",
    "check_unit",
    "convert",
    "parse",
    "quantity",
    "registry",
]

TIME = "h"
AMOUNT = "umol"
VOLUME = "L"

Dimension: TypeAlias = Literal[
    "time",
    "mass",
    "mass_per_mass",
    "amount",
    "volume",
    "concentration",
    "mass_concentration",
    "clearance",
    "rate",
    "dimensionless",
]

DIMENSIONS: dict[str, str] = {
    "time": TIME,
    "mass": "mg",
    "mass_per_mass": "mg/kg",
    "amount": AMOUNT,
    "volume": VOLUME,
    "concentration": "umol/L",
    "mass_concentration": "ng/mL",
    "clearance": "L/h",
    "rate": "1/h",
    "dimensionless": "",
}
"""The dimensions `parse` knows, each with the unit it is measured in."""

# An activity relative to the drug-free baseline, a step of a rating scale, a heart beat, and the
# international unit of a substance that is dosed by effect.
_OWN_UNITS = ("fold = 1", "score_point = 1 = point", "beat = 1", "IU = 1")

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_TEXT = re.compile(rf"\s*(?P<number>{_NUMBER})\s*(?P<unit>[^\d\s].*?)?\s*\Z", re.DOTALL)
_FACTOR = r"(?:1|[^\W\d]\w*)(?:(?:\*\*|\^)-?\d(?:\.\d)?)?"
_UNIT = re.compile(rf"\(?{_FACTOR}(?:[*/ ]\(?{_FACTOR}\)?)*\Z")
_LONGEST_UNIT = 60
_PHRASES = {
    "time": "a time such as '40 min'",
    "mass": "a mass such as '50 mg'",
    "mass_per_mass": "a dose by body weight such as '0.5 mg/kg'",
    "amount": "an amount of substance such as '2 umol'",
    "volume": "a volume such as '3 L'",
    "concentration": "a concentration such as '1.4 umol/L'",
    "mass_concentration": "a concentration by mass such as '185 ng/mL'",
    "clearance": "a clearance such as '60 L/h'",
    "rate": "a rate such as '0.3 1/h'",
    "dimensionless": "a plain number such as '0.5'",
}
_COMMON_UNITS = (
    *("s", "min", "h", "day", "week", "month", "year"),
    *("ug", "mg", "g", "kg", "ug/kg", "mg/kg", "g/kg"),
    *("nmol", "umol", "mmol", "mol", "mL", "L"),
    *("nmol/L", "umol/L", "mmol/L", "ng/mL", "ug/mL", "mg/L"),
    *("mL/min", "L/min", "L/h", "1/min", "1/h", "1/day"),
)


@lru_cache(maxsize=1)
def registry() -> pint.UnitRegistry[Any]:
    """Return the one unit registry of the package, made at its first use.

    Returns
    -------
    pint.UnitRegistry
        Knows, beyond pint's own, ``fold``, ``point``, ``beat`` and ``IU``.
    """
    import pint

    units: pint.UnitRegistry[Any] = pint.UnitRegistry()
    for definition in _OWN_UNITS:
        units.define(definition)
    return units


def check_unit(unit: str, where: str | None = None) -> str:
    """Check that a unit is one pint can read.

    Parameters
    ----------
    unit : str
        For instance ``"umol/L"``; the empty text means dimensionless.
    where : str, optional
        The place the unit was read from, for the error.

    Returns
    -------
    str
        The unit as given.

    Raises
    ------
    InputError
        If the unit is unknown.
    """
    _unit(unit, where)
    return unit


def quantity(value: str | pint.Quantity[float]) -> pint.Quantity[float]:
    """Read a quantity of any dimension.

    Parameters
    ----------
    value : str or pint.Quantity
        Text such as ``"0.5 mg/kg"``; a quantity is returned as it is, in ketasim's registry.

    Returns
    -------
    pint.Quantity
        The quantity, in the unit that was written.

    Raises
    ------
    InputError
        If there is no number, or the unit is unknown.
    """
    if not isinstance(value, str):
        return registry().Quantity(value.magnitude, _unit(str(value.units), None))
    return _read(value, None, "a number and a unit such as '0.5 mg/kg'")


def parse(
    value: str | pint.Quantity[float], dimension: Dimension, where: str | None = None
) -> pint.Quantity[float]:
    """Read a quantity that must have a given dimension.

    Parameters
    ----------
    value : str or pint.Quantity
        For instance ``"40 min"``.
    dimension : str
        One of `DIMENSIONS`. ``"mass_per_mass"`` is a dose by body weight: a bare number is not
        one, although both are without dimension.
    where : str, optional
        The place the text was read from, for the error.

    Returns
    -------
    pint.Quantity
        In the dimension's own unit (hours, mg, mg/kg, umol, L, ...).

    Raises
    ------
    InputError
        If the text is no quantity, or one of another dimension.
    """
    expected = _PHRASES[dimension]
    read = _read(value, where, expected) if isinstance(value, str) else quantity(value)
    target = _unit(DIMENSIONS[dimension], None)
    if read.dimensionality != target.dimensionality or _by_weight(read) != (
        dimension == "mass_per_mass"
    ):
        wrong = f"{_shown(value)} is not {expected.split(' such')[0]}"
        raise InputError(wrong, where=where, expected=expected)
    return read.to(target)


@overload
def convert(value: float, from_unit: str, to_unit: str) -> float: ...
@overload
def convert(
    value: npt.NDArray[np.float64], from_unit: str, to_unit: str
) -> npt.NDArray[np.float64]: ...
def convert(
    value: float | npt.NDArray[np.float64], from_unit: str, to_unit: str
) -> float | npt.NDArray[np.float64]:
    """Convert numbers from one unit to another.

    Parameters
    ----------
    value : float or ndarray of any shape
        The numbers, in `from_unit`.
    from_unit, to_unit : str
        Units pint can read.

    Returns
    -------
    float or ndarray of the same shape
        The numbers, in `to_unit`.

    Raises
    ------
    InputError
        If a unit is unknown or the two measure different things.
    """
    source, target = _unit(from_unit, None), _unit(to_unit, None)
    if source.dimensionality != target.dimensionality:
        raise InputError(
            f"{from_unit!r} cannot be converted to {to_unit!r}",
            expected="two units of the same dimension",
        )
    converted = registry().Quantity(value, source).to(target).magnitude
    return converted if getattr(converted, "ndim", 0) else float(converted)


def _read(text: str, where: str | None, expected: str) -> pint.Quantity[float]:
    match = _TEXT.match(text)
    if match is None:
        raise InputError(f"{text!r} does not begin with a number", where=where, expected=expected)
    return registry().Quantity(float(match["number"]), _unit(match["unit"] or "", where))


@lru_cache(maxsize=512)
def _unit(unit: str, where: str | None) -> pint.Unit:
    import pint

    # pint's parser does arithmetic; only the spelling of a unit may reach it.
    spelled = _spelled(unit)
    if len(unit) <= _LONGEST_UNIT and _UNIT.match(spelled):
        try:
            return registry().Unit(spelled)
        except (pint.PintError, ValueError, TypeError, AttributeError, SyntaxError):
            pass
    raise InputError(
        f"unknown unit {unit!r}",
        where=where,
        expected="a unit such as 'mg/kg', 'umol/L' or 'h'",
        suggestions=nearest_names(unit, _COMMON_UNITS),
    )


def _by_weight(read: pint.Quantity[float]) -> bool:
    # mg/kg has no dimension, and neither has 0.5: only the spelling tells them apart.
    named_masses = [name for name, _ in read.unit_items() if name.endswith("gram")]
    return read.dimensionless and bool(named_masses)


def _spelled(unit: str) -> str:
    joined = re.sub(r"\s*(\*\*|[*/^()])\s*", r"\1", " ".join(unit.split()))
    return joined.replace("%", "percent") or "dimensionless"


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else repr(f"{value:~}")
