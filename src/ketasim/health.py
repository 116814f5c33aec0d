"""Is this installation sound: versions, threads, GPU, and known answers."""

from __future__ import annotations

import importlib
import os
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ketasim import __version__
from ketasim.errors import KetasimError
from ketasim.provenance import library_versions

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DECAY", "HealthCheck", "decay_error", "examine", "rest_error"]

TOLERANCE = 1e-5
"""Largest error, relative to (1e-3 + the value's size), that the solver may make at rtol 1e-6."""

REST_TOLERANCE = 1e-9
"""Largest derivative (per hour) of the model at rest."""

DECAY = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">
  <model id="decay">
    <listOfCompartments>
      <compartment id="body" spatialDimensions="3" size="1" constant="true"/>
    </listOfCompartments>
    <listOfSpecies>
      <species id="amount" compartment="body" initialAmount="100" hasOnlySubstanceUnits="true"
               boundaryCondition="false" constant="false"/>
    </listOfSpecies>
    <listOfParameters><parameter id="k" value="0.3" constant="true"/></listOfParameters>
    <listOfReactions>
      <reaction id="elimination" reversible="false">
        <listOfReactants>
          <speciesReference species="amount" stoichiometry="1" constant="true"/>
        </listOfReactants>
        <kineticLaw>
          <math xmlns="http://www.w3.org/1998/Math/MathML">
            <apply><times/><ci>k</ci><ci>amount</ci></apply>
          </math>
        </kineticLaw>
      </reaction>
    </listOfReactions>
  </model>
</sbml>
"""
"""One compartment, first-order elimination, as SBML: ``A(t) = 100 exp(-0.3 t)``."""


@dataclass(frozen=True)
class HealthCheck:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What was looked at.
    found : str
        What was found, in words.
    passed : bool
        Whether that is as it should be.
    """

    name: str
    found: str
    passed: bool = True


def examine() -> tuple[HealthCheck, ...]:
    """Look at everything a run depends on.

    Returns
    -------
    tuple of HealthCheck
        Versions first, then the machine, then the known answers.
    """
    return (
        HealthCheck("ketasim", __version__),
        HealthCheck("python", platform.python_version()),
        *(_library(name, found) for name, found in library_versions().items()),
        HealthCheck("platform", f"{platform.system()} {platform.machine()}"),
        HealthCheck("threads", f"{_threads()} of {os.cpu_count()} processors"),
        HealthCheck("GPU", _gpu()),
        _answer("one compartment against its closed form", decay_error, TOLERANCE),
        _answer("largest derivative of the model at rest", rest_error, REST_TOLERANCE),
    )


def _library(name: str, version: str) -> HealthCheck:
    return HealthCheck(name, version, passed=version != "not installed")


def _threads() -> int:
    # The processors this process may use, which in a container are fewer than there are.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gpu() -> str:
    try:
        cuda: Any = importlib.import_module("numba.cuda")
        if not cuda.is_available():
            return "none that CUDA can use"
        name: object = cuda.get_current_device().name
    except Exception as error:  # a broken driver may raise anything; it must not end the doctor
        return f"none ({type(error).__name__})"
    return name.decode() if isinstance(name, bytes) else str(name)


def _answer(name: str, measure: Callable[[], float], tolerance: float) -> HealthCheck:
    try:
        error = measure()
    except KetasimError as problem:
        return HealthCheck(name, str(problem), passed=False)
    return HealthCheck(name, f"{error:.1e} (at most {tolerance:.0e})", passed=error <= tolerance)


def decay_error() -> float:
    """Return the solver's error on one compartment with first-order elimination.

    Returns
    -------
    float
        Largest difference from ``100 exp(-0.3 t)`` over a day, relative to (1e-3 + the value).
    """
    import numpy as np

    from ketasim.engine import compile_model

    times = np.linspace(0.0, 24.0, 49)
    solution = compile_model(DECAY).solve(times, outputs=("amount",))
    exact = 100.0 * np.exp(-0.3 * times)
    difference = np.abs(solution.values[0, :, 0] - exact) / (1e-3 + exact)
    return float(difference.max())


def rest_error(hypothesis: str = "article") -> float:
    """Return how far from rest the undosed model is.

    Parameters
    ----------
    hypothesis : str, optional
        The reading of the evidence.

    Returns
    -------
    float
        The largest absolute derivative at the initial state, per hour.
    """
    import numpy as np

    from ketasim.model import load_model

    model = load_model(hypothesis)
    compiled, values = model.compiled(), model.values()
    known = {name: values[name] for name in compiled.parameters if name in values}
    state = compiled.initial_state(known)
    return float(np.abs(compiled.derivatives(state, known)).max())
