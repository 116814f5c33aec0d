"""Units of the tables as SBML unit definitions."""

from __future__ import annotations

import re
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from ketasim.errors import ModelError

if TYPE_CHECKING:
    import libsbml

# Each symbol as (SBML base kind, power of ten, multiplier).
SYMBOLS = MappingProxyType(
    {
        "h": ("second", 0, 3600.0),
        "minute": ("second", 0, 60.0),
        "year": ("second", 0, 31557600.0),
        "umol": ("mole", -6, 1.0),
        "mol": ("mole", 0, 1.0),
        "L": ("litre", 0, 1.0),
        "mL": ("litre", -3, 1.0),
        "kg": ("kilogram", 0, 1.0),
        "g": ("gram", 0, 1.0),
        "mg": ("gram", -3, 1.0),
        "ng": ("gram", -9, 1.0),
        "mmHg": ("pascal", 0, 133.322),
        "dimensionless": ("dimensionless", 0, 1.0),
    }
)


@cache
def factors(unit: str) -> tuple[tuple[str, int], ...]:
    """Split a unit such as ``mmHg*L/umol`` into symbols and exponents.

    Raises
    ------
    ModelError
        A symbol that the tables do not use.
    """
    parts = re.split(r"([*/])", unit.replace(" ", ""))
    found: list[tuple[str, int]] = []
    sign = 1
    for part in parts:
        if part in ("*", "/"):
            sign = 1 if part == "*" else -1
        elif part in SYMBOLS:
            found.append((part, sign))
        elif part != "1":
            raise ModelError(
                f"unknown unit '{part}' in '{unit}'", expected=f"units made of {', '.join(SYMBOLS)}"
            )
    return tuple(found)


def check_unit(unit: str, where: str) -> None:
    """Raise ModelError, with the place, for a unit that the tables cannot use."""
    try:
        factors(unit)
    except ModelError as error:
        raise ModelError(error.what, where=where, expected=error.expected) from error


def unit_id(unit: str) -> str:
    """Return the identifier of a unit definition, for instance ``umol_per_L``."""
    above = [symbol for symbol, exponent in factors(unit) if exponent > 0]
    below = [f"per_{symbol}" for symbol, exponent in factors(unit) if exponent < 0]
    return "_".join([*above, *below])


def define_unit(model: libsbml.Model, unit: str) -> str:
    """Make sure the model knows a unit, and return its identifier."""
    import libsbml

    identifier = unit_id(unit)
    if identifier == "dimensionless" or model.getUnitDefinition(identifier) is not None:
        return identifier
    definition = model.createUnitDefinition()
    definition.setId(f"u_{identifier}" if libsbml.UnitKind_isValidUnitKindString(
        identifier, 3, 2) else identifier)  # fmt: skip
    for symbol, exponent in factors(unit):
        kind, scale, multiplier = SYMBOLS[symbol]
        part = definition.createUnit()
        part.setKind(libsbml.UnitKind_forName(kind))
        part.setScale(scale)
        part.setMultiplier(multiplier)
        part.setExponent(exponent)
    return str(definition.getId())
