"""Units of an SBML model as text that pint reads."""

from __future__ import annotations

from typing import Any

_BY_FACTOR = {
    ("second", 1.0): "s", ("second", 60.0): "min", ("second", 3600.0): "h",
    ("second", 86400.0): "day",
    ("mole", 1.0): "mol", ("mole", 1e-3): "mmol", ("mole", 1e-6): "umol", ("mole", 1e-9): "nmol",
    ("mole", 1e-12): "pmol",
    ("litre", 1.0): "L", ("litre", 1e-3): "mL", ("litre", 1e-6): "uL",
    ("gram", 1.0): "g", ("gram", 1e-3): "mg", ("gram", 1e-6): "ug", ("gram", 1e-9): "ng",
    ("kilogram", 1.0): "kg",
    ("metre", 1.0): "m",
    ("dimensionless", 1.0): "dimensionless",
    ("item", 1.0): "count",
    ("avogadro", 1.0): "avogadro_constant * mol",
}  # fmt: skip
_PINT_NAME = {"litre": "L", "metre": "m", "item": "count", "celsius": "degC"}


def _nearest(kind: str, factor: float) -> str:
    for (known, size), text in _BY_FACTOR.items():
        if known == kind and abs(factor / size - 1.0) < 1e-9:
            return text
    name = _PINT_NAME.get(kind, kind)
    return name if factor == 1.0 else f"({factor:.12g} * {name})"


def definition_text(definition: Any) -> str:
    """Return a libSBML unit definition as text for pint.

    Parameters
    ----------
    definition : libsbml.UnitDefinition or None
        The definition.

    Returns
    -------
    str
        For instance ``umol / L``; empty where there is none.
    """
    import libsbml

    if definition is None:
        return ""
    above: list[str] = []
    below: list[str] = []
    for unit in definition.getListOfUnits():
        kind = libsbml.UnitKind_toString(unit.getKind())
        factor = unit.getMultiplier() * 10.0 ** unit.getScale()
        exponent = unit.getExponentAsDouble()
        if kind == "(Invalid UnitKind)":
            return ""
        text = _nearest(kind, factor)
        if text == "dimensionless":
            continue
        power = "" if abs(exponent) == 1 else f"**{abs(exponent):g}"
        (above if exponent > 0 else below).append(text + power)
    if not above and not below:
        return "dimensionless" if definition.getNumUnits() else ""
    return " / ".join([" * ".join(above) or "1", *below])


def unit_texts(model: Any) -> dict[str, str]:
    """Return the unit of every compartment, species and parameter, and of ``time``.

    Parameters
    ----------
    model : libsbml.Model
        The model.

    Returns
    -------
    dict of str to str
        Unit of each symbol as it is used in formulas: a species without
        ``hasOnlySubstanceUnits`` is a concentration.
    """
    texts = {"time": _named(model, model.getTimeUnits())}
    for item in (*model.getListOfCompartments(), *model.getListOfParameters()):
        texts[item.getId()] = definition_text(item.getDerivedUnitDefinition())
    for species in model.getListOfSpecies():
        texts[species.getId()] = definition_text(species.getDerivedUnitDefinition())
    return texts


def _named(model: Any, name: str) -> str:
    import libsbml

    definition = model.getUnitDefinition(name)
    if definition is not None:
        return definition_text(definition)
    known = libsbml.UnitKind_forName(name) != libsbml.UNIT_KIND_INVALID
    return _nearest(name, 1.0) if known else ""
