"""The model as one SBML file, with the values of its hypothesis in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketasim.errors import ModelError
from ketasim.model.sbml_annotations import remark
from ketasim.results import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from ketasim.model import Model

__all__ = ["sbml_text", "write_sbml"]


def sbml_text(model: Model) -> str:
    """Return SBML Level 3 Version 2 that gives the model's own numbers without ketasim.

    Parameters
    ----------
    model : Model
        Its calibration and hypothesis are written into the parameters' values.

    Returns
    -------
    str
        The structure is the same for every hypothesis; the values and the name differ. Beside a
        value that is not the parameter table's stands what set it.

    Raises
    ------
    ModelError
        If a value names no constant parameter of the model.
    """
    import libsbml

    document = libsbml.readSBMLFromString(model.sbml)
    target = document.getModel()
    hypothesis = model.hypothesis
    shipped = model.table["value"]
    for name, value in model.values().items():
        _set_value(target, name, value)
        if name in hypothesis.values:
            remark(target.getParameter(name), f"set by hypothesis {hypothesis.name}")
        elif name in shipped.index and value != shipped[name]:
            remark(target.getParameter(name), f"fitted for {model.calibration.of}")
    target.setName(f"ketasim, hypothesis {hypothesis.name}: {hypothesis.title}")
    return str(libsbml.writeSBMLToString(document))


def _set_value(target: Any, name: str, value: float) -> None:
    parameter = target.getParameter(name)
    if parameter is None or not parameter.getConstant():
        raise ModelError(f"{name!r} is no constant parameter", where="the model's SBML")
    parameter.setValue(value)


def write_sbml(model: Model, path: Path | str) -> Path:
    """Write the model, with its hypothesis' values, as one SBML file.

    Parameters
    ----------
    model : Model
        The model to write.
    path : path
        The file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    return atomic_write(path, sbml_text(model))
