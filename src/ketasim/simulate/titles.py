"""What the model's variables and units are called by people."""

from __future__ import annotations

import re
from functools import lru_cache

from ketasim.errors import InputError
from ketasim.units import convert

__all__ = ["tidy_unit", "titles"]

# How the units of the field are written; SBML knows them as products of SI units only.
_COMMON = (
    *("umol", "umol/L", "nmol/L", "ng/mL", "mg/L", "mg", "kg", "L", "mL"),
    *("h", "min", "day", "year", "1/h", "1/min", "L/h", "umol/h", "umol/L/h", "mmHg"),
)
_SCALED = re.compile(r"\(?(?P<factor>\d+(?:\.\d+)?(?:e[-+]?\d+)?) \* (?P<unit>.+?)\)?\Z")
# SBML rounds some factors, such as that from mmHg to Pa.
_SAME = 1e-4


@lru_cache(maxsize=256)
def tidy_unit(unit: str) -> str:
    """Write a unit as people do.

    Parameters
    ----------
    unit : str
        As the engine gives it, for instance ``"ng / mL"`` or ``"(133.322 * pascal)"``.

    Returns
    -------
    str
        For instance ``"ng/mL"`` or ``"mmHg"``; ``"dimensionless"`` for none, and the unit as it
        was where it is no common one.
    """
    match = _SCALED.match(unit)
    factor, plain = (float(match["factor"]), match["unit"]) if match else (1.0, unit)
    if plain in ("", "dimensionless"):
        return "dimensionless" if factor == 1.0 else unit
    for common in _COMMON:
        try:
            size = convert(factor, plain, common)
        except InputError:
            continue
        if abs(size - 1.0) < _SAME:
            return common
    return re.sub(r"\s*([/*])\s*", r"\1", unit)


@lru_cache(maxsize=8)
def titles(sbml: str) -> dict[str, str]:
    """Return the names that an SBML model gives its variables.

    Parameters
    ----------
    sbml : str
        The model.

    Returns
    -------
    dict of str to str
        Id to name, for species and parameters that have a name.
    """
    import libsbml

    model = libsbml.readSBMLFromString(sbml).getModel()
    if model is None:
        return {}
    named = [*model.getListOfSpecies(), *model.getListOfParameters()]
    return {str(one.getId()): str(one.getName()) for one in named if one.getName()}
